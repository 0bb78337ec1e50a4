"""One table, until it agrees with its definition: observe, plan, run the first step, wait until it is done, observe.

A crash, a lost answer, another writer and a long index build are all the same case: the next observation. It knows AWS
through `dynamodb` and what was approved through one function; it does not know GitHub.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from threading import Event as Flag
from threading import Semaphore
from typing import Any

from dynatus_ci.aws import call_errors, observe, probes, waits
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.waits import Clock, Poll, WaitOutcome
from dynatus_ci.engine import progress
from dynatus_ci.engine.progress import RetryState, TableProgress
from dynatus_ci.errors import Bug, DynatusError, FailureReason
from dynatus_ci.review import Refusal
from dynatus_ci.table import aspects, emulators, order, planner, probe
from dynatus_ci.table.aspects.base import Memory, Probe
from dynatus_ci.table.aspects.ttl import COOLDOWN
from dynatus_ci.table.model import Action, Failure, Path, Step, Table, TableChange
from dynatus_ci.table.outcome import Outcome, Status, TableResult

_log = logging.getLogger(__name__)

MayRun = Callable[[TableChange, Step | None], Refusal | None]
"""The gate: why a table may not be changed; None where it may.

It is asked once for each observation, with the step that would run next; None where none can run now, or ever.
"""

MOST_ATTEMPTS = 2
"""How often a step that changes nothing is accepted before it is reported."""
MOST_FAILURES = 8
"""How often a step is tried again after "throttled" or an answer that nobody got: half a minute."""
MOST_FAILURES_OF = {
    ErrorKind.BUSY: 64,  # ten minutes, in which something else may end, such as an index in a replica's region
    ErrorKind.TOO_NEW: 11,  # a minute
}
"""The same where AWS's answer asks for more patience."""
SHORT_PAUSE = 60
"""Seconds that are waited for also with `detach`."""
VITAL = frozenset({"CreateTable", "DeleteTable", "CreateBackup"})
"""Operations that no endpoint may leave out: without them the table fails, whatever an emulator lacks elsewhere."""
NOTHING_YET = Memory()
_AGAIN = frozenset(
    {
        ErrorKind.BUSY,
        ErrorKind.TOO_NEW,
        ErrorKind.THROTTLED,
        ErrorKind.AMBIGUOUS,
        ErrorKind.UNCHANGED,
        ErrorKind.MISSING,
        ErrorKind.UNREACHABLE,
    }
)
"""After these the loop observes and goes on from what it finds."""


class EventKind(StrEnum):
    """What an event tells."""

    STEP = "step"
    WAITING = "waiting"
    DONE = "done"
    BACKUP = "backup"
    RETRY = "retry"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a table was changed; `backup` is the ARN of a backup that is AVAILABLE."""

    kind: EventKind
    table: str
    text: str
    step: Step | None = None
    backup: str | None = None


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What all tables of one apply share: the connection, the gate, and the time.

    Args:
        detach: Do not wait for backfills, cooldowns and quotas.
        stop: Set when the run is to end after the call that is under way.
        deadline: When apply stops waiting, in seconds since the epoch.
        slots: One for each table that may be worked on at the same time.
    """

    aws: Aws
    may_run: MayRun
    on_event: OnEvent
    detach: bool
    stop: Flag
    clock: Clock
    deadline: float
    slots: Semaphore


