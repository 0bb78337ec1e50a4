"""The gate from end to end: what people do on pull requests, and what then runs on the account.

docs/architecture.md#one-approval-from-a-comment-to-the-gate

Every scene runs in this process; the promises themselves, marked `both_doors`, also in the built image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dynatus_ci import review
from dynatus_ci.definitions.files import git_blob
from tests.github_stub import BOT, READ_ONLY_TOKEN, Answer, Fault
from tests.scene import BRANCH, INDEX, NO_INDEXES, PATH, PROCESS, TTL, Door, Ran, Scene, is_used, scene, table, tags
from tests.simulator import Kind

REFUSED = (1, "refused")
BLOCKED = (*REFUSED, "destructive-blocked")
CHANGED = (*REFUSED, "plan-changed")
MISSING = (*REFUSED, "plan-missing")
NOT_MERGED = (*REFUSED, "not-merged")
APPLIED, PLANNED, NOOP = (0, "applied", ""), (0, "planned", ""), (0, "noop", "")
SUPERSEDED, GITHUB = (0, "superseded", ""), (1, "failed", "github-error")


both_doors = pytest.mark.parametrize(
    "door", ["process", pytest.param("image", marks=pytest.mark.docker)], indirect=True
)


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Door:
    """This process; in a scene of `both_doors` each of the two."""
    behind: Door = request.getfixturevalue("image") if getattr(request, "param", "") == "image" else PROCESS
    return behind


@pytest.fixture
def repo(tmp_path: Path, door: Door) -> Iterator[Scene]:
    with scene(tmp_path, door) as made:
        yield made


def writes(repo: Scene) -> list[str]:
    return [f"{call.operation} {call.table}" for call in repo.account.journal.writes()]


def adopt(repo: Scene, **definitions: str) -> None:
    """Tables that are there already, without a review."""
    repo.write(**definitions)
    with repo.through(PROCESS):
        assert repo.apply(repo.push(), approval="none").ending == APPLIED
    repo.account.start_over()


def by_hand(repo: Scene, name: str = "users") -> None:
    """Somebody puts the tag on by hand."""
    repo.account.client().tag_resource(ResourceArn=repo.account.arn(name), Tags=[{"Key": "team", "Value": "a"}])
    repo.account.clock.advance(3600)


def stray(repo: Scene, name: str = "users") -> None:
    """Somebody takes the tag off by hand."""
    repo.account.client().untag_resource(ResourceArn=repo.account.arn(name), TagKeys=["team"])
    repo.account.clock.advance(3600)
    repo.account.start_over()


def when(repo: Scene, asked: str, do: Callable[[], object]) -> None:
    """Let something happen once, right after GitHub has answered a request that matches."""
    answer, done = repo.github.answer, False

    def answered(method: str, *, target: str, token: str, body: object) -> Answer:
        nonlocal done
        found = answer(method, target=target, token=token, body=body)
        if not done and re.search(asked, f"{method} {target} {body}"):
            done = True
            do()
        return found

    repo.github.answer = answered  # type: ignore[method-assign]  # for this scene


def no_writing(repo: Scene) -> None:
    """From now on GitHub takes no comment."""
    repo.github.faults.append(Fault("PATCH .*", status=403, times=99, body={"message": "Resource not accessible"}))


def planned(repo: Scene, number: int, **definitions: str | None) -> None:
    """A pull request whose plan is in its comment."""
    repo.write(**definitions)
    repo.open(number)
    assert repo.plan(number).ending == PLANNED


def labelled(repo: Scene, number: int, **definitions: str | None) -> None:
    """A pull request that was planned, and whose label says that data may go."""
    repo.write(**definitions)
    repo.open(number)
    repo.plan(number)
    repo.label(number)


# ---- the way that it is meant to go ----------------------------------------------------------------------------------


@both_doors
def test_what_was_planned_and_merged_is_applied(repo: Scene) -> None:
    planned(repo, 1, users=table(**TTL, **tags(team="a")), orders=table("orders"))
    assert writes(repo) == []
    ran = repo.apply(repo.merge(1))
    assert ran.ending == APPLIED
    assert ran.outputs["changed"] == "true"
    assert "issuecomment" in ran.outputs["comment-url"]
    assert "2 tables changed" in repo.comment(1)
    assert all(is_used(repo.record(1), name) for name in ("users", "orders"))
    assert repo.plan(1).ending == NOOP


def test_a_re_run_has_nothing_to_do_and_leaves_the_comment_alone(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    repo.apply(sha)
    before, asked = repo.comment(1), len(repo.github.calls)
    assert repo.apply(sha).ending == NOOP
    assert repo.comment(1) == before
    assert not [call for call in repo.github.calls[asked:] if call.startswith("PATCH")]


def test_the_comment_says_running_before_the_first_call_changes_anything(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    said: list[str] = []
    repo.account.start_over()
    for call in range(1, 40):
        repo.account.faults.before(call, lambda: said.append(repo.comment(1)))
    assert repo.apply(sha).ending == APPLIED
    first = next(call.number for call in repo.account.journal.writes())
    assert "apply: running" in said[first - 1]


def test_where_the_comment_cannot_be_written_nothing_runs(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    no_writing(repo)
    assert repo.apply(sha).ending == GITHUB
    assert writes(repo) == []
    assert repo.apply(sha).status == 1
    repo.github.faults.clear()
    assert repo.apply(sha).ending == APPLIED


def test_what_strays_after_it_was_planned_as_noop_is_told_before_it_runs(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)
    by_hand(repo)
    no_writing(repo)
    when(repo, "tip: object", lambda: stray(repo))
    assert repo.apply(sha).ending == GITHUB
    assert writes(repo) == []
    repo.github.faults.clear()
    assert repo.apply(sha).ending == APPLIED


def test_a_comment_that_says_running_already_must_be_writable_all_the_same(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)
    repo.account.faults.deny("TagResource")
    when(repo, "PATCH", lambda: no_writing(repo))
    assert repo.apply(sha).ending == GITHUB
    assert "apply: running" in repo.comment(1)
    repo.account.faults.clear()
    repo.account.start_over()
    assert repo.apply(sha).ending == GITHUB
    assert writes(repo) == []


def test_the_result_is_told_and_noted_also_where_older_records_cannot_be_read(repo: Scene) -> None:
    for number in range(10, 70):  # more than one answer lists
        repo.open(number)
        repo.merge(number)
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    answer = repo.github.answer

    def no_more(method: str, *, target: str, token: str, body: Any) -> Answer:
        if body and body.get("variables", {}).get("more"):
            return Answer(502, {"message": "Server Error"})
        return answer(method, target=target, token=token, body=body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repo.github, "answer", no_more)
        ran = repo.apply(sha)
    assert ran.ending == APPLIED
    assert "::warning::GitHub did not answer" in ran.log
    assert "1 table changed" in repo.comment(1)
    assert is_used(repo.record(1), "users")


def test_a_used_up_record_that_cannot_be_written_fails_the_run(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)
    by_hand(repo)
    repo.github.faults.append(Fault("PATCH .*", status=502, times=9))
    assert repo.apply(sha).ending == GITHUB
    repo.github.faults.clear()
    assert repo.apply(sha).ending == NOOP
    assert is_used(repo.record(1), "users")


# ---- what was not reviewed -------------------------------------------------------------------------------------------


@both_doors
def test_the_account_changed_in_between(repo: Scene) -> None:
    adopt(repo, users=table(**TTL, **tags(team="a")))
    planned(repo, 1, users=table(**TTL, **tags(team="b")))
    sha = repo.merge(1)
    repo.account.clock.advance(7200)
    repo.account.client().update_time_to_live(
        TableName="users", TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"}
    )
    repo.account.start_over()
    ran = repo.apply(sha)
    assert ran.ending == CHANGED
    assert writes(repo) == []
    assert "TimeToLiveSpecification" in repo.comment(1)
    assert is_used(repo.record(1), "users") is False


@both_doors
def test_a_part_done_by_hand_leaves_the_rest_reviewed(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**TTL, **tags(team="a")))
    sha = repo.merge(1)
    repo.account.client().update_time_to_live(
        TableName="users", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    repo.account.clock.advance(3600)
    repo.account.start_over()
    assert repo.apply(sha).ending == APPLIED
    assert writes(repo) == ["TagResource users"]


def test_other_tables_go_on_beside_a_refused_one(repo: Scene) -> None:
    planned(repo, 1, users=table(), orders=table("orders"))
    sha = repo.merge(1)
    repo.account.client().create_table(
        TableName="users",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
    )
    repo.account.clock.advance(600)
    repo.account.start_over()
    assert repo.apply(sha).ending == CHANGED
    assert writes(repo) == ["CreateTable orders"]
    assert (is_used(repo.record(1), "orders"), is_used(repo.record(1), "users")) == (True, False)


def test_a_direct_push_needs_a_pull_request_or_approval_none(repo: Scene) -> None:
    repo.write(users=table())
    sha = repo.push()
    ran = repo.apply(sha)
    assert ran.ending == NOT_MERGED
    assert "approval: none" in ran.summary
    assert writes(repo) == []
    assert repo.apply(sha, approval="none").ending == APPLIED


def test_a_direct_push_leaves_the_comment_of_another_change_alone(repo: Scene) -> None:
    planned(repo, 1, users=table())
    assert repo.apply(repo.merge(1)).ending == APPLIED
    before = repo.comment(1)
    repo.write(users=table(**tags(team="x")))
    ran = repo.apply(repo.push())
    assert ran.ending == NOT_MERGED
    assert ran.outputs["comment-url"] == ""
    assert repo.comment(1) == before


def test_a_merge_without_a_plan(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    assert repo.apply(repo.merge(1)).ending == MISSING
    assert repo.github.bodies(1) == []


def test_a_plan_for_another_environment_is_named_as_the_nearest(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1, environment="staging")
    ran = repo.apply(repo.merge(1), environment="production")
    assert ran.ending == MISSING
    assert "differs in environment" in ran.log


def test_nothing_to_do_needs_no_review(repo: Scene) -> None:
    adopt(repo, users=table())
    assert repo.apply(repo.push()).ending == NOOP


def test_a_tag_is_not_a_branch(repo: Scene) -> None:
    repo.write(users=table())
    assert repo.apply(repo.push(), ref="refs/tags/v1").ending == (1, "failed", "invalid-input")


def test_the_pull_request_of_a_merge_may_lag(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    repo.github.lag[sha] = 1
    assert repo.apply(sha).ending == APPLIED


# ---- comments that others touched ------------------------------------------------------------------------------------


def test_what_is_refused_always_must_have_been_reviewed_first(repo: Scene) -> None:
    repo.write(users=table(DeletionProtectionEnabled="true"))
    repo.open(1)
    repo.plan(1)
    repo.apply(repo.merge(1))
    repo.write(users=table(key="mail"))
    assert repo.apply(repo.push()).ending == (*REFUSED, "not-merged")
    repo.open(2)
    assert repo.plan(2).ending == (*REFUSED, "destructive-blocked")
    assert repo.apply(repo.merge(2), allow_destructive="users").ending == (*REFUSED, "destructive-blocked")


@both_doors
def test_an_edited_comment_is_refused_and_refused_again(repo: Scene) -> None:
    planned(repo, 1, users=table())
    repo.edit(1, lambda body: body.replace("create", "adore"))
    sha, edited = repo.merge(1), repo.comment(1)
    for _ in range(2):
        ran = repo.apply(sha)
        assert ran.ending == MISSING
        assert "edited by somebody else" in ran.log
    assert repo.comment(1) == edited
    assert writes(repo) == []


def test_a_new_plan_replaces_an_edited_comment_whole(repo: Scene) -> None:
    planned(repo, 1, users=table())
    before = repo.comment(1)
    repo.edit(1, lambda body: body)
    repo.plan(1)
    assert review.decode(repo.comment(1)) == review.decode(before)
    assert next(iter(repo.github.editors.values())) == "github-actions[bot]"
    assert repo.apply(repo.merge(1)).ending == APPLIED


@pytest.mark.parametrize("editor", [None, "github-actions"])
def test_an_edit_by_a_deleted_account_or_a_namesake_of_ours_is_somebody_elses(repo: Scene, editor: str | None) -> None:
    """GraphQL shows our bot as `github-actions`, and a person may be called so."""
    planned(repo, 1, users=table())
    repo.edit(1, lambda body: body, login=editor)
    ran = repo.apply(repo.merge(1))
    assert ran.ending == MISSING
    assert "edited by somebody else" in ran.log
    assert writes(repo) == []


@both_doors
def test_a_forged_comment_is_ignored(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.open(2)
    repo.plan(2)
    forged = repo.github.add_comment(1, repo.comment(2), login="mallory")
    assert repo.apply(repo.merge(1)).ending == MISSING
    assert forged["body"] == repo.comment(2)
    assert writes(repo) == []


# ---- what destroys ---------------------------------------------------------------------------------------------------


@both_doors
def test_red_labelled_green_merged_applied(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    red = repo.plan(1)
    assert red.ending == BLOCKED
    assert "users/by-mail" in repo.comment(1)
    repo.label(1)
    assert repo.plan(1).ending == PLANNED
    assert repo.labels(1) == [review.LABEL]
    assert repo.apply(repo.merge(1)).ending == APPLIED
    assert not repo.account.client().describe_table(TableName="users")["Table"].get("GlobalSecondaryIndexes")


def test_red_named_green(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    planned_red = {"allow_destructive": "users/by-mail"}
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    assert repo.plan(1).ending == BLOCKED
    assert repo.plan(1, **planned_red).ending == PLANNED
    sha = repo.merge(1)
    assert repo.apply(sha).ending == BLOCKED
    assert repo.apply(sha, **planned_red).ending == APPLIED


@both_doors
def test_the_label_comes_off_when_what_it_named_has_changed(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX), orders=table("orders", **INDEX))
    labelled(repo, 1, users=table(**NO_INDEXES))
    assert repo.plan(1).ending == PLANNED
    repo.write(orders=table("orders", **NO_INDEXES))
    ran = repo.plan(1)
    assert ran.ending == BLOCKED
    assert repo.labels(1) == []
    assert "was removed, because" in repo.comment(1)


def test_a_label_that_was_there_before_the_first_plan_names_nothing(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1, labels=(review.LABEL,))
    assert repo.plan(1).ending == BLOCKED
    assert repo.labels(1) == []


def test_a_label_put_on_before_the_new_record_is_there_names_nothing_of_it(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX), orders=table("orders", **INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    repo.plan(1)
    repo.write(orders=table("orders", **NO_INDEXES))
    when(repo, "DELETE", lambda: repo.label(1))
    assert repo.plan(1).ending == BLOCKED
    assert repo.labels(1) == []


def test_where_the_label_cannot_be_taken_off_there_is_no_record(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1, labels=(review.LABEL,))
    repo.github.faults.append(Fault("DELETE .*", status=403, times=9, body={"message": "Resource not accessible"}))
    assert repo.plan(1).ending == GITHUB
    assert repo.github.bodies(1) == []


@both_doors
def test_a_labelled_pull_request_into_another_branch_does_not_count(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1, base="next")
    repo.plan(1)
    repo.label(1)
    sha = repo.merge(1)
    repo.land(sha)
    repo.account.start_over()
    assert repo.apply(sha).ending == MISSING
    assert writes(repo) == []


@both_doors
def test_a_table_that_was_empty_when_it_was_planned(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(key="name"))
    sha = repo.merge(1)
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    repo.account.start_over()
    assert repo.apply(sha, allow_destructive="users").ending == CHANGED
    assert writes(repo) == []


def test_an_empty_table_is_recreated_without_a_name(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(key="name"))
    assert repo.apply(repo.merge(1)).ending == APPLIED
    keys = repo.account.client().describe_table(TableName="users")["Table"]["KeySchema"]
    assert keys == [{"AttributeName": "name", "KeyType": "HASH"}]


@both_doors
def test_another_table_of_the_same_name_is_not_deleted(repo: Scene) -> None:
    adopt(repo, users=table())
    client = repo.account.client()
    client.put_item(TableName="users", Item={"id": {"S": "1"}})
    labelled(repo, 1, users='{:TableName "users" :Absent true}')
    sha = repo.merge(1)
    client.delete_table(TableName="users")
    repo.account.clock.advance(600)
    client.create_table(
        TableName="users",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    repo.account.clock.advance(600)
    client.put_item(TableName="users", Item={"id": {"S": "2"}})
    repo.account.start_over()
    assert repo.apply(sha, allow_destructive="users").ending == CHANGED
    assert writes(repo) == []


def test_a_backup_is_named_in_the_comment_before_the_table_is_deleted(repo: Scene) -> None:
    adopt(repo, users=table())
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    repo.write(users=table(key="name"))
    repo.open(1)
    assert repo.plan(1).ending == BLOCKED
    repo.label(1)
    sha = repo.merge(1)
    repo.account.start_over()
    said: list[str] = []
    for call in range(1, 80):
        repo.account.faults.before(call, lambda: said.append(repo.comment(1)))
    assert repo.apply(sha).ending == APPLIED
    deletion = next(
        c.number for c in repo.account.journal.writes() if (c.operation, c.table) == ("DeleteTable", "users")
    )
    assert "restore-table-from-backup" in said[deletion - 1]
    assert "123456789012" not in repo.comment(1)
    assert "restore-table-from-backup" in repo.comment(1)


def test_a_re_run_still_names_the_backup_of_the_run_that_was_stopped(repo: Scene) -> None:
    adopt(repo, users=table())
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    labelled(repo, 1, users=table(key="name"))
    sha = repo.merge(1)
    repo.account.start_over()
    fault = repo.account.faults.add(Kind.DENY, operations=["CreateTable"], tables=["users"])
    assert repo.apply(sha).ending == (1, "failed", "access-denied")
    (backup,) = set(re.findall(r"users/backup/[\w-]+", repo.comment(1)))
    repo.account.faults.active.remove(fault)
    assert repo.apply(sha).ending == APPLIED
    assert backup in repo.comment(1)


def test_all_backups_of_the_stopped_run_are_named_again(repo: Scene) -> None:
    names = [f"table-{number:02}" for number in range(12)]
    adopt(repo, **{name: table(name) for name in names})
    for name in names:
        repo.account.client().put_item(TableName=name, Item={"id": {"S": "1"}})
    labelled(repo, 1, **{name: table(name, key="name") for name in names})
    sha = repo.merge(1)
    fault = repo.account.faults.add(Kind.DENY, operations=["CreateTable"], tables=names)
    repo.apply(sha)
    repo.account.faults.active.remove(fault)
    for _ in range(2):
        assert repo.apply(sha).status == 0
        assert len(set(re.findall(r"table-\d\d/backup/", repo.comment(1)))) == len(names)


def test_a_value_that_looks_like_a_backup_is_not_told_as_one(repo: Scene) -> None:
    forged = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/backup/01-forged"
    adopt(repo, users=table(**tags(team="a")))
    planned(repo, 1, users=table(**tags(team=forged)))
    assert repo.apply(repo.merge(1)).ending == APPLIED
    assert "earlier run" not in repo.comment(1)


def test_a_comment_that_cannot_name_the_backup_keeps_the_table(repo: Scene) -> None:
    adopt(repo, users=table())
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    labelled(repo, 1, users=table(key="name"))
    sha = repo.merge(1)
    repo.account.start_over()
    for call in range(1, 80):
        repo.account.faults.before(call, lambda: _break_when_backed_up(repo))
    assert repo.apply(sha).ending == GITHUB
    assert "DeleteTable users" not in writes(repo)
    repo.account.faults.clear()
    repo.github.faults.clear()
    assert repo.apply(sha).ending == APPLIED


def _break_when_backed_up(repo: Scene) -> None:
    if any(call.operation == "CreateBackup" for call in repo.account.journal.writes()):
        repo.github.faults.append(Fault("PATCH .*", status=502, times=9))


# ---- approvals are used once -----------------------------------------------------------------------------------------


def merge_unplanned(repo: Scene, number: int) -> str:
    """A pull request that nobody planned: unlike for a push, the image need not wait for GitHub to know of one."""
    repo.open(number)
    return repo.merge(number)


@both_doors
def test_an_old_approval_cannot_be_used_twice(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)
    assert repo.apply(sha).ending == APPLIED
    stray(repo)
    assert repo.apply(sha).ending == CHANGED
    assert repo.apply(merge_unplanned(repo, 2)).ending == MISSING
    assert writes(repo) == []


@both_doors
def test_an_approval_is_used_up_table_by_table(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")), orders=table("orders", **tags(team="a")))
    sha = repo.merge(1)
    fault = repo.account.faults.deny("TagResource")
    fault.tables = ["orders"]
    assert repo.apply(sha).ending == (1, "failed", "access-denied")
    repo.account.faults.clear()
    stray(repo)
    assert repo.apply(sha).ending == CHANGED
    assert writes(repo) == ["TagResource orders"]


@both_doors
def test_an_approval_that_a_run_with_nothing_to_do_has_seen_is_used_up(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    by_hand(repo)
    later = merge_unplanned(repo, 2)
    assert repo.apply(later).ending == NOOP
    stray(repo)
    assert repo.apply(later).ending == MISSING
    assert writes(repo) == []


def test_a_newer_record_closes_what_older_ones_approved(repo: Scene) -> None:
    """Also where the newer comment is deleted: what its run saw in agreement was closed in the older one, too."""
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    by_hand(repo)
    planned(repo, 2, orders=table("orders", **tags(team="a")))
    assert repo.apply(repo.merge(2)).ending == APPLIED
    assert is_used(repo.record(1), "users")
    for id_ in [id_ for id_, comment in repo.github.comments.items() if comment["issue_url"] == "/issues/2"]:
        del repo.github.comments[id_]
    stray(repo)
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_what_the_record_of_an_untouched_path_has_closed_is_closed(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    repo.open(2)  # touches no definition, and its plan holds what is still to come
    assert repo.plan(2).ending == PLANNED
    assert repo.apply(repo.merge(2)).ending == APPLIED
    stray(repo)
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_an_old_run_does_not_use_what_a_newer_record_has_closed(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")))
    first = repo.merge(1)
    planned(repo, 2, orders=table("orders", **tags(x="1")))
    repo.merge(2)
    planned(repo, 3, orders=table("orders"))
    assert repo.apply(repo.merge(3)).ending == APPLIED
    stray(repo)
    assert repo.apply(first).ending == CHANGED
    assert writes(repo) == []


def test_two_merges_of_the_same_second_are_both_used_up(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")))
    planned(repo, 3, orders=table("orders", **tags(team="a")))
    one, last = repo.sha(), repo.sha()
    for number, merge in ((1, one), (3, last)):
        repo.github.merge(number, merge, commits=(f"c{number}" * 20,))
        repo.land(merge)
    assert repo.apply(last).ending == APPLIED
    stray(repo)
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_an_approval_that_another_run_uses_up_meanwhile_is_used_up(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)

    def use_up() -> None:
        closed = review.mark_used(repo.record(1), {})
        repo.edit(1, lambda body: review.with_record(body, closed), login=BOT)

    when(repo, "IssueComment", use_up)
    assert repo.apply(sha).ending == CHANGED
    assert is_used(repo.record(1), "users")
    assert writes(repo) == []


@both_doors
def test_a_cancelled_apply_is_picked_up_by_the_next_merge(repo: Scene) -> None:
    planned(repo, 1, users=table())
    planned(repo, 2, users=None, orders=table("orders"))
    repo.write(users=table(), orders=None)
    repo.merge(1)
    repo.write(orders=table("orders"))
    assert repo.apply(repo.merge(2)).ending == APPLIED
    assert sorted(writes(repo)) == ["CreateTable orders", "CreateTable users"]
    assert is_used(repo.record(1), "users")
    assert is_used(repo.record(2), "users")


def test_a_destructive_one_of_a_cancelled_apply_is_named_by_its_own_label(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    labelled(repo, 1, users=table(**NO_INDEXES))
    planned(repo, 2, users=None, orders=table("orders"))
    repo.write(users=table(**NO_INDEXES), orders=None)
    repo.merge(1)
    repo.write(orders=table("orders"))
    assert repo.apply(repo.merge(2)).ending == APPLIED


def test_the_label_is_asked_for_where_it_counts(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    planned(repo, 2, orders=table("orders"))
    repo.write(orders=None, users=table(**NO_INDEXES))
    repo.open(1)
    repo.plan(1)
    repo.merge(1)
    repo.write(orders=table("orders"))
    sha = repo.merge(2)
    assert repo.apply(sha).ending == BLOCKED
    assert "to pull request `#1`, or " in repo.comment(2)
    repo.label(1)
    assert repo.apply(sha).ending == APPLIED


def test_an_edited_comment_hides_what_is_older(repo: Scene) -> None:
    planned(repo, 1, users=table())
    planned(repo, 2, users=None, orders=table("orders"))
    planned(repo, 3, orders=None, items=table("items"))
    repo.write(users=table(), items=None)
    repo.merge(1)
    repo.write(orders=table("orders"))
    repo.merge(2)
    repo.edit(2, lambda body: body)
    repo.write(items=table("items"))
    assert repo.apply(repo.merge(3)).ending == CHANGED
    assert writes(repo) == ["CreateTable items"]


# ---- what was withdrawn stays withdrawn ------------------------------------------------------------------------------


@both_doors
def test_an_approval_that_a_later_merge_withdrew_does_not_come_back_with_the_branch(repo: Scene) -> None:
    """The apply of 1 is replaced by that of 2, which keeps the index in a merge conflict; 3 goes on from 1's branch."""
    adopt(repo, users=table(**INDEX))
    labelled(repo, 1, users=table(**NO_INDEXES))
    repo.merge(1)
    repo.write(users=table(**INDEX))
    assert repo.apply(merge_unplanned(repo, 2)).ending == NOOP
    repo.write(users=table(**NO_INDEXES))
    repo.open(3)
    assert repo.plan(3).ending == BLOCKED
    assert repo.apply(repo.merge(3)).ending == BLOCKED
    assert writes(repo) == []


