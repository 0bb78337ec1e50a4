"""The simulator's own behaviour, by boto3: each rule refused with AWS's code, phases, read shapes, faults, journal."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.simulator import DAY, HOUR, MINUTE, SECOND_WRITER, Clock, Kind, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_application_autoscaling.client import ApplicationAutoScalingClient
    from mypy_boto3_dynamodb.client import DynamoDBClient

Json = dict[str, Any]


@dataclass
class Driver:
    """A simulator with a clock that stands still, and a client of it."""

    simulator: Simulator
    client: DynamoDBClient

    def send(self, operation: str, **parameters: Any) -> Json:
        """The answer to a call."""
        answer: Json = getattr(self.client, xform_name(operation))(**parameters)
        return answer

    def update(self, **parameters: Any) -> Json:
        """Change the table."""
        return self.send("UpdateTable", TableName="users", **parameters)

    def refusal(self, operation: str, **parameters: Any) -> str:
        """The code and text of the error that this call must end in."""
        with pytest.raises(ClientError) as caught:
            self.send(operation, **parameters)
        error = caught.value.response["Error"]
        return f"{error['Code']}: {error.get('Message', '')}"

    def refused(self, **parameters: Any) -> str:
        """The error of a change that must be refused."""
        return self.refusal("UpdateTable", TableName="users", **parameters)

    def pass_time(self, seconds: float) -> None:
        """Let that much time go by."""
        self.simulator.clock.advance(seconds)

    def create(self, *, settle: bool = True, **changes: Any) -> Json:
        """Make the table, and wait a minute unless told otherwise."""
        answer = self.send("CreateTable", **table(**changes))
        if settle:
            self.pass_time(MINUTE)
        return answer

    def table(self) -> Json:
        """The table as DescribeTable shows it."""
        shown: Json = self.send("DescribeTable", TableName="users")["Table"]
        return shown

    def index(self, name: str = "by-a") -> Json:
        """One of its indexes."""
        return next(index for index in self.table()["GlobalSecondaryIndexes"] if index["IndexName"] == name)

    def arn(self) -> str:
        """The table's ARN."""
        return self.simulator.arn("users")


@pytest.fixture(scope="module")
def refusing() -> Iterator[Driver]:
    """One simulator with a table for all cases that change nothing."""
    with Simulator(clock=Clock(0), seed=7) as simulator:
        client = simulator.client()
        driver = Driver(simulator, client)
        driver.create(**PROVISIONED_INDEX)
        yield driver
        client.close()


@pytest.fixture
def aws() -> Iterator[Driver]:
    with Simulator(clock=Clock(0), seed=7) as simulator:
        client = simulator.client()
        yield Driver(simulator, client)
        client.close()


def key(*names: str) -> list[Json]:
    kinds = ["HASH", "RANGE"]
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)]


def attributes(**kinds: str) -> list[Json]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


