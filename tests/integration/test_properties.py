"""From any valid table to any other: what has to hold of every plan and apply, with the simulator as the judge.

`make test` tries a few examples of each, always the same; `make soak` tries thousands of new ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.model import Action, Effect, Path, Risk, Step
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.table.plans import Plan
from tests import strategies
from tests.integration.test_faults import BUSY
from tests.simulator import HOUR
from tests.small_tables import bare
from tests.strategies import NAME, Definition
from tests.world import Run, Seen, World, tables

PAIRS_IN_SOAK = 5_000
TAGS_A_PAGE = 10


def examples(count: int) -> Callable[[Any], Any]:
    return hypothesis.settings(max_examples=count, suppress_health_check=list(HealthCheck))


# --- the judge -------------------------------------------------------------------------------------------------------


def judge(world: World, definition: Definition) -> Run:
    """Plan and apply one definition, and hold all of it to what has to hold of any."""
    before = world.look()
    planned = plan_is_repeatable(world, definition)
    run = world.apply(definition, plan=planned)
    after = world.look()
    if run.change.refusal:
        refused_rightly(run, before, definition)
        return run
    if run.change.left_undone:
        left_rightly(run, definition)
    else:
        assert run.table.result in {Outcome.APPLIED, Outcome.NOOP}, (run.table.error, run.calls[-3:])
        assert run.table.agrees
    assert not world.simulator.journal.refused()
    assert not world.simulator.journal.overlaps()
    assert set(world.simulator.tables) <= {NAME}, "a probe was left behind"
    the_new_table_was_proven_first(run)
    did_what_was_planned(run)
    nothing_was_lost_unsaid(run, definition, before, after)
    limits_that_nobody_mentions_stay(definition, before, after)
    was_protected_meanwhile(run, before, after)
    nothing_scales_what_is_gone(world, definition)
    what_scales_is_within_its_bounds(world, definition)
    if run.table.result is Outcome.NOOP:
        assert not run.writes
    return run


def plan_is_repeatable(world: World, definition: Definition) -> Plan:
    """Planning writes nothing, says the same twice, and its document holds all of it."""
    plan, again = world.plan(definition), world.plan(definition)
    assert not world.simulator.journal.writes()
    assert plan.fingerprint == again.fingerprint
    document = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(document).to_dict() == document
    assert Plan.from_dict(document).differences == plan.differences
    return plan


def refused_rightly(run: Run, before: Seen | None, definition: Definition) -> None:
    """What never runs (docs/architecture.md#what-never-runs): then nothing at all was written."""
    assert run.table.result is Outcome.REFUSED
    assert not run.writes
    assert before is not None
    replaced = run.change.action in {Action.RECREATE, Action.DELETE}
    protected = before.protected and definition.get("DeletionProtectionEnabled") is not False
    changed = {difference.path[0] for difference in run.change.differences if difference.path}
    global_ = before.replicas and changed & {"StreamSpecification", "SSESpecification"}
    taken = any(difference.effect is Effect.CREATE and difference.path[:1] == ("GlobalSecondaryIndexes",)
                for difference in run.change.differences) and "LocalSecondaryIndexes" not in definition  # fmt: skip
    vectors = "VectorIndexes" in before.shown and changed & {"GlobalSecondaryIndexes", "BillingMode"}
    unscaled = before.replicas and any(
        difference.path[-1] == "WriteCapacityAutoScalingSettings" and not difference.desired
        for difference in run.change.differences
        if difference.path
    )
    assert (
        (replaced and (before.replicas or protected))
        or global_
        or "Replicas" in changed
        or taken
        or vectors
        or unscaled
    )


def left_rightly(run: Run, definition: Definition) -> None:
    """Replicas of a table that this run makes, whose auto scaling nobody could register yet."""
    assert run.table.result is Outcome.FAILED
    assert run.table.error
    assert run.table.error.code == "LeftUndone"
    assert run.change.action in {Action.CREATE, Action.RECREATE}
    served = {id_ for step in run.change.steps for id_ in step.differences}
    left = [difference for difference in run.change.differences if difference.id not in served]
    assert left
    assert all(difference.path[:1] == ("Replicas",) for difference in left)
    assert definition.get("BillingMode") != strategies.ON_DEMAND


def did_what_was_planned(run: Run) -> None:
    """The steps that ran are those of the plan; only one that must wait may run later than it stood there."""
    planned, done = run.change.steps, [result.step for result in run.table.steps]
    assert all(result.status is Status.DONE for result in run.table.steps)
    assert Counter(map(_told, done)) == Counter(map(_told, planned))
    later = {_told(step) for step in planned if step.cooldown}
    assert [told for told in map(_told, done) if told not in later] == [_told(s) for s in planned if not s.cooldown]
    if run.change.action is Action.UPDATE:
        ran = zip(sorted(done, key=_told), sorted(planned, key=_told), strict=True)
        assert all(step.risk.rank <= before.risk.rank for step, before in ran)
    assert [(call.operation, json.dumps(call.parameters, sort_keys=True)) for call in run.writes] == [
        (step.operation, json.dumps(dict(step.parameters), sort_keys=True)) for step in done
    ]


def _told(step: Step) -> str:
    """A step without what changes by itself: its risk once a table is made, its time once that has passed."""
    lasting = {name: value for name, value in step.to_dict().items() if name not in {"risk", "seconds"}}
    return json.dumps(lasting, sort_keys=True)


def nothing_was_lost_unsaid(run: Run, definition: Definition, before: Seen | None, after: Seen | None) -> None:
    """What vanished was said to vanish; and what was said to, did."""
    if before is None:
        new = [difference for difference in run.change.differences if difference.actual is None]
        assert Risk.highest(difference.risk for difference in new) is Risk.SAFE  # else it is auto scaling of before
        return
    gone = set(vanished(before, after))
    said = {difference.path for difference in run.change.differences if difference.risk is Risk.DESTRUCTIVE}
    if () not in gone:
        assert gone == said
        return
    assert run.change.action in {Action.RECREATE, Action.DELETE}
    if run.change.action is Action.RECREATE and before.shown - definition.keys():
        assert () in said
    if before.items or before.recovery_since is not None:
        assert () in said
        assert run.change.table_id == before.id
        backup_comes_first(run)


def vanished(before: Seen, after: Seen | None) -> Iterator[Path]:
    """The paths of what was there, and is not there any more."""
    if after is None or after.id != before.id:
        yield ()
        return
    assert after.items == before.items
    assert before.unmanaged == after.unmanaged
    yield from (("GlobalSecondaryIndexes", n) for n, i in before.indexes.items() if after.indexes.get(n) is not i)
    yield from (("Replicas", n) for n, one in before.replicas.items() if after.replicas.get(n) is not one)
    if before.recovery_since is not None and (
        after.recovery_since != before.recovery_since or after.recovery_days < before.recovery_days
    ):
        yield ("PointInTimeRecoverySpecification",)


def the_new_table_was_proven_first(run: Run) -> None:
    """Before a table is deleted to be created again, AWS took one like it, and it is gone again."""
    writes = [(call.operation, call.table) for call in run.writes]
    if run.change.action is Action.RECREATE:
        probe = f"{NAME}.dynatus-probe"
        assert writes[:2] == [("CreateTable", probe), ("DeleteTable", probe)]
        assert writes.index(("DeleteTable", NAME)) > 1
    else:
        assert {table for _, table in writes} <= {NAME}


def nothing_scales_what_is_gone(world: World, definition: Definition) -> None:
    """No target is left behind by a table that went, or by an index that the file does not have."""
    known = {f"table/{NAME}/index/{index['IndexName']}" for index in definition.get("GlobalSecondaryIndexes", [])}
    provisioned = definition.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    resources = {target["ResourceId"] for target in world.simulator.scalable_targets}
    if "Absent" in definition:
        assert not resources
    elif "GlobalSecondaryIndexes" in definition and provisioned:
        assert {resource for resource in resources if "/index/" in resource} <= known


def what_scales_is_within_its_bounds(world: World, definition: Definition) -> None:
    """Each capacity that the file lets scale, when everything has settled."""
    table = world.simulator.tables.get(NAME)
    if table is None:
        return
    for holder in (definition, *definition.get("GlobalSecondaryIndexes", [])):
        capacity = table.indexes[holder["IndexName"]].capacity if "IndexName" in holder else table.capacity
        for name, units in zip(strategies.SCALING, (capacity.read, capacity.write), strict=True):
            bounds = holder.get(name)
            assert not bounds or bounds["MinCapacity"] <= units <= bounds["MaxCapacity"]


def limits_that_nobody_mentions_stay(definition: Definition, before: Seen | None, after: Seen | None) -> None:
    """Also those of an index that was built again."""
    if before is None or after is None or before.id != after.id or not before.on_demand or not after.on_demand:
        return
    for index in definition.get("GlobalSecondaryIndexes", []):
        name, written = index["IndexName"], index.get("OnDemandThroughput", {})
        live = before.indexes[name].limits if name in before.indexes else {}
        assert {member: units for member, units in live.items() if member not in written}.items() <= (
            after.indexes[name].limits.items()
        )


def backup_comes_first(run: Run) -> None:
    """Before the table goes there is a backup of it, and an event has named it."""
    writes = [call.operation for call in run.writes if call.table == NAME]
    assert "CreateBackup" in writes
    assert writes.index("CreateBackup") < writes.index("DeleteTable")
    told = [event.backup for event in run.events if event.backup]
    assert told == [run.table.backup]


def was_protected_meanwhile(run: Run, before: Seen | None, after: Seen | None) -> None:
    """A table that is, or is to be, protected from deletion is so during every other change of it."""
    if before is None or after is None or before.id != after.id or before.protected == after.protected:
        return
    place = [call.operation == "UpdateTable" and "DeletionProtectionEnabled" in call.parameters for call in run.writes]
    assert place.index(True) == (0 if after.protected else len(place) - 1)


def agrees(world: World, definition: Definition) -> None:
    """A plan of what was applied: noop, and no call more than it takes to see that."""
    plan = world.plan(definition)
    assert plan.tables[0].action is Action.NOOP, plan.tables[0].to_dict()
    assert not plan.tables[0].steps
    assert not plan.differences
    made = Counter(call.operation for call in world.simulator.journal.calls)
    scaling = ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions")
    for once_a_run in (*scaling, "DescribeKey"):
        assert made.pop(once_a_run, 0) <= 1
    assert made == cheapest(definition)
    again = world.apply(definition)
    assert again.table.result is Outcome.NOOP
    assert again.table.agrees
    assert not again.writes


def cheapest(definition: Definition) -> Counter[str]:
    """One DescribeTable, and one call for each declared setting with a reader of its own."""
    (table,) = tables([definition])
    readers = Counter(aspect.reader for aspect in ASPECTS if aspect.reader and aspect.managed(table))
    if "ListTagsOfResource" in readers:
        readers["ListTagsOfResource"] = max(ceil(len(definition["Tags"]) / TAGS_A_PAGE), 1)
    return Counter({"DescribeTable": 1}) + Counter({str(name): count for name, count in readers.items()})


# --- the properties --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What may be around a table, beside its definition."""

    seed: int
    leaps: bool
    items: bool
    unmanaged: bool
    scaling: tuple[int, int] | None


SURROUNDINGS = st.builds(
    Surroundings,
    seed=st.integers(0, 1_000),
    leaps=st.sampled_from([True, True, True, False]),
    items=st.booleans(),
    unmanaged=st.sampled_from([False, False, True]),
    scaling=st.sampled_from([None, None, None, (1, 40_000), (4, 6)]),
)


STRANGERS = st.tuples(strategies.definitions(), strategies.definitions())


def any_table_to_any_other(world: World, pair: Sequence[Definition], around: Surroundings) -> None:
    world.renew(seed=around.seed, leaps=around.leaps)
    if around.scaling:
        world.scale_writes(least=around.scaling[0], most=around.scaling[1])
    for number, definition in enumerate(pair):
        if number and around.items and NAME in world.simulator.tables:
            world.put_item(definition)
        if number and around.unmanaged and NAME in world.simulator.tables:
            world.add_vector_index(Compression={"Algorithm": "ZSTD"})
        run = judge(world, definition)
        world.pass_time()
        if run.table.agrees:
            agrees(world, definition)


def _by(attribute: str) -> Definition:
    return {"Enabled": True, "AttributeName": attribute}


FOUND: dict[str, tuple[Definition, Definition]] = {
    "protection goes off after tags that wait for each other": (
        bare(DeletionProtectionEnabled=True, Tags=[{"Key": f"a{n}", "Value": ""} for n in range(50)]),
        bare(DeletionProtectionEnabled=False, Tags=[{"Key": f"b{n}", "Value": ""} for n in range(50)]),
    ),
    "protection goes off after an expiry that moves": (
        bare(DeletionProtectionEnabled=True, TimeToLiveSpecification=_by("a")),
        bare(DeletionProtectionEnabled=False, TimeToLiveSpecification=_by("b")),
    ),
    "a replica without a key, of a table whose file does not mention its key": (
        bare(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": strategies.KEY_ID}),
        bare(Replicas=[{"RegionName": "eu-central-1"}]),
    ),
    "all replicas go and the stream gets another view": (
        bare(Replicas=[{"RegionName": "eu-central-1"}, {"RegionName": "us-east-1"}]),
        bare(Replicas=[], StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}),
    ),
    "all replicas go and the table gets a key": (
        bare(Replicas=[{"RegionName": "eu-central-1"}]),
        bare(Replicas=[], SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": strategies.KEY_ID}),
    ),
    "a new provisioned table with a replica": (
        bare(),
        bare(
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            TimeToLiveSpecification=_by("a"),
            Replicas=[{"RegionName": "eu-central-1"}],
        ),
    ),
    "a replica that keeps the class that the table leaves": (
        bare(Replicas=[{"RegionName": "eu-central-1", "TableClassOverride": "STANDARD"}]),
        bare(
            TableClass="STANDARD_INFREQUENT_ACCESS",
            Replicas=[{"RegionName": "eu-central-1", "TableClassOverride": "STANDARD"}],
        ),
    ),
    "a replica that has the class to which the table goes": (
        bare(Replicas=[{"RegionName": "eu-central-1", "TableClassOverride": "STANDARD_INFREQUENT_ACCESS"}]),
        bare(
            TableClass="STANDARD_INFREQUENT_ACCESS",
            Replicas=[{"RegionName": "eu-central-1", "TableClassOverride": "STANDARD_INFREQUENT_ACCESS"}],
        ),
    ),
    "a replica's class that is the table's": (
        bare(Replicas=[{"RegionName": "eu-central-1"}]),
        bare(Replicas=[{"RegionName": "eu-central-1", "TableClassOverride": "STANDARD"}]),
    ),
}
"""What `make soak`, and people, have found."""


def one_table_in_two_spellings(world: World, pair: Sequence[Definition], seed: int) -> None:
    world.renew(seed=seed)
    first, other = pair
    run = judge(world, first)
    if run.table.agrees:
        world.pass_time()
        agrees(world, other)


def a_table_that_goes(world: World, definition: Definition, around: Surroundings) -> None:
    any_table_to_any_other(world, [definition, {"TableName": NAME, "Absent": True}], around)


@pytest.mark.parametrize("pair", FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("items", [False, True], ids=["empty", "with items"])
def test_what_was_found_once(shared: World, pair: Sequence[Definition], items: bool) -> None:
    any_table_to_any_other(shared, pair, Surroundings(seed=0, leaps=True, items=items, unmanaged=False, scaling=None))


@examples(15)
@given(pair=strategies.pairs(), around=SURROUNDINGS)
def test_from_any_table_to_any_other(shared: World, pair: Sequence[Definition], around: Surroundings) -> None:
    any_table_to_any_other(shared, pair, around)


@examples(5)
@given(pair=STRANGERS, around=SURROUNDINGS)
def test_from_any_table_to_another_altogether(shared: World, pair: Sequence[Definition], around: Surroundings) -> None:
    any_table_to_any_other(shared, pair, around)


@examples(5)
@given(pair=strategies.spellings(), seed=st.integers(0, 100))
def test_another_spelling_of_a_table_is_no_change(shared: World, pair: Sequence[Definition], seed: int) -> None:
    one_table_in_two_spellings(shared, pair, seed)


@examples(5)
@given(definition=strategies.definitions(), around=SURROUNDINGS)
def test_a_table_goes_when_its_definition_says_so(shared: World, definition: Definition, around: Surroundings) -> None:
    a_table_that_goes(shared, definition, around)


def test_several_tables_are_changed_side_by_side_with_one_call_at_a_time_each(shared: World) -> None:
    shared.renew(leaps=False)
    shared.simulator.clock.scale = HOUR
    first, second = ([wanted | {"TableName": f"table-{number}"} for number in range(4)] for wanted in BUSY)
    assert shared.apply(*first).result.result is Outcome.APPLIED
    run = shared.apply(*second)
    assert run.result.result is Outcome.APPLIED, [table.error for table in run.result.tables]
    assert not shared.simulator.journal.refused()
    assert not shared.simulator.journal.overlaps()
    times = [[call.started for call in run.writes if call.table == wanted["TableName"]] for wanted in second]
    assert max(map(min, times)) < min(map(max, times))


@pytest.mark.soak
@examples(PAIRS_IN_SOAK)
@given(pair=strategies.pairs(), around=SURROUNDINGS)
def test_soak_from_any_table_to_any_other(shared: World, pair: Sequence[Definition], around: Surroundings) -> None:
    any_table_to_any_other(shared, pair, around)


@pytest.mark.soak
@examples(1_000)
@given(pair=STRANGERS, around=SURROUNDINGS)
def test_soak_from_any_table_to_another(shared: World, pair: Sequence[Definition], around: Surroundings) -> None:
    any_table_to_any_other(shared, pair, around)


@pytest.mark.soak
@examples(1_000)
@given(pair=strategies.spellings(), seed=st.integers(0, 100))
def test_soak_another_spelling_is_no_change(shared: World, pair: Sequence[Definition], seed: int) -> None:
    one_table_in_two_spellings(shared, pair, seed)


@pytest.mark.soak
@examples(1_000)
@given(definition=strategies.definitions(), around=SURROUNDINGS)
def test_soak_a_table_goes(shared: World, definition: Definition, around: Surroundings) -> None:
    a_table_that_goes(shared, definition, around)
