"""What an apply did: to each step, to each table, and as a whole.

docs/architecture.md#documents
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dynatus_ci.errors import FailureReason
from dynatus_ci.table.item_checks import Check
from dynatus_ci.table.model import Action, Difference, Failure, Step
from dynatus_ci.table.plans import FORMAT, Plan


class Status(StrEnum):
    """How far a step of an apply came."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_RUN = "not-run"


class Outcome(StrEnum):
    """The result of one table or of the whole run (README.md#outputs, `result`)."""

    NOOP = "noop"
    PLANNED = "planned"
    APPLIED = "applied"
    PENDING = "pending"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    VALID = "valid"

    @staticmethod
    def worst(outcomes: Iterable[Outcome]) -> Outcome:
        """The worst result of all tables: failed, refused, pending, applied or planned, noop."""
        order = (Outcome.NOOP, Outcome.PLANNED, Outcome.APPLIED, Outcome.PENDING, Outcome.REFUSED, Outcome.FAILED)
        return max(outcomes, key=order.index, default=Outcome.NOOP)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step and how far it came; `took` in seconds, None where it did not run to its end."""

    step: Step
    status: Status
    took: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The step's result as documents hold it (docs/architecture.md#documents)."""
        return {**self.step.to_dict(), "status": self.status.value}


@dataclass(frozen=True, slots=True)
class TableResult:
    """What an apply did to one table.

    Args:
        action: What the run did, or was to do.
        resume_at: When to go on, as ISO 8601 in UTC, where the table waits for a quota or a cooldown.
        backup: The ARN of the backup that this run made of the table before it was deleted.
        agrees: Whether the run saw the table in agreement with its definition at its end.
        unfinished: The differences that the run still wanted at its end and had not finished.
        checks: What the items answered before the first step.
    """

    table: str
    action: Action | None
    result: Outcome
    steps: tuple[StepResult, ...] = ()
    resume_at: str | None = None
    backup: str | None = None
    error: Failure | None = None
    notes: tuple[str, ...] = ()
    agrees: bool = False
    unfinished: tuple[Difference, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether a call of this run changed the table, or may have."""
        return any(step.status in {Status.DONE, Status.RUNNING} for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The result as documents hold it (docs/architecture.md#documents)."""
        return {
            "table": self.table,
            "action": self.action.value if self.action else None,
            "result": self.result.value,
            "resume_at": self.resume_at,
            "backup": self.backup,
            "checks": [check.to_dict() for check in self.checks],
            "error": self.error.to_dict() if self.error else None,
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What an apply did: the plan that it started from, and every table's result."""

    plan: Plan
    tables: tuple[TableResult, ...] = ()
    result: Outcome = Outcome.NOOP
    failure_reason: FailureReason | None = None

    @property
    def changed(self) -> bool:
        """Whether a call of this run changed something, or may have."""
        return any(table.changed for table in self.tables)

    def to_dict(self) -> dict[str, Any]:
        """The result as a document (docs/architecture.md#documents)."""
        return {
            "format": FORMAT,
            "result": self.result.value,
            "failure_reason": self.failure_reason.value if self.failure_reason else None,
            "plan": self.plan.to_dict(),
            "tables": [table.to_dict() for table in self.tables],
        }
