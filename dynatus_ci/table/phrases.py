"""Values in few words, as people read them. Aspects make their phrases with these."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from dynatus_ci.table.model import Path, Value, finite_limits
from dynatus_ci.text import code

_PLAIN_NAME = re.compile(r"[\w.:/-]+")
KILO = 1000
UNITS = {
    "ReadCapacityUnits": "read",
    "WriteCapacityUnits": "write",
    "MaxReadRequestUnits": "read",
    "MaxWriteRequestUnits": "write",
    "ReadUnitsPerSecond": "read",
    "WriteUnitsPerSecond": "write",
}
"""Member that counts units → what it counts."""


def on(value: Value) -> str:
    """A flag as the word `on` or `off`."""
    return "on" if value else "off"


def switched(value: Mapping[str, Value], flag: str, detail: str, say: Callable[[Value], str] = str) -> str:
    """A setting with a flag and a detail: `on, keys only`, or `off`. `say` turns the detail into words."""
    return joined(on(value[flag]), say(value[detail]) if value.get(detail) else "", by=", ")


def units(value: Mapping[str, Value] | None) -> str:
    """Capacity units in words: `5 read, 10 write`. -1 is unlimited."""
    counts = [(value[member], word) for member, word in UNITS.items() if value and member in value]
    return ", ".join(f"{'unlimited' if count == -1 else f'{count:,}'} {word}" for count, word in counts)


def at_most(value: Mapping[str, Value] | None) -> str:
    """The on-demand limits of a table, an index or a replica; empty where there is none."""
    limited = units(finite_limits(value))
    return f"at most {limited}" if limited else ""


def owner(path: Path) -> str:
    """The table or the index that a path is in, in the middle of a sentence."""
    return f"index {code(path[1])}" if path[1:] else "the table"


def attribute(name: str) -> str:
    """An attribute's name; quoted where it could be taken for more than a name."""
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def joined(*parts: str, by: str = " · ") -> str:
    """The parts with a separator between them. Empty parts are left out."""
    return by.join(filter(None, parts))


def failed(status: str, reason: str | None) -> str:
    """AWS's word for a change that it could not make, and its reason where it gives one."""
    return f"{code(status)} ({code(reason.rstrip('.'))})" if reason else code(status)


def moment(when: datetime) -> str:
    """A time with a zone: `2025-11-26 14:00 UTC`. botocore gives it in the machine's zone."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def size(count: int) -> str:
    """A number of bytes: `2.1 GB`."""
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < KILO:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= KILO
    return f"{value:,.1f} TB"
