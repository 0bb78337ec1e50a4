"""The connection: clients, region, account, and which emulator answers in AWS's place, if one does.

One call goes out at a time for a table; reads retry adaptively, writes never: the engine observes before it does
anything twice (docs/dynamodb.md#what-may-be-sent-again).
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from dynatus_ci.aws import call_errors, configuration, endpoints, wire
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.endpoints import is_aws_endpoint
from dynatus_ci.errors import AwsError, InvalidInput, WrongAccount
from dynatus_ci.table import emulators

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from mypy_boto3_dynamodb.client import DynamoDBClient

_log = logging.getLogger(__name__)

CONNECTIONS = 32
"""Reads side by side; the pools have the same size."""
REFUSED_FOR = 30.0
"""Seconds for which a refused connection is tried again at the start: service containers start slowly."""
SLOW_READERS = frozenset({"DescribeTimeToLive", "ListTagsOfResource", "DescribeContinuousBackups"})
"""Readers that AWS throttles at about ten a second for an account; each has a rate limiter, so a client, of its own."""
DUMMY_REGION = "us-east-1"
DUMMY_KEY = "dynatus"
_Config = dict[str, Any]
_ADAPTIVE = {"retries": {"mode": "adaptive", "total_max_attempts": 8}, "max_pool_connections": CONNECTIONS}
_NEVER = {"retries": {"mode": "standard", "total_max_attempts": 1}, "max_pool_connections": CONNECTIONS}
_READS: _Config = {**_ADAPTIVE, "connect_timeout": 5, "read_timeout": 20}
_WRITES: _Config = {**_NEVER, "connect_timeout": 5, "read_timeout": 60}
_ONCE: _Config = {**_NEVER, "connect_timeout": 3, "read_timeout": 10}
"""botocore's settings: reads come back by themselves, writes and first contacts never."""
_PROBE = "arn:aws:dynamodb:ddblocal:000000000000:table/dynatus-probe"


