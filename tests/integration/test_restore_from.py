"""`:RestoreFrom`: a missing table is restored from a backup, whatever goes wrong on the way.

On the simulator: stops at any call, lost answers, a second writer; and what moto and DynamoDB Local make of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import api
from dynatus_ci.errors import FailureReason
from dynatus_ci.table.model import Action, Effect, Risk
from dynatus_ci.table.outcome import Outcome
from tests.integration.moving import held, order, refused
from tests.simulator import SECOND_WRITER, Kind
from tests.simulator.clock import DAY
from tests.small_tables import definition, global_index, local_index
from tests.strategies import Definition
from tests.world import Kill, World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OLD, NEW = "orders", "orders-2"


SOURCE = definition(
    OLD,
    "id",
    "at",
    attributes=["customer", "status"],
    GlobalSecondaryIndexes=[global_index("customer"), global_index("status")],
    LocalSecondaryIndexes=[
        local_index("id", "status", IndexName="by-state"),
        local_index("id", "customer", IndexName="by-buyer"),
    ],
    Tags=[{"Key": "team", "Value": "old"}],
)
TARGET = definition(
    NEW,
    "id",
    "at",
    attributes=["customer", "status"],
    GlobalSecondaryIndexes=[global_index("customer"), global_index("status", IndexName="fresh")],
    LocalSecondaryIndexes=[local_index("id", "status", IndexName="by-state")],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    Tags=[{"Key": "team", "Value": "shop"}],
    DeletionProtectionEnabled=True,
)


def backed_up(world: World, source: Definition = SOURCE, count: int = 40) -> str:
    """The old table with some items, and a backup of it; the backup's ARN. The table is gone then."""
    world.apply(source)
    world.simulator.fill(OLD, map(order, range(count)))
    world.pass_time(60)
    client = world.simulator.client(caller=SECOND_WRITER)
    arn = client.create_backup(TableName=OLD, BackupName="saved")["BackupDetails"]["BackupArn"]
    world.pass_time(60)
    client.delete_table(TableName=OLD)
    world.pass_time(60)
    client.close()
    return arn


def restored(world: World) -> int:
    """How many items the new table has."""
    return len(held(world, NEW))


def test_a_missing_table_is_restored_and_then_brought_into_agreement(world: World) -> None:
    wanted = {**TARGET, "RestoreFrom": backed_up(world)}
    run = world.apply(wanted)
    assert run.table.error is None
    assert [step.step.operation for step in run.table.steps] == [step.operation for step in run.change.steps]
    restore = next(call for call in run.calls if call.operation == "RestoreTableFromBackup")
    assert [one["IndexName"] for one in restore.parameters["GlobalSecondaryIndexOverride"]] == ["by-customer"]
    assert [one["IndexName"] for one in restore.parameters["LocalSecondaryIndexOverride"]] == ["by-state"]
    assert "CreateTable" not in {call.operation for call in run.calls}
    assert restored(world) == 40
    table = world.simulator.tables[NEW]
    assert (set(table.indexes), table.protected, table.tags.now) == ({"by-customer", "fresh"}, True, {"team": "shop"})
    assert table.stream_view == "NEW_IMAGE"
    again = world.apply(wanted)
    assert (again.change.action, again.table.result, again.writes) == (Action.NOOP, Outcome.NOOP, [])


