"""Dynatus CI makes an AWS account's DynamoDB tables agree with EDN files. This is the public Python API.

`synchronize`, `execute_tables_sync` and `wait_for_table_active` return what the Clojure library Dynatus returns. But
they never report a failed call as success, and run nothing destructive without approval.
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

logging.getLogger(__name__).addHandler(logging.NullHandler())  # the program that imports this decides what to show