class Aws:
    """The account, or the emulator, that a run works on.

    Args:
        session: Where clients come from; None where only `given` may be used.
        given: A caller's own DynamoDB client, used for everything of DynamoDB.
        region: The region.
        endpoint_url: The endpoint that is not AWS's; None for AWS's own (or one that AWS serves).
        dynamodb_url: AWS's endpoint for DynamoDB alone (VPC, FIPS, dual-stack), if one was named.
        notes: What the report must say of the connection.
    """

    def __init__(
        self,
        *,
        session: boto3.Session | None,
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

    def read(self, operation: str, *, table: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Make a call that changes nothing; it is tried again where that helps.

        Raises:
            CallFailed: With the operation, the table and the missing permission.
        """
        slot = operation if operation in SLOW_READERS else "read"
        return self._call(self._client("dynamodb", slot, _READS), operation, table=table, **parameters)

    def read_pages(self, operation: str, items: str, *, table: str | None = None, **parameters: Any) -> dict[str, Any]:
        """All pages of a list in one answer, its items under their own name."""
        found: list[Any] = []
        token: dict[str, Any] = {}
        while True:
            page = self.read(operation, table=table, **parameters, **token)
            found += page.get(items) or []
            if not page.get("NextToken"):
                return {items: found}
            token = {"NextToken": page["NextToken"]}

    def write(self, operation: str, *, table: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call that changes something, once.

        Raises:
            CallFailed: Also where nobody knows whether it happened (`Kind.AMBIGUOUS`).
        """
        return self._call(self._client("dynamodb", "write", _WRITES), operation, table=table, **dict(parameters))

    def read_service(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """A read of another service (sts, kms, application-autoscaling).

        Raises:
            CallFailed: `Kind.DENIED` also where there is no session to ask with.
        """
        if self._session is None:
            message = f"{service}:{operation} needs a session, and only a client was given."
            raise CallFailed(message, kind=ErrorKind.DENIED, operation=operation, code="NoSession")
        slot, config = ("once", _ONCE) if self.endpoint else ("read", _READS)
        return self._call(self._client(service, slot, config), operation, service=service, **parameters)

    def cannot_keep(self, setting: str) -> None:
        """Remember that this endpoint does not keep a setting."""
        self.unsupported.add(setting)

    def _client(self, service: str, slot: str, config: _Config) -> Any:
        if self._given is not None and service == "dynamodb":
            wire.show_all(self._given)
            return self._given
        with self._lock:
            if (service, slot) not in self._clients:
                from botocore.config import Config  # noqa: PLC0415  # see `connect`

                make: Any = self._session.client if self._session else None
                url = self.endpoint or (self._dynamodb_url if service == "dynamodb" else None)
                with configuration.used():
                    made = make(service, region_name=self.region, endpoint_url=url, config=Config(**config))
                    endpoints.check(str(made.meta.endpoint_url))
                if service == "dynamodb":
                    wire.show_all(made)
                self._clients[service, slot] = made
            return self._clients[service, slot]

    def _call(
        self, client: Any, operation: str, *, table: str | None = None, service: str = "dynamodb", **parameters: Any
    ) -> dict[str, Any]:
        method = getattr(client, _method_name(operation))
        call = {"operation": operation, "table": table}
        began = time.monotonic()
        try:
            answer: dict[str, Any] = method(**parameters)
        except Exception as error:  # boto3 lets through what a program, a file or a proxy of the user's does wrong
            failed = call_errors.explain(error, operation=operation, table=table, service=service)
            _note(call, began=began, ended=f"{failed.code} RequestId {call_errors.request_id(error)}")
            raise failed from error
        _note(call, began=began, ended=f"RequestId {answer.get('ResponseMetadata', {}).get('RequestId')}")
        return call_errors.Answer(answer, call)


def _note(call: Mapping[str, str | None], *, began: float, ended: str) -> None:
    """Log a call: never its parameters or its answer, which may hold items."""
    milliseconds = (time.monotonic() - began) * 1000
    about = f"{call['operation']} of table {call['table']}" if call["table"] else call["operation"]
    _log.debug("%s: %.0f ms, %s", about, milliseconds, ended)


def connect(
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    profile: str | None = None,
    expect_account: str | None = None,
    strangers: Path | None = None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Aws:
    """Connect as boto3's own chain says, and find out who and what answers.

    Args:
        region: Instead of the chain's.
        endpoint_url: Instead of the chain's.
        profile: boto3's profile.
        expect_account: Credentials of another account stop here, before any other call.
        strangers: A folder that others may have written to; boto3's configuration may not come from there.
        on_notice: Told of what takes a while.

    Raises:
        InvalidInput: The configuration of AWS cannot be used, or `expect_account` is given at an endpoint without STS.
        WrongAccount: The credentials belong to another account.
        AwsError: Nobody answers, or there are no credentials.
    """
    _forget_empty_variables()
    if strangers:
        configuration.refuse_inside(strangers)
    import boto3  # noqa: PLC0415  # it takes a quarter of a second, and `validate` does not need it
    import botocore.session  # noqa: PLC0415  # likewise

    with configuration.used():
        core = botocore.session.Session(profile=profile)
        named, url = _where(core, region=region, endpoint_url=endpoint_url)
        own = not is_aws_endpoint(url)
        if named is None and not own:
            raise InvalidInput("No AWS region is set.", hint="Set `region`, AWS_REGION, or a region in the profile.")
        aws = Aws(
            session=boto3.Session(botocore_session=core, region_name=named or DUMMY_REGION),
            region=named or DUMMY_REGION,
            endpoint_url=url if own else None,
            dynamodb_url=endpoint_url,
            notes=_dummies(core, region=named, own=own),
        )
    _find_out(aws, expect_account=expect_account, on_notice=on_notice)
    return aws


def from_client(client: DynamoDBClient, session: boto3.Session | None = None) -> Aws:
    """Work through a caller's own client; without a session, what only STS, KMS and auto scaling know stays unknown."""
    url = client.meta.endpoint_url
    aws = Aws(
        session=session,
        given=client,
        region=client.meta.region_name,
        endpoint_url=None if is_aws_endpoint(url) else url,
    )
    if aws.endpoint:
        _recognise(aws)
    if session is not None:
        aws.account = _account(aws)
    return aws


def _find_out(aws: Aws, *, expect_account: str | None, on_notice: Callable[[str], None]) -> None:
    if aws.endpoint:
        _wait_for_endpoint(aws, on_notice)
        _recognise(aws)
    aws.account = _account(aws)
    if expect_account is None:
        return
    if aws.account is None:
        raise InvalidInput(
            f"`account` cannot be checked: {aws.endpoint} has no STS.", hint="Leave `account` out there."
        )
    if aws.account != expect_account:
        ending = aws.account[-4:]
        raise WrongAccount(f"The credentials belong to the account that ends in {ending}, not to the one in `account`.")


def _account(aws: Aws) -> str | None:
    try:
        return str(aws.read_service("sts", "GetCallerIdentity")["Account"])
    except CallFailed as failed:
        if aws.endpoint:
            return None
        if failed.kind is ErrorKind.UNREACHABLE:
            failed.hint = configuration.region_hint(aws.region)
        raise


def _wait_for_endpoint(aws: Aws, on_notice: Callable[[str], None]) -> None:
    """Until something answers; what it answers does not matter here."""
    deadline = time.monotonic() + REFUSED_FOR
    told = False
    while True:
        try:
            aws.read_service("dynamodb", "ListTables", Limit=1)
        except CallFailed as failed:
            if failed.kind is not ErrorKind.UNREACHABLE:
                return
            if time.monotonic() > deadline:
                raise _unreachable(aws, failed) from failed
        else:
            return
        if not told:
            on_notice(f"{aws.endpoint} refuses the connection; trying for up to {REFUSED_FOR:.0f} s.")
            told = True
        time.sleep(0.5)


def _unreachable(aws: Aws, failed: CallFailed) -> AwsError:
    host = urllib.request.Request(str(aws.endpoint)).host or ""  # noqa: S310  # only parsed
    hint = None
    if host.partition(":")[0] in {"localhost", "127.0.0.1", "[::1]"} and Path("/.dockerenv").exists():
        hint = (
            "Inside the action's container localhost is the container itself: use the service's name, "
            "such as http://dynamodb:8000."
        )
    message = f"Nobody answers at {aws.endpoint}: the connection was refused for {REFUSED_FOR:.0f} s."
    return AwsError(message, operation=failed.operation, code=failed.code, hint=hint)


def _recognise(aws: Aws) -> None:
    """By what nothing else answers: DynamoDB Local's own sentence, or moto's own path."""
    try:
        aws.read("ListTagsOfResource", ResourceArn=_PROBE)
    except CallFailed as failed:
        if "DynamoDB Local" in failed.message:
            aws.emulator = emulators.DYNAMODB_LOCAL
        elif failed.kind is ErrorKind.UNSUPPORTED:
            aws.cannot_keep("Tags")
    if aws.emulator is None and _is_moto(str(aws.endpoint)):
        aws.emulator = emulators.MOTO


def _is_moto(endpoint: str) -> bool:
    """Moto's server lists its state at a path that no other server has."""
    try:
        with urllib.request.urlopen(f"{endpoint.rstrip('/')}/moto-api/data.json", timeout=5) as answer:  # noqa: S310
            return isinstance(json.load(answer), dict)
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
        return False


def _forget_empty_variables() -> None:
    """A cleared credential arrives from the runner as an empty variable, and boto3 would sign with it."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]


def _where(core: botocore.session.Session, *, region: str | None, endpoint_url: str | None) -> tuple[str | None, str]:
    """The region, if one is set, and the endpoint; AWS_REGION before the profile's, as GitHub's runners set it."""
    named = region or os.environ.get("AWS_REGION") or core.get_config_variable("region")
    url = endpoint_url or _chosen_url(core, named or DUMMY_REGION)
    endpoints.check(url)
    return named, url


def _chosen_url(core: botocore.session.Session, region: str) -> str:
    keys = {"aws_access_key_id": DUMMY_KEY, "aws_secret_access_key": DUMMY_KEY}
    client: Any = core.create_client("dynamodb", region_name=region, **keys)  # type: ignore[arg-type]  # two texts
    return str(client.meta.endpoint_url)


def _dummies(core: botocore.session.Session, *, region: str | None, own: bool) -> tuple[str, ...]:
    """An endpoint of the user's own needs no account: what is missing there is made up, and said."""
    if not own:
        return ()
    core.get_component("credential_provider").remove("iam-role")
    missing = [] if region else ["region"]
    if core.get_credentials() is None:
        core.set_credentials(DUMMY_KEY, DUMMY_KEY)
        missing.append("credentials")
    return (f"No {' and no '.join(missing)} set: made up for this endpoint.",) if missing else ()


def _method_name(operation: str) -> str:
    return xform_name(operation)
