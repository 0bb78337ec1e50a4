"""What goes wrong on the way: the engine converges or stops with a clear result, and goes on from there unreviewed.

Chance faults, crashes and cancels at any call, a second writer, quotas, cooldowns, credentials that run out.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import Any

import botocore.endpoint
import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dynatus_ci import logs
from dynatus_ci.aws import client
from dynatus_ci.aws.client import Aws
from dynatus_ci.engine import Event, EventKind, Options
from dynatus_ci.engine.steps import MOST_ATTEMPTS
from dynatus_ci.errors import FailureReason
from dynatus_ci.review import Gate
from dynatus_ci.table import emulators
from dynatus_ci.table.model import Action, Risk
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.table.plans import Plan
from tests import strategies
from tests.simulator import HOUR, MINUTE, SECOND_WRITER, Kind, describe, durations
from tests.simulator.clock import DAY
from tests.simulator.journal import Call
from tests.simulator.tables import Capacity, Json
from tests.small_tables import bare, definition, global_index, indexed
from tests.strategies import NAME, Definition
from tests.world import Kill, Run, Seen, World, connect

SOAK = 800


@pytest.fixture(scope="module")
def shared(shared: World) -> Iterator[World]:
    """With botocore's pauses in simulated time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.endpoint, "time", _Pauses(shared))
        # botocore's own rate limiter, which "adaptive" adds, waits in real time; the retries are the same without it
        patch.setitem(client._READS, "retries", {"mode": "standard", "total_max_attempts": 8})  # noqa: SLF001
        yield shared


@dataclass(frozen=True, slots=True)
class _Pauses:
    """botocore's pauses between tries, in simulated time."""

    world: World

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.world.simulator.clock.advance(seconds)


def examples(count: int) -> Callable[[Any], Any]:
    return hypothesis.settings(max_examples=count, suppress_health_check=list(HealthCheck))


# --- definitions -----------------------------------------------------------------------------------------------------


def provisioned(read: int, write: int, **more: Any) -> Definition:
    units = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    return bare(**{**more, "BillingMode": "PROVISIONED", "ProvisionedThroughput": units})


def expiring(attribute: str) -> Definition:
    return bare(TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute})


BUSY: tuple[Definition, Definition] = (
    indexed("a", "b", Tags=[{"Key": "team", "Value": "one"}]),
    indexed(
        "b",
        "c",
        "d",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        DeletionProtectionEnabled=True,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        Tags=[{"Key": "cost", "Value": "two"}],
    ),
)
REPLACED: tuple[Definition, Definition] = (
    bare(DeletionProtectionEnabled=True),
    definition(
        NAME,
        "id",
        DeletionProtectionEnabled=False,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    ),
)


def scaled(least: int, most: int, target: float = 70) -> Definition:
    """Settings of auto scaling."""
    policy = {"TargetValue": target, "ScaleInCooldown": 60}
    return {"MinCapacity": least, "MaxCapacity": most, "TargetTrackingScalingPolicyConfiguration": policy}


def scaled_index(name: str, **settings: Definition) -> Definition:
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
    return global_index(name, ProvisionedThroughput=units, **settings)


READS, WRITES = "ReadCapacityAutoScalingSettings", "WriteCapacityAutoScalingSettings"
SCALED: tuple[Definition, Definition] = (
    provisioned(
        1,
        1,
        attributes=["a", "b"],
        GlobalSecondaryIndexes=[
            scaled_index("a", **{READS: scaled(1, 9), WRITES: scaled(1, 9)}),
            scaled_index("b", **{WRITES: scaled(2, 9)}),
        ],
        **{READS: scaled(1, 9), WRITES: scaled(1, 9)},
    ),
    provisioned(
        3,
        1,
        attributes=["b", "c"],
        GlobalSecondaryIndexes=[
            scaled_index("b", **{READS: scaled(5, 9), WRITES: scaled(2, 9, target=50.5)}),
            scaled_index("c", **{WRITES: scaled(3, 8)}),
        ],
        Replicas=[{"RegionName": "eu-central-1"}],
        **{READS: {}, WRITES: scaled(4, 8)},
    ),
)
PROBE = f"{NAME}.dynatus-probe"
SCENES = {"busy": BUSY, "replaced": REPLACED, "scaled": SCALED}


# --- the judge -------------------------------------------------------------------------------------------------------


class RefusedAlways(Exception):
    """There is nothing to interrupt, or nothing that could ever end well."""


@dataclass(slots=True)
class Story:
    """A table, a change of it that was planned once, and every run that carries that plan out."""

    world: World
    target: Definition
    plan: Plan
    before: Seen | None
    calls: list[Call]
    told: list[str]

    def run(self, **more: Any) -> Run:
        """Carry the plan out, or what is left of it."""
        run = self.world.apply(self.target, plan=self.plan, on_event=self._note, **more)
        self.calls += run.calls
        return run

    def killed(self, at: Kill) -> bool:
        """Begin to carry it out; whether that comes to the call at which it is killed."""
        reached = self.world.killed(self.target, plan=self.plan, on_event=self._note, at=at)
        self.calls += self.world.simulator.journal.calls
        return reached

    def _note(self, event: Any) -> None:
        if event.backup:
            self.told.append(event.backup)

    def ends_well(self) -> None:
        """A last run without faults goes on by the old plan, and then the table agrees; nothing was done twice."""
        self.world.simulator.faults.clear()
        self.world.options = Options(wait_seconds=DAY)
        self.world.pass_time()
        run = self.run()
        assert run.table.result in {Outcome.APPLIED, Outcome.NOOP}, run.table.error
        self.world.pass_time()
        last = self.world.plan(self.target).tables[0]
        assert last.action is Action.NOOP, last.to_dict()
        self.lost_nothing()

    def lost_nothing(self) -> None:
        """Items are there, or in a backup that an event named; no index was made more than once."""
        made = Counter(
            entry["Create"]["IndexName"]
            for call in self.calls
            if call.changed
            for entry in call.parameters.get("GlobalSecondaryIndexUpdates", [])
            if "Create" in entry
        )
        assert all(count == 1 for count in made.values()), made
        assert not self.world.simulator.journal.overlaps()
        after = self.world.look()
        if self.before and self.before.items and (after is None or after.id != self.before.id):
            backups = [self.world.simulator.backups[arn] for arn in self.told]
            assert any(one.source["TableId"] == self.before.id and one.status == "AVAILABLE" for one in backups)
        elif self.before:
            assert after is not None
            assert after.items == self.before.items


