"""How a table looks in DescribeTable: which members show, and which are absent.

docs/dynamodb.md#what-describetable-shows

Reads only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.simulator.durations import ITEM_COUNT_PERIOD
from tests.simulator.tables import Json

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Capacity, Index, Replica, Table, Warm

PROGRESS = {"UPDATING", "ENABLING", "DISABLING"}


def table(account: Account, table: Table) -> Json:
    """The TableDescription of a table at this moment."""
    _count_items(account, table)
    shown: Json = {
        "TableName": table.name,
        "TableArn": table.arn,
        "TableId": table.id,
        "TableStatus": table.status,
        "CreationDateTime": table.created,
        "KeySchema": list(table.key_schema),
        "AttributeDefinitions": _attributes(account, table),
        "ProvisionedThroughput": _capacity(account, table.capacity),
        "WarmThroughput": _warm(table.warm),
        "DeletionProtectionEnabled": table.protected,
        "ItemCount": table.item_count,
        "TableSizeBytes": table.item_bytes,
    }
    optional = {
        "BillingModeSummary": _billing(table),
        "OnDemandThroughput": dict(table.limits),
        "LocalSecondaryIndexes": [_local(table, index) for index in table.local_indexes],
        "GlobalSecondaryIndexes": _shuffled(
            account, table, [_index(account, table, i) for i in table.indexes.values()]
        ),
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": table.stream_view}
        if table.stream_view
        else {},
        "LatestStreamLabel": table.stream_label,
        "LatestStreamArn": table.stream_label and table.stream_arn,
        "SSEDescription": _encryption(table),
        "TableClassSummary": _class(table),
        "VectorIndexes": [
            index | _sizes(table) | {"IndexArn": table.index_arn(name)} for name, index in table.vectors.items()
        ],
        "RestoreSummary": table.restore,
        **_group(account, table),
        **table.unheard_of,
    }
    return shown | {name: value for name, value in optional.items() if value}


def recount(account: Account, table: Table) -> None:
    """Take the numbers of items anew, which AWS does about every six hours."""
    table.item_count, table.item_bytes, table.counted = len(table.items), table.items.bytes, account.now


def _count_items(account: Account, table: Table) -> None:
    if account.now - table.counted >= ITEM_COUNT_PERIOD:
        recount(account, table)


def _shuffled(account: Account, table: Table, entries: list[Json]) -> list[Json]:
    """AWS keeps no order of indexes and attributes; ours is as arbitrary, and the same in every run."""
    return sorted(entries, key=lambda entry: hash_of(account, table.name, str(next(iter(entry.values())))))


def hash_of(account: Account, *subject: str) -> int:
    """A number that depends on the seed and the subject only."""
    return sum(ord(letter) * (place + account.seed + 7) for place, letter in enumerate("/".join(subject))) % 1009


def _attributes(account: Account, table: Table) -> list[Json]:
    entries = [{"AttributeName": name, "AttributeType": kind} for name, kind in table.attributes.items()]
    return _shuffled(account, table, entries)


def _capacity(account: Account, capacity: Capacity) -> Json:
    shown: Json = {
        "NumberOfDecreasesToday": decreases_today(account, capacity),
        "ReadCapacityUnits": capacity.read,
        "WriteCapacityUnits": capacity.write,
    }
    if capacity.increased is not None:
        shown["LastIncreaseDateTime"] = capacity.increased
    if capacity.decreases:
        shown["LastDecreaseDateTime"] = capacity.decreases[-1]
    return shown


def decreases_today(account: Account, capacity: Capacity) -> int:
    """How many decreases this UTC day has seen."""
    today = datetime.fromtimestamp(account.now, UTC).date()
    return sum(datetime.fromtimestamp(moment, UTC).date() == today for moment in capacity.decreases)


def _warm(warm: Warm) -> Json:
    return {"ReadUnitsPerSecond": warm.read, "WriteUnitsPerSecond": warm.write, "Status": warm.status}


def _billing(table: Table) -> Json:
    if table.billing_since is None:
        return {}  # absent for a table that was PROVISIONED always
    return {"BillingMode": table.billing, "LastUpdateToPayPerRequestDateTime": table.billing_since}


def _sizes(table: Table) -> Json:
    return {"IndexSizeBytes": table.item_count * 50, "ItemCount": table.item_count}


def _local(table: Table, index: Json) -> Json:
    return index | _sizes(table) | {"IndexArn": table.index_arn(index["IndexName"])}


def _index(account: Account, table: Table, index: Index) -> Json:
    shown: Json = {
        "IndexName": index.name,
        "KeySchema": list(index.key_schema),
        "Projection": dict(index.projection),
        "IndexStatus": index.status,
        "ProvisionedThroughput": _capacity(account, index.capacity),
        "WarmThroughput": _warm(index.warm),
        "IndexArn": table.index_arn(index.name),
        **_sizes(table),
    }
    if index.backfilling is not None:
        shown["Backfilling"] = index.backfilling
    if index.limits:
        shown["OnDemandThroughput"] = dict(index.limits)
    return shown


def _encryption(table: Table) -> Json:
    encryption = table.encryption
    if encryption.key is None and encryption.status not in PROGRESS:
        return {}  # the key that AWS owns does not show
    key = {"SSEType": "KMS", "KMSMasterKeyArn": encryption.key} if encryption.key else {}
    return {"Status": encryption.status} | key


def _class(table: Table) -> Json:
    if table.table_class is None:
        return {}
    updated = {"LastUpdateDateTime": table.class_updated} if table.class_updated is not None else {}
    return {"TableClass": table.table_class} | updated


def _group(account: Account, table: Table) -> Json:
    if not table.replicas:
        return {}
    entries = [_replica(region, replica) for region, replica in table.replicas.items()]
    return {
        "GlobalTableVersion": "2019.11.21",
        "GlobalTableSettingsReplicationMode": "ENABLED_WITH_OVERRIDES",
        "Replicas": sorted(entries, key=lambda entry: hash_of(account, table.name, str(entry["RegionName"]))),
    }


def _replica(region: str, replica: Replica) -> Json:
    shown: Json = {"RegionName": region, "ReplicaStatus": replica.status}
    for member in ("KMSMasterKeyId", "ProvisionedThroughputOverride", "OnDemandThroughputOverride"):
        if member in replica.spec:
            shown[member] = replica.spec[member]
    if "GlobalSecondaryIndexes" in replica.spec:
        shown["GlobalSecondaryIndexes"] = replica.spec["GlobalSecondaryIndexes"]
    if "TableClassOverride" in replica.spec:
        shown["ReplicaTableClassSummary"] = {"TableClass": replica.spec["TableClassOverride"]}
    return shown
