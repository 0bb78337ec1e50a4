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
class Discussion:
    """A pull request and the first hundred of its comments.

    Args:
        updated_at: When it was changed last; never before its merge.
        our_comments: The node ids of the comments that our token wrote, oldest first.
        more: The cursor of its further comments; None where there are none.
    """

    pull_request: PullRequest
    updated_at: str
    our_comments: tuple[str, ...]
    more: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPage:
    """A page of a branch's merged pull requests.

    Args:
        listed: Last updated first.
        newest: The first page as it is by now; empty where this is the first page.
        more: The cursor of the next page; None where there is none.
        commits: The last hundred commits of the commit's history, newest first; only on the first page.
    """

    listed: tuple[Discussion, ...]
    newest: tuple[Discussion, ...]
    more: str | None
    commits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment as a list of comments shows it; not proof of who wrote its present text."""

    id: int
    node_id: str
    body: str
    author: str | None
    url: str

    @property
    def first_line(self) -> str:
        """The first line of the text, which has the marker if dynatus wrote the comment."""
        return self.body.partition("\n")[0].rstrip()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wrote or edited something. A login alone is not enough: a person may be called like a bot."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoredComment:
    """A comment, its author and its last editor: one answer of GitHub, so that they belong together.

    It may be anybody's: `review.untouched` says whether only we have written it.

    Args:
        author: Its author; None where the account was deleted.
        editor: Who edited it last; None where nobody did, or where the account was deleted.
        edited: Whether anybody edited it.
    """

    comment: Comment
    viewer_did_author: bool
    author: Actor | None
    editor: Actor | None
    edited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GitObject:
    """What git has at a path: `type` is Tree for a folder, Blob for a file."""

    type: str
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """A branch's last commit (None: the branch is gone), and what git has at a path there and in another commit."""

    commit: str | None
    there: GitObject | None
    here: GitObject | None
