"""Writes what the EDN reader has read as JSON or YAML, and remembers which part became which.

It shares no code with the product's own writers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dynatus_ci.definitions.nodes import Document, FormKind, Node

NAMES = {FormKind.KEYWORD, FormKind.STRING, FormKind.SYMBOL}
LISTS = {FormKind.VECTOR, FormKind.LIST, FormKind.SET}
WORDS = frozenset({"HASH", "RANGE", "S", "N", "B", "PAY_PER_REQUEST", "PROVISIONED", "ALL", "KEYS_ONLY", "INCLUDE"})
DELIMITED = {*LISTS, FormKind.MAP, FormKind.TAGGED}


class Inexpressible(Exception):
    """JSON and YAML have no such value."""


@dataclass
class Printer:
    """The text so far.

    Args:
        spans: Part of the EDN, as its first and last offset → the part of this text. Also the opening delimiters.
    """

    style: str
    text: str = ""
    spans: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def document(self, document: Document) -> Printer:
        """Write the one form of a document."""
        (form,) = document.forms
        self.value(form, 0)
        self.text += "\n"
        return self

    def value(self, node: Node, depth: int) -> None:
        """Write a value behind what stands there already."""
        start = len(self.text)
        if node.kind in LISTS:
            self._list(node, depth)
        elif node.kind is FormKind.MAP:
            self._map(node, depth)
        elif node.kind is FormKind.TAGGED:
            self._tagged(node, depth)
        else:
            self.text += scalar(node, self.style)
        self.spans.setdefault((node.start, node.end), (start, len(self.text)))
        if node.kind in DELIMITED:
            self.spans.setdefault((node.start, node.start + 1), self._opener(node, start))

    def _opener(self, node: Node, start: int) -> tuple[int, int]:
        if self.style == "yaml" and node.kind is FormKind.MAP and node.value:
            key = node.value[0][0]
            return self.spans[key.start, key.end]
        return start, start + 1

    def _list(self, node: Node, depth: int) -> None:
        if self.style == "yaml" and node.value:
            self._block(node.value, "- ", depth, lambda item: self.value(item, depth + 1))
            return
        self.text += "["
        for number, item in enumerate(node.value):
            self.text += ", " if number else ""
            self.value(item, depth)
        self.text += "]"

    def _map(self, node: Node, depth: int) -> None:
        if self.style == "yaml" and node.value:
            self._block(node.value, "", depth, lambda pair: self._pair(pair, depth))
            return
        self.text += "{"
        for number, pair in enumerate(node.value):
            self.text += ",\n" if number else ""
            self._pair(pair, depth)
        self.text += "}"

    def _block(self, items: Any, bullet: str, depth: int, write: Any) -> None:
        for number, item in enumerate(items):
            self.text += f"\n{'  ' * depth}" if number else ""
            self.text += bullet
            write(item)

    def _pair(self, pair: tuple[Node, Node], depth: int) -> None:
        key, value = pair
        if key.kind is FormKind.SET and self.style == "yaml":
            self._key(key, f"[{', '.join(self._name(str(name.value)) for name in key.value)}]")
            self._behind_key(value, depth)
            return
        names = key.value if key.kind is FormKind.SET else [key]
        for number, name in enumerate(names):
            if name.kind not in NAMES:
                raise Inexpressible
            self.text += ", " if number else ""
            self._key(name, self._name(str(name.value)))
            self._behind_key(value, depth)

    def _key(self, key: Node, written: str) -> None:
        start = len(self.text)
        self.text += written
        self.spans.setdefault((key.start, key.end), (start, len(self.text)))
        self.text += ":"

    def _behind_key(self, value: Node, depth: int) -> None:
        block = self.style == "yaml" and value.kind in {*LISTS, FormKind.MAP} and value.value
        self.text += f"\n{'  ' * (depth + 1)}" if block else " "
        self.value(value, depth + 1)

    def _name(self, name: str) -> str:
        plain = self.style == "yaml" and re.fullmatch("[A-Za-z][A-Za-z0-9]*", name)
        return name if plain else quoted(name, self.style)

    def _tagged(self, node: Node, depth: int) -> None:
        tag, argument = node.value.name, node.value.argument
        start = len(self.text) + (self.style == "json")
        self.text += f"!{tag}" if self.style == "yaml" else f"{{{quoted(f'#{tag}')}"
        self.spans[node.value.start, node.value.end] = (start, len(self.text))
        self.text += "" if self.style == "yaml" else ":"
        if argument.kind is FormKind.TAGGED and self.style == "yaml":
            raise Inexpressible
        if argument.kind is FormKind.SYMBOL:
            argument = argument._replace(kind=FormKind.STRING)
        if argument.kind is FormKind.VECTOR:
            names = {FormKind.SYMBOL: FormKind.STRING}
            value = tuple(item._replace(kind=names.get(item.kind, item.kind)) for item in argument.value)
            argument = argument._replace(value=value)
        self._behind_key(argument, depth)
        self.text += "" if self.style == "yaml" else "}"


def scalar(node: Node, style: str) -> str:
    """A scalar as JSON, which is YAML, too. A keyword becomes AWS's word."""
    if node.kind is FormKind.KEYWORD and (word := node.value.upper().replace("-", "_")) in WORDS:
        return quoted(word, style)
    if node.kind is FormKind.FLOAT:
        return str(node.value) if isinstance(node.value, Decimal) else json.dumps(node.value)
    if node.kind not in {FormKind.STRING, FormKind.WHOLE, FormKind.BOOLEAN, FormKind.NIL}:
        raise Inexpressible
    return quoted(node.value, style) if isinstance(node.value, str) else json.dumps(node.value)


def quoted(text: str, style: str = "json") -> str:
    """A text in double quotes."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else _escaped(letter, style) for letter in written)


def _escaped(letter: str, style: str) -> str:
    if ord(letter) < 0x1_0000:  # the first plane
        return f"\\u{ord(letter):04x}"
    return json.dumps(letter)[1:-1] if style == "json" else f"\\U{ord(letter):08x}"


def unwrapped(node: Node) -> Any:
    """A node of JSON's kinds as JSON would have it."""
    if node.kind is FormKind.VECTOR:
        return [unwrapped(item) for item in node.value]
    if node.kind is FormKind.MAP:
        return {key.value: unwrapped(value) for key, value in node.value}
    return node.value
