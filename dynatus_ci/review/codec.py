"""A record as the last line of a comment. GitHub does not show it, and we do not trust it.

A line counts as a record only if it decodes completely, and if the comment's first line is the marker of its scope.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from dynatus_ci.review.record import Entry, Record, Reviewed, Scope, Unfinished
from dynatus_ci.table.model import Risk, Value

COMMENT_BUDGET = 60_000
"""Characters of a comment (GitHub refuses more than 65,536; the rest is room for what a result adds to a record)."""

TEXT_BUDGET = 2_000
"""Characters of a comment that a record always leaves to its text."""

_RECORD = "<!-- dynatus-ci-record:1 {} -->"
_RECORD_LINE = re.compile(r"<!-- dynatus-ci-record:1 (\{.*\}) -->")
_LONGEST_BODY = 262_144
_UNSAFE_IN_COMMENT = re.compile("(?<=-)-|[<>&@#]")
_Listed = TypeVar("_Listed")


def fits_comment(record: Record) -> bool:
    """Whether a comment can hold the record and a text."""
    return len(encode(record)) <= COMMENT_BUDGET - TEXT_BUDGET


def remaining_characters(record: Record | None) -> int:
    """How many characters a comment's text may have, beside its marker and this record."""
    lines = [Scope().marker, *([encode(record)] if record else [])]
    return COMMENT_BUDGET - sum(len(line) + 1 for line in lines)


def shortened(record: Record, *, text: int = TEXT_BUDGET) -> Record:
    """The record, if a comment can hold it beside a text of so many characters; else a shorter one.

    What it says about older records may grow. If there is no room for that, all older records are closed, and need a
    new review.
    """
    if record.older is None or len(encode(record)) + text <= COMMENT_BUDGET:
        return record
    return replace(record, older={})


def compose(text: str, *, scope: Scope, record: Record | None) -> str:
    """A comment's body: the marker, the text, and the record if there is one."""
    return "\n".join([scope.marker, text.strip("\n"), *([encode(record)] if record else [])])


def with_record(body: str, record: Record) -> str:
    """A comment's body with another record as its last line."""
    lines = body.replace("\r\n", "\n").rstrip().split("\n")[:-1]
    record = shortened(record, text=sum(len(line) + 1 for line in lines))
    return "\n".join([*lines, encode(record)])


