"""Copying the items of a table into another one: check, copy, compare. Each part can be stopped and begun again.

An item is put only if there is none with its key, so nothing that an application wrote is overwritten. The items pass
through memory, a few pages at a time. They are never logged or shown.
docs/dynamodb.md#copying-items
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, TypeAlias

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.table import emulators, fit, items
from dynatus_ci.table.aspects.keys import KEY
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.item_checks import Check, Extent, Misfit
from dynatus_ci.table.items import Digest, Digests, Item, Match
from dynatus_ci.table.model import Path
from dynatus_ci.table.origins import copy_from, copying
from dynatus_ci.table.origins.copying import Compared, CopyJob, Tally
from dynatus_ci.text import code, codes

_Insert: TypeAlias = tuple[Item, dict[str, Any]]
"""An item, and the statement that puts it."""

THREADS = 8
MOST_IN_PAGE = 1_000
"""Items. As Python objects they take about twenty times the memory that they have on the wire."""
PARTIQL = "PartiQL"
"""What `Aws.remember_unsupported` remembers of an endpoint that does not know BatchExecuteStatement."""
MOST_FAILURES = 8
"""How often a call without an answer is sent again. A copy can send each call again: it puts only what is not there."""
SHORTEST_DELAY, LONGEST_DELAY = 0.05, 5.0
_ALREADY = frozenset({"DuplicateItem", "ConditionalCheckFailed"})
_NOT_TAKEN = "ValidationError"
"""AWS does not take a statement. It may be the item, or a name that PartiQL does not know: PutItem tells them apart."""
_REFUSALS = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
_AGAIN = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
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
class Copier:
    """One copy.

    Args:
        aws: The connection.
        job: What is copied where.
        now: Seconds since the epoch.
        pause: Lets so many seconds pass.
        check_time: Raises where the run must end. It is called before each call.
        on_progress: Called after each page with what is done ("checked", "copied", "compared"), and to how many items.
        on_answer: Called after each call: with what AWS said where that must be sent again, else with nothing.
    """

    aws: Aws
    job: CopyJob
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    check_time: Callable[[], None] = lambda: None
    on_progress: Callable[[str, int], None] = lambda _what, _count: None
    on_answer: Callable[[str], None] = lambda _text: None
    tally: Tally = field(default_factory=Tally)
    _pace: CopyPace = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _broken: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._pace = CopyPace(self.job.rate)

    def is_empty(self) -> bool:
        """Whether the new table has no item."""
        return not any(page["Items"] for page in self._pages(self.job.target, ConsistentRead=True, Limit=1))

    def count(self) -> int:
        """How many items the new table has, by a scan."""
        before = self.tally.read
        self._scan(self.job.target, lambda _: None, "counted", ConsistentRead=True, Select="COUNT")
        return self.tally.read - before

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
        self._scan(job.source, look, "checked", **shown)
        keys.sort()
        misfits[KEY, Misfit.DUPLICATE] = keys.repeated()
        counted = {question: misfits[question.path[1:], question.reason] for question in asked}
        return fit.checks(asked, Answers(Extent.ALL, count, counted))

    def copy(self, *, unless: Digests | None = None) -> None:
        """Put each item of the source that the new table does not have.

        Args:
            unless: What a comparison has found: an item that is marked there is not sent again.
        """
        self._scan(self.job.source, lambda page: self._put(self._new(page, unless)), "copied")

    def compare(self) -> tuple[Compared, Digests]:
        """Scan both tables, and compare every item. What the new table has is marked in the digests of the source."""
        source, different, new = self.digests(), 0, 0

        def mark(page: Sequence[Item]) -> None:
            nonlocal different, new
            digests = [Digest.of(item, self.job.key) for item in page]
            with self._lock:
                found = Counter(source.mark(digest) for digest in digests)
                different, new = different + found[Match.DIFFERENT], new + found[Match.NONE]

        self._scan(self.job.target, mark, "compared", ConsistentRead=True)
        return Compared(source.count, source.unmarked(), different, new), source

    def digests(self) -> Digests:
        """The digests of all items of the source, ready to be looked up in."""
        source = Digests()

        def add(page: Sequence[Item]) -> None:
            digests = [Digest.of(item, self.job.key) for item in page]
            with self._lock:
                source.add(digests)

        self._scan(self.job.source, add, "read to compare", ConsistentRead=True)
        source.sort()
        return source

    def remove_others(self, source: Digests) -> int:
        """Delete from the new table each item that differs from the source, or is not there. Returns their number.

        Only the items that the new table has are marked in the digests. Deleted ones are copied again.
        """
        before = self.tally.removed

        def look(page: Sequence[Item]) -> None:
            with self._lock:
                others = [item for item in page if not source.mark_same(Digest.of(item, self.job.key))]
                self.tally.removed += len(others)
            for batch in copying.batches(others, self.job.key):
                self._remove(batch)

        self._scan(self.job.target, look, "compared", ConsistentRead=True)
        return self.tally.removed - before

    # --- reading -----------------------------------------------------------------------------------------------------

    def _scan(self, table: str, take: Callable[[Sequence[Item]], None], what: str, **parameters: Any) -> None:
        """Scan a table in segments, several at a time. The first error ends all."""
        self._broken.clear()
        count = 0

        def segment(number: int) -> None:
            nonlocal count
            try:
                segment_of = {"Segment": number, "TotalSegments": self.job.segments, "Limit": MOST_IN_PAGE}
                for page in self._pages(table, **segment_of, **parameters):
                    take(page.get("Items", ()))
                    if self._broken.is_set():
                        return
                    with self._lock:
                        count += page["Count"]
                    self.on_progress(what, count)
            except BaseException:
                self._broken.set()
                raise

        with ThreadPoolExecutor(max_workers=min(THREADS, self.job.segments)) as pool:
            running = [pool.submit(segment, number) for number in range(self.job.segments)]
            ended, _ = wait(running, return_when=FIRST_EXCEPTION)
            for future in running if any(one.exception() for one in ended) else ():
                future.cancel()
        for future in ended:
            future.result()

    def _pages(self, table: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._call("Scan", 0, table=table, TableName=table, **parameters)
            with self._lock:
                self.tally.read += answer["Count"]
                self.tally.read_units += _units(answer)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # --- writing -----------------------------------------------------------------------------------------------------

    def _new(self, page: Sequence[Item], unless: Digests | None) -> Iterator[Item]:
        if unless is None:
            yield from page
            return
        yield from (item for item in page if not unless.has_marked(Digest.of(item, self.job.key)))

    def _put(self, found: Iterable[Item]) -> None:
        for batch in copying.batches(found, self.job.key):
            if self._broken.is_set():
                return
            self._put_batch(batch)

    def _put_batch(self, batch: Sequence[Item]) -> None:
        inserts = [(item, copying.insert(self.job.target, item)) for item in batch]
        together = [(item, insert) for item, insert in inserts if insert is not None]
        if self._knows_partiql() and self._insert_all(together):
            inserts = [(item, insert) for item, insert in inserts if insert is None]
        for item, _ in inserts:
            self._put_item(item)

    def _insert_all(self, sent: Sequence[_Insert]) -> bool:
        """Put some items in batches; False where the endpoint does not know how."""
        while sent:
            try:
                sent = self._insert(sent)
            except CallFailed as failed:
                self.aws.remember_unsupported_after(failed, PARTIQL)
                return False
        return True

    def _knows_partiql(self) -> bool:
        return PARTIQL not in self.aws.unsupported and self.aws.emulator not in emulators.WITHOUT_PARTIQL

    def _insert(self, sent: Sequence[_Insert]) -> list[_Insert]:
        """Put some items; the answer is those that must be sent again."""
        statements = [insert for _, insert in sent]
        answer = self._call("BatchExecuteStatement", len(sent), table=self.job.target, Statements=statements)
        again: list[_Insert] = []
        written = 0
        for pair, response in zip(sent, answer["Responses"], strict=True):
            error = response.get("Error", {})
            reason = error.get("Code")
            if reason in _AGAIN:
                again.append(pair)
            elif reason is None:
                written += 1
            elif reason == _NOT_TAKEN:
                self._put_item(pair[0])
            elif reason not in _ALREADY:
                raise self._refused("BatchExecuteStatement", str(reason))
        self._wrote(written, answer)
        if again:
            refused = codes(sorted(_AGAIN & {one.get("Error", {}).get("Code") for one in answer["Responses"]}))
            self.on_answer(f"BatchExecuteStatement of table {code(self.job.target)} has {refused} for some items")
            self._pace.throttled()
            self.check_time()
        return again

    def _put_item(self, item: Item) -> None:
        name, target = self.job.key[0], self.job.target
        condition = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": name},
        }
        try:
            answer = self._call("PutItem", 1, table=target, TableName=target, Item=item, **condition)
        except CallFailed as failed:
            if failed.code in _REFUSALS:
                raise self._refused("PutItem", failed.code) from None
            if failed.code != "ConditionalCheckFailedException":
                raise
            self._wrote(0, {})
        else:
            self._wrote(1, answer)

    def _remove(self, batch: Sequence[Item]) -> None:
        """Delete some items, however often it takes: to delete one that is gone changes nothing."""
        target = self.job.target
        keys = [{name: item[name] for name in self.job.key} for item in batch]
        left = {target: [{"DeleteRequest": {"Key": key}} for key in keys]}
        while left:
            answer = self._call("BatchWriteItem", len(left[target]), table=target, RequestItems=left)
            self._wrote(0, answer)
            left = answer.get("UnprocessedItems") or {}
            if left:
                self._pace.throttled()
                self.check_time()

    def _wrote(self, count: int, answer: Any) -> None:
        with self._lock:
            self.tally.written += count
            self.tally.write_units += _units(answer)

    def _refused(self, operation: str, reason: str) -> CallFailed:
        """AWS refuses one item. Its text may quote the item, so it is not shown."""
        about = f"{operation} of table {code(self.job.target)}"
        denied = reason == "AccessDenied"
        return CallFailed(
            f"{about} failed: AWS refuses an item with {code(reason)}.",
            kind=ErrorKind.DENIED if denied else ErrorKind.PERMANENT,
            operation=operation,
            code=reason,
            table=self.job.target,
            missing_permission="dynamodb:PartiQLInsert" if denied else None,
            hint="Allow `dynamodb:PartiQLInsert` for these credentials." if denied else None,
        )

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call(self, operation: str, count: int, *, table: str, **parameters: Any) -> dict[str, Any]:
        """Make a call, as often as it takes: slower when it is throttled, a few times when it has no answer."""
        failures = 0
        while True:
            self.check_time()
            if (seconds := self._pace.turn(self.now(), count)) > 0:
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


def _units(answer: Any) -> float:
    """The capacity units that a call used; BatchExecuteStatement lists them by table."""
    consumed = answer.get("ConsumedCapacity") or []
    listed = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(one.get("CapacityUnits", 0) for one in listed))
