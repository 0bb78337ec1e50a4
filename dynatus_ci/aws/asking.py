"""Asking the items of a table: Scan counts those that a filter means, so no item leaves AWS.

Segments are read in random order, until all are read or a budget is used up; so the part of a large table that is read
is a sample. A page that has items that do not fit is read again, once for each question: few pages have any. Only where
somebody must know whether two items have the same key, the keys are read.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil, inf
from threading import Condition, Event, Lock
from typing import Any

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.waits import Clock
from dynatus_ci.table import fit, items
from dynatus_ci.table.fit import Answers, Filter, Question
from dynatus_ci.table.item_checks import Extent, Misfit
from dynatus_ci.table.items import Digests
from dynatus_ci.table.model import Path, Table, Value

UNIT_BYTES = 8_192
"""What a read unit reads, eventually consistent."""
PAGE_UNITS = 128
"""A page of 1 MB, the most that Scan reads at once."""
LARGEST_PAGE = 180
"""A page that ends with an item of 400 KB, the largest that there can be."""
MOST_SEGMENTS = 1_000_000
THREADS = 4
SHARE = 0.1
"""The part of a table's read capacity that is used."""
SHARE_SECONDS = 5
"""A page takes what the share gives in so many seconds."""
KEYS = 5
"""How many keys are named for each part of a table."""


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


SAMPLE = ScanLimits(units=10_000, seconds=60)
"""What a plan and an apply read: a table of up to about 80 MB whole."""
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
    asking = _Asking(aws, table, questions, limits=limits, clock=clock, stop=stop or Event(), told=on_progress)
    try:
        return asking.run()
    except CallFailed as failed:
        if failed.kind is ErrorKind.DENIED:
            return Answers(Extent.NONE, denied=True)
        raise


def rate(aws: Aws, table: Table) -> float:
    """How many read units of a table may be used a second; infinite where nothing limits them."""
    if aws.emulator:
        return inf
    if table.provisioned:
        units = table.at(("ProvisionedThroughput", "ReadCapacityUnits"))
    else:
        units = table.at(("OnDemandThroughput", "MaxReadRequestUnits"))
    return max(units * SHARE, 0.1) if units and units > 0 else inf


@dataclass(slots=True)
class _Page:
    """A page of one segment: where it begins, what was read of it, where the next one begins, and what that cost."""

    segment: int
    start: Mapping[str, Value] | None
    scanned: int = 0
    following: Mapping[str, Value] | None = None
    units: float = 0.0
    """Read units of the Scan call that read the page first."""
    used: float = 0.0
    """Read units of all Scan calls of the page."""
    misfits: Counter[Question] = field(default_factory=Counter)
    keys: dict[Question, list[Mapping[str, Value]]] = field(default_factory=dict)


class _ReadUnits:
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


