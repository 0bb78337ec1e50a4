"""What kinds of values stand in definitions: Python's own, and marks for what only files can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from dynatus_ci.table.model import Value
from dynatus_ci.text import quoted, shorten


class Keyword(str):
    """A keyword in a value's place, without its colon."""

    __slots__ = ()


class Symbol(str):
    """A symbol in a value's place."""

    __slots__ = ()


class Character(str):
    """A character literal, as it was written."""

    __slots__ = ()


class Unordered(list[Any]):
    """A set's members, in the order of the file, so that a path can name one by its number."""


class Parameter(str):
    """The text of a parameter. It becomes what its place wants; messages name the parameter, never its value."""

    __slots__ = ("name",)
    name: str

    @classmethod
    def of(cls, name: str, text: str) -> Parameter:
        """The text of the parameter with this name."""
        parameter = cls(text)
        parameter.name = name
        return parameter


@dataclass(frozen=True, slots=True)
class OtherKey:
    """A key that is no keyword: as it was written, and its text where it is a string."""

    written: str
    text: str | None = None


def is_text(value: Value) -> bool:
    """Whether a value is a string, and nothing that only looks like one to Python."""
    return isinstance(value, str) and not isinstance(value, Keyword | Symbol | Character)


def is_whole(value: Value) -> bool:
    """Whether a value is a whole number, and no flag."""
    return isinstance(value, int) and not isinstance(value, bool)


def listed(value: Value) -> list[Any] | None:
    """The members of what counts as a sequence."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return list(value) if isinstance(value, list | tuple) else None


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "nil"),
    (Keyword, "the keyword :{0}"),
    (Symbol, "the bare word {0}"),
    (Character, "a character"),
    (str, 'the string "{0}"'),
    (bool, "{0}"),
    (int, "the number {0}"),
    ((float, Decimal), "a number with a fraction"),
    (Fraction, "a ratio"),
    (Mapping, "a map"),
    ((Unordered, set, frozenset), "a set"),
    ((list, tuple), "a vector"),
)
"""What values are in words; those first that a later type would cover too."""


def kind(value: Value) -> str:
    """What a value is, in words, with as much of it as a message may show."""
    if isinstance(value, Parameter):
        return f"the parameter {quoted(value.name)}"
    for types, words in _KINDS:
        if isinstance(value, types):
            return words.format(shorten(_written(value))) if "{0}" in words else words
    return f"a Python {shorten(type(value).__name__)}"


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
