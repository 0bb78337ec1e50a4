"""RestoreTableFromBackup: a new table with the key, the items and some of the indexes of a backup, and little else.

docs/dynamodb.md#restoring-a-backup
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.simulator import definitions, describe, errors, lifecycle
from tests.simulator.concerns import encryption
from tests.simulator.operations import writes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulator.account import Account
    from tests.simulator.tables import Backup, Index, Json

NOT_SIMULATED = ("VectorIndexOverride",)


@writes("RestoreTableFromBackup")
def restore_table_from_backup(account: Account, request: Json) -> Json:
    """Make a table of a backup: CREATING for a long time, and meanwhile it says where it comes from."""
    lifecycle.refuse_not_simulated(request, NOT_SIMULATED)
    backup = account.backups.get(request["BackupArn"])
    if backup is None:
        raise errors.ApiError("BackupNotFoundException", f"Backup not found: {request['BackupArn']}")
    if backup.status != "AVAILABLE":
        raise errors.ApiError("BackupInUseException", f"Backup is being created: {backup.arn}")
    name = account.name_of(request["TargetTableName"])
    if name in account.tables:
        raise errors.ApiError("TableAlreadyExistsException", f"Table already exists: {name}")
    asked = _as_creation(backup, request)
    definitions.check(asked, index_limit=account.index_limit)
    override = request.get("SSESpecificationOverride")
    key = encryption.resolve(account, override) if override else backup.table.encryption.key
    lifecycle.check_account(account)
    table = lifecycle.new_table(account, name, asked)
    table.encryption.key, table.encryption.status = key, "ENABLED" if key else ""
    table.items = deepcopy(backup.table.items)
    table.restore = {
        "SourceBackupArn": backup.arn,
        "SourceTableArn": backup.table.arn,
        "RestoreDateTime": account.now,
        "RestoreInProgress": True,
    }
    describe.recount(account, table)
    account.tables[name] = table
    lifecycle.start(account, table, "restore")
    return {"TableDescription": describe.table(account, table)}


def _as_creation(backup: Backup, request: Json) -> Json:
    """The CreateTable that would make the same table."""
    old = backup.table
    local = _chosen(request.get("LocalSecondaryIndexOverride"), old.local_indexes)
    indexes = _chosen(request.get("GlobalSecondaryIndexOverride"), map(_as_parameters, old.indexes.values()))
    if any("WarmThroughput" in index for index in indexes):
        raise errors.validation("WarmThroughput is not supported in GlobalSecondaryIndexOverride")
    billing = request.get("BillingModeOverride", old.billing)
    capacity = {"ReadCapacityUnits": old.capacity.read, "WriteCapacityUnits": old.capacity.write}
    provisioned = request.get("ProvisionedThroughputOverride", capacity if billing == "PROVISIONED" else None)
    limits = request.get("OnDemandThroughputOverride", old.limits)
    used = {name for key in (old.key_schema, *(index["KeySchema"] for index in (*local, *indexes)))
            for name in definitions.key_names(key)}  # fmt: skip
    asked = {
        "KeySchema": old.key_schema,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in old.attributes.items() if name in used
        ],
        "BillingMode": billing,
        "ProvisionedThroughput": provisioned,
        "OnDemandThroughput": limits if billing == "PAY_PER_REQUEST" else None,
        "LocalSecondaryIndexes": local,
        "GlobalSecondaryIndexes": indexes,
    }
    return {name: value for name, value in asked.items() if value}


def _as_parameters(index: Index) -> Json:
    capacity = {"ReadCapacityUnits": index.capacity.read, "WriteCapacityUnits": index.capacity.write}
    return {
        "IndexName": index.name,
        "KeySchema": index.key_schema,
        "Projection": index.projection,
        **({"ProvisionedThroughput": capacity} if index.capacity.read else {}),
        **({"OnDemandThroughput": index.limits} if index.limits else {}),
    }


def _chosen(override: list[Json] | None, old: Iterable[Json]) -> list[Json]:
    """The indexes of the new table: all of the backup's, or those of them that the override names."""
    known = {index["IndexName"]: index for index in old}
    if override is None:
        return list(known.values())
    for index in override:
        there = known.get(index["IndexName"])
        if there is None or any(there[member] != index[member] for member in ("KeySchema", "Projection")):
            raise errors.validation(f"The backup has no such index: {index['IndexName']}")
    return override
