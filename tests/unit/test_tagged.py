"""#profile, #join and #param: their values, and that these depend on nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from dynatus_ci.definitions import edn, tagged
from dynatus_ci.definitions.nodes import FormKind, Node

UNRESOLVED = "unresolved"


def resolve(text: str, **scope: Any) -> tuple[Node, list[str], tagged.TagScope]:
    document = edn.read(text, "t.edn")
    given = tagged.TagScope(**scope)
    node, faults = tagged.resolve(document.forms[0], source=document.source, scope=given)
    return node, [fault.code for fault in faults], given


def value(text: str, **scope: Any) -> Any:
    """The resolved value as plain data; a parameter as (name, text)."""
    node, codes, _ = resolve(text, **scope)
    return codes or plain(node)


def plain(node: Node) -> Any:
    if node.kind in {FormKind.VECTOR, FormKind.LIST, FormKind.SET}:
        return [plain(item) for item in node.value]
    if node.kind is FormKind.MAP:
        return {key.value: plain(value) for key, value in node.value}
    return node.value


PROFILE = '#profile {:prod "p" #{:test :staging} "t" "dev" "d" :default "x"}'


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("prod", "p"), ("test", "t"), ("staging", "t"), ("dev", "d"), ("PROD", "x"), ("other", "x"), (None, "x")],
)
def test_profile_takes_the_branch_of_the_environment(environment: str | None, expected: str) -> None:
    assert value(PROFILE, environment=environment) == expected


@pytest.mark.parametrize(
    ("text", "scope", "expected"),
    [
        ('#join ["a-" 1 #param b]', {"params": {"b": "c"}}, "a-1c"),
        ('#join ("a" "b")', {}, "ab"),
        ("#join []", {}, ""),
        ('#join [#profile {:default "a"} #join ["b" "c"]]', {}, "abc"),
        ("#param n", {"params": {"n": "5"}}, ("n", "5")),
        ('#param "n"', {"params": {"n": ""}}, ("n", "")),
        ("#param :n", {"params": {"n": "5"}}, ("n", "5")),
        ("#param [n 7]", {"params": {"n": "5"}}, ("n", "5")),
        ("#param [n 7]", {}, 7),
        ("#param [n nil]", {}, None),
        ("#param [n #profile {:default 3}]", {}, 3),
        ("#profile {:default nil}", {}, None),
        ("#profile {:prod #param n :default 1}", {}, 1),
        ("{:a [#param [n 1] #{#join [2]}]}", {}, {"a": [1, ["2"]]}),
    ],
)
def test_a_tag_has_a_value(text: str, scope: dict[str, Any], expected: object) -> None:
    assert value(text, **scope) == expected


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("#profile {:prod 1}", ["no-branch"]),
        ("#profile {}", ["no-branch"]),
        ("#profile 1", ["bad-profile"]),
        ("#profile {prod 1}", ["bad-profile"]),
        ("#profile {[:prod] 1}", ["bad-profile"]),
        ("#profile {:a 1 #{:b :a} 2 :default 3}", ["bad-profile"]),
        ("#profile {:default 1 :prod #profile {:x 1}}", []),
        ("#profile {:default 1 :prod #profile 1}", ["bad-profile"]),
        (
            "#profile {:default 1 :prod [#env A #join 1 #param 1 {#param a 1}]}",
            ["unknown-tag", "bad-join", "bad-param"],
        ),
        ("#profile {:default 1 :prod {#param a 1}}", ["tag-as-key"]),
        ("#param [n 1]", []),
        ("#param n", ["unknown-parameter"]),
        ("#param [n]", ["bad-param"]),
        ("#param [1 2]", ["bad-param"]),
        ("#param 1", ["bad-param"]),
        ("#join 1", ["bad-join"]),
        ("#join [nil]", ["bad-join"]),
        ("#join [true]", ["bad-join"]),
        ("#join [1.5]", ["bad-join"]),
        ("#join [[1]]", ["bad-join"]),
        ("#join [#param n]", ["unknown-parameter"]),
        ("{#join [1] 2}", ["tag-as-key"]),
        *(
            (f"#{tag} X", ["unknown-tag"])
            for tag in ("env", "or", "long", "boolean", "include", "ref", "prop", "merge")
        ),
        *(
            (f"#{tag} X", ["unknown-tag"])
            for tag in ("read-edn", "hostname", "user", "inst", "uuid", "foo/bar", "Param")
        ),
    ],
)
def test_a_wrong_tag_is_a_fault(text: str, codes: list[str]) -> None:
    node, found, _ = resolve(text)
    assert found == codes
    unused = text.startswith("#profile {:default")
    assert (node.kind is FormKind.BROKEN) == (bool(codes) and text.startswith("#") and not unused)


def test_a_value_keeps_the_place_of_its_source() -> None:
    text = '{:a #profile {:default "x"} :b #join ["y"] :c #param [n 5] :d #param m}'
    node, _, _ = resolve(text, params={"m": "z"})
    assert [text[value.start : value.end] for _, value in node.value] == ['"x"', '#join ["y"]', "5", "#param m"]


def test_the_environments_of_all_branches_are_collected() -> None:
    _, _, scope = resolve(
        "#profile {:a #profile {:b 1} :default #profile {#{:c :d} 1 :default #param [n #param [m 2]]}}"
    )
    assert scope.environments == {"a", "b", "c", "d", "default"}
    assert scope.used == {"n", "m"}


def test_tags_do_not_read_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNATUS_SECRET", "s3cret")
    for text in ("#param DYNATUS_SECRET", "#join [#param DYNATUS_SECRET]", "#env DYNATUS_SECRET"):
        node, codes, _ = resolve(text)
        assert codes
        assert node.value is None


def test_the_module_imports_nothing_with_access_to_files_or_network() -> None:
    tree = ast.parse(Path(tagged.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert imported == {"__future__", "collections.abc", "dataclasses", "typing"} | {
        f"dynatus_ci.{name}" for name in ("definitions.nodes", "errors", "text")
    }


def test_one_join_has_a_largest_size() -> None:
    long = {"params": {"p": "x" * 1_000}}
    fits, over = "#join [" + "#param p " * 65 + "]", "#join [" + "#param p " * 66 + "]"
    assert value(fits, **long) == "x" * 65_000
    assert value(over, **long) == ["too-large"]
    assert value(f"[{over} 1]", **long) == ["too-large"]


def test_all_joins_and_parameters_together_have_a_largest_size() -> None:
    long = {"params": {"p": "x" * 100_000}}
    assert value("[" + "#param p " * 600 + "]", **long)[0] == ("p", "x" * 100_000)
    assert value("[" + "#param p " * 700 + "]", **long)[0] == "too-large"
    budget = tagged.Budget(left=100)
    assert value('[#join ["ab" "c"]]', budget=budget) == ["abc"]
    assert budget.left == 97
