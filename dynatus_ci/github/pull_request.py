"""Pull requests, their comments and commits, as GitHub's API has them. The only importer of PyGithub.

It asks and writes, patiently and never twice; it must not decide whether anything was approved. The paths are asked for
with PyGithub's requester (retries, pacing, authentication), because its objects fetch more than is wanted behind one's
back and take the answer to a write that was redirected for a success.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import requests
from github import Auth, Github, GithubException, GithubRetry, RateLimitExceededException
from requests.utils import parse_header_links

from dynatus_ci.errors import GitHubError, NotAllowed
from dynatus_ci.github import queries
from dynatus_ci.github.model import Comment, Commit, PullRequest, Tip, TrustedComment, Unwritten

if TYPE_CHECKING:
    from github.Requester import Requester
    from urllib3.response import BaseHTTPResponse

READ: Final = "pull-requests: read"
WRITE: Final = "pull-requests: write"
CONTENTS: Final = "contents: read"

_HISTORY_PAGE: Final = 25  # a page costs 3 of the 1,000 points an hour that the workflow's token has
_RUN_LINK: Final = re.compile(r"/actions/runs/\d+(?:/attempts/\d+)?")
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PATCH", "DELETE"})

# On import PyGithub makes its logger print every request to standard error.
for _handler in list(logging.getLogger("github").handlers):
    logging.getLogger("github").removeHandler(_handler)
logging.getLogger("github").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patiently GitHub is asked, in seconds (docs: best practices for using the REST API).

    Args:
        timeout: For one answer.
        retries: How often what may be repeated is tried again.
        backoff: Doubled with each of these.
        longest_wait: What GitHub may ask us to wait; more is an error at once, as the runner's minutes cost money.
        after_doubt: Before looking whether a comment was stored although the answer was lost.
        merge_lag: Before each look for the pull request of a commit: GitHub knows it only some seconds after the merge.
    """

    timeout: int = 15
    retries: int = 3
    backoff: float = 0.5
    longest_wait: int = 60
    between_requests: float = 0.25
    between_writes: float = 1.0
    after_doubt: float = 2.0
    merge_lag: tuple[float, ...] = (0, 2, 4, 8, 16)


