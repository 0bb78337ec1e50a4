"""The report of a plan, to be reviewed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from dynatus_ci import review
from dynatus_ci.report import finishing, grouping, item_findings, layout, timing, wording
from dynatus_ci.report.layout import Alert, AlertLine, Report, ReportContext, Row, Section, StepLine, ValueChange
from dynatus_ci.report.wording import Consequence
from dynatus_ci.table.aspects.keys import LOCAL
from dynatus_ci.table.model import GLOBAL, Action, Difference, Effect, Failure, Risk, Step, TableChange
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import by_number, code, option, plural, span, visible

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.RECREATE: "↻", Action.DELETE: "-", Action.NOOP: " "}
_ACCOUNT = re.compile(r"(?<!\d)\d{8}(?=\d{4}(?!\d))")
_PLANNED: dict[str, str] = {action: f"to {action}" for action in Action if action is not Action.NOOP}
_APPROVALS = {
    "none": "Apply runs without a review here (`approval: none`).",
    "reviewed": f"Apply runs this plan from its file ({option('reviewed')}), and nothing else.",
}
_RECORDED = "Merging approves this plan. Apply then runs these changes, and nothing else."
_UNRECORDED = (
    f"No record of this plan was written. To apply it, save it to a file ({option('out')}, then {option('reviewed')}), "
    "or set `approval: none`."
)


def _unrecorded(context: ReportContext) -> str:
    if context.saved_in is None:
        return _UNRECORDED
    file = f"This plan is in the file {code(context.saved_in)}."
    return f"{file} An apply that gets it ({option('reviewed')}) runs these changes, and nothing else."


def build(plan: Plan, context: ReportContext) -> Report:
    """The report of a plan, before it runs."""
    changed = worst_first(plan)
    lost = _Losses.of(plan, context)
    status = _status(plan, context, lost)
    return Report(
        title=finishing.title("plan", context, status or counts(plan)),
        intro=_intro(plan, context, counted=not status),
        alerts=tuple(_alerts(plan, context, lost)),
        next=tuple(_next(plan, context, lost)),
        columns=("Table", "Change", "What changes", "Takes"),
        rows=grouping.rows(
            Row(
                (change.table,),
                str(change.action),
                wording.overview(change),
                timing.takes(change.steps),
                layout.MARKS[change.risk],
            )
            for change in changed
        ),
        sections=(*grouping.sections(section(change, context) for change in changed), *unchanged(plan)),
        verdict=_verdict(plan, lost),
    )


# --- shared with the report of an apply ------------------------------------------------------------------------------


def losses(plan: Plan) -> list[Consequence]:
    """What this plan destroys, approved or not. Tables that are refused lose nothing."""
    return [lost for change in plan.tables if not change.refusal for lost in wording.destructive(change)]


def approvals(approved: Iterable[Consequence], context: ReportContext) -> str:
    """What approved some destructive changes, as a sentence; empty if the report does not say it."""
    approvers = (context.approved_by.get(lost.difference.id) for lost in approved)
    return " and ".join(dict.fromkeys(filter(None, approvers)))


def counts(plan: Plan) -> str:
    """How many tables are created, updated and so on, as a sentence."""
    return counted(plan, _PLANNED, unchanged="unchanged")


def section(change: TableChange, context: ReportContext) -> Section:
    """The details of a changed table."""
    steps = [plural(len(change.steps), "step"), timing.takes(change.steps)] if change.steps else []
    differences = _supported(change)
    return Section(
        tables=(change.table,),
        sign=_SIGNS[change.action] if change.action else "!",
        mark=layout.MARKS[change.risk],
        summary=", ".join([str(change.action), *steps]),
        places=finishing.place(change.file, change.line, context),
        sides=("After",) if change.action is Action.CREATE else ("Now", "After"),
        changes=_value_changes(change, context),
        access_paths=wording.access_paths(change) if differences[1:] else (),
        steps=tuple(step_line(step) for step in change.steps),
        notes=(
            *(change.all_notes if context.running else wording.other_notes(change)),
            *item_findings.notes(change.checks),
        ),
    )


def step_line(step: Step, *, status: str = "", took: float | None = None) -> StepLine:
    """A step. Of an apply it has a status, and how many seconds it took."""
    pause = [f"after a pause of {span(step.cooldown)}"] if step.cooldown else []
    return StepLine(
        operation=step.operation,
        reason=step.reason,
        waits="; ".join([*pause, *([f"until {step.waits_for}"] if step.waits_for else [])]),
        takes=timing.duration(*step.seconds_itself),
        mark=layout.MARKS[step.risk],
        status=status,
        took=span(took) if took is not None else "",
        size=step.size,
    )


def failure(table: str, error: Failure) -> str:
    """Why a table could not be read or changed, as a sentence that begins with the table."""
    message = error.message.removeprefix(f"{code(table)}: ")
    return f"{code(table)}: {message.replace(f' of table {code(table)} failed', ' failed', 1)}"


def approval_request(
    lost: Sequence[Consequence], plan: Plan, context: ReportContext, *, title: str, aim: str = "To approve"
) -> Alert:
    """What is destructive and not approved, and the exact text that approves it: an option, or the action's input."""
    names = {review.pattern(consequence.difference) for consequence in lost}
    destructive = (difference for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE)
    others = {*map(review.pattern, destructive), *(change.table for change in plan.tables)}
    patterns = [visible(pattern) for pattern in grouping.patterns(sorted(names), others=others)]
    lines = list(_sentences(lost))
    if not context.in_github:
        copied = tuple(f"--allow-destructive {shlex.quote(pattern)}" for pattern in patterns)
        return Alert("CAUTION", title, _copying(lines, copied), ask=f"{aim}, pass this to `dynatus apply`:")
    label = f"add the label {code(review.LABEL)} to {context.label_on}, or " if context.label_on else ""
    # An account number in a name is matched by wildcards: GitHub shows none.
    copied = tuple(f"  {_ACCOUNT.sub('????????', pattern)}" for pattern in patterns)
    return Alert(
        "CAUTION",
        title,
        _copying(lines, copied),
        ask=f"{aim}, {label}add to the action's inputs:",
        language="yaml",
        copy_head=("allow-destructive: |",),
    )


