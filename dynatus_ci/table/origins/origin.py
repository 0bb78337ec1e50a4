"""What every origin of a table's items has: a member of a definition, as an aspect is, but about items.

Here is what is asked of all origins in the same way. How the items get into the table, and what must be looked up for
that, differs for each: that is in the origin's own modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from dynatus_ci.errors import Refusal
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.model import Difference, Path, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Shape
from dynatus_ci.table.validation.unknown import known

MOST_TAGS = tags.MOST - 2
"""A table, and its copy, can have so many tags of their own beside those that say how far it is filled."""


class Origin:
    """Where the items of a table come from."""

    name: ClassVar[str]
    """The member's name in a definition."""
    title: ClassVar[str]
    """What people call it in a report."""
    shape: ClassVar[Shape]
    """The values that a definition may give it."""
    details: ClassVar[tuple[str, ...]] = ()
    """Further members of the desired `Table` that belong to it."""
    elsewhere: ClassVar[bool] = True
    """Whether the items of a table that is missing are somewhere else: a definition without it creates an empty one."""
    tagged: ClassVar[bool] = False
    """Whether tags of the table say how far it is filled."""

    @property
    def path(self) -> Path:
        """Where its value stands in a table, and its difference."""
        return (self.name,)

    def desired(self, value: Any) -> Mapping[str, Value]:
        """A value of a definition, as the desired `Table` has it: member → value."""
        return {self.name: value}

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """What would be refused about this origin of a definition, as far as the file alone shows it."""
        if self.tagged and known(definition, self.name) and len(known(definition, Tags.name) or ()) > MOST_TAGS:
            message = f"A table with `:{self.name}` can have at most {MOST_TAGS} tags: dynatus sets two of its own."
            yield Finding((Tags.name, MOST_TAGS), "too-many-tags", message, at=At.OPENER)

    def marks(self, found: Mapping[str, str]) -> Value:
        """The tags of a table that say how far it is filled."""
        return {}

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """That the items are not there yet: at most one."""
        raise NotImplementedError

    def with_mark(self, comparison: Comparison, create: Step) -> Step:
        """CreateTable with the tag that says that the new table is to be filled."""
        return create

    def never_recreated(self, comparison: Comparison) -> Refusal | None:
        """Why a table is not deleted and created again while its file has this; None where it may be."""
        return None

    def overview(self, difference: Difference) -> str:
        """What the overview of a plan says of its difference: a sentence."""
        return self.title

    def phrase(self, value: Value) -> str:
        """A value in a few words, as plain text."""
        return str(value)

    def consequence(self, difference: Difference) -> str:
        """What a risky difference means to who uses the tables: a sentence with places, as that of an aspect."""
        return "{name} of {table} will change."
