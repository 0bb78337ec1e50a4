"""Scalable targets: how AWS names and shows them, and the capacity that they leave to a file.

https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-dynamodb.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import ScalableTarget, ScalableTargets
from dynatus_ci.table.model import GLOBAL, Path, Table, Value

PROVISIONED = "ProvisionedThroughput"
READS, WRITES = "ReadCapacityAutoScalingSettings", "WriteCapacityAutoScalingSettings"
UNITS = {READS: "ReadCapacityUnits", WRITES: "WriteCapacityUnits"}
"""The settings of a dimension → the member of a capacity that they scale."""
SETTINGS = {units: name for name, units in UNITS.items()}
LEAST_USED, MOST_USED = 20, 90
"""Per cent of a capacity: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html"""
TRACKING = "TargetTrackingScalingPolicyConfiguration"
OFF: Mapping[str, Value] = {"ScaleInCooldown": 0, "ScaleOutCooldown": 0, "DisableScaleIn": False}
"""What a policy has that does not mention it. The console leaves a cooldown out where Terraform writes 0."""


# --- names -----------------------------------------------------------------------------------------------------------


def resource(table: str, path: Path) -> str:
    """The resource id of the table, or of the index that a path is in."""
    return f"table/{table}" + (f"/index/{path[1]}" if path[:1] == (GLOBAL,) else "")


def key(table: str, path: Path) -> tuple[str, str]:
    """The resource id and the dimension of settings at a path."""
    kind = "index" if path[:1] == (GLOBAL,) else "table"
    return resource(table, path), f"dynamodb:{kind}:{UNITS[path[-1]]}"


def table_of(resource_id: str) -> str:
    """The table of a resource id, which may be an index's."""
    return resource_id.removeprefix("table/").partition("/index/")[0]


def path_of(table: str, resource_id: str, dimension: str) -> Path | None:
    """Where a table has the settings of a resource's dimension; None where they are another table's."""
    index = resource_id.partition("/index/")[2]
    settings = SETTINGS.get(dimension.rpartition(":")[2])
    if table_of(resource_id) != table or settings is None:
        return None
    return (GLOBAL, index, settings) if index else (settings,)


def policy_name(table: str, path: Path) -> str:
    """The name that the console gives to a policy; under another one it would make a second policy."""
    verb = "Read" if path[-1] == READS else "Write"
    return f"DynamoDB{verb}CapacityUtilization:{resource(table, path)}"


# --- what AWS shows --------------------------------------------------------------------------------------------------


def registered(
    targets: Iterable[Mapping[str, Any]], policies: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, str], ScalableTarget]:
    """The targets by resource and dimension, from the lists of targets and of policies."""
    tracking: dict[tuple[str, str], dict[str, Value]] = {}
    for policy in policies:
        place = policy["ResourceId"], policy["ScalableDimension"]
        tracking.setdefault(place, {})[policy["PolicyName"]] = policy.get(TRACKING) or {}
    return {
        place: _target(target, tracking.get(place, {}))
        for target in targets
        for place in [(target["ResourceId"], target["ScalableDimension"])]
    }


def _target(target: Mapping[str, Any], policies: Mapping[str, Value]) -> ScalableTarget:
    """A target with its policy: the console's, where there are several."""
    bounds = {"least": target["MinCapacity"], "most": target["MaxCapacity"]}
    if not policies:
        return ScalableTarget(**bounds)
    first, *others = sorted(policies, key=lambda name: (not name.startswith("DynamoDB"), name))
    return ScalableTarget(**bounds, policy=first, tracking=dict(policies[first]), others=tuple(others))


def settings(target: ScalableTarget | None) -> Value:
    """What is registered, in the form of a definition; `{}` where nothing is."""
    if target is None:
        return {}
    bounds = {"MinCapacity": target.least, "MaxCapacity": target.most}
    if target.policy is None:
        return bounds
    members = {"TargetValue": number(target.tracking.get("TargetValue", 0))}
    return {**bounds, TRACKING: members | {name: target.tracking[name] for name in OFF if target.tracking.get(name)}}


