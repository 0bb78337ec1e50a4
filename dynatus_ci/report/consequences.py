"""What a risky difference means for the people and programs that use the table, in one sentence. Pure.

The risk itself is decided in `schema`; here it is only said. Sentences hold values in code spans (see `words`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dynatus_ci.report import values, words
from dynatus_ci.schema import replacement, settings
from dynatus_ci.schema.model import Action, Difference, Risk, TableChange

# Of what the planner couples; what has a life of its own says it itself. By the setting, and for an index by the
# member inside it, or by the effect.
_SENTENCES = {
    "BillingMode": "Table {table} goes to provisioned capacity. Requests above it are throttled.",
    "ProvisionedThroughput": "The capacity of {table} is lowered{change}. Requests above it are throttled.",
    "OnDemandThroughput": "The limits of {table} are lowered{change}. Requests above them are throttled.",
    "GlobalSecondaryIndexes delete": (
        "Index {member} of table {table}{held} is deleted. Queries on it fail from then on."
    ),
    "GlobalSecondaryIndexes rebuild-index": (
        "Index {member} of table {table}{held} is deleted and built again. Queries on it fail until it is built."
    ),
    "GlobalSecondaryIndexes ProvisionedThroughput": (
        "The capacity of index {member} of {table} is lowered{change}. Requests above it are throttled."
    ),
    "GlobalSecondaryIndexes OnDemandThroughput": (
        "The limits of index {member} of {table} are lowered{change}. Requests above them are throttled."
    ),
}
_OTHER = "Table {table}: {setting} changes."


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that goes: a difference of a table's change, and what that means as a sentence."""

    change: TableChange
    difference: Difference
    sentence: str


def destructive(change: TableChange) -> tuple[Loss, ...]:
    """What is lost: one for the table where it goes, else one for each destructive difference."""
    lost = [difference for difference in change.differences if difference.risk is Risk.DESTRUCTIVE]
    if replaced(change):
        return tuple(Loss(change, difference, _table_goes(change)) for difference in lost[:1])
    return tuple(Loss(change, difference, _sentence(change, difference)) for difference in lost)


def disruptive(change: TableChange) -> tuple[str, ...]:
    """What is disturbed, in the same way; nothing where the table goes with its items, which says it all."""
    if replaced(change):
        return (_table_goes(change),) if change.risk is Risk.DISRUPTIVE else ()
    found = (difference for difference in change.differences if difference.risk is Risk.DISRUPTIVE)
    return tuple(_sentence(change, difference) for difference in found)


def replaced(change: TableChange) -> bool:
    """Whether the live table is deleted."""
    return change.action in {Action.RECREATE, Action.DELETE}


def untold(change: TableChange) -> tuple[str, ...]:
    """The notes that are not part of what the alerts say."""
    told = replaced(change) and not change.refusal
    return tuple(note for note in change.notes if not told or note == replacement.NEVER_KEPT)


def _table_goes(change: TableChange) -> str:
    """The deletion, with what the planner knows of backup, emptiness and lost settings."""
    again = " and created again, empty" if change.action is Action.RECREATE else ""
    notes = [note for note in change.notes if note != replacement.NEVER_KEPT]
    # A table that is proven empty holds nothing, whatever AWS last counted.
    held = _held(change) if change.risk is Risk.DESTRUCTIVE else ""
    return " ".join([f"Table {words.code(change.table)}{held} is deleted{again}.", *notes])


def _held(change: TableChange) -> str:
    """How much the live table holds, as AWS last counted it, in brackets; empty where that is not known."""
    if change.live is None:
        return ""
    if not change.live.items:
        return " (0 items when AWS last counted, up to six hours ago)"
    return f" ({words.plural(change.live.items, 'item')}, {words.size(change.live.bytes)}, counted up to six hours ago)"


def _sentence(change: TableChange, difference: Difference) -> str:
    """Values go into their places once, so that none can be taken for a place."""
    member, desired, changed = difference.path[1:2], difference.desired, values.change(difference)
    return _template(difference).format(
        table=words.code(change.table),
        member=words.code(member[0]) if member else "",
        setting=values.name(difference.path),
        held=_held(change),
        change=f" ({changed})" if changed else "",
        attribute=words.code(str(desired.get("AttributeName", ""))) if isinstance(desired, Mapping) else "",
    )


def _template(difference: Difference) -> str:
    setting, path = settings.of(difference.path), difference.path
    if setting:
        return setting.consequence(difference)
    case = path[2] if path[2:] else difference.effect.value
    return _SENTENCES.get(f"{path[0]} {case}", _SENTENCES.get(path[0], _OTHER))
