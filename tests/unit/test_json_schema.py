"""The JSON Schema refuses exactly what the shapes refuse: golden cases both ways, and random changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynatus_ci import cli
from dynatus_ci.definitions import edn, formats, writer
from dynatus_ci.definitions.nodes import FormKind, Node
from dynatus_ci.table import build
from dynatus_ci.table.validation import json_schema, members, shapes
from tests import strategies
from tests.contract.test_docs import BLOCKS, Block
from tests.unit.test_formats import FILES, PLANS, READABLE, rewritten

SCHEMA = json_schema.document()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
LIVE = sorted((Path(__file__).parents[1] / "cases/live").glob("*.json"))


def instance(node: Node) -> Any:
    """A node as an editor sees it in JSON: tags are objects."""
    if node.kind in {FormKind.VECTOR, FormKind.LIST, FormKind.SET}:
        return [instance(item) for item in node.value]
    if node.kind is FormKind.MAP:
        return {str(key.value): instance(value) for key, value in node.value}
    if node.kind is FormKind.TAGGED:
        return {f"#{node.value.name}": instance(node.value.argument)}
    return node.value


def complaints(value: object) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(value)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


# --- every member ----------------------------------------------------------------------------------------------------


def named(shape: shapes.Shape) -> Iterator[str]:
    """The names of all members of a shape, and of those inside."""
    inside = getattr(shape, "members", {})
    yield from inside
    item = [shape.item] if isinstance(shape, shapes.Sequence) else []
    detailed = [shape.map] if isinstance(shape, shapes.TextOrMap) else []
    for inner in [*inside.values(), *item, *detailed]:
        yield from named(inner)


MEMBERS = {*named(members.TABLE), *named(members.ABSENT_TABLE)}


def test_every_member_has_a_description_and_no_other_name_has_one() -> None:
    assert MEMBERS - json_schema.ABOUT.keys() == set()
    assert json_schema.ABOUT.keys() - MEMBERS == set()


# --- golden cases, both ways -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_definition_of_a_golden_plan_fits_the_schema(path: Path) -> None:
    definition = json.loads(path.read_text(encoding="utf-8"))["definition"]
    assert complaints(definition) == []
    assert complaints([definition]) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_golden_file_fits_the_schema(path: Path) -> None:
    (form,) = edn.read(path.read_text(encoding="utf-8"), path.name).forms
    written = json.loads(rewritten(path.read_text(encoding="utf-8"), "json")[1].text)
    assert complaints(written) == []
    assert form.kind is FormKind.MAP or isinstance(written, list)


@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_an_imported_file_fits_the_schema(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    table = build.actual(case["table"], case["answers"])
    for written in formats.FORMATS[1:]:
        (form,) = formats.read(writer.text(table, written), f"t{written.suffixes[0]}").forms
        assert complaints(instance(form)) == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if "definition" in block.words], ids=str)
def test_a_definition_of_the_documentation_fits_the_schema(block: Block) -> None:
    for form in formats.read(block.text, f"t.{block.language}").forms:
        assert complaints(instance(form)) == []


@pytest.mark.parametrize(
    "case", [case for case, style in READABLE if style == "json"], ids=lambda case: str(case["name"])
)
def test_a_bad_definition_is_refused_if_its_shape_is_wrong(case: dict[str, Any]) -> None:
    written = json.loads(rewritten(case["text"], "json")[1].text)
    for table in written if isinstance(written, list) else [written]:
        if isinstance(table, dict) and '"#' not in json.dumps(table):
            assert bool(complaints(table)) == refused_by_shape(table)


def refused_by_shape(table: dict[str, Any]) -> bool:
    """Whether the shapes refuse a table, but for what is inside a policy, which the schema does not know."""
    findings = members.check(table).findings
    return any(
        finding.path[:1] != ("ResourcePolicy",) or finding.path == ("ResourcePolicy",)
        for finding in findings
        if finding.code != "bad-json"
    )


# --- random changes --------------------------------------------------------------------------------------------------

JUNK = st.sampled_from(
    [None, True, False, 0, 1, -1, 2**40, 1.5, "", "a", "HASH", "x" * 300, [], [None], {}, {"Key": "a"}, {"Other": 1}]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each collection with a key or a number of it, outside policies."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        if key == "ResourcePolicy":
            continue
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@pytest.mark.slow
@settings(max_examples=300)
@given(strategies.definitions(), st.data())
def test_a_changed_definition_is_refused_exactly_if_the_shapes_refuse_it(
    definition: strategies.Definition, data: st.DataObject
) -> None:
    changed = copy.deepcopy(dict(definition))
    owner, key = data.draw(st.sampled_from(list(places(changed))))
    if isinstance(owner, dict) and data.draw(st.booleans()):
        value = owner.pop(key)
        if data.draw(st.booleans()):
            owner[data.draw(st.sampled_from(sorted(MEMBERS)))] = value
    else:
        owner[key] = data.draw(JUNK)
    assert bool(complaints(changed)) == refused_by_shape(changed)
