"""How far the reading, copying or comparing of many items has come: what people are told, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from dynatus_ci.engine.run import EventKind
from dynatus_ci.text import plural

SECONDS_BETWEEN_LOOKS = 1
SECONDS_BETWEEN_LINES = 60


class ItemProgress:
    """Tells how far it has come: every second for a terminal, every minute for a log.

    Args:
        tell: Takes PROGRESS, which a log leaves out, or WAITING; a line of text; and how much is done, from 0 to 1.
        total: How many items there are, as AWS last counted them.
        now: The time in seconds.
    """

    def __init__(
        self,
        tell: Callable[[EventKind, str, float | None], None],
        total: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._total = total
        self._now = now
        self._what = ""
        self._began = self._shown = self._logged = now()
        self._lock = Lock()

    def __call__(self, what: str, count: int) -> None:
        """Note that so many items were read, copied or compared. Any thread may call it."""
        with self._lock:
            now = self._now()
            if what != self._what:
                self._what, self._began = what, now
            if now - self._shown < SECONDS_BETWEEN_LOOKS:
                return
            self._shown = now
            logged = now - self._logged >= SECONDS_BETWEEN_LINES
            self._logged = now if logged else self._logged
        kind = EventKind.WAITING if logged else EventKind.PROGRESS
        done = min(count / self._total, 1.0) if self._total else None
        self._tell(kind, progress(what, count, self._total, now - self._began), done)


def progress(what: str, count: int, total: int, seconds: float) -> str:
    """`copied 1,200 of about 5,000 items (24 %), 300 a second, about 13 s left`."""
    rate = count / seconds if seconds > 0 else 0
    speed = f", {rate:,.0f} a second" if rate else ""
    if count >= total:
        return f"{what} {plural(count, 'item')}{speed}"
    left = f", about {(total - count) / rate:,.0f} s left" if rate else ""
    return f"{what} {count:,} of about {plural(total, 'item')} ({100 * count // total} %){speed}{left}"
