"""An endpoint with two tables of the same items, fast enough to measure against it how fast a client copies.

    python benchmarks/stand_in_items.py ITEMS

A scan of either table answers with the items of a segment. Writes are taken, and nothing is kept of them. It prints its
address.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from benchmarks import stand_in

BYTES = 300
"""About the size of an item."""
_PUT_ALL = json.dumps({"UnprocessedItems": {}}).encode()


def item(number: int) -> dict[str, Any]:
    """An item of about 300 bytes."""
    return {
        "id": {"S": f"order-{number:09}"},
        "customer": {"S": f"customer-{number % 9_973:05}"},
        "total": {"N": str(number / 100)},
        "lines": {"L": [{"M": {"sku": {"S": f"sku-{number % 77}"}, "count": {"N": "2"}}}] * 3},
        "note": {"S": "x" * 120},
    }


def definition(name: str, *key: str) -> dict[str, Any]:
    """A table with these key attributes, as a definition."""
    kinds = zip(key, ("HASH", "RANGE"), strict=False)
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": one, "KeyType": kind} for one, kind in kinds],
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in key],
        "BillingMode": "PAY_PER_REQUEST",
    }


class Items:
    """The tables, and what was called."""

    def __init__(self, count: int) -> None:
        self.calls: Counter[str] = Counter()
        self._count = count

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.calls[operation] += 1
        match operation:
            case "Scan":
                return 200, self._page(json.loads(body))
            case "BatchExecuteStatement":
                return 200, json.dumps({"Responses": [{}] * body.count(b'"Statement":')}).encode()
            case "BatchWriteItem":
                return 200, _PUT_ALL
            case "ListTables":
                return 200, b'{"TableNames": []}'
        return 400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}'

    def _page(self, request: dict[str, Any]) -> bytes:
        segment, of = request["Segment"], request["TotalSegments"]
        first, end = self._count * segment // of, self._count * (segment + 1) // of
        if "ExclusiveStartKey" in request:
            first = int(request["ExclusiveStartKey"]["id"]["S"].removeprefix("order-")) + 1
        following = min(first + request["Limit"], end)
        found = [item(number) for number in range(first, following)]
        more = {"LastEvaluatedKey": {"id": found[-1]["id"]}} if following < end else {}
        if "ProjectionExpression" in request:
            names = request["ExpressionAttributeNames"].values()
            found = [{name: one[name] for name in names} for one in found]
        return json.dumps({"Items": found, "Count": len(found), "ScannedCount": len(found), **more}).encode()


if __name__ == "__main__":
    asyncio.run(stand_in.serve(Items(int(sys.argv[1])), 0))
