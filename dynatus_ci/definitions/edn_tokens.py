"""The tokens of a text of EDN, with their places.

They come from edn_format's lexer. Where it accepts too much (part of a token, digits of other scripts, Python's
escapes), Clojure's rules are checked here. A message repeats at most the token that it is about.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, NoReturn

import edn_format
from edn_format import edn_lex

from dynatus_ci.definitions.nodes import FormKind, Reader, excerpt
from dynatus_ci.text import code

UNTERMINATED = "unterminated-string"

# At the level INFO, the library logs its whole grammar.
logging.getLogger("edn_format").setLevel(logging.WARNING)

_SPACE = "\t\n\x0b\x0c\x1c-\x1f \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000,"
_BLANK = re.compile(rf"(?:[{_SPACE}]+|;[^\n]*)*")
"""White space, as Java and so Clojure define it, and comments."""
_BREAKS = rf'{_SPACE}"\\;\[\](){{}}^'
"""What ends a token."""
RUN = re.compile(rf"[^{_BREAKS}]+")
"""What Clojure reads as one token."""
_KEYWORD = re.compile(rf":([a-zA-Z][a-zA-Z0-9_-]*)(?:(?=[{_BREAKS}])|\Z)")
"""Keywords as definitions have them. They are a third of all tokens, and need no lexer."""
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)

OPENERS = {
    "VECTOR_START": (FormKind.VECTOR, "]"),
    "LIST_START": (FormKind.LIST, ")"),
    "MAP_START": (FormKind.MAP, "}"),
    "SET_START": (FormKind.SET, "}"),
}
CLOSERS = {"VECTOR_END": "]", "LIST_END": ")", "MAP_OR_SET_END": "}"}
_DELIMITERS = {
    "[": "VECTOR_START",
    "(": "LIST_START",
    "{": "MAP_START",
    **{closer: type_ for type_, closer in CLOSERS.items()},
}
"""Tokens of one character. They are half of all tokens, and need no lexer either."""
_WHOLE_TOKENS = {*OPENERS, *CLOSERS, "DISCARD_TAG", "CARET"}
"""Tokens that nothing that follows can make longer."""
NUMBERS = {"INTEGER", "HEX_INTEGER", "FLOAT", "RATIO"}
ATOMS = {"SYMBOL", "KEYWORD", *NUMBERS}
TOKENS = frozenset(
    {*OPENERS, *CLOSERS, *ATOMS, "CHAR", "WHITESPACE", "SYMBOLIC_VALUE"}
    | {"TAG", "DISCARD_TAG", "CARET", "MAP_NAMESPACE_TAG"}
)
"""The token types of edn_format that are known here. A contract test compares them with the library."""


@cache
def _lexer() -> Any:  # noqa: ANN401  # PLY has no types
    """edn_format's lexer. It is built once, which takes milliseconds, and cloned for each text."""
    return edn_lex.lex()


class Token(NamedTuple):
    """A token. Its value is the lexer's; a STRING, a delimiter and what is no token have none."""

    type: str
    start: int
    end: int
    value: Any = None


class TokenReader(Reader):
    """Reads a text token by token."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._lexer = _lexer().clone()
        self._lexer.input(text)

    def _tokens(self) -> Iterator[Token]:
        """The tokens. Strings do not come from the lexer, which would decode them by Python's rules."""
        at = 0
        while True:
            at = _BLANK.match(self._text, at).end()  # type: ignore[union-attr]  # it matches the empty text, too
            if at == len(self._text):
                return
            token = self._token(at)
            yield token
            at = token.end

    def _token(self, start: int) -> Token:
        first = self._text[start]
        if first in _DELIMITERS:
            return Token(_DELIMITERS[first], start, start + 1)
        if keyword := _KEYWORD.match(self._text, start):
            return Token("KEYWORD", start, keyword.end(), keyword[1])
        return self._string(start) if first == '"' else self._lexed(start)

    def _string(self, start: int) -> Token:
        match = _STRING.match(self._text, start)
        if match is None:
            token = Token("", start, self._line_end(start))
            hint = 'Close it with `"`. A quote may be missing before it.'
            self._fail(token, "The string that opens here is never closed.", code=UNTERMINATED, hint=hint)
        return Token("STRING", start, match.end())

    def _line_end(self, offset: int) -> int:
        end = self._text.find("\n", offset)
        return len(self._text) if end < 0 else end

    def _lexed(self, start: int) -> Token:
        """The next token of edn_format's lexer, if Clojure would end it at the same place."""
        self._lexer.lexpos = start
        try:
            lexed = self._lexer.token()
        except (edn_format.EDNDecodeError, ValueError, ArithmeticError):
            self._fail_token(start)
        value = lexed.value.name if lexed.type == "KEYWORD" else lexed.value
        token = Token(lexed.type, start, self._lexer.lexpos, value)
        if token.type not in _WHOLE_TOKENS and token.end != self._run_end(start):
            self._fail_token(start)
        return token

    def _run_end(self, start: int) -> int:
        """Where the token ends for Clojure. A character literal may be one that ends other tokens."""
        inside = start + 2 if self._text[start] == "\\" else start
        run = RUN.match(self._text, inside)
        return run.end() if run else max(inside, start + 1)

    def _fail_token(self, start: int) -> NoReturn:
        """Refuse a text that is not a token, with a hint about the rule that it breaks, if one is known."""
        token = Token("", start, self._run_end(start))
        text = self._text[start : token.end]
        kind = "bad-number" if re.match(r"[+-]?[0-9]", text) else "bad-token"
        self._fail(token, f"{code(excerpt(text))} cannot be read.", code=kind, hint=_advice(text))


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
