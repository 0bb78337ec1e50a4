"""The members that a definition may have: those that UpdateTable couples, and each setting's own.

A contract test holds them to botocore's service model.

Takes plain values: from Python as they are, from files with the marks of `kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.warm_throughput import WarmThroughput
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import (
    INDEX_NAME,
    UNSURE,
    Choice,
    Cursor,
    Flag,
    Path,
    Sequence,
    Shape,
    Structure,
    Text,
    TooManyFindings,
    Whole,
)
from dynatus_ci.table.validation.value_types import OtherKey

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
        **{aspect.name: aspect.shape for aspect in ASPECTS},
    },
    required=("TableName", "KeySchema", "AttributeDefinitions"),
    advice="A table has the keys of CreateTable, and those of CloudFormation for what CreateTable lacks.",
)
"""What a definition of a table may hold: CreateTable's members, and CloudFormation's names for what it lacks."""

ABSENT_TABLE = Structure(
    {"TableName": Text(1, 1024), "Absent": Flag(only=True)},
    required=("TableName",),
    advice="A table that is :Absent has nothing beside its :TableName.",
)
"""A definition that says that a table is to go: nothing beside these two."""


class Checked(NamedTuple):
    """What `check` makes of a definition.

    Args:
        body: The definition with enum members spelt as AWS does, sets as lists, parameters in the type of their place,
            the policy as an object and nil left out. What has a finding is `shapes.Unknown`.
        findings: What does not fit.
        written: Path → the steps of the file in place of its last one, where that is in another spelling.
    """

    body: dict[str, Any]
    findings: list[Finding]
    written: Mapping[Path, Path]

    def as_written(self, path: Path) -> Path:
        """A path by the members' own names as the steps that the file has."""
        steps = list(self.written.get((), ()))
        for number, step in enumerate(path):
            steps += self.written.get(path[: number + 1], (step,))
        return tuple(steps)


def check(definition: Mapping[Any, Any]) -> Checked:
    """Hold a definition to the members that a table may have.

    Args:
        definition: Plain values, from Python or from a file.
    """
    spot = Cursor()
    table = _unwrapped(definition, spot)
    if table is None:
        return Checked(dict.fromkeys(TABLE.members, UNSURE), spot.findings, spot.written)
    spot = replace(spot, dialect=dialects.recognised(filter(None, map(dialects.key_text, table))))
    goes = any(dialects.letters(dialects.key_text(key) or "") == "absent" and table[key] is not None for key in table)
    shape = ABSENT_TABLE if goes else TABLE
    try:
        body = shape.parse(table, spot)
    except TooManyFindings:
        body = dict.fromkeys(shape.members, UNSURE)
        message = "This map has more faults than are listed here."
        spot.findings.append(Finding((), "too-many-faults", message, at=At.OPENER))
    return Checked(body, spot.findings, spot.written)


def _unwrapped(definition: Mapping[Any, Any], spot: Cursor) -> Mapping[Any, Any] | None:
    """A table's own map, from what stands around it; None where that is not one table."""
    found = dialects.wrapper(definition)
    if found is None:
        return definition
    wrapper, key = found
    spot.written[()] = (key.written if isinstance(key, OtherKey) else key,)
    spot.refuse(wrapper.code, wrapper.message, hint=wrapper.hint, at=At.KEY)
    inner: Mapping[Any, Any] | None = definition[key] if wrapper.inner else None
    return inner
