"""How messages write members, values and tags, in the format of the file that they are about.

The rules do not know a file's format: their messages write as EDN does (`:KeySchema`, a vector, a map). In a sentence,
code spans are values, and all other words are ours. So both can be written in another format without guessing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dynatus_ci.definitions import layouts
from dynatus_ci.definitions.nodes import FormKind, Node
from dynatus_ci.errors import Fault, InvalidDefinitions
from dynatus_ci.text import rewritten

_EDN = re.compile(r"^:|[\[{ ]:[A-Za-z]|#(?:profile|join|param) ")
"""What only EDN writes."""
_TAG = re.compile(r"#[^\s\"`{}\[\]]+")
_REST = re.compile(r'(?<!")…(?!")')
"""An ellipsis: the rest of an example, as in `{:Mode "on" …}`. EDN cannot read it, so `_AS_STRING` stands in for it."""
_AS_STRING = "\N{REFERENCE MARK}"


class _Name(str):
    """The name of a member."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Tagged:
    name: str
    argument: Any


@dataclass(frozen=True, slots=True)
class Notation:
    """How one format writes.

    Args:
        key: The name of a member.
        atom: A value that holds no others.
        tag: The name of a tag, without its value.
        tagged: The name of a tag, and its value as it is written.
        words: Our words for what EDN calls a vector, a map and nil.
    """

    key: Callable[[str], str]
    atom: Callable[[Any], str]
    tag: Callable[[str], str]
    tagged: Callable[[str, str], str]
    words: Mapping[str, str]

    def fault(self, fault: Fault) -> Fault:
        """A fault whose message and hint are written in this format."""
        return replace(fault, message=self.sentence(fault.message), hint=fault.hint and self.sentence(fault.hint))

    def sentence(self, text: str) -> str:
        """A sentence written in this format."""
        return rewritten(text, words=self._words, value=self._span)

    def _words(self, text: str) -> str:
        # A vector index is AWS's.
        pattern = rf"\b(?:{'|'.join(sorted(self.words, key=len, reverse=True))})(?=s?\b)(?! index)"
        return re.sub(pattern, lambda match: self.words[match[0]], text)

    def _span(self, text: str) -> str:
        """A code span. It stays as it is if it is no EDN, or nothing that EDN writes in its own way."""
        if text == "nil":
            return self.atom(None)
        if _TAG.fullmatch(text):
            return self.tag(text[1:])
        if not _EDN.search(text):
            return text
        forms = _forms(text)
        if len(forms) == 1:
            return self.key(forms[0].value) if forms[0].kind is FormKind.KEYWORD else self._value(_plain(forms[0]))
        if not forms or len(forms) % 2 or any(form.kind is FormKind.SYMBOL for form in forms):
            return self.key(text[1:]) if text.startswith(":") else text
        pairs = zip(forms[::2], forms[1::2], strict=True)
        return ", ".join(f"{self._value(_plain(key))}: {self._value(_plain(value))}" for key, value in pairs)

    def _value(self, value: Any) -> str:  # noqa: ANN401  # any value
        if isinstance(value, dict):
            members = (f"{self._value(key)}: {self._value(item)}" for key, item in value.items())
            return f"{{{', '.join(members)}}}"
        if isinstance(value, list):
            return f"[{', '.join(map(self._value, value))}]"
        if isinstance(value, _Tagged):
            return self.tagged(value.name, self._value(value.argument))
        if isinstance(value, _Name):
            return self.key(value)
        return "…" if value == _AS_STRING else self.atom(value)


def _forms(text: str) -> tuple[Node, ...]:
    """What EDN reads in a code span; nothing if it cannot be read."""
    from dynatus_ci.definitions import edn  # noqa: PLC0415  # slow to load: only faults of other formats need it

    try:
        return edn.read(_REST.sub(f'"{_AS_STRING}"', text), "").forms
    except InvalidDefinitions:
        return ()


def _plain(node: Node) -> Any:  # noqa: ANN401  # any value
    if node.kind is FormKind.MAP:
        return {_plain(key): _plain(value) for key, value in node.value}
    if node.kind in {FormKind.VECTOR, FormKind.LIST, FormKind.SET}:
        return [_plain(item) for item in node.value]
    if node.kind is FormKind.TAGGED:
        return _Tagged(node.value.name, _plain(node.value.argument))
    return _Name(node.value) if node.kind is FormKind.KEYWORD else node.value


JSON = Notation(
    key=layouts.json_atom,
    atom=layouts.json_atom,
    tag=lambda name: layouts.json_atom(f"#{name}"),
    tagged=lambda name, argument: f"{{{layouts.json_atom(f'#{name}')}: {argument}}}",
    words={
        "a vector": "an array",
        "vector": "array",
        "a map": "an object",
        "map": "object",
        "A map": "An object",
        "nil": "null",
        "keyword": "name",
    },
)
YAML = Notation(
    key=layouts.yaml_key,
    atom=layouts.yaml_atom,
    tag=lambda name: f"!{name}",
    tagged=lambda name, argument: f"!{name} {argument}",
    words={"vector": "list", "nil": "null", "keyword": "name"},
)
