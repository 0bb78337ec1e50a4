"""Which records count: those of merged pull requests that may be trusted and are in the history of this commit.

`github.review_history` reads them; `gate` asks what they hold. Why a record does not count: `why_not_counted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dynatus_ci.errors import FailureReason
from dynatus_ci.review.record import Record, Scope, new_record, reviewed_ids
from dynatus_ci.table.model import Difference, Risk
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, codes, option, pull_request


@dataclass(frozen=True, slots=True)
class PullRequestFacts:
    """A pull request as the gate sees it.

    Args:
        contained: Whether its merge commit is in the history of the commit that is applied.
        own: Whether its merge commit is the commit that is applied.
    """

    number: int
    base: str
    merged: bool
    contained: bool
    own: bool = False
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class CommentFacts:
    """Our comment at a pull request, as the gate sees it.

    Args:
        body: The comment's body; None where there is no comment of this scope.
        untouched: Whether we wrote the comment and nobody else edited it.
        record: The record in it. Only that of an untouched comment may be trusted.
        other_scopes: The scopes of our other records at the pull request.
    """

    pull_request: PullRequestFacts
    body: str | None = None
    untouched: bool = True
    record: Record | None = None
    other_scopes: tuple[Scope, ...] = ()


def untouched(*, viewer_did_author: bool, author: object, editor: object, edited: bool) -> bool:
    """Whether we wrote a comment and nobody else edited it.

    Author and editor are ids of accounts; None where GitHub does not know the account. An unknown editor is somebody
    else.
    """
    if not viewer_did_author:
        return False
    return not edited or (editor is not None and editor == author)


def why_not_counted(comment: CommentFacts, scope: Scope, *, branch: str) -> str | None:
    """Why a comment's record does not count, as far as that comment alone tells; None where nothing speaks against it.

    A record may still not count because of a newer one: see `_trusted` and `stops_history`.
    """
    reason = _why_not_trusted(comment, scope, branch=branch)
    if reason is None and not comment.pull_request.contained:
        return f"{pull_request(comment.pull_request.number)} is not in this commit's history"
    return reason


def stops_history(comment: CommentFacts, scope: Scope, *, branch: str) -> bool:
    """Whether older records must not count: this comment may have closed what they approve, and cannot be trusted."""
    return comment.body is not None and _why_not_trusted(comment, scope, branch=branch) is not None


def _why_not_trusted(comment: CommentFacts, scope: Scope, *, branch: str) -> str | None:
    """Why a comment cannot be trusted at all, not even about what it has closed; None where it can."""
    pull, record = comment.pull_request, comment.record
    name = pull_request(pull.number)
    if not pull.merged:
        return f"{name} is not merged"
    if pull.base != branch:
        branches = f"{code(pull.base)}; this run is for {code(branch)}"
        return f"{name} was merged into another branch, {branches} (after a rename, plan the change again)"
    if comment.body is not None and not comment.untouched:
        return f"the plan in {name} was edited by somebody else"
    if comment.body is not None and record is None:
        return f"the plan in {name} has no record that can be read"
    if record is None or record.scope.differs(scope):
        others = [record.scope] if record else comment.other_scopes
        return f"{name} has no dynatus plan for these inputs{_nearest(scope, others)}"
    return None


def _nearest(scope: Scope, others: Iterable[Scope]) -> str:
    parts = min((scope.differs(other) for other in others), key=len, default=())
    return f" (the closest one differs in {codes(parts)})" if parts else ""


@dataclass(frozen=True, slots=True)
class Review:
    """A record that may be trusted, and the pull request that it belongs to (None for a plan file).

    Args:
        counts: Whether what it has open is reviewed. A record that is newer than the commit does not count: it only
            says what is closed.
    """

    record: Record
    pull_request: PullRequestFacts | None = None
    counts: bool = True

    @property
    def labelled(self) -> bool:
        """Whether the label approves this record's destructive differences."""
        return self.pull_request is not None and self.pull_request.labelled


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A review in which a difference is open, and what was reviewed there.

    Args:
        table_id: The hash of the TableId that was planned, where it is known.
        index: The hash of the index that was to go.
    """

    review: Review
    risk: Risk
    table_id: str | None
    index: str | None


@dataclass(frozen=True, slots=True)
class Reviews:
    """All records that may be trusted, newest first, and what to say of a difference that was not reviewed.

    Args:
        trusted: The records. Not all of them count (`Review.counts`).
        reason: Why the run is refused if no record allows it.
        because: Why there are no more records, as a sentence.
        hint: What to do about it.
        default_reason: Why a difference was not reviewed if no record contains it.
    """

    trusted: tuple[Review, ...] = ()
    reason: FailureReason = FailureReason.PLAN_CHANGED
    because: str | None = None
    hint: str | None = None
    default_reason: str = "no reviewed plan contains it"

    @property
    def counted(self) -> tuple[Review, ...]:
        """The trusted records that count."""
        return tuple(review for review in self.trusted if review.counts)

    def open_for(self, difference: Difference) -> Iterator[OpenReview]:
        """The reviews in which a difference is open, newest first: closed in one, it is closed in all older ones."""
        ids = reviewed_ids(difference)
        for review in self.trusted:
            entry = review.record.entry(difference.table)
            reviewed = entry and entry.reviewed(ids)
            if entry and reviewed and review.counts:
                yield OpenReview(review, reviewed.risk, entry.table_id, reviewed.index)
            ids = review.record.still_open(difference.table, ids)
            if not ids:
                return


def reviews_of(comments: Sequence[CommentFacts], scope: Scope, *, branch: str) -> Reviews:
    """What counts among the comments, which come newest merge first."""
    trusted = tuple(_trusted(comments, scope, branch=branch))
    own = [comment for comment in comments if comment.pull_request.own]
    if not own:
        return Reviews(
            trusted,
            FailureReason.NOT_MERGED,
            "no merged pull request produced this commit",
            "Merge the change through a pull request that has a plan. To take over existing tables, run once with "
            "`approval: none`.",
        )
    rejected = [why_not_counted(comment, scope, branch=branch) for comment in own]
    if all(rejected):
        return Reviews(
            trusted,
            FailureReason.PLAN_MISSING,
            rejected[0],
            "Open a pull request that plans this change, "
            f"or approve a plan as a file ({option('out')}, then {option('reviewed')}).",
        )
    stopped = [comment for comment in comments if stops_history(comment, scope, branch=branch)]
    because = f"{why_not_counted(stopped[0], scope, branch=branch)}, so no older plan counts" if stopped else None
    return Reviews(trusted, because=because, hint="Plan again in a new pull request and merge that.")


def _trusted(comments: Iterable[CommentFacts], scope: Scope, *, branch: str) -> Iterator[Review]:
    """The records that may be trusted, up to the first comment of ours that may not.

    A record that is newer than the commit does not count, nor do older ones behind it, apart from the commit's own.
    What they have closed is closed.
    """
    older = True
    for comment in comments:
        if stops_history(comment, scope, branch=branch):
            return
        pull = comment.pull_request
        if comment.record and _why_not_trusted(comment, scope, branch=branch) is None:
            older = older and pull.contained
            yield Review(comment.record, pull, counts=pull.contained and (pull.own or older))


def plan_file(reviewed: Plan, *, account: str | None, region: str | None, endpoint: str | None) -> Reviews:
    """A plan document as the only review. A plan of another account, region or endpoint reviews nothing."""
    here = {"account": account, "region": region, "endpoint": endpoint}
    parts = [name for name, value in here.items() if getattr(reviewed, name) != value]
    hint = "Plan again, review that document, and apply it."
    if parts:
        return Reviews(default_reason=f"the reviewed plan is for another {' and '.join(parts)}", hint=hint)
    return Reviews((Review(new_record(reviewed, Scope(), head=None)),), hint=hint)
