"""The functions for Python callers (docs/python.md): they pass their own boto3 client, and get plain results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from dynatus_ci import engine, review
from dynatus_ci.aws import connection, observe, waits
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.waits import WaitOutcome
from dynatus_ci.definitions import DEFAULT_PATH, loader
from dynatus_ci.engine import Event, Options
from dynatus_ci.errors import AwsError, DynatusError, InvalidDefinitions, NoDefinitions, Refused
from dynatus_ci.table import build
from dynatus_ci.table.model import Table
from dynatus_ci.table.outcome import Outcome, Result, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import plain

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb.client import DynamoDBClient

TableOrMapping = Table | Mapping[str, Any]
"""A `Table`, or a mapping with CreateTable's parameters and the settings that CreateTable lacks."""


class Migration(TypedDict):
    """A table and what was done to it: create, update, recreate, delete or noop."""

    table: str
    action: str


class SyncResult(TypedDict):
    """What `synchronize` returns: `count` if it succeeded, else `reason`."""

    sync: bool
    migrated: NotRequired[list[Migration]]
    count: NotRequired[int]
    reason: NotRequired[str]
    error: NotRequired[str]
    path: NotRequired[str]


def synchronize(
    client: DynamoDBClient,
    path: str | Path = DEFAULT_PATH,
    *,
    allow_destructive: Sequence[str] = (),
    session: boto3.Session | None = None,
) -> SyncResult:
    """Make the account agree with the definitions at a path. Errors of AWS or in the files do not raise.

    Args:
        client: A boto3 DynamoDB client.
        path: A folder, searched recursively, or a file.
        allow_destructive: Patterns of tables (or `table/index`) whose destructive changes are approved.
        session: For STS, KMS and Application Auto Scaling; without it what only they know stays as it is.

    Returns:
        `{"sync": True, "count": …, "migrated": […]}`, with noops. On an error `sync` is False, `reason` says why, and
        `migrated` lists what was finished.
    """
    try:
        tables = load_definitions(path)
    except NoDefinitions:
        return {"sync": False, "reason": "No DynamoDB migration files found.", "path": str(path)}
    except DynatusError as invalid:
        return {"sync": False, "reason": "Invalid DynamoDB migration files.", "error": str(invalid), "migrated": []}
    try:
        result = apply_tables(client, tables, allow_destructive=allow_destructive, session=session)
    except DynatusError as error:
        return {"sync": False, "reason": FAILED, "error": str(error), "migrated": []}
    return _answer(result, tables)


syncronizate = synchronize
"""The Clojure library's spelling."""

FAILED = "Exception while executing DynamoDB sync."


def execute_tables_sync(
    client: DynamoDBClient,
    definitions: Sequence[TableOrMapping],
    *,
    allow_destructive: Sequence[str] = (),
    session: boto3.Session | None = None,
) -> list[Migration]:
    """Make the account agree with some definitions. Returns one entry for each, in their order.

    Raises:
        DynatusError: A table was refused, or a call failed. The other tables are finished first.
    """
    tables = _tables(definitions)
    result = apply_tables(client, tables, allow_destructive=allow_destructive, session=session)
    raise_for(result)
    return _migrated(result.tables, tables)


def wait_for_table_active(
    client: DynamoDBClient, table: str, timeout: float = 300, *, session: boto3.Session | None = None
) -> bool | None:
    """Wait until a table exists and it and its indexes are ACTIVE.

    Args:
        client: A boto3 DynamoDB client.
        table: The table's name.
        timeout: Seconds.
        session: As in `synchronize`. It makes no difference here.

    Returns:
        True, or None when the time is over.

    Raises:
        DynatusError: Access is denied, or the call fails.
    """
    aws, clock = Aws(session=session, given=client, region=client.meta.region_name), waits.SystemClock()
    poll = waits.Poll(clock=clock, deadline=clock.now() + timeout, stop=Flag())
    desired = Table(table)

    def active() -> WaitOutcome | None:
        return WaitOutcome.DONE if waits.met(observe.table(aws, desired), {(): {}}) else None

    return True if poll.until(active) is WaitOutcome.DONE else None


