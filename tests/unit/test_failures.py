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

from dynatus_ci.dynamodb import failures
from dynatus_ci.dynamodb.failures import HOUR, Kind
from dynatus_ci.errors import FailureReason


class Row(NamedTuple):
    """An answer of AWS and its class."""

    code: str
    text: str
    kind: Kind
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
    Row("ResourceNotFoundException", "Requested resource not found: Table: t not found", Kind.MISSING),
    Row("TableNotFoundException", "Table not found: t", Kind.MISSING, operation="DescribeContinuousBackups"),
    Row("ResourceNotFound", "Requested resource not found", Kind.MISSING, operation="UpdateTimeToLive"),
    Row("ResourceInUseException", "Table already exists: t", Kind.UNCHANGED, operation="CreateTable"),
    Row("ResourceInUseException", "Cannot create preexisting table", Kind.UNCHANGED, operation="CreateTable"),
    Row("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being created: t",
        Kind.BUSY),
    Row("ResourceInUseException", "", Kind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Table tags are being updated: t", Kind.BUSY, operation="TagResource"),
    Row("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        "simultaneously per table", Kind.BUSY),
    Row("LimitExceededException", DECREASES, Kind.QUOTA, wait=HOUR, until=moment(2026, 1, 5, 9, 4)),
    Row("LimitExceededException", ENCRYPTION, Kind.QUOTA, wait=6 * HOUR,
        until=moment(2026, 10, 9, 6, 29, 34, 602_000)),
    Row("LimitExceededException", "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 "
        "day(s).", Kind.QUOTA, wait=24 * HOUR),
    Row("LimitExceededException", PAY, Kind.QUOTA, wait=24 * HOUR, until=moment(2026, 10, 9, 1)),
    Row("LimitExceededException", "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
        Kind.PERMANENT, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: GlobalSecondaryIndex count exceeds the per-table limit "
        "of 20", Kind.PERMANENT),
    Row("LimitExceededException", "Too many operations for a given subscriber", Kind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: too many requests are being processed", Kind.BUSY),
    Row("LimitExceededException", "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted "
        "simultaneously", Kind.BUSY, operation="CreateTable"),
    Row("LimitExceededException", "Subscriber limit exceeded: There is a limit of 50 concurrent restores", Kind.BUSY,
        operation="RestoreTableFromBackup"),
    Row("LimitExceededException", "Subscriber limit exceeded: something else", Kind.PERMANENT),
    Row("ValidationException", "One or more parameter values were invalid: Invalid principal in policy document.",
        Kind.TOO_NEW, operation="PutResourcePolicy"),
    Row("BackupInUseException", "There is another ongoing conflicting backup control plane operation on the table",
        Kind.BUSY, operation="CreateBackup"),
    Row("TableInUseException", "A target table with the specified name is in use", Kind.BUSY, operation="CreateBackup"),
    Row("AccessDeniedException", "User: arn:aws:sts::1:assumed-role/KMS/s is not authorized to perform: "
        "dynamodb:UpdateTable on resource: x", Kind.DENIED, permission="dynamodb:UpdateTable"),
    Row("AccessDeniedException", "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: The "
        "ciphertext refers to a customer master key that does not exist", Kind.DENIED, operation="CreateTable"),
    Row("ThrottlingException", "Rate exceeded", Kind.THROTTLED),
    Row("ThrottlingException", TOO_SOON, Kind.THROTTLED, until=moment(2026, 10, 9, 0, 29, 34, 602_000)),
    Row("RequestLimitExceeded", "Throughput exceeds the current limit", Kind.THROTTLED),
    Row("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: t. Please retry later",
        Kind.BUSY, operation="UpdateContinuousBackups"),
    Row("ValidationException", "Time to live has been modified multiple times within a fixed interval", Kind.COOLDOWN,
        operation="UpdateTimeToLive"),
    Row("ValidationException", "Table t is being created, updated, or deleted", Kind.BUSY),
    Row("ValidationException", "Failed to create a the new replica of table with name: ‘t’ because one or more "
        "replicas already existed as tables.", Kind.BUSY),
    Row("ValidationException", "The provisioned throughput for the table will not change. The requested value equals "
        "the current value.", Kind.UNCHANGED),
    Row("ValidationException", "TimeToLive is already enabled", Kind.UNCHANGED, operation="UpdateTimeToLive"),
    Row("ValidationException", "Attempting to create an index which already exists: by-a", Kind.UNCHANGED),
    Row("ValidationException", "Table already has an enabled stream: TableName: t", Kind.UNCHANGED),
    Row("ValidationException", "Table has no stream to disable: TableName: t", Kind.UNCHANGED),
    Row("ValidationException", "One or more parameter values were invalid: Attributes cannot be redefined.",
        Kind.PERMANENT),
    Row("ValidationException", "You cannot modify stream status while updating table IOPS", Kind.PERMANENT),
    Row("ValidationException", "Nothing to update", Kind.UNSUPPORTED),
    Row("ValidationException", "At least one of ProvisionedThroughput, BillingMode is required", Kind.UNSUPPORTED),
    Row("UnknownOperationException", "", Kind.UNSUPPORTED, operation="GetResourcePolicy"),
    Row("InvalidAction", "Could not find operation", Kind.UNSUPPORTED, operation="DescribeScalableTargets"),
    Row("InternalFailure", "", Kind.AMBIGUOUS, status=500),
    Row("InternalServerError", "The request processing has failed.", Kind.AMBIGUOUS, status=500),
    Row("503", "", Kind.AMBIGUOUS, status=503),
    Row("AccessDeniedException", DENIED, Kind.DENIED, operation="ListTagsOfResource",
        permission="dynamodb:ListTagsOfResource"),
    Row("AccessDeniedException", "no", Kind.DENIED, operation="GetResourcePolicy",
        permission="dynamodb:GetResourcePolicy"),
    Row("UnrecognizedClientException", "The security token included in the request is invalid.", Kind.DENIED),
    Row("ExpiredTokenException", "The security token included in the request is expired", Kind.EXPIRED),
    Row("ExpiredToken", "The security token included in the request is expired", Kind.EXPIRED),
    Row("RequestExpired", "Request has expired.", Kind.EXPIRED),
    Row("PolicyNotFoundException", f"Resource-based policy not found: {CALLED}", Kind.UNCHANGED,
        operation="DeleteResourcePolicy"),
    Row("SomethingNew", "of which nobody has heard", Kind.PERMANENT),
]  # fmt: skip


def answered(row: Row) -> ClientError:
    response: Any = {
        "Error": {"Code": row.code, "Message": row.text},
        "ResponseMetadata": {"HTTPStatusCode": row.status},
    }
    return ClientError(response, row.operation)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}: {row.text[:40]}")
def test_an_answer_has_its_class(row: Row) -> None:
    failed = failures.explain(answered(row), operation=row.operation, table="orders")
    assert failed.kind is row.kind
    assert failed.wait == row.wait
    assert failed.until == (row.until.timestamp() if row.until else None)
    assert failed.missing_permission == row.permission
    assert failed.message.startswith(f"{row.operation} of table orders failed: {row.code}")
    assert (failed.operation, failed.code, failed.table) == (row.operation, row.code, "orders")


URL = "http://127.0.0.1:1"
LOCAL_ERRORS: list[tuple[Exception, Kind]] = [
    (EndpointConnectionError(endpoint_url=URL), Kind.UNREACHABLE),
    (ConnectionClosedError(endpoint_url=URL), Kind.AMBIGUOUS),
    (ConnectTimeoutError(endpoint_url=URL), Kind.AMBIGUOUS),
    (ReadTimeoutError(endpoint_url=URL), Kind.AMBIGUOUS),
    (ResponseParserError("Unable to parse response: <html>"), Kind.AMBIGUOUS),
    (NoCredentialsError(), Kind.DENIED),
    (ParamValidationError(report="Unknown parameter"), Kind.PERMANENT),
    (BotoCoreError(), Kind.PERMANENT),
]


@pytest.mark.parametrize(("error", "kind"), LOCAL_ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_on_the_way_has_its_class(error: Exception, kind: Kind) -> None:
    failed = failures.explain(error, operation="DescribeTable", table="orders")
    assert failed.kind is kind
    assert "DescribeTable of table orders failed" in failed.message


def test_the_number_of_the_request_is_in_the_error() -> None:
    error = answered(Row("ThrottlingException", "Rate exceeded.", Kind.THROTTLED))
    error.response["ResponseMetadata"]["RequestId"] = "4EK7"
    failed = failures.explain(error, operation="ListTables", table=None)
    assert str(failed) == "ListTables failed: ThrottlingException: Rate exceeded (RequestId 4EK7)."


def test_a_password_in_an_address_is_not_shown() -> None:
    error = ConnectionClosedError(endpoint_url="http://user:p@ss@host:8000/")
    assert "http://host:8000/" in str(failures.explain(error, operation="ListTables", table=None))


def test_a_member_that_an_answer_lacks_is_an_answer_that_cannot_be_read() -> None:
    call = {"operation": "DescribeTable", "table": "orders"}
    answer = failures.Answer({"Table": {"GlobalSecondaryIndexes": [{"IndexName": "a"}]}}, call)
    assert answer["Table"]["GlobalSecondaryIndexes"][0]["IndexName"] == "a"
    for part, name in (
        (answer, "Tables"),
        (answer["Table"], "KeySchema"),
        (answer["Table"]["GlobalSecondaryIndexes"][0], "KeySchema"),
    ):
        with pytest.raises(failures.CallFailed, match=rf"^DescribeTable of table orders failed: .* it lacks {name}\.$"):
            part[name]


def test_a_permission_of_another_service_has_its_prefix() -> None:
    row = Row("AccessDeniedException", "", Kind.DENIED, operation="DescribeKey")
    failed = failures.explain(answered(row), operation="DescribeKey", table=None, service="kms")
    assert failed.missing_permission == "kms:DescribeKey"
    assert failed.reason is FailureReason.ACCESS_DENIED
    assert failed.hint
    assert "kms:DescribeKey" in failed.hint


def test_expired_credentials_say_how_to_get_longer_ones() -> None:
    failed = failures.explain(answered(Row("ExpiredToken", "", Kind.EXPIRED)), operation="DescribeTable", table=None)
    assert "role-duration-seconds" in str(failed)


def test_a_key_that_may_not_be_used_has_a_hint_of_its_own() -> None:
    row = Row("AccessDeniedException", "KMS key access denied error: x", Kind.DENIED)
    hint = failures.explain(answered(row), operation="CreateTable", table="orders").hint
    assert hint
    assert "kms:CreateGrant" in hint
