"""The calls: boto3 clients of one account, or of the emulator in AWS's place.

Reads retry adaptively. Writes never retry: the engine looks before it sends anything twice
(docs/dynamodb.md#what-may-be-sent-again).
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from threading import Lock
from typing import TYPE_CHECKING, Any

from dynatus_ci.aws import call_errors, configuration, endpoints
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.table import emulators
from dynatus_ci.table.model import DYNAMODB

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from mypy_boto3_dynamodb.client import DynamoDBClient

_log = logging.getLogger(__name__)

NO_SESSION = "NoSession"
"""The code of a call that nobody could make: a caller gave a client of DynamoDB and no session."""
CONNECTIONS = 32
"""How many reads run side by side. The connection pools have the same size."""
SLOW_READERS = frozenset({"DescribeTimeToLive", "ListTagsOfResource", "DescribeContinuousBackups", "Scan"})
"""Reads that AWS throttles at about ten a second for an account, and those that a table's own capacity limits. Each has
its own client, so its own rate limiter."""
_Config = dict[str, Any]
_ADAPTIVE = {"retries": {"mode": "adaptive", "total_max_attempts": 8}, "max_pool_connections": CONNECTIONS}
_NEVER = {"retries": {"mode": "standard", "total_max_attempts": 1}, "max_pool_connections": CONNECTIONS}
_READS: _Config = {**_ADAPTIVE, "connect_timeout": 5, "read_timeout": 20}
_WRITES: _Config = {**_NEVER, "connect_timeout": 5, "read_timeout": 60}
_ITEMS: _Config = {**_WRITES, "parameter_validation": False}
"""For calls about items. Who makes them slows down by itself, and no other call with it. The items come from AWS."""
_ONCE: _Config = {**_NEVER, "connect_timeout": 3, "read_timeout": 10}
"""For what may well not answer: an endpoint that is not AWS's, and what a run can do without."""
_NEXT_PAGE = {
    "NextToken": "NextToken",
    "LastEvaluatedTableName": "ExclusiveStartTableName",
    "LastEvaluatedKey": "ExclusiveStartKey",
    "LastEvaluatedBackupArn": "ExclusiveStartBackupArn",
}
"""Where an answer says that another page follows, and the parameter that asks for it."""


