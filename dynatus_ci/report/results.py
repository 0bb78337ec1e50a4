"""What an apply did, as a view: what ran, what is left, and how to go on. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

from dynatus_ci.errors import FailureReason
from dynatus_ci.report import consequences, plans, text
from dynatus_ci.report import view as views
from dynatus_ci.report.consequences import Loss
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Fact, Line, Row, Section, View
from dynatus_ci.schema.model import Action, Outcome, Plan, Result, Status, TableChange, TableResult

_MARKS = {
    Outcome.FAILED: "🔴",
    Outcome.REFUSED: "🔴",
    Outcome.PENDING: "🟡",
    Outcome.PLANNED: "",
    Outcome.APPLIED: "",
    Outcome.NOOP: "",
}
_COUNTED = {Outcome.NOOP: "unchanged"}
_STOPPED = {
    FailureReason.CANCELLED: "It was cancelled.",
    FailureReason.TIMEOUT: "It ran out of time (`wait-minutes`).",
    FailureReason.QUOTA: "AWS allows no more of this for now.",
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


def running(result: Result, context: Context) -> View:
    """An apply that is under way: what is to be done, and the backups that it made so far."""
    number = text.plural(sum(change.changes for change in result.plan.tables), "table")
    return replace(
        plans.view(result.plan, context),
        title=f"DynamoDB apply{plans.of(context)}: {number} under way",
        lead=plans.counts(result.plan),
        alerts=tuple(_backups(result, context)),
        next=("Nothing to do, it is running.",),
        next_link=Fact("Open the run", url=text.link(context.run_url or "")),
    )


def view(result: Result, context: Context) -> View:
    """A result, or how far an apply has come."""
    if context.running:
        return running(result, context)
    shown = [table for outcome in _MARKS for table in result.tables if table.result is outcome and _shown(table)]
    changes = {change.table: change for change in result.plan.tables}
    return View(
        title=f"DynamoDB apply{plans.of(context)}: {_verdict(result)}",
        lead=_lead(result, context),
        alerts=tuple(_alerts(result, context)),
        next=tuple(_next(result, context)),
        next_link=_link(result, context),
        columns=("Table", "Result", "Steps", "Took"),
        rows=tuple(_row(table) for table in shown),
        sections=tuple(_section(table, changes.get(table.table), context=context) for table in shown),
        notes=(*result.plan.notes, *context.notes),
        facts=views.facts(result.plan, context),
        rest_url=text.link(context.summary_url or ""),
    )


def _shown(table: TableResult) -> bool:
    return table.result is not Outcome.NOOP or bool(table.steps or table.notes)


def moment(iso: str) -> str:
    """A point in time as people read it; as it is where it is not of ISO's form in UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)", iso)
    return f"{found[1]} {found[2]} UTC" if found else iso


def _verdict(result: Result) -> str:
    if result.result is Outcome.SUPERSEDED:
        return "superseded, nothing ran"
    if result.result in {Outcome.NOOP, Outcome.PLANNED, Outcome.VALID}:
        return "nothing to do"
    number = sum(table.result is result.result for table in result.tables)
    of_all = f"{number:,} of {text.plural(len(result.tables), 'table')}" if len(result.tables) > 1 else ""
    if result.result is Outcome.APPLIED:
        return f"{text.plural(number, 'table')} changed"
    return f"{result.result.value}{f', {of_all}' if of_all and number else ''}"


def _lead(result: Result, context: Context) -> str:
    if result.result is Outcome.SUPERSEDED:
        other = f"The run of {text.code(context.superseded_by[:7])}" if context.superseded_by else "A newer run"
        return f"The branch has other definitions by now. {other} applies them."
    counted = [(outcome, sum(table.result is outcome for table in result.tables)) for outcome in _MARKS]
    found = [f"{number:,} {_COUNTED.get(outcome, outcome.value)}" for outcome, number in counted if number]
    return ", ".join(found) if found[1:] or result.result is Outcome.NOOP else ""


def _alerts(result: Result, context: Context) -> Iterator[Alert]:
    failed = [_went_wrong(table) for table in result.tables if table.result is Outcome.FAILED]
    if failed:
        yield Alert("CAUTION", "Failed", tuple(failed))
    unnamed = _unnamed(result, context)
    named_elsewhere = {loss.change.table for loss in unnamed}
    refused = [table for table in result.tables if table.result is Outcome.REFUSED]
    told = [_went_wrong(table) for table in refused if table.table not in named_elsewhere]
    if told:
        yield Alert("CAUTION", "Refused, nothing of these tables was changed", tuple(told))
    if unnamed:
        yield plans.naming(unnamed, context, title="Destructive and not named, nothing of these tables was changed")
    waiting = [_goes_on(table) for table in result.tables if table.result is Outcome.PENDING]
    if waiting:
        yield Alert("WARNING", "Pending", tuple(waiting))
    yield from _backups(result, context)


def _unnamed(result: Result, context: Context) -> list[Loss]:
    """What was refused because nobody named it; what may never run has no words that name it."""
    refused = {table.table for table in result.tables if table.error and table.result is Outcome.REFUSED
               and table.error.reason is FailureReason.DESTRUCTIVE_BLOCKED}  # fmt: skip
    lost = plans.losses(result.plan)
    return [loss for loss in lost if loss.change.table in refused and loss.difference.id not in context.named]


