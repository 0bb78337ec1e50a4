"""The dialects of other tools: every member in a hint exists, and every example is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dynatus_ci import text
from dynatus_ci.definitions import loader
from dynatus_ci.errors import InvalidDefinitions
from dynatus_ci.table.validation import dialects, members, shapes

NAMES = [(dialect, name, meant) for dialect in dialects.DIALECTS for name, meant in dialect.names.items()]


def inner(shape: shapes.Shape) -> Iterator[shapes.Shape]:
    """A shape and all inside it."""
    yield shape
    inside: Mapping[str, shapes.Shape] = getattr(shape, "members", {})
    for member in [*inside.values(), *([shape.item] if isinstance(shape, shapes.Sequence) else [])]:
        yield from inner(member)


SHAPES = list(inner(members.TABLE))


def test_every_member_and_word_in_a_hint_exists() -> None:
    known = {member for shape in SHAPES if isinstance(shape, shapes.Structure) for member in shape.members}
    assert {member for _, _, meant in NAMES for member in meant.members} <= known
    words = {word for shape in SHAPES if isinstance(shape, shapes.Choice) for word in shape.words}
    assert set(dialects.WORDS.values()) <= words


def test_names_and_marks_are_written_as_they_are_compared() -> None:
    names = [name for _, name, _ in NAMES] + [mark for dialect in dialects.DIALECTS for mark in dialect.marks]
    names += [key for wrapper in dialects.WRAPPERS for key in wrapper.keys]
    assert [name for name in names if dialects.letters(name) != name] == []
    assert [word for word in dialects.WORDS if not (word.isalpha() and word.isupper())] == []


INSTEAD = {text.plain(meant.instead) for _, _, meant in NAMES if meant.instead}
EXAMPLES = sorted(instead for instead in INSTEAD if instead.startswith(":"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_the_shape_of_its_member(example: str, tmp_path: Path) -> None:
    (tmp_path / "t.edn").write_text(f"{{{example}}}", encoding="utf-8")
    with pytest.raises(InvalidDefinitions) as caught:
        loader.load("t.edn", root=tmp_path)
    codes = {fault.code for fault in caught.value.faults}
    assert codes <= {"missing-key", "no-billing-mode", "undefined-attribute", "unknown-key"}
    assert "unknown-key" not in codes or example.startswith(":Projection")


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["TableName", "KeySchema"], None),
        (["AWSTemplateFormatVersion", "Resources"], "CloudFormation"),
        (["hash_key", "read_capacity", "name"], "Terraform"),
        ([":throughput", "range-keydef"], "Faraday"),
        (["apiVersion", "kind", "spec"], "Kubernetes"),
        (["ModelName", "DataModel"], "NoSQL Workbench"),
    ],
)
def test_a_dialect_is_recognised_by_its_marks(names: list[str], title: str | None) -> None:
    dialect = dialects.recognised(names)
    assert (dialect.title if dialect else None) == title


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("users", None),
        ("${Stage}-users", '#join [#param Stage "-users"]'),
        ("users-${self:custom.stage}", '#join ["users-" #param stage]'),
        ("{{ .Values.env }}", "#join [#param env]"),
        ("${}", "#join [#param name]"),
    ],
)
def test_a_placeholder_of_another_tool_becomes_a_join(text: str, hint: str | None) -> None:
    found = dialects.placeholder_hint(text)
    assert found == hint or (found or "").endswith(f"Write `{hint}`.")
