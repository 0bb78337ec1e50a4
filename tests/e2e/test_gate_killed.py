"""A run of the action that is killed: the next run finishes its work, and needs no new review.

docs/architecture.md#one-approval-from-a-comment-to-the-gate
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import Image
from tests.scene import INDEX, NO_INDEXES, PROCESS, TTL, Door, Scene, is_used, scene, table, tags

APPLIED, NOOP = (0, "applied", ""), (0, "noop", "")


def ready_to_apply(repo: Scene) -> str:
    """A merged change of several kinds: an index goes, tags come, a table is made and gets its TTL."""
    repo.write(users=table(**INDEX))
    with repo.through(PROCESS):
        assert repo.apply(repo.push(), approval="none").ending == APPLIED
    repo.account.start_over()
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}, "mail": {"S": "a"}})
    repo.write(users=table(**NO_INDEXES, **tags(team="a")), orders=table("orders", **TTL))
    repo.open(1)
    with repo.through(PROCESS):
        repo.plan(1)
    repo.label(1)
    return repo.merge(1)


def rehearsed(home: Path) -> list[int]:
    """The numbers of the calls that write, give or take one: two tables are read side by side."""
    with scene(home / "rehearsal") as repo:
        sha = ready_to_apply(repo)
        repo.account.start_over()
        assert repo.apply(sha).ending == APPLIED
        return [call.number for call in repo.account.journal.writes()]


def killed(home: Path, door: Door, *, call: int) -> bool:
    """Whether a run came to be killed at that call; after it a re-run has finished the work, without a review."""
    with scene(home / str(call), door) as repo:
        sha = ready_to_apply(repo)
        first = repo.kill_at(call, sha)
        assert first.outputs["failure-reason"] == ("cancelled" if first.status else "")
        assert "DynamoDB plan" in first.summary
        repo.account.clock.advance(7200)
        assert repo.apply(sha).ending in {APPLIED, NOOP}
        assert all(is_used(repo.record(1), name) for name in ("users", "orders"))
        assert repo.account.client().scan(TableName="users")["Count"] == 1
        with repo.through(PROCESS):
            assert repo.apply(sha).ending == NOOP
        return first.status != 0


@pytest.mark.parametrize("where", ["process", pytest.param("image", marks=[pytest.mark.docker, pytest.mark.soak])])
def test_a_run_killed_at_any_call_is_finished_by_a_re_run_without_a_review(
    tmp_path: Path, where: str, request: pytest.FixtureRequest
) -> None:
    """Every call from the last before the first write on; before that, nothing has been done."""
    door = PROCESS if where == "process" else request.getfixturevalue("image")
    first, *_, last = rehearsed(tmp_path)
    call = first - 1
    while killed(tmp_path, door, call=call):
        call += 1
    assert call > last


@pytest.mark.docker
def test_the_image_killed_around_any_write_is_finished_by_a_re_run_without_a_review(
    tmp_path: Path, image: Image
) -> None:
    """A container for every call would take minutes: `make soak` has them."""
    for call in sorted({write + near for write in rehearsed(tmp_path) for near in (-1, 0, 1)}):
        assert killed(tmp_path, image, call=call)
