"""A copy of a table's items: what is sent, how long it takes, and what is said about it.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from dynatus_ci.table import items
from dynatus_ci.table.items import Item, KeyAttribute
from dynatus_ci.table.model import Table, TableInfo

MOST_IN_BATCH = 25
LONGEST_STATEMENT = 8_192
"""Characters. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementRequest.html"""
MOST_ITEMS_A_SECOND = 4_000
"""What one process copies, or compares with its copy, in a second at most (benchmarks/bench_copy.py): a fifth of
a millisecond of processor time for an item, and some for the network."""
ON_DEMAND = (12_000, 4_000)
"""Read and write units a second that a new on-demand table takes at once.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
"""
READ_UNIT, WRITE_UNIT = 4_096, 1_024
BYTES_OF_AN_ITEM = 17
"""What a comparison remembers of each item, in bytes of memory."""
LARGE = 20_000_000
"""Items. The comparison of a larger table takes more memory than a small machine has to spare."""
_SEGMENT_BYTES = 16 * 1024 * 1024
_SEGMENTS = (8, 1_000)


@dataclass(frozen=True, slots=True)
class CopyJob:
    """What is copied where.

    Args:
        source: The name of the table that is read.
        target: The name of the table that is filled.
        key: The attributes of the new table's key.
        unproven: The key attributes that an item of the source may not fit.
        may_repeat: Whether two items of the source may have the same key in the new table.
        segments: In how many segments a table is scanned.
        rate: The most items written in a second; None for no limit.
    """

    source: str
    target: str
    key: tuple[str, ...]
    unproven: tuple[KeyAttribute, ...] = ()
    may_repeat: bool = False
    segments: int = 1
    rate: int | None = None


def job(source: Table, target: Table, *, rate: int | None) -> CopyJob:
    """The copy of a live table into one with another definition."""
    return CopyJob(
        source=source.name,
        target=target.name,
        key=items.key_names(target),
        unproven=items.unproven(source, target),
        may_repeat=items.may_repeat(source, target),
        segments=segments(source.info.bytes if source.info else 0),
        rate=rate,
    )


# --- what is sent ----------------------------------------------------------------------------------------------------


def insert(table: str, item: Item) -> dict[str, Any] | None:
    """A PartiQL statement that puts an item if there is none with its key; None where its names are too long for one.

    Args:
        table: The table's name.
        item: The item. Each attribute is a parameter: DynamoDB Local takes no whole item as one.
    """
    names = ", ".join(f"'{_quoted(name)}': ?" for name in item)
    text = f'INSERT INTO "{table}" VALUE {{{names}}}'
    if len(text) > LONGEST_STATEMENT:
        return None
    return {"Statement": text, "Parameters": list(item.values())}


def _quoted(name: str) -> str:
    return name.replace("'", "''")


def batches(found: Iterable[Item], key: Sequence[str]) -> Iterator[list[Item]]:
    """Some items in batches, no key twice in one: AWS refuses a batch that has one twice.

    Args:
        found: The items.
        key: The attributes of the new table's key.
    """
    batch: list[Item] = []
    seen: set[items.Digest] = set()
    for item in found:
        digest = items.key_digest(item, key)
        if len(batch) == MOST_IN_BATCH or digest in seen:
            yield batch
            batch, seen = [], set()
        batch.append(item)
        seen.add(digest)
    if batch:
        yield batch


# --- how long it takes -----------------------------------------------------------------------------------------------


def segments(size: int) -> int:
    """In how many segments a table is scanned, by its size in bytes, which may be hours old."""
    least, most = _SEGMENTS
    return min(max(size // _SEGMENT_BYTES, least), most)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a copy takes, by what DescribeTable last counted: up to six hours ago.

    Args:
        write_units: Of the table; each index takes as much again for the items that are in it.
        seconds: For the capacity that both tables have.
    """

    items: int
    bytes: int
    read_units: int
    write_units: int
    seconds: int

    @property
    def memory(self) -> int:
        """Bytes of memory that the comparison takes."""
        return self.items * BYTES_OF_AN_ITEM


def estimate(source: Table, target: Table, *, checked: bool, rate: int | None = None) -> Estimate:
    """What it takes to copy a table.

    Args:
        source: The live table.
        target: The definition.
        checked: Whether its items are read once more before, to see whether they fit.
        rate: The most items a second.
    """
    info = source.info or TableInfo("", "", "")
    scan = ceil(info.bytes / READ_UNIT / 2)
    reads = scan * (2 if checked else 1) + 2 * scan  # the comparison is strongly consistent
    size = info.bytes / info.items if info.items else 0
    writes = info.items * max(1, ceil(size / WRITE_UNIT))
    read_rate, write_rate = _a_second(source, "Read", ON_DEMAND[0]), _a_second(target, "Write", ON_DEMAND[1])
    by_rate = info.items / min(rate or MOST_ITEMS_A_SECOND, MOST_ITEMS_A_SECOND)
    compared = info.items / MOST_ITEMS_A_SECOND
    seconds = max(reads / read_rate, writes / write_rate, by_rate + compared)
    return Estimate(info.items, info.bytes, reads + 2 * scan, writes, ceil(seconds))


def _a_second(table: Table, kind: str, on_demand: int) -> int:
    """The units that a table has in a second; `on_demand` is what one on demand takes at once."""
    units = table.at(("ProvisionedThroughput", f"{kind}CapacityUnits"))
    if table.provisioned and units:
        return int(units)
    limit = table.at(("OnDemandThroughput", f"Max{kind}RequestUnits")) or -1  # -1 is no limit
    return min(on_demand, limit) if limit > 0 else on_demand


# --- what was found --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """Two tables, item by item.

    Args:
        items: How many the source has.
        missing: How many of these the new table does not have.
        different: How many keys have another item there.
        only_new: How many items only the new table has.
    """

    items: int = 0
    missing: int = 0
    different: int = 0
    only_new: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What a copy did so far: items read, written and removed, and the capacity that it used."""

    read: int = 0
    written: int = 0
    removed: int = 0
    read_units: float = 0
    write_units: float = 0
