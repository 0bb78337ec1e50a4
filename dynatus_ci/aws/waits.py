"""`Poll.until` waits for changes. A step is done when what it expects shows, and nothing is under way there.

botocore's own waiters know neither indexes nor encryption nor TTL, and sleep for 20 s between two calls.
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
"""Seconds after which a value must show if nothing is under way: reads of tags, policies and tables lag behind."""
SETTLE_AT_EMULATOR = 3.0
LAG = 5.0
"""Seconds for which a failure from before a call may still show after it."""
NEW_TABLE = 5.0
"""Seconds before the first read of a new table. In a large account an earlier read can make it "not found" for minutes.

https://github.com/hashicorp/terraform-provider-aws/issues/46530
"""


class Clock(Protocol):
    """The time that waits go by. Tests let it run faster."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float, stop: Event) -> None:
        """Let time pass; returns early when `stop` is set."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def wait(self, seconds: float, stop: Event) -> None:
        stop.wait(seconds)


class WaitOutcome(Enum):
    """How a wait ended."""

    DONE = "done"
    FAILED = "AWS accepted the change and could not make it"
    NOT_SHOWN = "nothing is under way, but the value does not show"
    LEFT_RUNNING = "it goes on by itself, and another step is due"
    DEADLINE = "the time is over"
    STOPPED = "the run was told to stop"


def met(table: Table | None, expects: Mapping[Path, Value]) -> bool:
    """Whether a table is as expected, and nothing is under way at the expected paths."""
    if table is None:
        return all(value is None for value in expects.values())
    if any(path == () and value is None for path, value in expects.items()):
        return False
    return not busy(table, expects) and all(satisfied(path, table.at(path), value) for path, value in expects.items())


def busy(table: Table, expects: Mapping[Path, Value]) -> dict[Path, str]:
    """What is under way at the expected paths, above and below them."""
    return {where: status for path in expects for where, status in table.under_way(path)}


def failures(table: Table, expects: Mapping[Path, Value]) -> dict[Path, str]:
    """What AWS accepted at the expected paths and could not do."""
    texts = {path: failure(table, path, value) for path, value in expects.items()}
    return {path: text for path, text in texts.items() if text}


class Poll:
    """Polling with pauses that grow, with jitter, and end at the deadline.

    Args:
        clock: The time.
        deadline: Seconds since the epoch.
        stop: Set when the run must end.
        first: Seconds of the first pause.
        patience: Seconds after which the wait counts as a long one.
        on_long: Called before each pause of a long wait.
    """

    def __init__(
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
        """Call `ended`, with pauses between, until it says how the wait ended, or the run must end."""
        while (outcome := ended() or self._over()) is None:
            self.pause()
        return outcome

    def _over(self) -> WaitOutcome | None:
        if self._stop.is_set():
            return WaitOutcome.STOPPED
        return WaitOutcome.DEADLINE if self._clock.now() >= self._deadline else None

    def pause(self) -> None:
        """Wait until the next poll. Each pause is longer than the one before, up to `LONGEST_POLL`."""
        if self._clock.now() >= self._long:
            self._on_long()
        left = max(self._deadline - self._clock.now(), 0)
        jittered = self._pause * random.uniform(0.8, 1.2)  # noqa: S311  # to spread calls, not to hide anything
        self._clock.wait(min(jittered, left), self._stop)
        self._pause = min(self._pause * 1.6, LONGEST_POLL)


class Watch:
    """For `Poll.until`: whether a table is as expected by now, or can no longer become so.

    Args:
        look: Observes the table.
        expects: Path → value.
        failed_before: Path → what had failed there before the call; it may still show for a moment.
        clock: The time.
        settle: Seconds after which the wait gives up if nothing is under way and the value does not show.
        on_progress: Called with what is under way.
    """

    def __init__(
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
        """AWS's status and its reason, where the wait ended as FAILED."""
        self.under_way: Mapping[Path, str] = {}
        """What the last observation saw under way."""

    def ended(self) -> WaitOutcome | None:
        """Observe the table once; None where the wait goes on."""
        table = self._look()
        if met(table, self._expects):
            return WaitOutcome.DONE
        now = self._clock.now()
        self.under_way = busy(table, self._expects) if table else {}
        if self.under_way:
            self._quiet_since = now
            self._on_progress(self.under_way)
        failed = failures(table, self._expects) if table and not self.under_way else {}
        new = {path: text for path, text in failed.items() if self._failed_before.get(path) != text}
        if new or (failed and now - self._began > LAG):
            self.failure = ", ".join(failed.values())
            return WaitOutcome.FAILED
        return WaitOutcome.NOT_SHOWN if now - self._quiet_since > self._settle else None
