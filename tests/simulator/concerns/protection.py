"""Deletion protection (DeletionProtectionEnabled): at once, but not twice within seconds.

docs/dynamodb.md#deletion-protection
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.clock import iso
from tests.simulator.durations import PROTECTION_COOLDOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a toggle; give back what does it, after the answer has shown the value from before."""
    wanted = request["DeletionProtectionEnabled"]
    toggled = table.history.get("DeletionProtectionEnabled", [-PROTECTION_COOLDOWN])[-1]
    if account.now < toggled + PROTECTION_COOLDOWN:
        what = f"Deletion protection setting for table {table.name}"
        raise errors.too_soon(what, int(PROTECTION_COOLDOWN * 1000), iso(toggled + PROTECTION_COOLDOWN))

    if wanted == table.protected:
        return lambda: None

    def done() -> None:
        table.protected = wanted

    def begin() -> None:
        account.spend_quota(table, "DeletionProtectionEnabled")
        account.later(0, done)

    return begin
