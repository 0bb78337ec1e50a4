"""Requests become nouns: the capacity, warm throughput and indexes that a checked request asks for."""

from __future__ import annotations

from tests.simulator.tables import ON_DEMAND_WARM, Capacity, Index, Json, Warm


def capacity(holder: Json) -> Capacity:
    """The provisioned capacity that a table or an index is made with."""
    given = holder.get("ProvisionedThroughput", {})
    return Capacity(given.get("ReadCapacityUnits", 0), given.get("WriteCapacityUnits", 0))


def warm(holder: Json, *, on_demand: bool) -> Warm:
    """What it is warm for: what is asked for, never less than what it has."""
    has, given = capacity(holder), holder.get("WarmThroughput", {})
    made = Warm(has.read, has.write)
    made.cover(given.get("ReadUnitsPerSecond", 0), given.get("WriteUnitsPerSecond", 0))
    if on_demand:
        made.cover(*ON_DEMAND_WARM)
    return made


def index(holder: Json, *, on_demand: bool) -> Index:
    """A global secondary index as it begins."""
    return Index(
        name=holder["IndexName"],
        key_schema=holder["KeySchema"],
        projection=_projection(holder),
        capacity=capacity(holder),
        warm=warm(holder, on_demand=on_demand),
        limits=dict(holder.get("OnDemandThroughput", {})),
    )


def local_index(holder: Json) -> Json:
    """A local secondary index, which never changes."""
    return {**holder, "Projection": _projection(holder)}


def _projection(holder: Json) -> Json:
    projection: Json = dict(holder["Projection"])
    if "NonKeyAttributes" in projection:
        projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
    return projection
