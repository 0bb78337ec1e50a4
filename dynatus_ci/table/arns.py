"""ARNs of tables: what is read from one, and how another one is made."""

from __future__ import annotations

import re

from dynatus_ci.table.model import Table


def beside(table: Table | None, name: str) -> str:
    """The ARN of a table of the same account and region as another one; `table/NAME` where none is known."""
    return f"{table.info.arn.rpartition('/')[0] if table and table.info else 'table'}/{name}"


def account(arn: str) -> str:
    """The account in an ARN of DynamoDB; empty where there is none."""
    match = re.fullmatch(r"arn:[^:]*:dynamodb:[^:]*:([^:]*):.*", arn)
    return match[1] if match else ""
