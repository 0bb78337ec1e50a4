"""Creating and deleting a global secondary index of a live table, with its phases.

docs/dynamodb.md#global-secondary-indexes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions, errors, making
from tests.simulator.concerns import vectors
from tests.simulator.tables import PAY_PER_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Index, Json, Table


def prepare_create(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a new index; give back what begins its allocation and, after that, its backfill."""
    holder = next(entry["Create"] for entry in request["GlobalSecondaryIndexUpdates"] if "Create" in entry)
    mode = request.get("BillingMode", table.billing)
    _check_new(table, holder, mode, account.index_limit)
    attributes = _check_attributes(table, holder, request.get("AttributeDefinitions", []))
    index = making.index(holder, on_demand=mode == PAY_PER_REQUEST)

    def begin() -> None:
        index.backfilling = False
        table.attributes.update(attributes)
        table.indexes[index.name] = index
        seconds = account.duration("index allocation", table.name)
        account.occupy(table, "index allocation", seconds, lambda: _backfill(account, table, index))

    return begin


def _check_new(table: Table, holder: Json, mode: str, index_limit: int) -> None:
    name = holder["IndexName"]
    definitions.check_key(holder["KeySchema"], "global")
    definitions.check_projection(holder)
    definitions.check_index_capacity(holder, mode, missing="ProvisionedThroughput must be specified for index: {}")
    if name in table.indexes or any(local["IndexName"] == name for local in table.local_indexes):
        raise errors.validation(f"Attempting to create an index which already exists: {name}")
    vectors.check_global(table, holder)
    others = [*table.local_indexes, *({"Projection": index.projection} for index in table.indexes.values())]
    definitions.check_projected([*others, holder])
    if len(table.indexes) >= index_limit:
        raise errors.limit(f"GlobalSecondaryIndex count exceeds the per-table limit of {index_limit}")


def _check_attributes(table: Table, holder: Json, definitions_sent: list[Json]) -> dict[str, str]:
    sent = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in definitions_sent}
    needed = definitions.key_names(holder["KeySchema"])
    if not set(needed) <= set(sent):
        raise errors.invalid(f"AttributeDefinitions is not specified for index: {holder['IndexName']}")
    if any(table.attributes.get(name, kind) != kind for name, kind in sent.items()):
        raise errors.invalid(
            "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined."
        )
    return {name: sent[name] for name in needed}


def _backfill(account: Account, table: Table, index: Index) -> None:
    index.backfilling = True  # the table is ACTIVE from here on

    def done() -> None:
        if index.status == "CREATING":  # not cancelled meanwhile
            index.status, index.backfilling = "ACTIVE", None

    account.later(account.duration("index backfill", table.name), done)


def prepare_delete(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check that the index is there; give back what begins its deletion."""
    name = next(entry["Delete"]["IndexName"] for entry in request["GlobalSecondaryIndexUpdates"])
    if any(local["IndexName"] == name for local in table.local_indexes):
        raise errors.validation(f"Cannot delete an index that is not a GlobalSecondaryIndex: {name}")
    if name not in table.indexes:
        raise errors.ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")

    def done() -> None:
        del table.indexes[name]
        table.insights.pop(name, None)
        _prune(table)

    def begin() -> None:
        table.indexes[name].status, table.indexes[name].backfilling = "DELETING", None
        account.occupy(table, "index delete", account.duration("index delete", table.name), done)

    return begin


def _prune(table: Table) -> None:
    keys = [table.key_schema, *(local["KeySchema"] for local in table.local_indexes)]
    keys += [index.key_schema for index in table.indexes.values()]
    used = {name for key in keys for name in definitions.key_names(key)}
    table.attributes = {name: kind for name, kind in table.attributes.items() if name in used}
