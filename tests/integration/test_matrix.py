"""The same engine on DynamoDB Local and moto: what each keeps, and that every change ends in a plan without one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from dynatus_ci import api
from dynatus_ci.table import emulators
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.emulators import CANNOT_KEEP, DYNAMODB_LOCAL, MOTO
from dynatus_ci.table.model import Action, Effect, TableChange
from dynatus_ci.table.outcome import Outcome
from tests.small_tables import global_index, key_schema
from tests.strategies import Definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def attributes(**types: str) -> list[dict[str, str]]:
    """Attribute definitions."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def units(read: int, write: int) -> dict[str, int]:
    """Provisioned throughput."""
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def table(**members: Any) -> Definition:
    """A definition, on demand unless it says otherwise."""
    return {
        "KeySchema": key_schema("pk"),
        "AttributeDefinitions": attributes(pk="S"),
        "BillingMode": "PAY_PER_REQUEST",
        **members,
    }


def stream(view: str | None) -> dict[str, Any]:
    """A stream by its view; None for off."""
    return {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}


POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"},'
    ' "Action": ["dynamodb:GetItem"], "Resource": "*"}]}'
)
KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream/changes"
KEY = "arn:aws:kms:us-east-1:123456789012:key/6d4c1c1e-0000-4000-8000-000000000000"
ON_DEMAND = attributes(pk="S", mail="S", day="S")
SESSION = boto3.Session(aws_access_key_id="dynatus", aws_secret_access_key="dynatus", region_name="us-east-1")
"""Application Auto Scaling is another service than the client's."""
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5, 5)}


def scaling(least: int, most: int, **policy: int) -> dict[str, Any]:
    """Settings of auto scaling."""
    tracking = {"TargetValue": 70.0, **policy}
    return {"MinCapacity": least, "MaxCapacity": most, "TargetTrackingScalingPolicyConfiguration": tracking}


# Each setting as the definitions that a table goes through, one after another.
JOURNEYS: dict[str, list[Definition]] = {
    "Tags": [
        table(Tags=[{"Key": "a", "Value": "1"}]),
        table(Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]),
        table(Tags=[]),
    ],
    "TimeToLiveSpecification": [
        table(TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}),
        table(TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}),
        table(TimeToLiveSpecification={"Enabled": False}),
    ],
    "StreamSpecification": [
        table(StreamSpecification=stream("KEYS_ONLY")),
        table(StreamSpecification=stream("NEW_IMAGE")),
        table(StreamSpecification=stream(None)),
    ],
    "BillingMode": [
        table(),
        table(**PROVISIONED),
        table(**PROVISIONED | {"ProvisionedThroughput": units(3, 7)}),
        table(),
        table(**PROVISIONED),
    ],
    "GlobalSecondaryIndexes": [
        table(),
        table(AttributeDefinitions=ON_DEMAND, GlobalSecondaryIndexes=[global_index("mail"), global_index("day")]),
        table(
            AttributeDefinitions=attributes(pk="S", mail="N"),
            GlobalSecondaryIndexes=[global_index("mail", Projection={"ProjectionType": "KEYS_ONLY"})],
        ),
        table(GlobalSecondaryIndexes=[]),
    ],
    "GlobalSecondaryIndexes.ProvisionedThroughput": [
        table(AttributeDefinitions=ON_DEMAND, GlobalSecondaryIndexes=[global_index("mail"), global_index("day")]),
        table(
            **PROVISIONED,
            AttributeDefinitions=ON_DEMAND,
            GlobalSecondaryIndexes=[global_index(name, ProvisionedThroughput=units(2, 2)) for name in ("mail", "day")],
        ),
        table(
            **PROVISIONED,
            AttributeDefinitions=ON_DEMAND,
            GlobalSecondaryIndexes=[
                global_index("mail", ProvisionedThroughput=units(1, 2)),
                global_index("day", ProvisionedThroughput=units(4, 2)),
            ],
        ),
        table(AttributeDefinitions=ON_DEMAND, GlobalSecondaryIndexes=[global_index("mail"), global_index("day")]),
        table(
            **PROVISIONED,
            AttributeDefinitions=ON_DEMAND,
            GlobalSecondaryIndexes=[global_index(name, ProvisionedThroughput=units(4, 2)) for name in ("mail", "day")],
        ),
    ],
    "OnDemandThroughput": [
        table(),
        table(OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 50}),
        table(OnDemandThroughput={"MaxReadRequestUnits": 60, "MaxWriteRequestUnits": 70}),
        table(OnDemandThroughput={"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}),
        table(OnDemandThroughput={"MaxReadRequestUnits": 60}),
    ],
    "DeletionProtectionEnabled": [
        table(DeletionProtectionEnabled=True),
        table(DeletionProtectionEnabled=False),
    ],
    "PointInTimeRecoverySpecification": [
        table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}),
        table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}),
        table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
    ],
    "ResourcePolicy": [table(ResourcePolicy=POLICY), table(ResourcePolicy={})],
    "WarmThroughput": [table(WarmThroughput={"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000})],
    "SSESpecification": [
        table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}),
        table(SSESpecification={"Enabled": False}),
        table(SSESpecification={"Enabled": True, "SSEType": "KMS"}),
        table(
            KeySchema=key_schema("id"),
            AttributeDefinitions=attributes(id="S"),
            SSESpecification={"Enabled": True, "SSEType": "KMS"},
        ),
    ],
    "TableClass": [table(TableClass="STANDARD_INFREQUENT_ACCESS")],
    "ContributorInsightsSpecification": [table(ContributorInsightsSpecification={"Enabled": True})],
    "KinesisStreamSpecification": [table(KinesisStreamSpecification={"StreamArn": KINESIS})],
    "Replicas": [table(Replicas=[{"RegionName": "eu-west-1"}])],
    **{
        name: [
            table(**PROVISIONED, **{name: scaling(1, 10)}),
            table(**PROVISIONED, **{name: scaling(2, 5, ScaleInCooldown=60)}),
            table(**PROVISIONED, **{name: {}}),
        ]
        for name in ("ReadCapacityAutoScalingSettings", "WriteCapacityAutoScalingSettings")
    },
    "GlobalSecondaryIndexes.WriteCapacityAutoScalingSettings": [
        table(
            **PROVISIONED,
            AttributeDefinitions=attributes(pk="S", mail="S"),
            GlobalSecondaryIndexes=[
                global_index("mail", ProvisionedThroughput=units(2, 2), WriteCapacityAutoScalingSettings=scaling(1, 10))
            ],
        ),
        table(**PROVISIONED, GlobalSecondaryIndexes=[]),
    ],
    "LocalSecondaryIndexes": [
        table(KeySchema=key_schema("pk", "day"), AttributeDefinitions=attributes(pk="S", day="S")),
        table(
            KeySchema=key_schema("pk", "day"),
            AttributeDefinitions=attributes(pk="S", day="S", mail="S"),
            LocalSecondaryIndexes=[
                {"IndexName": "by-mail", "KeySchema": key_schema("pk", "mail"), "Projection": {"ProjectionType": "ALL"}}
            ],
        ),
    ],
    "KeySchema": [table(), table(KeySchema=key_schema("id"), AttributeDefinitions=attributes(id="N"))],
}


