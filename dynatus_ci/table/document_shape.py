"""What a plan document is made of: the members that a reader needs, and their types.

A shape is a type, a tuple of shapes of which one must hold, a list with the shape of its members, or a dict with the
shapes of its members. A name that ends with `?` may be left out: documents of an older release lack it.
docs/architecture.md#documents
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from dynatus_ci.text import code

Shape: TypeAlias = Any
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
PLAN: Shape = {
    "format": int,
    "account": _TEXT,
    "region": _TEXT,
    "endpoint": _TEXT,
    "summary": {"noop": int},
    "fingerprint": str,
    "tables": [_CHANGE],
}
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
    return next(_faults(document, PLAN, ""), None)


def _faults(value: object, shape: Shape, place: str) -> Iterator[str]:
    kind = next((one for one in _either(shape) if _is(value, one)), None)
    if kind is None:
        wanted = " or ".join(_KINDS[_type(one)] for one in _either(shape))
        yield f"{code(place) if place else 'It'} must be {wanted}, and is {_KINDS.get(type(value), 'something else')}."
    elif isinstance(kind, list) and isinstance(value, list):
        for number, member in enumerate(value):
            yield from _faults(member, kind[0], f"{place}[{number}]")
    elif isinstance(kind, dict) and isinstance(value, dict):
        yield from _members(value, kind, place)


def _members(value: Mapping[str, object], shape: Mapping[str, Shape], place: str) -> Iterator[str]:
    for written, member in shape.items():
        name = written.removesuffix("?")
        where = f"{place}.{name}".removeprefix(".")
        if name in value:
            yield from _faults(value[name], member, where)
        elif name == written:
            yield f"It has no {code(where)}."


def _either(shape: Shape) -> tuple[Shape, ...]:
    return shape if isinstance(shape, tuple) else (shape,)


def _is(value: object, shape: Shape) -> bool:
    kind = _type(shape)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _type(shape: Shape) -> type:
    return shape if isinstance(shape, type) else type(shape)
