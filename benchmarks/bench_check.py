"""How long a plan takes that asks a large table whether its items fit a new index, and how much it reads.

A table of a million items on the simulator, on this machine: AWS filters faster, and is further away.
"""

from __future__ import annotations

import time
from typing import Any

from dynatus_ci import engine
from dynatus_ci.aws import connection
from dynatus_ci.table import build
from tests.simulator import Clock, Simulator

ITEMS = 1_000_000
EVERY = 10_000
"""One item of so many does not fit."""


def definition(*, indexed: bool) -> dict[str, Any]:
    """A table, with an index or without."""
    key = [{"AttributeName": "email", "KeyType": "HASH"}]
    index = {"IndexName": "by-email", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}
    indexes = {"GlobalSecondaryIndexes": [index]} if indexed else {}
    return {
        "TableName": "users",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in ("id", *(["email"] if indexed else []))
        ],
        "BillingMode": "PAY_PER_REQUEST",
        **indexes,
    }


def item(number: int) -> dict[str, Any]:
    """About 400 bytes."""
    email = {"N": "1"} if number % EVERY == 0 else {"S": f"user-{number}@example.com"}
    return {"id": {"S": f"user-{number:09}"}, "email": email, "text": {"S": "x" * 340}}


def main() -> None:
    """Plan the index."""
    with Simulator(clock=Clock(scale=100_000)) as simulator:
        client = simulator.client()
        client.create_table(**definition(indexed=False))
        simulator.clock.sleep(60)
        simulator.make_items("users", ITEMS, item)
        client.close()
        aws = connection.connect(endpoint_url=simulator.endpoint_url, region=simulator.region)
        simulator.start_over()
        began = time.perf_counter()
        (change,) = engine.plan(aws, [build.desired(definition(indexed=True))]).tables
        took = time.perf_counter() - began
        units = sum(call.units for call in simulator.journal.calls)
    (check,) = change.checks
    print(f"{ITEMS:,} items of about 400 bytes, one of {EVERY:,} of another type")
    print(
        f"seconds: {took:.2f}; read units: {units:,.1f}; read ({check.read}): {check.items:,}; found: {check.misfits:,}"
    )


if __name__ == "__main__":
    main()
