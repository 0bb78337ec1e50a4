"""The nouns: a table and what belongs to it, as AWS knows them. State only: no rule and no answer is made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulator.storage import Items

Json = dict[str, Any]
PROVISIONED, PAY_PER_REQUEST = "PROVISIONED", "PAY_PER_REQUEST"
ON_DEMAND_WARM = (12000, 4000)  # what every on-demand table is warm for


@dataclass
class Capacity:
    """Provisioned throughput with its history; 0/0 on demand."""

    read: int = 0
    write: int = 0
    increased: float | None = None
    decreases: list[float] = field(default_factory=list)


@dataclass
class Warm:
    """Warm throughput, which only rises."""

    read: int
    write: int
    status: str = "ACTIVE"

    def cover(self, read: int, write: int) -> None:
        """Be at least this."""
        self.read, self.write = max(self.read, read), max(self.write, write)


@dataclass
class Index:
    """A global secondary index; `backfilling` is None unless UpdateTable makes it at this moment."""

    name: str
    key_schema: list[Json]
    projection: Json
    capacity: Capacity
    warm: Warm
    limits: dict[str, int] = field(default_factory=dict)
    status: str = "CREATING"
    backfilling: bool | None = None


@dataclass
class Encryption:
    """The KMS key, or None for the key that AWS owns; `status` only while there is, or will be, a key of KMS."""

    key: str | None = None
    status: str = ""


@dataclass
class TimeToLive:
    """TTL as DescribeTimeToLive shows it, and when it was changed last."""

    attribute: str | None = None
    status: str = "DISABLED"
    modified: float | None = None


@dataclass
class Tags:
    """Tags as they are, as readers see them, and the lock that a write holds for a moment."""

    now: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    locked_until: float = 0.0
    being_set: dict[str, str] = field(default_factory=dict)


@dataclass
class Recovery:
    """Point-in-time recovery; `ready` is when a new table can be asked for it."""

    since: float | None = None
    days: int = 35
    ready: float = 0.0


@dataclass
class Insights:
    """Contributor insights of a table or an index; `failure` is what DescribeContributorInsights says of it."""

    status: str = "DISABLED"
    failure: Json = field(default_factory=dict)
    mode: str = "ACCESSED_AND_THROTTLED_KEYS"
    updated: float = 0.0


@dataclass
class Policy:
    """A resource policy in its canonical form; the revision is the time of the change in milliseconds."""

    document: str
    revision: str


@dataclass
class Policies:
    """The policy as it is, as readers see it, and the cooldown after a change."""

    now: Policy | None = None
    seen: Policy | None = None
    pending_until: float = 0.0
    changed: float | None = None


@dataclass
class Destination:
    """A Kinesis stream that a table's changes go to."""

    stream_arn: str
    status: str
    precision: str | None = None
    description: str = ""


@dataclass
class Replica:
    """The entry of a replica: what its Create (or Update) said, and its status."""

    spec: Json
    status: str = "CREATING"
    made: float = 0.0


@dataclass
class Table:
    """A table. `lifecycle` is CREATING, DELETING or empty; `busy` names what keeps it UPDATING."""

    name: str
    arn: str
    id: str
    created: float
    key_schema: list[Json]
    attributes: dict[str, str]
    capacity: Capacity
    warm: Warm
    billing: str = PROVISIONED
    billing_since: float | None = None  # when it became on-demand last: BillingModeSummary is shown for ever after
    lifecycle: str = "CREATING"
    busy: set[str] = field(default_factory=set)
    local_indexes: list[Json] = field(default_factory=list)
    indexes: dict[str, Index] = field(default_factory=dict)
    vectors: dict[str, Json] = field(default_factory=dict)  # vector indexes, as they are shown
    unheard_of: Json = field(default_factory=dict)  # members that no client's model has yet, as they are shown
    limits: dict[str, int] = field(default_factory=dict)
    stream_view: str | None = None
    stream_label: str | None = None
    encryption: Encryption = field(default_factory=Encryption)
    table_class: str | None = None
    class_updated: float | None = None
    protected: bool = False
    time_to_live: TimeToLive = field(default_factory=TimeToLive)
    tags: Tags = field(default_factory=Tags)
    recovery: Recovery = field(default_factory=Recovery)
    insights: dict[str, Insights] = field(default_factory=dict)  # by index name, "" for the table
    policies: Policies = field(default_factory=Policies)
    destinations: dict[str, Destination] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)
    replica_work: bool = False
    history: dict[str, list[float]] = field(default_factory=dict)  # when quotas were used, by their name
    items: Items = field(default_factory=Items)
    item_bytes: int = field(default=0, repr=False)
    item_count: int = field(default=0, repr=False)  # not state that a call changes: see Simulator._state
    counted: float = field(default=0.0, repr=False)
    restore: Json = field(default_factory=dict)  # RestoreSummary: AWS shows it only while a restore makes the table
    stale_until: float = field(default=0.0, repr=False)  # until then DescribeTable answers `stale` (None: not found)
    stale: Json | None = field(default=None, repr=False)

    @property
    def status(self) -> str:
        """TableStatus."""
        return self.lifecycle or ("UPDATING" if self.busy else "ACTIVE")

    @property
    def stream_arn(self) -> str:
        """The ARN of the newest stream."""
        return f"{self.arn}/stream/{self.stream_label}"

    def index_arn(self, name: str) -> str:
        """The ARN of an index."""
        return f"{self.arn}/index/{name}"

    def building(self) -> Index | None:
        """The index that an UpdateTable is making, if any."""
        return next((index for index in self.indexes.values() if index.backfilling is not None), None)


@dataclass
class Backup:
    """An on-demand backup, or the system's own of a deleted table."""

    arn: str
    name: str
    made: float
    status: str
    kind: str
    source: Json
    table: Table = field(repr=False)  # a copy of it, with its items
    expires: float | None = None


@dataclass
class Export:
    """An export to S3, as DescribeExport shows it, its items, and the request."""

    shown: Json
    items: list[Json] = field(repr=False)
    request: Json


@dataclass
class Import:
    """An import from S3, as DescribeImport shows it, and the name of its table."""

    name: str
    shown: Json


@dataclass(frozen=True, slots=True)
class Key:
    """A key of KMS."""

    id: str
    arn: str
    aliases: tuple[str, ...] = ()
    spec: str = "SYMMETRIC_DEFAULT"
    enabled: bool = True
