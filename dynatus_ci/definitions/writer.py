"""Writes an actual table as a definition, in any format.

The loader reads the same values back. Left out are read-only members, aspects with their initial value, limits of -1,
warm throughput (AWS raises it by itself), tags of AWS and of dynatus itself, and vector indexes, which dynatus does not
manage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dynatus_ci.definitions.formats import EDN, Format
from dynatus_ci.definitions.nodes import MOST_WHOLE, is_tag
from dynatus_ci.table.aspects import ASPECTS, indexes, keys, targets
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.model import GLOBAL, Table, Value, canonical, finite_limits

INSIGHTS = indexes.INSIGHTS.name
UNWRITTEN = frozenset({"WarmThroughput"})


def text(table: Table, file_format: Format = EDN) -> str:
    """An actual table as the text of a definition file in a format.

    Args:
        table: The table from `build.actual`, with all aspects that were read.
        file_format: The format.
    """
    return file_format.write(definition(table)) + "\n"


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
        **({GLOBAL: global_} if global_ else {}),
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
        "OnDemandThroughput": finite_limits(owner.get("OnDemandThroughput")),
    }
    scaling = {name: owner.get(name) for name in targets.UNITS if targets.printable(owner.get(name))}
    return {member: value for member, value in {**throughput, **scaling}.items() if value}


def _global(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    insights = index.get(INSIGHTS, indexes.INSIGHTS.initial)
    on = {INSIGHTS: insights} if insights != indexes.INSIGHTS.initial else {}
    return {**keys.local_parameters(name, index), **_capacity(index), **on}


def _settings(table: Table) -> Iterator[tuple[str, Value]]:
    """The aspects that were read and differ from those of a new table, in the shape that a file has."""
    for aspect in ASPECTS:
        value = table.at((aspect.name,))
        beside = aspect.in_every_table or aspect.name in targets.UNITS  # written with the table's own members
        if value is None or value == aspect.initial or aspect.name in UNWRITTEN or beside:
            continue
        written = aspect.to_definition(value)
        if written != []:
            yield aspect.name, _policy(written) if aspect.name == Policy.name else written


def _policy(policy: Value) -> Value:
    """The policy as a map, or as JSON text if a format cannot express one of its values, or reads a tag."""
    return policy if _plain(policy) else canonical(policy)


def _plain(value: Value) -> bool:
    if isinstance(value, Mapping):
        return not any(map(is_tag, value)) and all(map(_plain, value.values()))
    if isinstance(value, list):
        return all(map(_plain, value))
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < MOST_WHOLE)
