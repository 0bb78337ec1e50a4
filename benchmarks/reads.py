"""What other clients cost for the same tables, to compare with.

python benchmarks/reads.py boto3 ADDRESS TABLES       the calls of `dynatus plan`, 32 at a time
python benchmarks/reads.py terraform ADDRESS TABLES   the pattern of Terraform's provider: 5 reads a table, 10 at a time
python benchmarks/reads.py one ADDRESS 1              a process with one call
python benchmarks/reads.py create ADDRESS TABLES      creates them, all side by side, then sets their time to live
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PATTERNS = {
    "one": (1, ("describe_table",)),
    "boto3": (32, ("describe_table", "describe_time_to_live", "list_tags_of_resource")),
    "terraform": (
        10,
        (
            "describe_table",
            "describe_continuous_backups",
            "describe_time_to_live",
            "list_tags_of_resource",
            "get_resource_policy",
        ),
    ),
}
AT_ONCE = 100
"""How many tables are created side by side."""
BY_ARN = {"list_tags_of_resource", "get_resource_policy"}


def main(pattern: str, address: str, tables: int) -> None:
    """Read each table with the calls of a pattern, or create it."""
    if pattern == "create":
        create(_client(address, AT_ONCE), tables)
    else:
        read(_client(address, PATTERNS[pattern][0]), pattern, tables)


def _client(address: str, at_once: int) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        endpoint_url=address,
        region_name="eu-west-1",
        config=Config(max_pool_connections=at_once, retries={"mode": "adaptive", "total_max_attempts": 8}),
    )


def create(client: DynamoDBClient, tables: int) -> None:
    """Create tables, wait for each, and set its time to live; nothing is read but whether the table is ACTIVE."""
    from benchmarks import stand_in  # noqa: PLC0415  # it loads asyncio, for which no read should wait

    def one(number: int) -> None:
        definition = stand_in.definition(number)
        expiry = definition.pop("TimeToLiveSpecification")
        table = client.create_table(**definition)["TableDescription"]
        while table["TableStatus"] != "ACTIVE":
            time.sleep(0.5)
            table = client.describe_table(TableName=definition["TableName"])["Table"]
        client.update_time_to_live(TableName=definition["TableName"], TimeToLiveSpecification=expiry)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(tables)))


def read(client: DynamoDBClient, pattern: str, tables: int) -> None:
    """Read each table with the calls of a pattern."""
    at_once, operations = PATTERNS[pattern]

    def one(number: int) -> None:
        table = client.describe_table(TableName=f"table-{number:05}")["Table"]
        for operation in operations[1:]:
            by = {"ResourceArn": table["TableArn"]} if operation in BY_ARN else {"TableName": table["TableName"]}
            getattr(client, operation)(**by)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(tables)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
