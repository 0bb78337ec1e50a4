"""KinesisStreamSpecification: the Kinesis data stream that the table's changes go to; at most one at a time.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.schema.model import Difference, Path, Risk, Stage, Step, Value
from dynatus_ci.schema.settings.base import Context, Setting

PRECISION = "ApproximateCreationDateTimePrecision"
DEFAULT_PRECISION = "MILLISECOND"


class Kinesis(Setting):
    """The Kinesis destination. An empty map means: none."""

    name = "KinesisStreamSpecification"
    stage = Stage.KINESIS
    reader = "DescribeKinesisStreamingDestination"
    writers = (
        "EnableKinesisStreamingDestination",
        "DisableKinesisStreamingDestination",
        "UpdateKinesisStreamingDestination",
    )
    seconds = (2, 7)

    def normalise(self, value: Value) -> Value:
        """None for no destination."""
        return dict(value) if value.get("StreamArn") else None

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """DISABLED entries linger for days; only a live one counts."""
        for destination in answer.get("KinesisDataStreamDestinations") or []:
            if destination.get("DestinationStatus") in {"ENABLING", "ACTIVE", "UPDATING"}:
                precision = destination.get(PRECISION, DEFAULT_PRECISION)
                return {"StreamArn": destination["StreamArn"], PRECISION: precision}
        return None

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """On its way on or off."""
        for destination in answer.get("KinesisDataStreamDestinations") or []:
            if destination.get("DestinationStatus") in {"ENABLING", "DISABLING", "UPDATING"}:
                yield (self.name,), destination["DestinationStatus"]

    def risk(self, actual: Value, desired: Value) -> Risk:
        """The stream that is left gets no more changes."""
        moved = actual and (desired is None or desired["StreamArn"] != actual["StreamArn"])
        return Risk.DISRUPTIVE if moved else Risk.SAFE

    def steps(self, context: Context, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The old destination goes before the new one comes."""
        for difference in differences:
            actual, desired = difference.actual, difference.desired
            same = actual and desired and actual["StreamArn"] == desired["StreamArn"]
            if same:
                changed = {PRECISION: desired[PRECISION]}
                parameters = {"StreamArn": desired["StreamArn"], "UpdateKinesisStreamingConfiguration": changed}
                yield self._call(context, "Update", difference, parameters, desired)
                continue
            if actual:
                yield self._call(context, "Disable", difference, {"StreamArn": actual["StreamArn"]}, None)
            if desired:
                chosen = {PRECISION: desired[PRECISION]} if PRECISION in desired else {}
                configuration = {"EnableKinesisStreamingConfiguration": chosen} if chosen else {}
                parameters = {"StreamArn": desired["StreamArn"], **configuration}
                yield self._call(context, "Enable", difference, parameters, desired)

    def _call(
        self, context: Context, verb: str, difference: Difference, parameters: dict[str, Value], expected: Value
    ) -> Step:
        return Step(
            operation=f"{verb}KinesisStreamingDestination",
            parameters={"TableName": context.name, **parameters},
            reason=f"{verb.lower()} the Kinesis destination {parameters['StreamArn']}",
            differences=(difference.id,),
            expects={difference.path: expected},
            waits_for="no destination" if expected is None else "destination ACTIVE",
            risk=difference.risk if verb == "Disable" else Risk.SAFE,
            seconds=self.seconds,
            stage=self.stage,
        )