def begin(world: World, pair: Sequence[Definition]) -> Story:
    """The first definition applied without faults, and the second one planned.

    Raises:
        RefusedAlways: One of them is.
    """
    first, second = pair
    if world.apply(first).change.refusal:
        raise RefusedAlways
    world.put_item(first)
    world.pass_time()
    plan = world.plan(second)
    if plan.tables[0].refusal or plan.tables[0].left_undone:
        raise RefusedAlways
    before = world.look()
    world.simulator.start_over()
    return Story(world, second, plan, before, [], [])


# --- faults by chance ------------------------------------------------------------------------------------------------

_KINDS = (
    Kind.THROTTLE,
    Kind.LATENCY,
    Kind.ERROR_BEFORE,
    Kind.ERROR_AFTER,
    Kind.DROP_BEFORE,
    Kind.DROP_AFTER,
)
FAULTS = st.lists(st.tuples(st.sampled_from(_KINDS), st.sampled_from([0.05, 0.2, 0.5])), min_size=1, max_size=3)


def faults_by_chance(world: World, pair: Sequence[Definition], faults: Sequence[tuple[Kind, float]], seed: int) -> None:
    world.renew(seed=seed)
    story = begin(world, pair)
    world.aws = connect(world.simulator)  # botocore spends its retries by connection
    for kind, rate in faults:
        world.simulator.faults.add(kind, rate=rate, seconds=30)
    run = story.run()
    if run.table.result not in {Outcome.APPLIED, Outcome.NOOP}:
        assert run.table.result is Outcome.FAILED, run.table.error
        assert run.table.error
        assert run.table.error.operation
    story.ends_well()


@examples(8)
@given(pair=strategies.pairs(), faults=FAULTS, seed=st.integers(0, 1_000))
def test_faults_by_chance_are_overcome_or_said(
    shared: World, pair: Sequence[Definition], faults: Sequence[tuple[Kind, float]], seed: int
) -> None:
    with suppress(RefusedAlways):
        faults_by_chance(shared, pair, faults, seed)


@pytest.mark.soak
@examples(SOAK)
@given(pair=strategies.pairs(), faults=FAULTS, seed=st.integers(0, 1_000))
def test_soak_faults_by_chance_are_overcome_or_said(
    shared: World, pair: Sequence[Definition], faults: Sequence[tuple[Kind, float]], seed: int
) -> None:
    with suppress(RefusedAlways):
        faults_by_chance(shared, pair, faults, seed)


# --- an end at any call ----------------------------------------------------------------------------------------------


def killed_at(world: World, pair: Sequence[Definition], *, call: int, sent: bool, seed: int = 0) -> None:
    world.renew(seed=seed)
    story = begin(world, pair)
    story.killed(Kill(call, sent=sent))
    story.lost_nothing()
    story.ends_well()


def cancelled_at(world: World, pair: Sequence[Definition], *, call: int, seed: int = 0) -> None:
    world.renew(seed=seed)
    story = begin(world, pair)
    stop = Flag()
    world.simulator.faults.before(call, stop.set)
    run = story.run(stop=stop)
    if stop.is_set():
        assert all(write.number <= call for write in run.writes)
        assert run.table.result in {Outcome.FAILED, Outcome.APPLIED, Outcome.NOOP}
    if run.table.result is Outcome.FAILED:
        assert run.result.failure_reason is FailureReason.CANCELLED
        assert run.table.error
        told = Counter((step.step.operation, step.step.reason, str(step.step.parameters)) for step in run.table.steps)
        assert set(told.values()) <= {1}
    story.ends_well()


def calls_of(world: World, pair: Sequence[Definition]) -> tuple[int, list[int]]:
    """How many calls an undisturbed apply makes, and which of them write."""
    world.renew()
    run = begin(world, pair).run()
    return len(run.calls), [call.number for call in run.writes]


@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "before its answer"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_crash_at_any_write_loses_nothing_and_the_next_run_goes_on(shared: World, scene: str, sent: bool) -> None:
    _, writes = calls_of(shared, SCENES[scene])
    for call in writes:
        killed_at(shared, SCENES[scene], call=call, sent=sent)


@pytest.mark.parametrize("scene", SCENES)
def test_a_cancel_at_any_write_ends_clearly_and_the_next_run_goes_on(shared: World, scene: str) -> None:
    _, writes = calls_of(shared, SCENES[scene])
    for call in writes:
        cancelled_at(shared, SCENES[scene], call=call)


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES)
def test_soak_an_end_at_any_call(shared: World, scene: str) -> None:
    count, _ = calls_of(shared, SCENES[scene])
    for call in range(1, count + 1):
        cancelled_at(shared, SCENES[scene], call=call)
        for sent in (False, True):
            killed_at(shared, SCENES[scene], call=call, sent=sent)


@pytest.mark.soak
@examples(SOAK)
@given(pair=strategies.pairs(), chance=st.randoms(use_true_random=False), seed=st.integers(0, 1_000))
def test_soak_an_end_at_some_call_of_any_change(
    shared: World, pair: Sequence[Definition], chance: random.Random, seed: int
) -> None:
    with suppress(RefusedAlways):
        count, _ = calls_of(shared, pair)
        call = chance.randint(1, count)
        match chance.randint(0, 2):
            case 0:
                cancelled_at(shared, pair, call=call, seed=seed)
            case way:
                killed_at(shared, pair, call=call, sent=way == 1, seed=seed)


# --- a second writer -------------------------------------------------------------------------------------------------

