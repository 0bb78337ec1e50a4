"""The shapes that members of a definition may have, and the one walk that holds any value to them.

Knows types, not meanings: what DynamoDB refuses about well-shaped values is in `rules` and in the settings. A key in
another spelling has a finding, and the walk goes on under the member that was meant (`dialects` says which).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from dynatus_ci.table.model import Value
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.dialects import Dialect, Reading
from dynatus_ci.table.validation.findings import At, Finding
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
from dynatus_ci.text import quoted, shorten

MOST_FINDINGS = 100
"""In one definition; a file that is no definition at all would otherwise say the same thing thousands of times."""

POLICY_DEPTH = 64
INT64 = 2**63

UNMANAGED: Mapping[str, str] = {
    "VectorIndexes": "Leave it out: vector indexes of a live table are never touched.",
    "GlobalTableSourceArn": "Make the replica of another account's table there, and leave this out.",
    "GlobalTableSettingsReplicationMode": "Leave it out: a live table keeps its mode.",
    "MultiRegionConsistency": "Leave it out: strong consistency is chosen when a global table is made.",
    "GlobalTableWitnesses": "Leave it out: a witness is chosen when a global table is made.",
    "DisassociationProtectionEnabled": "Leave it out: a live table keeps it.",
}
"""What DynamoDB has and this product leaves alone, and what to do about it."""

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
"""What only DescribeTable's answers have, and what a definition has in its place."""


# --- the walk --------------------------------------------------------------------------------------------------------


class Unknown:
    """Stands for a value of which the rules can say nothing, because something else was found already."""


INVALID = Unknown()
"""There is a value, and it has a finding; or, in what is to be checked, a fault of its file."""
UNSURE = Unknown()
"""There is none, and that was found; or it may stand under a key that nobody knows."""


def known(holder: Mapping[str, Any], member: str) -> Value:
    """A member's value; None where it is absent or unknown."""
    value = holder.get(member)
    return None if isinstance(value, Unknown) else value


def whole(value: Value) -> bool:
    """Whether nothing in a value is unknown."""
    if isinstance(value, Mapping):
        return all(map(whole, value.values()))
    if isinstance(value, list):
        return all(map(whole, value))
    return not isinstance(value, Unknown)


def whole_items(items: Value) -> Iterator[tuple[int, Any]]:
    """The members of a vector in which nothing is unknown, with their numbers."""
    yield from ((number, item) for number, item in enumerate(items or ()) if whole(item))


