"""The step that copies items: check that they fit, copy, compare, until every item is in the new table.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dynatus_ci.aws import observe
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.copier import Copier
from dynatus_ci.engine.item_progress import ItemProgress
from dynatus_ci.engine.run import EventKind, StopTable, TableRun, refused
from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table import build, fit
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import TableIds
from dynatus_ci.table.items import Digests
from dynatus_ci.table.model import Failure, ItemWork, Step, Table, TableChange, Target
from dynatus_ci.table.origins import copy_from, copy_steps, copying, import_count, keep_items, keep_steps
from dynatus_ci.table.origins.copying import Compared
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.text import all_of, by_number, code, plural

ROUNDS = 3
"""How often the items that are not in the new table yet are copied: each round finds those written during the last."""
_COLLECTION = "ItemCollectionSizeLimitExceeded"
_REFUSES_ITEM = frozenset({"ValidationError", "ValidationException", _COLLECTION, f"{_COLLECTION}Exception"})
_PUTS = frozenset({"BatchExecuteStatement", "PutItem"})


def check(table: TableRun, change: TableChange) -> None:
    """Before the first step of a table that is to be filled: all items must fit it. Asked once of each source.

    Raises:
        StopTable: Some do not.
    """
    source = _unchecked(table, change)
    if source is None or source.info is None or _is_checked(table, source.info.table_id):
        return
    copier = _copier(table, source, table.desired)
    # A run that may not look must not mark a table that may hold items: the next run would take it for a copy.
    if copy_steps.begins(change) and not copier.is_empty():
        raise refused(copy_from.own_items(copier.job.source).about(change.table))
    found = copier.check(fit.path_of_copy(table.desired))
    table.progress.checks += found
    wrong = [check for check in found if check.refuses]
    if wrong:
        raise refused(fit.refusal(wrong))
    table.memory = replace(table.memory, checked=source.info.table_id)


def _unchecked(table: TableRun, change: TableChange) -> Table | None:
    """The table whose items must fit the definition. Those that return from a copy were checked before."""
    step = next((step for step in change.steps if step.item_work is ItemWork.COPY), None)
    if step is None:
        return None
    kept = table.desired.manages(keep_items.NAME)
    if kept and step.parameters["TableName"] == change.table and change.actual is not None:
        return None
    return _live(table, step.parameters[keep_steps.SOURCE])


def _is_checked(table: TableRun, table_id: str) -> bool:
    """Whether this run has checked these items: also those of a copy that it has found equal to the checked table."""
    checked, equal = table.memory.checked, table.memory.equal
    return checked is not None and (table_id == checked or equal == TableIds(checked, table_id))


def take(table: TableRun, step: Step, work: ItemWork) -> None:
    """Copy, or compare. At the end every item of the source is in the table.

    Raises:
        StopTable: The source was written to all the time, an item does not fit, or the run must end.
        CallFailed: A call did not succeed.
    """
    began, (way, said) = table.now(), _WAYS[work]
    with _shown(table, step):
        source, target = (_live(table, step.parameters[role]) for role in (keep_steps.SOURCE, "TableName"))
        copier = _copier(table, source, target)
        before = _ids(table, copier)
        try:
            found = way(table, copier)
        except CallFailed as failed:
            if failed.code in _REFUSES_ITEM and failed.operation in _PUTS:
                raise refused(Refusal(_refused_item(copier, failed), FailureReason.ITEMS_DO_NOT_FIT)) from failed
            raise
        _check_ids(table, copier, before)
    _remember(table, step, before)
    _ended(table, step, f"{said(copier, found)} {_took(copier, table.now() - began)}", began=began)


def count(table: TableRun, step: Step, actual: Table | None) -> None:
    """Count the items of a table that AWS has imported: it must have as many as the export.

    Raises:
        StopTable: It has not.
        CallFailed: A call did not succeed.
    """
    began, comparison = table.now(), Comparison(table.desired, actual, table.facts)
    seen = comparison.table_id
    with _shown(table, step):
        imported = _live(table, step.parameters["TableName"])
        copier = _copier(table, imported, imported)
        wrong = import_count.miscounted(comparison, copier.count())
        _check_ids(table, copier, (seen, seen))
        if wrong:
            raise refused(Refusal(wrong, FailureReason.ITEMS_DO_NOT_FIT))
    table.memory = replace(table.memory, copied=seen)
    _ended(table, step, f"{import_count.counted(comparison)} {_took(copier, table.now() - began)}", began=began)


@contextmanager
def _shown(table: TableRun, step: Step) -> Iterator[None]:
    """Say that a step begins. Where it does not come to its end, it has failed."""
    table.notify(EventKind.STEP, f"{step.operation}: {step.reason}", step=step)
    table.progress.began(step)
    try:
        yield
    except (CallFailed, StopTable):
        table.progress.ended(Status.FAILED)
        raise


def _ended(table: TableRun, step: Step, note: str, *, began: float) -> None:
    """Say what a step has done, at once and in the report."""
    table.progress.notes.append(note)
    table.progress.ended(Status.DONE, table.now() - began)
    table.notify(EventKind.DONE, note, step=step)


def _remember(table: TableRun, step: Step, ids: tuple[str, str]) -> None:
    """What this run has seen of the items, and of which tables it is true."""
    source, target = ids
    if not table.desired.manages(keep_items.NAME):
        table.memory = replace(table.memory, copied=target)
    elif step.target is Target.TABLE:
        table.memory = replace(table.memory, returned=TableIds(table=target, staging=source))
    elif step.item_work is ItemWork.ALIGN:
        table.memory = replace(table.memory, equal=TableIds(table=source, staging=target))
    else:
        table.memory = replace(table.memory, staged=TableIds(table=source, staging=target))


def _ids(table: TableRun, copier: Copier) -> tuple[str, str]:
    """The TableIds of the source and the target."""
    return _live(table, copier.job.source).table_id, _live(table, copier.job.target).table_id


def _check_ids(table: TableRun, copier: Copier, before: tuple[str, str]) -> None:
    """What was just read must not be of another table by now: nothing may be deleted because of that.

    Raises:
        StopTable: A table was replaced.
    """
    if _ids(table, copier) != before:
        both = f"{code(copier.job.source)} or {code(copier.job.target)}"
        text = f"{both} was replaced by another table while the items were read. Run apply again."
        raise refused(Refusal(text))


def _until_all_are_there(table: TableRun, copier: Copier) -> Compared:
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
        raise _written(table, copier, f"{compared.missing:,} of {plural(compared.items, 'item')}")
    return compared


def _until_equal(table: TableRun, copier: Copier) -> Compared:
    """What was found in the last round, when nothing was different. The copy is changed until then, the table never."""
    before, different = _ids(table, copier), 0
    for _ in range(ROUNDS):
        found = copier.digests()
        _check_ids(table, copier, before)
        different = max(copier.remove_others(found), found.unmarked())
        if not different:
            _check_copy(table, copier)
            return Compared(items=found.count)
        copier.copy(unless=found)
    raise _written(table, copier, plural(different, "item"))


def _check_copy(table: TableRun, copier: Copier) -> None:
    """The items that were written since the check must fit the new table, too: soon there is no way back.

    Raises:
        StopTable: Some do not.
    """
    checking = _copier(table, _live(table, copier.job.target), table.desired)
    wrong = [check for check in checking.check(fit.path_of_copy(table.desired)) if check.refuses]
    if wrong:
        raise refused(fit.refusal(wrong))


def _compare(table: TableRun, copier: Copier) -> Compared:
    """What was found, when the table has every item of its copy. Nothing is changed.

    Other values count as well, for the copy may have the newer ones: a table that was restored from a backup has older
    ones. Only the very table that was copied is always right.

    Raises:
        StopTable: Items of the copy are not in the table, or not as they are.
    """
    compared, copy = copier.compare()[0], observe.staging(table.aws, table.desired.name)
    of = keep_items.copy_of(copy)
    owner = tags.owner(table.desired.name, _ids(table, copier)[1])
    different = 0 if of == owner else compared.different
    if compared.missing or different:
        text = keep_items.left_in_copy(table.desired.name, of, replace(compared, different=different))
        raise refused(Refusal(text))
    return compared


def _written(table: TableRun, copier: Copier, count: str) -> StopTable:
    """The end of a table whose source does not stand still."""
    kept = table.desired.manages(keep_items.NAME)
    advice = (
        "The application goes on writing, or items expire. Stop its writers, or turn time to live off first."
        if kept
        else "The application goes on writing. Let it write to both tables, or stop its writers."
    )
    message = (
        f"{count} of {code(copier.job.source)} are not in {code(copier.job.target)} after {ROUNDS} rounds. "
        f"{advice} Then run apply again."
    )
    return StopTable(Outcome.FAILED, Failure("SourceWritten", message, reason=FailureReason.SOURCE_WRITTEN))


def _live(table: TableRun, name: str) -> Table:
    description = table.aws.describe(name)
    if description is None:
        text = f"Table {code(name)}, the source of the items of {code(table.desired.name)}, no longer exists."
        raise refused(Refusal(text))
    return build.actual(description, {})


def _copier(table: TableRun, source: Table, target: Table) -> Copier:
    job = copying.job(source, target, rate=table.run.copy_rate)
    return Copier(
        table.aws,
        job,
        now=table.now,
        pause=table.pause,
        check_time=table.check_time,
        on_answer=table.answered,
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


def _took(copier: Copier, seconds: float) -> str:
    tally = copier.tally
    read, write = plural(round(tally.read_units), "read unit"), plural(round(tally.write_units), "write unit")
    return f"That took {seconds:,.0f} s, {read} and {write}."


def _copied(copier: Copier, compared: Compared) -> str:
    """What a copy did, as sentences."""
    source, target = code(copier.job.source), code(copier.job.target)
    differ = f"{plural(compared.different, 'item')} {by_number(compared.different, 'differs', 'differ')}"
    only_new = f"{compared.only_new:,} {by_number(compared.only_new, 'is', 'are')} only in {target}"
    written = compared.different or compared.only_new
    other = f" {differ} and {only_new}: an application wrote them there." if written else ""
    there = f"{all_of(compared.items, 'item')} {by_number(compared.items, 'is', 'are')} in {target}."
    return f"Copied {plural(copier.tally.written, 'item')} of {source}. {there}{other}"


def _aligned(copier: Copier, compared: Compared) -> str:
    source, target, tally = code(copier.job.source), code(copier.job.target), copier.tally
    changed = tally.written or tally.removed
    again = f" {tally.written:,} {by_number(tally.written, 'was', 'were')} copied again"
    since = f"{again}, and {tally.removed:,} deleted there." if changed else ""
    there = f"{by_number(compared.items, 'is', 'are')} in {target}"
    equal = by_number(compared.items, "and is equal", "all of them equal")
    return f"{all_of(compared.items, 'item')} of {source} {there}, {equal}.{since}"


def _found_all(copier: Copier, compared: Compared) -> str:
    source, target = code(copier.job.source), code(copier.job.target)
    return f"{all_of(compared.items, 'item')} of {source} {by_number(compared.items, 'was', 'were')} found in {target}."


_WAYS: Mapping[ItemWork, tuple[Callable[[TableRun, Copier], Compared], Callable[[Copier, Compared], str]]] = {
    ItemWork.COPY: (_until_all_are_there, _copied),
    ItemWork.ALIGN: (_until_equal, _aligned),
    ItemWork.COMPARE: (_compare, _found_all),
}
"""How items are copied or compared, and what to say of it afterwards."""
