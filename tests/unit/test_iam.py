"""The least IAM policy: exactly what is called, on exactly what is named, and the same every time."""

from __future__ import annotations

import ast
import fnmatch
import functools
import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import dynatus_ci
from dynatus_ci import cli, iam
from dynatus_ci.errors import InvalidInput
from dynatus_ci.iam.grants import PolicyMode
from dynatus_ci.table import build
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.model import Table

PACKAGE = Path(dynatus_ci.__file__).parent
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/orders"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"
ABSENT = build.desired({"TableName": "old", "Absent": True})
PERMISSION_ONLY = {
    *("dynamodb:CreateTableReplica", "dynamodb:DeleteTableReplica", "dynamodb:PartiQLInsert"),
    "s3:ListBucket",
}
"""Actions that no operation is named by: of replicas that AWS makes and deletes for the caller, of PartiQL statements,
and of ListObjects."""


def table(name: str = "orders", **members: object) -> Table:
    return build.desired(
        {
            "TableName": name,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            **members,
        }
    )


def index(**members: object) -> dict[str, Any]:
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    return {"IndexName": "by-id", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}, **members}


SCALES = {
    "MinCapacity": 1,
    "MaxCapacity": 9,
    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70},
}
EVERYTHING = table(
    BillingMode="PROVISIONED",
    ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    GlobalSecondaryIndexes=[
        index(
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            ContributorInsightsSpecification={"Enabled": True},
        )
    ],
    SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
    WriteCapacityAutoScalingSettings=SCALES,
    TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone_at"},
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    Tags=[{"Key": "team", "Value": "sales"}],
    ResourcePolicy={"Version": "2012-10-17", "Statement": []},
    KinesisStreamSpecification={"StreamArn": STREAM},
    ContributorInsightsSpecification={"Enabled": True},
    Replicas=[{"RegionName": "us-east-1", "KMSMasterKeyId": "alias/orders"}],
)
PROVISIONED = table(
    BillingMode="PROVISIONED",
    ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    GlobalSecondaryIndexes=[],
)
FILLED = table("copies", CopyFrom="old-orders")
BACKUP = "arn:aws:dynamodb:eu-west-1:111122223333:table/old-orders/backup/01548148148148-abcdef01"
MOVED = table("moved", CopyFrom={"TableName": "old-orders", "Through": "s3://moves/2026"})
RESTORED = table("restored", RestoreFrom=BACKUP)
PARTIQL = {"dynamodb:BatchExecuteStatement": "dynamodb:PartiQLInsert"}
"""Operations whose permission has another name.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
"""


def policy(*tables: Table, mode: PolicyMode = "apply", region: str | None = "eu-west-1") -> dict[str, Any]:
    return iam.policy(tables, mode=mode, region=region, account="111122223333")


def allowed(document: dict[str, Any]) -> dict[str, set[str]]:
    """Action → resources, over all statements."""
    found: dict[str, set[str]] = {}
    for statement in document["Statement"]:
        for action in statement["Action"]:
            found.setdefault(action, set()).update(statement["Resource"])
    return found


