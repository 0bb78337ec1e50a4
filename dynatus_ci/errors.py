"""The errors people may see; each knows what happened, where, and what to do.

A leaf: imports nothing of the package. Everything that is raised on purpose is a `DynatusError`; anything else
that reaches a door is a bug and is reported as `internal-error`.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FailureReason(StrEnum):
    """The values of the output `failure-reason` (one spelling, for ever)."""

    INVALID_INPUT = "invalid-input"
    INVALID_DEFINITION = "invalid-definition"
    PLAN_MISSING = "plan-missing"
    PLAN_CHANGED = "plan-changed"
    NOT_MERGED = "not-merged"
    DESTRUCTIVE_BLOCKED = "destructive-blocked"
    WRONG_ACCOUNT = "wrong-account"
    ACCESS_DENIED = "access-denied"
    AWS_ERROR = "aws-error"
    GITHUB_ERROR = "github-error"
    TIMEOUT = "timeout"
    QUOTA = "quota"
    CANCELLED = "cancelled"
    DRIFT = "drift"
    INTERNAL_ERROR = "internal-error"


def sentence(message: str, hint: str | None) -> str:
    """What happened, and what to do about it if that is known."""
    return f"{message} {hint}" if hint else message


class DynatusError(Exception):
    """The base of all errors that people may see.

    Args:
        message: What happened, and where; one plain sentence.
        hint: What to do about it, if that is known.
    """

    reason: FailureReason = FailureReason.INTERNAL_ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return sentence(self.message, self.hint)


class Bug(DynatusError):
    """An error of ours. It is told by its place in the code: its own message may hold what is secret or a stranger's.

    Args:
        cause: What was raised.
    """

    def __init__(self, cause: Exception) -> None:
        place = traceback.extract_tb(cause.__traceback__)[-1]
        file = place.filename.replace("\\", "/").rpartition("/")[2]
        super().__init__(
            f"This is a bug of dynatus: {type(cause).__name__} at {file}:{place.lineno} in {place.name}.",
            hint="Please report it with the lines that the log has about it.",
        )


class InvalidInput(DynatusError):
    """An input, option or argument that cannot be used; the message names it and the allowed values."""

    reason = FailureReason.INVALID_INPUT


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of a file. Lines and columns count from 1, columns in code points; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a definition. `place` is None for a definition that came from Python."""

    place: Place | None
    code: str
    message: str
    hint: str | None = None

    @property
    def sentence(self) -> str:
        """What is wrong, and what to write instead."""
        return sentence(self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.place}: {self.code}: {self.sentence}" if self.place else f"{self.code}: {self.sentence}"

    def to_dict(self) -> dict[str, Any]:
        """The fault as `validate --format json` prints it."""
        place = self.place
        return {
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "end_line": place.end_line if place else None,
            "end_column": place.end_column if place else None,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


class InvalidDefinitions(DynatusError):
    """Faults in definitions: all of them, in the order of the files."""

    reason = FailureReason.INVALID_DEFINITION

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class NoDefinitions(DynatusError):
    """There is no definition file at the path."""

    reason = FailureReason.INVALID_INPUT

    def __init__(self, path: str) -> None:
        super().__init__(
            f"No definition files (*.edn) at {path!r}.",
            hint="Name the folder or the file that holds them with `path`.",
        )
        self.path = path


class AwsError(DynatusError):
    """A call that AWS, or the endpoint in its place, refused or did not answer.

    Args:
        operation: AWS's name of the call, such as "DescribeTable".
        code: The error code of the answer, or the name of the network error.
        table: The table that it was about, if it was about one.
        missing_permission: The IAM action that the credentials lack, if that is why.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        code: str,
        table: str | None = None,
        missing_permission: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.code = code
        self.table = table
        self.missing_permission = missing_permission

    @property
    def reason(self) -> FailureReason:  # type: ignore[override]  # decided by what is known of the answer
        """Denied where a permission is missing, else AWS's own error."""
        return FailureReason.ACCESS_DENIED if self.missing_permission else FailureReason.AWS_ERROR


class WrongAccount(DynatusError):
    """The credentials belong to another account than the input `account` names."""

    reason = FailureReason.WRONG_ACCOUNT


class Refused(DynatusError):
    """What was asked for may not run: not reviewed, not merged, or destructive and not named."""

    def __init__(self, message: str, *, reason: FailureReason, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refused_for = reason

    @property
    def reason(self) -> FailureReason:  # type: ignore[override]  # each refusal has its own
        """Why it was refused."""
        return self.refused_for


class GitHubError(DynatusError):
    """GitHub refused, or failed to take, something that the run depends on."""

    reason = FailureReason.GITHUB_ERROR


class NotAllowed(GitHubError):
    """GitHub does not let the token do something: its workflow did not ask for the permission, or may not have it."""

    def __init__(self, message: str, *, permission: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.permission = permission


class Cancelled(DynatusError):
    """The run was told to stop, by a signal, before it had begun to change anything."""

    reason = FailureReason.CANCELLED
