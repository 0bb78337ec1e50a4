"""The step that copies items: check that they fit, copy, compare, until every item is in the new table.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.copier import Copier
from dynatus_ci.engine.run import EventKind, StopTable, TableRun, refused
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build, copy_from, copying
from dynatus_ci.table.copying import Compared, FitCheck
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.items import Digests
from dynatus_ci.table.model import Failure, Step, TableChange
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.text import code

ROUNDS = 3
"""How often the items that are not in the new table yet are copied: each round finds those written during the last."""
SECONDS_BETWEEN_LOOKS = 1
SECONDS_BETWEEN_LINES = 60
_REFUSES_ITEM = frozenset({"ValidationError", "ValidationException", "ItemCollectionSizeLimitExceeded"})
_PUTS = frozenset({"BatchExecuteStatement", "PutItem"})
_WORDS = {
    Misfit.MISSING: "lack",
    Misfit.TYPE: "have another type in",
    Misfit.EMPTY: "have an empty value in",
    Misfit.LENGTH: "have too long a value in",
    Misfit.DUPLICATE: "have the same key as another item, by",
}


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
    checked = copier.check()
    if not checked.fits:
        raise refused(FailureReason.ITEMS_DO_NOT_FIT, _misfits(checked, copier.job.source, table.desired.name))
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
        on_progress=_Reporter(table, source.info.items if source.info else 0),
    )


class _Reporter:
    """Says how far a copy is: every second for a terminal, every minute for a log.

    Args:
        table: The table that is filled.
        total: How many items there are, as AWS last counted them.
    """

    def __init__(self, table: TableRun, total: int) -> None:
        self._table = table
        self._total = total
        self._what = ""
        self._began = self._shown = self._logged = table.now()
        self._lock = Lock()

    def __call__(self, what: str, count: int) -> None:
        """Note that so many items were read, copied or compared. Called by all threads of a copy."""
        with self._lock:
            now = self._table.now()
            if what != self._what:
                self._what, self._began = what, now
            if now - self._shown < SECONDS_BETWEEN_LOOKS:
                return
            self._shown = now
            logged = now - self._logged >= SECONDS_BETWEEN_LINES
            self._logged = now if logged else self._logged
        kind = EventKind.WAITING if logged else EventKind.PROGRESS
        done = min(count / self._total, 1.0) if self._total else None
        self._table.notify(kind, _progress(what, count, self._total, now - self._began), done=done)


def _progress(what: str, count: int, total: int, seconds: float) -> str:
    """`copied 1,200 of about 5,000 items (24 %), 300 a second, about 13 s left`."""
    rate = count / seconds if seconds > 0 else 0
    speed = f", {rate:,.0f} a second" if rate else ""
    if count >= total:
        return f"{what} {count:,} items{speed}"
    left = f", about {(total - count) / rate:,.0f} s left" if rate else ""
    return f"{what} {count:,} of about {total:,} items ({100 * count // total} %){speed}{left}"


def _misfits(checked: FitCheck, source: str, target: str) -> str:
    """What does not fit, as sentences: counts, never a value."""
    found = (
        f"{count:,} {_WORDS[why]} {code(name)} (the key{f' of index {code(owner[1])}' if owner[1:] else ''})"
        for (owner, name, why), count in sorted(checked.misfits.items(), key=str)
    )
    return (
        f"{checked.items:,} items of {code(source)} were read, and not all fit {code(target)}: {'; '.join(found)}. "
        "Correct these items, then run apply again."
    )


def _refused_item(copier: Copier, failed: CallFailed) -> str:
    size = " One partition key has more than 10 GB, which a local index does not allow."
    why = size if failed.code == "ItemCollectionSizeLimitExceeded" else ""
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
