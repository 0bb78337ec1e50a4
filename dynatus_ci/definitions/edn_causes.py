"""What is probably missing in a text of EDN that cannot be read: a quote, or a closing delimiter.

The reader notices it only much later. So the tokens up to there are read once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from dynatus_ci.definitions.edn_tokens import ATOMS, CLOSERS, OPENERS, RUN, UNTERMINATED, Token, TokenReader
from dynatus_ci.errors import Fault, InvalidDefinitions
from dynatus_ci.text import code

_GLUED = re.compile(rf'"|{RUN.pattern}')
_COMMENT_OR_STRING = re.compile(r';[^\n]*|"[^"\\]*(?:\\.[^"\\]*)*(?P<closed>")?', re.DOTALL)
_INDENT = re.compile("[ \t,]*")
_LINE_ENDS = re.compile("[ \t,]*(?:;[^\n]*)?\n")


class LikelyCauses(TokenReader):
    """The likely causes of a fault.

    Args:
        text: The text.
        file: Its file.
        last: Where the last token begins that the reader has seen.
    """

    def __init__(self, text: str, file: str, *, last: int) -> None:
        super().__init__(text, file)
        self._seen = tuple(self._until(last))

    def _until(self, last: int) -> Iterator[Token]:
        with suppress(InvalidDefinitions):  # the fault itself
            for token in self._tokens():
                if token.start > last:
                    return
                yield token

    def missing_quote(self) -> Fault | None:
        """The fault that a quote is missing; None where all strings of the text are closed."""
        suspect = self._glued() if self._odd_quotes() else None
        if suspect is None:
            return None
        if suspect.type == "STRING":
            message = f"The string that opens here has no closing quote before {self._at(suspect.end - 1)}."
            span = suspect._replace(end=min(suspect.end, self._line_end(suspect.start)))
            return self._source.fault(span, code=UNTERMINATED, message=message, hint='Close it with `"`.')
        message = f"A quote is missing before {self._shown(suspect)}."
        return self._source.fault(suspect, code=UNTERMINATED, message=message, hint="Put the whole text in quotes.")

    def _odd_quotes(self) -> bool:
        """Whether the last string of the text is never closed."""
        matches = _COMMENT_OR_STRING.finditer(self._text)
        return any(match[0].startswith('"') and match["closed"] is None for match in matches)

    def _glued(self) -> Token | None:
        """The first token that touches a string: if a quote is missing, it is probably missing there.

        A keyword may touch the string before it: people write it so.
        """
        before: Token | None = None
        for token in self._seen:
            if token.type == "STRING":
                if before and before.type in ATOMS and before.end == token.start:
                    return before
                if not self._text.startswith(":", token.end) and _GLUED.match(self._text, token.end):
                    return token
            before = token
        return None

    def missing_delimiter(self, *, inside: int) -> str | None:
        """Where a delimiter is probably missing, by the indentation of the lines; None where they do not show it.

        Args:
            inside: Where the collection begins that is open in the end.
        """
        opener, at = self._stray_line() or (None, 0)
        if opener is None or opener.start < inside:
            return None
        closer, line = OPENERS[opener.type][1], self._source.place(at, at).line
        why = f"Line {line} is not indented as part of the {self._shown(opener)} at {self._at(opener.start)}"
        return f"{why}: a {code(closer)} is probably missing before it."

    def _stray_line(self) -> tuple[Token, int] | None:
        """The first line that is not indented as part of the open collection, and what opens that."""
        openers: list[Token] = []
        behind = 0
        for token in self._seen:
            if token.type in CLOSERS:
                del openers[-1:]
            elif openers and "\n" in self._text[behind : token.start]:
                column = token.start - self._line_start(token.start)
                if column <= self._margin(openers[-1]):
                    return openers[-1], token.start
            if token.type in OPENERS:
                openers.append(token)
            behind = token.end
        return None

    def _margin(self, opener: Token) -> int:
        """The column that lines inside a collection are indented beyond."""
        line = self._line_start(opener.start)
        indent = _INDENT.match(self._text, line).end()  # type: ignore[union-attr]  # it matches the empty text, too
        return (indent if _LINE_ENDS.match(self._text, opener.end) else opener.start) - line

    def _line_start(self, offset: int) -> int:
        return self._text.rfind("\n", 0, offset) + 1
