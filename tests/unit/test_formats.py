"""JSON and YAML beside EDN: the same tables, the same faults at their places, the same limits."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import edn_format
import pytest
import yaml
from botocore.utils import ArgumentGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from dynatus_ci.definitions import edn, formats, loader
from dynatus_ci.definitions.nodes import Document, Source
from dynatus_ci.errors import Fault, InvalidDefinitions, Place
from dynatus_ci.table.model import Table
from dynatus_ci.text import parts
from tests.formats import Inexpressible, Printer, unwrapped

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests/cases"
BAD = tomllib.loads((CASES / "bad-definitions.toml").read_text(encoding="utf-8"))["case"]
OTHERS = ["json", "yaml"]


def load(folder: Path, name: str, text: str, **options: Any) -> tuple[list[Table], list[Fault]]:
    """The tables and the faults of one file."""
    (folder / name).write_text(text, encoding="utf-8", newline="")
    try:
        return list(loader.load(name, root=folder, **options).tables), []
    except InvalidDefinitions as invalid:
        return [], list(invalid.faults)


def without_place(tables: list[Table]) -> list[Table]:
    return [Table(table.name, table.values) for table in tables]


def rewritten(text: str, style: str) -> tuple[Document, Printer]:
    document = edn.read(text, "t.edn")
    return document, Printer(style).document(document)


# --- equal tables ----------------------------------------------------------------------------------------------------

PLANS = sorted((CASES / "plans").glob("*.json"))
FILES = sorted([*(CASES / "live").glob("*.edn"), *(ROOT / "examples").rglob("*.edn"), *(CASES / "shop").rglob("*.edn")])
FILES = [path for path in FILES if "broken" not in path.parts]


@pytest.mark.parametrize("style", OTHERS)
@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_definition_of_a_golden_plan_is_the_same_table_in_all_formats(
    path: Path, style: str, tmp_path: Path
) -> None:
    definition = json.loads(path.read_text(encoding="utf-8"))["definition"]
    text = edn_format.dumps(definition, keyword_keys=True)
    expected, faults = load(tmp_path, "t.edn", text)
    tables, other_faults = load(tmp_path, f"t.{style}", rewritten(text, style)[1].text)
    assert (faults, other_faults) == ([], [])
    assert without_place(tables) == without_place(expected) != []


@pytest.mark.parametrize("style", OTHERS)
@pytest.mark.parametrize("environment", [None, "prod", "test"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_golden_file_is_the_same_tables_in_all_formats(
    path: Path, environment: str | None, style: str, tmp_path: Path
) -> None:
    text, options = path.read_text(encoding="utf-8"), {"environment": environment, "params": {"stage": "x"}}
    expected, faults = load(tmp_path, "t.edn", text, **options)
    tables, other_faults = load(tmp_path, f"t.{style}", rewritten(text, style)[1].text, **options)
    assert (faults, other_faults) == ([], [])
    assert without_place(tables) == without_place(expected) != []


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != "hostile-names"], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_json_can_be_pasted_into_a_yaml_file(path: Path, tmp_path: Path) -> None:
    text = rewritten(path.read_text(encoding="utf-8"), "json")[1].text
    expected = load(tmp_path, "t.json", text, params={"stage": "x"})
    assert load(tmp_path, "t.yaml", text, params={"stage": "x"})[0] != []
    assert without_place(load(tmp_path, "t.yaml", text, params={"stage": "x"})[0]) == without_place(expected[0])


# --- equal faults ----------------------------------------------------------------------------------------------------

SETS = {"a key schema as a set", "a profile with two branches for one name"}
ONLY_EDN = {"keyword-for-text", "symbol-for-text", "bad-key", "several-forms"}
"""What cannot be written in another format, or is no fault there."""


def readable(case: dict[str, Any], style: str) -> bool:
    """Whether a format can have the faults of a case."""
    if (
        "bytes" in case
        or "file" in case
        or case["name"] in SETS
        or ONLY_EDN & {fault.split()[1].rstrip(":") for fault in case["faults"]}
    ):
        return False
    try:
        rewritten(case["text"], style)
    except (InvalidDefinitions, Inexpressible, ValueError):
        return False
    return True


READABLE = [(case, style) for case in BAD for style in OTHERS if readable(case, style)]
EDN_NOTATION = re.compile(r"`(?::[A-Z]|[\[{ ]*\{:|#\w)|\bvectors?\b(?! index)|\bnil\b")
PLACE_IN_TEXT = re.compile(r"t\.\w+:\d+:\d+|\d+:\d+")


def moved(place: Place | None, document: Document, printer: Printer, file: str) -> Place:
    """The place in the other text of a place in EDN."""
    assert place is not None
    source = Source.of(file, printer.text)
    spans = {document.source.place(*span): other for span, other in printer.spans.items()}
    return source.place(*spans[place])


def sentences(place: Place | None, fault: Fault) -> tuple[Place | None, str, str, str]:
    """What is equal in all formats: a message may name a second place, which differs."""
    return place, fault.code, PLACE_IN_TEXT.sub("", fault.message), fault.hint or ""


def test_most_bad_definitions_are_compared() -> None:
    assert len(READABLE) > 200


@pytest.mark.parametrize(
    ("case", "style"), READABLE, ids=lambda value: value if isinstance(value, str) else value["name"]
)
def test_a_bad_definition_has_the_same_faults_at_their_places_in_all_formats(
    case: dict[str, Any], style: str, tmp_path: Path
) -> None:
    options = {name: case[name] for name in ("environment", "params", "table_prefix") if name in case}
    document, printer = rewritten(case["text"], style)
    _, expected = load(tmp_path, "t.edn", case["text"], **options)
    _, found = load(tmp_path, f"t.{style}", printer.text, **options)
    notation = formats.of(f"t.{style}").notation
    assert notation is not None
    written = [
        sentences(moved(fault.place, document, printer, f"t.{style}"), notation.fault(fault)) for fault in expected
    ]
    assert sorted(written) == sorted(sentences(fault.place, fault) for fault in found)
    assert [fault.sentence for fault in found if EDN_NOTATION.search(fault.sentence)] == []


# --- files in another format than their name says ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "file", "title"),
    [
        ('{"TableName": "users"}', "t.edn", "JSON"),
        ('[\n  {"TableName":"users"}]', "t.edn", "JSON"),
        ("TableName: users", "t.edn", "YAML"),
        ("- TableName: users\n", "t.edn", "YAML"),
        ("- TableName: users\n", "t.json", "YAML"),
        ('resource "aws_dynamodb_table" "users" {\n', "t.edn", "Terraform in HCL"),
        ('resource "aws_dynamodb_table" "users" {\n', "t.yml", "Terraform in HCL"),
        ("; users\n[{:TableName 1}]", "t.json", "EDN"),
        ("{:TableName 1}", "t.yaml", "EDN"),
    ],
)
def test_a_text_in_another_format_has_one_fault_that_says_so(text: str, file: str, title: str, tmp_path: Path) -> None:
    (fault,) = load(tmp_path, file, text)[1]
    assert fault.code == f"not-{formats.of(file).name.lower()}"
    assert fault.message.startswith(f"This looks like {title}, but its name ends in")


@pytest.mark.parametrize("file", ["t.edn", "t.json", "t.yaml"])
@pytest.mark.parametrize("text", ["users", "---" + "\n" * 900_000 + "]", "# x\n" * 250_000 + "]"], ids=["a", "b", "c"])
def test_any_other_text_has_a_fault_of_its_own_format(text: str, file: str, tmp_path: Path) -> None:
    (fault,) = load(tmp_path, file, text)[1]
    assert not fault.code.startswith("not-") or fault.code == "not-a-map"


@pytest.mark.parametrize(
    ("text", "file"), [('{"TableName" :users}', "t.edn"), ('{"TableName": "x", "Absent": true}', "t.yaml")]
)
def test_what_is_valid_in_a_format_is_no_other_one(text: str, file: str, tmp_path: Path) -> None:
    assert not [fault for fault in load(tmp_path, file, text)[1] if fault.code.startswith("not-")]


# --- what only YAML and JSON have -------------------------------------------------------------------------------------

KEY = """
KeySchema: [{AttributeName: id, KeyType: HASH}]
AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
BillingMode: PAY_PER_REQUEST
"""


def body(folder: Path, name: str, text: str, **options: Any) -> list[dict[str, Any]]:
    """The members of the tables of one valid file."""
    (folder / name).write_text(text, encoding="utf-8")
    return [definition.body for definition in loader.load(name, root=folder, **options).definitions]


def test_a_yaml_file_can_have_several_documents_of_maps_and_lists(tmp_path: Path) -> None:
    text = "# none\n---\nTableName: one\nAbsent: true\n---\n---\n- {TableName: two, Absent: true}\n...\n"
    assert [each["TableName"] for each in body(tmp_path, "t.yml", text)] == ["one", "two"]


def test_aliases_and_merges_stand_for_what_they_name(tmp_path: Path) -> None:
    text = f"""
