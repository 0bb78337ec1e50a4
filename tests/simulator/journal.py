"""What happened: every call with its answer, and the writes of one table that overlapped. Judges nothing."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.tables import Json


@dataclass
class Call:
    """One call. Times are simulated; `changed` says whether it had an effect, `fault` what was done to it on demand.

    `units` is the capacity that a scan consumed.
    """

    number: int
    caller: str
    service: str
    operation: str
    table: str
    parameters: Json
    writes: bool
    started: float
    ended: float | None = None
    status: int | None = None  # None too where the connection was dropped
    code: str = ""
    message: str = ""
    changed: bool = False
    fault: str = ""
    units: float = 0.0

    def __str__(self) -> str:
        mark = f" [{self.fault}]" if self.fault else ""
        result = self.code or self.status or "dropped"
        return f"#{self.number} {self.operation} {self.table} → {result}{mark} {self.message}"


@dataclass
class Journal:
    """All calls in the order in which they came in."""

    calls: list[Call] = field(default_factory=list)
    _overlaps: list[tuple[Call, Call]] = field(default_factory=list)
    _running: dict[tuple[str, str], list[Call]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, call: Call) -> None:
        """A call came in."""
        with self._lock:
            self.calls.append(call)
            if call.writes:
                running = self._running[call.caller, call.table]
                self._overlaps += [(other, call) for other in running]
                running.append(call)

    def end(self, call: Call, now: float) -> None:
        """It is answered: said before the answer is sent, so that the caller's next call cannot come first."""
        with self._lock:
            call.ended = now
            if call.writes:
                self._running[call.caller, call.table].remove(call)

    def refused(self, caller: str | None = None) -> list[Call]:
        """Writes that a rule refused (not those that a fault on demand hit)."""
        return [call for call in self.errors(caller) if call.writes]

    def errors(self, caller: str | None = None) -> list[Call]:
        """Calls, reads too, that were answered with an error without a fault on demand."""
        return [call for call in self._of(caller) if call.code and not call.fault]

    def writes(self, caller: str | None = None) -> list[Call]:
        """Calls of operations that may change something, refused ones too."""
        return [call for call in self._of(caller) if call.writes]

    def changes(self, caller: str | None = None) -> list[Call]:
        """Calls that had an effect."""
        return [call for call in self._of(caller) if call.changed]

    def overlaps(self) -> list[tuple[Call, Call]]:
        """Pairs of writes of one caller on one table that ran at the same time."""
        with self._lock:
            return list(self._overlaps)

    def count(self, operation: str, table: str | None = None) -> int:
        """How often an operation was called."""
        return sum(call.operation == operation and table in (None, call.table) for call in self._of(None))

    def clear(self) -> None:
        """Forget what is over: what comes next is looked at by itself."""
        with self._lock:
            self.calls.clear()
            self._overlaps.clear()

    def _of(self, caller: str | None) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if caller in (None, call.caller)]
