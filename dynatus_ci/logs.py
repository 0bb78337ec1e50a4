"""How the action and the command show the package's log. A program that imports the package configures it itself.

Each module has its own logger. DEBUG: every AWS call. INFO: the decisions, and why. ERROR: a bug, with its whole
traceback. No line holds the parameters or the response of a call, a token, or an item.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ROOT = "dynatus_ci"


class _Handler(logging.Handler):
    """Passes lines on as text."""

    def __init__(self, write: Callable[[int, str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(record.levelno, self.format(record))
        except Exception:  # noqa: BLE001  # an error of the log must not end the run; the standard library's handlers do the same
            self.handleError(record)


class _Formatter(logging.Formatter):
    """Shows where an exception came from, without its message, which may hold a secret."""

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802  # the standard library's signature
        return "\n".join(_frames(ei[1]))


def _frames(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause:
        yield from _frames(cause)
        yield "which was followed by"
    yield from "".join(traceback.format_tb(error.__traceback__)).splitlines()
    yield f"{type(error).__module__}.{type(error).__name__}"


@contextmanager
def shown(write: Callable[[int, str], None], *, level: int) -> Iterator[None]:
    """Show the log for as long as the context lasts.

    Args:
        write: Called with the level and the text (several lines for an exception).
        level: The lowest level that is shown.
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
