"""Dynatus CI makes an AWS account's DynamoDB tables agree with files. This is the public Python API.

`synchronize`, `execute_tables_sync` and `wait_for_table_active` return what the Clojure library Dynatus returns. But
they never report a failed call as success, and run nothing destructive without approval.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynatus_ci.api import (
        Migration,
        SyncResult,
        apply_tables,
        execute_tables_sync,
        load_definitions,
        plan_tables,
        synchronize,
        syncronizate,
        wait_for_table_active,
    )
    from dynatus_ci.engine import Event, Options
    from dynatus_ci.errors import AwsError, DynatusError, Fault, InvalidDefinitions, Refused
    from dynatus_ci.table.model import Table
    from dynatus_ci.table.outcome import Result
    from dynatus_ci.table.plans import Plan

__all__ = [
    "AwsError",
    "DynatusError",
    "Event",
    "Fault",
    "InvalidDefinitions",
    "Migration",
    "Options",
    "Plan",
    "Refused",
    "Result",
    "SyncResult",
    "Table",
    "apply_tables",
    "execute_tables_sync",
    "load_definitions",
    "plan_tables",
    "synchronize",
    "syncronizate",
    "wait_for_table_active",
]

_ELSEWHERE = {
    "dynatus_ci.engine": ("Event", "Options"),
    "dynatus_ci.errors": ("AwsError", "DynatusError", "Fault", "InvalidDefinitions", "Refused"),
    "dynatus_ci.table.model": ("Table",),
    "dynatus_ci.table.outcome": ("Result",),
    "dynatus_ci.table.plans": ("Plan",),
}
"""Where each name is from, if it is not from `dynatus_ci.api`."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any of the names above
    """Import a public name when it is first used: whoever has the pytest plugin imports this package in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((module for module, names in _ELSEWHERE.items() if name in names), "dynatus_ci.api")
    found = globals()[name] = getattr(importlib.import_module(module), name)
    return found


logging.getLogger(__name__).addHandler(logging.NullHandler())  # the program that imports this decides what to show


def __dir__() -> list[str]:
    return [*globals(), *__all__]