def conditions(document: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [statement.get("Condition", {}) for statement in document["Statement"] if action in statement["Action"]]


@functools.cache
def operations(service: str) -> set[str]:
    return set(botocore.session.get_session().get_service_model(service).operation_names)


CALLING = (
    *(PACKAGE / "engine").glob("*.py"),
    PACKAGE / "aws" / "item_pages.py",
    PACKAGE / "aws" / "client.py",
    PACKAGE / "aws" / "item_scan.py",
    PACKAGE / "aws" / "item_writer.py",
    PACKAGE / "aws" / "observe.py",
    PACKAGE / "aws" / "registered.py",
    PACKAGE / "aws" / "transfers.py",
    *(PACKAGE / "table").rglob("*.py"),
)
"""The modules that name the calls of plan and apply."""
CALLING_FOR_IMPORT = (PACKAGE / "importer.py", PACKAGE / "aws" / "owners.py")
"""What import calls beside the observer."""


def called(modules: Sequence[Path]) -> Iterator[str]:
    """Every operation whose name stands in some modules."""
    # Where two services have a name, DynamoDB's is meant.
    services = ("cloudformation", "application-autoscaling", "kms", "dynamodb")
    names = {operation: service for service in services for operation in operations(service)}
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                action = f"{names[node.value]}:{node.value}"
                yield PARTIQL.get(action, action)


# --- the contract with what is called --------------------------------------------------------------------------------


def test_every_operation_that_can_be_called_is_allowed_to_who_needs_it() -> None:
    found = set(called(CALLING))
    assert {"dynamodb:UpdateTable", "dynamodb:DescribeBackup", "kms:DescribeKey"} < found
    assert found <= allowed(policy(EVERYTHING, ABSENT, FILLED, MOVED, RESTORED)).keys()


def test_every_reader_is_in_the_policy_for_plan_and_every_writer_in_that_for_apply() -> None:
    readers = {f"dynamodb:{aspect.reader}" for aspect in ASPECTS if aspect.reader}
    writers = {f"{aspect.service}:{writer}" for aspect in ASPECTS for writer in aspect.writers}
    assert readers <= allowed(policy(EVERYTHING, mode="plan")).keys()
    assert readers | writers <= allowed(policy(EVERYTHING)).keys()


def test_every_action_is_an_operation_that_aws_has() -> None:
    for action in allowed(policy(EVERYTHING, ABSENT, FILLED, MOVED, RESTORED)).keys() - PERMISSION_ONLY:
        service, _, name = action.partition(":")
        assert fnmatch.filter(operations(service), name), action


# --- plan ------------------------------------------------------------------------------------------------------------


def test_plan_of_a_plain_table_takes_one_action() -> None:
    assert policy(table(), mode="plan") == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ReadTables", "Effect": "Allow", "Action": ["dynamodb:DescribeTable"], "Resource": [TABLE]}
        ],
    }


@pytest.mark.parametrize("tables", [(EVERYTHING,), (ABSENT,), (EVERYTHING, ABSENT)])
def test_plan_may_only_read_and_never_scan(tables: tuple[Table, ...]) -> None:
    for action in allowed(policy(*tables, mode="plan")):
        assert action.partition(":")[2].startswith(("Describe", "List", "GetResourcePolicy")), action


@pytest.mark.parametrize("aspect", [aspect for aspect in ASPECTS if aspect.reader], ids=lambda aspect: aspect.name)
def test_a_setting_that_is_not_mentioned_is_not_read(aspect: Aspect) -> None:
    values = {name: value for name, value in EVERYTHING.values.items() if name != aspect.name}
    values["GlobalSecondaryIndexes"] = {}
    document = policy(Table("orders", values))
    assert not {f"dynamodb:{name}" for name in (aspect.reader, *aspect.writers)} & allowed(document).keys()


