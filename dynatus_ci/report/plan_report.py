"""The report of a plan, to be reviewed, and the report of drift."""

from __future__ import annotations

import heapq
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from dynatus_ci import review
from dynatus_ci.report import grouping, layout, wording
from dynatus_ci.report.layout import Alert, AlertLine, Report, ReportContext, Row, Section, StepLine, ValueChange
from dynatus_ci.report.quantities import duration, plural, span
from dynatus_ci.report.wording import Consequence
from dynatus_ci.table import order
from dynatus_ci.table.aspects.indexes import GLOBAL
from dynatus_ci.table.aspects.keys import LOCAL
from dynatus_ci.table.model import Action, Difference, Effect, Failure, Plan, Risk, Step, TableChange
from dynatus_ci.text import code, option, visible

SLOT_SECONDS = 60
"""A table that waits for longer lets another one begin, so `max-parallel` does not slow down index builds."""
_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.RECREATE: "↻", Action.DELETE: "-", Action.NOOP: " "}
_ACCOUNT = re.compile(r"(?<!\d)\d{8}(?=\d{4}(?!\d))")
_LISTED_TABLES = 3
_PLANNED: dict[str, str] = {action: f"to {action}" for action in Action if action is not Action.NOOP}
_DRIFTED: dict[str, str] = {
    Action.CREATE: "missing",
    Action.UPDATE: "different",
    Action.RECREATE: "different in the key",
    Action.DELETE: "still there",
}
_ABSENT: dict[str | None, str] = {
    Action.CREATE: "defined in the files, missing in the account",
    Action.DELETE: "absent in the files, still in the account",
}
_APPROVALS = {
    "none": "Apply runs without a review here (`approval: none`).",
    "reviewed": f"Apply runs this plan from its file ({option('reviewed')}), and nothing else.",
}
_RECORDED = "Merging approves this plan. Apply then runs these changes, and nothing else."
_UNRECORDED = (
    f"No record of this plan was written. To apply it, save it to a file ({option('out')}, then {option('reviewed')}), "
    "or set `approval: none`."
)


def build(plan: Plan, context: ReportContext) -> Report:
    """The report of a plan, before it runs."""
    changed = _worst_first(plan)
    lost = _Losses.of(plan, context)
    blocked = _blocked(plan, context, lost)
    return Report(
        title=layout.title("plan", context, blocked or counts(plan)),
        intro=_intro(plan, context, blocked=blocked),
        alerts=tuple(_alerts(plan, context, lost)),
        next=tuple(_next(plan, context, lost)),
        columns=("Table", "Change", "What changes", "Takes"),
        rows=grouped_rows(
            Row(
                (change.table,),
                str(change.action),
                wording.overview(change),
                takes(change.steps),
                layout.MARKS[change.risk],
            )
            for change in changed
        ),
        sections=(*grouped_sections(section(change, context) for change in changed), *_unchanged(plan)),
        verdict=_verdict(plan, lost),
    )


def drift(plan: Plan, context: ReportContext) -> Report:
    """A plan, as what the account no longer has of the files."""
    changed, unread = _worst_first(plan), _unread(plan)
    verdict = f"{len(changed)} of {plural(len(plan.tables), 'table')}" if changed else "none"
    return Report(
        title=layout.title("drift", context, "not known" if unread and not changed else verdict),
        intro=_counted(plan, _DRIFTED, unchanged="as in the files") if changed or unread else _agreeing(plan),
        legend="A difference reads: account → files." if changed else "",
        alerts=tuple(_unreadable(plan)),
        next=tuple(_repair(changed, context)),
        columns=("Table", "What differs"),
        rows=grouped_rows(Row((change.table,), difference(change), "") for change in changed),
        sections=(*grouped_sections(_drift_section(change, context) for change in changed), *_unchanged(plan)),
    )


# --- shared with the report of an apply ------------------------------------------------------------------------------


def losses(plan: Plan) -> list[Consequence]:
    """What this plan destroys, approved or not, without the tables that are refused anyway."""
    return [lost for change in plan.tables if not change.refusal for lost in wording.destructive(change)]


def difference(change: TableChange) -> str:
    """What differs between the account and the definition of one table, as a sentence."""
    return _ABSENT.get(change.action) or wording.overview(change)


def approvals(approved: Iterable[Consequence], context: ReportContext) -> str:
    """What approved some destructive changes, as a sentence; empty where nothing is known of that."""
    known = (context.approved_by.get(lost.difference.id) for lost in approved)
    return " and ".join(dict.fromkeys(filter(None, known)))


def counts(plan: Plan) -> str:
    """The tables by what happens to them, as a sentence."""
    return _counted(plan, _PLANNED, unchanged="unchanged")


