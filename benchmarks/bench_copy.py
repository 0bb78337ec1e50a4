"""How fast a copy is, beside bare boto3 that writes the same items with BatchWriteItem from as many threads.

On DynamoDB Local, which needs Docker. `ITEMS=100000 python benchmarks/bench_copy.py` takes fewer than a million items.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dynatus_ci.aws import connection
from dynatus_ci.aws.copier import THREADS, Copier
from dynatus_ci.table import build, copying
from dynatus_ci.testing import dynamodb_local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COUNT = int(os.environ.get("ITEMS", "1_000_000"))
OLD, NEW = "bench-old", "bench-new"


def main() -> None:
    """Fill a table, copy it, compare both; print each figure."""
    with dynamodb_local() as client:
        tables = [
            build.desired(definition) for definition in (_definition(OLD, "id"), _definition(NEW, "customer", "id"))
        ]
        for definition in (_definition(OLD, "id"), _definition(NEW, "customer", "id")):
            client.create_table(**definition)
        _timed("boto3, BatchWriteItem", lambda: _write(client))
        before = _memory()
        actual = build.actual(client.describe_table(TableName=OLD)["Table"], {})
        copier = Copier(connection.from_client(client), copying.job(actual, tables[1], rate=None))
        _timed("check", copier.check)
        _timed("copy", copier.copy)
        _timed("compare", copier.compare)
        print(f"memory: {before} MB before, {_memory()} MB at most")
        client.close()


def _definition(name: str, *key: str) -> dict[str, Any]:
    return {
        "TableName": name,
        "KeySchema": [
            {"AttributeName": one, "KeyType": kind} for one, kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in key],
        "BillingMode": "PAY_PER_REQUEST",
    }


def _item(number: int) -> dict[str, Any]:
    """An item of about 300 bytes."""
    return {
        "id": {"S": f"order-{number:09}"},
        "customer": {"S": f"customer-{number % 9_973:05}"},
        "total": {"N": str(number / 100)},
        "lines": {"L": [{"M": {"sku": {"S": f"sku-{number % 77}"}, "count": {"N": "2"}}}] * 3},
        "note": {"S": "x" * 120},
    }


def _write(client: DynamoDBClient) -> None:
    def part(start: int) -> None:
        for first in range(start, COUNT, THREADS * 25):
            puts = [{"PutRequest": {"Item": _item(number)}} for number in range(first, min(first + 25, COUNT))]
            left: Any = {OLD: puts}
            while left:
                left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(part, range(0, THREADS * 25, 25)))


def _timed(what: str, act: Callable[[], object]) -> None:
    began, cpu = time.monotonic(), time.process_time()
    act()
    took, used = time.monotonic() - began, time.process_time() - cpu
    print(
        f"{what:24} {took:8.1f} s  {COUNT / took:10,.0f} items a second  {1000 * used / COUNT:6.3f} ms of CPU an item",
        flush=True,
    )


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
