"""UpdateTimeToLive and DescribeTimeToLive, with the cooldown of half an hour.

docs/dynamodb.md#time-to-live
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.durations import TTL_COOLDOWN
from tests.simulator.operations import reads, writes

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table


@reads("DescribeTimeToLive")
def describe_time_to_live(account: Account, request: Json) -> Json:
    """Status and, while it is not off, the attribute."""
    table = account.table(request["TableName"])
    if table.lifecycle:
        raise errors.validation(
            f"Cannot describe time to live while table is in {table.lifecycle} state: "
            f"Current table state is {table.lifecycle}"
        )
    shown: Json = {"TimeToLiveStatus": table.time_to_live.status}
    if table.time_to_live.status != "DISABLED":
        shown["AttributeName"] = table.time_to_live.attribute
    return {"TimeToLiveDescription": shown}


@writes("UpdateTimeToLive")
def update_time_to_live(account: Account, request: Json) -> Json:
    """Switch it; what is wrong with the request is said before the cooldown is."""
    table, wanted = account.table(request["TableName"]), request["TimeToLiveSpecification"]
    if table.lifecycle:
        raise errors.in_use(f"Table {table.name} is being {'created' if table.lifecycle == 'CREATING' else 'deleted'}")
    _check_content(table, wanted)
    if table.busy - {"replica"}:
        raise errors.validation(f"Table {table.name} is being created, updated, or deleted")
    live = table.time_to_live
    if live.modified is not None and account.now < live.modified + TTL_COOLDOWN:
        raise errors.validation("Time to live has been modified multiple times within a fixed interval")
    live.modified = account.now
    live.status = "ENABLING" if wanted["Enabled"] else "DISABLING"
    live.attribute = wanted["AttributeName"]

    def done() -> None:
        live.status = "ENABLED" if wanted["Enabled"] else "DISABLED"

    account.later(account.duration("time to live", table.name), done)
    return {"TimeToLiveSpecification": wanted}


def _check_content(table: Table, wanted: Json) -> None:
    live = table.time_to_live
    on = live.status in {"ENABLED", "ENABLING"}
    if on and wanted["AttributeName"] != live.attribute:
        raise errors.validation(
            f"TimeToLive is active on a different AttributeName: current AttributeName is {live.attribute}"
        )
    if on == wanted["Enabled"]:
        raise errors.validation(f"TimeToLive is already {'enabled' if on else 'disabled'}")
