"""Nothing but AWS's own limits slows an apply down: no call is made twice, and a table that waits holds up no other."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from dynatus_ci.aws.client import Aws
from dynatus_ci.engine import Event, EventKind, Options
from dynatus_ci.engine.run import FRESH
from dynatus_ci.table.outcome import Outcome
from tests.simulator.clock import DAY, MINUTE
from tests.simulator.faults import Kind
from tests.strategies import Definition
from tests.world import Kill, SharedClock, World

if TYPE_CHECKING:
    from threading import Event as Flag

    from tests.world import Run


def _expiring(name: str) -> Definition:
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"},
        "Tags": [{"Key": "team", "Value": "accounts"}],
    }


def _calls(run: Run, operation: str) -> list[int]:
    """The places of an operation's calls among all calls of a run."""
    return [place for place, call in enumerate(run.calls) if call.operation == operation]


class _UntilAllAreSent(SharedClock):
    """A clock by which no wait ends before three CreateTable calls were sent."""

    def wait(self, seconds: float, stop: Flag) -> None:
        deadline = time.monotonic() + 10
        while sum(call.operation == "CreateTable" for call in self.simulator.journal.calls) < 3:
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.005)
        super().wait(seconds, stop)


def test_a_table_that_aws_creates_holds_up_no_other_table(world: World) -> None:
    world.options = Options(max_parallel=1, wait_seconds=DAY)
    definitions = [_expiring(name) for name in ("users", "orders", "sessions")]
    plan = world.plan(*definitions)
    world.clock = _UntilAllAreSent(world.simulator)
    run = world.apply(*definitions, plan=plan)
    assert run.result.result is Outcome.APPLIED


def test_what_a_wait_has_just_read_is_not_read_again(world: World) -> None:
    """AWS allows about ten reads of time to live a second. Each turn of the loop reads only what its wait has not."""
    run = world.apply(_expiring("users"))
    assert run.result.result is Outcome.APPLIED
    created = _calls(run, "CreateTable")[0]
    assert [call.operation for call in run.calls[created:]] == [
        "CreateTable",
        "DescribeTable",  # it is ACTIVE
        "DescribeTimeToLive",
        "ListTagsOfResource",
        "UpdateTimeToLive",
        "DescribeTable",
        "DescribeTimeToLive",  # it is ENABLING
        "DescribeTable",
        "DescribeTimeToLive",  # it is ENABLED
        "ListTagsOfResource",
    ]


def test_what_was_read_a_while_ago_is_read_again(world: World) -> None:
    """A table that waits for its turn must not trust what it saw before."""

    def delayed(event: Event) -> None:
        if event.kind is EventKind.DONE:
            world.pass_time(FRESH + 1)

    run = world.apply(_expiring("users"), on_event=delayed)
    assert run.result.result is Outcome.APPLIED
    assert len(_calls(run, "DescribeTimeToLive")) == 4  # before the change, ENABLING, ENABLED, and once more


def test_many_tables_are_created_although_aws_throttles_most_changes(world: World) -> None:
    world.simulator.faults.add(Kind.THROTTLE, rate=0.8, operations=["CreateTable", "UpdateTimeToLive"])
    run = world.apply(*(_expiring(f"table-{number}") for number in range(12)))
    assert run.result.result is Outcome.APPLIED
    assert len(_calls(run, "CreateTable")) > 12


@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, Kind.ERROR_BEFORE])
def test_a_step_that_was_throttled_often_may_lose_an_answer_too(world: World, kind: Kind) -> None:
    plan = world.plan(_expiring("users"))
    throttled = world.simulator.faults.add(Kind.THROTTLE, operations=["UpdateTimeToLive"], times=9)
    failed = world.simulator.faults.add(kind, operations=["UpdateTimeToLive"], times=0)

    def fail_once(_: Event) -> None:
        failed.times = int(throttled.hits == throttled.times)

    run = world.apply(_expiring("users"), plan=plan, on_event=fail_once)
    assert run.result.result is Outcome.APPLIED
    assert (throttled.hits, failed.hits) == (9, 1)


class _SetBack(SharedClock):
    """A clock that is set back once, by more than the time that has passed since."""

    set_back = False

    def now(self) -> float:
        return super().now() - (MINUTE if self.set_back else 0)


def test_what_was_read_before_a_clock_was_set_back_is_read_again(world: World) -> None:
    world.clock = clock = _SetBack(world.simulator)

    def set_back(event: Event) -> None:
        if event.kind is EventKind.DONE and event.step and event.step.operation == "UpdateTimeToLive":
            object.__setattr__(clock, "set_back", True)

    run = world.apply(_expiring("users"), on_event=set_back)
    assert run.result.result is Outcome.APPLIED
    assert len(_calls(run, "DescribeTimeToLive")) == 4  # before the change, ENABLING, ENABLED, and once more


class _Slow(Aws):
    """A connection whose imports take a while, and that knows how many were made at the same time."""

    lock: Lock
    running: int
    most: int

    def _send(self, client: Any, operation: str, *, table: str | None = None, **more: Any) -> dict[str, Any]:
        if operation != "ImportTable":
            return super()._send(client, operation, table=table, **more)
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.2)
        try:
            return super()._send(client, operation, table=table, **more)
        finally:
            with self.lock:
                self.running -= 1


def test_a_table_that_has_waited_in_the_middle_of_a_turn_needs_its_place_again(world: World) -> None:
    """Each table waits for the export that an earlier run has begun, and then sends the import in the same turn."""
    source = _keyed("orders", "id") | {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    world.apply(source)
    world.simulator.fill("orders", [{"id": {"S": str(n)}, "customer": {"S": "ada"}} for n in range(5)])
    world.pass_time(MINUTE)
    through = {"TableName": "orders", "Through": "s3://shop-moves/tables"}
    copies = [_keyed(f"orders-{n}", "customer", "id") | {"CopyFrom": through} for n in range(3)]
    plan = world.plan(*copies)
    for copied, change in zip(copies, plan.tables, strict=True):
        world.clock = SharedClock(world.simulator, leaps=False)
        assert world.killed(copied, plan=replace(plan, tables=(change,)), at=Kill(operation="ExportTableToPointInTime"))
    slow = copy(world.aws)
    slow.__class__ = _Slow
    assert isinstance(slow, _Slow)
    slow.lock, slow.running, slow.most = Lock(), 0, 0
    options = Options(max_parallel=1, wait_seconds=DAY)
    waiting = replace(world, aws=slow, clock=SharedClock(world.simulator), options=options)
    run = waiting.apply(*copies, plan=plan)
    assert len(_calls(run, "ImportTable")) == 3
    assert slow.most == 1


def _keyed(name: str, *key: str) -> Definition:
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": a, "KeyType": t} for a, t in zip(key, ("HASH", "RANGE"), strict=False)],
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"} for attribute in key],
        "Tags": [{"Key": "team", "Value": "accounts"}],
    }
