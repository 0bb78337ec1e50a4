"""What a risky difference means for the people and programs that use the table, in one sentence. Pure.

The risk itself is decided in `schema`; here it is only said. Sentences hold values in code spans (see `text`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dynatus_ci.report import text, values
from dynatus_ci.schema import replacement
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.model import Action, Difference, Effect, Risk, TableChange, Value


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


def stake(change: TableChange) -> str:
    """How much the live table holds, as AWS last counted it; empty where that is not known."""
    if change.live is None:
        return ""
    if not change.live.items:
        return "0 items when AWS last counted, up to six hours ago"
    return f"{text.plural(change.live.items, 'item')}, {text.size(change.live.bytes)}, counted up to six hours ago"


def _sentence(change: TableChange, difference: Difference) -> str:
    setting = difference.path[0] if difference.path else ""
    if setting in _ALWAYS:
        return _ALWAYS[setting].replace("CHANGE", _change(difference)).replace("TABLE", text.code(change.table))
    return _DEPENDING.get(setting, _other)(change, difference)


def _table_goes(change: TableChange) -> str:
    """The deletion, with what the planner knows of backup, emptiness and lost settings."""
    again = " and created again, empty" if change.action is Action.RECREATE else ""
    notes = [note for note in change.notes if note != replacement.NEVER_KEPT]
    # A table that is proven empty holds nothing, whatever AWS last counted.
    held = _held(change) if change.risk is Risk.DESTRUCTIVE else ""
    return " ".join([f"Table {text.code(change.table)}{held} is deleted{again}.", *notes])


def _index(change: TableChange, difference: Difference) -> str:
    if difference.path[2:]:
        return _index_member(change, difference)
    name = f"Index {text.code(difference.path[-1])} of table {text.code(change.table)}{_held(change)}"
    if difference.desired is None:
        return f"{name} is deleted. Queries on it fail from then on."
    if difference.effect is Effect.REBUILD_INDEX:
        return f"{name} is deleted and built again. Queries on it fail until it is built."
    return _other(change, difference)


def _index_member(change: TableChange, difference: Difference) -> str:
    _, index, member, *_ = difference.path
    name = f"index {text.code(index)} of {text.code(change.table)}"
    if member in {"ProvisionedThroughput", "OnDemandThroughput"}:
        return f"The capacity of {name} is lowered{_change(difference)}. Requests above it are throttled."
    if member == "ContributorInsightsSpecification":
        return f"Contributor insights of {name} go off."
    return _other(change, difference)


def _held(change: TableChange) -> str:
    return f" ({stake(change)})" if stake(change) else ""


def _recovery(change: TableChange, difference: Difference) -> str:
    if _member(difference, "PointInTimeRecoveryEnabled"):
        shorter = f"keeps a shorter recovery window{_change(difference)}"
        return f"Table {text.code(change.table)} {shorter}. What lies before it is lost."
    return f"Point-in-time recovery of {text.code(change.table)} goes off. Its recovery window is lost."


def _replica(change: TableChange, difference: Difference) -> str:
    region = text.code(difference.path[1]) if len(difference.path) > 1 else "another region"
    if difference.effect is Effect.REBUILD_REPLICA:
        return f"The replica of {text.code(change.table)} in {region} is deleted and created again."
    return f"The replica of {text.code(change.table)} in {region} is deleted. Readers there lose the table."


def _ttl(change: TableChange, difference: Difference) -> str:
    name = _member(difference, "AttributeName")
    by = f" by {text.code(name)}" if isinstance(name, str) else ""
    return f"Time to live of {text.code(change.table)} deletes expired items{by}. They do not come back."


def _stream(change: TableChange, difference: Difference) -> str:
    if not _member(difference, "StreamViewType"):
        return f"The stream of {text.code(change.table)} goes off. Its consumers stop."
    return f"The stream of {text.code(change.table)} is replaced. It gets a new ARN; consumers must follow."


def _other(change: TableChange, difference: Difference) -> str:
    return f"Table {text.code(change.table)}: {values.name(difference.path)} changes."


def _change(difference: Difference) -> str:
    """From what to what, in brackets; empty where a side is absent or has no phrase."""
    both = [side[difference.path] for side in values.sides(difference) or () if difference.path in side]
    return f" ({' → '.join(map(text.code, both))})" if both[1:] else ""


def _member(difference: Difference, name: str) -> Value:
    return difference.desired.get(name) if isinstance(difference.desired, Mapping) else None


_ALWAYS = {
    "BillingMode": "Table TABLE goes to provisioned capacity. Requests above it are throttled.",
    "ProvisionedThroughput": "The capacity of TABLE is loweredCHANGE. Requests above it are throttled.",
    "OnDemandThroughput": "The limits of TABLE are loweredCHANGE. Requests above them are throttled.",
    "SSESpecification": "Table TABLE is encrypted with another keyCHANGE. Readers and writers need access to it.",
    "DeletionProtectionEnabled": "Deletion protection of TABLE goes off.",
    "ResourcePolicy": "The resource policy of TABLE is removed. Who depends on it loses access.",
    "KinesisStreamSpecification": "The Kinesis stream of TABLE goes off. Its consumers get nothing more.",
    "ContributorInsightsSpecification": "Contributor insights of TABLE go off.",
}

_DEPENDING: dict[str, Callable[[TableChange, Difference], str]] = {
    GLOBAL: _index,
    "PointInTimeRecoverySpecification": _recovery,
    "Replicas": _replica,
    "TimeToLiveSpecification": _ttl,
    "StreamSpecification": _stream,
}
