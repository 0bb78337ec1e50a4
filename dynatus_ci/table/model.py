"""The nouns of this product: a table, a difference, a step, a table's change. `plans` has the plan of all tables.

All are frozen and compare by value. A definition file and a table of the account become the same `Table`. The report,
the gate and the engine read the same `Difference` and `Step`. This module holds no rule of DynamoDB.

Reasons, notes, refusals and messages are sentences of `text`: their values stand in code spans. Documents (`to_dict`)
hold the same sentences without the spans.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum, StrEnum, auto
from typing import Any, TypeAlias

from dynatus_ci.errors import FailureReason, Place, Refusal
from dynatus_ci.table.item_checks import Check
from dynatus_ci.text import plain, plural

Value: TypeAlias = Any
"""A JSON value in AWS's own shape, normalised; treated as immutable. None means absent."""

Path: TypeAlias = tuple[str, ...]
"""Where a value stands: the aspect, then for named members the name, then the member inside."""

GLOBAL = "GlobalSecondaryIndexes"
DYNAMODB = "dynamodb"
"""The service of almost every step, as boto3 names it."""


class Risk(StrEnum):
    """What a difference may cost (docs/architecture.md#risk)."""

    SAFE = "safe"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"

    @property
    def rank(self) -> int:
        """Where the risk stands among the others, the worst highest."""
        return list(Risk).index(self)

    @staticmethod
    def highest(risks: Iterable[Risk]) -> Risk:
        """The worst of some risks; `safe` where there is none."""
        return max(risks, key=lambda risk: risk.rank, default=Risk.SAFE)


class Effect(StrEnum):
    """What carries a difference out."""

    CREATE = "create"
    IN_PLACE = "in-place"
    REBUILD_INDEX = "rebuild-index"
    REBUILD_REPLICA = "rebuild-replica"
    RECREATE = "recreate"
    DELETE = "delete"
    COPY = "copy"
    UNSUPPORTED = "unsupported"


class Action(StrEnum):
    """What happens to a table as a whole."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    DELETE = "delete"
    NOOP = "noop"


class Phase(IntEnum):
    """The order of one table's steps. Within a phase, steps stand in the order of the aspects' list.

    docs/dynamodb.md#the-order-of-steps
    """

    PROTECT = auto()
    """Deletion protection is turned on."""
    DETACH = auto()
    """Replicas are deleted: while there is one, AWS accepts no other stream and no other key."""
    REMOVE = auto()
    """Indexes are deleted."""
    CHANGE = auto()
    """All quick changes, before long index builds."""
    BUILD = auto()
    """Indexes are created, then their settings, then replicas."""
    UNPROTECT = auto()
    """Deletion protection is turned off. This phase is the last one, and no other step is in it."""


class Target(Enum):
    """The table that a step is about."""

    TABLE = auto()
    """The table of the definition."""
    PROBE = auto()
    """The table that is created to test the new parameters (see `probe`)."""
    STAGING = auto()
    """The table that holds the items while their table is replaced (see `keep_items`)."""
    SOURCE = auto()
    """The table whose items AWS exports (see `through_s3`)."""


class ItemWork(Enum):
    """What a step about items does, with many calls."""

    COPY = auto()
    """Write the items that are missing, until none is."""
    ALIGN = auto()
    """Make the copy equal to the table."""
    COMPARE = auto()
    """Find every item of the copy in the table; change nothing."""
    COUNT = auto()
    """Count the items that AWS has imported."""


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What only an actual table has: its identity and its size. Never compared with a definition.

    `items` and `bytes` are DescribeTable's, up to six hours old: shown to people, never used to decide. `stored_units`
    are the provisioned units of each index, also on demand: 0 on AWS, the old ones on emulators. `vectors` (index →
    attribute) and `unknown` (paths of members) are what no definition can say: see `unmanaged`.
    """

    table_id: str
    arn: str
    status: str
    items: int = 0
    bytes: int = 0
    stream_arn: str | None = None
    decreases_today: Mapping[Path, int] = field(default_factory=dict)
    stored_units: Mapping[Path, Value] = field(default_factory=dict)
    vectors: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table, as a definition asks for it or as the account has it.

    Args:
        name: The final table name, prefix included.
        values: Aspect → normalised value. An aspect that is missing here is not managed (in a definition) or was not
            read (of an actual table); one that is None is absent.
        transitions: Path → AWS's word for what is under way there; the path `()` is the table itself.
        failures: Path → AWS's word, and its reason, for what it accepted and could not do there.
        info: What only an actual table has; None for a definition.
        place: Where the definition stands; None for an actual table and for definitions from Python.
        absent: Whether the definition says that the table is to go.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    transitions: Mapping[Path, str] = field(default_factory=dict)
    failures: Mapping[Path, str] = field(default_factory=dict)
    info: TableInfo | None = None
    place: Place | None = None
    absent: bool = False

    @property
    def file(self) -> str | None:
        """The file that the definition stands in."""
        return self.place.file if self.place else None

    @property
    def line(self) -> int | None:
        """The line that the definition begins in."""
        return self.place.line if self.place else None

    def at(self, path: Path) -> Value:
        """The value at a path; None where it is absent. The path `()` is the table itself."""
        value: Value = self.values
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        return value

    def manages(self, aspect: str) -> bool:
        """Whether the setting was written (in a definition) or read (of an actual table)."""
        return aspect in self.values

    @property
    def table_id(self) -> str:
        """The TableId; empty for a definition, and for a table of a baseline."""
        return self.info.table_id if self.info else ""

    @property
    def provisioned(self) -> bool:
        """Whether its billing mode is PROVISIONED."""
        return self.values.get("BillingMode") == "PROVISIONED"

    def indexes(self) -> Mapping[str, Value]:
        """The global secondary indexes by name; empty where none is mentioned."""
        return self.values.get(GLOBAL) or {}

    def under_way(self, path: Path) -> Iterator[tuple[Path, str]]:
        """The transitions at a path, above it or below it."""
        for where, status in self.transitions.items():
            shared = min(len(where), len(path))
            if where[:shared] == path[:shared]:
                yield where, status


