"""What a run says to the Actions runner: log lines, groups, annotations, outputs, the job summary.

Everything goes to a stream or file that is handed in. No token, no network; it must not know what a plan is.
The runner reads commands from standard output and standard error alike, so text that a stranger may have written
passes through `Runner.text` (docs: workflow commands for GitHub Actions; actions/runner, ActionCommandManager.cs).
"""

from __future__ import annotations

import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import Final, TextIO, TypeAlias

from dynatus_ci.errors import Place
from dynatus_ci.text import visible

SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes of one step's job summary; of a larger one the runner shows nothing (docs: job summaries)."""

_MESSAGE_LIMIT: Final = 4_000  # the runner cuts a message at 4,096 characters
_SUMMARY_CUT: Final = "\n\n*The rest is left out: a job summary holds 1 MiB.*\n"

OutputValue: TypeAlias = str | bool | int


class Level(StrEnum):
    """The kinds of annotation."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


# GitHub shows ten of each kind for one step and drops the rest; the tenth notice says how many were left out.
_SHOWN: Final = {Level.ERROR: 10, Level.WARNING: 10, Level.NOTICE: 9}


class Runner:
    """The runner's side of one step.

    A file that cannot be written (a full disk) fails nothing: what the run did is told wherever there is room.

    Args:
        stream: Where log lines and commands go; standard output in the action.
        output: The file of `GITHUB_OUTPUT`; without it outputs go nowhere.
        summary: The file of `GITHUB_STEP_SUMMARY`; without it the summary goes nowhere.
    """

    def __init__(self, stream: TextIO, *, output: Path | None = None, summary: Path | None = None) -> None:
        self._stream = stream
        self._output = output
        self._summary = summary
        self._annotated: Counter[Level] = Counter()
        self._unwritten: dict[str, str] = {}
        self._lock = RLock()

    def text(self, text: str) -> None:
        """Print text that anybody may have written; none of it can be a command."""
        token = uuid.uuid4().hex
        with self._lock:  # two texts between each other's lines would be commands again
            self._line(f"::stop-commands::{token}")
            self._line(harmless(text))
            self._line(f"::{token}::")

    def debug(self, text: str) -> None:
        """Print a line that the runner shows only where the step's debug log is on."""
        self._command("debug", harmless(text))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """A part of the log that folds away. Groups do not nest."""
        self._command("group", harmless(title))
        try:
            yield
        finally:
            self._command("endgroup", "")

    def annotate(self, level: Level, message: str, *, place: Place | None = None, title: str | None = None) -> None:
        """Show a message beside the file, or on the run's page; beyond what GitHub shows it is printed only."""
        self._annotated[level] += 1
        if self._annotated[level] > _SHOWN[level]:
            self.text(f"{level}: {place}: {message}" if place else f"{level}: {message}")
            return
        self._command(level, _cut(harmless(message)), properties=_properties(place, title))

    def finish(self) -> None:
        """Say what could not be written, and how many messages have no annotation of their own; once, at the end."""
        for file, why in self._unwritten.items():
            self.annotate(Level.NOTICE, f"The {file} could not be written: {why}.")
        left = {level: self._annotated[level] - most for level, most in _SHOWN.items() if self._annotated[level] > most}
        if left:
            counts = ", ".join(f"{number} {level}{'s' if number > 1 else ''}" for level, number in left.items())
            self._command(Level.NOTICE, f"More than GitHub shows here: {counts}. The job summary and the log hold all.")

    def set_outputs(self, outputs: Mapping[str, OutputValue]) -> None:
        """Set outputs of the step. Set again, the later value holds."""
        text = "".join(_output(name, value) for name, value in outputs.items())
        self._append("file of the step's outputs", self._output, text)

    def add_summary(self, markdown: str) -> None:
        """Add to the job summary; what is over its limit is cut at the end of a line, and that is said."""
        self._append("job summary", self._summary, _fitting(markdown, self.summary_room))

    @property
    def summary_room(self) -> int:
        """How many bytes the job summary can still take."""
        return max(0, SUMMARY_LIMIT - _size(self._summary))

    def _command(self, name: str, data: str, *, properties: Mapping[str, str | int] | None = None) -> None:
        listed = ",".join(f"{key}={_escape_property(str(value))}" for key, value in (properties or {}).items())
        self._line(f"::{name}{' ' if listed else ''}{listed}::{_escape(data)}")

    def _line(self, text: str) -> None:
        with self._lock, suppress(OSError):  # without a log there is nowhere to say so
            self._stream.write(text + "\n")
            self._stream.flush()  # the job may be killed at any time, and standard error has no buffer

    def _append(self, what: str, path: Path | None, text: str) -> None:
        if path is None:
            return
        before = _size(path)
        try:
            with path.open("a", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(text)
        except OSError as error:
            self._unwritten[what] = error.strerror or type(error).__name__
            with suppress(OSError):
                os.truncate(path, before)  # half of an output would make the runner fail the step


def _size(path: Path | None) -> int:
    """How large a file is; 0 where there is none that can be looked at."""
    with suppress(OSError):
        return path.stat().st_size if path else 0
    return 0


def shown(text: str) -> str:
    """The text with U+FFFD for what cannot be seen or ends a line by stealth; line feeds and tabs stay."""
    return visible(text.replace("\r\n", "\n"), keep="\n\t")


def harmless(text: str) -> str:
    """As `shown`, and without what starts a command: `##[name]` anywhere in a line, `::name` at its start."""
    return re.sub(r"^([^\S\n]*):(?=:)", r"\1: ", shown(text), flags=re.MULTILINE).replace("##[", "# #[")


def _properties(place: Place | None, title: str | None) -> dict[str, str | int]:
    found: dict[str, str | int] = {"title": harmless(title)} if title else {}
    if place is not None:
        found |= {"file": place.file, "line": place.line, "endLine": place.end_line}
        if place.line == place.end_line:  # the runner takes columns of one line only
            found |= {"col": place.column, "endColumn": place.end_column}
    return found


def _escape(data: str) -> str:
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(value: str) -> str:
    return _escape(value).replace(":", "%3A").replace(",", "%2C")


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 1] + "…"


def _output(name: str, value: OutputValue) -> str:
    """The block form: its end is a line nobody can guess, so no value sets another output (docs: setting an output)."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    return f"{name}<<{delimiter}\n{text}\n{delimiter}\n"


def _fitting(markdown: str, room: int) -> str:
    encoded = markdown.encode("utf-8", errors="replace")
    if len(encoded) <= room:
        return markdown
    kept = encoded[: max(0, room - len(_SUMMARY_CUT.encode()))].decode("utf-8", errors="ignore")
    return (kept.rpartition("\n")[0] + _SUMMARY_CUT) if kept else ""
