"""Names of settings, short phrases for their values, and a unified diff of what has no phrase. Pure.

Both sides of a difference are said here, so that a change reads `before → after`. A shape that is not known stays JSON.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dynatus_ci.report import text
from dynatus_ci.schema import keys
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.keys import LOCAL
from dynatus_ci.schema.model import Difference, Path, Value

_WIDTH = 96
_PLAIN_NAME = re.compile(r"[\w.:/-]+")
_NAMES = {
    "KeySchema": "key",
    "BillingMode": "billing mode",
    "ProvisionedThroughput": "capacity",
    "OnDemandThroughput": "on-demand limits",
    "WarmThroughput": "warm throughput",
    "StreamSpecification": "stream",
    "SSESpecification": "encryption",
    "TableClass": "table class",
    "DeletionProtectionEnabled": "deletion protection",
    "TimeToLiveSpecification": "time to live",
    "PointInTimeRecoverySpecification": "point-in-time recovery",
    "ContributorInsightsSpecification": "contributor insights",
    "ResourcePolicy": "resource policy",
    "KinesisStreamSpecification": "Kinesis stream",
}
OWNERS = {GLOBAL: "index", LOCAL: "local index", "Replicas": "replica", "Tags": "tag"}
"""What a setting of named members is made of."""
_UNITS = {
    "ReadCapacityUnits": "read",
    "WriteCapacityUnits": "write",
    "MaxReadRequestUnits": "read",
    "MaxWriteRequestUnits": "write",
    "ReadUnitsPerSecond": "read",
    "WriteUnitsPerSecond": "write",
}


def name(path: Path) -> str:
    """What a path is about, as a sentence: `stream`, or `index` and the index's name."""
    if not path:
        return "table"
    setting, *named = path
    if not named or setting not in OWNERS:
        return _NAMES.get(setting, text.code(" / ".join(path)))
    owner = f"{OWNERS[setting]} {text.code(named[0])}"
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


def diff(actual: Value, desired: Value) -> tuple[str, ...]:
    """Both values as a unified diff of lines of JSON, each with its sign, without hunk headers."""
    # Both are laid out alike: one member a line as soon as one of them needs more than a line.
    width = _WIDTH if all(len(_json(value)) <= _WIDTH for value in (actual, desired)) else 0
    signed = list(difflib.unified_diff(_laid_out(actual, width), _laid_out(desired, width), n=3, lineterm=""))[3:]
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
        return "on" if value else "off"
    if isinstance(value, str | int):
        return str(value) or '""'
    shape = _shape(path)
    if shape is None or not isinstance(value, Mapping) or not value.keys() <= shape.members:
        return None
    return shape.say(value)


def _shape(path: Path) -> _Shape | None:
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
    billing = [value.get("BillingMode", ""), _units(value.get("ProvisionedThroughput") or {})]
    return _parts(f"key {_key(key)}", " ".join(filter(None, billing)), _at_most(value))


def _index(value: Mapping[str, Value]) -> str:
    projection = value["Projection"]
    include = ", ".join(map(_attribute, projection.get("NonKeyAttributes") or ()))
    warm = _units(value.get("WarmThroughput") or {})
    return _parts(
        _key(value),
        f"{projection['ProjectionType']} {include}".rstrip(),
        _units(value.get("ProvisionedThroughput") or {}),
        _at_most(value),
        f"warm {warm}" if warm else "",
    )


def _key(value: Mapping[str, Value]) -> str:
    """The attributes with their types: the partition's, then the sort key's; several of one are joined by a plus."""
    types = keys.types(value.get("AttributeDefinitions") or [])
    named = ([e["AttributeName"] for e in value["KeySchema"] if e["KeyType"] == kind] for kind in ("HASH", "RANGE"))
    typed = (" + ".join(f"{_attribute(name)} ({types.get(name, '?')})" for name in names) for names in named)
    return ", ".join(filter(None, typed))


def _units(value: Mapping[str, Value]) -> str:
    said = ((value[member], word) for member, word in _UNITS.items() if member in value)
    return ", ".join(f"{'unlimited' if units == -1 else f'{units:,}'} {word}" for units, word in said)


def _at_most(value: Mapping[str, Value]) -> str:
    """The on-demand limits of a table or an index; empty where there is none."""
    limits = _units({member: units for member, units in (value.get("OnDemandThroughput") or {}).items() if units != -1})
    return f"at most {limits}" if limits else ""


def _expiry(value: Mapping[str, Value]) -> str:
    return f"by {_attribute(value['AttributeName'])}" if value["Enabled"] else "off"


