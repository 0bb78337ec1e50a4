"""Reads JSON as a tree of values with their places.

The grammar is RFC 8259, and nothing more: no comments, no comma at the end, no NaN. Python's own parser has no places,
takes a key twice, and recurses. An object with one member `#profile`, `#join` or `#param` is the tag of EDN.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, NoReturn

from dynatus_ci.definitions.nodes import (
    TAGS,
    Document,
    FormKind,
    Node,
    Reader,
    excerpt,
    lines,
    tag_in,
)
from dynatus_ci.text import code, shorten


def read(text: str, file: str) -> Document:
    """Read all values of a text.

    Raises:
        InvalidDefinitions: The text is not JSON. It has exactly one fault.
    """
    return _JsonReader(lines(text), file).read()


# --- tokens ----------------------------------------------------------------------------------------------------------

_BLANK = re.compile(r"[ \t\n]*")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_RUN = re.compile(r'[^ \t\n{}\[\],:"]+')
"""What people read as one token."""
_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HALF = re.compile("[\ud800-\udfff]")
_WORDS = {"true": (FormKind.BOOLEAN, True), "false": (FormKind.BOOLEAN, False), "null": (FormKind.NIL, None)}
_CLOSERS = {"{": "}", "[": "]"}


class _JsonToken(NamedTuple):
    """A token: its type is a mark, or `"` for any scalar, whose node it has."""

    type: str
    start: int
    end: int
    node: Node | None = None


class _Next(Enum):
    """What comes next in an open collection."""

    FIRST = "a member, or the end"
    KEY = "a key, after a comma"
    COLON = "the colon after a key"
    VALUE = "a value, after a colon or a comma"
    COMMA = "a comma, or the end"


@dataclass(slots=True, eq=False)
class _JsonFrame:
    """An open collection; the first frame is the text itself, which has no delimiter."""

    opener: str
    start: int
    next: _Next
    items: list[Node] = field(default_factory=list)


class _JsonReader(Reader):
    """Reads one text, token by token."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._stack = [_JsonFrame("", 0, _Next.VALUE)]
        self._before = _JsonToken("", 0, 0)
        self._tagged = False

    def read(self) -> Document:
        for number, token in enumerate(self._tokens(), start=1):
            self._limit_tokens(token, number)
            self._take(token)
            self._before = token
        if len(self._stack) > 1:
            self._fail_unclosed()
        return Document(self._source, tuple(self._stack[0].items), self._tagged)

    def _tokens(self) -> Iterator[_JsonToken]:
        at = 0
        while True:
            at = _BLANK.match(self._text, at).end()  # type: ignore[union-attr]  # it matches the empty text, too
            if at == len(self._text):
                return
            letter = self._text[at]
            token = _JsonToken(letter, at, at + 1) if letter in "{}[],:" else self._scalar(at)
            yield token
            at = token.end

    def _scalar(self, start: int) -> _JsonToken:
        if self._text[start] == '"':
            return self._string(start)
        run = _RUN.match(self._text, start)
        end = run.end() if run else start + 1
        text = self._text[start:end]
        if text in _WORDS:
            return _JsonToken('"', start, end, Node(*_WORDS[text], start, end))
        number = _NUMBER.fullmatch(text)
        if number is None:
            self._fail_token(_JsonToken("", start, end))
        return _JsonToken('"', start, end, self._number(_JsonToken("", start, end), whole=not number["fraction"]))

    def _number(self, token: _JsonToken, *, whole: bool) -> Node:
        text = self._text[token.start : token.end]
        if whole:
            return Node(FormKind.WHOLE, self._whole(token, text), token.start, token.end)
        fraction = float(text)
        if not math.isfinite(fraction):
            self._fail(token, "This number is too large.", code="bad-number")
        return Node(FormKind.FLOAT, fraction, token.start, token.end)

    def _string(self, start: int) -> _JsonToken:
        match = _STRING.match(self._text, start)
        if match is None:
            self._fail_string(start)
        for escape in re.finditer(r"\\(?:u.{0,4}|.)", match[0]):
            if not _ESCAPE.fullmatch(escape[0]):
                self._fail_escape(start + escape.start(), escape[0])
        value = json.loads(match[0])
        if _HALF.search(value):
            hint = "Write both halves, or the character itself."
            span = _JsonToken("", start, match.end())
            self._fail(span, "This string has only half of a surrogate pair.", code="bad-escape", hint=hint)
        return _JsonToken('"', start, match.end(), Node(FormKind.STRING, value, start, match.end()))

    # --- grammar

    def _take(self, token: _JsonToken) -> None:
        frame = self._stack[-1]
        if token.type in {"}", "]"}:
            self._close(token, frame)
        elif token.type == ",":
            self._comma(token, frame)
        elif token.type == ":":
            if frame.next is not _Next.COLON:
                self._fail(token, "A colon stands only between a key and its value.", code="unexpected-colon")
            frame.next = _Next.VALUE
        else:
            self._begin(token, frame)

    def _comma(self, token: _JsonToken, frame: _JsonFrame) -> None:
        if frame.next is not _Next.COMMA:
            self._refuse_half(frame)
            message = (
                "There is nothing before this comma." if frame.opener else "A comma stands only inside `[` or `{`."
            )
            self._fail(token, message, code="unexpected-comma", hint="Leave it out.")
        frame.next = _Next.KEY if frame.opener == "{" else _Next.VALUE

    def _begin(self, token: _JsonToken, frame: _JsonFrame) -> None:
        """A scalar or an opening delimiter."""
        if frame.next is _Next.COMMA:
            self._fail(self._before, f"A comma is missing after {self._shown(self._before)}.", code="missing-comma")
        if frame.next is _Next.COLON:
            message = f"A colon is missing between {self._shown(frame.items[-1])} and its value."
            self._fail(token, message, code="missing-colon")
        if frame.opener == "{" and frame.next is not _Next.VALUE:
            self._key(token, frame)
        elif token.node:
            self._add(token.node)
        else:
            self._limit_depth(token, len(self._stack))
            self._stack.append(_JsonFrame(token.type, token.start, _Next.FIRST))

    def _key(self, token: _JsonToken, frame: _JsonFrame) -> None:
        if token.node is None or token.node.kind is not FormKind.STRING:
            self._fail(token, "A key must be a string in double quotes.", code="bad-key")
        frame.items.append(token.node._replace(kind=FormKind.KEYWORD))
        frame.next = _Next.COLON

    def _add(self, node: Node) -> None:
        frame = self._stack[-1]
        frame.items.append(node)
        frame.next = _Next.COMMA if frame.opener else _Next.VALUE

    def _close(self, token: _JsonToken, frame: _JsonFrame) -> None:
        if not frame.opener:
            self._fail(token, f"{self._shown(token)} closes nothing.", code="unmatched-delimiter")
        if token.type != _CLOSERS[frame.opener]:
            message = (
                f"{self._shown(token)} cannot close the {code(frame.opener)} at {self._at(frame.start)}, which needs"
            )
            self._fail(token, f"{message} {code(_CLOSERS[frame.opener])}.", code="mismatched-delimiter")
        self._refuse_half(frame)
        if frame.next not in {_Next.FIRST, _Next.COMMA}:
            message = f"JSON takes no comma before {self._shown(token)}."
            self._fail(self._before, message, code="unexpected-comma", hint="Leave it out.")
        self._stack.pop()
        self._add(self._collection(frame, token.end))

    def _refuse_half(self, frame: _JsonFrame) -> None:
        """Refuse a key without a value."""
        if frame.next is _Next.COLON or (frame.next is _Next.VALUE and frame.opener == "{"):
            key = frame.items[-1]
            self._fail(key, f"{self._shown(key)} has no value in this object.", code="odd-map")

    def _collection(self, frame: _JsonFrame, end: int) -> Node:
        if frame.opener == "[":
            return Node(FormKind.VECTOR, tuple(frame.items), frame.start, end)
        seen: dict[str, Node] = {}
        for key in frame.items[::2]:
            first = seen.setdefault(key.value, key)
            if first is not key:
                message = f"{self._shown(key)} is here twice. The first is at {self._at(first.start)}."
                self._fail(key, message, code="duplicate-key")
        pairs = tuple(zip(frame.items[::2], frame.items[1::2], strict=True))
        tag = tag_in(pairs)
        if tag:
            self._tagged = True
            return Node(FormKind.TAGGED, tag, frame.start, end)
        for key, _ in pairs:
            if key.value in TAGS:
                message = f"{self._shown(key)} must be the only member of its object."
                self._fail(key, message, code="tag-as-key")
        return Node(FormKind.MAP, pairs, frame.start, end)

    # --- faults

    def _fail_unclosed(self) -> NoReturn:
        frame = self._stack[-1]
        opener, closer, end = code(frame.opener), code(_CLOSERS[frame.opener]), self._at(len(self._text.rstrip()))
        message = f"{opener} is never closed: the file ends at {end} without its {closer}."
        self._fail(_JsonToken("", frame.start, frame.start + 1), message, code="unclosed-delimiter")

    def _fail_string(self, start: int) -> NoReturn:
        end = self._text.find("\n", start)
        rest = _JsonToken("", start, len(self._text) if end < 0 else end)
        control = _CONTROL.search(self._text, start, rest.end)
        if control:
            message = f"A string cannot hold the character `U+{ord(control[0]):04X}` itself."
            span = _JsonToken("", control.start(), control.end())
            self._fail(span, message, code="bad-token", hint=f"Write `\\u{ord(control[0]):04x}`.")
        message = "The string that opens here is not closed on its line."
        self._fail(rest, message, code="unterminated-string", hint='Close it with `"`.')

    def _fail_escape(self, at: int, escape: str) -> NoReturn:
        hint = r"Use `\\`, `\"`, `\/`, `\n`, `\t`, `\r`, `\b`, `\f` or `\uXXXX`. Write `\\` for a backslash."
        span = _JsonToken("", at, at + len(escape))
        self._fail(span, f"Unknown escape {code(shorten(escape))} in a string.", code="bad-escape", hint=hint)

    def _fail_token(self, token: _JsonToken) -> NoReturn:
        """Refuse a text that is not a token, with a hint about the rule that it breaks, if one is known."""
        text = self._text[token.start : token.end]
        frame = self._stack[-1]
        if text.startswith(("//", "/*", "#")):
            hint = "Leave it out. Files in EDN and YAML can have comments."
            self._fail(token, "JSON has no comments.", code="comment", hint=hint)
        if frame.opener == "{" and frame.next in {_Next.FIRST, _Next.KEY}:
            self._fail(token, "A key must be a string in double quotes.", code="bad-key", hint=_in_quotes(text))
        kind = "bad-number" if re.match(r"[+-]?\.?[0-9]", text) else "bad-token"
        self._fail(token, f"{code(excerpt(text))} is not JSON.", code=kind, hint=_advice(text))


_INSTEAD = {"True": "true", "False": "false", "None": "null", "nil": "null", "undefined": "null", "~": "null"}


def _advice(text: str) -> str | None:
    """What to write instead of a text that is not a token."""
    instead = _INSTEAD.get(text) or (_INSTEAD.get(text.capitalize()) if text.isalpha() else None)
    if instead:
        return f"Write `{instead}`."
    if number := re.fullmatch("([+-]?)0*([0-9]{1,18})", text):
        return f"Write `{int(number[1] + number[2])}`."
    if re.fullmatch(r"-?(?:NaN|Infinity)", text):
        return "Write a number."
    odd = next((letter for letter in text if not letter.isprintable()), None)
    if odd:
        return f"It has the character `U+{ord(odd):04X}`."
    return _in_quotes(text) or "Write a string in double quotes."


def _in_quotes(text: str) -> str | None:
    """The text as a JSON string, if it is a plain word."""
    word = text.strip("'`")
    return f'Write `"{word}"`.' if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", word) else None
