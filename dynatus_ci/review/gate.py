"""The gate: was what would run now reviewed, and is what is destructive approved?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from dynatus_ci.errors import FailureReason, sentence
from dynatus_ci.review import record as records
from dynatus_ci.review.history import OpenReview, Review, Reviews
from dynatus_ci.table.model import Difference, Plan, Risk, Step, TableChange
from dynatus_ci.text import code, option

LABEL = "dynatus:allow-destructive"
"""The label that approves the destructive differences of a pull request's records."""
BY_PATTERN = "`allow-destructive`"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not run, and what to do about it."""

    reason: FailureReason
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return sentence(self.message, self.hint)


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides what may run.

    Args:
        reviews: What was reviewed; None with `approval: none`, where only what is destructive needs an approval.
        patterns: The patterns of `allow-destructive`.
    """

    reviews: Reviews | None = None
    patterns: tuple[str, ...] = ()

    def may_run(self, change: TableChange, step: Step | None) -> Refusal | None:
        """Why a table may not be changed; None where it may. Asked before each step, on what was just observed.

        A table of which one step may not run runs none: all of its steps are judged, not only the next one.

        Args:
            change: What the table needs now.
            step: What would run next; None where no step can run now, or ever.
        """
        # The change as a whole comes first: a missing review is told before a missing approval.
        steps = (step, *change.steps) if step else ()
        return next((refusal for planned in (None, *steps) if (refusal := self.judge(change, planned))), None)

    def judge(self, change: TableChange, step: Step | None) -> Refusal | None:
        """Why one step may not run; None where it may.

        Args:
            change: What the table needs now.
            step: One of its steps; None asks for the change as a whole, which has no steps where it never runs.
        """
        served = _served(change, step) if step else records.to_do(change)
        deletes = step is not None and step.operation == "DeleteTable"
        unexplained = [(d, why) for d in served if (why := self._unexplained(change, d, deletes=deletes))]
        if unexplained:
            return self._not_reviewed(change, [d for d, _ in unexplained], why=unexplained[0][1])
        unapproved = [difference for difference in served if not self._approved(change, difference)]
        if change.refusal is None and unapproved:
            return not_approved(change, unapproved, label=self._has_labels)
        return always_refused(change)

    def unreviewed(self, change: TableChange) -> tuple[str, ...]:
        """The ids of a table's differences that no open record explains; the report marks them."""
        return tuple(d.id for d in records.to_do(change) if self._unexplained(change, d, deletes=False))

    def approved_by(self, plan: Plan) -> dict[str, str]:
        """What approves the destructive differences of a plan, as sentences by the ids of those that are approved."""
        destructive = [(c, d) for c in plan.tables for d in records.to_do(c) if d.risk is Risk.DESTRUCTIVE]
        approvals = ((difference.id, self._approval(change, difference)) for change, difference in destructive)
        return {id_: approval for id_, approval in approvals if approval}

    def wants_more(self, plan: Plan) -> bool:
        """Whether older records could still explain or approve something."""
        return any(
            self._unexplained(change, difference, deletes=False) or not self._approved(change, difference)
            for change in plan.tables
            for difference in records.to_do(change)
        )

    def sources(self, plan: Plan, *, unapproved: bool = False) -> tuple[int, ...]:
        """The pull requests whose records explain what a plan does, or only what is destructive and not approved."""
        found = {
            review.pull_request.number
            for change in plan.tables
            for difference in records.to_do(change)
            if not (unapproved and self._approved(change, difference))
            for review in islice(self._explaining(change, difference), 1)
            if review.pull_request
        }
        return tuple(sorted(found))

    @property
    def _has_labels(self) -> bool:
        return self.reviews is not None and any(review.pull_request for review in self.reviews.counted)

    def _unexplained(self, change: TableChange, difference: Difference, *, deletes: bool) -> str | None:
        """Why no open record explains a difference, in words; None where one does."""
        if self.reviews is None:
            return None
        used_up = any(review.record.older is not None for review in self.reviews.known)
        why = f"{self.reviews.absent}{', or the plan that held it is used up' if used_up else ''}"
        for review in self.reviews.open_for(difference):
            mismatch = _mismatch(review, change, difference=difference, deletes=deletes)
            if mismatch is None:
                return None
            why = mismatch or why
        return why

    def _approved(self, change: TableChange, difference: Difference) -> bool:
        return difference.risk is not Risk.DESTRUCTIVE or self._approval(change, difference) is not None

    def _approval(self, change: TableChange, difference: Difference) -> str | None:
        """What approves a destructive difference, as a sentence; None where nothing does."""
        if covered(difference, self.patterns):
            return BY_PATTERN
        labelled = (review.pull_request for review in self._explaining(change, difference) if review.labelled)
        return next((f"the label on pull request #{place.number}" for place in labelled if place), None)

    def _explaining(self, change: TableChange, difference: Difference) -> Iterator[Review]:
        """The open records that explain a difference, newest first."""
        for found in self.reviews.open_for(difference) if self.reviews else ():
            if _mismatch(found, change, difference=difference, deletes=False) is None:
                yield found.review

    def _not_reviewed(self, change: TableChange, differences: list[Difference], *, why: str) -> Refusal:
        reviews = self.reviews or Reviews()
        because = f"; {reviews.because}" if reviews.because else ""
        message = f"{code(change.table)}: the change of {_settings(differences)} was not reviewed: {why}{because}."
        return Refusal(reviews.reason, message, reviews.hint)


