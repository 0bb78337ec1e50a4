"""What is known around the two sides of a table: of the account, of the endpoint, and of the run itself.

`lookups` says what must be looked up, and `aws.observe` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeAlias

from dynatus_ci.table import emulators
from dynatus_ci.table.model import Table, Value


class Emptiness(Enum):
    """What is known of a table's items; only a consistent scan, paged to its end, proves it empty."""

    NOT_ASKED = "not asked"
    EMPTY = "empty"
    ITEMS = "holds items"
    RECOVERABLE = "its recovery window holds items"
    UNKNOWN = "may not be looked at"


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """One dimension of a capacity that Application Auto Scaling manages.

    Args:
        least: The least capacity.
        most: The most.
        policy: The name of the policy that moves the capacity between them; None where there is none.
        tracking: That policy's configuration, as AWS shows it.
        others: The names of further policies.
    """

    least: int
    most: int
    policy: str | None = None
    tracking: Mapping[str, Value] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def __contains__(self, units: int) -> bool:
        return self.least <= units <= self.most


ScalableTargets: TypeAlias = Mapping[tuple[str, str], ScalableTarget]
"""(resource id, dimension) → what is registered there."""


class ProbeState(Enum):
    """What is there under the name of a table's probe."""

    NOT_ASKED = "not asked"
    DENIED = "it may not be looked at"
    ABSENT = "nothing"
    OURS = "a probe of this table"
    FOREIGN = "another table"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that a missing table is to be restored from, as DescribeBackup shows it.

    Args:
        status: AWS's word; None where there is no such backup.
        table: The name of the table that it was made of.
        made: When, as text.
        items: How many items it has.
        bytes: Its size.
        key: Its KeySchema.
        indexes: Kind of index → name → key and projection; None where the backup does not say which it has.
        encrypted: Whether its table had a KMS key, or may have had one.
    """

    status: str | None = None
    table: str = ""
    made: str = ""
    items: int = 0
    bytes: int = 0
    key: tuple[Value, ...] = ()
    indexes: Mapping[str, Mapping[str, Value]] | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class TableExport:
    """An export of a table to S3, as DescribeExport shows it.

    Args:
        arn: Its ARN.
        status: AWS's word.
        made: When it began, as text.
        items: How many items it has, once it is COMPLETED.
        folder: Where its data is, as the prefix of the objects' keys.
        failure: AWS's code and text, if it FAILED.
    """

    arn: str
    status: str
    made: str = ""
    items: int = 0
    folder: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class TableImport:
    """An import of a table from S3, as DescribeImport shows it.

    Args:
        arn: Its ARN.
        status: AWS's word.
        table_id: The TableId of the table that it makes.
        folder: Where its data is, as the prefix of the objects' keys.
        items: How many items it has written.
        errors: How many it could not write.
        failure: AWS's code and text, if it FAILED.
        log: The ARN of the log group that has the errors.
    """

    arn: str
    status: str
    table_id: str = ""
    folder: str = ""
    items: int = 0
    errors: int = 0
    failure: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What AWS has of the way of a table's items through S3 (see `through_s3`).

    Args:
        possible: Whether the source can be exported: its point-in-time recovery is on.
        exports: Its exports into the table's folder: those that imports have used up, and one to import from.
        imports: The newest imports into a table of this name, from anywhere, the newest first.
        latest: The ARN of the newest export of the source, in whatever state and folder; empty where it has none.
    """

    possible: bool = True
    exports: tuple[TableExport, ...] = ()
    imports: tuple[TableImport, ...] = ()
    latest: str = ""


@dataclass(frozen=True, slots=True)
class StagingTable:
    """What exists under the name of a table's copy (see `keep_items`).

    Args:
        table: What DescribeTable shows, with the tags where they can be read; None where there is none.
        denied: Whether this run may not read it.
        backup: The ARN of the newest backup of the table that was copied, where that table is gone.
    """

    table: Table | None = None
    denied: bool = False
    backup: str | None = None


