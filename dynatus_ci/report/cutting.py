"""A report that is too large for its place: as many of its parts as fit."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from dynatus_ci.report.layout import Report


@dataclass(frozen=True, slots=True)
class Size:
    """A limit, and what it counts."""

    limit: int
    measure: Callable[[str], int]

    def fits(self, report: str) -> bool:
        """Whether a report stays within the limit."""
        return self.measure(report) <= self.limit


def characters(limit: int) -> Size:
    """So many characters, such as a comment has left beside its record."""
    return Size(limit, len)


def utf8_bytes(limit: int) -> Size:
    """So many bytes, such as a job summary can still take."""
    return Size(limit, lambda report: len(report.encode()))


def shrink_to_fit(report: Report, render: Callable[[Report], str], *, size: Size) -> str:
    """The whole report, or as many of its parts as fit."""
    whole = render(report)
    if size.fits(whole):
        return whole
    amounts = range(1, report.parts + 1)
    # Those that fit stand before those that do not: the index of the first that does not fit is the most that fits.
    most = bisect.bisect_left(amounts, 1, key=lambda keep: not size.fits(render(report.cut(keep))))
    return render(report.cut(most))
