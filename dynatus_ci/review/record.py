"""The record of a plan: its scope, and the differences that people review.

A run of apply uses a record: it closes what it has finished, or does not want any more. What is closed in one record is
closed in all older ones. So a record also says what older ones still have open.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.model import Difference, Effect, Risk, TableChange, Value, digest
from dynatus_ci.table.plans import Plan

_MARKER = "<!-- dynatus-ci:{} -->"
_ACCOUNT_NUMBER = re.compile(r"(?<!\d)\d{8}(\d{4})(?!\d)")


# --- what a comment is about -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about. Runs of the same scope share one comment. `account` is its last four digits."""

    environment: str | None = None
    account: str | None = None
    region: str | None = None
    endpoint: str | None = None
    path: str = "."
    prefix: str | None = None

    @property
    def key(self) -> str:
        """The scope's hash: 32 hex digits. The account is part of it only if there is no environment."""
        name = ["environment", self.environment] if self.environment else ["account", self.account]
        return digest([name, self.region, self.endpoint, self.path, self.prefix])[:32]

    @property
    def marker(self) -> str:
        """The first line of the comment."""
        return _MARKER.format(self.key)

    def differs(self, other: Scope) -> tuple[str, ...]:
        """The names of the inputs in which another scope differs."""
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
    """The scope of a run: its path normalised, its account cut to the last four digits."""
    return Scope(
        environment=environment or None,
        account=account[-4:] if account else None,
        region=region or None,
        # An account-based endpoint contains the account number, and comments may be public.
        endpoint=_ACCOUNT_NUMBER.sub(r"\1", endpoint).rstrip("/") if endpoint else None,
        path=posixpath.normpath(path),
        prefix=prefix or None,
    )


# --- the record ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One difference as a record holds it: its risk, and for an index that goes a hash of its key and projection."""

    risk: Risk
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record has open about one table: id of a difference (its first 64 bits) → what was reviewed.

    `table_id` is hashed.
    """

    differences: Mapping[str, Reviewed]
    table_id: str | None = None

    def reviewed(self, ids: Iterable[str]) -> Reviewed | None:
        """What was reviewed under any of these ids; of several, the one with the highest risk."""
        reviewed = (self.differences[id_] for id_ in ids if id_ in self.differences)
        return max(reviewed, key=lambda one: one.risk.rank, default=None)


Unfinished: TypeAlias = Mapping[str, frozenset[str] | None]
"""What a run still wants and has not finished: hash of a table's name → ids of differences (their first 64 bits).

None instead of ids: the table could not be read, so nobody knows what it needs, and all of it counts as unfinished.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What was shown for review in one comment, and is still open.

    Args:
        tables: What is open, by 48 bits of the hash of a table's name. If two names clash, the gate refuses more, and
            never less.
        older: What older records still have open beside this one. None if no run has used this record: it closes
            nothing then.
    """

    scope: Scope
    head: str | None
    fingerprint: str
    tables: Mapping[str, Entry] = field(default_factory=dict)
    older: Unfinished | None = None

    def entry(self, table: str) -> Entry | None:
        """What the record has open about a table; None if nothing is."""
        return self.tables.get(table_hash(table))

    def still_open(self, table: str, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids of a table's difference that this record leaves open in older records."""
        if self.older is None:
            return tuple(ids)
        entry, older = self.entry(table), self.older.get(table_hash(table), frozenset())
        return tuple(id_ for id_ in ids if older is None or id_ in older or (entry and id_ in entry.differences))


def new_record(plan: Plan, scope: Scope, *, head: str | None) -> Record:
    """The record of a plan. Every table that would change is open."""
    tables = {table_hash(change.table): _entry(change) for change in plan.tables if change.changes}
    return Record(scope=scope, head=head, fingerprint=plan.fingerprint, tables=tables)


def unfinished(differences: Iterable[Difference], *, unread: Iterable[str] = ()) -> Unfinished:
    """What a run leaves unfinished: differences, and tables that it could not read."""
    left: dict[str, frozenset[str] | None] = {}
    for difference in differences:
        name = table_hash(difference.table)
        left[name] = (left.get(name) or frozenset()) | set(reviewed_ids(difference))
    return {**left, **{table_hash(table): None for table in unread}}


