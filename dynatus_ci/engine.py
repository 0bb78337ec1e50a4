"""Plan and apply. Apply is a loop: observe, plan, run the first step, wait until it is done, observe again.

It knows AWS through `dynamodb` and what was approved through one function; it does not know GitHub.
"""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath, PurePosixPath
from threading import Event as Flag
from threading import Lock, Semaphore
from typing import Any

from dynatus_ci.approval import Refusal
from dynatus_ci.dynamodb import observe, twins, waits
from dynatus_ci.dynamodb.client import CONNECTIONS, Aws
from dynatus_ci.dynamodb.failures import CallFailed, Kind
from dynatus_ci.dynamodb.waits import Clock, Ended, Poll, SystemClock
from dynatus_ci.errors import DynatusError, FailureReason
from dynatus_ci.schema import emulators, planner
from dynatus_ci.schema.model import (
    Effect,
    Failure,
    Outcome,
    Path,
    Plan,
    Result,
    Status,
    Step,
    StepResult,
    Table,
    TableChange,
    TableResult,
)
from dynatus_ci.schema.settings.base import Situation
from dynatus_ci.schema.settings.ttl import COOLDOWN

MayRun = Callable[[TableChange, Step | None], Refusal | None]
"""The gate: why a step (None: the change as a whole) may not run; None where it may."""

MOST_ATTEMPTS = 2
"""How often a step that changes nothing is sent before it is reported."""
MOST_FAILURES = 8
"""How often a step is tried again after "busy", "throttled" or an answer that nobody got."""
SHORT_PAUSE = 60
"""Seconds that are waited for also with `detach`."""
VITAL = frozenset({"CreateTable", "DeleteTable", "CreateBackup"})
"""Operations that no endpoint may leave out: without them the table fails, whatever an emulator lacks elsewhere."""
MOST_THREADS = 256
EXCLUSIVE = frozenset({"UpdateTable", "DeleteTable", "CreateBackup"})
"""Operations that wait until nothing of the table is under way; the others are admitted beside a backfill."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to plan and apply.

    Args:
        ignore_tags: Patterns of tag keys that are left alone.
        max_parallel: How many tables are changed at once.
        wait_seconds: How long apply may take before it stops waiting.
        detach: Do not wait for backfills, cooldowns and quotas.
    """

    ignore_tags: tuple[str, ...] = ()
    max_parallel: int = 4
    wait_seconds: float = 3_600
    detach: bool = False


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


# --- plan ------------------------------------------------------------------------------------------------------------


def plan(aws: Aws, tables: Sequence[Table], *, options: Options = Options()) -> Plan:  # frozen
    """What would happen to each table. Read-only; a table that cannot be read carries its error."""
    surroundings = observe.Surroundings(aws, ignore_tags=options.ignore_tags)
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        changes = list(pool.map(lambda table: _plan_table(aws, table, surroundings), tables))
    twin_of = twins.among(table.name for table in tables) if aws.emulator == emulators.DYNAMODB_LOCAL else {}
    changes = [_twin(change, twin_of) for change in changes]
    return Plan(
        tables=tuple(sorted(changes, key=lambda change: change.table)),
        account=aws.account,
        region=aws.region,
        endpoint=aws.endpoint,
        notes=aws.notes,
    )


def _twin(change: TableChange, twin_of: Mapping[str, str]) -> TableChange:
    """DynamoDB Local takes names that differ only in case for one, and fails at the second."""
    if change.table not in twin_of:
        return change
    message = f"DynamoDB Local takes {change.table} and {twin_of[change.table]} for one table: it ignores case."
    return TableChange(change.table, None, change.file, change.line, error=Failure("NameTwin", message))


def plan_against(
    baseline: Sequence[Table], tables: Sequence[Table], *, region: str | None, endpoint: str | None
) -> Plan:
    """What would happen if the account agreed with other definitions. Makes no call."""
    before = {table.name: table for table in baseline if not table.absent}
    keys = {table.at(("SSESpecification", "KMSMasterKeyId")) for table in (*baseline, *tables)} - {None}
    # Nobody can look a key up here: two names are two keys.
    situation = Situation(region=region or "", scaling={}, keys={key: key for key in keys})
    changes = [
        planner.change(table, planner.as_live(before.get(table.name), region or "REGION"), situation)
        for table in tables
    ]
    return Plan(
        tables=tuple(sorted(changes, key=lambda change: change.table)),
        region=region,
        endpoint=endpoint,
        notes=tuple(_disappeared(before, tables)),
    )


