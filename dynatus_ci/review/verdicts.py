"""How a plan ends, whether the label may stay on, and whether this commit's run is the one that decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dynatus_ci.errors import FailureReason
from dynatus_ci.review import gate
from dynatus_ci.review import record as records
from dynatus_ci.review.gate import Refusal
from dynatus_ci.review.record import Record
from dynatus_ci.table.model import Difference, Plan, Risk, TableChange
from dynatus_ci.table.outcome import Outcome

Files: TypeAlias = Mapping[str, str]
"""Definition files: their paths below the path of the inputs, and their git object ids."""


def must_remove_label(replaced: Record | None, current: Record) -> bool:
    """Whether the label was given for other destructive differences than those of the record to be written."""
    known = _destructive(replaced) if replaced else set()
    return not _destructive(current) <= known


def _destructive(record: Record) -> set[tuple[str, str | None, str, str | None]]:
    return {
        (name, entry.table_id, id_, reviewed.index)
        for name, entry in record.tables.items()
        for id_, reviewed in entry.differences.items()
        if reviewed.risk is Risk.DESTRUCTIVE
    }


def unnamed(plan: Plan, patterns: Collection[str], *, labelled: bool) -> tuple[Difference, ...]:
    """The destructive differences of a plan that nobody named."""
    if labelled:
        return ()
    return tuple(difference for change in plan.tables for difference in _unnamed(change, patterns))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a plan ends: its result, where it is failed or refused the reason, and what there is to say of it."""

    result: Outcome
    reason: FailureReason | None = None
    messages: tuple[str, ...] = ()


def verdict(plan: Plan, patterns: Collection[str], *, labelled: bool, recorded: bool) -> Verdict:
    """How a plan ends: `recorded` = it wrote a record that a label can name; only then is it red unnamed."""
    errors = [change.error for change in plan.tables if change.error]
    if errors:
        return Verdict(Outcome.FAILED, errors[0].reason, tuple(error.message for error in errors))
    blocked = [refusal for change in plan.tables if (refusal := gate.always_refused(change))]
    if recorded and not labelled:
        blocked += _blocked(plan, patterns)
    if blocked:
        return Verdict(Outcome.REFUSED, FailureReason.DESTRUCTIVE_BLOCKED, tuple(map(str, blocked)))
    return Verdict(Outcome.PLANNED if plan.changes else Outcome.NOOP)


def _blocked(plan: Plan, patterns: Collection[str]) -> Iterator[Refusal]:
    """Unnamed destruction by table, except what is destructive only because nobody may look whether it is empty."""
    for change in plan.tables:
        lost = [] if change.unproven else _unnamed(change, patterns)
        if lost:
            yield gate.not_named(change, lost, label=True)


def _unnamed(change: TableChange, patterns: Collection[str]) -> list[Difference]:
    return [
        difference
        for difference in records.to_do(change)
        if difference.risk is Risk.DESTRUCTIVE and not gate.covered(difference, patterns)
    ]


def superseded(
    commit: str, *, tip: str | None, read: Files, there: Files | None, here: Files | None = None
) -> str | None:
    """Why a commit's run is not the one that decides; None where it is.

    What is compared is what was read: generated files, or those of another checkout, are not what git has at the path,
    so nobody can tell whether the branch has others by now. Then only the run of the branch's last commit goes on.

    Args:
        commit: The commit.
        tip: The branch's last commit; None where the branch is gone.
        read: The definition files that were read.
        there: Those that git has at the path in the branch's last commit; None where GitHub does not list them.
        here: Those that git has there in the commit.
    """
    if tip is None:
        return "The branch is gone, so nothing was run."
    if tip == commit or read == there:
        return None
    known = there is not None and read == here
    moved = "other definitions" if known else "another commit (whose definitions git does not tell)"
    return f"The branch has {moved} by now: the run of commit {tip[:7]} is to apply them."
