"""The report of drift: how the account differs from the files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dynatus_ci.report import finishing, grouping, plan_report, wording
from dynatus_ci.report.layout import Report, ReportContext, Row, Section
from dynatus_ci.table.model import Action, Risk, TableChange
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, option, plural, visible

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


def build(plan: Plan, context: ReportContext) -> Report:
    """The report of a plan as drift: the account against the files."""
    changed, unread = plan_report.worst_first(plan), plan_report.unread(plan)
    verdict = f"{len(changed)} of {plural(len(plan.tables), 'table')}" if changed else "none"
    return Report(
        title=finishing.title("drift", context, "not known" if unread and not changed else verdict),
        intro=_counts(plan) if changed or unread else plan_report.agreeing(plan),
        legend="A difference reads: account → files." if changed else "",
        alerts=(*plan_report.unreadable(plan), *plan_report.refusals(plan, "Apply would refuse this")),
        next=(*_nothing_there(plan), *_repair(changed, context)),
        columns=("Table", "What differs"),
        rows=grouping.rows(Row((change.table,), difference(change), "") for change in changed),
        sections=(
            *grouping.sections(_section(change, context) for change in changed),
            *plan_report.unchanged(plan),
        ),
    )


def _counts(plan: Plan) -> str:
    return plan_report.counted(plan, _DRIFTED, unchanged="as in the files")


def difference(change: TableChange) -> str:
    """What differs between the account and the definition of one table, as a sentence."""
    return _ABSENT.get(change.action) or wording.overview(change)


def _section(change: TableChange, context: ReportContext) -> Section:
    # A table with another key differs by that alone: its other differences are those of a new table.
    causes = tuple(filter(wording.forces_recreation, change.differences))
    compared = replace(change, differences=causes) if change.action is Action.RECREATE else change
    shown = plan_report.section(compared, context)
    number = "" if change.action in _ABSENT else f", {plural(len(shown.changes), 'difference')}"
    return replace(
        shown,
        sign="~",
        mark="",
        summary=f"{_DRIFTED[change.action] if change.action else ''}{number}",
        sides=("Files",) if change.action is Action.CREATE else ("Account", "Files"),
        changes=tuple(replace(each, risk=Risk.SAFE.value) for each in shown.changes),
        steps=(),
        notes=() if wording.is_deleted(change) else change.notes,
    )


def _nothing_there(plan: Plan) -> Iterator[str]:
    if len(plan.tables) > 1 and all(change.action is Action.CREATE for change in plan.tables):
        yield f"None of these tables exists there. Are the account, the region and {option('table-prefix')} right?"


def _repair(changed: Sequence[TableChange], context: ReportContext) -> Iterator[str]:
    if not changed:
        return
    there = [shlex.quote(visible(change.table)) for change in changed if change.action is not Action.CREATE]
    if there:
        command = " ".join(["dynatus import", *(there if len(there) <= wording.LISTED_TABLES else ()), "--out DIR"])
        yield f"To keep what the account has, change the files ({code(command)} shows how)."
    by_file = "plan with `out` and apply with `reviewed`, as the recipe `drift-repair.yml` does"
    apply = by_file if context.in_github else "run `dynatus apply`"
    first = "first resolve what apply would refuse, then " if all(change.refusal for change in changed) else ""
    yield f"To restore what the files say, {first}{apply}."