SECOND: dict[str, tuple[str, dict[str, Any]]] = {
    "tags": ("tag_resource", {"ResourceArn": f"arn:aws:dynamodb:eu-west-1:{strategies.ACCOUNT}:table/{NAME}",
                              "Tags": [{"Key": "stranger", "Value": "1"}]}),
    "protects": ("update_table", {"TableName": NAME, "DeletionProtectionEnabled": True}),
    "streams": ("update_table", {"TableName": NAME, "StreamSpecification": {"StreamEnabled": False}}),
    "deletes an index": ("update_table", {"TableName": NAME,
                                          "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-b"}}]}),
    "recovers": ("update_continuous_backups", {"TableName": NAME, "PointInTimeRecoverySpecification":
                                               {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 30}}),
    "deletes": ("delete_table", {"TableName": NAME}),
}  # fmt: skip


def disturbed_at(world: World, pair: Sequence[Definition], *, call: int, writer: str) -> None:
    """A stranger changes something just before a call: nothing is lost that the plan did not say, whatever comes."""
    world.renew()
    story = begin(world, pair)
    operation, parameters = SECOND[writer]

    def act() -> None:
        stranger = world.simulator.client(caller=SECOND_WRITER)
        with suppress(stranger.exceptions.ClientError):
            getattr(stranger, operation)(**parameters)
        stranger.close()

    world.simulator.faults.before(call, act)
    run = story.run()
    assert run.table.result in {Outcome.APPLIED, Outcome.REFUSED, Outcome.FAILED}
    assert run.table.error or run.table.result is Outcome.APPLIED
    said = {d.path for d in story.plan.differences if d.risk.value == "destructive"}
    for write in run.writes:
        for entry in write.parameters.get("GlobalSecondaryIndexUpdates", []):
            assert "Delete" not in entry or ("GlobalSecondaryIndexes", entry["Delete"]["IndexName"]) in said
        assert write.operation != "DeleteTable" or () in said
    world.pass_time()
    again = world.apply(story.target)
    assert again.table.result in {Outcome.APPLIED, Outcome.NOOP, Outcome.REFUSED}
    assert again.table.result is not Outcome.REFUSED or again.change.refusal


@pytest.mark.parametrize("writer", SECOND)
def test_a_second_writer_is_observed_and_costs_nothing_unsaid(shared: World, writer: str) -> None:
    _, writes = calls_of(shared, BUSY)
    for call in (writes[0], writes[1] - 1, writes[len(writes) // 2], writes[-1]):
        disturbed_at(shared, BUSY, call=call, writer=writer)


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("writer", SECOND)
def test_soak_a_second_writer_at_any_call(shared: World, scene: str, writer: str) -> None:
    count, _ = calls_of(shared, SCENES[scene])
    for call in range(1, count + 1):
        disturbed_at(shared, SCENES[scene], call=call, writer=writer)


def test_another_table_behind_the_name_is_not_deleted(world: World) -> None:
    story = begin(world, REPLACED)
    world.simulator.tables[NAME].id = "another"
    run = story.run()
    assert run.table.result is Outcome.REFUSED
    assert not run.writes
    assert NAME in world.simulator.tables


# --- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.ERROR_AFTER, Kind.DROP_AFTER, Kind.ERROR_BEFORE, Kind.DROP_BEFORE])
@pytest.mark.parametrize(
    ("operation", "table"),
    [
        *((operation, table) for operation in ("CreateTable", "DeleteTable") for table in (NAME, PROBE)),
        *((operation, NAME) for operation in ("UpdateTable", "TagResource", "UpdateTimeToLive")),
    ],
)
def test_an_answer_that_nobody_got_is_looked_up_and_nothing_is_done_twice(
    world: World, kind: Kind, operation: str, table: str
) -> None:
    pair = REPLACED if operation in {"CreateTable", "DeleteTable"} else BUSY
    story = begin(world, pair)
    world.simulator.faults.add(kind, operations=[operation], tables=[table], times=1)
    run = story.run()
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert not world.simulator.journal.refused()
    changed = [str(call.parameters) for call in run.calls if call.changed]
    assert len(changed) == len(set(changed))
    story.ends_well()


def test_a_table_that_is_read_late_is_not_created_twice(world: World) -> None:
    world.simulator.stale = True
    run = world.apply(BUSY[0])
    assert run.table.result is Outcome.APPLIED
    assert not world.simulator.journal.refused()


def test_another_view_of_the_stream_says_both_arns_in_the_result(world: World) -> None:
    views = ({"StreamEnabled": True, "StreamViewType": view} for view in ("KEYS_ONLY", "NEW_IMAGE"))
    story = begin(world, [bare(StreamSpecification=view) for view in views])
    before = world.simulator.tables[NAME].stream_arn
    run = story.run()
    assert run.table.notes == (f"The stream was `{before}` and is now `{world.simulator.tables[NAME].stream_arn}`.",)


def test_dynamodb_local_is_not_asked_for_a_table_whose_name_it_cannot_tell_from_another(world: World) -> None:
    world.apply(bare(TableName=NAME.upper()))
    local = replace(world, aws=connect(world.simulator))
    local.aws.emulator = emulators.DYNAMODB_LOCAL
    (change,) = local.plan(bare()).tables
    assert change.error
    assert change.error.code == "NameTwin"
    assert NAME.upper() in change.error.message
    assert local.apply(bare()).writes == []


# --- what AWS puts off -----------------------------------------------------------------------------------------------


def test_another_expiry_attribute_takes_one_run_where_the_time_allows_it(world: World) -> None:
    run = begin(world, (expiring("a"), expiring("b"))).run()
    assert run.table.result is Outcome.APPLIED
    assert [call.operation for call in run.writes] == ["UpdateTimeToLive"] * 2
    assert run.writes[1].started - run.writes[0].started >= 31 * MINUTE


@pytest.mark.parametrize("options", [Options(wait_seconds=10 * MINUTE), Options(wait_seconds=DAY, detach=True)])
def test_less_than_the_cooldown_left_ends_the_table_at_once_without_a_try(world: World, options: Options) -> None:
    story = begin(world, (expiring("a"), expiring("b")))
    world.options = options
    began = world.clock.now()
    run = story.run()
    assert [call.operation for call in run.writes] == ["UpdateTimeToLive"]
    assert world.clock.now() - began < MINUTE
    assert run.table.resume_at
    if options.detach:
        assert (run.table.result, run.result.failure_reason) == (Outcome.PENDING, None)
    else:
        assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.QUOTA)
    assert [step.status for step in run.table.steps] == [Status.DONE, Status.NOT_RUN]

    early = story.run()
    assert early.table.result is (Outcome.PENDING if options.detach else Outcome.FAILED)
    assert len(early.writes) == 1
    assert early.table.resume_at
    story.ends_well()


def test_a_used_up_quota_stops_its_concern_only_and_says_when_it_goes_on(world: World) -> None:
    story = begin(world, (bare(), bare(TableClass="STANDARD_INFREQUENT_ACCESS",
                                                   SSESpecification={"Enabled": True},
                                                   Tags=[{"Key": "a", "Value": "1"}])))  # fmt: skip
    history = world.simulator.tables[NAME].history
    history["TableClass"] = [world.clock.now() - DAY, world.clock.now() - HOUR]
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.QUOTA)
    assert run.table.resume_at
    assert run.table.error
    assert "TableClass" in run.table.error.message
    by_status = {step.step.reason: step.status for step in run.table.steps}
    assert by_status == {
        "encrypt with the KMS key that AWS manages": Status.DONE,
        "set tag `a`": Status.DONE,
        "change the table class to `STANDARD_INFREQUENT_ACCESS`": Status.NOT_RUN,
    }
    assert len(world.simulator.journal.refused()) == 1


