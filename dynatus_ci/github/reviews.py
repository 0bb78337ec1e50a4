"""The reviews that a run of apply rests on: fetched from pull requests' comments here, and written back used up.

It fetches and writes; whether a record counts, and what it allows, is decided in `approval`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from dynatus_ci import approval
from dynatus_ci.approval import Finding, Record, Reviews, Scope
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
        self._kept: list[_Kept] = []
        self._history: frozenset[str] = frozenset()
        self._older: Iterator[PullRequest] | None = None

    @property
    def reviews(self) -> Reviews:
        """What counts of all that was read."""
        return approval.reviews([kept.finding for kept in self._kept], self._scope, branch=self._branch)

    @property
    def url(self) -> str | None:
        """The comment that the result goes into: that of the newest record that counts."""
        main = self._main
        return main[0].comment.url if main and main[0].comment else None

    @property
    def told(self) -> str:
        """What that comment says."""
        main = self._main
        return main[0].finding.body or "" if main else ""

    def read_own(self) -> None:
        """Read the record of the pull request that was merged as this commit."""
        self._kept += [self._read(pull_request, own=True) for pull_request in self._github.merged_as(self._sha)]

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

    def read_newest(self) -> None:
        """Read on until there is a record that counts, which what has converged can be closed in."""
        while self._main is None and self.read_next():
            pass

    def room(self, *, agreeing: Collection[str] = (), others: Collection[str] = ()) -> int:
        """How many characters of text the result's comment may have beside its record, after these are closed."""
        main = self._main
        return approval.room(approval.close(main[1], agreeing=agreeing, others=others) if main else None)

    def tell(self, text: str) -> None:
        """Write how far the run is into the comment of the result; its record stays as it is.

        Raises:
            GitHubError: It was not taken.
        """
        if main := self._main:
            self._write(main[0], text, record=main[1])

    def close(self, text: str | None, *, agreeing: Collection[str], others: Collection[str]) -> None:
        """Mark tables used up in every record that was read, and write the result into the newest one's comment.

        Args:
            text: The result; None keeps what the comment says.
            agreeing: The tables that the run found in agreement with the files.
            others: The run's other tables.

        Raises:
            GitHubError: One of them was not taken.
        """
        for kept, before in list(self._counted()):
            after = approval.close(before, agreeing=agreeing, others=others)
            if text is not None or after != before:
                self._write(kept, text, record=after)
            text = None  # only the newest one's comment tells it

    def uses_up(self, *, agreeing: Collection[str], others: Collection[str]) -> bool:
        """Whether closing these tables changes a record."""
        return any(record != approval.close(record, agreeing=agreeing, others=others) for _, record in self._counted())

    @property
    def _main(self) -> tuple[_Kept, Record] | None:
        return next(self._counted(), None)

    def _counted(self) -> Iterator[tuple[_Kept, Record]]:
        for kept in self._kept:
            record = kept.finding.record
            if record and approval.objection(kept.finding, self._scope, branch=self._branch) is None:
                yield kept, record

    def _write(self, kept: _Kept, text: str | None, *, record: Record) -> None:
        """Write a comment's record with a text; None keeps what the comment says."""
        if text is None:
            body = approval.with_record(kept.finding.body or "", record)
        else:
            body = approval.compose(text, scope=self._scope, record=record)
        kept.comment = self._github.write_comment(
            kept.number, marker=self._scope.marker, body=body, existing=kept.comment
        )
        kept.finding = replace(kept.finding, body=body, record=record)

    def _read(self, pull_request: PullRequest, *, own: bool) -> _Kept:
        comment = self._github.find_comment(pull_request.number, self._scope.marker)
        trusted = self._github.trusted_comment(comment) if comment else None
        ours = trusted if trusted and trusted.viewer_did_author else None
        untouched = ours and approval.untouched(viewer_did_author=True, author=ours.author, editor=ours.editor)
        finding = Finding(
            approval.PullRequest(
                number=pull_request.number,
                base=pull_request.base_ref,
                merged=pull_request.merged_at is not None,
                contained=own or (ours is not None and self._contains(pull_request)),
                own=own,
                labelled=approval.LABEL in pull_request.labels,
            ),
            body=ours.body if ours else None,
            untouched=bool(untouched),
            record=approval.decode(ours.body) if ours and untouched else None,
            strangers=tuple(self._strangers(pull_request.number)) if own and ours is None else (),
        )
        return _Kept(finding, comment if ours else None)

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
