"""What a plan document is made of: the members that a reader needs, and their types.

A shape is a type, a tuple of shapes of which one must hold, a list with the shape of its members, a dict with the
shapes of its members, or a function that gives the shape for a value. A name that ends with `?` may be left out:
documents of an older release lack it.
docs/architecture.md#documents
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from types import FunctionType
from typing import Any, TypeAlias

from dynatus_ci.text import code

DocumentShape: TypeAlias = Any
"""See above. `object` takes any value."""

_TEXT = (str, type(None))
_CHECK = {"path": [str], "reason": _TEXT, "read": str, "items": int, "misfits": int, "note": _TEXT}
_DIFFERENCE = {
    "id": str,
    "path": [str],
    "actual": object,
    "desired": object,
    "effect": str,
    "risk": str,
    "usage?": ({"read_units": int, "last": _TEXT}, type(None)),
}
_STEP = {
    "operation": str,
    "parameters": dict,
    "waits_for": _TEXT,
    "risk": str,
    "reason": str,
    "seconds": [(int, type(None))],
    "differences": [str],
}
_CHANGE = {
    "table": str,
    "action": _TEXT,
    "file": _TEXT,
    "line": (int, type(None)),
    "table_id": _TEXT,
    "differences": [_DIFFERENCE],
    "steps": [_STEP],
    "notes": [str],
    "checks?": [_CHECK],
    "error": ({"code": str, "message": str, "operation": _TEXT, "missing_permission": _TEXT}, type(None)),
    "refusal?": ({"reason": str, "message": str}, type(None)),
}
PLAN: DocumentShape = {
    "format": int,
    "account": _TEXT,
    "region": _TEXT,
    "endpoint": _TEXT,
    "summary": {"noop": int},
    "fingerprint": str,
    "tables": [_CHANGE],
}
_UNITS = {
    "ReadCapacityUnits?": int,
    "WriteCapacityUnits?": int,
    "MaxReadRequestUnits?": int,
    "MaxWriteRequestUnits?": int,
    "ReadUnitsPerSecond?": int,
    "WriteUnitsPerSecond?": int,
}
_TYPES = ([{"AttributeName": str, "AttributeType": _TEXT}], type(None))
_KEY = {"KeySchema": [{"AttributeName": str, "KeyType": str}], "AttributeDefinitions?": _TYPES}
_CAPACITY = {
    "ProvisionedThroughput?": (_UNITS, type(None)),
    "OnDemandThroughput?": (_UNITS, type(None)),
    "WarmThroughput?": (_UNITS, type(None)),
}
_INDEX = {**_KEY, **_CAPACITY, "Projection": {"ProjectionType": str, "NonKeyAttributes?": ([str], type(None))}}
_TABLE = {
    **_CAPACITY,
    "KeySchema": (_KEY["KeySchema"], _KEY),
    "AttributeDefinitions?": _TYPES,
    "BillingMode?": str,
    "LocalSecondaryIndexes?": ([{**_INDEX, "IndexName": str}], type(None)),
}
_OVERRIDES = {
    "TableClassOverride?": str,
    "KMSMasterKeyId?": str,
    "ProvisionedThroughputOverride?": _UNITS,
    "OnDemandThroughputOverride?": _UNITS,
}
_SCALING = {
    "MinCapacity": int,
    "MaxCapacity": int,
    "TargetTrackingScalingPolicyConfiguration?": {
        "TargetValue?": (int, float),
        "ScaleInCooldown?": int,
        "ScaleOutCooldown?": int,
        "DisableScaleIn?": bool,
    },
}


def _scaling(value: object) -> DocumentShape:
    """Without a target nothing is registered."""
    return dict if value == {} else _SCALING


def _replicas_indexes(value: object) -> DocumentShape:
    """By their names."""
    return dict.fromkeys(value, _OVERRIDES) if isinstance(value, dict) else dict


def _time_to_live(value: object) -> DocumentShape:
    """On, it has an attribute."""
    on = isinstance(value, dict) and value.get("Enabled")
    return {"Enabled": bool, "AttributeName": str} if on else {"Enabled": bool}


VALUES: Mapping[str, DocumentShape] = {
    "KeySchema": _KEY,
    "LocalSecondaryIndexes": _INDEX,
    "GlobalSecondaryIndexes": _INDEX,
    "BillingMode": str,
    "ProvisionedThroughput": _UNITS,
    "OnDemandThroughput": _UNITS,
    "WarmThroughput": _UNITS,
    "ReadCapacityAutoScalingSettings": _scaling,
    "WriteCapacityAutoScalingSettings": _scaling,
    "DeletionProtectionEnabled": bool,
    "StreamSpecification": {"StreamEnabled": bool, "StreamViewType?": str},
    "TableClass": str,
    "SSESpecification": {"Enabled": bool, "SSEType?": str, "KMSMasterKeyId?": str},
    "TimeToLiveSpecification": _time_to_live,
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": bool, "RecoveryPeriodInDays?": int},
    "Tags": str,
    "KinesisStreamSpecification": {"StreamArn": str, "ApproximateCreationDateTimePrecision?": str},
    "ContributorInsightsSpecification": {"Enabled": bool, "Mode?": str},
    "CopyFrom": (str, {"TableName": str, "Through": str}),
    "Replicas": {**_OVERRIDES, "GlobalSecondaryIndexes?": _replicas_indexes},
}
"""Aspect → the shape of an actual value of it, as far as reports need it. Other aspects have any value."""
_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def form(document: object) -> object:
    """The number of its format, if it has one; None where it has none."""
    return document.get("format") if isinstance(document, dict) else None


def fault(document: object) -> str | None:
    """The first thing that is no part of a plan document, as a sentence; None where it is one."""
    return next(chain(_faults(document, PLAN, ""), _faults_of_values(document)), None)


def _faults_of_values(document: Any) -> Iterator[str]:
    """What is wrong with the actual values. The desired ones need no look: they are a part of their id."""
    for number, table in enumerate(document["tables"]):
        for place, difference in enumerate(table["differences"]):
            if difference["actual"] is not None:
                where = f"tables[{number}].differences[{place}].actual"
                yield from _faults(difference["actual"], _shape_at(difference["path"]), where)


def _shape_at(path: list[str]) -> DocumentShape:
    """The shape of an actual value at a path; of an index's member, that of the table's member of the same name."""
    return next((VALUES[name] for name in (*path[2:3], *path[:1]) if name in VALUES), object) if path else _TABLE


def _faults(value: object, given: DocumentShape, place: str) -> Iterator[str]:
    shape = given(value) if isinstance(given, FunctionType) else given
    kind = next((one for one in _either(shape) if _is(value, one)), None)
    if kind is None:
        wanted = " or ".join(_KINDS[_type(one)] for one in _either(shape))
        yield f"{code(place) if place else 'It'} must be {wanted}, and is {_KINDS.get(type(value), 'something else')}."
    elif isinstance(kind, list) and isinstance(value, list):
        for number, member in enumerate(value):
            yield from _faults(member, kind[0], f"{place}[{number}]")
    elif isinstance(kind, dict) and isinstance(value, dict):
        yield from _members(value, kind, place)


def _members(value: Mapping[str, object], shape: Mapping[str, DocumentShape], place: str) -> Iterator[str]:
    for written, member in shape.items():
        name = written.removesuffix("?")
        where = f"{place}.{name}".removeprefix(".")
        if name in value:
            yield from _faults(value[name], member, where)
        elif name == written:
            yield f"It has no {code(where)}."


def _either(shape: DocumentShape) -> tuple[DocumentShape, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def _is(value: object, shape: DocumentShape) -> bool:
    kind = _type(shape)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _type(shape: DocumentShape) -> type:
    return shape if isinstance(shape, type) else type(shape)
