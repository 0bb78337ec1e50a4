"""What the loop waits for: a step's effect, a backup, what is under way at the table, and a moment that AWS named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

from dynatus_ci.aws import observe, probes, waits
from dynatus_ci.aws.waits import WaitOutcome
from dynatus_ci.engine.run import SHORT_PAUSE, EventKind, StopTable, TableRun
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import AccountFacts, TableExport, TableImport
from dynatus_ci.table.model import Failure, Path, Step, Table, Target
from dynatus_ci.table.origins import copy_from, keep_items, through_s3
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.text import code, codes


def for_step(table: TableRun, step: Step, before: Table | None) -> bool:
    """Wait until a step's effect shows. False where the step is left running, or must be looked at again.

    Raises:
        StopTable: AWS could not do it.
    """
    run, long = table.run, step.seconds[1] is None
    if run.detach and long and not step.makes_table:  # nothing else can be done before the table is there
        return False
    settle = waits.SETTLE_AT_EMULATOR if table.aws.emulator else waits.SETTLE
    if step.makes_table and table.aws.is_aws:
        settle = inf
        table.leave_slot()
        table.pause(waits.NEW_TABLE)
    watch = waits.Watch(
        lambda: _observed(table, step),
        step.expects,
        failed_before=waits.failures(before, step.expects) if before else {},
        clock=run.clock,
        settle=settle,
        on_progress=_reporter(table, step.reason),
    )
    due = table.retries.due if long else inf  # AWS may take the step that is due then during a backfill

    def over() -> WaitOutcome | None:
        return watch.ended() or (WaitOutcome.LEFT_RUNNING if watch.under_way and table.now() >= due else None)

    ended = table.poll().until(over)
    if ended is WaitOutcome.FAILED:
        about = f"{step.operation} of table {code(table.desired.name)}"
        message = f"{about} was accepted, and then failed: {watch.failure}."
        raise StopTable(Outcome.FAILED, Failure("ChangeFailed", message, step.operation))
    return ended is WaitOutcome.DONE


def for_backup(table: TableRun, arn: str) -> bool:
    """Wait until a backup is AVAILABLE. Its ARN is reported then, before anything is deleted."""
    table.progress.backup = arn

    def available() -> WaitOutcome | None:
        answer = table.aws.read("DescribeBackup", table=table.desired.name, BackupArn=arn)
        status = answer["BackupDescription"]["BackupDetails"]["BackupStatus"]
        table.last_answer = f"the backup {code(arn)} is {code(status)}"
        return WaitOutcome.DONE if status == "AVAILABLE" else None

    if table.poll().until(available) is not WaitOutcome.DONE:
        return False
    table.memory = replace(table.memory, backup=arn)
    table.notify(EventKind.BACKUP, f"backup {code(arn)} is AVAILABLE", backup=arn)
    return True


def for_export(table: TableRun, arn: str) -> bool:
    """Wait until an export to S3 is COMPLETED. False where the run must end before that.

    Raises:
        StopTable: It failed.
    """

    def look() -> TableExport:
        answer = table.aws.read("DescribeExport", table=table.desired.at(copy_from.PATH), ExportArn=arn)
        return through_s3.export(answer["ExportDescription"])

    return _until_completed(table, through_s3.EXPORT, look)


def for_import(table: TableRun, arn: str) -> bool:
    """Wait until an import from S3 is COMPLETED. False where the run must end before that.

    Raises:
        StopTable: It failed.
    """

    def look() -> TableImport:
        answer = table.aws.read("DescribeImport", table=table.desired.name, ImportArn=arn)
        return through_s3.imported(answer["ImportTableDescription"])

    return _until_completed(table, through_s3.IMPORT, look)


def _until_completed(table: TableRun, operation: str, look: Callable[[], TableExport | TableImport]) -> bool:
    def ended() -> WaitOutcome | None:
        found = look()
        status = f"{operation} is {code(found.status)}"
        if status != table.last_answer:
            table.notify(EventKind.WAITING, f"waiting: {status}")
        table.last_answer = status
        if found.status in through_s3.UNDER_WAY:
            return None
        if found.status == through_s3.COMPLETED:
            return WaitOutcome.DONE
        message = f"{operation} for table {code(table.desired.name)}: {through_s3.failed(found)}"
        raise StopTable(Outcome.FAILED, Failure("ChangeFailed", message, operation))

    return table.poll().until(ended) is WaitOutcome.DONE


def for_transfer(table: TableRun, actual: Table | None, facts: AccountFacts) -> bool:
    """Wait for an export or an import that an earlier run has begun, or a call without an answer. False: there is none.

    Raises:
        StopTable: It failed, or the run must end before that.
    """
    found = through_s3.under_way(Comparison(table.desired, actual, facts))
    if found is None:
        return False
    exports = isinstance(found, TableExport)
    try:
        ended = (for_export if exports else for_import)(table, found.arn)
    except StopTable:
        table.progress.failed_after_all(through_s3.EXPORT if exports else through_s3.IMPORT)
        raise
    if not ended:
        table.check_time()
    return True


def for_staging(table: TableRun, facts: AccountFacts) -> bool:
    """Wait until the copy of a table's items is neither being created nor deleted. False where it was not.

    Raises:
        StopTable: The run must end before that.
    """
    name, tagged = table.desired.name, facts.endpoint.keeps_tags

    def busy(found: Table | None) -> bool:
        return table.desired.manages(keep_items.NAME) and keep_items.is_busy(found, keeps_tags=tagged)

    if not busy(facts.staging.table if facts.staging else None):
        return False
    table.last_answer = f"{code(keep_items.staging_name(name))} is being created or deleted"
    table.notify(EventKind.WAITING, f"waiting: {table.last_answer}")

    def over() -> WaitOutcome | None:
        return None if busy(observe.staging(table.aws, name)) else WaitOutcome.DONE

    poll = table.poll()
    poll.pause()
    if poll.until(over) is not WaitOutcome.DONE:
        table.check_time()
    return True


def for_transitions(table: TableRun, under_way: Mapping[Path, str]) -> None:
    """Wait until transitions that were just observed have ended, or a step that was put off is due."""
    table.last_answer = _words(under_way)
    table.notify(EventKind.WAITING, f"waiting: {table.last_answer}")
    due = table.retries.due

    def over() -> WaitOutcome | None:
        if table.now() >= due:
            return WaitOutcome.DONE
        actual = table.observe(under_way)
        return None if actual and under_way.keys() & actual.transitions.keys() else WaitOutcome.DONE

    poll = table.poll()
    poll.pause()
    if poll.until(over) is not WaitOutcome.DONE:
        table.check_time()


def for_deferred(table: TableRun) -> None:
    """Wait until the first step that was put off is due. The table ends here where that is after the deadline."""
    retries, due = table.retries, table.retries.due
    if table.run.detach and due - table.now() > SHORT_PAUSE:
        raise StopTable(Outcome.PENDING, resume=due)
    if due >= table.run.deadline:
        message = retries.quota.sentence if retries.quota else "AWS requires a pause before the next step."
        raise StopTable(Outcome.FAILED, Failure("Later", message, reason=FailureReason.QUOTA), resume=due)
    until = phrases.moment(datetime.fromtimestamp(due, UTC))
    table.notify(EventKind.WAITING, f"AWS requires a pause: waiting until {until}")
    table.leave_slot()
    table.pause(due - table.now())
    table.check_time()
    now = table.now()
    retries.prune(lambda _, until: until > now)


def _observed(table: TableRun, step: Step) -> Table | None:
    """The table that a step is about: the probe, the copy of the items, or the table itself."""
    name = table.desired.name
    if step.target is Target.STAGING:
        return observe.staging(table.aws, name)
    return probes.table(table.aws, name) if step.target is Target.PROBE else table.observe(step.expects)


def _reporter(table: TableRun, reason: str) -> Callable[[Mapping[Path, str]], None]:
    """Say what is under way, whenever the text changes."""
    began, last = table.now(), ""

    def report(under_way: Mapping[Path, str]) -> None:
        nonlocal last
        table.last_answer = _words(under_way)
        statuses = codes(sorted(set(under_way.values())))
        minutes = int((table.now() - began) // 60)
        text = f"{reason}: {statuses}" + (f", {minutes} min so far" if minutes else "")
        if text != last:
            table.notify(EventKind.WAITING, text)
            last = text

    return report


def _words(under_way: Mapping[Path, str]) -> str:
    names = {path: code(" ".join(path)) if path else "the table" for path in under_way}
    return ", ".join(f"{names[path]} is {code(status)}" for path, status in under_way.items())
