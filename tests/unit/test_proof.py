"""Every plan proves itself: what its steps expect leads to the definition; a step that expects something else is found.

The integration tests prove each plan that they make, too: `engine.plan` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dynatus_ci.definitions import loader
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build, emulators, planner, proof, replacement, sides
from dynatus_ci.table.aspects import backups, billing, indexes, kinesis, replicas, stream, tags, ttl
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.facts import AccountFacts, Emptiness, Endpoint, ProbeState, ScalableTarget
from dynatus_ci.table.model import Action, Step, Table, TableChange
from dynatus_ci.table.model import Path as TablePath
from tests import strategies
from tests.small_tables import bare, global_index, indexed
from tests.strategies import ACCOUNT, KEYS, NAME, REGION, Definition
from tests.unit import test_planner as golden

KEY_ARNS = {name: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{identity}"
            for identity, alias in KEYS.items() for name in (identity, alias)}  # fmt: skip


def table(definition: Definition) -> Table:
    (checked,) = loader.check([definition])
    return build.desired(checked.body)


def situation(**known: Any) -> AccountFacts:
    return AccountFacts(
        **{
            "endpoint": Endpoint(REGION),
            "scaling": {},
            "kms_keys": KEY_ARNS | {"alias/aws/dynamodb": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/managed"},
            "emptiness": Emptiness.ITEMS,
            "probe": ProbeState.ABSENT,
            **known,
        }
    )


def planned(before: Definition | None, after: Definition, facts: AccountFacts) -> TableChange:
    return planner.change(table(after), sides.as_actual(table(before) if before else None, REGION), facts)


# --- it holds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", golden.CASES, ids=lambda path: path.stem)
def test_a_golden_plan_leads_to_its_definition(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    change = golden.planned(case)
    assert proof.proven(change, golden.situation_of(case.get("situation", {}))) is change


def every_plan_leads_to_its_definition(pair: tuple[Definition, Definition], facts: AccountFacts) -> None:
    for before in (None, pair[0]):
        change = planned(before, pair[1], facts)
        assert proof.left_over(change, facts) == ()
        assert proof.proven(change, facts) is change


PAIRS = st.one_of(strategies.pairs(), st.tuples(strategies.definitions(), strategies.definitions()))
SITUATIONS = st.builds(
    situation,
    endpoint=st.builds(
        Endpoint,
        region=st.just(REGION),
        emulator=st.sampled_from([None, None, emulators.MOTO, emulators.DYNAMODB_LOCAL]),
    ),
    emptiness=st.sampled_from([Emptiness.EMPTY, Emptiness.ITEMS, Emptiness.UNKNOWN]),
    probe=st.sampled_from([ProbeState.ABSENT, ProbeState.OURS]),
    scaling=st.sampled_from([None, (1, 40_000), (4, 6)]).map(
        lambda bounds: {
            (f"table/{NAME}" + (f"/index/{index}" if index else ""),
             f"dynamodb:{'index' if index else 'table'}:{kind}CapacityUnits"): ScalableTarget(*bounds)
            for index in ("", *strategies.INDEXES) for kind in ("Read", "Write")
        } if bounds else {}
    ),
)  # fmt: skip


@hypothesis.settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(pair=PAIRS, facts=SITUATIONS)
def test_every_plan_leads_to_its_definition(pair: tuple[Definition, Definition], facts: AccountFacts) -> None:
    every_plan_leads_to_its_definition(pair, facts)


@pytest.mark.soak
@hypothesis.settings(max_examples=20_000, suppress_health_check=list(HealthCheck))
@given(pair=PAIRS, facts=SITUATIONS)
def test_soak_every_plan_leads_to_its_definition(pair: tuple[Definition, Definition], facts: AccountFacts) -> None:
    every_plan_leads_to_its_definition(pair, facts)


def test_a_replica_that_waits_for_auto_scaling_is_left_as_the_plan_says() -> None:
    capacity_ = {"BillingMode": "PROVISIONED",
                 "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}  # fmt: skip
    facts = situation()
    change = planned(None, bare(**capacity_, Replicas=[{"RegionName": "eu-central-1"}]), facts)
    assert change.left_undone
    assert proof.proven(change, facts) is change


def test_insights_of_an_index_are_unsupported_where_insights_are() -> None:
    wanted = bare(
        attributes=["a"],
        GlobalSecondaryIndexes=[global_index("a", ContributorInsightsSpecification={"Enabled": True})],
    )
    for facts in (
        situation(endpoint=Endpoint(REGION, emulators.DYNAMODB_LOCAL)),
        situation(endpoint=Endpoint(REGION, unsupported=frozenset({"ContributorInsightsSpecification"}))),
    ):
        plain = {**wanted, "GlobalSecondaryIndexes": [
            {name: value for name, value in wanted["GlobalSecondaryIndexes"][0].items() if "Insights" not in name}
        ]}  # fmt: skip
        assert planned(plain, wanted, facts).action is Action.NOOP


# --- a wrong step is found -------------------------------------------------------------------------------------------


def without(owner: type[Aspect], path: TablePath) -> Callable[[pytest.MonkeyPatch], None]:
    """An aspect whose steps do not expect what they do at a path."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = owner.steps

        def forgetful(*args: Any) -> Iterator[Step]:
            for step in real(*args):
                yield replace(step, expects={where: value for where, value in step.expects.items() if where != path})

        patch.setattr(owner, "steps", forgetful)

    return mutate


