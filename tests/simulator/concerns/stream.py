"""The stream (StreamSpecification): on or off, and each time it goes on a new ARN.

docs/dynamodb.md#streams
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.simulator import definitions, errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a switch; give back what begins it."""
    wanted = request["StreamSpecification"]
    definitions.check_stream(wanted, creating=False)
    on = wanted["StreamEnabled"]
    if on and table.stream_view:
        raise errors.validation(f"Table already has an enabled stream: TableName: {table.name}")
    if not on and not table.stream_view:
        raise errors.validation(f"Table has no stream to disable: TableName: {table.name}")
    if table.replicas:
        raise errors.invalid("Disabling Stream is not allowed for a Global Table replica.")

    def done() -> None:
        if on:
            enable(account, table, wanted["StreamViewType"])
        else:
            table.stream_view = None  # the label and ARN of the last one stay readable

    return lambda: account.occupy(table, "stream", account.duration("stream", table.name), done)


def enable(account: Account, table: Table, view: str) -> None:
    """Begin a new stream."""
    table.stream_view = view
    table.stream_label = datetime.fromtimestamp(account.now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