def _sentences(consequences: Iterable[Consequence]) -> Iterator[AlertLine]:
    for same in grouping.groups(consequences, lambda consequence: consequence.group):
        yield AlertLine(wording.consequence(same), details=same[0].notes)


def _copying(lines: Sequence[AlertLine], copied: tuple[str, ...]) -> tuple[AlertLine, ...]:
    """The lines. The first one, which is never cut, has all that is to be copied."""
    return tuple(replace(line, copy=copied if number == 0 else ()) for number, line in enumerate(lines))


# --- the parts of a plan's report ------------------------------------------------------------------------------------


def worst_first(plan: Plan) -> list[TableChange]:
    """The changed tables by their risk, the highest first."""
    return sorted((change for change in plan.tables if change.changes), key=lambda change: -change.risk.rank)


def unread(plan: Plan) -> int:
    """How many tables could not be read."""
    return sum(bool(change.error) for change in plan.tables)


def _refused(plan: Plan) -> int:
    return sum(bool(change.refusal) for change in plan.tables)


@dataclass(frozen=True, slots=True)
class _Losses:
    """What a plan destroys.

    Args:
        unproven: What is not approved, and destroyed only if a table holds items. Apply finds that out.
    """

    approved: tuple[Consequence, ...]
    unapproved: tuple[Consequence, ...]
    unproven: tuple[Consequence, ...]

    @classmethod
    def of(cls, plan: Plan, context: ReportContext) -> Self:
        lost = losses(plan)
        others = [one for one in lost if one.difference.id not in context.approved_by]
        return cls(
            approved=tuple(one for one in lost if one not in others),
            unapproved=tuple(one for one in others if not one.change.unproven),
            unproven=tuple(one for one in others if one.change.unproven),
        )

    @property
    def count(self) -> int:
        return len(self.approved) + len(self.unapproved) + len(self.unproven)


