"""The step that copies items: check that they fit, copy, compare, until every item is in the new table.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from dataclasses import replace

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.copier import Copier
from dynatus_ci.engine.item_progress import ItemProgress
from dynatus_ci.engine.run import EventKind, StopTable, TableRun, refused
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build, copy_from, copying, fit
from dynatus_ci.table.copying import Compared
from dynatus_ci.table.items import Digests
from dynatus_ci.table.model import Failure, Step, TableChange
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.text import code

ROUNDS = 3
"""How often the items that are not in the new table yet are copied: each round finds those written during the last."""
_COLLECTION = "ItemCollectionSizeLimitExceeded"
_REFUSES_ITEM = frozenset({"ValidationError", "ValidationException", _COLLECTION, f"{_COLLECTION}Exception"})
_PUTS = frozenset({"BatchExecuteStatement", "PutItem"})


def check(table: TableRun, change: TableChange) -> None:
    """Before the first step of a table that is to be filled: all items must fit it. Asked once in a run.

    Raises:
        StopTable: Some do not.
    """
    if table.memory.checked or not any(copy_from.is_copy(step) for step in change.steps):
        return
    copier = _copier(table)
    # A run that may not look must not mark a table that may hold items: the next run would take it for a copy.
    if copy_from.begins(change) and not copier.is_empty():
        raise refused(FailureReason.ITEMS_DO_NOT_FIT, f"{code(change.table)}: {copy_from.own_items(copier.job.source)}")
    found = copier.check()
    table.progress.checks += found
    wrong = [check for check in found if check.refuses]
    if wrong:
        raise refused(FailureReason.ITEMS_DO_NOT_FIT, fit.refusal(wrong))
    table.memory = replace(table.memory, checked=True)


def take(table: TableRun, step: Step) -> None:
    """Copy, and compare. At the end every item of the source is in the table.

    Raises:
        StopTable: The source was written to all the time, an item does not fit, or the run must end.
        CallFailed: A call did not succeed.
    """
    table.notify(EventKind.STEP, f"{step.operation}: {step.reason}", step=step)
    table.progress.began(step)
    began = table.now()
    copier = _copier(table)
    try:
        compared = _until_equal(table, copier)
    except CallFailed as failed:
        table.progress.ended(Status.FAILED)
        if failed.code in _REFUSES_ITEM and failed.operation in _PUTS:
            raise refused(FailureReason.ITEMS_DO_NOT_FIT, _refused_item(copier, failed)) from failed
        raise
    except StopTable:
        table.progress.ended(Status.FAILED)
        raise
    table.memory = replace(table.memory, copied=True)
    table.progress.notes.append(_summary(copier, compared, table.now() - began))
    table.progress.ended(Status.DONE, table.now() - began)
    table.notify(EventKind.DONE, table.progress.notes[-1], step=step)


def _until_equal(table: TableRun, copier: Copier) -> Compared:
    """What was found at the end, when nothing of the source was missing."""
    found: Digests | None = None
    compared = Compared(missing=1)
    if not copier.is_empty():  # an earlier run has begun
        compared, found = copier.compare()
    for _ in range(ROUNDS):
        if not compared.missing:
            return compared
        copier.copy(unless=found)
        compared, found = copier.compare()
    if compared.missing:
        source, name = code(copier.job.source), code(table.desired.name)
        message = (
            f"{compared.missing:,} of {compared.items:,} items of {source} are not in {name} after {ROUNDS} rounds. "
            "The application goes on writing. Let it write to both tables, or stop its writers. Then run apply again."
        )
        raise StopTable(Outcome.FAILED, Failure("SourceWritten", message, reason=FailureReason.SOURCE_WRITTEN))
    return compared


def _copier(table: TableRun) -> Copier:
    name = table.desired.at(copy_from.PATH)
    description = table.aws.describe(name)
    if description is None:
        text = f"Table {code(name)}, which {code(table.desired.name)} is copied from, is gone."
        raise refused(FailureReason.DESTRUCTIVE_BLOCKED, text)
    source = build.actual(description, {})
    job = copying.job(source, table.desired, rate=table.run.copy_rate)
    return Copier(
        table.aws,
        job,
        now=table.now,
        pause=table.pause,
        check_time=table.check_time,
        on_progress=ItemProgress(
            lambda kind, text, done: table.notify(kind, text, done=done),
            source.info.items if source.info else 0,
            table.now,
        ),
    )


def _refused_item(copier: Copier, failed: CallFailed) -> str:
    size = " One partition key has more than 10 GB, which a local index does not allow."
    why = size if failed.code.startswith(_COLLECTION) else ""
    return (
        f"AWS refuses an item of {code(copier.job.source)} in {code(copier.job.target)} ({code(failed.code)}).{why} It "
        "was written after the check. Correct it, then run apply again."
    )


def _summary(copier: Copier, compared: Compared, seconds: float) -> str:
    """What a copy did, as sentences."""
    tally = copier.tally
    other = (
        f" {compared.different:,} items differ and {compared.only_new:,} are only in the new table: an application "
        "wrote them there."
        if compared.different or compared.only_new
        else ""
    )
    return (
        f"Copied {tally.written:,} items of {code(copier.job.source)} in {seconds:,.0f} s. It used "
        f"{tally.read_units:,.0f} read units and {tally.write_units:,.0f} write units. "
        f"All {compared.items:,} items are in the new table.{other}"
    )