def capacity(read: int = 5, write: int = 5) -> Json:
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def index(name: str = "by-a", *names: str, **more: Any) -> Json:
    return {
        "IndexName": name,
        "KeySchema": key(*(names or ("a",))),
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


def table(**changes: Any) -> Json:
    """A request that is fine, with members changed, or taken away by None."""
    request: Json = {
        "TableName": "users",
        "KeySchema": key("pk"),
        "AttributeDefinitions": attributes(pk="S"),
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {name: value for name, value in (request | changes).items() if value is not None}


WITH_INDEX: Json = {"AttributeDefinitions": attributes(pk="S", a="S"), "GlobalSecondaryIndexes": [index()]}
PROVISIONED: Json = {"BillingMode": None, "ProvisionedThroughput": capacity()}
PROVISIONED_INDEX: Json = {
    **PROVISIONED,
    "AttributeDefinitions": attributes(pk="S", a="S"),
    "GlobalSecondaryIndexes": [index(ProvisionedThroughput=capacity())],
}
NEW_INDEX: Json = {
    "AttributeDefinitions": attributes(b="S"),
    "GlobalSecondaryIndexUpdates": [{"Create": index("new", "b")}],
}
ALL_ATTRIBUTES = attributes(pk="S", sk="S", a="S")


def deletion(name: str = "by-a") -> Json:
    return {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]}


# -- CreateTable --


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"TableName": "ab"}, "'tableName' failed to satisfy constraint"),
        ({"TableName": "a b c"}, "regular expression pattern"),
        ({"BillingMode": "FREE"}, "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"),
        ({"KeySchema": [{"AttributeName": "pk", "KeyType": "RANGE"}]}, "The first KeySchemaElement is not a HASH"),
        ({"KeySchema": key("pk", "pk")}, "have the same name"),
        ({"KeySchema": key("pk", "sk")}, "not defined in AttributeDefinitions. Keys: [pk, sk]"),
        ({"AttributeDefinitions": ALL_ATTRIBUTES}, "Some AttributeDefinitions are not used"),
        ({"AttributeDefinitions": attributes(pk="S") * 2}, "Attribute Name is duplicated: pk"),
        ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
        ({"LocalSecondaryIndexes": []}, "List of LocalSecondaryIndexes is empty"),
        (WITH_INDEX | {"GlobalSecondaryIndexes": [index(), index()]}, "Duplicate index name: by-a"),
        (WITH_INDEX | {"GlobalSecondaryIndexes": [index(f"by-a{n}") for n in range(21)]}, "per-table limit of 20"),
        (WITH_INDEX | {"GlobalSecondaryIndexes": [index(Projection={})]}, "Unknown ProjectionType: null"),
        (
            WITH_INDEX | {"GlobalSecondaryIndexes": [index(Projection={"ProjectionType": "INCLUDE"})]},
            "INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            WITH_INDEX
            | {"GlobalSecondaryIndexes": [index(Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["x"]})]},
            "ALL, but NonKeyAttributes is specified",
        ),
        (
            {"LocalSecondaryIndexes": [index("by-a", "pk", "a")], "AttributeDefinitions": attributes(pk="S", a="S")},
            "Table KeySchema does not have a range key",
        ),
        (
            {
                "KeySchema": key("pk", "sk"),
                "AttributeDefinitions": ALL_ATTRIBUTES,
                "LocalSecondaryIndexes": [index("by-a", "sk", "a")],
            },
            "same leading hash key",
        ),
        ({"BillingMode": None}, "must both be specified when BillingMode is PROVISIONED"),
        ({"ProvisionedThroughput": capacity()}, "Neither ReadCapacityUnits nor WriteCapacityUnits"),
        (WITH_INDEX | PROVISIONED, "ProvisionedThroughput is not specified for index: by-a"),
        (
            WITH_INDEX | {"GlobalSecondaryIndexes": [index(ProvisionedThroughput=capacity())]},
            "should not be specified for index: by-a",
        ),
        ({"OnDemandThroughput": {"MaxReadRequestUnits": -1}}, "outside of valid range"),
        (PROVISIONED | {"OnDemandThroughput": {"MaxReadRequestUnits": 5}}, "BillingMode is PROVISIONED"),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 100}}, "lower than initial throughput for OnDemand"),
        (PROVISIONED | {"WarmThroughput": {"WriteUnitsPerSecond": 4}}, "lower than the capacity"),
        ({"StreamSpecification": {"StreamEnabled": True}}, "UpdateViewType is required"),
        ({"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}}, "should not be specified"),
        ({"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "alias/x"}}, "SSEType KMS is required"),
        ({"SSESpecification": {"Enabled": False, "SSEType": "KMS"}}, "can not be specified if Enabled is false"),
        ({"SSESpecification": {"Enabled": True, "SSEType": "AES256"}}, "AES256 is not supported"),
        ({"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/no"}}, "NotFoundException"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "cannot be prefixed with aws:"),
        ({"Tags": [{"Key": "a", "Value": "<"}]}, "Tag Value provided is invalid"),
        ({"Tags": [{"Key": "a", "Value": ""}] * 2}, "Duplicate Tag Key found a"),
        ({"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]}, "Number of Tags exceed"),
        ({"ResourcePolicy": "{"}, "invalid Json"),
    ],
)  # fmt: skip
def test_create_table_refuses_what_no_state_could_make_right(refusing: Driver, changes: Json, text: str) -> None:
    refusal = refusing.refusal("CreateTable", **table(**{"TableName": "other"} | changes))
    assert refusal.startswith("ValidationException: ")
    assert text in refusal
    assert refusing.send("ListTables")["TableNames"] == ["users"]


def test_a_table_is_creating_before_it_is_active(aws: Driver) -> None:
    created = aws.create(settle=False, **WITH_INDEX)["TableDescription"]
    assert (created["TableStatus"], created["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("CREATING", "CREATING")
    assert created["TableArn"] == "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
    assert aws.refusal("CreateTable", **table()).startswith("ResourceInUseException: Table already exists")
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    assert aws.refused(DeletionProtectionEnabled=True).startswith("ResourceInUseException")
    aws.pass_time(MINUTE)
    assert (aws.table()["TableStatus"], aws.index()["IndexStatus"]) == ("ACTIVE", "ACTIVE")
    assert "Backfilling" not in aws.index()


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeTimeToLive", "ValidationException"),
        ("DescribeContinuousBackups", "TableNotFoundException"),
        ("ListContributorInsights", "ResourceNotFoundException"),
        ("DescribeKinesisStreamingDestination", "ResourceNotFoundException"),
        ("GetResourcePolicy", "ResourceNotFoundException"),
        ("ListTagsOfResource", "ResourceNotFoundException"),
        ("Scan", "ResourceNotFoundException"),
    ],
)
def test_settings_of_their_own_do_not_know_a_table_that_is_creating(aws: Driver, operation: str, code: str) -> None:
    aws.create(settle=False)
    by_arn = operation in {"GetResourcePolicy", "ListTagsOfResource"}
    target = {"ResourceArn": aws.arn()} if by_arn else {"TableName": "users"}
    assert aws.refusal(operation, **target).startswith(f"{code}: ")


def test_members_that_say_nothing_special_are_absent(aws: Driver) -> None:
    aws.create(**PROVISIONED)
    absent = {
        "BillingModeSummary", "TableClassSummary", "SSEDescription", "StreamSpecification", "LatestStreamArn",
        "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "OnDemandThroughput", "Replicas",
    }  # fmt: skip
    assert not absent & set(aws.table())
    assert aws.table()["DeletionProtectionEnabled"] is False
    assert aws.table()["WarmThroughput"] == {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 5, "Status": "ACTIVE"}


def test_members_that_were_asked_for_show(aws: Driver) -> None:
    customer = aws.simulator.add_key("alias/mine")
    aws.create(
        TableClass="STANDARD",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"},
        OnDemandThroughput={"MaxReadRequestUnits": 9},
        AttributeDefinitions=attributes(pk="S", a="S"),
        GlobalSecondaryIndexes=[index(Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "b"]})],
    )
    shown = aws.table()
    assert shown["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert shown["TableClassSummary"] == {"TableClass": "STANDARD"}
    assert shown["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": customer.arn}
    assert shown["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    assert shown["LatestStreamArn"].startswith(f"{aws.arn()}/stream/2026-01-05T")
    assert aws.index()["Projection"]["NonKeyAttributes"] == ["b", "z"]
    assert aws.index()["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_deleting_takes_a_moment_and_frees_the_name(aws: Driver) -> None:
    first = aws.create()["TableDescription"]["TableId"]
    assert aws.send("DeleteTable", TableName="users")["TableDescription"]["TableStatus"] == "DELETING"
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    assert aws.refusal("CreateTable", **table()).startswith("ResourceInUseException")
    aws.pass_time(10)
    assert aws.refusal("DescribeTable", TableName="users").startswith("ResourceNotFoundException")
    assert aws.create()["TableDescription"]["TableId"] != first


def test_stale_reads_miss_what_was_just_done_when_switched_on(aws: Driver) -> None:
    aws.simulator.stale = True
    aws.create(settle=False)
    assert aws.refusal("DescribeTable", TableName="users").startswith("ResourceNotFoundException")
    aws.pass_time(MINUTE)
    aws.update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    assert aws.table()["TableStatus"] == "ACTIVE"
    aws.pass_time(1)
    assert aws.table()["TableStatus"] == "UPDATING"


def test_the_limit_of_tables_is_a_limit(aws: Driver) -> None:
    aws.simulator.table_limit = 1
    aws.create()
    assert aws.refusal("CreateTable", **table(TableName="two")).startswith("LimitExceededException")


# -- UpdateTable: what goes together --

STREAM: Json = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
PROTECT: Json = {"DeletionProtectionEnabled": True}
SSE: Json = {"SSESpecification": {"Enabled": True}}
CLASS: Json = {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
WARM: Json = {"WarmThroughput": {"ReadUnitsPerSecond": 20000}}
LIMITS: Json = {"OnDemandThroughput": {"MaxReadRequestUnits": 5}}
MORE: Json = {"ProvisionedThroughput": capacity(9, 9)}
ON_DEMAND: Json = {"BillingMode": "PAY_PER_REQUEST"}
REPLICA: Json = {"ReplicaUpdates": [{"Create": {"RegionName": "us-east-1"}}]}
INDEX_MORE: Json = {
    "GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by-a", "ProvisionedThroughput": capacity(9, 9)}}]
}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (PROTECT | STREAM, "DeletionProtection modification must be the only operation in the request"),
        (PROTECT | ON_DEMAND, "DeletionProtection modification must be the only operation in the request"),
        (PROTECT | SSE, "Server-Side Encryption modification must be the only operation in the request"),
        (CLASS | SSE, "Server-Side Encryption modification must be the only operation in the request"),
        (CLASS | PROTECT, "TableClass modification must be the only operation in the request"),
        (CLASS | MORE, "TableClass modification must be the only operation in the request"),
        (WARM | STREAM, "WarmThroughput must be the only operation in the request"),
        (REPLICA | STREAM, "Replica modification must be the only operation in the request"),
        (STREAM | MORE, "You cannot modify stream status while updating table IOPS"),
        (STREAM | MORE | {"BillingMode": "PROVISIONED"}, "You cannot modify stream status while updating table IOPS"),
        (STREAM | LIMITS, "OnDemandThroughput can only be combined with BillingMode"),
        (NEW_INDEX | MORE, "You cannot create or delete index while updating table IOPS"),
        (NEW_INDEX | STREAM, "You cannot create or delete index while changing stream status"),
        (deletion() | MORE, "You cannot create or delete index while updating table IOPS"),
        (deletion() | ON_DEMAND, "cannot be modified in the same request"),
        (STREAM | INDEX_MORE, "cannot be modified in the same request"),
        ({}, "At least one of ProvisionedThroughput, BillingMode"),
        ({"AttributeDefinitions": attributes(pk="S")}, "At least one of ProvisionedThroughput, BillingMode"),
        ({"GlobalSecondaryIndexUpdates": []}, "At least one of ProvisionedThroughput, BillingMode"),
        (PROTECT | {"GlobalSecondaryIndexUpdates": []}, "List of GlobalSecondaryIndexUpdates is empty"),
        (
            {"GlobalSecondaryIndexUpdates": [*deletion()["GlobalSecondaryIndexUpdates"], {"Create": index()}]},
            "Only one global secondary index update per index",
        ),
    ],
)
def test_one_call_changes_one_concern(refusing: Driver, changes: Json, text: str) -> None:
    before = refusing.table()
    refusal = refusing.refused(**changes)
    assert refusal.startswith("ValidationException: ")
    assert text in refusal
    assert refusing.table() == before


@pytest.mark.parametrize(
    "changes",
    [
        {**ON_DEMAND, **STREAM},
        {**ON_DEMAND, **LIMITS},
        {**MORE, **INDEX_MORE},
        {**NEW_INDEX, **ON_DEMAND},
        {
            "AttributeDefinitions": attributes(b="S"),
            "GlobalSecondaryIndexUpdates": [
                {"Create": index("new", "b", ProvisionedThroughput=capacity())},
                *INDEX_MORE["GlobalSecondaryIndexUpdates"],
            ],
        },
    ],
)
def test_these_concerns_go_together(aws: Driver, changes: Json) -> None:
    aws.create(**PROVISIONED_INDEX)
    aws.update(**changes)
    aws.pass_time(HOUR)
    shown = aws.table()
    assert shown["TableStatus"] == "ACTIVE"
    assert ("StreamSpecification" in shown) == ("StreamSpecification" in changes)
    assert shown.get("OnDemandThroughput") == changes.get("OnDemandThroughput")
    assert len(shown["GlobalSecondaryIndexes"]) == 1 + ("AttributeDefinitions" in changes)


