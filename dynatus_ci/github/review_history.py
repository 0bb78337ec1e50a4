"""The records that a run of apply uses: read from comments on pull requests, and marked as used.

It reads and writes. Whether a record counts, and what it allows, is decided in `review`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dynatus_ci import review
from dynatus_ci.errors import GitHubError
from dynatus_ci.github.answers import AuthoredComment, Discussion
from dynatus_ci.github.merged_pull_requests import MergedPullRequests, OurComments
from dynatus_ci.github.plan_comment import FoundRecord, PlanComment
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.request_budget import MARKING, NoRequestsLeft, RequestBudget
from dynatus_ci.review import CommentFacts, Reviews, Scope, Unfinished
from dynatus_ci.text import plain, pull_request

_ANY_MARKER = "<!-- dynatus-ci:"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A pull request, and our comment there."""

    pull_request: review.PullRequestFacts
    comment: PlanComment
    other_scopes: tuple[Scope, ...] = ()

    @property
    def facts(self) -> CommentFacts:
        """As the gate sees it."""
        found = self.comment.found
        if found is None:
            return CommentFacts(self.pull_request, other_scopes=self.other_scopes)
        return CommentFacts(self.pull_request, found.comment.body, untouched=found.untouched, record=found.record)


@dataclass(slots=True)
class Marked:
    """What went wrong when records were marked as used: why the run fails, and what is only a warning."""

    failed: GitHubError | None = None
    warnings: list[str] = field(default_factory=list)


