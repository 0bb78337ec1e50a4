"""The figures and the chart of docs/speed.md."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

DOCS = Path(__file__).parents[1] / "docs"
COLOURS = ("#0969da", "#57606a", "#8250df")
Series: TypeAlias = dict[str, list[tuple[int, float]]]
"""What → the points (tables, seconds) of its line."""


class Figures:
    """A table of figures. Each row is printed when it is measured; the name says where in the page the table stands."""

    def __init__(self, name: str, heads: tuple[str, ...]) -> None:
        self.name = name
        self.lines: list[str] = []
        print()
        self._line(*heads)
        self._line(*(":--" if head in {"", heads[0]} and not head.startswith("tables") else "--:" for head in heads))

    def add(self, *cells: object) -> None:
        """Add a row."""
        self._line(*cells)

    def _line(self, *cells: object) -> None:
        self.lines.append(f"| {' | '.join(map(str, cells))} |")
        print(self.lines[-1], flush=True)


def write(measured: Iterable[Figures]) -> None:
    """Put the figures, and the machine that they are of, between the comments of their names in the page."""
    file = DOCS / "speed.md"
    text = file.read_text(encoding="utf-8")
    for name, lines in [("machine", [machine()]), *((figures.name, figures.lines) for figures in measured)]:
        opening, closing = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, found, rest = text.partition(opening)
        _, ends, after = rest.partition(closing)
        if not (found and ends):
            raise SystemExit(f"docs/speed.md has no place for {name}.")
        text = "".join([before, opening, "\n".join(lines), closing, after])
    file.write_text(text, encoding="utf-8")


def machine() -> str:
    """The machine, in a sentence."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores of {model[1] if model else 'one kind'}, "
        f"{memory:.0f} GB, {platform.system()}, Python {platform.python_version()}. It is the endpoint, too."
    )


def draw(series: Mapping[str, list[tuple[int, float]]], title: str) -> None:
    """Draw seconds against tables, both logarithmic."""
    (DOCS / "speed.svg").write_text(chart(series, title), encoding="utf-8")


def chart(series: Mapping[str, list[tuple[int, float]]], title: str) -> str:
    """The chart as SVG."""
    width, height, left, bottom = 640, 360, 60, 40
    xs = [math.log10(tables) for points in series.values() for tables, _ in points]
    ys = [math.log10(seconds) for points in series.values() for _, seconds in points]
    low, high = math.floor(min(ys)), math.ceil(max(ys))

    def at(tables: float, seconds: float) -> tuple[float, float]:
        x = left + (math.log10(tables) - min(xs)) / (max(xs) - min(xs) or 1) * (width - left - 150)
        return round(x, 1), round(height - bottom - (math.log10(seconds) - low) / (high - low) * (height - 80), 1)

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x}" y="{y}" {more}>{words}</text>'

    parts = [text(left, 20, title, 'font-weight="bold"'), text(left, height - 6, "tables")]
    for power in range(low, high + 1):
        x, y = at(10 ** min(xs), 10**power)
        parts += [f'<path d="M{x} {y}H{width - 150}" stroke="#d0d7de"/>', text(8, y + 4, f"{10.0**power:g} s")]
    for tables in sorted({tables for points in series.values() for tables, _ in points}):
        parts.append(text(at(tables, 10**low)[0], height - 22, f"{tables:,}", 'text-anchor="middle"'))
    label, colours = 0.0, dict(zip(series, COLOURS, strict=True))
    for what, points in sorted(series.items(), key=lambda one: at(*one[1][-1])[1]):
        path = "L".join(f"{x} {y}" for x, y in (at(*point) for point in points))
        x, y = at(*points[-1])
        label = max(label + 16, y + 4)  # so that two labels never overlap
        parts.append(f'<path d="M{path}" fill="none" stroke="{colours[what]}" stroke-width="2"/>')
        parts.append(text(x + 6, label, what, f'fill="{colours[what]}"'))
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])
