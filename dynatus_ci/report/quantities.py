"""Numbers in words: counts, sizes, and how long things take."""

from __future__ import annotations

from dynatus_ci.text import span


def plural(count: int, noun: str) -> str:
    """A count and its noun: `1 table`, `1,204 tables`, `2 indexes`."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('x') else 's'}"


def duration(least: int, most: int | None) -> str:
    """A range of time: `9 min or more`, `up to 30 s`, `1 to 5 min`. `most` is None where it grows with the data."""
    if most is None:
        return f"{span(least)} or more" if least else "grows with the data"
    low, high = span(least), span(most)
    if least == 0 or low == high:
        return f"up to {high}" if most > 1 else "1 s"
    number, unit = low.split(" ")
    return f"{number if unit in high.split(' ') else low} to {high}"