def test_a_copy_reads_its_source_and_writes_only_the_new_table() -> None:
    found = allowed(policy(table(CopyFrom="old")))
    old = TABLE.replace("orders", "old")
    reads = {"dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}
    assert {action for action, tables in found.items() if old in tables} == {*reads, "dynamodb:Scan"}
    assert found["dynamodb:PartiQLInsert"] == found["dynamodb:PutItem"] == {TABLE}
    assert "dynamodb:PartiQLInsert" not in allowed(policy(table()))
    plan = allowed(policy(table(CopyFrom="old"), mode="plan"))
    assert plan == {action: {TABLE, old} for action in reads}
    assert allowed(policy(table(CopyFrom="old"), mode="check"))["dynamodb:Scan"] == {TABLE, old}


def test_a_restore_reads_its_backup_and_writes_only_the_new_table() -> None:
    found = allowed(policy(table(RestoreFrom=BACKUP)))
    assert found["dynamodb:RestoreTableFromBackup"] == {BACKUP, TABLE}
    assert found["dynamodb:DescribeBackup"] == {BACKUP}
    assert found["dynamodb:BatchWriteItem"] == found["dynamodb:DeleteItem"] == {TABLE}
    assert "dynamodb:RestoreTableFromBackup" not in allowed(policy(table()))
    plan = allowed(policy(table(RestoreFrom=BACKUP), mode="plan"))
    assert plan == {"dynamodb:DescribeTable": {TABLE}, "dynamodb:DescribeBackup": {BACKUP}}


def test_who_keeps_items_may_recreate_the_table_and_deletes_items_of_the_copy_alone() -> None:
    found, copy = allowed(policy(table(KeepItems=True))), f"{TABLE}.dynatus-items"
    for action in ("Scan", "PartiQLInsert", "PutItem", "CreateTable", "TagResource", "UntagResource", "DescribeTable"):
        assert {TABLE, copy} <= found[f"dynamodb:{action}"], action
    assert found["dynamodb:BatchWriteItem"] == {copy}
    assert found["dynamodb:DeleteTable"] == {TABLE, copy, f"{TABLE}.dynatus-probe"}
    assert found["dynamodb:CreateBackup"] == {TABLE}
    plan = allowed(policy(table(KeepItems=True), mode="plan"))
    assert plan.keys() == {"dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}
    assert copy in plan["dynamodb:ListTagsOfResource"]


def test_auto_scaling_is_asked_for_provisioned_tables_and_for_those_that_go() -> None:
    for asked in (EVERYTHING, ABSENT):
        assert allowed(policy(asked, mode="plan"))["application-autoscaling:DescribeScalableTargets"] == {"*"}
    assert not any("autoscaling" in action for action in allowed(policy(table())))


def test_scheduled_actions_are_read_for_a_file_that_has_auto_scaling_alone() -> None:
    action = "application-autoscaling:DescribeScheduledActions"
    assert action in allowed(policy(EVERYTHING, mode="plan"))
    assert action not in allowed(policy(PROVISIONED, ABSENT, mode="plan"))


def test_targets_of_dynamodb_are_changed_where_the_file_has_auto_scaling_and_removed_where_an_index_may_go() -> None:
    found, removed = allowed(policy(EVERYTHING)), allowed(policy(PROVISIONED))
    targets = {"arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/*"}
    alarms = {f"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:TargetTracking-table/orders{end}"
              for end in ("-*", "/index/*")}  # fmt: skip
    for name in ("RegisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy", "DeregisterScalableTarget"):
        assert found[f"application-autoscaling:{name}"] == targets
    (condition,) = conditions(policy(EVERYTHING), "application-autoscaling:RegisterScalableTarget")
    assert condition == {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}}
    assert found["cloudwatch:PutMetricAlarm"] == found["cloudwatch:DeleteAlarms"] == alarms
    assert {action for action in removed if "autoscaling" in action or "Alarm" in action} == {
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DeregisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
    }


def test_what_iam_cannot_limit_to_a_table_is_allowed_on_all() -> None:
    found = allowed(policy(table(ContributorInsightsSpecification={"Enabled": True}), mode="plan"))
    assert found["dynamodb:ListContributorInsights"] == {"*"}


def test_drift_reads_what_plan_reads() -> None:
    assert policy(EVERYTHING, ABSENT, mode="drift") == policy(EVERYTHING, ABSENT, mode="plan")


def test_check_reads_what_plan_reads_and_items_and_metrics() -> None:
    plan, check = (allowed(policy(EVERYTHING, ABSENT, mode=mode)) for mode in ("plan", "check"))
    assert {action: check[action] for action in plan} == plan
    assert {action: check[action] for action in check.keys() - plan.keys()} == {
        "dynamodb:Scan": {TABLE},
        "cloudwatch:GetMetricData": {"*"},
    }


def test_apply_may_scan_because_it_asks_the_items_before_it_adds_an_index() -> None:
    assert allowed(policy(table()))["dynamodb:Scan"] == {TABLE}


# --- import ----------------------------------------------------------------------------------------------------------


def test_import_lists_the_tables_and_reads_every_setting_of_those_with_the_prefix() -> None:
    found = allowed(iam.import_policy(region="eu-west-1", account="111122223333", table_prefix="prod-"))
    assert {f"dynamodb:{aspect.reader}" for aspect in ASPECTS if aspect.reader} <= found.keys()
    assert found["dynamodb:ListTables"] == {"*"}
    assert found["dynamodb:DescribeTable"] == {"arn:aws:dynamodb:eu-west-1:111122223333:table/prod-*"}
    assert found["kms:DescribeKey"] == {"arn:aws:kms:eu-west-1:111122223333:key/*"}


def test_every_operation_that_import_calls_is_allowed() -> None:
    found = set(called(CALLING_FOR_IMPORT))
    assert found == {"dynamodb:ListTables", "cloudformation:DescribeStackResources"}
    assert found <= allowed(iam.import_policy(region=None, account=None)).keys()


def test_import_may_only_read_and_never_scan() -> None:
    for action in allowed(iam.import_policy(region=None, account=None)):
        assert action.partition(":")[2].startswith(("Describe", "List", "GetResourcePolicy")), action


def test_only_the_question_for_the_owner_goes_beyond_dynamodb_its_scaling_and_its_keys() -> None:
    document = iam.import_policy(region="eu-west-1", account=None)
    assert [statement["Sid"] for statement in document["Statement"]] == [
        *("ReadTables", "ReadAutoScalingAndContributorInsights", "ReadKeys", "FindOwnerStacks", "ListTables")
    ]
    (owner,) = (statement for statement in document["Statement"] if statement["Sid"] == "FindOwnerStacks")
    assert owner["Action"] == ["cloudformation:DescribeStackResources"]


# --- apply -----------------------------------------------------------------------------------------------------------


def test_apply_of_a_plain_table_makes_and_updates_it_and_deletes_nothing() -> None:
    found = allowed(policy(table()))
    assert found == {
        "dynamodb:CreateTable": {TABLE},
        "dynamodb:DescribeTable": {TABLE},
        "dynamodb:Scan": {TABLE},
        "dynamodb:UpdateTable": {TABLE},
    }


def test_tags_and_a_policy_are_allowed_where_create_table_carries_them() -> None:
    found = allowed(policy(table(Tags=[], ResourcePolicy={"Version": "2012-10-17", "Statement": []})))
    assert found["dynamodb:TagResource"] == found["dynamodb:PutResourcePolicy"] == {TABLE}


def test_a_table_that_is_to_go_may_be_looked_at_copied_and_deleted_and_no_other() -> None:
    found = allowed(policy(table(), ABSENT))
    old = TABLE.replace("orders", "old")
    for action in ("DescribeContinuousBackups", "CreateBackup", "DeleteTable"):
        assert found[f"dynamodb:{action}"] == {old}
    assert found["dynamodb:Scan"] == {TABLE, old}
    assert found["dynamodb:DescribeBackup"] == {f"{old}/backup/*"}
    assert old not in found["dynamodb:UpdateTable"]


def test_a_recreate_takes_the_deletion_and_the_probe_and_is_asked_for() -> None:
    wanted = table(ResourcePolicy={"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
    least, asked = (
        allowed(iam.policy([wanted], mode="apply", region="eu-west-1", account="111122223333", recreate=recreate))
        for recreate in (False, True)
    )
    probe = f"{TABLE}.dynatus-probe"
    reads = {"dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"}
    changes = {"dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:PutResourcePolicy"}
    assert {action for action, resources in asked.items() if probe in resources} == reads | changes
    assert not any(probe in resources for resources in least.values())
    assert asked["dynamodb:DeleteTable"] == {TABLE, probe}
    assert asked["dynamodb:Scan"] == {TABLE}
    plan = allowed(iam.policy([wanted], mode="plan", region="eu-west-1", account="111122223333", recreate=True))
    assert {action for action, resources in plan.items() if probe in resources} == reads
    assert "dynamodb:Scan" not in plan


def test_what_goes_has_no_probe() -> None:
    document = iam.policy([ABSENT], mode="apply", region=None, account=None, recreate=True)
    assert document == iam.policy([ABSENT], mode="apply", region=None, account=None)


def test_insights_of_an_index_are_allowed_on_the_index_too() -> None:
    found = allowed(policy(table(GlobalSecondaryIndexes=[index(ContributorInsightsSpecification={"Enabled": False})])))
    assert found["dynamodb:UpdateContributorInsights"] == {TABLE, f"{TABLE}/index/by-id"}
    assert "iam:CreateServiceLinkedRole" not in found


def test_a_kinesis_stream_may_be_described_by_plan_and_written_to_by_apply() -> None:
    orders = table(KinesisStreamSpecification={"StreamArn": STREAM})
    assert allowed(policy(orders, mode="plan"))["kinesis:DescribeStream"] == {STREAM}
    found = allowed(policy(orders))
    assert (found["kinesis:PutRecords"], found["kinesis:ListStreams"]) == ({STREAM}, {"*"})
    assert not any(action.startswith("kinesis:") for action in allowed(policy(table(KinesisStreamSpecification={}))))


@pytest.mark.parametrize(
    ("member", "host", "role"),
    [
        (
            {"ContributorInsightsSpecification": {"Enabled": True}},
            "contributorinsights.dynamodb.amazonaws.com",
            "AWSServiceRoleForDynamoDBCloudWatchContributorInsights",
        ),
        (
            {"KinesisStreamSpecification": {"StreamArn": STREAM}},
            "kinesisreplication.dynamodb.amazonaws.com",
            "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication",
        ),
        (
            {"Replicas": [{"RegionName": "us-east-1"}]},
            "replication.dynamodb.amazonaws.com",
            "AWSServiceRoleForDynamoDBReplication",
        ),
    ],
)
def test_the_role_that_dynamodb_makes_for_a_setting_may_be_made(member: dict[str, Any], host: str, role: str) -> None:
    document = policy(table(**member))
    resource = f"arn:aws:iam::111122223333:role/aws-service-role/{host}/{role}"
    assert allowed(document)["iam:CreateServiceLinkedRole"] == {resource}
    assert conditions(document, "iam:CreateServiceLinkedRole") == [{"StringEquals": {"iam:AWSServiceName": host}}]


# --- replicas --------------------------------------------------------------------------------------------------------


def test_replicas_are_allowed_in_their_regions_and_never_in_the_tables_own() -> None:
    replicas = [{"RegionName": "us-east-1"}, {"RegionName": "eu-west-1"}]
    found = allowed(policy(table(Replicas=replicas, TimeToLiveSpecification={"Enabled": False})))
    there = TABLE.replace("eu-west-1", "us-east-1")
    assert found["dynamodb:CreateTableReplica"] == found["dynamodb:DeleteTable"] == found["dynamodb:Query"] == {there}
    assert (
        found["dynamodb:Scan"] == found["dynamodb:CreateTable"] == found["dynamodb:UpdateTimeToLive"] == {TABLE, there}
    )
    assert found["dynamodb:UpdateTable"] == {TABLE}


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "resource", "alias"),
    [
        (KEY, KEY, None),
        ("1234-ab", "arn:aws:kms:eu-west-1:111122223333:key/1234-ab", None),
        ("mrk-1234", "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234", None),
        ("alias/orders/1", "arn:aws:kms:eu-west-1:111122223333:key/*", "alias/orders/1"),
        ("arn:aws:kms:eu-west-1:444455556666:alias/o", "arn:aws:kms:eu-west-1:444455556666:key/*", "alias/o"),
    ],
)
def test_a_key_is_looked_up_directly_and_used_through_dynamodb_only(key: str, resource: str, alias: str | None) -> None:
    orders = table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else {}
    via = {"StringLike": {"kms:ViaService": "dynamodb.*"}}
    assert allowed(policy(orders, mode="plan"))["kms:DescribeKey"] == {resource}
    assert conditions(policy(orders, mode="plan"), "kms:DescribeKey") == [by_alias]
    assert allowed(policy(orders))["kms:CreateGrant"] == {resource}
    assert conditions(policy(orders), "kms:CreateGrant") == [via | by_alias]
    assert conditions(policy(orders), "kms:DescribeKey") == [by_alias, via | by_alias]


def test_a_replicas_key_is_used_in_its_region_and_not_looked_up() -> None:
    orders = table(Replicas=[{"RegionName": "us-east-1", "KMSMasterKeyId": "1234"}])
    assert "kms:DescribeKey" not in allowed(policy(orders, mode="plan"))
    assert allowed(policy(orders))["kms:Decrypt"] == {"arn:aws:kms:us-east-1:111122223333:key/1234"}


@pytest.mark.parametrize("key", [None, "alias/aws/dynamodb"])
def test_the_key_that_aws_manages_needs_no_grant(key: str | None) -> None:
    named = {"KMSMasterKeyId": key} if key else {}
    assert "kms:CreateGrant" not in allowed(policy(table(SSESpecification={"Enabled": True, **named})))


@pytest.mark.parametrize(
    "key", ["*", "alias/*", "key/?", "arn:aws:kms:eu-west-1:111122223333:*", "a b", 'x"', "alias/"]
)
def test_what_is_no_key_never_widens_the_policy(key: str) -> None:
    with pytest.raises(InvalidInput, match="neither"):
        policy(table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}))


