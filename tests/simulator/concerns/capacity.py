"""Billing mode, provisioned throughput and the updates of indexes: one concern, for AWS couples them.

docs/dynamodb.md#billing-mode
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.simulator import definitions, describe, errors
from tests.simulator.clock import HOUR
from tests.simulator.concerns import limits, vectors, warm
from tests.simulator.tables import ON_DEMAND_WARM, PAY_PER_REQUEST, PROVISIONED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Capacity, Index, Json, Table

MODE = "when BillingMode is"
DECREASES_A_DAY = 4


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a switch of the billing mode or a change of capacity; give back what begins it."""
    mode = request.get("BillingMode", table.billing)
    updates = [entry["Update"] for entry in request.get("GlobalSecondaryIndexUpdates", []) if "Update" in entry]
    _check_updates(table, updates, mode)
    throughput = request.get("ProvisionedThroughput")
    if mode == PAY_PER_REQUEST and throughput:
        raise errors.invalid(f"{definitions.NEITHER} {MODE} PAY_PER_REQUEST")
    if "BillingMode" in request and mode == PROVISIONED and not throughput:
        raise errors.invalid(f"ProvisionedThroughput must be specified {MODE} PROVISIONED")
    if mode == table.billing:
        return _change(account, table, throughput, updates)
    vectors.check_mode(table, mode)
    if mode == PAY_PER_REQUEST:
        account.check_quota(table, PAY_PER_REQUEST)
        return lambda: _to_on_demand(account, table)
    given = {update["IndexName"] for update in updates if "ProvisionedThroughput" in update}
    for name in table.indexes:
        if name not in given:
            raise errors.invalid(f"ProvisionedThroughput must be specified for index: {name}")
    return lambda: _to_provisioned(account, table, request["ProvisionedThroughput"], updates)


def _check_updates(table: Table, updates: list[Json], mode: str) -> None:
    for update in updates:
        name = update["IndexName"]
        if any(local["IndexName"] == name for local in table.local_indexes):
            raise errors.validation(f"Cannot update an index that is not a GlobalSecondaryIndex: {name}")
        if name not in table.indexes:
            raise errors.ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
        if mode == PAY_PER_REQUEST and "ProvisionedThroughput" in update:
            raise errors.invalid(f"{definitions.NEITHER} for index: {name} {MODE} PAY_PER_REQUEST")
        definitions.check_limits(update, mode, f" for index : {name}", clearing=True)
        warm.check(update, table.indexes[name].warm, f"index {name}")


def _change(account: Account, table: Table, throughput: Json | None, updates: list[Json]) -> Callable[[], None]:
    changes = _capacities(table, throughput, updates)
    for capacity, wanted, whose in changes:
        _check_change(account, capacity, wanted, whose)

    def begin() -> None:
        for capacity, wanted, _ in changes:
            _note(account, capacity, wanted)
        if throughput:
            account.occupy(
                table, "throughput", account.duration("throughput", table.name), lambda: _set_table(table, throughput)
            )
        for update in updates:
            _update_index(account, table, table.indexes[update["IndexName"]], update)

    return begin


def _capacities(table: Table, throughput: Json | None, updates: list[Json]) -> list[tuple[Capacity, Json, str]]:
    changes = [(table.capacity, throughput, "table")] if throughput else []
    for update in updates:
        if "ProvisionedThroughput" in update:
            name = update["IndexName"]
            changes.append((table.indexes[name].capacity, update["ProvisionedThroughput"], f"index {name}"))
    return changes


def _check_change(account: Account, capacity: Capacity, wanted: Json, whose: str) -> None:
    read, write = wanted["ReadCapacityUnits"], wanted["WriteCapacityUnits"]
    if (read, write) == (capacity.read, capacity.write):
        raise errors.validation(
            f"The provisioned throughput for the {whose} will not change. The requested value equals the current "
            f"value. Current ReadCapacityUnits provisioned for the {whose}: {read}. "
            f"Requested ReadCapacityUnits: {read}. "
            f"Current WriteCapacityUnits provisioned for the {whose}: {write}. Requested WriteCapacityUnits: {write}. "
            "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )
    if read < capacity.read or write < capacity.write:
        _check_decrease(account, capacity)


def _check_decrease(account: Account, capacity: Capacity) -> None:
    today = describe.decreases_today(account, capacity)
    if not account.quotas or today < DECREASES_A_DAY or account.now >= capacity.decreases[-1] + HOUR:
        return
    last = capacity.decreases[-1]
    raise errors.limit(
        "Provisioned throughput decreases are limited within a given UTC day. After the first 4 decreases, each "
        "subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. Number of decreases "
        f"today: {today}. Last decrease at {_long(last)}. Next decrease can be made at {_long(last + HOUR)}"
    )


def _long(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%A, %B %d, %Y %I:%M:%S %p} UTC"


def _note(account: Account, capacity: Capacity, wanted: Json) -> None:
    read, write = wanted["ReadCapacityUnits"], wanted["WriteCapacityUnits"]
    if read > capacity.read or write > capacity.write:
        capacity.increased = account.now
    if read < capacity.read or write < capacity.write:
        capacity.decreases.append(account.now)


def _set_table(table: Table, wanted: Json) -> None:
    _set(table.capacity, wanted)
    table.warm.cover(table.capacity.read, table.capacity.write)


def _set_index(index: Index, wanted: Json) -> None:
    _set(index.capacity, wanted)
    index.warm.cover(index.capacity.read, index.capacity.write)


def _set(capacity: Capacity, wanted: Json) -> None:
    capacity.read, capacity.write = wanted["ReadCapacityUnits"], wanted["WriteCapacityUnits"]


def _update_index(account: Account, table: Table, index: Index, update: Json) -> None:
    if "WarmThroughput" in update:
        warm.raise_to(account, table, index.warm, update["WarmThroughput"])
    if not {"ProvisionedThroughput", "OnDemandThroughput"} & set(update):
        return
    index.status = "UPDATING"  # the only place where this change shows: the table stays ACTIVE

    def done() -> None:
        index.status = "ACTIVE"
        if "ProvisionedThroughput" in update:
            _set_index(index, update["ProvisionedThroughput"])
        limits.merge(account, index.limits, update.get("OnDemandThroughput", {}))

    account.later(account.duration("index throughput", table.name), done)


def _holders(table: Table) -> list[Table | Index]:
    return [table, *table.indexes.values()]


def _to_on_demand(account: Account, table: Table) -> None:
    account.spend_quota(table, PAY_PER_REQUEST)
    name = "to on-demand" if table.billing_since is None else "to on-demand again"

    def done() -> None:
        table.billing, table.billing_since = PAY_PER_REQUEST, account.now
        for holder in _holders(table):
            holder.capacity.read = holder.capacity.write = 0
            holder.warm.cover(*ON_DEMAND_WARM)

    account.occupy(table, "to on-demand", account.duration(name, table.name), done)


def _to_provisioned(account: Account, table: Table, throughput: Json, updates: list[Json]) -> None:
    def done() -> None:
        table.billing = PROVISIONED
        _set_table(table, throughput)
        for update in updates:
            _set_index(table.indexes[update["IndexName"]], update["ProvisionedThroughput"])
        for holder in _holders(table):
            holder.limits.clear()  # a switch drops the on-demand limits

    account.occupy(table, "to provisioned", account.duration("to provisioned", table.name), done)
