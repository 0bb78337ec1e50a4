"""The little data plane: PutItem, GetItem, DeleteItem, Scan. No expressions, no conditions, no indexes to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.simulator import definitions, errors
from tests.simulator.operations import reads, writes

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


def _table(account: Account, request: Json) -> Table:
    table = account.tables.get(account.name_of(request["TableName"]))
    if table is None or table.lifecycle:
        raise errors.ApiError("ResourceNotFoundException", "Requested resource not found")
    return table


def _key(table: Table, item: Json) -> Json:
    key = {}
    for name in definitions.key_names(table.key_schema):
        if set(item.get(name, {})) != {table.attributes[name]}:
            raise errors.invalid(f"Missing the key {name} in the item, or type mismatch for it")
        key[name] = item[name]
    return key


def _check_index_keys(table: Table, item: Json) -> None:
    for index in table.indexes.values():
        for name in definitions.key_names(index.key_schema):
            if name in item and set(item[name]) != {table.attributes[name]}:
                raise errors.invalid(
                    f"Type mismatch for Index Key {name} Expected: {table.attributes[name]} IndexName: {index.name}"
                )


def _place(key: Json) -> str:
    return json.dumps(key, sort_keys=True)


def _only_key(table: Table, given: Json) -> str:
    key = _key(table, given)
    if key != given:
        raise errors.validation("The provided key element does not match the schema")
    return _place(key)


@writes("PutItem")
def put_item(account: Account, request: Json) -> Json:
    """Write an item whole."""
    table, item = _table(account, request), request["Item"]
    _check_index_keys(table, item)
    table.items.by_key[_place(_key(table, item))] = item
    table.items.writes += 1
    return {}


@reads("GetItem")
def get_item(account: Account, request: Json) -> Json:
    """Read an item."""
    table = _table(account, request)
    found = table.items.by_key.get(_only_key(table, request["Key"]))
    return {"Item": found} if found is not None else {}


@writes("DeleteItem")
def delete_item(account: Account, request: Json) -> Json:
    """Remove an item, if it is there."""
    table = _table(account, request)
    if table.items.by_key.pop(_only_key(table, request["Key"]), None) is not None:
        table.items.writes += 1
    return {}


@reads("Scan")
def scan(account: Account, request: Json) -> Json:
    """All items in pages; as on AWS the last page may be empty."""
    table = _table(account, request)
    size = min(request.get("Limit", account.scan_page), account.scan_page)
    start = _only_key(table, request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else ""
    page = [place for place in sorted(table.items.by_key) if place > start][:size]
    answer: Json = {"Count": len(page), "ScannedCount": len(page)}
    if request.get("Select") != "COUNT":
        answer["Items"] = [table.items.by_key[place] for place in page]
    return answer | ({"LastEvaluatedKey": json.loads(page[-1])} if len(page) == size else {})
