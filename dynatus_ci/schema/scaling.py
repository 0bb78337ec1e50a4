"""What Application Auto Scaling leaves of a capacity that a definition asks for.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from dynatus_ci.schema.model import Path, Value
from dynatus_ci.schema.settings.base import Bounds, Context

PROVISIONED = "ProvisionedThroughput"


def wanted(context: Context, owner: Path) -> Value:
    """The provisioned units of the table `()` or an index as they are to be: what scales in its bounds stays as it is.

    Args:
        context: The two sides.
        owner: The table or the index.
    """
    path = (*owner, PROVISIONED)
    desired = context.desired.at(path)
    actual = context.was_at(owner[1], PROVISIONED) if owner else context.is_at(path)
    if not desired or not actual:
        return desired
    if context.situation.scaling_denied:
        return actual
    return {
        member: actual[member] if _scaled(context, owner, member, actual[member]) else units
        for member, units in desired.items()
    }


def bounds(context: Context, owner: Path, member: str) -> Bounds | None:
    """What auto scaling keeps a member of a capacity within; None where it does not manage it."""
    resource = f"table/{context.name}" + (f"/index/{owner[1]}" if owner else "")
    dimension = f"dynamodb:{'index' if owner else 'table'}:{member}"
    return (context.situation.scaling or {}).get((resource, dimension))


def _scaled(context: Context, owner: Path, member: str, units: int) -> bool:
    within = bounds(context, owner, member)
    return within is not None and units in within
