"""Warm throughput (WarmThroughput), which can only be raised, and takes minutes while the table is ACTIVE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table, Warm


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a raise; give back what begins it."""
    check(request, table.warm, "table")
    return lambda: raise_to(account, table, table.warm, request["WarmThroughput"])


def check(holder: Json, warm: Warm, whose: str) -> None:
    """Refuse to lower it."""
    wanted = holder.get("WarmThroughput")
    if wanted == {}:
        raise errors.internal_failure()
    for member, live in (("ReadUnitsPerSecond", warm.read), ("WriteUnitsPerSecond", warm.write)):
        if wanted and wanted.get(member, live) < live:
            raise errors.invalid(
                f"Requested {member} for WarmThroughput for {whose} is lower than current WarmThroughput, "
                "decreasing WarmThroughput is not supported"
            )


def raise_to(account: Account, table: Table, warm: Warm, wanted: Json) -> None:
    """Begin to warm up."""
    read, write = wanted.get("ReadUnitsPerSecond", 0), wanted.get("WriteUnitsPerSecond", 0)
    if read <= warm.read and write <= warm.write:
        return
    warm.status = "UPDATING"

    def done() -> None:
        warm.cover(read, write)
        warm.status = "ACTIVE"

    account.later(account.duration("warm", table.name), done)
