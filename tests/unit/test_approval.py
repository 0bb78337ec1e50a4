"""The gate's decisions as tables: what may run, which records count, what a record keeps, when a plan is red."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynatus_ci import review
from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.review import CommentFacts, Gate, PullRequestFacts, Record, Scope
from dynatus_ci.review.codec import COMMENT_BUDGET, encode
from dynatus_ci.review.gate import covered
from dynatus_ci.table.model import Action, Difference, Effect, Failure, Risk, Step, TableChange, Value
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from tests.scene import is_used

SAFE, DISRUPTIVE, DESTRUCTIVE = Risk.SAFE, Risk.DISRUPTIVE, Risk.DESTRUCTIVE
SCOPE = Scope(environment=None, account="9012", region="eu-west-1", path="resources/dynamo")
OWN = PullRequestFacts(number=7, base="main", merged=True, contained=True, own=True)
OLDER = PullRequestFacts(number=5, base="main", merged=True, contained=True)
INDEX = {"KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
OTHER_INDEX = {**INDEX, "Projection": {"ProjectionType": "KEYS_ONLY"}}
TTL = {"Enabled": True, "AttributeName": "t"}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}

# What steps of these tests serve, by a short name.
KINDS: dict[str, dict[str, Any]] = {
    "ttl": {"path": ("TimeToLiveSpecification",), "desired": {"Enabled": False}, "risk": DISRUPTIVE},
    "tag": {"path": ("Tags", "team"), "desired": "a"},
    "tag-b": {"path": ("Tags", "team"), "desired": "b"},
    "index": {"path": ("GlobalSecondaryIndexes", "by-a"), "desired": INDEX},
    "drop": {
        "path": ("GlobalSecondaryIndexes", "by-a"),
        "actual": INDEX,
        "risk": DESTRUCTIVE,
        "effect": Effect.DELETE,
    },
    "drop-other": {
        "path": ("GlobalSecondaryIndexes", "by-a"),
        "actual": OTHER_INDEX,
        "risk": DESTRUCTIVE,
        "effect": Effect.DELETE,
    },
    "rebuild": {
        "path": ("GlobalSecondaryIndexes", "by-a"),
        "actual": OTHER_INDEX,
        "desired": INDEX,
        "risk": DESTRUCTIVE,
        "effect": Effect.REBUILD_INDEX,
    },
    "pitr-off": {"path": ("PointInTimeRecoverySpecification",), "actual": True, "desired": False, "risk": DESTRUCTIVE},
    "pitr-off-lower": {"path": ("PointInTimeRecoverySpecification",), "desired": False, "risk": DISRUPTIVE},
    "delete": {"path": (), "actual": {}, "risk": DESTRUCTIVE, "effect": Effect.DELETE},
    "delete-empty": {"path": (), "actual": {}, "risk": DISRUPTIVE, "effect": Effect.DELETE},
    "recreate": {"path": ("KeySchema",), "desired": ["k"], "risk": DESTRUCTIVE, "effect": Effect.RECREATE},
    "recreate-empty": {"path": ("KeySchema",), "desired": ["k"], "risk": DISRUPTIVE, "effect": Effect.RECREATE},
    "create": {"path": (), "desired": {"KeySchema": ["k"]}, "effect": Effect.CREATE},
    "new-ttl": {"path": ("TimeToLiveSpecification",), "desired": {**TTL}, "effect": Effect.CREATE},
    "ttl-on": {"path": ("TimeToLiveSpecification",), "desired": {**TTL}, "risk": DISRUPTIVE},
    "new-stream": {"path": ("StreamSpecification",), "desired": {**STREAM}, "effect": Effect.CREATE},
    "stream-view": {"path": ("StreamSpecification",), "desired": {**STREAM}, "risk": DISRUPTIVE},
    "unsupported": {"path": ("TableClass",), "desired": "STANDARD", "effect": Effect.UNSUPPORTED},
}


def difference(kind: str, table: str = "users") -> Difference:
    return Difference(table=table, **{"actual": None, "desired": None, **KINDS[kind]})


def change(*kinds: str, table: str = "users", table_id: str | None = "id-1", **more: Value) -> TableChange:
    differences = tuple(difference(kind, table) for kind in kinds)
    identified = any(d.risk is DESTRUCTIVE or d.effect in {Effect.DELETE, Effect.RECREATE} for d in differences)
    return TableChange(
        table=table,
        action=more.pop("action", Action.UPDATE if kinds else Action.NOOP),
        table_id=table_id if identified else None,
        differences=differences,
        steps=tuple(step(d) for d in differences if d.effect is not Effect.UNSUPPORTED),
        **more,
    )


def step(*served: Difference, operation: str = "UpdateTable") -> Step:
    return Step(operation=operation, parameters={}, reason="", differences=tuple(d.id for d in served))


def plan(*changes: TableChange, **more: Value) -> Plan:
    return Plan(tables=changes, **{"account": "123456789012", "region": "eu-west-1", **more})


def found(
    *changes: TableChange,
    at: PullRequestFacts = OWN,
    scope: Scope = SCOPE,
    closed: tuple[str, ...] = (),
    untouched: bool = True,
) -> CommentFacts:
    kept = review.new_record(plan(*changes), scope, head="abc")
    if closed:
        kept = review.mark_used(kept, review.unfinished((), unread={"users", "orders"} - set(closed)))
    body = review.compose("text", scope=scope, record=kept)
    return CommentFacts(at, body, untouched=untouched, record=review.decode(body) if untouched else None)


def may_run(now: TableChange, *comments: CommentFacts, patterns: tuple[str, ...] = ()) -> FailureReason | None:
    """The first refusal of the table's steps."""
    gate = Gate(review.reviews_of(comments, SCOPE, branch="main"), patterns)
    refusals = [refusal for one in now.steps if (refusal := gate.refusal(now, one))]
    return refusals[0].reason if refusals else None


