"""What GitHub says about pull requests, commits and comments, as plain frozen values.

Facts only: whether a comment counts as a review is decided elsewhere, from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unwritten(StrEnum):
    """Why a plan's comment was not written although GitHub would have taken it."""

    CLOSED = "the pull request is not open any more"
    OUTDATED = "the pull request has a newer commit, whose own run writes the comment"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One pull request.

    Args:
        merge_commit_sha: The commit on the base branch that it became; of an open one GitHub's test merge, which says
            nothing (docs: pulls, "the merge_commit_sha attribute").
    """

    number: int
    state: str
    merged_at: str | None
    merge_commit_sha: str | None
    base_ref: str
    head_sha: str
    labels: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Whether it still can be merged."""
        return self.state == "open"

    def unwritten(self, head_sha: str | None) -> Unwritten | None:
        """Why a plan of this head commit (None: not known) must not write here, or None."""
        if not self.is_open:
            return Unwritten.CLOSED
        return Unwritten.OUTDATED if head_sha is not None and head_sha != self.head_sha else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of ours as the list of comments shows it; not proof of who wrote its present text."""

    id: int
    node_id: str
    body: str
    author: str | None
    url: str

    @property
    def first_line(self) -> str:
        """Where the marker stands."""
        return self.body.partition("\n")[0].rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedComment:
    """A comment's text, and who stands behind it: one answer, so that both belong together."""

    body: str
    viewer_did_author: bool
    author: str | None
    editor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that touched a path, with the pull requests of this repository that brought it."""

    sha: str
    pull_requests: tuple[PullRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """A branch's last commit, and what stands at a path there and in another commit (git object ids; None: nothing)."""

    commit: str | None
    there: str | None
    here: str | None
