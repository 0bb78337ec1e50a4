"""On-demand limits of a table (OnDemandThroughput); members merge one by one, -1 clears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check new limits; give back what begins the change."""
    definitions.check_limits(request, request.get("BillingMode", table.billing), "", clearing=True)
    wanted = request["OnDemandThroughput"]
    seconds = account.duration("on-demand limit", table.name)
    return lambda: account.occupy(table, "on-demand limit", seconds, lambda: merge(account, table.limits, wanted))


def merge(account: Account, limits: dict[str, int], wanted: dict[str, int]) -> None:
    """Set them; a cleared one reads back as -1 for a moment."""
    limits.update(wanted)

    def forget() -> None:
        for name in [name for name, value in limits.items() if value == -1]:
            del limits[name]

    if -1 in wanted.values():
        account.later(account.duration("on-demand limit cleared"), forget)
