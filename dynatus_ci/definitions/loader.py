"""Loads and checks definitions, from files or from Python. Reports all faults of all files, each with its place.

It puts the parts together: files, reader, tags, shapes and rules. It decides nothing about DynamoDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dynatus_ci.definitions import files, formats, nodes, tagged
from dynatus_ci.definitions.nodes import FormKind, Node, Source, Span
from dynatus_ci.errors import Fault, InvalidDefinitions, NoDefinitions, Place
from dynatus_ci.table import build
from dynatus_ci.table.model import Table
from dynatus_ci.table.validation import members, rules, unknown, value_types
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.text import code, quoted, shorten

MOST_FAULTS = 1_000
"""In one run. A folder of files that are no definitions at all would fill any report."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One checked definition.

    Args:
        body: Plain values in AWS's shape, with the final table name, prefix included. It has "Absent" if the table is
            to be deleted.
        place: The opening brace of its map. None for a definition from Python.
    """

    body: dict[str, Any]
    place: Place | None = None

    @property
    def table(self) -> str:
        """The final table name."""
        return str(self.body["TableName"])


@dataclass(frozen=True, slots=True)
class Loaded:
    """All definitions of a path, in the order of the files.

    Args:
        notes: Warnings.
        blobs: The names of the files that were read, and git's hashes of their contents.
    """

    definitions: tuple[Definition, ...]
    notes: tuple[Fault, ...] = ()
    blobs: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The definitions as tables, in the same order."""
        return tuple(build.desired(definition.body, place=definition.place) for definition in self.definitions)


def load(
    path: str | Path,
    *,
    environment: str | None = None,
    params: Mapping[str, str] | None = None,
    table_prefix: str = "",
    root: str | Path | None = None,
) -> Loaded:
    """Load the definitions at a path.

    Args:
        path: A file, or a folder that is searched for files with the endings of `formats.SUFFIXES`.
        environment: The branch of #profile.
        params: The values of #param.
        table_prefix: What comes before each table name.
        root: The folder that names of files are relative to. Default: the working directory.

    Raises:
        InvalidDefinitions: There are faults. It has all faults of all files.
        NoDefinitions: There is no definition.
        InvalidInput: The path leads out of the working directory.
    """
    home = Path.cwd() if root is None else Path(root)
    discovered = files.discover(Path(path), root=home)
    loading = _Loading(tagged.TagScope(environment, params or {}), table_prefix)
    for file in discovered.files:
        loading.add_file(file)
        if loading.full:
            break
    if loading.faults:
        raise InvalidDefinitions(tuple(loading.faults))
    if not loading.definitions:
        raise NoDefinitions(str(path), found=_without_tables(str(path), discovered.files))
    notes = (*map(_link_note, discovered.links), *loading.notes, *_name_twins(loading.definitions), *loading.unused())
    return Loaded(tuple(loading.definitions), notes, loading.blobs)


def _without_tables(path: str, read: Sequence[files.File]) -> str:
    first, *more = (file.name for file in read)
    if more:
        return f"{code(first)} and {len(more)} more of its files have no table"
    return f"{'it' if first == path else code(first)} has no table"


def check(definitions: Sequence[Mapping[str, Any]]) -> tuple[Definition, ...]:
    """Check definitions from Python: CreateTable-shaped mappings.

    Raises:
        InvalidDefinitions: There are faults. Each message begins with the table and the path.
    """
    faults: list[Fault] = []
    checked: dict[str, Definition] = {}
    for number, definition in enumerate(definitions, start=1):
        body, own_faults = _from_python(definition, number)
        faults += own_faults
        name = unknown.known(body, "TableName")
        if name in checked:
            faults.append(duplicate_table(name))
        if name is not None:
            checked.setdefault(name, Definition(body))
    if faults:
        raise InvalidDefinitions(tuple(faults))
    return tuple(checked.values())


def _from_python(definition: object, number: int) -> tuple[dict[str, Any], list[Fault]]:
    if not isinstance(definition, Mapping):
        message = f"definition {number}: A definition is a mapping, not {value_types.kind(definition)}."
        return {}, [Fault(None, "not-a-map", message)]
    body, findings = _checked(definition)
    name = unknown.known(body, "TableName")
    owner = code(shorten(name)) if name else f"definition {number}"
    return body, [_python_fault(owner, finding) for finding in findings]


def _checked(definition: Mapping[Any, Any], prefix: str = "") -> tuple[dict[str, Any], list[Finding]]:
    """The body of a definition with its final name, and its findings, whose paths are spelt as in the file."""
    checked = members.check(definition)
    body = checked.body
    if name := unknown.known(body, "TableName"):
        body["TableName"] = prefix + name
    findings = (*checked.findings, *rules.findings(body))
    return body, [replace(finding, path=checked.as_written(finding.path)) for finding in findings]


