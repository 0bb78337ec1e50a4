"""The calls of a copy: each is made as often as it takes, at the pace that AWS allows.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws

MOST_FAILURES = 8
"""How often a call without an answer is sent again. A copy can send each call again: it puts only what is not there."""
SHORTEST_DELAY, LONGEST_DELAY = 0.05, 5.0
_PASSING = frozenset({ErrorKind.AMBIGUOUS, ErrorKind.UNREACHABLE, ErrorKind.BUSY, ErrorKind.MISSING})
"""Failures that may pass. A table that was created a moment ago is "not found" at times."""


class CopyPace:
    """How fast a copy goes: by its rate, and slower after each call that was throttled. Shared by all threads.

    Args:
        rate: The most items in a second; None for no limit.
    """

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._delay = 0.0
        self._lock = Lock()

    def turn(self, now: float, count: int) -> float:
        """For how many seconds a call that writes so many items must wait."""
        with self._lock:
            start = max(now, self._free_at)
            self._free_at = start + (count / self._rate if self._rate else 0)
            return start - now + self._delay * random.uniform(0.5, 1.5)  # noqa: S311  # to spread calls

    def throttled(self) -> None:
        """A call was throttled: all go half as fast."""
        with self._lock:
            self._delay = min(max(2 * self._delay, SHORTEST_DELAY), LONGEST_DELAY)

    def accepted(self) -> None:
        """A call was accepted: all go a little faster."""
        with self._lock:
            self._delay = 0.9 * self._delay if self._delay > SHORTEST_DELAY / 10 else 0.0


@dataclass(slots=True)
class ItemCalls:
    """Makes the calls of one copy. All of its threads share it.

    Args:
        aws: The connection.
        rate: The most items written in a second; None for no limit.
        now: Seconds since the epoch.
        pause: Lets so many seconds pass.
        check_time: Raises where the run must end. It is called before each call.
        on_answer: Called after each call: with what AWS said where that must be sent again, else with nothing.
    """

    aws: Aws
    rate: int | None = None
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    check_time: Callable[[], None] = lambda: None
    on_answer: Callable[[str], None] = lambda _text: None
    _pace: CopyPace = field(init=False)

    def __post_init__(self) -> None:
        self._pace = CopyPace(self.rate)

    def make(self, operation: str, *, table: str, writes: int = 0, **parameters: Any) -> dict[str, Any]:
        """Make a call, as often as it takes: slower when it is throttled, a few times when it has no answer.

        Args:
            operation: The operation.
            table: The table that it is about.
            writes: How many items it writes.
            parameters: Its parameters.

        Raises:
            CallFailed: It did not succeed.
        """
        failures = 0
        while True:
            self.check_time()
            if (seconds := self._pace.turn(self.now(), writes)) > 0:
                self.pause(seconds)
            try:
                answer = self.aws.items(operation, table=table, ReturnConsumedCapacity="TOTAL", **parameters)
            except CallFailed as failed:
                failures += failed.kind is not ErrorKind.THROTTLED
                if failed.kind not in {ErrorKind.THROTTLED, *_PASSING} or failures > MOST_FAILURES:
                    raise
                self.on_answer(failed.message)
                self._pace.throttled()
            else:
                self.on_answer("")
                self._pace.accepted()
                return answer

    def slow_down(self, said: str) -> None:
        """AWS has not taken all items of a call, as `said` tells: the rest is sent again, slower."""
        self.on_answer(said)
        self._pace.throttled()
        self.check_time()


def units(answer: Any) -> float:
    """The capacity units that a call used; BatchExecuteStatement lists them by table."""
    consumed = answer.get("ConsumedCapacity") or []
    listed = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(one.get("CapacityUnits", 0) for one in listed))
