"""How long things take, in simulated seconds (from, to): measured values.

docs/dynamodb.md#how-long-changes-take
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DURATIONS: Final[Mapping[str, tuple[float, float]]] = {
    "create": (2, 6),
    "create with indexes": (14, 22),
    "delete": (4, 6),
    "index allocation": (24, 56),
    "index backfill": (506, 1000),
    "index delete": (2.6, 5.1),
    "index throughput": (2, 4),
    "throughput": (1, 2),
    "on-demand limit": (1, 2),
    "on-demand limit cleared": (0.8, 1.2),  # how long a cleared limit reads back as -1
    "to provisioned": (60, 112),
    "to on-demand": (128, 172),
    "to on-demand again": (4, 5),
    "stream": (4, 5),
    "class": (3.6, 6),
    "encryption": (20, 24),
    "warm": (270, 510),
    "time to live": (0, 2),
    "tag lock": (1.5, 1.8),
    "tag lag": (1.3, 3),
    "recovery start-up": (3, 6),
    "backup": (2, 10),  # no measurement known: "seconds"
    "restore": (81, 721),
    "export": (60, 600),  # no measurement known: "minutes"
    "import hidden": (30, 32),
    "import": (78, 82),
    "import report": (3, 6),  # how long the import says IN_PROGRESS when its table is ACTIVE
    "insights": (1, 16),
    "policy pending": (0.6, 2),
    "policy lag": (1, 2.7),
    "kinesis": (2, 7),
    "replica appears": (5, 7),
    "replica": (14, 49),
    "replica with items": (600, 720),
    "replica update": (2, 5),
    "replica delete holds table": (34, 38),
    "replica delete": (121, 244),
    "replica's region": (10, 35),  # the replica's own table is there longer than its entry
    "stale read": (0.2, 1.0),
}

TTL_COOLDOWN: Final = 1860.0  # refused at 1811 s, accepted at 1871 s
PROTECTION_COOLDOWN: Final = 15.0
POLICY_COOLDOWN: Final = 15.0
ITEM_COUNT_PERIOD: Final = 6 * 3600.0  # DescribeTable's ItemCount is as old as this
