"""Plans, results and faults of the example shop (tests/shop.py), and the places where reports of them are shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from dynatus_ci import review
from dynatus_ci.aws import call_errors
from dynatus_ci.definitions import loader
from dynatus_ci.errors import FailureReason, Fault, InvalidDefinitions
from dynatus_ci.report import ReportContext
from dynatus_ci.review import Gate, Scope
from dynatus_ci.table import emulators, fit, usage
from dynatus_ci.table.facts import Emptiness, Endpoint
from dynatus_ci.table.fit import Answers, Question
from dynatus_ci.table.item_checks import Extent
from dynatus_ci.table.model import Failure, Risk, TableChange, Usage
from dynatus_ci.table.outcome import Outcome, Result, Status, StepResult, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.table.usage import ReadMetric
from dynatus_ci.text import option
from tests import shop
from tests.shop import ACCOUNT, KNOWN, change, creation, plan
from tests.unit.test_planner import FOLDER, planned

GITHUB = ReportContext(
    path="resources/dynamo",
    environment="production",
    commit="4f2c9e1b7a6d5c4b3a29180706f5e4d3c2b1a090",
    run_url="https://github.com/acme/shop/actions/runs/17012345678",
    summary_url="https://github.com/acme/shop/actions/runs/17012345678#summary",
    approval="reviewed-plan",
    record=True,
    label_on="this pull request",
    in_github=True,
)
APPLY = replace(GITHUB, mode="apply", comment_url="https://github.com/acme/shop/pull/41#issuecomment-2", label_on="")
TERMINAL = ReportContext()


def all_destructive(plan: Plan) -> dict[str, str]:
    """All destructive differences of a plan, approved: nothing is blocked. What approved them is not said."""
    return {difference.id: "" for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE}


def table_result(change: TableChange, *statuses: Status, result: Outcome, **more: object) -> TableResult:
    """The result of a table: a status for each of its planned steps."""
    steps = tuple(
        StepResult(step, status, step.seconds_itself[0] + 0.4 if status is Status.DONE else None)
        for step, status in zip(change.steps, statuses, strict=True)
    )
    return TableResult(change.table, change.action, result, steps, **more)  # type: ignore[arg-type]  # error, backup


def golden(name: str) -> Plan:
    """The plan of a golden case."""
    case = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Plan((planned(case),), account=ACCOUNT, region="eu-west-1")


# The same few tables in all that reports can show; RED has each risk, and what is blocked.
FIRST = plan(creation("users"), creation("carts"), creation("orders"), creation("events"))
RED = usage.added(
    plan(*map(change, ("orders", "users", "events", "archive", "carts", "countries", "currencies"))),
    {
        ReadMetric("archive"): Usage(0, None),
        ReadMetric("orders"): Usage(1_310_422, "2026-11-26"),
        ReadMetric("users", "email-index"): Usage(41_220, "2026-11-25"),
    },
)
UPDATES = plan(*map(change, ("users", "payments", "reports")))
BIG = plan(
    *(change("users", as_name=f"service-{n:03}-table") for n in range(20)),
    *(creation("users", as_name=f"table-{n:03}") for n in range(280)),
)
COPY = golden("copy-from-new-table")
KEEP = golden("keep-items-another-key")
THROUGH_S3 = golden("through-s3-new-table")
RESTORED = golden("restore-from-backup")


def questions_of(change: TableChange) -> tuple[Question, ...]:
    """What the change asks of the items: of the table that changes, and of those that are to be copied into it."""
    found = (fit.of_actual(change, now=1_800_000_000), fit.of_copy(change, whole=False))
    return tuple(question for one in found if one for question in one.questions)


def asked(change: TableChange, *counts: int, read: Extent = Extent.ALL, items: int = 10_000) -> TableChange:
    """The change after its items were asked; `counts` are the answers to its questions, in their order."""
    questions = questions_of(change)
    answers = Answers(read, items, dict(zip(questions, counts, strict=False)), denied=read is Extent.NONE)
    return fit.judged(change, fit.checks(questions, answers))


UNFIT_COPY = replace(COPY, tables=(asked(COPY.tables[0], 12, 1, read=Extent.SAMPLE, items=61_440),))
MISFITS = plan(
    asked(change("users"), 3, 2, 1),
    asked(change("events"), 1_204, 0, 17, read=Extent.SAMPLE, items=266_180),
    change("carts"),
)
FITTING = plan(asked(change("users")), asked(change("events"), read=Extent.NONE))
NOTHING = plan(change("countries"), change("currencies"))
EMPTY = plan(change("orders", replace(KNOWN, emptiness=Emptiness.EMPTY)), change("countries"))
UNPROVEN = plan(change("orders", replace(KNOWN, emptiness=Emptiness.UNKNOWN)), change("countries"))
LOCAL = replace(KNOWN, endpoint=Endpoint("ddblocal", emulators.DYNAMODB_LOCAL))
AT_EMULATOR = replace(
    plan(creation("carts", LOCAL), creation("reports", LOCAL), change("countries"), endpoint="http://dynamodb:8000"),
    account=None,
)


def access_denied(operation: str, table: str) -> Failure:
    """The failure that the product makes of AWS's AccessDeniedException."""
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ci"
    arn = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{table}"
    why = f"because no identity-based policy allows the dynamodb:{operation} action"
    message = f"User: {who} is not authorized to perform: dynamodb:{operation} on resource: {arn} {why}"
    answer = {"Error": {"Code": "AccessDeniedException", "Message": message}, "ResponseMetadata": {}}
    error = ClientError(answer, operation)  # type: ignore[arg-type]  # what matters of an answer
    return call_errors.failure(call_errors.explain(error, operation=operation, table=table))