def observe_and_plan(
    aws: Aws, desired: Table, cache: observe.FactCache, *, memory: Memory = NOTHING_YET
) -> tuple[Table | None, TableChange]:
    """One observation of a table, and what it needs.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    actual = observe.table(aws, desired)
    facts = replace(cache.facts(), memory=memory)
    questions = planner.questions(desired, actual, facts)
    while questions:
        facts = cache.answer(questions, desired.name, facts)
        questions = planner.questions(desired, actual, facts)
    return actual, planner.change(desired, actual, facts)


class _StopTable(Exception):
    """The table's loop ends here, with this outcome."""

    def __init__(self, outcome: Outcome, error: Failure | None = None, *, resume: float | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.error = error
        self.resume = resume


class TableLoop:
    """The loop of one table.

    Args:
        run: What it shares with the others.
        desired: The definition.
        planned: What was planned, and shown, for it.
        surroundings: What is known of the account.
    """

    def __init__(self, run: EngineRun, desired: Table, planned: TableChange, cache: observe.FactCache) -> None:
        self._run = run
        self._desired = desired
        self._planned = planned
        self._cache = cache
        self._progress_log = TableProgress(planned, left=planned.steps, wanted=planned.differences)
        self._retries = RetryState()
        self._memory = Memory(made=planned.action in {Action.CREATE, Action.RECREATE})
        self._began = run.clock.now()
        self._last = ""  # what AWS answered last, where that was not what the run waits for
        self._inside = False

    def run(self) -> TableResult:
        """Bring the table to agreement with its definition, or say why not."""
        try:
            result = self._loop()
            self._tell(EventKind.FINISHED, result.result.value)
        except DynatusError as error:  # of `on_event`
            return self._progress_log.result(Outcome.FAILED, error=call_errors.failure(error))
        except Exception as bug:  # noqa: BLE001  # a bug at one table must not hide what was done to the others
            _log.error("Table %s failed by a bug.", self._desired.name, exc_info=bug)
            failure = Failure("InternalError", str(Bug(bug)), reason=FailureReason.INTERNAL_ERROR)
            return self._progress_log.result(Outcome.FAILED, error=failure)
        finally:
            self._leave()
        return result

    def _loop(self) -> TableResult:
        did = self._progress_log
        try:
            while self._turn():
                pass
            return did.result(Outcome.APPLIED if did.steps else Outcome.NOOP, agrees=True)
        except _StopTable as end:
            return did.result(end.outcome, error=end.error, resume=end.resume)
        except CallFailed as failed:
            expired = failed.kind is ErrorKind.EXPIRED
            resume = self._now() if expired else None
            if expired and self._run.detach and did.runs_on:
                return did.result(Outcome.PENDING, resume=resume)
            return did.result(Outcome.FAILED, error=call_errors.failure(failed), resume=resume)

    # At most `max_parallel` tables are worked on at once; one that waits for long gives its place to another.
    def _enter(self) -> None:
        if not self._inside:
            self._run.slots.acquire()
            self._inside = True

    def _leave(self) -> None:
        if self._inside:
            self._run.slots.release()
            self._inside = False

    # One turn: observe, plan, run the first step that may run now. False when nothing remains.
    def _turn(self) -> bool:
        self._enter()
        self._check_time()
        if self._planned.error:
            raise _StopTable(Outcome.FAILED, self._planned.error)
        actual, change = observe_and_plan(self._run.aws, self._desired, self._cache, memory=self._memory)
        if actual:
            seen = {**self._memory.indexes, **actual.indexes()}
            self._memory = replace(self._memory, indexes=seen)
        self._progress_log.observed(actual, change)
        if change.error:
            raise _StopTable(Outcome.FAILED, change.error)
        ids, now = progress.ids(change), self._now()
        self._retries.prune(lambda id_, until: id_ in ids and until > now)
        if change.refusal:
            self._ask(change, None)
            raise _StopTable(Outcome.REFUSED, _refused(FailureReason.DESTRUCTIVE_BLOCKED, change.refusal))
        under_way = actual.transitions if actual else {}
        if () in under_way:
            return self._wait_for({(): under_way[()]})
        step = order.first_ready(
            change.steps, lambda step: inf if order.in_the_way(step, under_way) else self._retries.rest(step, now)
        )
        self._gate(change, step)
        if step is None:
            return self._rest(actual, change)
        self._check_time()  # looking takes several calls, and the run may have been told to stop during any of them
        self._take(change, step, actual)
        return True

    def _rest(self, actual: Table | None, change: TableChange) -> bool:
        """Nothing can run now: wait for what is under way or was put off, or end."""
        under_way = self._awaited(actual, change)
        if under_way and not self._run.detach:
            return self._wait_for(under_way)
        if self._retries.deferred:
            return self._wait_for_quota()
        if under_way or self._progress_log.left:
            raise _StopTable(Outcome.PENDING, resume=self._now())
        if change.left:
            raise _StopTable(Outcome.FAILED, Failure("LeftUndone", f"Table {change.table}: {change.left}"))
        return False

    def _awaited(self, actual: Table | None, change: TableChange) -> dict[Path, str]:
        """What is under way at settings that the file mentions, or keeps AWS from taking a step."""
        if actual is None:
            return {}
        mentioned = {path: status for path, status in actual.transitions.items() if _managed(self._desired, path)}
        ready = (step for step in change.steps if not self._retries.rest(step, 0))
        blocking = (order.in_the_way(step, actual.transitions) for step in ready)
        return {path: status for found in (mentioned, *blocking) for path, status in found.items()}

    # The gate is asked anew before each step.
    def _gate(self, change: TableChange, step: Step | None) -> None:
        self._ask(change, step)
        planned = self._planned.info.table_id if self._planned.info else None
        if change.table_id and change.table_id != planned:
            message = f"Table {change.table} is another table than the one that was planned: its TableId differs."
            raise _StopTable(Outcome.REFUSED, _refused(FailureReason.DESTRUCTIVE_BLOCKED, message))

    def _ask(self, change: TableChange, step: Step | None) -> None:
        refusal = self._run.may_run(change, step)
        what = f"{step.operation} ({step.reason})" if step else "the change"
        _log.info("Table %s: %s %s", change.table, what, f"may not run: {refusal}" if refusal else "may run.")
        if refusal:
            raise _StopTable(Outcome.REFUSED, _refused(refusal.reason, str(refusal)))

    # One step: its call, and the wait until it is done.
    def _take(self, change: TableChange, step: Step, actual: Table | None) -> None:
        if self._retries.accepted[progress.key(step)] >= MOST_ATTEMPTS:
            self._not_shown(step)
            return
        self._tell(EventKind.STEP, f"{step.operation}: {step.reason}", step=step)
        began = self._now()
        backup = self._backup_in_doubt(step)
        if not backup:
            try:
                answer = self._send(step)
            except CallFailed as failed:
                self._failed(step, failed)
                return
            if step.operation == "CreateBackup":
                backup = str(answer["BackupDetails"]["BackupArn"])
        self._progress_log.began(step)
        self._retries.accepted[progress.key(step)] += 1
        ended = self._wait_backup(backup) if backup else self._wait(step, actual)
        if ended is WaitOutcome.DONE:
            took, self._last = self._now() - began, ""
            self._progress_log.ended(Status.DONE, took)
            self._tell(EventKind.DONE, f"{step.reason}: done in {took:.0f} s", step=step)
            if not self._is_probe(step):
                self._put_off_cooldown(change, step)
            elif step.operation == "CreateTable":
                self._memory = replace(self._memory, probed=True)
        self._check_time()

    def _send(self, step: Step) -> dict[str, Any]:
        """Make a step's call; one about the probe only where it is still to be made."""
        name = self._desired.name
        if not self._is_probe(step):
            return self._run.aws.write(step.operation, table=name, parameters=step.parameters)
        try:
            if not self._probe_needs(step):
                return {}
            self._memory = replace(self._memory, probing=True)
            return self._run.aws.write(step.operation, table=probe.name(name), parameters=step.parameters)
        except CallFailed as failed:
            raise probes.explained(failed, name) from failed

    def _is_probe(self, step: Step) -> bool:
        return probe.is_about(step, self._desired.name)

    def _probe_needs(self, step: Step) -> bool:
        """Whether the probe is not yet, or still, there. Nothing is deleted whose tag has not been read just now."""
        name, creates, began = self._desired.name, step.operation == "CreateTable", self._now()
        found = probes.FoundProbe(Probe.NOT_ASKED)

        def settled() -> WaitOutcome | None:
            nonlocal found
            found = probes.look(self._run.aws, name)
            untagged = found.what is Probe.FOREIGN and self._memory.probing and self._now() - began < waits.SETTLE
            return None if untagged or found.status == ("DELETING" if creates else "CREATING") else WaitOutcome.DONE

        if self._poll().until(settled) is not WaitOutcome.DONE:
            self._check_time()
        if found.what is Probe.FOREIGN:
            raise _StopTable(Outcome.REFUSED, _refused(FailureReason.DESTRUCTIVE_BLOCKED, probe.in_the_way(name)))
        return found.what is Probe.ABSENT if creates else found.what is Probe.OURS and found.status != "DELETING"

    def _put_off_cooldown(self, change: TableChange, step: Step) -> None:
        """Steps after this one have a cooldown from now on; emulators have none."""
        if self._run.aws.emulator:
            return
        for later in change.steps[change.steps.index(step) + 1 :]:
            if order.pauses(step, later):
                self._retries.defer(later, self._now() + later.cooldown)

    # A call that failed: its class says what to do; the next turn observes before anything is sent again.
    def _failed(self, step: Step, failed: CallFailed) -> None:
        tries, now = self._retries, self._now()
        tries.failed[progress.key(step)] += 1
        times = tries.failed[progress.key(step)]
        if failed.kind in {ErrorKind.QUOTA, ErrorKind.COOLDOWN}:
            tries.quota = failed
            until = max(failed.until or 0, now) + 1 if failed.until else now + (failed.wait or COOLDOWN)
            tries.defer(step, until)
        elif failed.kind is ErrorKind.UNSUPPORTED and self._run.aws.endpoint and step.operation not in VITAL:
            self._unsupported(step)
        elif failed.kind in _AGAIN and times < self._most_failures(failed):
            self._last = failed.message
            self._tell(EventKind.RETRY, f"{failed.operation}: {failed.code}; looking again", step=step)
            self._progress_log.unsure = step if failed.kind is ErrorKind.AMBIGUOUS else None
            if times > MOST_FAILURES:
                self._leave()
            if failed.until is not None and failed.until < self._run.deadline:
                self._run.clock.wait(max(failed.until - now, 0) + 1, self._run.stop)
            elif step.operation == "CreateTable" and failed.kind is ErrorKind.UNCHANGED:
                self._wait(replace(step, expects={(): {}}), None)  # it is there, and does not show yet
            else:
                self._poll(skip=times).pause()
        else:
            self._progress_log.failed(step)
            raise failed

    def _most_failures(self, failed: CallFailed) -> int:
        """AWS's wordless 500 is often its answer to what it will never take; emulators throw dice."""
        if failed.code == "InternalFailure" and self._run.aws.endpoint is None:
            return MOST_ATTEMPTS
        return MOST_FAILURES_OF.get(failed.kind, MOST_FAILURES)

    def _unsupported(self, step: Step) -> None:
        for path in step.expects:
            self._run.aws.cannot_keep(emulators.kind(path))

    def _not_shown(self, step: Step) -> None:
        """Accepted more than once, and yet to be done: an emulator cannot keep it; on AWS it is an error."""
        aws = self._run.aws
        emulator = aws.emulator or (aws.endpoint and aws.unsupported)
        if emulator and step.operation not in VITAL:
            self._unsupported(step)
            self._progress_log.unsupported(step)
            return
        self._progress_log.in_vain(step)
        about = f"{step.operation} of table {self._desired.name}"
        message = f"{about} was accepted {MOST_ATTEMPTS} times, but what it sets does not show: {step.reason}."
        raise _StopTable(Outcome.FAILED, Failure("NotShown", message, step.operation))

    # The backup before a deletion.
    def _backup_in_doubt(self, step: Step) -> str | None:
        """The backup that a call without an answer made after all: a second one would be named nowhere."""
        if step.operation != "CreateBackup" or not self._retries.failed[progress.key(step)]:
            return None
        return observe.backup(self._run.aws, self._desired.name, step.parameters["BackupName"], since=self._began)

    def _wait_backup(self, arn: str) -> WaitOutcome:
        """Until the backup is AVAILABLE; then it is told of, before anything is deleted."""
        self._progress_log.backup = arn

        def available() -> WaitOutcome | None:
            answer = self._run.aws.read("DescribeBackup", table=self._desired.name, BackupArn=arn)
            status = answer["BackupDescription"]["BackupDetails"]["BackupStatus"]
            self._last = f"the backup {arn} is {status}"
            return WaitOutcome.DONE if status == "AVAILABLE" else None

        ended = self._poll().until(available)
        if ended is WaitOutcome.DONE:
            self._memory = replace(self._memory, backup=arn)
            self._tell(EventKind.BACKUP, f"backup {arn} is AVAILABLE", backup=arn)
        return ended

    # Waiting.
    def _wait(self, step: Step, before: Table | None) -> WaitOutcome | None:
        """Until the step's expectation holds; None where `detach` leaves it running."""
        if self._run.detach and step.seconds[1] is None:
            return None
        settle = waits.SETTLE_AT_EMULATOR if self._run.aws.emulator else waits.SETTLE
        if step.operation == "CreateTable" and self._run.aws.endpoint is None:
            settle = inf
            self._run.clock.wait(waits.NEW_TABLE, self._run.stop)
        watch = waits.Watch(
            lambda: self._looked_at(step),
            step.expects,
            failed_before=waits.failures(before, step.expects) if before else {},
            clock=self._run.clock,
            settle=settle,
            on_progress=self._progress(step.reason),
        )
        ended = self._poll().until(watch.ended)
        if ended is WaitOutcome.FAILED:
            self._progress_log.ended(Status.FAILED)
            message = f"{step.operation} of table {self._desired.name} was accepted, and then failed: {watch.failure}."
            raise _StopTable(Outcome.FAILED, Failure("ChangeFailed", message, step.operation))
        return ended

    def _wait_for(self, under_way: Mapping[Path, str]) -> bool:
        """Until some transitions, which have just been seen, have ended, or what was put off may go on."""
        self._last = _words(under_way)
        self._tell(EventKind.WAITING, f"waiting: {self._last}")
        due = min(self._retries.deferred.values(), default=inf)

        def over() -> WaitOutcome | None:
            if self._now() >= due:
                return WaitOutcome.DONE
            actual = self._observe(under_way)
            return None if actual and under_way.keys() & actual.transitions.keys() else WaitOutcome.DONE

        poll = self._poll()
        poll.pause()
        if poll.until(over) is not WaitOutcome.DONE:
            self._check_time()
        return True

    def _wait_for_quota(self) -> bool:
        """Until the first of what was put off may go on, where the deadline allows it; else the table ends here."""
        moment = min(self._retries.deferred.values())
        if self._run.detach and moment - self._now() > SHORT_PAUSE:
            raise _StopTable(Outcome.PENDING, resume=moment)
        if moment >= self._run.deadline:
            quota = self._retries.quota
            message = str(quota) if quota else "AWS asks for a pause before the next step."
            raise _StopTable(Outcome.FAILED, Failure("Later", message, reason=FailureReason.QUOTA), resume=moment)
        self._tell(EventKind.WAITING, f"AWS says later: going on at {progress.iso(moment)}")
        self._leave()
        self._run.clock.wait(moment - self._now(), self._run.stop)
        self._check_time()
        now = self._now()
        self._retries.prune(lambda _, until: until > now)
        return True

    def _looked_at(self, step: Step) -> Table | None:
        """The table that a step is about."""
        return probes.table(self._run.aws, self._desired.name) if self._is_probe(step) else self._observe(step.expects)

    def _observe(self, paths: Iterable[Path]) -> Table | None:
        """The table cut to some paths' settings, so that a look reads no more than it needs."""
        names = {name for path in paths if path for name in (path[0], path[-1])}
        values = {name: value for name, value in self._desired.values.items() if name in names}
        return observe.table(self._run.aws, replace(self._desired, values=values))

    def _poll(self, *, skip: int = 0) -> Poll:
        return Poll(
            clock=self._run.clock,
            deadline=self._run.deadline,
            stop=self._run.stop,
            first=waits.FIRST_POLL * 2**skip,
            patience=SHORT_PAUSE,
            on_long=self._leave,
        )

    def _check_time(self) -> None:
        """End where the run was told to stop or its time is over."""
        if self._run.stop.is_set():
            message = "The run was cancelled; the call that was under way was finished. Run it again to go on."
            raise _StopTable(Outcome.FAILED, Failure("Cancelled", message, reason=FailureReason.CANCELLED))
        now = self._now()
        if now >= self._run.deadline:
            if self._run.detach and self._progress_log.runs_on:
                raise _StopTable(Outcome.PENDING, resume=now)
            last = f" The last answer of AWS: {self._last.rstrip('.')}." if self._last else ""
            message = f"The time that apply may take (`wait-minutes`) is over. Run it again to go on.{last}"
            raise _StopTable(Outcome.FAILED, Failure("Timeout", message, reason=FailureReason.TIMEOUT), resume=now)

    def _now(self) -> float:
        return self._run.clock.now()

    # Telling.
    def _tell(self, kind: EventKind, text: str, *, step: Step | None = None, backup: str | None = None) -> None:
        self._run.on_event(Event(kind, self._desired.name, text, step, backup))

    def _progress(self, reason: str) -> Callable[[Mapping[Path, str]], None]:
        began, last = self._now(), ""

        def told(under_way: Mapping[Path, str]) -> None:
            nonlocal last
            self._last = _words(under_way)
            words = ", ".join(sorted(set(under_way.values())))
            minutes = int((self._now() - began) // 60)
            text = f"{reason}: {words}" + (f", {minutes} min so far" if minutes else "")
            if text != last:
                self._tell(EventKind.WAITING, text)
                last = text

        return told


def _words(under_way: Mapping[Path, str]) -> str:
    """What is under way, as people read it."""
    return ", ".join(f"{' '.join(path) or 'the table'} is {status}" for path, status in under_way.items())


def _managed(desired: Table, path: Path) -> bool:
    setting = aspects.of(path)
    return setting.managed(desired) if setting else not path or desired.manages(path[0])


def _refused(reason: FailureReason, message: str) -> Failure:
    return Failure(reason.value, message, reason=reason)
