"""WarmThroughput of the table: what it takes at once. It can be raised, never lowered.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.schema.model import Difference, Path, Stage, Step, Value
from dynatus_ci.schema.settings.base import Context, Setting

MEMBERS = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")


def live(answer: Mapping[str, Any]) -> Value:
    """The warm throughput of a table's or an index's description, without its status; None where there is none."""
    warm = answer.get("WarmThroughput") or {}
    return {member: warm[member] for member in MEMBERS if member in warm} or None


def higher(actual: Value, desired: Value) -> bool:
    """Whether a member is wanted higher than it is."""
    return any((actual or {}).get(member, 0) < units for member, units in desired.items())


def raised(actual: Value, desired: Value) -> Value:
    """What to send: AWS refuses a member below the live value."""
    return {member: max(units, (actual or {}).get(member, 0)) for member, units in desired.items()}


def lower_note(what: str, actual: Value, desired: Value) -> Iterator[str]:
    """The sentence on members that are wanted lower than they are."""
    for member, units in desired.items():
        if units < (actual or {}).get(member, 0):
            yield f"WarmThroughput.{member} of {what} is {actual[member]} and cannot be lowered to {units}."


class WarmThroughput(Setting):
    """The table's warm throughput; an index's is planned with the indexes."""

    name = "WarmThroughput"
    stage = Stage.WARM_THROUGHPUT
    in_create = True
    seconds = (270, 510)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """Always present on AWS, absent on emulators that do not keep it."""
        return live(description)

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """It changes while TableStatus is ACTIVE; only its own status tells."""
        status = (description.get("WarmThroughput") or {}).get("Status")
        if status not in {None, "ACTIVE"}:
            yield (self.name,), status

    def differences(self, context: Context) -> Iterator[Difference]:
        """Only what is to be raised."""
        desired = context.desired.at((self.name,))
        if higher(context.is_at((self.name,)), desired):
            yield context.difference((self.name,), desired)

    def steps(self, context: Context, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """Sent with no member below the live value."""
        for difference in differences:
            sent = {self.name: raised(difference.actual, difference.desired)}
            expects = {difference.path: difference.desired}
            yield self.step("UpdateTable", context.update_table(**sent), difference, expects=expects)

    def notes(self, context: Context) -> Iterator[str]:
        """What is wanted lower than it is."""
        yield from lower_note("the table", context.is_at((self.name,)), context.desired.at((self.name,)))

    def reason(self, actual: Value, desired: Value) -> str:
        """Raise."""
        return "raise the warm throughput"
