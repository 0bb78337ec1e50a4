"""Capacities that Application Auto Scaling manages stay as they are, within its bounds.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from dynatus_ci.table.aspects.base import Bounds, Comparison
from dynatus_ci.table.model import Path, Value

PROVISIONED = "ProvisionedThroughput"


def wanted(comparison: Comparison, owner: Path) -> Value:
    """The units to send for the table `()` or an index. Units that auto scaling keeps within its bounds stay."""
    path = (*owner, PROVISIONED)
    desired = comparison.desired.at(path)
    actual = comparison.was_at(owner[1], PROVISIONED) if owner else comparison.actual_at(path)
    if not desired or not actual:
        return desired
    if comparison.facts.scaling_denied:
        return actual
    return {
        member: actual[member] if _scaled(comparison, owner, member, actual[member]) else units
        for member, units in desired.items()
    }


def bounds(comparison: Comparison, owner: Path, member: str) -> Bounds | None:
    """The bounds of auto scaling for a member of a capacity; None if it does not manage it."""
    resource = f"table/{comparison.name}" + (f"/index/{owner[1]}" if owner else "")
    dimension = f"dynamodb:{'index' if owner else 'table'}:{member}"
    return (comparison.facts.scaling or {}).get((resource, dimension))


def _scaled(comparison: Comparison, owner: Path, member: str, units: int) -> bool:
    limits = bounds(comparison, owner, member)
    return limits is not None and units in limits
