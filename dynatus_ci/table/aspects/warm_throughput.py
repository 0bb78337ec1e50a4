"""WarmThroughput of the table: what it takes at once. It can be raised, never lowered.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
docs/dynamodb.md#warm-throughput
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects import billing_mode, targets
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import GLOBAL, Difference, Path, Step, Value
from dynatus_ci.table.validation.findings import Finding
from dynatus_ci.table.validation.shapes import Structure, Whole
from dynatus_ci.table.validation.unknown import Unknown, known, whole
from dynatus_ci.text import code

MEMBERS = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")
LEAST_ON_DEMAND = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
"""What every table on demand takes at once."""
CAPACITY = {"ReadUnitsPerSecond": "ReadCapacityUnits", "WriteUnitsPerSecond": "WriteCapacityUnits"}


def read(answer: Mapping[str, Any]) -> Value:
    """The warm throughput of a table's or an index's description, without its status; None where there is none."""
    warm = answer.get("WarmThroughput") or {}
    return {member: warm[member] for member in MEMBERS if member in warm} or None


def higher(actual: Value, desired: Value) -> bool:
    """Whether a member is to be raised."""
    return any((actual or {}).get(member, 0) < units for member, units in desired.items())


def warm_floor(comparison: Comparison, owner: Path) -> Value:
    """The warm throughput that the table `()` or an index has after the changes of billing mode and capacity."""
    actual = comparison.actual_at((*owner, "WarmThroughput")) or {}
    capacity = targets.units_to_send(comparison, owner) or {}
    brought = LEAST_ON_DEMAND if comparison.desired.at((billing_mode.NAME,)) == billing_mode.ON_DEMAND else {}
    return {
        member: max(actual.get(member, 0), brought.get(member, 0), capacity.get(CAPACITY[member], 0))
        for member in MEMBERS
    }


def raised(actual: Value, desired: Value) -> Value:
    """What to send: AWS refuses a member below the actual value."""
    return {member: max(units, (actual or {}).get(member, 0)) for member, units in desired.items()}


def at_least(capacity: Value, desired: Value) -> Value:
    """What to send with a capacity: AWS refuses a member below it."""
    return raised({member: capacity[CAPACITY[member]] for member in desired}, desired)


def lower_note(what: str, actual: Value, desired: Value) -> Iterator[str]:
    """A note for each member that the file lowers: AWS only raises them."""
    for member, units in desired.items():
        if units < (actual or {}).get(member, 0):
            name = code(f"WarmThroughput.{member}")
            yield f"{name} of {what} is {code(str(actual[member]))} and cannot be lowered to {code(str(units))}."


def _findings(owner: Mapping[str, Any], *, path: tuple[str | int, ...], on_demand: bool) -> Iterator[Finding]:
    """What is wrong with the warm throughput of a table or an index."""
    warm = known(owner, "WarmThroughput")
    if warm == {}:
        yield Finding(path, "empty-throughput", "`:WarmThroughput` is empty.", "Leave it out, or write a value.")
    capacity = owner.get("ProvisionedThroughput") or {}
    scaling = [owner.get(name) for name in targets.UNITS]
    capacity = targets.within(owner, capacity) if whole([capacity, *scaling]) else {}
    for member, units in (warm or {}).items():
        least = LEAST_ON_DEMAND[member] if on_demand else known(capacity, CAPACITY[member]) or 1
        if not isinstance(units, Unknown) and units < least:
            why = "`PAY_PER_REQUEST` always has" if on_demand else "is provisioned"
            message = f"`:{member} {units}` is less than {why}: `{least}`."
            yield Finding((*path, member), "warm-throughput", message, f"Write at least `{least}`, or leave it out.")


class WarmThroughput(Aspect):
    """The table's warm throughput; an index's is planned with the indexes."""

    name = "WarmThroughput"
    title = "warm throughput"
    shape = Structure({"ReadUnitsPerSecond": Whole(1), "WriteUnitsPerSecond": Whole(1)})
    phrased = frozenset(shape.members)
    in_create = True
    seconds = (270, 510)

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """Of the table and of its indexes: a value below what any such table has cannot be reached."""
        on_demand = billing_mode.asked(definition) == billing_mode.ON_DEMAND
        yield from _findings(definition, path=(self.name,), on_demand=on_demand)
        for number, index in enumerate(known(definition, GLOBAL) or ()):
            if not isinstance(index, Unknown):
                path = (GLOBAL, number, self.name)
                yield from _findings(index, path=path, on_demand=on_demand)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """Always present on AWS, absent on emulators that do not keep it."""
        return read(description)

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """It changes while TableStatus is ACTIVE; only its own status tells."""
        status = (description.get("WarmThroughput") or {}).get("Status")
        if status not in {None, "ACTIVE"}:
            yield (self.name,), status

    def phrase(self, value: Mapping[str, Value]) -> str:
        return f"{phrases.units(value)} a second"

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        desired = comparison.desired.at((self.name,))
        if higher(warm_floor(comparison, ()), desired):
            yield comparison.difference((self.name,), desired)

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        for difference in differences:
            sent = {self.name: raised(warm_floor(comparison, ()), difference.desired)}
            yield self.step("UpdateTable", comparison.update_table(**sent), difference)

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        yield from lower_note("the table", comparison.actual_at((self.name,)), comparison.desired.at((self.name,)))

    def satisfied(self, actual: Value, expected: Value) -> bool:
        """AWS raises warm throughput by itself, so more than was asked for is enough."""
        if not actual or not expected:
            return super().satisfied(actual, expected)
        return all(actual.get(member, 0) >= units for member, units in expected.items())

    def reason(self, actual: Value, desired: Value) -> str:
        return "raise the warm throughput"
