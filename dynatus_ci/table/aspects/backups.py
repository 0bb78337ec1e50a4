"""PointInTimeRecoverySpecification: continuous backups and how far back they reach.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html
docs/dynamodb.md#point-in-time-recovery
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Flag, Structure, Whole
from dynatus_ci.text import plural

LONGEST_PERIOD = 35
STARTING = 8
"""Seconds after a table is ACTIVE for which AWS answers "Backups are being enabled" (3 to 6 s measured)."""
OFF: Value = {"PointInTimeRecoveryEnabled": False}


def recovery(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Point-in-time recovery that is on, from DescribeContinuousBackups; empty where it is off.

    ContinuousBackupsStatus is always ENABLED; the recovery's own status tells.
    """
    found: Mapping[str, Any] = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    return found if found.get("PointInTimeRecoveryStatus") == "ENABLED" else {}


class PointInTimeRecovery(Aspect):
    """Point-in-time recovery. Off, or a shorter period, loses a window that no revert brings back."""

    name = "PointInTimeRecoverySpecification"
    title = "point-in-time recovery"
    shape = Structure(
        {"PointInTimeRecoveryEnabled": Flag(), "RecoveryPeriodInDays": Whole(1, LONGEST_PERIOD)},
        required=("PointInTimeRecoveryEnabled",),
    )
    phrased = frozenset(shape.members)
    reader = "DescribeContinuousBackups"
    writers = ("UpdateContinuousBackups",)
    initial = OFF

    def normalise(self, value: Value) -> Value:
        return dict(value) if value.get("PointInTimeRecoveryEnabled") else OFF

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """A period belongs to a recovery that is on."""
        recovery = definition.get(self.name) or OFF
        if "RecoveryPeriodInDays" in recovery and not recovery["PointInTimeRecoveryEnabled"]:
            message = "Point-in-time recovery that is off has no `:RecoveryPeriodInDays`."
            yield Finding((self.name, "RecoveryPeriodInDays"), "recovery-period", message, "Leave it out.", At.KEY)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        on = recovery(answer) if answer else {}
        period = on.get("RecoveryPeriodInDays", LONGEST_PERIOD)
        return {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": period} if on else OFF

    def risk(self, actual: Value, desired: Value) -> Risk:
        if not actual["PointInTimeRecoveryEnabled"]:
            return Risk.SAFE
        before, after = (side.get("RecoveryPeriodInDays", LONGEST_PERIOD) for side in (actual, desired))
        shorter = not desired["PointInTimeRecoveryEnabled"] or after < before
        return Risk.DESTRUCTIVE if shorter else Risk.SAFE

    def phrase(self, value: Mapping[str, Value]) -> str:
        return phrases.switched(value, "PointInTimeRecoveryEnabled", "RecoveryPeriodInDays", _days)

    def consequence(self, difference: Difference) -> str:
        if difference.desired["PointInTimeRecoveryEnabled"]:
            return "{table} will keep a shorter recovery window{change}. Older recovery points are lost."
        return "Point-in-time recovery of {table} will be turned off. Its recovery window is lost."

    def reason(self, actual: Value, desired: Value) -> str:
        if not desired["PointInTimeRecoveryEnabled"]:
            return "turn point-in-time recovery off"
        period = desired.get("RecoveryPeriodInDays")
        if (actual or {}).get("PointInTimeRecoveryEnabled"):
            return f"keep recovery points for {_days(period)}"
        return f"turn on point-in-time recovery{f' ({_days(period)})' if period else ''}"

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        for difference in differences:
            parameters = {"TableName": comparison.name, self.name: difference.desired}
            step = self.step("UpdateContinuousBackups", parameters, difference)
            yield step.not_before(STARTING) if comparison.creating else step


def _days(count: Value) -> str:
    return plural(count, "day")
