"""Billing mode, provisioned capacity and on-demand limits of the table and of its indexes: UpdateTable couples them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/switching.capacitymode.html
docs/dynamodb.md#billing-mode
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from dynatus_ci.errors import Refusal
from dynatus_ci.table import emulators, phrases
from dynatus_ci.table.aspects import indexes, targets, warm_throughput
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.aspects.indexes import THROUGHPUT, billing_mode
from dynatus_ci.table.aspects.targets import PROVISIONED
from dynatus_ci.table.model import GLOBAL, Difference, Effect, Path, Risk, Step, Value, finite_limits
from dynatus_ci.table.validation.shapes import Choice
from dynatus_ci.text import code, codes

MODE = ("BillingMode",)
LIMITS = "OnDemandThroughput"
WARM = "WarmThroughput"
UNLIMITED: Value = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}
DECREASES_A_DAY = 4


def _to_be_provisioned(differences: Sequence[Difference]) -> bool:
    return any(difference.path == MODE and difference.desired == "PROVISIONED" for difference in differences)


def _member(path: Path) -> str | None:
    """Which capacity a path is about, of the table or of an index; None for every other path."""
    match path:
        case (("BillingMode" | "ProvisionedThroughput" | "OnDemandThroughput") as member,):
            return member
        case (
            "GlobalSecondaryIndexes",
            _,
            ("ProvisionedThroughput" | "OnDemandThroughput" | "WarmThroughput") as member,
        ):
            return member
    return None


def scaling_matters(comparison: Comparison) -> bool:
    """Whether Application Auto Scaling must be asked before the capacities can be compared."""
    if comparison.desired.at(MODE) != "PROVISIONED" or comparison.actual_at(MODE) != "PROVISIONED":
        return False
    rebuilt = ((GLOBAL, name) for name in comparison.desired.indexes() if comparison.rebuilds(name))
    return any(
        (comparison.actual_at((*owner, PROVISIONED)) or {}).get(member) != units
        for owner in (*_owners(comparison), *rebuilt)
        for member, units in comparison.desired.at((*owner, PROVISIONED)).items()
        if targets.written(comparison.desired, owner, member) is None
    )


def _owners(comparison: Comparison) -> list[Path]:
    """The table and the indexes that are there and stay as they are."""
    going = indexes.to_rebuild(comparison)
    actual = comparison.actual.indexes() if comparison.actual else {}
    return [(), *((GLOBAL, name) for name in comparison.desired.indexes() if name in actual and name not in going)]


def _difference(comparison: Comparison, path: Path) -> Iterator[Difference]:
    desired, actual = comparison.desired.at(path), _actual(comparison, path)
    if desired is None:
        return
    if path[-1] == WARM:
        if warm_throughput.higher(warm_throughput.warm_floor(comparison, path[:-1]), desired):
            yield comparison.difference(path, desired)
        return
    if not matches(actual, to_send(comparison, path)):
        risk = Risk.DISRUPTIVE if _lowers(actual, to_send(comparison, path)) else Risk.SAFE
        kept = path[-1] != LIMITS or keeps_limits(comparison, {**(actual or {}), **desired})
        effect = Effect.IN_PLACE if kept else Effect.UNSUPPORTED
        shown = _without_scaled(comparison, path, actual) if path[-1] == PROVISIONED else desired
        yield comparison.difference(path, shown, effect=effect, risk=risk)


def _without_scaled(comparison: Comparison, path: Path, actual: Value) -> Value:
    """The desired capacity, without what auto scaling moves and has inside its bounds: that varies."""
    owner, units = path[:-1], comparison.desired.at(path)
    scaled = {member for member in units if targets.written(comparison.desired, owner, member)}
    sent = {**units, **{member: to_send(comparison, path)[member] for member in scaled}}
    stays = {member for member in scaled if sent[member] == (actual or {}).get(member)}
    return {member: count for member, count in sent.items() if member not in stays}


def to_send(comparison: Comparison, path: Path) -> Value:
    """The value at a path as it is to be sent."""
    return targets.units_to_send(comparison, path[:-1]) if path[-1] == PROVISIONED else comparison.desired.at(path)


def scaled_by(comparison: Comparison, difference: Difference) -> Iterator[str]:
    """The ids of the settings that alone bring a difference of capacity about: between review and run it may vary."""
    owner = difference.path[:-1]
    if difference.path[-1:] != (PROVISIONED,) or not difference.desired:
        return
    actual = comparison.actual_at(difference.path) or {}
    changed = (member for member, units in difference.desired.items() if units != actual.get(member))
    paths = [(*owner, targets.SETTINGS[member]) for member in changed]
    if all(comparison.desired.at(path) is not None for path in paths):
        yield from (Difference(comparison.name, path, None, comparison.desired.at(path)).id for path in paths)


def _actual(comparison: Comparison, path: Path) -> Value:
    """The actual value; what comes to be on demand begins without limits."""
    actual = comparison.actual_at(path)
    return UNLIMITED if actual is None and path[-1] == LIMITS else actual


def keeps_limits(comparison: Comparison, units: Mapping[str, int]) -> bool:
    """DynamoDB Local keeps both limits or none."""
    return len(finite_limits(units)) != 1 or comparison.endpoint.emulator != emulators.DYNAMODB_LOCAL


def _lowers(actual: Value, desired: Value) -> bool:
    """Whether a member goes down; -1 is no limit, so above all."""
    return any(_height(units) < _height((actual or {}).get(member, 0)) for member, units in desired.items())


def _height(units: int) -> float:
    return float("inf") if units == -1 else units


def _unmentioned(comparison: Comparison) -> list[str]:
    actual = comparison.actual.indexes() if comparison.actual else {}
    going = indexes.to_rebuild(comparison)
    return sorted(name for name in actual if name not in going and name not in comparison.desired.indexes())


def _to_provisioned(comparison: Comparison, served: Sequence[Difference]) -> Step:
    """AWS asks for the capacity of every index that is there at that moment, in the same call."""
    table = comparison.desired.at((PROVISIONED,))
    staying = [owner[1] for owner in _owners(comparison) if owner]
    capacities = {name: comparison.desired.at((GLOBAL, name, PROVISIONED)) for name in staying}
    capacities |= dict.fromkeys(_unmentioned(comparison), table)
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
    rising = [
        difference for difference in served if not _lowers(difference.actual, to_send(comparison, difference.path))
    ]
    of_table = [difference for difference in rising if len(difference.path) == 1]
    of_indexes = [difference for difference in rising if difference not in of_table]
    # While an index is built, AWS takes the table's capacity and not that of indexes.
    together = [of_table, of_indexes] if _index_under_way(comparison) else [rising]
    for group in (*together, *([difference] for difference in served if difference not in rising)):
        if group:
            parameters = _throughput(group, {d.path: to_send(comparison, d.path) for d in group})
            yield _step(comparison, parameters, f"set the capacity of {_names(group)}", group, seconds=(1, 4))


def _index_under_way(comparison: Comparison) -> bool:
    return comparison.actual is not None and any(path[:1] == (GLOBAL,) for path in comparison.actual.transitions)


def _throughput(group: Sequence[Difference], values: Mapping[Path, Value]) -> dict[str, Value]:
    table = {PROVISIONED: values[(PROVISIONED,)]} if (PROVISIONED,) in values else {}
    updates = [_update(d.path[1], PROVISIONED, values[d.path]) for d in group if len(d.path) > 1]
    return {**table, **({"GlobalSecondaryIndexUpdates": updates} if updates else {})}


def _limits(comparison: Comparison, served: Sequence[Difference]) -> Iterator[Step]:
    """Both members are sent, the one that the file leaves out as it is: DynamoDB Local fails on one alone."""
    values = {d.path: {**_actual(comparison, d.path), **d.desired} for d in served}
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
        expects={difference.path: to_send(comparison, difference.path) for difference in served},
        waits_for="table and indexes ACTIVE, capacity set",
        seconds=seconds,
        aspect=aspect,
    )


def _names(group: Sequence[Difference]) -> str:
    return ", ".join("the table" if len(difference.path) == 1 else code(difference.path[1]) for difference in group)


def _scaling_notes(comparison: Comparison) -> Iterator[str]:
    for owner in _owners(comparison):
        actual, desired = comparison.actual_at((*owner, PROVISIONED)), comparison.desired.at((*owner, PROVISIONED))
        if not actual or not desired or actual == desired:
            continue
        what = phrases.owner(owner)
        mentioned = {member: targets.written(comparison.desired, owner, member) for member in actual}
        if comparison.facts.scaling_denied and None in mentioned.values():
            yield (
                f"Cannot verify whether auto scaling manages the capacity of {what}: "
                "`application-autoscaling:DescribeScalableTargets` is not allowed. The capacity stays as it is."
            )
            continue
        for member, units in actual.items():
            path = (*owner, targets.SETTINGS[member])
            yield from _outside(comparison, path, member, units, mentioned=mentioned[member])


def _outside(comparison: Comparison, path: Path, member: str, units: int, *, mentioned: Value) -> Iterator[str]:
    """A capacity that is not where its auto scaling keeps it."""
    target, what = targets.target_at(comparison, path), f"{code(member)} of {phrases.owner(path[:-1])}"
    if mentioned and not mentioned["MinCapacity"] <= units <= mentioned["MaxCapacity"]:
        least, most = mentioned["MinCapacity"], mentioned["MaxCapacity"]
        yield (
            f"{what} is {units:,}, outside the bounds of its auto scaling in the file ({least:,} to {most:,}). "
            "Apply sets it to the nearer bound."
        )
    elif mentioned is None and target and units not in target:
        yield (f"{what} is {units:,}, outside the bounds of its auto scaling ({target.least:,} to {target.most:,}).")


def _decrease_note(comparison: Comparison, owner: Path) -> Iterator[str]:
    info = comparison.info
    used = info.decreases_today.get(owner) if info else None
    if used is not None:
        left = max(DECREASES_A_DAY - used, 0)
        decreases = f"{left or 'no'} more decrease{'' if left == 1 else 's'}"
        yield f"AWS allows {decreases} of {phrases.owner(owner)} today (UTC), then one per hour."


class BillingMode(Aspect):
    """The billing mode. It plans for capacity and limits too: UpdateTable changes them together."""

    name = "BillingMode"
    title = "billing mode"
    shape = Choice(("PROVISIONED", "PAY_PER_REQUEST"))
    of_table = True

    def mentioned(self, definition: Mapping[str, Any]) -> bool:
        return True

    def desired(self, definition: Mapping[str, Any]) -> Value:
        return definition.get(self.name) or "PROVISIONED"

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return billing_mode(description)

    def serves(self, path: Path) -> bool:
        return _member(path) is not None

    def follows(self, difference: Difference, step: Step) -> bool:
        """Limits are those of the billing mode."""
        return difference.path == MODE

    def consequence(self, difference: Difference) -> str:
        return "{table} will switch to provisioned capacity. Requests above it will be throttled."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """The mode, then capacity and limits of the table and of the indexes that stay."""
        if comparison.creating:
            return
        mode = comparison.desired.at(MODE)
        if mode != comparison.actual_at(MODE):
            risk = Risk.DISRUPTIVE if mode == "PROVISIONED" else Risk.SAFE
            yield comparison.difference(MODE, mode, risk=risk)
        for owner in _owners(comparison):
            for member in (PROVISIONED, LIMITS, WARM) if owner else (PROVISIONED, LIMITS):
                yield from _difference(comparison, (*owner, member))

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """A switch carries all that it needs. Else rises go together, and each decrease alone: it has a quota."""
        mode = [difference for difference in differences if difference.path == MODE]
        capacity = [difference for difference in differences if _member(difference.path) == PROVISIONED]
        limits = [difference for difference in differences if _member(difference.path) == LIMITS]
        table_limits = [difference for difference in limits if len(difference.path) == 1]
        if mode and mode[0].desired == "PROVISIONED":
            yield _to_provisioned(comparison, (*mode, *capacity))
        elif mode:
            yield _to_on_demand(comparison, (*mode, *table_limits))
            limits = [difference for difference in limits if difference not in table_limits]
        else:
            yield from _capacity(comparison, capacity)
        yield from _limits(comparison, limits)
        yield from _warm(comparison, [difference for difference in differences if _member(difference.path) == WARM])

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """Vector indexes keep a table on demand.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/VectorSearch.Requirements.html
        """
        vectors = sorted(comparison.info.vectors) if comparison.info else []
        if not vectors or not _to_be_provisioned(differences):
            return None
        return Refusal(
            f"The table has the vector index {code(vectors[0])}. AWS supports vector indexes only on on-demand tables, "
            "so delete it first."
        )

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """Auto scaling, decreases that are left today, and what cannot be lowered."""
        yield from _scaling_notes(comparison)
        for difference in differences:
            if _member(difference.path) == PROVISIONED and _lowers(
                difference.actual, to_send(comparison, difference.path)
            ):
                yield from _decrease_note(comparison, difference.path[:-1])
        for name, index in comparison.desired.indexes().items():
            actual = comparison.actual_at((GLOBAL, name))
            if actual and WARM in index:
                yield from warm_throughput.lower_note(f"index {code(name)}", actual.get(WARM), index[WARM])
        unmentioned = _unmentioned(comparison)
        if unmentioned and _to_be_provisioned(differences):
            yield f"Indexes that the file does not mention get the table's capacity: {codes(unmentioned)}."


class _Throughput(Aspect):
    """The capacity or the limits of the table and of each index; the billing mode plans for them."""

    phrased = frozenset(phrases.UNITS)
    of_table = True
    mode: ClassVar[str]
    """The billing mode that has them."""

    def mentioned(self, definition: Mapping[str, Any]) -> bool:
        return (definition.get("BillingMode") or "PROVISIONED") == self.mode and bool(definition.get(self.name))

    def observe(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, Value]]:
        if billing_mode(description) == self.mode:
            yield from super().observe(description, answer)

    def owns(self, path: Path) -> bool:
        return path == (self.name,) or (path[:1] == (GLOBAL,) and path[2:] == (self.name,))

    def serves(self, path: Path) -> bool:
        return False

    def phrase(self, value: Mapping[str, Value]) -> str:
        return phrases.units(value)

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        yield from ()

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        yield from ()

    def consequence(self, difference: Difference) -> str:
        index, them = "index {member} of " if difference.path[1:] else "", "it" if self.name == PROVISIONED else "them"
        return (
            f"The {self.title} of {index}{{table}} will be lowered{{change}}. Requests above {them} will be throttled."
        )


class Capacity(_Throughput):
    """Provisioned throughput."""

    name = PROVISIONED
    title = "capacity"
    shape = THROUGHPUT[PROVISIONED]
    mode = "PROVISIONED"

    def desired(self, definition: Mapping[str, Any]) -> Value:
        """Inside the bounds of auto scaling, if the file has any."""
        return targets.within(definition, definition[self.name])

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return indexes.provisioned_units(description)


class Limits(_Throughput):
    """The limits of a table that is on demand."""

    name = LIMITS
    title = "on-demand limits"
    shape = THROUGHPUT[LIMITS]
    mode = "PAY_PER_REQUEST"

    def normalise(self, value: Value) -> Value:
        return dict(value)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return indexes.on_demand_limits(description)

    def shown(self, comparison: Comparison, desired: Value) -> Value:
        """A limit that is not set shows as -1."""
        return {**UNLIMITED, **desired}
