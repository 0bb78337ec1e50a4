"""Our comment on a pull request: how it is found, trusted and written, and how its record is kept.

Plan writes a new record into it. Apply writes there what it does, and keeps the record or marks it as used. Only the
text of a comment that we wrote and that nobody else edited is trusted or written back. GitHub gives the text and its
authors in one answer. What a record allows is decided in `review`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from dynatus_ci import review
from dynatus_ci.errors import GitHubError, NotAllowed
from dynatus_ci.github.answers import AuthoredComment, Comment, PullRequest, Unwritten
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.review import Record, Scope, Unfinished

NOT_WRITTEN: Final = "No comment was written"


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """Our comment as GitHub has it now.

    Args:
        untouched: Whether nobody else edited it.
        record: The record in it; None if there is none, or the comment was edited by somebody else.
    """

    comment: Comment
    untouched: bool
    record: Record | None

    @classmethod
    def of(cls, answer: AuthoredComment | None) -> FoundRecord | None:
        """The record in a comment; None if the comment is gone, or somebody else wrote it."""
        if answer is None or not answer.viewer_did_author:
            return None
        untouched = review.untouched(
            viewer_did_author=answer.viewer_did_author,
            author=answer.author,
            editor=answer.editor,
            edited=answer.edited,
        )
        return cls(answer.comment, untouched, review.decode(answer.comment.body) if untouched else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOutcome:
    """What happened to a plan's comment.

    Args:
        recorded: Whether it holds a record, which the label can approve.
        labelled: Whether the label approves what is destructive in that record.
        label_removed: Whether the label was removed, because people added it for another plan.
        note: Why there is no comment, or no record in it, as a sentence.
        failed: The error, if GitHub did not take what had to be written.
    """

    recorded: bool = False
    labelled: bool = False
    label_removed: bool = False
    url: str | None = None
    note: str | None = None
    failed: GitHubError | None = None


class PlanComment:
    """Our comment of one scope at one pull request.

    Args:
        github: The repository's pull requests.
        number: The pull request.
        scope: What the comment is about.
        found: The comment as GitHub has it; None if there is none, or `find` was not called yet.
    """

    def __init__(self, github: PullRequests, *, number: int, scope: Scope, found: FoundRecord | None = None) -> None:
        self._github = github
        self._scope = scope
        self.number = number
        self.found = found

    @property
    def record(self) -> Record | None:
        """The record that may be trusted."""
        return self.found.record if self.found else None

    @property
    def url(self) -> str | None:
        """The address of the comment; None if there is none."""
        return self.found.comment.url if self.found else None

    def find(self) -> None:
        """Look for the comment at the pull request."""
        comment = self._github.find_comment(self.number, self._scope.marker)
        self.found = self._read(comment) if comment else None

    def _read(self, comment: Comment) -> FoundRecord | None:
        return FoundRecord.of(self._github.authored_comments([comment.node_id]).get(comment.node_id))

    # --- what plan does ----------------------------------------------------------------------------------------------

    def show(self, text: Callable[[CommentOutcome], str], *, record: Record | None, head: str | None) -> CommentOutcome:
        """Write a text with a new record, or with none.

        People added the label for what the old record destroys. If the new one destroys something else, the label is
        removed first. Else it would approve what nobody has seen, as soon as the new record is there.

        Args:
            text: Makes the text, when it is known what happened to the label.
            record: The record.
            head: The pull request's last commit as this run knows it; None if it does not.
        """
        pull = self._github.pull_request(self.number)
        if reason := pull.unwritten(head):
            return CommentOutcome(note=f"{NOT_WRITTEN}: {reason}.")
        record = record and replace(record, head=pull.head_sha)
        new_losses = record is not None and review.must_remove_label(self.record, record)
        outcome = self._update_label(pull, record=record, remove=new_losses)
        written = self._write_plan(text(outcome), record=record, head=head)
        if isinstance(written, Unwritten):
            return replace(outcome, recorded=False, labelled=False, note=f"{NOT_WRITTEN}: {written}.")
        if new_losses:
            # Somebody may have added the label again before the record was there.
            self._github.remove_label(self.number, review.LABEL)
        return replace(outcome, url=written.url)

    def _update_label(self, pull: PullRequest, *, record: Record | None, remove: bool) -> CommentOutcome:
        labelled = review.LABEL in pull.labels
        if not remove:
            return CommentOutcome(labelled=labelled and record is not None, recorded=record is not None)
        try:
            # Remove it also if it was not there: somebody may have added it since, and has not seen the new plan.
            self._github.remove_label(self.number, review.LABEL)
        except NotAllowed as refused:
            if not labelled:
                raise
            # The label would approve what nobody has seen, so no record may be written, and the run must fail.
            raise GitHubError(refused.message, hint=refused.hint) from refused
        return CommentOutcome(label_removed=labelled, recorded=True)

    def _write_plan(self, text: str, *, record: Record | None, head: str | None) -> Comment | Unwritten:
        return self._github.write_plan(
            self.number,
            marker=self._scope.marker,
            body=review.compose(text, scope=self._scope, record=record),
            head_sha=head,
            existing=self.found.comment if self.found else None,
            rewrite=self.found is not None and not self.found.untouched,
        )

    # --- what apply does ---------------------------------------------------------------------------------------------

    def room(self, left: Unfinished | None = None) -> int:
        """How many characters of text it may have beside its record, once that is marked as used."""
        return review.remaining_characters(self.record and _after(self.record, left))

    def write_progress(self, text: str) -> bool:
        """Write how far a run is. The record stays as it is. False: the comment is not ours any more.

        The text is written even if the comment has it already, because only a write shows that it can be written.
        """
        return self._rewrite(text, left=None, always=True)

    def mark_used(self, left: Unfinished, *, text: str | None) -> bool:
        """Close in the record what is not `left` to do. Without a text the old one stays.

        False: the comment is not ours any more.
        """
        if text is None and self.record == (self.record and _after(self.record, left)):
            return True
        return self._rewrite(text, left=left)

    def _rewrite(self, text: str | None, *, left: Unfinished | None, always: bool = False) -> bool:
        """Write another text or record. It is read again first: another run may have closed something meanwhile."""
        self.found = self._read(self.found.comment) if self.found else None
        if self.found is None or self.found.record is None:
            return False
        record, before = _after(self.found.record, left), self.found.comment
        if text is None:
            body = review.with_record(before.body, record)
        else:
            body = review.compose(text, scope=self._scope, record=record)
        comment = self._github.write_comment(
            self.number, marker=self._scope.marker, body=body, existing=before, rewrite=always
        )
        self.found = FoundRecord(comment, untouched=True, record=review.decode(body))
        return True


def _after(record: Record, left: Unfinished | None) -> Record:
    """The record after a run, as its comment can hold it. `left` is None while the run is under way."""
    return record if left is None else review.shortened(review.mark_used(record, left))