def _went_wrong(table: TableResult) -> Line:
    why = plans.error_line(table.table, table.error).sentence if table.error else f"{text.code(table.table)}: stopped."
    done = sum(step.status is Status.DONE for step in table.steps)
    left = len(table.steps) - done
    progress = f" {text.plural(done, 'step')} done, {left:,} left." if done else ""
    return Line(f"{why}{progress}{_until(table)}")


def _goes_on(table: TableResult) -> Line:
    left = [step.step for step in table.steps if step.status is not Status.DONE]
    what = f"still to do: {left[0].reason}" if left else "not finished"
    more = f", and {text.plural(len(left) - 1, 'step')} more" if len(left) > 1 else ""
    return Line(f"{text.code(table.table)}: {what}{more}.{_until(table)}")


def _until(table: TableResult) -> str:
    return f" It can go on from {moment(table.resume_at)}." if table.resume_at else ""


def _backups(result: Result, context: Context) -> Iterator[Alert]:
    """The backups that this run made, with the command that brings one back under another name."""
    made = [table for table in result.tables if table.backup]
    lines = tuple(
        Line(
            f"{text.code(table.table)}: {text.code(table.backup or '')}",
            (_restore(table, result.plan, context=context),),
        )
        for table in made
    )
    hidden_account = context.in_github and any("${ACCOUNT}" in copied for line in lines for copied in line.copy)
    head = ("ACCOUNT=$(aws sts get-caller-identity --query Account --output text)",) if hidden_account else ()
    if lines:
        yield Alert("IMPORTANT", "Backups", lines, ask="To restore:", language="sh", copy_head=head)


def _restore(table: TableResult, plan: Plan, *, context: Context) -> str:
    arn = shlex.quote(text.clean(table.backup or ""))
    if context.in_github and not arn.startswith("'"):
        arn = re.sub(r":\d{12}:", ":${ACCOUNT}:", arn)
    options = {
        "region": plan.region,
        "endpoint-url": plan.endpoint,
        "target-table-name": f"{table.table}-restored",
    }
    given = [f"--{name} {shlex.quote(text.clean(value))}" for name, value in options.items() if value]
    return " \\\n  ".join(["aws dynamodb restore-table-from-backup", *given, f"--backup-arn {arn}"])


def _next(result: Result, context: Context) -> Iterator[str]:
    again = "Re-run the failed jobs" if context.in_github else "Run `dynatus apply` again"
    if result.result is Outcome.FAILED:
        stopped = _STOPPED.get(result.failure_reason) if result.failure_reason else None
        moments = sorted(table.resume_at for table in result.tables if table.resume_at)
        after = f" after {moment(moments[-1])}" if moments else ""
        review = " No new review is needed." if context.approval == "reviewed-plan" else ""
        begin = f"{stopped} " if stopped else ""
        yield f"{begin}What is done stays done. {again}{after}; it goes on from here.{review}"
    if result.result is Outcome.PENDING:
        yield f"The next apply finishes it, on its schedule or by hand. {again.replace(' failed', '')} to go on now."
    reasons = {table.error.reason for table in result.tables if table.error and table.result is Outcome.REFUSED}
    if _unnamed(result, context):
        yield "Name what may be lost, then apply again."
    yield from dict.fromkeys(advice for reason, advice in _REFUSED.items() if reason in reasons)


def _link(result: Result, context: Context) -> Fact | None:
    """Where to go next: to the run that is to be started again, or to what was reviewed."""
    if result.result is Outcome.FAILED:
        return Fact("Open the run", url=text.link(context.run_url or ""))
    if result.result is Outcome.REFUSED:
        return Fact("See what was reviewed", url=text.link(context.comment_url or ""))
    return None


def _row(table: TableResult) -> Row:
    done = sum(step.status is Status.DONE for step in table.steps)
    took = sum(step.took or 0 for step in table.steps)
    return Row(
        table=table.table,
        state=_state(table),
        mark=_MARKS.get(table.result, ""),
        what=f"{done:,} of {len(table.steps):,}" if table.steps else "none",
        takes=text.span(took) if took else "",
    )


def _state(table: TableResult) -> str:
    action = table.action.value if table.action else "read"
    words = {Outcome.APPLIED: _past(table.action), Outcome.NOOP: "unchanged"}
    return words.get(table.result, f"{action} {table.result.value}")


def _past(action: Action | None) -> str:
    return {Action.DELETE: "deleted", Action.RECREATE: "recreated", Action.CREATE: "created"}.get(
        action or Action.NOOP, "updated"
    )


def _section(table: TableResult, change: TableChange | None, *, context: Context) -> Section:
    steps = tuple(plans.step_line(s.step, status=s.status.value, took=s.took) for s in table.steps)
    return Section(
        name=table.table,
        sign=plans.SIGNS[table.action] if table.action else "!",
        mark=_MARKS.get(table.result, ""),
        gist=_gist(table),
        place=views.place(change.file, change.line) if change else "",
        errors=(_went_wrong(table).sentence,) if table.error else (),
        sides=("After",) if table.action is Action.CREATE else ("Before", "After"),
        settings=plans.settings(change, context) if change else (),
        steps=steps,
        notes=(*table.notes, *(consequences.untold(change) if change else ())),
    )


def _gist(table: TableResult) -> str:
    done = [step for step in table.steps if step.status is Status.DONE]
    if not done:
        return _state(table)
    took = sum(step.took or 0 for step in done)
    left = len(table.steps) - len(done)
    return f"{_state(table)}, {text.plural(len(done), 'step')} " + (
        f"done, {left:,} left" if left else f"in {text.span(took)}"
    )
