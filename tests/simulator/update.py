"""UpdateTable: which concerns one call may combine, what each state of a table admits; the concerns do the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulator import definitions, describe, errors
from tests.simulator.concerns import (
    capacity,
    encryption,
    indexes,
    limits,
    protection,
    replicas,
    stream,
    table_class,
    vectors,
    warm,
)
from tests.simulator.lifecycle import refuse_not_simulated
from tests.simulator.operations import writes
from tests.simulator.tables import PAY_PER_REQUEST, PROVISIONED, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.simulator.account import Account
    from tests.simulator.tables import Table

    # A concern checks its part of the request and gives back what begins it: nothing begins unless all are fine.
    Prepare = Callable[[Account, Table, Json], Callable[[], None]]

CONCERNS: Final[Mapping[str, Prepare]] = {
    PAY_PER_REQUEST: capacity.prepare,
    PROVISIONED: capacity.prepare,
    "ProvisionedThroughput": capacity.prepare,
    "GSI Update": capacity.prepare,
    "GSI Create": indexes.prepare_create,
    "GSI Delete": indexes.prepare_delete,
    "OnDemandThroughput": limits.prepare,
    "StreamSpecification": stream.prepare,
    "SSESpecification": encryption.prepare,
    "TableClass": table_class.prepare,
    "DeletionProtectionEnabled": protection.prepare,
    "WarmThroughput": warm.prepare,
    "ReplicaUpdates": replicas.prepare,
    "VectorIndexUpdates": vectors.prepare,
}
_FIELDS: Final = (
    "ProvisionedThroughput", "OnDemandThroughput", "StreamSpecification", "SSESpecification", "TableClass",
    "DeletionProtectionEnabled", "WarmThroughput", "ReplicaUpdates", "VectorIndexUpdates",
)  # fmt: skip
NOT_SIMULATED: Final = (
    "MultiRegionConsistency", "GlobalTableWitnessUpdates", "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
)  # fmt: skip

ONLINE: Final = {"GSI Create", "GSI Delete"}

# The one-concern matrix: docs/dynamodb.md#one-concern-per-updatetable
# First the concerns that stand alone, in the order in which AWS names them …
ALONE: Final[Mapping[str, str]] = {
    "ReplicaUpdates": "Replica modification must be the only operation in the request",
    "SSESpecification": "Server-Side Encryption modification must be the only operation in the request",
    "TableClass": "TableClass modification must be the only operation in the request",
    "DeletionProtectionEnabled": "DeletionProtection modification must be the only operation in the request",
    "WarmThroughput": "WarmThroughput must be the only operation in the request",
}
# … then pairs that never go together, with AWS's words …
APART: Final = (
    (ONLINE, {"ProvisionedThroughput"}, "You cannot create or delete index while updating table IOPS"),
    (ONLINE, {"StreamSpecification"}, "You cannot create or delete index while changing stream status"),
    (
        {"StreamSpecification"},
        {"ProvisionedThroughput", PROVISIONED},
        "You cannot modify stream status while updating table IOPS",
    ),
    ({PAY_PER_REQUEST}, {"ProvisionedThroughput"}, f"{definitions.NEITHER} when BillingMode is PAY_PER_REQUEST"),
    (
        {"OnDemandThroughput"},
        set(CONCERNS) - {"OnDemandThroughput", PAY_PER_REQUEST},
        "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request",
    ),
)  # fmt: skip
# … and what is known to go together; everything else is refused.
TOGETHER: Final = (
    {PROVISIONED, "ProvisionedThroughput", "GSI Update"},
    {PAY_PER_REQUEST, "GSI Update"},
    {"GSI Create", "GSI Update"},
    {"GSI Create", PAY_PER_REQUEST},
    {"GSI Create", PROVISIONED},
    {"StreamSpecification", PAY_PER_REQUEST},
    {"OnDemandThroughput", PAY_PER_REQUEST},
)
# What a table in transition admits: docs/dynamodb.md#states-of-a-table
# What is not here is refused until the transition is over.
ADMITTED: Final[Mapping[str, set[str]]] = {
    "settled": set(CONCERNS),
    "backfilling": {"ProvisionedThroughput", "DeletionProtectionEnabled", "WarmThroughput", "GSI Delete"},
}
ONLY_ONE_INDEX: Final = "Only 1 online index can be created or deleted simultaneously per table"


@writes("UpdateTable")
def update_table(account: Account, request: Json) -> Json:
    """Begin a change. The answer shows the table as it was before, apart from states."""
    refuse_not_simulated(request, NOT_SIMULATED)
    concerns = concerns_of(request)
    check_combination(concerns, request)
    table = account.table(request["TableName"])
    if "to provisioned" in table.busy and concerns == {PAY_PER_REQUEST}:
        return {"TableDescription": describe.table(account, table)}  # measured: 200, and dropped
    check_state(table, concerns, request)
    before = describe.table(account, table)
    prepared = [prepare(account, table, request) for prepare in dict.fromkeys(CONCERNS[c] for c in sorted(concerns))]
    for begin in prepared:
        begin()
    if account.stale:
        table.stale, table.stale_until = before, account.now + account.duration("stale read", table.name)
    return {"TableDescription": describe.table(account, table)}


def concerns_of(request: Json) -> set[str]:
    """What the request is about."""
    found: set[str] = {name for name in _FIELDS if name in request}
    if "BillingMode" in request:
        found.add(request["BillingMode"])
    for entry in request.get("GlobalSecondaryIndexUpdates", []):
        if len(entry) != 1:
            raise errors.invalid(
                "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"
            )
        found.add(f"GSI {next(iter(entry))}")
    if not found:
        raise errors.validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
            "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, "
            "MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is "
            "required"
        )
    if request.get("GlobalSecondaryIndexUpdates") == []:
        raise errors.invalid("List of GlobalSecondaryIndexUpdates is empty")
    return found


def check_combination(concerns: set[str], request: Json) -> None:
    """The one-concern rule, which no state and no waiting changes."""
    for name, text in ALONE.items():
        if name in concerns and len(concerns) > 1:
            raise errors.invalid(text)
    for some, others, text in APART:
        if concerns & some and concerns & others:
            raise errors.invalid(text)
    _check_index_entries(request)
    if len(concerns) > 1 and not any(concerns <= allowed for allowed in TOGETHER):
        raise errors.invalid(f"These cannot be modified in the same request: {', '.join(sorted(concerns))}")


def _check_index_entries(request: Json) -> None:
    entries = [next(iter(entry.items())) for entry in request.get("GlobalSecondaryIndexUpdates", [])]
    names = [body["IndexName"] for _, body in entries]
    for name in names:
        if names.count(name) > 1:
            raise errors.invalid(
                f"Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
    if sum(action != "Update" for action, _ in entries) > 1:
        raise errors.limit(ONLY_ONE_INDEX)


def facts(table: Table) -> str:
    """The transition that the table is in, the strictest first."""
    index = table.building()
    busy_index = any(index.status != "ACTIVE" for index in table.indexes.values())
    states = (
        (table.lifecycle == "CREATING", "creating"),
        (table.lifecycle == "DELETING", "deleting"),
        (table.replica_work, "replica"),
        (index is not None and not index.backfilling, "allocating"),
        (bool(table.busy), "updating"),
        (index is not None, "backfilling"),
        (any(vector["IndexStatus"] != "ACTIVE" for vector in table.vectors.values()), "vector index"),
        (busy_index, "index"),
    )
    return next((name for holds, name in states if holds), "settled")


def check_state(table: Table, concerns: set[str], request: Json) -> None:
    """Refuse what the present transition does not admit."""
    state = facts(table)
    index = table.building() or next((i for i in table.indexes.values() if i.status == "DELETING"), None)
    deletes = [e["Delete"]["IndexName"] for e in request.get("GlobalSecondaryIndexUpdates", []) if "Delete" in e]
    if index is not None and concerns & ONLINE and not (index.backfilling and index.name in deletes):
        if state == "allocating" and index.name in deletes:
            raise errors.in_use(
                "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the "
                f"index is active. Table: {table.name} Index: {index.name}"
            )
        raise errors.limit(ONLY_ONE_INDEX)
    if state == "allocating" and "WarmThroughput" in concerns:
        raise errors.internal_failure()
    if not concerns <= ADMITTED.get(state, set()):
        raise errors.in_use(_WHY[state].format(table=table.name, index=index.name if index else ""))


_WHY: Final[Mapping[str, str]] = {
    "creating": "Table is being created: {table}",
    "deleting": "Table is being deleted: {table}",
    "replica": "Table: {table} is in the process of being updated.",
    "allocating": "Index is being created.  Table: {table} Index: {index}",
    "updating": "Table: {table} is in the process of being updated.",
    "backfilling": "Index is being created.  Table: {table} Index: {index}",
    "vector index": "Table: {table} has a vector index that is being created or deleted.",
    "index": "Table: {table} has an index that is being updated.",
}
