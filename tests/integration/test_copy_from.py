"""`:CopyFrom`: a new table is filled from another one, whatever goes wrong on the way.

On the simulator: stops at any call, throttled and lost calls, a second writer, an item that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from threading import Event as Flag

import pytest

from dynatus_ci import engine
from dynatus_ci.aws.scan_budget import ScanLimits
from dynatus_ci.engine import EventKind, Fitting
from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.model import Action
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.table.plans import Plan
from tests import world as worlds
from tests.integration.moving import at_step, held, order, written_to
from tests.simulator import SECOND_WRITER, Kind
from tests.simulator.journal import Call
from tests.simulator.tables import Json
from tests.small_tables import definition
from tests.world import Kill, World

OLD, NEW = "orders", "orders-by-customer"


SOURCE = definition(OLD, "id")
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
TARGET = definition(
    NEW,
    "customer",
    "id",
    CopyFrom=OLD,
    StreamSpecification=STREAM,
    TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    Tags=[{"Key": "team", "Value": "shop"}],
)


def begun(world: World, count: int = 120) -> dict[str, Json]:
    """The old table with some items; what it holds."""
    world.apply(SOURCE)
    world.simulator.fill(OLD, map(order, range(count)))
    return held(world, OLD)


def tags(world: World) -> dict[str, str]:
    return dict(world.simulator.tables[NEW].tags.now)


def copied(world: World) -> dict[str, str]:
    return {"dynatus:copied-from": f"{OLD}@{world.simulator.tables[OLD].id[:8]}", "team": "shop"}


def test_a_new_table_is_filled_before_its_stream_begins(world: World) -> None:
    items = begun(world)
    run = world.apply(TARGET)
    assert run.table.error is None
    assert [(step.step.operation, step.status) for step in run.table.steps] == [
        ("CreateTable", "done"),
        ("BatchExecuteStatement", "done"),
        ("TagResource", "done"),
        ("UntagResource", "done"),
        ("UpdateTable", "done"),
        ("UpdateTimeToLive", "done"),
    ]
    assert [step.operation for step in run.change.steps] == [step.step.operation for step in run.table.steps]
    assert held(world, NEW) == held(world, OLD) == items
    assert tags(world) == copied(world)
    (note,) = run.table.notes
    assert note.startswith("Copied 120 items of `orders`. All 120 items are in `orders-by-customer`. That took ")
    again = world.apply(TARGET)
    assert (again.change.action, again.table.result, again.writes) == (Action.NOOP, Outcome.NOOP, [])


# --- stops -----------------------------------------------------------------------------------------------------------


def killed(world: World, at: int, *, sent: bool = True) -> Plan:
    """An apply that is killed at that call; what was planned."""
    planned = world.plan(TARGET)
    assert world.killed(TARGET, plan=planned, at=Kill(at, sent=sent))
    return planned


def ends_well(world: World, items: dict[str, Json], planned: Plan | None = None) -> None:
    """The next apply of the plan completes the copy. Then there is nothing to do."""
    run = world.apply(TARGET, plan=planned)
    assert run.table.error is None
    assert held(world, NEW) == held(world, OLD) == items
    assert tags(world) == copied(world)
    assert world.apply(TARGET).table.result is Outcome.NOOP


def calls_of_a_copy(world: World) -> tuple[Call, ...]:
    begun(world, 60)
    return world.apply(TARGET).calls


def goes_on_after_kills(world: World, calls: Iterable[Call], *, sent: bool) -> None:
    for call in calls:
        world.renew()
        items = begun(world, 60)
        planned = killed(world, call.number, sent=sent)
        assert held(world, OLD) == items
        ends_well(world, items, planned)


SENT = pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "before its answer"])


@pytest.mark.slow
@SENT
def test_a_copy_goes_on_after_a_kill_at_any_write(world: World, *, sent: bool) -> None:
    writes = [call for call in calls_of_a_copy(world) if call.writes]
    goes_on_after_kills(world, writes, sent=sent)


@pytest.mark.soak
@SENT
def test_a_copy_goes_on_after_a_kill_at_any_call(world: World, *, sent: bool) -> None:
    goes_on_after_kills(world, calls_of_a_copy(world), sent=sent)


@pytest.mark.parametrize("every", [pytest.param(12, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
def test_a_copy_goes_on_after_a_cancel_at_any_call(world: World, every: int) -> None:
    for call in range(1, len(calls_of_a_copy(world)) + 1, every):
        world.renew()
        items = begun(world, 60)
        stop = Flag()
        planned = world.plan(TARGET)
        world.simulator.faults.before(call, stop.set)
        run = world.apply(TARGET, plan=planned, stop=stop)
        assert run.table.result is Outcome.FAILED or not stop.is_set() or held(world, NEW) == items
        ends_well(world, items, planned)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_throttled_calls_and_throttled_items_are_sent_again(world: World) -> None:
    items = begun(world, 500)
    world.simulator.slow_writes = 0.05
    world.simulator.faults.add(Kind.THROTTLE, rate=0.05, operations=["Scan", "BatchExecuteStatement"])
    world.simulator.faults.add(Kind.ERROR_AFTER, rate=0.05, operations=["BatchExecuteStatement"])
    run = world.apply(TARGET)
    assert run.table.error is None
    assert held(world, NEW) == items


def test_what_another_writes_during_the_copy_is_there_at_its_end(world: World) -> None:
    items = begun(world, 100)
    planned = world.plan(TARGET)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    late = [order(1_000 + number) for number in range(5)]
    calls = iter(range(10, 60, 10))
    for item in late:
        world.simulator.faults.before(
            next(calls),
            partial(stranger.put_item, TableName=OLD, Item=item),  # type: ignore[arg-type]  # any item
        )
    run = world.apply(TARGET, plan=planned)
    assert run.table.error is None
    assert held(world, NEW) == items | {item["id"]["S"]: item for item in late}
    stranger.close()


def test_what_an_application_wrote_to_both_is_never_overwritten(world: World) -> None:
    items = begun(world, 30)
    planned = killed(world, 30)
    mine = order(7, status={"S": "paid"})
    world.simulator.fill(NEW, [mine])
    run = world.apply(TARGET, plan=planned)
    assert run.table.error is None
    assert held(world, NEW) == items | {"00007": mine}
    assert "1 item differs" in run.table.notes[0]


def test_a_source_that_never_stands_still_ends_the_copy_and_the_next_run_goes_on(world: World) -> None:
    begun(world, 10)
    planned = world.plan(TARGET)
    with written_to(world, OLD, lambda number: order(1_000 + number)):
        run = world.apply(TARGET, plan=planned)
    assert run.table.error
    assert run.table.error.reason is FailureReason.SOURCE_WRITTEN
    assert set(tags(world)) == {"dynatus:copying-from", "team"}
    ends_well(world, held(world, OLD), planned)


def test_one_item_that_does_not_fit_stops_it_before_the_table_is_created(world: World) -> None:
    begun(world, 10_000)
    world.simulator.fill(OLD, [order(5_000, customer={"N": "1"})])
    run = world.apply(TARGET)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    text = "1 of 10,000 items to copy does not fit the key: `customer` is not a string. It cannot be copied."
    assert text in run.table.error.message
    assert run.plan.tables[0].refusal == Refusal(run.table.error.message, FailureReason.ITEMS_DO_NOT_FIT)
    assert run.writes == []


def test_an_item_that_spoils_after_the_plan_stops_it_before_the_table_is_created(world: World) -> None:
    items = begun(world, 100)
    planned = world.plan(TARGET)
    assert [(check.path, check.misfits) for check in planned.tables[0].checks] == [(("CopyFrom", "KeySchema"), 0)]
    world.simulator.fill(OLD, [order(50, customer={"S": "é" * 1_025})])  # in characters it would fit
    run = world.apply(TARGET, plan=planned)
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert [(check.reason, check.misfits) for check in run.table.checks] == [(Misfit.LENGTH, 1)]
    assert run.writes == []
    world.simulator.fill(OLD, [order(50)])
    ends_well(world, items)


def test_items_with_the_same_new_key_are_found_by_apply_and_by_who_reads_whole_tables(world: World) -> None:
    begun(world, 100)
    world.simulator.fill(OLD, [order(7, customer={"S": "c6"})])
    by_customer = definition(NEW, "customer", CopyFrom=OLD)
    run = world.apply(by_customer)
    assert run.change.refusal is None
    assert any("same new key" in note for note in run.change.notes)
    assert run.table.error
    assert "90 of 100 items to copy do not fit the key: another item has the same `customer`" in run.table.error.message
    assert run.writes == []
    whole = Fitting(world.aws, world.clock, limits=ScanLimits())
    (change,) = engine.plan(world.aws, worlds.tables([by_customer]), fitting=whole).tables
    assert [(check.reason, check.misfits) for check in change.checks] == [(Misfit.DUPLICATE, 90)]


def test_an_item_that_spoils_after_the_check_is_refused_and_named_by_no_value(world: World) -> None:
    items = begun(world, 20)
    planned = world.plan(TARGET)

    def spoil() -> None:
        world.simulator.fill(OLD, [order(5, customer={"N": "77777"})])

    created = next(call.number for call in world.apply(TARGET, plan=planned).calls if call.operation == "CreateTable")
    world.renew()
    items = begun(world, 20)
    planned = world.plan(TARGET)
    world.simulator.faults.before(created, spoil)
    run = world.apply(TARGET, plan=planned)
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert "77777" not in run.table.error.message
    world.simulator.fill(OLD, [order(5)])
    ends_well(world, items)


# --- what is there already -------------------------------------------------------------------------------------------

PLAIN = definition(NEW, "customer", "id")
GONE = {"TableName": OLD, "Absent": True}


def test_an_empty_table_is_filled_and_one_with_items_of_its_own_never(world: World) -> None:
    items = begun(world, 20)
    world.apply(PLAIN)
    world.simulator.fill(NEW, [order(1, status={"S": "mine"})])
    run = world.apply(TARGET)
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert run.writes == []
    world.apply({"TableName": NEW, "Absent": True})
    world.apply(PLAIN)
    ends_well(world, items)


def test_a_table_without_room_for_the_tags_of_a_copy_is_left_as_it_is(world: World) -> None:
    begun(world, 20)
    world.apply({**PLAIN, "Tags": [{"Key": f"t{number}", "Value": "x"} for number in range(49)]})
    run = world.apply({**PLAIN, "CopyFrom": OLD})
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "has 49 tags, and a copy sets two of its own" in run.table.error.message
    assert run.writes == []


def test_a_source_is_not_deleted_in_the_run_that_copies_it(world: World) -> None:
    items = begun(world, 20)
    run = world.apply(TARGET, GONE)
    results = {table.table: table.result for table in run.result.tables}
    assert results == {OLD: Outcome.REFUSED, NEW: Outcome.APPLIED}
    assert held(world, OLD) == held(world, NEW) == items
    run = world.apply(TARGET, GONE)
    assert run.result.result is Outcome.APPLIED
    assert OLD not in world.simulator.tables
    assert held(world, NEW) == items
    again = world.apply(TARGET, GONE)
    assert again.result.result is Outcome.NOOP


def test_a_source_is_not_deleted_while_nobody_can_see_whether_its_copy_is_complete(world: World) -> None:
    items = begun(world, 20)
    killed(world, 20)
    world.simulator.faults.add(Kind.DENY, operations=["ListTagsOfResource"], tables=[NEW])
    run = world.apply(TARGET, GONE)
    results = {table.table: table.result for table in run.result.tables}
    assert results == {OLD: Outcome.REFUSED, NEW: Outcome.FAILED}
    world.simulator.faults.clear()
    assert held(world, OLD) == items


THIRD = definition("orders-by-number", "id", CopyFrom=NEW)


def filled(world: World) -> dict[str, Json]:
    """The items of the third table, which must be the copy of a complete one."""
    world.simulator.settle()
    assert "dynatus:copied-from" in world.simulator.tables[THIRD["TableName"]].tags.now
    return held(world, THIRD["TableName"])


def test_a_copy_that_is_not_complete_is_no_source(world: World) -> None:
    items = begun(world, 60)
    planned = killed(world, 20)
    run = world.apply(THIRD)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "is itself still being filled" in run.table.error.message
    assert run.writes == []
    ends_well(world, items, planned)
    world.apply(THIRD)
    assert filled(world) == items


def test_a_table_that_gets_its_items_back_is_no_source(world: World) -> None:
    begun(world, 20)
    marks = world.simulator.tables[OLD].tags
    marks.now = marks.seen = {"dynatus:items-from": "orders@01234567"}
    run = world.apply(TARGET)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "does not have all of its items back yet" in run.table.error.message
    assert run.writes == []


def test_of_two_copies_the_second_waits_for_the_run_after_the_first(world: World) -> None:
    """Also where the table between them is there and empty, so that nothing shows that it will be filled."""
    items = begun(world, 60)
    world.apply(PLAIN)
    run = world.apply(TARGET, THIRD)
    results = {table.table: table.result for table in run.result.tables}
    assert results == {NEW: Outcome.APPLIED, THIRD["TableName"]: Outcome.REFUSED}
    assert world.apply(TARGET, THIRD).result.result is Outcome.APPLIED
    assert filled(world) == items


def deletion_notes(world: World) -> str:
    """What the plan says about the deletion of the old table."""
    return " ".join(next(change.notes for change in world.plan(TARGET, GONE).tables if change.table == OLD))


def test_the_deletion_of_a_source_says_whether_all_of_its_items_are_in_the_copy(world: World) -> None:
    begun(world, 20)
    world.apply(TARGET)
    where = f"`{NEW}`, which was filled from this table"
    assert f"All 20 items are in {where}. " in deletion_notes(world)
    world.simulator.fill(OLD, [order(3, total={"N": "7"}), *map(order, range(100, 104))])
    note = (
        f"4 of 24 items are not in {where}: they were written later, or deleted there. 1 item has other values there."
    )
    assert note in deletion_notes(world)
    world.simulator.fill(OLD, [{"id": {"S": "of no customer"}}])
    assert f"5 of 25 items are not in {where}" in deletion_notes(world)


def test_the_deletion_of_a_source_says_where_nobody_compared_the_items(world: World) -> None:
    begun(world, 20)
    world.apply(TARGET)
    compared = f"The items were not compared with `{NEW}`, which was filled from this table:"
    world.simulator.faults.deny("Scan")
    assert f"{compared} Scan is denied." in deletion_notes(world)
    world.simulator.faults.clear()
    world.simulator.tables[OLD].item_bytes = 200_000_000
    assert f"{compared} they are too large to be read whole in a plan." in deletion_notes(world)
    world.options = replace(world.options, check=False)
    assert f"{compared} this run reads no items." in deletion_notes(world)


def test_a_source_that_becomes_another_table_during_the_copy_is_noticed(world: World) -> None:
    begun(world, 20)
    planned = killed(world, 30)
    world.simulator.tables[OLD].id = "another"
    run = world.apply(TARGET, plan=planned)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "is another table now" in run.table.error.message


def test_a_source_that_is_gone_when_its_copy_begins_fails_that_step_and_leaves_none_running(world: World) -> None:
    begun(world, 20)

    def delete_source() -> None:
        del world.simulator.tables[OLD]

    run = world.apply(TARGET, on_event=at_step(EventKind.STEP, "BatchExecuteStatement", delete_source))
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert f"Table `{OLD}`, the source of the items of `{NEW}`, no longer exists." in run.table.error.message
    statuses = {each.step.operation: each.status for each in run.table.steps}
    assert statuses["BatchExecuteStatement"] is Status.FAILED
    assert Status.RUNNING not in statuses.values()


def test_a_table_that_is_deleted_after_its_copy_is_filled_again_before_it_is_marked(world: World) -> None:
    begun(world, 20)
    copies: list[str] = []

    def delete_table() -> None:
        copies.append(NEW)
        if len(copies) == 1:
            del world.simulator.tables[NEW]

    run = world.apply(TARGET, on_event=at_step(EventKind.DONE, "BatchExecuteStatement", delete_table))
    assert run.table.error is None
    assert len(copies) == 2
    assert held(world, NEW) == held(world, OLD)
    assert tags(world) == copied(world)