def test_decreases_wait_for_the_moment_that_aws_names(world: World) -> None:
    story = begin(world, (provisioned(9, 9), provisioned(1, 1)))
    world.simulator.tables[NAME].capacity.decreases = [world.clock.now() - 60 * n for n in (4, 3, 2, 1)]
    began = world.clock.now()
    run = story.run()
    assert run.table.result is Outcome.APPLIED
    assert len(world.simulator.journal.refused()) == 1
    assert 58 * MINUTE < world.clock.now() - began < 2 * HOUR


def test_detached_a_backfill_is_left_running_and_picked_up_by_the_next_run(world: World) -> None:
    story = begin(world, (bare(), indexed("a", "b", TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "expires"})))  # fmt: skip
    world.options = replace(world.options, detach=True)
    began = world.clock.now()
    first = story.run()
    assert first.table.result is Outcome.PENDING
    assert first.result.failure_reason is None
    assert first.table.resume_at
    assert [step.status for step in first.table.steps][-2:] == [Status.RUNNING, Status.NOT_RUN]
    assert world.clock.now() - began < 2 * MINUTE
    second = story.run()
    assert second.table.result is Outcome.PENDING
    assert not second.writes
    story.ends_well()


# --- what the file does not mention ----------------------------------------------------------------------------------


def test_an_auto_scaled_index_is_built_again_with_the_capacity_that_it_has(world: World) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    before = indexed("a", BillingMode="PROVISIONED", ProvisionedThroughput=units)
    (index,) = before["GlobalSecondaryIndexes"]
    index["ProvisionedThroughput"] = units
    after = before | {"GlobalSecondaryIndexes": [{**index, "Projection": {"ProjectionType": "KEYS_ONLY"}}]}
    world.apply(before)
    world.scale_writes(least=5, most=400)
    world.simulator.tables[NAME].indexes["by-a"].capacity = Capacity(5, 300)
    run = world.apply(after)
    assert run.table.result is Outcome.APPLIED, run.table.error
    built = world.simulator.tables[NAME].indexes["by-a"]
    assert built.projection == {"ProjectionType": "KEYS_ONLY"}
    assert (built.capacity.read, built.capacity.write) == (5, 300)


def test_an_index_that_is_built_again_keeps_the_limits_that_its_file_does_not_mention(world: World) -> None:
    before = indexed("a")
    (index,) = before["GlobalSecondaryIndexes"]
    after = before | {"GlobalSecondaryIndexes": [{**index, "Projection": {"ProjectionType": "KEYS_ONLY"}}]}
    world.apply(before)
    world.simulator.tables[NAME].indexes["by-a"].limits = {"MaxReadRequestUnits": 7}
    run = world.apply(after)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert world.simulator.tables[NAME].indexes["by-a"].limits == {"MaxReadRequestUnits": 7}


def test_an_empty_table_with_what_no_file_can_say_goes_only_when_it_is_named(world: World) -> None:
    world.apply(bare())
    world.add_vector_index(Compression={"Algorithm": "ZSTD"})
    plan = world.plan(REPLACED[1])
    (change,) = plan.tables
    assert change.risk is Risk.DESTRUCTIVE
    assert any("`vector index by-d`, `Compression`" in note for note in change.notes)
    unnamed = Gate(None, ())
    assert unnamed.refusal(change, change.steps[0])


# --- what AWS takes during a backfill --------------------------------------------------------------------------------


ON_PROVISIONED = {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
BUILT = bare(
    attributes=["a"],
    **{**ON_PROVISIONED, "BillingMode": "PROVISIONED"},
    DeletionProtectionEnabled=False,
    GlobalSecondaryIndexes=[global_index("a", **ON_PROVISIONED)],
)
WITHOUT = {**BUILT, "GlobalSecondaryIndexes": [], "AttributeDefinitions": bare()["AttributeDefinitions"]}
OTHER_KEY = {
    **BUILT,
    "AttributeDefinitions": bare(attributes=["z"])["AttributeDefinitions"],
    "GlobalSecondaryIndexes": [
        {**BUILT["GlobalSecondaryIndexes"][0], "KeySchema": [{"AttributeName": "z", "KeyType": "HASH"}]}
    ],
}
RAISED = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
STREAMING = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
TAKEN = {
    "protection": {**BUILT, "DeletionProtectionEnabled": True},
    "capacity": {**BUILT, **RAISED},
    "expiry": {**BUILT, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}},
    "tags": {**BUILT, "Tags": [{"Key": "team", "Value": "a"}]},
    "its deletion": WITHOUT,
    "another key of it": OTHER_KEY,
}
"""What the next merge may want while an index is filled, and need not wait for."""


