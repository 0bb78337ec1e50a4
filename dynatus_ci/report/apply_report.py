"""The report of an apply: what ran, what is left, and what to do now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dynatus_ci.errors import FailureReason
from dynatus_ci.report import backup_alert, finishing, grouping, plan_report, wording
from dynatus_ci.report.layout import Alert, AlertLine, FooterItem, Report, ReportContext, Row, Section, StepLine
from dynatus_ci.report.safe_markdown import link
from dynatus_ci.report.wording import Consequence
from dynatus_ci.table import fit
from dynatus_ci.table.model import Action, TableChange
from dynatus_ci.table.origins import keep_items, keep_steps
from dynatus_ci.table.outcome import Outcome, Result, Status, StepResult, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, option, plural, span

_MARKS = {
    Outcome.FAILED: "🔴",
    Outcome.REFUSED: "🔴",
    Outcome.PENDING: "🟡",
    Outcome.PLANNED: "",
    Outcome.APPLIED: "✅",
    Outcome.NOOP: "",
}
"""The signs of results, the worst first."""
_PAST = {Action.DELETE: "deleted", Action.RECREATE: "recreated", Action.CREATE: "created"}
_STOPPED = {
    FailureReason.TIMEOUT: f"Apply has reached its time limit ({option('wait-minutes')}). ",
    FailureReason.QUOTA: "An AWS quota is used up for now. ",
}
_REVIEW_FILE = f"as a file ({option('out')}, then {option('reviewed')})"
_REVIEW = (
    f"To approve what would run now, plan it in a new pull request that touches the definitions, or {_REVIEW_FILE}."
)
_REFUSED = {
    FailureReason.NOT_MERGED: f"{_REVIEW} To take over existing tables, set `approval: none` for the first run.",
    FailureReason.PLAN_MISSING: _REVIEW,
    FailureReason.PLAN_CHANGED: _REVIEW,
    FailureReason.ITEMS_DO_NOT_FIT: "Correct the items that do not fit, then run apply again. It needs no new review.",
}
_WITHOUT_GITHUB = {
    FailureReason.PLAN_CHANGED: f"To approve what would run now, plan it {_REVIEW_FILE}.",
    FailureReason.ITEMS_DO_NOT_FIT: "Correct the items that do not fit, then run apply again.",
}


def build(result: Result, context: ReportContext) -> Report:
    """The report of an apply that has ended, or is still running (`context.running`)."""
    if context.running:
        return _running(result, context)
    shown = [table for outcome in _MARKS for table in result.tables if table.result is outcome and _is_shown(table)]
    changes = {change.table: change for change in result.plan.tables}
    return Report(
        title=finishing.title("apply", context, _verdict(result)),
        intro=_intro(result, context),
        alerts=tuple(_alerts(result, context)),
        next=tuple(_next(result, context)),
        next_link=_link(result, context),
        columns=("Table", "Result", "What changed", "Took"),
        rows=grouping.rows(_row(table, changes[table.table]) for table in shown),
        sections=grouping.sections(_section(table, changes[table.table], context=context) for table in shown),
        brief=True,
        notes=tuple(_approvals(result.plan, context)),
        verdict=f"Apply: {_verdict(result)}.",
    )


def _running(result: Result, context: ReportContext) -> Report:
    """An apply that is still running: its plan, and the backups so far."""
    number = plural(sum(change.changes for change in result.plan.tables), "table")
    return replace(
        plan_report.build(result.plan, context),
        title=finishing.title("apply", context, f"running, {number}"),
        intro=plan_report.counts(result.plan),
        alerts=tuple(backup_alert.alert(result, context)),
        verdict="",
        next=("Nothing to do: apply is running.",),
        next_link=FooterItem("Open the run", url=link(context.run_url or "")),
    )


def _is_shown(table: TableResult) -> bool:
    return table.result is not Outcome.NOOP or bool(table.steps or table.notes)


def _moment(iso: str) -> str:
    """A time as people read it: `2026-03-04 05:06 UTC`."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)", iso)
    return f"{match[1]} {match[2]} UTC" if match else code(iso)


