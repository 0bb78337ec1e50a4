"""How the command reads and writes: what the terminal can show, and progress while tables change.

On a terminal each table has one live line; elsewhere there are plain lines.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dynatus_ci.errors import DynatusError, InvalidInput
from dynatus_ci.text import as_options, plain_lines, visible

if TYPE_CHECKING:
    from dynatus_ci.engine import Event, OnEvent

COLOURS = ("auto", "always", "never")

BAR = 20
"""Characters of the bar of a copy."""

_ASCII = {
    "→": "->",
    "↻": "@",
    "·": "-",
    "…": "...",
    "\N{MINUS SIGN}": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "✅": "OK:",
    "🔴": "!",
    "🟡": "~",
}
"""What stands for the characters of our own texts where the output's encoding lacks them."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a stream shows text: with colours, and its width in columns (None: it is no terminal)."""

    colour: bool
    width: int | None


def look(stream: TextIO, choice: str, environ: Mapping[str, str] = os.environ) -> Look:
    """How to write to a stream, by the option --color, the variables that many programs know, and what the stream is.

    https://no-color.org, https://force-color.org, https://bixense.com/clicolors
    """
    is_terminal = stream.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    forced = any(environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))
    auto = not environ.get("NO_COLOR") and (forced or (is_terminal and environ.get("TERM") != "dumb"))
    return Look({"always": True, "never": False}.get(choice, auto), width)


def degrade_to_ascii() -> None:
    """From now on, write in ASCII what the encoding of standard output or standard error lacks."""
    codecs.register_error("dynatus-ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="dynatus-ascii")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ASCII.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def show(text: str) -> None:
    """Print a document on standard output.

    Raises:
        BrokenPipeError: Its reader went away.
        InvalidInput: It cannot be written.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        _drop_buffer(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise InvalidInput(f"Standard output cannot be written: {error.strerror}.") from error


def show_json(document: Mapping[str, Any]) -> None:
    """Print a JSON document on standard output. What its encoding lacks is escaped, so no value changes."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    show(text)


def say(text: str) -> None:
    """Print lines on standard error; whatever they hold, it is only text."""
    _write_error("\n".join(map(visible, text.split("\n"))))


def say_error(error: DynatusError) -> None:
    """Print an error on standard error, in the words of the command."""
    say(f"dynatus: {spoken(error.sentence)}")


def spoken(sentences: str) -> str:
    """Sentences in the words of the command, without code spans."""
    return plain_lines(as_options(sentences))


def write(text: str, stream: TextIO) -> None:
    """Print a report, which may hold colours, on standard output or standard error."""
    (_write_error if stream is sys.stderr else show)(text.rstrip("\n"))


def _write_error(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:  # nobody reads it any more, or the disk is full: that must not end a run
        _drop_buffer(sys.stderr)


def _drop_buffer(stream: TextIO) -> None:
    """Forget the text that could not be written. Python would try again when it ends, and exit with 120."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        descriptor = stream.fileno()
        kept = os.dup(descriptor)
        try:
            os.dup2(nowhere.fileno(), descriptor)
            stream.flush()
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)


def can_ask() -> bool:
    """Whether somebody sits at standard input. A program that is started without one has None there."""
    return bool(sys.stdin and sys.stdin.isatty())


def confirm(question: str) -> bool:
    """Ask on standard error; only `yes` is a yes."""
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


@contextmanager
def progress() -> Iterator[OnEvent]:
    """Show progress on standard error for as long as the context lasts."""
    from rich.console import Console  # noqa: PLC0415  # it takes long to load, and most commands show no progress
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    if not (console.is_terminal and sys.stderr.isatty()):  # FORCE_COLOR alone makes rich take a pipe for a terminal
        yield _lines
        return
    spinner = SpinnerColumn("dots" if console.encoding.startswith("utf") else "line")
    # markup off: names and texts come from definitions
    columns = (spinner, TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def show_event(event: Event) -> None:
            if event.table not in tasks:
                tasks[event.table] = shown.add_task("", total=None)
            drawn = "" if event.done is None else f"  {_bar(event.done)}"
            shown.update(tasks[event.table], description=visible(f"{event.table}{drawn}  {spoken(event.text)}"))

        yield show_event


def _lines(event: Event) -> None:
    """Events as lines, without those that come every second."""
    if event.kind != "progress":  # its enumeration would load the engine, which most commands do not need
        say(f"{event.table}: {spoken(event.text)}")


def _bar(done: float) -> str:
    full = round(done * BAR)
    return "[" + "#" * full + "-" * (BAR - full) + "]"
