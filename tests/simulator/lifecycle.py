"""CreateTable, DescribeTable, ListTables, DeleteTable, DescribeLimits: a table's beginning and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions, describe, errors, making
from tests.simulator.clock import MINUTE
from tests.simulator.concerns import encryption, stream, vectors
from tests.simulator.operations import reads, writes
from tests.simulator.sidecars import policy, recovery
from tests.simulator.tables import PAY_PER_REQUEST, PROVISIONED, Json, Table

if TYPE_CHECKING:
    from tests.simulator.account import Account

NOT_SIMULATED = ("GlobalTableSourceArn", "GlobalTableSettingsReplicationMode")
DAY_OF_A_REPLICA = 24 * 3600.0


@writes("CreateTable")
def create_table(account: Account, request: Json) -> Json:
    """Make a table: CREATING first, then ACTIVE with all its indexes."""
    refuse_not_simulated(request, NOT_SIMULATED)
    definitions.check(request, index_limit=account.index_limit)
    vectors.check(request)
    key = encryption.resolve(account, request.get("SSESpecification", {}))
    document = policy.canonical(request["ResourcePolicy"]) if "ResourcePolicy" in request else None
    if document is not None:
        policy.check_principals(account, document)
    name = account.name_of(request["TableName"])
    check_name(account, name)
    check_account(account)
    table = new_table(account, name, request)
    table.encryption.key, table.encryption.status = key, "ENABLED" if key else ""
    if document is not None:
        table.policies.now = table.policies.seen = policy.revision(account, document)
    account.tables[name] = table
    indexed = table.indexes or table.local_indexes or table.vectors
    start(account, table, "create with indexes" if indexed else "create")
    return {"TableDescription": describe.table(account, table)}


def refuse_not_simulated(request: Json, members: tuple[str, ...]) -> None:
    """Say so where the simulator leaves something out, rather than to accept what it does not keep."""
    for member in members:
        if member in request:
            raise errors.validation(f"The simulator does not simulate {member}")


def check_name(account: Account, name: str) -> None:
    """Refuse a name that a table has, or that an import whose table is not there yet will give one."""
    if name in account.tables and account.tables[name].lifecycle == "DELETING":
        raise errors.in_use(f"Table is being deleted: {name}")
    importing = any(one.name == name and one.shown["ImportStatus"] == "IN_PROGRESS" for one in account.imports.values())
    if name in account.tables or importing:
        raise errors.ApiError("ResourceInUseException", f"Table already exists: {name}")


def check_account(account: Account) -> None:
    """Refuse one table too many, or too many at once."""
    if len(account.tables) >= account.table_limit:
        raise errors.limit(f"There is a limit of {account.table_limit} tables per subscriber")
    if sum(table.status != "ACTIVE" for table in account.tables.values()) >= account.work_limit:
        raise errors.limit(f"Only {account.work_limit} tables can be created, updated, or deleted simultaneously")


def new_table(account: Account, name: str, request: Json) -> Table:
    """A table as CreateTable asks for it, CREATING."""
    on_demand = request.get("BillingMode") == PAY_PER_REQUEST
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    table = Table(
        name=name,
        arn=account.arn(name),
        id=account.uuid("table", name),
        created=account.now,
        key_schema=request["KeySchema"],
        attributes={a["AttributeName"]: a["AttributeType"] for a in request["AttributeDefinitions"]},
        capacity=making.capacity(request),
        warm=making.warm(request, on_demand=on_demand),
        billing=PAY_PER_REQUEST if on_demand else PROVISIONED,
        billing_since=account.now if on_demand else None,
        local_indexes=[making.local_index(index) for index in request.get("LocalSecondaryIndexes", [])],
        indexes={
            i["IndexName"]: making.index(i, on_demand=on_demand) for i in request.get("GlobalSecondaryIndexes", [])
        },
        vectors={
            index["IndexName"]: {**index, "IndexStatus": "CREATING"} for index in request.get("VectorIndexes", [])
        },
        limits=dict(request.get("OnDemandThroughput", {})),
        table_class=request.get("TableClass"),
        protected=request.get("DeletionProtectionEnabled", False),
        counted=account.now,
    )
    table.tags.now, table.tags.seen = dict(tags), dict(tags)
    if request.get("StreamSpecification", {}).get("StreamEnabled"):
        stream.enable(account, table, request["StreamSpecification"]["StreamViewType"])
    return table


def start(account: Account, table: Table, what: str) -> None:
    """Let the table become ACTIVE after the duration of that name."""
    table.stale, table.stale_until = None, account.now + (account.duration("stale read") if account.stale else 0)

    account.later(account.duration(what, table.name), lambda: ready(account, table))


def ready(account: Account, table: Table) -> None:
    """Let the table be ACTIVE with all its indexes."""
    table.lifecycle, table.restore = "", {}
    for index in table.indexes.values():
        index.status = "ACTIVE"
    for vector in table.vectors.values():
        vector["IndexStatus"] = "ACTIVE"
    table.recovery.ready = account.now + account.duration("recovery start-up", table.name)


@reads("DescribeTable")
def describe_table(account: Account, request: Json) -> Json:
    """The table as it is, or was a moment ago where stale reads are switched on."""
    table = account.table(request["TableName"])
    if account.now < table.stale_until:
        if table.stale is None:
            raise errors.no_table(table.name)
        return {"Table": table.stale}
    return {"Table": describe.table(account, table)}


@reads("ListTables")
def list_tables(account: Account, request: Json) -> Json:
    """Names in order, 100 a page."""
    names = sorted(name for name in account.tables if name > request.get("ExclusiveStartTableName", ""))
    page = names[: request.get("Limit", 100)]
    return {"TableNames": page} | ({"LastEvaluatedTableName": page[-1]} if len(page) < len(names) else {})


@writes("DeleteTable")
def delete_table(account: Account, request: Json) -> Json:
    """Delete a table that nothing holds; its name is free when it is gone."""
    table = account.table(request["TableName"])
    _check_deletable(account, table)
    table.lifecycle = "DELETING"

    def gone() -> None:
        del account.tables[table.name]
        recovery.keep_deleted(account, table)

    account.later(account.duration("delete", table.name), gone)
    return {"TableDescription": describe.table(account, table)}


def _check_deletable(account: Account, table: Table) -> None:
    if table.lifecycle:
        raise errors.in_use(f"Table is being {'created' if table.lifecycle == 'CREATING' else 'deleted'}: {table.name}")
    if table.protected:
        raise errors.validation(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    statuses = [index.status for index in table.indexes.values()]
    statuses += [index["IndexStatus"] for index in table.vectors.values()]
    if any(status != "ACTIVE" for status in statuses):
        raise errors.in_use("Cannot delete table while indexes are being created, updated, or deleted.")
    warm = [table.warm, *(index.warm for index in table.indexes.values())]
    if table.busy or table.replica_work or any(one.status == "UPDATING" for one in warm):
        raise errors.in_use(f"Table: {table.name} is in the process of being updated.")
    if any(backup.status == "CREATING" and backup.source["TableId"] == table.id for backup in account.backups.values()):
        raise errors.in_use(f"A backup of the table is being made: {table.name}")
    if any(account.now - replica.made < DAY_OF_A_REPLICA for replica in table.replicas.values()):
        raise errors.validation(
            "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the "
            "table in the last 24 hours."
        )


@reads("DescribeLimits")
def describe_limits(account: Account, _: Json) -> Json:
    """The account's capacity limits; asked for more than once a minute, it throttles."""
    if account.quotas and account.now - account.limits_read < MINUTE:
        raise errors.ApiError("ThrottlingException", "Rate exceeded")
    account.limits_read = account.now
    return {
        "AccountMaxReadCapacityUnits": 80000,
        "AccountMaxWriteCapacityUnits": 80000,
        "TableMaxReadCapacityUnits": 40000,
        "TableMaxWriteCapacityUnits": 40000,
    }
