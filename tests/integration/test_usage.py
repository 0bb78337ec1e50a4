"""CloudWatch is asked once for everything that goes in a plan, and a plan does well without an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dynatus_ci import engine
from dynatus_ci.aws import connection, metrics
from dynatus_ci.table.model import Usage
from dynatus_ci.table.plans import Plan
from dynatus_ci.table.usage import ReadMetric
from tests.simulator import Kind
from tests.small_tables import indexed
from tests.strategies import NAME
from tests.world import World, tables


@pytest.fixture
def world(world: World) -> World:
    world.apply(indexed("a", "b"))
    return world


def usages(plan: Plan) -> dict[tuple[str, ...], Usage | None]:
    return {difference.path: difference.usage for difference in plan.differences}


def asked(world: World) -> int:
    return world.simulator.journal.count("GetMetricData")


def day(ago: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=ago)).isoformat()


def by(name: str) -> tuple[str, str]:
    return "GlobalSecondaryIndexes", f"by-{name}"


def test_the_reads_of_14_days_are_counted_by_the_last_day(world: World) -> None:
    world.simulator.reads[NAME, "by-a"] = {3: 40_000.0, 2: 1_219.5, 15: 1_000.0}
    plan = world.plan(indexed())
    assert usages(plan) == {by("a"): Usage(41_220, day(2)), by("b"): Usage(0, None)}
    assert asked(world) == 1
    assert plan.fingerprint == world.plan(indexed()).fingerprint


def test_who_reads_an_index_reads_the_table(world: World) -> None:
    world.simulator.reads[NAME, ""] = {5: 2.0}
    world.simulator.reads[NAME, "by-b"] = {1: 5.0}
    assert usages(world.plan({"TableName": NAME, "Absent": True})) == {(): Usage(7, day(1))}


def test_nobody_is_asked_where_nothing_goes(world: World) -> None:
    world.plan(indexed("a", "b", "c"))
    assert asked(world) == 0


@pytest.mark.parametrize("kind", [Kind.DENY, Kind.THROTTLE, Kind.ERROR_BEFORE, Kind.DROP_BEFORE])
def test_without_an_answer_nothing_is_said(world: World, kind: Kind) -> None:
    known = world.plan(indexed())
    world.simulator.faults.add(kind, operations=["GetMetricData"])
    plan = world.plan(indexed())
    assert set(usages(plan).values()) == {None}
    assert plan.fingerprint == known.fingerprint
    assert asked(world) == 1


def test_a_call_asks_for_500_at_most_and_reads_all_pages(world: World) -> None:
    reads = [ReadMetric(f"table-{number:03}") for number in range(501)]
    world.simulator.reads["table-000", ""] = {0: 1.0}
    world.simulator.reads["table-499", ""] = {0: 2.0}
    world.simulator.reads["table-500", ""] = {0: 3.0}
    world.simulator.start_over()
    found = metrics.usage(world.aws, reads)
    assert [found[read].read_units for read in (reads[0], reads[1], reads[499], reads[500])] == [1, 0, 2, 3]
    sizes = [len(call.parameters["MetricDataQueries"]) for call in world.simulator.journal.calls]
    assert sizes == [500] * 5 + [1]


def test_an_endpoint_that_counts_nothing_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "engine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    aws = connection.connect(endpoint_url=world.simulator.endpoint_url, region=world.simulator.region)
    world.simulator.reads[NAME, "by-a"] = {1: 5.0}
    assert usages(engine.plan(aws, tables([indexed()]))) == {by("a"): Usage(5, day(1)), by("b"): None}


def test_a_client_alone_cannot_ask(world: World) -> None:
    client = world.simulator.client()
    plan = engine.plan(connection.from_client(client), tables([indexed()]))
    client.close()
    assert set(usages(plan).values()) == {None}