class PullRequests:
    """The pull requests of one repository, as one token sees them.

    Every method raises `GitHubError` where GitHub does not answer or refuses, and its subclass `NotAllowed`, which
    names the missing permission, where the token may not.
    """

    def __init__(
        self, *, token: str, repository: str, api_url: str = "https://api.github.com", pace: Pace | None = None
    ) -> None:
        self._repository = repository
        self._pace = pace or Pace()
        self._rest = _requester(token, api_url, pace=self._pace, repeatable=_REPEATABLE)
        # GraphQL is POST throughout, and what goes over this one is queries only.
        self._graphql = _requester(token, api_url, pace=self._pace, repeatable=_REPEATABLE | {"POST"})
        self._login: str | None = None

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as it is now. Read-only."""
        with _asking(f"read pull request #{number}", needs=READ):
            return _pull_request(_object(self._rest, f"GET /repos/{self._repository}/pulls/{number}"))

    def merged_as(self, sha: str) -> tuple[PullRequest, ...]:
        """The pull requests whose merge is this very commit; none for a direct push. Read-only.

        Merge, squash and rebase, by hand or by the queue: GitHub names each time the commit that the base branch got.
        """
        if not sha.strip("0"):  # what a deleted branch is "after"
            return ()
        for pause in self._pace.merge_lag:
            time.sleep(pause)
            if found := tuple(
                each for each in self._pull_requests_of(sha) if each.merged_at and each.merge_commit_sha == sha
            ):
                return found
        return ()

    def history(self, *, commit: str, path: str, at_most: int) -> Iterator[Commit]:
        """The commits up to this one that touched a path (from the root; `.` is all), newest first. Read-only."""
        wanted = {**self._names, "commit": commit, "path": None if path == "." else path}
        after: str | None = None
        while at_most > 0:
            size = min(at_most, _HISTORY_PAGE)
            answer = self._query(queries.HISTORY, {**wanted, "first": size, "after": after}, what="read the history")
            history = ((answer.get("repository") or {}).get("object") or {}).get("history")
            if history is None:
                raise self._unseen(commit)
            for node in _nodes(history):
                yield Commit(sha=node["oid"], pull_requests=self._brought(node))
            if not history["pageInfo"]["hasNextPage"]:
                return
            after = history["pageInfo"]["endCursor"]
            at_most -= size

    def contains(self, *, commit: str, ancestor: str) -> bool:
        """Whether a commit's history holds another commit, or is that commit. Read-only."""
        path = f"/repos/{self._repository}/compare/{ancestor}...{commit}?per_page=1"
        with _asking(f"compare {ancestor} with {commit}", needs=CONTENTS):
            headers, found = self._rest.requestJsonAndCheck("GET", path)
            if not isinstance(found, dict) or "status" not in found:
                raise _unexpected(f"GET {path}", headers)
            return found["status"] in {"ahead", "identical"}

    def tip(self, *, ref: str, commit: str, path: str) -> Tip:
        """What a ref points to now, and what is at the path there and in a commit. Read-only.

        A ref that points to what is older than the commit is asked for again: after a push it may lag.
        """
        tip = self._tip(ref, commit=commit, path=path)
        for pause in self._pace.merge_lag[1:]:
            same = tip.commit == commit or (tip.here is not None and tip.there == tip.here)
            if tip.commit is None or same or not self.contains(commit=commit, ancestor=tip.commit):
                break
            time.sleep(pause)
            tip = self._tip(ref, commit=commit, path=path)
        return tip

    def _tip(self, ref: str, *, commit: str, path: str) -> Tip:
        inside = "" if path == "." else path
        revisions = {"ref": ref, "commit": commit, "there": f"{ref}:{inside}", "here": f"{commit}:{inside}"}
        found = self._query(queries.TIP, {**self._names, **revisions}, what=f"read {ref}").get("repository") or {}
        ours, last, there, here = ((found.get(each) or {}).get("oid") for each in ("ours", "tip", "there", "here"))
        if ours is None:
            raise self._unseen(commit)
        return Tip(commit=last, there=there, here=here)

    def _unseen(self, commit: str) -> GitHubError:
        """A token that does not see the repository gets the same answer as for a commit that is not there."""
        return GitHubError(
            f"GitHub knows no commit {commit} in {self._repository}.",
            hint=f"Either it is not there, or `github-token` lacks `{CONTENTS}`.",
        )

    def our_comments(self, number: int, *, starting: str) -> Iterator[Comment]:
        """Our comments on a pull request whose first line starts so, oldest first, over all pages. Read-only."""
        with _asking(f"read the comments of pull request #{number}", needs=READ):
            for each in self._pages(f"/repos/{self._repository}/issues/{number}/comments"):
                comment = _comment(each)
                if comment.first_line.startswith(starting) and comment.author == self._our_login():
                    yield comment

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our comment with this first line; the oldest of several, which may hold a record. Read-only."""
        found = self.our_comments(number, starting=marker)
        return next((comment for comment in found if comment.first_line == marker), None)

    def trusted_comment(self, comment: Comment) -> TrustedComment | None:
        """The comment's text with its author and last editor; None where it is gone. Read-only."""
        node = self._query(queries.COMMENT, {"id": comment.node_id}, what="read a comment").get("node")
        if not node:
            return None
        return TrustedComment(
            body=node["body"],
            viewer_did_author=node["viewerDidAuthor"],
            author=(node["author"] or {}).get("login"),
            editor=(node["editor"] or {}).get("login"),
        )

    def write_plan(
        self,
        number: int,
        *,
        marker: str,
        body: str,
        head_sha: str | None,
        existing: Comment | None,
        rewrite: bool = False,
    ) -> Comment | Unwritten:
        """Write a plan's comment, unless the pull request is closed or has a newer head than the plan's.

        Two runs may end in either order, so this is asked directly before the write (None: the head is not known). Two
        first ones may both have found no comment: the older of theirs stays, because the oldest is the one that counts.
        """
        if reason := self.pull_request(number).unwritten(head_sha):
            return reason
        written = self.write_comment(number, marker=marker, body=body, existing=existing, rewrite=rewrite)
        self._login = written.author
        first = existing or self.find_comment(number, marker)
        if first is None or first.id == written.id:
            return written
        kept = self.write_plan(number, marker=marker, body=body, head_sha=head_sha, existing=first, rewrite=rewrite)
        self._delete_comment(written)
        return kept

    def write_comment(
        self, number: int, *, marker: str, body: str, existing: Comment | None, rewrite: bool = False
    ) -> Comment:
        """Create the comment, or edit the existing one where its text differs (or `rewrite` says so)."""
        if existing is None:
            return self._create_comment(number, marker=marker, body=body)
        return self.edit_comment(existing, body) if rewrite or not same_text(existing.body, body) else existing

    def edit_comment(self, comment: Comment, body: str) -> Comment:
        """Replace a comment's text."""
        call = f"PATCH /repos/{self._repository}/issues/comments/{comment.id}"
        with _asking("edit the comment", needs=WRITE):
            return _comment(_object(self._rest, call, body={"body": body}))

    def _delete_comment(self, comment: Comment) -> None:
        with _asking("delete the second comment", needs=WRITE):
            self._rest.requestJsonAndCheck("DELETE", f"/repos/{self._repository}/issues/comments/{comment.id}")

    def remove_label(self, number: int, label: str) -> None:
        """Take a label off; that it is off already is fine."""
        path = f"/repos/{self._repository}/issues/{number}/labels/{quote(label, safe='')}"
        with _asking(f"take the label {label} off pull request #{number}", needs=WRITE):
            try:
                headers, left = self._rest.requestJsonAndCheck("DELETE", path)
            except GithubException as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
            else:
                if not isinstance(left, list):
                    raise _unexpected(f"DELETE {path}", headers)

    def _create_comment(self, number: int, *, marker: str, body: str) -> Comment:
        """Post once. Where the answer leaves it open whether it was stored, look before a second and last try."""
        call = f"POST /repos/{self._repository}/issues/{number}/comments"
        with _asking(f"comment on pull request #{number}", needs=WRITE):
            try:
                return _comment(_object(self._rest, call, body={"body": body}))
            except (GithubException, requests.RequestException) as error:
                pause = _pause(error, pace=self._pace)
                if pause is None:
                    raise
            time.sleep(pause)
            if (stored := self.find_comment(number, marker)) is not None:
                return self.write_comment(number, marker=marker, body=body, existing=stored)
            return _comment(_object(self._rest, call, body={"body": body}))

    def _pull_requests_of(self, sha: str) -> Iterator[PullRequest]:
        with _asking(f"find the pull requests of commit {sha}", needs=READ):
            try:
                for each in self._pages(f"/repos/{self._repository}/commits/{sha}/pulls"):
                    if self._is_ours(each["base"]["repo"]["full_name"]):
                        yield _pull_request(each)
            except GithubException as error:
                if error.status != HTTPStatus.CONFLICT:  # GitHub has not indexed the commit yet
                    raise

    def _brought(self, node: dict[str, Any]) -> tuple[PullRequest, ...]:
        found = _nodes(node.get("associatedPullRequests") or {})
        return tuple(
            _pull_request_node(each)
            for each in found
            if self._is_ours((each.get("baseRepository") or {}).get("nameWithOwner", ""))
        )

    def _is_ours(self, repository: str) -> bool:
        """A fork shares its commits with other repositories, and their pull requests have numbers of their own."""
        return repository.lower() == self._repository.lower()

    def _our_login(self) -> str:
        if self._login is None:
            self._login = self._ask_login()
        return self._login

    def _ask_login(self) -> str:
        with _asking("find out whose token this is", needs=READ):
            try:
                _, answer = self._graphql.graphql_query(queries.VIEWER, {})
                login = answer["data"]["viewer"]["login"]
            except GithubException as error:
                if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                    raise
                login = _object(self._rest, "GET /user")["login"]  # a proxy or emulator without GraphQL
            return str(login)

    @property
    def _names(self) -> dict[str, str]:
        owner, _, name = self._repository.partition("/")
        return {"owner": owner, "name": name}

    def _query(self, query: str, variables: dict[str, Any], *, what: str) -> dict[str, Any]:
        with _asking(what, needs=f"{CONTENTS}` and `{READ}"):
            try:
                _, answer = self._graphql.graphql_query(query, variables)
            except GithubException as error:
                if error.status == HTTPStatus.NOT_FOUND and isinstance(error.data, dict) and "data" in error.data:
                    return error.data["data"] or {}  # what was asked for is null, and said to be so
                raise
            data: dict[str, Any] = answer["data"]
            return data

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        url: str | None = f"{path}?per_page=100"
        while url:
            headers, page = self._rest.requestJsonAndCheck("GET", url)
            if not isinstance(page, list):
                raise _unexpected(f"GET {path}", headers)
            yield from page
            links = parse_header_links(headers.get("link", ""))
            url = next((self._here(link["url"]) for link in links if link.get("rel") == "next"), None)

    def _here(self, url: str) -> str:
        """The path and query of an address that GitHub gave: behind a proxy its host may not be the one to ask."""
        there = urlsplit(url)
        prefix = urlsplit(self._rest.base_url).path.rstrip("/")
        return f"{there.path.removeprefix(prefix)}?{there.query}"