UNREADABLE = plan(
    TableChange("users", None, error=access_denied("DescribeTable", "users")), change("carts"), change("countries")
)


def reviewed_without(path: tuple[str, ...], table: str) -> Gate:
    """The gate after the merge of a plan that lacked one difference. Some of what is destructive is not approved."""
    reviewed = [
        replace(change, differences=tuple(d for d in change.differences if (d.table, d.path) != (table, path)))
        for change in RED.tables
    ]
    scope = Scope()
    merged = review.PullRequestFacts(41, "main", merged=True, contained=True, own=True)
    comment = review.CommentFacts(merged, "", record=review.new_record(plan(*reviewed), scope, head=None))
    return Gate(review.reviews_of([comment], scope, branch="main"), ("archive", "events", "users/*"))


def all_or_refused(change: TableChange, gate: Gate) -> TableResult:
    """The result of a table of which every step ran, or of which the gate refused one."""
    refusal = next(filter(None, (gate.refusal(change, step) for step in change.steps)), None)
    count = len(change.steps)
    if refusal is None:
        return table_result(change, *[Status.DONE] * count, result=Outcome.APPLIED if count else Outcome.NOOP)
    error = Failure(refusal.reason.value, refusal.sentence, reason=refusal.reason)
    return table_result(change, *[Status.REFUSED] * count, result=Outcome.REFUSED, error=error)


GATE = reviewed_without(("StreamSpecification",), "users")
GATED_APPLY = replace(
    APPLY,
    approved_by=dict.fromkeys(GATE.approved_by(RED), ""),
    unreviewed=frozenset(i for t in RED.tables for i in GATE.unreviewed(t)),
)


def refused() -> Result:
    """The gate refused a table, so the apply was refused."""
    tables = tuple(all_or_refused(change, GATE) for change in RED.tables)
    return Result(RED, tables, Outcome.REFUSED, FailureReason.PLAN_CHANGED)


def backup(table: str) -> str:
    return f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{table}/backup/01489602797149-73d8d5bc"


def partial() -> Result:
    """One table failed, one is pending, the rest is done."""
    done = Status.DONE
    by_name = {change.table: change for change in RED.tables}
    tables = (
        table_result(by_name["archive"], done, done, result=Outcome.APPLIED, backup=backup("archive")),
        table_result(by_name["carts"], done, done, result=Outcome.APPLIED),
        table_result(by_name["countries"], result=Outcome.NOOP),
        table_result(by_name["currencies"], result=Outcome.NOOP),
        table_result(by_name["events"], done, done, done, result=Outcome.APPLIED),
        table_result(
            by_name["orders"],
            *([done] * 4),
            Status.FAILED,
            result=Outcome.FAILED,
            backup=backup("orders"),
            error=access_denied("CreateTable", "orders"),
        ),
        table_result(
            by_name["users"],
            *([done] * 6),
            Status.RUNNING,
            result=Outcome.PENDING,
            resume_at="2026-11-24T14:02:11Z",
        ),
    )
    return Result(RED, tables, Outcome.FAILED, FailureReason.ACCESS_DENIED)


def applied() -> Result:
    """Every step of FIRST is done."""
    tables = tuple(all_or_refused(change, Gate(None)) for change in FIRST.tables)
    return Result(FIRST, tables, Outcome.APPLIED)


def copied() -> Result:
    """A table that was filled while an application wrote to both."""
    note = (
        "Copied 99,998 items of `orders`. All 100,000 items are in `orders-2`. 2 items differ and 5 are only in "
        "`orders-2`: an application wrote them there. That took 41 s, 21,950 read units and 99,998 write units."
    )
    (change,) = COPY.tables
    done = (Status.DONE,) * len(change.steps)
    return Result(COPY, (table_result(change, *done, result=Outcome.APPLIED, notes=(note,)),), Outcome.APPLIED)


def imported() -> Result:
    """A table that AWS has made of an export."""
    cost = "That took 412 s, 3,663 read units and 0 write units."
    note = f"All 100,000 items of the export of `orders` are in `orders-2`. {cost}"
    (change,) = THROUGH_S3.tables
    done = (Status.DONE,) * len(change.steps)
    result = table_result(change, *done, result=Outcome.APPLIED, notes=(note,))
    return Result(THROUGH_S3, (result,), Outcome.APPLIED)


