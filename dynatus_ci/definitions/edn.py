"""Reads EDN as a tree of values with their places.

The tokens are those of `edn_tokens`. The parser of edn_format has no places, and accepts much that Clojure refuses.
The loop over the tokens has limits and does not recurse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, NoReturn

import edn_format

from dynatus_ci.definitions.edn_causes import LikelyCauses
from dynatus_ci.definitions.edn_tokens import CLOSERS, NUMBERS, OPENERS, Token, TokenReader
from dynatus_ci.definitions.nodes import Document, FormKind, Node, Tag, lines
from dynatus_ci.errors import Fault, InvalidDefinitions
from dynatus_ci.text import code, shorten


def read(text: str, file: str) -> Document:
    """Read all forms of a text.

    Raises:
        InvalidDefinitions: The text is not EDN, or has what no definition needs. It has exactly one fault.
    """
    return _EdnReader(lines(text), file).read()


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "b": "\b", "f": "\f", "\\": "\\", '"': '"'}
_NAME = re.compile(r":?(?:[^0-9/].*/)?(?:/|[^0-9/][^/]*)")
"""Clojure's rule for symbols and keywords."""
_USUAL_NAME = re.compile(r":?[a-zA-Z][a-zA-Z0-9_-]*")
"""Names that need no further check."""
_KINDS: dict[type, FormKind] = {
    type(None): FormKind.NIL,
    bool: FormKind.BOOLEAN,
    int: FormKind.WHOLE,
    float: FormKind.FLOAT,
    Decimal: FormKind.FLOAT,
    Fraction: FormKind.RATIO,
    edn_format.Char: FormKind.CHARACTER,
    edn_format.Symbol: FormKind.SYMBOL,
}
"""The types of edn_format's values."""
_TOKEN_KINDS = {"STRING": FormKind.STRING, "KEYWORD": FormKind.KEYWORD}


@dataclass(slots=True, eq=False)
class _Frame:
    """An open collection, a tag without its value yet, or a discard (kind None) without its form yet."""

    kind: FormKind | None
    start: int
    end: int
    closer: str = ""
    items: list[Node] = field(default_factory=list)


