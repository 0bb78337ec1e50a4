"""The types of values in definitions: Python's own, and one for each EDN type that Python does not have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from dynatus_ci.table.model import Value
from dynatus_ci.text import code, quoted, shorten


class Keyword(str):
    """A keyword as a value, without its colon."""

    __slots__ = ()


class Symbol(str):
    """A symbol as a value."""

    __slots__ = ()


class Character(str):
    """A character literal, as it was written."""

    __slots__ = ()


class Unordered(list[Any]):
    """The members of a set, in the order of the file: a path names a member by its number."""


class Parameter(str):
    """The text of a parameter, read as the type that its place needs. It may be secret, so no message repeats it."""

    __slots__ = ("name",)
    name: str

    @classmethod
    def of(cls, name: str, text: str) -> Parameter:
        parameter = cls(text)
        parameter.name = name
        return parameter


@dataclass(frozen=True, slots=True)
class OtherKey:
    """A key that is no keyword: its source text, and its value if it is a string."""

    written: str
    text: str | None = None


def is_text(value: Value) -> bool:
    """Whether a value is a string. Keywords, symbols and characters are strings to Python, but not here."""
    return isinstance(value, str) and not isinstance(value, Keyword | Symbol | Character)


def is_whole(value: Value) -> bool:
    """Whether a value is a whole number. Booleans are numbers to Python, but not here."""
    return isinstance(value, int) and not isinstance(value, bool)


def listed(value: Value) -> list[Any] | None:
    """The members of a vector, list or set; None for any other value."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return list(value) if isinstance(value, list | tuple) else None


_KINDS: tuple[tuple[type | tuple[type, ...], str, str | None], ...] = (
    (type(None), "", "nil"),
    (Keyword, "the keyword ", ":{0}"),
    (Symbol, "the bare word ", "{0}"),
    (Character, "a character", None),
    (str, "the string ", '"{0}"'),
    (bool, "", "{0}"),
    (int, "the number ", "{0}"),
    ((float, Decimal), "a number with a fraction", None),
    (Fraction, "a ratio", None),
    (Mapping, "a map", None),
    ((Unordered, set, frozenset), "a set", None),
    ((list, tuple), "a vector", None),
)
"""Type, its name in a sentence, and how a value of it is repeated. A subclass stands before its base class."""


def kind(value: Value) -> str:
    """What a value is, in a sentence: its type, and the value itself where it is short and not secret."""
    if isinstance(value, Parameter):
        return f"the parameter {code(quoted(value.name))}"
    for types, words, repeated in _KINDS:
        if isinstance(value, types):
            written = str(value).lower() if isinstance(value, bool) else str(value)
            return words + (code(repeated.format(shorten(written))) if repeated else "")
    return f"a Python {code(shorten(type(value).__name__))}"
