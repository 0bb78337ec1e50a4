"""Provisioned capacity and on-demand limits, of the table and of its indexes: what differs, and what is to be sent.

The billing mode plans the steps for both (`billing_steps`).
docs/dynamodb.md#billing-mode
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from dynatus_ci.table import emulators, phrases
from dynatus_ci.table.aspects import billing_mode, indexes, targets, warm_throughput
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.aspects.indexes import THROUGHPUT
from dynatus_ci.table.aspects.targets import PROVISIONED
from dynatus_ci.table.model import GLOBAL, Difference, Effect, Path, Risk, Step, Value, finite_limits

MODE = ("BillingMode",)
LIMITS = "OnDemandThroughput"
WARM = "WarmThroughput"
UNLIMITED: Value = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}


def member_of(path: Path) -> str | None:
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


def owners(comparison: Comparison) -> list[Path]:
    """The table and the indexes that are there and stay as they are."""
    going = indexes.to_rebuild(comparison)
    actual = comparison.actual.indexes() if comparison.actual else {}
    return [(), *((GLOBAL, name) for name in comparison.desired.indexes() if name in actual and name not in going)]


def unmentioned_indexes(comparison: Comparison) -> list[str]:
    """The indexes that are there and stay, although the file does not mention them."""
    actual = comparison.actual.indexes() if comparison.actual else {}
    going = indexes.to_rebuild(comparison)
    return sorted(name for name in actual if name not in going and name not in comparison.desired.indexes())


def scaling_matters(comparison: Comparison) -> bool:
    """Whether Application Auto Scaling must be asked before the capacities can be compared."""
    if comparison.desired.at(MODE) != "PROVISIONED" or comparison.actual_at(MODE) != "PROVISIONED":
        return False
    rebuilt = ((GLOBAL, name) for name in comparison.desired.indexes() if comparison.rebuilds(name))
    return any(
        (comparison.actual_at((*owner, PROVISIONED)) or {}).get(member) != units
        for owner in (*owners(comparison), *rebuilt)
        for member, units in comparison.desired.at((*owner, PROVISIONED)).items()
        if targets.settings_in_file(comparison.desired, owner, member) is None
    )


def differences_at(comparison: Comparison, path: Path) -> Iterator[Difference]:
    """How the two sides differ in one capacity, limit or warm throughput; none where the file does not mention it."""
    desired, actual = comparison.desired.at(path), actual_at(comparison, path)
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
    scaled = {member for member in units if targets.settings_in_file(comparison.desired, owner, member)}
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


def actual_at(comparison: Comparison, path: Path) -> Value:
    """The actual value; what comes to be on demand begins without limits."""
    actual = comparison.actual_at(path)
    return UNLIMITED if actual is None and path[-1] == LIMITS else actual


def keeps_limits(comparison: Comparison, units: Mapping[str, int]) -> bool:
    """DynamoDB Local keeps both limits or none."""
    return len(finite_limits(units)) != 1 or comparison.endpoint.emulator != emulators.DYNAMODB_LOCAL


def is_decrease(comparison: Comparison, difference: Difference) -> bool:
    """Whether what is sent for a difference lowers a capacity or a limit."""
    return _lowers(difference.actual, to_send(comparison, difference.path))


def _lowers(actual: Value, desired: Value) -> bool:
    """Whether a member goes down; -1 is no limit, so above all."""
    return any(_height(units) < _height((actual or {}).get(member, 0)) for member, units in desired.items())


def _height(units: int) -> float:
    return float("inf") if units == -1 else units


class _Throughput(Aspect):
    """The capacity or the limits of the table and of each index; the billing mode plans for them."""

    phrased = frozenset(phrases.UNITS)
    in_every_table = True
    mode: ClassVar[str]
    """The billing mode that has them."""

    def mentioned(self, definition: Mapping[str, Any]) -> bool:
        return billing_mode.asked(definition) == self.mode and bool(definition.get(self.name))

    def observe(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, Value]]:
        if billing_mode.described(description) == self.mode:
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

    def as_aws_shows(self, comparison: Comparison, desired: Value) -> Value:
        """A limit that is not set shows as -1."""
        return {**UNLIMITED, **desired}
