"""Writes a definition file for each actual table: `dynatus import`. It never overwrites a file.

A file is kept only if a plan with it has no change. Otherwise the table has an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from dynatus_ci.aws import observe, owners
from dynatus_ci.aws.client import CONNECTIONS, Aws, pages
from dynatus_ci.aws.observe import FactCache
from dynatus_ci.aws.owners import Owner
from dynatus_ci.definitions import formats, loader, writer
from dynatus_ci.definitions.formats import SUFFIXES, Format
from dynatus_ci.errors import DynatusError, InvalidInput
from dynatus_ci.table import build, planner, probe, unmanaged
from dynatus_ci.table.aspects import ASPECTS, targets
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.facts import AccountFacts
from dynatus_ci.table.lookups import MissingFacts
from dynatus_ci.table.model import Action, Table
from dynatus_ci.table.origins import copy_from, keep_items
from dynatus_ci.text import code, quoted

PROBE = (
    "No file was written: this is a probe table that an interrupted apply left behind. The next apply of its table "
    "deletes it. You may also delete it yourself."
)
COPY = (
    "No file was written: this is a copy of the items of {table}, from a change of its key that has not ended. The "
    "next apply of {table} ends the change, and deletes the copy."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """The result for a table, or for a pattern without a table: the file, or the error.

    `warning` says what the file does not have of the table.
    """

    table: str
    file: Path | None = None
    error: DynatusError | None = None
    owner: Owner | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """What is the same for all tables of an import."""

    aws: Aws
    cache: FactCache
    out_dir: Path
    table_prefix: str
    ask_owner: bool
    file_format: Format


def import_tables(
    aws: Aws,
    patterns: Sequence[str],
    *,
    out_dir: Path,
    table_prefix: str = "",
    ask_owner: bool = False,
    file_format: Format = formats.EDN,
) -> tuple[Imported, ...]:
    """Write a file for each actual table whose name matches a pattern.

    Args:
        aws: The connection.
        patterns: Names of tables as in the account, or globs. Empty for all tables.
        out_dir: The folder of the files. It is created if it does not exist. No file in it is overwritten.
        table_prefix: Only tables whose name begins with this. The files have the rest of the name, so that a plan with
            the same prefix finds their tables.
        ask_owner: Ask CloudFormation which stack owns each table, and say so in its file, if the format has comments.
        file_format: The format of the files.

    Returns:
        The patterns that match no table, then the tables in name order. A failed table does not stop the others.

    Raises:
        CallFailed: The tables could not be listed, or CloudFormation may not be asked.
        InvalidInput: The folder cannot be created, or the endpoint has no CloudFormation.
    """
    listed = (name for page in pages(aws.read, "ListTables") for name in page["TableNames"])
    names = sorted(name for name in listed if name.startswith(table_prefix) and name != table_prefix)
    matching = [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    unmatched = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    if ask_owner and matching:
        owners.owner(aws, matching[0])  # before any file is written: who cannot ask this cannot ask about any table
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        raise InvalidInput(f"The folder {code(str(out_dir))} cannot be created: {broken.strerror}.") from broken
    how = _Import(
        aws=aws,
        cache=FactCache(aws),
        out_dir=out_dir,
        table_prefix=table_prefix,
        ask_owner=ask_owner,
        file_format=file_format,
    )
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        imported = list(pool.map(lambda name: _import(how, name), matching))
    missing = (
        f"No table with the prefix {code(table_prefix)} has this name." if table_prefix else "No table has this name."
    )
    return (*(Imported(pattern, error=InvalidInput(missing)) for pattern in unmatched), *imported)


def _import(how: _Import, name: str) -> Imported:
    try:
        table, facts = _scaled(how, _observed(how.aws, name))
        if working := _working_table(table, keeps_tags=facts.endpoint.keeps_tags):
            return Imported(name, warning=working)
        owner = owners.owner(how.aws, name) if how.ask_owner else None
        return Imported(name, file=_write(how, table, owner, facts), owner=owner, warning=_left_out(table))
    except DynatusError as error:
        return Imported(name, error=error)


def _working_table(table: Table, *, keeps_tags: bool) -> str | None:
    """What to say of a table that dynatus has made for itself, for as long as a change takes."""
    tags = table.at((Tags.name,)) or {}
    if probe.TAG in tags:
        return PROBE
    copied = keep_items.copied_name(table, keeps_tags=keeps_tags)
    return COPY.format(table=code(copied)) if copied else None


def _observed(aws: Aws, name: str) -> Table:
    """The table with all its aspects. A table that is changing is an error: its file would soon be wrong."""
    description = aws.describe(name)
    if description is None:
        raise InvalidInput("The table was deleted during the import.")
    status = description.get("TableStatus", "ACTIVE")
    if status != "ACTIVE":
        raise InvalidInput(f"The table is {code(status)}.", hint="Import it when it is `ACTIVE`.")
    table = build.actual(description, observe.readings(aws, description, ASPECTS))
    if table.transitions:
        parts = sorted({code("/".join(path)) + f" is {code(status)}" for path, status in table.transitions.items()})
        changing = ", ".join(parts)
        raise InvalidInput(f"The table is changing: {changing}.", hint="Import it when this is done.")
    return _without_managed_key(aws, table)


def _scaled(how: _Import, table: Table) -> tuple[Table, AccountFacts]:
    """The table with its auto scaling, and what its plan rests on. Only a provisioned capacity scales."""
    facts, paths = how.cache.facts(), tuple(targets.paths(table))
    if not table.provisioned:
        return table, replace(facts, scaling={}, schedules={})
    facts = how.cache.answer(MissingFacts(scaling=True, schedules=True), table, facts)
    places = {targets.key(table.name, path) for path in paths}
    scaling = {place: target for place, target in (facts.scaling or {}).items() if place in places}
    return targets.with_registered(table, scaling, paths), replace(facts, scaling=scaling)


def _left_out(table: Table) -> str | None:
    """A warning about what the table has and a file cannot have."""
    unmanaged_names, warnings = unmanaged.names(table), []
    if source := copy_from.unfinished(table):
        warnings.append(
            f"It does not have all items of {code(source)} yet. Write `:CopyFrom` with that name into the file, and "
            "apply goes on with the copy."
        )
    if unmanaged_names:
        left_out = ", ".join(unmanaged_names)
        warnings.append(
            f"Dynatus does not manage these, so the file leaves them out: {left_out}. A new table will not have them."
        )
    unsaid = ["/".join(path) for path in targets.paths(table) if not targets.printable(table.at(path))]
    if unsaid:
        least, most = targets.LEAST_USED, targets.MOST_USED
        warnings.append(
            f"The file leaves out this auto scaling, because it has no policy with a target of {least} to {most} %: "
            f"{', '.join(unsaid)}. In the account it stays as it is."
        )
    return " ".join(warnings) or None


def _without_managed_key(aws: Aws, table: Table) -> Table:
    """The table without the name of its key, if AWS manages that key: each account and region has another one.

    If the key may not be read, it is taken as AWS's own if a replica has no key.
    """
    encryption = table.at((Encryption.name,)) or {}
    if "KMSMasterKeyId" not in encryption:
        return table
    key = observe.describe_key(aws, encryption["KMSMasterKeyId"])
    replicas = (table.at((Replicas.name,)) or {}).values()
    managed = key["KeyManager"] == "AWS" if key else any("KMSMasterKeyId" not in replica for replica in replicas)
    if not managed:
        return table
    unnamed = {member: value for member, value in encryption.items() if member != "KMSMasterKeyId"}
    return replace(table, values={**table.values, Encryption.name: unnamed})


def _path(name: str, how: _Import) -> Path:
    """The path of the table's file. A leading dot gets a `_` before it: hidden files are not read."""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
        raise InvalidInput(f"{code(quoted(name))} is not a table name of DynamoDB, so it cannot be the name of a file.")
    return how.out_dir / f"{'_' * name.startswith('.')}{name}{how.file_format.suffixes[0]}"


