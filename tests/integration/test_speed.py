"""Nothing but AWS's own limits slows an apply down: no call is made twice, and a table that waits holds up no other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dynatus_ci.engine import Event, EventKind, Options
from dynatus_ci.engine.run import FRESH
from dynatus_ci.table.outcome import Outcome
from tests.simulator.clock import DAY
from tests.simulator.faults import Kind
from tests.strategies import Definition
from tests.world import SharedClock, World

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
    assert [call.operation for call in run.calls][-5:] == [
        "DescribeTable",
        "DescribeTimeToLive",  # it is ENABLED
        "DescribeTable",
        "DescribeTimeToLive",
        "ListTagsOfResource",
    ]


def test_many_tables_are_created_although_aws_throttles_most_changes(world: World) -> None:
    world.simulator.faults.add(Kind.THROTTLE, rate=0.8, operations=["CreateTable", "UpdateTimeToLive"])
    run = world.apply(*(_expiring(f"table-{number}") for number in range(12)))
    assert run.result.result is Outcome.APPLIED
    assert len(_calls(run, "CreateTable")) > 12