class TooManyFindings(Exception):
    """The walk has found as much as anybody reads."""


Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the walk is, and what it has found so far.

    Args:
        path: The way here, by the members' own names.
        findings: What was found.
        written: Path → the steps that the file has in place of its last one, where that is in another spelling.
        dialect: The tool whose names the definition has.
    """

    path: Path = ()
    findings: list[Finding] = field(default_factory=list)
    written: dict[Path, Path] = field(default_factory=dict)
    dialect: Dialect | None = None

    def inside(self, step: str | int) -> Cursor:
        """The spot of a member."""
        return replace(self, path=(*self.path, step))

    def refuse(self, code: str, message: str, *, hint: str | None = None, at: At = At.VALUE) -> Unknown:
        """Note what is wrong here."""
        self.findings.append(Finding(self.path, code, message, hint, at))
        if len(self.findings) >= MOST_FINDINGS:
            raise TooManyFindings
        return INVALID

    @property
    def member(self) -> str:
        """The member, as a sentence begins with it."""
        names = [step for step in self.path if isinstance(step, str)]
        if not names:
            return "The table"
        return f"A member of :{shorten(names[-1])}" if isinstance(self.path[-1], int) else f":{shorten(names[-1])}"


class Shape(Protocol):
    """What may stand in one place."""

    def parse(self, value: Value, spot: Cursor) -> Value:
        """The value as plain, normalised data; REFUSED, with a finding at the spot, where it does not fit."""


def _parse_value(value: Value, spot: Cursor, *, shape: Shape) -> Value:
    """What a shape makes of a value; one that has a fault already is not looked at again."""
    if isinstance(value, Unknown):
        return value
    return _refuse_function(value, spot) if dialects.function(value) else shape.parse(value, spot)


# --- the kinds of shapes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    least: int = 0
    most: int | None = None
    pattern: str | None = None

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        if not is_text(value):
            return self._no_text(value, spot)
        if not self._fits(value):
            message = f"{spot.member} must be {self._wanted()}, not {kind(value)}."
            hint = None if isinstance(value, Parameter) else dialects.placeholder_hint(value)
            return spot.refuse("bad-text", message, hint=hint)
        return str(value)

    def _no_text(self, value: Value, spot: Cursor) -> Value:
        if isinstance(value, Keyword):
            return spot.refuse("keyword-for-text", f"{spot.member} is a keyword.", hint=f"Write {quoted(value)}.")
        if isinstance(value, Symbol):
            return spot.refuse("symbol-for-text", f"{spot.member} is a bare word.", hint=f"Write {quoted(value)}.")
        hint = f'Write "{shorten(str(value))}".' if is_whole(value) else None
        if not isinstance(value, Mapping) and listed(value) is None:
            hint = hint or "Write it in double quotes."
        return spot.refuse("wrong-type", f"{spot.member} must be a string, not {kind(value)}.", hint=hint)

    def _fits(self, text: str) -> bool:
        long_enough = self.least <= len(text) <= (len(text) if self.most is None else self.most)
        return long_enough and (self.pattern is None or re.fullmatch(self.pattern, text) is not None)

    def _wanted(self) -> str:
        length = f"{_between(self.least, self.most)} characters"
        return f"{length} of {self.pattern.rstrip('+')}" if self.pattern else f"{length} long"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words: a string as AWS spells it, or a keyword in any case with - or _."""

    words: tuple[str, ...]

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        word = value.upper().replace("-", "_") if isinstance(value, Keyword) else value
        if word in self.words and not isinstance(value, Symbol | Character):
            return str(word)
        article = "an" if spot.member[1:2] in "AEIOU" else "a"
        words = _either(quoted(word) for word in self.words)
        message = f"{self._shown(value)} is not {article} {spot.member}; use {words}."
        meant = None if isinstance(value, Parameter) or not isinstance(value, str) else dialects.word(value, self.words)
        return spot.refuse("unknown-value", message, hint=f'Did you mean "{meant}"?' if meant else None)

    @staticmethod
    def _shown(value: Value) -> str:
        words = quoted(value) if is_text(value) and not isinstance(value, Parameter) else kind(value)
        return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = -INT64
    most: int = INT64 - 1

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        number = _digits(value) if isinstance(value, Parameter) else value
        if number is None or not is_whole(number):
            return self._no_number(value, spot)
        if not self.least <= number <= self.most:
            message = f"{spot.member} must be {_between(self.least, self.most)}, not {kind(value)}."
            return spot.refuse("out-of-range", message)
        return number

    def _no_number(self, value: Value, spot: Cursor) -> Value:
        if isinstance(value, Parameter):
            message = f"{spot.member} must be a whole number; {kind(value)} is not one."
            return spot.refuse("parameter-type", message)
        if is_text(value) and _digits(value) is not None:
            return spot.refuse("quoted-number", f"{spot.member} is a number in quotes.", hint=f"Write {value}.")
        hint = f"Write {int(value)}." if isinstance(value, float) and abs(value) < INT64 else None
        return spot.refuse("wrong-type", f"{spot.member} must be a whole number, not {kind(value)}.", hint=hint)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    only: bool | None = None

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        words = {"true": True, "false": False}
        flag = words.get(value) if isinstance(value, Parameter) else value
        if not isinstance(flag, bool):
            meant = isinstance(value, str) and not isinstance(value, Parameter) and value.lower() in words
            hint = f"Write {value.lower()}." if meant else None
            return spot.refuse("wrong-type", f"{spot.member} must be true or false, not {kind(value)}.", hint=hint)
        if self.only is not None and flag is not self.only:
            message = f"{spot.member} can only be {str(self.only).lower()}."
            return spot.refuse("unknown-value", message, hint="Leave it out instead.")
        return flag


@dataclass(frozen=True, slots=True)
class Sequence:
    """A vector or list; also a set, where order means nothing."""

    item: Shape
    least: int = 0
    most: int | None = None
    ordered: bool = False

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        items = listed(value)
        if items is None or (self.ordered and isinstance(value, Unordered | set | frozenset)):
            return self._no_vector(value, spot)
        fits = self.least <= len(items) <= (len(items) if self.most is None else self.most)
        if not fits:
            wanted = f"must have {_between(self.least, self.most)} members, not {len(items)}"
            spot.refuse("wrong-length", f"{spot.member} {wanted if items else 'is empty'}.")
        taken = [self._parse_item(item, spot.inside(number)) for number, item in enumerate(items)]
        return taken if fits else INVALID

    def _no_vector(self, value: Value, spot: Cursor) -> Value:
        inner = self.item if isinstance(self.item, Structure) else None
        example = f"{{{' '.join(f':{member} …' for member in inner.required)}}}" if inner else '"…"'
        message = f"{spot.member} must be a vector, not {kind(value)}."
        spot.refuse("wrong-type", message, hint=f"Write it as [{example} …].")
        if inner and isinstance(value, Mapping) and inner.members.keys() & value.keys():
            spot.written[(*spot.path, 0)] = ()
            return [inner.parse(value, spot.inside(0))]
        return INVALID

    def _parse_item(self, item: Value, spot: Cursor) -> Value:
        if item is None:
            return spot.refuse("nil-in-vector", f"{spot.member} is nil.", hint="Leave it out.")
        return _parse_value(item, spot, shape=self.item)


