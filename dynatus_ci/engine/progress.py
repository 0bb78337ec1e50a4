"""What one run did to one table, and how often it tried. Makes no call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.table.item_checks import Check
from dynatus_ci.table.model import Difference, Effect, Failure, Step, Table, TableChange
from dynatus_ci.table.outcome import Outcome, Status, StepResult, TableResult
from dynatus_ci.text import code


@dataclass(slots=True)
class TableProgress:
    """What this run did to a table, for its result. The loop observes the table itself each time."""

    planned: TableChange
    steps: list[StepResult] = field(default_factory=list)
    left: tuple[Step, ...] = ()
    unfinished: tuple[Difference, ...] = ()
    """The differences that were observed last, without those that were finished since."""
    backup: str | None = None
    """The ARN of the backup that this run created."""
    unanswered: Step | None = None
    """A step whose call had no answer."""
    notes: list[str] = field(default_factory=list)
    """What the report says of the run, as sentences."""
    checks: tuple[Check, ...] = ()
    """What the items answered before the first step."""
    streams: list[str] = field(default_factory=list)
    """The ARNs that the table's stream has had: consumers must be switched to the last one."""

    def observed(self, actual: Table | None, change: TableChange) -> None:
        """Note what there is to do now. An unanswered call succeeded if its differences are no longer in the plan."""
        arn = actual.info.stream_arn if actual and actual.info else None
        if arn and arn not in self.streams:
            self.streams.append(arn)
        if self.unanswered and (change.error or not set(self.unanswered.differences) & ids(change)):
            self.steps.append(StepResult(self.unanswered, Status.RUNNING if change.error else Status.DONE))
        self.unanswered = None
        if not change.error:
            self.left, self.unfinished = change.steps, change.differences

    def began(self, step: Step) -> None:
        """AWS accepted a step's call."""
        self.steps.append(StepResult(step, Status.RUNNING))
        self.left = tuple(left for left in self.left if left is not step)

    def ended(self, status: Status, took: float | None = None) -> None:
        """The step that began last has ended."""
        step = self.steps[-1].step
        self.steps[-1] = StepResult(step, status, took)
        if status is Status.DONE:
            still_open = {id_ for left in self.left for id_ in left.differences}
            done = set(step.differences) - still_open
            self.unfinished = tuple(difference for difference in self.unfinished if difference.id not in done)

    def failed(self, step: Step) -> None:
        """AWS refused a step's call."""
        self.steps.append(StepResult(step, Status.FAILED))

    def failed_after_all(self, operation: str) -> None:
        """Mark the last step as failed, if it was this operation: AWS accepted the call, and failed to carry it out."""
        if self.steps and self.steps[-1].step.operation == operation:
            self.ended(Status.FAILED)

    def unsupported(self, step: Step) -> None:
        """The endpoint accepted a step's calls and kept nothing: the step was not done."""
        self.steps = [result for result in self.steps if key(result.step) != key(step)]

    def without_effect(self, step: Step) -> None:
        """Mark an accepted step as failed, because its value never appeared."""
        self.steps = [
            StepResult(step, Status.FAILED) if key(result.step) == key(step) else result for result in self.steps
        ]
        self.left = tuple(left for left in self.left if key(left) != key(step))

    @property
    def only_running(self) -> bool:
        """Whether AWS has accepted everything, and goes on with it by itself."""
        return not self.left and any(result.status is Status.RUNNING for result in self.steps)

    def result(
        self, outcome: Outcome, *, error: Failure | None = None, resume: float | None = None, agrees: bool = False
    ) -> TableResult:
        """The table's result; `agrees` where the last observation has found no difference."""
        steps = [*self.steps, *self._not_run(outcome)]
        if agrees:  # so what was left running has ended
            steps = [replace(it, status=Status.DONE) if it.status is Status.RUNNING else it for it in self.steps]
        moved = (
            [f"The stream was {code(self.streams[0])} and is now {code(self.streams[-1])}."] if self.streams[1:] else []
        )
        return TableResult(
            table=self.planned.table,
            action=self.planned.action,
            result=outcome,
            steps=tuple(steps),
            resume_at=iso(resume) if resume is not None else None,
            backup=self.backup,
            error=error,
            notes=(*self.notes, *moved),
            agrees=agrees,
            checks=self.checks,
            unfinished=() if agrees else self.unfinished,
        )

    def _not_run(self, outcome: Outcome) -> Iterator[StepResult]:
        ran = {key(result.step) for result in self.steps if result.status is not Status.DONE}
        status = Status.REFUSED if outcome is Outcome.REFUSED else Status.NOT_RUN
        for step in self.left:
            if key(step) not in ran:
                yield StepResult(step, status)


@dataclass(slots=True)
class RetryState:
    """How often steps failed and were accepted, and until when AWS, or a cooldown, has put off which differences."""

    failed: Counter[tuple[str, ErrorKind]] = field(default_factory=Counter)
    """By step and kind: each kind has its own limit, and a step that is throttled often may lose an answer, too."""
    accepted: Counter[str] = field(default_factory=Counter)
    deferred: dict[str, float] = field(default_factory=dict)
    quota: CallFailed | None = None
    """AWS's answer that put something off."""

    @property
    def due(self) -> float:
        """When the first of what was put off may go on; infinite if nothing was."""
        return min(self.deferred.values(), default=inf)

    def has_failed(self, key: str) -> bool:
        """Whether a step has failed, for whatever reason."""
        return any(failed == key for failed, _ in self.failed)

    def defer(self, step: Step, until: float) -> None:
        """Put a step's differences off until a moment."""
        self.deferred |= dict.fromkeys(step.differences, until)

    def has_deferred(self, step: Step) -> bool:
        """Whether a step was put off."""
        return any(identity in self.deferred for identity in step.differences)

    def rest(self, step: Step, now: float) -> float:
        """For how many seconds from now a step must not be sent; 0 if it may be."""
        return max([0, *(self.deferred[identity] - now for identity in step.differences if identity in self.deferred)])

    def prune(self, where: Callable[[str, float], bool]) -> None:
        """Keep only what was put off and passes a test of its id and moment."""
        self.deferred = {id_: until for id_, until in self.deferred.items() if where(id_, until)}


def ids(change: TableChange) -> set[str]:
    """The ids of the differences that a step can serve."""
    return {difference.id for difference in change.differences if difference.effect is not Effect.UNSUPPORTED}


def key(step: Step) -> str:
    """What a step has in common with the same step of the next plan.

    The reason is part of it: several steps of one operation can serve the same difference, such as the stream off, then
    on with another view.
    """
    return f"{step.operation} {sorted(step.differences)} {step.reason}"


def iso(moment: float) -> str:
    """A moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
