"""The settings of a table that have a life of their own; loader, observer, planner, report and IAM policy walk it."""

from __future__ import annotations

from dynatus_ci.schema.model import Path, Table, Value
from dynatus_ci.schema.settings.backups import PointInTimeRecovery
from dynatus_ci.schema.settings.base import Setting, covers
from dynatus_ci.schema.settings.encryption import Encryption
from dynatus_ci.schema.settings.insights import Insights
from dynatus_ci.schema.settings.kinesis import Kinesis
from dynatus_ci.schema.settings.policy import Policy
from dynatus_ci.schema.settings.protection import Protection
from dynatus_ci.schema.settings.replicas import Replicas
from dynatus_ci.schema.settings.stream import Stream
from dynatus_ci.schema.settings.table_class import TableClass
from dynatus_ci.schema.settings.tags import Tags
from dynatus_ci.schema.settings.ttl import TimeToLive
from dynatus_ci.schema.settings.warm_throughput import WarmThroughput

SETTINGS: tuple[Setting, ...] = (
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


def of(path: Path) -> Setting | None:
    """The setting that a path is about; None where the planner's own couplings are (keys, indexes, capacity)."""
    return next((setting for setting in SETTINGS if setting.owns(path)), None)


def satisfied(path: Path, actual: Value, expected: Value) -> bool:
    """Whether the live value at a path is what a step expects; of a member of an index its setting decides, too."""
    setting = of(path) or of(path[2:])
    return setting.satisfied(actual, expected) if setting else covers(actual, expected)


def failure(table: Table, path: Path, expected: Value) -> str | None:
    """Why AWS could not do what a step expects at a path, though it accepted the call; None where it did not fail."""
    setting = of(path)
    return setting.failure(table.failures, path, expected) if setting else None
