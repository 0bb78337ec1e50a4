"""Plans and applies that ask the items, on the simulator and on DynamoDB Local: what is found, and how much is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import api, cli
from dynatus_ci.errors import FailureReason
from dynatus_ci.table.item_checks import Check, Extent, Misfit
from dynatus_ci.table.outcome import Outcome, Status
from tests.simulator import DAY, Kind
from tests.simulator.tables import Json
from tests.small_tables import definition, global_index
from tests.world import World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

INDEX = ("GlobalSecondaryIndexes", "by-email")
TTL = ("TimeToLiveSpecification",)
PLAIN: Json = definition("orders", "id")
INDEXED: Json = definition("orders", "id", attributes=["email"], GlobalSecondaryIndexes=[global_index("email")])
EXPIRING: Json = {**PLAIN, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires_at"}}
PROVISIONED: Json = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 40, "WriteCapacityUnits": 5},
}


def item(number: int, **others: Json) -> Json:
    return {"id": {"S": f"order-{number:07}"}, **others}


def email(number: int) -> Json:
    """Of 10,000 items 3 are of another type, 2 empty, 1 too long, and a third has none."""
    odd = {77: {"N": "1"}, 770: {"BOOL": True}, 7_700: {"NULL": True}, 5: {"S": ""}, 555: {"S": ""}}
    if number == 4_444:
        return {"email": {"S": "x" * 2_049}}
    if number in odd:
        return {"email": odd[number]}
    return {"email": {"S": f"{number}@example.com"}} if number % 3 else {}


def made(world: World, definition: Json = PLAIN, count: int = 10_000) -> None:
    """A table with items, as they were before anybody thought of an index."""
    world.apply(definition)
    world.simulator.fill("orders", (item(number, **email(number)) for number in range(count)))


def units(world: World) -> float:
    """The read units that the scans since the last start have used."""
    return sum(call.units for call in world.simulator.journal.calls)


def test_a_plan_counts_the_items_that_do_not_fit_a_new_index(world: World) -> None:
    made(world)
    (change,) = world.plan(INDEXED).tables
    assert [(check.reason, check.misfits) for check in change.checks] == [
        (Misfit.TYPE, 3),
        (Misfit.EMPTY, 2),
        (Misfit.LENGTH, 1),
    ]
    assert {(check.path, check.read, check.items) for check in change.checks} == {(INDEX, Extent.ALL, 10_000)}
    assert change.refusal
    assert change.refusal.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert "6 of 10,000 items do not fit index `by-email`" in change.refusal.message
    scans = [call.parameters for call in world.simulator.journal.calls if call.operation == "Scan"]
    assert {parameters["Select"] for parameters in scans} == {"COUNT"}


def test_an_apply_asks_again_before_the_first_step_and_changes_nothing(world: World) -> None:
    made(world)
    run = world.apply({**INDEXED, "Tags": [{"Key": "team", "Value": "shop"}]})
    assert (run.table.result, run.result.failure_reason) == (Outcome.REFUSED, FailureReason.ITEMS_DO_NOT_FIT)
    assert not run.writes
    assert sum(check.misfits for check in run.table.checks) == 6
    assert {step.status for step in run.table.steps} == {Status.REFUSED}
    assert run.result.to_dict()["tables"][0]["checks"][0]["reason"] == "type"


def test_after_the_items_are_mended_the_plan_is_green_and_apply_runs(world: World) -> None:
    made(world, count=1_000)
    assert world.plan(INDEXED).tables[0].refusal
    world.simulator.fill("orders", (item(number, email={"S": "mended"}) for number in (5, 77, 555, 770)))
    (change,) = world.plan(INDEXED).tables
    assert change.checks == (Check(INDEX, None, Extent.ALL, 1_000),)
    run = world.apply(INDEXED)
    assert run.table.result is Outcome.APPLIED
    assert run.table.checks == change.checks


def test_items_that_were_spoilt_after_the_plan_stop_the_apply(world: World) -> None:
    world.apply(PLAIN)
    plan = world.plan(INDEXED)
    world.simulator.fill("orders", [item(1, email={"N": "1"})])
    run = world.apply(INDEXED, plan=plan)
    assert (run.table.result, run.writes) == (Outcome.REFUSED, [])


def test_where_scan_is_denied_a_plan_says_so_and_keeps_its_fingerprint(world: World) -> None:
    made(world)
    seen = world.plan(INDEXED)
    world.simulator.faults.deny("Scan")
    blind = world.plan(INDEXED)
    assert blind.fingerprint == seen.fingerprint
    (check,) = blind.tables[0].checks
    assert (check.reason, check.read, check.note) == (Misfit.DENIED, Extent.NONE, "access to Scan is denied")
    assert blind.tables[0].refusal is None
    run = world.apply(INDEXED)  # nobody may look: the index is created, and the report says so
    assert run.table.result is Outcome.APPLIED
    assert run.table.checks == (check,)


def test_without_the_check_nobody_scans(world: World) -> None:
    made(world)
    world.options = replace(world.options, check=False)
    run = world.apply(INDEXED)
    assert run.table.result is Outcome.APPLIED
    assert world.simulator.journal.count("Scan") == 0
    assert run.change.checks == ()


def test_time_to_live_is_a_note_and_no_refusal(world: World) -> None:
    world.apply(PLAIN)
    now = int(world.clock.now())
    times = [now - 60, now - 4 * 365 * DAY, now - 6 * 365 * DAY, now + 60, now * 1000]
    items = [item(number, expires_at={"N": str(int(time))}) for number, time in enumerate(times)]
    world.simulator.fill("orders", [*items, item(98, expires_at={"S": "tomorrow"}), item(99)])
    (change,) = world.plan(EXPIRING).tables
    assert [(check.path, check.reason, check.misfits) for check in change.checks] == [
        (TTL, Misfit.EXPIRED, 2),
        (TTL, Misfit.NOT_A_NUMBER, 1),
        (TTL, Misfit.MILLISECONDS, 1),
    ]
    assert world.apply(EXPIRING).table.result is Outcome.APPLIED


def test_of_a_million_items_a_sample_within_the_budget_is_read(world: World) -> None:
    world.apply(PLAIN)
    text = {"S": "x" * 300}

    def make(number: int) -> Json:
        return item(number, text=text, email={"N": "1"} if number % 10_000 == 0 else {"S": f"{number}@example.com"})

    world.simulator.make_items("orders", 1_000_000, make)
    (change,) = world.plan(INDEXED).tables
    assert 6_000 < units(world) <= 10_000
    (check,) = change.checks
    assert check.read is Extent.SAMPLE
    assert 100_000 < check.items < 300_000
    assert check.reason is Misfit.TYPE
    assert change.refusal
    assert "items in a sample do not fit index `by-email`" in change.refusal.message


def test_items_that_all_do_not_fit_are_still_read_within_the_budget(world: World) -> None:
    world.apply(PLAIN)
    world.simulator.make_items("orders", 1_000_000, lambda n: item(n, text={"S": "x" * 300}, email={"N": "1"}))
    (change,) = world.plan(INDEXED).tables
    assert units(world) <= 10_000
    (check,) = change.checks
    assert check.misfits == check.items > 50_000


def test_of_provisioned_capacity_a_tenth_is_used_for_a_minute_at_most(world: World) -> None:
    world.apply({**PLAIN, **PROVISIONED})
    items = (
        item(number, text={"S": "x" * 1_000}, email={"N": "1"} if number == 7 else {"S": "a"})
        for number in range(9_000)
    )
    world.simulator.fill("orders", items)
    began = world.clock.now()
    index = {**INDEXED["GlobalSecondaryIndexes"][0], "ProvisionedThroughput": PROVISIONED["ProvisionedThroughput"]}
    (change,) = world.plan({**INDEXED, **PROVISIONED, "GlobalSecondaryIndexes": [index]}).tables
    took = world.clock.now() - began
    assert change.checks[0].read is Extent.SAMPLE
    assert took < 70
    assert units(world) <= 4 * (took + 5)
    assert change.checks[0].items > 1_000


def test_a_scan_that_is_throttled_for_long_answers_with_what_it_read(world: World) -> None:
    made(world)
    world.simulator.faults.add(Kind.THROTTLE, operations=["Scan"], rate=0.3)
    (change,) = world.plan(INDEXED).tables
    assert change.error is None
    assert sum(check.misfits for check in change.checks) == 6


# --- DynamoDB Local --------------------------------------------------------------------------------------------------

FILE = """{:TableName "misfits" :BillingMode "PAY_PER_REQUEST"
 :KeySchema [{:AttributeName "id" :KeyType "HASH"}]
 :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"} {:AttributeName "email" :AttributeType "S"}]
 :GlobalSecondaryIndexes [{:IndexName "by-email" :KeySchema [{:AttributeName "email" :KeyType "HASH"}]
                           :Projection {:ProjectionType "ALL"}}]}