# --- the document ----------------------------------------------------------------------------------------------------


def test_the_policy_is_the_same_in_any_order_of_the_definitions() -> None:
    tables = (EVERYTHING, ABSENT, table("users", Tags=[]), table("carts", Tags=[]))
    documents = {json.dumps(policy(*order)) for order in permutations(tables)}
    assert len(documents) == 1


def test_tables_alike_share_their_statements() -> None:
    tables = [table(f"t{number:03}", Tags=[], TimeToLiveSpecification={"Enabled": False}) for number in range(100)]
    document = policy(*tables)
    assert [statement["Sid"] for statement in document["Statement"]] == ["ReadTables", "ChangeTables"]
    assert document["Statement"][0]["Resource"] == sorted(document["Statement"][0]["Resource"])


def test_every_sid_is_used_once_and_holds_letters_and_digits_alone() -> None:
    sids = [statement["Sid"] for statement in policy(EVERYTHING, ABSENT, table("users"))["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isascii() and sid.isalnum() for sid in sids)


def sids(*tables: Table, mode: PolicyMode = "apply") -> list[str]:
    return [statement["Sid"] for statement in policy(*tables, mode=mode)["Statement"]]


def test_a_sid_says_what_its_statement_is_for() -> None:
    ttl = {"Enabled": True, "AttributeName": "gone_at"}
    assert sids(table(Tags=[]), table("users", TimeToLiveSpecification=ttl, Tags=[]), table("carts")) == [
        *("ReadTables", "ReadTags", "ReadTimeToLive"),
        *("ChangeTables", "ChangeTags", "ChangeTimeToLive"),
    ]


def test_a_sid_names_no_more_settings_than_one_can_read() -> None:
    few: dict[str, Any] = {"Tags": [], "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    more = few | {"TimeToLiveSpecification": {"Enabled": False}, "KinesisStreamSpecification": {}}
    assert sids(table(**few), table("users"), mode="plan") == ["ReadTables", "ReadPointInTimeRecoveryAndTags"]
    assert sids(table(**more), table("users"), mode="plan") == ["ReadTables", "ReadSettings"]


def test_a_sid_names_the_alias_that_its_condition_is_about() -> None:
    tables = [
        table(name, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": f"alias/{key}"})
        for name, key in (("orders", "shop/orders-1"), ("users", "users"))
    ]
    assert sids(*tables, mode="plan") == ["ReadTables", "ReadKeysOfAliasShopOrders1", "ReadKeysOfAliasUsers"]
    assert "UseKeysOfAliasUsers" in sids(*tables)


def test_what_is_not_known_is_any() -> None:
    document = iam.policy([table()], mode="plan", region=None, account=None)
    assert document["Statement"][0]["Resource"] == ["arn:aws:dynamodb:*:*:table/orders"]


def test_a_region_is_in_its_partition() -> None:
    partitions = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8"))
    for partition in partitions["partitions"]:
        for region in (name for name in partition["regions"] if not name.endswith("-global")):
            document = iam.policy([table()], mode="plan", region=region, account=None)
            (resource,) = document["Statement"][0]["Resource"]
            assert resource == f"arn:{partition['id']}:dynamodb:{region}:*:table/orders"


def test_any_table_with_the_prefix_may_be_read_and_changed_and_only_named_ones_deleted_and_filled() -> None:
    prefix = TABLE.removesuffix("orders")
    tables = [EVERYTHING, ABSENT, FILLED]
    where: dict[str, Any] = {"region": "eu-west-1", "account": "111122223333"}
    exact = iam.policy(tables, mode="apply", **where)
    wide = allowed(iam.policy(tables, mode="apply", any_table="", **where))
    for operation in ("DescribeTable", "CreateTable", "UpdateTable", "UpdateContributorInsights"):
        assert f"{prefix}*" in wide[f"dynamodb:{operation}"]
        assert f"{prefix}orders" not in wide[f"dynamodb:{operation}"]
    assert wide["cloudwatch:PutMetricAlarm"] == {
        "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:TargetTracking-table/*"
    }
    for action in ("dynamodb:DeleteTable", "dynamodb:CreateBackup", "dynamodb:PutItem", "dynamodb:CreateTableReplica"):
        assert wide[action] == allowed(exact)[action]
    assert set(wide) == set(allowed(exact))


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_says_that_a_policy_is_too_long_for_iam_and_any_table_makes_it_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = '"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"'
    attributes = '"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]'
    tables = (f'{{"TableName": "orders-{number}", {key}, {attributes}}}' for number in range(60))
    (tmp_path / "tables.json").write_text(f"[{','.join(tables)}]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    command = ["policy", "tables.json", "--mode", "apply", "--account", "111122223333", "--table-prefix", "prod-"]
    assert cli.main(command) == 0
    assert "a managed policy of IAM can have 6,144. With --any-table" in capsys.readouterr().err
    assert cli.main([*command, "--any-table"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "orders-" not in printed.out
    assert "table/prod-*" in printed.out


def test_the_command_prints_the_policy_for_import_where_there_is_no_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ("--region", "eu-west-1", "--account", "111122223333", "--table-prefix", "prod-")
    assert cli.main(["policy", "--mode", "import", *where]) == 0
    wanted = iam.import_policy(region="eu-west-1", account="111122223333", table_prefix="prod-")
    assert json.loads(capsys.readouterr().out) == wanted


def test_the_command_takes_no_definitions_for_import(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policy", "resources/dynamo", "--mode", "import"]) == 1
    assert "--mode import takes no PATH" in capsys.readouterr().err


def test_a_copy_through_s3_takes_the_bucket_and_puts_no_items() -> None:
    found = allowed(policy(MOVED))
    assert found["s3:PutObject"] == found["s3:GetObject"] == {"arn:aws:s3:::moves/2026/moved/*"}
    assert found["s3:ListBucket"] == {"arn:aws:s3:::moves"}
    old = "arn:aws:dynamodb:eu-west-1:111122223333:table/old-orders"
    assert found["dynamodb:ExportTableToPointInTime"] == {old}
    assert found["dynamodb:ImportTable"] == {"arn:aws:dynamodb:eu-west-1:111122223333:table/moved"}
    assert not {"dynamodb:PartiQLInsert", "dynamodb:PutItem"} & found.keys()
    planning = allowed(policy(MOVED, mode="plan"))
    assert planning["dynamodb:DescribeExport"] == {f"{old}/export/*"}
    assert not [action for action in planning if action.startswith(("s3:", "logs:"))]
    assert "dynamodb:ImportTable" not in planning
