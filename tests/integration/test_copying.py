"""The items of one table in another: check, copy, compare, on DynamoDB Local and on moto."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from dynatus_ci import api
from dynatus_ci.aws import connection
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.copier import Copier
from dynatus_ci.table import build, items
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.model import Action, Table
from dynatus_ci.table.origins.copying import Compared, CopyJob
from tests import small_tables
from tests.small_tables import global_index
from tests.strategies import Definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

EVERYTHING: dict[str, Any] = {
    "text": {"S": 'it\'s "quoted"'},
    "empty": {"S": ""},
    "number": {"N": "-1.50"},
    "binary": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["b", "a"]},
    "numbers": {"NS": ["2", "1.0"]},
    "binaries": {"BS": [b"b", b"a"]},
    "list": {"L": [{"S": "x"}, {"M": {}}, {"L": []}]},
    "map": {"M": {"a b": {"N": "1"}, "list": {"L": [{"NULL": True}]}}},
    "it's a name": {"S": "z"},
    'a "second" name': {"S": "z"},
    "ünï-cöde.#:": {"S": "z"},
    "select": {"S": "a reserved word"},
    "?": {"S": "a placeholder"},
}


def definition(*key: str, **more: Any) -> Definition:
    """A table with a name of its own."""
    return small_tables.definition(f"copy-{uuid.uuid4().hex[:12]}", *key, **more)


def made(client: DynamoDBClient, *key: str, **more: Any) -> Table:
    body = definition(*key, **more)
    client.create_table(**body)
    return build.desired(body)


def item(number: int, /, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": f"{number % 7}"}, "sk": {"S": f"{number:05}"}, "id": {"S": f"i{number}"}, **more}


def fill(client: DynamoDBClient, table: Table, *found: dict[str, Any]) -> None:
    for one in found:
        client.put_item(TableName=table.name, Item=one)


def all_items(client: DynamoDBClient, table: Table) -> list[dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=table.name)
    return sorted((one for page in pages for one in page["Items"]), key=str)


def copier(client: DynamoDBClient, source: Table, target: Table, aws: Aws | None = None, **more: Any) -> Copier:
    job = CopyJob(
        source.name,
        target.name,
        key=items.key_names(target),
        unproven=items.unproven(source, target),
        may_repeat=items.may_repeat(source, target),
        segments=3,
        **more,
    )
    return Copier(aws or connection.from_client(client), job)


@pytest.mark.parametrize("own", [False, True], ids=["caller's client", "own client"])
def test_every_kind_of_value_and_name_arrives(
    emulator: DynamoDBClient, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    source, target = made(emulator, "pk", "sk"), made(emulator, "id")
    fill(emulator, source, *(item(number, **EVERYTHING) for number in range(60)), item(61))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    meta = emulator.meta
    aws = connection.connect(region=meta.region_name, endpoint_url=meta.endpoint_url) if own else None
    copy = copier(emulator, source, target, aws)
    assert [check.misfits for check in copy.check()] == [0]
    copy.copy()
    compared, _ = copy.compare()
    assert compared == Compared(items=61)
    assert copy.tally.written == 61
    assert all_items(emulator, source) == all_items(emulator, target)


def test_what_is_there_already_stays(emulator: DynamoDBClient) -> None:
    source, target = made(emulator, "pk", "sk"), made(emulator, "id")
    fill(emulator, source, *map(item, range(40)))
    fill(emulator, target, item(3, newer={"BOOL": True}), item(4), item(100))
    copy = copier(emulator, source, target)
    before, digests = copy.compare()
    assert before == Compared(items=40, missing=38, different=1, only_new=1)
    copy.copy(unless=digests)
    assert copy.tally.written == 38
    copy.copy()
    assert copy.tally.written == 38
    assert copy.compare()[0] == Compared(items=40, missing=0, different=1, only_new=1)
    assert item(3, newer={"BOOL": True}) in all_items(emulator, target)


def test_names_too_long_for_a_statement_are_put_one_by_one(emulator: DynamoDBClient) -> None:
    source, target = made(emulator, "pk", "sk"), made(emulator, "id")
    wide = {f"{'n' * 200}{number}": {"N": str(number)} for number in range(50)}
    fill(emulator, source, item(1, **wide), item(2), item(3, **wide))
    copy = copier(emulator, source, target)
    copy.copy()
    copy.copy()
    assert copy.tally.written == 3
    assert all_items(emulator, source) == all_items(emulator, target)


@pytest.mark.parametrize("name", ["#id", ":id", "'", '"', "\u202eid", "\x00"])
def test_a_key_may_have_any_name(emulator: DynamoDBClient, name: str) -> None:
    """DynamoDB Local takes no statement with a key that begins with a placeholder's sign."""
    source, target = made(emulator, "pk", "sk"), made(emulator, name)
    fill(emulator, source, *(item(number, **{name: {"S": str(number)}}) for number in range(3)))
    copy = copier(emulator, source, target)
    copy.copy()
    copy.copy()
    assert copy.tally.written == 3
    assert all_items(emulator, source) == all_items(emulator, target)


