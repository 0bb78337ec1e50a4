"""The simulator's items, by boto3: pages, segments, filters, what a scan consumes, and a million items."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator import MINUTE, Clock, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

Json = dict[str, Any]
TABLE: Json = {
    "TableName": "users",
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "email", "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-email",
            "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=Clock(0), seed=7) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[DynamoDBClient]:
    client = simulator.client()
    client.create_table(**TABLE)
    simulator.clock.advance(MINUTE)
    yield client
    client.close()


def item(number: int, **others: Json) -> Json:
    return {"pk": {"S": f"user-{number}"}, "sk": {"N": str(number)}, **others}


def pages(client: DynamoDBClient, **parameters: Any) -> list[Json]:
    found: list[Json] = []
    while not found or "LastEvaluatedKey" in found[-1]:
        start = {"ExclusiveStartKey": found[-1]["LastEvaluatedKey"]} if found else {}
        found.append(dict(client.scan(TableName="users", **parameters, **start)))
    return found


def refusal(client: DynamoDBClient, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        client.scan(TableName="users", **parameters)
    return str(caught.value.response["Error"]["Message"])


ITEMS: dict[str, Json | None] = {
    "text": {"S": "abc"},
    "number": {"N": "10"},
    "empty": {"S": ""},
    "long": {"S": "x" * 20},
    "bytes": {"B": "AAEC"},
    "set": {"SS": ["a", "b"]},
    "absent": None,
}
V: Json = {":s": {"S": "S"}, ":empty": {"S": ""}, ":n": {"N": "3"}, ":ten": {"N": "10.0"}, ":ab": {"S": "ab"}}


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("attribute_exists(#a)", "text number empty long bytes set"),
        ("attribute_not_exists(#a)", "absent"),
        ("attribute_type(#a, :s)", "text empty long"),
        ("NOT attribute_type(#a, :s)", "number bytes set absent"),
        ("attribute_exists(#a) AND NOT attribute_type(#a, :s)", "number bytes set"),
        ("attribute_not_exists(#a) OR #a = :empty AND attribute_exists(#a)", "absent empty"),
        ("(attribute_not_exists(#a) OR #a = :empty) AND attribute_exists(#a)", "empty"),
        ("size(#a) > :n", "long"),
        ("size(#a) >= :n", "text long bytes"),
        ("#a = :ten", "number"),
        ("#a > :n", "number"),
        ("#a <> :ten", "text empty long bytes set absent"),
        ("#a BETWEEN :n AND :ten", "number"),
        ("#a IN (:empty, :ten)", "number empty"),
        ("begins_with(#a, :ab)", "text"),
        ("contains(#a, :ab)", "text"),
        ("not begins_with(#a, :ab) and attribute_type(#a, :s)", "empty long"),
    ],
)
def test_a_filter_means_what_dynamodb_means(
    simulator: Simulator, client: DynamoDBClient, expression: str, meant: str
) -> None:
    simulator.fill(
        "users",
        [
            {"pk": {"S": name}, "sk": {"N": "1"}} | ({"a": value} if value is not None else {})
            for name, value in ITEMS.items()
        ],
    )
    values = {name: V[name] for name in re.findall(r":\w+", expression)}
    given: Json = {"FilterExpression": expression, "ExpressionAttributeNames": {"#a": "a"}}
    given |= {"ExpressionAttributeValues": values} if values else {}
    answer = client.scan(TableName="users", **given)
    assert {found["pk"]["S"] for found in answer["Items"]} == set(meant.split())
    assert answer["ScannedCount"] == len(ITEMS)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("#a = ", 'Invalid FilterExpression: Syntax error; token: "<EOF>"'),
        ("#a = :s)", "Syntax error"),
        ("#a ? :s", "Syntax error"),
        ("attribute_exists(#b)", "attribute name: #b"),
        ("#a = :missing", "attribute value: :missing"),
        ("((#a = :s))", "The expression has redundant parentheses;"),
        ("attribute_type(#a, :bad) OR #a = :s", "Invalid attribute type name found; type: text"),
        ("attribute_exists(:s)", "requires a document path"),
        ("attribute_exists(#a)", "unused in expressions: keys: {:s}"),
        (" OR ".join(["#a = :s"] * 301), "too many operators"),
        (" OR ".join(["#a=:s"] * 600), "Expression size has exceeded"),
        ("a = :s", "does not simulate the path a"),
    ],
)
def test_an_expression_that_dynamodb_refuses_is_refused(client: DynamoDBClient, expression: str, why: str) -> None:
    values = {":s": {"S": "x"}} | ({":bad": {"S": "text"}} if ":bad" in expression else {})
    said = refusal(
        client,
        FilterExpression=expression,
        ExpressionAttributeNames={"#a": "a"},
        ExpressionAttributeValues=values,
    )
    assert why in said


def test_segments_are_disjoint_and_together_they_are_the_table(simulator: Simulator, client: DynamoDBClient) -> None:
    simulator.fill("users", [item(number) for number in range(500)])
    by_segment = [
        {
            found["pk"]["S"]
            for page in pages(client, Segment=segment, TotalSegments=7, Limit=20)
            for found in page["Items"]
        }
        for segment in range(7)
    ]
    assert sum(len(names) for names in by_segment) == 500
    assert len(set().union(*by_segment)) == 500
    assert all(40 < len(names) < 110 for names in by_segment)
    assert "Segment: 7 is not less than TotalSegments: 7" in refusal(client, Segment=7, TotalSegments=7)
    assert "Segment parameter is required" in refusal(client, TotalSegments=7)
    stranger = next(number for number in range(500) if f"user-{number}" not in by_segment[0])
    key = {name: item(stranger)[name] for name in ("pk", "sk")}
    assert "Invalid ExclusiveStartKey" in refusal(client, Segment=0, TotalSegments=7, ExclusiveStartKey=key)


def test_a_page_ends_after_a_megabyte_and_says_what_it_consumed(simulator: Simulator, client: DynamoDBClient) -> None:
    simulator.fill("users", [item(number, text={"S": "x" * 100_000}) for number in range(25)])
    found = pages(client, Select="COUNT", ReturnConsumedCapacity="TOTAL")
    assert [page["Count"] for page in found] == [11, 11, 3]
    assert all("Items" not in page for page in found)
    assert [page["ConsumedCapacity"]["CapacityUnits"] for page in found] == [134.5, 134.5, 37.0]
    strong = client.scan(TableName="users", Limit=1, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert strong["ConsumedCapacity"] == {"TableName": "users", "CapacityUnits": 25.0}
    table = client.describe_table(TableName="users")["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"] // 100_000) == (25, 25)


def test_a_limit_counts_before_the_filter_and_a_projection_leaves_out(
    simulator: Simulator, client: DynamoDBClient
) -> None:
    simulator.fill("users", [item(number, a={"N": str(number)}) for number in range(10)])
    filters: Json = {
        "FilterExpression": "#a < :five",
        "ExpressionAttributeNames": {"#a": "a", "#pk": "pk"},
        "ExpressionAttributeValues": {":five": {"N": "5"}},
        "ProjectionExpression": "#pk",
    }
    found = pages(client, Limit=3, **filters)
    assert [page["ScannedCount"] for page in found] == [3, 3, 3, 1]
    assert sorted(one["pk"]["S"] for page in found for one in page["Items"]) == [f"user-{n}" for n in range(5)]
    assert {name for page in found for one in page["Items"] for name in one} == {"pk"}
    assert "only the Count" in refusal(client, Select="COUNT", **filters)


def test_keys_that_are_empty_or_too_long_are_refused_when_somebody_writes_them(
    simulator: Simulator, client: DynamoDBClient
) -> None:
    with pytest.raises(ClientError, match="IndexName: by-email, IndexKey: email"):
        client.put_item(TableName="users", Item=item(1, email={"S": ""}))
    with pytest.raises(ClientError, match="maximum size limit of 2048"):
        client.put_item(TableName="users", Item=item(1, email={"S": "x" * 2049}))
    with pytest.raises(ClientError, match=r"empty string value\. Key: pk"):
        client.put_item(TableName="users", Item=item(1) | {"pk": {"S": ""}})
    simulator.fill("users", [item(1, email={"S": ""})])
    assert client.scan(TableName="users")["Count"] == 1


def test_a_million_items_are_sampled_without_making_them_all(simulator: Simulator, client: DynamoDBClient) -> None:
    made: list[int] = []

    def make(number: int) -> Json:
        made.append(number)
        return item(number, email={"N": "1"} if number % 1000 == 0 else {"S": f"{number}@example.com"})

    simulator.make_items("users", 1_000_000, make)
    wrong: Json = {
        "Select": "COUNT",
        "FilterExpression": "attribute_exists(#a) AND NOT attribute_type(#a, :s)",
        "ExpressionAttributeNames": {"#a": "email"},
        "ExpressionAttributeValues": {":s": {"S": "S"}},
    }
    found = pages(client, Segment=3, TotalSegments=100, Limit=3000, **wrong)
    assert [page["ScannedCount"] for page in found] == [3000, 3000, 3000, 1000]
    assert sum(page["Count"] for page in found) == 10
    assert len(made) < 11_000
    assert client.describe_table(TableName="users")["Table"]["ItemCount"] == 1_000_000
    with pytest.raises(ClientError, match="whose items a function makes"):
        client.put_item(TableName="users", Item=item(1))


# --- writes ----------------------------------------------------------------------------------------------------------


def insert(**attributes: Json) -> Any:
    names = ", ".join(f"'{name}': ?" for name in attributes)
    return {"Statement": f'INSERT INTO "users" VALUE {{{names}}}', "Parameters": list(attributes.values())}


def test_each_insert_of_a_batch_is_judged_by_itself(client: DynamoDBClient) -> None:
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    client.put_item(TableName="users", Item={**key, "mine": {"S": "x"}})
    answer = client.batch_execute_statement(
        Statements=[
            insert(**key),
            insert(pk={"S": "a"}, sk={"N": "2"}, **{"it''s": {"S": "y"}}),
            insert(pk={"S": "a"}, sk={"S": "3"}),
            insert(pk={"S": "a"}, sk={"N": "4"}, email={"N": "1"}),
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    codes = [response.get("Error", {}).get("Code") for response in answer["Responses"]]
    assert codes == ["DuplicateItem", None, "ValidationError", "ValidationError"]
    assert answer["ConsumedCapacity"] == [{"TableName": "users", "CapacityUnits": 2.0}]
    found = {item["sk"]["N"]: item for item in client.scan(TableName="users")["Items"]}
    assert found == {
        "1": {**key, "mine": {"S": "x"}},
        "2": {"pk": {"S": "a"}, "sk": {"N": "2"}, "it's": {"S": "y"}},
    }


def test_a_batch_that_has_a_key_twice_is_refused(client: DynamoDBClient) -> None:
    twice = insert(pk={"S": "a"}, sk={"N": "1"})
    with pytest.raises(ClientError, match="contains duplicates"):
        client.batch_execute_statement(Statements=[twice, twice])
    assert client.scan(TableName="users")["Count"] == 0


def test_some_statements_of_a_batch_are_throttled(client: DynamoDBClient, simulator: Simulator) -> None:
    simulator.slow_writes = 0.5
    statements = [insert(pk={"S": "a"}, sk={"N": str(number)}) for number in range(20)]
    answer = client.batch_execute_statement(Statements=statements)
    codes = {response.get("Error", {}).get("Code") for response in answer["Responses"]}
    assert codes == {None, "ThrottlingError"}


def test_an_item_is_put_only_if_its_condition_holds(client: DynamoDBClient) -> None:
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    condition: Any = {
        "ConditionExpression": "attribute_not_exists(#pk)",
        "ExpressionAttributeNames": {"#pk": "pk"},
    }
    client.put_item(TableName="users", Item=item, **condition)
    with pytest.raises(ClientError, match="The conditional request failed"):
        client.put_item(TableName="users", Item={**item, "new": {"S": "x"}}, **condition)
    assert client.scan(TableName="users")["Items"] == [item]


# --- puts and deletions of many items --------------------------------------------------------------------------------


def key(number: int) -> Json:
    return {"pk": {"S": f"user-{number}"}, "sk": {"N": str(number)}}


def test_a_batch_of_writes_puts_and_deletes_whatever_is_there(client: DynamoDBClient) -> None:
    client.put_item(TableName="users", Item=item(1))
    client.put_item(TableName="users", Item=item(2, email={"S": "old"}))
    requests: Any = [
        {"DeleteRequest": {"Key": key(1)}},
        {"DeleteRequest": {"Key": key(9)}},
        {"PutRequest": {"Item": item(2, email={"S": "new"})}},
    ]
    answer = client.batch_write_item(RequestItems={"users": requests}, ReturnConsumedCapacity="TOTAL")
    assert answer["UnprocessedItems"] == {}
    assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 3
    assert client.scan(TableName="users")["Items"] == [item(2, email={"S": "new"})]


def test_a_batch_of_writes_is_refused_whole_for_a_wrong_key(client: DynamoDBClient) -> None:
    client.put_item(TableName="users", Item=item(1))
    for wrong in ([key(1), {"pk": {"S": "a"}}], [key(1), key(1)]):
        requests: Any = [{"DeleteRequest": {"Key": one}} for one in wrong]
        with pytest.raises(ClientError, match="ValidationException"):
            client.batch_write_item(RequestItems={"users": requests})
    assert client.scan(TableName="users")["Count"] == 1


def test_what_comes_too_fast_is_given_back(client: DynamoDBClient, simulator: Simulator) -> None:
    for number in range(20):
        client.put_item(TableName="users", Item=item(number))
    simulator.slow_writes = 0.3
    requests: Any = [{"DeleteRequest": {"Key": key(number)}} for number in range(20)]
    left = client.batch_write_item(RequestItems={"users": requests})["UnprocessedItems"]["users"]
    assert 0 < len(left) < 20
    kept = {one["sk"]["N"] for one in client.scan(TableName="users")["Items"]}
    assert kept == {one["DeleteRequest"]["Key"]["sk"]["N"] for one in left}
