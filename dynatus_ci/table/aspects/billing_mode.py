"""Which billing mode a definition asks for, and which one a live table has.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynatus_ci.table.validation.unknown import known

NAME = "BillingMode"
ON_DEMAND = "PAY_PER_REQUEST"
DEFAULT = "PROVISIONED"
"""The mode of a table that names none."""


def asked(definition: Mapping[str, Any]) -> str:
    """The mode that a definition asks for; the default also where its value has a fault."""
    return known(definition, NAME) or DEFAULT


def described(description: Mapping[str, Any]) -> str:
    """The mode of a live table. DescribeTable has no summary of one that was never on demand."""
    mode: str = (description.get("BillingModeSummary") or {}).get(NAME, DEFAULT)
    return mode
