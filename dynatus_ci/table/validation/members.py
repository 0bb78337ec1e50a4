"""The members that a definition may have: keys, indexes and capacity here, and each aspect's own.

A contract test compares them with botocore's service model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.origins import ORIGINS
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.cursor import Cursor, TooManyFindings
from dynatus_ci.table.validation.findings import At, DefinitionPath, Finding
from dynatus_ci.table.validation.shapes import Choice, Flag, Sequence, Structure, Text
from dynatus_ci.table.validation.unknown import UNSURE
from dynatus_ci.table.validation.value_types import OtherKey

TABLE = Structure(
    {
        "TableName": Text(1, 1024),
        "AttributeDefinitions": Sequence(
            Structure(
                {"AttributeName": Text(1, 255), "AttributeType": Choice(("S", "N", "B"))},
                required=("AttributeName", "AttributeType"),
            )
        ),
        **{aspect.name: aspect.shape for aspect in ASPECTS},
        **{origin.name: origin.shape for origin in ORIGINS},
    },
    required=("TableName", "KeySchema", "AttributeDefinitions"),
    advice="Write a key of `CreateTable`, or of CloudFormation for what `CreateTable` does not have.",
)
"""The members of CreateTable, and CloudFormation's members for what CreateTable does not have."""

ABSENT_TABLE = Structure(
    {"TableName": Text(1, 1024), "Absent": Flag(only=True)},
    required=("TableName",),
    advice="A table that is `:Absent` has no other key than `:TableName`.",
)
"""A definition that deletes a table."""


class Checked(NamedTuple):
    """A definition after `check`.

    Args:
        body: The definition in AWS's spelling: sets are lists, parameters have the type of their place, the policy is
            an object, and nil is left out. A value that has a finding is `unknown.Unknown`.
        findings: What is wrong.
        written: Path → the steps that the file has in place of the path's last step, where it is spelt differently.
    """

    body: dict[str, Any]
    findings: list[Finding]
    written: Mapping[DefinitionPath, DefinitionPath]

    def as_written(self, path: DefinitionPath) -> DefinitionPath:
        """A path as the file spells it."""
        steps = list(self.written.get((), ()))
        for number, step in enumerate(path):
            steps += self.written.get(path[: number + 1], (step,))
        return tuple(steps)


def check(definition: Mapping[Any, Any]) -> Checked:
    """Check that a definition has the members and shapes that a table may have.

    Args:
        definition: Plain values from Python, or values of a file, which may have the types of `value_types`.
    """
    cursor = Cursor()
    table = _unwrapped(definition, cursor)
    if table is None:
        return Checked(dict.fromkeys(TABLE.members, UNSURE), cursor.findings, cursor.written)
    cursor = replace(cursor, dialect=dialects.recognised(filter(None, map(dialects.key_text, table))))
    names = {dialects.letters(dialects.key_text(key) or "") for key in table if table[key] is not None}
    shape = ABSENT_TABLE if "absent" in names else TABLE
    try:
        body = shape.parse(table, cursor)
    except TooManyFindings:
        body = dict.fromkeys(shape.members, UNSURE)
        message = "This map has more errors than are listed here."
        cursor.findings.append(Finding((), "too-many-faults", message, at=At.OPENER))
    return Checked(body, cursor.findings, cursor.written)


def _unwrapped(definition: Mapping[Any, Any], cursor: Cursor) -> Mapping[Any, Any] | None:
    """The table's own map, also where a wrapper of another tool is around it; None where that has no single table."""
    match = dialects.wrapper(definition)
    if match is None:
        return definition
    wrapper, key = match
    cursor.written[()] = (key.written if isinstance(key, OtherKey) else key,)
    cursor.refuse(wrapper.code, wrapper.message, hint=wrapper.hint, at=At.KEY)
    inner: Mapping[Any, Any] | None = definition[key] if wrapper.inner else None
    return inner
