"""What the loop does after a failed call: the `ErrorKind` decides. Nothing is sent again before the next observation.

docs/dynamodb.md#what-may-be-sent-again
"""

from __future__ import annotations

from dataclasses import replace

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.engine import progress, waiting
from dynatus_ci.engine.run import SHORT_PAUSE, EventKind, TableRun
from dynatus_ci.table import emulators
from dynatus_ci.table.aspects.ttl import COOLDOWN
from dynatus_ci.table.model import Step

MOST_FAILURES = 8
"""How often a step is tried after a lost answer: for half a minute."""
MOST_FAILURES_OF = {
    ErrorKind.BUSY: 64,  # ten minutes, in which something else may end, such as an index in a replica's region
    ErrorKind.THROTTLED: 64,  # of many tables some are throttled many times in a row
    ErrorKind.TOO_NEW: 11,  # a minute
}
MOST_INTERNAL_FAILURES = 2
"""On AWS a bare InternalFailure is usually permanent. Emulators recover from it."""
VITAL = frozenset({"CreateTable", "DeleteTable", "CreateBackup", "RestoreTableFromBackup"})
"""Operations that no endpoint may lack: without them the table fails, at an emulator too."""
_TRY_AGAIN = frozenset(
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


def handle(table: TableRun, step: Step, failed: CallFailed) -> None:
    """Put the step off, leave it out, or pause before the next turn.

    Raises:
        CallFailed: The step cannot be done.
    """
    retries, now = table.retries, table.now()
    retries.failed[progress.key(step), failed.kind] += 1
    times = retries.failed[progress.key(step), failed.kind]
    if failed.kind in {ErrorKind.QUOTA, ErrorKind.COOLDOWN}:
        retries.quota = failed
        retries.defer(step, max(failed.until, now) + 1 if failed.until else now + (failed.wait or COOLDOWN))
    elif failed.kind is ErrorKind.UNSUPPORTED and not table.aws.is_aws and step.operation not in VITAL:
        leave_out(table, step)
    elif failed.kind in _TRY_AGAIN and times < _most_failures(table, failed):
        _pause(table, step, failed, times)
    else:
        table.progress.failed(step)
        raise failed


def leave_out(table: TableRun, step: Step) -> None:
    """Remember that the endpoint cannot keep what a step sets."""
    for path in step.expects:
        table.aws.remember_unsupported(emulators.kind(path))


def _most_failures(table: TableRun, failed: CallFailed) -> int:
    if failed.code == "InternalFailure" and table.aws.is_aws:
        return MOST_INTERNAL_FAILURES
    return MOST_FAILURES_OF.get(failed.kind, MOST_FAILURES)


def _pause(table: TableRun, step: Step, failed: CallFailed, times: int) -> None:
    table.last_answer = failed.message
    failure = f"{failed.operation} failed with {failed.code}"
    table.notify(EventKind.RETRY, f"{failure}; checking the table before trying again", step=step)
    table.progress.unanswered = step if failed.kind is ErrorKind.AMBIGUOUS else None
    if times > MOST_FAILURES:
        table.leave_slot()
    if failed.until is not None and failed.until < table.run.deadline:
        table.pause(max(failed.until - table.now(), 0) + 1)
    elif step.makes_table and failed.kind is ErrorKind.UNCHANGED:
        waiting.for_step(table, replace(step, expects={(): {}}), None)  # the table is there, and does not show yet
    else:
        table.poll(skip=times, patience=SHORT_PAUSE).pause()
