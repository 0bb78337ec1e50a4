"""The formats of definition files, by the endings of their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from dynatus_ci.definitions import layouts, notation
from dynatus_ci.definitions.nodes import Document, FormKind, Node, Source
from dynatus_ci.definitions.notation import Notation
from dynatus_ci.errors import Fault, InvalidDefinitions
from dynatus_ci.table.model import Value
from dynatus_ci.table.validation import dialects
from dynatus_ci.text import code, shorten

LONGEST_HEAD = 4_000
"""The first characters of a file show its format."""
SCHEMA = "$schema"
"""The member of a root that tells an editor its JSON Schema. It is no part of a table."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of definitions.

    Args:
        name: Its name in a sentence.
        suffixes: The endings of its files. The first is the usual one.
        read: Reads a text as located nodes.
        write: Writes a plain value, without an end of the last line.
        comment: What begins a line of comment. None if the format has no comments.
        notation: How messages write in it. None for EDN, in which they are made.
        documents: Whether a file can have several documents, each with its tables.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[str, str], Document]
    write: Callable[[Value], str]
    comment: str | None = None
    notation: Notation | None = None
    documents: bool = False


# Readers and their libraries take long to load: each is imported by the first file that needs it.


def _read_edn(text: str, file: str) -> Document:
    from dynatus_ci.definitions import edn  # noqa: PLC0415  # see above

    return edn.read(text, file)


def _read_json(text: str, file: str) -> Document:
    from dynatus_ci.definitions import json_reader  # noqa: PLC0415  # see above

    return json_reader.read(text, file)


def _read_yaml(text: str, file: str) -> Document:
    from dynatus_ci.definitions import yaml_reader  # noqa: PLC0415  # see above

    return yaml_reader.read(text, file)


EDN = Format("EDN", (".edn",), _read_edn, layouts.edn, comment=";;")
JSON = Format("JSON", (".json",), _read_json, layouts.json_text, notation=notation.JSON)
YAML = Format(
    "YAML", (".yaml", ".yml"), _read_yaml, layouts.yaml_text, comment="#", notation=notation.YAML, documents=True
)
FORMATS = (EDN, JSON, YAML)
SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)
NAMES = "EDN, JSON or YAML"

_BEGINNINGS: tuple[tuple[str, Format | None, str], ...] = (
    ("EDN", EDN, r"(?:\s*;[^\n]*\n)*\s*(?:\[\s*(?:;[^\n]*\n\s*)*)?\{\s*:[A-Za-z]"),
    ("JSON", JSON, r'\s*(?:\[\s*)?\{\s*"[^"\n]*"\s*:[\s"\[{\d]'),
    (
        "HCL",
        None,
        r'(?:\s*(?:#|//)[^\n]*\n)*\s*(?:resource|module|variable|provider|locals|terraform)\s*(?:"[^"\n]*"\s*)*\{',
    ),
    ("YAML", YAML, r"(?:\s*#[^\n]*\n)*\s*(?:---[^\n]*\n\s*)?(?:- )?[A-Za-z][\w-]*:(?:[ \t]|\n)"),
)
"""The name of a format, the format if definitions can have it, and how a file in it begins."""


def of(file: str) -> Format:
    """The format of a file by its name, which ends in one of `SUFFIXES`."""
    return next(each for each in FORMATS if file.endswith(each.suffixes))


def named(name: str) -> Format:
    """The format with a name in lower case, such as "json"."""
    return next(each for each in FORMATS if each.name.lower() == name)


def read(text: str, file: str) -> Document:
    """Read a text in the format that the file's name says.

    Raises:
        InvalidDefinitions: It cannot be read. A text in another format has one fault that says so.
    """
    own = of(file)
    other = _other_format(text, own)
    try:
        document = own.read(text, file)
    except InvalidDefinitions:
        if other is None:
            raise
        raise InvalidDefinitions((_misnamed(text, file, *other),)) from None
    # YAML can read EDN and HCL, as one text, or as a map whose key is EDN.
    if own is YAML and other and (other[1] is EDN or any(form.kind is FormKind.STRING for form in document.forms)):
        raise InvalidDefinitions((_misnamed(text, file, *other),))
    return document if own is EDN else document._replace(forms=tuple(map(_without_schema, document.forms)))


def _other_format(text: str, own: Format) -> tuple[str, Format | None] | None:
    """The format that a text seems to have, if it is not its own."""
    head = text[:LONGEST_HEAD]
    for name, known, pattern in _BEGINNINGS:
        if re.match(pattern, head):
            return None if known is own else (name, known)
    return None


def _misnamed(text: str, file: str, name: str, other: Format | None) -> Fault:
    """The fault of a text in another format."""
    path = PurePath(file)
    dialect = dialects.recognised(re.findall(r"[A-Za-z][A-Za-z0-9_:-]*", text[:LONGEST_HEAD]))
    looks = f"This looks like {dialect.title} in {name}" if dialect else f"This looks like {name}"
    if dialect or other is None:
        hint = "Write each table as a definition. `dynatus import` writes those of tables that exist."
    else:
        hint = f"Name it {code(shorten(path.stem + other.suffixes[0], 80))}."
    message = f"{looks}, but its name ends in {code(path.suffix)}."
    return Fault(Source.of(file, text).place(0, 0), f"not-{of(file).name.lower()}", message, hint)


def _without_schema(form: Node) -> Node:
    if form.kind is not FormKind.MAP:
        return form
    return form._replace(value=tuple(pair for pair in form.value if pair[0].value != SCHEMA))
