"""What was found at pull requests, and which of it counts as a review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dynatus_ci.approval.records import Entry, Record, Scope, record
from dynatus_ci.errors import FailureReason
from dynatus_ci.schema.model import Plan

MOST_COMMITS = 200
MOST_RECORDS = 20


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the gate sees it.

    Args:
        contained: Whether its merge commit lies in the history of the commit that is applied.
        own: Whether it was merged as the very commit that is applied.
    """

    number: int
    base: str
    merged: bool
    contained: bool
    own: bool = False
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a pull request.

    Args:
        body: The body of our comment of this KEY; None where there is none.
        untouched: Whether we wrote that comment and nobody else edited it.
        record: The record in it; only one that is untouched may be believed.
        strangers: The scopes of our records there that are of another KEY.
    """

    pull_request: PullRequest
    body: str | None = None
    untouched: bool = True
    record: Record | None = None
    strangers: tuple[Scope, ...] = ()


def untouched(*, viewer_did_author: bool, author: str | None, editor: str | None) -> bool:
    """Whether we wrote a comment and nobody else edited it."""
    return viewer_did_author and (editor is None or editor == author)


def objection(finding: Finding, scope: Scope, *, branch: str) -> str | None:
    """Why a record does not count; None where it does."""
    pull_request = finding.pull_request
    name = f"pull request #{pull_request.number}"
    if not pull_request.merged:
        return f"{name} is not merged"
    if pull_request.base != branch:
        return f"{name} was merged into another branch"
    if not pull_request.contained:
        return f"{name} is not in this commit's history"
    if finding.body is not None and not finding.untouched:
        return f"the plan in {name} was edited by somebody else"
    return _misfit(finding, scope)


def _misfit(finding: Finding, scope: Scope) -> str | None:
    name, kept = f"pull request #{finding.pull_request.number}", finding.record
    if finding.body is not None and kept is None:
        return f"the plan in {name} has no record that can be read"
    if kept is None or kept.scope.differs(scope):
        others = [kept.scope] if kept else finding.strangers
        return f"{name} has no plan of ours for exactly this{_nearest(scope, others)}"
    return None


def ends_walk(finding: Finding, scope: Scope, *, branch: str) -> bool:
    """Whether older records are not to be looked at: a comment of ours that does not count hides what was used up."""
    return finding.body is not None and objection(finding, scope, branch=branch) is not None


def _nearest(scope: Scope, others: Iterable[Scope]) -> str:
    parts = min((scope.differs(other) for other in others), key=len, default=())
    return f": our nearest plan there differs in {', '.join(f'`{part}`' for part in parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class Review:
    """A record that counts, and the pull request that it belongs to (None for a plan file)."""

    record: Record
    pull_request: PullRequest | None = None

    @property
    def labelled(self) -> bool:
        """Whether the label names this record's destructive differences."""
        return self.pull_request is not None and self.pull_request.labelled


@dataclass(frozen=True, slots=True)
class Reviews:
    """All that was reviewed, newest first, and what is to be said of a difference that it does not explain.

    Args:
        because: Why there is nothing more; None where what there is does not hold the difference.
        absent: What is said of a difference that nothing here names.
    """

    counted: tuple[Review, ...] = ()
    reason: FailureReason = FailureReason.PLAN_CHANGED
    because: str | None = None
    hint: str | None = None
    absent: str = "no reviewed plan names it"

    def open_entries(self, table: str) -> Iterator[tuple[Review, Entry]]:
        """The entries that still stand for a table: closed in one record, it is closed in all older ones."""
        for review in self.counted:
            if review.record.closes(table):
                return
            entry = review.record.entry(table)
            if entry:
                yield review, entry


def reviews(findings: Sequence[Finding], scope: Scope, *, branch: str) -> Reviews:
    """What counts among the findings: the commit's own pull request first, then older ones, newest first."""
    objections = [(finding, objection(finding, scope, branch=branch)) for finding in findings]
    counted = tuple(
        Review(finding.record, finding.pull_request)
        for finding, objected in objections
        if objected is None and finding.record
    )
    own = [(finding, objected) for finding, objected in objections if finding.pull_request.own]
    if not own:
        return Reviews(
            counted,
            FailureReason.NOT_MERGED,
            "this commit has no merged pull request of its own",
            "Merge the change by a pull request that was planned; to adopt tables for the first time, run once "
            "with `approval: none`.",
        )
    if all(objected for _, objected in own):
        return Reviews(
            counted,
            FailureReason.PLAN_MISSING,
            own[0][1],
            "Open a pull request that plans this change, or approve a plan as a file (`out`, then `reviewed`).",
        )
    return Reviews(counted, hint="Plan again in a new pull request and merge that.")


def plan_file(reviewed: Plan, *, account: str | None, region: str | None, endpoint: str | None) -> Reviews:
    """A plan document as the one thing that was reviewed; of another account, region or endpoint nothing was."""
    here = {"account": account, "region": region, "endpoint": endpoint}
    parts = [name for name, value in here.items() if getattr(reviewed, name) != value]
    hint = "Plan again, review that document, and apply it."
    if parts:
        return Reviews(absent=f"the reviewed plan is of another {' and '.join(parts)}", hint=hint)
    return Reviews((Review(record(reviewed, Scope(), head=None)),), hint=hint)
