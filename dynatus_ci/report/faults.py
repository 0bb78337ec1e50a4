"""Faults in definitions, and an error that ended a run, as views. Pure."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from dynatus_ci.errors import AwsError, DynatusError, Fault, Place
from dynatus_ci.report import plans, text
from dynatus_ci.report import view as views
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Excerpt, Line, Section, View

_WIDTH = 100


def view(faults: Sequence[Fault], *, sources: Mapping[str, str], definitions: int, context: Context) -> View:
    """All faults, file by file; without one the definitions are valid."""
    files = [(name, list(found)) for name, found in itertools.groupby(faults, _file)]
    number = f"{text.plural(len(faults), 'fault')} in {text.plural(len(files), 'file')}"
    lines = {name: re.split(r"\r\n|\r|\n", sources[name]) for name, _ in files if name in sources}
    return View(
        title=f"DynamoDB definitions{plans.of(context)}: {number if faults else 'valid'}",
        lead="" if faults else f"{text.plural(definitions, 'table')}, no faults.",
        sections=tuple(
            section for name, found in files for section in _sections(name, found, lines=lines.get(name, []))
        ),
        unit="fault",
        next=("Nothing ran: definitions are checked before the first AWS call.",) if faults else (),
        notes=context.notes,
        facts=views.facts(None, context),
        rest_url=text.link(context.summary_url or ""),
    )


def error(failure: DynatusError, context: Context) -> View:
    """A run that ended before there was a plan or a result."""
    missing = failure.missing_permission if isinstance(failure, AwsError) else None
    allow = f" Allow the role {text.code(missing)}." if missing and missing not in str(failure) else ""
    return View(
        title=f"DynamoDB {context.mode}{plans.of(context)}: failed",
        alerts=(Alert("CAUTION", failure.reason.value, (Line(f"{failure}{allow}"),)),),
        notes=context.notes,
        facts=views.facts(None, context),
        rest_url=text.link(context.summary_url or ""),
    )


def _sections(name: str, faults: list[Fault], *, lines: list[str]) -> Iterator[Section]:
    """One section a fault, so that a file with many can be cut; the first names the file."""
    for number, fault in enumerate(faults):
        yield Section(name="" if number else name, sign="", mark="", gist="", excerpts=(_excerpt(fault, lines),))


def _excerpt(fault: Fault, lines: list[str]) -> Excerpt:
    place = fault.place
    sentence = f"{fault.message} {fault.hint}" if fault.hint else fault.message
    if place is None:
        return Excerpt("", fault.code, sentence)
    source = _caret(place, lines[place.line - 1]) if place.line <= len(lines) else ""
    return Excerpt(f"{place.line}:{place.column}", fault.code, sentence, source)


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
    return f"{number}{before}{text.clean(shown)}{after}\n{pad}{'^' * length}"


def _columns(shown: str) -> int:
    """How wide text stands in a fixed-width font."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in shown
    )


def _file(fault: Fault) -> str:
    return fault.place.file if fault.place else ""
