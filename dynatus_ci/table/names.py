"""The names of tables: which AWS takes, and those of the tables that a recreate makes beside one while it runs."""

from __future__ import annotations

import re

from dynatus_ci.table.model import digest
from dynatus_ci.table.validation import dialects

LONGEST = 255
_VALID = r"[a-zA-Z0-9_.-]{3,255}"


def is_valid(name: str) -> bool:
    """Whether AWS takes it as the name of a table: 3 to 255 characters of `[a-zA-Z0-9_.-]`."""
    return re.fullmatch(_VALID, name) is not None


def hint(name: str) -> str | None:
    """What to write instead of a name that is not valid, if it is known what was meant."""
    return "Write the table's name, not its ARN." if name.startswith("arn:") else dialects.placeholder_hint(name)


def beside(table: str, suffix: str) -> str:
    """A table's name with a suffix; of a long name its beginning and a digest."""
    room = LONGEST - len(suffix)
    if len(table) <= room:
        return f"{table}{suffix}"
    mark = f"-{digest([table])[:8]}"
    return f"{table[: room - len(mark)]}{mark}{suffix}"
