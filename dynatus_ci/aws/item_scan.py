"""Reading all items of a table: it is scanned in segments, several at a time.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.ParallelScan
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any

from dynatus_ci.aws import item_calls
from dynatus_ci.aws.item_calls import ItemCalls
from dynatus_ci.table.items import Item

THREADS = 8
MOST_IN_PAGE = 1_000
"""Items. As Python objects they take about twenty times the memory that they have on the wire."""


class ItemScan:
    """Reads tables whole, and counts what it has read.

    Args:
        calls: Makes the calls.
        segments: In how many segments a table is read.
        on_progress: Called after each page with what is done, such as "copied", and to how many items.
    """

    def __init__(self, calls: ItemCalls, segments: int, on_progress: Callable[[str, int], None]) -> None:
        self._calls, self._segments, self._on_progress = calls, segments, on_progress
        self._failed = Event()
        self._lock = Lock()
        self.read, self.units = 0, 0.0

    @property
    def has_failed(self) -> bool:
        """Whether a segment has failed, so that the others need not go on."""
        return self._failed.is_set()

    def each_page(self, table: str, take: Callable[[Sequence[Item]], None], what: str, **parameters: Any) -> None:
        """Call `take` with the items of each page, from several threads. The first error ends all.

        Args:
            table: The table's name.
            take: Takes a page.
            what: What is done to the items, for `on_progress`.
            parameters: More parameters of Scan.

        Raises:
            CallFailed: A call did not succeed.
        """
        self._failed.clear()
        count = 0

        def segment(number: int) -> None:
            nonlocal count
            try:
                part = {"Segment": number, "TotalSegments": self._segments, "Limit": MOST_IN_PAGE}
                for page in self.pages(table, **part, **parameters):
                    take(page.get("Items", ()))
                    if self.has_failed:
                        return
                    with self._lock:
                        count += page["Count"]
                    self._on_progress(what, count)
            except BaseException:
                self._failed.set()
                raise

        with ThreadPoolExecutor(max_workers=min(THREADS, self._segments)) as pool:
            running = [pool.submit(segment, number) for number in range(self._segments)]
            ended, _ = wait(running, return_when=FIRST_EXCEPTION)
            for future in running if any(one.exception() for one in ended) else ():
                future.cancel()
        for future in ended:
            future.result()

    def pages(self, table: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The answers of Scan, one page after the other.

        Raises:
            CallFailed: A call did not succeed.
        """
        while True:
            answer = self._calls.make("Scan", table=table, TableName=table, **parameters)
            with self._lock:
                self.read += answer["Count"]
                self.units += item_calls.units(answer)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
