"""The records that a run of apply uses: read from comments on pull requests, and marked as used.

It reads and writes. Whether a record counts, and what it allows, is decided in `review`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dynatus_ci import review
from dynatus_ci.errors import GitHubError
from dynatus_ci.github.answers import Discussion, MergedPage, TrustedComment
from dynatus_ci.github.plan_comment import FoundRecord, PlanComment
from dynatus_ci.github.pull_request import MOST_COMMENTS, PullRequests
from dynatus_ci.review import CommentFacts, Reviews, Scope, Unfinished
from dynatus_ci.text import plain, pull_request

MARKING = 2
"""Requests to mark one record as used. Reading leaves so many over."""

_ANY_MARKER = "<!-- dynatus-ci:"
_log = logging.getLogger(__name__)


class _NoRequestsLeft(Exception):  # it ends the reading, and is no error
    """The run has made all the requests that it may make."""


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
    """The records of the branch's merged pull requests, newest merge first.

    GitHub lists pull requests by their last update, and a merge is an update. So a pull request that a page does not
    show yet was merged before the last update on that page. Each later page comes with the first one again: pull
    requests that were updated meanwhile have moved there. So no record is read before all newer ones.

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
        self._sha = sha
        self._branch = branch
        self._last_request = github.requests + most_requests
        self.text_before = ""
        self._main: _Read | None = None
        self._read: list[_Read] = []
        self._commits: dict[str, int] = {}
        self._page: MergedPage | None = None
        self._waiting: dict[int, Discussion] = {}
        self._given: set[int] = set()
        self._texts: dict[str, TrustedComment | None] = {}
        self._ended = False

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
        self._start()
        own = {number for number, discussion in self._waiting.items() if self._is_own(discussion)}
        if not own:  # It was merged long ago, or so recently that the list does not show it yet.
            for pull_request in self._github.merged_as(self._sha):
                own.add(pull_request.number)
                self._waiting[pull_request.number] = self._github.discussion(pull_request.number)
        while own - {read.pull_request.number for read in self._read} and self.read_next():
            pass
        for number in own - {read.pull_request.number for read in self._read}:  # A newer record stopped the history.
            self._read.append(self._without_comment(self._waiting[number]))
        self.set_main(own)

    def read_next(self) -> bool:
        """Read the next older record. False: there is none, or older ones must not count."""
        try:
            while not self._ended and (discussion := self._next()):
                read = self._read_at(discussion)
                if read.comment.found or read.pull_request.own:
                    self._read.append(read)
                    self._ended = review.stops_history(read.facts, self._scope, branch=self._branch)
                    self._log_decision(read)
                    return True
        except _NoRequestsLeft:
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

    def _afford(self, requests: int) -> None:
        if not self._can_afford(requests + MARKING):
            raise _NoRequestsLeft

    def _can_afford(self, requests: int) -> bool:
        return self._github.requests + requests <= self._last_request

    def _start(self) -> None:
        if self._page is None:
            page = self._github.merged(branch=self._branch, commit=self._sha)
            self._commits = {commit: age for age, commit in enumerate(page.commits)}
            self._add(page)

    def _add(self, page: MergedPage) -> None:
        self._page = page
        for discussion in (*page.newest, *page.listed):
            if discussion.pull_request.number not in self._given:
                self._waiting[discussion.pull_request.number] = discussion

    def _next(self) -> Discussion | None:
        while True:
            ready = self._ready()
            if ready:
                number = ready[0].pull_request.number
                self._given.add(number)
                return self._waiting.pop(number)
            if self._page and self._page.more is None:
                return None
            self._afford(1)
            if self._page is None:
                self._start()
            else:
                self._add(self._github.merged(branch=self._branch, commit=self._sha, after=self._page.more))

    def _ready(self) -> list[Discussion]:
        """The pull requests that were merged after all that are not listed yet, newest merge first."""
        page = self._page
        if page is None:
            return []
        bound = page.listed[-1].updated_at if page.more else ""
        ready = [discussion for discussion in self._waiting.values() if _merged_at(discussion) > bound]
        return sorted(ready, key=self._merge_order, reverse=True)

    def _merge_order(self, discussion: Discussion) -> tuple[str, int, int]:
        """By the time of the merge. Within one second by the order of the commits, then by the number."""
        pull_request = discussion.pull_request
        age = self._commits.get(pull_request.merge_commit_sha or "", len(self._commits))
        return _merged_at(discussion), -age, pull_request.number

    def _is_own(self, discussion: Discussion) -> bool:
        return discussion.pull_request.merge_commit_sha == self._sha

    def _read_at(self, discussion: Discussion) -> _Read:
        read = self._without_comment(discussion)
        ours: list[TrustedComment] = []
        for comment in self._our_comments(discussion):
            ours.append(comment)
            if comment.comment.first_line == self._scope.marker:
                read.comment.found = FoundRecord.of(comment)
                return _Read(self._pull_request_facts(discussion), read.comment)
        scopes = self._other_scopes(ours) if self._is_own(discussion) else ()
        return _Read(read.pull_request, read.comment, tuple(scopes))

    def _without_comment(self, discussion: Discussion) -> _Read:
        number = discussion.pull_request.number
        comment = PlanComment(self._github, number=number, scope=self._scope)
        own = self._is_own(discussion)
        return _Read(_pull_request(discussion, contained=own, own=own), comment)

    def _pull_request_facts(self, discussion: Discussion) -> review.PullRequestFacts:
        merge, own = discussion.pull_request.merge_commit_sha, self._is_own(discussion)
        contained = own or merge in self._commits
        if not contained and merge is not None:
            self._afford(1)
            contained = self._github.contains(commit=self._sha, ancestor=merge)
        return _pull_request(discussion, contained=contained, own=own)

    def _our_comments(self, discussion: Discussion) -> Iterator[TrustedComment]:
        """The comments that our token wrote, oldest first. Pages are read as they are needed."""
        page = discussion
        while True:
            self._fetch(page)
            for id_ in page.our_comments:
                text = self._texts.get(id_)
                if text and text.viewer_did_author:
                    yield text
            if page.more is None:
                return
            self._afford(2)
            page = self._github.discussion(discussion.pull_request.number, after=page.more)

    def _fetch(self, discussion: Discussion) -> None:
        """Fetch the texts of a pull request's comments, and in the same request those of the next pull requests."""
        ids = [id_ for id_ in discussion.our_comments if id_ not in self._texts]
        if not ids:
            return
        for later in self._ready():
            more = [id_ for id_ in later.our_comments if id_ not in self._texts]
            if len(ids) + len(more) > MOST_COMMENTS:
                break
            ids += more
        self._afford(1)
        comments = self._github.trusted_comments(ids)
        self._texts |= {id_: comments.get(id_) for id_ in ids}

    @staticmethod
    def _other_scopes(comments: Collection[TrustedComment]) -> Iterator[Scope]:
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
            if held and new_text is None and not self._is_marked(read, left) and not self._can_afford(MARKING):
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


def _merged_at(discussion: Discussion) -> str:
    return discussion.pull_request.merged_at or ""


def _pull_request(discussion: Discussion, *, contained: bool, own: bool) -> review.PullRequestFacts:
    pull_request = discussion.pull_request
    return review.PullRequestFacts(
        number=pull_request.number,
        base=pull_request.base_ref,
        merged=pull_request.merged_at is not None,
        contained=contained,
        own=own,
        labelled=review.LABEL in pull_request.labels,
    )
