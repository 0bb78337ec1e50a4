"""Application Auto Scaling: the targets and policies of tables and indexes. Nothing scales by itself here.

docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.simulator import errors
from tests.simulator.concerns import capacity
from tests.simulator.operations import reads, writes
from tests.simulator.tables import PROVISIONED

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Capacity, Json, Table

SERVICE = "application-autoscaling"
PLACE: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")
MOST_TARGETS = 5_000
METRICS: Final = {
    "ReadCapacityUnits": "DynamoDBReadCapacityUtilization",
    "WriteCapacityUnits": "DynamoDBWriteCapacityUtilization",
}


@reads("DescribeScalableTargets", SERVICE)
def describe_scalable_targets(account: Account, request: Json) -> Json:
    """The scalable targets of the account, filtered, in pages."""
    return _page(account, request, "ScalableTargets", account.scalable_targets)


@reads("DescribeScalingPolicies", SERVICE)
def describe_scaling_policies(account: Account, request: Json) -> Json:
    """The scaling policies of the account, filtered, in pages."""
    return _page(account, request, "ScalingPolicies", account.scaling_policies)


@reads("DescribeScheduledActions", SERVICE)
def describe_scheduled_actions(account: Account, request: Json) -> Json:
    """The scheduled actions of the account, filtered, in pages."""
    return _page(account, request, "ScheduledActions", account.scheduled_actions)


@writes("RegisterScalableTarget", SERVICE)
def register_scalable_target(account: Account, request: Json) -> Json:
    """Register a target, or change its bounds; a capacity outside them is moved at once."""
    table, holder, units = _scaled(account, request)
    known = _find(account.scalable_targets, request)
    bounds: Json = {name: request[name] for name in ("MinCapacity", "MaxCapacity") if name in request}
    if known is None and len(bounds) < 2:
        raise errors.validation("MinCapacity and MaxCapacity are required to register a scalable target")
    merged: Json = {**(known or {}), **bounds}
    if merged["MinCapacity"] > merged["MaxCapacity"]:
        raise errors.validation("Maximum capacity cannot be less than minimum capacity")
    if known is None and len(account.scalable_targets) >= MOST_TARGETS:
        raise errors.ApiError("LimitExceededException", f"The maximum number of targets is {MOST_TARGETS}")
    if known is None:
        known = {name: request[name] for name in PLACE}
        account.scalable_targets.append(known)
    known.update(bounds)
    _move(account, table, holder, units, known)
    return {"ScalableTargetARN": f"arn:aws:application-autoscaling:{account.region}:{account.id}:scalable-target/1"}


@writes("DeregisterScalableTarget", SERVICE)
def deregister_scalable_target(account: Account, request: Json) -> Json:
    """Remove a target; its policies and scheduled actions go with it. The resource may be gone already."""
    if _find(account.scalable_targets, request) is None:
        raise _not_found("scalable target", request)
    for known in (account.scalable_targets, account.scaling_policies, account.scheduled_actions):
        known[:] = [one for one in known if not _same(one, request)]
    return {}


@writes("PutScalingPolicy", SERVICE)
def put_scaling_policy(account: Account, request: Json) -> Json:
    """Make a policy, or replace the whole configuration of the one with this name."""
    if _find(account.scalable_targets, request) is None:
        raise errors.ApiError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: dynamodb, resource ID: {request['ResourceId']}, "
            f"scalable dimension: {request['ScalableDimension']}",
        )
    tracking = request.get("TargetTrackingScalingPolicyConfiguration")
    if request.get("PolicyType") != "TargetTrackingScaling" or tracking is None:
        raise errors.validation("DynamoDB supports TargetTrackingScaling policies only")
    _check_metric(request, tracking)
    name = request["PolicyName"]
    same = [one for one in account.scaling_policies if _same(one, request)]
    if any(one["PolicyName"] != name and _metric(one) == _metric(request) for one in same):
        raise errors.validation("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
    for one in [one for one in same if one["PolicyName"] == name]:
        account.scaling_policies.remove(one)
    kept = (*PLACE, "PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
    account.scaling_policies.append({member: request[member] for member in kept})
    return {"PolicyARN": f"arn:aws:autoscaling:{account.region}:{account.id}:scalingPolicy:1:policyName/{name}"}


@writes("DeleteScalingPolicy", SERVICE)
def delete_scaling_policy(account: Account, request: Json) -> Json:
    """Remove a policy by name; its target stays."""
    gone = [one for one in account.scaling_policies
            if _same(one, request) and one["PolicyName"] == request["PolicyName"]]  # fmt: skip
    if not gone:
        raise _not_found("scaling policy", request)
    account.scaling_policies.remove(gone[0])
    return {}


def scales(account: Account, resource: str, dimension: str) -> bool:
    """Whether a dimension has a target and a policy."""
    place = {"ResourceId": resource, "ScalableDimension": dimension}
    return all(_find(known, place) for known in (account.scalable_targets, account.scaling_policies))


def _same(one: Json, place: Json) -> bool:
    return all(one[name] == place[name] for name in ("ResourceId", "ScalableDimension"))


def _find(known: list[Json], place: Json) -> Json | None:
    return next((one for one in known if _same(one, place)), None)


def _not_found(what: str, request: Json) -> errors.ApiError:
    return errors.ApiError(
        "ObjectNotFoundException",
        f"No {what} found for service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}",
    )


def _metric(policy: Json) -> str:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    return str(tracking.get("PredefinedMetricSpecification") or tracking.get("CustomizedMetricSpecification"))


def _check_metric(request: Json, tracking: Json) -> None:
    if not 20 <= tracking["TargetValue"] <= 90:
        raise errors.validation("Target utilization must be between 20 and 90")
    if "CustomizedMetricSpecification" in tracking:
        return
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != METRICS[request["ScalableDimension"].rpartition(":")[2]]:
        raise errors.validation(f"The metric {metric} is not valid for {request['ScalableDimension']}")


def _scaled(account: Account, request: Json) -> tuple[Table, Capacity, str]:
    """The capacity that a request is about. What is being made, or is on demand, is not registered."""
    resource, dimension = request["ResourceId"], request["ScalableDimension"]
    name, _, index = resource.removeprefix("table/").partition("/index/")
    kind, units = dimension.removeprefix("dynamodb:").split(":")
    if kind != ("index" if index else "table"):
        raise errors.validation(f"Unsupported scalable dimension {dimension} for resource {resource}")
    table = account.tables.get(name)
    if table is None or table.lifecycle:
        raise errors.validation(f"DynamoDB table does not exist: table/{name}")
    if index and (index not in table.indexes or table.indexes[index].status in {"CREATING", "DELETING"}):
        raise errors.validation(f"DynamoDB index does not exist: {resource}")
    if table.billing != PROVISIONED:
        raise errors.validation(f"The capacity mode of {resource} is PAY_PER_REQUEST")
    return table, table.indexes[index].capacity if index else table.capacity, units


def _move(account: Account, table: Table, holder: Capacity, units: str, target: Json) -> None:
    """Move a capacity into the bounds where the table is ACTIVE and has a decrease left."""
    live = {"ReadCapacityUnits": holder.read, "WriteCapacityUnits": holder.write}
    wanted = {**live, units: min(max(live[units], target["MinCapacity"]), target["MaxCapacity"])}
    index = target["ResourceId"].partition("/index/")[2]
    if wanted == live or table.status != "ACTIVE" or (index and table.indexes[index].status != "ACTIVE"):
        return
    throughput = {"ProvisionedThroughput": wanted}
    change = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": index, **throughput}}]} if index else throughput
    with suppress(errors.ApiError):
        capacity.prepare(account, table, change)()


def _page(account: Account, request: Json, member: str, known: list[Json]) -> Json:
    resources = request.get("ResourceIds", [request["ResourceId"]] if "ResourceId" in request else None)
    chosen = [
        one
        for one in known
        if one.get("ServiceNamespace", "dynamodb") == request["ServiceNamespace"]
        and (resources is None or one["ResourceId"] in resources)
        and one["ScalableDimension"] == request.get("ScalableDimension", one["ScalableDimension"])
    ]
    start = int(request.get("NextToken", 0))
    end = start + min(request.get("MaxResults", account.target_page), account.target_page)
    page = [{"ServiceNamespace": "dynamodb", "CreationTime": account.now, **one} for one in chosen[start:end]]
    return {member: page} | ({"NextToken": str(end)} if end < len(chosen) else {})
