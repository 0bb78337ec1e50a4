"""Ctrl-C and SIGTERM: the current change is finished, everything else ends at once.

A handler runs between any two instructions of the program, even in the middle of a print. So it only sets a flag, and
writes with `os.write`, which needs no lock and no buffer.
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
_STOPPED = "Stopped. A call may still be under way; plan again to see what it did."
_SHOW_CURSOR = "\x1b[?25h"
"""The progress display hides it."""


class Stop:
    """What the signals asked for.

    Args:
        impatient: Whether a second Ctrl-C ends the process at once. Not in a job: there GitHub sends the second signal
            by itself, and the run has a few seconds to report how far it came.
    """

    def __init__(self, *, impatient: bool) -> None:
        self.flag = threading.Event()
        self.applying = False
        """Whether a run makes changes: then the first signal only sets the flag. Else it raises KeyboardInterrupt."""
        self._impatient = impatient
        self._received = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM for as long as the context lasts.

        GitHub sends SIGINT, 7.5 s later SIGTERM, and 2.5 s later SIGKILL. Process 1 ignores SIGTERM by default.
        """
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        again, self._received = self._received, True
        if again and self._impatient and number == signal.SIGINT:
            _write(f"{_SHOW_CURSOR if os.isatty(2) else ''}{_STOPPED}")
            os._exit(INTERRUPTED)
        if not again:
            self.flag.set()  # only once: it takes a lock, and a second signal could wait for that lock forever
        if self.applying:
            _write(_AGAIN if self._impatient else _STOPPING)
        elif not again:
            raise KeyboardInterrupt  # no Exception: botocore takes any Exception for a network error


def _write(text: str) -> None:
    """Write on a new line: another line may be half written."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())