def grouped_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that differ in nothing but the table, together."""
    found = grouping.groups(rows, lambda row: replace(row, tables=()))
    return tuple(replace(same[0], tables=tuple(row.tables[0] for row in same)) for same in found)


def grouped_sections(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Sections that differ in nothing but the table and its place, together."""
    found = grouping.groups(sections, _without_name)
    return tuple(same[0] if len(same) == 1 else _together(same) for same in found)


def _without_name(section: Section) -> Section:
    """The section without its table's name, which notes may hold too, such as in an ARN."""
    notes = tuple(note.replace(name, "") for name in section.tables for note in section.notes)
    return replace(section, tables=(), places=(), notes=notes)


def _together(sections: Sequence[Section]) -> Section:
    return replace(
        sections[0],
        tables=tuple(name for section in sections for name in section.tables),
        notes=tuple(dict.fromkeys(note for section in sections for note in section.notes)),
        places=tuple(replace(place, table=section.tables[0]) for section in sections for place in section.places),
    )


def section(change: TableChange, context: ReportContext) -> Section:
    """A changed table in full."""
    steps = [plural(len(change.steps), "step"), takes(change.steps)] if change.steps else []
    differences = _supported(change)
    return Section(
        tables=(change.table,),
        sign=_SIGNS[change.action] if change.action else "!",
        mark=layout.MARKS[change.risk],
        summary=", ".join([str(change.action), *steps]),
        places=layout.place(change.file, change.line, context),
        sides=("After",) if change.action is Action.CREATE else ("Now", "After"),
        changes=_value_changes(change, context),
        access_paths=wording.access_paths(change) if differences[1:] else (),
        steps=tuple(step_line(step) for step in change.steps),
        notes=change.notes if context.running else wording.other_notes(change),
    )


def step_line(step: Step, *, status: str = "", took: float | None = None) -> StepLine:
    """A step as people read it."""
    pause = [f"after a pause of {span(step.cooldown)}"] if step.cooldown else []
    return StepLine(
        operation=step.operation,
        reason=step.reason,
        waits="; ".join([*pause, *([f"until {step.waits_for}"] if step.waits_for else [])]),
        takes=duration(*step.seconds_itself),
        mark=layout.MARKS[step.risk],
        status=status,
        took=span(took) if took is not None else "",
    )


def failed(table: str, why: Failure) -> str:
    """Why a table could not be read or changed, as a sentence."""
    return f"{code(table)}: {why.message.removeprefix(f'{code(table)}: ')}"


def takes(steps: Iterable[Step]) -> str:
    """How long some steps take, one after the other."""
    return duration(*_range([list(steps)], 1))


def approval_request(
    lost: Sequence[Consequence], plan: Plan, context: ReportContext, *, title: str, aim: str = "To approve"
) -> Alert:
    """What is destructive and not approved, and the exact text that approves it: an option, or the action's input."""
    names = {review.pattern(each.difference) for each in lost}
    everything = {
        review.pattern(difference) for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE
    } | {change.table for change in plan.tables}
    found = [visible(pattern) for pattern in grouping.patterns(sorted(names), others=everything)]
    lines = list(_sentences(lost))
    if not context.in_github:
        copied = tuple(f"--allow-destructive {shlex.quote(pattern)}" for pattern in found)
        return Alert("CAUTION", title, _copying(lines, copied), ask=f"{aim}, pass this to `dynatus apply`:")
    label = f"add the label {code(review.LABEL)} to {context.label_on}, or " if context.label_on else ""
    # An account number in a name is matched by wildcards: GitHub shows none.
    copied = tuple(f"  {_ACCOUNT.sub('????????', pattern)}" for pattern in found)
    return Alert(
        "CAUTION",
        title,
        _copying(lines, copied),
        ask=f"{aim}, {label}add to the action's inputs:",
        language="yaml",
        copy_head=("allow-destructive: |",),
    )


def _sentences(consequences: Iterable[Consequence]) -> Iterator[AlertLine]:
    for same in grouping.groups(consequences, lambda each: each.group):
        yield AlertLine(wording.consequence(same))


def _copying(lines: Sequence[AlertLine], copied: tuple[str, ...]) -> tuple[AlertLine, ...]:
    """The lines, the first of which brings all that is to be copied: it is never cut."""
    return tuple(replace(line, copy=copied if number == 0 else ()) for number, line in enumerate(lines))


# --- the parts of a plan's report ------------------------------------------------------------------------------------


def _worst_first(plan: Plan) -> list[TableChange]:
    """The changed tables, those with the highest risk first, else by name."""
    return sorted((change for change in plan.tables if change.changes), key=lambda change: -change.risk.rank)


def _unread(plan: Plan) -> int:
    """How many tables could not be read."""
    return sum(bool(change.error) for change in plan.tables)


def _refused(plan: Plan) -> int:
    return sum(bool(change.refusal) for change in plan.tables)