labelled = replace(OWN, labelled=True)
not_merged, missing = FailureReason.NOT_MERGED, FailureReason.PLAN_MISSING
changed, blocked = FailureReason.PLAN_CHANGED, FailureReason.DESTRUCTIVE_BLOCKED
named = ("users",)
CAPACITY_NOW = Difference(
    "users", ("ProvisionedThroughput",), {"R": 1}, {"R": 5}, covered_by=(difference("create").id,)
)
CAPACITY = replace(change("tag"), differences=(CAPACITY_NOW,), steps=(step(CAPACITY_NOW),))
LOWERED = replace(CAPACITY, differences=(replace(CAPACITY_NOW, risk=DISRUPTIVE),))

MAY_RUN = [
    # what runs now, what was found, the patterns, the expected reason
    ("reviewed runs", change("tag"), [found(change("tag"))], (), None),
    ("part done by hand", change("tag"), [found(change("tag", "ttl", "index"))], (), None),
    ("another value", change("tag-b"), [found(change("tag"))], (), changed),
    ("another table", change("tag", table="orders"), [found(change("tag"))], (), changed),
    ("one of two not reviewed", change("tag", "ttl"), [found(change("tag"))], (), changed),
    ("empty record", change("tag"), [found()], (), changed),
    ("disruptive, reviewed", change("ttl"), [found(change("ttl"))], (), None),
    ("lower risk than reviewed", change("pitr-off-lower"), [found(change("pitr-off"))], (), None),
    ("risen risk, not named", change("pitr-off"), [found(change("pitr-off-lower"))], (), changed),
    ("risen risk, named", change("pitr-off"), [found(change("pitr-off-lower"))], named, changed),
    ("risen risk, labelled", change("pitr-off"), [found(change("pitr-off-lower"), at=labelled)], (), changed),
    ("emptied table at apply", change("recreate-empty"), [found(change("recreate"))], (), None),
    ("filled table at apply", change("recreate"), [found(change("recreate-empty"))], named, changed),
    ("destructive, unnamed", change("drop"), [found(change("drop"))], (), blocked),
    ("destructive, named by table", change("drop"), [found(change("drop"))], named, None),
    ("destructive, named by index", change("drop"), [found(change("drop"))], ("users/by-a",), None),
    ("destructive, another index named", change("drop"), [found(change("drop"))], ("users/by-b",), blocked),
    ("destructive, labelled", change("drop"), [found(change("drop"), at=labelled)], (), None),
    ("another TableId", change("drop", table_id="id-2"), [found(change("drop"))], named, changed),
    ("another TableId, safe", change("tag", table_id="id-2"), [found(change("tag"))], (), None),
    ("no TableId to compare", change("drop", table_id=None), [found(change("drop", table_id=None))], named, changed),
    ("an endpoint without TableIds", change("drop", table_id=""), [found(change("drop", table_id=""))], named, None),
    ("a TableId where there was none", change("drop"), [found(change("drop", table_id=""))], named, changed),
    ("no TableId where there was one", change("drop", table_id=""), [found(change("drop"))], named, changed),
    ("another index", change("drop-other"), [found(change("drop"))], named, changed),
    ("another index, rebuilt", change("rebuild"), [found(change("rebuild"))], named, None),
    ("index gone, now created", change("index"), [found(change("rebuild"))], (), None),
    ("delete reviewed, unnamed", change("delete"), [found(change("delete"))], (), blocked),
    ("delete reviewed, named", change("delete"), [found(change("delete"))], named, None),
    ("delete an index's pattern", change("delete"), [found(change("delete"))], ("users/*",), blocked),
    ("delete empty", change("delete-empty"), [found(change("delete-empty"))], (), None),
    ("delete empty, another table", change("delete-empty", table_id="x"), [found(change("delete-empty"))], (), changed),
    ("recreate named", change("recreate"), [found(change("recreate"))], named, None),
    ("recreate of another table", change("recreate", table_id="x"), [found(change("recreate"))], named, changed),
    ("created after the drop", change("create"), [found(change("create", "recreate"))], (), None),
    ("what a stopped creation left", change("ttl-on"), [found(change("create", "new-ttl"))], (), None),
    ("a risk that came after the creation", change("stream-view"), [found(change("new-stream"))], (), changed),
    ("covered by the creation", CAPACITY, [found(change("create"))], (), None),
    ("covered by nothing reviewed", CAPACITY, [found(change("tag"))], (), changed),
    ("lowered since the creation", LOWERED, [found(change("create"))], (), changed),
    ("no pull request", change("tag"), [], (), not_merged),
    ("no pull request, named", change("drop"), [], named, not_merged),
    ("no pull request of its own, explained", change("tag"), [found(change("tag"), at=OLDER)], (), None),
    ("no own one, not explained", change("tag-b"), [found(change("tag"), at=OLDER)], (), not_merged),
    ("own without a plan", change("tag"), [CommentFacts(OWN)], (), missing),
    ("own without, older explains", change("tag"), [CommentFacts(OWN), found(change("tag"), at=OLDER)], (), None),
    ("own without, older does not", change("tag-b"), [CommentFacts(OWN), found(change("tag"), at=OLDER)], (), missing),
    ("two of its own, one counts", change("tag"), [CommentFacts(OWN), found(change("tag"))], (), None),
    ("two of its own, not explained", change("tag-b"), [CommentFacts(OWN), found(change("tag"))], (), changed),
    ("own edited", change("tag"), [found(change("tag"), untouched=False)], (), missing),
    ("own without a record", change("tag"), [CommentFacts(OWN, f"{SCOPE.marker}\nfaults")], (), missing),
    ("own into another branch", change("tag"), [found(change("tag"), at=replace(OWN, base="dev"))], (), missing),
    ("labelled, another branch", change("drop"), [found(change("drop"), at=replace(labelled, base="x"))], (), missing),
    ("own not contained", change("tag"), [found(change("tag"), at=replace(OWN, contained=False))], (), missing),
    ("older not merged", change("tag"), [found(change("tag"), at=replace(OLDER, merged=False))], (), not_merged),
    ("another account", change("tag"), [found(change("tag"), scope=replace(SCOPE, account="1"))], (), missing),
    ("another region", change("tag"), [found(change("tag"), scope=replace(SCOPE, region="us"))], (), missing),
    ("used up", change("tag"), [found(change("tag"), closed=named)], (), changed),
    ("another table used up", change("tag"), [found(change("tag"), closed=("orders",))], (), None),
    ("used up in a newer one", change("tag"), [found(closed=named), found(change("tag"), at=OLDER)], (), changed),
    (
        "used up in a newer one that names it",
        change("tag"),
        [found(change("ttl"), closed=named), found(change("tag"), at=OLDER)],
        (),
        changed,
    ),
    ("used up in an older one", change("tag"), [found(change("tag")), found(at=OLDER, closed=named)], (), None),
    ("two records together", change("tag", "ttl"), [found(change("tag")), found(change("ttl"), at=OLDER)], (), None),
    (
        "risen in the newer, covered by the older",
        change("pitr-off"),
        [found(change("pitr-off-lower")), found(change("pitr-off"), at=OLDER)],
        named,
        None,
    ),
    (
        "named by the older one's label",
        change("drop"),
        [found(change("drop")), found(change("drop"), at=replace(OLDER, labelled=True))],
        (),
        None,
    ),
    (
        "a label names its own record only",
        change("drop"),
        [found(change("tag"), at=labelled), found(change("drop"), at=OLDER)],
        (),
        blocked,
    ),
    (
        "refused always, named",
        change("recreate", refusal=Refusal("it has replicas")),
        [found(change("recreate"))],
        named,
        blocked,
    ),
    ("refused always, not reviewed", change("recreate", refusal=Refusal("it has replicas")), [found()], named, changed),
    ("nothing to do", change(), [], (), None),
    ("unsupported only", change("unsupported", action=Action.NOOP), [], (), None),
    ("unsupported beside it", change("unsupported", "tag"), [found(change("tag"))], (), None),
]


