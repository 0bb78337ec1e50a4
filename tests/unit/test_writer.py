"""The writer: an actual table becomes a file as a person would write it, and is read back as exactly that table."""

from __future__ import annotations

import json
import os
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynatus_ci.definitions import edn, formats, loader, writer
from dynatus_ci.definitions.formats import Format
from dynatus_ci.errors import InvalidDefinitions
from dynatus_ci.table import build, lookups, planner, sides
from dynatus_ci.table.aspects import ASPECTS, targets
from dynatus_ci.table.facts import AccountFacts, Endpoint
from dynatus_ci.table.model import Action, Effect, Table
from tests import strategies

LIVE = Path(__file__).parents[1] / "cases" / "live"
CASES = sorted(LIVE.glob("*.json"))


def live(path: Path) -> tuple[Table, AccountFacts]:
    case = json.loads(path.read_text(encoding="utf-8"))
    listed = case.get("scaling", {"ScalableTargets": [], "ScalingPolicies": []})
    scaling = targets.registered(listed["ScalableTargets"], listed["ScalingPolicies"])
    facts = AccountFacts(endpoint=Endpoint("eu-west-1", case["emulator"]), scaling=scaling, schedules={})
    table = build.actual(case["table"], case["answers"])
    return targets.with_registered(table, scaling, targets.paths(table)), facts


def read_back(text: str, written: Format = formats.EDN) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table{written.suffixes[0]}")
        path.write_text(text, encoding="utf-8")
        (table,) = loader.load(path, root=folder).tables
        return table


def alive(definition: Table) -> Table:
    """The actual table that agrees with a definition. An on-demand table without a limit has -1."""
    table = sides.as_actual(definition, "eu-west-1")
    assert table is not None
    if table.at(("BillingMode",)) == "PROVISIONED":
        return table
    indexes = {name: index | limits(index) for name, index in table.indexes().items()}
    return replace(table, values={**table.values, **limits(table.values), "GlobalSecondaryIndexes": indexes})


def limits(owner: Mapping[str, Any]) -> dict[str, Any]:
    none = {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1}
    return {"OnDemandThroughput": none | (owner.get("OnDemandThroughput") or {})}


def bare() -> dict[str, Any]:
    return {
        "TableName": "things",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_actual_table_is_written_as_approved(path: Path) -> None:
    table, _ = live(path)
    assert writer.text(table) == path.with_suffix(".edn").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_written_file_plans_as_noop(path: Path) -> None:
    table, facts = live(path)
    desired = read_back(path.with_suffix(".edn").read_text(encoding="utf-8"))
    assert not lookups.missing_facts(desired, table, facts)
    change = planner.change(desired, table, facts)
    assert (change.action, change.steps) == (Action.NOOP, ())
    assert {difference.effect for difference in change.differences} <= {Effect.UNSUPPORTED}
    assert not change.differences or facts.endpoint.emulator


@pytest.mark.parametrize("written", formats.FORMATS, ids=lambda written: written.name)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_in_any_format_is_read_back_as_the_same_table(path: Path, written: Format) -> None:
    table, _ = live(path)
    text = writer.text(table, written)
    assert read_back(text, written).values == read_back(writer.text(table)).values
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.endswith("\n")


def test_json_and_yaml_are_written_as_people_write_them() -> None:
    table, _ = live(LIVE / "provisioned-indexes.json")
    for written in formats.FORMATS[1:]:
        approved = LIVE.parent / "written" / f"provisioned-indexes{written.suffixes[0]}"
        if os.environ.get("APPROVE"):
            approved.parent.mkdir(exist_ok=True)
            approved.write_text(writer.text(table, written), encoding="utf-8")
        assert writer.text(table, written) == approved.read_text(encoding="utf-8")


def test_the_golden_tables_have_every_aspect() -> None:
    written = {member for path in CASES for member in writer.definition(live(path)[0])}
    assert {aspect.name for aspect in ASPECTS} - written == writer.UNWRITTEN


def test_every_golden_text_has_its_table() -> None:
    assert {path.stem for path in LIVE.glob("*.edn")} == {path.stem for path in CASES}


def test_the_text_does_not_depend_on_the_order_of_the_answer() -> None:
    case = json.loads((LIVE / "every-setting.json").read_text(encoding="utf-8"))
    text = writer.text(build.actual(case["table"], case["answers"]))
    for members in (
        case["table"]["GlobalSecondaryIndexes"],
        case["table"]["AttributeDefinitions"],
        case["answers"]["ListTagsOfResource"]["Tags"],
    ):
        members.reverse()
    assert writer.text(build.actual(case["table"], case["answers"])) == text


def test_an_aspect_that_was_not_read_is_left_out() -> None:
    case = json.loads((LIVE / "every-setting.json").read_text(encoding="utf-8"))
    written = writer.definition(build.actual(case["table"], {}))
    assert not {aspect.name for aspect in ASPECTS if aspect.reader} & written.keys()


def test_nothing_in_a_file_is_hidden_or_reordered() -> None:
    text = (LIVE / "hostile-names.edn").read_text(encoding="utf-8")
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
    assert {character for character in text if unicodedata.category(character) in unseen} == {"\n", " "}


@pytest.mark.slow
@given(strategies.definitions())
def test_a_file_has_exactly_the_values_of_its_table(definition: strategies.Definition) -> None:
    table = build.desired(definition)
    facts = AccountFacts(endpoint=Endpoint(strategies.REGION), scaling=targets.as_targets(table), schedules={})
    (written, *others) = (read_back(writer.text(table, each), each) for each in formats.FORMATS)
    assert [other.values for other in others] == [written.values] * len(others)
    for desired, actual in ((written, table), (table, written)):
        change = planner.change(desired, alive(actual), facts)
        assert {difference.path[-1] for difference in change.differences} <= writer.UNWRITTEN


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_every_text_is_read_back_exactly(attribute: str) -> None:
    answer = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}
    table = build.actual(bare(), {"DescribeTimeToLive": answer})
    for written in formats.FORMATS:
        read = read_back(writer.text(table, written), written)
        assert read.at(("TimeToLiveSpecification", "AttributeName")) == attribute


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_every_policy_is_read_back_exactly(condition: dict[str, Any]) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": condition}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    table = build.actual(bare(), {"GetResourcePolicy": {"Policy": policy}})
    for written in formats.FORMATS:
        assert read_back(writer.text(table, written), written).at(("ResourcePolicy",)) == table.at(("ResourcePolicy",))


def test_half_a_surrogate_pair_is_never_written_as_a_character() -> None:
    answer = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "\ud800"}}
    text = writer.text(build.actual(bare(), {"DescribeTimeToLive": answer}))
    assert text.isascii()
    with pytest.raises(InvalidDefinitions, match="surrogate"):
        edn.read(text, "table.edn")
