"""The table class (TableClass): twice in thirty days.

docs/dynamodb.md#table-class
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.concerns import replicas

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a change of the class; give back what begins it. The present class sent again changes nothing."""
    wanted = request["TableClass"]
    account.check_quota(table, "TableClass")

    def done() -> None:
        table.table_class, table.class_updated = wanted, account.now
        for replica in table.replicas.values():
            replicas.inherit(table, replica)

    def begin() -> None:
        if wanted != (table.table_class or "STANDARD"):
            account.spend_quota(table, "TableClass")
            account.occupy(table, "class", account.duration("class", table.name), done)

    return begin
