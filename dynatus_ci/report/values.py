"""Names and phrases of what the planner couples, those of the settings, and a diff of what has no phrase. Pure.

Both sides of a difference are said here, so that a change reads `before → after`. A shape that is not known stays JSON.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dynatus_ci.report import words
from dynatus_ci.schema import keys, phrases, settings
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.keys import LOCAL
from dynatus_ci.schema.model import Difference, Path, Value
from dynatus_ci.schema.settings import SETTINGS

_NAMES = {
    "KeySchema": "key",
    "BillingMode": "billing mode",
    "ProvisionedThroughput": "capacity",
    "OnDemandThroughput": "on-demand limits",
    **{setting.name: setting.title for setting in SETTINGS if not setting.named},
}
MEMBERS = {
    GLOBAL: "index",
    LOCAL: "local index",
    **{setting.name: setting.title for setting in SETTINGS if setting.named},
}
"""What a setting of named members is made of."""


def name(path: Path) -> str:
    """What a path is about, as a sentence: `stream`, or `index` and the index's name."""
    if not path:
        return "table"
    setting, *named = path
    if not named or setting not in MEMBERS:
        return _NAMES.get(setting, words.code(" / ".join(path)))
    owner = f"{MEMBERS[setting]} {words.code(named[0])}"
    return f"{owner} {name((named[1],))}" if named[1:] else owner


def sides(difference: Difference) -> tuple[dict[Path, str], dict[Path, str]] | None:
    """Both sides in phrases, by what each is about; None where a side has no phrase."""
    path, actual, desired = difference.path, difference.actual, difference.desired
    measured = path[:1] == (GLOBAL,) or path[-1:] in {("ProvisionedThroughput",), ("OnDemandThroughput",)}
    if measured and isinstance(actual, Mapping) and isinstance(desired, Mapping):
        # What the file leaves out is not compared, and stays.
        actual = {member: value for member, value in actual.items() if member in desired}
    before, after = _phrases(path, actual), _phrases(path, desired)
    return None if before is None or after is None else (before, after)


def change(difference: Difference) -> str:
    """From what to what, as a sentence; empty where a side is absent or has no phrase."""
    both = [side[difference.path] for side in sides(difference) or () if difference.path in side]
    return " → ".join(map(words.code, both)) if both[1:] else ""


def diff(actual: Value, desired: Value) -> tuple[str, ...]:
    """Both values as a unified diff of lines of JSON, each with its sign, without hunk headers."""
    before, after = ([] if side is None else _json(side, indent=2).split("\n") for side in (actual, desired))
    signed = list(difflib.unified_diff(before, after, n=3, lineterm=""))[3:]
    return tuple("  …" if line.startswith("@@") else line for line in signed)


# --- phrases ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shape:
    """The members that a phrase tells of. A value with any other has none: nothing is left out unsaid."""

    members: frozenset[str]
    say: Callable[[Mapping[str, Value]], str]


def _phrases(path: Path, value: Value) -> dict[Path, str] | None:
    """A value in phrases: one, and one more for each local index of a new table; empty where it is absent."""
    if value is None:
        return {}
    phrase = _phrase(path, value)
    if phrase is None:
        return None
    if path:
        return {path: phrase}
    types = {"AttributeDefinitions": value.get("AttributeDefinitions") or []}
    return {path: phrase, **{(LOCAL, one["IndexName"]): _index({**types, **one}) for one in value.get(LOCAL) or []}}


def _phrase(path: Path, value: Value) -> str | None:
    if isinstance(value, bool):
        return phrases.on(value)
    if isinstance(value, str | int):
        return str(value) or '""'
    shape = _shape(path)
    if shape is None or not isinstance(value, Mapping) or not value.keys() <= shape.members:
        return None
    return shape.say(value)


def _shape(path: Path) -> _Shape | None:
    setting = settings.of(path) or settings.of(path[2:])
    if setting:
        return _Shape(setting.said, setting.words) if setting.said else None
    match path:
        case ():
            return _TABLE
        case (("GlobalSecondaryIndexes" | "LocalSecondaryIndexes"), _):
            return _INDEX
        case (_, _, member):
            return _SHAPES.get(member)
    return _SHAPES.get(path[0])


def _table(value: Mapping[str, Value]) -> str:
    # A table that is deleted has its key with the types inside.
    key = value["KeySchema"] if isinstance(value["KeySchema"], Mapping) else value
    billing = [value.get("BillingMode", ""), phrases.units(value.get("ProvisionedThroughput"))]
    return phrases.joined(
        f"key {_key(key)}", " ".join(filter(None, billing)), phrases.at_most(value.get("OnDemandThroughput"))
    )


def _index(value: Mapping[str, Value]) -> str:
    projection = value["Projection"]
    include = ", ".join(map(phrases.attribute, projection.get("NonKeyAttributes") or ()))
    warm = phrases.units(value.get("WarmThroughput"))
    return phrases.joined(
        _key(value),
        f"{projection['ProjectionType']} {include}".rstrip(),
        phrases.units(value.get("ProvisionedThroughput")),
        phrases.at_most(value.get("OnDemandThroughput")),
        f"warm {warm}" if warm else "",
    )


def _key(value: Mapping[str, Value]) -> str:
    """The attributes with their types: the partition's, then the sort key's; several of one are joined by a plus."""
    types = keys.types(value.get("AttributeDefinitions") or [])
    named = ([e["AttributeName"] for e in value["KeySchema"] if e["KeyType"] == kind] for kind in ("HASH", "RANGE"))
    typed = (" + ".join(f"{phrases.attribute(name)} ({types.get(name, '?')})" for name in names) for names in named)
    return ", ".join(filter(None, typed))


_KEYED = frozenset({"KeySchema", "AttributeDefinitions"})
_THROUGHPUT = frozenset({"ProvisionedThroughput", "OnDemandThroughput"})
_TABLE = _Shape(_KEYED | _THROUGHPUT | {LOCAL, "BillingMode"}, _table)
# The insights of an index are a setting of their own.
_INDEX = _Shape(_KEYED | _THROUGHPUT | {"Projection", "WarmThroughput", "ContributorInsightsSpecification"}, _index)
_SHAPES = {
    "KeySchema": _Shape(_KEYED, _key),
    "ProvisionedThroughput": _Shape(frozenset(phrases.UNITS), phrases.units),
    "OnDemandThroughput": _Shape(frozenset(phrases.UNITS), phrases.units),
}


def _json(value: Value, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