class _Asking:
    """The questions to one table, while they are asked."""

    def __init__(
        self,
        aws: Aws,
        table: Table,
        questions: Sequence[Question],
        *,
        limits: ScanLimits,
        clock: Clock,
        stop: Event,
        told: OnProgress,
    ) -> None:
        self._aws, self._name, self._limits = aws, table.name, limits
        self._clock, self._stop, self._told = clock, stop, told
        self._groups = fit.grouped(question for question in questions if question.reason is not Misfit.DUPLICATE)
        self._repeats = next((question for question in questions if question.reason is Misfit.DUPLICATE), None)
        self._seen = Digests()
        self._most_calls = len(self._groups) + len(questions)
        self._key = [element["AttributeName"] for element in table.at(("KeySchema", "KeySchema"))]
        self._rate = rate(aws, table)
        self._deadline = clock.now() + (limits.seconds if self._rate < inf else inf)
        self._next_call = 0.0
        self._read_units = _ReadUnits(limits.units)
        self._page_units = min(PAGE_UNITS, self._rate * SHARE_SECONDS, limits.units / self._most_calls / 10)
        info = table.info
        self._item_bytes = info.bytes / info.items if info and info.items and info.bytes else UNIT_BYTES / 2
        self._total = min(MOST_SEGMENTS, ceil((info.bytes if info else 0) / (self._page_units * UNIT_BYTES)) or 1)
        self._segments = deque(self._in_random_order())
        self._lock = Lock()
        self._ended = False
        self._finished = self._items = 0
        self._units = 0.0
        self._misfits: Counter[Question] = Counter()
        self._keys: dict[Question, list[Mapping[str, Value]]] = {}

    def run(self) -> Answers:
        """Read the table until the budget is used up, and return the answers."""
        threads = THREADS if self._rate == inf else 1
        with ThreadPoolExecutor(threads) as pool:
            for ended in [pool.submit(self._work) for _ in range(threads)]:
                ended.result()
        read = Extent.ALL if self._finished == self._total else Extent.SAMPLE if self._items else Extent.NONE
        if self._repeats:
            self._seen.sort()
            self._misfits[self._repeats] = self._seen.repeated()
        keys = {question: tuple(known) for question, known in self._keys.items()}
        return Answers(read, self._items, dict(self._misfits), keys)

    def _in_random_order(self) -> Sequence[int]:
        """The segments; of very many only so many as the budget can pay for."""
        most = int(min(self._total, self._limits.units * 2))
        return random.sample(range(self._total), most)

    def _work(self) -> None:
        """Read one segment after the other, beside other threads."""
        try:
            while not self._ended and self._segments:
                self._read_segment(self._segments.popleft())
        except IndexError:  # another thread took the last one
            return
        except BaseException:
            self._ended = True
            raise

    def _read_segment(self, segment: int) -> None:
        page: _Page | None = _Page(segment, None)
        while page:
            if self._ended or not self._read_page(page):
                self._ended = True
                return
            page = _Page(segment, page.following) if page.following else None
        with self._lock:
            self._finished += 1

    def _read_page(self, page: _Page) -> bool:
        """Read a page, and ask each question whose answer it does not give. False where it may not be read any more."""
        limit = (
            None if self._page_units >= PAGE_UNITS else max(1, int(self._page_units * UNIT_BYTES / self._item_bytes))
        )
        most = self._most_calls * (LARGEST_PAGE if limit is None else 2 * self._page_units)
        if self._is_over() or not self._read_units.set_aside(most):
            return False
        try:
            for group in self._groups:
                self._ask_group(page, group, limit)
                limit = page.scanned
                if not page.scanned:
                    break
            if self._repeats and (page.scanned or not self._groups):
                self._read_keys(page, self._repeats, limit)
        except CallFailed as failed:
            if failed.kind is ErrorKind.THROTTLED and self._limits.units < inf:
                return False  # others need what capacity there is: what was read is the sample
            raise
        finally:
            self._read_units.give_back(most, page.used)
        self._count(page)
        return True

    def _ask_group(self, page: _Page, group: Sequence[Question], limit: int | None) -> None:
        found = self._scan(page, fit.any_of(group) if group[1:] else fit.only(group[0]), limit)
        left, one_part = found["Count"], len({question.path for question in group}) == 1
        for question in group:
            if not left:
                return
            count = left if not group[1:] else None
            if count is None or self._wants_keys(question.path):
                count = self._ask_one(page, question)
            page.misfits[question] += count
            left -= count if one_part else 0

    def _ask_one(self, page: _Page, question: Question) -> int:
        if not self._wants_keys(question.path):
            return int(self._scan(page, fit.only(question), page.scanned)["Count"])
        found = self._scan(page, fit.only(question), page.scanned, shown=self._key)
        page.keys[question] = found["Items"]
        return int(found["Count"])

    def _read_keys(self, page: _Page, question: Question, limit: int | None) -> None:
        """Remember the new keys of a page, as hashes."""
        names = [test.attribute for test in question.tests]
        found = self._scan(page, None, page.scanned or limit, shown=names)["Items"]
        digests = [items.key_digest(item, names) for item in found if all(name in item for name in names)]
        with self._lock:
            self._seen.add(digests)

    def _scan(
        self, page: _Page, meant: Filter | None, limit: int | None, *, shown: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        parameters = meant.parameters() if meant else {}
        if shown:
            names = {f"#k{number}": name for number, name in enumerate(shown)}
            parameters["ProjectionExpression"] = ", ".join(names)
            parameters["ExpressionAttributeNames"] = {**parameters.get("ExpressionAttributeNames", {}), **names}
        else:
            parameters["Select"] = "COUNT"
        if limit is not None:
            parameters["Limit"] = limit
        if page.start:
            parameters["ExclusiveStartKey"] = page.start
        where = {"TableName": self._name, "Segment": page.segment, "TotalSegments": self._total}
        self._pause()
        answer = self._aws.read("Scan", table=self._name, ReturnConsumedCapacity="TOTAL", **where, **parameters)
        units = (answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0.5)
        page.used += units
        if not page.scanned:
            page.scanned, page.following, page.units = answer["ScannedCount"], answer.get("LastEvaluatedKey"), units
        self._next_call = max(self._next_call, self._clock.now()) + units / self._rate
        return answer

    def _pause(self) -> None:
        """Keep to the rate. Only one thread reads where there is one."""
        seconds = self._next_call - self._clock.now()
        if seconds > 0:
            self._clock.wait(seconds, self._stop)

    def _is_over(self) -> bool:
        return self._stop.is_set() or max(self._clock.now(), self._next_call) > self._deadline

    def _wants_keys(self, path: Path) -> bool:
        return self._limits.keys and self._named(path) < KEYS

    def _named(self, path: Path) -> int:
        """How many keys are named for a part of the table already."""
        return sum(len(keys) for question, keys in list(self._keys.items()) if question.path == path)

    def _count(self, page: _Page) -> None:
        with self._lock:
            self._items += page.scanned
            self._units += page.units
            self._misfits += page.misfits
            for question, keys in page.keys.items():
                self._keys.setdefault(question, []).extend(keys[: KEYS - self._named(question.path)])
            if self._items:
                self._item_bytes = max(self._units * UNIT_BYTES / self._items, 1)
        self._told(self._items)