@pytest.mark.parametrize(
    ("now", "comments", "patterns", "expected"), [pytest.param(*row[1:], id=row[0]) for row in MAY_RUN]
)
def test_a_step_may_run_only_if_all_that_it_serves_was_reviewed_and_named(
    now: TableChange,
    comments: list[CommentFacts],
    patterns: tuple[str, ...],
    expected: FailureReason | None,
) -> None:
    assert may_run(now, *comments, patterns=patterns) == expected


def test_the_table_of_decisions_has_at_least_fifty_rows() -> None:
    assert len(MAY_RUN) >= 50
    assert len({row[0] for row in MAY_RUN}) == len(MAY_RUN)


def test_that_a_part_was_not_reviewed_is_said_before_another_part_is_not_named() -> None:
    now = change("drop", "ttl")
    refusal = Gate(review.reviews_of([found(change("drop"), at=OLDER)], SCOPE, branch="main")).refusal(
        now, now.steps[0]
    )
    assert refusal is not None
    assert refusal.reason is not_merged


def test_a_step_that_serves_nothing_known_serves_the_whole_table() -> None:
    now = change("tag", "ttl")
    gate = Gate(review.reviews_of([found(change("tag"))], SCOPE, branch="main"))
    vague = step(operation="CreateBackup")
    strange = Step("UpdateTable", {}, "", differences=(difference("tag").id, "0" * 32))
    assert gate.step_refusal(now, step(difference("tag"))) is None
    assert gate.step_refusal(now, vague) is not None
    assert gate.step_refusal(now, strange) is not None
    assert gate.refusal(now, step(difference("tag"))) is not None  # the other step of the table may not run


