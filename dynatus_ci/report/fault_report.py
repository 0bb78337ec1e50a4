"""The report of faults in definitions, and of an error that ended a run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from dynatus_ci.errors import DynatusError, Fault, Place
from dynatus_ci.report import finishing
from dynatus_ci.report.layout import Alert, AlertLine, Excerpt, Report, ReportContext, Section
from dynatus_ci.text import by_number, plural, visible

_UNTOUCHED = "Nothing was changed: dynatus checks all files before it calls AWS."


def build(
    found: Sequence[Fault], context: ReportContext, *, texts: Mapping[str, str], definitions: int, width: int
) -> Report:
    """All faults, file by file. Lines of files are cut to `width` columns."""
    files = len({_file(fault) for fault in found})
    number = f"{plural(len(found), 'error')} in {plural(files, 'file')}"
    return Report(
        title=finishing.title("definitions", context, number if found else "valid"),
        intro="" if found else f"{plural(definitions, 'definition')}, no errors.",
        sections=tuple(_sections(found, texts, context, width)),
        brief=True,
        unit="fault",
        next=(f"Correct {by_number(len(found), 'it', 'them')}, and run this again. {_UNTOUCHED}",) if found else (),
        verdict=f"{number}." if found else "",
    )


def error(failure: DynatusError, context: ReportContext) -> Report:
    """A run that ended before there was a plan or a result."""
    return Report(
        title=finishing.title(context.mode, context, "failed"),
        alerts=(Alert("CAUTION", failure.reason.value, (AlertLine(failure.sentence),)),),
    )


def _sections(
    faults: Sequence[Fault], texts: Mapping[str, str], context: ReportContext, width: int
) -> Iterator[Section]:
    """One section for each fault, so that a file with many can be cut. The first one of a file names it."""
    lines = {name: re.split(r"\r\n|\r|\n", text) for name, text in texts.items()}
    last = None
    for fault in faults:
        name = _file(fault)
        yield Section(
            () if name == last else (name,),
            places=finishing.place(name, fault.place.line, context) if fault.place else (),
            excerpt=_excerpt(fault, lines.get(name, []), width),
        )
        last = name


def _excerpt(fault: Fault, lines: list[str], width: int) -> Excerpt:
    place = fault.place
    if place is None:
        return Excerpt("", "", fault.code, fault.sentence)
    source = _caret(place, lines[place.line - 1], width) if place.line <= len(lines) else ""
    return Excerpt(place.file, f"{place.line}:{place.column}", fault.code, fault.sentence, source)


def _caret(place: Place, line: str, width: int) -> str:
    """The line, cut to `width` columns around the fault, and carets below what is wrong."""
    start = max(0, min(place.column - 1 - width // 2, len(line) - width))
    shown = line[start : start + width].replace("\t", " ")
    before, after = "…" if start else "", "…" if start + width < len(line) else ""
    end = place.end_column if place.end_line == place.line else len(line) + 1
    first = place.column - 1 - start
    length = max(1, _columns(shown[first : end - 1 - start]))
    number = f"{place.line} | "
    pad = " " * (len(number) - 2) + "| " + " " * (len(before) + _columns(shown[:first]))
    return f"{number}{before}{visible(shown)}{after}\n{pad}{'^' * length}"


def _columns(shown: str) -> int:
    """How many columns a text takes in a fixed-width font."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else not unicodedata.combining(letter) for letter in shown
    )


def _file(fault: Fault) -> str:
    return fault.place.file if fault.place else ""