def planned(client: DynamoDBClient, definition: Definition) -> TableChange:
    """The plan of one definition."""
    return api.plan_tables(client, [definition], session=SESSION).tables[0]


def test_the_emulators_are_asked_about_every_aspect() -> None:
    asked = {journey.rpartition(".")[2] for journey in JOURNEYS}
    assert {aspect.name for aspect in ASPECTS} - asked == set()


@pytest.mark.parametrize("setting", JOURNEYS)
def test_every_change_of_a_setting_ends_in_a_plan_without_one(emulator: DynamoDBClient, setting: str) -> None:
    name = f"{setting}-{uuid.uuid4().hex[:8]}"
    for step in JOURNEYS[setting]:
        definition = {"TableName": name, **step}
        plan = planned(emulator, definition)
        result = api.apply_tables(emulator, [definition], allow_destructive=[name], session=SESSION).tables[0]
        assert result.error is None
        assert result.result is (Outcome.APPLIED if plan.steps else Outcome.NOOP)
        assert planned(emulator, definition).action is Action.NOOP
    gone = api.apply_tables(emulator, [{"TableName": name, "Absent": True}], allow_destructive=[name], session=SESSION)
    assert gone.tables[0].result is Outcome.APPLIED


@pytest.mark.parametrize("setting", JOURNEYS)
def test_an_emulator_says_what_it_cannot_keep(
    emulator: DynamoDBClient, setting: str, request: pytest.FixtureRequest
) -> None:
    kind = {"dynamodb_local": DYNAMODB_LOCAL, "moto": MOTO}[request.node.callspec.params["emulator"]]
    definition = {"TableName": f"{setting}-{uuid.uuid4().hex[:8]}", **JOURNEYS[setting][0]}
    if setting == "OnDemandThroughput":
        definition |= JOURNEYS[setting][1]
    api.raise_for(api.apply_tables(emulator, [definition], session=SESSION))
    differences = planned(emulator, definition).differences
    unsupported = {emulators.kind(each.path) for each in differences if each.effect is Effect.UNSUPPORTED}
    assert unsupported == ({setting} & CANNOT_KEEP[kind])


def test_moto_keeps_the_encryption_that_a_table_was_created_with_and_no_other(moto: DynamoDBClient) -> None:
    encrypted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    name = f"encrypted-{uuid.uuid4().hex[:8]}"
    (created,) = api.apply_tables(moto, [{"TableName": name, **table(SSESpecification=encrypted)}]).tables
    assert created.error is None
    live = moto.describe_table(TableName=name)["Table"]["SSEDescription"]
    assert (live["SSEType"], live["KMSMasterKeyArn"]) == ("KMS", KEY)
    change = planned(moto, {"TableName": name, **table(SSESpecification={"Enabled": False})})
    assert [(d.path, d.effect) for d in change.differences] == [(("SSESpecification",), Effect.UNSUPPORTED)]
    assert change.steps == ()
