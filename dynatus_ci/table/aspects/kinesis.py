"""KinesisStreamSpecification: the Kinesis data stream that the table's changes go to; at most one at a time.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
docs/dynamodb.md#kinesis
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Path, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Choice, Structure, Text
from dynatus_ci.text import code, quoted

PRECISION = "ApproximateCreationDateTimePrecision"
DEFAULT_PRECISION = "MILLISECOND"
FAILED = "ENABLE_FAILED"
STREAM_ARN = r"arn:[a-z0-9-]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]{1,128}"
EXAMPLE_ARN = "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"


class Kinesis(Aspect):
    """The Kinesis destination. An empty map means: none."""

    name = "KinesisStreamSpecification"
    title = "Kinesis stream"
    shape = Structure({"StreamArn": Text(37, 1024), PRECISION: Choice(("MILLISECOND", "MICROSECOND"))})
    phrased = frozenset(shape.members)
    reader = "DescribeKinesisStreamingDestination"
    writers = (
        "EnableKinesisStreamingDestination",
        "DisableKinesisStreamingDestination",
        "UpdateKinesisStreamingDestination",
    )
    seconds = (2, 7)

    def normalise(self, value: Value) -> Value:
        return dict(value) if value.get("StreamArn") else None

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """A destination is the ARN of a data stream."""
        kinesis = definition.get(self.name) or {}
        arn = kinesis.get("StreamArn")
        if arn is not None and not re.fullmatch(STREAM_ARN, arn):
            message = f"{code(quoted(arn))} is not the ARN of a Kinesis data stream."
            yield Finding((self.name, "StreamArn"), "stream-arn", message, f"Write `{EXAMPLE_ARN}`.")
        if kinesis and arn is None:
            message = "A Kinesis destination needs a `:StreamArn`."
            yield Finding((self.name,), "missing-key", message, "Write `{}` for no destination.", At.OPENER)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """DISABLED entries linger for days; one that is in use counts."""
        for destination in answer.get("KinesisDataStreamDestinations") or []:
            if destination.get("DestinationStatus") in {"ENABLING", "ACTIVE", "UPDATING"}:
                precision = destination.get(PRECISION, DEFAULT_PRECISION)
                return {"StreamArn": destination["StreamArn"], PRECISION: precision}
        return None

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        for destination in answer.get("KinesisDataStreamDestinations") or []:
            if destination.get("DestinationStatus") in {"ENABLING", "DISABLING", "UPDATING"}:
                yield (self.name,), destination["DestinationStatus"]

    def failures(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """By stream: failed entries linger, as others do."""
        for destination in answer.get("KinesisDataStreamDestinations") or []:
            if destination.get("DestinationStatus") == FAILED:
                path = (self.name, destination["StreamArn"])
                yield path, phrases.failed(FAILED, destination.get("DestinationStatusDescription"))

    def failure(self, failures: Mapping[Path, str], path: Path, expected: Value) -> str | None:
        """The failure of the expected stream."""
        return failures.get((*path, expected["StreamArn"])) if expected else None

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """A destination that failed, and that apply enables again."""
        for difference in differences:
            failures = comparison.actual.failures if comparison.actual else {}
            failed = self.failure(failures, difference.path, difference.desired)
            if failed:
                stream = code(difference.desired["StreamArn"])
                yield f"The Kinesis destination {stream} is {failed}. Apply enables it again."

    def risk(self, actual: Value, desired: Value) -> Risk:
        """The old stream gets no more changes."""
        moved = actual and (desired is None or desired["StreamArn"] != actual["StreamArn"])
        return Risk.DISRUPTIVE if moved else Risk.SAFE

    def phrase(self, value: Mapping[str, Value]) -> str:
        return ", ".join(value.values())

    def consequence(self, difference: Difference) -> str:
        return "The Kinesis stream of {table} will be disabled. Its consumers get no more records."

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The old destination goes before the new one comes."""
        for difference in differences:
            actual, desired = difference.actual, difference.desired
            same = actual and desired and actual["StreamArn"] == desired["StreamArn"]
            if same:
                changed = {PRECISION: desired[PRECISION]}
                parameters = {"StreamArn": desired["StreamArn"], "UpdateKinesisStreamingConfiguration": changed}
                yield self._call(comparison, "Update", difference, parameters=parameters, expected=desired)
                continue
            if actual:
                yield self._call(
                    comparison, "Disable", difference, parameters={"StreamArn": actual["StreamArn"]}, expected=None
                )
            if desired:
                chosen = {PRECISION: desired[PRECISION]} if PRECISION in desired else {}
                configuration = {"EnableKinesisStreamingConfiguration": chosen} if chosen else {}
                parameters = {"StreamArn": desired["StreamArn"], **configuration}
                yield self._call(comparison, "Enable", difference, parameters=parameters, expected=desired)

    def _call(
        self,
        comparison: Comparison,
        verb: str,
        difference: Difference,
        *,
        parameters: dict[str, Value],
        expected: Value,
    ) -> Step:
        sent = {"TableName": comparison.name, **parameters}
        return replace(
            self.step(f"{verb}KinesisStreamingDestination", sent, difference, expects={difference.path: expected}),
            reason=f"{verb.lower()} the Kinesis destination {code(parameters['StreamArn'])}",
            waits_for="no destination" if expected is None else "destination ACTIVE",
        )
