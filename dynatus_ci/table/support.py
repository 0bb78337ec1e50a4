"""What the endpoint of a run supports: AWS everything, an emulator a part.

docs/emulators.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dynatus_ci.table import emulators, sides
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects import of as aspect_of
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Effect, Path, Risk
from dynatus_ci.text import codes


def keeps(comparison: Comparison, path: Path) -> bool:
    """Whether this endpoint keeps what stands at a path; insights of an index are an aspect of their own."""
    if not comparison.endpoint.cannot_keep:
        return True
    aspect = aspect_of(path)
    names = {path[0] if path else "", emulators.kind(path), aspect.name if aspect else ""}
    return not names & comparison.endpoint.cannot_keep


def can_change(comparison: Comparison, path: Path) -> bool:
    """Whether this endpoint can change the value at a path of this table."""
    return keeps(comparison, path) and (comparison.creating or not emulators.fixed(comparison.endpoint.emulator, path))


def readable(comparison: Comparison) -> Iterator[Aspect]:
    """The aspects that the file mentions, that the endpoint keeps and that were read.

    While AWS creates a table, their readers may fail.
    """
    for aspect in ASPECTS:
        read = comparison.actual is None or aspect.reader is None or comparison.actual.manages(aspect.name)
        if aspect.concerns(comparison) and read and keeps(comparison, (aspect.name,)):
            yield aspect


def split(
    comparison: Comparison, differences: Sequence[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """The differences that this endpoint supports, and the others. Those get the effect `unsupported`, and no step."""
    supported = tuple(d for d in differences if d.effect is not Effect.UNSUPPORTED and can_change(comparison, d.path))
    others = [difference for difference in differences if difference not in supported]
    return supported, tuple(replace(difference, effect=Effect.UNSUPPORTED, risk=Risk.SAFE) for difference in others)


def unsupported(comparison: Comparison) -> Iterator[Difference]:
    """Differences in aspects that this endpoint cannot keep: it does not show them, so they count as absent."""
    missing = sides.missing(comparison)
    for aspect in ASPECTS:
        if aspect.managed(comparison.desired) and not keeps(comparison, (aspect.name,)):
            yield from aspect.differences(missing)


def notes(comparison: Comparison, differences: Sequence[Difference]) -> Iterator[str]:
    """What of these differences the endpoint does not support."""
    names = sorted({emulators.kind(d.path) for d in differences if d.effect is Effect.UNSUPPORTED})
    if names:
        endpoint = emulators.NAMES.get(comparison.endpoint.emulator or "", "This endpoint")
        yield f"{endpoint} does not support {codes(names)}. On AWS it would be set."
