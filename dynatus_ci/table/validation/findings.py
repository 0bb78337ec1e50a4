"""What is wrong at a path of a definition, and how a stranger's text is quoted in a sentence about it.

Holds no rule: shapes, rules and settings make findings, the loader gives each its place in a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

QUOTED = 40
"""The most characters of a file that one message repeats."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, line and paragraph separators, bidi and other invisible format characters, halves of surrogate pairs."""


class At(Enum):
    """Which part of what stands at a path a finding is about."""

    VALUE = "the value"
    KEY = "the key"
    OPENER = "the opening delimiter of the value: something is missing inside it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a definition.

    Args:
        path: Where, inside the definition: ("GlobalSecondaryIndexes", 0, "KeySchema").
        code: A short name of the kind of fault, for machines.
        message: What is wrong; one sentence.
        hint: What to write instead.
        at: Which part of what stands there.
    """

    path: tuple[str | int, ...]
    code: str
    message: str
    hint: str | None = None
    at: At = At.VALUE


def visible(text: str, *, keep: str = "") -> str:
    """Text in which nothing hides: U+FFFD stands for each hidden character that is not to be kept."""
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else REPLACEMENT, text)


def shown(text: str, most: int = QUOTED) -> str:
    """A stranger's text as it may stand in a sentence: short, on one line, and without what cannot be seen."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


def quoted(text: str) -> str:
    """A stranger's text in quotation marks."""
    return f'"{shown(text)}"'
