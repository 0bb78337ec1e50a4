"""The errors the simulator answers with, in AWS's codes and words. Decides nothing."""

from __future__ import annotations


class ApiError(Exception):
    """An answer that is an error: code, text and HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def validation(message: str) -> ApiError:
    """A ValidationException with exactly this text."""
    return ApiError("ValidationException", message)


def invalid(message: str) -> ApiError:
    """A ValidationException with the prefix most of them have."""
    return validation(f"One or more parameter values were invalid: {message}")


def in_use(message: str) -> ApiError:
    """What is refused until a state is over."""
    return ApiError("ResourceInUseException", f"Attempt to change a resource which is still in use: {message}")


def limit(message: str) -> ApiError:
    """What is refused because there was, or is, too much of it."""
    return ApiError("LimitExceededException", f"Subscriber limit exceeded: {message}")


def no_table(name: str) -> ApiError:
    """The table is not there (for most operations)."""
    return ApiError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def no_resource(arn: str) -> ApiError:
    """The table is not there, for operations that go by ARN (AWS's own spelling)."""
    return ApiError("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")


def no_backup_table(name: str) -> ApiError:
    """The table is not there, in the words of the backup operations."""
    return ApiError("TableNotFoundException", f"Table not found: {name}")


def internal_failure() -> ApiError:
    """AWS's answer to some shapes that it does not expect: a 500 without a word."""
    return ApiError("InternalFailure", "", status=500)


def too_soon(what: str, milliseconds: int, until: str) -> ApiError:
    """A second change within a cooldown that names its end."""
    return ApiError(
        "ThrottlingException",
        f"{what} modified within the previous {milliseconds} milliseconds. Please try again after {until}.",
    )
