"""The reviews that a run of apply rests on: fetched from pull requests' comments here, and written back used up.

It fetches and writes; whether a record counts, and what it allows, is decided in `approval`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from dynatus_ci import approval
from dynatus_ci.approval import Finding, Record, Reviews, Scope
from dynatus_ci.errors import GitHubError
from dynatus_ci.github.model import Comment, PullRequest
from dynatus_ci.github.pull_request import PullRequests

_ANY_MARKER = "<!-- dynatus-ci:"
_MOST_STRANGERS = 10


@dataclass(slots=True)
class _Kept:
    """What was found at a pull request, and the comment that it was found in."""

    finding: Finding
    comment: Comment | None

    @property
    def number(self) -> int:
        return self.finding.pull_request.number


class Trail:
    """The records that a run reads: of the commit's own pull request, then of older ones, newest first.

    What a run does is told in one comment, its main one: the commit's own, or the newest of what the run rests on or
    uses up. `told` is what that one said before this run.

    Args:
        github: The repository's pull requests.
        scope: What the run is about; only records of its KEY are read.
        sha: The commit that is applied.
        branch: The branch that it is applied for.
        path: Where the definitions are, from the repository's root.
    """

    def __init__(self, github: PullRequests, *, scope: Scope, sha: str, branch: str, path: str) -> None:
        self._github = github
        self._scope = scope
        self._sha = sha
        self._branch = branch
        self._path = path
        self.told = ""
        self._main: _Kept | None = None
        self._kept: list[_Kept] = []
        self._history: frozenset[str] = frozenset()
        self._older: Iterator[PullRequest] | None = None

    @property
    def reviews(self) -> Reviews:
        """What counts of all that was read."""
        return approval.reviews([kept.finding for kept in self._kept], self._scope, branch=self._branch)

    @property
    def url(self) -> str | None:
        """The comment that the result goes into."""
        return self._main.comment.url if self._main and self._main.comment else None

    def read_own(self) -> None:
        """Read the record of the pull request that was merged as this commit."""
        self._kept += [self._read(pull_request, own=True) for pull_request in self._github.merged_as(self._sha)]
        self.choose([kept.number for kept in self._kept])

    def choose(self, numbers: Collection[int]) -> None:
        """Let the newest record of these pull requests have the main comment, unless there is one already."""
        if self._main is None:
            self._main = next((kept for kept, _ in self._counted() if kept.number in numbers), None)
            self.told = self._main.finding.body or "" if self._main else ""

    def read_next(self) -> bool:
        """Read the next older record; False where none is left, or what is older is not to be looked at."""
        if self._older is None:
            self._older = self._find_older()
        findings = [kept.finding for kept in self._kept]
        ended = any(approval.ends_walk(finding, self._scope, branch=self._branch) for finding in findings)
        if ended or sum(finding.body is not None for finding in findings) >= approval.MOST_RECORDS:
            return False
        for pull_request in self._older:
            kept = self._read(pull_request, own=False)
            if kept.finding.body is not None:
                self._kept.append(kept)
                return True
        return False

    def room(self, *, agreeing: Collection[str] = (), others: Collection[str] = ()) -> int:
        """How many characters of text the main comment may have beside its record, after these are closed."""
        record = self._main.finding.record if self._main else None
        return approval.room(record and approval.close(record, agreeing=agreeing, others=others))

    def tell(self, text: str) -> None:
        """Write how far the run is into the main comment; its record stays as it is.

        Also where the comment says just that already: only a write shows that it can be written.

        Raises:
            GitHubError: It was not taken, or is not to be written any more.
        """
        if self._main and not self._write(self._main, text, rewrite=True):
            raise GitHubError(f"The comment at pull request #{self._main.number} was edited or deleted meanwhile.")

    def find_open(self, *, agreeing: Collection[str], others: Collection[str]) -> bool:
        """Whether closing these tables changes a record.

        For what agrees, records are read on until one closes it: then all older ones are closed. A record that stayed
        open would be found by a run that does not read the closed one (an old one, or where its comment is gone).
        """
        while not all(any(record.closes(table) for _, record in self._counted()) for table in agreeing):
            if not self.read_next():
                break
        changed = [
            kept.number
            for kept, record in self._counted()
            if record != approval.close(record, agreeing=agreeing, others=others)
        ]
        self.choose(changed)
        return bool(changed)

    def close(self, text: str | None, *, agreeing: Collection[str], others: Collection[str]) -> None:
        """Mark tables used up in every record that was read, and write the result into the main comment.

        The oldest first, and what is newer stays open where an older one was not taken: a re-run must find it.

        Args:
            text: The result; None keeps what the comment says.
            agreeing: The tables that the run found in agreement with the files.
            others: The run's other tables.

        Raises:
            GitHubError: One of them was not taken; the others were written all the same.
        """
        failed: GitHubError | None = None
        for kept, _ in reversed(list(self._counted())):
            told = text if kept is self._main else None
            try:
                self._write(kept, told, agreeing=() if failed else agreeing, others=others)
            except GitHubError as error:
                failed = failed or error
        if failed:
            raise failed

    def _counted(self) -> Iterator[tuple[_Kept, Record]]:
        for kept in self._kept:
            record = kept.finding.record
            if record and approval.objection(kept.finding, self._scope, branch=self._branch) is None:
                yield kept, record

    def _write(
        self,
        kept: _Kept,
        text: str | None,
        *,
        agreeing: Collection[str] = (),
        others: Collection[str] = (),
        rewrite: bool = False,
    ) -> bool:
        """Close tables in a record and write its comment with a text (None keeps what it says), where that changes it.

        The comment is read again first: another run may have closed something, which must not be opened again. False
        where it does not count any more, because somebody edited or deleted it; then it is left alone.
        """
        before = kept.finding.record
        if text is None and before == (before and approval.close(before, agreeing=agreeing, others=others)):
            return True
        comment = self._look(kept)
        if comment is None or kept.finding.record is None:
            return False
        record = approval.close(kept.finding.record, agreeing=agreeing, others=others)
        if text is None:
            body = approval.with_record(comment.body, record)
        else:
            body = approval.compose(text, scope=self._scope, record=record)
        kept.comment = self._github.write_comment(
            kept.number, marker=self._scope.marker, body=body, existing=comment, rewrite=rewrite
        )
        kept.finding = replace(kept.finding, body=body, record=record)
        return True

    def _read(self, pull_request: PullRequest, *, own: bool) -> _Kept:
        found = approval.PullRequest(
            number=pull_request.number,
            base=pull_request.base_ref,
            merged=pull_request.merged_at is not None,
            contained=own,
            own=own,
            labelled=approval.LABEL in pull_request.labels,
        )
        kept = _Kept(Finding(found), self._github.find_comment(pull_request.number, self._scope.marker))
        if self._look(kept):
            found = replace(found, contained=own or self._contains(pull_request))
        elif own:
            kept.finding = replace(kept.finding, strangers=tuple(self._strangers(pull_request.number)))
        kept.finding = replace(kept.finding, pull_request=found)
        return kept

    def _look(self, kept: _Kept) -> Comment | None:
        """What a comment of ours says now, and whether that is to be believed; None where it is not ours, or gone."""
        trusted = self._github.trusted_comment(kept.comment) if kept.comment else None
        if kept.comment is None or trusted is None or not trusted.viewer_did_author:
            kept.comment, kept.finding = None, replace(kept.finding, body=None, untouched=True, record=None)
            return None
        untouched = approval.untouched(viewer_did_author=True, author=trusted.author, editor=trusted.editor)
        record = approval.decode(trusted.body) if untouched else None
        kept.comment = replace(kept.comment, body=trusted.body)
        kept.finding = replace(kept.finding, body=trusted.body, untouched=untouched, record=record)
        return kept.comment

    def _contains(self, pull_request: PullRequest) -> bool:
        merge = pull_request.merge_commit_sha
        return merge is not None and (merge in self._history or self._github.contains(commit=self._sha, ancestor=merge))

    def _strangers(self, number: int) -> Iterator[Scope]:
        """What our other records at a pull request are about, to say which part of the KEY differs."""
        for comment, _ in zip(
            self._github.our_comments(number, starting=_ANY_MARKER), range(_MOST_STRANGERS), strict=False
        ):
            trusted = self._github.trusted_comment(comment)
            record = approval.decode(trusted.body) if trusted and trusted.viewer_did_author else None
            if record:
                yield record.scope

    def _find_older(self) -> Iterator[PullRequest]:
        """The merged pull requests of the commits that touched the path, by the time of their merge, newest first.

        All commits are asked for before the first comment is read: a branch shows up as its own commits, which may be
        older than those of a branch that was merged before it.
        """
        commits = list(self._github.history(commit=self._sha, path=self._path, at_most=approval.MOST_COMMITS))
        self._history = frozenset(commit.sha for commit in commits)
        own = {kept.number for kept in self._kept}
        found = {each.number: each for commit in commits for each in commit.pull_requests if each.number not in own}
        here = [each for each in found.values() if each.merged_at and each.base_ref == self._branch]
        return iter(sorted(here, key=lambda each: each.merged_at or "", reverse=True))
