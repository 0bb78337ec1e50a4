"""Values in AWS's shape as short text, as lines of JSON, and as a unified diff of such lines. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from dynatus_ci.schema.model import Value

_WIDTH = 96
_SHORT = 48


def inline(value: Value) -> str:
    """A value in one line: text bare, quoted where it is empty; anything else as JSON."""
    return value if isinstance(value, str) and value else _json(value)


def short(value: Value) -> bool:
    """Whether a value reads well in a cell of a table: text and numbers, and small JSON."""
    return not isinstance(opened(value), dict | list | tuple) or len(_json(value)) <= _SHORT


def diff(actual: Value, desired: Value) -> tuple[str, ...]:
    """Both values as a unified diff of lines of JSON, each with its sign, without hunk headers."""
    before, after = opened(actual), opened(desired)
    # Both are laid out alike: one member a line as soon as one of them needs more than a line.
    width = _WIDTH if all(len(_json(value)) <= _WIDTH for value in (before, after)) else 0
    signed = list(difflib.unified_diff(_laid_out(before, width), _laid_out(after, width), n=3, lineterm=""))[3:]
    return tuple("  …" if line.startswith("@@") else line for line in signed)


def opened(value: Value) -> Value:
    """A JSON document that is held as text (a resource policy) as what it says; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


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
