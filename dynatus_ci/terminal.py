"""What a person sees while tables change: one live line for each table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from dynatus_ci import report
from dynatus_ci.errors import InvalidInput

Told = Callable[[str, str], None]
"""Takes a table and what is happening to it."""


def show(text: str) -> None:
    """Print a document on standard output.

    Raises:
        BrokenPipeError: Its reader went away.
        InvalidInput: It cannot be written.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        with suppress(OSError):  # what is left in the buffer would fail again when the program ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise InvalidInput(f"Standard output cannot be written: {error.strerror}.") from error


def say(text: str) -> None:
    """Print lines on standard error; whatever they hold, it is only text."""
    with suppress(OSError):  # nobody reads it any more, or the disk is full: that must not end a run
        print("\n".join(map(report.visible, text.split("\n"))), file=sys.stderr, flush=True)


def can_ask() -> bool:
    """Whether somebody sits at standard input. A program that is started without one has None there."""
    return bool(sys.stdin and sys.stdin.isatty())


def confirm(question: str) -> bool:
    """Ask on standard error; only `yes` is a yes."""
    print(f"{question} Only `yes` is a yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


@contextmanager
def progress() -> Iterator[Told]:
    """Show progress on standard error for as long as the context lasts."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda table, text: say(f"{table}: {text}")
        return
    # markup off: names and texts come from definitions
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def told(table: str, text: str) -> None:
            if table not in tasks:
                tasks[table] = shown.add_task("", total=None)
            shown.update(tasks[table], description=report.visible(f"{table}  {text}"))

        yield told
