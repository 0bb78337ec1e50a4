"""What users see of the log: from which level, in which words, and without the texts of exceptions."""

from __future__ import annotations

import logging

import pytest

from dynatus_ci import logs
from dynatus_ci.errors import Bug, GitHubError
from dynatus_ci.github import transport

SECRET = "hunter2"
LOG = logging.getLogger("dynatus_ci.some.module")


def failing() -> None:
    known: dict[str, str] = {}
    try:
        known[SECRET]
    except KeyError as inner:
        raise RuntimeError(SECRET) from inner


def caught() -> RuntimeError:
    with pytest.raises(RuntimeError) as found:
        failing()
    return found.value


def test_lines_from_a_level_on_are_shown_with_their_level_and_module() -> None:
    shown: list[tuple[int, str]] = []
    with logs.shown(lambda level, text: shown.append((level, text)), level=logging.INFO):
        LOG.debug("a call")
        LOG.info("a %s", "decision")
        LOG.error("a bug")
    LOG.error("after the run")
    assert shown == [
        (logging.INFO, "INFO dynatus_ci.some.module: a decision"),
        (logging.ERROR, "ERROR dynatus_ci.some.module: a bug"),
    ]


def test_the_loggers_are_as_before_after_a_run() -> None:
    root = logging.getLogger(logs.ROOT)
    before = root.level, root.propagate, list(root.handlers)
    with logs.shown(lambda *_: None, level=logging.DEBUG):
        assert root.level == logging.DEBUG
    assert (root.level, root.propagate, list(root.handlers)) == before


def test_a_bug_is_shown_with_the_whole_way_to_it_and_without_its_message() -> None:
    shown: list[str] = []
    with logs.shown(lambda _, text: shown.append(text), level=logging.WARNING):
        LOG.error("A bug.", exc_info=caught())
    (text,) = shown
    assert "builtins.KeyError\nwhich was followed by\n" in text
    assert "in failing\n    raise RuntimeError(SECRET) from inner" in text
    assert text.endswith("builtins.RuntimeError")
    assert SECRET not in text


def test_a_bug_is_named_by_its_place() -> None:
    bug = Bug(caught()).sentence
    assert bug.startswith("This is a bug of dynatus: `RuntimeError` at `test_logs.py:")
    assert "` in `failing`. " in bug
    assert SECRET not in bug


def test_an_answer_of_github_that_cannot_be_read_leaves_its_place_in_the_log() -> None:
    """It may be a bug of dynatus as well, and without its place nobody could find that."""
    shown: list[str] = []
    with (
        logs.shown(lambda _, text: shown.append(text), level=logging.INFO),
        pytest.raises(GitHubError, match="is not what its API describes"),
        transport.asking("read the comment", needs="pull-requests: read"),
    ):
        failing_to_read({})
    assert "in failing_to_read" in shown[0]
    assert shown[0].endswith("builtins.KeyError")


def failing_to_read(answer: dict[str, str]) -> str:
    return answer["body"]
