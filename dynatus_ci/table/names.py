"""The names of the tables that a recreate makes beside a table, for as long as it takes."""

from __future__ import annotations

from dynatus_ci.table.model import digest

LONGEST = 255


def beside(table: str, suffix: str) -> str:
    """A table's name with a suffix; of a long name its beginning and a digest."""
    room = LONGEST - len(suffix)
    if len(table) <= room:
        return f"{table}{suffix}"
    mark = f"-{digest([table])[:8]}"
    return f"{table[: room - len(mark)]}{mark}{suffix}"
