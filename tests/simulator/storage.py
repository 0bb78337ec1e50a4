"""Where a table keeps its items: in the order of a scan, which is that of a hash of the partition key.

Knows no table and no rule of DynamoDB but an item's size and its place.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.simulator.tables import Json

HASHES = 2**32  # the hash of a partition key is below this
Place = tuple[int, str]
"""Where an item stands: the hash of its partition key, and its whole key as JSON."""


@dataclass
class Made:
    """Items that a function makes of their number when somebody reads them: a million of them need no memory.

    They stand in the order of their numbers. Nobody can write into such a table.
    """

    count: int
    make: Callable[[int], Json]
    seen: dict[str, int] = field(default_factory=dict)  # the numbers of the keys that a page ended with

    def hash_of(self, number: int) -> int:
        """Where the item of that number stands."""
        return number * HASHES // self.count

    def size(self) -> int:
        """The bytes of all, as far as the first hundred tell."""
        first = min(self.count, 100)
        return sum(size_of(self.make(number)) for number in range(first)) * self.count // max(first, 1)


@dataclass
class Items:
    """The items, by key; shown short, because a call's effect is told by comparing two shows of a table."""

    by_key: dict[str, Json] = field(default_factory=dict)
    writes: int = 0
    written_bytes: int = 0
    made: Made | None = None  # in place of items that somebody wrote
    _order: list[Place] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{len(self)} items after {self.writes} writes>"

    def __len__(self) -> int:
        return len(self.by_key) + (self.made.count if self.made else 0)

    @property
    def bytes(self) -> int:
        """TableSizeBytes, at this moment."""
        return self.made.size() if self.made else self.written_bytes

    def put(self, place: Place, item: Json) -> None:
        """Write an item whole."""
        old = self.by_key.get(place[1])
        if old is None:
            bisect.insort(self._order, place)
        self.written_bytes += size_of(item) - (size_of(old) if old is not None else 0)
        self.by_key[place[1]] = item
        self.writes += 1

    def remove(self, place: Place) -> None:
        """Remove an item, if it is there."""
        old = self.by_key.pop(place[1], None)
        if old is not None:
            del self._order[bisect.bisect_left(self._order, place)]
            self.written_bytes -= size_of(old)
            self.writes += 1

    def scan(self, first: int, end: int, after: Place | None) -> Iterator[tuple[int, Json]]:
        """The items from hash `first` to before `end`, or of these what stands behind `after`.

        With each comes its hash, or its number where a function makes the items.
        """
        if self.made:
            yield from self._scan_made(self.made, first, end, after)
            return
        start = bisect.bisect_right(self._order, after if after is not None else (first, ""))
        stop = bisect.bisect_left(self._order, (end, ""))
        for place in self._order[start:stop]:
            yield place[0], self.by_key[place[1]]

    def _scan_made(self, made: Made, first: int, end: int, after: Place | None) -> Iterator[tuple[int, Json]]:
        start = -(-first * made.count // HASHES) if after is None else made.seen[after[1]] + 1
        stop = -(-end * made.count // HASHES)
        for number in range(start, stop):
            yield number, made.make(number)


def place_of(key: Json, partition: str) -> Place:
    """The place of a key; the partition key is the attribute of that name."""
    digest = hashlib.blake2b(json.dumps(key[partition]).encode(), digest_size=4).digest()
    return int.from_bytes(digest), json.dumps(key, sort_keys=True)


def size_of(item: Json) -> int:
    """An item's bytes, about as DynamoDB counts them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Json) -> int:
    kind, content = next(iter(value.items()))
    if kind in {"SS", "NS", "BS"}:
        return sum(_SIZES[kind[0]](member) for member in content)
    return _SIZES[kind](content)


_SIZES: Final[Mapping[str, Callable[[Any], int]]] = {
    "S": lambda text: len(text.encode()),
    "N": lambda number: len(number.strip("-").replace(".", "")) // 2 + 2,
    "B": lambda data: len(base64.b64decode(data)),
    "M": lambda members: 3 + len(members) + size_of(members),
    "L": lambda members: 3 + sum(1 + _value_size(member) for member in members),
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
}
