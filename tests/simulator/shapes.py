"""What AWS checks of every request before anything else: types, required members, enums and bounds, as data.

The rules are read from the service model that botocore ships. Nothing here knows a table.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.model import ListShape, MapShape, StructureShape

from tests.simulator.errors import ApiError, validation
from tests.simulator.tables import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ServiceModel, Shape

TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_TYPES: dict[str, Any] = {
    "structure": dict, "map": dict, "list": list, "string": str, "blob": str, "boolean": bool,
    "integer": int, "long": int, "double": (int, float), "float": (int, float), "timestamp": (int, float),
}  # fmt: skip


@functools.cache
def service(name: str) -> ServiceModel:
    """The model of a service."""
    model: ServiceModel = botocore.session.get_session().get_service_model(name)
    return model


def check(service_name: str, operation: str, request: Json) -> None:
    """Refuse what the model of the operation does not allow."""
    shape = service(service_name).operation_model(operation).input_shape
    faults = list(_faults(shape, request, "")) if shape is not None else []
    faults += [_fault(name, "tableName", _NAME_RULE) for name in _bad_names(request)]
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise validation(f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")


_NAME_RULE = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]{3,255}"


def _bad_names(request: Json) -> list[str]:
    name = request.get("TableName", "name")
    return [name] if not (name.startswith("arn:") or TABLE_NAME.fullmatch(name)) else []


def _fault(value: object, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise ApiError("SerializationException", f"Unexpected value type in payload at {path}")
    yield from _bounds(shape, value, path)
    if isinstance(shape, StructureShape):
        yield from _members(shape, value, path)
    elif isinstance(shape, ListShape):
        for number, member in enumerate(value, 1):
            yield from _faults(shape.member, member, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for name, member in value.items():
            yield from _faults(shape.value, member, f"{path}.{name}.member")


def _members(shape: StructureShape, value: Json, path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        place = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
        if value.get(name) is not None:
            yield from _faults(member, value[name], place)
        elif name in shape.required_members:
            yield _fault(None, place, "Member must not be null")


def _bounds(shape: Shape, value: Any, path: str) -> Iterator[str]:
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    sized = shape.type_name in {"string", "list", "blob", "map"}
    amount, noun = (len(value), "length") if sized else (value, "value")
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and amount < least:
        yield _fault(value, path, f"Member must have {noun} greater than or equal to {least}")
    if most is not None and amount > most:
        yield _fault(value, path, f"Member must have {noun} less than or equal to {most}")
