"""The settings of a table that have a life of their own; loader, observer, planner, report and IAM policy walk it."""

from __future__ import annotations

from dynatus_ci.table.aspects.backups import PointInTimeRecovery
from dynatus_ci.table.aspects.base import Aspect, matches
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.kinesis import Kinesis
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.aspects.protection import Protection
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.stream import Stream
from dynatus_ci.table.aspects.table_class import TableClass
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.aspects.ttl import TimeToLive
from dynatus_ci.table.aspects.warm_throughput import WarmThroughput
from dynatus_ci.table.model import Path, Table, Value

ASPECTS: tuple[Aspect, ...] = (
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


def of(path: Path) -> Aspect | None:
    """The setting that a path is about; None where the planner's own couplings are (keys, indexes, capacity)."""
    return next((aspect for aspect in ASPECTS if aspect.owns(path)), None)


def satisfied(path: Path, actual: Value, expected: Value) -> bool:
    """Whether the live value at a path is what a step expects; of a member of an index its setting decides, too."""
    aspect = of(path) or of(path[2:])
    return aspect.satisfied(actual, expected) if aspect else matches(actual, expected)


def failure(table: Table, path: Path, expected: Value) -> str | None:
    """Why AWS could not do what a step expects at a path, though it accepted the call; None where it did not fail."""
    aspect = of(path)
    return aspect.failure(table.failures, path, expected) if aspect else None
