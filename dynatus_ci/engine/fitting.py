"""Asking the items of a table what its change asks of them, in a plan and before the first step of an apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from threading import Event as Flag

from dynatus_ci.aws import asking
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.scan_budget import SAMPLE, ScanLimits
from dynatus_ci.aws.waits import Clock, SystemClock
from dynatus_ci.table import fit
from dynatus_ci.table.fit import Answers, Asked
from dynatus_ci.table.model import TableChange

OnRead = Callable[[str, int, int], None]
"""Takes a table, how many of its items were read, and how many there are about."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the items are checked, and what is done with the findings.

    Args:
        limits: How much is read.
        copies: Whether the items that are to be copied are asked, too. An apply reads all of them when it copies.
        on_read: Called whenever a page was read.
        on_answers: Takes a table and answers about it: also the keys, which no document has.
    """

    aws: Aws
    clock: Clock = field(default_factory=SystemClock)
    limits: ScanLimits = SAMPLE
    copies: bool = True
    stop: Flag = field(default_factory=Flag)
    on_read: OnRead = lambda *_: None
    on_answers: Callable[[str, Answers], None] = lambda *_: None

    def asked(self, change: TableChange) -> tuple[Asked, ...]:
        """What a change asks of the items."""
        found = [fit.of_actual(change, now=self.clock.now())]
        if self.copies:
            found.append(fit.of_copy(change, whole=self.limits.units == inf))
        return tuple(filter(None, found))

    def look(self, change: TableChange) -> TableChange:
        """The change with what was found out about the items; refused where one does not fit.

        Raises:
            CallFailed: A scan failed, but for "access denied".
        """
        asked = self.asked(change)
        checks = [check for one in asked for check in fit.checks(one.questions, self._ask(change.table, one))]
        return fit.judged(change, tuple(checks)) if asked else change

    def _ask(self, name: str, asked: Asked) -> Answers:
        about = asked.table.info.items if asked.table.info else 0
        answers = asking.ask(
            self.aws,
            asked.table,
            asked.questions,
            limits=self.limits,
            clock=self.clock,
            stop=self.stop,
            on_progress=lambda read: self.on_read(name, read, about),
        )
        self.on_answers(name, answers)
        return answers