@dataclass(frozen=True, slots=True)
class Structure:
    """A map with known members. nil counts as absent."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    advice: str | None = None
    """What to say of a key that is none of these, where listing them would not help."""

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`. Members that do not fit, and those that are missing, are there as unknown."""
        if not isinstance(value, Mapping):
            return spot.refuse("wrong-type", f"{spot.member} must be a map, not {kind(value)}.", hint=self._keys())
        given = {key: value[key] for key in value if key in self.members and value[key] is not None}
        given |= self._respelt(value, given, spot)
        taken = {key: _parse_value(item, spot.inside(key), shape=self.members[key]) for key, item in given.items()}
        for key in self.required:
            if key not in taken:
                taken[key] = UNSURE
                spot.refuse("missing-key", f"{spot.member} lacks :{key}.", hint=self._addition(key), at=At.OPENER)
        if any(self._hides(key, value[key], spot) for key in value):
            taken |= dict.fromkeys(self.members.keys() - taken.keys(), UNSURE)
        return taken

    def _addition(self, key: str) -> str | None:
        """What to add where a required member is missing, if there is only one thing that it can be."""
        return f"Add :{key} true." if isinstance(self.members[key], Flag) else None

    def _hides(self, key: Value, value: Value, spot: Cursor) -> bool:
        """Whether what stands under a key may be any member: nobody knows the key, and it holds something."""
        holds = isinstance(value, Mapping) or listed(value) is not None
        known = key in self.members or key in ANSWERED or key in UNMANAGED
        return holds and not known and dialects.read_key(key, self.members, spot.dialect).hint is None

    def _respelt(self, value: Mapping[Any, Any], given: Mapping[str, Value], spot: Cursor) -> dict[str, Value]:
        """Refuse the keys that no member has. Returns the values of those that were meant for a member."""
        unknown = [key for key in value if key not in self.members]
        answered = [key for key in unknown if key in ANSWERED]
        if answered:
            _refuse_answered(answered, spot)
        instead = (ANSWERED[key] for key in answered)
        found: dict[str, Value] = {member: UNSURE for member in instead if member and member in self.members}
        for key in unknown:
            reading = self._refuse_key(key, spot) if key not in ANSWERED else NO_READING
            if reading.member is None or reading.member in given or reading.member in found:
                continue
            found[reading.member] = value[key] if reading.same_shape else INVALID
            spot.written[(*spot.path, reading.member)] = (_step(key),)
        return {member: item for member, item in found.items() if item is not None}

    def _refuse_key(self, key: Value, spot: Cursor) -> Reading:
        reading = dialects.read_key(key, self.members, spot.dialect)
        hint = reading.hint or self._keys()
        if isinstance(key, OtherKey):
            spot.inside(key.written).refuse(
                "bad-key", f"{shorten(key.written)} is not a keyword.", hint=hint, at=At.KEY
            )
        elif not isinstance(key, str):
            spot.refuse("bad-key", f"A key of {spot.member} is {kind(key)}.", hint=self._keys(), at=At.OPENER)
        elif key in UNMANAGED:
            message = f":{key} is not managed yet."
            spot.inside(key).refuse("not-managed", message, hint=UNMANAGED[key], at=At.KEY)
            return NO_READING
        else:
            spot.inside(key).refuse("unknown-key", f"Unknown key :{shorten(key)}.", hint=hint, at=At.KEY)
        return reading

    def _keys(self) -> str:
        return self.advice or f"Its keys are {_either((f':{member}' for member in self.members), word='and')}."


NO_READING = Reading(None, None)


def _refuse_function(value: Mapping[Any, Any], spot: Cursor) -> Unknown:
    """A function of CloudFormation stands in place of a value."""
    name = shorten(dialects.function(value) or "")
    message = f"{spot.member} is CloudFormation's function {name}, which nothing here evaluates."
    return spot.refuse("cloudformation-function", message, hint=dialects.function_hint(value))


