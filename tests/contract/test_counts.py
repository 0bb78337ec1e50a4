"""A count and its noun agree: `1 item`, `2 items`. Only `text.plural` puts them together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynatus_ci.text import all_of, by_number, plural

ROOT = Path(__file__).parents[2]
NOUNS = (
    "attribute|backup|difference|error|export|file|item|other|record|replica|request|step|table|tag|unit|read unit|"
    "write unit"
)
# A constant such as MOST_TAGS, or a limit such as `most`, is never 1, or has its noun chosen beside it.
BY_HAND = re.compile(rf"\{{(?![\w.]*[A-Z]{{2}})(?!most\b)[^{{}}'\"]+\}} (?:(?:{NOUNS})s?|index(?:es)?)\b")
WRONG = re.compile(rf"(?<![\d,.])1 (?:(?:{NOUNS})s|indexes)\b")


def by_hand(text: str) -> Iterator[str]:
    """The places of f-strings where a count stands directly before a noun."""
    return (found[0] for found in BY_HAND.finditer(text))


def test_counts_and_nouns_are_put_together_in_one_place() -> None:
    files = sorted((ROOT / "dynatus_ci").rglob("*.py"))
    found = {file.name: list(by_hand(file.read_text(encoding="utf-8"))) for file in files}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize("text", ['f"{found.items:,} items"', 'f"{len(written)} files"', 'f"{units} read units"'])
def test_a_count_by_hand_is_found(text: str) -> None:
    assert list(by_hand(text))


def test_no_report_says_one_items() -> None:
    reports = sorted((ROOT / "tests/cases/reports").iterdir())
    assert reports
    found = {report.name: WRONG.findall(report.read_text(encoding="utf-8")) for report in reports}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    ("count", "counted", "all_items"),
    [
        (0, "0 items are", "All 0 items are"),
        (1, "1 item is", "The one item is"),
        (1204, "1,204 items are", "All 1,204 items are"),
    ],
)
def test_a_noun_and_a_verb_agree_with_their_count(count: int, counted: str, all_items: str) -> None:
    verb = by_number(count, "is", "are")
    assert (f"{plural(count, 'item')} {verb}", f"{all_of(count, 'item')} {verb}") == (counted, all_items)


def test_a_noun_that_ends_with_x_has_its_own_plural() -> None:
    assert plural(2, "index") == "2 indexes"