def test_the_answer_shows_the_values_from_before(aws: Driver) -> None:
    aws.create(**PROVISIONED)
    assert aws.update(**PROTECT)["TableDescription"]["DeletionProtectionEnabled"] is False
    assert aws.table()["DeletionProtectionEnabled"] is True
    answer = aws.update(**MORE)["TableDescription"]
    assert (answer["TableStatus"], answer["ProvisionedThroughput"]["ReadCapacityUnits"]) == ("UPDATING", 5)
    aws.pass_time(3)
    assert aws.table()["ProvisionedThroughput"]["ReadCapacityUnits"] == 9


# -- indexes --


def test_an_index_is_allocated_then_backfilled(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    aws.update(**NEW_INDEX)
    assert (aws.table()["TableStatus"], aws.index("new")["Backfilling"]) == ("UPDATING", False)
    for changes in (STREAM, CLASS, PROTECT, LIMITS):
        assert aws.refused(**changes).startswith("ResourceInUseException")
    assert "resource allocation phase" in aws.refused(**deletion("new"))
    assert aws.refused(**WARM).startswith("InternalFailure: ")
    assert aws.refused(**deletion()).startswith(
        "LimitExceededException: Subscriber limit exceeded: Only 1 online index"
    )
    assert "while indexes are being created" in aws.refusal("DeleteTable", TableName="users")
    aws.pass_time(MINUTE)
    assert (aws.table()["TableStatus"], aws.index("new")["IndexStatus"]) == ("ACTIVE", "CREATING")
    assert aws.index("new")["Backfilling"] is True
    aws.pass_time(1000)
    assert aws.index("new")["IndexStatus"] == "ACTIVE"
    assert "Backfilling" not in aws.index("new")


def test_what_a_backfill_admits_and_what_it_does_not(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    aws.update(**NEW_INDEX)
    aws.pass_time(MINUTE)
    for changes in (STREAM, CLASS, SSE, LIMITS, {"BillingMode": "PAY_PER_REQUEST"}):
        assert aws.refused(**changes).startswith("ResourceInUseException")
    third = NEW_INDEX | {"GlobalSecondaryIndexUpdates": [{"Create": index("third", "b")}]}
    assert aws.refused(**third).startswith("LimitExceededException")
    assert aws.refused(**deletion()).startswith("LimitExceededException")
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    aws.update(**PROTECT)
    aws.send("UpdateTimeToLive", TableName="users", TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"})
    aws.send("TagResource", ResourceArn=aws.arn(), Tags=[{"Key": "a", "Value": "b"}])
    aws.update(**deletion("new"))
    assert aws.index("new")["IndexStatus"] == "DELETING"
    aws.pass_time(HOUR)
    assert [one["IndexName"] for one in aws.table()["GlobalSecondaryIndexes"]] == ["by-a"]


def test_a_backfill_admits_the_capacity_of_the_table_alone(aws: Driver) -> None:
    aws.create(**PROVISIONED_INDEX)
    new = {"Create": index("new", "b", ProvisionedThroughput=capacity())}
    aws.update(**NEW_INDEX | {"GlobalSecondaryIndexUpdates": [new]})
    assert aws.refused(**MORE).startswith("ResourceInUseException")
    aws.pass_time(MINUTE)
    assert aws.refused(**MORE, **INDEX_MORE).startswith("ResourceInUseException")
    assert aws.refused(**INDEX_MORE).startswith("ResourceInUseException")
    aws.update(**MORE)
    aws.pass_time(2)
    assert aws.index("new")["Backfilling"] is True
    assert aws.table()["ProvisionedThroughput"]["ReadCapacityUnits"] > 5


def test_two_indexes_never_go_in_one_call(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    two = {"GlobalSecondaryIndexUpdates": [{"Create": index("one", "b")}, {"Create": index("two", "b")}]}
    assert aws.refused(**two).startswith("LimitExceededException")
    swap = {"GlobalSecondaryIndexUpdates": [{"Create": index("one", "b")}, {"Delete": {"IndexName": "by-a"}}]}
    assert aws.refused(**swap).startswith("LimitExceededException")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (NEW_INDEX | {"AttributeDefinitions": attributes(pk="S")}, "ValidationException: One or more parameter values"),
        (NEW_INDEX | {"AttributeDefinitions": attributes(pk="N", b="S")}, "ValidationException: One or more parameter"),
        (
            {"AttributeDefinitions": attributes(a="S"), "GlobalSecondaryIndexUpdates": [{"Create": index()}]},
            "ValidationException: Attempting to create an index which already exists",
        ),
        (
            NEW_INDEX
            | {"GlobalSecondaryIndexUpdates": [{"Create": index("new", "b", ProvisionedThroughput=capacity())}]},
            "ValidationException: One or more parameter values were invalid: ProvisionedThroughput should not",
        ),
        (deletion("missing"), "ResourceNotFoundException"),
        (deletion("local"), "ValidationException: Cannot delete an index that is not a GlobalSecondaryIndex"),
        (INDEX_MORE, "ValidationException: One or more parameter values were invalid: Neither"),
    ],
)
def test_index_changes_that_cannot_be(aws: Driver, changes: Json, refusal: str) -> None:
    local = index("local", "pk", "a")
    keys = {"KeySchema": key("pk", "sk"), "AttributeDefinitions": ALL_ATTRIBUTES, "LocalSecondaryIndexes": [local]}
    aws.create(**WITH_INDEX | keys)
    assert aws.refused(**changes).startswith(refusal)


def test_the_twenty_first_index_is_a_limit_in_update_table(aws: Driver) -> None:
    aws.simulator.index_limit = 1
    aws.create(**WITH_INDEX)
    assert aws.refused(**NEW_INDEX).startswith(
        "LimitExceededException: Subscriber limit exceeded: GlobalSecondaryIndex"
    )


def test_deleting_an_index_prunes_attributes_nobody_uses(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    aws.update(**deletion())
    assert (aws.table()["TableStatus"], aws.index()["IndexStatus"]) == ("UPDATING", "DELETING")
    aws.pass_time(10)
    assert aws.table()["AttributeDefinitions"] == attributes(pk="S")
    assert "GlobalSecondaryIndexes" not in aws.table()


def test_extra_attribute_definitions_are_ignored(aws: Driver) -> None:
    aws.create()
    aws.update(**NEW_INDEX | {"AttributeDefinitions": attributes(pk="S", b="S", never="N")})
    assert {one["AttributeName"] for one in aws.table()["AttributeDefinitions"]} == {"pk", "b"}


# -- capacity and billing --


def test_capacity_that_does_not_change_is_refused(aws: Driver) -> None:
    aws.create(**PROVISIONED_INDEX)
    same = {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by-a", "ProvisionedThroughput": capacity()}}]}
    assert "for the table will not change" in aws.refused(ProvisionedThroughput=capacity())
    assert "for the index by-a will not change" in aws.refused(**same)
    assert "for the index by-a will not change" in aws.refused(**MORE, **same)
    assert aws.table()["ProvisionedThroughput"]["ReadCapacityUnits"] == 5


def test_index_capacity_shows_in_the_index_alone(aws: Driver) -> None:
    aws.create(**PROVISIONED_INDEX)
    aws.update(**INDEX_MORE)
    assert (aws.table()["TableStatus"], aws.index()["IndexStatus"]) == ("ACTIVE", "UPDATING")
    assert aws.refused(**STREAM).startswith("ResourceInUseException")
    aws.pass_time(5)
    assert (aws.index()["IndexStatus"], aws.index()["ProvisionedThroughput"]["ReadCapacityUnits"]) == ("ACTIVE", 9)


def test_a_day_has_four_decreases_then_one_an_hour(aws: Driver) -> None:
    aws.create(**PROVISIONED | {"ProvisionedThroughput": capacity(50, 50)})
    for read in (40, 30, 20, 10):
        aws.update(ProvisionedThroughput=capacity(read, 50))
        aws.pass_time(5)
    assert aws.table()["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 4
    refusal = aws.refused(ProvisionedThroughput=capacity(9, 50))
    assert refusal.startswith("LimitExceededException: Subscriber limit exceeded: Provisioned throughput decreases")
    assert "Next decrease can be made at Monday, January 05, 2026 09:01:15 AM UTC" in refusal
    aws.update(ProvisionedThroughput=capacity(10, 60))
    aws.pass_time(HOUR)
    aws.update(ProvisionedThroughput=capacity(9, 60))
    aws.pass_time(5)
    assert aws.refused(ProvisionedThroughput=capacity(8, 60)).startswith("LimitExceededException")
    aws.pass_time(DAY)
    aws.update(ProvisionedThroughput=capacity(8, 60))
    assert aws.table()["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1


def test_quotas_can_be_switched_off(aws: Driver) -> None:
    aws.simulator.quotas = False
    aws.create(**PROVISIONED | {"ProvisionedThroughput": capacity(50, 50)})
    for read in (9, 8, 7, 6, 5, 4):
        aws.update(ProvisionedThroughput=capacity(read, 50))
        aws.pass_time(5)
    assert aws.table()["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 6


def test_going_on_demand_and_back(aws: Driver) -> None:
    aws.create(**PROVISIONED_INDEX)
    assert "Neither ReadCapacityUnits" in aws.refused(**ON_DEMAND, **MORE)
    aws.update(**ON_DEMAND)
    assert aws.refused(**STREAM).startswith("ResourceInUseException: Attempt to change a resource")
    aws.pass_time(180)
    assert aws.table()["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert aws.index()["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert aws.table()["WarmThroughput"]["ReadUnitsPerSecond"] == 12000
    back = {"BillingMode": "PROVISIONED", **MORE}
    assert "ProvisionedThroughput must be specified for index: by-a" in aws.refused(**back)
    aws.update(**back, **INDEX_MORE)
    aws.update(**ON_DEMAND)  # answered with 200, and dropped
    aws.pass_time(120)
    assert aws.table()["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert aws.index()["ProvisionedThroughput"]["ReadCapacityUnits"] == 9


def test_a_billing_mode_sent_again(aws: Driver) -> None:
    aws.create()
    aws.update(**ON_DEMAND)
    assert not aws.simulator.journal.calls[-1].changed
    aws.create(**PROVISIONED | {"TableName": "two"})
    again = aws.refusal("UpdateTable", TableName="two", BillingMode="PROVISIONED")
    assert "ProvisionedThroughput must be specified when BillingMode is PROVISIONED" in again


def test_the_fifth_switch_to_on_demand_in_a_day_has_to_wait(aws: Driver) -> None:
    aws.create(**PROVISIONED)
    for _ in range(4):
        aws.update(**ON_DEMAND)
        aws.pass_time(200)
        aws.update(BillingMode="PROVISIONED", **MORE)
        aws.pass_time(200)
    assert "Update to PayPerRequest mode are limited" in aws.refused(**ON_DEMAND)
    aws.pass_time(DAY)
    aws.update(**ON_DEMAND)


def test_on_demand_limits_merge_and_clear(aws: Driver) -> None:
    aws.create()
    aws.update(**LIMITS)
    aws.pass_time(3)
    aws.update(OnDemandThroughput={"MaxWriteRequestUnits": 7})
    aws.pass_time(3)
    assert aws.table()["OnDemandThroughput"] == {"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 7}
    aws.update(OnDemandThroughput={"MaxReadRequestUnits": -1})
    aws.pass_time(2)
    assert aws.table()["OnDemandThroughput"]["MaxReadRequestUnits"] == -1
    aws.pass_time(2)
    assert aws.table()["OnDemandThroughput"] == {"MaxWriteRequestUnits": 7}
    assert aws.refused(OnDemandThroughput={}).startswith("InternalFailure")
    assert "outside of valid range" in aws.refused(OnDemandThroughput={"MaxReadRequestUnits": 0})


def test_warm_throughput_only_rises(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    assert "decreasing WarmThroughput is not supported" in aws.refused(WarmThroughput={"ReadUnitsPerSecond": 11999})
    assert aws.refused(WarmThroughput={}).startswith("InternalFailure")
    aws.update(**WARM)
    shown = aws.table()
    assert (shown["TableStatus"], shown["WarmThroughput"]["Status"]) == ("ACTIVE", "UPDATING")
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    aws.pass_time(510)
    assert aws.table()["WarmThroughput"] == {
        "ReadUnitsPerSecond": 20000,
        "WriteUnitsPerSecond": 4000,
        "Status": "ACTIVE",
    }
    aws.update(GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "by-a", **WARM}}])
    aws.pass_time(510)
    assert aws.index()["WarmThroughput"]["ReadUnitsPerSecond"] == 20000


# -- stream, encryption, class, protection --


def test_a_stream_goes_off_before_it_goes_on_anew(aws: Driver) -> None:
    aws.create()
    assert "Table has no stream to disable" in aws.refused(StreamSpecification={"StreamEnabled": False})
    aws.update(**STREAM)
    assert aws.table()["TableStatus"] == "UPDATING"
    aws.pass_time(5)
    first = aws.table()["LatestStreamArn"]
    assert "already has an enabled stream" in aws.refused(**STREAM)
    off = {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}
    assert "must not be specified" in aws.refused(StreamSpecification=off)
    aws.update(StreamSpecification={"StreamEnabled": False})
    aws.pass_time(5)
    assert "StreamSpecification" not in aws.table()
    assert aws.table()["LatestStreamArn"] == first
    aws.update(**STREAM)
    aws.pass_time(5)
    assert aws.table()["LatestStreamArn"] != first


def test_encryption_changes_while_the_table_is_active(aws: Driver) -> None:
    mine = aws.simulator.add_key("alias/mine")
    aws.create()
    assert "already encrypted by default" in aws.refused(SSESpecification={"Enabled": False})
    to_mine = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}
    aws.update(SSESpecification=to_mine)
    assert (aws.table()["TableStatus"], aws.table()["SSEDescription"]) == ("ACTIVE", {"Status": "UPDATING"})
    assert aws.refused(SSESpecification=to_mine).startswith("ResourceInUseException")
    aws.pass_time(25)
    assert aws.table()["SSEDescription"]["KMSMasterKeyArn"] == mine.arn
    assert "already encrypted with given" in aws.refused(SSESpecification=to_mine | {"KMSMasterKeyId": mine.arn})
    aws.update(SSESpecification={"Enabled": False})
    aws.pass_time(25)
    assert "SSEDescription" not in aws.table()


def test_an_alias_sent_again_burns_the_encryption_quota(aws: Driver) -> None:
    aws.create()
    for _ in range(4):
        aws.update(**SSE)
        aws.pass_time(25)
    refusal = aws.refused(**SSE)
    assert refusal.startswith("LimitExceededException: Subscriber limit exceeded: Encryption mode changes are limited")
    assert "Next changes can be made at 2026-01-05T14:02:15.000Z" in refusal
    aws.pass_time(6 * HOUR)
    aws.update(**SSE)


@pytest.mark.parametrize(
    ("alias", "refusal"),
    [("alias/rsa", "InternalFailure"), ("alias/off", "ValidationException: KMS key disabled error")],
)
def test_keys_that_cannot_encrypt(aws: Driver, alias: str, refusal: str) -> None:
    aws.simulator.add_key("alias/rsa", spec="RSA_2048")
    aws.simulator.add_key("alias/off", enabled=False)
    aws.create()
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": alias}
    assert aws.refused(SSESpecification=wanted).startswith(refusal)


def test_the_class_changes_twice_in_thirty_days(aws: Driver) -> None:
    aws.create()
    aws.update(**CLASS)
    aws.pass_time(6)
    assert aws.table()["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert "LastUpdateDateTime" in aws.table()["TableClassSummary"]
    aws.update(**CLASS)
    assert not aws.simulator.journal.calls[-1].changed
    aws.update(TableClass="STANDARD")
    aws.pass_time(6)
    assert aws.refused(**CLASS).startswith("LimitExceededException: Subscriber limit exceeded: Updates to TableClass")
    aws.pass_time(30 * DAY)
    aws.update(**CLASS)


def test_deletion_protection_protects_and_rests_between_toggles(aws: Driver) -> None:
    aws.create()
    aws.update(**PROTECT)
    assert aws.refused(**PROTECT).startswith(
        "ThrottlingException: Deletion protection setting for table users modified"
    )
    assert "currently protected against deletion" in aws.refusal("DeleteTable", TableName="users")
    refusal = aws.refused(DeletionProtectionEnabled=False)
    assert refusal.startswith("ThrottlingException: ")
    assert "Please try again after 2026-01-05T08:01:15.000Z" in refusal
    aws.pass_time(15)
    aws.update(DeletionProtectionEnabled=False)
    aws.send("DeleteTable", TableName="users")


# -- TTL, tags, recovery, insights, policy, Kinesis --


def ttl(attribute: str, *, on: bool) -> Json:
    return {"TableName": "users", "TimeToLiveSpecification": {"Enabled": on, "AttributeName": attribute}}


def test_time_to_live_rests_for_half_an_hour(aws: Driver) -> None:
    aws.create()
    assert "already disabled" in aws.refusal("UpdateTimeToLive", **ttl("a", on=False))
    aws.send("UpdateTimeToLive", **ttl("a", on=True))
    aws.pass_time(5)
    shown = aws.send("DescribeTimeToLive", TableName="users")["TimeToLiveDescription"]
    assert shown == {"TimeToLiveStatus": "ENABLED", "AttributeName": "a"}
    assert "already enabled" in aws.refusal("UpdateTimeToLive", **ttl("a", on=True))
    assert "current AttributeName is a" in aws.refusal("UpdateTimeToLive", **ttl("b", on=True))
    assert "within a fixed interval" in aws.refusal("UpdateTimeToLive", **ttl("a", on=False))
    aws.pass_time(31 * MINUTE)
    aws.send("UpdateTimeToLive", **ttl("a", on=False))
    aws.pass_time(1800)
    assert aws.send("DescribeTimeToLive", TableName="users")["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "DISABLED"
    }
    assert "within a fixed interval" in aws.refusal("UpdateTimeToLive", **ttl("b", on=True))
    aws.pass_time(MINUTE)
    aws.send("UpdateTimeToLive", **ttl("b", on=True))


def tags(aws: Driver) -> Json:
    pages = aws.client.get_paginator("list_tags_of_resource").paginate(ResourceArn=aws.arn())
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def many_tags(count: int, prefix: str = "k") -> list[Json]:
    return [{"Key": f"{prefix}{number}", "Value": ""} for number in range(count)]


def test_tags_lock_lag_and_come_in_pages(aws: Driver) -> None:
    aws.create(Tags=many_tags(1))
    change = {"ResourceArn": aws.arn(), "Tags": many_tags(25)}
    aws.send("TagResource", **change)
    assert tags(aws) == {"k0": ""}
    assert aws.refusal("UntagResource", ResourceArn=aws.arn(), TagKeys=["k0"]).startswith(
        "LimitExceededException: Table tags"
    )
    assert aws.refusal("TagResource", ResourceArn=aws.arn(), Tags=many_tags(1, "z")).startswith(
        "LimitExceededException"
    )
    aws.send("TagResource", **change)  # the same again passes the lock
    aws.pass_time(3)
    assert len(tags(aws)) == 25
    assert aws.simulator.journal.count("ListTagsOfResource") == 1 + 3
    aws.send("UntagResource", ResourceArn=aws.arn(), TagKeys=["k0", "never"])
    aws.pass_time(3)
    assert "k0" not in tags(aws)


def test_without_lag_tags_show_at_once(aws: Driver) -> None:
    aws.simulator.lag = False
    aws.create()
    aws.send("TagResource", ResourceArn=aws.arn(), Tags=many_tags(2))
    assert len(tags(aws)) == 2


@pytest.mark.parametrize(
    ("operation", "change", "text"),
    [
        ("TagResource", {"Tags": many_tags(1, "new")}, "Number of Tags exceed"),
        ("TagResource", {"Tags": []}, "Atleast one Tag"),
        ("TagResource", {"Tags": [{"Key": "aws:x", "Value": ""}]}, "aws:"),
        ("UntagResource", {"TagKeys": ["aws:x"]}, "aws:"),
        ("UntagResource", {"TagKeys": []}, "Atleast one Tag Key"),
    ],
)
def test_tags_that_cannot_be(aws: Driver, operation: str, change: Json, text: str) -> None:
    aws.create(Tags=many_tags(50))
    refusal = aws.refusal(operation, ResourceArn=aws.arn(), **change)
    assert refusal.startswith("ValidationException: ")
    assert text in refusal


def test_recovery_is_not_there_in_the_first_seconds(aws: Driver) -> None:
    aws.create(settle=False)
    aws.pass_time(6)
    on = {"TableName": "users", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert aws.refusal("UpdateContinuousBackups", **on).startswith(
        "ContinuousBackupsUnavailableException: Backups are being"
    )
    assert aws.refusal("CreateBackup", TableName="users", BackupName="first").startswith("ContinuousBackupsUnavailable")
    aws.pass_time(6)
    answer = aws.send("UpdateContinuousBackups", **on)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert (answer["PointInTimeRecoveryStatus"], answer["RecoveryPeriodInDays"]) == ("ENABLED", 35)
    off = {"PointInTimeRecoveryEnabled": False}
    assert "Cannot specify RecoveryPeriodInDays" in aws.refusal(
        "UpdateContinuousBackups", TableName="users", PointInTimeRecoverySpecification=off | {"RecoveryPeriodInDays": 7}
    )
    assert "less than or equal to 35" in aws.refusal(
        "UpdateContinuousBackups",
        TableName="users",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 36},
    )
    aws.send("UpdateContinuousBackups", TableName="users", PointInTimeRecoverySpecification=off)
    shown = aws.send("DescribeContinuousBackups", TableName="users")["ContinuousBackupsDescription"]
    assert shown == {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }


def test_a_backup_holds_the_table_until_it_is_available(aws: Driver) -> None:
    aws.create()
    arn = aws.send("CreateBackup", TableName="users", BackupName="one")["BackupDetails"]["BackupArn"]
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    aws.pass_time(10)
    shown = aws.send("DescribeBackup", BackupArn=arn)["BackupDescription"]
    assert shown["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    assert shown["SourceTableDetails"]["TableId"] == aws.table()["TableId"]
    aws.send("CreateBackup", TableName="users", BackupName="one")
    assert len(aws.send("ListBackups", TableName="users")["BackupSummaries"]) == 2
    first = aws.send("ListBackups", Limit=1)
    rest = aws.send("ListBackups", ExclusiveStartBackupArn=first["LastEvaluatedBackupArn"])
    assert len(rest["BackupSummaries"]) == 1
    assert aws.refusal("DescribeBackup", BackupArn=f"{arn}0").startswith("BackupNotFoundException")


def test_a_restore_brings_back_items_and_the_indexes_that_it_names_and_nothing_else(aws: Driver) -> None:
    aws.create(**WITH_INDEX, Tags=[{"Key": "team", "Value": "shop"}])
    arn = aws.send("CreateBackup", TableName="users", BackupName="one")["BackupDetails"]["BackupArn"]
    restore = {"TargetTableName": "users-2", "BackupArn": arn}
    assert aws.refusal("RestoreTableFromBackup", **restore).startswith("BackupInUseException")
    aws.pass_time(10)
    taken = aws.refusal("RestoreTableFromBackup", **{**restore, "TargetTableName": "users"})
    assert taken.startswith("TableAlreadyExistsException")
    (live,) = aws.table()["GlobalSecondaryIndexes"]
    index = {member: live[member] for member in ("IndexName", "KeySchema", "Projection")}
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    warm = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
    for wrong in ({"IndexName": "other"}, {"Projection": {"ProjectionType": "KEYS_ONLY"}}, {"WarmThroughput": warm}):
        override = [{**index, "ProvisionedThroughput": units, **wrong}]
        assert aws.refusal("RestoreTableFromBackup", **restore, GlobalSecondaryIndexOverride=override)
    answer = aws.send(
        "RestoreTableFromBackup",
        **restore,
        GlobalSecondaryIndexOverride=[],
        BillingModeOverride="PROVISIONED",
        ProvisionedThroughputOverride=units,
    )["TableDescription"]
    assert (answer["TableStatus"], answer["RestoreSummary"]["SourceBackupArn"]) == ("CREATING", arn)
    aws.pass_time(721)
    shown = aws.send("DescribeTable", TableName="users-2")["Table"]
    assert shown["TableStatus"] == "ACTIVE"
    assert not {"RestoreSummary", "GlobalSecondaryIndexes"} & shown.keys()
    assert aws.send("ListTagsOfResource", ResourceArn=shown["TableArn"])["Tags"] == []


def test_an_import_makes_a_table_of_an_export_and_keeps_one_item_of_each_key(aws: Driver) -> None:
    aws.create()
    arn = aws.table()["TableArn"]
    export = {"TableArn": arn, "S3Bucket": "moves", "S3Prefix": "here"}
    assert aws.refusal("ExportTableToPointInTime", **export).startswith("PointInTimeRecoveryUnavailableException")
    on = {"PointInTimeRecoveryEnabled": True}
    aws.send("UpdateContinuousBackups", TableName="users", PointInTimeRecoverySpecification=on)
    items = [{"pk": {"S": str(n)}, "team": {"S": "ab"[n % 2]}} for n in range(5)]
    aws.simulator.fill("users", [*items, {"pk": {"S": "none"}}])
    made = aws.send("ExportTableToPointInTime", **export, ClientToken="once")["ExportDescription"]
    again = aws.send("ExportTableToPointInTime", **export, ClientToken="once")["ExportDescription"]
    assert again["ExportArn"] == made["ExportArn"]
    conflict = aws.refusal("ExportTableToPointInTime", **{**export, "S3Prefix": "there"}, ClientToken="once")
    assert conflict.startswith("ExportConflictException")
    assert (made["ExportStatus"], "ItemCount" in made) == ("IN_PROGRESS", False)
    aws.pass_time(600)
    shown = aws.send("DescribeExport", ExportArn=made["ExportArn"])["ExportDescription"]
    assert (shown["ExportStatus"], shown["ItemCount"]) == ("COMPLETED", 6)
    (listed,) = aws.send("ListExports", TableArn=arn)["ExportSummaries"]
    folder = f"here/AWSDynamoDB/{listed['ExportArn'].rpartition('/')[2]}/data/"
    table = {
        "TableName": "teams",
        "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "team", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    request = {"S3BucketSource": {"S3Bucket": "moves", "S3KeyPrefix": folder}, "InputFormat": "DYNAMODB_JSON"}
    begun = aws.send("ImportTable", **request, TableCreationParameters=table)["ImportTableDescription"]
    assert aws.refusal("DescribeTable", TableName="teams").startswith("ResourceNotFoundException")
    aws.pass_time(40)
    assert aws.send("DescribeTable", TableName="teams")["Table"]["TableStatus"] == "CREATING"
    aws.pass_time(80)
    ended = aws.send("DescribeImport", ImportArn=begun["ImportArn"])["ImportTableDescription"]
    assert (ended["ImportStatus"], ended["ImportedItemCount"], ended["ErrorCount"]) == ("FAILED", 5, 1)
    assert aws.send("Scan", TableName="teams", Select="COUNT")["Count"] == 2
    taken = aws.refusal("ImportTable", **request, TableCreationParameters=table)
    assert taken.startswith("ResourceInUseException")


def test_deleting_a_table_with_recovery_leaves_a_system_backup(aws: Driver) -> None:
    aws.create()
    on = {"PointInTimeRecoveryEnabled": True}
    aws.send("UpdateContinuousBackups", TableName="users", PointInTimeRecoverySpecification=on)
    aws.send("DeleteTable", TableName="users")
    aws.pass_time(10)
    (kept,) = aws.send("ListBackups", BackupType="SYSTEM")["BackupSummaries"]
    assert kept["BackupName"] == "users$DeletedTableBackup"
    assert (kept["BackupExpiryDateTime"] - kept["BackupCreationDateTime"]).days == 35


def test_contributor_insights_of_a_table_and_its_indexes(aws: Driver) -> None:
    aws.create(**WITH_INDEX)
    on = {"TableName": "users", "ContributorInsightsAction": "ENABLE"}
    answer = aws.send("UpdateContributorInsights", **on, IndexName="by-a", ContributorInsightsMode="THROTTLED_KEYS")
    assert answer["ContributorInsightsStatus"] == "ENABLING"
    aws.pass_time(16)
    listed = aws.send("ListContributorInsights", TableName="users")["ContributorInsightsSummaries"]
    assert [one["ContributorInsightsStatus"] for one in listed] == ["DISABLED", "ENABLED"]
    shown = aws.send("DescribeContributorInsights", TableName="users", IndexName="by-a")
    assert shown["ContributorInsightsMode"] == "THROTTLED_KEYS"
    aws.simulator.insight_rules = 4
    aws.send("UpdateContributorInsights", **on)
    aws.pass_time(16)
    failed = aws.send("DescribeContributorInsights", TableName="users")
    assert failed["ContributorInsightsStatus"] == "FAILED"
    assert failed["FailureException"]["ExceptionName"] == "LimitExceededException"
    assert aws.refusal("UpdateContributorInsights", **on, IndexName="none").startswith("ResourceNotFoundException")


def document(sid: str = "one") -> str:
    who = {"AWS": "123456789012"}
    statement = {"Effect": "Allow", "Sid": sid, "Principal": who, "Action": ["dynamodb:GetItem"], "Resource": "*"}
    return json.dumps({"Statement": [statement]}, indent=2)


def test_policies_are_canonical_late_and_rest_between_changes(aws: Driver) -> None:
    aws.create()
    target = {"ResourceArn": aws.arn()}
    assert aws.refusal("GetResourcePolicy", **target).startswith("PolicyNotFoundException")
    assert aws.send("DeleteResourcePolicy", **target).get("RevisionId") is None
    revision = aws.send("PutResourcePolicy", **target, Policy=document(), ExpectedRevisionId="NO_POLICY")["RevisionId"]
    assert aws.refusal("GetResourcePolicy", **target).startswith("PolicyNotFoundException")
    assert aws.refusal("PutResourcePolicy", **target, Policy=document("two")).startswith("ResourceInUseException")
    assert aws.send("PutResourcePolicy", **target, Policy=document())["RevisionId"] == revision
    aws.pass_time(3)
    shown = aws.send("GetResourcePolicy", **target)
    assert shown["Policy"] == (
        '{"Version":"2008-10-17","Statement":[{"Sid":"one","Effect":"Allow",'
        '"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"dynamodb:GetItem","Resource":"*"}]}'
    )
    refusal = aws.refusal("DeleteResourcePolicy", **target)
    assert refusal.startswith("ThrottlingException: ")
    assert "2026-01-05T08:01:15.000Z" in refusal
    aws.pass_time(15)
    stale = aws.refusal("PutResourcePolicy", **target, Policy=document("two"), ExpectedRevisionId="1")
    assert stale.startswith("PolicyNotFoundException")
    aws.send("DeleteResourcePolicy", **target, ExpectedRevisionId=revision)
    aws.simulator.new_principals["123456789012"] = aws.simulator.now + MINUTE
    assert "Invalid principal" in aws.refusal("PutResourcePolicy", **target, Policy=document())
    assert "Maximum policy size" in aws.refusal("PutResourcePolicy", **target, Policy=document("x" * 20480))


def test_kinesis_has_one_living_destination(aws: Driver) -> None:
    aws.create()
    stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/one"
    target = {"TableName": "users", "StreamArn": stream}
    aws.send("EnableKinesisStreamingDestination", **target)
    assert "must be DISABLED or ENABLE_FAILED" in aws.refusal("EnableKinesisStreamingDestination", **target)
    assert "must be ACTIVE" in aws.refusal("DisableKinesisStreamingDestination", **target)
    aws.pass_time(7)
    micro = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    aws.send("UpdateKinesisStreamingDestination", **target, UpdateKinesisStreamingConfiguration=micro)
    aws.pass_time(7)
    again = aws.refusal("UpdateKinesisStreamingDestination", **target, UpdateKinesisStreamingConfiguration=micro)
    assert "already set to the desired value" in again
    aws.send("DisableKinesisStreamingDestination", **target)
    aws.pass_time(7)
    aws.simulator.missing_streams.add(f"{stream}-missing")
    aws.send("EnableKinesisStreamingDestination", TableName="users", StreamArn=f"{stream}-missing")
    aws.pass_time(7)
    shown = aws.send("DescribeKinesisStreamingDestination", TableName="users")["KinesisDataStreamDestinations"]
    assert [one["DestinationStatus"] for one in shown] == ["DISABLED", "ENABLE_FAILED"]
    assert "does not have a stream" in shown[1]["DestinationStatusDescription"]


# -- replicas --


def replica(action: str, region: str = "us-east-1", **more: Any) -> Json:
    return {"ReplicaUpdates": [{action: {"RegionName": region, **more}}]}


def test_a_replica_appears_settles_and_goes(aws: Driver) -> None:
    aws.create()
    aws.update(**replica("Create"))
    assert "Replicas" not in aws.table()
    assert aws.refused(**replica("Create", "us-west-2")).startswith("ResourceInUseException")
    aws.send("UpdateTimeToLive", **ttl("a", on=True))
    aws.pass_time(8)
    shown = aws.table()
    assert (shown["TableStatus"], shown["Replicas"]) == (
        "ACTIVE",
        [{"RegionName": "us-east-1", "ReplicaStatus": "CREATING"}],
    )
    assert shown["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert aws.refused(**CLASS).startswith("ResourceInUseException")
    aws.pass_time(50)
    assert aws.table()["Replicas"][0]["ReplicaStatus"] == "ACTIVE"
    assert "Disabling Stream is not allowed" in aws.refused(StreamSpecification={"StreamEnabled": False})
    assert "in the last 24 hours" in aws.refusal("DeleteTable", TableName="users")
    aws.update(**replica("Delete"))
    aws.pass_time(60)
    assert aws.table()["Replicas"][0]["ReplicaStatus"] == "DELETING"
    while "Replicas" in aws.table():
        aws.pass_time(1)
    assert "already existed as tables" in aws.refused(**replica("Create"))
    aws.pass_time(35)
    aws.update(**replica("Create"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (replica("Create", "eu-west-1"), "local region"),
        (replica("Delete"), "were not part of the global table"),
        (replica("Create"), "Table write capacity should either be Pay-Per-Request or AutoScaled."),
        (
            {"ReplicaUpdates": [*REPLICA["ReplicaUpdates"], {"Create": {"RegionName": "us-west-2"}}]},
            "more than one create",
        ),
    ],
)
def test_replicas_that_cannot_be(aws: Driver, changes: Json, text: str) -> None:
    aws.create(**PROVISIONED)
    assert text in aws.refused(**changes)


def test_a_provisioned_table_with_autoscaling_may_have_replicas(aws: Driver) -> None:
    aws.create(**PROVISIONED)
    target = {"ResourceId": "table/users", "ScalableDimension": "dynamodb:table:WriteCapacityUnits"}
    aws.simulator.scalable_targets.append(target)
    assert "AutoScaled" in aws.refused(**replica("Create"))
    aws.simulator.scaling_policies.append(target)
    aws.update(**replica("Create"))


# -- auto scaling --

WRITES: dict[str, Any] = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/users",
    "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
}
POLICY: dict[str, Any] = {
    "PolicyName": "mine",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    },
}


@pytest.fixture
def scaling(aws: Driver) -> Iterator[ApplicationAutoScalingClient]:
    client = aws.simulator.client("application-autoscaling")
    yield client
    client.close()


def test_a_target_is_registered_changed_and_removed_with_its_policies_and_schedules(
    aws: Driver, scaling: ApplicationAutoScalingClient
) -> None:
    aws.create(**PROVISIONED)
    with pytest.raises(ClientError, match="MinCapacity and MaxCapacity are required"):
        scaling.register_scalable_target(**WRITES, MinCapacity=1)
    with pytest.raises(ClientError, match="Maximum capacity cannot be less"):
        scaling.register_scalable_target(**WRITES, MinCapacity=9, MaxCapacity=5)
    with pytest.raises(ClientError, match="No scalable target registered"):
        scaling.put_scaling_policy(**WRITES, **POLICY)
    scaling.register_scalable_target(**WRITES, MinCapacity=1, MaxCapacity=50)
    scaling.register_scalable_target(**WRITES, MaxCapacity=60)
    scaling.put_scaling_policy(**WRITES, **POLICY)
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 60)
    aws.simulator.scheduled_actions.append({**WRITES, "ScheduledActionName": "nightly"})
    scaling.deregister_scalable_target(**WRITES)
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="dynamodb")["ScheduledActions"] == []
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaling.deregister_scalable_target(**WRITES)


def test_a_policy_is_replaced_by_its_name_and_there_is_one_for_a_metric(
    aws: Driver, scaling: ApplicationAutoScalingClient
) -> None:
    aws.create(**PROVISIONED)
    scaling.register_scalable_target(**WRITES, MinCapacity=1, MaxCapacity=50)
    scaling.put_scaling_policy(**WRITES, **POLICY)
    with pytest.raises(ClientError, match="Only one TargetTrackingScaling policy"):
        scaling.put_scaling_policy(**WRITES, **POLICY | {"PolicyName": "another"})
    tracking = POLICY["TargetTrackingScalingPolicyConfiguration"]
    for wrong in (
        {"TargetValue": 10.0},
        {"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}},
    ):
        changed = {"TargetTrackingScalingPolicyConfiguration": {**tracking, **wrong}}
        with pytest.raises(ClientError, match="ValidationException"):
            scaling.put_scaling_policy(**WRITES, **POLICY | changed)
    changed = {"TargetTrackingScalingPolicyConfiguration": {**tracking, "TargetValue": 50.0}}
    scaling.put_scaling_policy(**WRITES, **POLICY | changed)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
    scaling.delete_scaling_policy(**WRITES, PolicyName="mine")
    with pytest.raises(ClientError, match="No scaling policy found"):
        scaling.delete_scaling_policy(**WRITES, PolicyName="mine")


def test_only_what_is_there_and_provisioned_is_registered(aws: Driver, scaling: ApplicationAutoScalingClient) -> None:
    bounds: dict[str, Any] = {"MinCapacity": 1, "MaxCapacity": 50}
    with pytest.raises(ClientError, match="table does not exist"):
        scaling.register_scalable_target(**WRITES, **bounds)
    aws.create()
    with pytest.raises(ClientError, match="PAY_PER_REQUEST"):
        scaling.register_scalable_target(**WRITES, **bounds)
    index = {"ResourceId": "table/users/index/by-a", "ScalableDimension": "dynamodb:index:WriteCapacityUnits"}
    with pytest.raises(ClientError, match="index does not exist"):
        scaling.register_scalable_target(**WRITES | index, **bounds)
    with pytest.raises(ClientError, match="Unsupported scalable dimension"):
        scaling.register_scalable_target(**WRITES | {"ResourceId": "table/users/index/by-a"}, **bounds)


def test_a_capacity_outside_new_bounds_is_moved_at_once(aws: Driver, scaling: ApplicationAutoScalingClient) -> None:
    aws.create(**PROVISIONED)
    live = aws.table()["ProvisionedThroughput"]["WriteCapacityUnits"]
    scaling.register_scalable_target(**WRITES, MinCapacity=live + 3, MaxCapacity=50)
    assert aws.table()["TableStatus"] == "UPDATING"
    aws.pass_time(MINUTE)
    assert aws.table()["ProvisionedThroughput"]["WriteCapacityUnits"] == live + 3


# -- data, other services, paging --


def test_items_are_written_read_and_scanned_in_pages(aws: Driver) -> None:
    aws.simulator.scan_page = 2
    aws.create(**WITH_INDEX)
    for name in ("a", "b", "c"):
        aws.send("PutItem", TableName="users", Item={"pk": {"S": name}, "n": {"N": "1"}})
    assert aws.send("GetItem", TableName="users", Key={"pk": {"S": "a"}})["Item"]["n"] == {"N": "1"}
    pages = list(aws.client.get_paginator("scan").paginate(TableName="users", ConsistentRead=True))
    assert [page["Count"] for page in pages] == [2, 1]
    assert aws.table()["ItemCount"] == 0
    aws.pass_time(6 * HOUR)
    assert aws.table()["ItemCount"] == 3
    aws.send("DeleteItem", TableName="users", Key={"pk": {"S": "a"}})
    assert "Item" not in aws.send("GetItem", TableName="users", Key={"pk": {"S": "a"}})
    assert "type mismatch" in aws.refusal("PutItem", TableName="users", Item={"pk": {"N": "1"}})
    assert "Type mismatch for Index Key a" in aws.refusal(
        "PutItem", TableName="users", Item={"pk": {"S": "x"}, "a": {"N": "1"}}
    )


def test_the_neighbours_answer_on_the_same_port(aws: Driver) -> None:
    mine = aws.simulator.add_key("alias/mine")
    targets = [{"ResourceId": f"table/{n}", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"} for n in range(60)]
    aws.simulator.scalable_targets.extend(targets)
    sts, kms = aws.simulator.client("sts"), aws.simulator.client("kms")
    scaling = aws.simulator.client("application-autoscaling")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    assert kms.describe_key(KeyId="alias/mine")["KeyMetadata"]["Arn"] == mine.arn
    with pytest.raises(ClientError, match="NotFoundException"):
        kms.describe_key(KeyId="alias/none")
    pages = list(scaling.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="dynamodb"))
    assert [len(page["ScalableTargets"]) for page in pages] == [50, 10]
    one = scaling.describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=["table/7"])
    assert [target["ResourceId"] for target in one["ScalableTargets"]] == ["table/7"]
    sts.close()
    kms.close()
    scaling.close()


def test_names_are_listed_in_pages_and_arns_are_names(aws: Driver) -> None:
    for name in ("one", "two", "zzz"):
        aws.create(TableName=name)
    assert aws.send("ListTables", Limit=2) | {"ResponseMetadata": None} == {
        "TableNames": ["one", "two"],
        "LastEvaluatedTableName": "two",
        "ResponseMetadata": None,
    }
    assert aws.send("ListTables", ExclusiveStartTableName="two")["TableNames"] == ["zzz"]
    assert aws.send("DescribeTable", TableName=aws.simulator.arn("one"))["Table"]["TableName"] == "one"


def test_an_operation_of_aws_is_never_unknown(aws: Driver) -> None:
    assert aws.refusal("DescribeEndpoints").startswith("ValidationException: The simulator does not simulate")
    assert aws.send("DescribeLimits")["TableMaxReadCapacityUnits"] == 40000
    assert aws.refusal("DescribeLimits").startswith("ThrottlingException")


# -- faults --


def test_denied_operations_are_denied_and_nothing_else(aws: Driver) -> None:
    aws.create()
    aws.simulator.faults.deny("Scan", "ListTagsOfResource")
    assert aws.refusal("Scan", TableName="users").startswith("AccessDeniedException: User is not authorized to perform")
    assert aws.table()["TableStatus"] == "ACTIVE"
    aws.simulator.faults.clear()
    assert aws.send("Scan", TableName="users")["Count"] == 0


def test_an_error_before_has_no_effect_and_one_after_has_it(aws: Driver) -> None:
    faults = aws.simulator.faults
    faults.add(Kind.ERROR_BEFORE, operations=["CreateTable"], times=1)
    assert aws.refusal("CreateTable", **table()).startswith("InternalServerError")
    assert aws.simulator.tables == {}
    faults.add(Kind.ERROR_AFTER, operations=["CreateTable"], times=1)
    assert aws.refusal("CreateTable", **table()).startswith("InternalServerError")
    assert set(aws.simulator.tables) == {"users"}
    assert [call.changed for call in aws.simulator.journal.writes()] == [False, True]
    assert aws.simulator.journal.refused() == []


@pytest.mark.parametrize(("kind", "there"), [(Kind.DROP_BEFORE, False), (Kind.DROP_AFTER, True)])
def test_a_dropped_connection_hides_whether_it_happened(aws: Driver, kind: Kind, there: bool) -> None:
    aws.simulator.faults.add(kind, calls=range(1, 2))
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        aws.send("CreateTable", **table())
    assert ("users" in aws.simulator.tables) is there
    assert aws.simulator.journal.calls[0].status is None


def test_throttling_by_chance_is_the_same_for_the_same_seed() -> None:
    def throttled() -> list[int]:
        with Simulator(clock=Clock(0), seed=11) as simulator:
            simulator.faults.add(Kind.THROTTLE, rate=0.3, operations=["ListTables"])
            client = simulator.client()
            for _ in range(20):
                try:
                    client.list_tables()
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "ThrottlingException"  # noqa: PT017 - not each call fails
            client.close()
            return [call.number for call in simulator.journal.calls if call.fault]

    first = throttled()
    assert 1 < len(first) < 19
    assert first == throttled()


def test_latency_takes_simulated_time(aws: Driver) -> None:
    aws.simulator.faults.add(Kind.LATENCY, seconds=30)
    aws.create(settle=False)
    assert aws.table()["TableStatus"] == "ACTIVE"


def test_a_second_writer_comes_before_the_chosen_call(aws: Driver) -> None:
    aws.create()
    other = aws.simulator.client(caller=SECOND_WRITER)
    aws.simulator.faults.add(Kind.ERROR_BEFORE, calls=[3])  # spares the second writer

    def delete() -> None:
        other.delete_table(TableName="users")

    aws.simulator.faults.before(2, delete)
    assert aws.refused(**PROTECT).startswith("ResourceInUseException")
    assert [call.caller for call in aws.simulator.journal.writes()] == ["test", SECOND_WRITER, "test"]
    assert [call.number for call in aws.simulator.journal.writes()] == [1, 0, 2]
    other.close()


# -- journal and clock --


def test_the_journal_tells_refused_from_done(aws: Driver) -> None:
    aws.create()
    aws.table()
    aws.refused(**PROTECT, **STREAM)
    journal = aws.simulator.journal
    assert [(call.operation, call.table, call.code) for call in journal.refused()] == [
        ("UpdateTable", "users", "ValidationException")
    ]
    assert [call.operation for call in journal.changes()] == ["CreateTable"]
    assert [call.operation for call in journal.writes()] == ["CreateTable", "UpdateTable"]
    assert (journal.count("DescribeTable"), journal.count("DescribeTable", "other")) == (1, 0)
    assert journal.calls[0].parameters["TableName"] == "users"
    assert journal.overlaps() == []
    aws.simulator.start_over()
    aws.table()
    assert [call.number for call in journal.calls] == [1]


def test_overlapping_writes_on_one_table_are_noticed() -> None:
    # The same tags twice: the second passes the lock of the first.
    clock = Clock(HOUR)
    with Simulator(clock=clock) as simulator:
        client = simulator.client()
        for name in ("one", "two"):
            client.create_table(**table(TableName=name))
        clock.sleep(MINUTE)
        simulator.faults.add(Kind.LATENCY, operations=["TagResource"], seconds=360)
        arns = [simulator.arn(name) for name in ("one", "two", "one")]
        changes: list[Json] = [{"ResourceArn": arn, "Tags": many_tags(1)} for arn in arns]
        calls = [threading.Thread(target=client.tag_resource, kwargs=change) for change in changes]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        client.close()
        assert [(one.table, other.table) for one, other in simulator.journal.overlaps()] == [("one", "one")]


def test_a_scaled_clock_lets_an_index_build_pass_in_a_moment() -> None:
    clock = Clock(scale=100 * HOUR)
    with Simulator(clock=clock) as simulator:
        client = simulator.client()
        client.create_table(**table())
        clock.sleep(MINUTE)
        client.update_table(TableName="users", **NEW_INDEX)
        clock.sleep(HOUR)
        shown = client.describe_table(TableName="users")["Table"]
        assert shown["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
        client.close()


# --- vector indexes, and what nobody has heard of --------------------------------------------------------------------

VECTOR: Json = {
    "IndexName": "by-meaning",
    "VectorAttribute": {"AttributeName": "embedding"},
    "Projection": {"ProjectionType": "KEYS_ONLY"},
    "Dimensions": 3,
    "DistanceFunction": "COSINE",
}


def test_a_vector_index_comes_and_goes_as_a_global_one_and_keeps_the_table_meanwhile(aws: Driver) -> None:
    aws.create(**ON_DEMAND)
    aws.update(VectorIndexUpdates=[{"Create": VECTOR}])
    assert aws.refusal("DeleteTable", TableName="users").startswith("ResourceInUseException")
    aws.pass_time(MINUTE)
    (shown,) = aws.send("DescribeTable", TableName="users")["Table"]["VectorIndexes"]
    assert (shown["IndexStatus"], shown["Backfilling"]) == ("CREATING", True)
    assert "vector index" in aws.refused(DeletionProtectionEnabled=True)
    aws.pass_time(HOUR)
    (shown,) = aws.send("DescribeTable", TableName="users")["Table"]["VectorIndexes"]
    assert shown["IndexStatus"] == "ACTIVE"
    aws.update(VectorIndexUpdates=[{"Delete": {"IndexName": "by-meaning"}}])
    aws.pass_time(MINUTE)
    assert "VectorIndexes" not in aws.send("DescribeTable", TableName="users")["Table"]


def test_a_vector_index_keeps_its_name_its_attribute_and_its_table_on_demand(aws: Driver) -> None:
    aws.create(**ON_DEMAND, VectorIndexes=[VECTOR])
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    assert "PAY_PER_REQUEST" in aws.refused(BillingMode="PROVISIONED", ProvisionedThroughput=units)
    for name, attribute, told in (("by-meaning", "a", "already exists"), ("by-a", "embedding", "vector attribute")):
        refused = aws.refused(
            AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[
                {
                    "Create": {
                        "IndexName": name,
                        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                }
            ],
        )
        assert told in refused


def test_a_client_is_sent_members_that_its_model_lacks(aws: Driver) -> None:
    aws.create()
    aws.simulator.tables["users"].unheard_of = {"Compression": {"Algorithm": "ZSTD"}}
    sent: list[bytes] = []
    aws.client.meta.events.register(
        "response-received.dynamodb.DescribeTable", lambda response_dict, **_: sent.append(response_dict["body"])
    )
    assert "Compression" not in aws.send("DescribeTable", TableName="users")["Table"]
    assert json.loads(sent[0])["Table"]["Compression"] == {"Algorithm": "ZSTD"}
