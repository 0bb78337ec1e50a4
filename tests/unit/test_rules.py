"""What the rules accept, and that they skip values with a fault. What they refuse is in bad-definitions.toml."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.validation import members, rules
from dynatus_ci.table.validation.unknown import INVALID, UNSURE
from tests.strategies import definitions

THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": "123456789012"},
    "Action": "dynamodb:GetItem",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:PrincipalTag/team": "${aws:username}"}},
}
INCLUDE = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]}


def key(*attributes: str, ranges: str = "") -> list[dict[str, str]]:
    """A key schema of HASH attributes, then RANGE attributes by letter."""
    members = [{"AttributeName": name, "KeyType": "HASH"} for name in attributes]
    return members + [{"AttributeName": name, "KeyType": "RANGE"} for name in ranges]


def index(name: str = "by-it", schema: list[dict[str, str]] | None = None, **members: object) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": schema or key("i"), "Projection": {"ProjectionType": "ALL"}, **members}


def table(attributes: str = "i", **members: object) -> dict[str, Any]:
    """A valid table with a definition for each of these one-letter attributes."""
    definitions = [{"AttributeName": name, "AttributeType": "S"} for name in attributes]
    defaults = {"TableName": "users", "KeySchema": key("i"), "AttributeDefinitions": definitions}
    billing = {} if {"BillingMode", "ProvisionedThroughput"} & members.keys() else {"BillingMode": "PAY_PER_REQUEST"}
    return {**defaults, **billing, **members}


@pytest.mark.parametrize(
    "definition",
    [
        table(),
        table(TableName="a.b_C-9"),
        table(TableName="u" * 255),
        table("ir", KeySchema=key("i", ranges="r")),
        table(ProvisionedThroughput=THROUGHPUT),
        table(ProvisionedThroughput=THROUGHPUT, BillingMode="PROVISIONED"),
        table(GlobalSecondaryIndexes=[]),
        table(LocalSecondaryIndexes=[]),
        table("iabcdwxyz", GlobalSecondaryIndexes=[index(schema=key("a", "b", "c", "d", ranges="wxyz"))]),
        table(GlobalSecondaryIndexes=[index(f"by-{number}") for number in range(25)]),
        table(
            "irs",
            KeySchema=key("i", ranges="r"),
            LocalSecondaryIndexes=[index(f"l-{n}", key("i", ranges="s"), Projection=INCLUDE) for n in range(5)],
        ),
        table(
            ProvisionedThroughput=THROUGHPUT,
            GlobalSecondaryIndexes=[index(ProvisionedThroughput=THROUGHPUT, WarmThroughput={"ReadUnitsPerSecond": 5})],
        ),
        table(
            OnDemandThroughput={"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 1},
            GlobalSecondaryIndexes=[index(OnDemandThroughput={"MaxReadRequestUnits": 7})],
        ),
        table(WarmThroughput={"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}),
        table(ProvisionedThroughput=THROUGHPUT, WarmThroughput={"ReadUnitsPerSecond": 5}),
        table(StreamSpecification={"StreamEnabled": False}),
        table(SSESpecification={"Enabled": True}),
        table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"}),
        table(SSESpecification={"Enabled": False}),
        table(Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)]),
        table(Tags=[{"Key": "Größe 数 ३ +-=._:/@", "Value": "a\u3000b"}, {"Key": "k", "Value": ""}]),
        table(Tags=[{"Key": "k", "Value": ""}, {"Key": "K", "Value": ""}]),
        table(TimeToLiveSpecification={"Enabled": False}),
        table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 1}),
        table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
        table(ResourcePolicy={}),
        table(ResourcePolicy={"Statement": {"Effect": "Deny", "NotPrincipal": "*", "NotAction": "*"}}),
        table(ResourcePolicy={"Version": "2008-10-17", "Id": "a", "Statement": [STATEMENT, STATEMENT | {"Sid": "b"}]}),
        table(TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}),
        table(
            KeySchema=key("i", ranges="e"),
            AttributeDefinitions=[
                {"AttributeName": "i", "AttributeType": "S"},
                {"AttributeName": "e", "AttributeType": "N"},
            ],
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"},
        ),
        table(KinesisStreamSpecification={}),
        table(KinesisStreamSpecification={"StreamArn": "arn:aws-us-gov:kinesis:us-gov-east-1:123456789012:stream/a.b"}),
        table(Replicas=[]),
        table(Replicas=[{"RegionName": "us-gov-west-1"}, {"RegionName": "eusc-de-east-1"}]),
        table(
            GlobalSecondaryIndexes=[index()],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/mine"},
            Replicas=[
                {
                    "RegionName": "us-east-1",
                    "KMSMasterKeyId": "alias/theirs",
                    "OnDemandThroughputOverride": {"MaxReadRequestUnits": 5},
                    "GlobalSecondaryIndexes": [{"IndexName": "by-it"}],
                }
            ],
        ),
        table(
            ProvisionedThroughput=THROUGHPUT,
            Replicas=[
                {
                    "RegionName": "us-east-1",
                    "ProvisionedThroughputOverride": {"ReadCapacityUnits": 9},
                    "GlobalSecondaryIndexes": [{"IndexName": "of-an-index-that-is-not-managed"}],
                }
            ],
        ),
        {"TableName": "users", "Absent": True},
    ],
)
def test_a_definition_that_dynamodb_accepts_has_no_finding(definition: dict[str, Any]) -> None:
    assert list(rules.findings(definition)) == []


def test_an_absent_table_needs_a_valid_name() -> None:
    assert [found.code for found in rules.findings({"TableName": "a/b", "Absent": True})] == ["table-name"]


def test_rules_skip_unknown_values_and_check_the_rest() -> None:
    wrong = table(TableName="x", KeySchema=key(), Tags=[{"Key": "aws:a", "Value": ""}])
    codes = ["table-name", "key-schema", "unused-attribute", "tag-text"]
    assert [found.code for found in rules.findings(wrong)] == codes
    unknown = wrong | {"KeySchema": INVALID}
    assert [found.code for found in rules.findings(unknown)] == ["table-name", "tag-text"]
    assert [found.code for found in rules.findings(unknown | {"TableName": INVALID, "Tags": UNSURE})] == []


def unknown_somewhere(value: Any, chance: st.DataObject) -> Any:
    """The same value with some parts of it unknown."""
    if chance.draw(st.integers(0, 9)) == 0:
        return chance.draw(st.sampled_from([INVALID, UNSURE]))
    if isinstance(value, dict):
        return {name: unknown_somewhere(inner, chance) for name, inner in value.items()}
    return [unknown_somewhere(inner, chance) for inner in value] if isinstance(value, list) else value


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(definitions(), st.data())
def test_a_valid_table_with_unknown_values_has_no_finding(definition: dict[str, Any], chance: st.DataObject) -> None:
    required = dict.fromkeys(("TableName", "KeySchema", "AttributeDefinitions"), UNSURE)
    body = members.check(definition).body
    partial = {name: unknown_somewhere(value, chance) for name, value in body.items()}
    assert list(rules.findings({**required, **partial})) == []


def test_an_undefined_attribute_is_one_finding_at_its_first_use() -> None:
    definition = table("", GlobalSecondaryIndexes=[index()])
    found = [(finding.code, finding.path) for finding in rules.findings(definition)]
    assert found == [("undefined-attribute", ("KeySchema", 0, "AttributeName"))]


def test_every_finding_lies_inside_the_definition() -> None:
    definition = table(
        "ixx",
        KeySchema=[{"AttributeName": "r", "KeyType": "RANGE"}, *key("i", "r")],
        ProvisionedThroughput={**THROUGHPUT},
        BillingMode="PAY_PER_REQUEST",
        OnDemandThroughput={},
        WarmThroughput={"ReadUnitsPerSecond": 1},
        GlobalSecondaryIndexes=[index(Projection=INCLUDE | {"ProjectionType": "ALL"}), index()],
        LocalSecondaryIndexes=[index("l", key("q"))] * 6,
        StreamSpecification={"StreamEnabled": True},
        SSESpecification={"Enabled": True, "SSEType": "AES256"},
        Tags=[{"Key": "a", "Value": "\x00"}] * 51,
        TimeToLiveSpecification={"Enabled": True},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 2},
        ResourcePolicy={"Version": "x" * 30_000},
        KinesisStreamSpecification={"StreamArn": "x"},
        Replicas=[{"RegionName": "x", "ProvisionedThroughputOverride": {"ReadCapacityUnits": 9}}] * 2,
    )
    found = list(rules.findings(definition))
    assert len({finding.code for finding in found}) > 18
    for finding in found:
        value: Any = definition
        for step in finding.path:
            value = value[step]
        assert len(finding.message) < 200


def test_the_rules_of_every_aspect_run() -> None:
    misused: dict[str, Any] = {
        "StreamSpecification": {"StreamEnabled": True},
        "SSESpecification": {"Enabled": True, "SSEType": "AES256"},
        "WarmThroughput": {},
        "TimeToLiveSpecification": {"Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 2},
        "Tags": [{"Key": "aws:a", "Value": ""}],
        "ResourcePolicy": {"Statement": []},
        "KinesisStreamSpecification": {"StreamArn": "x"},
        "Replicas": [{"RegionName": "x"}],
        "ReadCapacityAutoScalingSettings": {"MinCapacity": 1},
        "WriteCapacityAutoScalingSettings": {"MinCapacity": 1},
    }
    without_rules = {"DeletionProtectionEnabled", "TableClass", "ContributorInsightsSpecification"}
    of_this_module = {aspect.name for aspect in ASPECTS if aspect.in_every_table}
    assert misused.keys() | without_rules | of_this_module == {aspect.name for aspect in ASPECTS}
    for name, value in misused.items():
        assert {finding.path[0] for finding in rules.findings(table() | {name: value})} == {name}


def policy(**statement: Any) -> Any:
    return Policy().normalise({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", **statement}]})


ROOT = "arn:aws:iam::123456789012:root"
BOOLEAN = {"Bool": {"aws:SecureTransport": False}}
NUMBER = {"NumericGreaterThan": {"aws:MultiFactorAuthAge": [60, 5.5]}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Principal": {"AWS": ROOT}}, {"Principal": {"AWS": ["123456789012"]}}),
        ({"NotPrincipal": {"AWS": ["123456789012", ROOT]}}, {"NotPrincipal": {"AWS": ROOT}}),
        ({"Condition": BOOLEAN}, {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}}),
        ({"Condition": NUMBER}, {"Condition": {"NumericGreaterThan": {"aws:MultiFactorAuthAge": ["5.5", "60"]}}}),
    ],
)
def test_two_spellings_of_a_policy_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert policy(**one) == policy(**other)


@pytest.mark.parametrize("operator", ["StringNotEquals", "ArnLike"])
def test_an_account_number_equals_its_root_only_as_a_principal(operator: str) -> None:
    condition = {operator: {"aws:PrincipalArn": ROOT}}
    assert policy(Condition=condition)["Statement"][0]["Condition"] == condition
