"""The report of `dynatus check`: do the items fit, and if not, which do not?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dynatus_ci.report import finishing, item_findings, layout, plan_report
from dynatus_ci.report.layout import Report, ReportContext, Row, Section
from dynatus_ci.table import fit
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.model import Risk, TableChange, Value
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import by_number, code, plural

NOTHING_ASKED = "Nothing to check: there is no new index, no copy and no new time to live."


def build(plan: Plan, context: ReportContext, *, answers: Mapping[str, Sequence[Answers]]) -> Report:
    """The report of a plan whose items were all asked.

    Args:
        plan: The plan.
        context: The run.
        answers: Table → answers with the keys of items that do not fit: for a terminal, and nothing else.
    """
    checked = [change for change in plan.tables if change.checks]
    refused = [change for change in plan.tables if fit.is_unknown(change)]
    verdict = _verdict(plan)
    return Report(
        title=finishing.title("check", context, verdict),
        intro="" if checked or refused else NOTHING_ASKED,
        alerts=(
            *plan_report.unreadable(plan),
            *plan_report.refusals(replace(plan, tables=tuple(refused)), "Not checked: apply would refuse this"),
            *item_findings.caution(plan, context, named=bool(answers)),
        ),
        next=tuple(_next(plan)),
        columns=("Table", "Items"),
        rows=tuple(Row((change.table,), _state(change), "") for change in checked),
        sections=tuple(_section(change, context, _keys(answers.get(change.table, ()))) for change in checked),
        verdict=f"Check: {verdict}.",
    )


def _verdict(plan: Plan) -> str:
    unread, denied = plan_report.unread(plan), _denied(plan)
    number = item_findings.misfits(plan.tables)
    if unread:
        return f"failed, {plural(unread, 'table')} could not be read"
    if number:
        return item_findings.do_not_fit(number)
    if denied:
        return f"not known, Scan is denied for {plural(denied, 'table')}"
    if refused := sum(map(fit.is_unknown, plan.tables)):
        return f"not known, {plural(refused, 'table')} refused"
    return "all items fit" if any(change.checks for change in plan.tables) else "nothing to check"


def _denied(plan: Plan) -> int:
    return sum(any(check.reason is Misfit.DENIED for check in change.checks) for change in plan.tables)


def _state(change: TableChange) -> str:
    items = max(check.items for check in change.checks)
    number = item_findings.misfits([change])
    if any(check.reason is Misfit.DENIED for check in change.checks):
        return "not read"
    if number:
        return f"{plural(items, 'item')} read, {number:,} of them {by_number(number, 'does', 'do')} not fit"
    return f"{plural(items, 'item')} read{'' if any(check.misfits for check in change.checks) else ', all fit'}"


def _section(change: TableChange, context: ReportContext, keys: Sequence[str]) -> Section:
    wrong = item_findings.misfits([change]) > 0
    return Section(
        tables=(change.table,),
        sign="!" if wrong else " ",
        mark=layout.MARKS[Risk.DESTRUCTIVE] if wrong else "",
        summary=_state(change),
        places=finishing.place(change.file, change.line, context),
        run_notes=tuple(keys),
        notes=tuple(fit.findings(check for check in change.checks if not check.refuses)),
    )


def _keys(answers: Iterable[Answers]) -> list[str]:
    """The keys of items that do not fit, each with what is wrong, as sentences."""
    found = (each for one in answers for each in one.keys.items())
    return [f"{code(_words(key))}: {fit.words(question)}" for question, keys in found for key in keys]


def _words(key: Mapping[str, Value]) -> str:
    """A key in one line: `id "order-7", at 12`."""
    return ", ".join(f"{name} {_value(*next(iter(value.items())))}" for name, value in key.items())


def _value(kind: str, content: Value) -> str:
    if kind == "B":
        return f"(binary) {base64.b64encode(bytes(content)).decode()}"
    return str(content) if kind == "N" else json.dumps(content, ensure_ascii=False)


def _next(plan: Plan) -> Iterator[str]:
    if item_findings.misfits(plan.tables):
        yield "Correct these items, or change the definition; then check again."
    if _denied(plan):
        yield "Allow `dynamodb:Scan` (`dynatus policy --mode check` prints the policy)."
