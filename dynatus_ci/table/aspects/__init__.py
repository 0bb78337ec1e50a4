"""The aspects of a table, in the order of their steps within a phase: docs/architecture.md#how-to-add-an-aspect."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.table.aspects.backups import PointInTimeRecovery
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.aspects.billing import BillingMode
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.aspects.indexes import GlobalIndexes
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.keys import Key, LocalIndexes
from dynatus_ci.table.aspects.kinesis import Kinesis
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.aspects.protection import Protection
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.scaling import Reads, Writes
from dynatus_ci.table.aspects.stream import Stream
from dynatus_ci.table.aspects.table_class import TableClass
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.aspects.throughput import Capacity, Limits
from dynatus_ci.table.aspects.ttl import TimeToLive
from dynatus_ci.table.aspects.warm_throughput import WarmThroughput
from dynatus_ci.table.model import Difference, Path, Table, Value

ASPECTS: tuple[Aspect, ...] = (
    Key(),
    LocalIndexes(),
    GlobalIndexes(),
    BillingMode(),
    Capacity(),
    Limits(),
    Reads(),
    Writes(),
    Protection(),
    Stream(),
    TableClass(),
    Encryption(),
    WarmThroughput(),
    TimeToLive(),
    PointInTimeRecovery(),
    Tags(),
    Policy(),
    Kinesis(),
    Insights(),
    Replicas(),
)


def recreating(comparison: Comparison) -> Iterator[Difference]:
    """The differences that need a new table."""
    for aspect in ASPECTS:
        if aspect.fixed and aspect.managed(comparison.desired):
            yield from aspect.differences(comparison)


def of(path: Path) -> Aspect | None:
    """The aspect that a path is about; None for the table itself, and for what no release knows."""
    return next((aspect for aspect in ASPECTS if aspect.owns(path)), None)


def kind_of(path: Path) -> Aspect | None:
    """The aspect that knows the value at a path; of an index's member, that of the table's member of the same name."""
    return of(path[2:]) or of(path)


def satisfied(path: Path, actual: Value, expected: Value) -> bool:
    """Whether the actual value at a path is what a step expects."""
    aspect = kind_of(path)
    return aspect.satisfied(actual, expected) if aspect else matches(actual, expected)


def failure(table: Table, path: Path, expected: Value) -> str | None:
    """Why AWS could not do what a step expects at a path, though it accepted the call; None where it did not fail."""
    aspect = of(path)
    return aspect.failure(table.failures, path, expected) if aspect else None