def filling(world: World, before: Definition, wanted: Definition) -> None:
    """An account in which an earlier run left an index to be filled, for a while yet."""
    world.apply(before)
    world.pass_time()
    world.options = Options(wait_seconds=DAY, detach=True)
    assert world.apply(wanted).table.result is Outcome.PENDING
    world.pass_time(MINUTE)
    index = world.simulator.tables[NAME].building()
    assert index
    assert index.backfilling
    world.options = Options(wait_seconds=DAY)


@pytest.mark.parametrize("wanted", TAKEN.values(), ids=TAKEN)
def test_what_aws_takes_during_a_backfill_does_not_wait_for_its_end(world: World, wanted: Definition) -> None:
    filling(world, WITHOUT, BUILT)
    began = world.clock.now()
    run = world.apply(wanted)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert run.writes[0].started - began < MINUTE
    assert not world.simulator.journal.refused()
    assert world.plan(wanted).tables[0].action is Action.NOOP


@pytest.mark.parametrize("wanted", [TAKEN["protection"], TAKEN["capacity"], TAKEN["expiry"], TAKEN["tags"]],
                         ids=["protection", "capacity", "expiry", "tags"])  # fmt: skip
@pytest.mark.parametrize("detach", [False, True])
def test_what_must_wait_for_a_backfill_keeps_nothing_else(world: World, wanted: Definition, detach: bool) -> None:
    filling(world, WITHOUT, BUILT)
    world.options = Options(wait_seconds=DAY, detach=detach)
    began = world.clock.now()
    run = world.apply({**wanted, **STREAMING})
    streaming = [call for call in run.writes if "StreamSpecification" in call.parameters]
    others = [call for call in run.writes if call not in streaming]
    assert all(call.started - began < MINUTE for call in others)
    assert others
    assert not world.simulator.journal.refused()
    if detach:
        assert (run.table.result, streaming) == (Outcome.PENDING, [])
    else:
        assert run.table.result is Outcome.APPLIED, run.table.error
        assert streaming[0].started - began > 5 * MINUTE


def test_the_capacity_of_a_table_does_not_wait_with_that_of_its_indexes(world: World) -> None:
    filling(world, WITHOUT, BUILT)
    began = world.clock.now()
    (index,) = BUILT["GlobalSecondaryIndexes"]
    run = world.apply({**BUILT, **RAISED, "GlobalSecondaryIndexes": [{**index, **RAISED}]})
    assert run.table.result is Outcome.APPLIED, run.table.error
    table, of_index = run.writes
    assert table.parameters.keys() == {"TableName", "ProvisionedThroughput"}
    assert table.started - began < MINUTE
    assert of_index.started - began > 5 * MINUTE


def test_protection_goes_off_after_what_must_wait_for_a_backfill(world: World) -> None:
    protected = {**BUILT, "DeletionProtectionEnabled": True}
    filling(world, {**WITHOUT, "DeletionProtectionEnabled": True}, protected)
    run = world.apply({**BUILT, **STREAMING})
    assert [sorted(call.parameters) for call in run.writes] == [
        ["StreamSpecification", "TableName"],
        ["DeletionProtectionEnabled", "TableName"],
    ]


def test_insights_of_an_index_wait_until_it_is_there(world: World) -> None:
    filling(world, WITHOUT, BUILT)
    (index,) = BUILT["GlobalSecondaryIndexes"]
    insightful = {**BUILT, "GlobalSecondaryIndexes": [{**index, "ContributorInsightsSpecification": {"Enabled": True}}]}
    run = world.apply(insightful)
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert not world.simulator.journal.refused()


def test_what_was_put_off_need_not_wait_for_a_longer_backfill(world: World) -> None:
    world.renew(leaps=False)
    expiring_by = [{"TimeToLiveSpecification": {"Enabled": True, "AttributeName": name}} for name in ("expires", "end")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durations, "DURATIONS", {**durations.DURATIONS, "index backfill": (3 * HOUR, 3 * HOUR)})
        filling(world, {**WITHOUT, **expiring_by[0]}, {**BUILT, **expiring_by[0]})
        run = world.apply({**BUILT, **expiring_by[1]})
    assert run.table.result is Outcome.APPLIED, run.table.error
    off, on = run.writes
    assert 31 * MINUTE <= on.started - off.started < HOUR


def test_what_was_put_off_need_not_wait_for_a_backfill_of_the_same_run(world: World) -> None:
    world.renew(leaps=False)
    expiring_by = [{"TimeToLiveSpecification": {"Enabled": True, "AttributeName": name}} for name in ("expires", "end")]
    world.apply({**WITHOUT, **expiring_by[0]})
    world.pass_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durations, "DURATIONS", {**durations.DURATIONS, "index backfill": (3 * HOUR, 3 * HOUR)})
        run = world.apply({**BUILT, **expiring_by[1]})
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert {step.status for step in run.table.steps} == {Status.DONE}
    off, on = (call for call in run.writes if call.operation == "UpdateTimeToLive")
    assert 31 * MINUTE <= on.started - off.started < HOUR


# --- changes that depend on each other -------------------------------------------------------------------------------

REPLICATED = {**bare(), **ON_PROVISIONED, "BillingMode": "PROVISIONED", "Replicas": [{"RegionName": "us-east-1"}]}


def test_a_new_provisioned_table_is_made_and_its_replica_comes_when_it_scales(world: World) -> None:
    wanted = {**REPLICATED, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}}
    first = world.apply(wanted)
    assert (first.table.result, first.result.failure_reason) == (Outcome.FAILED, FailureReason.AWS_ERROR)
    assert first.table.error
    assert "table/table-1" in first.table.error.message
    assert [call.operation for call in first.writes] == ["CreateTable", "UpdateTimeToLive"]
    assert not world.simulator.journal.refused()
    assert world.plan(wanted).tables[0].refusal
    world.scale_writes(least=1, most=10)
    again = world.apply(wanted, plan=first.plan)
    assert again.table.result is Outcome.APPLIED, again.table.error
    assert [call.parameters.keys() for call in again.writes] == [{"TableName", "ReplicaUpdates"}]


