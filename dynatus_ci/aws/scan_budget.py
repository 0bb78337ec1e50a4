"""How much of a table a scan may read, and how fast: read units, seconds, the pace, and the size of a page.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from threading import Condition, Event, Lock

from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.waits import Clock
from dynatus_ci.table.model import Table

UNIT_BYTES = 8_192
"""What a read unit reads, eventually consistent."""
PAGE_UNITS = 128
"""A page of 1 MB, the most that Scan reads at once."""
LARGEST_PAGE = 180
"""A page that ends with an item of 400 KB, the largest that there can be."""
SHARE = 0.1
"""The part of a table's read capacity that is used."""
SHARE_SECONDS = 5
"""A page takes what the share gives in so many seconds."""


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """How much of a table is read.

    Args:
        units: At most so many read units.
        seconds: At most so long, where the table's read capacity sets a rate.
        keys: Whether the keys of some items that do not fit are read, too.
    """

    units: float = inf
    seconds: float = inf
    keys: bool = False

    @property
    def is_sample(self) -> bool:
        """Whether a part of the table is enough."""
        return self.units < inf


SAMPLE = ScanLimits(units=10_000, seconds=60)
"""What a plan and an apply read: a table of up to about 80 MB whole."""


def usable_rate(aws: Aws, table: Table) -> float:
    """How many read units of a table may be used a second; infinite where nothing limits them."""
    if aws.emulator:
        return inf
    if table.provisioned:
        units = table.at(("ProvisionedThroughput", "ReadCapacityUnits"))
    else:
        units = table.at(("OnDemandThroughput", "MaxReadRequestUnits"))
    return max(units * SHARE, 0.1) if units and units > 0 else inf


class ReadUnits:
    """Read units that threads share. What a page may take at most is set aside before it is read."""

    def __init__(self, units: float) -> None:
        self._left = units
        self._aside = 0.0
        self._changed = Condition()

    def set_aside(self, most: float) -> bool:
        """Set units aside. False where too few are left, and no other thread can give some back."""
        with self._changed:
            self._changed.wait_for(lambda: most <= self._left or not self._aside)
            enough = most <= self._left
            if enough:
                self._left -= most
                self._aside += most
            return enough

    def give_back(self, most: float, used: float) -> None:
        """Give back what was set aside and not used."""
        with self._changed:
            self._left += most - used
            self._aside -= most
            self._changed.notify_all()


class ScanPace:
    """When the next call may go out, and until when there may be one. Only one thread reads where there is a rate.

    Args:
        rate: Read units a second; infinite where nothing limits them. Then there is no end either.
        seconds: For how long calls may go out.
        clock: The time.
        stop: Ends a wait early, and allows no call any more.
    """

    def __init__(self, rate: float, seconds: float, *, clock: Clock, stop: Event) -> None:
        self._rate, self._clock, self._stop = rate, clock, stop
        self._next_call = 0.0
        self._deadline = clock.now() + (seconds if rate < inf else inf)

    @property
    def is_over(self) -> bool:
        """Whether no call may go out any more."""
        return self._stop.is_set() or max(self._clock.now(), self._next_call) > self._deadline

    def wait(self) -> None:
        """Wait until the next call may go out."""
        seconds = self._next_call - self._clock.now()
        if seconds > 0:
            self._clock.wait(seconds, self._stop)

    def used(self, units: float) -> None:
        """A call has used so many read units: the next one waits until the rate has given them."""
        self._next_call = max(self._next_call, self._clock.now()) + units / self._rate


class PageSize:
    """How many items a page is to have. Scan takes a number of items, the budget is in read units.

    How large an item is, is known from the table's size at first, then from the pages that were read.

    Args:
        table: The table.
        units: How many read units a page is to take.
    """

    def __init__(self, table: Table, units: float) -> None:
        self._units = units
        info = table.info
        self._item_bytes = info.bytes / info.items if info and info.items and info.bytes else UNIT_BYTES / 2
        self._items, self._used = 0, 0.0
        self._lock = Lock()

    @property
    def bytes(self) -> float:
        """How many bytes a page has about."""
        return self._units * UNIT_BYTES

    @property
    def most_units(self) -> float:
        """The most read units that one call for a page may take."""
        return LARGEST_PAGE if self._is_whole else 2 * self._units

    @property
    def most_items(self) -> int | None:
        """Scan's Limit; None where a page is as large as Scan reads at once."""
        return None if self._is_whole else max(1, int(self.bytes / self._item_bytes))

    @property
    def _is_whole(self) -> bool:
        return self._units >= PAGE_UNITS

    def learn(self, items: int, units: float) -> None:
        """A page of so many items has taken so many read units."""
        with self._lock:
            self._items += items
            self._used += units
            if self._items:
                self._item_bytes = max(self._used * UNIT_BYTES / self._items, 1)