"""


@pytest.fixture
def spoilt(dynamodb_local: DynamoDBClient) -> Iterator[DynamoDBClient]:
    """10,000 items, of which 3 are of another type, 2 empty and 1 too long, in a table without an index."""
    dynamodb_local.create_table(**{**PLAIN, "TableName": "misfits"})
    items = [item(number, **email(number)) for number in range(10_000)]
    for start in range(0, len(items), 25):
        puts: Json = {"misfits": [{"PutRequest": {"Item": each}} for each in items[start : start + 25]]}
        dynamodb_local.batch_write_item(RequestItems=puts)
    yield dynamodb_local
    dynamodb_local.delete_table(TableName="misfits")


@pytest.mark.docker
def test_on_dynamodb_local_six_of_ten_thousand_items_stop_an_index_until_they_are_mended(
    spoilt: DynamoDBClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "misfits.edn").write_text(FILE, encoding="utf-8")
    where = (str(tmp_path), "--endpoint-url", spoilt.meta.endpoint_url)
    assert cli.main(["plan", *where]) == 1
    assert "6 of 10,000 items do not fit index by-email" in capsys.readouterr().out
    assert cli.main(["check", *where, "--show-keys"]) == 1
    named = re.findall(r'id "(order-\d+)": email is', capsys.readouterr().out)
    assert len(named) == 5
    assert set(named) < {f"order-{number:07}" for number in (5, 77, 555, 770, 4_444, 7_700)}
    assert cli.main(["apply", *where, "--yes"]) == 1
    assert "GlobalSecondaryIndexes" not in spoilt.describe_table(TableName="misfits")["Table"]
    capsys.readouterr()
    for number in (5, 77, 555, 770, 4_444, 7_700):
        spoilt.put_item(TableName="misfits", Item=item(number, email={"S": "mended"}))
    assert cli.main(["check", *where]) == 0
    assert cli.main(["apply", *where, "--yes", "--format", "json"]) == 0
    (table,) = json.loads(capsys.readouterr().out.partition("Check: all items fit.\n")[2])["tables"]
    assert [(check["reason"], check["read"], check["items"]) for check in table["checks"]] == [(None, "all", 10_000)]


def test_from_python_nobody_asks_the_items_where_the_option_says_so(world: World) -> None:
    made(world, count=1_000)
    client = world.simulator.client()
    off = replace(world.options, check=False)
    assert api.plan_tables(client, [INDEXED], options=off).tables[0].checks == ()
    assert sum(check.misfits for check in api.plan_tables(client, [INDEXED]).tables[0].checks) > 0
    client.close()
