"""ContributorInsightsSpecification of the table and of each global secondary index.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/contributorinsights.html
docs/dynamodb.md#contributor-insights
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.model import GLOBAL, Difference, Path, Phase, Risk, Step, Table, Value
from dynatus_ci.table.validation.shapes import Choice, Flag, Structure
from dynatus_ci.text import code

DEFAULT_MODE = "ACCESSED_AND_THROTTLED_KEYS"
OFF: Value = {"Enabled": False}
FAILED = "FAILED"


class Insights(Aspect):
    """Contributor insights. FAILED, at the quota of rules, counts as off: it stays so until it is turned on again."""

    name = "ContributorInsightsSpecification"
    title = "contributor insights"
    shape = Structure({"Enabled": Flag(), "Mode": Choice((DEFAULT_MODE, "THROTTLED_KEYS"))}, required=("Enabled",))
    phrased = frozenset(shape.members)
    reader = "ListContributorInsights"
    explainer = "DescribeContributorInsights"
    pages = "ContributorInsightsSummaries"
    writers = ("UpdateContributorInsights",)
    initial = OFF
    seconds = (1, 16)

    def owns(self, path: Path) -> bool:
        """Of the table, or of an index."""
        return path[:1] == (self.name,) or (len(path) == 3 and path[0] == GLOBAL and path[2] == self.name)

    def managed(self, desired: Table) -> bool:
        """Mentioned for the table or for one of its indexes."""
        return desired.manages(self.name) or any(self.name in index for index in desired.indexes().values())

    def normalise(self, value: Value) -> Value:
        return dict(value) if value.get("Enabled") else OFF

    def observe(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, Value]]:
        """One call tells of the table and of all its indexes; what was never on is not listed."""
        summaries = {item.get("IndexName"): item for item in answer.get("ContributorInsightsSummaries") or []}
        yield (self.name,), self._value(summaries.get(None, {}))
        for index in description.get(GLOBAL) or []:
            yield (GLOBAL, index["IndexName"], self.name), self._value(summaries.get(index["IndexName"], {}))

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """ENABLING and DISABLING, of each target."""
        for item in answer.get("ContributorInsightsSummaries") or []:
            if item["ContributorInsightsStatus"] in {"ENABLING", "DISABLING"}:
                yield self._path(item), item["ContributorInsightsStatus"]

    def failures(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """FAILED, of each target; the reason is the explainer's."""
        for item in answer.get("ContributorInsightsSummaries") or []:
            if item["ContributorInsightsStatus"] == FAILED:
                reason = (item.get("FailureException") or {}).get("ExceptionDescription")
                yield self._path(item), phrases.failed(FAILED, reason)

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """Insights that failed, and that apply turns on again."""
        failures = comparison.actual.failures if comparison.actual else {}
        for difference in differences:
            if difference.path in failures and difference.desired["Enabled"]:
                of = f" of index {code(difference.path[1])}" if difference.path[1:] else ""
                yield f"Contributor insights{of}: {failures[difference.path]}. Apply turns them on again."

    def _path(self, summary: Mapping[str, Any]) -> Path:
        """Of the table, or of an index."""
        target = (GLOBAL, summary["IndexName"]) if summary.get("IndexName") else ()
        return (*target, self.name)

    def phrase(self, value: Mapping[str, Value]) -> str:
        return phrases.switched(value, "Enabled", "Mode")

    def consequence(self, difference: Difference) -> str:
        index = "index {member} of " if difference.path[1:] else ""
        return f"Contributor insights of {index}{{table}} will be turned off."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        for path in self._targets(comparison.desired):
            desired, actual = comparison.desired.at(path), self._kept(comparison, path)
            if not matches(actual, desired):
                found = comparison.difference(path, desired, risk=self.risk(actual, desired))
                yield replace(found, actual=actual if found.actual else None)

    def risk(self, actual: Value, desired: Value) -> Risk:
        return Risk.SAFE if desired["Enabled"] else Risk.DISRUPTIVE

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """One call for each target; those of indexes come after the last index is made."""
        for difference in differences:
            index = difference.path[1] if len(difference.path) > 1 else None
            desired = difference.desired
            parameters = {
                "TableName": comparison.name,
                **({"IndexName": index} if index else {}),
                "ContributorInsightsAction": "ENABLE" if desired["Enabled"] else "DISABLE",
                **({"ContributorInsightsMode": desired["Mode"]} if "Mode" in desired else {}),
            }
            insights = f"insights {'on' if desired['Enabled'] else 'off'}"
            yield replace(
                self.step("UpdateContributorInsights", parameters, difference),
                reason=f"turn contributor {insights}" + (f" for index {code(index)}" if index else ""),
                waits_for=insights,
                phase=Phase.BUILD if index else self.phase,
            )

    def _kept(self, comparison: Comparison, path: Path) -> Value:
        """What is on and stays so: an index that is built again has none."""
        lost = len(path) > 1 and comparison.rebuilds(path[1])
        return OFF if lost else comparison.actual_at(path) or OFF

    def _targets(self, desired: Table) -> Iterator[Path]:
        if desired.manages(self.name):
            yield (self.name,)
        for name, index in desired.indexes().items():
            if self.name in index:
                yield (GLOBAL, name, self.name)

    def _value(self, summary: Mapping[str, Any]) -> Value:
        if summary.get("ContributorInsightsStatus") not in {"ENABLED", "ENABLING"}:
            return OFF
        return {"Enabled": True, "Mode": summary.get("ContributorInsightsMode", DEFAULT_MODE)}
