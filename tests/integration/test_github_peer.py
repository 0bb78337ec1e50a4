"""The same comments against a GitHub that others wrote, where every request and answer is held to GitHub's description.

`GITHUB_PEER_URL` is that API, `GITHUB_PEER_DIRECT_URL` the same state without the checks, to set the scene as a person.
What it lacks (GraphQL, pull requests of commits, faults) is in tests/github_stub.py.
"""

from __future__ import annotations

import base64
import itertools
import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from dynatus_ci.errors import GitHubError
from dynatus_ci.github.answers import Comment, Unwritten
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.transport import Pace

pytestmark = pytest.mark.github_peer

REPOSITORY = "octocat/hello-world"
LABEL = "dynatus:allow-destructive"
HASTE = Pace(backoff=0, between_requests=0, between_writes=0, after_doubt=0, merge_lag=(0,))

_numbers = itertools.count(1)


@pytest.fixture
def pulls() -> PullRequests:
    return PullRequests(
        token="workflow_token", repository=REPOSITORY, api_url=os.environ["GITHUB_PEER_URL"], pace=HASTE
    )


@pytest.fixture
def person() -> Callable[..., Any]:
    """Calls the API as a person, past the checks."""
    base = f"{os.environ['GITHUB_PEER_DIRECT_URL']}/repos/{REPOSITORY}"

    def call(method: str, path: str, **body: Any) -> Any:  # JSON
        headers = {"Authorization": "Bearer person_token"}
        answer = requests.request(method, base + path, json=body or None, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    return call


@pytest.fixture
def number(person: Callable[..., Any]) -> int:
    """An open pull request of its own for each test: the peer's state outlives a run."""
    branch = f"topic-{uuid.uuid4().hex}"
    main = person("GET", "/git/ref/heads/main")["object"]["sha"]
    person("POST", "/git/refs", ref=f"refs/heads/{branch}", sha=main)
    content = base64.b64encode(branch.encode()).decode()
    person("PUT", f"/contents/{branch}.edn", message="a table", content=content, branch=branch)
    return int(person("POST", "/pulls", title="A table", head=branch, base="main")["number"])


@pytest.fixture
def marker() -> str:
    return f"<!-- dynatus-ci:{next(_numbers):032x} -->"


def test_a_comment_is_written_found_and_edited(
    pulls: PullRequests, person: Callable[..., Any], number: int, marker: str
) -> None:
    person("POST", f"/issues/{number}/comments", body=f"{marker}\nby a person")
    pull = pulls.pull_request(number)
    assert pull.is_open
    assert pulls.find_comment(number, marker) is None

    def write(body: str) -> Comment | Unwritten:
        existing = pulls.find_comment(number, marker)
        return pulls.write_plan(number, marker=marker, body=body, head_sha=pull.head_sha, existing=existing)

    first, second = write(f"{marker}\nthe plan"), write(f"{marker}\nthe plan, again 😀")
    assert isinstance(first, Comment)
    assert isinstance(second, Comment)
    assert (first.id, first.author) == (second.id, "workflow")
    bodies = [each["body"] for each in person("GET", f"/issues/{number}/comments")]
    assert bodies == [f"{marker}\nby a person", f"{marker}\nthe plan, again 😀"]


def test_ours_is_found_behind_two_hundred_remarks(
    pulls: PullRequests, person: Callable[..., Any], number: int, marker: str
) -> None:
    for remark in range(205):
        person("POST", f"/issues/{number}/comments", body=f"remark {remark}")
    written = pulls.write_comment(number, marker=marker, body=f"{marker}\nthe plan", existing=None)
    found = pulls.find_comment(number, marker)
    assert found is not None
    assert found.id == written.id


def test_a_plan_of_an_older_head_or_for_a_closed_pull_request_is_not_written(
    pulls: PullRequests, person: Callable[..., Any], number: int, marker: str
) -> None:
    body = f"{marker}\nthe plan"
    older = pulls.write_plan(number, marker=marker, body=body, head_sha="0" * 40, existing=None)
    assert older is Unwritten.OUTDATED
    head = pulls.pull_request(number).head_sha
    person("PATCH", f"/pulls/{number}", state="closed")
    closed = pulls.write_plan(number, marker=marker, body=body, head_sha=head, existing=None)
    assert closed is Unwritten.CLOSED
    assert pulls.find_comment(number, marker) is None


def test_a_label_is_taken_off(pulls: PullRequests, person: Callable[..., Any], number: int) -> None:
    person("POST", f"/issues/{number}/labels", labels=[LABEL])
    assert pulls.pull_request(number).labels == (LABEL,)
    pulls.remove_label(number, LABEL)
    pulls.remove_label(number, LABEL)
    assert pulls.pull_request(number).labels == ()


def test_what_is_not_there_is_an_error_of_ours(pulls: PullRequests) -> None:
    with pytest.raises(GitHubError, match="404"):
        pulls.pull_request(999_999)
