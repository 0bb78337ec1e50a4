"""Plan and apply, for all tables at once; the loop of one table is in `reconcile`. It does not know GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Event as Flag
from threading import Lock, Semaphore

from dynatus_ci.aws import call_errors, emulation, observe
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import CONNECTIONS, Aws
from dynatus_ci.aws.waits import Clock, SystemClock
from dynatus_ci.engine import table_loop
from dynatus_ci.engine.table_loop import Event, MayRun, OnEvent
from dynatus_ci.errors import FailureReason
from dynatus_ci.table import emulators, planner
from dynatus_ci.table.aspects.base import AccountFacts
from dynatus_ci.table.model import Failure, Plan, Table, TableChange
from dynatus_ci.table.outcome import Outcome, Result, TableResult

MOST_THREADS = 256


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
    max_parallel: int = 10
    wait_seconds: float = 3_600
    detach: bool = False


# --- plan ------------------------------------------------------------------------------------------------------------


def plan(aws: Aws, tables: Sequence[Table], *, options: Options = Options()) -> Plan:  # frozen
    """What would happen to each table. Read-only; a table that cannot be read carries its error."""
    cache = observe.FactCache(aws, ignore_tags=options.ignore_tags)
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        changes = list(pool.map(lambda table: _plan_table(aws, table, cache), tables))
    if aws.emulator == emulators.DYNAMODB_LOCAL:
        conflicts = emulation.case_conflicts(table.name for table in tables)
        changes = [_case_conflict(change, conflicts) for change in changes]
    return Plan(
        tables=tuple(sorted(changes, key=lambda change: change.table)),
        account=aws.account,
        region=aws.region,
        endpoint=aws.endpoint,
        notes=aws.notes,
    )


def _case_conflict(change: TableChange, conflicts: Mapping[str, str]) -> TableChange:
    if change.table not in conflicts:
        return change
    message = f"DynamoDB Local takes {change.table} and {conflicts[change.table]} for one table: it ignores case."
    return TableChange(change.table, None, change.file, change.line, error=Failure("NameTwin", message))


def plan_against(
    baseline: Sequence[Table], tables: Sequence[Table], *, region: str | None, endpoint: str | None
) -> Plan:
    """What would happen if the account agreed with other definitions. Makes no call."""
    before = {table.name: table for table in baseline if not table.absent}
    keys = {table.at(("SSESpecification", "KMSMasterKeyId")) for table in (*baseline, *tables)} - {None}
    # Nobody can look a key up here: two names are two keys.
    facts = AccountFacts(region=region or "", scaling={}, keys={key: key for key in keys})
    changes = [
        planner.change(table, planner.as_actual(before.get(table.name), region or "REGION"), facts) for table in tables
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


def _plan_table(aws: Aws, desired: Table, cache: observe.FactCache) -> TableChange:
    try:
        _, change = table_loop.observe_and_plan(aws, desired, cache)
    except CallFailed as failed:
        place = desired.place
        return TableChange(
            desired.name,
            None,
            file=place.file if place else None,
            line=place.line if place else None,
            error=call_errors.failure(failed),
        )
    return change


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
    run = table_loop.EngineRun(
        aws=aws,
        may_run=may_run,
        on_event=_serial(on_event),
        detach=options.detach,
        stop=stop or Flag(),
        clock=clock,
        deadline=clock.now() + options.wait_seconds,
        slots=Semaphore(options.max_parallel),
    )
    planned = {change.table: change for change in plan.tables}
    cache = observe.FactCache(aws, ignore_tags=options.ignore_tags)

    def reconciled(table: Table) -> TableResult:
        return table_loop.TableLoop(run, table, planned[table.name], cache).run()

    with ThreadPoolExecutor(max_workers=max(1, min(len(tables), MOST_THREADS))) as pool:
        results = list(pool.map(reconciled, tables))
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
