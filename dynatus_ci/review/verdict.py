"""How a plan ends, whether the label may stay on, and whether this commit's run is the one that decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.review import gate
from dynatus_ci.review import record as records
from dynatus_ci.review.record import Record
from dynatus_ci.table.model import Risk
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a plan ends: its result, and what is wrong with which table."""

    result: Outcome
    refusals: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def reason(self) -> FailureReason | None:
        """Why the plan failed or is refused; None where it is neither."""
        return next((refusal.reason for refusal in self.refusals.values()), None)


def verdict(plan: Plan, approved: Collection[str], *, recorded: bool) -> Verdict:
    """How a plan ends.

    Args:
        plan: The plan.
        approved: The ids of its destructive differences that are approved.
        recorded: Whether a comment holds its record, so that the label can approve it. Only then is a plan red because
            something destructive is not approved.
    """
    errors = {change.table: Refusal(error.message, error.reason) for change in plan.tables if (error := change.error)}
    if errors:
        return Verdict(Outcome.FAILED, errors)
    blocked = {change.table: refusal for change in plan.tables if (refusal := gate.always_refused(change))}
    if recorded:
        blocked = {**dict(_not_approved(plan, approved)), **blocked}
    if blocked:
        return Verdict(Outcome.REFUSED, blocked)
    return Verdict(Outcome.PLANNED if plan.changes else Outcome.NOOP)


def _not_approved(plan: Plan, approved: Collection[str]) -> Iterator[tuple[str, Refusal]]:
    for change in plan.tables:
        destructive = [each for each in records.to_do(change) if each.risk is Risk.DESTRUCTIVE]
        blocking = [difference for difference in destructive if difference.id not in approved]
        # Where nobody may look whether the table is empty, it may be, and then nothing is lost.
        if blocking and not change.unproven:
            yield change.table, gate.not_approved(change, blocking, label=True)


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
    newest = code(tip[:7])
    if there is not None and read == here:
        return f"The branch is at commit {newest} now, with other definitions. The run of {newest} applies them."
    return (
        f"The branch is at commit {newest} now. Its definitions cannot be compared with the files of this run, so the "
        f"run of {newest} applies them."
    )
