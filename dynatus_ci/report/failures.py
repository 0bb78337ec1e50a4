"""Faults in definitions, and an error that ended a run, as views. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from dynatus_ci.errors import DynatusError, Fault, Place
from dynatus_ci.report import view as views
from dynatus_ci.report import words
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Excerpt, Line, Section, View

_WIDTH = 100


def faults(found: Sequence[Fault], context: Context, *, sources: Mapping[str, str], definitions: int) -> View:
    """All faults, file by file; without one the definitions are valid."""
    files = len({_file(fault) for fault in found})
    number = f"{words.plural(len(found), 'fault')} in {words.plural(files, 'file')}"
    return View(
        title=views.title("definitions", context, number if found else "valid"),
        lead="" if found else f"{words.plural(definitions, 'table')}, no faults.",
        sections=tuple(_sections(found, sources)),
        brief=True,
        unit="fault",
        next=("Nothing ran: definitions are checked before the first AWS call.",) if found else (),
    )


def error(failure: DynatusError, context: Context) -> View:
    """A run that ended before there was a plan or a result."""
    return View(
        title=views.title(context.mode, context, "failed"),
        alerts=(Alert("CAUTION", failure.reason.value, (Line(str(failure)),)),),
    )


def _sections(faults: Sequence[Fault], sources: Mapping[str, str]) -> Iterator[Section]:
    """One section a fault, so that a file with many can be cut; the first names the file."""
    lines = {name: re.split(r"\r\n|\r|\n", source) for name, source in sources.items()}
    last = None
    for fault in faults:
        name = _file(fault)
        yield Section(name="" if name == last else name, excerpt=_excerpt(fault, lines.get(name, [])))
        last = name


def _excerpt(fault: Fault, lines: list[str]) -> Excerpt:
    place = fault.place
    if place is None:
        return Excerpt("", "", fault.code, fault.sentence)
    source = _caret(place, lines[place.line - 1]) if place.line <= len(lines) else ""
    return Excerpt(place.file, f"{place.line}:{place.column}", fault.code, fault.sentence, source)


def _caret(place: Place, line: str) -> str:
    """The line, cut to a width around the fault, and carets below what is wrong."""
    start = max(0, min(place.column - 1 - _WIDTH // 2, len(line) - _WIDTH))
    shown = line[start : start + _WIDTH].replace("\t", " ")
    before, after = "…" if start else "", "…" if start + _WIDTH < len(line) else ""
    end = place.end_column if place.end_line == place.line else len(line) + 1
    first = place.column - 1 - start
    length = max(1, _columns(shown[first : end - 1 - start]))
    number = f"{place.line} | "
    pad = " " * (len(number) - 2) + "| " + " " * (len(before) + _columns(shown[:first]))
    return f"{number}{before}{words.clean(shown)}{after}\n{pad}{'^' * length}"


def _columns(shown: str) -> int:
    """How wide text stands in a fixed-width font."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in shown
    )


def _file(fault: Fault) -> str:
    return fault.place.file if fault.place else ""
