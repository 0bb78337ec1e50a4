"""A live table as an EDN definition, laid out as a person would write it: aligned, in AWS's names, nothing superfluous.

Pure: a `Table` in, a text out. What is written is read back by our own reader as the same values. Left out are
read-only members, settings at their initial value, limits of -1, warm throughput (AWS raises it by itself), tags of
AWS's own, and vector indexes, which are not managed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.definitions.edn import MOST_WHOLE
from dynatus_ci.table.aspects import ASPECTS, indexes, keys
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.aspects.replicas import REPLICA, Replicas
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.model import Table, Value, canonical

INSIGHTS = indexes.INSIGHTS.name
OVERRIDES = REPLICA.members.keys() - {"RegionName", indexes.GLOBAL}
UNWRITTEN = frozenset({"WarmThroughput"})
WIDTH = 120
"""Columns that a map or vector may fill before it is broken into lines."""
NEAR = len(":NonKeyAttributes")
"""Inside a table's map, a key longer than this stands out instead of pushing the values of the others away."""


def text(table: Table) -> str:
    """A live table as the text of a definition file.

    Args:
        table: As `normalise.actual` gives it, with every setting that was read.
    """
    return _written(definition(table), 0) + "\n"


def definition(table: Table) -> dict[str, Value]:
    """A live table as a definition: a map in CreateTable's shape, its members in the order that people use."""
    local = [_local(name, index) for name, index in sorted((table.at((keys.LOCAL,)) or {}).items())]
    global_ = [_global(name, index) for name, index in sorted(table.indexes().items())]
    return {
        "TableName": table.name,
        "KeySchema": table.at((*keys.KEY, "KeySchema")),
        "AttributeDefinitions": _attributes(table),
        "BillingMode": table.at(("BillingMode",)),
        **_capacity(table.values),
        **({keys.LOCAL: local} if local else {}),
        **({indexes.GLOBAL: global_} if global_ else {}),
        **dict(_settings(table)),
    }


# --- the parts of a definition ---------------------------------------------------------------------------------------


def _attributes(table: Table) -> list[dict[str, Value]]:
    """The attributes that keys use, in the order of their first use; emulators keep more."""
    local, global_ = table.at((keys.LOCAL,)) or {}, table.indexes()
    owners = [table.at(keys.KEY), *(group[name] for group in (local, global_) for name in sorted(group))]
    types = {name: kind for owner in owners for name, kind in keys.types(owner["AttributeDefinitions"]).items()}
    names = dict.fromkeys(element["AttributeName"] for owner in owners for element in owner["KeySchema"])
    return [{"AttributeName": name, "AttributeType": types[name]} for name in names]


def _capacity(owner: Mapping[str, Value]) -> dict[str, Value]:
    """The provisioned units, or the limits that are limits, of a table or an index."""
    units = owner.get("ProvisionedThroughput")
    limits = {member: most for member, most in (owner.get("OnDemandThroughput") or {}).items() if most != -1}
    return {
        **({"ProvisionedThroughput": units} if units else {}),
        **({"OnDemandThroughput": limits} if limits else {}),
    }


def _local(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    return {"IndexName": name, "KeySchema": index["KeySchema"], "Projection": index["Projection"]}


def _global(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    insights = index.get(INSIGHTS, indexes.INSIGHTS.initial)
    on = {INSIGHTS: insights} if insights != indexes.INSIGHTS.initial else {}
    return {**_local(name, index), **_capacity(index), **on}


def _settings(table: Table) -> Iterator[tuple[str, Value]]:
    """The settings that were read and are not what a new table has, in the shape that a file gives them."""
    shapes = {Tags.name: _tags, Policy.name: _policy, Replicas.name: _replicas}
    for aspect in ASPECTS:
        value = table.at((aspect.name,))
        if value is None or value == aspect.initial or aspect.name in UNWRITTEN:
            continue
        shaped = shapes[aspect.name](value) if aspect.name in shapes else value
        if shaped:
            yield aspect.name, shaped


def _tags(tags: Mapping[str, str]) -> Value:
    return [{"Key": key, "Value": value} for key, value in tags.items() if not key.lower().startswith("aws:")]


def _replicas(replicas: Mapping[str, Value]) -> Value:
    return [{"RegionName": region, **_replica(members)} for region, members in sorted(replicas.items())]


def _replica(members: Mapping[str, Value]) -> dict[str, Value]:
    """What a replica overrides; what it inherits is absent, and an index without overrides goes without saying."""
    own = {name: value for name, value in members.items() if name in OVERRIDES and not _unlimited(value)}
    inside = [
        {"IndexName": name, **overrides}
        for name, index in sorted((members.get(indexes.GLOBAL) or {}).items())
        if (overrides := {member: value for member, value in index.items() if not _unlimited(value)})
    ]
    return {**own, **({indexes.GLOBAL: inside} if inside else {})}


def _unlimited(value: Value) -> bool:
    return bool(value == {"MaxReadRequestUnits": -1})


def _policy(policy: Value) -> Value:
    """As a map; as JSON text where the file's own notation has no word for a value."""
    return policy if _plain(policy) else canonical(policy)


def _plain(value: Value) -> bool:
    if isinstance(value, Mapping):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < MOST_WHOLE)


# --- layout ----------------------------------------------------------------------------------------------------------


def _written(value: Value, column: int) -> str:
    """A value whose first character stands in a column: on one line where it is small, else one member a line."""
    if not isinstance(value, Mapping | list):
        return _atom(value)
    line = _line(value)
    if _simple(value) and column + len(line) <= WIDTH:
        return line
    margin = "\n" + " " * (column + 1)
    if isinstance(value, list):
        return f"[{margin.join(_written(item, column + 1) for item in value)}]"
    names = [_key(name) for name in value]
    width = max((len(name) for name in names if column == 0 or len(name) <= NEAR), default=0)
    labels = [f"{name.ljust(width)} " for name in names]
    members = zip(labels, value.values(), strict=True)
    return f"{{{margin.join(label + _written(item, column + 1 + len(label)) for label, item in members)}}}"


def _simple(value: Value) -> bool:
    """Whether a collection reads well on one line: a vector of scalars, or a map of those and of scalars."""
    if isinstance(value, list):
        return not any(isinstance(item, Mapping | list) for item in value)
    nested = [item for item in value.values() if isinstance(item, Mapping | list)]
    return all(isinstance(item, list) and _simple(item) for item in nested)


def _line(value: Value) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return f"{{{' '.join(f'{_key(name)} {_line(item)}' for name, item in value.items())}}}"
    return f"[{' '.join(map(_line, value))}]" if isinstance(value, list) else _atom(value)


def _key(name: str) -> str:
    """A keyword; a string where a policy's member is none, such as "aws:SourceArn"."""
    return f":{name}" if re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) else _string(name)


def _atom(value: Any) -> str:  # noqa: ANN401  # a scalar of a definition
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int) else _string(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Categories that would hide in the file, or reorder it for the eye."""


def _string(value: str) -> str:
    return f'"{"".join(_ESCAPES.get(character) or _shown(character) for character in value)}"'


def _shown(character: str) -> str:
    """The character; what cannot be seen as UTF-16 code units, as EDN counts them: two beyond the first plane."""
    if character == " " or unicodedata.category(character) not in _UNSEEN:
        return character
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))