def test_deleting_a_table_needs_its_identity_whatever_the_difference_says() -> None:
    now = replace(
        change("recreate-empty"), differences=(replace(difference("recreate-empty"), effect=Effect.IN_PLACE),)
    )
    gate = Gate(review.reviews_of([found(now)], SCOPE, branch="main"))
    other = replace(now, table_id="id-2")
    delete = step(*now.differences, operation="DeleteTable")
    assert gate.refusal(now, delete) is None
    assert gate.refusal(other, step(*now.differences)) is None
    assert gate.refusal(other, delete) is not None


REFUSED = replace(change("recreate", refusal=Refusal("it has replicas")), steps=())
WHOLE = [
    # what is needed now, what was found, the patterns, the expected reason
    ("reviewed", change("tag", "unsupported"), [found(change("tag"))], (), None),
    ("nothing to do", change("unsupported", action=Action.NOOP), [found()], (), None),
    ("one of two not reviewed", change("tag", "ttl"), [found(change("tag"))], (), changed),
    ("unnamed", change("tag", "drop"), [found(change("tag", "drop"))], (), blocked),
    ("refused always, without a pull request", REFUSED, [], named, not_merged),
    ("refused always, without a plan", REFUSED, [CommentFacts(OWN)], named, missing),
    ("refused always, not reviewed", REFUSED, [found()], named, changed),
    ("refused always, reviewed", REFUSED, [found(REFUSED)], (), blocked),
]


@pytest.mark.parametrize(("now", "comments", "patterns", "expected"), [pytest.param(*r[1:], id=r[0]) for r in WHOLE])
def test_a_change_is_judged_as_a_whole_also_where_it_has_no_steps(
    now: TableChange, comments: list[CommentFacts], patterns: tuple[str, ...], expected: FailureReason | None
) -> None:
    refusal = Gate(review.reviews_of(comments, SCOPE, branch="main"), patterns).refusal(now, None)
    assert (refusal.reason if refusal else None) == expected


def test_what_is_refused_always_is_refused_for_its_own_reason_whether_it_is_named_or_not() -> None:
    for gate in (Gate(), Gate(patterns=named)):
        refusal = gate.refusal(REFUSED, None)
        assert refusal is not None
        assert refusal.sentence == "`users`: it has replicas"


def test_without_approval_only_what_is_destructive_must_be_named() -> None:
    tag, drop = change("tag"), change("drop")
    assert Gate().refusal(tag, tag.steps[0]) is None
    assert Gate(patterns=named).refusal(drop, drop.steps[0]) is None
    refusal = Gate().refusal(drop, drop.steps[0])
    assert refusal is not None
    assert refusal.reason is blocked
    assert refusal.hint == "Add `users/by-a` to ``allow-destructive``."


def test_the_label_is_offered_where_there_is_a_pull_request_to_put_it_on() -> None:
    drop = change("drop")
    refusal = Gate(review.reviews_of([found(drop)], SCOPE, branch="main")).refusal(drop, drop.steps[0])
    assert refusal is not None
    assert review.LABEL in (refusal.hint or "")


@pytest.mark.parametrize(
    ("pattern", "table", "kind", "expected"),
    [
        ("users", "users", "drop", True),
        ("users", "users", "delete", True),
        ("users", "users2", "delete", False),
        ("user", "users", "delete", False),
        ("Users", "users", "delete", False),
        ("user*", "users", "delete", True),
        ("*", "orders", "delete", True),
        ("u?ers", "users", "pitr-off", True),
        ("users/by-a", "users", "drop", True),
        ("users/by-*", "users", "rebuild", True),
        ("*/by-a", "users", "drop", True),
        ("*/*", "users", "delete", False),
        ("users/by-b", "users", "drop", False),
        ("users/", "users", "drop", False),
        ("users/", "users", "delete", False),
        ("orders/by-a", "users", "drop", False),
        ("users/by-a/x", "users", "drop", False),
        ("", "users", "delete", False),
    ],
)
def test_patterns_name_tables_or_indexes(pattern: str, table: str, kind: str, *, expected: bool) -> None:
    assert covered(difference(kind, table), [pattern]) is expected


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("drop", "users/by-a"),
        ("rebuild", "users/by-a"),
        ("delete", "users"),
        ("recreate", "users"),
        ("pitr-off", "users"),
    ],
)
def test_the_words_that_a_refusal_offers_name_the_difference(kind: str, words: str) -> None:
    assert review.pattern(difference(kind)) == words
    assert covered(difference(kind), [words])


