"""What a failed call means: its kind, the missing permission, and when it may be tried again.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
docs/dynamodb.md#errors-and-what-they-mean
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from dynatus_ci.aws import configuration
from dynatus_ci.aws.endpoints import without_password
from dynatus_ci.errors import AwsError, DynatusError, FailureReason
from dynatus_ci.table.model import Failure
from dynatus_ci.text import code

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class ErrorKind(Enum):
    """What to do about a failed call."""

    MISSING = "what it names does not exist"
    BUSY = "something else is under way; observe again soon"
    TOO_NEW = "AWS may not know yet what was created a moment ago; observe again for a minute"
    THROTTLED = "too many calls; observe again later"
    QUOTA = "a quota is used up; put this step off, the others go on"
    COOLDOWN = "changed too recently; put this step off, the others go on"
    AMBIGUOUS = "the change may or may not have happened; observe first"
    UNCHANGED = "AWS says that there is nothing to do; observe first"
    DENIED = "access denied"
    EXPIRED = "the credentials have expired"
    UNSUPPORTED = "the endpoint does not know the call or the setting"
    UNREACHABLE = "no response from the endpoint"
    PERMANENT = "AWS refuses the call"


class CallFailed(AwsError):
    """A failed call with its kind, and when AWS takes it again.

    `until` is the moment that AWS's text names, in seconds since the epoch; `wait` is how long it usually takes.
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
    """Words that AWS's text of an error has in every release, and what they mean."""

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
    _ErrorText("TableAlreadyExistsException", r"", ErrorKind.UNCHANGED),
    _ErrorText("ContinuousBackupsUnavailableException", r"", ErrorKind.BUSY),
    _ErrorText("ConcurrentUpdateException", r"", ErrorKind.BUSY),
    _ErrorText("ObjectNotFoundException", r"", ErrorKind.UNCHANGED),
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
    _ErrorText("ValidationException", r"No scalable target (found|registered)", ErrorKind.UNCHANGED),  # moto
    # A role or user that was made a moment ago: https://github.com/hashicorp/terraform-provider-aws/issues/42933
    _ErrorText("ValidationException", r"Invalid principal", ErrorKind.TOO_NEW),
    _ErrorText("ValidationException", r"Nothing to update|At least one of", ErrorKind.UNSUPPORTED),
)
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d| ?UTC)?"
_LONG = r"[A-Z][a-z]+, [A-Z][a-z]+ \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M UTC"
_NEXT = re.compile(rf"(?:[Nn]ext [a-z ]+ at|again after) (?:(?P<iso>{_ISO})|(?P<long>{_LONG}))")
"""A text may name several moments, such as the last change. This one says when AWS takes the call again."""


def explain(error: Exception, *, operation: str, table: str | None, service: str = "dynamodb") -> CallFailed:
    """Turn what boto3 raised into an error that says which call, which table, which permission, and what to do.

    Args:
        error: What boto3 raised.
        operation: AWS's name of the call.
        table: The table that the call was about.
        service: The IAM prefix of the call.
    """
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    about = _about(operation, table)
    if isinstance(error, boto.ClientError):
        return _answered(error, about=about, operation=operation, table=table, service=service)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        hint = (
            "Set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. "
            "In a workflow, use `aws-actions/configure-aws-credentials` first."
        )
        return CallFailed(
            f"{about} failed: there are no AWS credentials.",
            kind=ErrorKind.DENIED, operation=operation, code="NoCredentials", table=table, hint=hint,
        )  # fmt: skip
    if isinstance(error, (ResponseParserError, *_UNREADABLE)) or configuration.raised_in(error, "parsers"):
        message = f"{about} failed: the response cannot be read."
        return CallFailed(message, kind=ErrorKind.AMBIGUOUS, operation=operation, code="UnreadableAnswer", table=table)
    text = without_password(str(error)).rstrip(".")
    if isinstance(error, NotImplementedError):  # moto's `mock_aws`, of an operation that it does not have
        message = f"{about} failed: {code(text)}."
        return CallFailed(message, kind=ErrorKind.UNSUPPORTED, operation=operation, code="NotImplemented", table=table)
    if configuration.raised_in(error, "credentials", "tokens"):
        return CallFailed(
            f"{about} failed: the AWS credentials cannot be used: {code(text)}.",
            kind=ErrorKind.PERMANENT, operation=operation, code=type(error).__name__, table=table,
            hint="Check the `AWS_…` variables, the profile, and its `credential_process` in the AWS configuration.",
        )  # fmt: skip
    kind = ErrorKind.UNREACHABLE if isinstance(error, boto.EndpointConnectionError) else ErrorKind.AMBIGUOUS
    if not isinstance(error, boto.HTTPClientError | boto.ConnectionError | boto.EndpointConnectionError):
        kind = ErrorKind.PERMANENT
    return CallFailed(
        f"{about} failed: {code(text)}.",
        kind=kind, operation=operation, code=type(error).__name__, table=table,
        hint="Check the network, the proxy variables and the region." if kind is ErrorKind.UNREACHABLE else None,
    )  # fmt: skip


