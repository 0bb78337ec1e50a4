"""An emulator in AWS's place: which one it is, a client for it, and the names that it cannot tell apart.

What each emulator cannot keep is in `table.emulators`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws, pages
from dynatus_ci.table import emulators
from dynatus_ci.text import code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PLACEHOLDER_REGION = "us-east-1"
PLACEHOLDER_KEY = "dynatus"
"""For emulators. DynamoDB Local takes any key of letters and digits."""
_EMULATOR_ARN = "arn:aws:dynamodb:ddblocal:000000000000:table/dynatus-probe"


def client(endpoint_url: str, *, access_key: str = PLACEHOLDER_KEY, region: str = PLACEHOLDER_REGION) -> DynamoDBClient:
    """A boto3 client for an emulator. It has placeholder credentials, and reads none of the environment's."""
    import boto3

    session = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=PLACEHOLDER_KEY,
        aws_session_token=None,
        region_name=region,
    )
    return session.client("dynamodb", endpoint_url=endpoint_url)


def recognise(aws: Aws) -> None:
    """Recognise DynamoDB Local by a sentence of its own, and moto by a path of its own."""
    try:
        aws.read("ListTagsOfResource", ResourceArn=_EMULATOR_ARN)
    except CallFailed as failed:
        if "DynamoDB Local" in failed.message:
            aws.emulator = emulators.DYNAMODB_LOCAL
        elif failed.kind is ErrorKind.UNSUPPORTED:
            aws.remember_unsupported("Tags")
    if aws.emulator is None and _is_moto(str(aws.endpoint)):
        aws.emulator = emulators.MOTO


def inside_moto(client: DynamoDBClient) -> bool:
    """Whether moto's `mock_aws` answers a client inside this process. Makes a call only where moto is loaded."""
    if "moto" not in sys.modules:
        return False
    makers: set[str] = set()

    def note(http_response: Any, **_: object) -> None:
        makers.add(type(http_response.raw).__module__.partition(".")[0])  # urllib3, where it came over a connection

    event = "after-call.dynamodb.ListTables"
    client.meta.events.register(event, note, unique_id="dynatus-inside-moto")
    try:
        client.list_tables(Limit=1)
    except Exception:  # noqa: BLE001, S110  # whatever is wrong, the call that is really wanted will say it
        pass
    finally:
        client.meta.events.unregister(event, unique_id="dynatus-inside-moto")
    return "moto" in makers


def _is_moto(endpoint: str) -> bool:
    import http.client
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"{endpoint.rstrip('/')}/moto-api/data.json", timeout=5) as answer:  # noqa: S310
            return isinstance(json.load(answer), dict)
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
        return False


def case_conflicts(names: Iterable[str]) -> dict[str, str]:
    """The names that differ only in case from one before them, each with that one.

    DynamoDB Local takes them for one table, and fails without a reason when the second is created. AWS does not.
    """
    first: dict[str, str] = {}
    return {name: first[name.lower()] for name in names if first.setdefault(name.lower(), name) != name}


def refuse_case_conflict(aws: Aws, name: str) -> None:
    """Refuse a table of DynamoDB Local whose name differs only in case from one that is there.

    Raises:
        CallFailed: There is one.
    """
    existing = [listed for page in pages(aws.read, "ListTables", table=name) for listed in page["TableNames"]]
    conflict = case_conflicts((*existing, name)).get(name)
    if conflict:
        raise CallFailed(
            f"DynamoDB Local has a table {code(conflict)}, and cannot have {code(name)} beside it: it ignores case.",
            hint=f"Delete that table there, or write {code(conflict)}.",
            kind=ErrorKind.PERMANENT, operation="ListTables", code="NameTwin", table=name,
        )  # fmt: skip
