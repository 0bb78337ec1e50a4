"""Connecting: which region, which endpoint, and whose account."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dynatus_ci.aws import configuration, emulation, endpoints
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.emulation import PLACEHOLDER_KEY, PLACEHOLDER_REGION
from dynatus_ci.aws.endpoints import is_aws_endpoint
from dynatus_ci.errors import AwsError, InvalidInput, WrongAccount
from dynatus_ci.table import emulators
from dynatus_ci.text import code, option

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from mypy_boto3_dynamodb.client import DynamoDBClient

REFUSED_FOR = 30.0
"""Seconds for which a refused connection is tried again at the start: service containers start slowly."""
CLOSED = frozenset({"ConnectionClosedError"})
"""Docker's proxy accepts connections and closes them until the server in the container listens: the errors then."""


def connect(
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    profile: str | None = None,
    expect_account: str | None = None,
    strangers: Path | None = None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Aws:
    """Connect with boto3's own configuration, and find out whose account it is and what answers.

    Args:
        region: Replaces the configured region.
        endpoint_url: Replaces the configured endpoint.
        profile: boto3's profile.
        expect_account: The account that the credentials must belong to.
        strangers: A folder that others may have written to; boto3's configuration may not come from there.
        on_notice: Called with a sentence while the start takes long.

    Raises:
        InvalidInput: The AWS configuration cannot be used, or `expect_account` is given at an endpoint without STS.
        WrongAccount: The credentials belong to another account.
        AwsError: There was no response, or there are no credentials.
    """
    _forget_empty_variables()
    if strangers:
        configuration.refuse_inside(strangers)
    import botocore.session  # boto3 adds nothing that is used here, and takes its time to load

    with configuration.used():
        core = botocore.session.Session(profile=profile)
        # GitHub's runners set AWS_REGION; it comes before the profile's region.
        chosen = region or os.environ.get("AWS_REGION") or core.get_config_variable("region")
        url = endpoint_url or _configured_url(core, chosen or PLACEHOLDER_REGION)
        endpoints.check(url)
        own = not is_aws_endpoint(url)
        if chosen is None and not own:
            hint = f"Set {option('region')}, `AWS_REGION`, or a region in the profile."
            raise InvalidInput("No AWS region is set.", hint=hint)
        aws = Aws(
            session=core,
            region=chosen or PLACEHOLDER_REGION,
            endpoint_url=url if own else None,
            dynamodb_url=endpoint_url,
            notes=_placeholders(core, region=chosen) if own else (),
        )
    _identify(aws, expect_account=expect_account, on_notice=on_notice)
    return aws


def from_client(client: DynamoDBClient, session: boto3.Session | None = None) -> Aws:
    """Use a caller's own client. Without a session, nobody asks STS, KMS and Application Auto Scaling."""
    url = client.meta.endpoint_url
    aws = Aws(
        session=session,
        given=client,
        region=client.meta.region_name,
        endpoint_url=None if is_aws_endpoint(url) else url,
    )
    if aws.endpoint:
        emulation.recognise(aws)
    elif emulation.inside_moto(client):
        aws.emulator = emulators.MOTO
    if session is not None:
        aws.account = _account(aws)
    return aws


def _identify(aws: Aws, *, expect_account: str | None, on_notice: Callable[[str], None]) -> None:
    if aws.endpoint:
        _wait_for_endpoint(aws, on_notice)
        emulation.recognise(aws)
    aws.account = _account(aws)
    if expect_account is None:
        return
    if aws.account is None:
        raise InvalidInput(
            f"{option('account')} cannot be checked: {code(str(aws.endpoint))} has no STS.", hint="Leave it out there."
        )
    if aws.account != expect_account:
        ending = aws.account[-4:]
        raise WrongAccount(
            f"The credentials belong to the account that ends in {code(ending)}, not to the one in {option('account')}."
        )


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
    """Wait until something answers, whatever the answer is."""
    deadline = time.monotonic() + REFUSED_FOR
    notified = False
    while True:
        try:
            aws.read_service("dynamodb", "ListTables", Limit=1)
        except CallFailed as failed:
            if failed.kind is not ErrorKind.UNREACHABLE and failed.code not in CLOSED:
                return
            if time.monotonic() > deadline:
                raise _unreachable(aws, failed) from failed
        else:
            return
        if not notified:
            on_notice(f"{aws.endpoint} does not answer yet. Trying again for up to {REFUSED_FOR:.0f} s.")
            notified = True
        time.sleep(0.5)


def _unreachable(aws: Aws, failed: CallFailed) -> AwsError:
    host, hint = urlsplit(str(aws.endpoint)).hostname, None
    if host in {"localhost", "127.0.0.1", "::1"} and Path("/.dockerenv").exists():
        hint = (
            "Inside a container `localhost` is the container itself. Use the name of the service, "
            "such as `http://dynamodb:8000`."
        )
    message = f"No response from {code(str(aws.endpoint))} for {REFUSED_FOR:.0f} s: it refuses or closes connections."
    return AwsError(message, operation=failed.operation, code=failed.code, hint=hint)


def _forget_empty_variables() -> None:
    """The runner passes a cleared credential on as an empty variable, and boto3 would sign with it."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]


def _configured_url(core: botocore.session.Session, region: str) -> str:
    keys = {"aws_access_key_id": PLACEHOLDER_KEY, "aws_secret_access_key": PLACEHOLDER_KEY}
    client: Any = core.create_client("dynamodb", region_name=region, **keys)  # type: ignore[arg-type]  # two texts
    return str(client.meta.endpoint_url)


def _placeholders(core: botocore.session.Session, *, region: str | None) -> tuple[str, ...]:
    """An endpoint of the user's own needs no account: placeholders replace what is missing, and a note says so."""
    core.get_component("credential_provider").remove("iam-role")
    missing = [] if region else ["region"]
    if core.get_credentials() is None:
        core.set_credentials(PLACEHOLDER_KEY, PLACEHOLDER_KEY)
        missing.append("credentials")
    return (f"No {' or '.join(missing)} set; using placeholders for this endpoint.",) if missing else ()
