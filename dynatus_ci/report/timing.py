"""How long steps take: of one table one after the other, of several tables side by side."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from dynatus_ci.table import order
from dynatus_ci.table.model import Step, TableChange
from dynatus_ci.text import span


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
    """When the last table is finished. While AWS works by itself at a table, another one may begin."""
    free = [0] * max_parallel
    end = 0
    for steps in tables:
        start = heapq.heappop(free)
        durations = order.durations(steps, seconds)
        copies = (duration for step, duration in zip(steps, durations, strict=True) if step.item_work)
        heapq.heappush(free, start + sum(copies))
        end = max(end, start + sum(durations))
    return end


def duration(least: int, most: int | None) -> str:
    """A range of time: `9 min or more`, `up to 30 s`, `1 to 5 min`. `most` is None where it grows with the data."""
    if most is None:
        return f"{span(least)} or more" if least else "grows with the data"
    low, high = span(least), span(most)
    if least == 0 or low == high:
        return f"up to {high}" if most > 1 else "1 s"
    number, unit = low.split(" ")
    return f"{number if unit in high.split(' ') else low} to {high}"