def _disappeared(before: Mapping[str, Table], tables: Sequence[Table]) -> Iterator[str]:
    """Definitions that are gone leave their tables alone; one under a new name is a new, empty table."""
    here, there = _files(tables), _files(before.values())
    new = {file: name for name, file in here.items() if name not in before}
    for name in sorted(before.keys() - here.keys()):
        renamed = new.get(there[name])
        if renamed:
            yield f"{name} is now called {renamed} in its file: that is a new, empty table, and {name} is left alone."
        else:
            yield f"The definition of {name} is gone; its table is left alone. To delete it, write :Absent true."


def _files(tables: Iterable[Table]) -> dict[str, str]:
    """Each table's file, below the folder that all of them are in."""
    paths = {table.name: PurePosixPath(table.place.file if table.place else table.name) for table in tables}
    shared = os.path.commonpath([path.parent for path in paths.values()]) if paths else ""
    return {name: str(path.relative_to(shared)) for name, path in paths.items()}


def _plan_table(aws: Aws, desired: Table, surroundings: observe.Surroundings) -> TableChange:
    try:
        return _observed(aws, desired, surroundings, backup=None)[1]
    except CallFailed as failed:
        place = desired.place
        return TableChange(
            desired.name,
            None,
            file=place.file if place else None,
            line=place.line if place else None,
            error=failure(failed),
        )


def _observed(
    aws: Aws, desired: Table, surroundings: observe.Surroundings, *, backup: str | None
) -> tuple[Table | None, TableChange]:
    """One observation of a table, and what it needs."""
    actual = observe.table(aws, desired)
    situation = replace(surroundings.situation(), backup=backup)
    questions = planner.questions(desired, actual, situation)
    while questions:
        situation = surroundings.answer(questions, desired.name, situation)
        questions = planner.questions(desired, actual, situation)
    return actual, planner.change(desired, actual, situation)


def failure(error: DynatusError) -> Failure:
    """An error as documents hold it."""
    if isinstance(error, CallFailed):
        reason = FailureReason.TIMEOUT if error.kind is Kind.EXPIRED else error.reason
        return Failure(error.code, str(error), error.operation, error.missing_permission, reason)
    return Failure(error.reason.value, str(error), reason=error.reason)


# --- apply -----------------------------------------------------------------------------------------------------------


def apply(
    aws: Aws,
    tables: Sequence[Table],
    *,
    plan: Plan,
    may_run: MayRun,
    options: Options = Options(),  # frozen
    on_event: OnEvent = lambda _: None,
    stop: Flag | None = None,
    clock: Clock | None = None,
) -> Result:
    """Make the account agree with the definitions, as far as may be.

    Args:
        aws: The connection.
        tables: The definitions.
        plan: What was planned, and shown, for them.
        may_run: The gate.
        options: How.
        on_event: Told what happens, one event at a time; an error that it raises fails that table.
        stop: Set it to end after the current call.
        clock: The time.
    """
    clock = clock or SystemClock()
    slots = Semaphore(options.max_parallel)
    deadline = clock.now() + options.wait_seconds
    run = _Run(aws, may_run, options, _serial(on_event), stop or Flag(), clock, deadline, slots)
    planned = {change.table: change for change in plan.tables}
    surroundings = observe.Surroundings(aws, ignore_tags=options.ignore_tags)
    with ThreadPoolExecutor(max_workers=max(1, min(len(tables), MOST_THREADS))) as pool:
        results = list(pool.map(lambda table: _TableLoop(run, table, planned[table.name], surroundings).run(), tables))
    results.sort(key=lambda result: result.table)
    outcome = Outcome.worst(result.result for result in results)
    return Result(plan, tuple(results), outcome, _reason(outcome, results))


def _serial(on_event: OnEvent) -> OnEvent:
    lock = Lock()

    def told(event: Event) -> None:
        with lock:
            on_event(event)

    return told


def _reason(outcome: Outcome, results: Sequence[TableResult]) -> FailureReason | None:
    """The reason of the first table with the worst result; a cancelled run is cancelled."""
    if outcome not in {Outcome.FAILED, Outcome.REFUSED}:
        return None
    reasons = [result.error.reason for result in results if result.result is outcome and result.error]
    return FailureReason.CANCELLED if FailureReason.CANCELLED in reasons else next(iter(reasons), None)