@both_doors
def test_a_deletion_that_failed_is_withdrawn_with_its_file(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    absent = '{:TableName "users" :Absent true}'
    labelled(repo, 1, users=absent)
    fault = repo.account.faults.deny("DeleteTable")
    assert repo.apply(repo.merge(1)).ending == (1, "failed", "access-denied")
    repo.account.faults.active.remove(fault)
    repo.write(users=None)
    assert repo.apply(merge_unplanned(repo, 2)).ending == NOOP
    assert is_used(repo.record(1), "users")
    repo.write(users=absent)
    repo.account.start_over()
    assert repo.apply(merge_unplanned(repo, 3)).ending == MISSING
    assert writes(repo) == []


def test_the_only_definition_is_withdrawn_with_its_file_too(repo: Scene) -> None:
    """A path without definitions is an error, and nothing that was approved for it is wanted any more."""
    adopt(repo, users=table())
    repo.account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    absent = '{:TableName "users" :Absent true}'
    labelled(repo, 1, users=absent)
    repo.merge(1)
    repo.account.start_over()
    repo.write(users=None)
    assert repo.apply(repo.push()).ending == (1, "failed", "invalid-input")
    assert is_used(repo.record(1), "users")
    repo.write(users=absent)
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_a_record_stays_open_for_what_is_not_finished_and_for_nothing_else(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**TTL, **tags(team="a")))
    sha = repo.merge(1)
    fault = repo.account.faults.deny("TagResource")
    assert repo.apply(sha).ending == (1, "failed", "access-denied")
    repo.account.faults.active.remove(fault)
    for enabled in (False, True):
        repo.account.clock.advance(7200)
        repo.account.client().update_time_to_live(
            TableName="users", TimeToLiveSpecification={"Enabled": enabled, "AttributeName": "expires"}
        )
        repo.account.clock.advance(7200)
        repo.account.start_over()
        assert repo.apply(sha).ending == (APPLIED if enabled else CHANGED)
        assert writes(repo) == (["TagResource users"] if enabled else [])


