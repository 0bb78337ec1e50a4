"""How long steps take: of one table one after the other, of several tables side by side."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from dynatus_ci.report.quantities import duration
from dynatus_ci.table import order
from dynatus_ci.table.model import Step, TableChange

SLOT_SECONDS = 60
"""A table that waits for longer lets another one begin, so `max-parallel` does not slow down index builds."""


def takes(steps: Iterable[Step]) -> str:
    """How long the steps of one table take, in words."""
    return duration(*_range([list(steps)], 1))


def total_seconds(changes: Iterable[TableChange], max_parallel: int) -> tuple[int, int | None]:
    """How long all tables take, [least, most], with so many at once; most is None if it grows with the data."""
    return _range([change.steps for change in changes if change.steps], max_parallel)


def _range(tables: Sequence[Sequence[Step]], max_parallel: int) -> tuple[int, int | None]:
    least = _finished(tables, max_parallel, lambda step: step.seconds_itself[0])
    grows = any(step.seconds[1] is None for steps in tables for step in steps)
    return least, None if grows else _finished(tables, max_parallel, lambda step: step.seconds_itself[1] or 0)


def _finished(tables: Iterable[Sequence[Step]], max_parallel: int, seconds: Callable[[Step], int]) -> int:
    """When the last table is finished, if each begins as soon as one before it has left its slot."""
    free = [0] * max_parallel
    end = 0
    for steps in tables:
        start = heapq.heappop(free)
        durations = order.durations(steps, seconds)
        heapq.heappush(free, start + sum(min(duration, SLOT_SECONDS) for duration in durations))
        end = max(end, start + sum(durations))
    return end