def printable(value: Value) -> bool:
    """Whether a file can contain what is registered: only with a policy whose target a definition may have."""
    return not value or (TRACKING in value and LEAST_USED <= value[TRACKING]["TargetValue"] <= MOST_USED)


def number(value: float) -> float:
    """A number with one form only: 70.0 is 70."""
    return int(value) if float(value).is_integer() else value


def as_targets(table: Table) -> dict[tuple[str, str], ScalableTarget]:
    """The targets that a definition asks for, as if they were registered."""
    return {
        key(table.name, path): ScalableTarget(
            least=value["MinCapacity"],
            most=value["MaxCapacity"],
            policy=policy_name(table.name, path),
            tracking=value[TRACKING],
        )
        for path in paths(table)
        if (value := table.at(path))
    }


def paths(table: Table) -> Iterator[Path]:
    """Where a table, and each of its global indexes, may have settings."""
    for owner in ((), *((GLOBAL, name) for name in table.indexes())):
        for name in UNITS:
            yield (*owner, name)


def with_registered(table: Table, targets: ScalableTargets, at: Iterable[Path]) -> Table:
    """An actual table with what is registered at some paths: DescribeTable does not show it."""
    values = dict(table.values)
    for path in at:
        *owner, name = path
        value = settings(targets.get(key(table.name, path)))
        if not owner:
            values[name] = value
        elif owner[1] in table.indexes():
            indexes = values[GLOBAL]
            values[GLOBAL] = {**indexes, owner[1]: {**indexes[owner[1]], name: value}}
    return replace(table, values=values)


def after(targets: ScalableTargets, operation: str, request: Mapping[str, Any]) -> ScalableTargets:
    """What is registered once a call has done what it says."""
    place = request["ResourceId"], request["ScalableDimension"]
    others = {where: target for where, target in targets.items() if where != place}
    known = targets.get(place)
    match operation:
        case "RegisterScalableTarget":
            bounds = {"least": request["MinCapacity"], "most": request["MaxCapacity"]}
            return {**others, place: replace(known, **bounds) if known else ScalableTarget(**bounds)}
        case "PutScalingPolicy" if known:
            return {**others, place: replace(known, policy=request["PolicyName"], tracking=request[TRACKING])}
        case "DeleteScalingPolicy" if known:
            return {**others, place: replace(known, policy=None, tracking={})}
    return others


# --- what they leave to a file ---------------------------------------------------------------------------------------


def settings_in_file(table: Table, owner: Path, units: str) -> Value:
    """The settings that a definition has for a member of a capacity; None where it mentions none."""
    return table.at((*owner, SETTINGS[units]))


def target_at(comparison: Comparison, path: Path) -> ScalableTarget | None:
    """What is registered at a path."""
    return (comparison.facts.scaling or {}).get(key(comparison.name, path))


def within(holder: Mapping[str, Any], units: Mapping[str, int]) -> dict[str, int]:
    """The capacity that a definition's table or index starts with: inside the bounds of its settings."""
    return {member: _nearest(holder.get(SETTINGS[member]), count) for member, count in units.items()}


def _nearest(bounds: Value, units: int) -> int:
    if not bounds:
        return units
    least, most = int(bounds.get("MinCapacity", units)), int(bounds.get("MaxCapacity", units))
    return min(max(units, least), most)


def units_to_send(comparison: Comparison, owner: Path) -> Value:
    """The units to send for the table `()` or an index. Units inside the bounds of auto scaling stay as they are."""
    path = (*owner, PROVISIONED)
    desired = comparison.desired.at(path)
    actual = comparison.was_at(owner[1], PROVISIONED) if owner else comparison.actual_at(path)
    if not desired or not actual:
        return desired
    return {member: _to_send(comparison, (*owner, SETTINGS[member]), units, actual[member])
            for member, units in desired.items()}  # fmt: skip


def _to_send(comparison: Comparison, path: Path, units: int, actual: int) -> int:
    mentioned = comparison.desired.at(path)
    if mentioned is not None:
        return _nearest(mentioned, actual) if mentioned else units
    if comparison.facts.scaling_denied:
        return actual
    target = target_at(comparison, path)
    return actual if target and actual in target else units
