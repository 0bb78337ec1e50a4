"""Asking the items of a table: Scan counts those that a filter means, so no item leaves AWS.

Segments are read in random order, until all are read or a budget is used up; so the part of a large table that is read
is a sample. A page that has items that do not fit is read again, once for each question: few pages have any. Only where
somebody must know whether two items have the same key, the keys are read.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil, inf
from threading import Event, Lock

from dynatus_ci.aws import item_pages
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.item_pages import ItemKey, Page, PageReader
from dynatus_ci.aws.scan_budget import PAGE_UNITS, SHARE_SECONDS, PageSize, ReadUnits, ScanLimits, ScanPace, usable_rate
from dynatus_ci.aws.waits import Clock
from dynatus_ci.table.fit import Answers, Question
from dynatus_ci.table.item_checks import Extent
from dynatus_ci.table.items import Digests
from dynatus_ci.table.model import Path, Table

MOST_SEGMENTS = 1_000_000
THREADS = 4
KEYS = 5
"""How many keys are named for each part of a table."""

OnProgress = Callable[[int], None]
"""Takes the number of items read so far."""


def ask(
    aws: Aws,
    table: Table,
    questions: Sequence[Question],
    *,
    limits: ScanLimits,
    clock: Clock,
    stop: Event | None = None,
    on_progress: OnProgress = lambda _: None,
) -> Answers:
    """Ask the items of a live table. A stop, and the end of the budget, end it early: then they answer for a sample.

    Raises:
        CallFailed: A scan failed, but for "access denied": that is an answer.
    """
    asking = _Asking(aws, table, questions, limits=limits, clock=clock, stop=stop or Event(), on_progress=on_progress)
    try:
        return asking.run()
    except CallFailed as failed:
        if failed.kind is ErrorKind.DENIED:
            return Answers(Extent.NONE, denied=True)
        raise


class Segments:
    """The segments of a table, in random order. Each is taken once.

    Args:
        total: In how many segments the table is read.
        most: At most so many are read.
    """

    def __init__(self, total: int, most: float) -> None:
        self._total, self._finished = total, 0
        self._left = deque(random.sample(range(total), int(min(total, most))))
        self._lock = Lock()

    def take(self) -> int | None:
        """The next one; None where all are taken."""
        with self._lock:
            return self._left.popleft() if self._left else None

    def finish(self) -> None:
        """One was read to its end."""
        with self._lock:
            self._finished += 1

    @property
    def are_all_read(self) -> bool:
        """Whether the whole table was read."""
        return self._finished == self._total


class AnswersSoFar:
    """What the pages answer that were read so far. A page counts as a whole, when all its questions were asked."""

    def __init__(self, questions: Sequence[Question], *, wants_keys: bool) -> None:
        self._repeats = item_pages.repeats(questions)
        self._most_keys = KEYS if wants_keys else 0
        self._items = 0
        self._misfits: Counter[Question] = Counter()
        self._keys: dict[Question, list[ItemKey]] = {}
        self._new_keys = Digests()
        self._lock = Lock()

    def wants_keys(self, path: Path) -> bool:
        """Whether keys of items that do not fit a part of the table are still to be named."""
        return self._named(path) < self._most_keys

    def add(self, page: Page) -> int:
        """Count a page. Returns how many items were read so far."""
        with self._lock:
            self._items += page.scanned
            self._misfits += page.misfits
            self._new_keys.add(page.digests)
            for question, keys in page.keys.items():
                room = self._most_keys - self._named(question.path)
                self._keys.setdefault(question, []).extend(keys[:room])
            return self._items

    def answers(self, *, all_read: bool) -> Answers:
        """The answers, when no page is added any more. `all_read` says whether all items were read."""
        misfits = dict(self._misfits)
        if self._repeats:
            self._new_keys.sort()
            misfits[self._repeats] = self._new_keys.repeated()
        read = Extent.ALL if all_read else Extent.SAMPLE if self._items else Extent.NONE
        return Answers(read, self._items, misfits, {question: tuple(keys) for question, keys in self._keys.items()})

    def _named(self, path: Path) -> int:
        """How many keys are named for a part of the table already."""
        return sum(len(keys) for question, keys in list(self._keys.items()) if question.path == path)


class _Asking:
    """The questions to one table, while they are asked: threads read one segment after the other."""

    def __init__(
        self,
        aws: Aws,
        table: Table,
        questions: Sequence[Question],
        *,
        limits: ScanLimits,
        clock: Clock,
        stop: Event,
        on_progress: OnProgress,
    ) -> None:
        rate = usable_rate(aws, table)
        self._limits, self._on_progress = limits, on_progress
        self._threads = THREADS if rate == inf else 1
        self._most_calls = item_pages.most_calls(questions)
        self._size = PageSize(table, min(PAGE_UNITS, rate * SHARE_SECONDS, limits.units / self._most_calls / 10))
        self._read_units = ReadUnits(limits.units)
        self._pace = ScanPace(rate, limits.seconds, clock=clock, stop=stop)
        total = min(MOST_SEGMENTS, ceil((table.info.bytes if table.info else 0) / self._size.bytes) or 1)
        self._segments = Segments(total, limits.units * 2)  # a segment takes half a read unit at least
        self._so_far = AnswersSoFar(questions, wants_keys=limits.keys)
        wants_keys = self._so_far.wants_keys
        self._reader = PageReader(aws, table, questions, segments=total, pace=self._pace, wants_keys=wants_keys)
        self._ended = Event()

    def run(self) -> Answers:
        """Read the table until the budget is used up, and return the answers."""
        with ThreadPoolExecutor(self._threads) as pool:
            for ended in [pool.submit(self._read_segments) for _ in range(self._threads)]:
                ended.result()
        return self._so_far.answers(all_read=self._segments.are_all_read)

    def _read_segments(self) -> None:
        try:
            while not self._ended.is_set() and (segment := self._segments.take()) is not None:
                self._read_segment(segment)
        except BaseException:
            self._ended.set()
            raise

    def _read_segment(self, segment: int) -> None:
        page: Page | None = Page(segment, None)
        while page:
            if self._ended.is_set() or not self._read_page(page):
                self._ended.set()
                return
            page = Page(segment, page.following) if page.following else None
        self._segments.finish()

    def _read_page(self, page: Page) -> bool:
        """Read a page if the budget allows it, and count it. False where nothing may be read any more."""
        most_units = self._most_calls * self._size.most_units
        if self._pace.is_over or not self._read_units.set_aside(most_units):
            return False
        try:
            self._reader.read(page, self._size.most_items)
        except CallFailed as failed:
            if failed.kind is ErrorKind.THROTTLED and self._limits.is_sample:
                return False  # others need what capacity there is: what was read is the sample
            raise
        finally:
            self._read_units.give_back(most_units, page.used)
        self._size.learn(page.scanned, page.units)
        self._on_progress(self._so_far.add(page))
        return True
