"""The history of reviews: what was found at pull requests, and which of it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dynatus_ci.errors import FailureReason
from dynatus_ci.review.record import Entry, Record, Scope, new_record, reviewed_ids
from dynatus_ci.table.model import Difference, Plan
from dynatus_ci.text import option


@dataclass(frozen=True, slots=True)
class PullRequestFacts:
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
class CommentFacts:
    """Our comment at a pull request, if there is one, as the gate sees it.

    Args:
        body: The body of our comment of this KEY; None where there is none.
        untouched: Whether we wrote that comment and nobody else edited it.
        record: The record in it; only one that is untouched may be believed.
        other_scopes: The scopes of our records there that are of another KEY.
    """

    pull_request: PullRequestFacts
    body: str | None = None
    untouched: bool = True
    record: Record | None = None
    other_scopes: tuple[Scope, ...] = ()


def untouched(*, viewer_did_author: bool, author: object, editor: object, edited: bool) -> bool:
    """Whether we wrote a comment and nobody else edited it.

    Author and editor are whatever names them for certain, None where the account is unknown. A comment that was edited
    by nobody known was edited by somebody else.
    """
    if not viewer_did_author:
        return False
    return not edited or (editor is not None and editor == author)


def rejection_reason(comment: CommentFacts, scope: Scope, *, branch: str) -> str | None:
    """Why what was found approves nothing; None where its record counts."""
    reason = _unreliable(comment, scope, branch=branch)
    if reason is None and not comment.pull_request.contained:
        return f"pull request #{comment.pull_request.number} is not in this commit's history"
    return reason


def stops_history(comment: CommentFacts, scope: Scope, *, branch: str) -> bool:
    """Whether older records must not count: nobody can tell what a comment of ours that is unreliable has closed."""
    return comment.body is not None and _unreliable(comment, scope, branch=branch) is not None


def _unreliable(comment: CommentFacts, scope: Scope, *, branch: str) -> str | None:
    """Why nothing that was found may be believed: not even what it has closed."""
    pull_request, kept = comment.pull_request, comment.record
    name = f"pull request #{pull_request.number}"
    if not pull_request.merged:
        return f"{name} is not merged"
    if pull_request.base != branch:
        was = f"{name} was merged into another branch"
        return f"{was}, `{pull_request.base}`; this run is for `{branch}` (after a rename, plan the change again)"
    if comment.body is not None and not comment.untouched:
        return f"the plan in {name} was edited by somebody else"
    if comment.body is not None and kept is None:
        return f"the plan in {name} has no record that can be read"
    if kept is None or kept.scope.differs(scope):
        others = [kept.scope] if kept else comment.other_scopes
        return f"{name} has no plan of ours for exactly this{_nearest(scope, others)}"
    return None


def _nearest(scope: Scope, others: Iterable[Scope]) -> str:
    parts = min((scope.differs(other) for other in others), key=len, default=())
    return f": our nearest plan there differs in {', '.join(f'`{part}`' for part in parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class Review:
    """A record that may be believed, and the pull request that it belongs to (None for a plan file).

    Args:
        approves: Whether it counts as a review. A record that is newer than the commit only closes what it has closed.
    """

    record: Record
    pull_request: PullRequestFacts | None = None
    approves: bool = True

    @property
    def labelled(self) -> bool:
        """Whether the label approves this record's destructive differences."""
        return self.pull_request is not None and self.pull_request.labelled


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A review in which a difference is open; `ids` are those of the difference's ids that are not closed yet."""

    review: Review
    entry: Entry
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reviews:
    """All that was reviewed, newest first, and what is to be said of a difference that it does not explain.

    Args:
        because: Why there is nothing more; None where what there is does not hold the difference.
        absent: What is said of a difference that no plan here holds.
    """

    known: tuple[Review, ...] = ()
    reason: FailureReason = FailureReason.PLAN_CHANGED
    because: str | None = None
    hint: str | None = None
    absent: str = "it is in no reviewed plan"

    @property
    def counted(self) -> tuple[Review, ...]:
        """Those that approve something."""
        return tuple(review for review in self.known if review.approves)

    def open_for(self, difference: Difference) -> Iterator[OpenReview]:
        """The reviews in which a difference is open, newest first: closed in one, it is closed in all older ones."""
        ids = reviewed_ids(difference)
        for review in self.known:
            entry = review.record.entry(difference.table)
            if entry and review.approves:
                yield OpenReview(review, entry, ids)
            ids = review.record.still_open(difference.table, ids)
            if not ids:
                return


def reviews(comments: Sequence[CommentFacts], scope: Scope, *, branch: str) -> Reviews:
    """What counts among the comments, which come newest merge first."""
    known = tuple(_known(comments, scope, branch=branch))
    own = [comment for comment in comments if comment.pull_request.own]
    if not own:
        return Reviews(
            known,
            FailureReason.NOT_MERGED,
            "this commit has no merged pull request of its own",
            "Merge the change by a pull request that was planned; to adopt tables for the first time, run once "
            "with `approval: none`.",
        )
    rejected = [rejection_reason(comment, scope, branch=branch) for comment in own]
    if all(rejected):
        return Reviews(
            known,
            FailureReason.PLAN_MISSING,
            rejected[0],
            "Open a pull request that plans this change, "
            f"or approve a plan as a file ({option('out')}, then {option('reviewed')}).",
        )
    stopped = [comment for comment in comments if stops_history(comment, scope, branch=branch)]
    because = f"{rejection_reason(stopped[0], scope, branch=branch)}, so no older plan counts" if stopped else None
    return Reviews(known, because=because, hint="Plan again in a new pull request and merge that.")


def _known(comments: Iterable[CommentFacts], scope: Scope, *, branch: str) -> Iterator[Review]:
    """The records that may be believed, up to the first comment of ours that may not.

    A record that is newer than the commit approves nothing for it, and neither does what is older than that record, but
    for the commit's own. What they have closed is closed.
    """
    older = True
    for comment in comments:
        if stops_history(comment, scope, branch=branch):
            return
        place = comment.pull_request
        if comment.record and _unreliable(comment, scope, branch=branch) is None:
            older = older and place.contained
            yield Review(comment.record, place, approves=place.contained and (place.own or older))


def plan_file(reviewed: Plan, *, account: str | None, region: str | None, endpoint: str | None) -> Reviews:
    """A plan document as the one thing that was reviewed; of another account, region or endpoint nothing was."""
    here = {"account": account, "region": region, "endpoint": endpoint}
    parts = [name for name, value in here.items() if getattr(reviewed, name) != value]
    hint = "Plan again, review that document, and apply it."
    if parts:
        return Reviews(absent=f"the reviewed plan is of another {' and '.join(parts)}", hint=hint)
    return Reviews((Review(new_record(reviewed, Scope(), head=None)),), hint=hint)