def test_billing_capacity_and_key_are_those_of_the_file(world: World) -> None:
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    key = world.simulator.kms_keys[-1].arn
    wanted = {
        **definition(NEW, "id", "at", attributes=["customer"], RestoreFrom=backed_up(world)),
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": units,
        "GlobalSecondaryIndexes": [global_index("customer", ProvisionedThroughput=units)],
        "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    }
    run = world.apply(wanted)
    assert run.table.error is None
    assert [step.step.operation for step in run.table.steps] == ["RestoreTableFromBackup"]
    table = world.simulator.tables[NEW]
    assert (table.capacity.read, table.indexes["by-customer"].capacity.write, table.encryption.key) == (7, 8, key)
    assert len(table.local_indexes) == 2  # the file does not mention them
    assert world.apply(wanted).table.result is Outcome.NOOP


def test_a_system_backup_which_shows_no_indexes_is_restored_with_all(world: World) -> None:
    world.apply({**SOURCE, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
    world.simulator.fill(OLD, map(order, range(10)))
    world.apply({"TableName": OLD, "Absent": True})
    world.pass_time(60)
    arn = next(arn for arn, backup in world.simulator.backups.items() if backup.kind == "SYSTEM")
    wanted = {**SOURCE, "TableName": NEW, "RestoreFrom": arn}
    run = world.apply(wanted)
    assert run.table.error is None
    assert any("does not say which indexes" in note for note in run.change.notes)
    assert [step.step.operation for step in run.table.steps] == ["RestoreTableFromBackup", "TagResource"]
    assert restored(world) == 10


# --- stops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [pytest.param(15, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "before its answer"])
def test_a_restore_goes_on_after_a_kill_at_any_call(world: World, *, sent: bool, every: int) -> None:
    calls = len(world.apply({**TARGET, "RestoreFrom": backed_up(world)}).calls)
    for call in range(1 + sent, calls + 1, every):
        world.renew()
        wanted = {**TARGET, "RestoreFrom": backed_up(world)}
        planned = world.plan(wanted)
        assert world.killed(wanted, plan=planned, at=Kill(call, sent=sent))
        run = world.apply(wanted, plan=planned)
        assert run.table.error is None
        assert restored(world) == 40
        assert world.simulator.journal.count("RestoreTableFromBackup") <= 1
        assert world.apply(wanted).table.result is Outcome.NOOP


def test_a_run_whose_time_is_over_during_the_restore_is_finished_by_the_next(world: World) -> None:
    world.renew(leaps=False)
    wanted = {**TARGET, "RestoreFrom": backed_up(world)}
    planned = world.plan(wanted)
    world.options = replace(world.options, wait_seconds=30)
    run = world.apply(wanted, plan=planned)
    assert run.result.failure_reason is FailureReason.TIMEOUT
    (change,) = world.plan(wanted).tables
    assert change.action is Action.UPDATE, change.error
    assert [step.operation for step in change.steps] == [step.operation for step in planned.tables[0].steps[1:]]
    assert "is being restored from the backup now" in " ".join(change.notes)
    world.options = replace(world.options, wait_seconds=DAY)
    run = world.apply(wanted, plan=planned)
    assert run.table.error is None
    assert restored(world) == 40
    assert world.apply(wanted).table.result is Outcome.NOOP


def test_lost_answers_restore_nothing_twice(world: World) -> None:
    wanted = {**TARGET, "RestoreFrom": backed_up(world)}
    world.simulator.stale = True
    world.simulator.faults.add(Kind.DROP_AFTER, operations=["RestoreTableFromBackup"], times=1)
    run = world.apply(wanted)
    assert run.table.error is None
    accepted = [call for call in run.calls if call.operation == "RestoreTableFromBackup" and call.changed]
    assert len(accepted) == 1
    assert world.apply(wanted).table.result is Outcome.NOOP


# --- what is not restored --------------------------------------------------------------------------------------------


def test_a_backup_that_is_missing_or_not_ready_is_refused_at_plan(world: World) -> None:
    arn = backed_up(world)
    assert "There is no backup" in refused(world, {**TARGET, "RestoreFrom": f"{arn}0"})
    world.simulator.backups[arn].status = "CREATING"
    assert "is `CREATING`, not AVAILABLE. Plan again" in refused(world, {**TARGET, "RestoreFrom": arn})


def test_a_backup_with_another_key_or_without_a_local_index_is_refused_at_plan(world: World) -> None:
    arn = backed_up(world)
    by_customer = definition(NEW, "customer", "id", RestoreFrom=arn)
    assert "has the key `id`, `at`, and the file `customer`, `id`" in refused(world, by_customer)
    more = {**TARGET, "RestoreFrom": arn, "LocalSecondaryIndexes": [local_index("id", "customer", IndexName="other")]}
    assert "no local index `other`" in refused(world, more)
    (change,) = world.plan(by_customer).tables
    assert change.refusal
    assert change.refusal.reason is FailureReason.ITEMS_DO_NOT_FIT


def test_a_backup_that_may_not_be_looked_at_is_an_error_that_names_the_permission(world: World) -> None:
    arn = backed_up(world)
    world.simulator.faults.deny("DescribeBackup")
    (change,) = world.plan({**TARGET, "RestoreFrom": arn}).tables
    assert change.error
    assert change.error.missing_permission == "dynamodb:DescribeBackup"


def test_a_table_that_is_there_is_agreed_and_one_of_another_key_is_not_deleted(world: World) -> None:
    arn = backed_up(world)
    world.apply(TARGET)
    assert world.apply({**TARGET, "RestoreFrom": arn}).table.result is Outcome.NOOP
    other = definition(NEW, "id", RestoreFrom=arn)
    assert "fills only a table that is missing" in refused(world, other)


@pytest.mark.parametrize("key", [("id", "at"), ("id",)], ids=["the same key", "another key"])
def test_a_table_that_somebody_else_is_making_is_left_alone(world: World, key: tuple[str, ...]) -> None:
    wanted = {**definition(NEW, "id", "at"), "RestoreFrom": backed_up(world)}
    client = world.simulator.client(caller=SECOND_WRITER)
    client.create_table(**definition(NEW, *key))
    client.close()
    planned = world.plan(wanted)
    refusal = planned.tables[0].refusal
    assert refusal
    assert "is being created, and not from this backup" in refusal.message
    assert world.apply(wanted, plan=planned).writes == []


def test_time_to_live_is_shown_as_a_risk_because_the_items_are_there(world: World) -> None:
    (change,) = world.plan({**TARGET, "RestoreFrom": backed_up(world)}).tables
    risks = {"/".join(difference.path): difference.risk for difference in change.differences}
    assert risks["TimeToLiveSpecification"] is Risk.DISRUPTIVE
    assert risks["RestoreFrom"] is Risk.SAFE
    assert "40 items" in change.notes[0]


# --- emulators -------------------------------------------------------------------------------------------------------


def test_what_emulators_make_of_it(emulator: DynamoDBClient) -> None:
    source = definition(f"restore-{id(emulator)}", "id")
    emulator.create_table(**source)
    emulator.put_item(TableName=source["TableName"], Item={"id": {"S": "a"}})
    wanted = {**source, "TableName": f"{source['TableName']}-2", "Tags": [{"Key": "team", "Value": "shop"}]}
    try:
        arn = emulator.create_backup(TableName=source["TableName"], BackupName="saved")["BackupDetails"]["BackupArn"]
    except emulator.exceptions.ClientError:  # DynamoDB Local
        arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/backup/01548148148148-abcdef01"
        wanted |= {"RestoreFrom": arn}
        plan = api.plan_tables(emulator, [wanted])
        effects = {difference.path: difference.effect for difference in plan.tables[0].differences}
        assert effects["RestoreFrom",] is Effect.UNSUPPORTED
        assert any("does not support" in note and "`RestoreFrom`" in note for note in plan.tables[0].notes)
        items = 0
    else:
        wanted |= {"RestoreFrom": arn}
        items = 1
    result = api.apply_tables(emulator, [wanted]).tables[0]
    assert result.error is None
    assert emulator.scan(TableName=wanted["TableName"])["Count"] == items
    assert api.plan_tables(emulator, [wanted]).tables[0].action is Action.NOOP
