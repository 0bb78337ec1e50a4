"""Each class of error as a row: what AWS answers, and what that means to the engine.

docs/dynamodb.md#errors-and-what-they-mean
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from dynatus_ci.aws import call_errors
from dynatus_ci.aws.call_errors import HOUR, ErrorKind
from dynatus_ci.errors import FailureReason


class Row(NamedTuple):
    """An answer of AWS and its class."""

    code: str
    text: str
    kind: ErrorKind
    status: int = 400
    operation: str = "UpdateTable"
    wait: int | None = None
    until: datetime | None = None
    permission: str | None = None


def moment(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to second


DECREASES = (
    "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4 "
    "decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. Number "
    "of decreases today: 4. Last decrease at Monday, January 05, 2026 08:04:00 AM UTC. Next decrease can be made at "
    "Monday, January 05, 2026 09:04:00 AM UTC"
)
ENCRYPTION = (
    "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at "
    "2026-10-09T20:29:34.602Z. After the first 4 change, each subsequent change in the same window can be performed at "
    "most once every 21600 seconds. Number of updates today: 4. Last change at 2026-10-09T00:29:34.602Z. Next changes "
    "can be made at 2026-10-09T06:29:34.602Z."
)
PAY = (
    "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 in 1 day(s). Last update at "
    "2026-10-08T01:00:00Z. Next update at 2026-10-09T01:00:00Z."
)
TOO_SOON = (
    "Deletion protection setting for table t modified within the previous 15000 milliseconds. Please try again after "
    "2026-10-09T00:29:34.602Z."
)
DENIED = (
    "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: dynamodb:ListTagsOfResource on resource: x"
)
CALLED = "arn:aws:dynamodb:eu-west-1:1:table/t"

ROWS = [
    Row("ResourceNotFoundException", "Requested resource not found: Table: t not found", ErrorKind.MISSING),
    Row("TableNotFoundException", "Table not found: t", ErrorKind.MISSING, operation="DescribeContinuousBackups"),
    Row("ResourceNotFound", "Requested resource not found", ErrorKind.MISSING, operation="UpdateTimeToLive"),
    Row("ResourceInUseException", "Table already exists: t", ErrorKind.UNCHANGED, operation="CreateTable"),
    Row("ResourceInUseException", "Cannot create preexisting table", ErrorKind.UNCHANGED, operation="CreateTable"),
    Row("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being created: t",
        ErrorKind.BUSY),
    Row("ResourceInUseException", "", ErrorKind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Table tags are being updated: t", ErrorKind.BUSY, operation="TagResource"),
    Row("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        "simultaneously per table", ErrorKind.BUSY),
    Row("LimitExceededException", DECREASES, ErrorKind.QUOTA, wait=HOUR, until=moment(2026, 1, 5, 9, 4)),
    Row("LimitExceededException", ENCRYPTION, ErrorKind.QUOTA, wait=6 * HOUR,
        until=moment(2026, 10, 9, 6, 29, 34, 602_000)),
    Row("LimitExceededException", "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 "
        "day(s).", ErrorKind.QUOTA, wait=24 * HOUR),
    Row("LimitExceededException", PAY, ErrorKind.QUOTA, wait=24 * HOUR, until=moment(2026, 10, 9, 1)),
    Row("LimitExceededException", "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
        ErrorKind.PERMANENT, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit "
        "of 20", ErrorKind.PERMANENT),
    Row("LimitExceededException", "Too many operations for a given subscriber",
        ErrorKind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: too many requests are being processed", ErrorKind.BUSY),
    Row("LimitExceededException", "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted "
        "simultaneously", ErrorKind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: There is a limit of 50 concurrent restores",
        ErrorKind.BUSY,
        operation="RestoreTableFromBackup"),
    Row("LimitExceededException", "Subscriber limit exceeded: something else", ErrorKind.PERMANENT),
    Row("ValidationException", "One or more parameter values were invalid: Invalid principal in policy document.",
        ErrorKind.TOO_NEW, operation="PutResourcePolicy"),
    Row("BackupInUseException", "There is another ongoing conflicting backup control plane operation on the table",
        ErrorKind.BUSY, operation="CreateBackup"),
    Row("TableInUseException", "A target table with the specified name is in use",
        ErrorKind.BUSY, operation="CreateBackup"),
    Row("AccessDeniedException", "User: arn:aws:sts::1:assumed-role/KMS/s is not authorized to perform: "
        "dynamodb:UpdateTable on resource: x", ErrorKind.DENIED, permission="dynamodb:UpdateTable"),
    Row("AccessDeniedException", "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The "
        "ciphertext refers to a customer master key that does not exist", ErrorKind.DENIED, operation="CreateTable"),
    Row("ThrottlingException", "Rate exceeded", ErrorKind.THROTTLED),
    Row("ThrottlingException", TOO_SOON, ErrorKind.THROTTLED, until=moment(2026, 10, 9, 0, 29, 34, 602_000)),
    Row("RequestLimitExceeded", "Throughput exceeds the current limit", ErrorKind.THROTTLED),
    Row("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: t. Please retry later",
        ErrorKind.BUSY, operation="UpdateContinuousBackups"),
    Row("ValidationException", "Time to live has been modified multiple times within a fixed interval",
        ErrorKind.COOLDOWN,
        operation="UpdateTimeToLive"),
    Row("ValidationException", "Table t is being created, updated, or deleted", ErrorKind.BUSY),
    Row("ValidationException", "Failed to create a the new replica of table with name: ‘t’ because one or more "
        "replicas already existed as tables.", ErrorKind.BUSY),
    Row("ValidationException", "The provisioned throughput for the table will not change. The requested value equals "
        "the current value.", ErrorKind.UNCHANGED),
    Row("ValidationException", "TimeToLive is already enabled", ErrorKind.UNCHANGED, operation="UpdateTimeToLive"),
    Row("ValidationException", "Attempting to create an index which already exists: by-a", ErrorKind.UNCHANGED),
    Row("ValidationException", "Table already has an enabled stream: TableName: t", ErrorKind.UNCHANGED),
    Row("ValidationException", "Table has no stream to disable: TableName: t", ErrorKind.UNCHANGED),
    Row("ValidationException", "One or more parameter values were invalid: Attributes cannot be redefined.",
        ErrorKind.PERMANENT),
    Row("ValidationException", "You cannot modify stream status while updating table IOPS", ErrorKind.PERMANENT),
    Row("ValidationException", "Nothing to update", ErrorKind.UNSUPPORTED),
    Row("ValidationException", "At least one of ProvisionedThroughput, BillingMode is required", ErrorKind.UNSUPPORTED),
    Row("UnknownOperationException", "", ErrorKind.UNSUPPORTED, operation="GetResourcePolicy"),
    Row("InvalidAction", "Could not find operation", ErrorKind.UNSUPPORTED, operation="DescribeScalableTargets"),
    Row("InternalFailure", "", ErrorKind.AMBIGUOUS, status=500),
    Row("InternalServerError", "The request processing has failed.", ErrorKind.AMBIGUOUS, status=500),
    Row("503", "", ErrorKind.AMBIGUOUS, status=503),
    Row("AccessDeniedException", DENIED, ErrorKind.DENIED, operation="ListTagsOfResource",
        permission="dynamodb:ListTagsOfResource"),
    Row("AccessDeniedException", "no", ErrorKind.DENIED, operation="GetResourcePolicy",
        permission="dynamodb:GetResourcePolicy"),
    Row("UnrecognizedClientException", "The security token included in the request is invalid.", ErrorKind.DENIED),
    Row("ExpiredTokenException", "The security token included in the request is expired", ErrorKind.EXPIRED),
    Row("ExpiredToken", "The security token included in the request is expired", ErrorKind.EXPIRED),
    Row("RequestExpired", "Request has expired.", ErrorKind.EXPIRED),
    Row("PolicyNotFoundException", f"Resource-based policy not found: {CALLED}", ErrorKind.UNCHANGED,
        operation="DeleteResourcePolicy"),
    Row("SomethingNew", "of which nobody has heard", ErrorKind.PERMANENT),
]  # fmt: skip


def answered(row: Row) -> ClientError:
    response: Any = {
        "Error": {"Code": row.code, "Message": row.text},
        "ResponseMetadata": {"HTTPStatusCode": row.status},
    }
    return ClientError(response, row.operation)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}: {row.text[:40]}")
def test_an_answer_has_its_class(row: Row) -> None:
    failed = call_errors.explain(answered(row), operation=row.operation, table="orders")
    assert failed.kind is row.kind
    assert failed.wait == row.wait
    assert failed.until == (row.until.timestamp() if row.until else None)
    assert failed.missing_permission == row.permission
    assert failed.message.startswith(f"{row.operation} of table `orders` failed: `{row.code}")
    assert (failed.operation, failed.code, failed.table) == (row.operation, row.code, "orders")


URL = "http://127.0.0.1:1"
LOCAL_ERRORS: list[tuple[Exception, ErrorKind]] = [
    (EndpointConnectionError(endpoint_url=URL), ErrorKind.UNREACHABLE),
    (ConnectionClosedError(endpoint_url=URL), ErrorKind.AMBIGUOUS),
    (ConnectTimeoutError(endpoint_url=URL), ErrorKind.AMBIGUOUS),
    (ReadTimeoutError(endpoint_url=URL), ErrorKind.AMBIGUOUS),
    (ResponseParserError("Unable to parse response: <html>"), ErrorKind.AMBIGUOUS),
    (NoCredentialsError(), ErrorKind.DENIED),
    (ParamValidationError(report="Unknown parameter"), ErrorKind.PERMANENT),
    (BotoCoreError(), ErrorKind.PERMANENT),
]


@pytest.mark.parametrize(("error", "kind"), LOCAL_ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_on_the_way_has_its_class(error: Exception, kind: ErrorKind) -> None:
    failed = call_errors.explain(error, operation="DescribeTable", table="orders")
    assert failed.kind is kind
    assert "DescribeTable of table `orders` failed" in failed.message


def test_the_number_of_the_request_is_in_the_error() -> None:
    error = answered(Row("ThrottlingException", "Rate exceeded.", ErrorKind.THROTTLED))
    error.response["ResponseMetadata"]["RequestId"] = "4EK7"
    failed = call_errors.explain(error, operation="ListTables", table=None)
    assert failed.sentence == "ListTables failed: `ThrottlingException: Rate exceeded` (RequestId `4EK7`)."


def test_a_password_in_an_address_is_not_shown() -> None:
    error = ConnectionClosedError(endpoint_url="http://user:p@ss@host:8000/")
    assert "http://host:8000/" in str(call_errors.explain(error, operation="ListTables", table=None))


def test_a_member_that_an_answer_lacks_is_an_answer_that_cannot_be_read() -> None:
    call = {"operation": "DescribeTable", "table": "orders"}
    answer = call_errors.Answer({"Table": {"GlobalSecondaryIndexes": [{"IndexName": "a"}]}}, call)
    assert answer["Table"]["GlobalSecondaryIndexes"][0]["IndexName"] == "a"
    for part, name in (
        (answer, "Tables"),
        (answer["Table"], "KeySchema"),
        (answer["Table"]["GlobalSecondaryIndexes"][0], "KeySchema"),
    ):
        with pytest.raises(
            call_errors.CallFailed, match=rf"^DescribeTable of table orders failed: .* it lacks {name}\.$"
        ):
            part[name]


def test_a_permission_of_another_service_has_its_prefix() -> None:
    row = Row("AccessDeniedException", "", ErrorKind.DENIED, operation="DescribeKey")
    failed = call_errors.explain(answered(row), operation="DescribeKey", table=None, service="kms")
    assert failed.missing_permission == "kms:DescribeKey"
    assert failed.reason is FailureReason.ACCESS_DENIED
    assert failed.hint
    assert "kms:DescribeKey" in failed.hint


def test_expired_credentials_say_how_to_get_longer_ones() -> None:
    failed = call_errors.explain(
        answered(Row("ExpiredToken", "", ErrorKind.EXPIRED)), operation="DescribeTable", table=None
    )
    assert "role-duration-seconds" in str(failed)


def test_a_key_that_may_not_be_used_has_a_hint_of_its_own() -> None:
    row = Row("AccessDeniedException", "KMS key access denied error: x", ErrorKind.DENIED)
    hint = call_errors.explain(answered(row), operation="CreateTable", table="orders").hint
    assert hint
    assert "kms:CreateGrant" in hint