def pages(read: Callable[..., dict[str, Any]], *call: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Each page of a list; `read` is `Aws.read` or `Aws.read_service`, and the rest are its arguments."""
    while True:
        page = read(*call, **parameters)
        yield page
        following = {name: page[member] for member, name in _NEXT_PAGE.items() if page.get(member)}
        if not following:
            return
        parameters |= following


class Aws:
    """The account, or the emulator, that a run works on.

    Args:
        session: Makes the clients, boto3's or botocore's; None where only `given` may be used.
        given: A caller's own DynamoDB client, used for every call of DynamoDB.
        region: The region.
        endpoint_url: An endpoint that is not AWS's; None where AWS itself answers.
        dynamodb_url: AWS's endpoint for DynamoDB alone (VPC, FIPS, dual-stack), if the user named one.
        notes: What the report must say about the connection.
    """

    def __init__(
        self,
        *,
        session: boto3.Session | botocore.session.Session | None,
        given: DynamoDBClient | None = None,
        region: str,
        endpoint_url: str | None = None,
        dynamodb_url: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._session = session
        self._given = given
        self._dynamodb_url = dynamodb_url
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()
        self.region = region
        self.endpoint = endpoint_url
        self.account: str | None = None
        self.emulator: str | None = None
        self.unsupported: set[str] = set()
        self.notes = notes

    @property
    def is_aws(self) -> bool:
        """Whether AWS itself answers: no other endpoint, and no emulator inside this process."""
        return self.endpoint is None and self.emulator is None

    def read(self, operation: str, *, table: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Make a call that changes nothing. boto3 retries it where that helps.

        Raises:
            CallFailed: With the operation, the table and the missing permission.
        """
        slot = operation if operation in SLOW_READERS else "read"
        return self._call(self._client("dynamodb", slot, _READS), operation, table=table, **parameters)

    def describe(self, table: str) -> dict[str, Any] | None:
        """DescribeTable's `Table`; None where there is no such table.

        Raises:
            CallFailed: The call was denied, or did not succeed.
        """
        try:
            description: dict[str, Any] = self.read("DescribeTable", table=table, TableName=table)["Table"]
        except CallFailed as failed:
            if failed.kind is ErrorKind.MISSING:
                return None
            raise
        return description

    def read_pages(self, operation: str, items: str, *, table: str | None = None, **parameters: Any) -> dict[str, Any]:
        """All pages of a list as one answer, with the items under their own name."""
        listed = pages(self.read, operation, table=table, **parameters)
        return {items: [item for page in listed for item in page.get(items) or []]}

    def write(
        self, operation: str, *, table: str, parameters: Mapping[str, Any], service: str = DYNAMODB
    ) -> dict[str, Any]:
        """Make a call that changes something, once.

        Raises:
            CallFailed: Also where nobody knows whether the change happened (`ErrorKind.AMBIGUOUS`).
        """
        client = self._client(service, "write", _WRITES)
        return self._call(client, operation, table=table, service=service, **dict(parameters))

    def items(self, operation: str, *, table: str, **parameters: Any) -> dict[str, Any]:
        """Make a call that reads or writes items, once.

        Its answer may be large, so it is not looked through. The values of items are as the wire has them: binary is
        base64. Where a caller's own client makes the call, binary is bytes.

        Raises:
            CallFailed: Also where nobody knows whether the change happened (`ErrorKind.AMBIGUOUS`).
        """
        return self._send(self._client("dynamodb", "items", _ITEMS), operation, table=table, **parameters)

    def read_service(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make a read of another service (sts, kms, application-autoscaling, cloudformation).

        Raises:
            CallFailed: `ErrorKind.DENIED` also where there is no session to make a client with.
        """
        if self.endpoint:
            return self.read_once(service, operation, **parameters)
        return self._service(service, operation, slot="read", config=_READS, parameters=parameters)

    def read_once(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The same without waiting long for an answer: for what the run can do without.

        Raises:
            CallFailed: As `read_service`.
        """
        return self._service(service, operation, slot="once", config=_ONCE, parameters=parameters)

    @property
    def cannot_keep(self) -> frozenset[str]:
        """The settings that this endpoint is known not to keep."""
        return emulators.cannot_keep(self.emulator, self.unsupported)

    def remember_unsupported(self, setting: str) -> None:
        """Remember that this endpoint does not keep a setting."""
        self.unsupported.add(setting)

    def remember_unsupported_after(self, failed: CallFailed, setting: str) -> None:
        """Remember it because of a failed call.

        Raises:
            CallFailed: It failed for another reason, or AWS itself refused it.
        """
        if failed.kind is not ErrorKind.UNSUPPORTED or self.is_aws:
            raise failed
        self.remember_unsupported(setting)

    def _service(
        self, service: str, operation: str, *, slot: str, config: _Config, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        if self._session is None:
            message = f"{service}:{operation} needs a session, and only a client was given."
            raise CallFailed(message, kind=ErrorKind.DENIED, operation=operation, code=NO_SESSION)
        return self._call(self._client(service, slot, config), operation, service=service, **parameters)

    def _client(self, service: str, slot: str, config: _Config) -> Any:
        if self._given is not None and service == "dynamodb":
            _keep_all_members(self._given)
            return self._given
        with self._lock:
            if (service, slot) not in self._clients:
                self._clients[service, slot] = self._made(service, config)
                if config is _ITEMS:
                    _leave_values(self._clients[service, slot])
            return self._clients[service, slot]

    def _made(self, service: str, config: _Config) -> Any:
        from botocore.config import Config

        config = {**config, "user_agent": _user_agent()}
        make: Any = getattr(self._session, "create_client", None) or getattr(self._session, "client", None)
        url = self.endpoint or (self._dynamodb_url if service == "dynamodb" else None)
        with configuration.used():
            made = make(service, region_name=self.region, endpoint_url=url, config=Config(**config))
            endpoints.check(str(made.meta.endpoint_url))
        if service == "dynamodb":
            _keep_all_members(made)
        return made

    def _call(
        self, client: Any, operation: str, *, table: str | None = None, service: str = "dynamodb", **parameters: Any
    ) -> dict[str, Any]:
        answer = self._send(client, operation, table=table, service=service, **parameters)
        return call_errors.Answer(answer, {"operation": operation, "table": table})

    def _send(
        self, client: Any, operation: str, *, table: str | None = None, service: str = "dynamodb", **parameters: Any
    ) -> dict[str, Any]:
        from botocore import xform_name

        call = {"operation": operation, "table": table}
        began = time.monotonic()
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
        except Exception as error:  # boto3 lets through errors of the user's programs, files and proxies
            failed = call_errors.explain(error, operation=operation, table=table, service=service)
            _note(call, began=began, ended=f"{failed.code} RequestId {call_errors.request_id(error)}")
            raise failed from error
        _note(call, began=began, ended=f"RequestId {answer.get('ResponseMetadata', {}).get('RequestId')}")
        return answer


@functools.cache
def _user_agent() -> str:
    """Who calls, for AWS's logs. Without it botocore puts a longer one together for each call, which takes its time."""
    import botocore

    return f"dynatus-ci/{metadata.version('dynatus-ci')} Botocore/{botocore.__version__}"


def _note(call: Mapping[str, str | None], *, began: float, ended: str) -> None:
    """Log a call: never its parameters or its answer, which may hold items."""
    milliseconds = (time.monotonic() - began) * 1000
    about = f"{call['operation']} of table {call['table']}" if call["table"] else call["operation"]
    _log.debug("%s: %.0f ms, %s", about, milliseconds, ended)


def _leave_values(client: Any) -> None:
    """Let values of items pass as they are. To parse and write them by their shapes takes most of a copy's CPU time.

    Each client has a model of its own, so no other one changes. Where botocore one day keeps its shapes elsewhere,
    this changes nothing, and binary values are bytes again.
    """
    from botocore.model import ShapeResolver

    model = client.meta.service_model
    shapes: Any = getattr(model, "_service_description", {}).get("shapes", {})
    model._shape_resolver = ShapeResolver(shapes | {"AttributeValue": {"type": "string"}})  # noqa: SLF001  # as said


def _keep_all_members(client: Any) -> None:
    """Let DescribeTable return members that this release of boto3 does not know: it would drop them."""
    client.meta.events.register("response-received.dynamodb.DescribeTable", _complete, unique_id="dynatus-show-all")


def _complete(response_dict: Mapping[str, Any] | None, parsed_response: Any, **_: object) -> None:
    if response_dict and isinstance(parsed_response, dict) and "Table" in parsed_response:
        _add(parsed_response["Table"], json.loads(response_dict["body"])["Table"])


def _add(parsed: Any, sent: Any) -> None:
    """Add what AWS sent to what boto3 parsed, at any depth."""
    if isinstance(parsed, dict) and isinstance(sent, dict):
        for name, value in sent.items():
            if name in parsed:
                _add(parsed[name], value)
            elif value is not None:
                parsed[name] = value
    elif isinstance(parsed, list) and isinstance(sent, list):
        for parsed_item, sent_item in zip(parsed, sent, strict=False):
            _add(parsed_item, sent_item)
