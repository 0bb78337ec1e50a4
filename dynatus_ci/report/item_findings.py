"""What was found out about the items of tables, as alerts and as notes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator

from dynatus_ci.definitions import DEFAULT_PATH
from dynatus_ci.report.layout import Alert, AlertLine, ReportContext
from dynatus_ci.table import fit
from dynatus_ci.table.item_checks import Check
from dynatus_ci.table.model import TableChange
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import by_number, code, plural, visible


def misfits(changes: Iterable[TableChange]) -> int:
    """How many items do not fit."""
    return sum(check.misfits for change in changes for check in change.checks if check.refuses)


def do_not_fit(number: int) -> str:
    """The start of a title: `3 items do not fit`."""
    return f"{plural(number, 'item')} {by_number(number, 'does', 'do')} not fit"


def caution(plan: Plan, context: ReportContext, *, named: bool = False) -> Iterator[Alert]:
    """The items that do not fit, and the command that names some, unless the report has done that."""
    number, lines = misfits(plan.tables), _lines(plan, lambda check: check.refuses)
    if number:
        copied = () if named else (_command(plan, context),)
        lines = (AlertLine(lines[0].sentence, copied), *lines[1:])
        title = f"{do_not_fit(number)}: an approval cannot change this"
        yield Alert("CAUTION", title, lines, ask="To find the first five of each index and key:", language="sh")


def warning(plan: Plan) -> Iterator[Alert]:
    """What time to live does to the items that are there."""
    lines = _lines(plan, _is_mentioned)
    if lines:
        yield Alert("WARNING", "Time to live and the items that are there", lines)


def notes(checks: Iterable[Check]) -> tuple[str, ...]:
    """What is in no alert, as sentences: that all items fit, or that they could not be checked."""
    return tuple(fit.findings(check for check in checks if not (check.refuses or _is_mentioned(check))))


def _is_mentioned(check: Check) -> bool:
    return check.misfits > 0 and not check.refuses


def _lines(plan: Plan, chosen: Callable[[Check], bool]) -> tuple[AlertLine, ...]:
    found = ((change.table, " ".join(fit.findings(filter(chosen, change.checks)))) for change in plan.tables)
    return tuple(AlertLine(f"{code(table)}: {sentences}") for table, sentences in found if sentences)


def _command(plan: Plan, context: ReportContext) -> str:
    """The command that finds the items; what it needs beside this, such as a parameter, its user knows."""
    given = {"environment": context.environment, "region": plan.region, "endpoint-url": plan.endpoint}
    path = [] if context.path == DEFAULT_PATH else [shlex.quote(visible(context.path))]
    options = [f"--{name} {shlex.quote(visible(value))}" for name, value in given.items() if value]
    return " ".join(["dynatus check", *path, *options, "--show-keys"])