class ReviewHistory:
    """The records of the branch's merged pull requests, newest merge first. None is read before all newer ones.

    The run writes what it does into one comment, the main one: that of the commit's own pull request, else the newest
    one whose record the run uses. `text_before` is the text of that comment before this run.

    Args:
        github: The repository's pull requests.
        scope: What the run is about. Only records of this scope are read.
        sha: The commit that is applied.
        branch: The branch that the run is for.
        most_requests: How many requests it may make. Records that they do not reach do not count.
    """

    def __init__(self, github: PullRequests, *, scope: Scope, sha: str, branch: str, most_requests: int) -> None:
        self._github = github
        self._scope = scope
        self._branch = branch
        self._budget = RequestBudget(github, most_requests)
        self._pull_requests = MergedPullRequests(github, self._budget, sha=sha, branch=branch)
        self._our_comments = OurComments(github, self._budget, self._pull_requests)
        self._read: list[_Read] = []
        self._ended = False
        self._main: _Read | None = None
        self.text_before = ""

    @property
    def reviews(self) -> Reviews:
        """The records that were read, and which of them count."""
        return review.reviews_of([read.facts for read in self._read], self._scope, branch=self._branch)

    @property
    def url(self) -> str | None:
        """The comment that the result goes into."""
        return self._main.comment.url if self._main else None

    # --- reading -----------------------------------------------------------------------------------------------------

    def read_own(self) -> None:
        """Read up to the record of the pull request whose merge is this commit."""
        own = self._pull_requests.own()
        while own.keys() - self._numbers() and self.read_next():
            pass
        for number in own.keys() - self._numbers():  # A newer record stopped the history.
            self._read.append(self._without_comment(own[number]))
        self.set_main(own)

    def _numbers(self) -> set[int]:
        return {read.pull_request.number for read in self._read}

    def read_next(self) -> bool:
        """Read the next older record. False: there is none, or older ones must not count."""
        try:
            while not self._ended and (discussion := self._pull_requests.next()):
                read = self._read_at(discussion)
                if read.comment.found or read.pull_request.own:
                    self._read.append(read)
                    self._ended = review.stops_history(read.facts, self._scope, branch=self._branch)
                    self._log_decision(read)
                    return True
        except NoRequestsLeft:
            _log.info("No older record is read: the requests that this run may make of GitHub are used up.")
        self._ended = True
        return False

    def _log_decision(self, read: _Read) -> None:
        number, labelled = read.pull_request.number, read.pull_request.labelled
        reason = review.why_not_counted(read.facts, self._scope, branch=self._branch)
        decision = f"does not count: {plain(reason)}" if reason else "counts, with the label" if labelled else "counts"
        _log.info("The record at pull request #%d %s.", number, decision)
        if self._ended:
            _log.info("No record older than that at pull request #%d counts.", number)

    def set_main(self, numbers: Collection[int]) -> None:
        """Make the comment of the newest record at these pull requests the main one, unless there is one already."""
        if self._main is None:
            self._main = next((read for read in self._counted() if read.pull_request.number in numbers), None)
            self.text_before = self._main.facts.body or "" if self._main else ""

    def _counted(self) -> list[_Read]:
        counted = {one.pull_request.number for one in self.reviews.counted if one.pull_request}
        return [read for read in self._read if read.pull_request.number in counted and read.comment.record]

    def _read_at(self, discussion: Discussion) -> _Read:
        read, own = self._without_comment(discussion), self._pull_requests.is_own(discussion)
        ours: list[AuthoredComment] = []
        for comment in self._our_comments.at(discussion):
            ours.append(comment)
            if comment.comment.first_line == self._scope.marker:
                read.comment.found = FoundRecord.of(comment)
                facts = _facts(discussion, contained=self._pull_requests.contains(discussion), own=own)
                return _Read(facts, read.comment)
        scopes = self._other_scopes(ours) if own else ()
        return _Read(read.pull_request, read.comment, tuple(scopes))

    def _without_comment(self, discussion: Discussion) -> _Read:
        number, own = discussion.pull_request.number, self._pull_requests.is_own(discussion)
        comment = PlanComment(self._github, number=number, scope=self._scope)
        return _Read(_facts(discussion, contained=own, own=own), comment)

    @staticmethod
    def _other_scopes(comments: Collection[AuthoredComment]) -> Iterator[Scope]:
        """The scopes of our other records at a pull request, so that a message can say in which part they differ."""
        for comment in comments:
            found = FoundRecord.of(comment)
            if found and found.record and comment.comment.first_line.startswith(_ANY_MARKER):
                yield found.record.scope

    # --- writing what the run does -----------------------------------------------------------------------------------

    def room(self, left: Unfinished | None = None) -> int:
        """How many characters of text the main comment may have beside its record, once that is marked as used."""
        return self._main.comment.room(left) if self._main else review.remaining_characters(None)

    def write_progress(self, text: str) -> None:
        """Write how far the run is into the main comment. Its record stays as it is.

        Raises:
            GitHubError: GitHub refused it, or the comment is not ours any more.
        """
        if self._main and not self._main.comment.write_progress(text):
            number = self._main.pull_request.number
            raise GitHubError(f"The comment at {pull_request(number)} was edited or deleted meanwhile.")

    # --- marking as used ---------------------------------------------------------------------------------------------

    def find_open(self, left: Unfinished) -> bool:
        """Whether a record must be marked as used. Read older ones until one has nothing else open than `left`.

        What is closed in one record is closed in all older ones, so older records need not be read. Those that were
        read are marked all the same: they must stay closed if the newer comment is deleted.
        """
        while not any(self._is_marked(read, left) for read in self._counted()):
            if not self.read_next():
                break
        to_mark = [read.pull_request.number for read in self._counted() if not self._is_marked(read, left)]
        self.set_main(to_mark)
        return bool(to_mark)

    def mark_used(self, left: Unfinished, *, text: str | None) -> Marked:
        """Close in the records what is not `left` to do, the newest first, and write the text into the main comment.

        The run fails if a record cannot be written, unless a newer one says the same.
        """
        marked, held = Marked(), False
        for read in self._counted():
            new_text = text if read is self._main else None
            if held and new_text is None and not self._is_marked(read, left) and not self._budget.can_afford(MARKING):
                break
            number = read.pull_request.number
            try:
                held = read.comment.mark_used(left, text=new_text) or held
            except GitHubError as error:
                message = f"The record at {pull_request(number)} could not be marked as used: {error.message}"
                if held:
                    marked.warnings.append(
                        f"{message} A newer record already closes these changes, so nothing stays approved."
                    )
                else:
                    marked.failed = marked.failed or GitHubError(message, hint=error.hint)
        return marked

    @staticmethod
    def _is_marked(read: _Read, left: Unfinished) -> bool:
        record = read.comment.record
        return record is not None and record == review.mark_used(record, left)


def _facts(discussion: Discussion, *, contained: bool, own: bool) -> review.PullRequestFacts:
    pull_request = discussion.pull_request
    return review.PullRequestFacts(
        number=pull_request.number,
        base=pull_request.base_ref,
        merged=pull_request.merged_at is not None,
        contained=contained,
        own=own,
        labelled=review.LABEL in pull_request.labels,
    )