def load_definitions(
    path: str | Path = DEFAULT_PATH,
    *,
    environment: str | None = None,
    params: Mapping[str, str] | None = None,
    table_prefix: str = "",
) -> tuple[Table, ...]:
    """Load the tables that the files at a path define, in the order of the files.

    Raises:
        NoDefinitions: There are no files.
        InvalidDefinitions: All faults of all files, each with its place.
    """
    return loader.load(path, environment=environment, params=params, table_prefix=table_prefix).tables


def plan_tables(
    client: DynamoDBClient,
    definitions: Iterable[TableOrMapping],
    *,
    options: Options = Options(),  # noqa: B008  # frozen
    session: boto3.Session | None = None,
) -> Plan:
    """Plan some definitions. Read-only; a table that cannot be read carries its error.

    Raises:
        InvalidDefinitions: A definition is wrong.
    """
    aws = connection.from_client(client, session)
    return engine.plan(aws, _tables(definitions), options=options)


def apply_tables(
    client: DynamoDBClient,
    definitions: Iterable[TableOrMapping],
    *,
    reviewed: Plan | None = None,
    allow_destructive: Sequence[str] = (),
    on_event: Callable[[Event], None] | None = None,
    options: Options = Options(),  # noqa: B008  # frozen
    session: boto3.Session | None = None,
) -> Result:
    """Make the account agree with some definitions, and return what was done to each table.

    Args:
        client: A boto3 DynamoDB client.
        definitions: The tables.
        reviewed: A plan; only its differences run. Without it, everything that is planned now runs.
        allow_destructive: Patterns of tables (or `table/index`) whose destructive changes are approved.
        on_event: Called with each event, one at a time.
        options: Tags to ignore, parallelism, deadline; pass the same to `plan_tables`.
        session: For STS, KMS and Application Auto Scaling; without it what only they know stays as it is.

    Returns:
        The result. A refused or failed table is in it, and does not raise (see `Result.result`).
    """
    aws, tables = connection.from_client(client, session), _tables(definitions)
    gate = review.Gate.of_plan_file(
        reviewed, allow_destructive, account=aws.account, region=aws.region, endpoint=aws.endpoint
    )
    return engine.apply(
        aws,
        tables,
        plan=engine.plan(aws, tables, options=options),
        refusal=gate.refusal,
        options=options,
        on_event=on_event or (lambda _: None),
    )


def raise_for(result: Result) -> None:
    """Raise the first error of a result.

    Raises:
        Refused: Something was not reviewed or not approved.
        AwsError: A call failed.
    """
    for table in result.tables:
        error = table.error
        if table.result is Outcome.REFUSED and error:
            raise Refused(error.message, reason=error.reason)
        if table.result is Outcome.FAILED and error:
            raise AwsError(
                error.message,
                operation=error.operation or "apply",
                code=error.code,
                table=table.table,
                missing_permission=error.missing_permission,
            )


def _tables(definitions: Iterable[TableOrMapping]) -> tuple[Table, ...]:
    given = list(definitions)
    mappings = [definition for definition in given if not isinstance(definition, Table)]
    checked = iter(loader.check(mappings))
    tables = tuple(
        definition if isinstance(definition, Table) else build.desired(next(checked).body) for definition in given
    )
    twice = [name for name, count in Counter(table.name for table in tables).items() if count > 1]
    if twice:
        raise InvalidDefinitions(tuple(map(loader.duplicate_table, twice)))
    return tables


def _answer(result: Result, tables: Sequence[Table]) -> SyncResult:
    migrated = _migrated(result.tables, tables)
    try:
        raise_for(result)
    except Refused as refused:
        reason = f"Refused: {plain(refused.message)}"
        return {"sync": False, "reason": reason, "error": str(refused), "migrated": migrated}
    except DynatusError as error:
        return {"sync": False, "reason": FAILED, "error": str(error), "migrated": migrated}
    return {"sync": True, "count": len(migrated), "migrated": migrated}


def _migrated(results: Iterable[TableResult], tables: Sequence[Table]) -> list[Migration]:
    """The finished tables, in the order of the definitions."""
    finished = {r.table: r.action for r in results if r.result in {Outcome.APPLIED, Outcome.NOOP} and r.action}
    return [{"table": t.name, "action": finished[t.name].value} for t in tables if t.name in finished]
