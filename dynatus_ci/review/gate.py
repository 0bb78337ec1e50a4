"""Decides what may run: `Gate` compares what a table needs now with what was reviewed and approved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from dynatus_ci import text
from dynatus_ci.errors import Refusal
from dynatus_ci.review import record as records
from dynatus_ci.review.counting import OpenReview, Review, Reviews, plan_file
from dynatus_ci.table.model import Difference, Risk, Step, TableChange, Target
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, option

LABEL = "dynatus:allow-destructive"
"""The label that approves the destructive differences of a pull request's records."""
BY_PATTERN = "`allow-destructive`"


def by_label(pull_request: int) -> str:
    """What approves, as `BY_PATTERN`: the label on a pull request."""
    return f"the label on {text.pull_request(pull_request)}"


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides what may run.

    Args:
        reviews: What was reviewed; None with `approval: none`, where only what is destructive needs an approval.
        patterns: The patterns of `allow-destructive`.
    """

    reviews: Reviews | None = None
    patterns: tuple[str, ...] = ()

    @classmethod
    def of_plan_file(
        cls,
        reviewed: Plan | None,
        patterns: Iterable[str],
        *,
        account: str | None,
        region: str | None,
        endpoint: str | None,
    ) -> Gate:
        """The gate of a plan file, at an endpoint. Without a file only what is destructive needs an approval."""
        known = None if reviewed is None else plan_file(reviewed, account=account, region=region, endpoint=endpoint)
        return cls(known, tuple(patterns))

    def refusal(self, change: TableChange, step: Step | None) -> Refusal | None:
        """Why a table may not be changed; None where it may. Asked before each step, on what was just observed.

        A table of which one step may not run runs none: all of its steps are judged, not only the next one.

        Args:
            change: What the table needs now.
            step: What would run next; None where no step can run now, or ever.
        """
        # None is the change as a whole. It comes first, so that a missing review is said before a missing approval.
        steps = (None, step, *change.steps) if step else (None,)
        return next(filter(None, (self.step_refusal(change, planned) for planned in steps)), None)

    def step_refusal(self, change: TableChange, step: Step | None) -> Refusal | None:
        """Why one step may not run; None where it may. Without a step: why the change as a whole may not run."""
        served = _served(change, step) if step else records.to_do(change)
        deletes = step is not None and step.operation == "DeleteTable" and step.target is not Target.STAGING
        unreviewed = [(d, why) for d in served if (why := self._why_not_reviewed(change, d, deletes=deletes))]
        if unreviewed:
            return self._not_reviewed(change, [d for d, _ in unreviewed], why=unreviewed[0][1])
        unapproved = [difference for difference in served if not self._approved(change, difference)]
        if change.refusal is None and unapproved:
            return not_approved(change, unapproved, label=self._has_labels)
        return always_refused(change)

    def unreviewed(self, change: TableChange) -> tuple[str, ...]:
        """The ids of a table's differences that no open record holds; the report marks them."""
        return tuple(d.id for d in records.to_do(change) if self._why_not_reviewed(change, d, deletes=False))

    def approved_by(self, plan: Plan) -> dict[str, str]:
        """Id of each destructive difference that is approved → what approves it, as a sentence."""
        destructive = [(c, d) for c in plan.tables for d in records.to_do(c) if d.risk is Risk.DESTRUCTIVE]
        approvals = ((difference.id, self._approval(change, difference)) for change, difference in destructive)
        return {id_: approval for id_, approval in approvals if approval}

    def wants_more(self, plan: Plan) -> bool:
        """Whether older records could still hold or approve something."""
        return any(
            self._why_not_reviewed(change, difference, deletes=False) or not self._approved(change, difference)
            for change in plan.tables
            for difference in records.to_do(change)
        )

    def pull_requests(self, plan: Plan, *, unapproved: bool = False) -> tuple[int, ...]:
        """The pull requests whose records hold what a plan does, or only what is destructive and not approved."""
        numbers = {
            review.pull_request.number
            for change in plan.tables
            for difference in records.to_do(change)
            if not (unapproved and self._approved(change, difference))
            for review in islice(self._reviews_of(change, difference), 1)
            if review.pull_request
        }
        return tuple(sorted(numbers))

    @property
    def _has_labels(self) -> bool:
        return self.reviews is not None and any(review.pull_request for review in self.reviews.counted)

    def _why_not_reviewed(self, change: TableChange, difference: Difference, *, deletes: bool) -> str | None:
        """Why no open record reviews a difference, as the rest of a sentence about it; None where one does."""
        if self.reviews is None:
            return None
        used_up = any(review.record.older is not None for review in self.reviews.trusted)
        or_used = ", or an earlier run has used up that plan" if used_up else ""
        why = f"was not reviewed: {self.reviews.default_reason}{or_used}"
        for review in self.reviews.open_for(difference):
            mismatch = _mismatch(review, change, difference=difference, deletes=deletes)
            if mismatch is None:
                return None
            why = mismatch
        return why

    def _approved(self, change: TableChange, difference: Difference) -> bool:
        return difference.risk is not Risk.DESTRUCTIVE or self._approval(change, difference) is not None

    def _approval(self, change: TableChange, difference: Difference) -> str | None:
        """What approves a destructive difference, as a sentence; None where nothing does."""
        if covered(difference, self.patterns):
            return BY_PATTERN
        labelled = (review.pull_request for review in self._reviews_of(change, difference) if review.labelled)
        return next((by_label(pull.number) for pull in labelled if pull), None)

    def _reviews_of(self, change: TableChange, difference: Difference) -> Iterator[Review]:
        """The open records that review a difference, newest first."""
        for reviewed in self.reviews.open_for(difference) if self.reviews else ():
            if _mismatch(reviewed, change, difference=difference, deletes=False) is None:
                yield reviewed.review

    def _not_reviewed(self, change: TableChange, differences: list[Difference], *, why: str) -> Refusal:
        reviews = self.reviews or Reviews()
        because = f"; {reviews.because}" if reviews.because else ""
        message = f"{code(change.table)}: the change of {_settings(differences)} {why}{because}."
        return Refusal(message, reviews.reason, reviews.hint)


