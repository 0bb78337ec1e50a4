"""Keys with their types, and what has no way to change but a new table: the key schema and the local indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.model import Difference, Effect, Risk, Value

LOCAL = "LocalSecondaryIndexes"
KEY = ("KeySchema",)


def types(definitions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """AttributeDefinitions as a mapping from name to type; their order has no meaning."""
    return {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}


def definitions(types_by_name: Mapping[str, str | None]) -> list[dict[str, Value]]:
    """A mapping from name to type as AttributeDefinitions, in name order."""
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(types_by_name.items())]


def keyed(key_schema: Sequence[Mapping[str, Any]], types_by_name: Mapping[str, str]) -> dict[str, Value]:
    """A key schema with the types of its attributes."""
    names = [element["AttributeName"] for element in key_schema]
    return {
        "KeySchema": [{"AttributeName": e["AttributeName"], "KeyType": e["KeyType"]} for e in key_schema],
        "AttributeDefinitions": definitions({name: types_by_name.get(name) for name in names}),
    }


def projection(value: Mapping[str, Any]) -> dict[str, Value]:
    """A projection with its attributes as a set, in order: AWS gives them back sorted."""
    attributes = value.get("NonKeyAttributes")
    names = {"NonKeyAttributes": sorted(set(attributes))} if attributes else {}
    return {"ProjectionType": value.get("ProjectionType"), **names}


def local_indexes(indexes: Sequence[Mapping[str, Any]], types_by_name: Mapping[str, str]) -> dict[str, Value]:
    """Local secondary indexes by name."""
    return {
        index["IndexName"]: {
            **keyed(index["KeySchema"], types_by_name),
            "Projection": projection(index["Projection"]),
        }
        for index in sorted(indexes, key=lambda index: str(index["IndexName"]))
    }


def local_parameters(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    """A local index in the form of CreateTable."""
    return {"IndexName": name, "KeySchema": index["KeySchema"], "Projection": index["Projection"]}


def differences(comparison: Comparison, *, risk: Risk) -> Iterator[Difference]:
    """What asks for a new table: another key, another type of it, other local indexes."""
    desired = comparison.desired.at(KEY)
    if comparison.actual_at(KEY) != desired:
        yield comparison.difference(KEY, desired, effect=Effect.RECREATE, risk=risk)
    if not comparison.desired.manages(LOCAL):
        return
    wanted, live = comparison.desired.at((LOCAL,)), comparison.actual_at((LOCAL,)) or {}
    for name in sorted({*wanted, *live}):
        if wanted.get(name) != live.get(name):
            yield comparison.difference((LOCAL, name), wanted.get(name), effect=Effect.RECREATE, risk=risk)
