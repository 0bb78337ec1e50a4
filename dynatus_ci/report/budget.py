"""How much fits: a report is cut part by part, each whole, until it is small enough. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from dynatus_ci.report.view import View


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


SUMMARY = Size(1_048_576, lambda report: len(report.encode()))
"""https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands: 1 MiB a step."""


def fit(view: View, render: Callable[[View], str], *, size: Size) -> str:
    """The whole report, or as many of its parts as fit; without any part where even one is too much."""
    whole = render(view)
    if size.fits(whole):
        return whole
    amounts = range(1, view.parts + 1)
    return render(view.cut(bisect.bisect_left(amounts, 1, key=lambda keep: not size.fits(render(view.cut(keep))))))
