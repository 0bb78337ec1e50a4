"""The shapes that members of a definition may have, and the one walk that holds any value to them.

Knows types, not meanings: what DynamoDB refuses about well-shaped values is in `rules` and in the settings.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dynatus_ci.schema.findings import At, Finding, quoted, shown
from dynatus_ci.schema.kinds import (
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
from dynatus_ci.schema.model import Value

MOST_FINDINGS = 100
"""In one definition; a file that is no definition at all would otherwise say the same thing thousands of times."""

SHORTEST_BEGINNING = 3
"""Letters by which a key may be taken for the beginning of a member: TimeToLive for TimeToLiveSpecification."""
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


class _Refused:
    """Stands for a value that has a finding, or, in what is to be checked, a fault of its file."""


REFUSED = _Refused()


class Enough(Exception):
    """The walk has found as much as anybody reads."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the walk is, and what it has found so far."""

    path: tuple[str | int, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def inside(self, step: str | int) -> Spot:
        """The spot of a member."""
        return Spot((*self.path, step), self.findings)

    def refuse(self, code: str, message: str, *, hint: str | None = None, at: At = At.VALUE) -> _Refused:
        """Note what is wrong here."""
        self.findings.append(Finding(self.path, code, message, hint, at))
        if len(self.findings) >= MOST_FINDINGS:
            raise Enough
        return REFUSED

    @property
    def member(self) -> str:
        """The member, as a sentence begins with it."""
        names = [step for step in self.path if isinstance(step, str)]
        if not names:
            return "The table"
        return f"A member of :{shown(names[-1])}" if isinstance(self.path[-1], int) else f":{shown(names[-1])}"

    def with_value(self, value: Value) -> str:
        """The member and its value, as a sentence begins with them; a parameter by its name only."""
        if isinstance(value, Parameter):
            return f"{self.member}, from the parameter {quoted(value.name)},"
        return f"{self.member}, {kind(value)},"


class Shape(Protocol):
    """What may stand in one place."""

    def take(self, value: Value, spot: Spot) -> Value:
        """The value as plain, normalised data; REFUSED, with a finding at the spot, where it does not fit."""


def _take(value: Value, spot: Spot, *, shape: Shape) -> Value:
    """What a shape makes of a value; one that has a fault already is not looked at again."""
    return REFUSED if value is REFUSED else shape.take(value, spot)


# --- the kinds of shapes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    least: int = 0
    most: int | None = None
    pattern: str | None = None

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        if not is_text(value):
            return self._no_text(value, spot)
        if not self._fits(value):
            return spot.refuse("bad-text", f"{spot.with_value(value)} must {self._wanted()}.")
        return str(value)

    def _no_text(self, value: Value, spot: Spot) -> Value:
        if isinstance(value, Keyword):
            return spot.refuse("keyword-for-text", f"{spot.member} is a keyword.", hint=f"Write {quoted(value)}.")
        if isinstance(value, Symbol):
            return spot.refuse("symbol-for-text", f"{spot.member} is a bare word.", hint=f"Write {quoted(value)}.")
        hint = f'Write "{shown(str(value))}".' if is_whole(value) else "Write it in double quotes."
        return spot.refuse("wrong-type", f"{spot.member} must be a string, not {kind(value)}.", hint=hint)

    def _fits(self, text: str) -> bool:
        long_enough = self.least <= len(text) <= (len(text) if self.most is None else self.most)
        return long_enough and (self.pattern is None or re.fullmatch(self.pattern, text) is not None)

    def _wanted(self) -> str:
        length = f"be {_between(self.least, self.most)} characters long"
        return f"{length} and hold only the characters {self.pattern.rstrip('+')}" if self.pattern else length


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words: a string as AWS spells it, or a keyword in any case with - or _."""

    words: tuple[str, ...]

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        word = value.upper().replace("-", "_") if isinstance(value, Keyword) else value
        if word in self.words and not isinstance(value, Symbol | Character):
            return str(word)
        message = f"{spot.with_value(value)} must be {_either(quoted(word) for word in self.words)}."
        hint = None if isinstance(value, Parameter) else self._hint(value)
        return spot.refuse("unknown-value", message, hint=hint)

    def _hint(self, value: Value) -> str | None:
        """The word that was meant, if it is near one."""
        folded = str(value)[:64].upper().replace("-", "_") if isinstance(value, str) else ""
        near = difflib.get_close_matches(folded, self.words, n=1)
        return f'Did you mean "{near[0]}"?' if near else None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = -INT64
    most: int = INT64 - 1

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        number = _digits(value) if isinstance(value, Parameter) else value
        if number is None or not is_whole(number):
            return self._no_number(value, spot)
        if not self.least <= number <= self.most:
            message = f"{spot.with_value(value)} must be {_between(self.least, self.most)}."
            return spot.refuse("out-of-range", message)
        return number

    def _no_number(self, value: Value, spot: Spot) -> Value:
        if isinstance(value, Parameter):
            return spot.refuse("parameter-type", f"{spot.with_value(value)} must be a whole number.")
        if is_text(value) and _digits(value) is not None:
            return spot.refuse("quoted-number", f"{spot.member} is a number in quotes.", hint=f"Write {value}.")
        hint = f"Write {int(value)}." if isinstance(value, float) and abs(value) < INT64 else None
        return spot.refuse("wrong-type", f"{spot.member} must be a whole number, not {kind(value)}.", hint=hint)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    only: bool | None = None

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        words = {"true": True, "false": False}
        flag = words.get(value) if isinstance(value, Parameter) else value
        if not isinstance(flag, bool):
            meant = isinstance(value, str) and not isinstance(value, Parameter) and value.lower() in words
            hint = f"Write {value.lower()}." if meant else None
            return spot.refuse("wrong-type", f"{spot.with_value(value)} must be true or false.", hint=hint)
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

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        items = listed(value)
        if items is None or (self.ordered and isinstance(value, Unordered | set | frozenset)):
            example = "[{…} {…}]" if isinstance(self.item, Structure) else '["…" "…"]'
            message = f"{spot.member} must be a vector, not {kind(value)}."
            return spot.refuse("wrong-type", message, hint=f"Write it as {example}.")
        if not self.least <= len(items) <= (len(items) if self.most is None else self.most):
            wanted = f"must have {_between(self.least, self.most)} members, not {len(items)}"
            return spot.refuse("wrong-length", f"{spot.member} {wanted if items else 'is empty'}.")
        taken = [self._take_item(item, spot.inside(number)) for number, item in enumerate(items)]
        return REFUSED if REFUSED in taken else taken

    def _take_item(self, item: Value, spot: Spot) -> Value:
        if item is None:
            return spot.refuse("nil-in-vector", f"{spot.member} is nil.", hint="Leave it out.")
        return _take(item, spot, shape=self.item)


@dataclass(frozen=True, slots=True)
class Structure:
    """A map with known members. nil counts as absent."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    advice: str | None = None
    """What to say of a key that is none of these, where listing them would not help."""

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        if not isinstance(value, Mapping):
            return spot.refuse("wrong-type", f"{spot.member} must be a map, not {kind(value)}.", hint=self._keys())
        before = len(spot.findings)
        meant = self._refuse_keys(value, spot)
        known = {key: value[key] for key in value if key in self.members and value[key] is not None}
        taken = {key: _take(item, spot.inside(key), shape=self.members[key]) for key, item in known.items()}
        for key in self.required:
            if key not in known and key not in meant:
                spot.refuse("missing-key", f"{spot.member} lacks :{key}.", at=At.OPENER)
        if spot.path and (len(spot.findings) > before or REFUSED in taken.values()):
            return REFUSED
        return {key: item for key, item in taken.items() if item is not REFUSED}

    def _refuse_keys(self, value: Mapping[Any, Any], spot: Spot) -> set[str | None]:
        """Refuse the keys that no member has. Returns the members that they were meant for."""
        unknown = [key for key in value if key not in self.members]
        if unknown and not spot.path and _refuse_wrapper(value, spot):
            return set(self.members)
        answered = [key for key in unknown if key in ANSWERED]
        if answered:
            _refuse_answered(answered, spot)
        return {self._refuse_key(key, spot) for key in unknown if key not in ANSWERED} | {ANSWERED[k] for k in answered}

    def _refuse_key(self, key: Value, spot: Spot) -> str | None:
        meant = self._meant(key)
        if isinstance(key, OtherKey):
            hint = f"Write :{meant}." if meant else self._keys()
            spot.inside(key.written).refuse("bad-key", f"{shown(key.written)} is no keyword.", hint=hint, at=At.KEY)
        elif not isinstance(key, str):
            spot.refuse("bad-key", f"A key of {spot.member} is {kind(key)}.", hint=self._keys(), at=At.OPENER)
        elif key in UNMANAGED:
            message = f":{key} is not managed yet."
            spot.inside(key).refuse("not-managed", message, hint=UNMANAGED[key], at=At.KEY)
        else:
            hint = f"Did you mean :{meant}?" if meant else self._keys()
            spot.inside(key).refuse("unknown-key", f"Unknown key :{shown(key)}.", hint=hint, at=At.KEY)
        return meant

    def _meant(self, key: Value) -> str | None:
        """The member that a key was meant for: the same letters, or nearly so."""
        text = key.text if isinstance(key, OtherKey) else key
        if not isinstance(text, str) or len(text) > 2 * max(map(len, self.members)):
            return None
        letters = _letters(text.rpartition("/")[2])
        folded = {_letters(member): member for member in self.members}
        begun = [other for other in folded if other.startswith(letters)] if len(letters) >= SHORTEST_BEGINNING else []
        exact = [letters] if letters in folded else begun
        near = exact if len(exact) == 1 else difflib.get_close_matches(letters, folded, n=1, cutoff=0.75)
        return folded[near[0]] if near else None

    def _keys(self) -> str:
        return self.advice or f"Its keys are {_either((f':{member}' for member in self.members), word='and')}."


def _letters(text: str) -> str:
    """A name without what differs between spellings: key-schema, keySchema, KeySchema."""
    return re.sub(r"[-_:]", "", text).lower()


def _refuse_wrapper(value: Mapping[Any, Any], spot: Spot) -> bool:
    """Whether a whole request or answer stands in place of the table's own map."""
    if "op" in value and "request" in value:
        message = "This is a request, not a table."
        spot.inside("op").refuse("request-wrapper", message, hint="Write the map under :request alone.", at=At.KEY)
        return True
    for key in ("Table", "TableDescription"):
        if isinstance(value.get(key), Mapping):
            hint = f"Write the map under :{key} alone, without what DynamoDB adds."
            spot.inside(key).refuse("pasted-answer", "This is DynamoDB's answer, not a table.", hint=hint, at=At.KEY)
            return True
    return False


def _refuse_answered(keys: list[str], spot: Spot) -> None:
    """The members that only DynamoDB's answers have, as one finding."""
    instead = [f":{ANSWERED[key]} for :{key}" for key in keys if ANSWERED[key]]
    hint = f"Leave them out; write {_either(instead, word='and')}." if instead else "Leave them out."
    listed = _either((f":{key}" for key in keys), word="and")
    message = f"Only DynamoDB's answers have {listed}."
    spot.inside(keys[0]).refuse("pasted-answer", message, hint=hint, at=At.KEY)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A resource policy: JSON text, or the same as a map. Empty means that there is to be none."""

    def take(self, value: Value, spot: Spot) -> Value:
        """See `Shape.take`."""
        if isinstance(value, Mapping):
            return _json_object(value, spot)
        if not is_text(value):
            return spot.refuse("wrong-type", f"{spot.member} must be a map or a JSON text, not {kind(value)}.")
        return self._parse(value, spot) if value.strip() else {}

    def _parse(self, text: str, spot: Spot) -> Value:
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


def _json(value: Value, spot: Spot) -> Value:
    """A value of a policy's map as JSON data."""
    if value is REFUSED:
        return REFUSED
    if isinstance(value, Mapping):
        return _json_object(value, spot)
    items = listed(value)
    if items is not None:
        taken = [_json(item, spot.inside(number)) for number, item in enumerate(items)]
        return REFUSED if REFUSED in taken else taken
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return Text().take(value, spot)


def _json_object(value: Mapping[Any, Any], spot: Spot) -> Value:
    taken: dict[str, Any] = {}
    for key, item in value.items():
        name, step = (key.text, key.written) if isinstance(key, OtherKey) else (key, key)
        if not isinstance(name, str):
            return spot.refuse("bad-key", f"A key of {spot.member} is {kind(key)}.", hint="Write it as a string.")
        if name in taken:
            return spot.inside(step).refuse("duplicate-key", f"{quoted(name)} is here twice.", at=At.KEY)
        taken[name] = _json(item, spot.inside(step))
    return REFUSED if REFUSED in taken.values() else taken


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
