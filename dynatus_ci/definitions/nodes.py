"""What a text of any format becomes: a tree of values that know their places.

A reader has limits, does not recurse, and reads nothing but the text: it may come from a stranger's pull request.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn, Protocol

from dynatus_ci.errors import Fault, InvalidDefinitions, Place
from dynatus_ci.text import code, shorten

MOST_DEPTH = 64
MOST_TOKENS = 200_000
MOST_WHOLE = 2**63
EXCERPT = 24
"""The most characters of a message's excerpt from a text that is not a token."""


class FormKind(StrEnum):
    """The type of a node."""

    NIL = "nil"
    BOOLEAN = "boolean"
    STRING = "string"
    CHARACTER = "character"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    WHOLE = "whole number"
    FLOAT = "float"
    RATIO = "ratio"
    VECTOR = "vector"
    LIST = "list"
    SET = "set"
    MAP = "map"
    TAGGED = "tagged value"
    PARAMETER = "parameter"
    BROKEN = "broken value"


class Span(Protocol):
    """A part of a text."""

    @property
    def start(self) -> int:
        """The offset of its first character."""

    @property
    def end(self) -> int:
        """The offset after its last character."""


class Node(NamedTuple):
    """A value and its part of the text. A named tuple, because a large folder has a million of them.

    `value` is a scalar; the nodes of a VECTOR, LIST or SET; the (key, value) pairs of a MAP; or the `Tag` of a TAGGED.
    The keys of a map are KEYWORD if they are names; in JSON and YAML, all names are. Only resolved tags are PARAMETER
    (with its name and text) and BROKEN (with a fault already).
    """

    kind: FormKind
    value: Any
    start: int
    end: int


class Tag(NamedTuple):
    """A tag, the value that it is written before, and the part of the text that is the tag itself."""

    name: str
    argument: Node
    start: int
    end: int


_TAG = re.compile(r"#[A-Za-z][\w./-]*")
TAGS = frozenset({"#profile", "#join", "#param"})


def tag_in(pairs: tuple[tuple[Node, Node], ...]) -> Tag | None:
    """The tag that a map is in JSON, and so in YAML: its only key begins with #."""
    if len(pairs) == 1 and is_tag(pairs[0][0].value):
        key, argument = pairs[0]
        return Tag(key.value[1:], argument, key.start, key.end)
    return None


def is_tag(key: object) -> bool:
    """Whether a key would be a tag if it were the only one."""
    return isinstance(key, str) and _TAG.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class Source:
    """A text, and the places of its offsets."""

    file: str
    text: str
    _line_starts: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, file: str, text: str) -> Source:
        """The source with a text whose line ends are single line feeds."""
        return cls(file, text, (0, *(match.end() for match in re.finditer("\n", text))))

    def place(self, start: int, end: int) -> Place:
        """The place of a part of the text."""
        return Place(self.file, *self._position(start), *self._position(end))

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def fault(self, span: Span, *, code: str, message: str, hint: str | None = None) -> Fault:
        """A fault at a part of the text."""
        return Fault(self.place(span.start, span.end), code, message, hint)


class Document(NamedTuple):
    """A text that was read: its forms, and whether they have tags."""

    source: Source
    forms: tuple[Node, ...]
    tagged: bool = False


class Reader:
    """What the readers of all formats share: the text with its places, the limits, and faults that end the reading."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._source = Source.of(file, text)

    def _at(self, offset: int) -> str:
        place = self._source.place(offset, offset)
        return code(f"{place.line}:{place.column}")

    def _shown(self, part: Span) -> str:
        return code(shorten(self._text[part.start : part.end]))

    def _fail(self, span: Span, message: str, *, code: str, hint: str | None = None) -> NoReturn:
        """Stop at the first error of a file: what follows it could only be guessed."""
        raise InvalidDefinitions((self._source.fault(span, code=code, message=message, hint=hint),))

    def _limit_depth(self, span: Span, depth: int) -> None:
        if depth > MOST_DEPTH:
            self._fail(span, f"This is nested more than {MOST_DEPTH} levels deep.", code="too-deep")

    def _limit_tokens(self, span: Span, number: int) -> None:
        if number > MOST_TOKENS:
            self._fail(span, f"This file has more than {MOST_TOKENS:,} tokens.", code="too-long")

    def _whole(self, span: Span, text: str, *, hint: str | None = None) -> int:
        """The whole number that a text is, if it fits into 64 bits. Python refuses to convert thousands of digits."""
        value = int(text, 0) if len(text) <= len(str(-MOST_WHOLE)) else MOST_WHOLE
        return self._checked_whole(span, value, hint=hint)

    def _checked_whole(self, span: Span, value: int, *, hint: str | None = None) -> int:
        if not -MOST_WHOLE <= value < MOST_WHOLE:
            self._fail(span, "This number does not fit into 64 bits.", code="bad-number", hint=hint)
        return value


def excerpt(text: str) -> str:
    """The beginning of a text that is not a token, up to an equals sign: the file may be one of secrets."""
    name = re.split(r"[=\x00-\x1f]", text)[0]
    return f"{shorten(name, EXCERPT)}…" if 0 < len(name) < len(text) else shorten(text, EXCERPT)


def decode(data: bytes, file: str) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, with any kind of line ends.

    Raises:
        InvalidDefinitions: It is not UTF-8. The place is the one of the first wrong byte.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        before = lines(broken.object[: broken.start].decode("utf-8-sig"))
        at = len(before)
        wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        hint = "It looks like UTF-16. Save the file as UTF-8." if wide else "Save the file as UTF-8."
        place = Source.of(file, before).place(at, at + 1)
        raise InvalidDefinitions((Fault(place, "bad-encoding", "This is not UTF-8.", hint),)) from None
    return lines(text)


def lines(text: str) -> str:
    """The text with single line feeds, so that places are the same with all line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