@pytest.mark.parametrize("wanted", [STREAMING, {"SSESpecification": {"Enabled": True}}], ids=["stream", "key"])
def test_what_must_follow_the_end_of_replicas_waits_when_that_is_put_off(world: World, wanted: Any) -> None:
    world.apply(bare(Replicas=[{"RegionName": "us-east-1"}]))
    world.simulator.faults.add(
        Kind.REFUSE, operations=["UpdateTable"], times=1, code="ValidationException",
        message="Replica cannot be deleted because it has acted as a source region for new replica(s).",
    )  # fmt: skip
    world.options = Options(wait_seconds=2 * DAY)
    run = world.apply(bare(Replicas=[], **wanted, Tags=[{"Key": "a", "Value": "b"}]))
    assert run.table.result is Outcome.APPLIED, run.table.error
    made = [next(iter(call.parameters.keys() - {"TableName", "ResourceArn"})) for call in run.writes]
    assert made[:3] == ["ReplicaUpdates", "Tags", "ReplicaUpdates"]


def test_an_index_waits_for_a_billing_mode_that_is_put_off(world: World) -> None:
    world.apply(BUILT)
    history = world.simulator.tables[NAME].history
    history["PAY_PER_REQUEST"] = [world.clock.now() - n * HOUR for n in (4, 3, 2, 1)]
    run = world.apply(indexed("a", "b"))
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert not [call for call in world.simulator.journal.refused() if "PayPerRequest" not in call.message]


# --- what AWS accepts and cannot do ----------------------------------------------------------------------------------

MISSING_STREAM = f"arn:aws:kinesis:eu-west-1:{strategies.ACCOUNT}:stream/missing"


@pytest.mark.parametrize("before", [{}, {"KinesisStreamSpecification": {"StreamArn": strategies.STREAMS[0]}}],
                         ids=["none", "another"])  # fmt: skip
def test_a_missing_kinesis_stream_is_said_at_first_sight_with_the_reason_of_aws(world: World, before: Any) -> None:
    world.simulator.missing_streams.add(MISSING_STREAM)
    world.apply(bare(**before))
    wanted = bare(KinesisStreamSpecification={"StreamArn": MISSING_STREAM})
    for notes in (0, 1):  # a failed entry lingers; the second plan tells of it, and the second try says the same
        began = world.clock.now()
        run = world.apply(wanted)
        assert sum("does not have a stream" in note for note in run.change.notes) == notes
        assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.AWS_ERROR)
        assert run.table.error
        assert "ENABLE_FAILED" in run.table.error.message
        assert "does not have a stream" in run.table.error.message
        assert run.table.steps[-1].status is Status.FAILED
        assert [call.operation for call in run.writes][-1:] == ["EnableKinesisStreamingDestination"]
        assert world.clock.now() - began < 20
    world.simulator.missing_streams.clear()
    assert world.apply(wanted).table.result is Outcome.APPLIED


@pytest.mark.parametrize("denied", [False, True])
def test_a_quota_of_insights_that_is_used_up_is_said_at_first_sight(world: World, denied: bool) -> None:
    world.simulator.insight_rules = 2
    if denied:
        world.simulator.faults.deny("DescribeContributorInsights")
    wanted = bare(ContributorInsightsSpecification={"Enabled": True})
    world.apply(bare())
    began = world.clock.now()
    run = world.apply(wanted)
    assert run.table.error
    assert "FAILED" in run.table.error.message
    assert ("rules" in run.table.error.message) is not denied
    assert len(run.writes) == 1
    assert world.clock.now() - began < 30
    world.simulator.insight_rules = 100
    assert world.apply(wanted).table.result is Outcome.APPLIED


def test_a_role_that_was_made_a_moment_ago_is_tried_again(world: World) -> None:
    role = f"arn:aws:iam::{strategies.ACCOUNT}:role/new"
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "dynamodb:GetItem", "Resource": "*"}
    wanted = bare(ResourcePolicy={"Version": "2012-10-17", "Statement": [statement]})
    world.simulator.new_principals[role] = world.clock.now() + 40
    assert world.apply(wanted).table.result is Outcome.APPLIED


def test_a_role_that_does_not_exist_is_said_after_a_minute(world: World) -> None:
    role = f"arn:aws:iam::{strategies.ACCOUNT}:role/missing"
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "dynamodb:GetItem", "Resource": "*"}
    world.simulator.new_principals[role] = world.clock.now() + 10 * DAY
    began = world.clock.now()
    run = world.apply(bare(ResourcePolicy={"Version": "2012-10-17", "Statement": [statement]}))
    assert run.table.error
    assert "Invalid principal" in run.table.error.message
    assert 50 < world.clock.now() - began < 90


# --- the probe before a table is deleted -----------------------------------------------------------------------------


def keeps_its_table(story: Story, run: Run) -> None:
    """The table, its items and its protection are as they were, and nothing was even copied."""
    assert story.world.look() == story.before
    assert not any(call.table == NAME for call in run.writes)
    assert not story.world.simulator.backups


@pytest.mark.parametrize(
    ("code", "hint"), [("ValidationException", "in the same way"), ("LimitExceededException", "quotas")]
)
def test_a_table_stays_where_aws_refuses_the_new_one(world: World, code: str, hint: str) -> None:
    story = begin(world, REPLACED)
    world.simulator.faults.add(Kind.REFUSE, operations=["CreateTable"], code=code)
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.AWS_ERROR)
    assert run.table.error
    assert PROBE in run.table.error.message
    assert f"Table `{NAME}` was not changed." in run.table.error.message
    assert hint in run.table.error.message
    assert [step.status for step in run.table.steps][:2] == [Status.FAILED, Status.NOT_RUN]
    keeps_its_table(story, run)
    story.ends_well()


