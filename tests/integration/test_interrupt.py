"""Signals can reach a program at any moment: what it finishes, what it prints, and when it ends at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import sys, threading, time
from dynatus_ci.interrupt import Stop

stop = Stop(impatient={impatient})
stop.applying = {applying}
threading.Thread(target=time.sleep, args=(60,), daemon={daemon}).start()  # what is under way does not hold the end up
with stop.listening():
    print("ready", flush=True)
    while not (stop.flag.is_set() and {ends}):
        print("work", file=sys.stderr)  # a signal in the middle of a print finds its buffer taken
"""
STOPPED = "Stopped. A call may still be under way; plan again to see what it did."


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """The file for a program's standard error. A pipe would be full when nobody reads it."""
    return tmp_path / "said"


@contextmanager
def started(
    said: Path, *, impatient: bool, applying: bool = True, ends: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A program that listens. It prints all the time, and ends after a signal by itself only if `ends`."""
    program = PROGRAM.format(impatient=impatient, applying=applying, ends=ends, daemon=ends or not applying)
    with (
        said.open("wb") as file,
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=file, text=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def lines(said: Path) -> list[str]:
    """The program's lines that are not its work."""
    return [line for line in said.read_text("utf-8").splitlines() if line not in {"work", ""}]


def test_ctrl_c_again_and_again_says_that_it_stopped(said: Path) -> None:
    with started(said, impatient=True) as process:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.returncode == 130
    assert lines(said)[-1] == STOPPED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_the_call_finish(said: Path, number: signal.Signals) -> None:
    with started(said, impatient=True, ends=True) as process:
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
    assert lines(said) == ["Stopping after the current call; press Ctrl-C again to stop at once."]


def test_in_a_job_the_second_signal_leaves_time_to_tell(said: Path) -> None:
    with started(said, impatient=False, ends=True) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert set(lines(said)) == {"Stopping after the current call."}


def test_what_changes_nothing_ends_at_once(said: Path) -> None:
    with started(said, impatient=False, applying=False) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) != 0
    assert lines(said)[-1] == "KeyboardInterrupt"


IMPORTING = """
import os, signal, sys
from dynatus_ci import __main__

class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == "dynatus_ci.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal: a run in the background ignores it
__main__.main()
"""


def test_ctrl_c_while_the_command_starts_ends_it_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
