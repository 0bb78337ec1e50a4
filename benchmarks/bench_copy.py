"""How fast a copy is, beside bare boto3 that writes the same items with BatchWriteItem from as many threads.

    python benchmarks/bench_copy.py [ITEMS]

First ITEMS items (a million) at an endpoint that answers at once, which shows how much one process can do. Then a tenth
of them on DynamoDB Local, which needs Docker: there the endpoint is the limit, and takes a part of the same cores. It
prints its figures; where ITEMS is left out it also writes them into docs/speed.md.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from benchmarks import page, stand_in
from benchmarks.stand_in_items import BYTES, definition, item
from dynatus_ci.aws import connection
from dynatus_ci.aws.copier import Copier
from dynatus_ci.aws.item_scan import THREADS
from dynatus_ci.table import build
from dynatus_ci.table.origins import copying
from dynatus_ci.testing import dynamodb_local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COUNT = 1_000_000
OLD, NEW = definition("bench-old", "id"), definition("bench-new", "customer", "id")


def main(count: int | None = None) -> None:
    """Measure both."""
    figures = [at_once(count or COUNT), on_dynamodb_local((count or COUNT) // 10)]
    if count is None:
        page.write(figures)


def at_once(count: int) -> page.Figures:
    """The clients alone."""
    with stand_in.started("stand_in_items.py", str(count)) as address:
        client = boto3.client(
            "dynamodb",
            endpoint_url=address,
            region_name="eu-west-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106  # for our own endpoint
            config=Config(max_pool_connections=THREADS),
        )
        return _measured("copy-client", client, count)


def on_dynamodb_local(count: int) -> page.Figures:
    """The clients and DynamoDB Local on one machine."""
    with dynamodb_local() as client:
        for one in (OLD, NEW):
            client.create_table(**one)
        return _measured("copy", client, count)


def _measured(name: str, client: DynamoDBClient, count: int) -> page.Figures:
    """Fill a table, copy it, compare both."""
    figures = page.Figures(name, ("", "items", "seconds", "items a second", "CPU ms an item", "MB at most"))

    def timed(what: str, act: Callable[[], object]) -> None:
        began, cpu = time.monotonic(), time.process_time()
        act()
        took, used = time.monotonic() - began, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        figures.add(what, f"{count:,}", f"{took:.1f}", f"{count / took:,.0f}", f"{1000 * used / count:.3f}", memory)

    timed("boto3, BatchWriteItem", lambda: _write(client, count))
    # As the command connects: a caller's own client would parse all items by their shapes.
    aws = connection.connect(region=client.meta.region_name, endpoint_url=client.meta.endpoint_url)
    shown = {**OLD, "TableStatus": "ACTIVE", "ItemCount": count, "TableSizeBytes": count * BYTES}
    copier = Copier(aws, copying.job(build.actual(shown, {}), build.desired(NEW), rate=None))
    timed("check", copier.check)
    timed("copy", copier.copy)
    timed("compare", copier.compare)
    client.close()
    return figures


def _write(client: DynamoDBClient, count: int) -> None:
    def part(start: int) -> None:
        for first in range(start, count, THREADS * 25):
            puts = [{"PutRequest": {"Item": item(number)}} for number in range(first, min(first + 25, count))]
            left: Any = {OLD["TableName"]: puts}
            while left:
                left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(part, range(0, THREADS * 25, 25)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