def with_key(key: str) -> Definition:
    return {**REPLACED[1], "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}}


def test_a_key_that_is_not_there_and_may_not_be_looked_up_is_found_by_the_probe(world: World) -> None:
    world.simulator.faults.deny("DescribeKey")
    story = begin(world, (REPLACED[0], with_key("alias/missing")))
    run = story.run()
    assert run.table.error
    assert "Key 'alias/missing' does not exist" in run.table.error.message
    keeps_its_table(story, run)


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "RSA_2048"])
def test_a_key_that_dynamodb_cannot_use_refuses_the_plan(world: World, spec: str) -> None:
    world.apply(REPLACED[0])
    world.simulator.add_key("alias/odd", spec=spec, enabled=spec != "SYMMETRIC_DEFAULT")
    run = world.apply(with_key("alias/odd"))
    assert run.table.result is Outcome.REFUSED
    assert run.change.refusal
    assert ("RSA_2048" if spec == "RSA_2048" else "Disabled") in run.change.refusal.message
    assert not run.writes


def test_a_key_that_is_not_there_is_the_plans_error(world: World) -> None:
    world.apply(REPLACED[0])
    (change,) = world.plan(with_key("alias/missing")).tables
    assert change.error
    assert "alias/missing" in change.error.message


@pytest.mark.parametrize(
    ("operation", "made"),
    [("CreateTable", False), ("DescribeTable", False), ("DeleteTable", True), ("ListTagsOfResource", True)],
)
def test_what_the_credentials_may_not_do_with_the_probe_is_named_and_nothing_is_deleted(
    world: World, operation: str, made: bool
) -> None:
    """A probe that was made and may not be deleted stays, until that is allowed."""
    story = begin(world, REPLACED)
    world.simulator.faults.add(Kind.DENY, operations=[operation], tables=[PROBE])
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.ACCESS_DENIED)
    assert run.table.error
    assert run.table.error.missing_permission == f"dynamodb:{operation}"
    assert PROBE in run.table.error.message
    keeps_its_table(story, run)
    assert (PROBE in world.simulator.tables) is made
    story.ends_well()
    assert PROBE not in world.simulator.tables


def test_a_bug_while_a_failed_call_of_the_probe_is_handled_is_logged(world: World) -> None:
    """The failed call is the context of the bug, and the log follows these to the first one."""

    def broken(event: Event) -> None:
        if event.kind is EventKind.RETRY:
            raise ZeroDivisionError

    story, shown = begin(world, REPLACED), list[str]()
    world.simulator.faults.add(Kind.THROTTLE, operations=["CreateTable"], tables=[PROBE])
    with logs.shown(lambda _, text: shown.append(text), level=logging.WARNING):
        run = world.apply(REPLACED[1], plan=story.plan, on_event=broken)
    assert run.result.failure_reason is FailureReason.INTERNAL_ERROR
    (text,) = shown
    assert "dynatus_ci.aws.call_errors.CallFailed\nwhich was followed by\n" in text
    assert text.endswith("builtins.ZeroDivisionError")


def test_a_plan_whose_role_may_not_look_for_a_probe_shows_the_same_steps(world: World) -> None:
    story = begin(world, REPLACED)
    world.simulator.faults.add(Kind.DENY, operations=["DescribeTable"], tables=[PROBE])
    assert world.plan(REPLACED[1]).to_dict() == story.plan.to_dict()


def test_a_probe_that_a_killed_run_left_behind_goes_first(world: World) -> None:
    _, writes = calls_of(world, REPLACED)
    world.renew()
    story = begin(world, REPLACED)
    assert story.killed(Kill(writes[0]))
    assert PROBE in world.simulator.tables
    first = world.plan(REPLACED[1]).tables[0].steps[0]
    reason = f"delete the probe `{PROBE}`, which an earlier run left behind"
    assert (first.operation, first.reason) == ("DeleteTable", reason)
    story.ends_well()
    assert set(world.simulator.tables) == {NAME}


@pytest.mark.parametrize("seconds", [0, MINUTE], ids=["while it is created", "once it is there"])
def test_a_strangers_table_in_the_probes_place_is_left_alone(world: World, seconds: float) -> None:
    world.renew(leaps=False)
    story = begin(world, REPLACED)
    stranger = world.simulator.client(caller=SECOND_WRITER)
    stranger.create_table(**{**bare(), "TableName": PROBE})
    stranger.close()
    world.simulator.clock.advance(seconds)
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.REFUSED, FailureReason.DESTRUCTIVE_BLOCKED)
    assert run.table.error
    assert f"There is a table `{PROBE}` that dynatus did not create" in run.table.error.message
    keeps_its_table(story, run)
    assert PROBE in world.simulator.tables
    assert not run.writes


def test_a_long_name_has_a_probe_too(world: World) -> None:
    long = "n" * 255
    world.apply({**REPLACED[0], "TableName": long})
    run = world.apply({**REPLACED[1], "TableName": long})
    assert run.table.result is Outcome.APPLIED, run.table.error
    assert not world.simulator.journal.refused()
    assert len(run.writes[0].table) == 255
    assert set(world.simulator.tables) == {long}


# --- the end of the time, of the credentials -------------------------------------------------------------------------


def test_a_deadline_ends_the_run_and_names_what_is_left(world: World) -> None:
    world.renew(leaps=False)
    story = begin(world, BUSY)
    world.options = Options(wait_seconds=2 * MINUTE)
    began = world.clock.now()
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.TIMEOUT)
    assert world.clock.now() - began < 3 * MINUTE
    assert {step.status for step in run.table.steps} == {Status.DONE, Status.RUNNING, Status.NOT_RUN}
    assert run.table.error
    assert run.table.error.message.endswith("The last answer of AWS: `GlobalSecondaryIndexes by-c` is `BACKFILLING`.")
    story.ends_well()


def test_a_deadline_names_the_last_refusal_of_aws(world: World) -> None:
    world.renew(leaps=False)
    world.simulator.faults.add(Kind.REFUSE, operations=["CreateTable"], code="ResourceInUseException")
    world.options = Options(wait_seconds=MINUTE)
    run = world.apply(bare())
    assert run.result.failure_reason is FailureReason.TIMEOUT
    assert run.table.error
    assert "The last answer of AWS: CreateTable of table `table-1` failed: `ResourceInUse" in run.table.error.message