@pytest.mark.parametrize(
    ("comment", "part"),
    [
        (CommentFacts(OWN, other_scopes=(replace(SCOPE, region="us-east-1"),)), "`region`"),
        (
            CommentFacts(OWN, other_scopes=(replace(SCOPE, environment="x", path="y"), replace(SCOPE, prefix="p-"))),
            "`table-prefix`",
        ),
        (CommentFacts(OWN, other_scopes=(replace(SCOPE, environment="prod"),)), "`environment`"),
        (CommentFacts(OWN, other_scopes=(replace(SCOPE, endpoint="http://x:8000"),)), "`endpoint-url`"),
        (found(change("tag"), untouched=False), "edited"),
        (found(change("tag"), at=replace(OWN, base="dev")), "another branch"),
        (CommentFacts(OWN, f"{SCOPE.marker}\nno record"), "no record"),
    ],
)
def test_a_missing_plan_says_what_stands_in_the_way(comment: CommentFacts, part: str) -> None:
    refusal = Gate(review.reviews_of([comment], SCOPE, branch="main")).refusal(change("tag"), change("tag").steps[0])
    assert refusal is not None
    assert part in refusal.message


def test_a_record_of_another_account_under_one_environment_does_not_count() -> None:
    here, there = (Scope(environment="prod", account=account, region="eu-west-1") for account in ("9012", "3333"))
    assert here.key == there.key
    comment = found(scope=there)
    assert "`account`" in (review.why_not_counted(comment, here, branch="main") or "")
    assert review.why_not_counted(comment, there, branch="main") is None


def test_not_merged_names_the_way_of_first_adoption() -> None:
    refusal = Gate(review.reviews_of([], SCOPE, branch="main")).refusal(change("tag"), change("tag").steps[0])
    assert refusal is not None
    assert "approval: none" in (refusal.hint or "")


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (CommentFacts(OWN), False),
        (found(change("tag")), False),
        (found(change("tag"), untouched=False), True),
        (CommentFacts(OWN, SCOPE.marker), True),
        (found(change("tag"), at=replace(OLDER, base="dev")), True),
        (found(change("tag"), scope=replace(SCOPE, account="1")), True),
        (found(change("tag"), at=replace(OLDER, contained=False)), False),
    ],
)
def test_a_comment_of_ours_that_cannot_be_trusted_stops_the_history(comment: CommentFacts, *, expected: bool) -> None:
    assert review.stops_history(comment, SCOPE, branch="main") is expected


@pytest.mark.parametrize(
    ("changes", "comments", "patterns", "expected"),
    [
        ([change("tag")], [found(change("tag"))], (), False),
        ([change("tag")], [CommentFacts(OWN)], (), True),
        ([change("drop")], [found(change("drop"))], (), True),
        ([change("drop")], [found(change("drop"))], named, False),
        ([change("tag"), change("ttl", table="orders")], [found(change("tag"))], (), True),
        ([change()], [], (), False),
        ([change("unsupported", action=Action.NOOP)], [], (), False),
    ],
)
def test_older_records_are_wanted_while_something_is_unexplained_or_unnamed(
    changes: list[TableChange],
    comments: list[CommentFacts],
    patterns: tuple[str, ...],
    *,
    expected: bool,
) -> None:
    gate = Gate(review.reviews_of(comments, SCOPE, branch="main"), patterns)
    assert gate.wants_more(plan(*changes)) is expected


def test_the_report_can_mark_what_was_not_reviewed() -> None:
    gate = Gate(review.reviews_of([found(change("tag"))], SCOPE, branch="main"))
    assert gate.unreviewed(change("tag", "ttl", "unsupported")) == (difference("ttl").id,)


NEWER = replace(OLDER, number=9, contained=False)


def test_a_record_that_is_newer_than_the_commit_only_closes() -> None:
    own, newer = found(change("tag")), found(change("ttl"), at=NEWER)
    older = found(change("index"), at=OLDER)
    assert may_run(change("tag"), newer, own, older) is None
    assert may_run(change("ttl"), newer, own, older) is changed
    assert may_run(change("index"), newer, own, older) is changed
    assert may_run(change("tag"), found(at=NEWER, closed=named), own) is changed


def test_nothing_counts_behind_a_comment_that_somebody_edited() -> None:
    edited = found(change("ttl"), at=replace(OLDER, number=9), untouched=False)
    assert may_run(change("tag"), edited, found(change("tag"))) is changed
    assert may_run(change("tag"), found(change("tag")), edited) is None


US, NAMESAKE, MALLORY = ("Bot", "one"), ("User", "one"), ("User", "two")


@pytest.mark.parametrize(
    ("author", "editor", "viewer", "edited", "expected"),
    [
        (US, None, True, False, True),
        (US, US, True, True, True),
        (US, MALLORY, True, True, False),
        (US, NAMESAKE, True, True, False),
        (US, None, True, True, False),
        (MALLORY, None, False, False, False),
        (MALLORY, MALLORY, False, True, False),
        (None, None, True, False, True),
        (None, None, True, True, False),
        (None, MALLORY, True, True, False),
    ],
)
def test_a_comment_is_trusted_if_it_is_ours_and_nobody_else_edited_it(
    author: object, editor: object, *, viewer: bool, edited: bool, expected: bool
) -> None:
    untouched = review.untouched(viewer_did_author=viewer, author=author, editor=editor, edited=edited)
    assert untouched is expected