def same_text(one: str, other: str) -> bool:
    """Whether two comments say the same, whichever run they link to. GitHub may keep line ends as CR LF."""
    return _without_run(one) == _without_run(other)


def _without_run(body: str) -> str:
    return _RUN_LINK.sub("/actions/runs/", body.replace("\r\n", "\n")).strip()


# ---- how GitHub is reached -------------------------------------------------------------------------------------------


class _Retry(GithubRetry):
    """PyGithub's, but a wait that GitHub asks for beyond the longest is an error at once, not a shorter wait."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        if asked is not None and self.max_rate_limit_wait is not None and asked > self.max_rate_limit_wait:
            raise RateLimitExceededException(response.status, None, {"retry-after": f"{asked:.0f}"})
        return asked


def _requester(token: str, api_url: str, *, pace: Pace, repeatable: frozenset[str]) -> Requester:
    return Github(
        base_url=api_url.rstrip("/"),
        auth=Auth.Token(token),
        timeout=pace.timeout,
        per_page=100,
        lazy=True,
        api_version="2022-11-28",
        seconds_between_requests=pace.between_requests,
        seconds_between_writes=pace.between_writes,
        retry=_Retry(
            total=pace.retries,
            backoff_factor=pace.backoff,
            allowed_methods=repeatable,
            secondary_rate_wait=pace.longest_wait,
            max_rate_limit_wait=pace.longest_wait,
        ),
    ).requester


def _object(requester: Requester, call: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
    method, _, path = call.partition(" ")
    headers, found = requester.requestJsonAndCheck(method, path, input=body)
    if not isinstance(found, dict) or "id" not in found:
        raise _unexpected(call, headers)
    return found


def _unexpected(call: str, headers: dict[str, Any]) -> GitHubError:
    """PyGithub follows a 301, but takes a 307 or 308, GitHub's answer to a write under an old name, for success."""
    if "location" in headers:
        return GitHubError(
            "GitHub redirects this repository: it was renamed or transferred after the run had started.",
            hint="Start a new run; a re-run keeps the old name.",
        )
    return GitHubError(f"GitHub's answer to {call} is not what its API describes.")


