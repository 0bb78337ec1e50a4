"""StreamSpecification: the table's change stream, on, off and by view.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html
docs/dynamodb.md#streams
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table import emulators, phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Effect, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Choice, Flag, Structure
from dynatus_ci.text import code

OFF: Value = {"StreamEnabled": False}


class Stream(Aspect):
    """The change stream. A view cannot be changed: the stream goes off and on again, with a new ARN."""

    name = "StreamSpecification"
    title = "stream"
    shape = Structure(
        {
            "StreamEnabled": Flag(),
            "StreamViewType": Choice(("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")),
        },
        required=("StreamEnabled",),
    )
    phrased = frozenset(shape.members)
    in_create = True
    initial = OFF
    seconds = (4, 5)

    def normalise(self, value: Value) -> Value:
        """Off has one form, whatever view type stands beside it."""
        return dict(value) if value.get("StreamEnabled") else OFF

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """A view belongs to a stream that is on, and to no other."""
        stream = definition.get(self.name)
        if stream is None:
            return
        has_view = "StreamViewType" in stream
        if stream["StreamEnabled"] and not has_view:
            message = "A stream that is on needs a `:StreamViewType`."
            yield Finding(
                (self.name,), "stream-view", message, 'Write `"NEW_AND_OLD_IMAGES"`, for instance.', At.OPENER
            )
        if has_view and not stream["StreamEnabled"]:
            message = "A stream that is off has no `:StreamViewType`."
            yield Finding((self.name, "StreamViewType"), "stream-view", message, "Leave it out.", At.KEY)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """The actual stream; DescribeTable leaves it out where none was ever on."""
        return self.normalise(description.get("StreamSpecification") or OFF)

    def risk(self, actual: Value, desired: Value) -> Risk:
        """Consumers lose their stream when it goes off, also for a moment."""
        return Risk.DISRUPTIVE if actual["StreamEnabled"] else Risk.SAFE

    def phrase(self, value: Mapping[str, Value]) -> str:
        return phrases.switched(value, "StreamEnabled", "StreamViewType")

    def consequence(self, difference: Difference) -> str:
        if difference.desired["StreamEnabled"]:
            return "The stream of {table} will be replaced. Consumers must be switched to its new ARN."
        return "The stream of {table} will be disabled. Its consumers get no more records."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """Moto cannot turn a stream on a second time, so another view is out of its reach."""
        for difference in super().differences(comparison):
            moves = difference.actual and difference.actual["StreamEnabled"] and difference.desired["StreamEnabled"]
            stuck = moves and comparison.endpoint.emulator == emulators.MOTO
            yield replace(difference, effect=Effect.UNSUPPORTED) if stuck else difference

    def reason(self, actual: Value, desired: Value) -> str:
        return "turn the stream on" if desired["StreamEnabled"] else "turn the stream off"

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """Off and on for another view, since AWS refuses to enable an enabled stream."""
        for difference in differences:
            if difference.actual and difference.actual["StreamEnabled"]:
                yield self._switch(comparison, difference, OFF)
            if difference.desired["StreamEnabled"]:
                yield self._switch(comparison, difference, difference.desired)

    def _switch(self, comparison: Comparison, difference: Difference, value: Value) -> Step:
        parameters = comparison.update_table(StreamSpecification=value)
        step = self.step("UpdateTable", parameters, difference, expects={difference.path: value})
        waits_for = "stream on" if value["StreamEnabled"] else "stream off"
        return replace(step, reason=self.reason(None, value), waits_for=waits_for)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """With a replica the stream is immutable; those that go are gone by then."""
        if not differences or not comparison.keeps_replicas():
            return None
        return Refusal("The table has replicas, and AWS refuses every change of a global table's stream.")

    def follows(self, difference: Difference, step: Step) -> bool:
        """AWS takes no other stream while there is a replica."""
        return difference.path[0] == "Replicas" and difference.desired is None

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """A stream that ends, and the ARN that its consumers read."""
        info = comparison.info
        if info and info.stream_arn and any(difference.risk is not Risk.SAFE for difference in differences):
            yield (
                f"The stream {code(info.stream_arn)} ends. It stays readable for 24 hours. "
                "Event source mappings must be moved to the new stream's ARN."
            )
