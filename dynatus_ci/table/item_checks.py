"""What was found out about the items of a table: do they fit what the file asks for?

docs/checks.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dynatus_ci.text import plain


class Misfit(StrEnum):
    """Why an item does not fit, or why nobody knows."""

    TYPE = "type"
    EMPTY = "empty"
    LENGTH = "length"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    NOT_A_NUMBER = "not-a-number"
    MILLISECONDS = "milliseconds"
    DENIED = "denied"


OF_KEYS = (Misfit.MISSING, Misfit.TYPE, Misfit.EMPTY, Misfit.LENGTH)
"""Why an item does not fit a key. One that does not for several reasons counts for the first of these."""
HARMLESS = frozenset({Misfit.EXPIRED, Misfit.NOT_A_NUMBER, Misfit.MILLISECONDS, Misfit.DENIED})
"""What a plan only mentions. Everything else refuses the table."""


class Extent(StrEnum):
    """How much of a table was read."""

    ALL = "all"
    SAMPLE = "sample"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Check:
    """How many items do not fit one part of a table, for one reason.

    Args:
        path: The part of the table, as differences name it.
        reason: Why they do not fit; None where all of them fit.
        read: How much of the table was read.
        items: How many items were read.
        misfits: How many of these do not fit. Two items with the same new key count as one.
        note: What is wrong with them, as a phrase with values in code spans; None where all fit.
    """

    path: tuple[str, ...]
    reason: Misfit | None
    read: Extent
    items: int = 0
    misfits: int = 0
    note: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether the table must not be changed before these items are corrected."""
        return self.misfits > 0 and self.reason not in HARMLESS

    def to_dict(self) -> dict[str, Any]:
        """The check as documents hold it (docs/own-rules.md)."""
        return {
            "path": list(self.path),
            "reason": self.reason.value if self.reason else None,
            "read": self.read.value,
            "items": self.items,
            "misfits": self.misfits,
            "note": self.note and plain(self.note),
        }

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Check:
        """The check of a plan document (`to_dict`)."""
        return Check(
            path=tuple(document["path"]),
            reason=Misfit(document["reason"]) if document["reason"] else None,
            read=Extent(document["read"]),
            items=document["items"],
            misfits=document["misfits"],
            note=document["note"],
        )