@dataclass(frozen=True, slots=True)
class _Losses:
    """What a plan destroys: approved, not approved, and not approved but destroyed only if a table holds items."""

    approved: tuple[Consequence, ...]
    unapproved: tuple[Consequence, ...]
    unproven: tuple[Consequence, ...]

    @classmethod
    def of(cls, plan: Plan, context: ReportContext) -> Self:
        lost = losses(plan)
        others = [each for each in lost if each.difference.id not in context.approved_by]
        return cls(
            approved=tuple(each for each in lost if each.difference.id in context.approved_by),
            unapproved=tuple(each for each in others if not each.change.unproven),
            unproven=tuple(each for each in others if each.change.unproven),
        )

    @property
    def count(self) -> int:
        return len(self.approved) + len(self.unapproved) + len(self.unproven)


def _agreeing(plan: Plan) -> str:
    number = plan.summary()["noop"]
    return f"{plural(number, 'table')} match{'es' if number == 1 else ''} the files."


def _counted(plan: Plan, named: Mapping[str, str], *, unchanged: str) -> str:
    """How many tables for each action that occurs."""
    numbers = plan.summary()
    said = {**named, "error": "not readable", "noop": unchanged}
    return ", ".join(f"{numbers[name]:,} {what}" for name, what in said.items() if numbers[name]) or f"0 {unchanged}"


def _intro(plan: Plan, context: ReportContext, *, blocked: str) -> str:
    if not plan.changes and not _unread(plan):
        return _agreeing(plan)
    numbers = counts(plan) if blocked else ""
    several = sum(bool(change.steps) for change in plan.tables) > 1
    total = f"takes {duration(*total_seconds(plan.tables, context.max_parallel))} in all" if several else ""
    sentence = " · ".join(filter(None, [numbers, total]))
    return sentence[:1].upper() + sentence[1:]


def _blocked(plan: Plan, context: ReportContext, lost: _Losses) -> str:
    """Why the check is red, or that there is nothing to do; empty where the plan may run."""
    if _unread(plan):
        return f"failed, {plural(_unread(plan), 'table')} could not be read"
    if _refused(plan):
        return f"{plural(_refused(plan), 'table')} refused"
    if lost.unapproved and context.label_on:
        return f"blocked by {plural(len(lost.unapproved), 'destructive change')}"
    return "" if plan.changes else "no changes"


def _verdict(plan: Plan, lost: _Losses) -> str:
    """The last line on a terminal, which does not scroll away."""
    missing = len(lost.unapproved)
    approved = "approved" if not missing else "not approved" if missing == lost.count else f"{missing} not approved"
    destructive = f" · {plural(lost.count, 'destructive change')}, {approved}" if lost.count else ""
    return f"Plan: {counts(plan)}{destructive}." if plan.changes else "No changes."


def _alerts(plan: Plan, context: ReportContext, lost: _Losses) -> Iterator[Alert]:
    yield from _unreadable(plan)
    refused = tuple(AlertLine(f"{code(c.table)}: {c.refusal}") for c in plan.tables if c.refusal)
    if refused:
        yield Alert("CAUTION", "Refused, and no approval changes that", refused)
    if lost.unapproved:
        title = f"{plural(len(lost.unapproved), 'destructive change')}, not approved"
        yield approval_request(lost.unapproved, plan, context, title=title)
    if lost.approved:
        by = approvals(lost.approved, context)
        title = f"{plural(len(lost.approved), 'destructive change')}, approved{f' by {by}' if by else ''}"
        yield Alert("CAUTION", title, tuple(_sentences(lost.approved)))
    if lost.unproven:
        title = f"{plural(len(lost.unproven), 'table')} deleted only if empty, unless approved"
        yield approval_request(lost.unproven, plan, context, title=title, aim="To approve the deletion with items")
    disturbed = [each for change in plan.tables for each in wording.disruptive(change)]
    if disturbed:
        yield Alert("WARNING", plural(len(disturbed), "disruptive change"), tuple(_sentences(disturbed)))
    yield from _too_slow(plan, context)


def _too_slow(plan: Plan, context: ReportContext) -> Iterator[Alert]:
    least, _ = total_seconds(plan.tables, context.max_parallel)
    if context.wait_minutes is None or least <= context.wait_minutes * 60:
        return
    limit = "--wait-minutes" if not context.in_github else "wait-minutes"
    sentence = (
        f"This plan takes {span(least)} or more, and apply stops waiting after {context.wait_minutes:g} min "
        f"({code(limit)}). The next apply then goes on. Raise the limit, or detach apply from long index builds "
        f"({code('--detach' if not context.in_github else 'detach: true')})."
    )
    yield Alert("WARNING", "Longer than apply may take", (AlertLine(sentence),))


