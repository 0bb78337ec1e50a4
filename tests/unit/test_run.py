"""What the runner says: the run, its event, and the folders that it may use."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

import pytest

from dynatus_ci.errors import InvalidInput
from dynatus_ci.github import event as events
from dynatus_ci.github.event import Run

ZERO = "0" * 40
WORKSPACE = "/github/workspace"


def test_a_file_is_in_the_workspace_or_in_the_folder_for_temporary_files() -> None:
    run = Run(workspace=Path(WORKSPACE), temp=Path("/github/runner_temp"))
    assert run.rooted("build/plan.json") == (Path(WORKSPACE), PurePath("build/plan.json"))
    assert run.rooted("/github/runner_temp/a/plan.json") == (Path("/github/runner_temp"), PurePath("a/plan.json"))


def run_of(event: dict[str, Any], **variables: str) -> Run:
    always = {"GITHUB_WORKSPACE": WORKSPACE, "GITHUB_REPOSITORY": "octocat/hello-world"}
    return Run.from_environ(always | variables, event)


def test_outside_github_actions_the_command_is_named() -> None:
    with pytest.raises(InvalidInput, match="dynatus"):
        Run.from_environ({})


def test_a_run_knows_its_page_and_its_branch() -> None:
    run = run_of(
        {},
        GITHUB_SERVER_URL="https://ghe.example.com",
        GITHUB_API_URL="https://ghe.example.com/api/v3",
        GITHUB_RUN_ID="42",
        GITHUB_RUN_ATTEMPT="2",
        GITHUB_REF="refs/heads/trunk",
    )
    assert run.url == "https://ghe.example.com/octocat/hello-world/actions/runs/42/attempts/2"
    assert run.api_url == "https://ghe.example.com/api/v3"
    assert run.branch == "trunk"


@pytest.mark.parametrize(
    ("ref", "branch"), [("refs/heads/a/b", "a/b"), ("refs/tags/v1", None), ("refs/pull/1/merge", None)]
)
def test_only_a_branch_is_a_branch(ref: str, branch: str | None) -> None:
    assert run_of({}, GITHUB_REF=ref).branch == branch


def pull(repository: str | None) -> dict[str, Any]:
    return {"number": 7, "head": {"sha": "abc", "repo": repository and {"full_name": repository}}}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"pull_request": pull("octocat/hello-world")}, {"pull_request": 7, "head_sha": "abc"}),
        ({"pull_request": pull("stranger/fork")}, {"pull_request": 7, "head_sha": "abc"}),
        ({"pull_request": pull(None)}, {"pull_request": 7, "head_sha": "abc"}),
        ({"issue": {"number": 8, "pull_request": {}}}, {"pull_request": None, "head_sha": None}),
        ({"issue": {"number": 8, "pull_request": {"url": "u"}}}, {"pull_request": 8, "head_sha": None}),
        ({"merge_group": {"head_sha": "def"}}, {"pull_request": None, "head_sha": "def", "deleted": False}),
        ({"after": "abc"}, {"pull_request": None, "head_sha": None, "deleted": False}),
        ({"after": ZERO}, {"deleted": True}),
        ({}, {"pull_request": None, "deleted": False}),
        ({"pull_request": [], "issue": "x", "after": 3}, {"pull_request": None, "head_sha": None, "deleted": False}),
        ({"pull_request": {"number": "7", "head": ["abc"]}}, {"pull_request": None, "head_sha": None}),
    ],
)
def test_what_an_event_says(event: dict[str, Any], expected: dict[str, Any]) -> None:
    run = run_of(event)
    assert {name: getattr(run, name) for name in expected} == expected


def test_the_head_is_known_of_the_events_own_pull_request_only() -> None:
    run = run_of({"pull_request": pull("octocat/hello-world")})
    assert (run.head_of(7), run.head_of(8)) == ("abc", None)


def test_the_event_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"after": ZERO}), encoding="utf-8")
    assert events.read_event({"GITHUB_EVENT_PATH": str(path)}) == {"after": ZERO}
    assert events.read_event({"GITHUB_EVENT_PATH": ""}) == {}


@pytest.mark.parametrize("text", ["{", "[]", "\xff", None])
def test_an_event_that_cannot_be_read_is_an_error_that_names_the_file(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "event.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"event\.json"):
        events.read_event({"GITHUB_EVENT_PATH": str(path)})
