"""Writes plain values as the text of a file, each format as a person would write it.

A collection stands on one line if it is simple and fits. Otherwise each of its members has a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from dynatus_ci.table.model import Value

WIDTH = 120
"""The longest line of a collection."""
NEAR = len(":NonKeyAttributes")
"""In EDN, values are aligned after keys of at most this length. A longer key would move all of them away."""


def _simple(value: Value) -> bool:
    """Whether a collection reads well on one line: a list of scalars, or a map of scalars and such lists."""
    if isinstance(value, list):
        return not any(isinstance(item, Mapping | list) for item in value)
    nested = [item for item in value.values() if isinstance(item, Mapping | list)]
    return all(isinstance(item, list) and _simple(item) for item in nested)


def _visible(text: str, escape: Callable[[str], str]) -> str:
    """The text with escapes for all invisible characters."""
    return "".join(character if character.isprintable() else escape(character) for character in text)


def _utf16(character: str) -> str:
    """A character as UTF-16 code units, as EDN and JSON escape it: two beyond the first plane."""
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


# --- EDN -------------------------------------------------------------------------------------------------------------


def edn(value: Value, column: int = 0) -> str:
    """A value as EDN that starts at a column."""
    if not isinstance(value, Mapping | list):
        return _edn_atom(value)
    line = _edn_line(value)
    if _simple(value) and column + len(line) <= WIDTH:
        return line
    margin = "\n" + " " * (column + 1)
    if isinstance(value, list):
        return f"[{margin.join(edn(item, column + 1) for item in value)}]"
    names = [_edn_key(name) for name in value]
    width = max((len(name) for name in names if column == 0 or len(name) <= NEAR), default=0)
    labels = [f"{name.ljust(width)} " for name in names]
    members = zip(labels, value.values(), strict=True)
    return f"{{{margin.join(label + edn(item, column + 1 + len(label)) for label, item in members)}}}"


def _edn_line(value: Value) -> str:
    if isinstance(value, Mapping):
        return f"{{{' '.join(f'{_edn_key(name)} {_edn_line(item)}' for name, item in value.items())}}}"
    return f"[{' '.join(map(_edn_line, value))}]" if isinstance(value, list) else _edn_atom(value)


def _edn_key(name: str) -> str:
    """A keyword, or a string for a policy's member that cannot be a keyword, such as "aws:SourceArn"."""
    return f":{name}" if re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) else _edn_string(name)


def _edn_atom(value: Any) -> str:  # noqa: ANN401  # a scalar of a definition
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else _edn_string(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def _edn_string(value: str) -> str:
    escaped = (_ESCAPES.get(character) or _visible(character, _utf16) for character in value)
    return f'"{"".join(escaped)}"'


# --- JSON ------------------------------------------------------------------------------------------------------------


def json_atom(value: Any) -> str:  # noqa: ANN401  # a scalar of a definition
    """A scalar as JSON."""
    return _visible(json.dumps(value, ensure_ascii=False), _utf16)


def json_text(value: Value, depth: int = 0, column: int = 0) -> str:
    """A value as JSON, at a depth of indentation, that starts at a column."""
    line = _flow(value, json_atom, json_atom)
    if not isinstance(value, Mapping | list) or (depth and _simple(value) and column + len(line) < WIDTH):
        return line
    margin, end = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    labels = [f"{json_atom(name)}: " for name in value] if isinstance(value, Mapping) else [""] * len(value)
    items = value.values() if isinstance(value, Mapping) else value
    members = [
        label + json_text(item, depth + 1, 2 * (depth + 1) + len(label))
        for label, item in zip(labels, items, strict=True)
    ]
    opener, closer = "{}" if isinstance(value, Mapping) else "[]"
    return f"{opener}{margin}{f',{margin}'.join(members)}{end}{closer}"


def _flow(value: Value, key: Callable[[str], str], atom: Callable[[Any], str]) -> str:
    """A value on one line, as JSON and the flow style of YAML have it."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key(name)}: {_flow(item, key, atom)}' for name, item in value.items())}}}"
    return f"[{', '.join(_flow(item, key, atom) for item in value)}]" if isinstance(value, list) else atom(value)


# --- YAML ------------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""What some reader of YAML takes for something else than a text."""


def yaml_key(name: str) -> str:
    """The name of a member in YAML. Our reader takes every key as a text."""
    return name if _PLAIN.fullmatch(name) else yaml_atom(name)


def yaml_atom(value: Any) -> str:  # noqa: ANN401  # a scalar of a definition
    """A scalar as YAML. A text that is not surely one for every reader has quotes."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float):
        # YAML 1.1 knows a number with an exponent only by its point.
        return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(value))
    return _visible(json.dumps(value, ensure_ascii=False), _yaml_escape)


def _yaml_escape(character: str) -> str:
    """YAML has no pairs: one escape is one character."""
    return f"\\U{ord(character):08x}" if len(_utf16(character)) > len("\\u0000") else _utf16(character)


def yaml_text(value: Value) -> str:
    """A value as YAML."""
    return _yaml(value, 0).lstrip()


def _yaml(value: Value, depth: int, column: int = 0) -> str:
    """A value after its key or its dash: on the same line, or on lines of its own."""
    line = _flow(value, yaml_key, yaml_atom)
    block = (
        isinstance(value, Mapping | list) and value and not (depth and _simple(value) and column + len(line) < WIDTH)
    )
    if not block:
        return f" {line}"
    margin = "\n" + "  " * depth
    if isinstance(value, Mapping):
        pairs = (
            f"{margin}{yaml_key(name)}:" + _yaml(item, depth + 1, 2 * depth + len(name)) for name, item in value.items()
        )
        return "".join(pairs)
    return "".join(f"{margin}- {_yaml(item, depth + 1, 2 * depth).lstrip()}" for item in value)