def _unreadable(plan: Plan) -> Iterator[Alert]:
    lines = tuple(AlertLine(failed(change.table, change.error)) for change in plan.tables if change.error)
    if lines:
        yield Alert("CAUTION", "Could not be read", lines)


def _next(plan: Plan, context: ReportContext, lost: _Losses) -> Iterator[str]:
    if context.label_removed:
        label = code(review.LABEL)
        yield f"The label {label} was removed, because what is destructive has changed since somebody added it."
    if _unread(plan) or _refused(plan):
        yield f"Plan again when {'every table can be read' if _unread(plan) else 'nothing is refused'}."
    elif not plan.changes or context.mode == "apply":
        return
    elif context.baseline:
        yield "This compares two sets of files and not AWS. It approves nothing."
    elif not context.in_github:
        options = " with the options above" if lost.unapproved else ""
        yield f"To make these changes, run `dynatus apply`{options}."
    elif lost.unapproved and context.label_on:
        yield "This check stays red until the destructive changes are approved. Merging then approves the plan."
    else:
        yield _APPROVALS.get(context.approval) or (_RECORDED if context.record else _UNRECORDED)


def _supported(change: TableChange) -> list[Difference]:
    return [difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED]


def _value_changes(change: TableChange, context: ReportContext) -> tuple[ValueChange, ...]:
    """The differences of a table that can be carried out; first those because of which a table is replaced."""
    ordered = sorted(_supported(change), key=lambda difference: not wording.is_cause(difference))
    found: dict[str, ValueChange] = {}
    for each in (each for difference in ordered for each in _values(difference, context)):
        found.setdefault(each.label, each)  # a local index that is a cause is also part of the new table
    return tuple(found.values())


def _values(difference: Difference, context: ReportContext) -> Iterator[ValueChange]:
    """A difference as people read it: one, and one more for each local index of a new table."""
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


def _unchanged(plan: Plan) -> Iterator[Section]:
    """What there is to say about unchanged tables."""
    found = [(c.table, note) for c in plan.tables if c.action is Action.NOOP for note in c.notes]
    if found:
        notes = tuple(f"{code(table)}: {note}" for table, note in found)
        yield Section(summary="Notes on unchanged tables", notes=notes)


# --- time ------------------------------------------------------------------------------------------------------------


def total_seconds(changes: Iterable[TableChange], max_parallel: int) -> tuple[int, int | None]:
    """How long the whole plan takes, [least, most], with so many tables at once; most is None where it grows."""
    return _range([change.steps for change in changes if change.steps], max_parallel)


def _range(tables: Sequence[Sequence[Step]], max_parallel: int) -> tuple[int, int | None]:
    least = _finished(tables, max_parallel, lambda step: step.seconds_itself[0])
    grows = any(step.seconds[1] is None for steps in tables for step in steps)
    return least, None if grows else _finished(tables, max_parallel, lambda step: step.seconds_itself[1] or 0)


def _finished(tables: Iterable[Sequence[Step]], max_parallel: int, itself: Callable[[Step], int]) -> int:
    """When the last table is finished, if each begins as soon as one before it has left its slot."""
    free = [0] * max_parallel
    end = 0
    for steps in tables:
        start = heapq.heappop(free)
        each = order.durations(steps, itself)
        heapq.heappush(free, start + sum(min(one, SLOT_SECONDS) for one in each))
        end = max(end, start + sum(each))
    return end


# --- drift -----------------------------------------------------------------------------------------------------------


def _drift_section(change: TableChange, context: ReportContext) -> Section:
    # A table with another key differs by that alone: its other differences are those of a new table.
    causes = tuple(filter(wording.is_cause, change.differences))
    compared = replace(change, differences=causes) if change.action is Action.RECREATE else change
    shown = section(compared, context)
    number = "" if change.action in _ABSENT else f", {plural(len(shown.changes), 'difference')}"
    return replace(
        shown,
        sign="~",
        mark="",
        summary=f"{_DRIFTED[change.action] if change.action else ''}{number}",
        sides=("Files",) if change.action is Action.CREATE else ("Account", "Files"),
        changes=tuple(replace(each, risk=Risk.SAFE.value) for each in shown.changes),
        steps=(),
        notes=() if wording.is_replaced(change) else change.notes,
    )


def _repair(changed: Sequence[TableChange], context: ReportContext) -> Iterator[str]:
    if not changed:
        return
    there = [shlex.quote(visible(change.table)) for change in changed if change.action is not Action.CREATE]
    if there:
        command = " ".join(["dynatus import", *(there if len(there) <= _LISTED_TABLES else ()), "--out DIR"])
        yield f"To keep what the account has, change the files ({code(command)} shows how)."
    apply = "plan with `out` and apply with `reviewed`" if context.in_github else "run `dynatus apply`"
    yield f"To restore what the files say, {apply}."
