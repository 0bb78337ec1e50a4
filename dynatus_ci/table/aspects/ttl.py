"""TimeToLiveSpecification: items expire by an attribute.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
docs/dynamodb.md#time-to-live
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Path, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Flag, Structure, Text
from dynatus_ci.table.validation.unknown import known, whole_items
from dynatus_ci.text import code, quoted

OFF: Value = {"Enabled": False}
COOLDOWN = 1_860
"""Seconds between two changes: refused after 1,811 s, accepted after 1,871 s (measured); documented: up to an hour."""


class TimeToLive(Aspect):
    """Expiry. Another attribute means off with the old one, a cooldown of about 31 minutes, then on."""

    name = "TimeToLiveSpecification"
    title = "time to live"
    shape = Structure({"Enabled": Flag(), "AttributeName": Text(1, 255)}, required=("Enabled",))
    phrased = frozenset(shape.members)
    reader = "DescribeTimeToLive"
    writers = ("UpdateTimeToLive",)
    initial = OFF

    def normalise(self, value: Value) -> Value:
        """Off has one form, whatever attribute stands beside it."""
        return dict(value) if value.get("Enabled") else OFF

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """TTL that is on needs an attribute, and one that can hold a number: a key attribute has one type only."""
        ttl = definition.get(self.name) or OFF
        if not ttl["Enabled"]:
            return
        if "AttributeName" not in ttl:
            message = "TTL that is on needs an `:AttributeName`: the attribute with the time."
            yield Finding((self.name,), "missing-key", message, at=At.OPENER)
        for _, attribute in whole_items(known(definition, "AttributeDefinitions")):
            kind = attribute["AttributeType"]
            if attribute["AttributeName"] == ttl.get("AttributeName") and kind != "N":
                name = code(quoted(attribute["AttributeName"]))
                message = f"The key attribute {name} has the type `{kind}`, so nothing can expire."
                hint = "TTL reads a number. Write an attribute that has numbers."
                yield Finding((self.name, "AttributeName"), "ttl-attribute", message, hint)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """On from the moment that it is being turned on."""
        ttl = answer.get("TimeToLiveDescription") or {}
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
            return {"Enabled": True, "AttributeName": ttl.get("AttributeName")}
        return OFF

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """ENABLING and DISABLING are rarely seen."""
        status = (answer.get("TimeToLiveDescription") or {}).get("TimeToLiveStatus")
        if status in {"ENABLING", "DISABLING"}:
            yield (self.name,), status

    def risk(self, actual: Value, desired: Value) -> Risk:
        """When it goes on, AWS deletes items whose time is past."""
        return Risk.DISRUPTIVE if desired["Enabled"] else Risk.SAFE

    def phrase(self, value: Mapping[str, Value]) -> str:
        return f"by {phrases.attribute(value['AttributeName'])}" if value["Enabled"] else "off"

    def consequence(self, difference: Difference) -> str:
        return "Time to live will permanently delete expired items of {table}, by {attribute}."

    def reason(self, actual: Value, desired: Value) -> str:
        if not desired["Enabled"]:
            return "disable time to live"
        return f"enable time to live by {code(desired['AttributeName'])}"

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """Off must name the actual attribute."""
        for difference in differences:
            actual = difference.actual or OFF
            if actual["Enabled"]:
                yield self._update(comparison, difference, sent={**actual, "Enabled": False}, expected=OFF)
            if difference.desired["Enabled"]:
                cooldown = COOLDOWN if actual["Enabled"] else 0
                yield self._update(
                    comparison, difference, sent=difference.desired, expected=difference.desired, cooldown=cooldown
                )

    def _update(
        self, comparison: Comparison, difference: Difference, *, sent: Value, expected: Value, cooldown: int = 0
    ) -> Step:
        parameters = {"TableName": comparison.name, self.name: sent}
        return replace(
            self.step("UpdateTimeToLive", parameters, difference, expects={difference.path: expected}),
            reason=self.reason(None, expected),
            waits_for="time to live enabled" if expected["Enabled"] else "time to live disabled",
            seconds=(COOLDOWN, 3_600) if cooldown else self.seconds,
            cooldown=cooldown,
        )

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """What happens to items between two attributes."""
        if any(d.actual and d.actual["Enabled"] and d.desired["Enabled"] for d in differences):
            yield (
                "Time to live moves to another attribute: AWS asks for about 31 minutes between off and on, "
                "and nothing expires meanwhile."
            )
