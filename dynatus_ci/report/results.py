"""What an apply did, as a view: what ran, what is left, and how to go on. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

from dynatus_ci.errors import FailureReason
from dynatus_ci.report import plans, words
from dynatus_ci.report import view as views
from dynatus_ci.report.consequences import Loss
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Fact, Line, Row, Section, StepLine, View
from dynatus_ci.schema.model import Action, Plan, TableChange
from dynatus_ci.schema.results import Outcome, Result, Status, StepResult, TableResult

_MARKS = {
    Outcome.FAILED: "🔴",
    Outcome.REFUSED: "🔴",
    Outcome.PENDING: "🟡",
    Outcome.PLANNED: "",
    Outcome.APPLIED: "",
    Outcome.NOOP: "",
}
_PAST = {Action.DELETE: "deleted", Action.RECREATE: "recreated", Action.CREATE: "created"}
_STOPPED = {
    FailureReason.CANCELLED: "It was cancelled. ",
    FailureReason.TIMEOUT: "It ran out of time (`wait-minutes`). ",
    FailureReason.QUOTA: "AWS allows no more of this for now. ",
}
_REVIEW = (
    "To approve what would run now, plan it in a new pull request that touches the definitions, "
    "or as a file (`out`, then `reviewed`)."
)
_REFUSED = {
    FailureReason.NOT_MERGED: f"{_REVIEW} To adopt tables for the first time, set `approval: none`.",
    FailureReason.PLAN_MISSING: _REVIEW,
    FailureReason.PLAN_CHANGED: _REVIEW,
}


def result(result: Result, context: Context) -> View:
    """What an apply did, or how far it has come."""
    if context.running:
        return _running(result, context)
    told = [table for outcome in _MARKS for table in result.tables if table.result is outcome and _is_told(table)]
    changes = {change.table: change for change in result.plan.tables}
    return View(
        title=views.title("apply", context, _verdict(result)),
        lead=_lead(result, context),
        alerts=tuple(_alerts(result, context)),
        next=tuple(_next(result, context)),
        next_link=_link(result, context),
        columns=("Table", "Result", "Steps", "Took"),
        rows=tuple(_row(table) for table in told),
        sections=tuple(_section(table, changes[table.table], context=context) for table in told),
        brief=True,
    )


def _running(result: Result, context: Context) -> View:
    """An apply that is under way: what is to be done, and the backups that it made so far."""
    number = words.plural(sum(change.changes for change in result.plan.tables), "table")
    return replace(
        plans.plan(result.plan, context),
        title=views.title("apply", context, f"{number} under way"),
        lead=plans.counts(result.plan),
        alerts=tuple(_backups(result, context)),
        next=("Nothing to do, it is running.",),
        next_link=Fact("Open the run", url=words.link(context.run_url or "")),
    )


def _is_told(table: TableResult) -> bool:
    return table.result is not Outcome.NOOP or bool(table.steps or table.notes)


def _moment(iso: str) -> str:
    """A point in time as people read it; as it is where it is not of ISO's form in UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)", iso)
    return f"{found[1]} {found[2]} UTC" if found else iso


def _verdict(result: Result) -> str:
    if result.result is Outcome.SUPERSEDED:
        return "superseded, and stopped" if result.changed else "superseded, nothing ran"
    if result.result in {Outcome.NOOP, Outcome.PLANNED, Outcome.VALID}:
        return "nothing to do"
    number = sum(table.result is result.result for table in result.tables)
    if result.result is Outcome.APPLIED:
        return f"{words.plural(number, 'table')} changed"
    of_all = f", {number:,} of {words.plural(len(result.tables), 'table')}" if number and result.tables[1:] else ""
    return f"{result.result}{of_all}"


def _lead(result: Result, context: Context) -> str:
    if result.result is Outcome.SUPERSEDED:
        return context.superseded or ""
    counted = [(outcome, sum(table.result is outcome for table in result.tables)) for outcome in _MARKS]
    found = [f"{number:,} {'unchanged' if one is Outcome.NOOP else one}" for one, number in counted if number]
    return ", ".join(found) if found[1:] or result.result is Outcome.NOOP else ""


def _alerts(result: Result, context: Context) -> Iterator[Alert]:
    failed = [_went_wrong(table) for table in result.tables if table.result is Outcome.FAILED]
    if failed:
        yield Alert("CAUTION", "Failed", tuple(map(Line, failed)))
    unnamed = _unnamed(result, context)
    named_elsewhere = {loss.change.table for loss in unnamed}
    refused = [table for table in result.tables if table.result is Outcome.REFUSED]
    told = [_went_wrong(table) for table in refused if table.table not in named_elsewhere]
    if told:
        yield Alert("CAUTION", "Refused, nothing of these tables was changed", tuple(map(Line, told)))
    if unnamed:
        yield plans.naming(unnamed, context, title="Destructive and not named, nothing of these tables was changed")
    waiting = [_goes_on(table) for table in result.tables if table.result is Outcome.PENDING]
    if waiting:
        yield Alert("WARNING", "Pending", tuple(map(Line, waiting)))
    yield from _backups(result, context)


def _refusals(result: Result) -> dict[str, FailureReason]:
    """Why tables were refused, by their names."""
    refused = [table for table in result.tables if table.result is Outcome.REFUSED]
    return {table.table: table.error.reason for table in refused if table.error}


