"""Reads EDN as a tree of values with their places.

It uses edn_format's lexer, but not its parser, which has no places and accepts much that Clojure refuses. Where the
lexer accepts too much (part of a token, digits of other scripts, Python's escapes), Clojure's rules are checked here.
The loop over the tokens has limits and does not recurse. A message repeats at most the token that it is about.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, NoReturn

import edn_format
from edn_format import edn_lex

from dynatus_ci.definitions.nodes import (
    Document,
    FormKind,
    Node,
    Reader,
    Tag,
    excerpt,
    lines,
)
from dynatus_ci.errors import Fault, InvalidDefinitions
from dynatus_ci.text import code, shorten

UNTERMINATED = "unterminated-string"

# At the level INFO, the library logs its whole grammar.
logging.getLogger("edn_format").setLevel(logging.WARNING)


def read(text: str, file: str) -> Document:
    """Read all forms of a text.

    Raises:
        InvalidDefinitions: The text is not EDN, or has what no definition needs. It has exactly one fault.
    """
    return _EdnReader(lines(text), file).read()


# --- tokens ----------------------------------------------------------------------------------------------------------

_SPACE = "\t\n\x0b\x0c\x1c-\x1f \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000,"
_BLANK = re.compile(rf"(?:[{_SPACE}]+|;[^\n]*)*")
"""White space, as Java and so Clojure define it, and comments."""
_RUN = re.compile(rf'[^{_SPACE}"\\;\[\](){{}}^]+')
"""What Clojure reads as one token."""
_GLUED = re.compile(rf'"|{_RUN.pattern}')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_COMMENT_OR_STRING = re.compile(r';[^\n]*|"[^"\\]*(?:\\.[^"\\]*)*(?P<closed>")?', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "b": "\b", "f": "\f", "\\": "\\", '"': '"'}
_NAME = re.compile(r":?(?:[^0-9/].*/)?(?:/|[^0-9/][^/]*)")
"""Clojure's rule for symbols and keywords."""
_USUAL_NAME = re.compile(r":?[a-zA-Z][a-zA-Z0-9_-]*")
"""Names that need no further check."""
_INDENT = re.compile("[ \t,]*")
_LINE_ENDS = re.compile("[ \t,]*(?:;[^\n]*)?\n")

_OPENERS = {
    "VECTOR_START": (FormKind.VECTOR, "]"),
    "LIST_START": (FormKind.LIST, ")"),
    "MAP_START": (FormKind.MAP, "}"),
    "SET_START": (FormKind.SET, "}"),
}
_CLOSERS = {"VECTOR_END": "]", "LIST_END": ")", "MAP_OR_SET_END": "}"}
_DELIMITERS = {
    "[": "VECTOR_START",
    "(": "LIST_START",
    "{": "MAP_START",
    **{closer: type_ for type_, closer in _CLOSERS.items()},
}
"""Tokens of one character. They are half of all tokens, and need no lexer."""
_WHOLE_TOKENS = {*_OPENERS, *_CLOSERS, "DISCARD_TAG", "CARET"}
"""Tokens that nothing that follows can make longer."""
_NUMBERS = {"INTEGER", "HEX_INTEGER", "FLOAT", "RATIO"}
_ATOMS = {"SYMBOL", "KEYWORD", *_NUMBERS}
_KINDS: dict[type, FormKind] = {
    type(None): FormKind.NIL,
    bool: FormKind.BOOLEAN,
    int: FormKind.WHOLE,
    float: FormKind.FLOAT,
    Decimal: FormKind.FLOAT,
    Fraction: FormKind.RATIO,
    edn_format.Char: FormKind.CHARACTER,
    edn_format.Keyword: FormKind.KEYWORD,
    edn_format.Symbol: FormKind.SYMBOL,
}
"""The types of edn_format's values."""
TOKENS = frozenset(
    {*_OPENERS, *_CLOSERS, *_ATOMS, "CHAR", "WHITESPACE", "SYMBOLIC_VALUE"}
    | {"TAG", "DISCARD_TAG", "CARET", "MAP_NAMESPACE_TAG"}
)
"""The token types of edn_format that the reader knows. A contract test compares them with the library."""


@cache
def _lexer() -> Any:  # noqa: ANN401  # PLY has no types
    """edn_format's lexer. It is built once, which takes milliseconds, and cloned for each text."""
    return edn_lex.lex()


class _Token(NamedTuple):
    type: str
    start: int
    end: int
    value: Any = None


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Frame:
    """An open collection, a tag without its value yet, or a discard (kind None) without its form yet."""

    kind: FormKind | None
    start: int
    end: int
    closer: str = ""
    items: list[Node] = field(default_factory=list)
    margin: int | None = None