def stopped_copy() -> Result:
    """A copy that was stopped half-way."""
    message = f"Apply has reached its time limit ({option('wait-minutes')}). Run it again to continue."
    error = Failure("Timeout", message, reason=FailureReason.TIMEOUT)
    (change,) = COPY.tables
    statuses = (Status.DONE, Status.FAILED, *[Status.NOT_RUN] * len(change.steps[2:]))
    result = table_result(change, *statuses, result=Outcome.FAILED, error=error)
    return Result(COPY, (result,), Outcome.FAILED, FailureReason.TIMEOUT)


def kept() -> Result:
    """A table that was recreated with its items."""
    cost = "That took 98 s, 21,950 read units and 100,000 write units."
    equal = (
        "All 100,000 items of `orders` are in `orders.dynatus-items`, all of them equal. 2 were copied again, and 1 "
        "deleted there. That took 55 s, 14,655 read units and 3 write units."
    )
    notes = (
        f"Copied 100,000 items of `orders`. All 100,000 items are in `orders.dynatus-items`. {cost}",
        equal,
        f"Copied 100,000 items of `orders.dynatus-items`. All 100,000 items are in `orders`. {cost}",
    )
    (change,) = KEEP.tables
    done = (Status.DONE,) * len(change.steps)
    result = table_result(change, *done, result=Outcome.APPLIED, backup=backup("orders"), notes=notes)
    return Result(KEEP, (result,), Outcome.APPLIED)


def keeping() -> Result:
    """The same while it runs, after its backup."""
    (table,) = kept().tables
    return Result(KEEP, (replace(table, result=Outcome.PENDING),), Outcome.PENDING)


def stopped_keeping() -> Result:
    """The same, stopped while the items were copied back."""
    message = f"Apply has reached its time limit ({option('wait-minutes')}). Run it again to continue."
    error = Failure("Timeout", message, reason=FailureReason.TIMEOUT)
    (change,) = KEEP.tables
    done = next(n for n, step in enumerate(change.steps) if step.reason.startswith("copy the items back"))
    left = [Status.NOT_RUN] * len(change.steps[done + 1 :])
    result = table_result(
        change,
        *([Status.DONE] * done),
        Status.FAILED,
        *left,
        result=Outcome.FAILED,
        error=error,
        backup=backup("orders"),
        notes=kept().tables[0].notes[:2],
        unfinished=change.differences,
    )
    return Result(KEEP, (result,), Outcome.FAILED, FailureReason.TIMEOUT)


def running() -> Result:
    """An apply that is under way, as its first report tells."""
    orders = next(table for table in partial().tables if table.table == "orders")
    return Result(RED, (replace(orders, result=Outcome.PENDING, error=None),), Outcome.PENDING)


def faulty_files() -> tuple[tuple[Fault, ...], dict[str, str]]:
    """The faults that the loader finds in cases/shop/broken, and the texts of these files by name."""
    with pytest.raises(InvalidDefinitions) as invalid:
        loader.load(shop.SHOP / "broken")
    faults = tuple(replace(fault, place=shop.in_repository(fault.place)) for fault in invalid.value.faults)
    texts = {path.name: path.read_text("utf-8") for path in (shop.SHOP / "broken").iterdir()}
    return faults, {f"{shop.FOLDER}/{name}": text for name, text in texts.items()}


def spoilt() -> Result:
    """Items were spoilt after the plan was merged: the apply refused one table, and changed the others."""
    users, *others = (next(c for c in MISFITS.tables if c.table == name) for name in ("users", "carts", "events"))
    error = Failure(
        "items-do-not-fit", users.refusal.message if users.refusal else "", reason=FailureReason.ITEMS_DO_NOT_FIT
    )
    statuses = [Status.REFUSED] * len(users.steps)
    tables = [table_result(users, *statuses, result=Outcome.REFUSED, error=error, checks=users.checks)]
    tables += [replace(all_or_refused(other, Gate(None)), checks=other.checks) for other in others]
    unasked = plan(*(replace(change, checks=(), refusal=None) for change in MISFITS.tables))
    return Result(unasked, tuple(tables), Outcome.REFUSED, FailureReason.ITEMS_DO_NOT_FIT)


def keys_of_misfits() -> dict[str, list[Answers]]:
    """What `dynatus check --show-keys` found out about the keys."""
    asked = questions_of(change("users"))
    names = (("u-0017", "u-2219", "u-8024"), ("u-0005", "u-0555"))
    keys = {one: tuple({"user_id": {"S": name}} for name in some) for one, some in zip(asked, names, strict=False)}
    return {"users": [Answers(Extent.ALL, 10_000, keys=keys)]}


FAULTS, SOURCES = faulty_files()
