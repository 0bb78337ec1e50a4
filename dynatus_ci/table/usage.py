"""Is it still read? For each index and table that goes: what to ask CloudWatch, and what its answers say.

It never changes an id, a risk or the fingerprint: a plan that may not ask must approve the same thing.
docs/dynamodb.md#is-it-still-read
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dynatus_ci.table.model import GLOBAL, Difference, Effect, TableChange, Usage
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import plural

DAYS = 14
"""For how many days the reads are counted."""


@dataclass(frozen=True, slots=True)
class ReadMetric:
    """What CloudWatch counts the reads of: a table without its global indexes, or one global index."""

    table: str
    index: str | None = None


def asked(plan: Plan) -> tuple[ReadMetric, ...]:
    """Everything that goes in a plan, each once."""
    found = (read for change in plan.tables for difference in change.differences for read in _of(change, difference))
    return tuple(dict.fromkeys(found))


def added(plan: Plan, known: Mapping[ReadMetric, Usage]) -> Plan:
    """The plan with what is known of the usage of what goes."""
    return replace(plan, tables=tuple(_with_usage(change, known) for change in plan.tables)) if known else plan


def words(usage: Usage) -> str:
    """The usage as a sentence, such as `1,204 read units in 14 days, last on 2026-11-26`."""
    if usage.last is None:
        return f"Not read in {DAYS} days."
    return f"{plural(usage.read_units, 'read unit')} in {DAYS} days, last on {usage.last}."


def _with_usage(change: TableChange, known: Mapping[ReadMetric, Usage]) -> TableChange:
    differences = tuple(replace(each, usage=_sum(_of(change, each), known)) for each in change.differences)
    return replace(change, differences=differences)


def _of(change: TableChange, difference: Difference) -> Sequence[ReadMetric]:
    """The table or index that a difference deletes. Reads of a table's indexes count as reads of the table."""
    if change.refusal or change.actual is None:
        return ()
    table, path = change.table, difference.path
    if path == () and difference.effect in {Effect.DELETE, Effect.RECREATE}:
        return (ReadMetric(table), *(ReadMetric(table, index) for index in sorted(change.actual.indexes())))
    goes = difference.effect in {Effect.DELETE, Effect.REBUILD_INDEX}
    return (ReadMetric(table, path[1]),) if goes and path[:1] == (GLOBAL,) and not path[2:] else ()


def _sum(reads: Sequence[ReadMetric], known: Mapping[ReadMetric, Usage]) -> Usage | None:
    """The usage of all of it; None where that of a part is not known."""
    if not reads or any(read not in known for read in reads):
        return None
    found = [known[read] for read in reads]
    return Usage(sum(usage.read_units for usage in found), max(_days(found), default=None))


def _days(found: Sequence[Usage]) -> Iterator[str]:
    return (usage.last for usage in found if usage.last)
