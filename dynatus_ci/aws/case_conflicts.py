"""Names that DynamoDB Local takes for one because they differ only in case; it fails without a word to make the second.

AWS tells them apart, so nobody else is asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws


def among(names: Iterable[str]) -> dict[str, str]:
    """The names that have a twin before them, and the twin."""
    first: dict[str, str] = {}
    return {name: first[name.lower()] for name in names if first.setdefault(name.lower(), name) != name}


def refuse(aws: Aws, name: str) -> None:
    """Say so where DynamoDB Local has a table whose name differs from this one only in case.

    Raises:
        CallFailed: It has.
    """
    start: dict[str, str] = {}
    while True:
        page = aws.read("ListTables", table=name, **start)
        for twin in page["TableNames"]:
            if twin != name and twin.lower() == name.lower():
                message = f"DynamoDB Local has a table {twin}, and cannot have {name} beside it: it ignores case."
                hint = "Delete that table there, or write its name as it is."
                code = "NameTwin"
                raise CallFailed(
                    message, kind=ErrorKind.PERMANENT, operation="ListTables", code=code, table=name, hint=hint
                )
        if not page.get("LastEvaluatedTableName"):
            return
        start = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}
