"""Many tables with the same change become one line, and the patterns that approve them become one pattern."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TypeVar

from dynatus_ci.report.layout import Row, Section, StepLine
from dynatus_ci.text import plural, rewritten

T = TypeVar("T")
_FEWEST = 3
"""So many names make a pattern; two are as short by themselves."""
_SHORTEST_PREFIX = 3


def groups(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The items with equal keys together, in the order of the first of each."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())


def rows(found: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that differ only in the table become one row."""
    same_but_name = groups(found, lambda row: replace(row, tables=()))
    return tuple(replace(same[0], tables=tuple(row.tables[0] for row in same)) for same in same_but_name)


def sections(found: Iterable[Section]) -> tuple[Section, ...]:
    """Sections that differ only in the table and its file become one section."""
    return tuple(same[0] if len(same) == 1 else _together(same) for same in groups(found, _without_name))


def _without_name(section: Section) -> Section:
    """The section without its table's name, and in notes without numbers and without the values that hold the name.

    The ARNs of two streams differ in more than the name: they hold the time when the stream began.
    """
    (name,) = section.tables or ("",)
    named = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    notes = tuple(
        rewritten(note, words=_without_numbers, value=lambda value: "" if named.search(value) else value)
        for note in section.notes
    )
    return replace(section, tables=(), places=(), notes=notes)


def _without_numbers(words: str) -> str:
    return re.sub(r"\d[\d,]*", "", words)


def _together(same: Sequence[Section]) -> Section:
    return replace(
        same[0],
        tables=tuple(name for section in same for name in section.tables),
        steps=tuple(_same_step(steps) for steps in zip(*(section.steps for section in same), strict=True)),
        notes=tuple(_shared(notes) for notes in zip(*(section.notes for section in same), strict=True)),
        places=tuple(replace(place, table=section.tables[0]) for section in same for place in section.places),
    )


def _same_step(steps: Sequence[StepLine]) -> StepLine:
    return steps[0] if len({step.size for step in steps}) == 1 else replace(steps[0], size="")


def _shared(notes: Sequence[str]) -> str:
    """One note for several tables: that of the first, which may name what only this table has."""
    others = "" if len(set(notes)) == 1 else f" The same is true of the other {plural(len(notes) - 1, 'table')}."
    return f"{notes[0]}{others}"


def patterns(approved: Sequence[str], *, others: Iterable[str]) -> list[str]:
    """The fewest patterns that match all of these names and none of the others.

    Args:
        approved: What is to be approved: `orders`, or `orders/by-customer`.
        others: Everything else that a pattern of `allow-destructive` could match.
    """
    rest = set(others) - set(approved)
    found: list[str] = []
    for same in groups(approved, lambda name: name.partition("/")[2]):
        index = same[0].partition("/")[2]
        pattern = _glob([name.partition("/")[0] for name in same]) + (f"/{index}" if index else "")
        usable = "*" in pattern and not any(fnmatchcase(other, pattern) for other in rest)
        found += [pattern] if usable else same
    return found


def _glob(names: Sequence[str]) -> str:
    """What the names have in common, with a `*` between; the empty text where they are too few or too different."""
    if len(names) < _FEWEST or any(letter in name for name in names for letter in "*?["):
        return ""
    prefix = _common_start(names)
    suffix = _common_start([name[len(prefix) :][::-1] for name in names])[::-1]
    return f"{prefix}*{suffix}" if len(prefix) >= _SHORTEST_PREFIX else ""


def _common_start(names: Sequence[str]) -> str:
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in same)
