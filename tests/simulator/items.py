"""The little data plane: PutItem, GetItem, DeleteItem, Scan. No queries, no indexes to read."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Final

from tests.simulator import definitions, describe, errors
from tests.simulator.expressions import Expressions
from tests.simulator.lifecycle import refuse_not_simulated
from tests.simulator.operations import reads, writes
from tests.simulator.storage import HASHES, Items, Made, place_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.simulator.account import Account
    from tests.simulator.storage import Place
    from tests.simulator.tables import Json, Table

PAGE_BYTES: Final = 1024 * 1024  # what a page of a scan reads at most, before the filter
UNIT_BYTES: Final = 4096  # what a strongly consistent read unit reads; an eventually consistent one reads twice as much
WRITE_UNIT_BYTES: Final = 1024
LONGEST: Final = {"HASH": 2048, "RANGE": 1024}  # bytes of a key attribute
OLD_SCAN: Final = ("ScanFilter", "AttributesToGet", "ConditionalOperator", "IndexName")
OLD_PUT: Final = ("Expected", "ConditionalOperator")


def _table(account: Account, request: Json) -> Table:
    table = account.tables.get(account.name_of(request["TableName"]))
    if table is None or table.lifecycle:
        raise errors.ApiError("ResourceNotFoundException", "Requested resource not found")
    return table


def _writable(account: Account, request: Json) -> Table:
    table = _table(account, request)
    if table.items.made:
        raise errors.validation("The simulator does not simulate writes into a table whose items a function makes")
    return table


def _key(table: Table, item: Json) -> Json:
    key = {}
    for name in definitions.key_names(table.key_schema):
        if set(item.get(name, {})) != {table.attributes[name]}:
            raise errors.invalid(f"Missing the key {name} in the item, or type mismatch for it")
        key[name] = item[name]
    return key


def place(table: Table, item: Json) -> Place:
    """Where an item, or its key, stands in the table."""
    return place_of(_key(table, item), table.key_schema[0]["AttributeName"])


def fill(account: Account, name: str, items: Iterable[Json]) -> None:
    """Let the table hold these items too, as the wire has them, whatever its indexes would say of them."""
    table = account.settled(name)
    for item in items:
        table.items.put(place(table, item), item)
    describe.recount(account, table)


def make_items(account: Account, name: str, count: int, make: Callable[[int], Json]) -> None:
    """Let the table hold so many items, which `make` makes of their numbers (from 0) whenever somebody reads them."""
    table = account.settled(name)
    table.items = Items(made=Made(count, make))
    describe.recount(account, table)


def _check_lengths(key_schema: list[Json], item: Json, why: str) -> None:
    for element in key_schema:
        name = element["AttributeName"]
        length = _length(item.get(name, {}))
        if length == 0:
            raise errors.validation(f"One or more parameter values are not valid. {why}{name}")
        if length is not None and length > LONGEST[element["KeyType"]]:
            raise errors.invalid(f"Size of {name} has exceeded the maximum size limit of {LONGEST[element['KeyType']]}")


def _length(value: Json) -> int | None:
    if "S" in value:
        return len(value["S"].encode())
    return len(base64.b64decode(value["B"])) if "B" in value else None


def _check_index_keys(table: Table, item: Json) -> None:
    for index in table.indexes.values():
        for name in definitions.key_names(index.key_schema):
            if name in item and set(item[name]) != {table.attributes[name]}:
                raise errors.invalid(
                    f"Type mismatch for Index Key {name} Expected: {table.attributes[name]} IndexName: {index.name}"
                )
        empty = "A value specified for a secondary index key is not supported. The AttributeValue for a key attribute "
        empty += f"cannot contain an empty string value. IndexName: {index.name}, IndexKey: "
        _check_lengths(index.key_schema, item, empty)


def only_key(table: Table, given: Json) -> Place:
    """Where the item of a key stands; a key has no other attribute."""
    if _key(table, given) != given:
        raise errors.validation("The provided key element does not match the schema")
    return place(table, given)


@writes("PutItem")
def put_item(account: Account, request: Json) -> Json:
    """Write an item whole, if its condition holds of what is there."""
    refuse_not_simulated(request, OLD_PUT)
    expressions = Expressions(request)
    holds = expressions.condition("ConditionExpression")
    expressions.finish()
    table, item = _writable(account, request), request["Item"]
    where = checked_place(table, item)
    if not holds(table.items.by_key.get(where[1], {})):
        raise errors.ApiError("ConditionalCheckFailedException", "The conditional request failed")
    table.items.put(where, item)
    return consumed_by_write(request, table, item)


def writable(account: Account, name: str) -> Table:
    """The table of that name, if items can be written into it."""
    return _writable(account, {"TableName": name})


def checked_place(table: Table, item: Json) -> Place:
    """Where an item that fits the keys of the table and its indexes would stand."""
    _check_index_keys(table, item)
    where = place(table, item)
    empty = "The AttributeValue for a key attribute cannot contain an empty string value. Key: "
    _check_lengths(table.key_schema, item, empty)
    return where


def consumed_by_write(request: Json, table: Table, item: Json) -> Json:
    """The answer's member that says what a write used, where the request asks for it."""
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {}
    units = float(max(1, math.ceil(size_of(item) / WRITE_UNIT_BYTES)))
    return {"ConsumedCapacity": {"TableName": table.name, "CapacityUnits": units}}


