"""Point-in-time recovery and backups: ContinuousBackups, CreateBackup, DescribeBackup, ListBackups.

docs/dynamodb.md#point-in-time-recovery
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.simulator import describe, errors
from tests.simulator.clock import DAY, MINUTE
from tests.simulator.operations import reads, writes
from tests.simulator.tables import Backup

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

SYSTEM_BACKUP_DAYS = 35
DEFAULT_DAYS = 35


@reads("DescribeContinuousBackups")
def describe_continuous_backups(account: Account, request: Json) -> Json:
    """Recovery, and its period only while it is on."""
    table = account.settled(request["TableName"], errors.no_backup_table)
    return {"ContinuousBackupsDescription": _recovery(account, table)}


def _recovery(account: Account, table: Table) -> Json:
    recovery = table.recovery
    shown: Json = {"PointInTimeRecoveryStatus": "DISABLED"}
    if recovery.since is not None:
        earliest = max(recovery.since, account.now - recovery.days * DAY)
        shown = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": recovery.days,
            "EarliestRestorableDateTime": earliest,
            "LatestRestorableDateTime": max(earliest, account.now - 5 * MINUTE),
        }
    return {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": shown}


@writes("UpdateContinuousBackups")
def update_continuous_backups(account: Account, request: Json) -> Json:
    """Switch recovery at once; switched off and on again the window begins anew."""
    table = account.settled(request["TableName"], errors.no_backup_table)
    wanted = request["PointInTimeRecoverySpecification"]
    on, days = wanted["PointInTimeRecoveryEnabled"], wanted.get("RecoveryPeriodInDays")
    if not on and days is not None:
        raise errors.validation(
            "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
        )
    _check_ready(account, table)
    if not on:
        table.recovery.since = None
    else:
        table.recovery.since = table.recovery.since if table.recovery.since is not None else account.now
        table.recovery.days = days or DEFAULT_DAYS
    return {"ContinuousBackupsDescription": _recovery(account, table)}


def _check_ready(account: Account, table: Table) -> None:
    if account.now < table.recovery.ready:
        raise errors.ApiError(
            "ContinuousBackupsUnavailableException",
            f"Backups are being enabled for the table: {table.name}. Please retry later",
        )


@writes("CreateBackup")
def create_backup(account: Account, request: Json) -> Json:
    """Begin a backup; names are not unique, so twice is two."""
    table = account.settled(request["TableName"], errors.no_backup_table)
    _check_ready(account, table)
    backup = _backup(account, table, request["BackupName"], "USER")
    account.backups[backup.arn] = backup

    def done() -> None:
        backup.status = "AVAILABLE"

    account.later(account.duration("backup", table.name), done)
    return {"BackupDetails": _details(backup)}


def _backup(account: Account, table: Table, name: str, kind: str) -> Backup:
    chance = account.random("backup", table.name)
    arn = f"{table.arn}/backup/{int(account.now * 1000):014d}-{chance.getrandbits(32):08x}"
    shown = describe.table(account, table)
    source = {
        "TableName": table.name,
        "TableId": table.id,
        "TableArn": table.arn,
        "TableSizeBytes": shown["TableSizeBytes"],
        "KeySchema": table.key_schema,
        "TableCreationDateTime": table.created,
        "ProvisionedThroughput": {"ReadCapacityUnits": table.capacity.read, "WriteCapacityUnits": table.capacity.write},
        "ItemCount": len(table.items),
        "BillingMode": table.billing,
    }
    return Backup(arn, name, account.now, "CREATING", kind, source, deepcopy(table))


def keep_deleted(account: Account, table: Table) -> None:
    """Deleting a table with recovery on leaves a backup that the system keeps for 35 days."""
    if table.recovery.since is None:
        return
    backup = _backup(account, table, f"{table.name}$DeletedTableBackup", "SYSTEM")
    backup.status, backup.expires = "AVAILABLE", account.now + SYSTEM_BACKUP_DAYS * DAY
    account.backups[backup.arn] = backup


def _details(backup: Backup) -> Json:
    details: Json = {
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupSizeBytes": backup.source["TableSizeBytes"],
        "BackupStatus": backup.status,
        "BackupType": backup.kind,
        "BackupCreationDateTime": backup.made,
    }
    return details | ({"BackupExpiryDateTime": backup.expires} if backup.expires is not None else {})


@reads("DescribeBackup")
def describe_backup(account: Account, request: Json) -> Json:
    """A backup and what it was made of."""
    backup = account.backups.get(request["BackupArn"])
    if backup is None:
        raise errors.ApiError("BackupNotFoundException", f"Backup not found: {request['BackupArn']}")
    shown = {"BackupDetails": _details(backup), "SourceTableDetails": backup.source}
    if backup.kind == "USER":  # one that the system made tells nothing of these
        shown["SourceTableFeatureDetails"] = _features(backup.table)
    return {"BackupDescription": shown}


def _features(table: Table) -> Json:
    shown: Json = {
        "GlobalSecondaryIndexes": [
            {"IndexName": index.name, "KeySchema": index.key_schema, "Projection": index.projection}
            for index in table.indexes.values()
        ],
        "LocalSecondaryIndexes": table.local_indexes,
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": table.encryption.key}
        if table.encryption.key
        else {},
    }
    return {name: value for name, value in shown.items() if value}


@writes("DeleteBackup")
def delete_backup(account: Account, request: Json) -> Json:
    """Delete a backup that somebody made; one that is CREATING is in use."""
    answer = describe_backup(account, request)
    backup = account.backups[request["BackupArn"]]
    if backup.status != "AVAILABLE":
        raise errors.ApiError("BackupInUseException", f"Backup is being created: {backup.arn}")
    if backup.kind == "SYSTEM":
        raise errors.validation("Cannot delete a SYSTEM backup")
    del account.backups[backup.arn]
    return answer


@reads("ListBackups")
def list_backups(account: Account, request: Json) -> Json:
    """Backups of a table or all, 100 a page, those of the system only when asked for."""
    kind, name = request.get("BackupType", "USER"), request.get("TableName")
    chosen = [
        backup
        for arn, backup in sorted(account.backups.items())
        if kind in {backup.kind, "ALL"}
        and (name is None or backup.source["TableName"] == account.name_of(name))
        and arn > request.get("ExclusiveStartBackupArn", "")
    ]
    page = chosen[: request.get("Limit", 100)]
    summaries = [
        {key: backup.source[key] for key in ("TableName", "TableId", "TableArn")} | _details(backup) for backup in page
    ]
    last = {"LastEvaluatedBackupArn": page[-1].arn} if len(page) < len(chosen) else {}
    return {"BackupSummaries": summaries} | last