@pytest.mark.parametrize("kind", ["S", "N"])  # moto cannot scan the segments of a binary key
def test_a_partition_key_may_become_the_sort_key(emulator: DynamoDBClient, kind: str) -> None:
    def of(*key: str) -> Definition:
        types = [{"AttributeName": name, "AttributeType": kind if name == "number" else "S"} for name in key]
        return {**definition(*key), "AttributeDefinitions": types}

    source = of("number")
    emulator.create_table(**source)
    emulator.put_item(TableName=source["TableName"], Item={"number": {kind: "7"}, "customer": {"S": "c"}})
    wanted = {**of("customer", "number"), "CopyFrom": source["TableName"]}
    api.raise_for(api.apply_tables(emulator, [wanted]))
    assert emulator.scan(TableName=wanted["TableName"])["Count"] == 1


def test_items_that_do_not_fit_are_counted(emulator: DynamoDBClient) -> None:
    source = made(emulator, "pk", "sk")
    target = made(emulator, "id", attributes=["mail"], GlobalSecondaryIndexes=[global_index("mail")])
    fill(emulator, source, *map(item, range(10)))
    fill(emulator, source, item(20, id={"S": "i1"}), item(21, id={"S": "i1"}), item(22, id={"N": "1"}))
    fill(emulator, source, item(23, id={"S": ""}), item(24, mail={"N": "1"}), item(25, mail={"S": "é" * 1025}))
    without = item(26)
    del without["id"]
    fill(emulator, source, without)
    checked = copier(emulator, source, target).check()
    key, by_mail = ("CopyFrom", "KeySchema"), ("CopyFrom", "GlobalSecondaryIndexes", "by-mail")
    assert {check.items for check in checked} == {17}
    assert [(check.path, check.reason, check.misfits) for check in checked] == [
        (key, Misfit.MISSING, 1),
        (key, Misfit.TYPE, 1),
        (key, Misfit.EMPTY, 1),
        (key, Misfit.DUPLICATE, 2),
        (by_mail, Misfit.TYPE, 1),
        (by_mail, Misfit.LENGTH, 1),
    ]


@pytest.mark.docker
def test_an_item_that_aws_refuses_ends_the_copy_and_is_not_shown(dynamodb_local: DynamoDBClient) -> None:
    source, target = made(dynamodb_local, "pk", "sk"), made(dynamodb_local, "id")
    fill(dynamodb_local, source, item(1), item(2, id={"N": "777"}))
    with pytest.raises(Exception, match="AWS refuses an item with ValidationException") as caught:
        copier(dynamodb_local, source, target).copy()
    assert "777" not in str(caught.value)


# --- :CopyFrom -------------------------------------------------------------------------------------------------------


def test_a_definition_fills_its_table_and_a_stopped_copy_goes_on(emulator: DynamoDBClient) -> None:
    source = made(emulator, "pk", "sk")
    fill(emulator, source, *map(item, range(60)))
    wanted = definition("id", "pk", CopyFrom=source.name)
    result = api.apply_tables(emulator, [wanted]).tables[0]
    assert result.error is None
    target = build.desired(wanted)
    assert all_items(emulator, source) == all_items(emulator, target)
    (note,) = result.notes
    assert note.startswith(f"Copied 60 items of `{source.name}`")
    assert api.plan_tables(emulator, [wanted]).tables[0].action is Action.NOOP

    mark = {"Key": "dynatus:copying-from", "Value": f"{source.name}@{id_of(emulator, source)}"}
    half = made(emulator, "id", "pk", Tags=[mark])
    fill(emulator, half, *map(item, range(20)))
    result = api.apply_tables(emulator, [{**wanted, "TableName": half.name}]).tables[0]
    assert result.error is None
    assert all_items(emulator, source) == all_items(emulator, half)
    assert result.notes[0].startswith("Copied 40 items")


# --- :KeepItems ------------------------------------------------------------------------------------------------------


def test_a_table_gets_another_key_and_keeps_its_items(emulator: DynamoDBClient) -> None:
    """One emulator keeps tags and makes backups, the other does neither."""
    source = made(emulator, "pk", "sk")
    fill(emulator, source, *(item(number, **EVERYTHING) for number in range(60)))
    before = all_items(emulator, source)
    wanted = {**definition("id", "pk"), "TableName": source.name, "KeepItems": True}
    result = api.apply_tables(emulator, [wanted], allow_destructive=[source.name]).tables[0]
    assert result.error is None
    assert all_items(emulator, build.desired(wanted)) == before
    found = emulator.describe_table(TableName=source.name)["Table"]["KeySchema"]
    assert [element["AttributeName"] for element in found] == ["id", "pk"]
    assert f"{source.name}.dynatus-items" not in emulator.list_tables()["TableNames"]
    assert api.plan_tables(emulator, [wanted]).tables[0].action is Action.NOOP


def id_of(client: DynamoDBClient, table: Table) -> str:
    actual = build.actual(client.describe_table(TableName=table.name)["Table"], {})
    return actual.info.table_id[:8] if actual.info else ""
