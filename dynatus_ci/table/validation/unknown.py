"""Values of a definition that are not known, because they have a finding already: rules say nothing about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table.model import Value


class Unknown:
    """Stands for a value that has a finding already, so that the rules can say nothing about it."""


INVALID = Unknown()
"""There is a value, and it has a finding, or a fault of its file."""
UNSURE = Unknown()
"""There is no value, which is a finding; or the value may be the one of an unknown key."""


def known(holder: Mapping[str, Any], member: str) -> Value:
    """A member's value; None where it is absent or unknown."""
    value = holder.get(member)
    return None if isinstance(value, Unknown) else value


def whole(value: Value) -> bool:
    """Whether no part of a value is unknown."""
    if isinstance(value, Mapping):
        return all(map(whole, value.values()))
    if isinstance(value, list):
        return all(map(whole, value))
    return not isinstance(value, Unknown)


def whole_items(items: Value) -> Iterator[tuple[int, Any]]:
    """The members of a vector that are wholly known, with their numbers."""
    yield from ((number, item) for number, item in enumerate(items or ()) if whole(item))
