"""Copying the items of a table into another one: check, copy, compare. Each part can be stopped and begun again.

An item is put only if there is none with its key, so nothing that an application wrote is overwritten. The items pass
through memory, a few pages at a time. They are never logged or shown.
docs/dynamodb.md#copying-items
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.item_calls import ItemCalls
from dynatus_ci.aws.item_scan import ItemScan
from dynatus_ci.aws.item_writer import ItemWriter
from dynatus_ci.table import fit, items
from dynatus_ci.table.aspects.keys import KEY
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.item_checks import Check, Extent, Misfit
from dynatus_ci.table.items import Digest, Digests, Item, Match
from dynatus_ci.table.model import Path
from dynatus_ci.table.origins import copy_from, copying
from dynatus_ci.table.origins.copying import Compared, CopyJob, Tally


@dataclass(slots=True)
class Copier:
    """One copy.

    Args:
        aws: The connection.
        job: What is copied where.
        now: Seconds since the epoch.
        pause: Lets so many seconds pass.
        check_time: Raises where the run must end. It is called before each call.
        on_progress: Called after each page with what is done, such as "copied", and to how many items.
        on_answer: Called after each call: with what AWS said where that must be sent again, else with nothing.
    """

    aws: Aws
    job: CopyJob
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    check_time: Callable[[], None] = lambda: None
    on_progress: Callable[[str, int], None] = lambda _what, _count: None
    on_answer: Callable[[str], None] = lambda _text: None
    _scan: ItemScan = field(init=False)
    _writer: ItemWriter = field(init=False)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        calls = ItemCalls(self.aws, self.job.rate, self.now, self.pause, self.check_time, self.on_answer)
        self._scan = ItemScan(calls, self.job.segments, self.on_progress)
        self._writer = ItemWriter(calls, self.job.target, self.job.key)

    @property
    def tally(self) -> Tally:
        """What it did so far."""
        scan, writer = self._scan, self._writer
        return Tally(scan.read, writer.written, writer.removed, scan.units, writer.units)

    def is_empty(self) -> bool:
        """Whether the new table has no item."""
        return not any(page["Items"] for page in self._scan.pages(self.job.target, ConsistentRead=True, Limit=1))

    def count(self) -> int:
        """How many items the new table has, by a scan."""
        before = self._scan.read
        self._scan.each_page(self.job.target, lambda _: None, "counted", ConsistentRead=True, Select="COUNT")
        return self._scan.read - before

    def check(self, of: Path = copy_from.PATH) -> tuple[Check, ...]:
        """Read the key attributes of all items, and count those that do not fit the new table, to the byte.

        Args:
            of: The path of the copy's difference: the paths of the checks begin with it.
        """
        job = self.job
        repeats = job.key if job.may_repeat else ()
        asked = tuple(fit.about_copy(of, job.unproven, repeats))
        if not asked:
            return ()
        names = sorted({attribute.name for attribute in job.unproven} | set(repeats))
        misfits: Counter[tuple[Path, Misfit]] = Counter()
        keys, count = Digests(), 0

        def look(page: Sequence[Item]) -> None:
            nonlocal count
            found = Counter(misfit for item in page for misfit in items.misfits(item, job.unproven))
            whole = (item for item in page if repeats and all(name in item for name in repeats))
            digests = [items.key_digest(item, repeats) for item in whole]
            with self._lock:
                count += len(page)
                misfits.update(found)
                keys.add(digests)

        placed = {f"#{number}": name for number, name in enumerate(names)}
        shown = {"ProjectionExpression": ", ".join(placed), "ExpressionAttributeNames": placed}
        self._scan.each_page(job.source, look, "checked", **shown)
        keys.sort()
        misfits[KEY, Misfit.DUPLICATE] = keys.repeated()
        counted = {question: misfits[question.path[1:], question.reason] for question in asked}
        return fit.checks(asked, Answers(Extent.ALL, count, counted))

    def copy(self, *, unless: Digests | None = None) -> None:
        """Put each item of the source that the new table does not have.

        Args:
            unless: What a comparison has found: an item that is marked there is not sent again.
        """

        def put(page: Sequence[Item]) -> None:
            for batch in copying.batches(self._new(page, unless), self.job.key):
                if self._scan.has_failed:
                    return
                self._writer.put(batch)

        self._scan.each_page(self.job.source, put, "copied")

    def compare(self) -> tuple[Compared, Digests]:
        """Scan both tables, and compare every item. What the new table has is marked in the digests of the source."""
        source, different, new = self.digests(), 0, 0

        def mark(page: Sequence[Item]) -> None:
            nonlocal different, new
            digests = [Digest.of(item, self.job.key) for item in page]
            with self._lock:
                found = Counter(source.mark(digest) for digest in digests)
                different, new = different + found[Match.DIFFERENT], new + found[Match.NONE]

        self._scan.each_page(self.job.target, mark, "compared", ConsistentRead=True)
        return Compared(source.count, source.unmarked(), different, new), source

    def digests(self) -> Digests:
        """The digests of all items of the source, ready to be looked up in."""
        source = Digests()

        def add(page: Sequence[Item]) -> None:
            digests = [Digest.of(item, self.job.key) for item in page]
            with self._lock:
                source.add(digests)

        self._scan.each_page(self.job.source, add, "read to compare", ConsistentRead=True)
        source.sort()
        return source

    def remove_others(self, source: Digests) -> int:
        """Delete from the new table each item that differs from the source, or is not there. Returns their number.

        Only the items that the new table has are marked in the digests. Deleted ones are copied again.
        """
        before = self._writer.removed

        def look(page: Sequence[Item]) -> None:
            with self._lock:
                others = [item for item in page if not source.mark_same(Digest.of(item, self.job.key))]
            for batch in copying.batches(others, self.job.key):
                self._writer.remove(batch)

        self._scan.each_page(self.job.target, look, "compared", ConsistentRead=True)
        return self._writer.removed - before

    def _new(self, page: Sequence[Item], unless: Digests | None) -> Iterator[Item]:
        if unless is None:
            yield from page
            return
        yield from (item for item in page if not unless.has_marked(Digest.of(item, self.job.key)))
