"""The members that a definition may have: those that UpdateTable couples, and each setting's own.

A contract test holds them to botocore's service model.

Takes plain values: from Python as they are, from files with the marks of `kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynatus_ci.schema.findings import At, Finding
from dynatus_ci.schema.settings import SETTINGS
from dynatus_ci.schema.settings.insights import Insights
from dynatus_ci.schema.settings.warm_throughput import WarmThroughput
from dynatus_ci.schema.shapes import INDEX_NAME, Choice, Enough, Flag, Sequence, Shape, Spot, Structure, Text, Whole

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

_INDEX: dict[str, Shape] = {"IndexName": INDEX_NAME, "KeySchema": KEY_SCHEMA, "Projection": PROJECTION}
_THROUGHPUT: dict[str, Shape] = {
    "ProvisionedThroughput": PROVISIONED_THROUGHPUT,
    "OnDemandThroughput": ON_DEMAND_THROUGHPUT,
    WarmThroughput.name: WarmThroughput.shape,
}
INDEX = Structure({**_INDEX, **_THROUGHPUT, Insights.name: Insights.shape}, required=tuple(_INDEX))
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
        **{setting.name: setting.shape for setting in SETTINGS},
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
