"""`:KeepItems`: a table gets another key and keeps its items, whatever goes wrong on the way.

On the simulator: stops at any call, throttled and lost calls, a second writer, an item that does not fit, and files
that change while a change has not ended. Every test looks for each item that was ever in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from dynatus_ci import engine
from dynatus_ci.engine import Event, EventKind
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build
from dynatus_ci.table.model import Action
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from tests.integration.moving import held, order, written_at, written_to
from tests.simulator import SECOND_WRITER, Kind
from tests.simulator.tables import Json
from tests.small_tables import definition, global_index, local_index
from tests.strategies import Definition
from tests.world import Kill, Run, World

NAME, COPY = "orders", "orders.dynatus-items"


def keyed(*key: str, **more: Any) -> Definition:
    """The table by this key."""
    return definition(NAME, *key, Tags=[{"Key": "team", "Value": "shop"}], **more)


BEFORE = keyed("id")
KEPT = keyed("id", KeepItems=True)
AFTER = keyed(
    "customer",
    "id",
    KeepItems=True,
    attributes=["shop"],
    GlobalSecondaryIndexes=[global_index("shop")],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
)
THIRD = keyed("shop", "id", KeepItems=True)


def begun(world: World, count: int) -> dict[str, Json]:
    """The old table with some items; what it holds."""
    world.apply(BEFORE)
    world.simulator.fill(NAME, map(order, range(count)))
    return held(world, NAME)


def nothing_is_lost(world: World, items: dict[str, Json]) -> None:
    """Each item is in the table or in its copy."""
    assert held(world, COPY) | held(world, NAME) == items


def all_is_well(world: World, items: dict[str, Json], wanted: Definition = AFTER) -> None:
    """The table is as the file says, with all items; nothing is left, and there is nothing to do."""
    assert held(world, NAME) == items
    assert set(world.simulator.tables) == {NAME}
    table = world.simulator.tables[NAME]
    assert table.key_schema == wanted["KeySchema"]
    assert dict(table.tags.now) == {"team": "shop"}
    assert world.apply(wanted).table.result is Outcome.NOOP


def ends_well(world: World, items: dict[str, Json], wanted: Definition = AFTER, plan: Plan | None = None) -> Run:
    """The next apply brings it to its end."""
    run = world.apply(wanted, plan=plan)
    assert run.table.error is None
    all_is_well(world, items, wanted)
    return run


def test_a_table_gets_another_key_and_keeps_its_items(world: World) -> None:
    items = begun(world, 120)
    old = world.simulator.tables[NAME]
    run = ends_well(world, items)
    assert run.change.action is Action.RECREATE
    assert [step.operation for step in run.change.steps] == [step.step.operation for step in run.table.steps]
    assert all(step.status == "done" for step in run.table.steps)
    copied, equal, back = run.table.notes
    assert copied.startswith("Copied 120 items of `orders`. All 120 items are in `orders.dynatus-items`. That took ")
    assert equal.startswith("All 120 items of `orders` are in `orders.dynatus-items`, all of them equal. That took ")
    assert back.startswith("Copied 120 items of `orders.dynatus-items`. All 120 items are in `orders`. That took ")
    (backup,) = [event.backup for event in run.events if event.kind is EventKind.BACKUP]
    assert backup == run.table.backup
    assert world.simulator.backups[str(backup)].source["TableId"] == old.id
    assert world.simulator.tables[NAME].stream_view
    assert run.calls[-1].operation != "Scan"
    assert all(call.table in {NAME, COPY, f"{NAME}.dynatus-probe", None} for call in run.writes)


# --- stops -----------------------------------------------------------------------------------------------------------


def every(world: World, kills: Iterable[Kill]) -> Iterator[tuple[dict[str, Json], Plan]]:
    """What each of these kills leaves behind: nothing is lost. The items, and what was planned."""
    for kill in kills:
        world.renew()
        items = begun(world, 12)
        planned = world.plan(AFTER)
        if not world.killed(AFTER, plan=planned, at=kill):
            assert kill.operation is None, "no run makes this call any more"
            return
        nothing_is_lost(world, items)
        yield items, planned


IN_COPY = Kill(operation="BatchExecuteStatement", table=COPY)
BACKED_UP = Kill(operation="DescribeBackup")
MARKED = Kill(operation="TagResource", table=COPY)
GONE = Kill(operation="DeleteTable", table=NAME)
MADE = Kill(operation="CreateTable", table=NAME)
RETURNING = Kill(operation="BatchExecuteStatement", table=NAME)
UNMARKED = Kill(operation="UntagResource", table=NAME)


def any_call(step: int = 1, *, sent: bool = True) -> Iterator[Kill]:
    """Every call of a run, or every few. `every` ends where a run makes no more."""
    return (Kill(number, sent=sent) for number in count(1, step))


@pytest.mark.slow
def test_it_goes_on_after_a_kill_at_some_calls(world: World) -> None:
    for items, planned in every(world, [IN_COPY, GONE, RETURNING]):
        ends_well(world, items, plan=planned)


@pytest.mark.soak
@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "before its answer"])
def test_it_goes_on_after_a_kill_at_any_call(world: World, *, sent: bool) -> None:
    for items, planned in every(world, any_call(sent=sent)):
        ends_well(world, items, plan=planned)


@pytest.mark.soak
def test_it_goes_on_after_several_kills(world: World) -> None:
    for items, planned in every(world, any_call(7)):
        for second in (20, 40, 60):
            world.killed(AFTER, plan=planned, at=Kill(second))
            nothing_is_lost(world, items)
        ends_well(world, items, plan=planned)


# --- another file meanwhile ------------------------------------------------------------------------------------------


def another_file(world: World, wanted: Definition, kills: Iterable[Kill]) -> None:
    """After each kill another file is planned and applied: it ends well."""
    for items, _ in every(world, kills):
        world.pass_time(60)
        world.simulator.tables.pop(f"{NAME}.dynatus-probe", None)  # the probe of another file: people delete it
        ends_well(world, items, wanted)


@pytest.mark.slow
def test_a_file_that_goes_back_to_the_old_key_keeps_the_items(world: World) -> None:
    another_file(world, KEPT, [MARKED, RETURNING])


@pytest.mark.soak
@pytest.mark.parametrize("wanted", [KEPT, THIRD], ids=["the old key", "a third key"])
def test_another_file_keeps_the_items_at_any_call(world: World, wanted: Definition) -> None:
    another_file(world, wanted, any_call(3))


def without_line(world: World, kills: Iterable[Kill]) -> None:
    """After each kill the line is gone: no table is created, and the line brings all back."""
    lost = {key: value for key, value in AFTER.items() if key != "KeepItems"}
    for items, _ in every(world, kills):
        world.pass_time(60)
        if COPY not in world.simulator.tables:
            continue
        run = world.apply(lost)
        assert not any(call.operation in {"CreateTable", "DeleteTable"} for call in run.writes)
        if run.table.error:
            assert run.table.error.reason is FailureReason.DESTRUCTIVE_BLOCKED
            assert COPY in run.table.error.message
        nothing_is_lost(world, items)
        ends_well(world, items)


@pytest.mark.slow
def test_without_the_line_no_table_is_created_while_a_copy_is_left(world: World) -> None:
    without_line(world, [GONE])


@pytest.mark.soak
def test_without_the_line_no_table_is_created_at_any_call(world: World) -> None:
    without_line(world, any_call(3))


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_throttled_calls_and_items_are_sent_again(world: World) -> None:
    items = begun(world, 100)
    world.simulator.slow_writes = 0.05
    world.simulator.faults.add(Kind.THROTTLE, rate=0.05)
    world.simulator.faults.add(Kind.ERROR_AFTER, rate=0.05, operations=["BatchExecuteStatement", "BatchWriteItem"])
    run = world.apply(AFTER)
    assert run.table.error is None
    world.simulator.faults.clear()
    all_is_well(world, items)


def test_the_end_of_the_time_says_that_a_copy_was_throttled(world: World) -> None:
    begun(world, 12)
    world.options = replace(world.options, wait_seconds=600)
    world.simulator.faults.add(Kind.THROTTLE, operations=["BatchExecuteStatement"])
    run = world.apply(AFTER)
    assert run.table.error
    assert run.table.error.reason is FailureReason.TIMEOUT
    assert "The last answer of AWS: BatchExecuteStatement of table `orders.dynatus-items`" in run.table.error.message
    assert "ThrottlingException" in run.table.error.message


def test_what_another_writes_until_the_last_comparison_is_kept(world: World) -> None:
    """Before the backup an application writes an item, changes one and deletes one, all after they were copied."""
    items = begun(world, 60)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    late, changed = order(1_000), order(7, total={"N": "1.50"})

    def write() -> None:
        stranger.put_item(TableName=NAME, Item=late)
        stranger.put_item(TableName=NAME, Item=changed)
        stranger.delete_item(TableName=NAME, Key={"id": {"S": "00008"}})

    def told(event: Event) -> None:
        if event.kind is EventKind.BACKUP:
            write()

    run = world.apply(AFTER, on_event=told)
    assert run.table.error is None
    del items["00008"]
    all_is_well(world, items | {"01000": late, "00007": changed})
    assert "2 were copied again, and 2 deleted there" in run.table.notes[1]
    stranger.close()


def test_an_item_that_comes_alone_after_the_copy_is_kept(world: World) -> None:
    """Nothing has to leave the copy then: what is missing there must be counted, too."""
    items = begun(world, 12)
    late = order(1_000)
    run = world.apply(AFTER, on_event=written_at(world, EventKind.BACKUP, NAME, late))
    assert run.table.error is None
    all_is_well(world, items | {"01000": late})


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda number: order(1_000 + number), id="items come"),
        pytest.param(lambda number: order(3, total={"N": f"{number}.5"}), id="one changes", marks=pytest.mark.soak),
    ],
)
def test_a_table_that_never_stands_still_stays(world: World, written: Callable[[int], Json]) -> None:
    """Where an item only changes all are in the copy: but never as they are."""
    begun(world, 10)
    planned = world.plan(AFTER)
    old = world.simulator.tables[NAME].id
    with written_to(world, NAME, written):
        run = world.apply(AFTER, plan=planned)
    assert run.table.error
    assert run.table.error.reason is FailureReason.SOURCE_WRITTEN
    assert "Stop its writers" in run.table.error.message
    assert world.simulator.tables[NAME].id == old
    ends_well(world, held(world, NAME), plan=planned)


def test_one_item_that_does_not_fit_stops_it_before_anything_is_made(world: World) -> None:
    begun(world, 10_000)
    world.simulator.fill(NAME, [order(5_000, customer={"N": "1"})])
    run = world.apply(AFTER)
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert run.writes == []
    assert set(world.simulator.tables) == {NAME}


def test_an_item_that_spoils_after_the_check_is_found_before_the_table_goes(world: World) -> None:
    """It fits the new key, and not the index: the copy takes it, and the new table would not."""
    begun(world, 12)
    old = world.simulator.tables[NAME].id
    run = world.apply(AFTER, on_event=written_at(world, EventKind.BACKUP, NAME, order(5, shop={"N": "77777"})))
    assert run.table.error
    assert run.table.error.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert "77777" not in run.table.error.message
    assert world.simulator.tables[NAME].id == old
    world.simulator.fill(NAME, [order(5)])
    ends_well(world, held(world, NAME), plan=run.plan)


def test_a_table_that_is_replaced_while_it_is_read_changes_nothing_in_its_copy(world: World) -> None:
    items = begun(world, 12)

    def replace_table() -> None:
        table = world.simulator.tables[NAME]
        table.id = "another"
        for place in list(table.items.by_key):
            del table.items.by_key[place]
        table.items._order.clear()  # noqa: SLF001  # the simulator's own; a table that somebody made anew is empty

    def in_the_scan(event: Event) -> None:
        if event.kind is EventKind.STEP and event.step and event.step.operation == "BatchWriteItem":
            world.simulator.faults.before(world.simulator.journal.calls[-1].number + 10, replace_table)

    run = world.apply(AFTER, on_event=in_the_scan)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "was replaced" in run.table.error.message
    assert held(world, COPY) == items


@pytest.mark.parametrize("name", [NAME, COPY])
def test_a_table_that_is_replaced_just_before_its_deletion_stays(world: World, name: str) -> None:
    """Such as by another run of apply, while this one was held up between looking and deleting."""
    items = begun(world, 12)

    def replace_table(event: Event) -> None:
        deletes = event.kind is EventKind.STEP and event.step and event.step.operation == "DeleteTable"
        if deletes and event.step and event.step.parameters["TableName"] == name:
            world.simulator.tables[name].id = "another"

    run = world.apply(AFTER, on_event=replace_table)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert f"`{name}` was replaced by another table" in run.table.error.message
    assert held(world, name) == items


def test_what_an_application_writes_into_the_new_table_is_never_overwritten(world: World) -> None:
    ((items, planned),) = every(world, [MADE])
    world.pass_time(60)
    mine = order(7, status={"S": "paid"})
    world.simulator.fill(NAME, [mine])
    run = world.apply(AFTER, plan=planned)
    assert run.table.error is None
    assert "1 item differs" in run.table.notes[0]
    all_is_well(world, items | {"00007": mine})


def test_a_copy_with_items_that_the_table_does_not_have_stays(world: World) -> None:
    """The run died before it deleted the copy; then the application deleted an item."""
    ((items, planned),) = every(world, [UNMARKED])
    world.pass_time(60)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    stranger.delete_item(TableName=NAME, Key={"customer": {"S": "c3"}, "id": {"S": "00003"}})
    run = world.apply(AFTER, plan=planned)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "1 of 12 items" in run.table.error.message
    nothing_is_lost(world, items)
    stranger.delete_table(TableName=COPY)
    world.pass_time(60)
    del items["00003"]
    all_is_well(world, items)
    stranger.close()


def tagged(world: World, table: str, key: str, value: str | None) -> None:
    """Somebody sets a tag of a table, or removes it."""
    stranger, arn = world.simulator.client(caller=SECOND_WRITER), world.simulator.tables[table].arn
    if value is None:
        stranger.untag_resource(ResourceArn=arn, TagKeys=[key])
    else:
        stranger.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])
    stranger.close()
    world.pass_time(60)


def refused(world: World, *said: str, wanted: Definition = AFTER) -> None:
    """The next apply changes nothing, and says this."""
    run = world.apply(wanted)
    assert run.table.result is Outcome.REFUSED
    assert run.writes == []
    assert run.table.error
    assert all(text in run.table.error.message for text in said), run.table.error.message


def test_a_copy_with_newer_values_than_a_restored_table_stays(world: World) -> None:
    """An item is changed after the backup. The table is gone, and somebody restores that backup in its place."""
    items = begun(world, 12)
    items["00007"] = order(7, total={"N": "777"})
    assert world.killed(AFTER, at=GONE, on_event=written_at(world, EventKind.BACKUP, NAME, items["00007"]))
    world.pass_time(60)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    stranger.restore_table_from_backup(TargetTableName=NAME, BackupArn=next(iter(world.simulator.backups)))
    world.pass_time(3600)
    refused(world, "1 of 12 items", "has other values", f"delete `{COPY}`")
    assert held(world, COPY) == items
    stranger.close()


def test_a_copy_of_the_table_that_is_still_there_goes_whatever_changed_since(world: World) -> None:
    ((items, _),) = every(world, [BACKED_UP])
    world.pass_time(60)
    items["00007"] = order(7, total={"N": "777"})
    world.simulator.fill(NAME, [items["00007"]])
    ends_well(world, items, KEPT)


def test_a_table_without_the_tag_in_the_name_of_the_copy_stops_a_creation(world: World) -> None:
    """A tool that removes unknown tags has removed it: no empty table may take the place of the one that is gone."""
    ((items, _),) = every(world, [GONE])
    world.pass_time(60)
    of = dict(world.simulator.tables[COPY].tags.now)["dynatus:copy-of"]
    tagged(world, COPY, "dynatus:copy-of", None)
    refused(world, "has no tag `dynatus:copy-of`", f':CopyFrom "{COPY}"')
    tagged(world, COPY, "dynatus:copy-of", of)
    ends_well(world, items)


def test_tags_that_were_removed_while_the_table_is_filled_can_be_set_again(world: World) -> None:
    ((items, _),) = every(world, [MADE])
    world.pass_time(60)
    of = dict(world.simulator.tables[COPY].tags.now)["dynatus:copy-of"]
    tagged(world, COPY, "dynatus:copy-of", None)
    refused(world, "no longer has the tag `dynatus:copy-of`", f"`{of}`")
    tagged(world, COPY, "dynatus:copy-of", of)
    tagged(world, NAME, "dynatus:items-from", None)
    refused(world, "12 of 12 items", "give `orders` the tag `dynatus:items-from`", f"`{of}`")
    tagged(world, NAME, "dynatus:items-from", of)
    ends_well(world, items)


def test_a_table_that_lacks_items_does_not_agree_with_a_file_without_the_line(world: World) -> None:
    ((items, _),) = every(world, [RETURNING])
    world.pass_time(60)
    lost = {key: value for key, value in AFTER.items() if key != "KeepItems"}
    refused(world, "does not have all of its items back", "`:KeepItems true`", wanted=lost)
    ends_well(world, items)


def test_what_is_written_while_the_copy_cannot_be_tagged_is_kept(world: World) -> None:
    """The tag that says that the copy is complete is refused for a while: all is compared once more before."""
    items = begun(world, 12)
    world.simulator.faults.add(Kind.THROTTLE, operations=["TagResource"], tables=[COPY], times=2)
    late = order(1_000)
    run = world.apply(AFTER, on_event=written_at(world, EventKind.RETRY, NAME, late))
    assert run.table.error is None
    world.simulator.faults.clear()
    all_is_well(world, items | {"01000": late})


def test_a_table_that_somebody_deletes_during_the_copy_is_not_made_again(world: World) -> None:
    ((items, planned),) = every(world, [BACKED_UP])
    world.pass_time(60)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    stranger.delete_table(TableName=NAME)
    world.pass_time(60)
    run = world.apply(AFTER, plan=planned)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "is not complete" in run.table.error.message
    assert next(iter(world.simulator.backups)) in run.table.error.message
    assert run.writes == []
    nothing_is_lost(world, items)
    out = {key: value for key, value in AFTER.items() if key != "KeepItems"} | {"CopyFrom": COPY}
    assert world.apply(out).table.error is None
    assert held(world, NAME) == items
    stranger.close()


def test_a_file_without_the_line_is_not_what_was_reviewed(world: World) -> None:
    items = begun(world, 12)
    lost = {key: value for key, value in AFTER.items() if key != "KeepItems"}
    run = world.apply(lost, plan=world.plan(AFTER))
    assert run.table.error
    assert run.table.error.reason is FailureReason.PLAN_CHANGED
    assert run.writes == []
    assert held(world, NAME) == items


def test_a_table_in_the_name_of_the_copy_is_left_alone(world: World) -> None:
    items = begun(world, 12)
    world.apply(BEFORE | {"TableName": COPY})
    run = world.apply(AFTER)
    assert run.table.result is Outcome.REFUSED
    assert run.writes == []
    assert held(world, NAME) == items


def test_another_local_index_keeps_the_items(world: World) -> None:
    indexes = [local_index("customer", "shop")]
    local = keyed("customer", "id", KeepItems=True, attributes=["shop"], LocalSecondaryIndexes=indexes)
    world.apply(keyed("customer", "id"))
    world.simulator.fill(NAME, map(order, range(20)))
    items = held(world, NAME)
    ends_well(world, items, local)
    assert world.simulator.tables[NAME].local_indexes


def test_a_plan_without_an_account_gives_no_figures_of_items() -> None:
    before, after = build.desired(BEFORE), build.desired(AFTER)
    (change,) = engine.plan_against([before], [after], region="eu-west-1", endpoint=None).tables
    assert "How long that takes, and what it uses, is not known without the account." in " ".join(change.notes)
    assert "read units" not in " ".join(change.notes)
