"""Reading a page of a table's items, and asking it each question by one more Scan of the same page.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.scan_budget import ScanPace
from dynatus_ci.table import fit, items
from dynatus_ci.table.fit import Filter, Question
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.items import Digest
from dynatus_ci.table.model import Path, Table, Value

ItemKey = Mapping[str, Value]
"""The key attributes of an item, as AWS writes them."""


@dataclass(slots=True)
class Page:
    """A page of one segment: where it begins, what was read of it, where the next one begins, and what that cost."""

    segment: int
    start: ItemKey | None
    scanned: int = 0
    following: ItemKey | None = None
    units: float = 0.0
    """Read units of the Scan call that read the page first."""
    used: float = 0.0
    """Read units of all Scan calls of the page."""
    misfits: Counter[Question] = field(default_factory=Counter)
    keys: dict[Question, list[ItemKey]] = field(default_factory=dict)
    digests: list[Digest] = field(default_factory=list)
    """Hashes of the new keys of its items."""


class PageReader:
    """Asks some questions of one page after another. Threads share it: what it finds out stands in the page.

    Args:
        aws: The connection.
        table: The live table.
        questions: What is asked.
        segments: In how many segments the table is read.
        pace: When a call may go out.
        wants_keys: Whether keys of items are still to be named for a part of the table.
    """

    def __init__(
        self,
        aws: Aws,
        table: Table,
        questions: Sequence[Question],
        *,
        segments: int,
        pace: ScanPace,
        wants_keys: Callable[[Path], bool],
    ) -> None:
        self._aws, self._name, self._segments, self._pace = aws, table.name, segments, pace
        self._groups = grouped(questions)
        self._repeats = repeats(questions)
        self._key = [element["AttributeName"] for element in table.at(("KeySchema", "KeySchema"))]
        self._wants_keys = wants_keys

    def read(self, page: Page, most_items: int | None) -> None:
        """Read a page, and ask each question whose answer it does not give.

        Raises:
            CallFailed: A scan failed. What the page has by then is not all.
        """
        for group in self._groups:
            self._ask_group(page, group, page.scanned or most_items)
            if not page.scanned:
                break
        if self._repeats and (page.scanned or not self._groups):
            self._read_new_keys(page, self._repeats, page.scanned or most_items)

    def _ask_group(self, page: Page, group: Sequence[Question], most_items: int | None) -> None:
        """Count the items that do not fit for any of some reasons; only if there are some, ask for each reason."""
        found = self._scan(page, fit.any_of(group) if group[1:] else fit.only(group[0]), most_items)
        left, one_part = found["Count"], len({question.path for question in group}) == 1
        for question in group:
            if not left:
                return
            count = left if not group[1:] else None
            if count is None or self._wants_keys(question.path):
                count = self._ask_one(page, question)
            page.misfits[question] += count
            left -= count if one_part else 0

    def _ask_one(self, page: Page, question: Question) -> int:
        if not self._wants_keys(question.path):
            return int(self._scan(page, fit.only(question), page.scanned)["Count"])
        found = self._scan(page, fit.only(question), page.scanned, shown=self._key)
        page.keys[question] = found["Items"]
        return int(found["Count"])

    def _read_new_keys(self, page: Page, question: Question, most_items: int | None) -> None:
        names = [test.attribute for test in question.tests]
        found = self._scan(page, None, most_items, shown=names)["Items"]
        whole = (item for item in found if all(name in item for name in names))
        page.digests.extend(items.key_digest(item, names) for item in whole)

    def _scan(
        self, page: Page, meant: Filter | None, most_items: int | None, *, shown: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        parameters = meant.parameters() if meant else {}
        if shown:
            names = {f"#k{number}": name for number, name in enumerate(shown)}
            parameters["ProjectionExpression"] = ", ".join(names)
            parameters["ExpressionAttributeNames"] = {**parameters.get("ExpressionAttributeNames", {}), **names}
        else:
            parameters["Select"] = "COUNT"
        if most_items is not None:
            parameters["Limit"] = most_items
        if page.start:
            parameters["ExclusiveStartKey"] = page.start
        where = {"TableName": self._name, "Segment": page.segment, "TotalSegments": self._segments}
        self._pace.wait()
        answer = self._aws.read("Scan", table=self._name, ReturnConsumedCapacity="TOTAL", **where, **parameters)
        units = (answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0.5)
        self._pace.used(units)
        page.used += units
        if not page.scanned:
            page.scanned, page.following, page.units = answer["ScannedCount"], answer.get("LastEvaluatedKey"), units
        return answer


def grouped(questions: Sequence[Question]) -> list[tuple[Question, ...]]:
    """The questions that a filter can ask, by those that one filter asks together."""
    return fit.grouped(question for question in questions if question.reason is not Misfit.DUPLICATE)


def repeats(questions: Sequence[Question]) -> Question | None:
    """The question whether two items have the same new key. No filter can ask it."""
    return next((question for question in questions if question.reason is Misfit.DUPLICATE), None)


def most_calls(questions: Sequence[Question]) -> int:
    """The most Scan calls that a page takes."""
    return len(grouped(questions)) + len(questions)
