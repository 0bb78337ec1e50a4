"""A table is to be deleted that others were filled from: are all of its items in them? A note of the plan.

Both tables are read whole, so only small ones are compared, and only if nobody has turned the questions to items off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, inf

from dynatus_ci.aws import scan_budget
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.copier import Copier
from dynatus_ci.engine.fitting import Fitting
from dynatus_ci.table.model import Action, Table, TableChange
from dynatus_ci.table.origins import copy_order, copying
from dynatus_ci.table.origins.copying import READ_UNIT
from dynatus_ci.text import code


class _TooSlow(Exception):
    """The comparison took longer than a plan may take for it."""


def with_notes(changes: Sequence[TableChange], fitting: Fitting | None) -> list[TableChange]:
    """The changes. One that deletes the source of a copy says whether all of its items are in the copy.

    Args:
        changes: What all tables of the definitions need.
        fitting: How items are asked; None where nobody may ask them.
    """
    return [_with_notes(change, changes, fitting) for change in changes]


def _with_notes(change: TableChange, changes: Iterable[TableChange], fitting: Fitting | None) -> TableChange:
    if change.action is not Action.DELETE or change.refusal or change.actual is None:
        return change
    source = change.actual
    notes = [_note(source, copy, fitting) for copy in changes if copy_order.is_copy_of(copy, source)]
    return replace(change, notes=(*notes, *change.notes))


def _note(source: Table, copy: TableChange, fitting: Fitting | None) -> str:
    if fitting is None:
        return copy_order.not_compared(copy.table, "this run reads no items")
    if copy.actual is None or copy.desired is None or not _is_small(source, copy.actual, fitting):
        return copy_order.not_compared(copy.table, "they are too large to be read whole in a plan")
    ends = fitting.clock.now() + fitting.limits.seconds

    def check_time() -> None:
        if fitting.stop.is_set() or fitting.clock.now() > ends:
            raise _TooSlow

    job = copying.job(source, copy.desired, rate=None)
    try:
        compared, _ = Copier(fitting.aws, job, now=fitting.clock.now, check_time=check_time).compare()
    except _TooSlow:
        return copy_order.not_compared(copy.table, "it took too long")
    except CallFailed as failed:
        denied = failed.kind is ErrorKind.DENIED
        return copy_order.not_compared(
            copy.table, "Scan is denied" if denied else f"Scan failed with {code(failed.code)}"
        )
    return copy_order.compared(copy.table, compared)


def _is_small(source: Table, copy: Table, fitting: Fitting) -> bool:
    """Whether a plan may read both tables whole: within the budget for the check of a table's items."""
    sizes = {table.name: ceil((table.info.bytes if table.info else 0) / READ_UNIT) for table in (source, copy)}
    rates = {table.name: scan_budget.usable_rate(fitting.aws, table) for table in (source, copy)}
    seconds = fitting.limits.seconds
    quick = all(rates[name] == inf or units <= rates[name] * seconds for name, units in sizes.items())
    return quick and sum(sizes.values()) <= fitting.limits.units
