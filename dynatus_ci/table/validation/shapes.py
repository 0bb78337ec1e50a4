"""The shapes that members of a definition may have, and how a value is parsed by them.

A shape knows types only. What DynamoDB refuses about values of the right type is in `rules` and in the aspects. A key
in another spelling is a finding, and its value is parsed as the member that `dialects` takes it for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from dynatus_ci.table.model import Value
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.cursor import Cursor
from dynatus_ci.table.validation.dialects import Reading
from dynatus_ci.table.validation.findings import At
from dynatus_ci.table.validation.unknown import INVALID, UNSURE, Unknown
from dynatus_ci.table.validation.value_types import (
    Character,
    Keyword,
    OtherKey,
    Parameter,
    Symbol,
    Unordered,
    is_text,
    is_whole,
    kind,
    listed,
)
from dynatus_ci.text import code, quoted, series, shorten

INT64 = 2**63

UNMANAGED: Mapping[str, str] = {
    "VectorIndexes": "Leave it out: dynatus does not touch vector indexes.",
    "GlobalTableSourceArn": "Leave it out, and make the replica in the account that owns the table.",
    "GlobalTableSettingsReplicationMode": "Leave it out: the table keeps its mode.",
    "MultiRegionConsistency": "Leave it out: strong consistency is chosen when a global table is made.",
    "GlobalTableWitnesses": "Leave it out: a witness is chosen when a global table is made.",
    "DisassociationProtectionEnabled": "Leave it out: the table keeps its value.",
    "SeedCapacity": "Leave it out: `:ProvisionedThroughput` is what the table or index starts with.",
}
"""Members of DynamoDB that dynatus does not manage, and what to do instead."""

ANSWERED: Mapping[str, str | None] = {
    **dict.fromkeys(
        (
            "TableStatus", "TableArn", "TableId", "CreationDateTime", "ItemCount", "TableSizeBytes", "LatestStreamArn",
            "LatestStreamLabel", "IndexArn", "IndexStatus", "IndexSizeBytes", "Backfilling", "LastIncreaseDateTime",
            "LastDecreaseDateTime", "NumberOfDecreasesToday", "RestoreSummary", "ArchivalSummary",
            "GlobalTableVersion", "Status", "ReplicaStatus", "ReplicaArn", "ReplicaStatusDescription",
            "ReplicaStatusPercentProgress", "ReplicaInaccessibleDateTime",
        )
    ),
    "BillingModeSummary": "BillingMode",
    "TableClassSummary": "TableClass",
    "ReplicaTableClassSummary": "TableClassOverride",
    "SSEDescription": "SSESpecification",
    "TimeToLiveDescription": "TimeToLiveSpecification",
}  # fmt: skip
"""Members that only answers of DescribeTable have, and the member that a definition has instead."""


# --- parsing ----------------------------------------------------------------------------------------------------------


class Shape(Protocol):
    """What a member may be."""

    def parse(self, value: Value, cursor: Cursor) -> Value:
        """The value as plain, normalised data. INVALID, with a finding, if it does not fit."""


def _parse_value(value: Value, cursor: Cursor, *, shape: Shape) -> Value:
    """Parse a value by a shape, if it has no fault yet."""
    if isinstance(value, Unknown):
        return value
    return _refuse_function(value, cursor) if dialects.function(value) else shape.parse(value, cursor)


# --- shapes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    least: int = 0
    most: int | None = None
    pattern: str | None = None

    def parse(self, value: Value, cursor: Cursor) -> Value:
        if not is_text(value):
            return self._no_text(value, cursor)
        if not self._fits(value):
            message = f"{cursor.member} must be {self._wanted()}, not {kind(value)}."
            hint = None if isinstance(value, Parameter) else dialects.placeholder_hint(value)
            return cursor.refuse("bad-text", message, hint=hint)
        return str(value)

    def _no_text(self, value: Value, cursor: Cursor) -> Value:
        hint: str | None = f"Write {code(quoted(str(value)))}."
        if isinstance(value, Keyword):
            return cursor.refuse("keyword-for-text", f"{cursor.member} is a keyword.", hint=hint)
        if isinstance(value, Symbol):
            return cursor.refuse("symbol-for-text", f"{cursor.member} is a bare word.", hint=hint)
        if not is_whole(value):
            hint = None
        if not isinstance(value, Mapping) and listed(value) is None:
            hint = hint or "Write it in double quotes."
        return cursor.refuse("wrong-type", f"{cursor.member} must be a string, not {kind(value)}.", hint=hint)

    def _fits(self, text: str) -> bool:
        long_enough = self.least <= len(text) <= (len(text) if self.most is None else self.most)
        return long_enough and (self.pattern is None or re.fullmatch(self.pattern, text) is not None)

    def _wanted(self) -> str:
        length = f"{_between(self.least, self.most)} characters"
        return f"{length} of {code(self.pattern.rstrip('+'))}" if self.pattern else f"{length} long"


@dataclass(frozen=True, slots=True)
class TextOrMap:
    """A string, or a map that says more."""

    text: Text
    map: Structure

    def parse(self, value: Value, cursor: Cursor) -> Value:
        return (self.map if isinstance(value, Mapping) else self.text).parse(value, cursor)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words: a string in AWS's spelling, or a keyword in any case, with - or _."""

    words: tuple[str, ...]

    def parse(self, value: Value, cursor: Cursor) -> Value:
        word = value.upper().replace("-", "_") if isinstance(value, Keyword) else value
        if word in self.words and not isinstance(value, Symbol | Character):
            return str(word)
        article = "an" if cursor.member.strip("`:")[:1] in "AEIOU" else "a"
        words = series((code(quoted(word)) for word in self.words), "or")
        message = f"{self._shown(value)} is not {article} {cursor.member}; use {words}."
        meant = None if isinstance(value, Parameter) or not isinstance(value, str) else dialects.word(value, self.words)
        return cursor.refuse("unknown-value", message, hint=f"Did you mean {code(quoted(meant))}?" if meant else None)

    @staticmethod
    def _shown(value: Value) -> str:
        words = code(quoted(value)) if is_text(value) and not isinstance(value, Parameter) else kind(value)
        return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = -INT64
    most: int = INT64 - 1

    def parse(self, value: Value, cursor: Cursor) -> Value:
        number = _digits(value) if isinstance(value, Parameter) else value
        if number is None or not is_whole(number):
            return self._no_number(value, cursor)
        if not self.least <= number <= self.most:
            message = f"{cursor.member} must be {_between(self.least, self.most)}, not {kind(value)}."
            return cursor.refuse("out-of-range", message)
        return number

    def _no_number(self, value: Value, cursor: Cursor) -> Value:
        if isinstance(value, Parameter):
            message = f"{cursor.member} must be a whole number; {kind(value)} is not one."
            return cursor.refuse("parameter-type", message)
        if is_text(value) and _digits(value) is not None:
            message = f"{cursor.member} is a number in quotes."
            return cursor.refuse("quoted-number", message, hint=f"Write {code(value)}.")
        hint = f"Write {code(str(int(value)))}." if isinstance(value, float) and abs(value) < INT64 else None
        return cursor.refuse("wrong-type", f"{cursor.member} must be a whole number, not {kind(value)}.", hint=hint)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, with or without a fraction: 70 and 70.0 are one."""

    least: float
    most: float

    def parse(self, value: Value, cursor: Cursor) -> Value:
        number = _fraction(value) if isinstance(value, Parameter) else value
        if isinstance(number, bool) or not isinstance(number, int | float | Decimal) or not math.isfinite(number):
            if is_text(value) and not isinstance(value, Parameter) and _fraction(value) is not None:
                return cursor.refuse(
                    "quoted-number", f"{cursor.member} is a number in quotes.", hint=f"Write {code(value)}."
                )
            wrong = "parameter-type" if isinstance(value, Parameter) else "wrong-type"
            return cursor.refuse(wrong, f"{cursor.member} must be a number, not {kind(value)}.")
        if not self.least <= number <= self.most:
            written = kind(value) if isinstance(value, Parameter) else code(f"{number:g}")
            return cursor.refuse(
                "out-of-range", f"{cursor.member} must be {self.least:g} to {self.most:g}, not {written}."
            )
        return int(number) if number == int(number) else float(number)


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    only: bool | None = None

    def parse(self, value: Value, cursor: Cursor) -> Value:
        words = {"true": True, "false": False}
        flag = words.get(value) if isinstance(value, Parameter) else value
        if not isinstance(flag, bool):
            meant = isinstance(value, str) and not isinstance(value, Parameter) and value.lower() in words
            hint = f"Write `{value.lower()}`." if meant else None
            return cursor.refuse(
                "wrong-type", f"{cursor.member} must be `true` or `false`, not {kind(value)}.", hint=hint
            )
        if self.only is not None and flag is not self.only:
            message = f"{cursor.member} can only be `{str(self.only).lower()}`."
            return cursor.refuse("unknown-value", message, hint="Leave it out instead.")
        return flag


@dataclass(frozen=True, slots=True)
class Sequence:
    """A vector or list; also a set, where order means nothing."""

    item: Shape
    least: int = 0
    most: int | None = None
    ordered: bool = False

    def parse(self, value: Value, cursor: Cursor) -> Value:
        items = listed(value)
        if items is None or (self.ordered and isinstance(value, Unordered | set | frozenset)):
            return self._no_vector(value, cursor)
        fits = self.least <= len(items) <= (len(items) if self.most is None else self.most)
        if not fits:
            wanted = f"must have {_between(self.least, self.most)} members, not {len(items)}"
            cursor.refuse("wrong-length", f"{cursor.member} {wanted if items else 'is empty'}.")
        parsed = [self._parse_item(item, cursor.inside(number)) for number, item in enumerate(items)]
        return parsed if fits else INVALID

    def _no_vector(self, value: Value, cursor: Cursor) -> Value:
        inner = self.item if isinstance(self.item, Structure) else None
        example = f"{{{' '.join(f':{member} …' for member in inner.required)}}}" if inner else '"…"'
        message = f"{cursor.member} must be a vector, not {kind(value)}."
        cursor.refuse("wrong-type", message, hint=f"Write it as {code(f'[{example} …]')}.")
        if inner and isinstance(value, Mapping) and inner.members.keys() & value.keys():
            cursor.written[(*cursor.path, 0)] = ()
            return [inner.parse(value, cursor.inside(0))]
        return INVALID

    def _parse_item(self, item: Value, cursor: Cursor) -> Value:
        if item is None:
            return cursor.refuse("nil-in-vector", f"{cursor.member} is `nil`.", hint="Leave it out.")
        return _parse_value(item, cursor, shape=self.item)


@dataclass(frozen=True, slots=True)
class Structure:
    """A map with known members. A member that is nil is absent."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    advice: str | None = None
    """The hint for an unknown key, where a list of all members would not help."""

    def parse(self, value: Value, cursor: Cursor) -> Value:
        """Parse each member. Those that do not fit, and required ones that are missing, become unknown."""
        if not isinstance(value, Mapping):
            return cursor.refuse("wrong-type", f"{cursor.member} must be a map, not {kind(value)}.", hint=self._keys())
        given = {key: value[key] for key in value if key in self.members and value[key] is not None}
        unknown = [key for key in value if key not in self.members]
        if unknown:
            given |= self._respelt({key: value[key] for key in unknown}, given, cursor)
        if cursor.path and unknown and not given:  # what is missing may be there, under names that have an error
            return dict.fromkeys(self.members, UNSURE)
        parsed = {key: _parse_value(item, cursor.inside(key), shape=self.members[key]) for key, item in given.items()}
        for key in self.required:
            if key not in parsed:
                parsed[key] = UNSURE
                message = f"{cursor.member} has no `:{key}`."
                cursor.refuse("missing-key", message, hint=self._addition(key), at=At.OPENER)
        if any(self._hides(key, value[key], cursor) for key in unknown):
            parsed |= dict.fromkeys(self.members.keys() - parsed.keys(), UNSURE)
        return parsed

    def _addition(self, key: str) -> str | None:
        """What to add for a missing member, if only one value makes sense."""
        return f"Add `:{key} true`." if isinstance(self.members[key], Flag) else None

    def _hides(self, key: Value, value: Value, cursor: Cursor) -> bool:
        """Whether the value of an unknown key may be meant as any member."""
        holds = isinstance(value, Mapping) or listed(value) is not None
        known = key in ANSWERED or key in UNMANAGED
        return holds and not known and dialects.read_key(key, self.members, cursor.dialect).hint is None

    def _respelt(self, unknown: Mapping[Any, Any], given: Mapping[str, Value], cursor: Cursor) -> dict[str, Value]:
        """Refuse the unknown keys. Returns the values of those that were meant as a member."""
        answered = [key for key in unknown if key in ANSWERED]
        if answered:
            _refuse_answered(answered, cursor)
        instead = (ANSWERED[key] for key in answered)
        found: dict[str, Value] = {member: UNSURE for member in instead if member and member in self.members}
        for key in unknown:
            reading = self._refuse_key(key, cursor) if key not in ANSWERED else NO_READING
            if reading.member is None or reading.member in given or reading.member in found:
                continue
            found[reading.member] = unknown[key] if reading.same_shape else INVALID
            cursor.written[(*cursor.path, reading.member)] = (step(key),)
        return {member: item for member, item in found.items() if item is not None}

    def _refuse_key(self, key: Value, cursor: Cursor) -> Reading:
        reading = dialects.read_key(key, self.members, cursor.dialect)
        hint = reading.hint or self._keys()
        if isinstance(key, OtherKey):
            cursor.inside(key.written).refuse(
                "bad-key", f"{code(shorten(key.written))} is not a keyword.", hint=hint, at=At.KEY
            )
        elif not isinstance(key, str):
            cursor.refuse("bad-key", f"A key of {cursor.member} is {kind(key)}.", hint=self._keys(), at=At.OPENER)
        elif key in UNMANAGED:
            message = f"Dynatus does not manage `:{key}`."
            cursor.inside(key).refuse("not-managed", message, hint=UNMANAGED[key], at=At.KEY)
            return NO_READING
        else:
            cursor.inside(key).refuse("unknown-key", f"Unknown key {code(f':{shorten(key)}')}.", hint=hint, at=At.KEY)
        return reading

    def _keys(self) -> str:
        return self.advice or f"Its keys are {series(f'`:{member}`' for member in self.members)}."


