"""The pull requests that were merged into a branch, and the comments of ours there: both a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.github.answers import AuthoredComment, Discussion, MergedPage
from dynatus_ci.github.pull_request import MOST_COMMENTS, PullRequests
from dynatus_ci.github.request_budget import RequestBudget


class MergedPullRequests:
    """The pull requests that were merged into a branch, the newest merge first.

    GitHub lists pull requests by their last update, and a merge is an update. So a pull request that a page does not
    show yet was merged before the last update on that page. Each later page comes with the first one again: pull
    requests that were updated meanwhile have moved there. So none is given before all that were merged later.

    Args:
        github: The repository's pull requests.
        budget: The requests that may be made.
        sha: The commit that is applied.
        branch: The branch that the run is for.
    """

    def __init__(self, github: PullRequests, budget: RequestBudget, *, sha: str, branch: str) -> None:
        self._github = github
        self._budget = budget
        self._sha = sha
        self._branch = branch
        self._page: MergedPage | None = None
        self._age: dict[str, int] = {}
        self._listed: dict[int, Discussion] = {}
        self._given: set[int] = set()

    def own(self) -> dict[int, Discussion]:
        """Those whose merge is the commit itself, by their number. `next` gives them in their turn."""
        if self._page is None:
            self._read_page()
        own = {number: discussion for number, discussion in self._listed.items() if self.is_own(discussion)}
        if not own:  # It was merged long ago, or so recently that the list does not show it yet.
            merged = self._github.merged_as(self._sha)
            own = {each.number: self._github.discussion(each.number) for each in merged}
            self._listed |= own
        return own

    def next(self) -> Discussion | None:
        """The newest one that was not given yet; None after the last.

        Raises:
            NoRequestsLeft: Another page is needed for it.
        """
        while not (upcoming := self.upcoming()):
            if self._page and self._page.more is None:
                return None
            self._budget.check_reading(1)
            self._read_page()
        number = upcoming[0].pull_request.number
        self._given.add(number)
        return self._listed.pop(number)

    def upcoming(self) -> list[Discussion]:
        """Those that `next` gives without another page: they were merged after all that are not listed yet."""
        page = self._page
        if page is None:
            return []
        bound = page.listed[-1].updated_at if page.more else ""
        upcoming = [discussion for discussion in self._listed.values() if _merged_at(discussion) > bound]
        return sorted(upcoming, key=self._merge_order, reverse=True)

    def is_own(self, discussion: Discussion) -> bool:
        """Whether the merge of a pull request is the commit itself."""
        return discussion.pull_request.merge_commit_sha == self._sha

    def contains(self, discussion: Discussion) -> bool:
        """Whether the merge of a pull request is in the history of the commit.

        Raises:
            NoRequestsLeft: GitHub must be asked for that.
        """
        merge = discussion.pull_request.merge_commit_sha
        if merge is None or merge == self._sha or merge in self._age:
            return merge is not None
        self._budget.check_reading(1)
        return self._github.contains(commit=self._sha, ancestor=merge)

    def _read_page(self) -> None:
        after = self._page.more if self._page else None
        page = self._github.merged(branch=self._branch, commit=self._sha, after=after)
        if self._page is None:
            self._age = {commit: age for age, commit in enumerate(page.commits)}
        self._page = page
        for discussion in (*page.newest, *page.listed):
            if discussion.pull_request.number not in self._given:
                self._listed[discussion.pull_request.number] = discussion

    def _merge_order(self, discussion: Discussion) -> tuple[str, int, int]:
        """By the time of the merge. Within one second by the order of the commits, then by the number."""
        pull_request = discussion.pull_request
        age = self._age.get(pull_request.merge_commit_sha or "", len(self._age))
        return _merged_at(discussion), -age, pull_request.number


class OurComments:
    """The comments that our token wrote at these pull requests. One request fetches those of several pull requests.

    Args:
        github: The repository's pull requests.
        budget: The requests that may be made.
        pull_requests: Where the comments are.
    """

    def __init__(self, github: PullRequests, budget: RequestBudget, pull_requests: MergedPullRequests) -> None:
        self._github = github
        self._budget = budget
        self._pull_requests = pull_requests
        self._fetched: dict[str, AuthoredComment | None] = {}

    def at(self, discussion: Discussion) -> Iterator[AuthoredComment]:
        """The comments at one pull request, oldest first. Pages are read as they are needed.

        Raises:
            NoRequestsLeft: There may be more of them.
        """
        page = discussion
        while True:
            self._fetch(page)
            for id_ in page.our_comments:
                comment = self._fetched.get(id_)
                if comment and comment.viewer_did_author:
                    yield comment
            if page.more is None:
                return
            self._budget.check_reading(2)
            page = self._github.discussion(discussion.pull_request.number, after=page.more)

    def _fetch(self, discussion: Discussion) -> None:
        ids = self._not_fetched(discussion)
        if not ids:
            return
        for later in self._pull_requests.upcoming():
            more = self._not_fetched(later)
            if len(ids) + len(more) > MOST_COMMENTS:
                break
            ids += more
        self._budget.check_reading(1)
        comments = self._github.authored_comments(ids)
        self._fetched |= {id_: comments.get(id_) for id_ in ids}

    def _not_fetched(self, discussion: Discussion) -> list[str]:
        return [id_ for id_ in discussion.our_comments if id_ not in self._fetched]


def _merged_at(discussion: Discussion) -> str:
    return discussion.pull_request.merged_at or ""
