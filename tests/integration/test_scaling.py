"""Capacity that scales itself, on the simulator: what is taken over, what is left alone, and what moves meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from dynatus_ci import api
from dynatus_ci.table.model import Action, Risk
from dynatus_ci.table.outcome import Outcome
from tests.simulator import Kind
from tests.simulator.tables import Json
from tests.small_tables import bare, global_index
from tests.strategies import NAME, Definition
from tests.world import World

WRITES, SCALES_WRITES = "dynamodb:table:WriteCapacityUnits", "WriteCapacityAutoScalingSettings"
PLACE = {"ServiceNamespace": "dynamodb", "ResourceId": f"table/{NAME}", "ScalableDimension": WRITES}


def settings(least: int, most: int, **policy: Any) -> Definition:
    tracking = {"TargetValue": 70.0, **policy}
    return {"MinCapacity": least, "MaxCapacity": most, "TargetTrackingScalingPolicyConfiguration": tracking}


def provisioned(**more: Any) -> Definition:
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": more.pop("writes", 5)}
    return bare(**{"BillingMode": "PROVISIONED", "ProvisionedThroughput": throughput, **more})


def tracking(**members: Any) -> Json:
    metric = {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"}
    return {"TargetValue": 70.0, "PredefinedMetricSpecification": metric, **members}


def registered_by_terraform(world: World) -> None:
    """What another tool made: a policy with a name of its own, and cooldowns of 0."""
    world.simulator.scalable_targets.append({**PLACE, "MinCapacity": 5, "MaxCapacity": 100})
    world.simulator.scaling_policies.append(
        {
            **PLACE,
            "PolicyName": "writes-by-terraform",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking(ScaleInCooldown=0, ScaleOutCooldown=0),
        }
    )


def test_a_provisioned_table_with_replicas_is_made_in_one_go(world: World) -> None:
    wanted = provisioned(Replicas=[{"RegionName": "eu-central-1"}], **{SCALES_WRITES: settings(5, 100)})
    run = world.apply(wanted)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert [call.operation for call in run.writes] == [
        *("CreateTable", "RegisterScalableTarget", "PutScalingPolicy", "UpdateTable"),
    ]
    assert not world.simulator.journal.refused()


@pytest.mark.parametrize("cooldown", [{}, {"ScaleInCooldown": 0}, {"DisableScaleIn": False}])
def test_what_another_tool_registered_is_no_change_where_the_numbers_agree(
    world: World, cooldown: dict[str, Any]
) -> None:
    world.apply(provisioned())
    registered_by_terraform(world)
    world.simulator.tables[NAME].capacity.write = 73
    plan = world.plan(provisioned(**{SCALES_WRITES: settings(5, 100, **cooldown)}))
    assert plan.tables[0].action is Action.NOOP, plan.to_dict()


def test_a_policy_of_another_name_is_changed_under_its_name_and_keeps_what_the_file_leaves_out(world: World) -> None:
    world.apply(provisioned())
    registered_by_terraform(world)
    world.simulator.scaling_policies[0]["TargetTrackingScalingPolicyConfiguration"] |= {"ScaleInCooldown": 120}
    wanted = provisioned(**{SCALES_WRITES: settings(5, 100, TargetValue=50.0)})
    assert world.apply(wanted).table.result is Outcome.APPLIED
    (policy,) = world.simulator.scaling_policies
    assert policy["PolicyName"] == "writes-by-terraform"
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        **tracking(ScaleInCooldown=120, ScaleOutCooldown=0),
        "TargetValue": 50,
    }


def test_a_capacity_that_rises_between_review_and_apply_needs_no_new_review(world: World) -> None:
    world.apply(provisioned(**{SCALES_WRITES: settings(5, 100)}))
    wanted = provisioned(**{SCALES_WRITES: settings(5, 20)})
    reviewed = world.plan(wanted)
    assert [difference.path for difference in reviewed.differences] == [(SCALES_WRITES,)]
    assert reviewed.differences[0].risk is Risk.DISRUPTIVE
    world.simulator.tables[NAME].capacity.write = 60
    run = world.apply(wanted, plan=reviewed)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert world.simulator.tables[NAME].capacity.write == 20
    assert not world.simulator.journal.refused()


def test_scheduled_actions_are_left_alone_also_where_auto_scaling_goes(world: World) -> None:
    world.apply(provisioned(**{SCALES_WRITES: settings(5, 100)}))
    world.simulator.scheduled_actions.append({**PLACE, "ScheduledActionName": "every-night"})
    off = provisioned(**{SCALES_WRITES: {}})
    run = world.apply(off)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert [call.operation for call in run.writes] == ["DeleteScalingPolicy"]
    assert world.simulator.scheduled_actions
    assert "every-night" in " ".join(run.change.notes)
    assert world.plan(off).tables[0].action is Action.NOOP


def test_settings_that_may_not_be_read_are_an_error_and_a_capacity_is_left_alone(world: World) -> None:
    world.apply(provisioned())
    world.simulator.faults.deny("DescribeScalableTargets")
    (change,) = world.plan(provisioned(**{SCALES_WRITES: settings(5, 100)})).tables
    assert change.error
    assert change.error.missing_permission == "application-autoscaling:DescribeScalableTargets"
    (change,) = world.plan(provisioned(writes=9)).tables
    assert change.action is Action.NOOP
    assert "Cannot verify" in change.notes[0]


def test_without_a_session_a_table_is_created_and_its_settings_are_left_alone(world: World) -> None:
    client = world.simulator.client()
    (change,) = api.plan_tables(client, [provisioned(**{SCALES_WRITES: settings(5, 100)})]).tables
    client.close()
    assert [step.operation for step in change.steps] == ["CreateTable"]
    assert "there is no session for Application Auto Scaling" in " ".join(change.notes)


def test_what_an_index_leaves_behind_is_removed_also_after_a_lost_answer(world: World) -> None:
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    index = global_index("a", ProvisionedThroughput=throughput, **{SCALES_WRITES: settings(5, 100)})
    world.apply(provisioned(attributes=["a"], GlobalSecondaryIndexes=[index]))
    assert world.simulator.scalable_targets
    world.simulator.faults.add(Kind.DROP_AFTER, operations=["DeregisterScalableTarget"], times=1)
    run = world.apply(provisioned(GlobalSecondaryIndexes=[]))
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert not world.simulator.scalable_targets
    assert [call.operation for call in run.writes] == ["UpdateTable", "DeregisterScalableTarget"]
