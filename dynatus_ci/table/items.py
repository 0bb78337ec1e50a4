"""Items: how two of them are compared, and whether one fits a key.

An item is attribute → value with its type, such as `{"id": {"S": "a"}}`. Binary is bytes, as boto3's client gives it,
or base64, as the wire has it.
docs/dynamodb.md#items-and-new-indexes
"""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from enum import Enum
from itertools import groupby, pairwise
from typing import Any, TypeAlias

from dynatus_ci.table.aspects import keys
from dynatus_ci.table.item_checks import OF_KEYS, Misfit
from dynatus_ci.table.model import GLOBAL, Path, Table

Item: TypeAlias = Mapping[str, Mapping[str, Any]]

LONGEST = {"HASH": 2_048, "RANGE": 1_024}
"""Bytes of a key attribute.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-partition-sort-keys
"""
_NUMBERS = Context(prec=40)  # a number has up to 38 digits
_BUCKETS = 256


# --- values ----------------------------------------------------------------------------------------------------------


def normalised(value: Mapping[str, Any]) -> Any:  # any JSON value
    """A value as JSON, equal for equal values: numbers compare as numbers, and sets have no order."""
    ((kind, content),) = value.items()
    if kind == "N":
        return [kind, _number(content)]
    if kind == "B":
        return [kind, content if isinstance(content, str) else base64.b64encode(bytes(content)).decode()]
    if kind == "L":
        return [kind, [normalised(member) for member in content]]
    if kind == "M":
        return [kind, {name: normalised(member) for name, member in content.items()}]
    if kind in {"SS", "NS", "BS"}:
        return [kind, sorted(str(normalised({kind[0]: member})[1]) for member in content)]
    return [kind, content]


def _number(text: str) -> str:
    number = _NUMBERS.create_decimal(text)
    return str(number.normalize(_NUMBERS)) if number else str(Decimal(0))


@dataclass(frozen=True, slots=True)
class Digest:
    """An item in 16 bytes: 64 bits of a hash of its key, and 64 bits of one of the whole item."""

    key: int
    value: int

    @classmethod
    def of(cls, item: Item, key: Sequence[str]) -> Digest:
        """The digest of an item, by the attributes of a key that it has."""
        return cls(_hash(item, key), _hash(item, item))


def key_digest(item: Item, key: Sequence[str]) -> Digest:
    """A key in 128 bits. Two items with the same one have the same key."""
    whole = _bytes(item, key, 16)
    return Digest(int.from_bytes(whole[:8]), int.from_bytes(whole[8:]))


def _hash(item: Item, names: Iterable[str]) -> int:
    return int.from_bytes(_bytes(item, names, 8))