def encode(record: Record) -> str:
    """The record as an HTML comment of one line, without any character that has a meaning for GitHub."""
    document = {
        **{name: getattr(record.scope, name) for name in Scope.__slots__},
        "head": record.head,
        "fingerprint": record.fingerprint,
        "tables": _base64(b"".join(_pack(name, entry) for name, entry in record.tables.items())),
        **_encode_older(record.older),
    }
    text = json.dumps(document, separators=(",", ":"))
    return _RECORD.format(_UNSAFE_IN_COMMENT.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def decode(body: str) -> Record | None:
    """The record in a comment's body; None if there is none, or none of the scope in the first line."""
    if len(body) > _LONGEST_BODY:
        return None
    lines = [line.rstrip("\r") for line in body.rstrip().split("\n")]
    match = _RECORD_LINE.fullmatch(lines[-1])
    try:
        record = _record(json.loads(match[1])) if match else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if record and lines[0] == record.scope.marker else None


# A table in a record: the hash of its name, flags, the hash of its TableId if that is known, then for each kind of its
# differences (safe, disruptive, destructive, an index that goes) their number and their ids. So 3,000 differences of
# 1,000 tables with TableIds take less than 60,000 characters. JSON would take twice as many.
_KINDS = ((Risk.SAFE, False), (Risk.DISRUPTIVE, False), (Risk.DESTRUCTIVE, False), (Risk.DESTRUCTIVE, True))
_IDENTIFIED = 1 << 4
_CLOSED = 1 << 5  # Version 0.1 wrote it: all of the table is closed.
_LONG = 0xFF  # A number of two bytes follows.


def _pack(name: str, entry: Entry) -> bytes:
    kinds = [
        [id_ + (reviewed.index or "") for id_, reviewed in entry.differences.items() if _kind(reviewed) == kind]
        for kind in _KINDS
    ]
    flags = sum(1 << number for number, kind in enumerate(kinds) if kind)
    flags |= _IDENTIFIED if entry.table_id else 0
    counted = [_number(len(kind)) + bytes.fromhex("".join(sorted(kind))) for kind in kinds if kind]
    return bytes.fromhex(name) + bytes([flags]) + bytes.fromhex(entry.table_id or "") + b"".join(counted)


def _kind(reviewed: Reviewed) -> tuple[Risk, bool]:
    return reviewed.risk, reviewed.index is not None


def _number(value: int) -> bytes:
    return bytes([value]) if value < _LONG else bytes([_LONG]) + value.to_bytes(2)


class _Packed:
    """Reads packed bytes one after the other, and never beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("the record ends too early")
        self._at += count
        return taken

    def name(self) -> str:
        return self.take(6).hex()

    def hash(self) -> str:
        return self.take(8).hex()

    def number(self) -> int:
        value = self.take(1)[0]
        return value if value < _LONG else int.from_bytes(self.take(2))

    def ids(self) -> frozenset[str]:
        return frozenset(_once((self.hash(), None) for _ in range(self.number())))


def _unpack(packed: _Packed) -> Iterator[tuple[str, Entry | None]]:
    """Tables and what is open of them; None if nothing is."""
    while packed:
        name, flags = packed.name(), packed.take(1)[0]
        if flags >= _CLOSED << 1:
            raise ValueError("unknown flags")
        table_id = packed.hash() if flags & _IDENTIFIED else None
        differences = [
            (packed.hash(), Reviewed(risk, packed.hash() if index else None))
            for number, (risk, index) in enumerate(_KINDS)
            if flags & 1 << number
            for _ in range(packed.number())
        ]
        yield name, None if flags & _CLOSED else Entry(_once(differences), table_id)


def _once(pairs: Iterable[tuple[str, _Listed]]) -> dict[str, _Listed]:
    listed = list(pairs)
    unique = dict(listed)
    if len(unique) < len(listed):
        raise ValueError("something is in the record twice")
    return unique


def _record(document: dict[str, Any]) -> Record:
    tables = _once(_unpack(_packed(document["tables"])))
    return Record(
        scope=Scope(**{name: _text(document[name], optional=name != "path") for name in Scope.__slots__}),
        head=_text(document["head"]),
        fingerprint=_text(document["fingerprint"], optional=False),
        tables={name: entry for name, entry in tables.items() if entry},
        older=_older(document),
    )


# What older records still have open: "left" are tables of which everything is open, "open" differences of other tables.
# Version 0.1 wrote only "left", and marked a table that was closed by a flag.


def _encode_older(older: Unfinished | None) -> dict[str, str | None]:
    if older is None:
        return {"left": None}
    some = [
        bytes.fromhex(name) + _number(len(ids)) + bytes.fromhex("".join(sorted(ids)))
        for name, ids in sorted(older.items())
        if ids is not None
    ]
    whole = sorted(name for name, ids in older.items() if ids is None)
    return {"left": _base64(bytes.fromhex("".join(whole))), "open": _base64(b"".join(some))}


def _older(document: dict[str, Any]) -> Unfinished | None:
    if document["left"] is None:
        return None
    some = _all(document.get("open", ""), lambda packed: (packed.name(), packed.ids()))
    whole = _all(document["left"], lambda packed: (packed.name(), None))
    return _once([*some, *whole])


def _all(text: str, take: Callable[[_Packed], _Listed]) -> Iterator[_Listed]:
    packed = _packed(text)
    while packed:
        yield take(packed)


def _packed(text: str) -> _Packed:
    return _Packed(base64.b64decode(text, validate=True))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(value: Value, *, optional: bool = True) -> Value:
    if not isinstance(value, str) and not (optional and value is None):
        raise ValueError("not a text")
    return value
