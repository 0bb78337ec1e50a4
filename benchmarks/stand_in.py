"""An endpoint that answers as DynamoDB does about many equal tables, fast enough to measure a client against.

    python benchmarks/stand_in.py TABLES DELAY [RATE]

TABLES tables are there; others can be created, and take a second. Each answer takes DELAY seconds. With RATE, the reads
that AWS throttles are throttled at so many a second. It prints its address. GET /calls answers with what was called.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
THROTTLED = {"DescribeTimeToLive", "ListTagsOfResource", "DescribeContinuousBackups"}
CREATION = 1.0
"""Seconds for which a new table is CREATING."""
WHO = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def name(number: int) -> str:
    """The name of a table."""
    return f"table-{number:05}"


def definition(number: int) -> dict[str, Any]:
    """A table with an index, time to live and a tag, in CreateTable's shape with the settings that it lacks."""
    return {
        "TableName": name(number),
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "email", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-email",
                "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"},
        "Tags": [{"Key": "team", "Value": "accounts"}],
    }


class Answering(Protocol):
    """What stands behind the endpoint."""

    calls: Counter[str]

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of an answer."""
        ...


class Account:
    """The tables, and what was called."""

    def __init__(self, tables: int, *, rate: float | None) -> None:
        self.made = {name(number): 0.0 for number in range(tables)}
        self.expiring = set(self.made)
        self.calls: Counter[str] = Counter()
        self._rate = rate
        self._free: dict[str, float] = defaultdict(float)

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.calls[operation] += 1
        status, answer = self._answer(operation, json.loads(body))
        return status, json.dumps(answer).encode()

    def _answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self._throttles(operation):
            return _error("ThrottlingException", "Rate exceeded")
        table = (request.get("TableName") or request.get("ResourceArn", "")).removeprefix(ARN)
        if operation == "ListTables":
            return 200, {"TableNames": []}
        if operation == "CreateTable":
            self.made[table] = time.monotonic() + CREATION
        elif table not in self.made:
            return _error("ResourceNotFoundException", f"Requested resource not found: Table: {table} not found")
        elif operation == "UpdateTimeToLive":
            self.expiring.add(table)
        return 200, self._body(operation, table)

    def _throttles(self, operation: str) -> bool:
        """A bucket of a second's calls, filled at the rate."""
        if self._rate is None or operation not in THROTTLED:
            return False
        now = time.monotonic()
        self._free[operation] = max(self._free[operation], now - 1)
        if self._free[operation] + 1 / self._rate > now:
            return True
        self._free[operation] += 1 / self._rate
        return False

    def _body(self, operation: str, table: str) -> dict[str, Any]:
        match operation:
            case "DescribeTable" | "CreateTable":
                shown = self._described(table)
                return {"Table" if operation == "DescribeTable" else "TableDescription": shown}
            case "DescribeTimeToLive":
                on = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
                return {"TimeToLiveDescription": on if table in self.expiring else {"TimeToLiveStatus": "DISABLED"}}
            case "ListTagsOfResource":
                return {"Tags": [{"Key": "team", "Value": "accounts"}]}
            case "DescribeContinuousBackups":
                off = {"PointInTimeRecoveryStatus": "DISABLED"}
                backups = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": off}
                return {"ContinuousBackupsDescription": backups}
        return {}

    def _described(self, table: str) -> dict[str, Any]:
        shown = {m: v for m, v in definition(0).items() if m not in {"BillingMode", "TimeToLiveSpecification", "Tags"}}
        state = "CREATING" if self.made[table] > time.monotonic() else "ACTIVE"
        index = {**shown["GlobalSecondaryIndexes"][0], "IndexStatus": state, "IndexArn": f"{ARN}{table}/index/by-email"}
        return {
            **shown,
            "TableName": table,
            "TableArn": f"{ARN}{table}",
            "TableId": "0b7a4a52-0000-4000-8000-266542803551",
            "TableStatus": state,
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "GlobalSecondaryIndexes": [index],
        }


def _error(code: str, message: str) -> tuple[int, dict[str, Any]]:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}


class Connection(asyncio.Protocol):
    """Just enough HTTP for one client's connection."""

    def __init__(self, account: Answering, delay: float) -> None:
        self._account = account
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """A part of a request, or the whole of it."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        headers = {
            key.lower(): value.strip() for key, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
        }
        length = int(headers.get(b"content-length", b"0"))
        if not found or len(body) < length:
            return
        self._buffer = body[length:]
        status, kind, text = self._answered(head, headers.get(b"x-amz-target", b"").decode(), body[:length])
        answer = f"HTTP/1.1 {status} OK\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text
        asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)

    def _answered(self, head: bytes, target: str, body: bytes) -> tuple[int, str, bytes]:
        if head.startswith(b"GET /calls "):
            return 200, "application/json", json.dumps(self._account.calls).encode()
        if target.startswith("DynamoDB_"):
            status, answer = self._account.answer(target.partition(".")[2], body)
            return status, "application/x-amz-json-1.0", answer
        known = b"GetCallerIdentity" in body
        return (200, "text/xml", WHO.encode()) if known else (404, "text/plain", b"")


@contextlib.contextmanager
def started(script: str, *arguments: str) -> Iterator[str]:
    """The address of an endpoint that runs in a process of its own, from a script beside this one."""
    command = [sys.executable, str(Path(__file__).parent / script), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.kill()
        process.wait()


async def serve(account: Answering, delay: float) -> None:
    """Print the address, and serve until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(account, delay), "127.0.0.1", 0, backlog=512
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    count, seconds, *rates = sys.argv[1:]
    asyncio.run(serve(Account(int(count), rate=float(rates[0]) if rates else None), float(seconds)))