# --- a plan file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reviewed", "now", "patterns", "expected"),
    [
        (plan(change("tag")), change("tag"), (), None),
        (plan(change("tag")), change("tag-b"), (), changed),
        (plan(change("drop")), change("drop"), (), blocked),
        (plan(change("drop")), change("drop"), named, None),
        (plan(change("drop")), change("drop", table_id="id-2"), named, changed),
        (plan(change("pitr-off-lower")), change("pitr-off"), named, changed),
        (plan(change("tag"), account="999999999999"), change("tag"), (), changed),
        (plan(change("tag"), account=None), change("tag"), (), changed),
        (plan(change("tag"), region="us-east-1"), change("tag"), (), changed),
        (plan(change("tag"), endpoint="http://x:1"), change("tag"), (), changed),
        (plan(), change("tag"), (), changed),
    ],
)
def test_a_plan_file_is_judged_like_one_open_record(
    reviewed: Plan, now: TableChange, patterns: tuple[str, ...], expected: FailureReason | None
) -> None:
    gate = Gate.of_plan_file(reviewed, patterns, account="123456789012", region="eu-west-1", endpoint=None)
    refusal = gate.refusal(now, now.steps[0])
    assert (refusal.reason if refusal else None) == expected


# --- the record ------------------------------------------------------------------------------------------------------


def big_plan(tables: int, kinds: tuple[str, ...]) -> Plan:
    return plan(
        *(change(*kinds, table=f"table-{n:05}" + "x" * 200, table_id=str(uuid.UUID(int=n))) for n in range(tables))
    )


@pytest.mark.parametrize(
    "kinds", [("tag", "ttl", "index"), ("pitr-off", "delete", "recreate"), ("tag", "ttl", "pitr-off")]
)
def test_three_thousand_differences_of_a_thousand_tables_fit(kinds: tuple[str, ...]) -> None:
    kept = review.new_record(big_plan(1_000, kinds), SCOPE, head="a" * 40)
    assert review.fits_comment(kept)
    text = "x" * review.remaining_characters(kept)
    body = review.compose(text, scope=SCOPE, record=kept)
    assert len(body) <= COMMENT_BUDGET
    assert review.decode(body) == kept


def test_a_record_that_is_too_large_says_so() -> None:
    assert not review.fits_comment(review.new_record(big_plan(2_500, ("tag", "ttl")), SCOPE, head=None))


def used(kept: Record, *kinds: str, unread: tuple[str, ...] = ()) -> Record:
    """The record after a run that has these differences of `users` left to do, as its comment holds it."""
    left = review.unfinished([difference(kind) for kind in kinds], unread=unread)
    done = review.decode(review.compose("t", scope=SCOPE, record=review.mark_used(kept, left)))
    assert done == review.mark_used(kept, left)
    return done


def still_open(*records: Record) -> set[str]:
    """Which of a few differences records (newest first) have open, by may_run."""
    comments = [CommentFacts(replace(OLDER, number=9 - age), "body", record=kept) for age, kept in enumerate(records)]
    return {kind for kind in ("tag", "tag-b", "ttl", "index") if may_run(change(kind), *comments) is None}


def test_after_a_run_only_what_it_still_wants_and_has_not_finished_is_open() -> None:
    kept = review.new_record(plan(change("tag", "ttl", "index")), SCOPE, head=None)
    assert still_open(kept) == {"tag", "ttl", "index"}
    assert still_open(used(kept, "ttl")) == {"ttl"}
    assert still_open(used(kept, "ttl", "tag-b")) == {"ttl"}
    assert still_open(used(kept)) == set()
    assert still_open(used(kept, unread=("users",))) == {"tag", "ttl", "index"}
    assert still_open(used(kept, unread=("orders",))) == set()


def test_what_was_closed_stays_closed() -> None:
    kept = review.new_record(plan(change("tag", "ttl")), SCOPE, head=None)
    assert still_open(used(used(kept, "ttl"), "tag")) == set()
    assert still_open(used(used(kept, "ttl"), "tag", "ttl")) == {"ttl"}
    assert still_open(used(used(kept, "ttl"), unread=("users",))) == {"ttl"}
    assert still_open(used(used(kept, unread=("users",)), "ttl")) == {"ttl"}


def test_what_is_closed_in_one_record_is_closed_in_all_older_ones() -> None:
    older = review.new_record(plan(change("tag", "ttl")), SCOPE, head=None)
    newer = review.new_record(plan(change("index")), SCOPE, head=None)
    assert still_open(newer, older) == {"index", "tag", "ttl"}
    assert still_open(used(newer, "tag"), older) == {"tag"}
    assert still_open(used(newer, "tag", "index"), older) == {"tag", "index"}
    assert still_open(used(newer), older) == set()
    assert still_open(used(newer, unread=("users",)), older) == {"index", "tag", "ttl"}
    assert still_open(used(used(newer, "tag"), unread=("users",)), older) == {"tag"}
    assert still_open(used(used(newer, unread=("users",)), "tag"), older) == {"tag"}


