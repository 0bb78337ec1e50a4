"""No type and no module of the package shares its name with another one, so that a name means one thing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dynatus_ci"
MODULES = sorted(PACKAGE.rglob("*.py"))
TWICE: dict[str, str] = {}
"""Names that stand for two things all the same, each with the reason."""


def modules() -> Iterator[tuple[str, str]]:
    """The name of each module, of which a package is one, with the place."""
    for path in MODULES:
        name = path.parent.name if path.stem == "__init__" else path.stem
        yield name, str(path.relative_to(PACKAGE))


def types() -> Iterator[tuple[str, str]]:
    """The name of each class and type alias with its place; `_Line` and `Line` are one name to a reader."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.stmt) and (name := _type_name(node)):
                yield name.lstrip("_"), f"{path.relative_to(PACKAGE)}:{node.lineno}"


def _type_name(node: ast.stmt) -> str | None:
    match node:
        case ast.ClassDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) if re.fullmatch("_?([A-Z][a-z0-9]+)+", name):
            return name
    return None


@pytest.mark.parametrize("named", [modules, types])
def test_a_name_means_one_thing(named: Callable[[], Iterator[tuple[str, str]]]) -> None:
    places = defaultdict(list)
    for name, place in named():
        places[name].append(place)
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in TWICE} == {}


def test_every_exception_is_needed() -> None:
    names = [name for named in (modules, types) for name, _ in named()]
    assert [name for name in TWICE if names.count(name) < 2] == []