def _about(operation: str, table: str | None) -> str:
    return f"{operation} of table {code(table)}" if table else operation


_UNREADABLE = (AttributeError, KeyError, TypeError)
"""What boto3 raises when a proxy answers with a web page, or an emulator in another protocol."""


def request_id(error: Exception) -> str | None:
    """The RequestId of a refused request; AWS's support asks for it."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return None
    return error.response.get("ResponseMetadata", {}).get("RequestId") or None


class Answer(dict[str, Any]):
    """AWS's response, at any depth. To read a member that it lacks is an error of the call, and not a bug of ours.

    Args:
        members: The response.
        call: The operation and the table.
    """

    def __init__(self, members: Mapping[str, Any], call: Mapping[str, str | None]) -> None:
        super().__init__({name: _deep(value, call) for name, value in members.items()})
        self._call = call

    def __missing__(self, name: str) -> Any:
        operation, table = str(self._call["operation"]), self._call["table"]
        message = f"{_about(operation, table)} failed: the response cannot be read, it lacks {code(name)}."
        raise CallFailed(message, kind=ErrorKind.AMBIGUOUS, operation=operation, code="UnreadableAnswer", table=table)


def _deep(value: Any, call: Mapping[str, str | None]) -> Any:
    if isinstance(value, dict):
        return Answer(value, call)
    return [_deep(item, call) for item in value] if isinstance(value, list) else value


def _answered(error: ClientError, *, about: str, operation: str, table: str | None, service: str) -> CallFailed:
    response = error.response
    error_code, text = str(response["Error"].get("Code", "")), str(response["Error"].get("Message", ""))
    kind, wait = _classify(error_code, text, int(response["ResponseMetadata"].get("HTTPStatusCode", 400)))
    permission = None
    if kind is ErrorKind.DENIED and error_code in _DENIED:
        action = _ACTION.search(text)
        # "KMS key access denied error" names no action: the key's own policy may be the cause.
        permission = action[1] if action else None if text.startswith("KMS") else f"{service}:{operation}"
    request = request_id(error)
    quote = code(f"{error_code}: {text.rstrip('.')}" if text else error_code)
    return CallFailed(
        f"{about} failed: {quote} (RequestId {code(request)})." if request else f"{about} failed: {quote}.",
        kind=kind,
        wait=wait,
        until=_until(text),
        operation=operation,
        code=error_code,
        table=table,
        missing_permission=permission,
        hint=_hint(kind, permission, text),
    )


_KMS_HINT = (
    "The key's policy, or these credentials, must allow its use through DynamoDB (`kms:CreateGrant`, `kms:Decrypt` …)."
)


def _classify(error_code: str, text: str, status: int) -> tuple[ErrorKind, int | None]:
    for codes, kind in (
        (_MISSING, ErrorKind.MISSING),
        (_DENIED | _CREDENTIALS, ErrorKind.DENIED),
        (_EXPIRED, ErrorKind.EXPIRED),
        (_THROTTLED, ErrorKind.THROTTLED),
        (_UNSUPPORTED, ErrorKind.UNSUPPORTED),
    ):
        if error_code in codes:
            return kind, None
    for known in _TEXTS:
        if known.code == error_code and re.search(known.pattern, text, re.IGNORECASE):
            return known.kind, known.wait
    return (ErrorKind.AMBIGUOUS if status >= HTTP_SERVER_ERROR else ErrorKind.PERMANENT), None


HTTP_SERVER_ERROR = 500


def _until(text: str) -> float | None:
    """The moment at which AWS takes the call again, if its text names one."""
    match = _NEXT.search(text)
    if not match:
        return None
    if match["long"]:
        return datetime.strptime(match["long"], "%A, %B %d, %Y %I:%M:%S %p UTC").replace(tzinfo=UTC).timestamp()
    moment = match["iso"].replace(" UTC", "+00:00").replace("UTC", "+00:00").replace("Z", "+00:00").replace(" ", "T", 1)
    time = datetime.fromisoformat(moment)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _hint(kind: ErrorKind, permission: str | None, text: str) -> str | None:
    if kind is ErrorKind.DENIED and text.startswith("KMS"):
        return _KMS_HINT
    if permission:
        return f"Allow {code(permission)} for these credentials; `dynatus policy` prints a least-privilege policy."
    if kind is ErrorKind.EXPIRED:
        return "The credentials expired. Request a longer session (`role-duration-seconds`), and run it again."
    return None


def failure(error: DynatusError) -> Failure:
    """An error as plan and result documents hold it."""
    if isinstance(error, CallFailed):
        reason = FailureReason.TIMEOUT if error.kind is ErrorKind.EXPIRED else error.reason
        return Failure(error.code, error.sentence, error.operation, error.missing_permission, reason)
    return Failure(error.reason.value, error.sentence, reason=error.reason)
