"""Ctrl-C and SIGTERM: a change that is under way is finished, everything else ends at once.

A handler runs between any two instructions of the program, in the middle of a print too. So it sets a flag and writes
with `os.write`, which needs no lock and no buffer, and does nothing else.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a program that Ctrl-C ended."""
_STOPPING = "Stopping after the current call."
_AGAIN = f"{_STOPPING[:-1]}; press Ctrl-C again to stop at once."
_STOPPED = "Stopped. A call may be under way still; plan again to see what it did."
_SHOW_CURSOR = "\x1b[?25h"
"""The progress display hides it."""


class Stop:
    """What the signals have asked for.

    Args:
        impatient: A second Ctrl-C ends the process at once. In a job the second signal comes by itself, so there it
            does not: the run has a few seconds to say how far it came.
    """

    def __init__(self, *, impatient: bool) -> None:
        self.flag = threading.Event()
        self.applying = False
        """Changes are being made: the first signal only sets the flag. Else it raises KeyboardInterrupt."""
        self._impatient = impatient
        self._heard = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear SIGINT and SIGTERM for as long as the context lasts.

        GitHub sends SIGINT, 7.5 s later SIGTERM, and 2.5 s later it kills. Process 1 ignores SIGTERM by default.
        """
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._hear) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        again, self._heard = self._heard, True
        if again and self._impatient and number == signal.SIGINT:
            _write(f"{_SHOW_CURSOR if os.isatty(2) else ''}{_STOPPED}")
            os._exit(INTERRUPTED)
        if not again:
            self.flag.set()  # only once: it takes a lock, which a second signal could find taken
        if self.applying:
            _write(_AGAIN if self._impatient else _STOPPING)
        elif not again:
            raise KeyboardInterrupt  # an Exception would end in botocore, which takes any for a network error


def _write(text: str) -> None:
    """On lines of its own: another line may be half written."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
