"""The one poll loop, `Poll.until`, and what a step is waited for: what it expects holds and nothing is under way there.

botocore's own waiters know neither indexes nor encryption nor TTL, and sleep 20 s between looks.
docs/dynamodb.md#when-a-change-is-done
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from enum import Enum
from threading import Event
from typing import Protocol

from dynatus_ci.table.aspects import failure, satisfied
from dynatus_ci.table.model import Path, Table, Value

FIRST_POLL = 0.2
LONGEST_POLL = 10.0
SETTLE = 60.0
"""Seconds for which a value may still not show although nothing is under way: tags, policies and tables lag."""
SETTLE_AT_EMULATOR = 3.0
LAG = 5.0
"""Seconds for which what failed before a call may still show after it."""
NEW_TABLE = 5.0
"""Seconds before the first look at a new table: in a large account an early one can make it "not found" for minutes.

https://github.com/hashicorp/terraform-provider-aws/issues/46530
"""


class Clock(Protocol):
    """Time, so that tests can scale it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float, stop: Event) -> None:
        """Let time pass; returns early when `stop` is set."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float, stop: Event) -> None:
        """Let time pass; returns early when `stop` is set."""
        stop.wait(seconds)


class WaitOutcome(Enum):
    """How a wait ended."""

    DONE = "done"
    FAILED = "AWS accepted it and could not do it"
    NOT_SHOWN = "nothing is under way, and yet the value does not show"
    DEADLINE = "the time is over"
    STOPPED = "the run was told to stop"


def met(table: Table | None, expects: Mapping[Path, Value]) -> bool:
    """Whether a table is as expected, and nothing is under way at the paths in question."""
    if table is None:
        return all(value is None for value in expects.values())
    if any(path == () and value is None for path, value in expects.items()):
        return False
    return not busy(table, expects) and all(satisfied(path, table.at(path), value) for path, value in expects.items())


def busy(table: Table, expects: Mapping[Path, Value]) -> dict[Path, str]:
    """What is under way at the expected paths, above and below them."""
    return {where: status for path in expects for where, status in table.under_way(path)}


def failures(table: Table, expects: Mapping[Path, Value]) -> dict[Path, str]:
    """What AWS accepted and could not do, of what is expected."""
    found = {path: failure(table, path, value) for path, value in expects.items()}
    return {path: text for path, text in found.items() if text}


class Poll:
    """When to look again: exponentially later, with jitter, never beyond the deadline.

    Args:
        clock: The time.
        deadline: Seconds since the epoch.
        stop: Set when the run is to end.
        first: Seconds of the first pause.
        patience: Seconds after which `on_long` is told that this wait is a long one.
        on_long: Told once.
    """

    def __init__(  # what a wait is made of
        self,
        *,
        clock: Clock,
        deadline: float,
        stop: Event,
        first: float = FIRST_POLL,
        patience: float = float("inf"),
        on_long: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._deadline = deadline
        self._stop = stop
        self._pause = min(first, LONGEST_POLL)
        self._long = clock.now() + patience
        self._on_long = on_long

    def until(self, ended: Callable[[], WaitOutcome | None]) -> WaitOutcome:
        """Ask, and let a moment pass, until the answer is that the wait has ended, or it must end."""
        while (how := ended() or self._over()) is None:
            self.pause()
        return how

    def _over(self) -> WaitOutcome | None:
        if self._stop.is_set():
            return WaitOutcome.STOPPED
        return WaitOutcome.DEADLINE if self._clock.now() >= self._deadline else None

    def pause(self) -> None:
        """Let a moment pass."""
        if self._clock.now() > self._long:
            self._on_long()
        left = max(self._deadline - self._clock.now(), 0)
        jittered = self._pause * random.uniform(0.8, 1.2)  # noqa: S311  # to spread calls, not to hide anything
        self._clock.wait(min(jittered, left), self._stop)
        self._pause = min(self._pause * 1.6, LONGEST_POLL)


class Watch:
    """What `Poll.until` asks in order to wait until a table is as expected, or can no longer come to be so.

    Args:
        look: Observes the table.
        expects: Path → value.
        failed_before: Path → what had failed there before the call; it may show for a moment after it, too.
        clock: The time.
        settle: Seconds after which a value that does not show, with nothing under way, is given up.
        on_progress: Told what is under way.
    """

    def __init__(  # what a wait is made of
        self,
        look: Callable[[], Table | None],
        expects: Mapping[Path, Value],
        *,
        failed_before: Mapping[Path, str],
        clock: Clock,
        settle: float,
        on_progress: Callable[[Mapping[Path, str]], None],
    ) -> None:
        self._look = look
        self._expects = expects
        self._failed_before = failed_before
        self._clock = clock
        self._settle = settle
        self._on_progress = on_progress
        self._began = self._quiet_since = clock.now()
        self.failure = ""
        """AWS's word and its reason, where the wait ended as FAILED."""

    def ended(self) -> WaitOutcome | None:
        """Look once."""
        table = self._look()
        if met(table, self._expects):
            return WaitOutcome.DONE
        now = self._clock.now()
        under_way = busy(table, self._expects) if table else {}
        if under_way:
            self._quiet_since = now
            self._on_progress(under_way)
        found = failures(table, self._expects) if table and not under_way else {}
        new = {path: text for path, text in found.items() if self._failed_before.get(path) != text}
        if new or (found and now - self._began > LAG):
            self.failure = ", ".join(found.values())
            return WaitOutcome.FAILED
        return WaitOutcome.NOT_SHOWN if now - self._quiet_since > self._settle else None