def _encryption(value: Mapping[str, Value]) -> str:
    if not value["Enabled"]:
        return "AWS owned key"
    return f"KMS key {value['KMSMasterKeyId']}" if "KMSMasterKeyId" in value else "AWS managed key"


def _recovery(value: Mapping[str, Value]) -> str:
    days = value.get("RecoveryPeriodInDays")
    return ", ".join([_on(value["PointInTimeRecoveryEnabled"]), *([text.plural(days, "day")] if days else [])])


def _replica(value: Mapping[str, Value]) -> str:
    units = _units(value.get("ProvisionedThroughputOverride") or {})
    limits = _units(value.get("OnDemandThroughputOverride") or {})
    named = value.get(GLOBAL) or {}
    said = (
        value.get("TableClassOverride", ""),
        f"KMS key {value['KMSMasterKeyId']}" if "KMSMasterKeyId" in value else "",
        units,
        f"at most {limits}" if limits else "",
        *(f"index {one}: {_replica(overrides)}" for one, overrides in named.items()),
    )
    return _parts(*said) or "like the table"


def _switched(flag: str, detail: str) -> _Shape:
    """On or off, and the one thing that there is to say beside it."""
    return _Shape(
        frozenset({flag, detail}), lambda v: ", ".join([_on(v[flag]), *([str(v[detail])] if detail in v else [])])
    )


def _on(value: Value) -> str:
    return "on" if value else "off"


def _parts(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _attribute(name: str) -> str:
    """An attribute's name; quoted where it could be taken for more than a name."""
    return name if _PLAIN_NAME.fullmatch(name) else _json(name)


_KEYED = frozenset({"KeySchema", "AttributeDefinitions"})
_THROUGHPUT = frozenset({"ProvisionedThroughput", "OnDemandThroughput"})
_TABLE = _Shape(_KEYED | _THROUGHPUT | {LOCAL, "BillingMode"}, _table)
# The insights of an index are a setting of their own.
_INDEX = _Shape(_KEYED | _THROUGHPUT | {"Projection", "WarmThroughput", "ContributorInsightsSpecification"}, _index)
_SHAPES = {
    "KeySchema": _Shape(_KEYED, _key),
    "ProvisionedThroughput": _Shape(frozenset(_UNITS), _units),
    "OnDemandThroughput": _Shape(frozenset(_UNITS), _units),
    "WarmThroughput": _Shape(frozenset(_UNITS), lambda value: f"{_units(value)} a second"),
    "StreamSpecification": _switched("StreamEnabled", "StreamViewType"),
    "ContributorInsightsSpecification": _switched("Enabled", "Mode"),
    "TimeToLiveSpecification": _Shape(frozenset({"Enabled", "AttributeName"}), _expiry),
    "PointInTimeRecoverySpecification": _Shape(
        frozenset({"PointInTimeRecoveryEnabled", "RecoveryPeriodInDays"}), _recovery
    ),
    "SSESpecification": _Shape(frozenset({"Enabled", "SSEType", "KMSMasterKeyId"}), _encryption),
    "KinesisStreamSpecification": _Shape(
        frozenset({"StreamArn", "ApproximateCreationDateTimePrecision"}), lambda value: ", ".join(value.values())
    ),
    "Replicas": _Shape(
        frozenset(
            {"KMSMasterKeyId", "TableClassOverride", "ProvisionedThroughputOverride", "OnDemandThroughputOverride"}
            | {GLOBAL}
        ),
        _replica,
    ),
}


# --- JSON ------------------------------------------------------------------------------------------------------------


def _laid_out(value: Value, width: int) -> list[str]:
    return [] if value is None else list(_lines(value, indent="", before="", after="", width=width))


def _lines(value: Value, *, indent: str, before: str, after: str, width: int = _WIDTH) -> Iterator[str]:
    """A value as lines of JSON, in which what fits into one line stays in one."""
    whole = f"{indent}{before}{_json(value)}{after}"
    if len(whole) <= width or not isinstance(value, dict | list | tuple):
        yield whole
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    members = (
        [(f"{_json(key)}: ", value[key]) for key in value] if isinstance(value, dict) else [("", v) for v in value]
    )
    yield f"{indent}{before}{opening}"
    for number, (name, member) in enumerate(members, start=1):
        comma = "," if number < len(members) else ""
        yield from _lines(member, indent=indent + "  ", before=name, after=comma)
    yield f"{indent}{closing}{after}"


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)