def expecting(owner: type[Aspect], value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """An aspect whose steps expect another value."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = owner.steps
        patch.setattr(
            owner,
            "steps",
            lambda *args: (replace(step, expects=dict.fromkeys(step.expects, value)) for step in real(*args)),
        )

    return mutate


def last_step_is_missing(owner: type[Aspect]) -> Callable[[pytest.MonkeyPatch], None]:
    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = owner.steps
        patch.setattr(owner, "steps", lambda *args: iter(list(real(*args))[:-1]))

    return mutate


def a_new_table_is_made_without(member: str) -> Callable[[pytest.MonkeyPatch], None]:
    def mutate(patch: pytest.MonkeyPatch) -> None:
        real = replacement.create_step

        def poor(*args: Any) -> Step:
            step = real(*args)
            return replace(step, parameters={name: it for name, it in step.parameters.items() if name != member})

        patch.setattr(replacement, "create_step", poor)

    return mutate


UNITS = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
KEYS_ONLY = bare(
    attributes=["a"], GlobalSecondaryIndexes=[global_index("a", Projection={"ProjectionType": "KEYS_ONLY"})]
)
PROVISIONED = bare(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
VIEW = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
OTHER_VIEW = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
TAGS = [{"Key": "team", "Value": "shop"}]
RECOVERY = {"PointInTimeRecoveryEnabled": True}
DESTINATION = {"StreamArn": strategies.STREAMS[0]}


def expiring(attribute: str) -> Definition:
    return bare(TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute})


MUTANTS: list[tuple[str, Callable[[pytest.MonkeyPatch], None], Definition | None, Definition]] = [
    ("an index that goes", without(indexes.GlobalIndexes, ("GlobalSecondaryIndexes", "by-a")), indexed("a"), indexed()),
    ("an index that comes", without(indexes.GlobalIndexes, ("GlobalSecondaryIndexes", "by-a")), bare(), indexed("a")),
    ("an index with other keys", expecting(indexes.GlobalIndexes, {"KeySchema": []}), bare(), indexed("a")),
    ("an index is deleted and not built again", last_step_is_missing(indexes.GlobalIndexes),
     indexed("a"), KEYS_ONLY),
    ("the billing mode stays", without(billing.BillingMode, ("BillingMode",)), bare(), PROVISIONED),
    ("a stream goes off and not on again", last_step_is_missing(stream.Stream),
     bare(StreamSpecification=VIEW), bare(StreamSpecification=OTHER_VIEW)),
    ("another view", expecting(stream.Stream, VIEW),
     bare(StreamSpecification=VIEW), bare(StreamSpecification=OTHER_VIEW)),
    ("expiry goes off and not on again", last_step_is_missing(ttl.TimeToLive), expiring("a"), expiring("b")),
    ("another tag", expecting(tags.Tags, "other"), bare(Tags=[]), bare(Tags=TAGS)),
    ("a tag that stays", last_step_is_missing(tags.Tags), bare(Tags=TAGS), bare(Tags=[])),
    ("recovery stays off", expecting(backups.PointInTimeRecovery, backups.OFF),
     bare(), bare(PointInTimeRecoverySpecification=RECOVERY)),
    ("no Kinesis stream", expecting(kinesis.Kinesis, None), bare(), bare(KinesisStreamSpecification=DESTINATION)),
    ("no replica", expecting(replicas.Replicas, None), bare(), bare(Replicas=[{"RegionName": "eu-central-1"}])),
    ("a new table without its index", a_new_table_is_made_without("GlobalSecondaryIndexes"), None, indexed("a")),
    ("a new table without its tags", a_new_table_is_made_without("Tags"), None, bare(Tags=TAGS)),
    ("a new table without its recovery", last_step_is_missing(backups.PointInTimeRecovery), None,
     bare(PointInTimeRecoverySpecification=RECOVERY)),
]  # fmt: skip


@pytest.mark.parametrize(("mutate", "before", "after"), [pytest.param(*rest, id=name) for name, *rest in MUTANTS])
def test_a_wrong_step_is_found_in_the_plan(
    mutate: Callable[[pytest.MonkeyPatch], None], before: Definition | None, after: Definition
) -> None:
    facts = situation()
    assert proof.proven(planned(before, after, facts), facts).error is None
    with pytest.MonkeyPatch.context() as patch:
        mutate(patch)
        found = proof.proven(planned(before, after, facts), facts)
    assert found.error
    assert found.error.code == "InternalError"
    assert found.error.reason is FailureReason.INTERNAL_ERROR
    assert f"`{NAME}`" in found.error.message
    assert found.action is None
    assert not found.steps
    assert not found.differences