- &base
  TableName: users
  Tags: &tags
    - {{Key: a, Value: b}}
{re.sub("(?m)^(?=.)", "  ", KEY.strip())}
- <<: *base
  TableName: orders
  Tags: *tags
- <<: [{{TableName: carts, Tags: null}}, *base]
"""
    users, orders, carts = body(tmp_path, "t.yaml", text)
    assert orders == {**users, "TableName": "orders"}
    assert "Tags" not in carts
    assert carts == {**{name: value for name, value in users.items() if name != "Tags"}, "TableName": "carts"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2012-10-17", "2012-10-17"),
        ("12:30", "12:30"),
        ("017", "017"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("y", "y"),
        ("N", "N"),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("'no'", "no"),
        (">-\n      a\n      b", "a b"),
    ],
)
def test_a_plain_scalar_that_yaml_versions_read_differently_is_text(written: str, value: str, tmp_path: Path) -> None:
    (table,) = body(tmp_path, "t.yaml", f"TableName: users{KEY}Tags:\n  - Key: a\n    Value: {written}")
    assert table["Tags"][0]["Value"] == value


@pytest.mark.parametrize("written", ["yes", "On", "TRUE", "true", "!!bool yes", "!param [protect, yes]"])
def test_the_booleans_of_yaml_1_1_are_booleans(written: str, tmp_path: Path) -> None:
    (table,) = body(tmp_path, "t.yaml", f"TableName: users{KEY}DeletionProtectionEnabled: {written}")
    assert table["DeletionProtectionEnabled"] is True


def test_the_schema_that_a_file_names_for_editors_is_no_member(tmp_path: Path) -> None:
    text = '{"$schema": "../dynatus.schema.json", "TableName": "old", "Absent": true}'
    assert body(tmp_path, "t.json", text) == [{"TableName": "old", "Absent": True}]


def test_the_same_table_in_two_formats_is_defined_twice(tmp_path: Path) -> None:
    (tmp_path / "a.edn").write_text('{:TableName "users" :Absent true}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"TableName": "users",\n "Absent": true}', encoding="utf-8")
    (tmp_path / "c.yaml").write_text("TableName: users\nAbsent: true\n", encoding="utf-8")
    with pytest.raises(InvalidDefinitions) as caught:
        loader.load(".", root=tmp_path)
    assert [str(fault).partition(" Keep")[0] for fault in caught.value.faults] == [
        'b.json:1:15: duplicate-table: The table "users" has two definitions: the first is at a.edn:1:13.',
        'c.yaml:1:12: duplicate-table: The table "users" has two definitions: the first is at a.edn:1:13.',
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("t.json", ['{"é😀": 1,', ' "TableName": "users", "x":', " 5}"]),
        ("t.yaml", ["é😀: 1", "TableName: users", "x:", " 5"]),
    ],
)
def test_places_are_the_same_with_any_line_end_and_byte_order_mark(
    file: str, lines: list[str], line_end: str, tmp_path: Path
) -> None:
    _, faults = load(tmp_path, file, "\ufeff" + line_end.join(lines))
    at = [(fault.place.line, fault.place.column) for fault in faults if fault.place and fault.code == "unknown-key"]
    assert at == ([(1, 2), (2, 24)] if file == "t.json" else [(1, 1), (3, 1)])


USEFUL = {"bad-text", "out-of-range", "projection", "billing-mode", "not-managed"}


@pytest.mark.parametrize("style", OTHERS)
def test_the_skeleton_that_the_aws_cli_writes_has_useful_faults_only(style: str, tmp_path: Path) -> None:
    """As `aws dynamodb create-table --generate-cli-skeleton` does it, also with the value `yaml-input`."""
    model = botocore.session.get_session().get_service_model("dynamodb").operation_model("CreateTable")
    assert model.input_shape is not None
    skeleton = json.loads(json.dumps(ArgumentGenerator().generate_skeleton(model.input_shape)))
    text = json.dumps(skeleton, indent=4) if style == "json" else yaml.safe_dump(skeleton, sort_keys=False)
    lines = text.splitlines()
    faults = load(tmp_path, f"t.{style}", text)[1]
    assert {fault.code for fault in faults} <= USEFUL
    assert len({fault.place for fault in faults}) == len(faults)
    for fault in faults:
        assert fault.place is not None
        named = re.findall(r"`\"?([A-Z]\w+)\"?`", fault.message)
        around = " ".join(lines[max(0, fault.place.line - 3) : fault.place.line])
        assert any(name in around for name in named), str(fault)
        assert not EDN_NOTATION.search(fault.sentence)


# --- hostile texts ---------------------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("t.json", "[" * 1_000_000, "too-deep"),
        ("t.json", '{"a":' * 100_000, "too-deep"),
        ("t.json", "[" + "1," * 200_000, "too-long"),
        ("t.json", "9" * 1_000_000, "bad-number"),
        ("t.json", "1." + "9" * 500_000 + "e99999", "bad-number"),
        ("t.json", "0" * 1_000_000 + "1", "bad-number"),
        ("t.json", '"' + "\\" * 1_000_000, "unterminated-string"),
        ("t.json", '"' * 999_999, "too-long"),
        ("t.json", '["' + "\\u" * 400_000 + '"]', "bad-escape"),
        ("t.json", "a" * 1_000_000, "bad-token"),
        ("t.json", "]" * 1_000_000, "unmatched-delimiter"),
        ("t.yaml", BOMB, "too-long"),
        ("t.yaml", "[" * 1_000_000, "too-deep"),
        ("t.yaml", "{a: " * 200_000, "too-deep"),
        ("t.yaml", "- " * 500_000, "too-deep"),
        ("t.yaml", "? " * 100_000, "too-deep"),
        ("t.yaml", "".join(f"{'  ' * n}a:\n" for n in range(1_000)), "too-deep"),
        ("t.yaml", "[" + "1," * 300_000, "too-long"),
        ("t.yaml", "a: &a [" + "[" * 40 + "]" * 40 + "]\nb: " + "[" * 40 + "*a" + "]" * 40, "too-deep"),
        ("t.yaml", "a: " + "9" * 1_000_000, "bad-number"),
        ("t.yaml", "&a " * 300_000, "bad-yaml"),
        ("t.yaml", "*a " * 300_000, "bad-alias"),
        ("t.yaml", "a: '" + "x" * 1_000_000, "bad-yaml"),
        ("t.yaml", "%" * 1_000_000, "bad-yaml"),
    ],
    ids=lambda value: value[:12],
)
def test_a_hostile_text_is_one_short_fault(file: str, text: str, code: str) -> None:
    with pytest.raises(InvalidDefinitions) as caught:
        formats.read(text, file)
    (fault,) = caught.value.faults
    assert fault.code == code
    assert len(str(fault)) < 300


SECRET = "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG"


@pytest.mark.parametrize("file", ["t.json", "t.yaml"])
@pytest.mark.parametrize(
    "text", [f"{SECRET}\x00GITHUB_TOKEN=x\x00", SECRET, f"PATH=/usr/bin\n{SECRET}\n", f"a: '{SECRET}"]
)
def test_a_message_does_not_repeat_secrets(file: str, text: str, tmp_path: Path) -> None:
    found = load(tmp_path, file, text)[1]
    assert found
    assert not [fault for fault in found if "wJalrX" in str(fault)]


PIECES = st.sampled_from(
    [
        *"{}[]()\"'\\#_:;,^\n\r\t /@~`|!&*?-%>",
        *("- ", ": ", "? ", "<<: ", "&a ", "*a", "!param ", "!join", "!!str ", "---\n", "...\n", "|\n", ">-\n", "\n  "),
        *('"#param": ', '"a"', '"a": ', "null", "true", "yes", "1", "1.5", "0x1", "1e9", "NaN", "//", "TableName"),
        *("\\u0041", "\\ud83d", "\ufeff", "\x00", "\x85", "\u2028", "٣", "é", "😀", "%YAML 1.1\n", "\x1b[31m"),
    ]
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join), st.sampled_from(["t.json", "t.yaml"]))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str, file: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    try:
        document = formats.read(text, file)
    except InvalidDefinitions as refused:
        (found,) = refused.faults
        assert found.place is not None
        assert 1 <= found.place.line <= text.count("\n") + text.count("\r") + 1
        assert str(found).isprintable()
    else:
        assert all(0 <= form.start < form.end <= len(document.source.text) for form in document.forms)


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex("[a-z ]{0,5}", fullmatch=True), inner),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=200)
@given(VALUES, st.booleans())
def test_what_python_writes_as_json_and_yaml_is_read_back(value: Any, flow: bool) -> None:
    (form,) = formats.read(json.dumps(value), "t.json").forms
    assert unwrapped(form) == value
    dumped = yaml.safe_dump([value], default_flow_style=flow)
    (form,) = formats.read(dumped, "t.yaml").forms
    assert unwrapped(form) == [value]


@pytest.mark.parametrize(
    "sentence", ["A value `:a b` stays.", "``params`` is an input.", 'Not EDN: `[a-z]`, `{{x}}`, `"`, `:{`, `#{`, `#`.']
)
def test_a_span_that_is_no_edn_stays_as_it_is(sentence: str) -> None:
    for each in (formats.JSON, formats.YAML):
        assert each.notation is not None
        again = each.notation.sentence(sentence)
        assert [part for is_value, part in parts(again) if not is_value] == [
            part for is_value, part in parts(sentence) if not is_value
        ]
        assert ("``params``" in again) == ("``params``" in sentence)
