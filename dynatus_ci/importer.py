"""Live tables as definition files: what `dynatus import` does. Reads the account, and writes only files that are new.

A file stays only if reading it back gives a plan without a change; everything else is reported, table by table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from dynatus_ci.aws import observe, owners
from dynatus_ci.aws.client import CONNECTIONS, Aws, pages
from dynatus_ci.aws.owners import Owner
from dynatus_ci.definitions import files, loader, writer
from dynatus_ci.errors import DynatusError, InvalidInput
from dynatus_ci.table import build, planner, probe, unmanaged
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.base import AccountFacts
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.model import Action, Table
from dynatus_ci.text import quoted

PROBE = (
    "No file was written: it is a probe that an interrupted apply left behind. The next apply of its table deletes it; "
    "you may delete it yourself."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a table, or of a pattern that matches none: the file that was written, or why there is none.

    `warning` is what the file does not say of the table.
    """

    table: str
    file: Path | None = None
    error: DynatusError | None = None
    owner: Owner | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """Where the tables are and where their files go, the same for all of them."""

    aws: Aws
    out_dir: Path
    table_prefix: str
    ask_owner: bool


def import_tables(
    aws: Aws, patterns: Sequence[str], *, out_dir: Path, table_prefix: str = "", ask_owner: bool = False
) -> tuple[Imported, ...]:
    """Write each live table whose name matches a pattern to a file of its own, named after the table.

    Args:
        aws: The connection.
        patterns: Names of tables as they are in the account, globs allowed; none means all.
        out_dir: Where the files go; made where it is missing. A file that exists is never overwritten.
        table_prefix: Only tables whose name begins so; the files have the rest of the name, so that a plan with the
            same prefix finds their tables.
        ask_owner: Ask CloudFormation which stack owns each table, and say so in its file.

    Returns:
        The patterns that no table matches, then the tables in name order. One that fails does not stop the others.

    Raises:
        CallFailed: The tables could not be listed.
        InvalidInput: The folder cannot be made.
    """
    listed = (name for page in pages(aws.read, "ListTables") for name in page["TableNames"])
    names = sorted(name for name in listed if name.startswith(table_prefix) and name != table_prefix)
    wanted = [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    unmatched = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        raise InvalidInput(f"The folder {str(out_dir)!r} cannot be made: {broken.strerror}.") from broken
    how = _Import(aws=aws, out_dir=out_dir, table_prefix=table_prefix, ask_owner=ask_owner)
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        imported = list(pool.map(lambda name: _import(how, name), wanted))
    missing = f"No table that begins with {table_prefix} has this name." if table_prefix else "No table has this name."
    return (*(Imported(pattern, error=InvalidInput(missing)) for pattern in unmatched), *imported)


def _import(how: _Import, name: str) -> Imported:
    try:
        table = _observed(how.aws, name)
        if probe.TAG in (table.at((Tags.name,)) or {}):
            return Imported(name, warning=PROBE)
        owner = owners.owner(how.aws, name) if how.ask_owner else None
        return Imported(name, file=_write(how, table, owner), owner=owner, warning=_left_out(table))
    except DynatusError as error:
        return Imported(name, error=error)


def _observed(aws: Aws, name: str) -> Table:
    """A table with all that can be read of it, if it is at rest: what is under way would soon differ from its file."""
    description = observe.describe(aws, name)
    if description is None:
        raise InvalidInput("It was deleted meanwhile.")
    status = description.get("TableStatus", "ACTIVE")
    if status != "ACTIVE":
        raise InvalidInput(f"It is {status}.", hint="Import it when it is ACTIVE.")
    table = build.actual(description, observe.answers(aws, description, ASPECTS))
    if table.transitions:
        changing = ", ".join(sorted({"/".join(path) + f" {status}" for path, status in table.transitions.items()}))
        raise InvalidInput(f"It is being changed ({changing}).", hint="Import it when that has ended.")
    return _without_managed_key(aws, table)


def _left_out(table: Table) -> str | None:
    """What the table has and no file can say: nobody should take the file for all of it."""
    names = unmanaged.names(table)
    if not names:
        return None
    return f"The file leaves out what dynatus does not manage: {', '.join(names)}. A new table made from it lacks that."


def _without_managed_key(aws: Aws, table: Table) -> Table:
    """The key that AWS manages goes without a name: it is another one in each account and region.

    Where nobody may look, it is taken for that one if a replica shows no key of its own.
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


def _path(name: str, out_dir: Path) -> Path:
    """The table's file. A name that begins with a dot would make a hidden file, which is not read."""
    if not re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
        raise InvalidInput(f"{quoted(name)} is no table name of DynamoDB, so no file is named after it.")
    return out_dir / f"{'_' * name.startswith('.')}{name}{files.SUFFIX}"


def _write(how: _Import, table: Table, owner: Owner | None) -> Path:
    """Write a table's file, and take it away again if it does not say what the table is."""
    named = replace(table, name=table.name.removeprefix(how.table_prefix))
    path = _path(named.name, how.out_dir)
    text = (f";; Owned by {owner}.\n" if owner else "") + writer.text(named)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as exists:
        raise InvalidInput(f"{path} exists; it was left alone.") from exists
    except OSError as broken:
        raise InvalidInput(f"{path} cannot be written: {broken.strerror}.") from broken
    try:
        _verify(how, table, path)
    except DynatusError:
        path.unlink()
        raise
    return path


def _verify(how: _Import, table: Table, path: Path) -> None:
    (desired,) = loader.load(path.name, root=path.parent, table_prefix=how.table_prefix).tables
    aws = how.aws
    facts = AccountFacts(region=aws.region, emulator=aws.emulator, unsupported=frozenset(aws.unsupported), scaling={})
    change = planner.change(desired, table, facts)
    if change.action is not Action.NOOP:
        named = ", ".join(sorted({"/".join(difference.path) for difference in change.differences}))
        raise InvalidInput(f"No definition can say what it is: a plan on it would change {named}.")
