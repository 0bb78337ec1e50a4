"""What other clients cost for the same tables, to compare with.

python benchmarks/reads.py boto3 ADDRESS TABLES       the calls of `dynatus plan`, 32 at a time
python benchmarks/reads.py terraform ADDRESS TABLES   the pattern of Terraform's provider: 5 reads a table, 10 at a time
python benchmarks/reads.py one ADDRESS 1              a process with one call
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

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
BY_ARN = {"list_tags_of_resource", "get_resource_policy"}


def main(pattern: str, address: str, tables: int) -> None:
    """Read each table with the calls of a pattern."""
    at_once, operations = PATTERNS[pattern]
    client: Any = boto3.client(
        "dynamodb",
        endpoint_url=address,
        region_name="eu-west-1",
        config=Config(max_pool_connections=at_once, retries={"mode": "adaptive", "total_max_attempts": 8}),
    )

    def read(number: int) -> None:
        table = client.describe_table(TableName=f"table-{number:05}")["Table"]
        for operation in operations[1:]:
            by = {"ResourceArn": table["TableArn"]} if operation in BY_ARN else {"TableName": table["TableName"]}
            getattr(client, operation)(**by)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(read, range(tables)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