def _refuse_answered(keys: list[str], spot: Cursor) -> None:
    """The members that only DynamoDB's answers have, as one finding."""
    instead = [f":{ANSWERED[key]} for :{key}" for key in keys if ANSWERED[key]]
    hint = f"Leave them out; write {_either(instead, word='and')}." if instead else "Leave them out."
    listed = _either((f":{key}" for key in keys), word="and")
    message = f"Only DynamoDB's answers have {listed}."
    spot.inside(keys[0]).refuse("pasted-answer", message, hint=hint, at=At.KEY)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A resource policy: JSON text, or the same as a map. Empty means that there is to be none."""

    def parse(self, value: Value, spot: Cursor) -> Value:
        """See `Shape.parse`."""
        if isinstance(value, Mapping):
            wrapped = next((key for key in value if dialects.key_text(key) == "PolicyDocument"), None)
            return _json_object(value, spot) if wrapped is None else self._unwrapped(value, wrapped, spot)
        if not is_text(value):
            return spot.refuse("wrong-type", f"{spot.member} must be a map or a JSON text, not {kind(value)}.")
        return self._parse(value, spot) if value.strip() else {}

    def _unwrapped(self, value: Mapping[Any, Any], key: Value, spot: Cursor) -> Value:
        """What stands under CloudFormation's PolicyDocument."""
        spot.written[spot.path] = (*spot.written.get(spot.path, spot.path[-1:]), _step(key))
        message = f"{spot.member} has no PolicyDocument: that is CloudFormation's."
        hint = f"Write what stands under it as {spot.member} itself."
        spot.refuse("unknown-key", message, hint=hint, at=At.KEY)
        return self.parse(value[key], spot)

    def _parse(self, text: str, spot: Cursor) -> Value:
        try:
            policy = json.loads(text, object_pairs_hook=_json_members, parse_constant=_no_json)
        except (ValueError, RecursionError) as why:
            where = f" at its character {why.pos + 1}" if isinstance(why, json.JSONDecodeError) else ""
            twice = f": it names {quoted(why.name)} twice" if isinstance(why, _Twice) else ""
            return spot.refuse("bad-json", f"The text of {spot.member} cannot be read as JSON{where}{twice}.")
        if not isinstance(policy, dict) or _deeper_than(POLICY_DEPTH, policy):
            message = f"{spot.member} must be a JSON object, nested at most {POLICY_DEPTH} deep."
            return spot.refuse("bad-json", message)
        return policy


class _Twice(ValueError):
    """A JSON object names a member twice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _json_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no member may be named twice."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _Twice(name)
        members[name] = value
    return members


def _no_json(name: str) -> Value:
    """NaN and Infinity, which Python would take."""
    raise ValueError(name)


def _deeper_than(most: int, value: Value) -> bool:
    """Whether a JSON value is nested more deeply than so."""
    level = [value]
    for _ in range(most):
        level = [inner for item in level for inner in _nested(item)]
    return bool(level)


def _nested(value: Value) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _json(value: Value, spot: Cursor) -> Value:
    """A value of a policy's map as JSON data."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping):
        return _json_object(value, spot)
    items = listed(value)
    if items is not None:
        return [_json(item, spot.inside(number)) for number, item in enumerate(items)]
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return Text().parse(value, spot)


def _json_object(value: Mapping[Any, Any], spot: Cursor) -> Value:
    taken: dict[str, Any] = {}
    for key, item in value.items():
        name, step = dialects.key_text(key), _step(key)
        if name is None:
            return spot.refuse("bad-key", f"A key of {spot.member} is {kind(key)}.", hint="Write it as a string.")
        if name in taken:
            return spot.inside(step).refuse("duplicate-key", f"{quoted(name)} is here twice.", at=At.KEY)
        taken[name] = _json(item, spot.inside(step))
    return taken


def _step(key: Value) -> str:
    """The step of a path that leads to what stands under a key."""
    return key.written if isinstance(key, OtherKey) else str(key)


def _either(words: Iterable[str], word: str = "or") -> str:
    """Some words as a list in a sentence."""
    *others, last = words
    return f"{', '.join(others)} {word} {last}" if others else last


def _between(least: int, most: int | None) -> str:
    """A range in words."""
    return f"at least {least}" if most in {None, INT64 - 1} else f"{least} to {most}"


def _digits(text: str) -> int | None:
    """The whole number that a text is, in the strictest spelling."""
    return int(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,18})", text) else None


INDEX_NAME = Text(3, 255, "[a-zA-Z0-9_.-]+")
"""Of an index, in a table and in its replicas."""
