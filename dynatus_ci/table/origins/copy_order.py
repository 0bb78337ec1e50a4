"""A table and its copy in one run: which must wait, and what is said of a source that is to go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dynatus_ci.errors import Refusal
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.model import Action, Effect, Table, TableChange
from dynatus_ci.table.origins import copy_from, copying
from dynatus_ci.text import all_of, by_number, code, plural


def unfilled(tables: Iterable[Table], changes: Iterable[TableChange], *, tagged: bool) -> dict[str, str]:
    """The tables that are not known to have all items of their source, each with that source.

    Args:
        tables: The definitions.
        changes: What they need; a table that could not be read may need anything.
        tagged: Whether the endpoint keeps tags.
    """
    copies = {
        table.name: table.at(copy_from.PATH) for table in tables if table.manages(copy_from.NAME) and not table.absent
    }
    filled = {change.table for change in changes if _is_filled(change, tagged=tagged)}
    return {name: source for name, source in copies.items() if name not in filled}


def _is_filled(change: TableChange, *, tagged: bool) -> bool:
    if change.error or any(difference.effect is Effect.COPY for difference in change.differences):
        return False
    return not tagged or (change.actual is not None and copy_from.COPIED in (change.actual.at(copy_from.PATH) or {}))


def in_order(change: TableChange, copies: Mapping[str, str]) -> TableChange:
    """The change, refused where a copy of the same run must be complete before it.

    Args:
        change: What a table needs.
        copies: The tables that are not filled yet, each with its source.
    """
    text = None if change.refusal else _too_early(change, copies)
    return replace(change, refusal=Refusal(text), steps=()) if text else change


def _too_early(change: TableChange, copies: Mapping[str, str]) -> str | None:
    if change.action in {Action.DELETE, Action.RECREATE}:
        first = next((name for name, source in copies.items() if source == change.table), None)
        if first:
            copy = code(first)
            return (
                f"{copy} must be filled from this table first. Delete this table in a later change, when {copy} is "
                "complete."
            )
    source = copies.get(change.table)
    if (
        source is not None
        and source in copies
        and any(difference.effect is Effect.COPY for difference in change.differences)
    ):
        return f"{code(source)}, the source of this copy, is itself still being filled. Run apply again afterwards."
    return None


def is_copy_of(change: TableChange, source: Table) -> bool:
    """Whether a table was filled from another one, and that is still the same table."""
    wanted = change.desired is not None and change.desired.at(copy_from.PATH) == source.name
    found = change.actual.at((copy_from.NAME, copy_from.COPIED)) if change.actual else None
    if not wanted or change.action is None or change.actual is None:
        return False
    # Where the endpoint keeps no tags, nobody can tell an earlier table of that name.
    return found is None or found == tags.owner(source.name, source.table_id)


def compared(copy: str, found: copying.Compared) -> str:
    """What to say of a table that is to go, after its items were compared with those of a copy."""
    where = f"{code(copy)}, which was filled from this table"
    missing, different = found.missing, found.different
    others = f" {plural(different, 'item')} {by_number(different, 'has', 'have')} other values there."
    differ = others if different else ""
    if missing:
        lost = f"{missing:,} of {plural(found.items, 'item')} {by_number(missing, 'is', 'are')} not in {where}"
        return f"{lost}: {by_number(missing, 'it was', 'they were')} written later, or deleted there.{differ}"
    return f"{all_of(found.items, 'item')} {by_number(found.items, 'is', 'are')} in {where}.{differ}"


def not_compared(copy: str, why: str) -> str:
    """The same where they were not compared."""
    return f"The items were not compared with {code(copy)}, which was filled from this table: {why}."
