"""Writes of many items: BatchExecuteStatement with INSERT, and BatchWriteItem, each write judged by itself.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.simulator import errors, items
from tests.simulator.operations import writes

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.storage import Place
    from tests.simulator.tables import Json, Table

MOST_STATEMENTS, LONGEST_STATEMENT = 25, 8192
_INSERT: Final = re.compile(r'INSERT INTO "([a-zA-Z0-9_.-]+)" VALUE \{(.+)\}', re.DOTALL)
_MEMBER: Final = re.compile(r"'((?:[^']|'')+)': \?")


def table_of(request: Json) -> str:
    """The table that the first write of a request is about; empty where there is none."""
    if "RequestItems" in request:
        return next(iter(request["RequestItems"]), "")
    statements = request.get("Statements")
    found = _INSERT.fullmatch(str(statements[0].get("Statement"))) if statements else None
    return found[1] if found else ""


@writes("BatchExecuteStatement")
def batch_execute_statement(account: Account, request: Json) -> Json:
    """Put items whose keys are free; each statement has an answer of its own."""
    statements = request["Statements"]
    if len(statements) > MOST_STATEMENTS:
        raise errors.validation(f"Member must have length less than or equal to {MOST_STATEMENTS}")
    meant = [_meant(account, statement) for statement in statements]
    _refuse_twice(meant)
    units: Counter[str] = Counter()
    answers = [_insert(account, table, item, units) for table, item in meant]
    used = [{"TableName": name, "CapacityUnits": float(count)} for name, count in units.items()]
    wanted = request.get("ReturnConsumedCapacity", "NONE") != "NONE"
    return {"Responses": answers, **({"ConsumedCapacity": used} if wanted else {})}


@writes("BatchWriteItem")
def batch_write_item(account: Account, request: Json) -> Json:
    """Put and delete items, whatever is there. What comes too fast is given back."""
    meant = [(name, one) for name, listed in request["RequestItems"].items() for one in listed]
    if not 0 < len(meant) <= MOST_STATEMENTS:
        raise errors.validation(f"Member must have length less than or equal to {MOST_STATEMENTS}")
    tables = {name: items.writable(account, name) for name, _ in meant}
    writes_ = [(tables[name], one, *_write_of(tables[name], one)) for name, one in meant]
    places = [(table.name, where) for table, _, where, _ in writes_]
    if len(set(places)) < len(places):
        raise errors.validation("Provided list of item keys contains duplicates")
    unprocessed: dict[str, list[Json]] = {}
    units: Counter[str] = Counter()
    for table, one, where, item in writes_:
        if account.slow_writes and account.random("slow write", table.name).random() < account.slow_writes:
            unprocessed.setdefault(table.name, []).append(one)
            continue
        table.items.remove(where) if item is None else table.items.put(where, item)
        units[table.name] += 1
    used = [{"TableName": name, "CapacityUnits": float(count)} for name, count in units.items()]
    wanted = request.get("ReturnConsumedCapacity", "NONE") != "NONE"
    return {"UnprocessedItems": unprocessed, **({"ConsumedCapacity": used} if wanted else {})}


def _write_of(table: Table, one: Json) -> tuple[Place, Json | None]:
    """Where one request writes, and the item; None where it deletes."""
    if "PutRequest" in one:
        return items.checked_place(table, one["PutRequest"]["Item"]), one["PutRequest"]["Item"]
    return items.only_key(table, one["DeleteRequest"]["Key"]), None


def _meant(account: Account, statement: Json) -> tuple[Table, Json]:
    """The table and the item of a statement."""
    text, values = statement["Statement"], statement.get("Parameters", [])
    found = _INSERT.fullmatch(text)
    if not found or len(text) > LONGEST_STATEMENT:
        raise errors.validation("Statement wasn't well formed, can't be processed")
    names = [name.replace("''", "'") for name in _MEMBER.findall(found[2])]
    if _MEMBER.sub("", found[2]).replace(", ", "") or len(names) != len(values) or len(set(names)) != len(names):
        raise errors.validation("Number of parameters in request and statement don't match.")
    return items.writable(account, found[1]), dict(zip(names, values, strict=True))


def _place(table: Table, item: Json) -> Place | None:
    try:
        return items.place(table, item)
    except errors.ApiError:
        return None


def _refuse_twice(meant: list[tuple[Table, Json]]) -> None:
    places = [(table.name, where) for table, item in meant if (where := _place(table, item))]
    if len(set(places)) < len(places):
        raise errors.validation("Provided list of item keys contains duplicates")


def _insert(account: Account, table: Table, item: Json, units: Counter[str]) -> Json:
    chance = account.random("slow write", table.name).random() if account.slow_writes else 1
    if chance < account.slow_writes:
        return _refused(table, "ThrottlingError", "Throughput exceeds the current throughput limit for your account.")
    try:
        where = items.checked_place(table, item)
    except errors.ApiError as error:
        return _refused(table, "ValidationError", str(error))
    units[table.name] += int(
        items.consumed_by_write({"ReturnConsumedCapacity": "TOTAL"}, table, item)["ConsumedCapacity"]["CapacityUnits"]
    )
    if where[1] in table.items.by_key:
        return _refused(table, "DuplicateItem", "Duplicate primary key exists in table")
    table.items.put(where, item)
    return {"TableName": table.name}


def _refused(table: Table, code: str, message: str) -> Json:
    return {"TableName": table.name, "Error": {"Code": code, "Message": message}}