@pytest.mark.parametrize("call", [1, 2, 5, 20])
def test_expired_credentials_end_the_run_as_the_deadline_does(world: World, call: int) -> None:
    story = begin(world, BUSY)
    world.simulator.faults.add(Kind.EXPIRED, calls=range(call, 10_000))
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.TIMEOUT)
    assert run.table.error
    assert "role-duration-seconds" in run.table.error.message
    assert len(run.calls) == call
    story.ends_well()


def test_detached_and_with_nothing_left_but_what_runs_expired_credentials_are_no_failure(world: World) -> None:
    story = begin(world, (bare(), indexed("a")))
    world.options = replace(world.options, detach=True)
    undisturbed = story.run()
    (create,) = undisturbed.writes
    world.renew()
    story = begin(world, (bare(), indexed("a")))
    world.options = replace(world.options, detach=True)
    world.simulator.faults.add(Kind.EXPIRED, calls=range(create.number + 1, 10_000))
    assert story.run().table.result is Outcome.PENDING
    story.ends_well()


def test_a_wordless_error_is_not_tried_over_and_over(world: World) -> None:
    key = world.simulator.add_key("alias/asymmetric", spec="RSA_2048")
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key.arn}
    run = begin(world, (bare(), bare(SSESpecification=wanted))).run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.AWS_ERROR)
    assert len(run.writes) == 2


@pytest.mark.parametrize("operation", ["DescribeTable", "DescribeTimeToLive", "UpdateTable", "UpdateTimeToLive"])
def test_denied_is_an_error_that_names_the_permission_and_never_a_missing_thing(world: World, operation: str) -> None:
    story = begin(world, BUSY)
    world.simulator.faults.deny(operation)
    run = story.run()
    assert (run.table.result, run.result.failure_reason) == (Outcome.FAILED, FailureReason.ACCESS_DENIED)
    assert run.table.error
    assert run.table.error.missing_permission == f"dynamodb:{operation}"
    assert not any(call.operation == "CreateTable" for call in run.calls)
    story.ends_well()


def test_a_throttled_reader_is_never_read_as_off(world: World) -> None:
    story = begin(world, (expiring("a"), expiring("a")))
    world.simulator.faults.add(Kind.THROTTLE, operations=["DescribeTimeToLive"], rate=0.6)
    run = story.run()
    assert not run.writes


# --- what AWS shows late, or never -----------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0.5, 3, 20])
def test_a_new_table_may_stay_unseen_for_minutes(world: World, minutes: float) -> None:
    world.renew(leaps=False)
    described = Aws.describe

    def late(aws: Aws, name: str) -> dict[str, Any] | None:
        table = world.simulator.tables.get(name)
        unseen = table and world.simulator.clock.now() - table.created < minutes * MINUTE
        return None if unseen else described(aws, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Aws, "describe", late)
        run = world.apply(bare())
    assert run.table.result is Outcome.APPLIED
    assert [call.operation for call in run.writes] == ["CreateTable"]


def test_a_change_that_comes_back_for_ever_is_reported_and_not_repeated(world: World) -> None:
    infrequent = {"RegionName": "eu-central-1", "TableClassOverride": "STANDARD_INFREQUENT_ACCESS"}
    world.apply(bare(Replicas=[{"RegionName": "eu-central-1"}]))
    shown = describe._replica  # noqa: SLF001

    def without_its_class(*args: Any) -> Json:
        return {member: value for member, value in shown(*args).items() if member != "ReplicaTableClassSummary"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(describe, "_replica", without_its_class)
        run = world.apply(bare(Replicas=[infrequent]))
    assert run.table.error
    assert run.table.error.code == "NotShown"
    assert len(run.writes) == 2 * MOST_ATTEMPTS
    assert [step.status for step in run.table.steps] == [Status.FAILED, Status.DONE] * 2 + [Status.NOT_RUN]


def test_another_backup_that_is_under_way_is_waited_for(world: World) -> None:
    story = begin(world, REPLACED)
    world.simulator.faults.add(Kind.REFUSE, operations=["CreateBackup"], times=12, code="BackupInUseException")
    assert story.run().table.result is Outcome.APPLIED
    story.lost_nothing()


def test_what_could_not_be_read_of_an_index_alone_is_waited_for(world: World) -> None:
    before = indexed("a")
    (index,) = before["GlobalSecondaryIndexes"]
    after = before | {"GlobalSecondaryIndexes": [{**index, "ContributorInsightsSpecification": {"Enabled": True}}]}
    story = begin(world, (before, after))
    world.simulator.faults.add(
        Kind.REFUSE, operations=["ListContributorInsights"], times=1, code="ResourceNotFoundException"
    )
    assert story.run().table.result is Outcome.APPLIED
    story.ends_well()


def test_a_replica_whose_creation_fails_is_not_done(world: World) -> None:
    shown = describe._replica  # noqa: SLF001

    def failed(*args: Any) -> Json:
        return {**shown(*args), "ReplicaStatus": "CREATION_FAILED"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(describe, "_replica", failed)
        run = begin(world, (bare(), bare(Replicas=[{"RegionName": "eu-central-1"}]))).run()
    assert run.table.result is Outcome.FAILED
    assert run.table.error
    assert "CREATION_FAILED" in run.table.error.message
    assert len(run.writes) == 1
    assert run.table.steps[0].status is Status.FAILED


def test_a_step_in_doubt_of_a_table_that_cannot_be_compared_is_not_called_done(world: World) -> None:
    story = begin(world, (bare(), bare(Tags=[{"Key": "team", "Value": "a"}])))
    world.simulator.faults.add(Kind.DROP_BEFORE, operations=["TagResource"])
    described = Aws.describe

    def unusable(aws: Aws, name: str) -> dict[str, Any] | None:
        table = described(aws, name)
        tried = any(call.operation == "TagResource" for call in world.simulator.journal.calls)
        return {**table, "TableStatus": "INACCESSIBLE_ENCRYPTION_CREDENTIALS"} if table and tried else table

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Aws, "describe", unusable)
        run = story.run()
    assert run.table.result is Outcome.FAILED
    assert [step.status for step in run.table.steps] == [Status.RUNNING]
