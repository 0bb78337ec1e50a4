"""One AWS account in one region: its tables, time, switches and quotas. The state that all operations share."""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.simulator import durations, errors
from tests.simulator.clock import DAY, HOUR, Agenda, Clock, iso
from tests.simulator.tables import Backup, Export, Import, Json, Key, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AWS_KEY_ALIAS = "alias/aws/dynamodb"


@dataclass(frozen=True, slots=True)
class Quota:
    """So many changes in a window; then one each `then_every` seconds, or none until the window has passed."""

    count: int
    window: float
    text: str
    then_every: float = 0.0


QUOTAS: Final[Mapping[str, Quota]] = {
    "TableClass": Quota(2, 30 * DAY, "Updates to TableClass are limited to 2 times in 30 day(s)."),
    "SSESpecification": Quota(
        4,
        DAY,
        "Encryption mode changes are limited in the 24h window ending at {end}. After the first 4 change, each "
        "subsequent change in the same window can be performed at most once every 21600 seconds. Number of updates "
        "today: {used}. Last change at {last}. Next changes can be made at {next}.",
        then_every=6 * HOUR,
    ),
    "PAY_PER_REQUEST": Quota(
        4,
        DAY,
        "Update to PayPerRequest mode are limited to 4 in 1 day(s). Last update at {last}. Next update at {next}.",
    ),
}


class Account:
    """State, switches and the small services (time, chance, lookups) that operations need."""

    region = "eu-west-1"
    id = "123456789012"

    def __init__(self, *, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.seed = seed
        self.quotas = True  # limits that last hours or days, and DescribeLimits' own; cooldowns always hold
        self.lag = True  # tags and policies are read late
        self.slow_writes = 0.0  # the share of a batch's statements that are throttled
        self.stale = False  # DescribeTable may be late after CreateTable and UpdateTable
        self.index_limit, self.table_limit, self.work_limit, self.insight_rules = 20, 2500, 500, 100
        self.tag_page, self.target_page, self.metric_page = 10, 50, 100
        self.scan_page = 1_000_000  # items on a page of a scan, where 1 MB holds more
        self.tables: dict[str, Table] = {}
        self.backups: dict[str, Backup] = {}
        self.exports: dict[str, Export] = {}
        self.imports: dict[str, Import] = {}
        self.s3: dict[tuple[str, str], list[Json]] = {}  # (bucket, prefix of the keys) → the items of an export
        self.missing_buckets: set[str] = set()
        self.kms_keys: list[Key] = []
        self.scalable_targets: list[Json] = []  # as DescribeScalableTargets shows them
        self.scaling_policies: list[Json] = []
        self.scheduled_actions: list[Json] = []
        self.reads: dict[tuple[str, str], dict[int, float]] = {}  # (table, index or "") → days ago → read units
        self.foreign_tables: set[tuple[str, str]] = set()  # (region, name): what is in the way of a replica
        self.missing_streams: set[str] = set()  # Kinesis ARNs whose enabling fails
        self.new_principals: dict[str, float] = {}  # ARN → when DynamoDB knows it; before, policies that name it fail
        self.limits_read = -DAY
        self._agenda = Agenda(clock.now())
        self._drawn: Counter[str] = Counter()
        self.add_key(AWS_KEY_ALIAS)

    @property
    def now(self) -> float:
        """The time of the present call or effect."""
        return self._agenda.now

    @property
    def scheduled(self) -> int:
        """How much was ever put off to a later time."""
        return self._agenda.written

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        self._agenda.run(self.clock.now())

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        """Let `effect` happen later."""
        self._agenda.later(seconds, effect)

    def next_effect(self) -> float | None:
        """When something happens by itself next: a clock may leap there instead of asking again and again."""
        return self._agenda.next()

    def random(self, *subject: str) -> random.Random:
        """Chance that depends on the seed, the subject and how often it was asked, not on the order of threads."""
        name = "/".join(subject)
        self._drawn[name] += 1
        return random.Random(f"{self.seed}/{name}/{self._drawn[name]}")  # noqa: S311 - to repeat a run, not to keep a secret

    def duration(self, name: str, table: str = "") -> float:
        """How long it takes this time."""
        return self.random("duration", name, table).uniform(*durations.DURATIONS[name])

    def uuid(self, *subject: str) -> str:
        """A random identity."""
        return str(uuid.UUID(int=self.random("uuid", *subject).getrandbits(128), version=4))

    def occupy(self, table: Table, why: str, seconds: float, finish: Callable[[], None]) -> None:
        """Keep the table UPDATING for that long, then let the new value show."""
        table.busy.add(why)

        def done() -> None:
            table.busy.discard(why)
            finish()

        self.later(seconds, done)

    # -- lookups --

    def arn(self, name: str) -> str:
        """The ARN that a table of this name has."""
        return f"arn:aws:dynamodb:{self.region}:{self.id}:table/{name}"

    def name_of(self, name_or_arn: str) -> str:
        """The table's name, where AWS takes an ARN in its place."""
        return name_or_arn.removeprefix(self.arn(""))

    def table(self, name_or_arn: str) -> Table:
        """The table, in whatever state."""
        name = self.name_of(name_or_arn)
        if name not in self.tables:
            raise errors.no_table(name)
        return self.tables[name]

    def settled(self, name_or_arn: str, error: Callable[[str], errors.ApiError] = errors.no_table) -> Table:
        """The table for operations beside UpdateTable: while it is CREATING or DELETING they do not know it."""
        name = self.name_of(name_or_arn)
        table = self.tables.get(name)
        if table is None or table.lifecycle:
            raise error(name)
        return table

    def by_arn(self, arn: str) -> Table:
        """The table of an ARN, likewise."""
        if not arn.startswith("arn:"):
            raise errors.invalid(f"ARNs must start with 'arn:': {arn}")
        if not arn.startswith(self.arn("")):
            raise errors.ApiError("AccessDeniedException", f"User is not authorized to access this resource: {arn}")
        if "/" in arn.removeprefix(self.arn("")):
            raise errors.invalid(
                f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
            )
        return self.settled(arn, lambda _: errors.no_resource(arn))

    # -- keys --

    def add_key(self, *aliases: str, spec: str = "SYMMETRIC_DEFAULT", enabled: bool = True) -> Key:
        """Make a key of KMS, with these aliases."""
        identity = self.uuid("key")
        key = Key(identity, f"arn:aws:kms:{self.region}:{self.id}:key/{identity}", aliases, spec, enabled)
        self.kms_keys.append(key)
        return key

    def find_key(self, wanted: str) -> Key | None:
        """The key of an id, an alias, or the ARN of either."""
        short = re.sub(rf"^arn:aws:kms:{self.region}:{self.id}:(key/)?", "", wanted)
        return next((key for key in self.kms_keys if short == key.id or short in key.aliases), None)

    # -- quotas --

    def check_quota(self, table: Table, name: str) -> None:
        """Refuse where the quota of this name is used up."""
        quota, history = QUOTAS[name], table.history.get(name, [])
        recent = [moment for moment in history if moment > self.now - quota.window]
        if not self.quotas or len(recent) < quota.count:
            return
        end = recent[0] + quota.window
        following = min(end, recent[-1] + quota.then_every) if quota.then_every else end
        if self.now < following:
            times = {"end": iso(end), "used": len(recent), "last": iso(recent[-1]), "next": iso(following)}
            raise errors.limit(quota.text.format(**times))

    def spend_quota(self, table: Table, name: str) -> None:
        """Note a use of it."""
        table.history.setdefault(name, []).append(self.now)
