"""`:CopyFrom` with `:Through`: AWS exports a table to S3, and makes the new one of that.

Whatever goes wrong on the way, on the simulator.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from dynatus_ci import engine
from dynatus_ci.engine import EventKind
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build
from dynatus_ci.table.model import Action, Risk
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.table.plans import Plan
from tests.integration.moving import at_step, fail_by_denial, held, order, refused
from tests.simulator import SECOND_WRITER, Kind
from tests.simulator.clock import DAY
from tests.small_tables import definition, global_index
from tests.strategies import Definition
from tests.world import Kill, World

OLD, NEW = "orders", "orders-2"
PLACE = "s3://shop-moves/tables"
OPERATIONS = ["ExportTableToPointInTime", "ImportTable", "Scan", "TagResource"]

SOURCE = definition(OLD, "id", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
TARGET = definition(
    NEW,
    "customer",
    "id",
    attributes=["status"],
    CopyFrom={"TableName": OLD, "Through": PLACE},
    GlobalSecondaryIndexes=[global_index("status")],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    Tags=[{"Key": "team", "Value": "shop"}],
    DeletionProtectionEnabled=True,
)
PLAIN = definition(NEW, "customer", "id", CopyFrom={"TableName": OLD, "Through": PLACE})


def begun(world: World, count: int = 40, source: Definition = SOURCE) -> None:
    """The old table with some items."""
    world.apply(source)
    world.simulator.fill(OLD, map(order, range(count)))
    world.pass_time(60)


def test_a_missing_table_is_made_of_an_export_and_then_brought_into_agreement(world: World) -> None:
    begun(world)
    run = world.apply(TARGET)
    assert run.table.error is None
    assert [step.step.operation for step in run.table.steps] == [step.operation for step in run.change.steps]
    assert [step.operation for step in run.change.steps][:4] == OPERATIONS
    assert held(world, NEW) == held(world, OLD)
    table = world.simulator.tables[NEW]
    assert (set(table.indexes), table.protected, table.stream_view) == ({"by-status"}, True, "NEW_IMAGE")
    assert table.tags.now.keys() == {"team", "dynatus:copied-from"}
    assert "All 40 items of the export of `orders` are in `orders-2`." in run.table.notes[0]
    assert not {"CreateTable", "BatchExecuteStatement", "PutItem"} & {call.operation for call in run.calls}
    again = world.apply(TARGET)
    assert (again.change.action, again.table.result, again.writes) == (Action.NOOP, Outcome.NOOP, [])


def test_the_export_goes_to_a_bucket_of_the_same_account_in_a_folder_of_its_own(world: World) -> None:
    begun(world)
    run = world.apply(PLAIN)
    export, made = (next(call for call in run.calls if call.operation == name) for name in OPERATIONS[:2])
    assert (export.parameters["S3Bucket"], export.parameters["S3Prefix"]) == ("shop-moves", f"tables/{NEW}")
    assert export.parameters["S3BucketOwner"] == made.parameters["S3BucketSource"]["S3BucketOwner"] == "123456789012"
    (place,) = world.simulator.s3
    assert made.parameters["S3BucketSource"]["S3KeyPrefix"] == place[1]


def test_what_people_approve_has_the_place_in_it(world: World) -> None:
    begun(world)
    (change,) = world.plan(PLAIN).tables
    (copied,) = (difference for difference in change.differences if difference.path == ("CopyFrom",))
    assert (copied.desired, copied.risk) == ({"TableName": OLD, "Through": PLACE}, Risk.DISRUPTIVE)
    assert f"`{PLACE}/{NEW}`" in change.notes[0]
    assert "Let nobody write" in change.notes[1]
    other = {**PLAIN, "CopyFrom": {"TableName": OLD, "Through": "s3://elsewhere"}}
    assert world.apply(other, plan=world.plan(PLAIN)).table.result is Outcome.REFUSED
    assert not world.simulator.exports


def test_time_to_live_is_shown_as_a_risk_because_the_items_are_there(world: World) -> None:
    begun(world)
    (change,) = world.plan(TARGET).tables
    risks = {"/".join(difference.path): difference.risk for difference in change.differences}
    assert risks["TimeToLiveSpecification"] is Risk.DISRUPTIVE


def test_a_plan_without_an_account_shows_the_same_steps() -> None:
    (change,) = engine.plan_against([], [build.desired(PLAIN)], region="eu-west-1", endpoint=None).tables
    assert [step.operation for step in change.steps] == OPERATIONS
    assert change.steps[-1].parameters["ResourceArn"] == f"table/{NEW}"
    (change,) = engine.plan_against([], [build.desired({**PLAIN, "CopyFrom": OLD})], region=None, endpoint=None).tables
    assert change.steps[-1].parameters["ResourceArn"] == f"table/{NEW}"


# --- stops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [pytest.param(9, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "before its answer"])
def test_a_transfer_goes_on_after_a_kill_at_any_call(world: World, *, sent: bool, every: int) -> None:
    begun(world)
    calls = len(world.apply(TARGET).calls)
    for call in range(1 + sent, calls + 1, every):
        world.renew()
        begun(world)
        planned = world.plan(TARGET)
        assert world.killed(TARGET, plan=planned, at=Kill(call, sent=sent))
        run = world.apply(TARGET, plan=planned)
        assert run.table.error is None, call
        assert len(held(world, NEW)) == 40
        assert len(world.simulator.exports) == len(world.simulator.imports) == 1
        assert world.apply(TARGET).table.result is Outcome.NOOP


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [("ExportTableToPointInTime", 30), ("ImportTable", 10), ("ImportTable", 50)],
    ids=["export", "import without a table", "import with a table"],
)
def test_a_run_whose_time_is_over_meanwhile_is_finished_by_the_next(world: World, operation: str, seconds: int) -> None:
    world.renew(leaps=False)
    begun(world)
    first = world.apply(TARGET).calls
    wait = next(call.started for call in first if call.operation == operation) - first[0].started + seconds
    world.renew(leaps=False)
    begun(world)
    planned = world.plan(TARGET)
    world.options = replace(world.options, wait_seconds=wait)
    run = world.apply(TARGET, plan=planned)
    assert run.result.failure_reason is FailureReason.TIMEOUT
    (change,) = world.plan(TARGET).tables
    assert change.error is None
    assert change.refusal is None
    world.options = replace(world.options, wait_seconds=DAY)
    run = world.apply(TARGET, plan=planned)
    assert run.table.error is None
    assert len(held(world, NEW)) == 40
    assert len(world.simulator.exports) == 1
    assert world.apply(TARGET).table.result is Outcome.NOOP


@pytest.mark.parametrize("operation", OPERATIONS[:2])
def test_lost_answers_do_nothing_twice(world: World, operation: str) -> None:
    begun(world)
    world.simulator.faults.add(Kind.DROP_AFTER, operations=[operation], times=1)
    run = world.apply(TARGET)
    assert run.table.error is None
    assert len(world.simulator.exports) == len(world.simulator.imports) == 1
    assert len(held(world, NEW)) == 40


def test_two_runs_at_once_make_one_export(world: World) -> None:
    begun(world)
    plan = world.plan(PLAIN)

    def export_too() -> None:
        with closing(world.simulator.client(caller=SECOND_WRITER)) as client:
            client.export_table_to_point_in_time(**plan.tables[0].steps[0].parameters)

    run = world.apply(PLAIN, plan=plan, on_event=at_step(EventKind.STEP, "ExportTableToPointInTime", export_too))
    assert run.table.error is None
    assert len(world.simulator.exports) == 1


def test_an_export_that_failed_is_not_taken_for_the_next_one(world: World) -> None:
    begun(world)
    world.simulator.missing_buckets.add("shop-moves")
    plan = world.plan(PLAIN)
    for _ in range(2):
        assert world.apply(PLAIN, plan=plan).table.result is Outcome.FAILED
    world.simulator.missing_buckets.clear()
    assert world.apply(PLAIN, plan=plan).table.error is None
    assert len(world.simulator.exports) == 3


def test_an_export_that_nobody_has_imported_is_used_for_a_day(world: World) -> None:
    begun(world)
    plan = world.plan(PLAIN)
    fail_by_denial(world, PLAIN, "ImportTable", plan=plan)
    (change,) = world.plan(PLAIN).tables
    assert [step.operation for step in change.steps] == OPERATIONS[1:]
    assert "The export of " in " ".join(change.notes)
    world.pass_time(DAY + 600)
    (change,) = world.plan(PLAIN).tables
    assert [step.operation for step in change.steps] == OPERATIONS


def test_an_export_that_takes_more_than_a_day_is_not_made_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = world.simulator.duration
    monkeypatch.setattr(
        world.simulator, "duration", lambda what, table: 1.5 * DAY if what == "export" else usual(what, table)
    )
    begun(world)
    world.options = replace(world.options, wait_seconds=DAY + 7_200)
    plan = world.plan(PLAIN)
    assert world.apply(PLAIN, plan=plan).result.failure_reason is FailureReason.TIMEOUT
    assert world.apply(PLAIN, plan=plan).table.error is None
    assert len(world.simulator.exports) == 1


def test_an_export_of_an_earlier_moment_is_not_used(world: World) -> None:
    begun(world)
    assert world.killed(PLAIN, at=Kill(operation="ImportTable", sent=False))
    (export,) = world.simulator.exports.values()
    export.shown["ExportTime"] -= 2 * 3_600  # as somebody may ask for it
    (change,) = world.plan(PLAIN).tables
    assert [step.operation for step in change.steps] == OPERATIONS


def test_an_export_is_found_behind_newer_ones_that_others_have_made(world: World) -> None:
    begun(world)
    assert world.killed(PLAIN, at=Kill(operation="ImportTable", sent=False))
    (ours,) = world.simulator.exports
    with closing(world.simulator.client(caller=SECOND_WRITER)) as client:
        for _ in range(30):
            client.export_table_to_point_in_time(TableArn=world.simulator.tables[OLD].arn, S3Bucket="a-lake")
            world.pass_time(60)
    (change,) = world.plan(PLAIN).tables
    assert [step.operation for step in change.steps] == OPERATIONS[1:]
    run = world.apply(PLAIN)
    made = next(call for call in run.calls if call.operation == "ImportTable")
    assert ours.rpartition("/")[2] in made.parameters["S3BucketSource"]["S3KeyPrefix"]


def test_an_export_is_found_after_many_imports_into_a_table_of_this_name(world: World) -> None:
    begun(world)
    with closing(world.simulator.client(caller=SECOND_WRITER)) as client:
        for _ in range(12):
            assert world.apply(PLAIN).table.error is None
            client.delete_table(TableName=NEW)
            world.pass_time(60)
    assert world.killed(PLAIN, at=Kill(operation="ImportTable", sent=False))
    (change,) = world.plan(PLAIN).tables
    assert [step.operation for step in change.steps] == OPERATIONS[1:]
    assert world.apply(PLAIN).table.error is None
    assert len(world.simulator.exports) == len(world.simulator.imports) == 13


def test_old_exports_are_not_looked_at(world: World) -> None:
    begun(world)
    with closing(world.simulator.client(caller=SECOND_WRITER)) as client:
        for _ in range(30):
            client.export_table_to_point_in_time(TableArn=world.simulator.tables[OLD].arn, S3Bucket="a-lake")
    world.pass_time(4 * DAY)
    world.plan(PLAIN)
    assert not [call for call in world.simulator.journal.calls if call.operation == "DescribeExport"]


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_items_that_overwrote_each_other_are_found_by_their_count(world: World) -> None:
    by_customer = definition(NEW, "customer", CopyFrom=PLAIN["CopyFrom"])
    begun(world)
    run = world.apply(by_customer)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "The export has 40 items, and `orders-2` has 10. 30 items had the same new key" in run.table.error.message
    assert "dynatus:copied-from" not in world.simulator.tables[NEW].tags.now
    assert world.apply(by_customer).table.result is Outcome.REFUSED
    client = world.simulator.client(caller=SECOND_WRITER)
    client.delete_table(TableName=NEW)
    client.close()
    world.pass_time(60)
    (change,) = world.plan(by_customer).tables
    assert change.steps[0].operation == "ExportTableToPointInTime"  # not the one that has brought this about


def test_items_that_overwrote_each_other_are_not_looked_for_in_the_log_of_the_import(world: World) -> None:
    by_customer = definition(NEW, "customer", CopyFrom=PLAIN["CopyFrom"])
    begun(world)
    assert world.killed(by_customer, at=Kill(operation="Scan", table=NEW, sent=False))
    (made,) = world.simulator.imports.values()
    made.shown["ImportedItemCount"] = 10  # AWS does not promise to count each that was overwritten
    run = world.apply(by_customer)
    assert run.table.error
    assert "30 items had the same new key as another one" in run.table.error.message
    assert "log group" not in run.table.error.message


def test_what_an_application_did_before_the_table_was_marked_is_told_and_not_to_be_lost(world: World) -> None:
    begun(world)
    plan = world.plan(PLAIN)
    fail_by_denial(world, PLAIN, "TagResource", plan=plan)
    with closing(world.simulator.client(caller=SECOND_WRITER)) as client:
        client.put_item(TableName=NEW, Item=order(99))
        assert "Somebody has written 1 item to `orders-2`. If the changes there may be lost" in told(world, plan)
        for number in (1, 99):
            client.delete_item(TableName=NEW, Key={name: order(number)[name] for name in ("customer", "id")})
    message = told(world, plan)
    assert "Somebody has deleted 1 item from `orders-2`. If the changes there may be lost" in message
    assert "Else remove `:CopyFrom`" in message
    kept = {name: value for name, value in PLAIN.items() if name != "CopyFrom"}
    assert world.apply(kept).table.result is Outcome.NOOP


def told(world: World, plan: Plan) -> str:
    run = world.apply(PLAIN, plan=plan)
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    return run.table.error.message


def test_an_item_that_an_import_cannot_take_fails_the_table_and_the_message_says_what_to_do(world: World) -> None:
    begun(world)
    world.simulator.fill(OLD, [{"id": {"S": "bad"}}])
    plan = world.plan(PLAIN)  # the sample sees it
    assert plan.tables[0].refusal
    assert "1 of 41 items" in plan.tables[0].refusal.message
    world.simulator.fill(OLD, [{**order(0), "id": {"S": "bad"}}])
    plan = world.plan(PLAIN)
    world.simulator.fill(OLD, [{"id": {"S": "bad"}}])
    run = world.apply(PLAIN, plan=plan)
    assert run.table.result is Outcome.FAILED
    assert run.table.error
    assert "1 item could not be written" in run.table.error.message
    assert "ItemValidationError" in run.table.error.message
    refusal = world.plan(PLAIN).tables[0].refusal
    assert refusal
    assert "Delete `orders-2` before the next try" in refusal.message


def test_a_table_that_was_made_of_another_source_is_refused(world: World) -> None:
    begun(world)
    world.apply({**SOURCE, "TableName": "others"})
    world.simulator.fill("others", map(order, range(40)))
    world.simulator.faults.deny("Scan")
    planned = world.plan(PLAIN)
    assert world.apply(PLAIN, plan=planned).table.result is Outcome.FAILED
    world.simulator.faults.clear()
    other = {**PLAIN, "CopyFrom": {"TableName": "others", "Through": PLACE}}
    assert "fills only one that is missing" in refused(world, other)
    assert world.apply(PLAIN).table.error is None


def test_a_source_without_recovery_is_refused_at_plan(world: World) -> None:
    begun(world, source=definition(OLD, "id"))
    assert "Point-in-time recovery of `orders` is off" in refused(world, PLAIN)


def test_a_table_that_is_there_is_refused_at_plan(world: World) -> None:
    begun(world)
    world.apply({name: value for name, value in PLAIN.items() if name != "CopyFrom"})
    assert "fills only one that is missing" in refused(world, PLAIN)


def test_a_table_that_was_filled_is_not_deleted_for_another_key(world: World) -> None:
    begun(world)
    world.apply(PLAIN)
    other = definition(NEW, "customer", CopyFrom=PLAIN["CopyFrom"])
    assert "To give this table another key" in refused(world, other)


def test_a_bucket_that_does_not_exist_is_an_error_with_aws_s_reason(world: World) -> None:
    begun(world)
    world.simulator.missing_buckets.add("shop-moves")
    run = world.apply(PLAIN)
    assert run.table.result is Outcome.FAILED
    assert run.table.error
    assert "S3NoSuchBucket" in run.table.error.message
    assert NEW not in world.simulator.tables
    world.simulator.missing_buckets.clear()
    assert world.apply(PLAIN).table.error is None


@pytest.mark.parametrize(
    "other", [{"TableName": OLD, "Through": "s3://elsewhere/x"}, {"TableName": "others", "Through": PLACE}]
)
def test_nothing_is_exported_while_the_table_is_made_of_another_export(world: World, other: dict[str, str]) -> None:
    begun(world)
    world.apply({**SOURCE, "TableName": "others"})
    assert world.killed(PLAIN, at=Kill(operation="ImportTable"))
    assert "AWS is creating the table now, but not from an export of" in refused(world, {**PLAIN, "CopyFrom": other})
    assert len(world.simulator.exports) == 1
    assert world.apply(PLAIN).table.error is None


def test_an_import_that_fails_before_its_first_item_is_tried_once_more_with_the_same_export(world: World) -> None:
    begun(world)
    plan = world.plan(PLAIN)

    lose_bucket = at_step(EventKind.STEP, "ImportTable", lambda: world.simulator.missing_buckets.add("shop-moves"))
    for _ in range(2):
        assert world.apply(PLAIN, plan=plan, on_event=lose_bucket).table.result is Outcome.FAILED
        world.simulator.missing_buckets.clear()
    assert (len(world.simulator.exports), len(world.simulator.imports)) == (1, 2)
    assert world.apply(PLAIN, plan=plan).table.error is None
    assert (len(world.simulator.exports), len(world.simulator.imports)) == (2, 3)


def test_an_import_that_is_being_cancelled_is_waited_for(world: World) -> None:
    begun(world)
    assert world.killed(PLAIN, at=Kill(operation="ImportTable"))
    (made,) = world.simulator.imports.values()
    made.shown["ImportStatus"] = "CANCELLING"
    run = world.apply(PLAIN)
    assert run.table.error is None
    assert len(world.simulator.exports) == len(world.simulator.imports) == 1


def test_a_table_that_is_replaced_while_its_items_are_counted_is_not_marked(world: World) -> None:
    begun(world)

    def replace_table() -> None:
        world.simulator.tables[NEW].id = "another"

    run = world.apply(PLAIN, on_event=at_step(EventKind.STEP, "Scan", replace_table))
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "was replaced by another table" in run.table.error.message
    assert "dynatus:copied-from" not in world.simulator.tables[NEW].tags.now


def test_a_table_that_is_deleted_after_its_count_is_counted_again_when_it_is_there_again(world: World) -> None:
    begun(world, 8)
    counts: list[str] = []

    def replace_table() -> None:
        counts.append(NEW)
        del world.simulator.tables[NEW]
        world.simulator.fill(OLD, map(order, range(40)))  # 40 items of 10 customers

    by_customer = definition(NEW, "customer", CopyFrom=PLAIN["CopyFrom"])
    run = world.apply(by_customer, on_event=at_step(EventKind.DONE, "Scan", replace_table))
    assert len(counts) == 1
    assert run.table.result is Outcome.REFUSED
    assert run.table.error
    assert "The export has 40 items, and `orders-2` has 10" in run.table.error.message
    assert "dynatus:copied-from" not in world.simulator.tables[NEW].tags.now


def test_an_import_that_fails_after_its_answer_was_lost_leaves_the_export_as_done(world: World) -> None:
    begun(world)
    plan = world.plan(PLAIN)
    world.simulator.fill(OLD, [{"id": {"S": "bad"}}])
    world.simulator.faults.add(Kind.DROP_AFTER, operations=["ImportTable"], times=1)
    run = world.apply(PLAIN, plan=plan)
    assert run.table.error
    assert "ItemValidationError" in run.table.error.message
    statuses = [(result.step.operation, result.status) for result in run.table.steps]
    assert statuses[0] == ("ExportTableToPointInTime", Status.DONE)
    assert ("ImportTable", Status.DONE) not in statuses


@pytest.mark.parametrize("operation", ["ListExports", "DescribeContinuousBackups", "ExportTableToPointInTime"])
def test_a_permission_that_is_missing_is_named(world: World, operation: str) -> None:
    begun(world)
    world.simulator.faults.deny(operation)
    run = world.apply(PLAIN)
    assert run.table.error
    assert run.table.error.missing_permission == f"dynamodb:{operation}"
    assert f"{operation} of table `{OLD}`" in run.table.error.message