def _python_fault(owner: str, finding: Finding) -> Fault:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in finding.path)
    where = f"{owner}: {code(steps.lstrip('.'))}" if steps else owner
    return Fault(None, finding.code, f"{where}: {finding.message}", finding.hint)


@dataclass(slots=True)
class _Loading:
    """The definitions, faults and warnings so far."""

    scope: tagged.TagScope
    prefix: str
    definitions: list[Definition] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    size: int = 0
    places: dict[str, Place] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether to stop: more files would only add more of the same."""
        return len(self.faults) >= MOST_FAULTS or self.size > files.MOST_BYTES_IN_ALL

    def add_file(self, file: files.File) -> None:
        """Load one file. Its tree is freed when this returns."""
        try:
            text = nodes.decode(self._read(file), file.name)
            faults = self._add_document(formats.read(text, file.name))
        except InvalidDefinitions as invalid:
            faults = list(invalid.faults)
        self.faults.extend(sorted(faults, key=_order)[:MOST_FAULTS])
        if len(self.faults) >= MOST_FAULTS:
            self.faults.append(
                Fault(file.place, "too-many-faults", "There are too many errors. The rest of the files was not read.")
            )

    def _read(self, file: files.File) -> bytes:
        data = files.read(file)
        self.blobs[file.name] = files.git_blob(data)
        self.size += len(data)
        if self.size > files.MOST_BYTES_IN_ALL:
            message = f"The definitions are larger than {files.MOST_BYTES_IN_ALL:,} bytes together."
            raise InvalidDefinitions((Fault(file.place, "too-large", message),))
        return data

    def _add_document(self, document: nodes.Document) -> list[Fault]:
        source = document.source
        maps, faults = _maps(document)
        if not document.forms and not faults:
            message = "This file has no table, only comments."
            self.notes.append(Fault(source.place(0, 0), "no-table", message))
        for node in maps:
            faults.extend(self._add_map(node, document))
            if len(faults) >= MOST_FAULTS:
                break
        return _written(faults, source)

    def _add_map(self, node: Node, document: nodes.Document) -> list[Fault]:
        source, resolved = document.source, node
        faults: list[Fault] = []
        if document.tagged:
            resolved, faults = tagged.resolve(node, source=source, scope=self.scope)
        body, findings = _checked(_plain(resolved, source), self.prefix)
        place = source.place(node.start, node.start + 1)
        faults += [_located(finding, source=source, node=resolved) for finding in findings]
        name = _step(resolved, "TableName", source=source)
        faults += self._duplicate(body, source.place(name[1].start, name[1].end) if name else place)
        if not faults:
            self.definitions.append(Definition(body, place))
            notes = (_located(finding, source=source, node=resolved) for finding in rules.notes(body))
            self.notes.extend(_written(notes, source))
        return faults

    def _duplicate(self, body: Mapping[str, Any], place: Place) -> Iterator[Fault]:
        """The fault of a table that has a definition already. Prefix and environment are in the names."""
        name = unknown.known(body, "TableName")
        if name is not None and (first := self.places.setdefault(name, place)) is not place:
            yield duplicate_table(name, place, first)

    def unused(self) -> Iterator[Fault]:
        """Warnings about the environment and the parameters of this run that no tag uses."""
        names, environment = self.scope.environments, self.scope.environment
        if names and environment is not None and environment not in names:
            known = tagged.listed(sorted(names - {tagged.DEFAULT}))
            message = (
                f"No `#profile` has the environment {code(quoted(environment))}: the `:default` branches are used."
            )
            yield Fault(None, "unknown-environment", message, f"The environments are {known}." if known else None)
        for name in sorted(set(self.scope.params) - self.scope.used):
            yield Fault(None, "unused-parameter", f"No `#param` uses the parameter {code(quoted(name))}.")


def duplicate_table(name: str, place: Place | None = None, first: Place | None = None) -> Fault:
    """The fault of a table that two definitions have."""
    where = f": the first is at {code(str(first))}" if first else ""
    message = f"The table {code(quoted(name))} has two definitions{where}."
    return Fault(place, "duplicate-table", message, "Keep one of them.")


def _order(fault: Fault) -> tuple[int, int]:
    return (fault.place.line, fault.place.column) if fault.place else (0, 0)


def _link_note(link: files.File) -> Fault:
    return Fault(link.place, "link", "This folder is a symbolic link, so its files are not read.")


def _name_twins(definitions: Iterable[Definition]) -> Iterator[Fault]:
    """Warnings about names that differ only in case: two tables at AWS, one at DynamoDB Local."""
    seen: dict[str, Definition] = {}
    for definition in definitions:
        first = seen.setdefault(definition.table.lower(), definition)
        if first is not definition:
            message = f"{code(quoted(definition.table))} differs from {code(quoted(first.table))} only in case."
            yield Fault(definition.place, "name-twin", message, "For DynamoDB Local they are one table.")


# --- nodes ------------------------------------------------------------------------------------------------------------


def _maps(document: nodes.Document) -> tuple[list[Node], list[Fault]]:
    """The tables of a file: one map, or the maps of one vector. And what is wrong with the file."""
    source, forms = document.source, document.forms
    if not forms and not source.text.strip(", \t\n"):
        hint = "Write a table's map, or delete the file."
        return [], [Fault(source.place(0, 0), "empty-file", "This file is empty.", hint)]
    if len(forms) > 1 and not formats.of(source.file).documents:
        hint = "Put them into `[` and `]`, or give each table its own file."
        message = f"This file has {len(forms)} values, but a definition file has one."
        return [], [source.fault(_opener(forms[1], source), code="several-forms", message=message, hint=hint)]
    vectors = {FormKind.VECTOR, FormKind.LIST}
    tables = [node for form in forms for node in (form.value if form.kind in vectors else (form,))]
    if forms and not tables:
        return [], [source.fault(forms[0], code="empty-file", message="This vector has no table.")]
    faults = [_not_a_map(node, source) for node in tables if node.kind is not FormKind.MAP]
    return [node for node in tables if node.kind is FormKind.MAP], faults


def _written(faults: Iterable[Fault], source: Source) -> list[Fault]:
    """The faults as the format of the file writes them. What an alias repeats has its fault once."""
    notation = formats.of(source.file).notation
    return list(dict.fromkeys(map(notation.fault, faults))) if notation else list(faults)


def _not_a_map(node: Node, source: Source) -> Fault:
    this = node.kind.value if node.kind is FormKind.NIL else f"a {node.kind.value}"
    inside = " Such tags stand inside the map." if node.kind is FormKind.TAGGED else ""
    message, hint = f"A table is a map, but this is {this}.", f"Write one map, or one vector of maps.{inside}"
    return source.fault(_opener(node, source), code="not-a-map", message=message, hint=hint)


def _opener(node: Node, source: Source) -> Span:
    """The opening delimiter of a collection, or the first key of a map that has none; the whole of any other node."""
    if node.kind is FormKind.MAP and node.value and source.text[node.start] not in "{!":
        return node.value[0][0]  # type: ignore[no-any-return]  # a Node
    if node.kind in {FormKind.VECTOR, FormKind.LIST, FormKind.SET, FormKind.MAP, FormKind.TAGGED}:
        return node._replace(end=node.start + (2 if node.kind is FormKind.SET else 1))
    return node


_MARKS = {
    FormKind.KEYWORD: value_types.Keyword,
    FormKind.SYMBOL: value_types.Symbol,
    FormKind.CHARACTER: value_types.Character,
}


def _plain(node: Node, source: Source) -> Any:  # noqa: ANN401  # whatever the file holds
    """A node as a value for `shapes`. It recurses, which is safe: the reader limits the depth."""
    if node.kind is FormKind.MAP:
        return {_key(key, source): _plain(value, source) for key, value in node.value}
    if node.kind in {FormKind.VECTOR, FormKind.LIST}:
        return [_plain(item, source) for item in node.value]
    if node.kind is FormKind.SET:
        return value_types.Unordered(_plain(item, source) for item in node.value)
    if node.kind is FormKind.PARAMETER:
        return value_types.Parameter.of(*node.value)
    if node.kind is FormKind.BROKEN:
        return unknown.INVALID
    mark = _MARKS.get(node.kind)
    return mark(node.value) if mark else node.value


def _key(node: Node, source: Source) -> str | value_types.OtherKey:
    if node.kind is FormKind.KEYWORD:
        return str(node.value)
    return value_types.OtherKey(
        source.text[node.start : node.end], node.value if node.kind is FormKind.STRING else None
    )


def _located(finding: Finding, *, source: Source, node: Node) -> Fault:
    """A finding as a fault. Its place is as far along its path as the file goes."""
    span: Span = node
    at = finding.at
    for step in finding.path:
        pair = _step(node, step, source=source)
        if pair is None:
            at = At.OPENER
            break
        span, node = pair
    if at is not At.KEY:
        span = _opener(node, source) if at is At.OPENER else node
    return source.fault(span, code=finding.code, message=finding.message, hint=finding.hint)


def _step(node: Node, step: str | int, *, source: Source) -> tuple[Node, Node] | None:
    """The key and the value at a step of a path. A member of a vector is its own key."""
    if isinstance(step, int):
        return node.value[step], node.value[step]
    for key, value in node.value if node.kind is FormKind.MAP else ():
        name = _key(key, source)
        if step in ((name,) if isinstance(name, str) else (name.written, name.text)):
            return key, value
    return None