def agreeing(plan: Plan) -> str:
    """That nothing differs, as a sentence."""
    number = plan.summary()["noop"]
    return f"{plural(number, 'table')} {by_number(number, 'matches', 'match')} the files."


def counted(plan: Plan, labels: Mapping[str, str], *, unchanged: str) -> str:
    """How many tables have each action, with the labels of the actions, as a sentence."""
    numbers, labels = plan.summary(), {**labels, "error": "not readable", "noop": unchanged}
    counts = (f"{numbers[action]:,} {label}" for action, label in labels.items() if numbers[action])
    return ", ".join(counts) or f"0 {unchanged}"


def _intro(plan: Plan, context: ReportContext, *, counted: bool) -> str:
    """The counts, if the title does not have them, and the time."""
    if not plan.changes and not unread(plan):
        return agreeing(plan)
    numbers = "" if counted else counts(plan)
    several = sum(bool(change.steps) for change in plan.tables) > 1
    takes = timing.duration(*timing.total_seconds(plan.tables, context.max_parallel))
    sentence = " · ".join(filter(None, [numbers, f"takes {takes} in all" if several else ""]))
    return sentence[:1].upper() + sentence[1:]


def _never(plan: Plan) -> str:
    """Why no approval makes the plan green; empty where one may."""
    if unread(plan):
        return f"failed, {plural(unread(plan), 'table')} could not be read"
    if not _refused(plan):
        return ""
    misfits = item_findings.misfits(plan.tables)
    why = f", {item_findings.do_not_fit(misfits)}" if misfits else ""
    return f"{plural(_refused(plan), 'table')} refused{why}"


def _status(plan: Plan, context: ReportContext, lost: _Losses) -> str:
    """Why the check is red (see `review.verdict`), or that nothing changes; else empty."""
    if why := _never(plan):
        return why
    if lost.unapproved and context.label_on:
        return f"blocked by {plural(len(lost.unapproved), 'destructive change')}"
    return "" if plan.changes else "no changes"


def _verdict(plan: Plan, lost: _Losses) -> str:
    """The last line on a terminal: the one that is still in sight when the report is long."""
    if why := _never(plan):
        return f"Plan: {why}."
    missing = len(lost.unapproved)
    approved = "approved" if not missing else "not approved" if missing == lost.count else f"{missing} not approved"
    destructive = f" · {plural(lost.count, 'destructive change')}, {approved}" if lost.count else ""
    return f"Plan: {counts(plan)}{destructive}." if plan.changes else "No changes."


def _alerts(plan: Plan, context: ReportContext, lost: _Losses) -> Iterator[Alert]:
    yield from unreadable(plan)
    yield from refusals(plan, "Refused: an approval cannot change this")
    yield from item_findings.caution(plan, context)
    if lost.unapproved:
        title = f"{plural(len(lost.unapproved), 'destructive change')}, not approved"
        yield approval_request(lost.unapproved, plan, context, title=title)
    if lost.approved:
        by = approvals(lost.approved, context)
        title = f"{plural(len(lost.approved), 'destructive change')}, approved{f' by {by}' if by else ''}"
        yield Alert("CAUTION", title, tuple(_sentences(lost.approved)))
    if lost.unproven:
        title = f"{plural(len(lost.unproven), 'table')} deleted if empty; with items only if approved"
        yield approval_request(lost.unproven, plan, context, title=title, aim="To approve the deletion with items")
    yield from item_findings.warning(plan)
    disturbed = [consequence for change in plan.tables for consequence in wording.disruptive(change)]
    if disturbed:
        yield Alert("WARNING", plural(len(disturbed), "disruptive change"), tuple(_sentences(disturbed)))
    yield from _too_slow(plan, context)