def mark_used(record: Record, left: Unfinished) -> Record:
    """The record after a run. Only what the run has left to do stays open, and what was closed before stays closed."""
    tables = {
        name: replace(entry, differences=still_open)
        for name, entry in record.tables.items()
        if name in left and (still_open := _only(entry.differences, left[name]))
    }
    older = left if record.older is None else _both(record.older, left)
    return replace(record, tables=tables, older=dict(_beside(older, tables)))


def _only(differences: Mapping[str, Reviewed], ids: frozenset[str] | None) -> Mapping[str, Reviewed]:
    return {id_: reviewed for id_, reviewed in differences.items() if ids is None or id_ in ids}


def _both(one: Unfinished, other: Unfinished) -> Unfinished:
    return {name: _common(one[name], other[name]) for name in one.keys() & other.keys()}


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _beside(older: Unfinished, tables: Mapping[str, Entry]) -> Iterator[tuple[str, frozenset[str] | None]]:
    """What is open in older records, without what the record itself has open."""
    for name, ids in older.items():
        here = tables[name].differences.keys() if name in tables else frozenset()
        if ids is None or ids - here:
            yield name, ids if ids is None else ids - here


def _entry(change: TableChange) -> Entry:
    differences = {
        _cut(difference.id): Reviewed(risk=_lasting(difference), index=lost_index(difference))
        for difference in to_do(change)
    }
    return Entry(differences=differences, table_id=identity(change))


def reviewed_ids(difference: Difference) -> tuple[str, ...]:
    """The ids under which a difference may have been reviewed: its own, and those of wider differences that cover it.

    A review of the creation of an index covers its capacity.
    """
    return tuple(map(_cut, (difference.id, *difference.covered_by)))


def _cut(id_: str) -> str:
    return id_[:16]


def to_do(change: TableChange) -> tuple[Difference, ...]:
    """The differences of a table that are reviewed and approved: those that an endpoint supports."""
    if not change.changes:
        return ()
    return tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)


def identity(change: TableChange) -> str | None:
    """What a record keeps of a TableId: 64 bits of its hash. None if there is none, as at DynamoDB Local."""
    return _short(change.table_id) if change.table_id else None


def _lasting(difference: Difference) -> Risk:
    """The highest risk that a difference can have until it is done.

    CreateTable does not take all settings. While a table is created nothing is at risk. Afterwards, its other settings
    are changes of a table that exists, and must not need a second review.
    """
    own = [aspect for aspect in ASPECTS if difference.path == (aspect.name,)]
    if difference.effect is not Effect.CREATE or not own:
        return difference.risk
    try:
        later = own[0].risk(own[0].initial, difference.desired)
    except (KeyError, TypeError, AttributeError):  # A plan file may hold any value.
        return difference.risk
    return Risk.highest([difference.risk, later])


def lost_index(difference: Difference) -> str | None:
    """For an index that goes: 64 bits of a hash of its key and projection."""
    goes = difference.risk is Risk.DESTRUCTIVE and index_name(difference) and isinstance(difference.actual, dict)
    if not goes:
        return None
    return _short([difference.actual.get(member) for member in ("KeySchema", "AttributeDefinitions", "Projection")])


def deletes_table(difference: Difference) -> bool:
    """Whether the table is deleted, for good or to be created again."""
    return difference.effect is Effect.RECREATE or (difference.effect is Effect.DELETE and not difference.path)


def index_name(difference: Difference) -> str | None:
    """The index that a difference creates, deletes or builds again."""
    match difference.path:
        case ("GlobalSecondaryIndexes", name):
            return name
        case _:
            return None


def table_hash(table: str) -> str:
    """A table's name in a record: 48 bits of its hash, as 12 hex digits."""
    return digest(table)[:12]


def _short(value: Value) -> str:
    return digest(value)[:16]