class _EdnReader(TokenReader):
    """Reads one text, token by token."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._stack = [_Frame(None, 0, 0)]
        self._tagged = False
        self._last = 0

    def read(self) -> Document:
        try:
            self._read_tokens()
        except InvalidDefinitions as refused:
            raise InvalidDefinitions(tuple(map(self._explained, refused.faults))) from None
        return Document(self._source, tuple(self._stack[0].items), self._tagged)

    def _read_tokens(self) -> None:
        for number, token in enumerate(self._tokens(), start=1):
            self._last = token.start
            self._limit_tokens(token, number)
            self._parse_value(token)
        if len(self._stack) > 1:
            self._fail_unclosed()

    def _explained(self, fault: Fault) -> Fault:
        """The fault, or a missing quote that is its likely cause."""
        if fault.code in {"too-long", "too-deep"}:
            return fault
        return self._causes.missing_quote() or fault

    @cached_property
    def _causes(self) -> LikelyCauses:
        return LikelyCauses(self._text, self._source.file, last=self._last)

    def _parse_value(self, token: Token) -> None:
        if token.type in OPENERS:
            kind, closer = OPENERS[token.type]
            self._push(_Frame(kind, token.start, token.end, closer))
        elif token.type in CLOSERS:
            self._close(token)
        elif token.type == "DISCARD_TAG":
            self._push(_Frame(None, token.start, token.end))
        elif token.type == "TAG":
            self._check_name(token, self._text[token.start + 1 : token.end])
            self._push(_Frame(FormKind.TAGGED, token.start, token.end))
            self._tagged = True
        else:
            self._add(self._atom(token))

    def _push(self, frame: _Frame) -> None:
        self._limit_depth(frame, len(self._stack))
        self._stack.append(frame)

    def _add(self, node: Node) -> None:
        """Add a complete value to the open collection, or to the tag or discard before it."""
        while True:
            frame = self._stack[-1]
            if frame.closer or frame is self._stack[0]:
                frame.items.append(node)
                return
            self._stack.pop()
            if frame.kind is None:
                return
            tag = Tag(self._text[frame.start + 1 : frame.end], node, frame.start, frame.end)
            node = Node(FormKind.TAGGED, tag, frame.start, node.end)

    def _close(self, token: Token) -> None:
        frame = self._stack[-1]
        if frame.closer != CLOSERS[token.type]:
            self._fail_mismatch(token, frame)
        self._stack.pop()
        value: tuple[Any, ...] = tuple(frame.items)
        if frame.kind is FormKind.MAP:
            self._refuse_odd(frame)
            value = tuple(zip(value[::2], value[1::2], strict=True))
        if frame.kind is FormKind.MAP or frame.kind is FormKind.SET:
            self._refuse_duplicates(frame)
        self._add(Node(frame.kind or FormKind.NIL, value, frame.start, token.end))

    def _refuse_odd(self, frame: _Frame) -> None:
        if len(frame.items) % 2:
            key = frame.items[-1]
            hint = "A key or a value may be missing anywhere before it." if len(frame.items) > 1 else None
            self._fail(key, f"{self._shown(key)} has no value in this map.", code="odd-map", hint=hint)

    def _refuse_duplicates(self, frame: _Frame) -> None:
        members = frame.items[::2] if frame.kind is FormKind.MAP else frame.items
        seen: dict[str, Node] = {}
        for node in members:
            first = seen.setdefault(self._identity(node), node)
            if first is not node:
                what = "key" if frame.kind is FormKind.MAP else "member"
                message = f"{self._shown(node)} is here twice. The first is at {self._at(first.start)}."
                self._fail(node, message, code=f"duplicate-{what}")

    def _identity(self, node: Node) -> str:
        """A text that equal values share. Keywords and collections are equal if they are written in the same way."""
        if node.kind is FormKind.KEYWORD or isinstance(node.value, tuple):
            return self._text[node.start : node.end]
        return f"{node.kind.value} {node.value!r}"

    # --- atoms

    def _atom(self, token: Token) -> Node:
        text, value = self._text[token.start : token.end], token.value
        kind = _TOKEN_KINDS.get(token.type) or _KINDS.get(type(value))
        if kind is None:
            self._fail_unused(token)
        if kind is FormKind.STRING:
            value = self._unescape(token, text[1:-1])
        elif kind is FormKind.KEYWORD:
            self._check_name(token, text)
        elif kind is FormKind.SYMBOL:
            self._check_name(token, text)
            value = value.name
        elif kind is FormKind.CHARACTER:
            value = str(value)
            if "\ud800" <= value <= "\udfff":
                self._fail_token(token.start)
        elif token.type in NUMBERS:
            value = self._number(token, text)
        return Node(kind, value, token.start, token.end)

    def _unescape(self, token: Token, text: str) -> str:
        if "\\" not in text:
            return text
        for match in _ESCAPE.finditer(text):
            if match[2] is not None and match[2] not in _ESCAPES:
                self._fail_escape(token.start + 1 + match.start(), match[0])
        plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else _ESCAPES[match[2]], text)
        try:
            return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            hint = "Write both halves, or the character itself."
            self._fail(token, "This string has only half of a surrogate pair.", code="bad-escape", hint=hint)

    def _number(self, token: Token, text: str) -> Any:  # noqa: ANN401  # an int, float, Decimal or Fraction
        if not text.isascii():
            self._fail_token(token.start)
        if isinstance(token.value, int):
            return self._checked_whole(token, token.value)
        # The lexer rounds to 28 digits.
        return Decimal(text[:-1]) if isinstance(token.value, Decimal) else token.value

    def _check_name(self, token: Token, text: str) -> None:
        """Refuse names that the lexer accepts and Clojure does not."""
        if _USUAL_NAME.fullmatch(text):
            return
        namespace, slash, _ = text.rpartition("/")
        misplaced = "@" in text or "::" in text or text.endswith(":") or (slash and namespace.endswith(":"))
        if misplaced or text.lstrip("+-")[:1].isdigit() or not _NAME.fullmatch(text):
            self._fail_token(token.start)

    # --- faults

    def _fail_unused(self, token: Token) -> NoReturn:
        if token.type == "CARET":
            self._fail(token, "A definition cannot have metadata.", code="metadata", hint="Leave `^` out.")
        message = "A definition cannot have a map with a namespace."
        self._fail(token, message, code="namespaced-map", hint="Write only `{`: DynamoDB's names have no namespace.")

    def _fail_escape(self, at: int, escape: str) -> NoReturn:
        message = f"Unknown escape {code(shorten(escape))} in a string."
        hint = r"Use `\\`, `\"`, `\n`, `\t`, `\r`, `\b`, `\f` or `\uXXXX`. Write `\\` for a backslash."
        self._fail(Token("", at, at + len(escape)), message, code="bad-escape", hint=hint)

    def _fail_mismatch(self, token: Token, frame: _Frame) -> NoReturn:
        closer, hint = self._shown(token), self._causes.missing_delimiter(inside=frame.start)
        if frame is self._stack[0]:
            self._fail(token, f"{closer} closes nothing.", code="unmatched-delimiter", hint=hint)
        if not frame.closer:
            self._fail_dangling(frame)
        opener = code(self._text[frame.start : frame.end])
        message = f"{closer} cannot close the {opener} at {self._at(frame.start)}, which needs {code(frame.closer)}."
        self._fail(token, message, code="mismatched-delimiter", hint=hint)

    def _fail_dangling(self, frame: _Frame) -> NoReturn:
        if frame.kind is None:
            self._fail(frame, "`#_` has nothing to leave out.", code="dangling-discard")
        self._fail(frame, f"{code(shorten(self._text[frame.start : frame.end]))} has no value.", code="dangling-tag")

    def _fail_unclosed(self) -> NoReturn:
        frame = self._stack[-1]
        if not frame.closer:
            self._fail_dangling(frame)
        opener, end = code(self._text[frame.start : frame.end]), self._at(len(self._text.rstrip()))
        hint = self._causes.missing_delimiter(inside=frame.start)
        message = f"{opener} is never closed: the file ends at {end} without its {code(frame.closer)}."
        self._fail(frame, message, code="unclosed-delimiter", hint=hint)
