"""What the package logs, shown by the action and the command; a program that imports the package handles it itself.

Each module has a logger of its own. DEBUG: every call of AWS. INFO: what was decided, and why. ERROR: a bug, with its
whole traceback. No line holds parameters or answers of a call, a token, or what an item holds.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ROOT = "dynatus_ci"


class _Handler(logging.Handler):
    """Hands lines over as text."""

    def __init__(self, write: Callable[[int, str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record over; whatever goes wrong with that, the run goes on."""
        try:
            self._write(record.levelno, self.format(record))
        except Exception:  # noqa: BLE001  # as the standard library's handlers do it
            self.handleError(record)


class _Formatter(logging.Formatter):
    """An exception is shown by where it came from. Its message may hold what is secret."""

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802  # the standard library's signature
        """The frames of an exception and of what it came from, each with the line of code."""
        return "\n".join(_frames(ei[1]))


def _frames(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause:
        yield from _frames(cause)
        yield "after which came"
    yield from "".join(traceback.format_tb(error.__traceback__)).splitlines()
    yield f"{type(error).__module__}.{type(error).__name__}"


@contextmanager
def shown(write: Callable[[int, str], None], *, level: int) -> Iterator[None]:
    """Show what is logged for as long as the context lasts.

    Args:
        write: Takes a line's level, and the line (several lines for an exception).
        level: The least level that is shown.
    """
    logger = logging.getLogger(ROOT)
    handler = _Handler(write)
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    before, propagates = logger.level, logger.propagate
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        logger.propagate = propagates
