"""Which step of a table may be sent now: what AWS takes while something is under way, and what must be done before.

Pure; the loop in `reconcile` asks it before each call.
docs/dynamodb.md#states-of-a-table
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dynatus_ci.schema.model import Path, Stage, Step

EXCLUSIVE = frozenset({"UpdateTable", "DeleteTable", "CreateBackup"})
"""The operations that AWS refuses while something of the table is under way. It takes the others."""
BACKFILLING = "BACKFILLING"
"""The state of an index that is being filled. The table is ACTIVE meanwhile, for minutes or for hours."""
BESIDE_A_BACKFILL = frozenset({"DeletionProtectionEnabled", "ProvisionedThroughput"})
"""The members of UpdateTable that AWS takes during a backfill (measured). A call has one of them, and no other."""
INDEX_UPDATES = "GlobalSecondaryIndexUpdates"


def first_ready(steps: Iterable[Step], waits: Callable[[Step], bool]) -> Step | None:
    """The first step that need not wait, neither by itself nor for an earlier one; None where all must.

    A step waits for an earlier one that serves the same difference, or that it names in `after`. Protection goes off
    after everything else.
    """
    waiting: set[str] = set()
    for step in steps:
        follows = waiting & {*step.differences, *step.after} or (step.stage is Stage.PROTECTION_OFF and waiting)
        if not follows and not waits(step):
            return step
        waiting |= set(step.differences)
    return None


def in_the_way(step: Step, under_way: Mapping[Path, str]) -> dict[Path, str]:
    """What must end before AWS takes a step."""
    return {path: status for path, status in under_way.items() if not _admits(path, status, step)}


def _admits(path: Path, status: str, step: Step) -> bool:
    """Whether AWS takes a step while this is under way at a path."""
    if step.operation in EXCLUSIVE:
        return status == BACKFILLING and _beside_backfill(step, path[1])
    return not any(_overlap(path, expected) for expected in step.expects)


def _beside_backfill(step: Step, index: str) -> bool:
    """The deletion of the index that is being filled cancels it."""
    changed = step.parameters.keys() - {"TableName"}
    cancels = step.parameters.get(INDEX_UPDATES) == [{"Delete": {"IndexName": index}}]
    return step.operation == "UpdateTable" and ((changed == {INDEX_UPDATES} and cancels) or _alone(changed))


def _alone(changed: set[str]) -> bool:
    return len(changed) == 1 and changed <= BESIDE_A_BACKFILL


def _overlap(path: Path, other: Path) -> bool:
    """Whether one of two paths is the other one, or above it."""
    shared = min(len(path), len(other))
    return path[:shared] == other[:shared]
