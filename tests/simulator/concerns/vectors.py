"""Vector indexes: their rules, and how one is made and deleted on a live table.

As far as it is known, a vector index goes through the phases of a global one. Whatever else is asked for while one is
being made or deleted is refused. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/VectorSearch.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions, errors
from tests.simulator.tables import PAY_PER_REQUEST, PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

ON_DEMAND_ONLY = "Vector indexes are only supported on tables with BillingMode PAY_PER_REQUEST"


def check(request: Json) -> None:
    """The vector indexes of a CreateTable."""
    vectors = request.get("VectorIndexes", [])
    names = [index["IndexName"] for index in [*vectors, *definitions.all_indexes(request)]]
    if len(set(names)) < len(names):
        raise errors.invalid("Duplicate index name among vector and secondary indexes")
    keys = {attribute["AttributeName"] for attribute in request.get("AttributeDefinitions", [])}
    for index in vectors:
        _check(index, keys, request.get("BillingMode", PROVISIONED))


def _check(index: Json, keys: set[str], mode: str) -> None:
    definitions.check_projection(index)
    attribute = index["VectorAttribute"]["AttributeName"]
    if mode != PAY_PER_REQUEST:
        raise errors.invalid(ON_DEMAND_ONLY)
    if attribute in keys:
        raise errors.invalid(f"The vector attribute {attribute} is a key attribute")


def check_global(table: Table, index: Json) -> None:
    """A new global index beside the vector indexes that there are."""
    keys = {element["AttributeName"] for element in index["KeySchema"]}
    for name, vector in table.vectors.items():
        if name == index["IndexName"]:
            raise errors.validation(f"Attempting to create an index which already exists: {name}")
        if vector["VectorAttribute"]["AttributeName"] in keys:
            raise errors.invalid(f"A vector attribute cannot be a key attribute. Index: {name}")


def check_mode(table: Table, mode: str) -> None:
    """A switch of the billing mode."""
    if table.vectors and mode == PROVISIONED:
        raise errors.invalid(ON_DEMAND_ONLY)


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check the one vector index that comes or goes; give back what begins it."""
    updates = request["VectorIndexUpdates"]
    if len(updates) != 1:
        raise errors.limit("Only 1 vector index can be created or deleted in one request")
    ((action, given),) = updates[0].items()
    return _creation(account, table, given) if action == "Create" else _deletion(account, table, given["IndexName"])


def _creation(account: Account, table: Table, given: Json) -> Callable[[], None]:
    name = given["IndexName"]
    _check(given, set(table.attributes), table.billing)
    if name in {*table.vectors, *table.indexes, *(local["IndexName"] for local in table.local_indexes)}:
        raise errors.validation(f"Attempting to create an index which already exists: {name}")

    def backfill() -> None:
        table.vectors[name]["Backfilling"] = True
        account.later(account.duration("index backfill", table.name), done)

    def done() -> None:
        table.vectors[name]["IndexStatus"] = "ACTIVE"
        del table.vectors[name]["Backfilling"]

    def begin() -> None:
        table.vectors[name] = {**given, "IndexStatus": "CREATING", "Backfilling": False}
        account.occupy(table, "vector index", account.duration("index allocation", table.name), backfill)

    return begin


def _deletion(account: Account, table: Table, name: str) -> Callable[[], None]:
    if name not in table.vectors:
        raise errors.ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")

    def begin() -> None:
        table.vectors[name]["IndexStatus"] = "DELETING"
        account.occupy(table, "vector index", account.duration("index delete", table.name), gone)

    def gone() -> None:
        del table.vectors[name]

    return begin
