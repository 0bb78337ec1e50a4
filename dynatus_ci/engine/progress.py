"""What one run did to one table, and how often it tried. Makes no call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.table.model import Difference, Effect, Failure, Step, Table, TableChange
from dynatus_ci.table.outcome import Outcome, Status, StepResult, TableResult


@dataclass(slots=True)
class TableProgress:
    """What this run did to a table, for its result; what the table is, the loop looks up each time."""

    planned: TableChange
    steps: list[StepResult] = field(default_factory=list)
    left: tuple[Step, ...] = ()
    wanted: tuple[Difference, ...] = ()
    """The differences that were seen last, without those that were finished since."""
    backup: str | None = None
    """The backup that this run has asked for."""
    unsure: Step | None = None
    """A step whose call had no answer."""
    streams: list[str] = field(default_factory=list)
    """The ARNs that the table's stream has had: its readers must be moved by hand."""

    def observed(self, actual: Table | None, change: TableChange) -> None:
        """Note what there is to do now. A call without an answer did happen if what it was for is gone from that."""
        arn = actual.info.stream_arn if actual and actual.info else None
        if arn and arn not in self.streams:
            self.streams.append(arn)
        if self.unsure and (change.error or not set(self.unsure.differences) & ids(change)):
            self.steps.append(StepResult(self.unsure, Status.RUNNING if change.error else Status.DONE))
        self.unsure = None
        if not change.error:
            self.left, self.wanted = change.steps, change.differences

    def began(self, step: Step) -> None:
        """A step's call was taken."""
        self.steps.append(StepResult(step, Status.RUNNING))
        self.left = tuple(left for left in self.left if left is not step)

    def ended(self, status: Status, took: float | None = None) -> None:
        """The step that was under way ended so."""
        step = self.steps[-1].step
        self.steps[-1] = StepResult(step, status, took)
        if status is Status.DONE:
            open_still = {id_ for left in self.left for id_ in left.differences}
            done = set(step.differences) - open_still
            self.wanted = tuple(difference for difference in self.wanted if difference.id not in done)

    def failed(self, step: Step) -> None:
        """A step's call was refused."""
        self.steps.append(StepResult(step, Status.FAILED))

    def unsupported(self, step: Step) -> None:
        """A step's calls were accepted by an endpoint that keeps nothing of it: nothing was done."""
        self.steps = [result for result in self.steps if key(result.step) != key(step)]

    def in_vain(self, step: Step) -> None:
        """A step's calls were accepted, and none did what it was for."""
        self.steps = [
            StepResult(step, Status.FAILED) if key(result.step) == key(step) else result for result in self.steps
        ]
        self.left = tuple(left for left in self.left if key(left) != key(step))

    @property
    def runs_on(self) -> bool:
        """Whether all that is left was accepted and goes on by itself."""
        return not self.left and any(result.status is Status.RUNNING for result in self.steps)

    def result(
        self, outcome: Outcome, *, error: Failure | None = None, resume: float | None = None, agrees: bool = False
    ) -> TableResult:
        """The table's result."""
        return TableResult(
            table=self.planned.table,
            action=self.planned.action,
            result=outcome,
            steps=(*self.steps, *(() if agrees else self._not_run(outcome))),
            resume_at=iso(resume) if resume is not None else None,
            backup=self.backup,
            error=error,
            notes=(f"The stream was {self.streams[0]} and is {self.streams[-1]} now.",) if self.streams[1:] else (),
            agrees=agrees,
            unfinished=() if agrees else self.wanted,
        )

    def _not_run(self, outcome: Outcome) -> Iterator[StepResult]:
        ran = {key(result.step) for result in self.steps if result.status is not Status.DONE}
        status = Status.REFUSED if outcome is Outcome.REFUSED else Status.NOT_RUN
        for step in self.left:
            if key(step) not in ran:
                yield StepResult(step, status)


@dataclass(slots=True)
class RetryState:
    """How often steps failed and were accepted, and which differences AWS, or a cooldown, has put off until when."""

    failed: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    deferred: dict[str, float] = field(default_factory=dict)
    quota: CallFailed | None = None
    """Why, where AWS said it."""

    def defer(self, step: Step, until: float) -> None:
        """Let a step's differences rest until a moment."""
        self.deferred |= dict.fromkeys(step.differences, until)

    def rest(self, step: Step, now: float) -> float:
        """For how many seconds from now a step must not be sent yet; 0 where nothing keeps it."""
        return max([0, *(self.deferred[identity] - now for identity in step.differences if identity in self.deferred)])

    def prune(self, where: Callable[[str, float], bool]) -> None:
        """Forget what else was put off."""
        self.deferred = {id_: until for id_, until in self.deferred.items() if where(id_, until)}


def ids(change: TableChange) -> set[str]:
    """The differences that a step can serve."""
    return {difference.id for difference in change.differences if difference.effect is not Effect.UNSUPPORTED}


def key(step: Step) -> str:
    """What makes a step the same one in the next observation."""
    return f"{step.operation} {sorted(step.differences)} {step.reason}"


def iso(moment: float) -> str:
    """A moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
