"""Replicas (ReplicaUpdates): one at a time, with the states their regions show; never their contents.

docs/dynamodb.md#replicas
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.concerns import stream
from tests.simulator.sidecars import scaling
from tests.simulator.tables import PROVISIONED, Replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

OVERRIDES = (
    "KMSMasterKeyId",
    "ProvisionedThroughputOverride",
    "OnDemandThroughputOverride",
    "GlobalSecondaryIndexes",
    "TableClassOverride",
)


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check one action on one replica; give back what begins it."""
    entries = request["ReplicaUpdates"]
    if len(entries) > 1:
        raise errors.validation(
            "Update table operation with more than one create or delete replica actions not allowed"
        )
    if len(entries[0]) != 1:
        raise errors.validation("There are no actions specified in the Replica Update Action of the request.")
    action, body = next(iter(entries[0].items()))
    region = body["RegionName"]
    if region == account.region:
        raise errors.validation("Cannot add or delete the local region through ReplicaUpdates.")
    if action == "Create":
        _check_create(account, table, body)
        return lambda: _create(account, table, region, body)
    if region not in table.replicas:
        raise errors.validation(
            "Update global table operation failed because one or more replicas were not part of the global table. "
            f"Please retry the request without these replicas: [{region}]."
        )
    if action == "Delete":
        return lambda: _delete(account, table, region)
    if "KMSMasterKeyId" in body:
        raise errors.validation("KMSMasterKeyId of a replica cannot be updated.")
    return lambda: _update(account, table, region, body)


def _check_create(account: Account, table: Table, body: Json) -> None:
    region = body["RegionName"]
    if region in table.replicas or (region, table.name) in account.foreign_tables:
        raise errors.validation(
            f"Failed to create a the new replica of table with name: ‘{table.name}’ because one or more replicas "
            "already existed as tables."
        )
    managed = next(key.arn for key in account.kms_keys if "alias/aws/dynamodb" in key.aliases)
    if table.encryption.key not in (None, managed) and "KMSMasterKeyId" not in body:
        raise errors.invalid("KMSMasterKeyId must be specified for each replica.")
    if table.billing == PROVISIONED:
        for resource, dimension in (
            (f"table/{table.name}", "table"),
            *((f"table/{table.name}/index/{i}", "index") for i in table.indexes),
        ):
            if not scaling.scales(account, resource, f"dynamodb:{dimension}:WriteCapacityUnits"):
                whose = "Table" if dimension == "table" else "GSI"
                raise errors.validation(f"{whose} write capacity should either be Pay-Per-Request or AutoScaled.")


def _create(account: Account, table: Table, region: str, body: Json) -> None:
    table.replica_work = True
    replica = Replica({name: body[name] for name in OVERRIDES if name in body}, made=account.now)
    inherit(table, replica)
    if table.stream_view is None:
        stream.enable(account, table, "NEW_AND_OLD_IMAGES")  # it comes by itself, and stays after the replica

    def ready() -> None:
        replica.status, table.replica_work = "ACTIVE", False

    def appear() -> None:
        table.replicas[region] = replica
        account.later(account.duration("replica with items" if table.items else "replica", table.name), ready)

    account.occupy(table, "replica", account.duration("replica appears", table.name), appear)


def inherit(table: Table, replica: Replica) -> None:
    """An override that equals the table's value is not kept: absent means inherited."""
    if replica.spec.get("TableClassOverride") == (table.table_class or "STANDARD"):
        del replica.spec["TableClassOverride"]


def _delete(account: Account, table: Table, region: str) -> None:
    table.replica_work = True
    table.replicas[region].status = "DELETING"
    account.occupy(table, "replica", account.duration("replica delete holds table", table.name), lambda: None)

    def gone() -> None:
        del table.replicas[region]
        table.replica_work = False
        account.foreign_tables.add((region, table.name))  # the region's own table is there a little longer
        account.later(
            account.duration("replica's region", table.name),
            lambda: account.foreign_tables.discard((region, table.name)),
        )

    account.later(account.duration("replica delete", table.name), gone)


def _update(account: Account, table: Table, region: str, body: Json) -> None:
    replica = table.replicas[region]
    table.replica_work, replica.status = True, "UPDATING"

    def done() -> None:
        replica.spec.update({name: body[name] for name in OVERRIDES if name in body})
        inherit(table, replica)
        table.replica_work, replica.status = False, "ACTIVE"

    account.later(account.duration("replica update", table.name), done)
