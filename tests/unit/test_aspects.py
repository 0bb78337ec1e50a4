"""What holds for every aspect, and what else must know a new one: docs/architecture.md#how-to-add-an-aspect."""

from __future__ import annotations

import json
from typing import TypeAlias

import hypothesis
import pytest
from hypothesis import given, settings

from dynatus_ci.table import build, planner, sides, unmanaged
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.aspects.protection import Protection
from dynatus_ci.table.aspects.warm_throughput import WarmThroughput
from dynatus_ci.table.facts import AccountFacts, Endpoint
from dynatus_ci.table.model import Phase, canonical
from dynatus_ci.table.validation import members, shapes
from tests import strategies
from tests.simulator import lifecycle, simulator, update  # noqa: F401  # simulator registers the operations
from tests.simulator.operations import OPERATIONS
from tests.unit.test_planner import CASES

Pair: TypeAlias = tuple[strategies.Definition, strategies.Definition]
FACTS = AccountFacts(endpoint=Endpoint(strategies.REGION), scaling={})
EACH = pytest.mark.parametrize("aspect", ASPECTS, ids=lambda aspect: aspect.name)


# --- the order of steps ----------------------------------------------------------------------------------------------


def test_protection_goes_off_in_the_last_phase_and_no_other_aspect_has_it() -> None:
    assert max(Phase) is Phase.UNPROTECT
    assert [aspect.name for aspect in ASPECTS if aspect.phase is Phase.UNPROTECT] == []


@settings(max_examples=30)
@given(strategies.pairs())
def test_nothing_runs_after_protection_goes_off(pair: Pair) -> None:
    before, after = (
        build.desired(pair[0] | {Protection.name: True}),
        build.desired(pair[1] | {Protection.name: False}),
    )
    change = planner.change(after, sides.as_actual(before, strategies.REGION), FACTS)
    last = [step.aspect for step in change.steps if step.phase is Phase.UNPROTECT]
    assert last in ([], [Protection.name])
    assert not last or change.steps[-1].phase is Phase.UNPROTECT


# --- who else must know an aspect ------------------------------------------------------------------------------------


def test_what_a_file_may_hold_is_not_refused_as_unmanaged() -> None:
    assert members.TABLE.members.keys() & shapes.UNMANAGED.keys() == set()


def test_what_a_file_may_hold_is_no_mere_fact_of_a_table() -> None:
    assert {aspect.name for aspect in ASPECTS} & set(unmanaged.FACTS.split()) == set()


def test_the_property_tests_draw_every_aspect_with_several_values() -> None:
    values: dict[str, set[str]] = {aspect.name: set() for aspect in ASPECTS}

    @settings(max_examples=100, phases=[hypothesis.Phase.generate], database=None, derandomize=True)
    @given(strategies.definitions())
    def collect(definition: strategies.Definition) -> None:
        for name in values.keys() & definition.keys():
            values[name].add(canonical(definition[name]))

    collect()
    assert [name for name, drawn in values.items() if len(drawn) < 2] == []


def test_the_property_tests_know_the_initial_value_of_every_aspect() -> None:
    every_table_has = {aspect.name for aspect in ASPECTS if aspect.in_every_table}
    assert {aspect.name for aspect in ASPECTS} - strategies.INITIAL.keys() - every_table_has == {WarmThroughput.name}


def test_a_golden_plan_changes_every_aspect() -> None:
    changed = {path.partition("/")[0] for case in CASES
               for path, *_ in json.loads(case.read_text(encoding="utf-8"))["expected"]["differences"]}  # fmt: skip
    assert {aspect.name for aspect in ASPECTS} - changed == set()


@EACH
def test_the_simulator_reads_and_writes_every_aspect(aspect: Aspect) -> None:
    operations = {*aspect.writers, *filter(None, (aspect.reader, aspect.explainer))}
    assert operations <= {name for service, name in OPERATIONS if service == aspect.service}
    assert aspect.name not in {*lifecycle.NOT_SIMULATED, *update.NOT_SIMULATED}
