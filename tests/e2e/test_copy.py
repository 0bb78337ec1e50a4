"""The built image gives a large table another key on DynamoDB Local, and keeps every item."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.scene import Repository, table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

pytestmark = [pytest.mark.docker, pytest.mark.slow]
COUNT = int(os.environ.get("ITEMS", "2_000"))


def item(number: int) -> dict[str, Any]:
    return {
        "id": {"S": f"order-{number:06}"},
        "customer": {"S": f"customer-{number % 997}"},
        "total": {"N": str(number / 100)},
        "tags": {"SS": ["a", f"t{number % 7}"]},
        "note": {"S": "x" * (number % 200)},
    }


def fill(client: DynamoDBClient) -> None:
    for first in range(0, COUNT, 25):
        puts: Any = [{"PutRequest": {"Item": item(number)}} for number in range(first, first + 25)]
        assert not client.batch_write_item(RequestItems={"orders": puts})["UnprocessedItems"]


def content(client: DynamoDBClient, name: str) -> set[str]:
    """Every item of a table as text, with its sets in order. This shares no code with the product."""
    pages = client.get_paginator("scan").paginate(TableName=name)
    return {
        repr(sorted((key, sorted(value.items(), key=str) if "SS" not in value else sorted(value["SS"]))
                    for key, value in one.items()))
        for page in pages for one in page["Items"]
    }  # fmt: skip


def merged(repo: Repository, number: int) -> str:
    """The commit of a pull request that was planned and merged."""
    repo.open(number)
    assert repo.plan(number).ending[1] == "planned"
    return repo.merge(number)


def by_customer(name: str, **more: str) -> str:
    """A table whose key is the customer and the id."""
    keys = '[{:AttributeName "customer" :AttributeType "S"} {:AttributeName "id" :AttributeType "S"}]'
    text = table(name, key="customer", AttributeDefinitions=keys, **more)
    return text.replace('"HASH"}]', '"HASH"} {:AttributeName "id" :KeyType "RANGE"}]')


def test_many_items_get_another_key_through_the_image(repo: Repository, client: DynamoDBClient) -> None:
    repo.write(orders=table("orders"))
    assert repo.apply(merged(repo, 1)).ending[1] == "applied"
    fill(client)
    repo.write(copy=table("orders-by-customer", key="customer", CopyFrom='"orders"'))
    refused = repo.apply(merged(repo, 2))
    assert refused.ending[1:] == ("refused", "items-do-not-fit"), refused.log
    repo.write(copy=by_customer("orders-by-customer", CopyFrom='"orders"'))
    sha = merged(repo, 3)
    applied = repo.apply(sha)
    assert applied.ending == (0, "applied", ""), applied.log
    assert f"Copied {COUNT:,} items of" in applied.summary
    assert content(client, "orders") == content(client, "orders-by-customer") != set()
    assert repo.apply(sha).ending == (0, "noop", "")


def test_a_table_gets_another_key_under_its_name_through_the_image(repo: Repository, client: DynamoDBClient) -> None:
    repo.write(orders=table("orders"))
    assert repo.apply(merged(repo, 1)).ending[1] == "applied"
    fill(client)
    before = content(client, "orders")
    repo.write(orders=by_customer("orders", KeepItems="true"))
    repo.open(2)
    assert repo.plan(2).ending == (1, "refused", "destructive-blocked")
    assert f"({COUNT:,} items" in repo.comment(2)
    repo.label(2)
    assert repo.plan(2).ending[1] == "planned"
    sha = repo.merge(2)
    applied = repo.apply(sha)
    assert applied.ending == (0, "applied", ""), applied.log
    schema = client.describe_table(TableName="orders")["Table"]["KeySchema"]
    assert [element["AttributeName"] for element in schema] == ["customer", "id"]
    assert content(client, "orders") == before != set()
    assert client.list_tables()["TableNames"] == ["orders"]
    assert repo.apply(sha).ending == (0, "noop", "")
