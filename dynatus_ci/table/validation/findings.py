"""What is wrong at a path of a definition. `shapes`, `rules` and the aspects find it; the loader knows the place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

DefinitionPath: TypeAlias = tuple[str | int, ...]
"""Where something stands in a definition: ("GlobalSecondaryIndexes", 0, "KeySchema"), in AWS's spelling."""


class At(Enum):
    """The part of the member at a path that a finding is about."""

    VALUE = "the value"
    KEY = "the key"
    OPENER = "the opening delimiter of the value: something is missing inside it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a definition.

    Args:
        path: Where.
        code: The kind of fault, for machines.
        message: What is wrong: one sentence, its values in code spans.
        hint: What to write instead, in the same form.
        at: The part of the member that it is about.
    """

    path: DefinitionPath
    code: str
    message: str
    hint: str | None = None
    at: At = At.VALUE
