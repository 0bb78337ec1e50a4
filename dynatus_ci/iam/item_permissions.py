"""The permissions for where the items of a table come from: a copy, exports and imports, a restore, its own copy."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.iam.grants import (
    TRANSFERS,
    Grant,
    PolicyMode,
    PolicyScope,
    topic_of,
)
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import copy_from, restore_from, s3_place, through_s3

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/backuprestore_IAM.html: DynamoDB writes the items on
# behalf of the caller.
RESTORATION = (
    *("RestoreTableFromBackup", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"),
)
IMPORT_LOGS = (
    *("CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"),
    "PutRetentionPolicy",
)
"""An import writes what it could not take into a log group, on behalf of the caller."""


def reads(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Where the items come from: a backup, or another table and the tags that say whether all were copied."""
    if backup := table.at(restore_from.PATH):
        yield Grant("Read", "dynamodb:DescribeBackup", backup, topic="Backups")
    if table.at(copy_from.PATH):
        yield Grant("Read", "dynamodb:DescribeTable", scope.source(table))
        for arn in (scope.table(table), scope.source(table)):
            yield Grant("Read", f"dynamodb:{Tags.reader}", arn, topic=topic_of(Tags.name))
        if table.manages(s3_place.NAME):
            yield from _transfer_reads(table, scope)


def _transfer_reads(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """What AWS has exported and imported. IAM cannot limit the lists to a table."""
    source = scope.source(table)
    yield Grant("Read", "dynamodb:DescribeContinuousBackups", source, topic="Backups")
    yield Grant("Read", "dynamodb:DescribeExport", f"{source}/export/*", topic=TRANSFERS)
    yield Grant("Read", "dynamodb:DescribeImport", f"{scope.table(table)}/import/*", topic=TRANSFERS)
    for operation in ("ListExports", "ListImports"):
        yield Grant("List", f"dynamodb:{operation}", topic=TRANSFERS)


def changes(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Fill the table from where its items are."""
    yield from _copied(table, scope)
    yield from _restored(table, scope)


def _copied(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Read the source and fill the table. Both are compared; an existing table is filled only if it is empty."""
    if not table.at(copy_from.PATH):
        return
    if table.manages(s3_place.NAME):
        yield from _transfer(table, scope)
    for resource in (scope.source(table), scope.table(table)):
        yield Grant("Copy", "dynamodb:Scan", resource, topic="Items")
    for operation in () if table.manages(s3_place.NAME) else ("PartiQLInsert", "PutItem"):
        yield Grant("Copy", f"dynamodb:{operation}", scope.table(table), topic="Items")
    for operation in Tags.writers:
        yield Grant("Change", f"dynamodb:{operation}", scope.table(table), topic=topic_of(Tags.name))
    yield Grant("Read", "dynamodb:DescribeContinuousBackups", scope.table(table), topic="Backups")


def _transfer(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Export the source to S3, and import the table from there: DynamoDB does both on behalf of the caller.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Requesting.html
    """
    source = scope.source(table)
    yield Grant("Copy", f"dynamodb:{through_s3.EXPORT}", source, topic=TRANSFERS)
    yield Grant("Copy", f"dynamodb:{through_s3.IMPORT}", scope.table(table), topic=TRANSFERS)
    bucket = f"arn:{scope.partition}:s3:::{s3_place.bucket(table)}"
    for operation in ("AbortMultipartUpload", "GetObject", "PutObject", "PutObjectAcl"):
        yield Grant("Use", f"s3:{operation}", f"{bucket}/{s3_place.folder(table)}/*", topic="Bucket")
    yield Grant("Use", "s3:ListBucket", bucket, topic="Bucket")
    logs = scope.arn("logs", "log-group:/aws-dynamodb/*")
    for operation in IMPORT_LOGS:
        yield Grant("Use", f"logs:{operation}", logs, topic="ImportLogs")


def _restored(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Restore the table from its backup."""
    backup = table.at(restore_from.PATH)
    if not backup:
        return
    yield Grant("Restore", f"dynamodb:{restore_from.OPERATION}", backup)
    for operation in RESTORATION:
        yield Grant("Restore", f"dynamodb:{operation}", scope.table(table))


def kept(table: Table, scope: PolicyScope, *, mode: PolicyMode) -> Iterator[Grant]:
    """Copy the items of a table that is recreated, and copy them back. Items are deleted from the copy alone."""
    copy = scope.staging(table)
    yield Grant("Read", f"dynamodb:{Tags.reader}", scope.table(table), topic=topic_of(Tags.name))
    if mode != "apply":
        return
    for operation in ("CreateTable", *Tags.writers):
        yield Grant("Change", f"dynamodb:{operation}", copy)
    for operation in Tags.writers:
        yield Grant("Change", f"dynamodb:{operation}", scope.table(table), topic=topic_of(Tags.name))
    for operation in ("Scan", "PartiQLInsert", "PutItem"):
        for resource in (scope.table(table), copy):
            yield Grant("Copy", f"dynamodb:{operation}", resource, topic="Items")
    yield Grant("Copy", "dynamodb:BatchWriteItem", copy, topic="Items")
    yield Grant("Delete", "dynamodb:DeleteTable", copy)