def _pause(error: GithubException | requests.RequestException, *, pace: Pace) -> float | None:
    """How long to wait before looking whether a comment was stored after all; None where GitHub clearly said no."""
    if isinstance(error, requests.RequestException) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return pace.after_doubt
    asked = (error.headers or {}).get("retry-after", "")
    return float(asked) if asked.isdecimal() and int(asked) <= pace.longest_wait else None


# ---- what GitHub says ------------------------------------------------------------------------------------------------


@contextmanager
def _asking(what: str, *, needs: str) -> Iterator[None]:
    """Turn whatever PyGithub raises into an error of ours that says what was to be done."""
    try:
        yield
    except GithubException as error:
        raise _explained(error, what=what, needs=needs) from error
    except requests.RequestException as error:  # also when PyGithub's own retries are used up
        raise GitHubError(f"GitHub did not answer, so dynatus could not {what}: {error}.") from error
    except RuntimeError as error:  # PyGithub's refusal to be redirected to another host or scheme
        raise GitHubError(f"dynatus could not {what}: {error}.", hint="Is GITHUB_API_URL right?") from error


def _explained(error: GithubException, *, what: str, needs: str) -> GitHubError:
    said, kind = _said(error)
    reason = f": {said} ({error.status})" if said else f" ({error.status})"
    message = f"dynatus could not {what}{reason}."
    wait = (error.headers or {}).get("retry-after")
    limited = isinstance(error, RateLimitExceededException) or wait or kind == "RATE_LIMITED"
    if limited or error.status == HTTPStatus.TOO_MANY_REQUESTS:
        after = f" in {wait} seconds" if wait else " later"
        return GitHubError(message, hint=f"GitHub's rate limit is used up; run the job again{after}.")
    if error.status == HTTPStatus.FORBIDDEN or kind in {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        hint = f"Give the job the permission `{needs}`; pull requests from forks and Dependabot's cannot have it."
        return NotAllowed(message, permission=needs, hint=hint)
    hints: dict[int, str] = {
        HTTPStatus.UNAUTHORIZED: "`github-token` was not accepted.",
        HTTPStatus.NOT_FOUND: f"Either it is not there, or `github-token` lacks `{needs}`.",
    }
    return GitHubError(message, hint=hints.get(error.status))


def _said(error: GithubException) -> tuple[str, str]:
    """GitHub's own words, and for GraphQL its name of the kind of error."""
    data = error.data if isinstance(error.data, dict) else {}
    first = next(iter(data.get("errors") or []), None)
    if isinstance(first, dict) and "message" not in data:
        return str(first.get("message", "")).rstrip("."), str(first.get("type", ""))
    return str(data.get("message") or error.message or "").rstrip("."), ""


def _pull_request(data: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=data["number"],
        state=data["state"],
        merged_at=data.get("merged_at"),
        merge_commit_sha=data.get("merge_commit_sha"),
        base_ref=data["base"]["ref"],
        head_sha=data["head"]["sha"],
        labels=tuple(label["name"] for label in data.get("labels", [])),
    )


def _pull_request_node(node: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=node["number"],
        state="open" if node["state"] == "OPEN" else "closed",
        merged_at=node["mergedAt"],
        merge_commit_sha=(node["mergeCommit"] or {}).get("oid"),
        base_ref=node["baseRefName"],
        head_sha=node["headRefOid"],
        labels=tuple(label["name"] for label in _nodes(node["labels"] or {})),
    )


def _comment(data: dict[str, Any]) -> Comment:
    return Comment(
        id=data["id"],
        node_id=data["node_id"],
        body=data.get("body") or "",
        author=(data.get("user") or {}).get("login"),  # null once the account is deleted
        url=data["html_url"],
    )


def _nodes(connection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (node for node in connection.get("nodes") or [] if node is not None)
