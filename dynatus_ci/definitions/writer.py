"""Writes an actual table as an EDN definition, aligned as a person would write it.

The loader reads the same values back. Left out are read-only members, aspects with their initial value, limits of -1,
warm throughput (AWS raises it by itself), tags of AWS and of dynatus itself, and vector indexes, which dynatus does not
manage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.definitions.nodes import MOST_WHOLE
from dynatus_ci.table.aspects import ASPECTS, indexes, keys, targets
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.model import Table, Value, canonical, limits

INSIGHTS = indexes.INSIGHTS.name
UNWRITTEN = frozenset({"WarmThroughput"})
WIDTH = 120
"""The longest line of a map or vector; a longer one has one member on each line."""
NEAR = len(":NonKeyAttributes")
"""Values are aligned behind keys of at most this length. A longer key would move all of them away."""


def text(table: Table) -> str:
    """An actual table as the text of a definition file.

    Args:
        table: The table from `build.actual`, with all aspects that were read.
    """
    return _written(definition(table), 0) + "\n"


def definition(table: Table) -> dict[str, Value]:
    """An actual table as a definition: a map in CreateTable's shape, with its members in the usual order."""
    local = [keys.local_parameters(name, index) for name, index in sorted((table.at((keys.LOCAL,)) or {}).items())]
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


# --- parts of a definition --------------------------------------------------------------------------------------------


def _attributes(table: Table) -> list[dict[str, Value]]:
    """The attributes that keys use, in the order of their first use. Emulators keep unused ones, too."""
    local, global_ = table.at((keys.LOCAL,)) or {}, table.indexes()
    owners = [table.at(keys.KEY), *(group[name] for group in (local, global_) for name in sorted(group))]
    types = {name: kind for owner in owners for name, kind in keys.types(owner["AttributeDefinitions"]).items()}
    names = dict.fromkeys(element["AttributeName"] for owner in owners for element in owner["KeySchema"])
    return [{"AttributeName": name, "AttributeType": types[name]} for name in names]


def _capacity(owner: Mapping[str, Value]) -> dict[str, Value]:
    """The provisioned units, or the limits, of a table or an index, and how the units scale."""
    throughput = {
        "ProvisionedThroughput": owner.get("ProvisionedThroughput"),
        "OnDemandThroughput": limits(owner.get("OnDemandThroughput")),
    }
    scaling = {name: owner.get(name) for name in targets.UNITS if targets.sayable(owner.get(name))}
    return {member: value for member, value in {**throughput, **scaling}.items() if value}


def _global(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    insights = index.get(INSIGHTS, indexes.INSIGHTS.initial)
    on = {INSIGHTS: insights} if insights != indexes.INSIGHTS.initial else {}
    return {**keys.local_parameters(name, index), **_capacity(index), **on}


def _settings(table: Table) -> Iterator[tuple[str, Value]]:
    """The aspects that were read and differ from those of a new table, in the shape that a file has."""
    for aspect in ASPECTS:
        value = table.at((aspect.name,))
        beside = aspect.of_table or aspect.name in targets.UNITS  # written with the table's own members
        if value is None or value == aspect.initial or aspect.name in UNWRITTEN or beside:
            continue
        written = aspect.written(value)
        if written != []:
            yield aspect.name, _policy(written) if aspect.name == Policy.name else written


def _policy(policy: Value) -> Value:
    """The policy as a map, or as JSON text if EDN cannot express one of its values."""
    return policy if _plain(policy) else canonical(policy)


def _plain(value: Value) -> bool:
    if isinstance(value, Mapping):
        return all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < MOST_WHOLE)


# --- layout ----------------------------------------------------------------------------------------------------------


def _written(value: Value, column: int) -> str:
    """A value that starts at a column: on one line if it is simple and fits, else with one member on each line."""
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
    """Whether a collection reads well on one line: a vector of scalars, or a map of scalars and such vectors."""
    if isinstance(value, list):
        return not any(isinstance(item, Mapping | list) for item in value)
    nested = [item for item in value.values() if isinstance(item, Mapping | list)]
    return all(isinstance(item, list) and _simple(item) for item in nested)


def _line(value: Value) -> str:
    if isinstance(value, Mapping):
        return f"{{{' '.join(f'{_key(name)} {_line(item)}' for name, item in value.items())}}}"
    return f"[{' '.join(map(_line, value))}]" if isinstance(value, list) else _atom(value)


def _key(name: str) -> str:
    """A keyword, or a string for a policy's member that cannot be a keyword, such as "aws:SourceArn"."""
    return f":{name}" if re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) else _string(name)


def _atom(value: Any) -> str:  # noqa: ANN401  # a scalar of a definition
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else _string(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def _string(value: str) -> str:
    return f'"{"".join(_ESCAPES.get(character) or _shown(character) for character in value)}"'


def _shown(character: str) -> str:
    """The character. An invisible one is escaped as UTF-16 code units, as EDN does: two beyond the first plane."""
    if character.isprintable():
        return character
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))