class TableIds(NamedTuple):
    """The TableIds of a table and of its staging table; empty for one that is not there."""

    table: str
    staging: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run of apply remembers of a table; everything else it looks up again before each step.

    Args:
        backup: The ARN of the backup that this run made, once it is AVAILABLE.
        probing: Whether this run has asked for the probe.
        probed: Whether this run has seen the probe ACTIVE: AWS takes the new table.
        indexes: The global indexes as this run saw them last, also those that it has deleted.
        checked: The TableId of the table whose items this run has seen to fit the table that they are copied into.
        copied: The TableId of the table in which this run has seen all items of the source that it is filled from.
        made: Whether the table is one that this run makes.
        staging: Whether this run has made the table's copy.
        staged: The table whose items this run has copied, and the copy that they are in.
        equal: The table and the copy that this run has seen to be equal.
        returned: The table in which this run has seen all items of a copy, and that copy.
    """

    backup: str | None = None
    probing: bool = False
    probed: bool = False
    indexes: Mapping[str, Value] = field(default_factory=dict)
    made: bool = False
    checked: str | None = None
    copied: str | None = None
    staging: bool = False
    staged: TableIds | None = None
    equal: TableIds | None = None
    returned: TableIds | None = None


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the user chose that a plan depends on.

    Args:
        ignore_tags: Patterns of tag keys that are left alone.
        copy_rate: The most items that a copy writes in a second; None for no limit.
        wait_seconds: How long apply may take; None where that is not known.
    """

    ignore_tags: tuple[str, ...] = ()
    copy_rate: int | None = None
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers the calls: AWS, or an emulator in its place.

    Args:
        region: The region; empty where it is not known.
        emulator: The emulator, if one was recognised.
        unsupported: The settings that it was found not to keep in this run.
        backups: Whether it can make backups.
    """

    region: str = ""
    emulator: str | None = None
    unsupported: frozenset[str] = frozenset()
    backups: bool = True

    @property
    def cannot_keep(self) -> frozenset[str]:
        """The settings that it is known not to keep."""
        return emulators.cannot_keep(self.emulator, self.unsupported)

    @property
    def keeps_tags(self) -> bool:
        """Whether it keeps tags. Where it does not, no tag says how far items were copied."""
        return "Tags" not in self.cannot_keep


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a plan of one table rests on beside its two sides.

    What is None or NOT_ASKED has not been looked up yet; `lookups.missing_facts` says when it must be.

    Args:
        options: What the user chose.
        endpoint: What answers the calls.
        memory: What this run remembers of the table.
        scaling: The scalable targets of the table and its indexes; `scaling_denied` where they may not be read.
        schedules: (resource id, dimension) → the names of its scheduled actions.
        kms_keys: KMS key id, alias or ARN → key ARN; None where it cannot be looked up.
        unusable_kms_keys: The same → why DynamoDB cannot use that key.
        probe: What is there under the name of the table's probe.
        backup: The backup that the table is to be restored from; None where it was not read.
        sources: Name → the actual table that items are copied from; None where there is none. Of these only what
            DescribeTable shows.
        copied: Whether the table has all items of its source; None where that was not asked.
        staging: What exists under the name of the table's copy; None where that was not asked.
        transfer: What AWS has of the way of the table's items through S3; None where that was not asked.
    """

    options: PlanOptions = PlanOptions()
    endpoint: Endpoint = Endpoint()
    memory: Memory = Memory()
    scaling: ScalableTargets | None = None
    scaling_denied: bool = False
    schedules: Mapping[tuple[str, str], tuple[str, ...]] | None = None
    kms_keys: Mapping[str, str | None] = field(default_factory=dict)
    unusable_kms_keys: Mapping[str, str] = field(default_factory=dict)
    emptiness: Emptiness = Emptiness.NOT_ASKED
    probe: ProbeState = ProbeState.NOT_ASKED
    backup: Backup | None = None
    sources: Mapping[str, Table | None] = field(default_factory=dict)
    copied: bool | None = None
    staging: StagingTable | None = None
    transfer: Transfer | None = None
