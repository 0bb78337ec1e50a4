"""The least-privilege IAM policy for plan, check, drift, apply or import.

A role for check can plan, and read items (Scan) and metrics (GetMetricData). One for apply can Scan, too.

Two things need more. One is a recreate (CreateBackup, DeleteTable and the probe): ask for it with `recreate`. A
definition that keeps its items has that without being asked. The other is the removal of a replica from a region that
the file no longer has. The role for plan never has Scan.
`sts:GetCallerIdentity` needs no permission.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dynatus_ci.iam import item_permissions, replacing, settings, statements
from dynatus_ci.iam.grants import Grant, PolicyMode, PolicyScope, for_any_table
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import copy_from, keep_items

VERSION = "2012-10-17"
MOST_CHARACTERS = 6_144
"""Of a managed policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
OWNER = "DescribeStackResources"
"""What `dynatus import --owner` asks CloudFormation."""


def policy(
    tables: Sequence[Table],
    *,
    mode: PolicyMode,
    region: str | None,
    account: str | None,
    recreate: bool = False,
    any_table: str | None = None,
) -> dict[str, Any]:
    """The policy document. The order of the definitions does not matter.

    Args:
        tables: The definitions.
        mode: The mode of the role.
        region: The region of the tables. None for any region.
        account: The account of the tables. None for any account.
        recreate: Allow to delete the tables and create them again, for another key.
        any_table: The beginning of a name: every such table may be read and changed, also one that is defined later.
            None for the tables of the definitions alone.

    Raises:
        InvalidInput: A definition has a KMS key in a form that AWS does not know.
    """
    scope = PolicyScope.of(region, account)
    grants = {grant for table in tables for grant in _grants(table, scope, mode=mode)}
    if recreate:
        grants |= {
            grant for table in tables if not table.absent for grant in replacing.recreation(table, scope, mode=mode)
        }
    if any_table is not None:
        names = {table.name for table in tables}
        grants = {for_any_table(grant, names, any_table) for grant in grants}
    return {"Version": VERSION, "Statement": list(statements.statements(grants))}


def characters(document: Mapping[str, Any]) -> int:
    """The size of a policy as IAM counts it: without spaces and line breaks."""
    return len(json.dumps(document, separators=(",", ":")))


def import_policy(*, region: str | None, account: str | None, table_prefix: str = "") -> dict[str, Any]:
    """The policy for `dynatus import`, which reads every aspect and needs no definition.

    Args:
        region: The region of the tables. None for any region.
        account: The account of the tables. None for any account.
        table_prefix: Only tables whose name begins with this. Empty for all tables.
    """
    scope = PolicyScope.of(region, account)
    tables = scope.arn("dynamodb", f"table/{table_prefix}*")
    grants = {
        *settings.all_reads(tables),
        Grant("List", "dynamodb:ListTables"),
        Grant("Read", "dynamodb:DescribeTable", tables),
        Grant("Read", "kms:DescribeKey", scope.arn("kms", "key/*"), topic="Keys"),
        # The stack is not known yet, so the permission cannot be limited to one.
        Grant("Find", f"cloudformation:{OWNER}", topic="OwnerStacks"),
    }
    return {"Version": VERSION, "Statement": list(statements.statements(grants))}


def _grants(table: Table, scope: PolicyScope, *, mode: PolicyMode) -> Iterator[Grant]:
    yield Grant("Read", "dynamodb:DescribeTable", scope.table(table))
    yield from settings.scaling_reads(table)
    if not table.absent:
        yield from settings.reads(table, scope)
        yield from item_permissions.reads(table, scope)
    if table.at(keep_items.PATH):
        yield from replacing.recreation(table, scope, mode=mode)
        yield from item_permissions.kept(table, scope, mode=mode)
    if mode == "apply" or (mode == "check" and not table.absent):
        yield Grant("Read", "dynamodb:Scan", scope.table(table), topic="Items")
    if mode == "check":
        if table.at(copy_from.PATH):
            yield Grant("Read", "dynamodb:Scan", scope.source(table), topic="Items")
        yield Grant("Read", "cloudwatch:GetMetricData", topic="Metrics")
    if mode == "apply":
        if table.absent:
            yield from replacing.deletion(table, scope)
        else:
            yield from settings.changes(table, scope)
            yield from item_permissions.changes(table, scope)
        yield from settings.scaling_changes(table, scope)
