"""Random histories against the ledger: what is reviewed runs; what is not, or is withdrawn, does not.

`tests/ledger.py` has the rules, `tests/histories.py` what people do, `tests/history_player.py` plays it. `make test`
plays the same few histories every time, four for each rule (`tests/rehearsal.py`); `make soak` thousands of new ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests import ledger
from tests.branches import blob_name, tree_name
from tests.histories import (
    MOVES,
    Apply,
    History,
    Label,
    Merge,
    Open,
    Plan,
    Push,
    Trouble,
    Update,
    random_history,
    smaller,
)
from tests.history_player import Disagreement, play
from tests.ledger import GOES, Answer, Rule, Wanted
from tests.rehearsal import histories_for_rules

FOR_EACH_RULE = 4
PARTS_IN_SOAK, HISTORIES_IN_SOAK = 50, 100
MOST_EITHER: Final = 0.03
"""How many of the ledger's answers may be "either is fine", beside one."""


def agree(seeds: Iterable[int], *, moves: int = MOVES) -> None:
    """Play the histories of these seeds; where one fails, fail with the shortest history that does."""
    answers: Counter[Answer] = Counter()
    for seed in seeds:
        history = random_history(seed, moves=moves)
        try:
            answers += play(history)
        except Disagreement as found:
            so_far = replace(history, events=history.events[: found.events])
            shortest = smaller(so_far, lambda shorter: disagrees(shorter) is not None)
            text = f"Seed {seed}, {moves} moves, made as short as it fails:\n\n{disagrees(shortest)}\n\n{shortest}"
            pytest.fail(text, pytrace=False)
    assert answers[Answer.EITHER] <= 1 + MOST_EITHER * answers.total(), answers


def disagrees(history: History) -> Disagreement | None:
    """The story of a history in which a run does not do what the ledger says."""
    try:
        play(history)
    except Disagreement as story:
        return story
    return None


NO_INDEX = Wanted(tag="a")
FOUND: Final[dict[str, History]] = {
    "a withdrawn deletion of an index, whose branch is continued": History(
        (
            Open(1, {"users": NO_INDEX}),
            Plan(1),
            Label(1),
            Open(2, {"users": Wanted(index="ALL", tag="b")}),
            Merge(1),
            Update(2, "branch"),
            Plan(2),
            Merge(2),
            Apply(),
            Open(3, {"users": Wanted(tag="c")}, branch_of=1),
            Update(3, "branch"),
            Plan(3),
            Merge(3),
            Apply(),
        )
    ),
    "a deletion that failed, was taken back, and is pushed again": History(
        (
            Open(1, {"users": GOES}),
            Plan(1),
            Label(1),
            Merge(1),
            Apply(trouble=Trouble("denied", operation="DeleteTable")),
            Open(2, {"users": None}),
            Plan(2),
            Merge(2),
            Apply(),
            Push({"users": GOES}),
            Apply(),
        )
    ),
    "an old run, where git has only .gitkeep": History(
        (
            Open(1, {"users": Wanted(index="ALL", tag="b")}),
            Plan(1),
            Merge(1),
            Open(2, {"users": Wanted(index="ALL", tag="a")}),
            Plan(2),
            Merge(2),
            Apply(),
            Apply(of=1),
        ),
        generated=True,
    ),
    "a table of which one part is not named and another was not reviewed": History(
        (
            Open(1, {"users": Wanted(key="other")}),
            Plan(1),
            Merge(1),
            Push({"users": Wanted(key="other", expires=True)}),
            Apply(),
        )
    ),
}
"""Ways in which a withdrawn approval came back, or the wrong reason was told."""


@pytest.mark.parametrize("history", FOUND.values(), ids=FOUND)
def test_what_was_found_once(history: History) -> None:
    play(history)


@pytest.mark.parametrize("rule", Rule)
def test_a_run_does_what_the_ledger_says(rule: Rule) -> None:
    """Histories that a gate without this rule would fail."""
    seeds = histories_for_rules(FOR_EACH_RULE)[rule]
    assert len(seeds) == FOR_EACH_RULE
    agree(seeds)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS_IN_SOAK))
def test_soak_a_run_does_what_the_ledger_says(part: int, pytestconfig: pytest.Config) -> None:
    """`make soak SEED=…` repeats a run."""
    first = int(pytestconfig.getoption("--hypothesis-seed") or 0) * 1_000_000 + part * HISTORIES_IN_SOAK
    agree(range(first, first + HISTORIES_IN_SOAK), moves=MOVES + 4)


def test_the_ledger_shares_no_code_with_the_product() -> None:
    assert "dynatus_ci" not in Path(ledger.__file__).read_text("utf-8")


def test_files_and_folders_have_the_names_that_git_gives_them() -> None:
    """As `git hash-object` and `git mktree` answer."""
    assert blob_name("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert tree_name({".gitkeep": ""}) == "d564d0bc3dd917926892c55e3706cc116d5b165e"
