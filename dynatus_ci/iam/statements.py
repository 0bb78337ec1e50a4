"""From the permissions of a policy to its fewest statements."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from dynatus_ci.iam.grants import (
    TABLES,
    Grant,
)

PURPOSES = ("Read", "Find", "Change", "Copy", "Restore", "Delete", "Watch", "List", "Replicate", "Use", "CreateRoleFor")
"""The purposes of statements, in their order. A Sid is a purpose and a topic, such as `ReadTimeToLive`."""
MOST_TOPICS = 3
"""The most topics in one Sid."""


def statements(grants: Iterable[Grant]) -> Iterator[dict[str, Any]]:
    """The fewest statements: actions with the same purpose, resources and condition share one."""
    alike: dict[tuple[str, str, str], set[Grant]] = defaultdict(set)
    for grant in grants:
        alike[grant.purpose, grant.condition, grant.action].add(grant)
    actions: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    topics: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (purpose, condition, action), same in sorted(alike.items()):
        statement = purpose, condition, tuple(sorted({grant.resource for grant in same}))
        actions[statement].append(action)
        topics[statement] |= {grant.topic for grant in same}
    order = sorted((PURPOSES.index(key[0]), TABLES not in topics[key], key) for key in actions)
    seen: Counter[str] = Counter()
    for _, _, key in order:
        purpose, condition, resources = key
        sid = purpose + _about(topics[key])
        seen[sid] += 1
        yield {
            "Sid": f"{sid}{seen[sid]}" if seen[sid] > 1 else sid,
            "Effect": "Allow",
            "Action": actions[key],
            "Resource": list(resources),
            **({"Condition": json.loads(condition)} if condition != "{}" else {}),
        }


def _about(topics: set[str]) -> str:
    """The topics of a statement in its Sid. If the tables are among them, they stand for all."""
    if TABLES in topics:
        return TABLES
    return "And".join(sorted(topics)) if len(topics) <= MOST_TOPICS else "Settings"