def _verdict(result: Result) -> str:
    if result.result is Outcome.SUPERSEDED:
        return "superseded, and stopped" if result.changed else "superseded, nothing ran"
    if result.result in {Outcome.NOOP, Outcome.PLANNED, Outcome.VALID}:
        return "nothing to do"
    if result.failure_reason is FailureReason.CANCELLED:
        stopped = sum(map(_is_cancelled, result.tables))
        return f"cancelled, {stopped:,} of {plural(len(result.tables), 'table')} not finished"
    number = sum(table.result is result.result for table in result.tables)
    if result.result is Outcome.APPLIED:
        return f"✅ {plural(number, 'table')} changed"
    of_all = f", {number:,} of {plural(len(result.tables), 'table')}" if number and result.tables[1:] else ""
    return f"{result.result}{of_all}"


def _intro(result: Result, context: ReportContext) -> str:
    if result.result is Outcome.SUPERSEDED:
        return context.superseded or ""
    counted = [(outcome, sum(table.result is outcome for table in result.tables)) for outcome in _MARKS]
    parts = [
        f"{number:,} {'unchanged' if outcome is Outcome.NOOP else outcome}" for outcome, number in counted if number
    ]
    return ", ".join(parts) if parts[1:] or result.result is Outcome.NOOP else ""


def _alerts(result: Result, context: ReportContext) -> Iterator[Alert]:
    cancelled = [table for table in result.tables if _is_cancelled(table)]
    failed = [t for t in result.tables if t.result is Outcome.FAILED and t not in cancelled]
    if failed:
        yield Alert("CAUTION", "Failed", tuple(AlertLine(_went_wrong(table)) for table in failed))
    if cancelled:
        yield Alert("CAUTION", "Cancelled", (AlertLine(_where_it_stopped(cancelled)),))
    unapproved = _unapproved(result, context)
    listed = {lost.change.table for lost in unapproved}
    refused = [table for table in result.tables if table.result is Outcome.REFUSED]
    others = tuple(AlertLine(_went_wrong(table)) for table in refused if table.table not in listed)
    if others:
        yield Alert("CAUTION", "Refused: these tables were left unchanged", others)
    if unapproved:
        title = "Not approved: these tables were left unchanged"
        yield plan_report.approval_request(unapproved, result.plan, context, title=title)
    yield from _items_in_copies(result)
    waiting = [_pending(table) for table in result.tables if table.result is Outcome.PENDING]
    if waiting:
        yield Alert("WARNING", "Pending", tuple(map(AlertLine, waiting)))
    yield from backup_alert.alert(result, context)


def _items_in_copies(result: Result) -> Iterator[Alert]:
    """The tables that are gone or lack items until an apply ends, and where the items are."""
    lines = tuple(
        AlertLine(
            f"{code(table.table)} does not have its items yet. They are in "
            f"{code(keep_items.staging_name(table.table))}: do not delete that table. Keep the writers stopped until "
            "apply has ended."
        )
        for table in result.tables
        if keep_items.PATH in {difference.path for difference in table.unfinished}
        and keep_steps.waits_in_copy((step.step for step in _left(table)), table.table)
    )
    if lines:
        yield Alert("CAUTION", "Items are in a copy", lines)


def _approvals(plan: Plan, context: ReportContext) -> Iterator[str]:
    by = plan_report.approvals(plan_report.losses(plan), context)
    if by:
        yield f"Destructive changes were approved by {by}."


def _refusals(result: Result) -> dict[str, FailureReason]:
    """Name of each refused table → why."""
    refused = (table for table in result.tables if table.result is Outcome.REFUSED)
    return {table.table: table.error.reason for table in refused if table.error}


def _unapproved(result: Result, context: ReportContext) -> list[Consequence]:
    refusals = _refusals(result)
    return [
        lost
        for lost in plan_report.losses(result.plan)
        if refusals.get(lost.change.table) is FailureReason.DESTRUCTIVE_BLOCKED
        and lost.difference.id not in context.approved_by
    ]


def _went_wrong(table: TableResult) -> str:
    why = plan_report.failure(table.table, table.error) if table.error else f"{code(table.table)}: stopped."
    left = len(_left(table))
    done = len(table.steps) - left
    progress = f" {plural(done, 'step')} done, {left:,} left." if done else ""
    return f"{why}{progress}{_until(table)}"


def _is_cancelled(table: TableResult) -> bool:
    return table.error is not None and table.error.reason is FailureReason.CANCELLED


def _where_it_stopped(cancelled: Sequence[TableResult]) -> str:
    """One sentence for all tables of a cancelled run: they have the same reason."""
    stops = [
        f"{code(table.table)} after {len(table.steps) - len(_left(table))} of {plural(len(table.steps), 'step')}"
        for table in cancelled
    ]
    return f"The calls that were under way were finished. Stopped: {', '.join(stops)}."


