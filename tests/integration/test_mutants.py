"""Breaks one rule of the engine at a time: the properties notice each of them.

The same properties hold, over the same change, of the engine as it is; so it is the broken rule that they notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given

from dynatus_ci.aws import observe, waits
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws
from dynatus_ci.engine import table_loop
from dynatus_ci.table import order, planner, probe, replacement, unmanaged
from dynatus_ci.table.aspects import (
    ASPECTS,
    backups,
    base,
    billing_steps,
    encryption,
    indexes,
    protection,
    scaling,
    stream,
    tags,
    ttl,
)
from dynatus_ci.table.aspects.indexes import GlobalIndexes
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.facts import Emptiness
from dynatus_ci.table.model import Difference, Phase, Risk, Step
from tests import strategies
from tests.integration import test_faults as faults
from tests.integration import test_properties as properties
from tests.integration.test_faults import expiring
from tests.simulator import Kind
from tests.small_tables import bare, definition, indexed
from tests.strategies import NAME, Definition
from tests.world import World

Patch = pytest.MonkeyPatch
Property = Callable[[World, Sequence[Definition]], None]
AROUND = properties.Surroundings(seed=0, leaps=True, items=True, unmanaged=False, scaling=None)
EXAMPLES = 1_000


def any_to_any(world: World, pair: Sequence[Definition]) -> None:
    properties.any_table_to_any_other(world, pair, AROUND)


def any_to_any_with_what_no_file_can_say(world: World, pair: Sequence[Definition]) -> None:
    around = replace(AROUND, items=False, unmanaged=True)
    properties.any_table_to_any_other(world, pair, around)


def answers_are_lost(world: World, pair: Sequence[Definition]) -> None:
    world.renew()
    story = faults.begin(world, pair)
    world.simulator.faults.add(Kind.ERROR_AFTER, operations=["UpdateTable"], times=1)
    story.run()
    story.lost_nothing()
    assert not world.simulator.journal.refused()


def the_table_is_another(world: World, pair: Sequence[Definition]) -> None:
    world.renew()
    story = faults.begin(world, pair)
    world.simulator.tables[NAME].id = "another"
    assert not story.run().writes


# --- the rules, broken -----------------------------------------------------------------------------------------------


def several_concerns_in_a_call(patch: Patch) -> None:
    real = planner._steps  # noqa: SLF001

    def merged(*args: Any) -> Iterator[Step]:
        steps = list(real(*args))
        plain = [s for s in steps if s.operation == "UpdateTable" and "GlobalSecondaryIndexUpdates" not in s.parameters]
        if len(plain) < 2:
            return iter(steps)
        first = plain[0]
        for other in plain[1:]:
            first = replace(
                first,
                parameters={**first.parameters, **other.parameters},
                differences=(*first.differences, *other.differences),
                expects={**first.expects, **other.expects},
            )
        return iter([first, *(step for step in steps if step not in plain)])

    patch.setattr(planner, "_steps", merged)


def an_index_is_done_when_its_table_is_active(patch: Patch) -> None:
    patch.setattr(GlobalIndexes, "transitions", lambda *_: iter(()))


def waits_for_nothing(patch: Patch) -> None:
    patch.setattr(waits.Poll, "until", lambda *_: waits.WaitOutcome.DONE)
    patch.setattr(order, "EXCLUSIVE", frozenset())


def protection_goes_on_last(patch: Patch) -> None:
    patch.setattr(protection.Protection, "phase", Phase.UNPROTECT)


def protection_goes_off_first(patch: Patch) -> None:
    patch.setattr(protection.Protection, "steps", base.Aspect.steps)


def indexes_come_before_others_go(patch: Patch) -> None:
    real = indexes._create  # noqa: SLF001
    patch.setattr(indexes, "_create", lambda *args: replace(real(*args), phase=Phase.PROTECT))


def indexes_get_no_capacity_in_a_switch(patch: Patch) -> None:
    real = billing_steps._to_provisioned  # noqa: SLF001

    def without_indexes(*args: Any) -> Step:
        step = real(*args)
        return replace(
            step, parameters={n: v for n, v in step.parameters.items() if n != "GlobalSecondaryIndexUpdates"}
        )

    patch.setattr(billing_steps, "_to_provisioned", without_indexes)


def a_view_is_changed_in_one_step(patch: Patch) -> None:
    real = stream.Stream.steps
    patch.setattr(stream.Stream, "steps", lambda *args: iter(list(real(*args))[-1:]))


def expiry_knows_no_cooldown(patch: Patch) -> None:
    patch.setattr(ttl, "COOLDOWN", 0)


def recovery_is_asked_for_at_once(patch: Patch) -> None:
    patch.setattr(backups, "STARTING", 0)


def tags_come_before_others_go(patch: Patch) -> None:
    patch.setattr(tags, "MOST", 1_000)


def an_alias_is_not_looked_up(patch: Patch) -> None:
    patch.setattr(encryption.Encryption, "as_aws_shows", lambda _self, _context, desired: desired)


def lost_indexes_are_called_safe(patch: Patch) -> None:
    real = GlobalIndexes.differences

    def safe(*args: Any) -> Iterator[Difference]:
        return (replace(difference, risk=Risk.SAFE) for difference in real(*args))

    patch.setattr(GlobalIndexes, "differences", safe)


def every_table_is_called_empty(patch: Patch) -> None:
    patch.setattr(observe, "emptiness_of", lambda *_: Emptiness.EMPTY)


def nothing_is_backed_up(patch: Patch) -> None:
    patch.setattr(replacement, "needs_backup", lambda _: False)


def what_is_not_mentioned_is_read(patch: Patch) -> None:
    real = observe.readings
    everything = list(ASPECTS)
    patch.setattr(observe, "readings", lambda aws, description, _wanted: real(aws, description, everything))


def a_call_is_sent_again_blindly(patch: Patch) -> None:
    real = Aws.write

    def twice(*args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return real(*args, **kwargs)
        except CallFailed:
            return real(*args, **kwargs)

    patch.setattr(Aws, "write", twice)


def whichever_table_has_the_name_is_deleted(patch: Patch) -> None:
    patch.setattr(table_loop.TableLoop, "_gate", lambda *_: None)


def insights_of_a_rebuilt_index_are_forgotten(patch: Patch) -> None:
    patch.setattr(Insights, "_kept", lambda _self, context, path: context.actual_at(path))


# --- the changes that tell -------------------------------------------------------------------------------------------

ON = {"Enabled": True}
VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
OTHER_VIEW = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
REKEYED = definition(NAME, "id")
ALIAS = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/orders"}


def tagged(first: int, count: int = 50) -> list[dict[str, str]]:
    return [{"Key": f"tag-{number:02}", "Value": "v"} for number in range(first, first + count)]


def retyped(pair: Definition) -> Definition:
    """The same indexes by attributes of another type."""
    attributes = [
        {**one, "AttributeType": "N" if one["AttributeName"] == "a" else "S"} for one in pair["AttributeDefinitions"]
    ]
    return pair | {"AttributeDefinitions": attributes}


def insightful(pair: Definition) -> Definition:
    return pair | {
        "GlobalSecondaryIndexes": [
            {**i, "ContributorInsightsSpecification": ON} for i in pair["GlobalSecondaryIndexes"]
        ]
    }


def with_units(pair: Definition) -> Definition:
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
    indexes_ = [{**index, "ProvisionedThroughput": units} for index in pair["GlobalSecondaryIndexes"]]
    return pair | {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units, "GlobalSecondaryIndexes": indexes_}


def the_new_table_is_not_tried(patch: Patch) -> None:
    patch.setattr(probe, "steps", lambda *_, **__: iter(()))


def a_probe_stays(patch: Patch) -> None:
    real = probe.steps

    def without_its_end(*args: Any, **more: Any) -> Iterator[Step]:
        return (step for step in real(*args, **more) if step.operation != "DeleteTable")

    patch.setattr(probe, "steps", without_its_end)


def what_no_file_can_say_is_not_seen(patch: Patch) -> None:
    patch.setattr(unmanaged, "names", lambda _: ())


def a_rebuilt_index_is_as_its_file(patch: Patch) -> None:
    patch.setattr(indexes, "_kept", lambda _, __, index: index)


def a_policy_comes_before_its_target(patch: Patch) -> None:
    real = scaling.Writes._set  # noqa: SLF001
    patch.setattr(scaling.Writes, "_set", lambda *args: reversed(list(real(*args))))


def an_index_leaves_its_scaling_behind(patch: Patch) -> None:
    for aspect in (scaling.Reads, scaling.Writes):
        patch.setattr(aspect, "_left_behind", lambda *_: iter(()))


def a_new_index_scales_before_it_is_built(patch: Patch) -> None:
    right = scaling.Writes.steps

    def early(self: Any, *sides: Any) -> Iterator[Step]:
        yield from (replace(step, phase=Phase.CHANGE) for step in right(self, *sides))

    patch.setattr(scaling.Writes, "steps", early)
    patch.setattr(scaling.Writes, "follows", lambda *_: False)


def limited(pair: Definition) -> Definition:
    (index,) = pair["GlobalSecondaryIndexes"]
    return {**pair, "GlobalSecondaryIndexes": [{**index, "OnDemandThroughput": {"MaxReadRequestUnits": 7}}]}


Mutant = Callable[[Patch], None]
MUTANTS: list[tuple[Mutant, Property, tuple[Definition, Definition]]] = [
    (several_concerns_in_a_call, any_to_any,
     (bare(), bare(DeletionProtectionEnabled=True, StreamSpecification=VIEW))),
    (an_index_is_done_when_its_table_is_active, any_to_any, (bare(), indexed("a", "b"))),
    (waits_for_nothing, any_to_any, (bare(), indexed("a", "b"))),
    (protection_goes_on_last, any_to_any,
     (bare(), bare(DeletionProtectionEnabled=True, StreamSpecification=VIEW))),
    (protection_goes_off_first, any_to_any,
     (bare(DeletionProtectionEnabled=True), bare(DeletionProtectionEnabled=False, Tags=tagged(0, 1)))),
    (indexes_come_before_others_go, any_to_any, (indexed("a", "b"), retyped(indexed("a", "b")))),
    (indexes_get_no_capacity_in_a_switch, any_to_any, (indexed("a"), with_units(indexed("a")))),
    (a_view_is_changed_in_one_step, any_to_any,
     (bare(StreamSpecification=VIEW), bare(StreamSpecification=OTHER_VIEW))),
    (expiry_knows_no_cooldown, any_to_any, (expiring("a"), expiring("b"))),
    (recovery_is_asked_for_at_once, any_to_any,
     (bare(), definition(NAME, "id", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}))),
    (tags_come_before_others_go, any_to_any, (bare(Tags=tagged(0)), bare(Tags=tagged(1)))),
    (an_alias_is_not_looked_up, any_to_any,
     (bare(SSESpecification=ALIAS), bare(SSESpecification=ALIAS, Tags=tagged(0, 1)))),
    (lost_indexes_are_called_safe, any_to_any, (indexed("a", "b"), indexed("b"))),
    (every_table_is_called_empty, any_to_any, (bare(), REKEYED)),
    (nothing_is_backed_up, any_to_any, (bare(), REKEYED)),
    (what_is_not_mentioned_is_read, any_to_any, (bare(), bare(Tags=tagged(0, 1)))),
    (insights_of_a_rebuilt_index_are_forgotten, any_to_any,
     (insightful(indexed("a")), retyped(insightful(indexed("a"))))),
    (a_call_is_sent_again_blindly, answers_are_lost, (bare(), indexed("a"))),
    (the_new_table_is_not_tried, any_to_any, (bare(), REKEYED)),
    (a_probe_stays, any_to_any, (bare(), REKEYED)),
    (what_no_file_can_say_is_not_seen, any_to_any_with_what_no_file_can_say, (bare(), REKEYED)),
    (a_rebuilt_index_is_as_its_file, any_to_any, (limited(indexed("a")), retyped(indexed("a")))),
    (a_policy_comes_before_its_target, any_to_any, faults.SCALED),
    (an_index_leaves_its_scaling_behind, any_to_any, faults.SCALED),
    (a_new_index_scales_before_it_is_built, any_to_any, faults.SCALED),
    (whichever_table_has_the_name_is_deleted, the_table_is_another, (bare(), REKEYED)),
]  # fmt: skip
"""A broken rule, the property that notices it, and a change over which it does."""


def _name(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("mutant", "holds", "pair"), MUTANTS, ids=_name)
def test_a_broken_rule_is_noticed(
    shared: World, mutant: Mutant, holds: Property, pair: tuple[Definition, Definition]
) -> None:
    holds(shared, pair)
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        with pytest.raises(AssertionError):
            holds(shared, pair)


@pytest.mark.soak
@pytest.mark.parametrize("mutant", [mutant for mutant, holds, _ in MUTANTS if holds is any_to_any], ids=_name)
def test_soak_a_broken_rule_is_noticed_by_chance(shared: World, mutant: Mutant) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, phases=[hypothesis.Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(pair=strategies.pairs())
    def holds(pair: tuple[Definition, Definition]) -> None:
        any_to_any(shared, pair)

    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        with pytest.raises(AssertionError):
            holds()
