"""Reading Application Auto Scaling: the scalable targets of all tables, once for a run, and one resource again.

https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws, pages
from dynatus_ci.table.aspects import targets
from dynatus_ci.table.aspects.scaling import NAMESPACE
from dynatus_ci.table.facts import ScalableTarget, ScalableTargets


class RegisteredTargets:
    """What is registered in the account, as far as this run has asked."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = Lock()
        self._targets: dict[str, dict[tuple[str, str], ScalableTarget]] | None = None
        """By table: a plan of one table never looks through those of a thousand others."""
        self._schedules: dict[tuple[str, str], tuple[str, ...]] | None = None
        self._failed: CallFailed | None = None
        self._outdated: set[str] = set()

    def targets(self, table: str) -> ScalableTargets:
        """The scalable targets of a table and its indexes, with their policies. Those of all tables are read at once.

        Raises:
            CallFailed: They may not be read, or the endpoint does not know the call. Nobody asks again then.
        """
        with self._lock:
            if self._failed:
                raise self._failed
            if self._targets is None:
                self._targets = self._first()
            for resource in sorted(self._outdated):
                owner = targets.table_of(resource)
                self._targets[owner] = self._again(self._targets.get(owner, {}), resource)
            self._outdated.clear()
            return self._targets.get(table, {})

    def schedules(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """The names of the scheduled actions by resource and dimension.

        Raises:
            CallFailed: They may not be read.
        """
        with self._lock:
            if self._schedules is None:
                named: dict[tuple[str, str], list[str]] = {}
                for action in self._listed("DescribeScheduledActions", "ScheduledActions"):
                    place = action["ResourceId"], action["ScalableDimension"]
                    named.setdefault(place, []).append(action["ScheduledActionName"])
                self._schedules = {place: tuple(sorted(names)) for place, names in named.items()}
            return self._schedules

    def forget(self, resource: str) -> None:
        """A call may have changed what is registered for a resource: it is read again before anybody sees it."""
        with self._lock:
            self._outdated.add(resource)

    def _first(self) -> dict[str, dict[tuple[str, str], ScalableTarget]]:
        try:
            found = self._listed("DescribeScalableTargets", "ScalableTargets")
            policies = self._listed("DescribeScalingPolicies", "ScalingPolicies") if found else []
        except CallFailed as failed:
            if self._aws.endpoint or failed.kind is ErrorKind.DENIED:
                self._failed = failed
            raise
        by_table: dict[str, dict[tuple[str, str], ScalableTarget]] = {}
        for place, target in targets.registered(found, policies).items():
            by_table.setdefault(targets.table_of(place[0]), {})[place] = target
        return by_table

    def _again(
        self, known: dict[tuple[str, str], ScalableTarget], resource: str
    ) -> dict[tuple[str, str], ScalableTarget]:
        found = self._listed("DescribeScalableTargets", "ScalableTargets", ResourceIds=[resource])
        policies = self._listed("DescribeScalingPolicies", "ScalingPolicies", ResourceId=resource) if found else []
        others = {place: target for place, target in known.items() if place[0] != resource}
        return {**others, **targets.registered(found, policies)}

    def _listed(self, operation: str, items: str, **parameters: Any) -> list[dict[str, Any]]:
        listed = pages(self._aws.read_service, "application-autoscaling", operation, **NAMESPACE, **parameters)
        return [item for page in listed for item in page[items]]