@dataclass(frozen=True, slots=True)
class Usage:
    """How much something was read lately (see `usage`).

    Args:
        read_units: The read units that readers consumed, rounded up.
        last: The last day (UTC) on which somebody read, as YYYY-MM-DD; None where nobody did.
    """

    read_units: int
    last: str | None

    def to_dict(self) -> dict[str, Any]:
        """The usage as documents hold it (docs/architecture.md#documents)."""
        return {"read_units": self.read_units, "last": self.last}


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a table, its actual and its desired value, and what it risks: what people review.

    `covered_by` are the ids of wider differences whose review covers this one: who reviewed the creation of an index
    reviewed its capacity. They follow from the definition and are not part of the document. `usage` is how much an
    index or a table that goes is still read; None where that is not known. It decides nothing.
    """

    table: str
    path: Path
    actual: Value
    desired: Value
    effect: Effect = Effect.IN_PLACE
    risk: Risk = Risk.SAFE
    covered_by: tuple[str, ...] = field(default=(), compare=False)
    usage: Usage | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """The name of what was reviewed: the table, the path and the desired value, whatever the account held."""
        return digest([self.table, list(self.path), self.desired])[:32]

    def to_dict(self) -> dict[str, Any]:
        """The difference as documents hold it (docs/architecture.md#documents)."""
        return {
            "id": self.id,
            "path": list(self.path),
            "actual": self.actual,
            "desired": self.desired,
            "effect": self.effect.value,
            "risk": self.risk.value,
            "usage": self.usage.to_dict() if self.usage else None,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One AWS call, or the many of a copy, the differences that it serves, and how one knows that it is done.

    Args:
        operation: AWS's name of the call.
        parameters: The call's parameters, complete.
        reason: Why, in one plain phrase.
        differences: The ids of the differences that it serves.
        expects: Path → value afterwards; done = all of them hold and nothing at those paths is under way.
        waits_for: `expects` in words.
        built_from: How many items an index is built from, as DescribeTable counts them; 0 where that is not known, and
            for other steps. In the document it stands in `waits_for`.
        seconds: [least, most], with the pause before it; most is None where it grows with the data.
        aspect: The name of the aspect that it belongs to; empty for a step of the table as a whole.
        cooldown: Seconds that AWS lets pass between this step and the one before it of the same aspect and phase, or
            that makes the table.
        after: The ids of the differences whose steps must be done before this one. Not in the document.
        target: The table that it is about. Not in the document: the parameters name it.
        item_work: What it does with items; None for a single call. Not in the document: the operation tells.
        service: The service that the call goes to, as boto3 names it. Not in the document: the operation tells.
    """

    operation: str
    parameters: Mapping[str, Value]
    reason: str
    differences: tuple[str, ...] = ()
    expects: Mapping[Path, Value] = field(default_factory=dict)
    waits_for: str | None = None
    built_from: int = 0
    risk: Risk = Risk.SAFE
    seconds: tuple[int, int | None] = (0, 1)
    aspect: str = ""
    phase: Phase = Phase.CHANGE
    cooldown: int = 0
    after: tuple[str, ...] = ()
    target: Target = Target.TABLE
    item_work: ItemWork | None = None
    service: str = DYNAMODB

    @property
    def makes_table(self) -> bool:
        """Whether there is a table after it that was not there before."""
        return self.expects.get(()) is not None

    @property
    def seconds_itself(self) -> tuple[int, int | None]:
        """How long it takes without the pause before it."""
        least, most = self.seconds
        return least - self.cooldown, None if most is None else most - self.cooldown

    @property
    def size(self) -> str:
        """How much an index is built from, to be said after `waits_for`; empty where there is nothing to say."""
        return f", built from about {plural(self.built_from, 'item')}" if self.built_from else ""

    def not_before(self, cooldown: int) -> Step:
        """The same step with a pause before it."""
        least, most = self.seconds
        seconds = (least + cooldown, None if most is None else most + cooldown)
        return replace(self, cooldown=cooldown, seconds=seconds)

    def to_dict(self) -> dict[str, Any]:
        """The step as documents hold it (docs/architecture.md#documents)."""
        return {
            "operation": self.operation,
            "parameters": dict(self.parameters),
            "waits_for": self.waits_for and plain(f"{self.waits_for}{self.size}"),
            "risk": self.risk.value,
            "reason": plain(self.reason),
            "seconds": list(self.seconds),
            "differences": list(self.differences),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a table could not be read or changed, as documents hold it."""

    code: str
    message: str
    operation: str | None = None
    missing_permission: str | None = None
    reason: FailureReason = FailureReason.AWS_ERROR

    def to_dict(self) -> dict[str, Any]:
        """The failure as documents hold it (docs/architecture.md#documents)."""
        return {
            "code": self.code,
            "message": plain(self.message),
            "operation": self.operation,
            "missing_permission": self.missing_permission,
        }


@dataclass(frozen=True, slots=True)
class TableChange:
    """What one table needs: its action, its differences, and the steps in the order they run.

    Args:
        table_id: The actual TableId where a difference is destructive or deletes the table, else None.
        notes: What people must know. Where the table is deleted, its alert says them.
        background: What is the same for every table that is created again: for the details, not for an alert. In the
            document it is the end of `notes`.
        checks: What was found out about the items. Not part of what is approved.
        refusal: Why the change never runs (docs/architecture.md#what-never-runs); None where it may.
        left_undone: What remains after the run that makes the table, and why; None where nothing does. Not in the
            document.
        unproven: Whether it is destructive only because this run may not check whether the table is empty.
        info: The actual table's identity and size, for the report; not in the document.
        actual: The table as it was observed, for the report; not in the document.
        desired: The definition, for the report; not in the document.
        source: The actual table whose items are to be copied into this one; not in the document.
    """

    table: str
    action: Action | None
    file: str | None = None
    line: int | None = None
    table_id: str | None = None
    differences: tuple[Difference, ...] = ()
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    error: Failure | None = None
    checks: tuple[Check, ...] = ()
    refusal: Refusal | None = None
    left_undone: str | None = None
    unproven: bool = False
    info: TableInfo | None = None
    actual: Table | None = field(default=None, compare=False, repr=False)
    desired: Table | None = field(default=None, compare=False, repr=False)
    source: Table | None = field(default=None, compare=False, repr=False)

    @property
    def risk(self) -> Risk:
        """The highest risk of its differences."""
        return Risk.highest(difference.risk for difference in self.differences)

    @property
    def changes(self) -> bool:
        """Whether something would be done to the table."""
        return self.action not in {Action.NOOP, None}

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Its notes, and after them those of the background."""
        return (*self.notes, *self.background)

    def served_by(self, step: Step) -> tuple[Difference, ...]:
        """The differences that a step serves."""
        return tuple(difference for difference in self.differences if difference.id in step.differences)

    def to_dict(self) -> dict[str, Any]:
        """The change as documents hold it (docs/architecture.md#documents)."""
        return {
            "table": self.table,
            "action": self.action.value if self.action else None,
            "file": self.file,
            "line": self.line,
            "table_id": self.table_id,
            "differences": [difference.to_dict() for difference in self.differences],
            "steps": [step.to_dict() for step in self.steps],
            "notes": [plain(note) for note in self.all_notes],
            "checks": [check.to_dict() for check in self.checks],
            "error": self.error.to_dict() if self.error else None,
            "refusal": self.refusal and {"reason": self.refusal.reason.value, "message": plain(self.refusal.message)},
        }


def finite_limits(units: Mapping[str, Any] | None) -> dict[str, Any]:
    """The on-demand limits that limit something: -1 means no limit."""
    return {member: count for member, count in (units or {}).items() if count != -1}


def canonical(value: Value) -> str:
    """A value as canonical JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Value) -> str:
    """SHA-256 over a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