def _write(how: _Import, table: Table, owner: Owner | None, facts: AccountFacts) -> Path:
    """Write the table's file, and delete it again if it does not describe the table exactly."""
    named = replace(table, name=table.name.removeprefix(how.table_prefix))
    path = _path(named.name, how)
    _refuse_other_format(path, how.file_format)
    comment = f"{how.file_format.comment} Owned by {owner}.\n" if owner and how.file_format.comment else ""
    text = comment + writer.text(named, how.file_format)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as exists:
        raise InvalidInput(f"{code(str(path))} exists and was not changed.") from exists
    except OSError as broken:
        raise InvalidInput(f"{code(str(path))} cannot be written: {broken.strerror}.") from broken
    try:
        _verify(how, table, path, facts)
    except DynatusError:
        path.unlink()
        raise
    return path


def _refuse_other_format(path: Path, file_format: Format) -> None:
    """Refuse to define a table twice: there is a file with its name in another format."""
    for suffix in SUFFIXES:
        other = path.with_name(path.name.removesuffix(file_format.suffixes[0]) + suffix)
        if other != path and os.path.lexists(other):
            raise InvalidInput(f"{code(str(other))} exists, so no {file_format.name} was written beside it.")


def _verify(how: _Import, table: Table, path: Path, facts: AccountFacts) -> None:
    (desired,) = loader.load(path.name, root=path.parent, table_prefix=how.table_prefix).tables
    change = planner.change(desired, table, facts)
    if change.refusal:
        raise InvalidInput(change.refusal.message, hint=change.refusal.hint)
    if change.action is not Action.NOOP:
        parts = ", ".join(sorted({code("/".join(difference.path)) for difference in change.differences}))
        raise InvalidInput(f"A definition cannot describe this table: its plan would change {parts}.")
