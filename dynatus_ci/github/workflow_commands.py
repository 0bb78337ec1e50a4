"""Log lines, groups, annotations, outputs and the job summary of a run of GitHub Actions.

It writes to a stream and to files. It uses no network, and must not know what a plan is. The runner reads commands from
standard output and standard error, so text that a stranger may have written passes through `Runner.text` (docs:
workflow commands for GitHub Actions; actions/runner, ActionCommandManager.cs).
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
from dynatus_ci.text import plural, visible

SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes. The runner shows nothing of a larger job summary of one step (docs: job summaries)."""

_COMMAND_STARTS: Final = ("::", "##[")
_MESSAGE_LIMIT: Final = 4_000  # the runner cuts a message at 4,096 characters
_SUMMARY_CUT: Final = "\n\n*The rest is left out: a job summary holds 1 MiB.*\n"

OutputValue: TypeAlias = str | bool | int


class Level(StrEnum):
    """The kinds of annotation."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


# GitHub shows ten annotations of each kind for one step. Our tenth notice says how many more there are.
_SHOWN: Final = {Level.ERROR: 10, Level.WARNING: 10, Level.NOTICE: 9}


class Runner:
    """The Actions runner, as one step of a job talks to it.

    A file that cannot be written, as on a full disk, is no error: a notice says so at the end.

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
        """Print text that anybody may have written. None of it can be a command.

        The runner shows the two lines of a bracket in the log, so only text that could hold a command has one.
        """
        if not any(start in text for start in _COMMAND_STARTS):
            self._line(harmless(text))
            return
        token = uuid.uuid4().hex
        with self._lock:  # If the lines of two texts were mixed, some would be commands again.
            self._line(f"::stop-commands::{token}")
            self._line(harmless(text))
            self._line(f"::{token}::")

    def debug(self, text: str) -> None:
        """Print a line that the runner shows only where the step's debug log is on."""
        self._command("debug", harmless(text))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """A part of the log that GitHub folds. Groups do not nest."""
        self._command("group", harmless(title))
        try:
            yield
        finally:
            self._command("endgroup", "")

    def annotate(self, level: Level, message: str, *, place: Place | None = None, title: str | None = None) -> None:
        """Show a message beside its line, or on the run's page. If GitHub shows no more of them, print it."""
        self._annotated[level] += 1
        if self._annotated[level] > _SHOWN[level]:
            self.text(f"{level}: {place}: {message}" if place else f"{level}: {message}")
            return
        self._command(level, _cut(harmless(message)), properties=_properties(place, title))

    def finish(self) -> None:
        """At the end of the run, say what could not be written, and how many messages have no annotation."""
        for file, why in self._unwritten.items():
            self.annotate(Level.NOTICE, f"The {file} could not be written: {why}.")
        left = {level: self._annotated[level] - most for level, most in _SHOWN.items() if self._annotated[level] > most}
        if left:
            counts = ", ".join(plural(number, level) for level, number in left.items())
            message = f"GitHub does not show all messages here; hidden: {counts}. The job summary and the log have all."
            self._command(Level.NOTICE, message)

    def set_outputs(self, outputs: Mapping[str, OutputValue]) -> None:
        """Set outputs of the step. A later value replaces an earlier one."""
        text = "".join(_output(name, value) for name, value in outputs.items())
        self._append("file of the step's outputs", self._output, text)

    def add_summary(self, markdown: str) -> None:
        """Add to the job summary. Beyond its limit it is cut at the end of a line, and says so."""
        self._append("job summary", self._summary, _fitting(markdown, self.summary_room))

    @property
    def summary_room(self) -> int:
        """How many bytes the job summary can still take."""
        return max(0, SUMMARY_LIMIT - _size(self._summary))

    def _command(self, name: str, data: str, *, properties: Mapping[str, str | int] | None = None) -> None:
        listed = ",".join(f"{key}={_escape_property(str(value))}" for key, value in (properties or {}).items())
        self._line(f"::{name}{' ' if listed else ''}{listed}::{_escape(data)}")

    def _line(self, text: str) -> None:
        with self._lock, suppress(OSError):  # Without a log there is no place for the error.
            self._stream.write(text + "\n")
            self._stream.flush()  # The job may be killed at any time, and standard error has no buffer.

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
                os.truncate(path, before)  # Half an output would make the runner fail the step.


def _size(path: Path | None) -> int:
    """The size of a file in bytes; 0 if it cannot be read."""
    with suppress(OSError):
        return path.stat().st_size if path else 0
    return 0


def shown(text: str) -> str:
    """The text with U+FFFD for hidden characters and unusual line ends. Line feeds and tabs stay."""
    return visible(text.replace("\r\n", "\n"), keep="\n\t")


def harmless(text: str) -> str:
    """As `shown`, without the start of a command: `##[name]` anywhere in a line, `::name` at its start."""
    return re.sub(r"^([^\S\n]*):(?=:)", r"\1: ", shown(text), flags=re.MULTILINE).replace("##[", "# #[")


def _properties(place: Place | None, title: str | None) -> dict[str, str | int]:
    properties: dict[str, str | int] = {"title": harmless(title)} if title else {}
    if place is not None:
        properties |= {"file": place.file, "line": place.line, "endLine": place.end_line}
        if place.line == place.end_line:  # The runner takes columns only within one line.
            properties |= {"col": place.column, "endColumn": place.end_column}
    return properties


def _escape(data: str) -> str:
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(value: str) -> str:
    return _escape(value).replace(":", "%3A").replace(",", "%2C")


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 1] + "…"


def _output(name: str, value: OutputValue) -> str:
    """An output as a block. Nobody can guess its last line, so no value sets another output (docs: setting outputs)."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    return f"{name}<<{delimiter}\n{text}\n{delimiter}\n"


def _fitting(markdown: str, room: int) -> str:
    encoded = markdown.encode("utf-8", errors="replace")
    if len(encoded) <= room:
        return markdown
    beginning = encoded[: max(0, room - len(_SUMMARY_CUT.encode()))].decode("utf-8", errors="ignore")
    return (beginning.rpartition("\n")[0] + _SUMMARY_CUT) if beginning else ""