class _EdnReader(Reader):
    """Reads one text, token by token."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._lexer = _lexer().clone()
        self._lexer.input(text)
        self._stack = [_Frame(None, 0, 0)]
        self._behind = 0
        self._tagged = False
        self._stray: tuple[_Frame, int] | None = None
        self._atom_before: _Token | None = None
        self._suspect: _Token | None = None

    def read(self) -> Document:
        try:
            self._read_tokens()
        except InvalidDefinitions as refused:
            raise InvalidDefinitions(tuple(map(self._missing_quote, refused.faults))) from None
        return Document(self._source, tuple(self._stack[0].items), self._tagged)

    def _read_tokens(self) -> None:
        for number, token in enumerate(self._tokens(), start=1):
            self._limit_tokens(token, number)
            self._watch_margin(token)
            self._watch_quotes(token)
            self._parse_value(token)
            self._behind = token.end
        if len(self._stack) > 1:
            self._fail_unclosed()

    def _tokens(self) -> Iterator[_Token]:
        """The tokens. Strings do not come from the lexer, which would decode them by Python's rules."""
        at = 0
        while True:
            at = _BLANK.match(self._text, at).end()  # type: ignore[union-attr]  # it matches the empty text, too
            if at == len(self._text):
                return
            token = self._token(at)
            yield token
            at = token.end

    def _token(self, start: int) -> _Token:
        first = self._text[start]
        if first in _DELIMITERS:
            return _Token(_DELIMITERS[first], start, start + 1)
        return self._string(start) if first == '"' else self._lexed(start)

    def _string(self, start: int) -> _Token:
        match = _STRING.match(self._text, start)
        if match is None:
            token = _Token("", start, self._line_end(start))
            hint = 'Close it with `"`. A quote may be missing before it.'
            self._fail(token, "The string that opens here is never closed.", code=UNTERMINATED, hint=hint)
        return _Token("STRING", start, match.end())

    def _line_end(self, offset: int) -> int:
        end = self._text.find("\n", offset)
        return len(self._text) if end < 0 else end

    def _watch_quotes(self, token: _Token) -> None:
        """Remember the first string that touches another token: if a quote is missing, it is probably missing there.

        A keyword may touch the string before it: people write it so.
        """
        if self._suspect:
            return
        if token.type == "STRING":
            if self._atom_before and self._atom_before.end == token.start:
                self._suspect = self._atom_before
            elif not self._text.startswith(":", token.end) and _GLUED.match(self._text, token.end):
                self._suspect = token
        self._atom_before = token if token.type in _ATOMS else None

    def _missing_quote(self, fault: Fault) -> Fault:
        """The fault, or a missing quote that is its likely cause: the reader notices it only much later."""
        suspect = self._suspect
        if suspect is None or fault.code in {"too-long", "too-deep"} or not self._odd_quotes():
            return fault
        line_end = self._line_end(suspect.start)
        if suspect.type == "STRING":
            message = f"The string that opens here has no closing quote before {self._at(suspect.end - 1)}."
            span = suspect._replace(end=min(suspect.end, line_end))
            return self._source.fault(span, code=UNTERMINATED, message=message, hint='Close it with `"`.')
        message = f"A quote is missing before {self._shown(suspect)}."
        return self._source.fault(suspect, code=UNTERMINATED, message=message, hint="Put the whole text in quotes.")

    def _odd_quotes(self) -> bool:
        """Whether the last string of the text is never closed."""
        matches = _COMMENT_OR_STRING.finditer(self._text)
        return any(match[0].startswith('"') and match["closed"] is None for match in matches)

    def _lexed(self, start: int) -> _Token:
        """The next token of edn_format's lexer, if Clojure would end it at the same place."""
        self._lexer.lexpos = start
        try:
            lexed = self._lexer.token()
        except (edn_format.EDNDecodeError, ValueError, ArithmeticError):
            self._fail_token(start)
        token = _Token(lexed.type, start, self._lexer.lexpos, lexed.value)
        if token.type not in _WHOLE_TOKENS and token.end != self._run_end(start):
            self._fail_token(start)
        return token

    def _run_end(self, start: int) -> int:
        """Where the token ends for Clojure. A character literal may be one that ends other tokens."""
        inside = start + 2 if self._text[start] == "\\" else start
        run = _RUN.match(self._text, inside)
        return run.end() if run else max(inside, start + 1)

    def _watch_margin(self, token: _Token) -> None:
        """Remember the first line that is not indented as part of the open collection: something was not closed."""
        if self._stray or token.type in _CLOSERS or self._text.find("\n", self._behind, token.start) < 0:
            return
        frame = next((frame for frame in reversed(self._stack) if frame.closer), None)
        if frame and token.start - self._line_start(token.start) <= self._margin(frame):
            self._stray = frame, token.start

    def _margin(self, frame: _Frame) -> int:
        """The column that lines inside a collection are indented beyond. It is computed once."""
        if frame.margin is None:
            line = self._line_start(frame.start)
            indent = _INDENT.match(self._text, line).end()  # type: ignore[union-attr]  # it matches the empty text, too
            frame.margin = (indent if _LINE_ENDS.match(self._text, frame.end) else frame.start) - line
        return frame.margin

    def _line_start(self, offset: int) -> int:
        return self._text.rfind("\n", 0, offset) + 1

    def _parse_value(self, token: _Token) -> None:
        if token.type in _OPENERS:
            kind, closer = _OPENERS[token.type]
            self._push(_Frame(kind, token.start, token.end, closer))
        elif token.type in _CLOSERS:
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

    def _close(self, token: _Token) -> None:
        frame = self._stack[-1]
        if frame.closer != _CLOSERS[token.type]:
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

    def _atom(self, token: _Token) -> Node:
        text, value = self._text[token.start : token.end], token.value
        kind = FormKind.STRING if token.type == "STRING" else _KINDS.get(type(value))
        if kind is None:
            self._fail_unused(token)
        if kind is FormKind.STRING:
            value = self._unescape(token, text[1:-1])
        elif kind is FormKind.KEYWORD or kind is FormKind.SYMBOL:
            self._check_name(token, text)
            value = value.name
        elif kind is FormKind.CHARACTER:
            value = str(value)
            if "\ud800" <= value <= "\udfff":
                self._fail_token(token.start)
        elif token.type in _NUMBERS:
            value = self._number(token, text)
        return Node(kind, value, token.start, token.end)

    def _unescape(self, token: _Token, text: str) -> str:
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

    def _number(self, token: _Token, text: str) -> Any:  # noqa: ANN401  # an int, float, Decimal or Fraction
        if not text.isascii():
            self._fail_token(token.start)
        if isinstance(token.value, int):
            return self._checked_whole(token, token.value)
        # The lexer rounds to 28 digits.
        return Decimal(text[:-1]) if isinstance(token.value, Decimal) else token.value

    def _check_name(self, token: _Token, text: str) -> None:
        """Refuse names that the lexer accepts and Clojure does not."""
        if _USUAL_NAME.fullmatch(text):
            return
        namespace, slash, _ = text.rpartition("/")
        misplaced = "@" in text or "::" in text or text.endswith(":") or (slash and namespace.endswith(":"))
        if misplaced or text.lstrip("+-")[:1].isdigit() or not _NAME.fullmatch(text):
            self._fail_token(token.start)

    # --- faults

    def _fail_unused(self, token: _Token) -> NoReturn:
        if token.type == "CARET":
            self._fail(token, "A definition cannot have metadata.", code="metadata", hint="Leave `^` out.")
        message = "A definition cannot have a map with a namespace."
        self._fail(token, message, code="namespaced-map", hint="Write only `{`: DynamoDB's names have no namespace.")

    def _fail_escape(self, at: int, escape: str) -> NoReturn:
        message = f"Unknown escape {code(shorten(escape))} in a string."
        hint = r"Use `\\`, `\"`, `\n`, `\t`, `\r`, `\b`, `\f` or `\uXXXX`. Write `\\` for a backslash."
        self._fail(_Token("", at, at + len(escape)), message, code="bad-escape", hint=hint)

    def _fail_token(self, start: int) -> NoReturn:
        """Refuse a text that is not a token, with a hint about the rule that it breaks, if one is known."""
        token = _Token("", start, self._run_end(start))
        text = self._text[start : token.end]
        kind = "bad-number" if re.match(r"[+-]?[0-9]", text) else "bad-token"
        self._fail(token, f"{code(excerpt(text))} cannot be read.", code=kind, hint=_advice(text))

    def _likely_cause(self, open_frame: _Frame) -> str | None:
        """Where a delimiter is probably missing, by the indentation of the lines."""
        if self._stray is None or self._stray[0].start < open_frame.start:
            return None
        frame, at = self._stray
        opener, line = code(self._text[frame.start : frame.end]), self._source.place(at, at).line
        why = f"Line {line} is not indented as part of the {opener} at {self._at(frame.start)}"
        return f"{why}: a {code(frame.closer)} is probably missing before it."

    def _fail_mismatch(self, token: _Token, frame: _Frame) -> NoReturn:
        closer, hint = self._shown(token), self._likely_cause(frame)
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
        message = f"{opener} is never closed: the file ends at {end} without its {code(frame.closer)}."
        self._fail(frame, message, code="unclosed-delimiter", hint=self._likely_cause(frame))


def _advice(text: str) -> str | None:
    """What to write instead of a text that is not a token."""
    if re.fullmatch("0+[1-9][0-9]{0,17}", text):
        return f"Write `{text.lstrip('0')}`."
    if text[0] in "'\\`":
        return "Write a string in double quotes."
    if text[0] == "#" and not text[1:2].isalpha():
        return "`#{` opens a set, and `#_` leaves out the next value. The tags are `#profile`, `#join` and `#param`."
    odd = (letter for letter in text if not (letter.isprintable() if letter.isascii() else letter.isalnum()))
    first = next(odd, None)
    return f"It has the character `U+{ord(first):04X}`." if first else None
