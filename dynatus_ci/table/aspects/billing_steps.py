"""The steps that change billing mode, capacity and limits: UpdateTable couples them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/switching.capacitymode.html
docs/dynamodb.md#billing-mode
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dynatus_ci.table.aspects import throughput, warm_throughput
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.targets import PROVISIONED
from dynatus_ci.table.aspects.throughput import LIMITS, MODE, WARM
from dynatus_ci.table.model import GLOBAL, Difference, Path, Step, Value
from dynatus_ci.text import code


def steps(comparison: Comparison, differences: Sequence[Difference]) -> Iterator[Step]:
    """A switch carries all that it needs. Else rises go together, and each decrease alone: it has a quota."""
    mode = [difference for difference in differences if difference.path == MODE]
    capacity, limits, warm = (
        [difference for difference in differences if throughput.member_of(difference.path) == member]
        for member in (PROVISIONED, LIMITS, WARM)
    )
    table_limits = [difference for difference in limits if len(difference.path) == 1]
    if mode and mode[0].desired == "PROVISIONED":
        yield _to_provisioned(comparison, (*mode, *capacity))
    elif mode:
        yield _to_on_demand(comparison, (*mode, *table_limits))
        limits = [difference for difference in limits if difference not in table_limits]
    else:
        yield from _capacity(comparison, capacity)
    yield from _limits(comparison, limits)
    yield from _warm(comparison, warm)


def _to_provisioned(comparison: Comparison, served: Sequence[Difference]) -> Step:
    """AWS asks for the capacity of every index that is there at that moment, in the same call."""
    table = comparison.desired.at((PROVISIONED,))
    staying = [owner[1] for owner in throughput.owners(comparison) if owner]
    capacities = {name: comparison.desired.at((GLOBAL, name, PROVISIONED)) for name in staying}
    capacities |= dict.fromkeys(throughput.unmentioned_indexes(comparison), table)
    updates = [
        _update(name, PROVISIONED, units)
        for name, units in sorted(capacities.items())
        if units != _stored(comparison, name)
    ]
    parameters = {"BillingMode": "PROVISIONED", PROVISIONED: table}
    return _step(
        comparison,
        {**parameters, **({"GlobalSecondaryIndexUpdates": updates} if updates else {})},
        "switch to `PROVISIONED`",
        served,
        seconds=(60, 112),
    )


def _stored(comparison: Comparison, index: str) -> Value:
    """DynamoDB Local keeps an index's units while it is on demand, and then refuses the same ones as no change."""
    info = comparison.info
    return info.stored_units.get((GLOBAL, index)) if info else None


def _to_on_demand(comparison: Comparison, served: Sequence[Difference]) -> Step:
    limits = [difference.desired for difference in served if difference.path == (LIMITS,)]
    parameters = {"BillingMode": "PAY_PER_REQUEST", **({LIMITS: limits[0]} if limits else {})}
    return _step(comparison, parameters, "switch to `PAY_PER_REQUEST`", served, seconds=(4, 172))


def _capacity(comparison: Comparison, served: Sequence[Difference]) -> Iterator[Step]:
    rising = [difference for difference in served if not throughput.is_decrease(comparison, difference)]
    of_table = [difference for difference in rising if len(difference.path) == 1]
    of_indexes = [difference for difference in rising if difference not in of_table]
    # While an index is built, AWS takes the table's capacity and not that of indexes.
    together = [of_table, of_indexes] if _index_under_way(comparison) else [rising]
    for group in (*together, *([difference] for difference in served if difference not in rising)):
        if group:
            parameters = _throughput(group, {d.path: throughput.to_send(comparison, d.path) for d in group})
            yield _step(comparison, parameters, f"set the capacity of {_names(group)}", group, seconds=(1, 4))


def _index_under_way(comparison: Comparison) -> bool:
    return comparison.actual is not None and any(path[:1] == (GLOBAL,) for path in comparison.actual.transitions)


def _throughput(group: Sequence[Difference], values: Mapping[Path, Value]) -> dict[str, Value]:
    table = {PROVISIONED: values[(PROVISIONED,)]} if (PROVISIONED,) in values else {}
    updates = [_update(d.path[1], PROVISIONED, values[d.path]) for d in group if len(d.path) > 1]
    return {**table, **({"GlobalSecondaryIndexUpdates": updates} if updates else {})}


def _limits(comparison: Comparison, served: Sequence[Difference]) -> Iterator[Step]:
    """Both members are sent, the one that the file leaves out as it is: DynamoDB Local fails on one alone."""
    values = {d.path: {**throughput.actual_at(comparison, d.path), **d.desired} for d in served}
    for difference in served:
        sent = values[difference.path]
        if len(difference.path) == 1:
            parameters: dict[str, Value] = {LIMITS: sent}
        else:
            parameters = {"GlobalSecondaryIndexUpdates": [_update(difference.path[1], LIMITS, sent)]}
        reason = f"set the on-demand limits of {_names([difference])}"
        yield _step(comparison, parameters, reason, [difference], seconds=(1, 4))


def _warm(comparison: Comparison, served: Sequence[Difference]) -> Iterator[Step]:
    for difference in served:
        actual = warm_throughput.warm_floor(comparison, difference.path[:-1])
        sent = warm_throughput.raised(actual, difference.desired)
        parameters = {"GlobalSecondaryIndexUpdates": [_update(difference.path[1], WARM, sent)]}
        reason = f"raise the warm throughput of {_names([difference])}"
        yield _step(comparison, parameters, reason, [difference], seconds=(270, 510), aspect=WARM)


def _update(index: str, member: str, value: Value) -> dict[str, Value]:
    return {"Update": {"IndexName": index, member: value}}


def _step(
    comparison: Comparison,
    parameters: Mapping[str, Value],
    reason: str,
    served: Sequence[Difference],
    *,
    seconds: tuple[int, int | None],
    aspect: str = MODE[0],
) -> Step:
    return Step(
        operation="UpdateTable",
        parameters=comparison.update_table(**parameters),
        reason=reason,
        differences=tuple(difference.id for difference in served),
        expects={difference.path: throughput.to_send(comparison, difference.path) for difference in served},
        waits_for="table and indexes ACTIVE, capacity set",
        seconds=seconds,
        aspect=aspect,
    )


def _names(group: Sequence[Difference]) -> str:
    return ", ".join("the table" if len(difference.path) == 1 else code(difference.path[1]) for difference in group)
