"""KeySchema and LocalSecondaryIndexes: only a new table can have others.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
docs/dynamodb.md#what-a-definition-may-hold
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dynatus_ci.table import phrases
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Effect, Risk, Step, Value
from dynatus_ci.table.validation import shapes
from dynatus_ci.table.validation.shapes import INDEX_NAME, Choice, Shape, Structure, Text

LOCAL = "LocalSecondaryIndexes"
KEY = ("KeySchema",)
KEY_SCHEMA = shapes.Sequence(
    Structure(
        {"AttributeName": Text(1, 255), "KeyType": Choice(("HASH", "RANGE"))},
        required=("AttributeName", "KeyType"),
    ),
    least=1,
    ordered=True,
)
PROJECTION = Structure(
    {
        "ProjectionType": Choice(("ALL", "KEYS_ONLY", "INCLUDE")),
        "NonKeyAttributes": shapes.Sequence(Text(1, 255), least=1, most=20),
    },
    required=("ProjectionType",),
)
INDEX: dict[str, Shape] = {"IndexName": INDEX_NAME, "KeySchema": KEY_SCHEMA, "Projection": PROJECTION}
"""What every index has."""
NONE: Value = {}
KEYED = frozenset({"KeySchema", "AttributeDefinitions"})


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


def key_phrase(value: Mapping[str, Value]) -> str:
    """The partition key's attributes, then the sort key's, with their types. Several of one kind are joined by `+`."""
    kinds = types(value.get("AttributeDefinitions") or [])
    named = ([e["AttributeName"] for e in value["KeySchema"] if e["KeyType"] == kind] for kind in ("HASH", "RANGE"))
    typed = (" + ".join(f"{phrases.attribute(name)} ({kinds.get(name, '?')})" for name in names) for names in named)
    return ", ".join(filter(None, typed))


def index_phrase(value: Mapping[str, Value]) -> str:
    """The key, the projection and the capacity of an index."""
    include = ", ".join(map(phrases.attribute, value["Projection"].get("NonKeyAttributes") or ()))
    warm = phrases.units(value.get("WarmThroughput"))
    return phrases.joined(
        key_phrase(value),
        f"{value['Projection']['ProjectionType']} {include}".rstrip(),
        phrases.units(value.get("ProvisionedThroughput")),
        phrases.at_most(value.get("OnDemandThroughput")),
        f"warm {warm}" if warm else "",
    )


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


class Key(Aspect):
    """The key, with the types of its attributes."""

    name = "KeySchema"
    title = "key"
    shape = KEY_SCHEMA
    phrased = KEYED
    fixed = True
    in_every_table = True

    def desired(self, definition: Mapping[str, Any]) -> Value:
        return keyed(definition[self.name], types(definition["AttributeDefinitions"]))

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return keyed(description[self.name], types(description.get("AttributeDefinitions") or []))

    def phrase(self, value: Mapping[str, Value]) -> str:
        return key_phrase(value)

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """A table that is missing is one difference, its key included."""
        desired = comparison.desired.at(KEY)
        if not comparison.creating and comparison.actual_at(KEY) != desired:
            yield comparison.difference(KEY, desired, effect=Effect.RECREATE, risk=Risk.DESTRUCTIVE)

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The table is made again; see `replacement`."""
        yield from ()


class LocalIndexes(Aspect):
    """Local secondary indexes by name."""

    name = LOCAL
    title = "local index"
    named = True
    shape = shapes.Sequence(Structure(INDEX, required=tuple(INDEX)))
    phrased = KEYED | {"Projection"}
    fixed = True
    in_every_table = True
    initial = NONE

    def desired(self, definition: Mapping[str, Any]) -> Value:
        return local_indexes(definition[self.name], types(definition["AttributeDefinitions"]))

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        kinds = types(description.get("AttributeDefinitions") or [])
        return local_indexes(description.get(self.name) or [], kinds)

    def phrase(self, value: Mapping[str, Value]) -> str:
        return index_phrase(value)

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """A table that is missing is one difference, its local indexes included."""
        if comparison.creating:
            return
        desired, actual = comparison.desired.at((LOCAL,)), comparison.actual_at((LOCAL,)) or {}
        for name in sorted({*desired, *actual}):
            if desired.get(name) != actual.get(name):
                path, value = (LOCAL, name), desired.get(name)
                yield comparison.difference(path, value, effect=Effect.RECREATE, risk=Risk.DESTRUCTIVE)

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The table is made again; see `replacement`."""
        yield from ()
