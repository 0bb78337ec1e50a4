"""How long a plan of many unchanged tables takes, and how many calls it makes, at a network's delay.

Each table is planned with one DescribeTable and one call for each setting with a reader of its own (here two).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter

from dynatus_ci import engine
from dynatus_ci.aws import connection
from dynatus_ci.table import build
from dynatus_ci.table.model import Table
from tests.simulator import Clock, Simulator
from tests.simulator.faults import Kind

TABLES = 100
RUNS = 5
DELAY = 0.02


def definition(number: int) -> Table:
    """A table with a stream, an index, a TTL and a tag, as in the README."""
    return build.desired(
        {
            "TableName": f"table-{number:03}",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
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
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"},
            "Tags": [{"Key": "team", "Value": "accounts"}],
        }
    )


def main() -> None:
    """Make the tables without delay, then plan them with it."""
    tables = [definition(number) for number in range(TABLES)]
    with Simulator(clock=Clock(scale=100_000)) as simulator:
        aws = connection.connect(endpoint_url=simulator.endpoint_url, region=simulator.region)
        made = engine.apply(
            aws,
            tables,
            plan=engine.plan(aws, tables),
            refusal=lambda _change, _step: None,
            options=engine.Options(max_parallel=16),
        )
        if made.failure_reason:
            sys.exit(f"The tables could not be made: {made.failure_reason}.")
        simulator.faults.add(Kind.LATENCY, seconds=DELAY)
        simulator.start_over()
        took = []
        for _ in range(RUNS):
            began = time.perf_counter()
            plan = engine.plan(aws, tables)
            took.append(time.perf_counter() - began)
            if plan.changes:
                sys.exit("The plan finds something to do.")
        calls = Counter(call.operation for call in simulator.journal.calls)
    per_run = {operation: count / RUNS for operation, count in sorted(calls.items())}
    print(f"{TABLES} unchanged tables, {DELAY * 1000:.0f} ms a call, {RUNS} plans")
    print(f"seconds: min {min(took):.2f}, median {statistics.median(took):.2f}, max {max(took):.2f}")
    print(f"calls a plan: {sum(per_run.values()):.0f}, {per_run}")


if __name__ == "__main__":
    main()