def _too_slow(plan: Plan, context: ReportContext) -> Iterator[Alert]:
    least, _ = timing.total_seconds(plan.tables, context.max_parallel)
    if context.wait_minutes is None or least <= context.wait_minutes * 60:
        return
    sentence = (
        f"This plan takes {span(least)} or more, and apply stops waiting after {context.wait_minutes:g} min "
        f"({option('wait-minutes')}). The next apply then goes on. Raise the limit, or detach apply from long index "
        f"builds ({option('detach')})."
    )
    yield Alert("WARNING", "Longer than apply may take", (AlertLine(sentence),))


def refusals(plan: Plan, title: str) -> Iterator[Alert]:
    """The tables that apply would refuse, and why; but for those whose items do not fit."""
    lines = tuple(
        AlertLine(change.refusal.about(change.table).message)
        for change in plan.tables
        if change.refusal and not item_findings.misfits([change])
    )
    if lines:
        yield Alert("CAUTION", title, lines)


def unreadable(plan: Plan) -> Iterator[Alert]:
    """The tables that could not be read, and why."""
    lines = tuple(AlertLine(failure(change.table, change.error)) for change in plan.tables if change.error)
    if lines:
        yield Alert("CAUTION", "Could not be read", lines)


def _next(plan: Plan, context: ReportContext, lost: _Losses) -> Iterator[str]:
    if context.label_removed:
        label = code(review.LABEL)
        yield f"The label {label} was removed, because what is destructive has changed since somebody added it."
    if unread(plan) or _refused(plan):
        yield f"Plan again when {_what_first(plan)}."
        if lost.unapproved:
            yield "The destructive changes must be approved, too."
    elif not plan.changes or context.mode == "apply":
        return
    elif context.baseline:
        yield "This compares two sets of files and not AWS. It approves nothing."
    elif not context.in_github:
        options = " with the options above" if lost.unapproved else ""
        file = f" --reviewed {shlex.quote(visible(context.saved_in))}" if context.saved_in else ""
        yield f"To make these changes{' and no others' if file else ''}, run {code(f'dynatus apply{file}')}{options}."
    elif lost.unapproved and context.label_on:
        yield "This check stays red until the destructive changes are approved. Merging then approves the plan."
    else:
        yield _APPROVALS.get(context.approval) or (_RECORDED if context.record else _unrecorded(context))


def _what_first(plan: Plan) -> str:
    if unread(plan):
        return "every table can be read"
    only_items = all(item_findings.misfits([change]) for change in plan.tables if change.refusal)
    return "these items are corrected" if only_items else "the refused changes are resolved"


def _supported(change: TableChange) -> list[Difference]:
    return [difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED]


def _value_changes(change: TableChange, context: ReportContext) -> tuple[ValueChange, ...]:
    """The supported differences of a table, first those that force its recreation."""
    ordered = sorted(_supported(change), key=lambda difference: not wording.forces_recreation(difference))
    by_label: dict[str, ValueChange] = {}
    for value in (value for difference in ordered for value in _values(difference, context)):
        by_label.setdefault(value.label, value)  # a local index that forces the recreation is in the new table, too
    return tuple(by_label.values())


def _values(difference: Difference, context: ReportContext) -> Iterator[ValueChange]:
    """A difference as people read it: one change, and one more for each local index of a new table."""
    sides = wording.sides(difference)
    whole = ValueChange(
        wording.name(difference.path), risk=difference.risk.value, unreviewed=difference.id in context.unreviewed
    )
    if sides is None:
        yield replace(whole, diff=wording.diff(difference.actual, difference.desired))
        return
    before, after = sides
    for path in dict.fromkeys([*before, *after]):
        yield replace(
            whole,
            label=wording.name(path),
            before=before.get(path, ""),
            after=after.get(path, ""),
            own_line=path[:1] in {(GLOBAL,), (LOCAL,)},
        )


def unchanged(plan: Plan) -> Iterator[Section]:
    """The notes on unchanged tables."""
    unchanged = (change for change in plan.tables if change.action is Action.NOOP)
    notes = tuple(f"{code(change.table)}: {note}" for change in unchanged for note in change.notes)
    if notes:
        yield Section(summary="Notes on unchanged tables", notes=notes)