def test_a_refused_run_at_the_tip_withdraws_what_it_does_not_want(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    repo.write(users=table(**tags(team="b")))
    assert repo.apply(repo.push()).ending == NOT_MERGED
    repo.write(users=table(**tags(team="a")))
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_a_table_that_cannot_be_read_keeps_its_review(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")), orders=table("orders", **tags(team="a")))
    sha = repo.merge(1)
    fault = repo.account.faults.deny("DescribeTable")
    fault.tables = ["users"]
    assert repo.apply(sha).ending == (1, "failed", "access-denied")
    assert (is_used(repo.record(1), "orders"), is_used(repo.record(1), "users")) == (True, False)
    repo.account.faults.active.remove(fault)
    repo.account.start_over()
    assert repo.apply(sha).ending == APPLIED
    assert writes(repo) == ["TagResource users"]


def test_an_old_comment_that_cannot_be_written_is_a_warning_where_a_newer_one_holds_the_same(repo: Scene) -> None:
    adopt(repo, users=table(), orders=table("orders"))
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    planned(repo, 2, orders=table("orders", **tags(team="a")))
    sha = repo.merge(2)
    (old,) = [id_ for id_, comment in repo.github.comments.items() if comment["issue_url"] == "/issues/1"]
    repo.github.faults.append(Fault(f"PATCH .*/{old}", status=403, times=99, body={"message": "locked"}))
    ran = repo.apply(sha)
    assert ran.ending == APPLIED
    assert "::warning::The record at pull request #1 could not be marked as used" in ran.log
    assert repo.apply(sha).ending == NOOP
    stray(repo)
    assert repo.apply(sha).ending == CHANGED
    assert writes(repo) == []


def test_the_newest_comment_that_cannot_be_written_fails_the_run_by_its_number(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    sha = repo.merge(1)
    by_hand(repo)
    no_writing(repo)
    ran = repo.apply(sha)
    assert ran.ending == GITHUB
    assert "pull request #1" in ran.log


def test_a_newer_record_is_looked_at_before_an_older_one_counts(repo: Scene) -> None:
    """However long ago it was merged, and whatever was updated since."""
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    repo.merge(1)
    repo.open(2)
    assert repo.plan(2).ending == PLANNED
    repo.merge(2)
    repo.edit(2, lambda body: body)
    for number in range(10, 130):
        repo.open(number)
        repo.merge(number)
    repo.github.pulls[1]["updated_at"] = "2027-01-01T00:00:00Z"
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert writes(repo) == []


def test_what_a_run_asks_of_github_is_bounded(repo: Scene) -> None:
    adopt(repo, users=table())
    for number in range(1, 900):
        repo.open(number)
        repo.github.add_comment(number, "coverage: 99 %")
        repo.github.add_comment(number, "a remark", login="octocat")
        repo.merge(number)
    asked = len(repo.github.calls)
    assert repo.apply(repo.github.pulls[899]["merge_commit_sha"]).ending == NOOP
    assert len(repo.github.calls) - asked <= 10
    repo.write(users=table(**tags(team="a")))
    repo.account.start_over()
    asked = len(repo.github.calls)
    assert repo.apply(repo.push()).ending == NOT_MERGED
    assert len(repo.github.calls) - asked <= 60


# ---- the tip decides -------------------------------------------------------------------------------------------------


@both_doors
def test_a_re_run_of_a_reverted_merge_is_superseded(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    first = repo.merge(1)
    repo.write(users=table(**tags(team="b")))
    tip = repo.push()
    repo.write(users=table(**tags(team="a")))
    ran = repo.apply(first)
    assert ran.ending == SUPERSEDED
    assert tip[:7] in ran.summary
    assert writes(repo) == []


def test_the_tip_is_looked_at_again_before_each_destructive_step(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX, **tags(team="a")))
    labelled(repo, 1, users=table(**NO_INDEXES, **tags(team="b")))
    sha = repo.merge(1)
    repo.account.start_over()
    asked: list[str] = []

    def move_on() -> None:
        asked.append("")
        if len(asked) == 6:
            repo.write(users=table(**tags(team="c")))
            repo.push()

    for call in range(1, 60):
        repo.account.faults.before(call, move_on)
    assert repo.apply(sha).ending == SUPERSEDED
    assert "UpdateTable users" not in writes(repo)


def test_what_strays_after_it_was_planned_as_noop_is_superseded_like_the_rest(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    first = repo.merge(1)
    by_hand(repo)
    repo.write(users=table(**tags(team="b")))
    repo.push()
    repo.write(users=table(**tags(team="a")))
    when(repo, "tip: object", lambda: stray(repo))
    assert repo.apply(first).ending == SUPERSEDED
    assert writes(repo) == []


@pytest.mark.parametrize("git_has", ["nothing", "a link", "other files"])
@both_doors
def test_where_git_does_not_have_the_definitions_only_the_tips_own_run_goes_on(
    repo: Scene, monkeypatch: pytest.MonkeyPatch, git_has: str
) -> None:
    """They are generated, of another checkout, or behind a link: git has the same at the path in each commit."""
    if git_has == "a link":
        (repo.home / "generated").mkdir()
        (repo.home / PATH).parent.mkdir()
        (repo.home / PATH).symlink_to("../generated")
    landed = repo.land

    def land(sha: str, *, base: str = "main") -> None:
        landed(sha, base=base)
        for name in [name for name in repo.github.objects if ":" in name]:
            del repo.github.objects[name]
            repo.github.objects |= {name: "b" * 40} if git_has != "nothing" else {}
        repo.github.trees = {"b" * 40: {".gitkeep": git_blob(b"")}} if git_has == "other files" else {}

    monkeypatch.setattr(repo, "land", land)
    adopt(repo, users=table(**tags(team="b")))
    planned(repo, 1, users=table(**tags(team="a")))
    first = repo.merge(1)
    repo.write(users=table(**tags(team="b")))
    with repo.through(PROCESS):
        assert repo.apply(merge_unplanned(repo, 2)).ending == NOOP
    repo.write(users=table(**tags(team="a")))
    repo.account.start_over()
    ran = repo.apply(first)
    assert ran.ending == SUPERSEDED
    assert "definitions cannot be compared" in ran.summary
    assert writes(repo) == []


def test_other_files_beside_the_definitions_make_no_difference(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    tree = repo.github.objects[f"{sha}:{PATH}"]
    repo.push()
    repo.github.objects[f"{BRANCH}:{PATH}"] = "c" * 40
    repo.github.trees["c" * 40] = {**repo.github.trees[tree], "README.md": "1" * 40, ".old/users.edn": "2" * 40}
    assert repo.apply(sha).ending == APPLIED


def test_a_commit_that_the_token_does_not_see_is_no_success(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    del repo.github.objects[sha], repo.github.history[sha, None]
    assert repo.apply(sha).ending == GITHUB
    assert writes(repo) == []


def test_a_tip_from_before_the_push_is_asked_for_again(repo: Scene) -> None:
    adopt(repo, users=table())
    planned(repo, 1, users=table(**tags(team="a")))
    before = dict(repo.github.objects)
    sha = repo.merge(1)
    after = dict(repo.github.objects)
    repo.github.objects |= before
    when(repo, "/compare/", lambda: repo.github.objects.update(after))
    assert repo.apply(sha).ending == APPLIED


def test_the_same_definitions_under_another_tip_go_on(repo: Scene) -> None:
    planned(repo, 1, users=table())
    sha = repo.merge(1)
    repo.push()
    assert repo.apply(sha).ending == APPLIED


# ---- environments, files, permissions --------------------------------------------------------------------------------


@both_doors
def test_two_environments_under_one_label(repo: Scene) -> None:
    prefixed = {"environment": "staging", "table_prefix": "staging-"}
    adopt(repo, users=table(**INDEX))
    with repo.through(PROCESS):
        repo.apply(repo.push(), approval="none", **prefixed)
    repo.account.client().update_table(
        TableName="staging-users", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-mail"}}]
    )
    repo.account.clock.advance(3600)
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    assert repo.plan(1, environment="production").ending == BLOCKED
    assert repo.plan(1, **prefixed).ending == NOOP
    repo.label(1)
    assert repo.plan(1, environment="production").ending == PLANNED
    assert repo.plan(1, **prefixed).ending == NOOP
    sha = repo.merge(1)
    assert repo.apply(sha, **prefixed).ending == NOOP
    assert repo.apply(sha, environment="production").ending == APPLIED
    assert len(repo.github.bodies(1)) == 1


def test_two_environments_keep_a_comment_each(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1, environment="staging", table_prefix="s-")
    repo.plan(1, environment="production")
    first, second = repo.github.bodies(1)
    assert first.split("\n")[0] != second.split("\n")[0]
    sha = repo.merge(1)
    assert repo.apply(sha, environment="staging", table_prefix="s-").ending == APPLIED
    assert repo.apply(sha, environment="production").ending == APPLIED


FILE = "build/plan.json"


def plan_file(repo: Scene, sha: str) -> Ran:
    """A job that plans a commit into a file of the workspace."""
    return repo.run({}, name="push", ref=BRANCH, sha=sha, inputs={"mode": "plan", "out": FILE})


@both_doors
def test_out_and_reviewed_across_two_jobs(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    sha = repo.push()
    assert plan_file(repo, sha).ending == PLANNED
    assert json.loads(repo.home.joinpath(FILE).read_text("utf-8"))["summary"]["update"] == 1
    assert repo.apply(sha, reviewed=FILE).ending == BLOCKED
    assert repo.apply(sha, reviewed=FILE, allow_destructive="users").ending == APPLIED


def test_a_plan_file_runs_its_differences_and_no_others(repo: Scene) -> None:
    repo.write(users=table())
    plan_file(repo, repo.push())
    repo.write(orders=table("orders"))
    assert repo.apply(repo.push(), reviewed=FILE).ending == CHANGED
    assert writes(repo) == ["CreateTable users"]


def test_a_plan_file_of_a_superseded_commit_does_not_run(repo: Scene) -> None:
    repo.write(users=table())
    sha = repo.push()
    plan_file(repo, sha)
    repo.write(orders=table("orders"))
    repo.push()
    repo.write(orders=None)
    assert repo.apply(sha, reviewed=FILE).ending == SUPERSEDED
    assert repo.apply(sha, reviewed=FILE, ref="refs/tags/v1").ending == APPLIED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "[" * 100_000])
def test_a_file_that_is_no_plan(repo: Scene, text: str) -> None:
    repo.write(users=table())
    repo.home.joinpath("plan.json").write_text(text, encoding="utf-8")
    ran = repo.apply(repo.push(), reviewed="plan.json")
    assert ran.ending == (1, "failed", "invalid-input")


def test_a_token_that_may_only_read_plans_without_a_record(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    ran = repo.plan(1, github_token=READ_ONLY_TOKEN)
    assert ran.ending == PLANNED
    assert "pull-requests: write" in ran.log
    assert repo.github.bodies(1) == []


def test_a_plan_on_a_push_is_not_red(repo: Scene) -> None:
    adopt(repo, users=table(**INDEX))
    repo.write(users=table(**NO_INDEXES))
    ran = repo.run({}, name="push", ref="refs/heads/main", sha=repo.push(), inputs={"mode": "plan"})
    assert ran.ending == PLANNED


def test_github_failing_to_take_the_record_fails_the_plan(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.github.faults.append(Fault("POST .*/comments", status=502, times=9))
    ran = repo.plan(1)
    assert ran.ending == GITHUB
    assert "1 to create" in ran.summary


def test_a_closed_pull_request_is_not_written_to(repo: Scene) -> None:
    planned(repo, 1, users=table())
    repo.merge(1)
    before = repo.comment(1)
    repo.write(users=table(**TTL))
    assert repo.plan(1).ending == PLANNED
    assert repo.comment(1) == before
