"""The command as a program of its own: where its output goes, and what happens when that cannot be written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynatus_ci.interrupt import INTERRUPTED
from tests.scene import table, tags
from tests.simulator import Clock, Simulator

FULL = Path("/dev/full")


@pytest.fixture
def account() -> Iterator[Simulator]:
    with Simulator(clock=Clock(scale=3600)) as simulator:
        yield simulator


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "users.edn").write_text(table(), encoding="utf-8")
    return folder


def dynatus(*arguments: str | Path, **streams: object) -> subprocess.CompletedProcess[str]:
    """The command, with nobody at standard input."""
    command = [sys.executable, "-m", "dynatus_ci", *map(str, arguments)]
    given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    given["env"] = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(command, text=True, check=False, timeout=120, **{**given, **streams})  # type: ignore[call-overload, no-any-return]  # streams are files or PIPE


def test_a_result_that_standard_output_cannot_take_is_told_on_standard_error(
    account: Simulator, definitions: Path
) -> None:
    where = ("--endpoint-url", account.endpoint_url, "--region", account.region)
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, *where, "--yes", "--format", "json", stdout=full)
    assert done.returncode == 1
    assert "1 table changed" in done.stderr
    assert done.stderr.endswith("dynatus: Standard output cannot be written: No space left on device.\n")
    assert account.client().list_tables()["TableNames"] == ["users"]


def test_a_plan_that_cannot_be_shown_is_not_applied(account: Simulator, definitions: Path) -> None:
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, "--endpoint-url", account.endpoint_url, "--yes", stdout=full)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert account.client().list_tables()["TableNames"] == []


def test_progress_that_nobody_can_read_ends_nothing(account: Simulator, definitions: Path) -> None:
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, "--endpoint-url", account.endpoint_url, "--yes", stderr=full)
    assert done.returncode == 0
    assert account.client().list_tables()["TableNames"] == ["users"]


def test_a_plan_that_takes_longer_than_apply_may_is_warned_of(definitions: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "users.edn").write_text(table(), encoding="utf-8")
    names = [f"by-{number}" for number in range(7)]  # DynamoDB builds one index after another, 9 minutes or more each
    indexes = " ".join(
        f'{{:IndexName "{name}" :KeySchema [{{:AttributeName "id" :KeyType "HASH"}}]'
        ' :Projection {:ProjectionType "ALL"}}'
        for name in names
    )
    (definitions / "users.edn").write_text(table(GlobalSecondaryIndexes=f"[{indexes}]"), encoding="utf-8")
    planned = dynatus("plan", definitions, "--baseline", before, "--region", "eu-west-1")
    assert planned.returncode == 0, planned.stderr
    assert "apply stops waiting after 60 min (--wait-minutes)" in " ".join(planned.stdout.split())


def test_a_plan_as_json_says_what_never_runs_as_the_text_does(
    account: Simulator, definitions: Path, tmp_path: Path
) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url)
    (definitions / "users.edn").write_text(table(DeletionProtectionEnabled="true"), encoding="utf-8")
    assert dynatus("apply", *where, "--yes").returncode == 0
    (definitions / "users.edn").write_text('{:TableName "users" :Absent true}', encoding="utf-8")
    saved = tmp_path / "plan.json"
    text = dynatus("plan", *where, "--out", saved).stdout
    (planned,) = json.loads(dynatus("plan", *where, "--format", "json").stdout)["tables"]
    assert planned["refusal"]["reason"] == "destructive-blocked"
    for shown in (text, dynatus("show", saved).stdout):
        assert planned["refusal"]["message"] in " ".join(shown.split())


@pytest.mark.parametrize(("flags", "shown"), [((), False), (("-v",), False), (("-vv",), True)])
def test_every_call_is_shown_with_its_duration_and_request_where_it_is_asked_for(
    account: Simulator, definitions: Path, flags: tuple[str, ...], shown: bool
) -> None:
    done = dynatus("plan", definitions, "--endpoint-url", account.endpoint_url, *flags)
    assert done.returncode == 0
    assert ("DEBUG dynatus_ci.aws.client: DescribeTable of table users" in done.stderr) is shown
    assert bool(re.search(r" ms, .*RequestId [0-9A-F]{32}\n", done.stderr)) is shown
    assert "123456789012" not in done.stderr


def test_what_the_gate_said_of_each_step_is_shown_where_it_is_asked_for(account: Simulator, definitions: Path) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url, "--yes", "-v")
    assert "Table users: CreateTable (create the table) may run." in dynatus("apply", *where).stderr
    (definitions / "users.edn").write_text('{:TableName "users" :Absent true}', encoding="utf-8")
    account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    refused = dynatus("apply", *where)
    assert refused.returncode == 1
    assert "may not run: " in refused.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_the_encoding_of_the_output_lacks_is_written_in_ascii(
    account: Simulator, definitions: Path, encoding: str
) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url)
    assert dynatus("apply", *where, "--yes").returncode == 0
    changed = table(DeletionProtectionEnabled="true", **tags(team="ü"))
    (definitions / "users.edn").write_text(changed, encoding="utf-8")
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    text = dynatus("plan", *where, env=environ, encoding=encoding)
    assert (text.returncode, text.stderr.count("Traceback")) == (0, 0), text.stderr
    assert ("->" in text.stdout) is (encoding != "utf-8")
    document = json.loads(dynatus("plan", *where, "--format", "json", env=environ, encoding=encoding).stdout)
    assert "ü" in json.dumps(document, ensure_ascii=False)


def test_ctrl_c_ends_an_apply_as_cancelled_and_says_so_once(definitions: Path) -> None:
    (definitions / "orders.edn").write_text(table("orders"), encoding="utf-8")
    with Simulator(clock=Clock(scale=0.1)) as slow:
        command = [sys.executable, "-m", "dynatus_ci", "apply", str(definitions), "--yes"]
        command += ["--endpoint-url", slow.endpoint_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            next(line for line in process.stderr if line.startswith(("orders:", "users:")))
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Apply: cancelled, 2 of 2 tables not finished." in out
    assert out.count("were finished") == 1