def covered(difference: Difference, patterns: Iterable[str]) -> bool:
    """Whether a pattern matches the difference's table, or as `table/index` its index; globs are allowed."""
    index = records.index_name(difference)
    for each in patterns:
        table, slash, rest = each.partition("/")
        if fnmatchcase(difference.table, table) and (not slash or (index is not None and fnmatchcase(index, rest))):
            return True
    return False


def pattern(difference: Difference) -> str:
    """The pattern that approves exactly this: the difference's table, or as `table/index` its index."""
    index = records.index_name(difference)
    return f"{difference.table}/{index}" if index and not records.deletes_table(difference) else difference.table


def always_refused(change: TableChange) -> Refusal | None:
    """The refusal of what never runs (docs/architecture.md#what-never-runs)."""
    return change.refusal.about(change.table) if change.refusal else None


def _served(change: TableChange, step: Step) -> tuple[Difference, ...]:
    """The differences that a step serves; all of the table's if it names none, or one that the change does not have."""
    served = change.served_by(step)
    known = {difference.id for difference in served}
    return served if served and known == set(step.differences) else change.differences


def _mismatch(review: OpenReview, change: TableChange, *, difference: Difference, deletes: bool) -> str | None:
    """Why what was reviewed is not what would run now, as the rest of a sentence about it; None where it is."""
    if review.risk.rank < difference.risk.rank:
        return f"is {difference.risk.value} now, and was reviewed as {review.risk.value}"
    if deletes or difference.risk is Risk.DESTRUCTIVE or records.deletes_table(difference):
        if change.table_id is None or review.table_id != records.identity(change):
            return "was reviewed for another table of this name"
        if records.lost_index(difference) not in {None, review.index}:
            return "was reviewed for another index of this name"
    return None


def not_approved(change: TableChange, differences: list[Difference], *, label: bool) -> Refusal:
    """The refusal of what is destructive and not approved, with what would approve it."""
    patterns = ", ".join(sorted({code(pattern(difference)) for difference in differences}))
    or_label = f", or the label `{LABEL}` to the pull request that planned it" if label else ""
    return Refusal(
        f"{code(change.table)}: the destructive change of {_settings(differences)} is not approved.",
        hint=f"Add {patterns} to {option('allow-destructive')}{or_label}.",
    )


def _settings(differences: Collection[Difference]) -> str:
    """What changes, as the rest of a sentence. A table that is made or deleted changes as a whole."""
    if any(not difference.path or records.deletes_table(difference) for difference in differences):
        return "the whole table"
    names = {name: f"index {code(name)}" for name in map(records.index_name, differences) if name}
    names |= {each.path[0]: code(each.path[0]) for each in differences if not records.index_name(each)}
    return text.series(names[name] for name in sorted(names))