def test_a_record_never_outgrows_its_comment() -> None:
    """It gets smaller with what is closed; what it leaves open in older ones goes where there is no room."""
    big = big_plan(1_000, ("tag", "ttl"))
    kept = review.new_record(big, SCOPE, head=None)
    text = "x" * review.remaining_characters(kept)
    body = review.compose(text, scope=SCOPE, record=kept)
    others = [replace(each, table=f"other-{each.table}") for each in big.differences]
    after = review.mark_used(kept, review.unfinished([*big.differences, *others]))
    rewritten = review.with_record(body, after)
    assert len(rewritten) <= COMMENT_BUDGET + 20
    short = review.decode(rewritten)
    assert short is not None
    assert short.tables == kept.tables
    assert short.older == {}
    assert review.fits_comment(review.shortened(after))
    small = review.mark_used(kept, {})
    assert len(encode(small)) < 500
    assert review.shortened(small) == small


def test_a_record_of_version_0_1_is_read() -> None:
    """It closed whole tables, by a flag or by leaving them out of a list."""
    line = encode(review.new_record(plan(change("tag"), change("ttl", table="orders")), SCOPE, head="abc"))
    document = json.loads(line.removeprefix("<!-- dynatus-ci-record:1 ").removesuffix(" -->"))
    packed = bytearray(base64.b64decode(document["tables"]))
    packed[6] |= 1 << 5
    left = bytes.fromhex(next(iter(review.unfinished((), unread=["items"]))))
    document |= {"tables": base64.b64encode(packed).decode(), "left": base64.b64encode(left).decode()}
    kept = review.decode(f"{SCOPE.marker}\ntext\n<!-- dynatus-ci-record:1 {json.dumps(document)} -->")
    assert kept is not None
    assert [is_used(kept, name) for name in ("users", "orders", "items", "never-seen")] == [True, False, False, True]


def test_a_record_holds_no_account_number_and_nothing_that_means_something_to_github() -> None:
    here = review.scope(
        environment="--> <img> @org/team #1 ` \u2028 \ud800",
        account="123456789012",
        region="eu-west-1",
        endpoint="https://123456789012.ddb.eu-west-1.amazonaws.com/",
        path="./a//b/../c/",
        prefix="",
    )
    line = encode(review.new_record(plan(change("drop")), here, head="abc"))
    inside = line.removeprefix("<!-- dynatus-ci-record:1 ").removesuffix(" -->")
    assert "12345678" not in line
    assert line.isascii()
    assert not set("<>@#&\n") & set(inside)
    assert "--" not in inside
    assert (here.path, here.prefix, here.account) == ("a/c", None, "9012")
    kept = review.decode(review.compose("t", scope=here, record=review.new_record(plan(), here, head="abc")))
    assert kept is not None
    assert kept.scope == here


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"account": "9012"}, {"account": "9012"}, True),
        ({"account": "9012"}, {"account": "3333"}, False),
        ({"environment": "p", "account": "9012"}, {"environment": "p", "account": "3333"}, True),
        ({"environment": "9012"}, {"account": "9012"}, False),
        ({"region": "a"}, {"region": "b"}, False),
        ({"endpoint": "http://a"}, {}, False),
        ({"path": "a"}, {"path": "b"}, False),
        ({"prefix": "a"}, {"prefix": "b"}, False),
        ({"region": "ab", "endpoint": "c"}, {"region": "a", "endpoint": "bc"}, False),
    ],
)
def test_the_key_is_over_the_scope(one: dict[str, str], other: dict[str, str], *, same: bool) -> None:
    keys = Scope(**one).key, Scope(**other).key
    assert (keys[0] == keys[1]) is same
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in keys)


def body(**changed: Value) -> str:
    line = encode(review.new_record(plan(change("drop", "tag")), SCOPE, head="abc"))
    document = json.loads(line.removeprefix("<!-- dynatus-ci-record:1 ").removesuffix(" -->"))
    document = {name: value for name, value in {**document, **changed}.items() if value != "gone"}
    return f"{SCOPE.marker}\ntext\n<!-- dynatus-ci-record:1 {json.dumps(document)} -->"


def test_the_bodies_below_are_right_but_for_what_they_change() -> None:
    assert review.decode(body()) is not None
    assert review.decode(body().replace("\n", "\r\n") + "\r\n") is not None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "\n",
        SCOPE.marker,
        body().replace(":1 ", ":2 "),
        body().replace(SCOPE.marker, Scope(region="x").marker),
        "> " + body(),
        "hello\n" + body(),
        body() + "\nand more",
        body(path="elsewhere"),
        body(path=None),
        body(region=3),
        body(account=["9012"]),
        body(fingerprint=None),
        body(head=[]),
        body(tables=None),
        body(tables="gone"),
        body(tables="A"),
        body(tables="AAAA"),
        body(tables="!!!!"),
        body(tables=base64.b64encode(bytes(6) + b"\xff").decode()),
        body(tables=base64.b64encode(bytes(14)).decode()),
        body(left="AAAA"),
        body(left={}),
        body(left="", open="AAAA"),
        body(left="", open=3),
        f"{SCOPE.marker}\n<!-- dynatus-ci-record:1 {{}} -->",
        SCOPE.marker + "\n<!-- dynatus-ci-record:1 {" + "[" * 100_000 + "} -->",
        SCOPE.marker + "\n<!-- dynatus-ci-record:1 {" + '"a":{' * 50_000 + "} -->",
        body().replace("text", "x" * 300_000),
    ],
)
def test_a_record_that_does_not_decode_is_no_record(broken: str) -> None:
    assert review.decode(broken) is None