def covered(difference: Difference, patterns: Iterable[str]) -> bool:
    """Whether a pattern matches the difference's table, or as `table/index` its index; globs are allowed."""
    index = records.index_name(difference)
    for pattern in patterns:
        table, slash, rest = pattern.partition("/")
        if fnmatchcase(difference.table, table) and (not slash or (index is not None and fnmatchcase(index, rest))):
            return True
    return False


def words(difference: Difference) -> str:
    """The pattern that matches exactly this difference's table, or its index."""
    index = records.index_name(difference)
    return f"{difference.table}/{index}" if index and not records.deletes_table(difference) else difference.table


def always_refused(change: TableChange) -> Refusal | None:
    """The refusal of what never runs (docs/architecture.md#what-never-runs)."""
    if change.refusal is None:
        return None
    return Refusal(change.refused_for, f"{code(change.table)}: {change.refusal}")


def _served(change: TableChange, step: Step) -> tuple[Difference, ...]:
    """What a step serves; all of the table where the step does not say, or refers to what is not there."""
    served = change.served_by(step)
    known = {difference.id for difference in served}
    return served if served and known == set(step.differences) else change.differences


def _mismatch(found: OpenReview, change: TableChange, *, difference: Difference, deletes: bool) -> str | None:
    """Why an open review does not explain a difference: "" where it does not hold it, None where it explains it."""
    reviewed = found.entry.reviewed(found.ids)
    if reviewed is None:
        return ""
    if reviewed.risk.rank < difference.risk.rank:
        return f"it was reviewed as {reviewed.risk.value} and is {difference.risk.value} now"
    if deletes or difference.risk is Risk.DESTRUCTIVE or records.deletes_table(difference):
        if change.table_id is None or found.entry.table_id != records.identity(change):
            return "this is another table than the one that was reviewed"
        if records.lost_index(difference) not in {None, reviewed.index}:
            return "this is another index than the one that was reviewed"
    return None


def not_approved(change: TableChange, differences: list[Difference], *, label: bool) -> Refusal:
    """The refusal of what is destructive and not approved, with what would approve it."""
    patterns = ", ".join(sorted({code(words(difference)) for difference in differences}))
    or_label = f", or the label `{LABEL}` to the pull request that planned it" if label else ""
    return Refusal(
        FailureReason.DESTRUCTIVE_BLOCKED,
        f"{code(change.table)}: the destructive change of {_settings(differences)} is not approved.",
        f"Add {patterns} to {option('allow-destructive')}{or_label}.",
    )


def _settings(differences: Iterable[Difference]) -> str:
    """The settings or indexes, as a sentence."""
    names = {records.index_name(difference) or next(iter(difference.path), "") for difference in differences}
    return ", ".join(code(name) if name else "the table itself" for name in sorted(names))