def _unnamed(result: Result, context: Context) -> list[Loss]:
    """What was refused because nobody named it; what may never run has no words that name it."""
    refusals, lost = _refusals(result), plans.losses(result.plan)
    blocked = [loss for loss in lost if refusals.get(loss.change.table) is FailureReason.DESTRUCTIVE_BLOCKED]
    return [loss for loss in blocked if loss.difference.id not in context.named]


def _went_wrong(table: TableResult) -> str:
    why = plans.failed(table.table, table.error) if table.error else f"{words.code(table.table)}: stopped."
    left = len(_left(table))
    done = len(table.steps) - left
    progress = f" {words.plural(done, 'step')} done, {left:,} left." if done else ""
    return f"{why}{progress}{_until(table)}"


def _goes_on(table: TableResult) -> str:
    left = _left(table)
    what = f"still to do: {left[0].step.reason}" if left else "not finished"
    more = f", and {words.plural(len(left) - 1, 'step')} more" if len(left) > 1 else ""
    return f"{words.code(table.table)}: {what}{more}.{_until(table)}"


def _left(table: TableResult) -> list[StepResult]:
    return [step for step in table.steps if step.status is not Status.DONE]


def _took(table: TableResult) -> str:
    return words.span(sum(step.took or 0 for step in table.steps))


def _until(table: TableResult) -> str:
    return f" It can go on from {_moment(table.resume_at)}." if table.resume_at else ""


def _backups(result: Result, context: Context) -> Iterator[Alert]:
    """The backups that this run made, with the command that brings one back under another name."""
    made = [(table.table, table.backup) for table in result.tables if table.backup]
    lines = tuple(
        Line(f"{words.code(name)}: {words.code(arn)}", (_restore(name, arn, result.plan, context=context),))
        for name, arn in made
    )
    hidden_account = any("${ACCOUNT}" in copied for line in lines for copied in line.copy)
    head = ("ACCOUNT=$(aws sts get-caller-identity --query Account --output text)",) if hidden_account else ()
    if lines:
        yield Alert("IMPORTANT", "Backups", lines, ask="To restore:", language="sh", copy_head=head)


def _restore(table: str, backup: str, plan: Plan, *, context: Context) -> str:
    arn = shlex.quote(words.clean(backup))
    if context.in_github and not arn.startswith("'"):
        arn = re.sub(r":\d{12}:", ":${ACCOUNT}:", arn)
    options = {"region": plan.region, "endpoint-url": plan.endpoint, "target-table-name": f"{table}-restored"}
    given = [f"--{name} {shlex.quote(words.clean(value))}" for name, value in options.items() if value]
    return " \\\n  ".join(["aws dynamodb restore-table-from-backup", *given, f"--backup-arn {arn}"])


def _next(result: Result, context: Context) -> Iterator[str]:
    again = "Re-run the failed jobs" if context.in_github else "Run `dynatus apply` again"
    if result.result is Outcome.FAILED:
        stopped = _STOPPED.get(result.failure_reason, "") if result.failure_reason else ""
        moments = sorted(table.resume_at for table in result.tables if table.resume_at)
        after = f" after {_moment(moments[-1])}" if moments else ""
        review = " No new review is needed." if context.approval == "reviewed-plan" else ""
        yield f"{stopped}What is done stays done. {again}{after}; it goes on from here.{review}"
    if result.result is Outcome.PENDING:
        yield f"The next apply finishes it, on its schedule or by hand. {again.replace(' failed', '')} to go on now."
    if _unnamed(result, context):
        yield "Name what may be lost, then apply again."
    reasons = _refusals(result).values()
    yield from dict.fromkeys(advice for reason, advice in _REFUSED.items() if reason in reasons)


def _link(result: Result, context: Context) -> Fact | None:
    """Where to go next: to the run that is to be started again, or to what was reviewed."""
    if result.result is Outcome.FAILED:
        return Fact("Open the run", url=words.link(context.run_url or ""))
    if result.result is Outcome.REFUSED:
        return Fact("See what was reviewed", url=words.link(context.comment_url or ""))
    return None


def _row(table: TableResult) -> Row:
    done = len(table.steps) - len(_left(table))
    ran = f"{done:,} of {len(table.steps):,}" if table.steps else "none"
    return Row(table.table, _state(table), ran, _took(table) if done else "", _MARKS[table.result])


def _state(table: TableResult) -> str:
    if table.result is Outcome.NOOP:
        return "unchanged"
    if table.result is Outcome.APPLIED:
        return _PAST.get(table.action or Action.UPDATE, "updated")
    return f"{table.action or 'read'} {table.result}"


def _section(table: TableResult, change: TableChange, *, context: Context) -> Section:
    planned = plans.section(change, context)
    return replace(
        planned,
        mark=_MARKS[table.result],
        gist=_gist(table),
        errors=(_went_wrong(table),) if table.error else (),
        sides=planned.sides if table.action is Action.CREATE else ("Before", "After"),
        steps=tuple(_step(step, new=table.action is Action.CREATE) for step in table.steps),
        news=table.notes,
    )


def _step(ran: StepResult, *, new: bool) -> StepLine:
    line = plans.step_line(ran.step, status=ran.status.value, took=ran.took)
    # Once it exists, a new table's later steps are planned as changes of it; but nothing of it is at risk.
    return replace(line, mark="") if new else line


def _gist(table: TableResult) -> str:
    left = len(_left(table))
    done = len(table.steps) - left
    if not done:
        return _state(table)
    return f"{_state(table)}, {words.plural(done, 'step')} " + (
        f"done, {left:,} left" if left else f"in {_took(table)}"
    )
