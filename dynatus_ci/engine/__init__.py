"""Plan and apply, for all tables at once. The loop of one table is in `table_loop`. The engine does not know GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Event as Flag
from threading import Lock, Semaphore

from dynatus_ci.aws import call_errors, emulation, metrics, observe
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import CONNECTIONS, Aws
from dynatus_ci.aws.waits import Clock, SystemClock
from dynatus_ci.engine import source_deletion
from dynatus_ci.engine.fitting import Fitting, OnRead
from dynatus_ci.engine.item_progress import ItemProgress
from dynatus_ci.engine.run import EngineRun, Event, EventKind, OnEvent, Refuse, TableRun
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import emulators, planner, proof, sides, usage
from dynatus_ci.table.aspects import targets
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.facts import AccountFacts, Endpoint, PlanOptions
from dynatus_ci.table.model import Failure, Table, TableChange
from dynatus_ci.table.origins import copy_order
from dynatus_ci.table.outcome import Outcome, Result, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code

__all__ = [
    "EngineRun",
    "Event",
    "EventKind",
    "Fitting",
    "ItemProgress",
    "OnEvent",
    "OnRead",
    "Options",
    "Refuse",
    "apply",
    "plan",
    "plan_against",
]

MOST_THREADS = 256


@dataclass(frozen=True, slots=True)
class Options:
    """How to plan and apply.

    Args:
        ignore_tags: Patterns of tag keys that stay as they are.
        max_parallel: How many tables are changed at the same time. One at which AWS works does not count.
        wait_seconds: After how many seconds apply stops waiting.
        detach: Do not wait for backfills, cooldowns and quotas.
        copy_rate: The most items that a copy writes in a second; None for no limit.
        check: Ask the live items if they fit what is to change (docs/checks.md).
    """

    ignore_tags: tuple[str, ...] = ()
    max_parallel: int = 10
    wait_seconds: float = 3_600
    detach: bool = False
    copy_rate: int | None = None
    check: bool = True


# --- plan ------------------------------------------------------------------------------------------------------------


def plan(
    aws: Aws,
    tables: Sequence[Table],
    *,
    options: Options = Options(),  # frozen
    fitting: Fitting | None = None,
) -> Plan:
    """Plan each table. Read-only; a table that cannot be read carries its error.

    Args:
        aws: The connection.
        tables: The definitions.
        options: How to plan.
        fitting: How the items are checked, if not as usual: a part of each table, within a budget.
    """
    cache = _cache(aws, options)
    fitting = (fitting or Fitting(aws)) if options.check else None
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        changes = list(pool.map(lambda table: _plan_table(table, cache, fitting), tables))
    if aws.emulator == emulators.DYNAMODB_LOCAL:
        conflicts = emulation.case_conflicts(table.name for table in tables)
        changes = [_case_conflict(change, conflicts) for change in changes]
    copies = _copies(aws, tables, changes)
    changes = source_deletion.with_notes([copy_order.in_order(change, copies) for change in changes], fitting)
    planned = Plan(
        tables=tuple(sorted(changes, key=lambda change: change.table)),
        account=aws.account,
        region=aws.region,
        endpoint=aws.endpoint,
        notes=aws.notes,
    )
    goes = usage.asked(planned)
    return usage.added(planned, metrics.usage(aws, goes)) if goes else planned


def _case_conflict(change: TableChange, conflicts: Mapping[str, str]) -> TableChange:
    if change.table not in conflicts:
        return change
    names = f"{code(change.table)} and {code(conflicts[change.table])}"
    message = f"DynamoDB Local takes {names} for one table: it ignores case."
    return TableChange(change.table, None, change.file, change.line, error=Failure("NameTwin", message))


def plan_against(
    baseline: Sequence[Table], tables: Sequence[Table], *, region: str | None, endpoint: str | None
) -> Plan:
    """Plan against other definitions, as if the account agreed with them. Makes no call."""
    before = {table.name: table for table in baseline if not table.absent}
    keys = {table.at(("SSESpecification", "KMSMasterKeyId")) for table in (*baseline, *tables)} - {None}
    # Without calls nobody knows which aliases name the same key, so two names count as two keys.
    known = AccountFacts(endpoint=Endpoint(region or ""), schedules={}, kms_keys={key: key for key in keys})

    def planned(table: Table) -> TableChange:
        actual = before.get(table.name)
        facts = replace(known, scaling=targets.as_targets(actual) if actual else {})
        return proof.proven(planner.change(table, sides.as_actual(actual, region or "REGION"), facts), facts)

    changes = source_deletion.with_notes([planned(table) for table in tables], None)
    return Plan(
        tables=tuple(sorted(changes, key=lambda change: change.table)),
        region=region,
        endpoint=endpoint,
        notes=tuple(_removed(before, tables)),
    )


def _removed(before: Mapping[str, Table], tables: Sequence[Table]) -> Iterator[str]:
    """A note for each definition that is gone: its table stays, also where the file has another name now."""
    files, files_before = _files(tables), _files(before.values())
    new = {file: name for name, file in files.items() if name not in before}
    for name in sorted(before.keys() - files.keys()):
        renamed = new.get(files_before[name])
        if renamed:
            yield (
                f"The file that defined {code(name)} now defines {code(renamed)}, a new and empty table. "
                f"Table {code(name)} stays as it is."
            )
        else:
            yield f"The definition of {code(name)} is gone. Its table stays; {code(':Absent true')} would delete it."


def _files(tables: Iterable[Table]) -> dict[str, str]:
    """Each table's file, below the folder that all of them are in.

    Files outside the working directory have absolute names, and share a folder of their own.
    """
    paths = {table.name: PurePosixPath(table.file or table.name) for table in tables}
    folders: dict[str, list[PurePosixPath]] = {}
    for path in paths.values():
        folders.setdefault(path.anchor, []).append(path.parent)
    shared = {anchor: os.path.commonpath(parents) for anchor, parents in folders.items()}
    return {name: str(path.relative_to(shared[path.anchor])) for name, path in paths.items()}


def _plan_table(desired: Table, cache: observe.FactCache, fitting: Fitting | None) -> TableChange:
    try:
        actual, facts = cache.observe(desired)
        change = proof.proven(planner.change(desired, actual, facts), facts)
        return fitting.look(change) if fitting else change
    except CallFailed as failed:
        return TableChange(desired.name, None, desired.file, desired.line, error=call_errors.failure(failed))


# --- apply -----------------------------------------------------------------------------------------------------------


def apply(
    aws: Aws,
    tables: Sequence[Table],
    *,
    plan: Plan,
    refusal: Refuse,
    options: Options = Options(),  # frozen
    on_event: OnEvent = lambda _: None,
    stop: Flag | None = None,
    clock: Clock | None = None,
) -> Result:
    """Make the account agree with the definitions, as far as the gate allows.

    Args:
        aws: The connection.
        tables: The definitions.
        plan: The plan that was shown for them.
        refusal: The gate: why a step may not run, or None.
        options: How to apply.
        on_event: Called with each event, one at a time; an error that it raises fails that table.
        stop: Set it to end after the current call.
        clock: The time.
    """
    from dynatus_ci.engine.table_loop import TableLoop  # noqa: PLC0415  # a plan needs nothing that changes a table

    clock = clock or SystemClock()
    run = EngineRun(
        aws=aws,
        refusal=refusal,
        on_event=_serial(on_event),
        detach=options.detach,
        stop=stop or Flag(),
        clock=clock,
        deadline=clock.now() + options.wait_seconds,
        slots=Semaphore(options.max_parallel),
        copy_rate=options.copy_rate,
        copies=_copies(aws, tables, plan.tables),
        check=options.check,
    )
    planned = {change.table: change for change in plan.tables}
    cache = _cache(aws, options)

    def applied(table: Table) -> TableResult:
        return TableLoop(TableRun(run, table, planned[table.name], cache)).run()

    with ThreadPoolExecutor(max_workers=max(1, min(len(tables), MOST_THREADS))) as pool:
        results = list(pool.map(applied, tables))
    results.sort(key=lambda result: result.table)
    outcome = Outcome.worst(result.result for result in results)
    return Result(plan, tuple(results), outcome, _reason(outcome, results))


def _copies(aws: Aws, tables: Iterable[Table], changes: Iterable[TableChange]) -> dict[str, str]:
    return copy_order.unfilled(tables, changes, tagged=Tags.name not in aws.cannot_keep)


def _cache(aws: Aws, options: Options) -> observe.FactCache:
    return observe.FactCache(aws, PlanOptions(options.ignore_tags, options.copy_rate, options.wait_seconds))


def _serial(on_event: OnEvent) -> OnEvent:
    lock = Lock()

    def one_at_a_time(event: Event) -> None:
        with lock:
            on_event(event)

    return one_at_a_time


def _reason(outcome: Outcome, results: Sequence[TableResult]) -> FailureReason | None:
    """The reason of the first table with the worst result; a cancelled run is cancelled."""
    if outcome not in {Outcome.FAILED, Outcome.REFUSED}:
        return None
    reasons = [result.error.reason for result in results if result.result is outcome and result.error]
    return FailureReason.CANCELLED if FailureReason.CANCELLED in reasons else next(iter(reasons), None)
