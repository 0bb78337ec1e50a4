"""What is wrong at a path of a definition.

Holds no rule: shapes, rules and settings make findings, the loader gives each its place in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
