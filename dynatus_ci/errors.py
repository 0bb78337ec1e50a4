"""The errors that people see. Each says what happened, where, and what to do.

Every expected error is a `DynatusError`. Any other exception is a bug, reported as `internal-error`. Messages and hints
are sentences of `text`: their values stand in code spans. `str()` of an error has none.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from dynatus_ci.text import code, option, plain, plain_lines


class FailureReason(StrEnum):
    """The values of the output `failure-reason`. None is renamed or removed.

    A new one also goes into action.yml and docs/troubleshooting.md, at the same place in the list. If it is a refusal,
    it goes into the table of docs/review.md, too.
    """

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
    ITEMS_DO_NOT_FIT = "items-do-not-fit"
    SOURCE_WRITTEN = "source-written"
    DRIFT = "drift"
    INTERNAL_ERROR = "internal-error"


def sentence(message: str, hint: str | None) -> str:
    """What happened, and what to do about it, as one text."""
    return f"{message} {hint}" if hint else message


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not run, and what to do about it."""

    message: str
    reason: FailureReason = FailureReason.DESTRUCTIVE_BLOCKED
    hint: str | None = None

    @property
    def sentence(self) -> str:
        """Both, as one text."""
        return sentence(self.message, self.hint)

    def about(self, table: str) -> Refusal:
        """The same; the message begins with the table."""
        return replace(self, message=f"{code(table)}: {self.message}")


class DynatusError(Exception):
    """The base class of all expected errors.

    Args:
        message: What happened, and where.
        hint: What to do about it, if that is known.
    """

    reason: FailureReason = FailureReason.INTERNAL_ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it."""
        return sentence(self.message, self.hint)

    def __str__(self) -> str:
        return plain_lines(self.sentence)


class Bug(DynatusError):
    """A bug of dynatus, named by its place in the code: the exception's own message may have secrets.

    Args:
        cause: The exception that was raised.
    """

    def __init__(self, cause: Exception) -> None:
        place = traceback.extract_tb(cause.__traceback__)[-1]
        file = place.filename.replace("\\", "/").rpartition("/")[2]
        super().__init__(
            f"This is a bug of dynatus: `{type(cause).__name__}` at `{file}:{place.lineno}` in `{place.name}`.",
            hint="Please report it, with the traceback from the log.",
        )


class InvalidInput(DynatusError):
    """An input, option or argument is wrong. The message has its name and the allowed values."""

    reason = FailureReason.INVALID_INPUT


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A part of a file. Lines and columns count from 1, columns in code points. The end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a definition. `place` is None for a definition from Python.

    `str()` and `to_dict()` hold the plain sentence, without code spans.
    """

    place: Place | None
    code: str
    message: str
    hint: str | None = None

    @property
    def sentence(self) -> str:
        """What is wrong, and what to write instead."""
        return sentence(self.message, self.hint)

    @property
    def line(self) -> str:
        """The fault with its place and code: one line of text, in which the values of the sentence are marked."""
        where = f"{code(str(self.place))}: " if self.place else ""
        return f"{where}{self.code}: {self.sentence}"

    def __str__(self) -> str:
        return plain(self.line)

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
            "message": plain(self.message),
            "hint": self.hint and plain(self.hint),
        }


class InvalidDefinitions(DynatusError):
    """The definitions have faults. All of them, in the order of the files."""

    reason = FailureReason.INVALID_DEFINITION

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(fault.line for fault in faults))
        self.faults = faults


class NoDefinitions(DynatusError):
    """The path has no definition file."""

    reason = FailureReason.INVALID_INPUT

    def __init__(self, path: str, *, found: str = "") -> None:
        """Say what is there instead.

        Args:
            path: The path.
            found: What the path is, or what its files have, as the end of a sentence; empty for nothing.
        """
        super().__init__(
            f"There is no definition at {code(path)}: {found or 'it does not exist'}.",
            hint=f"Set {option('path')} to the definitions: a file or a folder (`*.edn`, `*.json`, `*.yaml`, `*.yml`).",
        )
        self.path = path


class AwsError(DynatusError):
    """AWS, or the endpoint that is used instead, refused a call or did not answer.

    Args:
        operation: The operation, such as "DescribeTable".
        code: The error code of the answer, or the name of the network error.
        table: The table of the call, if it has one.
        missing_permission: The IAM action that the credentials do not have, if that is the cause.
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
    def reason(self) -> FailureReason:  # type: ignore[override]  # it depends on the answer
        """Access denied if a permission is missing, else an error of AWS."""
        return FailureReason.ACCESS_DENIED if self.missing_permission else FailureReason.AWS_ERROR


class WrongAccount(DynatusError):
    """The credentials belong to another account than the one of the input `account`."""

    reason = FailureReason.WRONG_ACCOUNT


class Refused(DynatusError):
    """Apply may not run this: it is not reviewed, not merged, or destructive and not approved.

    Callers from Python get it. Inside a run it is a `Refusal`.
    """

    def __init__(self, message: str, *, reason: FailureReason, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refused_for = reason

    @property
    def reason(self) -> FailureReason:  # type: ignore[override]  # each refusal has its own
        """The reason of the refusal."""
        return self.refused_for


class GitHubError(DynatusError):
    """GitHub refused a request that the run needs, or failed to answer it."""

    reason = FailureReason.GITHUB_ERROR


class NotAllowed(GitHubError):
    """The token does not have a permission: the workflow did not ask for it, or may not have it."""

    def __init__(self, message: str, *, permission: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.permission = permission


class Cancelled(DynatusError):
    """A signal stopped the run before it changed anything."""

    reason = FailureReason.CANCELLED