@given(st.binary(max_size=80))
def test_any_packed_bytes_are_refused_or_read_back_the_same(data: bytes) -> None:
    kept = review.decode(body(tables=base64.b64encode(data).decode()))
    if kept is not None:
        assert review.decode(review.compose("t", scope=SCOPE, record=kept)) == kept


@given(st.text(max_size=200))
def test_any_text_is_decoded_without_a_crash(text: str) -> None:
    assert review.decode(f"{SCOPE.marker}\n<!-- dynatus-ci-record:1 {{{text}}} -->") is None


# --- red, the label, the tip -----------------------------------------------------------------------------------------

UNREADABLE = TableChange("users", None, error=Failure("AccessDenied", "no", reason=FailureReason.ACCESS_DENIED))


@pytest.mark.parametrize(
    ("changes", "patterns", "how", "expected"),
    [
        ([change()], (), "recorded", (Outcome.NOOP, None)),
        ([change("tag")], (), "recorded", (Outcome.PLANNED, None)),
        ([change("ttl")], (), "recorded", (Outcome.PLANNED, None)),
        ([change("drop")], (), "recorded", (Outcome.REFUSED, blocked)),
        ([change("drop")], (), "unrecorded", (Outcome.PLANNED, None)),
        ([change("drop")], (), "labelled", (Outcome.PLANNED, None)),
        ([change("drop")], named, "recorded", (Outcome.PLANNED, None)),
        ([change("drop")], ("users/by-a",), "recorded", (Outcome.PLANNED, None)),
        ([change("drop"), change("drop", table="b")], named, "recorded", (Outcome.REFUSED, blocked)),
        ([change("delete", unproven=True)], (), "recorded", (Outcome.PLANNED, None)),
        ([change("delete", unproven=True), change("drop", table="b")], (), "recorded", (Outcome.REFUSED, blocked)),
        ([change("recreate", refusal=Refusal("it has replicas"))], named, "recorded", (Outcome.REFUSED, blocked)),
        ([change("recreate", refusal=Refusal("it has replicas"))], named, "unrecorded", (Outcome.REFUSED, blocked)),
        ([change("recreate", refusal=Refusal("it has replicas"))], (), "labelled", (Outcome.REFUSED, blocked)),
        ([UNREADABLE, change("drop", table="b")], (), "recorded", (Outcome.FAILED, FailureReason.ACCESS_DENIED)),
        ([change("unsupported", action=Action.NOOP)], (), "recorded", (Outcome.NOOP, None)),
    ],
)
def test_a_plan_is_red_where_what_it_destroys_is_not_named_but_could_be(
    changes: list[TableChange],
    patterns: tuple[str, ...],
    how: str,
    expected: tuple[Outcome, FailureReason | None],
) -> None:
    whole = plan(*changes)
    approved = review.Gate(None, ("*",) if how == "labelled" else patterns).approved_by(whole)
    verdict = review.verdict(whole, approved, recorded=how != "unrecorded")
    assert (verdict.result, verdict.reason) == expected
    assert bool(verdict.refusals) is (verdict.result in {Outcome.REFUSED, Outcome.FAILED})


@pytest.mark.parametrize(
    ("replaced", "now", "expected"),
    [
        (None, change("tag"), False),
        (None, change("drop"), True),
        (change("drop"), change("drop"), False),
        (change("drop"), change("tag"), False),
        (change("drop"), change("drop", "tag"), False),
        (change("drop", "pitr-off"), change("drop"), False),
        (change("drop"), change("drop", "pitr-off"), True),
        (change("drop"), change("drop", table_id="id-2"), True),
        (change("drop"), change("drop-other"), True),
        (change("pitr-off-lower"), change("pitr-off"), True),
        (change("drop", table="orders"), change("drop"), True),
    ],
)
def test_the_label_comes_off_when_it_was_given_for_something_else(
    replaced: TableChange | None, now: TableChange, *, expected: bool
) -> None:
    before = review.new_record(plan(replaced), SCOPE, head=None) if replaced else None
    assert review.must_remove_label(before, review.new_record(plan(now), SCOPE, head=None)) is expected


A, B = {"users.edn": "1" * 40}, {"users.edn": "2" * 40}


@pytest.mark.parametrize(
    ("tip", "expected"),
    [
        (("c2", A, A), None),
        (("c1", None, None), None),
        (("c1", B, A), None),
        (("c2", None, A), "cannot be compared"),
        (("c2c2c2c2c2c2c2", B, A), "The run of `c2c2c2c` applies them."),
        (("c2", {}, A), "other definitions"),
        (("c2", {}, {}), "cannot be compared"),
        (("c2", B, B), "cannot be compared"),
        (("c2", {**A, "orders.edn": "3" * 40}, A), "other definitions"),
        ((None, None, A), "gone"),
    ],
)
def test_the_tip_decides(
    tip: tuple[str | None, dict[str, str] | None, dict[str, str] | None], expected: str | None
) -> None:
    last, there, here = tip
    found = review.superseded("c1", tip=last, read=A, there=there, here=here)
    assert found is None if expected is None else found is not None and expected in found
