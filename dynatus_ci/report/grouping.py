"""Many tables with the same change become one line, and the patterns that approve them become one pattern."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

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