@reads("GetItem")
def get_item(account: Account, request: Json) -> Json:
    """Read an item."""
    table = _table(account, request)
    _, key = only_key(table, request["Key"])
    found = table.items.by_key.get(key)
    return {"Item": found} if found is not None else {}


@writes("DeleteItem")
def delete_item(account: Account, request: Json) -> Json:
    """Remove an item, if it is there."""
    table = _writable(account, request)
    table.items.remove(only_key(table, request["Key"]))
    return {}


@reads("Scan")
def scan(account: Account, request: Json) -> Json:
    """A page of the items, or of a segment's; as on AWS the last page may be empty.

    A page ends after 1 MB, or after `Limit` items, whatever the filter leaves of them.
    """
    refuse_not_simulated(request, OLD_SCAN)
    table = _table(account, request)
    first, end = _segment(request)
    after = _start(table, request, first, end)
    expressions = Expressions(request)
    meant, shown = expressions.condition("FilterExpression"), expressions.projection()
    expressions.finish()
    counting = request.get("Select") == "COUNT"
    if counting and "ProjectionExpression" in request:
        raise errors.validation("Cannot specify the ProjectionExpression when choosing to get only the Count")
    most = min(request.get("Limit", account.scan_page), account.scan_page)
    found: list[Json] = []
    scanned = read = 0
    answer: Json = {}
    for number, item in table.items.scan(first, end, after):
        scanned, read = scanned + 1, read + size_of(item)
        if meant(item):
            found.append(item)
        if scanned == most or read >= PAGE_BYTES:
            answer["LastEvaluatedKey"] = _end_of_page(table, number, item)
            break
    answer |= {"Count": len(found), "ScannedCount": scanned} | _consumed(table, request, read)
    return answer if counting else answer | {"Items": [shown(item) for item in found]}


def _segment(request: Json) -> tuple[int, int]:
    """The hashes that the request is about: from, and to before."""
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is None and total is None:
        return 0, HASHES
    if segment is None or total is None:
        given, other = ("Segment", "TotalSegments") if total is None else ("TotalSegments", "Segment")
        raise errors.validation(
            f"The {other} parameter is required but was not present in the request when parameter {given} is present"
        )
    if segment >= total:
        raise errors.validation(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment * HASHES // total, (segment + 1) * HASHES // total


def _start(table: Table, request: Json, first: int, end: int) -> Place | None:
    if "ExclusiveStartKey" not in request:
        return None
    start = only_key(table, request["ExclusiveStartKey"])
    made = table.items.made
    if made:
        if start[1] not in made.seen:
            raise errors.validation("The simulator begins behind a key of made items only where a page ended")
        start = (made.hash_of(made.seen[start[1]]), start[1])
    if not first <= start[0] < end:
        raise errors.validation(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
            f"correct Segment. TotalSegments: {request.get('TotalSegments')} Segment: {request.get('Segment')}"
        )
    return start


def _end_of_page(table: Table, number: int, item: Json) -> Json:
    if table.items.made:
        table.items.made.seen[place(table, item)[1]] = number
    return _key(table, item)


def _consumed(table: Table, request: Json, read: int) -> Json:
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {}
    units = math.ceil(read / UNIT_BYTES) * (1.0 if request.get("ConsistentRead") else 0.5)
    return {"ConsumedCapacity": {"TableName": table.name, "CapacityUnits": units}}
