"""The members that a definition may have, as data; a contract test holds them to botocore's service model.

Takes plain values: from Python as they are, from files with the marks of `kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynatus_ci.schema.findings import At, Finding
from dynatus_ci.schema.shapes import Choice, Enough, Flag, Policy, Sequence, Shape, Spot, Structure, Text, Whole

KEY_SCHEMA = Sequence(
    Structure(
        {"AttributeName": Text(1, 255), "KeyType": Choice(("HASH", "RANGE"))},
        required=("AttributeName", "KeyType"),
    ),
    least=1,
    ordered=True,
)
PROJECTION = Structure(
    {
        "ProjectionType": Choice(("ALL", "KEYS_ONLY", "INCLUDE")),
        "NonKeyAttributes": Sequence(Text(1, 255), least=1, most=20),
    },
    required=("ProjectionType",),
)
PROVISIONED_THROUGHPUT = Structure(
    {"ReadCapacityUnits": Whole(1), "WriteCapacityUnits": Whole(1)},
    required=("ReadCapacityUnits", "WriteCapacityUnits"),
)
ON_DEMAND_THROUGHPUT = Structure({"MaxReadRequestUnits": Whole(), "MaxWriteRequestUnits": Whole()})
WARM_THROUGHPUT = Structure({"ReadUnitsPerSecond": Whole(1), "WriteUnitsPerSecond": Whole(1)})
INSIGHTS = Structure(
    {"Enabled": Flag(), "Mode": Choice(("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"))}, required=("Enabled",)
)
INDEX_NAME = Text(3, 255, "[a-zA-Z0-9_.-]+")
TABLE_CLASS = Choice(("STANDARD", "STANDARD_INFREQUENT_ACCESS"))

_INDEX: dict[str, Shape] = {"IndexName": INDEX_NAME, "KeySchema": KEY_SCHEMA, "Projection": PROJECTION}
_THROUGHPUT: dict[str, Shape] = {
    "ProvisionedThroughput": PROVISIONED_THROUGHPUT,
    "OnDemandThroughput": ON_DEMAND_THROUGHPUT,
    "WarmThroughput": WARM_THROUGHPUT,
}
INDEX = Structure({**_INDEX, **_THROUGHPUT, "ContributorInsightsSpecification": INSIGHTS}, required=tuple(_INDEX))
_OVERRIDES: dict[str, Shape] = {
    "ProvisionedThroughputOverride": Structure({"ReadCapacityUnits": Whole(1)}, required=("ReadCapacityUnits",)),
    "OnDemandThroughputOverride": Structure({"MaxReadRequestUnits": Whole()}, required=("MaxReadRequestUnits",)),
}
REPLICA = Structure(
    {
        "RegionName": Text(1),
        "KMSMasterKeyId": Text(1),
        **_OVERRIDES,
        "GlobalSecondaryIndexes": Sequence(
            Structure({"IndexName": INDEX_NAME, **_OVERRIDES}, required=("IndexName",)), least=1
        ),
        "TableClassOverride": TABLE_CLASS,
    },
    required=("RegionName",),
)
TABLE = Structure(
    {
        "TableName": Text(1, 1024),
        "KeySchema": KEY_SCHEMA,
        "AttributeDefinitions": Sequence(
            Structure(
                {"AttributeName": Text(1, 255), "AttributeType": Choice(("S", "N", "B"))},
                required=("AttributeName", "AttributeType"),
            )
        ),
        "BillingMode": Choice(("PROVISIONED", "PAY_PER_REQUEST")),
        **_THROUGHPUT,
        "GlobalSecondaryIndexes": Sequence(INDEX),
        "LocalSecondaryIndexes": Sequence(Structure(_INDEX, required=tuple(_INDEX))),
        "StreamSpecification": Structure(
            {
                "StreamEnabled": Flag(),
                "StreamViewType": Choice(("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")),
            },
            required=("StreamEnabled",),
        ),
        "SSESpecification": Structure(
            {"Enabled": Flag(), "SSEType": Choice(("AES256", "KMS")), "KMSMasterKeyId": Text(1)}, required=("Enabled",)
        ),
        "TableClass": TABLE_CLASS,
        "DeletionProtectionEnabled": Flag(),
        "Tags": Sequence(Structure({"Key": Text(1, 128), "Value": Text(0, 256)}, required=("Key", "Value"))),
        "TimeToLiveSpecification": Structure({"Enabled": Flag(), "AttributeName": Text(1, 255)}, required=("Enabled",)),
        "PointInTimeRecoverySpecification": Structure(
            {"PointInTimeRecoveryEnabled": Flag(), "RecoveryPeriodInDays": Whole(1, 35)},
            required=("PointInTimeRecoveryEnabled",),
        ),
        "ContributorInsightsSpecification": INSIGHTS,
        "ResourcePolicy": Policy(),
        "KinesisStreamSpecification": Structure(
            {
                "StreamArn": Text(37, 1024),
                "ApproximateCreationDateTimePrecision": Choice(("MILLISECOND", "MICROSECOND")),
            }
        ),
        "Replicas": Sequence(REPLICA),
    },
    required=("TableName", "KeySchema", "AttributeDefinitions"),
    advice="A table's keys are CreateTable's, and CloudFormation's for what CreateTable lacks.",
)
"""What a definition of a table may hold: CreateTable's members, and CloudFormation's names for what it lacks."""

GONE = Structure(
    {"TableName": Text(1, 1024), "Absent": Flag(only=True)},
    required=("TableName",),
    advice="A table that is :Absent has nothing beside its :TableName.",
)
"""A definition that says that a table is to go: nothing beside these two."""


def check(definition: Mapping[Any, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Hold a definition to the members that a table may have.

    Args:
        definition: Plain values, from Python or from a file.

    Returns:
        The definition with enum members spelt as AWS does, sets as lists, parameters in the type of their place, the
        policy as an object and nil left out; what does not fit is left out too and has a finding.
    """
    spot = Spot()
    shape = GONE if definition.get("Absent") is not None else TABLE
    try:
        body = shape.take(definition, spot)
    except Enough:
        body = {}
        message = "This map has more faults than are listed here."
        spot.findings.append(Finding((), "too-many-faults", message, at=At.OPENER))
    return body, spot.findings


def broken(definition: Mapping[Any, Any], body: Mapping[str, Any]) -> frozenset[str]:
    """The members of which nothing more can be said: misshapen, missing, or perhaps there under another name."""
    written = {key for key, value in definition.items() if value is not None}
    absent = {member for member in TABLE.members if member not in body}
    misspelt = not written <= {*TABLE.members, *GONE.members}
    return frozenset((written - body.keys()) | (absent if misspelt else absent & set(TABLE.required)))
