"""How fast a copy is, beside bare boto3 that writes the same items with BatchWriteItem from as many threads.

On DynamoDB Local, which needs Docker. It writes its figures into docs/speed.md. `ITEMS=1000000 python
benchmarks/bench_copy.py` takes more than a hundred thousand items, and only prints.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from benchmarks import page
from dynatus_ci.aws import connection
from dynatus_ci.aws.copier import THREADS, Copier
from dynatus_ci.table import build, copying
from dynatus_ci.testing import dynamodb_local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COUNT = int(os.environ.get("ITEMS", "100_000"))
OLD, NEW = "bench-old", "bench-new"


def main() -> None:
    """Fill a table, copy it, compare both."""
    figures = page.Figures("copy", ("", "items", "seconds", "items a second", "CPU ms an item"))
    with dynamodb_local() as client:
        tables = [
            build.desired(definition) for definition in (_definition(OLD, "id"), _definition(NEW, "customer", "id"))
        ]
        for definition in (_definition(OLD, "id"), _definition(NEW, "customer", "id")):
            client.create_table(**definition)
        _timed(figures, "boto3, BatchWriteItem", lambda: _write(client))
        before = _memory()
        actual = build.actual(client.describe_table(TableName=OLD)["Table"], {})
        # As the command connects: a caller's own client would parse all items by their shapes.
        aws = connection.connect(region=client.meta.region_name, endpoint_url=client.meta.endpoint_url)
        copier = Copier(aws, copying.job(actual, tables[1], rate=None))
        _timed(figures, "check", copier.check)
        _timed(figures, "copy", copier.copy)
        _timed(figures, "compare", copier.compare)
        print(f"memory: {before} MB before, {_memory()} MB at most")
        client.close()
    if "ITEMS" not in os.environ:
        page.write([figures])


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


def _timed(figures: page.Figures, what: str, act: Callable[[], object]) -> None:
    began, cpu = time.monotonic(), time.process_time()
    act()
    took, used = time.monotonic() - began, time.process_time() - cpu
    figures.add(what, f"{COUNT:,}", f"{took:.1f}", f"{COUNT / took:,.0f}", f"{1000 * used / COUNT:.3f}")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
