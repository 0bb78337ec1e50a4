"""Which step of a table may be sent now: what AWS takes while something is under way, and what must be done before.

The loop of a table asks it before each call, and the planner brings the steps into the order in which they run.
docs/dynamodb.md#states-of-a-table
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf

from dynatus_ci.table.model import Path, Phase, Step

EXCLUSIVE = frozenset({"UpdateTable", "DeleteTable", "CreateBackup"})
"""The operations that AWS refuses while something of the table is under way. It takes the others."""
BACKFILLING = "BACKFILLING"
"""The state of an index that is being filled. The table is ACTIVE meanwhile, for minutes or for hours."""
BESIDE_A_BACKFILL = frozenset({"DeletionProtectionEnabled", "ProvisionedThroughput"})
"""The members of UpdateTable that AWS takes during a backfill (measured). A call has one of them, and no other."""
A_MOMENT = 60
"""Seconds for which a step without an upper limit of its duration is kept back, so that a short one comes first."""
INDEX_UPDATES = "GlobalSecondaryIndexUpdates"


def first_ready(steps: Iterable[Step], wait: Callable[[Step], float]) -> Step | None:
    """The first step that need not wait, neither by itself nor for an earlier one; None where all must.

    A step waits for an earlier one that serves the same difference, or that it names in `after`. Protection goes off
    after everything else. A step without an upper limit of its duration does not overtake one that waits for a moment.

    Args:
        steps: In their order.
        wait: How many seconds a step must wait by itself; 0 where it may be sent.
    """
    waiting: set[str] = set()
    soon = False
    for step in steps:
        follows = waiting & {*step.differences, *step.after} or (step.phase is Phase.UNPROTECT and waiting)
        seconds = inf if follows else wait(step)
        if seconds <= 0:
            return None if soon and step.seconds[1] is None else step
        soon = soon or seconds <= A_MOMENT
        waiting |= set(step.differences)
    return None


def in_the_way(step: Step, under_way: Mapping[Path, str]) -> dict[Path, str]:
    """What must end before AWS takes a step."""
    return {path: status for path, status in under_way.items() if not _admits(path, status, step)}


def pauses(earlier: Step, later: Step) -> bool:
    """Whether the cooldown of a step begins when an earlier one is done."""
    same = (earlier.aspect, earlier.phase) == (later.aspect, later.phase)
    return later.cooldown > 0 and (earlier.makes_table or same)


def as_they_run(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps in the order in which they run if each takes as short as it can: others run during a pause."""
    left, ended, now = list(steps), list[tuple[Step, int]](), 0
    while left:
        step = _first_at(now, left, ended)
        if step is None:
            now = min(moment for moment in (_begins(each, ended) for each in left) if moment > now)
            continue
        left = [other for other in left if other is not step]
        now += step.seconds_itself[0]
        ended.append((step, now))
        yield step


def _first_at(now: int, steps: Sequence[Step], ended: Sequence[tuple[Step, int]]) -> Step | None:
    return first_ready(steps, lambda step: _begins(step, ended) - now)


def durations(steps: Iterable[Step], itself: Callable[[Step], int]) -> list[int]:
    """How many seconds each step takes, one after the other, with what is left of the pause before it.

    Args:
        steps: In the order in which they run.
        itself: How many seconds a step takes without that pause.
    """
    ended: list[tuple[Step, int]] = []
    spent, now = [], 0
    for step in steps:
        end = max(now, _begins(step, ended)) + itself(step)
        spent.append(end - now)
        now = end
        ended.append((step, end))
    return spent


def _begins(step: Step, ended: Sequence[tuple[Step, int]]) -> int:
    return max((end + step.cooldown for earlier, end in ended if pauses(earlier, step)), default=0)


def _admits(path: Path, status: str, step: Step) -> bool:
    """Whether AWS takes a step while this is under way at a path."""
    if step.operation in EXCLUSIVE:
        return status == BACKFILLING and _beside_backfill(step, path[1])
    return not any(_overlap(path, expected) for expected in step.expects)


def _beside_backfill(step: Step, index: str) -> bool:
    """The deletion of the index that is being filled cancels it."""
    changed = step.parameters.keys() - {"TableName"}
    cancels = step.parameters.get(INDEX_UPDATES) == [{"Delete": {"IndexName": index}}]
    alone = len(changed) == 1 and changed <= BESIDE_A_BACKFILL
    return step.operation == "UpdateTable" and ((changed == {INDEX_UPDATES} and cancels) or alone)


def _overlap(path: Path, other: Path) -> bool:
    """Whether one of two paths is the other one, or above it."""
    shared = min(len(path), len(other))
    return path[:shared] == other[:shared]
