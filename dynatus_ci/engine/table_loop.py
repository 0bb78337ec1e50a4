"""The loop of one table: observe, plan, run the first step that AWS takes now, wait until it is done, observe again.

A crash, a lost answer, another writer and a long index build are the same case: the next observation.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from math import inf

from dynatus_ci.aws import call_errors
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.engine import filling, progress, steps, waiting
from dynatus_ci.engine.fitting import Fitting
from dynatus_ci.engine.run import EventKind, StopTable, TableRun, refused
from dynatus_ci.errors import Bug, DynatusError, FailureReason, Refusal
from dynatus_ci.table import aspects, order, planner
from dynatus_ci.table.model import Failure, ItemWork, Path, Step, Table, TableChange
from dynatus_ci.table.origins import copy_order, keep_steps
from dynatus_ci.table.outcome import Outcome, TableResult
from dynatus_ci.text import code, plain

_log = logging.getLogger(__name__)


class TableLoop:
    """The loop of one table."""

    def __init__(self, table: TableRun) -> None:
        self._table = table

    def run(self) -> TableResult:
        """Make the table agree with its definition, or say why not."""
        done = self._table.progress
        try:
            result = self._until_it_ends()
            if result.result is not Outcome.NOOP:  # hundreds of tables that match would hide the one that changes
                self._table.notify(EventKind.FINISHED, result.result.value)
        except DynatusError as error:  # raised by `on_event`
            return done.result(Outcome.FAILED, error=call_errors.failure(error))
        except Exception as bug:  # noqa: BLE001  # a bug at one table must not hide what was done to the others
            _log.error("Table %s failed because of a bug in dynatus.", self._table.desired.name, exc_info=bug)
            failure = Failure("InternalError", Bug(bug).sentence, reason=FailureReason.INTERNAL_ERROR)
            return done.result(Outcome.FAILED, error=failure)
        finally:
            self._table.leave_slot()
        return result

    def _until_it_ends(self) -> TableResult:
        table, done = self._table, self._table.progress
        if table.planned.error:
            return done.result(Outcome.FAILED, error=table.planned.error)
        try:
            while self._turn():
                pass
            return done.result(Outcome.APPLIED if done.steps else Outcome.NOOP, agrees=True)
        except StopTable as end:
            return done.result(end.outcome, error=end.error, resume=end.resume)
        except CallFailed as failed:
            expired = failed.kind is ErrorKind.EXPIRED
            resume = table.now() if expired else None
            if expired and table.run.detach and done.only_running:
                return done.result(Outcome.PENDING, resume=resume)
            return done.result(Outcome.FAILED, error=call_errors.failure(failed), resume=resume)

    def _turn(self) -> bool:
        """One turn of the loop. False when nothing is left to do."""
        table = self._table
        table.take_slot()
        table.check_time()
        actual, change = self._observe()
        under_way = actual.transitions if actual else {}
        if () in under_way:  # the table itself is being created, updated or deleted: AWS takes nothing else
            waiting.for_transitions(table, {(): under_way[()]})
            return True
        now = table.now()
        step = order.first_ready(
            change.steps, lambda step: inf if order.in_the_way(step, under_way) else table.retries.rest(step, now)
        )
        self._gate(change, step)
        if step is None:
            return self._nothing_ready(actual, change)
        if keep_steps.too_early(step, change.steps):
            raise RuntimeError(f"{step.operation} of {change.table} before its items were compared")
        table.check_time()  # to observe takes several calls, and the run may be stopped during any of them
        if self._asked_items(change):
            return True  # that may have taken a minute
        filling.check(table, change)
        if step.item_work is ItemWork.COUNT:
            filling.count(table, step, actual)
        elif step.item_work:
            filling.take(table, step, step.item_work)
        else:
            steps.take(table, change, step, actual)
        return True

    def _observe(self) -> tuple[Table | None, TableChange]:
        """What there is to do now; ends the table where the plan has an error or a refusal."""
        table = self._table
        read = table.take_readings()
        actual, facts = table.cache.observe(table.desired, table.memory, read)
        if waiting.for_staging(table, facts) or waiting.for_transfer(table, actual, facts):
            table.take_slot()  # the wait has given it away, and this turn goes on
            actual, facts = table.cache.observe(table.desired, table.memory)
        table.facts = facts
        change = copy_order.in_order(planner.change(table.desired, actual, facts), table.run.copies)
        if actual:
            table.memory = replace(table.memory, indexes={**table.memory.indexes, **actual.indexes()})
        table.progress.observed(actual, change)
        if change.error:
            raise StopTable(Outcome.FAILED, change.error)
        ids, now = progress.ids(change), table.now()
        table.retries.prune(lambda id_, until: id_ in ids and until > now)
        if change.refusal:
            self._ask(change, None)
            raise refused(change.refusal)
        return actual, change

    def _gate(self, change: TableChange, step: Step | None) -> None:
        """Ask whether the next step may run, and whether this is still the table that was planned."""
        self._ask(change, step)
        planned = self._table.planned.info.table_id if self._table.planned.info else None
        if change.table_id and change.table_id != planned:
            message = f"Table {code(change.table)} is not the table that was planned: its TableId differs."
            raise refused(Refusal(message))

    def _ask(self, change: TableChange, step: Step | None) -> None:
        refusal = self._table.run.refusal(change, step)
        what = f"{step.operation} ({step.reason})" if step else "the change"
        verdict = f"{what} may not run: {refusal.sentence}" if refusal else f"{what} may run."
        _log.info("Table %s: %s", change.table, plain(verdict))
        if refusal:
            raise refused(refusal)

    def _asked_items(self, change: TableChange) -> bool:
        """Ask the items, before the first step, if they fit. False where there was nothing to ask any more."""
        table = self._table
        if table.asked_items or not table.run.check:
            return False
        table.asked_items = True
        fitting = Fitting(table.aws, table.run.clock, copies=False, stop=table.run.stop)
        if not fitting.asked(change):
            return False
        table.notify(EventKind.WAITING, "checking whether the items fit")
        looked = fitting.look(change)
        table.progress.checks = looked.checks
        if looked.refusal:
            raise refused(looked.refusal)
        return True

    def _nothing_ready(self, actual: Table | None, change: TableChange) -> bool:
        """No step can run now: wait for what is under way or was put off, or end."""
        table = self._table
        under_way = self._awaited(actual, change)
        if under_way and not table.run.detach:
            waiting.for_transitions(table, under_way)
            return True
        if table.retries.deferred:
            waiting.for_deferred(table)
            return True
        if under_way or table.progress.left:
            raise StopTable(Outcome.PENDING, resume=table.now())
        if change.left_undone:
            message = f"Table {code(change.table)}: {change.left_undone}"
            raise StopTable(Outcome.FAILED, Failure("LeftUndone", message))
        return False

    def _awaited(self, actual: Table | None, change: TableChange) -> dict[Path, str]:
        """What is under way at aspects that the file mentions, or keeps AWS from taking a step."""
        if actual is None:
            return {}
        table = self._table
        managed = {path: status for path, status in actual.transitions.items() if _managed(table.desired, path)}
        ready = (step for step in change.steps if not table.retries.has_deferred(step))
        blocking = (order.in_the_way(step, actual.transitions) for step in ready)
        return {path: status for transitions in (managed, *blocking) for path, status in transitions.items()}


def _managed(desired: Table, path: Path) -> bool:
    aspect = aspects.of(path)
    return aspect.managed(desired) if aspect else not path or desired.manages(path[0])
