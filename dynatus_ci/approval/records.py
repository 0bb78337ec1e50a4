"""What is kept of a plan for review: what it is about (its scope), and a record of each table's differences."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from dynatus_ci.schema.model import Difference, Effect, Plan, Risk, TableChange, Value, digest
from dynatus_ci.schema.settings import SETTINGS

_MARKER = "<!-- dynatus-ci:{} -->"
_ACCOUNT_NUMBER = re.compile(r"(?<!\d)\d{8}(\d{4})(?!\d)")


# --- what a comment is about -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about: two runs of the same scope share one comment. `account` is its last four digits."""

    environment: str | None = None
    account: str | None = None
    region: str | None = None
    endpoint: str | None = None
    path: str = "resources/dynamo"
    prefix: str | None = None

    @property
    def key(self) -> str:
        """KEY: 32 hex digits. The account is part of it only where there is no environment to name it."""
        name = ["environment", self.environment] if self.environment else ["account", self.account]
        return digest([name, self.region, self.endpoint, self.path, self.prefix])[:32]

    @property
    def marker(self) -> str:
        """The first line of the comment."""
        return _MARKER.format(self.key)

    def differs(self, other: Scope) -> tuple[str, ...]:
        """The parts, by the names of their inputs, in which another scope differs."""
        inputs = ("environment", "account", "region", "endpoint-url", "path", "table-prefix")
        return tuple(
            name
            for name, attribute in zip(inputs, Scope.__slots__, strict=True)
            if getattr(self, attribute) != getattr(other, attribute)
        )


def scope(
    *,
    environment: str | None,
    account: str | None,
    region: str | None,
    endpoint: str | None,
    path: str,
    prefix: str | None,
) -> Scope:
    """A scope from a run's facts: the path (relative to the workspace) normalised, the account cut to four digits."""
    return Scope(
        environment=environment or None,
        account=account[-4:] if account else None,
        region=region or None,
        # An account-based endpoint holds the account number, and comments are public.
        endpoint=_ACCOUNT_NUMBER.sub(r"\1", endpoint).rstrip("/") if endpoint else None,
        path=posixpath.normpath(path),
        prefix=prefix or None,
    )


# --- the record ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One difference as a record holds it: its risk, and for an index that goes a hash of what it was."""

    risk: Risk
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record holds about one table: its differences by their ids, cut to 64 bits; the TableId hashed."""

    differences: Mapping[str, Reviewed]
    table_id: str | None = None
    closed: bool = False

    def reviewed(self, difference: Difference) -> Reviewed | None:
        """What was reviewed under a difference's id, or a wider one's: the creation of an index covers its capacity."""
        ids = (id_[:16] for id_ in (difference.id, *difference.within))
        found = (self.differences[id_] for id_ in ids if id_ in self.differences)
        return max(found, key=lambda reviewed: reviewed.risk.rank, default=None)


@dataclass(frozen=True, slots=True)
class Record:
    """What was shown for review in one comment, and which tables of it are used up.

    Args:
        tables: By 48 bits of the hash of a table's name: two names that clash could only be refused.
        left: None until a run has closed tables; then all tables that this record does not name are closed too,
            except these, which that run did not find in agreement.
    """

    scope: Scope
    head: str | None
    fingerprint: str
    tables: Mapping[str, Entry] = field(default_factory=dict)
    left: frozenset[str] | None = None

    def entry(self, table: str) -> Entry | None:
        """What the record holds about a table; None where it does not name it."""
        return self.tables.get(_name(table))

    def closes(self, table: str) -> bool:
        """Whether the table is used up, in this record and so in all older ones."""
        entry = self.entry(table)
        if entry:
            return entry.closed
        return self.left is not None and _name(table) not in self.left


def record(plan: Plan, scope: Scope, *, head: str | None) -> Record:
    """The record of a plan: every table that would change, all of it open."""
    tables = {_name(change.table): _entry(change) for change in plan.tables if change.changes}
    return Record(scope=scope, head=head, fingerprint=plan.fingerprint, tables=tables)


def close(record: Record, *, agreeing: Collection[str], others: Collection[str]) -> Record:
    """The record after a run: the tables that agree with the files are used up, the run's other tables are not.

    What was closed before stays closed.
    """
    if not agreeing:
        return record
    done = {_name(table) for table in agreeing}
    tables = {name: replace(entry, closed=entry.closed or name in done) for name, entry in record.tables.items()}
    open_still = {_name(table) for table in others} if record.left is None else record.left
    return replace(record, tables=tables, left=frozenset(open_still - done - tables.keys()))


def _entry(change: TableChange) -> Entry:
    differences = {
        difference.id[:16]: Reviewed(risk=_lasting(difference), index=lost_index(difference))
        for difference in to_do(change)
    }
    return Entry(differences=differences, table_id=identity(change))


def to_do(change: TableChange) -> tuple[Difference, ...]:
    """The differences of a table that steps serve: what is reviewed and approved."""
    if not change.changes:
        return ()
    return tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)


def identity(change: TableChange) -> str | None:
    """What a record keeps of a TableId: 64 bits of its hash; None for none, as DynamoDB Local's tables have."""
    return _short(change.table_id) if change.table_id else None


def _lasting(difference: Difference) -> Risk:
    """The risk that a difference has until it is done.

    With a table that is only being made nothing is at risk; once it is made, what is left of its settings (CreateTable
    does not take them all) is a change of a live table, and must not need a second review.
    """
    own = [setting for setting in SETTINGS if difference.path == (setting.name,)]
    if difference.effect is not Effect.CREATE or not own:
        return difference.risk
    try:
        later = own[0].risk(own[0].initial, difference.desired)
    except (KeyError, TypeError, AttributeError):  # a plan file may hold any value
        return difference.risk
    return Risk.highest([difference.risk, later])


def lost_index(difference: Difference) -> str | None:
    """For an index that goes, 64 bits over its live key and projection."""
    goes = difference.risk is Risk.DESTRUCTIVE and index_name(difference) and isinstance(difference.actual, dict)
    if not goes:
        return None
    return _short([difference.actual.get(member) for member in ("KeySchema", "AttributeDefinitions", "Projection")])


def deletes_table(difference: Difference) -> bool:
    """Whether the table goes, for good or to be made again."""
    return difference.effect is Effect.RECREATE or (difference.effect is Effect.DELETE and not difference.path)


def index_name(difference: Difference) -> str | None:
    """The index that a difference makes, takes away or builds again."""
    match difference.path:
        case ("GlobalSecondaryIndexes", name):
            return name
        case _:
            return None


def _name(table: str) -> str:
    return digest(table)[:12]


def _short(value: Value) -> str:
    return digest(value)[:16]
