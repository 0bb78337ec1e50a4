"""Simulated time: the clock everybody reads, and the agenda of what AWS will finish later. Knows nothing of tables."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# A fixed start in the morning of a UTC day, so that quotas which count by the day are the same in every run.
START = datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp()


class Clock:
    """Seconds since 1970, running `scale` times as fast as ours; with scale 0 it moves only when told to."""

    def __init__(self, scale: float = HOUR, *, start: float = START, call_seconds: float = 0.0) -> None:
        self.scale = scale
        self.call_seconds = call_seconds  # what one call takes on a clock that stands still otherwise
        self._base = start
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def now(self) -> float:
        """The simulated time."""
        with self._lock:
            return self._base + (time.monotonic() - self._began) * self.scale

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        with self._lock:
            self._base += seconds

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time: the `sleep` to hand to code under test."""
        if self.scale:
            time.sleep(max(seconds, 0) / self.scale)
        else:
            self.advance(max(seconds, 0))

    def call(self) -> None:
        """A call comes in."""
        if not self.scale:
            self.advance(self.call_seconds)


class Agenda:
    """What happens by itself at a later time, in the order of time."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.written = 0  # how much was ever scheduled: a call that scheduled something has changed something
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        """Let `effect` happen that many simulated seconds from now."""
        self.written += 1
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), effect))

    def next(self) -> float | None:
        """When the next thing happens; None where nothing is left."""
        return self._heap[0][0] if self._heap else None

    def run(self, until: float) -> None:
        """Let everything happen that is due; an effect sees its own time as now."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, effect = heapq.heappop(self._heap)
            effect()
        self.now = max(self.now, until)


def iso(moment: float) -> str:
    """A time as AWS writes it in its error texts: 2026-10-09T00:29:34.602Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