def _bytes(item: Item, names: Iterable[str], size: int) -> bytes:
    text = json.dumps({name: normalised(item[name]) for name in names if name in item}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


# --- many items ------------------------------------------------------------------------------------------------------


class Match(Enum):
    """What another table has in place of an item."""

    SAME = "the same item"
    DIFFERENT = "another item with the same key"
    NONE = "no item with this key"


class Digests:
    """The digests of a table's items: 16 bytes for each. Add all, sort once, then look up.

    Ten million items take 160 MB, and 10 MB for the marks.
    """

    def __init__(self) -> None:
        self._keys = [array("Q") for _ in range(_BUCKETS)]
        self._values = [array("Q") for _ in range(_BUCKETS)]
        self._found: list[bytearray] = []
        self.count = 0

    def add(self, digests: Iterable[Digest]) -> None:
        """Add some items."""
        for digest in digests:
            bucket = digest.key % _BUCKETS
            self._keys[bucket].append(digest.key)
            self._values[bucket].append(digest.value)
            self.count += 1

    def sort(self) -> None:
        """Make it ready to be looked up in. Each bucket is sorted by itself, so that this needs little memory."""
        for bucket in range(_BUCKETS):
            pairs = sorted(zip(self._keys[bucket], self._values[bucket], strict=True))
            self._keys[bucket] = array("Q", (key for key, _ in pairs))
            self._values[bucket] = array("Q", (value for _, value in pairs))
        self._found = [bytearray(len(keys)) for keys in self._keys]

    def repeated(self) -> int:
        """How many digests stand beside one that is equal."""
        return sum(
            before == after
            for bucket in zip(self._keys, self._values, strict=True)
            for before, after in pairwise(zip(*bucket, strict=True))
        )

    def mark(self, digest: Digest) -> Match:
        """Note that the other table has an item, and say how it compares."""
        bucket, places = digest.key % _BUCKETS, self._places(digest)
        for place in places:
            self._found[bucket][place] = True
        if not places:
            return Match.NONE
        return Match.SAME if self._value(digest, places[0]) == digest.value else Match.DIFFERENT

    def mark_same(self, digest: Digest) -> bool:
        """Note that the other table has an item just as it is here; False where it is not here, or not so."""
        same = [place for place in self._places(digest) if self._value(digest, place) == digest.value]
        for place in same:
            self._found[digest.key % _BUCKETS][place] = True
        return bool(same)

    def has_marked(self, digest: Digest) -> bool:
        """Whether an item with this key is here, and the other table has one with this key as well."""
        return any(self._found[digest.key % _BUCKETS][place] for place in self._places(digest))

    def unmarked(self) -> int:
        """How many items the other table does not have."""
        return sum(found.count(False) for found in self._found)

    def _value(self, digest: Digest, place: int) -> int:
        return self._values[digest.key % _BUCKETS][place]

    def _places(self, digest: Digest) -> list[int]:
        """Where an item is: the places of its key, or only those of the same item where there are any.

        Two keys may have one hash. So an item that is there must not stand for another one that is not.
        """
        bucket = digest.key % _BUCKETS
        sorted_keys, values = self._keys[bucket], self._values[bucket]
        places = list(range(bisect_left(sorted_keys, digest.key), bisect_right(sorted_keys, digest.key)))
        return [place for place in places if values[place] == digest.value] or places


# --- does an item fit? -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """An attribute of a key, and what a value must be to stand in it.

    Args:
        owner: The path of what has the key: the table's key, or an index.
        kind: Its type: S, N or B.
        longest: The most bytes of its value.
        needed: Whether every item must have it. An index leaves out the items that lack it.
        only_length: Whether all items are known to have it with the right type, and only its length is not known.
    """

    owner: Path
    name: str
    kind: str
    longest: int
    needed: bool
    only_length: bool = False

    def misfit(self, item: Item) -> Misfit | None:
        """Why the item cannot be there; None where it fits."""
        value = item.get(self.name)
        if value is None:
            return Misfit.MISSING if self.needed else None
        if self.kind not in value:
            return Misfit.TYPE
        if self.kind == "N":
            return None
        length = _length(self.kind, value[self.kind])
        if not length:
            return Misfit.EMPTY
        return Misfit.LENGTH if length > self.longest else None


def _length(kind: str, content: Any) -> int:
    """The bytes of a string, or of a binary value."""
    if kind == "S":
        return len(content.encode())
    return len(base64.b64decode(content)) if isinstance(content, str) else len(bytes(content))


def key_names(table: Table) -> tuple[str, ...]:
    """The attributes of a table's key, the partition key first."""
    return tuple(element["AttributeName"] for element in table.at(keys.KEY)["KeySchema"])


def key_attributes(table: Table) -> tuple[KeyAttribute, ...]:
    """All key attributes of a table and its indexes."""
    owners: dict[Path, Mapping[str, Any]] = {keys.KEY: table.at(keys.KEY)}
    for kind in (keys.LOCAL, GLOBAL):
        owners |= {(kind, name): index for name, index in (table.at((kind,)) or {}).items()}
    return tuple(
        KeyAttribute(
            owner=owner,
            name=element["AttributeName"],
            kind=str(keys.types(keyed["AttributeDefinitions"])[element["AttributeName"]]),
            longest=LONGEST[element["KeyType"]],
            needed=owner == keys.KEY,
        )
        for owner, keyed in owners.items()
        for element in keyed["KeySchema"]
    )


def unproven(source: Table, target: Table) -> tuple[KeyAttribute, ...]:
    """The key attributes of the new table that the items of another may not fit.

    A key of the other table proves that all its items fit. So does a local index, of the items that are in it. A global
    index proves nothing: it leaves out items that were there before it and do not fit.
    """
    known = [it for it in key_attributes(source) if it.owner[0] != GLOBAL]
    unknown = []
    for wanted in key_attributes(target):
        lengths = [it.longest for it in known if _proves(it, wanted)]
        if not any(wanted.kind == "N" or longest <= wanted.longest for longest in lengths):  # a number has no length
            unknown.append(replace(wanted, only_length=bool(lengths)))
    return tuple(unknown)


def _proves(known: KeyAttribute, wanted: KeyAttribute) -> bool:
    """Whether every item has an attribute that is wanted, with the right type, because it has one that is known."""
    same = (known.name, known.kind) == (wanted.name, wanted.kind)
    return same and (known.needed or not wanted.needed)


def misfits(item: Item, attributes: Iterable[KeyAttribute]) -> Iterator[tuple[Path, Misfit]]:
    """The keys that an item does not fit, each with one reason.

    Args:
        item: The item.
        attributes: Attributes of keys, those of one key together.
    """
    for owner, same in groupby(attributes, lambda attribute: attribute.owner):
        reasons = {attribute.misfit(item) for attribute in same}
        first = next((reason for reason in OF_KEYS if reason in reasons), None)
        if first:
            yield owner, first


def may_repeat(source: Table, target: Table) -> bool:
    """Whether two items of one table may have the same key in the other."""
    return not set(key_names(source)) <= set(key_names(target))
