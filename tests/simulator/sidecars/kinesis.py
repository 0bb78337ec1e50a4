"""Kinesis streaming destinations of a table: at most one that lives; old ones linger as DISABLED.

docs/dynamodb.md#kinesis
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.operations import reads, writes
from tests.simulator.tables import Destination

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

STATE = "Table is not in a valid state to enable Kinesis Streaming Destination:"
PRECISION = "ApproximateCreationDateTimePrecision"


@writes("EnableKinesisStreamingDestination")
def enable(account: Account, request: Json) -> Json:
    """Begin to send; whether that fails shows only in Describe."""
    table, arn = account.settled(request["TableName"]), request["StreamArn"]
    if any(one.status not in {"DISABLED", "ENABLE_FAILED"} for one in table.destinations.values()):
        raise errors.validation(
            f"{STATE} EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
        )
    configuration = request.get("EnableKinesisStreamingConfiguration", {})
    destination = Destination(arn, "ENABLING", configuration.get(PRECISION))
    table.destinations[arn] = destination
    _finish(account, table, destination, "ENABLE_FAILED" if arn in account.missing_streams else "ACTIVE")
    return _answer(table, destination, EnableKinesisStreamingConfiguration=configuration)


@writes("DisableKinesisStreamingDestination")
def disable(account: Account, request: Json) -> Json:
    """Begin to stop."""
    table = account.settled(request["TableName"])
    destination = _active(
        table, request["StreamArn"], f"{STATE} KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
    )
    destination.status = "DISABLING"
    _finish(account, table, destination, "DISABLED")
    return _answer(table, destination)


@writes("UpdateKinesisStreamingDestination")
def update(account: Account, request: Json) -> Json:
    """Change the precision."""
    table, arn = account.settled(request["TableName"]), request["StreamArn"]
    destination = _active(
        table,
        arn,
        f"{STATE} Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. "
        f"TableName: {table.name}, kdsArn: {arn}",
    )
    precision = request.get("UpdateKinesisStreamingConfiguration", {}).get(PRECISION)
    if precision is None:
        raise errors.validation(
            "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot "
            "be null or contain only null values"
        )
    if precision == (destination.precision or "MILLISECOND"):
        raise errors.validation(
            f"Invalid Request: Precision is already set to the desired value of {precision} for tableId: {table.id}, "
            f"kdsArn: {arn}"
        )
    destination.status = "UPDATING"

    def done() -> None:
        destination.status, destination.precision = "ACTIVE", precision

    account.later(account.duration("kinesis", table.name), done)
    return _answer(table, destination, UpdateKinesisStreamingConfiguration={PRECISION: precision})


@reads("DescribeKinesisStreamingDestination")
def describe(account: Account, request: Json) -> Json:
    """All destinations there ever were."""
    table = account.settled(request["TableName"])
    return {
        "TableName": table.name,
        "KinesisDataStreamDestinations": [
            {"StreamArn": one.stream_arn, "DestinationStatus": one.status}
            | ({"DestinationStatusDescription": one.description} if one.description else {})
            | ({PRECISION: one.precision} if one.precision else {})
            for one in table.destinations.values()
        ],
    }


def _active(table: Table, arn: str, otherwise: str) -> Destination:
    destination = table.destinations.get(arn)
    if destination is None or destination.status != "ACTIVE":
        raise errors.validation(otherwise)
    return destination


def _finish(account: Account, table: Table, destination: Destination, status: str) -> None:
    def done() -> None:
        destination.status = status
        if status == "ENABLE_FAILED":
            destination.description = f"User does not have a stream with the ARN {destination.stream_arn}."

    account.later(account.duration("kinesis", table.name), done)


def _answer(table: Table, destination: Destination, **more: Json) -> Json:
    return {
        "TableName": table.name,
        "StreamArn": destination.stream_arn,
        "DestinationStatus": destination.status,
        **{name: value for name, value in more.items() if value},
    }