def _pending(table: TableResult) -> str:
    left = _left(table)
    what = f"still to do: {left[0].step.reason}" if left else "not finished"
    more = f", and {plural(len(left) - 1, 'step')} more" if len(left) > 1 else ""
    return f"{code(table.table)}: {what}{more}.{_until(table)}"


def _left(table: TableResult) -> list[StepResult]:
    return [step for step in table.steps if step.status is not Status.DONE]


def _ran_nothing(table: TableResult) -> bool:
    """Whether the table was refused as a whole: then its steps say nothing."""
    return all(step.status is Status.REFUSED for step in table.steps)


def _took(table: TableResult) -> str:
    return span(sum(step.took or 0 for step in table.steps))


def _until(table: TableResult) -> str:
    return f" It can resume at {_moment(table.resume_at)}." if table.resume_at else ""


def _next(result: Result, context: ReportContext) -> Iterator[str]:
    again = "Re-run the failed jobs" if context.in_github else "Run `dynatus apply` again"
    if result.result is Outcome.FAILED:
        stopped = _STOPPED.get(result.failure_reason, "") if result.failure_reason else ""
        moments = sorted(table.resume_at for table in result.tables if table.resume_at)
        after = f" after {_moment(moments[-1])}" if moments else ""
        review = " No new review is needed." if context.approval == "reviewed-plan" else ""
        yield f"{stopped}What is done stays done. {again}{after}; it resumes from here.{review}"
    if result.result is Outcome.PENDING:
        now = f"{again.replace(' failed', '')} to continue now."
        yield f"The next apply, scheduled or started by hand, finishes it. {now}"
    if _unapproved(result, context):
        yield "Approve the destructive changes, then run apply again."
    reasons = _refusals(result).values()
    advice = _REFUSED if context.in_github else _REFUSED | _WITHOUT_GITHUB
    yield from dict.fromkeys(sentence for reason, sentence in advice.items() if reason in reasons)


def _link(result: Result, context: ReportContext) -> FooterItem | None:
    """The page to open next: the run to start again, or the plan that was reviewed."""
    if result.result is Outcome.FAILED:
        return FooterItem("Open the run", url=link(context.run_url or ""))
    if result.result is Outcome.REFUSED:
        return FooterItem("See what was reviewed", url=link(context.comment_url or ""))
    return None


def _row(table: TableResult, change: TableChange) -> Row:
    done, left = len(table.steps) - len(_left(table)), len(_left(table))
    what = wording.overview(change) if change.changes else ""
    progress = f"{done:,} of {plural(len(table.steps), 'step')} done" if left and not _ran_nothing(table) else ""
    ran = " · ".join(filter(None, [progress, what]))
    return Row((table.table,), _state(table), ran, _took(table) if done else "", _MARKS[table.result])


def _state(table: TableResult) -> str:
    if table.result is Outcome.NOOP:
        return "unchanged"
    if table.result is Outcome.APPLIED:
        return _PAST.get(table.action or Action.UPDATE, "updated")
    return f"{table.action or 'read'} {'cancelled' if _is_cancelled(table) else table.result}"


def _section(table: TableResult, change: TableChange, *, context: ReportContext) -> Section:
    planned = plan_report.section(change, context)
    return replace(
        planned,
        mark=_MARKS[table.result] if table.result is not Outcome.APPLIED else "",
        summary=_summary(table),
        errors=(_went_wrong(table),) if table.error else (),
        sides=planned.sides if table.action is Action.CREATE else ("Before", "After"),
        steps=() if _ran_nothing(table) else tuple(_step(s, new=table.action is Action.CREATE) for s in table.steps),
        run_notes=(*table.notes, *fit.findings(check for check in table.checks if not check.refuses)),
        # The plan's advice comes too late if the table was changed.
        notes=() if table.result is Outcome.APPLIED else planned.notes,
    )


def _step(ran: StepResult, *, new: bool) -> StepLine:
    line = plan_report.step_line(ran.step, status=ran.status.value, took=ran.took)
    # The later steps of a new table are planned as changes of it, but nothing of it is at risk.
    return replace(line, mark="") if new else line


def _summary(table: TableResult) -> str:
    left = len(_left(table))
    done = len(table.steps) - left
    if not done:
        return _state(table)
    return f"{_state(table)}, {plural(done, 'step')} " + (f"done, {left:,} left" if left else f"in {_took(table)}")
