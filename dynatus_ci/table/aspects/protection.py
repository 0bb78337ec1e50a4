"""DeletionProtectionEnabled: on before everything else, off after everything else.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html
docs/dynamodb.md#deletion-protection
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Phase, Risk, Step, Value
from dynatus_ci.table.validation.shapes import Flag


class Protection(Aspect):
    """Deletion protection of the table; it does not protect indexes."""

    name = "DeletionProtectionEnabled"
    title = "deletion protection"
    shape = Flag()
    phase = Phase.PROTECT
    in_create = True
    initial = False

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """False where an emulator leaves it out."""
        return bool(description.get("DeletionProtectionEnabled"))

    def risk(self, actual: Value, desired: Value) -> Risk:
        """Without it, anybody who may call DeleteTable can delete the table."""
        return Risk.SAFE if desired else Risk.DISRUPTIVE

    def consequence(self, difference: Difference) -> str:
        return "Deletion protection of {table} will be turned off."

    def reason(self, actual: Value, desired: Value) -> str:
        return f"turn deletion protection {'on' if desired else 'off'}"

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """Protection is turned on before all other steps, and off after them."""
        for step in super().steps(comparison, differences):
            on = step.parameters[self.name]
            yield step if on else replace(step, phase=Phase.UNPROTECT)
