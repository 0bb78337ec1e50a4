"""Faults on demand: what goes wrong on the way to AWS and back, by chance (seeded) or at given calls."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container

    from tests.simulator.journal import Call

SECOND_WRITER = "second-writer"  # the caller that faults spare and that wakes no second writer


class Kind(StrEnum):
    """What can go wrong. BEFORE: nothing happened; AFTER: it happened, and the caller does not learn it."""

    THROTTLE = "throttle"
    DENY = "deny"
    EXPIRED = "expired"
    LATENCY = "latency"
    ERROR_BEFORE = "error before"
    ERROR_AFTER = "error after"
    DROP_BEFORE = "drop before"
    DROP_AFTER = "drop after"
    REFUSE = "refuse"


@dataclass
class Fault:
    """A kind of fault and the calls it may hit: by chance, operation, table, number of the call, at most `times`."""

    kind: Kind
    rate: float = 1.0
    operations: Collection[str] | None = None
    tables: Collection[str] | None = None
    calls: Container[int] | None = None
    times: int | None = None
    seconds: float = 0.0  # LATENCY, simulated
    code: str = ""  # REFUSE
    message: str = ""  # REFUSE
    hits: int = 0

    def concerns(self, call: Call) -> bool:
        """Whether it may hit this call."""
        chosen = ((self.operations, call.operation), (self.tables, call.table), (self.calls, call.number))
        return all(some is None or value in some for some, value in chosen) and (
            self.times is None or self.hits < self.times
        )


_ERRORS = {
    Kind.THROTTLE: ("ThrottlingException", "Rate exceeded", 400),
    Kind.EXPIRED: ("ExpiredTokenException", "The security token included in the request is expired", 400),
    Kind.ERROR_BEFORE: ("InternalServerError", "The request processing has failed because of an unknown error.", 500),
    Kind.ERROR_AFTER: ("InternalServerError", "The request processing has failed because of an unknown error.", 500),
}


@dataclass
class Faults:
    """The faults in force."""

    seed: int = 0
    active: list[Fault] = field(default_factory=list)
    _before: dict[int, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        kind: Kind,
        *,
        rate: float = 1.0,
        operations: Collection[str] | None = None,
        tables: Collection[str] | None = None,
        calls: Container[int] | None = None,
        times: int | None = None,
        seconds: float = 0.0,
        code: str = "",
        message: str = "",
    ) -> Fault:
        """Put a fault in force; `calls` are numbers from 1, a range works too."""
        fault = Fault(kind, rate, operations, tables, calls, times, seconds, code, message)
        self.active.append(fault)
        return fault

    def deny(self, *operations: str) -> Fault:
        """Let these operations be answered with AccessDeniedException."""
        return self.add(Kind.DENY, operations=operations)

    def before(self, call: int, action: Callable[[], None]) -> None:
        """Let a second writer act just before that call (numbers from 1) comes in."""
        self._before[call].append(action)

    def clear(self) -> None:
        """Lift all faults."""
        self.active.clear()
        self._before.clear()

    def wake(self, number: int) -> None:
        """Let the second writer of this call act."""
        for action in self._before.pop(number, []):
            action()

    def judge(self, call: Call) -> list[Fault]:
        """The faults that hit this call."""
        with self._lock:
            return [fault for fault in self.active if fault.concerns(call) and self._hits(fault, call)]

    def _hits(self, fault: Fault, call: Call) -> bool:
        name = f"{self.seed}/{self.active.index(fault)}/{call.operation}/{call.table}"
        self._counts[name] += 1
        hit = random.Random(f"{name}/{self._counts[name]}").random() < fault.rate  # noqa: S311 - to repeat a run
        fault.hits += hit
        return hit


def error(fault: Fault, call: Call) -> ApiError:
    """The error of a fault that is answered with one."""
    if fault.kind == Kind.DENY:
        action = f"{call.service}:{call.operation}"
        return ApiError(
            "AccessDeniedException", f"User is not authorized to perform: {action} on resource: {call.table}"
        )
    if fault.kind == Kind.REFUSE:
        return ApiError(fault.code, fault.message)
    code, message, status = _ERRORS[fault.kind]
    return ApiError(code, message, status=status)
