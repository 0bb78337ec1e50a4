"""What Application Auto Scaling leaves of a capacity that a definition asks for.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from dynatus_ci.table.aspects.base import Bounds, Comparison
from dynatus_ci.table.model import Path, Value

PROVISIONED = "ProvisionedThroughput"


def wanted(comparison: Comparison, owner: Path) -> Value:
    """The provisioned units of the table `()` or an index as they are to be: what scales in its bounds stays as it is.

    Args:
        comparison: The two sides.
        owner: The table or the index.
    """
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
    """What auto scaling keeps a member of a capacity within; None where it does not manage it."""
    resource = f"table/{comparison.name}" + (f"/index/{owner[1]}" if owner else "")
    dimension = f"dynamodb:{'index' if owner else 'table'}:{member}"
    return (comparison.facts.scaling or {}).get((resource, dimension))


def _scaled(comparison: Comparison, owner: Path, member: str, units: int) -> bool:
    covered_by = bounds(comparison, owner, member)
    return covered_by is not None and units in covered_by
