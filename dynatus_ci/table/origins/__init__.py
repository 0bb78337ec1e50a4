"""Where the items of a table come from: another table, a backup, or the table itself while its key changes.

A definition has at most one origin.
"""

from __future__ import annotations

from dynatus_ci.table.model import Path
from dynatus_ci.table.origins.copy_from import CopyFrom
from dynatus_ci.table.origins.keep_items import KeepItems
from dynatus_ci.table.origins.origin import Origin
from dynatus_ci.table.origins.restore_from import RestoreFrom

ORIGINS: tuple[Origin, ...] = (CopyFrom(), RestoreFrom(), KeepItems())


def of(path: Path) -> Origin | None:
    """The origin that a path is about; None for every other path."""
    return next((origin for origin in ORIGINS if origin.path == path), None)