NO_READING = Reading(None, None)


def _refuse_function(value: Mapping[Any, Any], cursor: Cursor) -> Unknown:
    name = code(shorten(dialects.function(value) or ""))
    message = f"{cursor.member} is CloudFormation's function {name}, which dynatus does not evaluate."
    return cursor.refuse("cloudformation-function", message, hint=dialects.function_hint(value))


def _refuse_answered(keys: list[str], cursor: Cursor) -> None:
    """Refuse the members that only DynamoDB's answers have, as one finding."""
    instead = [f"`:{ANSWERED[key]}` for `:{key}`" for key in keys if ANSWERED[key]]
    it, are = ("them", "are") if keys[1:] else ("it", "is")
    hint = f"Leave {it} out; write {series(instead)}." if instead else f"Leave {it} out."
    names = series(f"`:{key}`" for key in keys)
    message = f"{names} {are} output of `DescribeTable`. A definition cannot set {it}."
    cursor.inside(keys[0]).refuse("pasted-answer", message, hint=hint, at=At.KEY)


def step(key: Value) -> str:
    """The step of a path that a key of a definition makes."""
    return key.written if isinstance(key, OtherKey) else str(key)


def _between(least: int, most: int | None) -> str:
    return f"at least {least}" if most in {None, INT64 - 1} else f"{least} to {most}"


def _digits(text: str) -> int | None:
    """The whole number that a text is, in the only spelling that is allowed."""
    return int(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,18})", text) else None


def _fraction(text: str) -> float | None:
    """The number that a text is."""
    return float(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?", text) else None


INDEX_NAME = Text(3, 255, "[a-zA-Z0-9_.-]+")
