"""TableClass: STANDARD or STANDARD_INFREQUENT_ACCESS; alone in its call, twice in 30 days.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.TableClasses.html
docs/dynamodb.md#table-class
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.model import Value
from dynatus_ci.table.validation.shapes import Choice
from dynatus_ci.text import code


class TableClass(Aspect):
    """The table's storage class."""

    name = "TableClass"
    title = "table class"
    shape = Choice(("STANDARD", "STANDARD_INFREQUENT_ACCESS"))
    in_create = True
    initial = "STANDARD"
    seconds = (4, 6)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """The summary is absent on a table that has always been STANDARD."""
        return (description.get("TableClassSummary") or {}).get("TableClass", "STANDARD")

    def reason(self, actual: Value, desired: Value) -> str:
        return f"change the table class to {code(desired)}"
