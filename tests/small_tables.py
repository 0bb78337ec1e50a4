"""Small tables as files define them, for tests that say what they are about; `strategies.py` draws random ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.strategies import NAME, ON_DEMAND, Definition


def definition(name: str, *key: str, attributes: Iterable[str] = (), **more: Any) -> Definition:
    """A table on demand by one or two attributes; `attributes` are those of its indexes. All are strings."""
    return {
        "TableName": name,
        "KeySchema": key_schema(*key),
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in dict.fromkeys([*key, *attributes])
        ],
        "BillingMode": ON_DEMAND,
        **more,
    }


def bare(**more: Any) -> Definition:
    """The table of `strategies.py`, by `pk`."""
    return definition(NAME, "pk", **more)


def indexed(*attributes: str, **more: Any) -> Definition:
    """The same with a global index by each of some attributes."""
    return bare(attributes=attributes, GlobalSecondaryIndexes=[*map(global_index, attributes)], **more)


def global_index(attribute: str, **more: Any) -> Definition:
    """An index `by-` that attribute, with all attributes in it; `more` members go before these."""
    return _index(attribute, key_schema(attribute), more)


def local_index(hash_key: str, attribute: str, **more: Any) -> Definition:
    """The same as a local index of a table that has that hash key."""
    return _index(attribute, key_schema(hash_key, attribute), more)


def key_schema(*names: str) -> list[dict[str, str]]:
    """A key of one or two attributes."""
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _index(attribute: str, key: list[dict[str, str]], more: Definition) -> Definition:
    return {"IndexName": f"by-{attribute}", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}, **more}
