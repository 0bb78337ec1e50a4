"""From inputs to a plan, and plan documents as files: what the command and the action have in common.

It prints nothing and does not know GitHub. Warnings and notices go to callbacks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from dynatus_ci import disk
from dynatus_ci.definitions import files, loader
from dynatus_ci.definitions.loader import Loaded
from dynatus_ci.errors import Fault, InvalidDefinitions, InvalidInput
from dynatus_ci.inputs import Checking, Inputs, Mode
from dynatus_ci.table.model import Table
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import option

if TYPE_CHECKING:
    from dynatus_ci.aws.client import Aws
    from dynatus_ci.engine import Options

# The engine and what calls AWS are imported where they are needed: `validate` does not wait for them to load.

LARGEST_DOCUMENT = 64 << 20
"""The most bytes of a plan document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """Loads definitions, connects and plans, as the inputs say.

    Args:
        inputs: What the user asked for.
        on_warning: Called with each warning about the definitions.
        on_notice: Called with what the connection reports.
        root: The workspace of a job: paths are relative to it, and strangers may have written to it. Without it, paths
            are relative to the working directory, and all files are the user's own.
        profile: The profile of boto3's configuration.
    """

    inputs: Inputs
    on_warning: Callable[[Fault], None]
    on_notice: Callable[[str], None]
    root: Path | None = None
    profile: str | None = None

    @property
    def options(self) -> Options:
        """How the engine must plan and apply."""
        from dynatus_ci.engine import Options  # noqa: PLC0415  # see the top

        return Options(
            ignore_tags=self.inputs.ignore_tags,
            max_parallel=self.inputs.max_parallel,
            wait_seconds=self.inputs.wait_minutes * 60,
            detach=self.inputs.detach,
            copy_rate=self.inputs.copy_rate,
            check=self.inputs.check is Checking.AUTO and self.inputs.mode is not Mode.DRIFT,
        )

    def tables(self, path: str | None = None) -> tuple[Table, ...]:
        """The tables that the definitions at a path define."""
        return self.load(path).tables

    def load(self, path: str | None = None) -> Loaded:
        """Load the definitions at a path; the default is the path of the inputs.

        Raises:
            InvalidDefinitions: All faults of the files.
            NoDefinitions: There are no files.
        """
        loaded = loader.load(
            path or self.inputs.path,
            environment=self.inputs.environment,
            params=self.inputs.params,
            table_prefix=self.inputs.table_prefix,
            root=self.root,
        )
        for note in loaded.notes:
            self.on_warning(note)
        return loaded

    def connect(self) -> Aws:
        """Connect to the account."""
        from dynatus_ci.aws import connection  # noqa: PLC0415  # see the top

        return connection.connect(
            region=self.inputs.region,
            endpoint_url=self.inputs.endpoint_url,
            profile=self.profile,
            expect_account=self.inputs.account,
            strangers=self.root,
            on_notice=self.on_notice,
        )

    def plan(self, tables: Sequence[Table]) -> Plan:
        """Plan against AWS, or against the baseline."""
        from dynatus_ci import engine  # noqa: PLC0415  # see the top

        if self.inputs.baseline:
            before = self.tables(self.inputs.baseline)
            return engine.plan_against(before, tables, region=self.inputs.region, endpoint=self.inputs.endpoint_url)
        return engine.plan(self.connect(), tables, options=self.options)


def useless_patterns(plan: Plan, patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns of `allow-destructive` that match no table of a plan: most often a mistyped name."""
    tables = [change.table for change in plan.tables]
    return tuple(
        pattern for pattern in patterns if not any(fnmatchcase(table, pattern.partition("/")[0]) for table in tables)
    )


def texts(faults: Iterable[Fault], root: Path = Path()) -> dict[str, str]:
    """File with a fault → its text. A file that `files.read` does not accept any more is left out."""
    found = {}
    for name in dict.fromkeys(fault.place.file for fault in faults if fault.place):
        with suppress(InvalidDefinitions):
            found[name] = files.read(files.File(name, root / name)).decode("utf-8-sig", "replace")
    return found


def read(path: PurePath, *, name: str, root: Path | None = None) -> Plan:
    """Read a plan document.

    Args:
        path: Where it is.
        name: What the user calls it, as a sentence's subject (`text.input_value`).
        root: The folder of `path`, if strangers may have filled it.

    Raises:
        InvalidInput: It cannot be read.
    """
    try:
        if root is None:
            with Path(path).open("rb") as file:
                text = file.read(LARGEST_DOCUMENT + 1)
        else:
            text = disk.read(root, path, most=LARGEST_DOCUMENT + 1)
        if len(text) > LARGEST_DOCUMENT:
            raise InvalidInput(f"{name} is too large for a plan document.")
        document = json.loads(text)
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        where = f", see line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        hint = f"It must be a file that {option('out')} wrote."
        raise InvalidInput(f"{name} is not a plan document: it is not JSON{where}.", hint=hint) from error
    try:
        return Plan.from_dict(document)
    except InvalidInput as error:
        raise InvalidInput(f"{name} cannot be used. {error.message}", hint=error.hint) from error
    except RecursionError as error:
        raise InvalidInput(f"{name} is not a plan document: its values are nested too deep.") from error


def write(plan: Plan, path: PurePath, *, name: str, root: Path | None = None) -> None:
    """Write the document of a plan; the arguments are those of `read`.

    Raises:
        InvalidInput: It cannot be written there.
    """
    write_text(json.dumps(plan.to_dict(), ensure_ascii=False, indent=1) + "\n", path, name=name, root=root)


def write_text(text: str, path: PurePath, *, name: str, root: Path | None = None) -> None:
    """Write a file; the arguments are those of `read`.

    Raises:
        InvalidInput: It cannot be written there.
    """
    data = text.encode()
    try:
        if root is None:
            Path(path).write_bytes(data)
        else:
            disk.write(root, path, data)
    except OSError as error:
        raise InvalidInput(f"{name} cannot be written: {error.strerror}.") from error
