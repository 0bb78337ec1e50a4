"""Dynatus CI: DynamoDB tables as EDN files; the account made to agree with them.

The public Python API. The first three functions answer as the Clojure library Dynatus does, except that a failed call
is never reported as success and nothing that loses data runs unless it is named.
"""

from __future__ import annotations

import logging

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
from dynatus_ci.table.model import Plan, Table
from dynatus_ci.table.outcome import Result

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

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a program that imports this decides what it shows
