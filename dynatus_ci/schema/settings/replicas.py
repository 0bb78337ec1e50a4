"""Replicas: the table's copies in other regions (global tables version 2019.11.21, eventually consistent).

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ReplicaUpdate.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.schema.model import Difference, Effect, Path, Risk, Stage, Step, Value
from dynatus_ci.schema.settings.base import Context, Setting, covers

INDEXES = "GlobalSecondaryIndexes"
NONE: Value = {}


class Replicas(Setting):
    """Replicas by region; one create or delete a call. A written member that differs means: delete, wait, create."""

    name = "Replicas"
    stage = Stage.REPLICAS
    initial = NONE
    seconds = (14, None)

    def normalise(self, value: Value) -> Value:
        """By region, without what the region's name says already."""
        return {replica["RegionName"]: _members(replica) for replica in value}

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """The local region is not listed."""
        return {replica["RegionName"]: _members(replica) for replica in description.get("Replicas") or []}

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """Each replica's own status; TableStatus does not tell."""
        for replica in description.get("Replicas") or []:
            status = replica.get("ReplicaStatus", "ACTIVE")
            if status in {"CREATING", "UPDATING", "DELETING"}:
                yield (self.name, replica["RegionName"]), status

    def differences(self, context: Context) -> Iterator[Difference]:
        """One for each region; the table's own region is ignored."""
        desired, actual = context.desired.at((self.name,)), context.is_at((self.name,)) or {}
        for region in sorted({*desired, *actual} - {context.situation.region}):
            path = (self.name, region)
            if region not in desired:
                yield context.difference(path, None, effect=Effect.DELETE, risk=Risk.DESTRUCTIVE)
            elif region not in actual:
                yield context.difference(path, desired[region], effect=Effect.CREATE)
            elif not covers(_comparable(actual[region], desired[region]), desired[region]):
                yield context.difference(
                    path, desired[region], effect=Effect.REBUILD_REPLICA, risk=Risk.DESTRUCTIVE
                )

    def steps(self, context: Context, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """All that go, then all that come; ReplicaUpdates is alone in its call."""
        for difference in differences:
            if difference.actual is not None:
                region = difference.path[1]
                yield self._update(context, difference, "Delete", {"RegionName": region}, None)
        for difference in differences:
            if difference.desired is not None:
                region, members = difference.path[1], difference.desired
                yield self._update(context, difference, "Create", {"RegionName": region, **_sent(members)}, {})

    def refusal(self, context: Context, differences: tuple[Difference, ...]) -> str | None:
        """A provisioned table must scale its writes before it can have a replica."""
        coming = any(difference.desired is not None for difference in differences)
        scaling = context.situation.scaling
        if not coming or context.desired.at(("BillingMode",)) != "PROVISIONED" or scaling is None:
            return None
        missing = [resource for resource in self._resources(context) if not _scales_writes(scaling, resource)]
        if not missing:
            return None
        return (
            f"A replica of a PROVISIONED table needs write auto scaling, and {', '.join(missing)} has no scalable "
            "target with a policy. Register it, or use PAY_PER_REQUEST."
        )

    def _resources(self, context: Context) -> Iterator[str]:
        yield f"table/{context.name}"
        for index in (context.actual or context.desired).indexes():
            yield f"table/{context.name}/index/{index}"

    def _update(self, context: Context, difference: Difference, verb: str, sent: Value, expected: Value) -> Step:
        region, creates = difference.path[1], verb == "Create"
        return Step(
            operation="UpdateTable",
            parameters=context.update_table(ReplicaUpdates=[{verb: sent}]),
            reason=f"{verb.lower()} the replica in {region}",
            differences=(difference.id,),
            expects={difference.path: expected},
            waits_for=f"replica {region} {'ACTIVE' if creates else 'gone'}",
            risk=Risk.SAFE if creates else difference.risk,
            seconds=self.seconds if creates else (121, 244),
            stage=self.stage,
        )


def _members(replica: Mapping[str, Any]) -> dict[str, Value]:
    table_class = (replica.get("ReplicaTableClassSummary") or {}).get("TableClass") or replica.get("TableClassOverride")
    members = {
        "KMSMasterKeyId": replica.get("KMSMasterKeyId"),
        "ProvisionedThroughputOverride": replica.get("ProvisionedThroughputOverride"),
        "OnDemandThroughputOverride": replica.get("OnDemandThroughputOverride"),
        "TableClassOverride": table_class,
        INDEXES: {index["IndexName"]: _overrides(index) for index in replica.get(INDEXES) or []} or None,
    }
    return {name: value for name, value in members.items() if value}


def _overrides(index: Mapping[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in index.items() if name.endswith("Override") and value}


def _sent(members: Mapping[str, Value]) -> dict[str, Value]:
    indexes = [{"IndexName": name, **overrides} for name, overrides in members.get(INDEXES, {}).items()]
    return {**members, **({INDEXES: indexes} if indexes else {})}


def _comparable(actual: Value, desired: Value) -> Value:
    """A key of another region cannot be looked up: an id is compared with the ARN's end, an alias is taken as equal."""
    key, arn = desired.get("KMSMasterKeyId"), actual.get("KMSMasterKeyId")
    same = key and arn and (arn.endswith(f"/{key}") or "alias/" in key)
    return {**actual, "KMSMasterKeyId": key} if same else actual


def _scales_writes(scaling: Mapping[tuple[str, str], Any], resource: str) -> bool:
    kind = "index" if "/index/" in resource else "table"
    bounds = scaling.get((resource, f"dynamodb:{kind}:WriteCapacityUnits"))
    return bounds is not None and bool(bounds.scaled)