@dataclass(frozen=True, slots=True)
class _Run:
    """What all tables of one apply share."""

    aws: Aws
    may_run: MayRun
    options: Options
    on_event: OnEvent
    stop: Flag
    clock: Clock
    deadline: float
    slots: Semaphore


class _End(Exception):
    """The table's loop ends here, with this outcome."""

    def __init__(self, outcome: Outcome, error: Failure | None = None, *, resume: float | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.error = error
        self.resume = resume


@dataclass(slots=True)
class _TableLoop:
    """The loop of one table. Its state is what this run did; what the table is, it looks up each time."""

    shared: _Run
    desired: Table
    planned: TableChange
    surroundings: observe.Surroundings
    done: list[StepResult] = field(default_factory=list)
    left: tuple[Step, ...] = ()
    postponed: dict[str, float] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    made: str | None = None
    """The backup that this run has asked for."""
    backup: str | None = None
    """The same, once it is AVAILABLE."""
    quota: CallFailed | None = None
    streams: list[str] = field(default_factory=list)
    unsure: Step | None = None
    began: float = 0
    inside: bool = False

    def run(self) -> TableResult:
        """Bring the table to agreement with its definition, or say why not."""
        self.left, self.began = self.planned.steps, self.shared.clock.now()
        try:
            result = self._loop()
            self._tell(EventKind.FINISHED, result.result.value)
        except DynatusError as error:  # of `on_event`
            return self._result(Outcome.FAILED, error=failure(error))
        except Exception as bug:  # noqa: BLE001  # a bug at one table must not hide what was done to the others
            return self._result(Outcome.FAILED, error=_bug(bug))
        finally:
            self._leave()
        return result

    def _loop(self) -> TableResult:
        try:
            while self._turn():
                pass
            return self._result(Outcome.APPLIED if self.done else Outcome.NOOP, agrees=True)
        except _End as end:
            return self._result(end.outcome, error=end.error, resume=end.resume)
        except CallFailed as failed:
            expired = failed.kind is Kind.EXPIRED
            resume = self.shared.clock.now() if expired else None
            if expired and self._only_runs_on():
                return self._result(Outcome.PENDING, resume=resume)
            return self._result(Outcome.FAILED, error=failure(failed), resume=resume)

    # At most `max_parallel` tables are worked on at once; one that waits for long gives its place to another.
    def _enter(self) -> None:
        if not self.inside:
            self.shared.slots.acquire()
            self.inside = True

    def _leave(self) -> None:
        if self.inside:
            self.shared.slots.release()
            self.inside = False

    # One turn: observe, plan, run the first step that may run now. False when nothing remains.
    def _turn(self) -> bool:
        self._enter()
        self._check_time()
        if self.planned.error:
            raise _End(Outcome.FAILED, self.planned.error)
        actual, change = _observed(self.shared.aws, self.desired, self.surroundings, backup=self.backup)
        self._note_stream(actual)
        self._settle_doubt(change)
        if change.error:
            raise _End(Outcome.FAILED, change.error)
        self.left = change.steps
        self.postponed = {id_: until for id_, until in self.postponed.items() if id_ in _ids(change)}
        if change.refusal:
            self._ask(change, None)
            raise _End(Outcome.REFUSED, _refused(FailureReason.DESTRUCTIVE_BLOCKED, change.refusal))
        if actual and () in actual.transitions:
            self._wait_for(actual, {(): actual.transitions[()]})
            return True
        step = self._next(change, actual)
        if step is None:
            return self._rest(actual)
        self._gate(change, step)
        if actual and actual.transitions and step.operation in EXCLUSIVE:
            self._wait_for(actual, actual.transitions)
            return True
        self._check_time()  # looking takes several calls, and the run may have been told to stop during any of them
        self._take(change, step)
        return True

    def _next(self, change: TableChange, actual: Table | None) -> Step | None:
        """The first step that is not put off; with `detach`, the first that nothing keeps from running."""
        for step in change.steps:
            if any(identity in self.postponed for identity in step.differences):
                continue
            blocked = bool(actual and actual.transitions) and step.operation in EXCLUSIVE
            if not (blocked and self.shared.options.detach):
                return step
        return None

    def _rest(self, actual: Table | None) -> bool:
        """Nothing can run now: wait for what is under way or was put off, or end."""
        under_way = _managed_transitions(self.desired, actual)
        if under_way and not self.shared.options.detach:
            self._wait_for(actual, under_way)
            return True
        if self.postponed:
            self._wait_for_quota()
            return True
        if under_way or self.left:
            raise _End(Outcome.PENDING, resume=self.shared.clock.now())
        return False

    def _gate(self, change: TableChange, step: Step) -> None:
        """A table of which one step may not run runs none; and each step is asked for again before it runs."""
        planned = self.planned.live.table_id if self.planned.live else None
        if change.table_id and change.table_id != planned:
            message = f"Table {change.table} is another table than the one that was planned: its TableId differs."
            raise _End(Outcome.REFUSED, _refused(FailureReason.DESTRUCTIVE_BLOCKED, message))
        for asked in (step, *change.steps):
            self._ask(change, asked)

    def _ask(self, change: TableChange, step: Step | None) -> None:
        refusal = self.shared.may_run(change, step)
        if refusal:
            raise _End(Outcome.REFUSED, _refused(refusal.reason, str(refusal)))

    def _settle_doubt(self, change: TableChange) -> None:
        """A call whose answer nobody got did happen if what it was for is gone from the next observation."""
        if self.unsure and not set(self.unsure.differences) & _ids(change):
            self.done.append(StepResult(self.unsure, Status.DONE))
        self.unsure = None

    def _take(self, change: TableChange, step: Step) -> None:
        self._tell(EventKind.STEP, f"{step.operation}: {step.reason}", step=step)
        began = self.shared.clock.now()
        found = self._backup_in_doubt(step)
        if found:
            self._ended(change, step, self._wait_backup(found), took=self.shared.clock.now() - began)
            return
        try:
            answer = self.shared.aws.write(step.operation, table=self.desired.name, parameters=step.parameters)
        except CallFailed as failed:
            self._failed(step, failed)
            return
        self.done.append(StepResult(step, Status.RUNNING))
        self.left = tuple(left for left in change.steps if left is not step)
        if step.operation == "CreateBackup":
            ended: Ended | None = self._wait_backup(str(answer["BackupDetails"]["BackupArn"]))
        else:
            ended = self._wait(step)
        self._ended(change, step, ended, took=self.shared.clock.now() - began)

    def _ended(self, change: TableChange, step: Step, ended: Ended | None, *, took: float) -> None:
        if ended is Ended.NOT_SHOWN:
            self._not_shown(step)
        elif ended is Ended.DONE:
            self.done[-1] = StepResult(step, Status.DONE, took)
            self._tell(EventKind.DONE, f"{step.reason}: done in {took:.0f} s", step=step)
            self._put_off_cooldown(change, step)
        self._check_time()

    def _put_off_cooldown(self, change: TableChange, step: Step) -> None:
        """Steps after this one have a cooldown from now on; emulators have none."""
        if self.shared.aws.emulator:
            return
        for later in change.steps[change.steps.index(step) + 1 :]:
            follows = step.operation == "CreateTable" or later.stage is step.stage
            if later.cooldown and follows:
                self.postponed |= dict.fromkeys(later.differences, self.shared.clock.now() + later.cooldown)

    # A call that failed: its class says what to do; the next turn observes before anything is sent again.
    def _failed(self, step: Step, failed: CallFailed) -> None:
        key = _key(step)
        self.failures[key] += 1
        now = self.shared.clock.now()
        if failed.kind in {Kind.QUOTA, Kind.COOLDOWN}:
            self.quota = failed
            until = max(failed.until or 0, now) + 1 if failed.until else now + (failed.wait or COOLDOWN)
            self.postponed |= dict.fromkeys(step.differences, until)
        elif failed.kind is Kind.UNSUPPORTED and self.shared.aws.endpoint and step.operation not in VITAL:
            self._unsupported(step)
        elif failed.kind in _AGAIN and self.failures[key] < self._most_failures(failed):
            self._tell(EventKind.RETRY, f"{failed.operation}: {failed.code}; looking again", step=step)
            self.unsure = step if failed.kind is Kind.AMBIGUOUS else None
            if failed.until is not None and failed.until < self.shared.deadline:
                self.shared.clock.wait(max(failed.until - now, 0) + 1, self.shared.stop)
            else:
                self._poll(skip=self.failures[key]).pause()
        else:
            self.done.append(StepResult(step, Status.FAILED))
            raise failed

    def _most_failures(self, failed: CallFailed) -> int:
        """AWS's wordless 500 is often its answer to what it will never take; emulators throw dice."""
        wordless = failed.code == "InternalFailure" and self.shared.aws.endpoint is None
        return MOST_ATTEMPTS if wordless else MOST_FAILURES

    def _unsupported(self, step: Step) -> None:
        for path in step.expects:
            self.shared.aws.cannot_keep(emulators.kind(path))

    def _not_shown(self, step: Step) -> None:
        """Accepted, nothing under way, and yet not there: an emulator cannot keep it; on AWS it is an error."""
        key = _key(step)
        self.attempts[key] += 1
        if self.attempts[key] < MOST_ATTEMPTS:
            return
        emulator = self.shared.aws.emulator or (self.shared.aws.endpoint and self.shared.aws.unsupported)
        if emulator and step.operation not in VITAL:
            self._unsupported(step)
            return
        self.done[-1] = StepResult(step, Status.FAILED)
        about = f"{step.operation} of table {self.desired.name}"
        message = f"{about} was accepted, but what it sets does not show: {step.reason}."
        raise _End(Outcome.FAILED, Failure("NotShown", message, step.operation))

    # Waiting.
    def _wait(self, step: Step) -> Ended | None:
        """Until the step's expectation holds; None where `detach` leaves it running."""
        if self.shared.options.detach and step.seconds[1] is None:
            return None
        settle = waits.SETTLE_AT_EMULATOR if self.shared.aws.emulator else waits.SETTLE
        return waits.until(
            lambda: observe.table(self.shared.aws, _only(self.desired, step.expects)),
            step.expects,
            poll=self._poll(),
            clock=self.shared.clock,
            settle=settle,
            on_progress=self._progress(step.reason),
        )

    def _wait_for(self, actual: Table | None, under_way: Mapping[Path, str]) -> None:
        """Until some transitions have ended."""
        words = ", ".join(f"{'/'.join(path[1:2]) or 'table'} {status}" for path, status in under_way.items())
        self._tell(EventKind.WAITING, f"waiting: {words}")
        poll = self._poll()
        while actual is not None and any(path in actual.transitions for path in under_way):
            over = poll.over()
            if over:
                self._check_time()
            poll.pause()
            actual = observe.table(self.shared.aws, _only(self.desired, under_way))

    def _wait_for_quota(self) -> None:
        """Until the first of what was put off may go on, where the deadline allows it; else the table ends here."""
        moment = min(self.postponed.values())
        if self.shared.options.detach and moment - self.shared.clock.now() > SHORT_PAUSE:
            raise _End(Outcome.PENDING, resume=moment)
        if moment >= self.shared.deadline:
            message = str(self.quota) if self.quota else "AWS asks for a pause before the next step."
            raise _End(Outcome.FAILED, Failure("Later", message, reason=FailureReason.QUOTA), resume=moment)
        self._tell(EventKind.WAITING, f"AWS says later: going on at {_iso(moment)}")
        self._leave()
        self.shared.clock.wait(moment - self.shared.clock.now(), self.shared.stop)
        self._check_time()
        self.postponed = {key: until for key, until in self.postponed.items() if until > self.shared.clock.now()}

    def _backup_in_doubt(self, step: Step) -> str | None:
        """The backup that a call without an answer made after all: a second one would be named nowhere."""
        if step.operation != "CreateBackup" or not self.failures[_key(step)]:
            return None
        arn = observe.backup(self.shared.aws, self.desired.name, step.parameters["BackupName"], since=self.began)
        if arn:
            self.done.append(StepResult(step, Status.RUNNING))
        return arn

    def _wait_backup(self, arn: str) -> Ended:
        """Until the backup is AVAILABLE; then it is told of, before anything is deleted."""
        self.made = arn
        poll = self._poll()
        while True:
            description = self.shared.aws.read("DescribeBackup", table=self.desired.name, BackupArn=arn)
            if description["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE":
                break
            over = poll.over()
            if over:
                return over
            poll.pause()
        self.backup = arn
        self._tell(EventKind.BACKUP, f"backup {arn} is AVAILABLE", backup=arn)
        return Ended.DONE

    def _poll(self, *, skip: int = 0) -> Poll:
        return Poll(
            clock=self.shared.clock,
            deadline=self.shared.deadline,
            stop=self.shared.stop,
            first=waits.FIRST_POLL * 2**skip,
            patience=SHORT_PAUSE,
            on_long=self._leave,
        )

    def _progress(self, reason: str) -> Callable[[Mapping[Path, str]], None]:
        began, last = self.shared.clock.now(), ""

        def told(under_way: Mapping[Path, str]) -> None:
            nonlocal last
            words = ", ".join(sorted(set(under_way.values())))
            minutes = int((self.shared.clock.now() - began) // 60)
            text = f"{reason}: {words}" + (f", {minutes} min so far" if minutes else "")
            if text != last:
                self._tell(EventKind.WAITING, text)
                last = text

        return told

    def _check_time(self) -> None:
        """End where the run was told to stop or its time is over."""
        if self.shared.stop.is_set():
            message = "The run was cancelled; the call that was under way was finished. Run it again to go on."
            raise _End(Outcome.FAILED, Failure("Cancelled", message, reason=FailureReason.CANCELLED))
        if self.shared.clock.now() >= self.shared.deadline:
            if self._only_runs_on():
                raise _End(Outcome.PENDING, resume=self.shared.clock.now())
            message = "The time that apply may take (`wait-minutes`) is over. Run it again to go on."
            error = Failure("Timeout", message, reason=FailureReason.TIMEOUT)
            raise _End(Outcome.FAILED, error, resume=self.shared.clock.now())

    def _only_runs_on(self) -> bool:
        """Whether, with `detach`, what is left was accepted and goes on by itself."""
        runs = any(result.status is Status.RUNNING for result in self.done)
        return self.shared.options.detach and runs and not self.left

    def _note_stream(self, actual: Table | None) -> None:
        """The ARNs that the table's stream has had: its readers must be moved by hand."""
        arn = actual.live.stream_arn if actual and actual.live else None
        if arn and arn not in self.streams:
            self.streams.append(arn)

    # Telling.
    def _tell(self, kind: EventKind, text: str, *, step: Step | None = None, backup: str | None = None) -> None:
        self.shared.on_event(Event(kind, self.desired.name, text, step, backup))

    def _result(
        self, outcome: Outcome, *, error: Failure | None = None, resume: float | None = None, agrees: bool = False
    ) -> TableResult:
        rest = () if agrees else tuple(self._left(outcome))
        return TableResult(
            table=self.desired.name,
            action=self.planned.action,
            result=outcome,
            steps=(*self.done, *rest),
            resume_at=_iso(resume) if resume is not None else None,
            backup=self.made,
            error=error,
            notes=(f"The stream was {self.streams[0]} and is {self.streams[-1]} now.",) if self.streams[1:] else (),
            agrees=agrees,
        )

    def _left(self, outcome: Outcome) -> Iterator[StepResult]:
        """The steps that did not run."""
        ran = {_key(result.step) for result in self.done if result.status is not Status.DONE}
        status = Status.REFUSED if outcome is Outcome.REFUSED else Status.NOT_RUN
        for step in self.left:
            if _key(step) not in ran:
                yield StepResult(step, status)


def _ids(change: TableChange) -> set[str]:
    return {difference.id for difference in change.differences if difference.effect is not Effect.UNSUPPORTED}


_AGAIN = frozenset({Kind.BUSY, Kind.THROTTLED, Kind.AMBIGUOUS, Kind.UNCHANGED, Kind.MISSING, Kind.UNREACHABLE})
"""After these the loop observes and goes on from what it finds."""


def _bug(bug: Exception) -> Failure:
    """An error that nobody foresaw, by its place in the code: its message may hold what is secret or a stranger's."""
    place = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{PurePath(place.filename).name}:{place.lineno}"
    message = f"This is a bug of dynatus: {type(bug).__name__} at {where} in {place.name}."
    return Failure("InternalError", message, reason=FailureReason.INTERNAL_ERROR)


def _refused(reason: FailureReason, message: str) -> Failure:
    return Failure(reason.value, message, reason=reason)


def _key(step: Step) -> str:
    return f"{step.operation} {sorted(step.differences)} {step.reason}"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _only(desired: Table, paths: Mapping[Path, Any]) -> Table:
    """The definition cut to the settings in question, so that a poll reads no more than it needs."""
    names = {path[0] for path in paths if path} | {path[-1] for path in paths if path}
    return replace(desired, values={name: value for name, value in desired.values.items() if name in names})


def _managed_transitions(desired: Table, actual: Table | None) -> dict[Path, str]:
    """What is under way at settings that the file mentions."""
    if actual is None:
        return {}
    return {path: status for path, status in actual.transitions.items() if not path or desired.manages(path[0])}
