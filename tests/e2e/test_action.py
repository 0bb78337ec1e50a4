"""The built image beside DynamoDB Local as a service container; the gate's scenes in it are in `test_gate.py`."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import review
from tests import hostile_workspace, scene
from tests.image import Image, docker
from tests.scene import BRANCH, INDEX, NO_INDEXES, ROOT, TTL, Repository, table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

pytestmark = pytest.mark.docker

APPLIED, PLANNED, NOOP = (0, "applied", ""), (0, "planned", ""), (0, "noop", "")


def test_the_image_adds_little_to_its_base(image: Image) -> None:
    base = re.findall("^FROM ([^ ]+)$", ROOT.joinpath("Dockerfile").read_text("utf-8"), re.MULTILINE)[-1]
    added = [int(docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (image.name, base)]
    assert added[0] - added[1] <= 60 * 10**6


def test_plan_merge_apply(repo: Repository, client: DynamoDBClient) -> None:
    repo.write(users=table(**TTL), orders=table("orders", **INDEX))
    repo.open(1)
    first = repo.plan(1)
    assert first.ending == PLANNED, first.log
    assert (first.outputs["create"], json.loads(first.outputs["plan"])["summary"]["create"]) == ("2", 2)
    assert "2 to create" in first.summary
    assert repo.plan(1, environment="").ending == PLANNED
    assert len(repo.github.bodies(1)) == 1
    sha = repo.merge(1)
    assert repo.apply(sha).ending == APPLIED
    assert "2 tables changed" in repo.comment(1)
    assert client.describe_table(TableName="users")["Table"]["TableStatus"] == "ACTIVE"
    assert repo.apply(sha).ending == NOOP


def test_a_push_without_a_review_creates_the_tables_at_an_emulator(repo: Repository, client: DynamoDBClient) -> None:
    repo.write(users=table())
    done = repo.run({}, name="push", ref=BRANCH, sha=repo.push(), inputs={"mode": "apply"})
    assert done.ending == APPLIED, done.log
    assert client.describe_table(TableName="users")["Table"]["TableStatus"] == "ACTIVE"
    assert repo.github.calls == []


def test_red_labelled_green_merged_applied(repo: Repository, client: DynamoDBClient) -> None:
    repo.write(users=table(**INDEX))
    repo.apply(repo.push(), approval="none")
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    assert repo.plan(1).ending == (1, "refused", "destructive-blocked")
    repo.label(1)
    assert repo.plan(1).ending == PLANNED
    repo.write(users=table(**NO_INDEXES), orders='{:TableName "orders" :Absent true}')
    assert repo.plan(1).ending == PLANNED
    assert repo.labels(1) == [review.LABEL]
    assert repo.apply(repo.merge(1)).ending == APPLIED
    assert "GlobalSecondaryIndexes" not in client.describe_table(TableName="users")["Table"]


def test_a_plan_file_belongs_to_the_owner_of_the_workspace(repo: Repository) -> None:
    repo.write(users=table())
    sha = repo.push()
    owner = repo.home.stat().st_uid
    planned = repo.run({}, name="push", ref=BRANCH, sha=sha, inputs={"mode": "plan", "out": "build/plan.json"})
    assert planned.ending == PLANNED
    assert (repo.home / "build" / "plan.json").stat().st_uid == owner
    assert repo.apply(sha, reviewed="/github/workspace/build/plan.json").ending == APPLIED


def test_inputs_arrive_as_they_were_written(repo: Repository) -> None:
    repo.write(users=table())
    repo.open(1)
    name = "prod ü `x` \\"
    assert repo.plan(1, environment=name).ending == PLANNED
    assert repo.record(1).scope.environment == name
    assert repo.plan(1, **{"allow-destructive": "a\nb c\n", "path": " /github/workspace/resources/dynamo "}).status == 0


def test_a_signal_ends_a_run_that_only_waits(repo: Repository, image: Image) -> None:
    repo.write(users=table())
    inputs = {"mode": "plan", "endpoint-url": "http://dynamodb:1"}
    environ, runner = repo.prepare({}, name="push", ref=BRANCH, sha="f" * 40, inputs=inputs)
    name = f"dynatus-{uuid.uuid4().hex}"
    command = image.command(environ, runner, container=name)
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "does not answer yet" in line:
                break
        docker("kill", "--signal", "TERM", name)
        process.communicate(timeout=20)
    assert scene.ran(process.returncode, runner).ending == (1, "failed", "cancelled")


def test_localhost_is_the_container_itself(repo: Repository) -> None:
    repo.write(users=table())
    inputs = {"mode": "plan", "endpoint-url": "http://localhost:8000"}
    done = repo.run({}, name="push", ref=BRANCH, inputs=inputs)
    assert done.ending == (1, "failed", "aws-error")
    assert "http://dynamodb:8000" in done.summary


def test_neither_the_workspace_nor_the_environment_reaches_the_interpreter(repo: Repository) -> None:
    hostile_workspace.fill(repo.home)
    for library in ("libc.so.6", "libpython3.13.so.1.0", "libssl.so.3"):
        repo.home.joinpath(library).write_text("loaded from the workspace", encoding="utf-8")
    repo.write(users=table(TimeToLiveSpecification='{:Enabled true :AttributeName "Zürich"}'))
    repo.open(1)
    library = "/github/workspace/libssl.so.3"
    provider = f"openssl_conf = a\n[a]\nproviders = b\n[b]\nc = d\n[d]\nmodule = {library}\nactivate = 1\n"
    (repo.home / "openssl.cnf").write_text(provider, encoding="utf-8")
    linker = {"LD_LIBRARY_PATH": ":/opt/lib", "LD_PRELOAD": library, "OPENSSL_CONF": "/github/workspace/openssl.cnf"}
    repo.variables |= {**hostile_workspace.variables(), **linker}
    ran = repo.plan(1)
    assert ran.ending == PLANNED, ran.log
    assert hostile_workspace.IMPORTED not in ran.log
    assert "ld.so" not in ran.log
    assert "Zürich" in ran.log
    assert "Zürich" in repo.comment(1)


def test_files_that_the_action_makes_are_of_the_runner_s_group(repo: Repository) -> None:
    repo.write(users=table())
    ran = repo.run({}, name="push", ref=BRANCH, sha=repo.push(), inputs={"mode": "plan", "out": "plan.json"})
    assert ran.ending == PLANNED
    assert (repo.home / "plan.json").stat().st_gid == repo.home.stat().st_gid
