"""What a failed call means: its class, its missing permission, and when it may be tried again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
docs/dynamodb.md#errors-and-what-they-mean
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)
from botocore.parsers import ResponseParserError

from dynatus_ci.aws import configuration
from dynatus_ci.aws.endpoints import without_password
from dynatus_ci.errors import AwsError, DynatusError, FailureReason
from dynatus_ci.table.model import Failure


class ErrorKind(Enum):
    """What to do about a failed call."""

    MISSING = "what it names is not there"
    BUSY = "something else is under way; look again shortly"
    TOO_NEW = "AWS may not know yet what was made a moment ago; look again for a minute"
    THROTTLED = "too many calls; look again later"
    QUOTA = "a quota is used up; other concerns go on"
    COOLDOWN = "changed too recently; other concerns go on"
    AMBIGUOUS = "it may or may not have happened; observe first"
    UNCHANGED = "it says that there is nothing to do; observe first"
    DENIED = "the credentials may not do it"
    EXPIRED = "the credentials are over"
    UNSUPPORTED = "the endpoint does not know it"
    UNREACHABLE = "nobody answers at the endpoint"
    PERMANENT = "AWS refuses it"


class CallFailed(AwsError):
    """A failed call with its class, and when AWS takes it again.

    `until` is the moment that its text names, in seconds since the epoch; `wait` is how long it usually takes.
    """

    def __init__(
        self, message: str, *, kind: ErrorKind, wait: int | None = None, until: float | None = None, **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.kind = kind
        self.wait = wait
        self.until = until


HOUR = 3_600
_MISSING = {"ResourceNotFoundException", "TableNotFoundException", "ResourceNotFound", "BackupNotFoundException"}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}
_EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
_THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "ProvisionedThroughputExceededException"}
_UNSUPPORTED = {"UnknownOperationException", "InvalidAction", "UnknownOperation", "NotImplemented"}
_CREDENTIALS = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
}


@dataclass(frozen=True, slots=True)
class _ErrorText:
    """An error text of AWS, in words that stay, and what it means."""

    code: str
    pattern: str
    kind: ErrorKind
    wait: int | None = None


_TEXTS = (
    _ErrorText("LimitExceededException", r"decrease", ErrorKind.QUOTA, HOUR),
    _ErrorText("LimitExceededException", r"Encryption mode changes|\bSSE", ErrorKind.QUOTA, 6 * HOUR),
    _ErrorText("LimitExceededException", r"Updates to TableClass|table class", ErrorKind.QUOTA, 24 * HOUR),
    _ErrorText("LimitExceededException", r"PayPerRequest mode|billing mode", ErrorKind.QUOTA, 24 * HOUR),
    _ErrorText(
        "LimitExceededException",
        r"being updated|being created|only 1 online|simultaneous|concurrent|too many (operations|requests)",
        ErrorKind.BUSY,
    ),
    _ErrorText("LimitExceededException", r"", ErrorKind.PERMANENT),
    _ErrorText("ResourceInUseException", r"already has an enabled stream", ErrorKind.UNCHANGED),
    _ErrorText("ResourceInUseException", r"already exists|preexisting", ErrorKind.UNCHANGED),
    _ErrorText("ResourceInUseException", r"", ErrorKind.BUSY),
    _ErrorText("ContinuousBackupsUnavailableException", r"", ErrorKind.BUSY),
    _ErrorText("BackupInUseException", r"", ErrorKind.BUSY),
    _ErrorText("TableInUseException", r"", ErrorKind.BUSY),
    _ErrorText("PolicyNotFoundException", r"", ErrorKind.UNCHANGED),
    _ErrorText("ValidationException", r"modified multiple times within a fixed interval", ErrorKind.COOLDOWN),
    _ErrorText("ValidationException", r"acted as a source region", ErrorKind.QUOTA, 24 * HOUR),
    _ErrorText("ValidationException", r"were not part of the global table", ErrorKind.UNCHANGED),
    _ErrorText(
        "ValidationException", r"already existed as tables", ErrorKind.BUSY
    ),  # the replica's table outlives its entry
    _ErrorText(
        "ValidationException", r"being created, updated,? or deleted|is being (created|updated|deleted)", ErrorKind.BUSY
    ),
    _ErrorText(
        "ValidationException",
        r"will not change|equals the current value|already (enabled|disabled|exists)|no stream to disable"
        r"|has an enabled stream|is already",
        ErrorKind.UNCHANGED,
    ),
    # A role or user that was made a moment ago: https://github.com/hashicorp/terraform-provider-aws/issues/42933
    _ErrorText("ValidationException", r"Invalid principal", ErrorKind.TOO_NEW),
    _ErrorText("ValidationException", r"Nothing to update|At least one of", ErrorKind.UNSUPPORTED),
)
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d| ?UTC)?"
_LONG = r"[A-Z][a-z]+, [A-Z][a-z]+ \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M UTC"
_NEXT = re.compile(rf"(?:[Nn]ext [a-z ]+ at|again after) (?:(?P<iso>{_ISO})|(?P<long>{_LONG}))")
"""Of the times in a text (the last change, the window's end) the one at which the call is taken again."""


def explain(error: Exception, *, operation: str, table: str | None, service: str = "dynamodb") -> CallFailed:
    """The error of a call in our terms: which call, which table, which permission is missing, what to do.

    Args:
        error: What boto3 raised.
        operation: AWS's name of the call.
        table: The table that it was about.
        service: The IAM prefix of the call.
    """
    about = f"{operation} of table {table}" if table else operation
    if isinstance(error, ClientError):
        return _answered(error, about=about, operation=operation, table=table, service=service)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        hint = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use aws-actions/configure-aws-credentials first."
        return CallFailed(
            f"{about} failed: there are no AWS credentials.",
            kind=ErrorKind.DENIED, operation=operation, code="NoCredentials", table=table, hint=hint,
        )  # fmt: skip
    if isinstance(error, _UNREADABLE) or configuration.raised_in(error, "parsers"):
        message = f"{about} failed: the endpoint's answer cannot be read."
        return CallFailed(message, kind=ErrorKind.AMBIGUOUS, operation=operation, code="UnreadableAnswer", table=table)
    text = without_password(str(error)).rstrip(".")
    if configuration.raised_in(error, "credentials", "tokens"):
        return CallFailed(
            f"{about} failed: the AWS credentials cannot be used: {text}.",
            kind=ErrorKind.PERMANENT, operation=operation, code=type(error).__name__, table=table,
            hint="Check the job's AWS_ variables, and the profile and its credential_process in the AWS configuration.",
        )  # fmt: skip
    kind = ErrorKind.UNREACHABLE if isinstance(error, EndpointConnectionError) else ErrorKind.AMBIGUOUS
    if not isinstance(error, HTTPClientError | BotoConnectionError | EndpointConnectionError):
        kind = ErrorKind.PERMANENT
    name = type(error).__name__
    return CallFailed(f"{about} failed: {text}.", kind=kind, operation=operation, code=name, table=table)


_UNREADABLE = (ResponseParserError, AttributeError, KeyError, TypeError)
"""What boto3 raises at a page of a proxy, or an emulator's answer in another protocol."""


def request_id(error: Exception) -> str | None:
    """AWS's number of the request that it refused: its support asks for it."""
    if not isinstance(error, ClientError):
        return None
    return error.response.get("ResponseMetadata", {}).get("RequestId") or None


class Answer(dict[str, Any]):
    """What AWS answered, at any depth. A member that is missed is an answer that cannot be read, and no bug of ours.

    Args:
        members: The answer.
        call: Which call it answers, with its table.
    """

    def __init__(self, members: Mapping[str, Any], call: Mapping[str, str | None]) -> None:
        super().__init__({name: _deep(value, call) for name, value in members.items()})
        self._call = call

    def __missing__(self, name: str) -> Any:
        operation, table = str(self._call["operation"]), self._call["table"]
        about = f"{operation} of table {table}" if table else operation
        message = f"{about} failed: the endpoint's answer cannot be read, it lacks {name}."
        raise CallFailed(message, kind=ErrorKind.AMBIGUOUS, operation=operation, code="UnreadableAnswer", table=table)


def _deep(value: Any, call: Mapping[str, str | None]) -> Any:
    if isinstance(value, dict):
        return Answer(value, call)
    return [_deep(item, call) for item in value] if isinstance(value, list) else value


def _answered(error: ClientError, *, about: str, operation: str, table: str | None, service: str) -> CallFailed:
    answer = error.response
    code, text = str(answer["Error"].get("Code", "")), str(answer["Error"].get("Message", ""))
    kind, wait = _classify(code, text, int(answer["ResponseMetadata"].get("HTTPStatusCode", 400)))
    permission = None
    if kind is ErrorKind.DENIED and code in _DENIED:
        found = _ACTION.search(text)
        # "KMS key access denied error" names no action: the key's own policy may be meant.
        permission = found[1] if found else None if text.startswith("KMS") else f"{service}:{operation}"
    request = request_id(error)
    said = f"{code}: {text.rstrip('.')}" if text else code
    return CallFailed(
        f"{about} failed: {said} (RequestId {request})." if request else f"{about} failed: {said}.",
        kind=kind,
        wait=wait,
        until=_until(text),
        operation=operation,
        code=code,
        table=table,
        missing_permission=permission,
        hint=_hint(kind, permission, text),
    )


_KMS_HINT = (
    "The key's policy, or these credentials, must allow its use by way of DynamoDB (kms:CreateGrant, Decrypt …)."
)


def _classify(code: str, text: str, status: int) -> tuple[ErrorKind, int | None]:
    for codes, kind in (
        (_MISSING, ErrorKind.MISSING),
        (_DENIED | _CREDENTIALS, ErrorKind.DENIED),
        (_EXPIRED, ErrorKind.EXPIRED),
        (_THROTTLED, ErrorKind.THROTTLED),
        (_UNSUPPORTED, ErrorKind.UNSUPPORTED),
    ):
        if code in codes:
            return kind, None
    for known in _TEXTS:
        if known.code == code and re.search(known.pattern, text, re.IGNORECASE):
            return known.kind, known.wait
    return (ErrorKind.AMBIGUOUS if status >= HTTP_SERVER_ERROR else ErrorKind.PERMANENT), None


HTTP_SERVER_ERROR = 500


def _until(text: str) -> float | None:
    """The moment that an error text names."""
    found = _NEXT.search(text)
    if not found:
        return None
    if found["long"]:
        return datetime.strptime(found["long"], "%A, %B %d, %Y %I:%M:%S %p UTC").replace(tzinfo=UTC).timestamp()
    moment = found["iso"].replace(" UTC", "+00:00").replace("UTC", "+00:00").replace("Z", "+00:00").replace(" ", "T", 1)
    time = datetime.fromisoformat(moment)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _hint(kind: ErrorKind, permission: str | None, text: str) -> str | None:
    if kind is ErrorKind.DENIED and text.startswith("KMS"):
        return _KMS_HINT
    if permission:
        return f"Allow {permission} to these credentials; `dynatus policy` prints the least policy."
    if kind is ErrorKind.EXPIRED:
        return "The credentials ran out in the middle. Ask for longer ones (role-duration-seconds) and run it again."
    return None


def failure(error: DynatusError) -> Failure:
    """An error as documents hold it."""
    if isinstance(error, CallFailed):
        reason = FailureReason.TIMEOUT if error.kind is ErrorKind.EXPIRED else error.reason
        return Failure(error.code, str(error), error.operation, error.missing_permission, reason)
    return Failure(error.reason.value, str(error), reason=error.reason)
