"""The permissions to delete a table, or to delete it and create it again."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.iam.grants import (
    Grant,
    PolicyMode,
    PolicyScope,
)
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.model import Table

DELETION = ("DescribeContinuousBackups", "CreateBackup", "DeleteTable")


def deletion(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Back the table up and delete it."""
    for operation in DELETION:
        yield Grant("Delete", f"dynamodb:{operation}", scope.table(table))
    yield Grant("Watch", "dynamodb:DescribeBackup", f"{scope.table(table)}/backup/*", topic="Backups")
    yield Grant("List", "dynamodb:ListBackups", topic="Backups")


def recreation(table: Table, scope: PolicyScope, *, mode: PolicyMode) -> Iterator[Grant]:
    """Delete the table and create it again, after its probe. CreateTable needs the permissions of all that it sets."""
    resource, topic = scope.probe(table), "Probes"
    for operation in ("DescribeTable", "ListTagsOfResource"):
        yield Grant("Read", f"dynamodb:{operation}", resource, topic=topic)
        yield Grant("Read", f"dynamodb:{operation}", scope.staging(table), topic=topic)
    if mode == "apply":
        yield from deletion(table, scope)
        carried = ["PutResourcePolicy"] if table.at((Policy.name,)) else []
        for operation in ("CreateTable", "TagResource", *carried):
            yield Grant("Change", f"dynamodb:{operation}", resource, topic=topic)
        yield Grant("Delete", "dynamodb:DeleteTable", resource, topic=topic)
