"""Whole workflows through the runner's own ways (nektos/act): the action by its name, a service container, outputs.

The job image is the one that ACT_IMAGE names; act reaches nothing but this machine.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import github_stub
from tests.github_stub import GitHubStub

pytestmark = [pytest.mark.docker, pytest.mark.act]

ROOT = Path(__file__).parents[2]
HEAD = "1" * 40
WORKFLOW = """
on: [pull_request, push]
permissions:
  contents: read
  pull-requests: write
jobs:
  tables:
    runs-on: ubuntu-latest
    container: JOB_IMAGE
    services:
      dynamodb:
        image: amazon/dynamodb-local:latest
        options: --workdir /home/dynamodblocal
    steps:
      - uses: actions/checkout@v7
      - id: first
        uses: org/dynatus-action@v1
        with:
          mode: ${{ github.event_name == 'push' && 'apply' || 'plan' }}
          endpoint-url: http://dynamodb:8000
      - id: second
        uses: org/dynatus-action@v1
        with:
          mode: plan
          endpoint-url: http://dynamodb:8000
      - run: echo "OUTPUTS $FIRST $SECOND $URL"
        env:
          FIRST: ${{ steps.first.outputs.result }}/${{ steps.first.outputs.create }}
          SECOND: ${{ steps.second.outputs.result }}/${{ steps.second.outputs.noop }}
          URL: ${{ steps.first.outputs.comment-url }}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: three definitions and a workflow."""
    shutil.copytree(ROOT / "examples" / "tables", tmp_path / "resources" / "dynamo")
    workflow = tmp_path / ".github" / "workflows" / "tables.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(WORKFLOW.replace("JOB_IMAGE", os.environ.get("ACT_IMAGE", "runner:latest")), encoding="utf-8")
    person = ("-c", "user.name=octocat", "-c", "user.email=octocat@example.com")
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*person, "commit", "-q", "-m", "Tables"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    """GitHub's API where containers reach it, with one open pull request."""
    stub = GitHubStub()
    stub.add_pull(1, head=HEAD)
    with github_stub.serving(stub, host="0.0.0.0"):  # noqa: S104  # containers reach it by the bridge's address
        yield stub


def bridge() -> str:
    """This machine's address on Docker's default bridge: the first of its network."""
    form = "{{(index .IPAM.Config 0).Subnet}}"
    answer = subprocess.run(
        ["docker", "network", "inspect", "bridge", "--format", form], capture_output=True, text=True, check=True
    )
    return str(ipaddress.ip_network(answer.stdout.strip())[1])


def act(event: str, payload: Mapping[str, object], *, repository: Path, github: GitHubStub) -> str:
    """Run the repository's workflow for an event; its log."""
    event_file = repository.parent / f"{event}.json"
    event_file.write_text(json.dumps(payload), encoding="utf-8")
    port = github.url.rpartition(":")[2]
    answer = subprocess.run(
        [
            "act", event, "-W", ".github/workflows/tables.yml", "-e", str(event_file), "--pull=false",
            "-P", f"ubuntu-latest={os.environ.get('ACT_IMAGE', 'runner:latest')}",
            "--local-repository", f"org/dynatus-action@v1={ROOT}",
            "-s", f"GITHUB_TOKEN={github_stub.TOKEN}",
            "--env", f"GITHUB_API_URL=http://{bridge()}:{port}",
            "--env", "GITHUB_REPOSITORY=octocat/hello-world",
        ],
        cwd=repository, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout[-4_000:] + answer.stderr[-2_000:]
    return answer.stdout


def outputs(log: str) -> list[str]:
    """What the workflow's last step printed of the outputs."""
    found = re.search(r"\| OUTPUTS (.*)", log)
    assert found
    return found[1].split()


def test_a_pull_request_gets_one_comment_that_a_second_run_keeps(repository: Path, github: GitHubStub) -> None:
    names = {"full_name": "octocat/hello-world"}
    payload = {
        "action": "opened",
        "number": 1,
        "repository": {**names, "default_branch": "main"},
        "pull_request": {"number": 1, "head": {"sha": HEAD, "repo": names}, "base": {"ref": "main", "repo": names}},
    }
    first, second, url = outputs(act("pull_request", payload, repository=repository, github=github))
    assert (first, second) == ("planned/3", "planned/0")
    assert "#issuecomment-" in url
    (body,) = github.bodies(1)
    assert all(name in body for name in ("orders", "sessions", "users"))


def test_a_push_creates_the_tables_in_the_service_container(repository: Path, github: GitHubStub) -> None:
    payload = {"ref": "refs/heads/main", "repository": {"full_name": "octocat/hello-world", "default_branch": "main"}}
    first, second, *_ = outputs(act("push", payload, repository=repository, github=github))
    assert (first, second) == ("applied/3", "noop/3")
