"""What the parts of the loop share: the run, one table of it, and the events that the way in shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Event as Flag
from threading import Semaphore

from dynatus_ci.aws import observe, waits
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.observe import Readings
from dynatus_ci.aws.waits import Clock, Poll
from dynatus_ci.engine.progress import RetryState, TableProgress
from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table.aspects import targets
from dynatus_ci.table.facts import AccountFacts, Memory
from dynatus_ci.table.model import Action, Failure, Path, Step, Table, TableChange
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.text import option, plain

Refuse = Callable[[TableChange, Step | None], Refusal | None]
"""Who is asked whether a table may be changed: why not, or None for yes.

Behind it is `review.Gate`, and in the action `ApplyPolicy` before it. It is asked once for each observation, with the
step that would run next; None where none can run now, or ever.
"""

SHORT_PAUSE = 60
"""Seconds. `detach` waits this long, too; a table that is refused for longer leaves its place to another one."""
FRESH = 1.0
"""Seconds for which a turn of the loop trusts what the wait before it has read, instead of reading it again."""


class EventKind(StrEnum):
    """What an event is about."""

    STEP = "step"
    WAITING = "waiting"
    PROGRESS = "progress"
    DONE = "done"
    BACKUP = "backup"
    RETRY = "retry"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a table was changed.

    Args:
        backup: The ARN of a backup that is AVAILABLE.
        done: How much of a copy is done, from 0 to 1. PROGRESS comes every second, and a log leaves it out.
    """

    kind: EventKind
    table: str
    text: str
    step: Step | None = None
    backup: str | None = None
    done: float | None = None


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What all tables of one apply share: the connection, the gate, and the time.

    Args:
        detach: Do not wait for backfills, cooldowns and quotas.
        stop: Set when the run must end after the current call.
        deadline: When apply stops waiting, in seconds since the epoch.
        slots: One for each table that may be changed at the same time.
        copy_rate: The most items that a copy writes in a second.
        copies: The tables that are not filled yet when the run begins, each with the table that it is filled from.
        check: Whether the items are checked before the first step of a table.
    """

    aws: Aws
    refusal: Refuse
    on_event: OnEvent
    detach: bool
    stop: Flag
    clock: Clock
    deadline: float
    slots: Semaphore
    copy_rate: int | None = None
    copies: Mapping[str, str] = field(default_factory=dict)
    check: bool = True


class StopTable(Exception):
    """The loop of a table ends here, with this outcome."""

    def __init__(self, outcome: Outcome, error: Failure | None = None, *, resume: float | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.error = error
        self.resume = resume


def refused(refusal: Refusal) -> StopTable:
    """The end of a table that may not be changed."""
    reason = refusal.reason
    return StopTable(Outcome.REFUSED, Failure(reason.value, refusal.sentence, reason=reason))


class TableRun:
    """One table of a run: its definition, how far it came, and what the run must remember about it.

    Args:
        run: What it shares with the other tables.
        desired: The definition.
        planned: The change that was planned, and shown.
        cache: What the run knows of the account.
    """

    def __init__(self, run: EngineRun, desired: Table, planned: TableChange, cache: observe.FactCache) -> None:
        self.run = run
        self.aws = run.aws
        self.desired = desired
        self.planned = planned
        self.cache = cache
        self.progress = TableProgress(planned, left=planned.steps, unfinished=planned.differences)
        self.retries = RetryState()
        self.memory = Memory(made=planned.action in {Action.CREATE, Action.RECREATE})
        self.began = run.clock.now()
        self.last_answer = ""
        """What AWS said last while the run waited or tried again; a timeout quotes it."""
        self.facts = AccountFacts()
        """What was known when the table was observed last."""
        self.asked_items = False
        """Whether the items were checked: once, before the first step."""
        self._has_slot = False
        self._readings: Readings = {}
        self._read_at = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.run.clock.now()

    def notify(
        self,
        kind: EventKind,
        text: str,
        *,
        step: Step | None = None,
        backup: str | None = None,
        done: float | None = None,
    ) -> None:
        """Say what happens, as one line of plain text."""
        self.run.on_event(Event(kind, self.desired.name, plain(text), step, backup, done))

    def observe(self, paths: Iterable[Path]) -> Table | None:
        """The actual table. Of the aspects only those of some paths are read."""
        asked = tuple(paths)
        names = {name for path in asked if path for name in (path[0], path[-1])}
        values = {name: value for name, value in self.desired.values.items() if name in names}
        self._readings, self._read_at = {}, self.now()
        actual = observe.table(self.aws, replace(self.desired, values=values), self._readings)
        scaled = self.forget_scaling(asked)
        if actual is None or not scaled:
            return actual
        return targets.with_registered(actual, self.cache.scaling.targets(self.desired.name), scaled)

    def take_readings(self) -> Readings:
        """What the last look has read, if that was just now. Given once, so that no call lies between."""
        readings, self._readings = self._readings, {}
        return readings if 0 <= self.now() - self._read_at <= FRESH else {}  # a clock may be set back

    def forget_scaling(self, paths: Iterable[Path]) -> list[Path]:
        """The paths about auto scaling. What is registered there is read again before anybody sees it."""
        scaled = [path for path in paths if path and path[-1] in targets.UNITS]
        for path in scaled:
            self.cache.scaling.forget(targets.resource(self.desired.name, path))
        return scaled

    def poll(self, *, skip: int = 0, patience: float = 0) -> Poll:
        """A new wait, without the shortest pauses. AWS works by itself meanwhile, so another table may be changed.

        Args:
            skip: How many of the shortest pauses to leave out.
            patience: Seconds for which the table keeps its place.
        """
        return Poll(
            clock=self.run.clock,
            deadline=self.run.deadline,
            stop=self.run.stop,
            first=waits.FIRST_POLL * 2**skip,
            patience=patience,
            on_long=self.leave_slot,
        )

    def answered(self, text: str) -> None:
        """Remember what AWS said last, for the case that the time is over before it takes the call."""
        self.last_answer = text

    def pause(self, seconds: float) -> None:
        """Let time pass; a stop ends it."""
        self.run.clock.wait(seconds, self.run.stop)

    def take_slot(self) -> None:
        """Wait until fewer than `max_parallel` other tables are being changed."""
        if not self._has_slot:
            self.run.slots.acquire()
            self._has_slot = True

    def leave_slot(self) -> None:
        """Give the place of this table, one of `max-parallel`, to another table."""
        if self._has_slot:
            self.run.slots.release()
            self._has_slot = False

    def check_time(self) -> None:
        """End the table if the run was told to stop, or its time is over."""
        if self.run.stop.is_set():
            message = "The run was cancelled. The current call was finished. Run it again to continue."
            raise StopTable(Outcome.FAILED, Failure("Cancelled", message, reason=FailureReason.CANCELLED))
        now = self.now()
        if now < self.run.deadline:
            return
        if self.run.detach and self.progress.only_running:
            raise StopTable(Outcome.PENDING, resume=now)
        last = f" The last answer of AWS: {self.last_answer.rstrip('.')}." if self.last_answer else ""
        message = f"Apply has reached its time limit ({option('wait-minutes')}). Run it again to continue.{last}"
        raise StopTable(Outcome.FAILED, Failure("Timeout", message, reason=FailureReason.TIMEOUT), resume=now)
