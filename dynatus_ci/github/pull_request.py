"""Pull requests, their comments and commits, as GitHub's API has them. The only importer of PyGithub.

It asks and writes, patiently and never twice; it must not decide whether anything was approved. The paths are asked for
with PyGithub's requester (retries, pacing, authentication), because its objects fetch more than is wanted behind one's
back and take the answer to a write that was redirected for a success.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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
from dynatus_ci.github.answers import (
    Actor,
    Comment,
    Discussion,
    GitObject,
    MergedPage,
    PullRequest,
    Tip,
    TrustedComment,
    Unwritten,
)

if TYPE_CHECKING:
    from github.Requester import Requester
    from urllib3.response import BaseHTTPResponse

READ: Final = "pull-requests: read"
WRITE: Final = "pull-requests: write"
CONTENTS: Final = "contents: read"
BOTH: Final = f"{CONTENTS}` and `{READ}"

PAGE: Final = 50
"""Merged pull requests in one answer, with the ids of up to 100 comments each."""
MOST_COMMENTS: Final = 100
"""Comments whose texts one answer may hold (docs: GraphQL, "Node limit")."""

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
    names the missing permission, where the token may not. `requests` counts what was asked of GitHub.
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
        self.requests = 0
        self._turn = threading.Lock()  # several tables ask at once, and PyGithub's connections are for one request each

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as it is now. Read-only."""
        with _asking(f"read pull request #{number}", needs=READ):
            return _pull_request(self._object(f"GET /repos/{self._repository}/pulls/{number}"))

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

    def merged(self, *, branch: str, commit: str, after: str | None = None) -> MergedPage:
        """A page of the pull requests that were merged into a branch, last updated first. Read-only.

        Args:
            branch: Its name.
            commit: The commit whose last commits the first page tells, too.
            after: The cursor of the page; None is the first.
        """
        variables = {"branch": branch, "commit": commit, "first": PAGE, "after": after, "more": after is not None}
        with _asking(f"list what was merged into {branch}", needs=BOTH):
            found = self._repository_node(queries.MERGED, variables)
            if after is None and found["commit"] is None:
                raise self._unseen(commit)
            listed, newest = found["page"], found.get("newest")
            return MergedPage(
                listed=tuple(_discussion(node) for node in listed["nodes"]),
                newest=tuple(_discussion(node) for node in newest["nodes"]) if newest else (),
                more=_more(listed),
                commits=() if after else tuple(node["oid"] for node in found["commit"]["history"]["nodes"]),
            )

    def discussion(self, number: int, *, after: str | None = None) -> Discussion:
        """A pull request with a page of its comments. Read-only."""
        with _asking(f"read pull request #{number}", needs=BOTH):
            found = self._repository_node(queries.PULL_REQUEST, {"number": number, "after": after})
            return _discussion(found["pullRequest"])

    def contains(self, *, commit: str, ancestor: str) -> bool:
        """Whether a commit's history holds another commit, or is that commit. Read-only.

        GitHub answers 404 for a commit that it does not have any more: then the history does not hold it.
        """
        path = f"/repos/{self._repository}/compare/{ancestor}...{commit}?per_page=1"
        with _asking(f"compare {ancestor} with {commit}", needs=CONTENTS):
            try:
                headers, found = self._send("GET", path)
            except GithubException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return False
                raise
            if not isinstance(found, dict) or "status" not in found:
                raise _unexpected(f"GET {path}", headers)
            return found["status"] in {"ahead", "identical"}

    def tip(self, *, ref: str, commit: str, path: str, patient: bool = True) -> Tip:
        """What a ref points to now, and what git has at the path there and in a commit. Read-only.

        Right after a push the ref may lag, and point to what is older than the commit: a patient call asks again.
        """
        tip = self._tip(ref, commit=commit, path=path)
        old = tip.commit
        same = old == commit or (tip.here is not None and tip.there == tip.here)
        if not patient or old is None or same or not self.contains(commit=commit, ancestor=old):
            return tip
        for pause in self._pace.merge_lag[1:]:
            if tip.commit != old:
                break
            time.sleep(pause)
            tip = self._tip(ref, commit=commit, path=path)
        return tip

    def _tip(self, ref: str, *, commit: str, path: str) -> Tip:
        inside = "" if path == "." else path
        revisions = {"ref": ref, "commit": commit, "there": f"{ref}:{inside}", "here": f"{commit}:{inside}"}
        with _asking(f"read {ref}", needs=BOTH):
            found = self._repository_node(queries.TIP, revisions)
            if found["ours"] is None:
                raise self._unseen(commit)
            last = found["tip"]
            return Tip(commit=last and last["oid"], there=_git_object(found["there"]), here=_git_object(found["here"]))

    def blobs(self, tree: str) -> Mapping[str, str] | None:
        """The git object ids of all files of a tree, by their paths in it; None where GitHub lists only a part."""
        path = f"/repos/{self._repository}/git/trees/{tree}?recursive=1"
        with _asking(f"list the files of tree {tree}", needs=CONTENTS):
            headers, found = self._send("GET", path)
            if not isinstance(found, dict) or "tree" not in found:
                raise _unexpected(f"GET {path}", headers)
            if found["truncated"]:
                return None
            return {entry["path"]: entry["sha"] for entry in found["tree"] if entry["type"] == "blob"}

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

    def trusted_comments(self, node_ids: Sequence[str]) -> dict[str, TrustedComment]:
        """Comments' texts with their authors and last editors, by node id; one that is gone is left out. Read-only."""
        with _asking("read comments", needs=BOTH):
            nodes = self._query(queries.COMMENTS, {"ids": list(node_ids)})["nodes"]
            return {node["id"]: _trusted_comment(node) for node in nodes if node}

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
            return _comment(self._object(call, body={"body": body}))

    def _delete_comment(self, comment: Comment) -> None:
        with _asking("delete the second comment", needs=WRITE):
            self._send("DELETE", f"/repos/{self._repository}/issues/comments/{comment.id}")

    def remove_label(self, number: int, label: str) -> None:
        """Take a label off; that it is off already is fine."""
        path = f"/repos/{self._repository}/issues/{number}/labels/{quote(label, safe='')}"
        with _asking(f"take the label {label} off pull request #{number}", needs=WRITE):
            try:
                headers, left = self._send("DELETE", path)
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
                return _comment(self._object(call, body={"body": body}))
            except (GithubException, requests.RequestException) as error:
                pause = _pause(error, pace=self._pace)
                if pause is None:
                    raise
            time.sleep(pause)
            if (stored := self.find_comment(number, marker)) is not None:
                return self.write_comment(number, marker=marker, body=body, existing=stored)
            return _comment(self._object(call, body={"body": body}))

    def _pull_requests_of(self, sha: str) -> Iterator[PullRequest]:
        with _asking(f"find the pull requests of commit {sha}", needs=READ):
            try:
                for each in self._pages(f"/repos/{self._repository}/commits/{sha}/pulls"):
                    if self._is_ours((each["base"]["repo"] or {}).get("full_name", "")):
                        yield _pull_request(each)
            except GithubException as error:
                if error.status != HTTPStatus.CONFLICT:  # GitHub has not indexed the commit yet
                    raise

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
                login = self._query(queries.VIEWER, {})["viewer"]["login"]
            except GithubException as error:
                if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                    raise
                login = self._object("GET /user")["login"]  # a proxy or emulator without GraphQL
            return str(login)

    @property
    def _names(self) -> dict[str, str]:
        owner, _, name = self._repository.partition("/")
        return {"owner": owner, "name": name}

    def _repository_node(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What a query found in the repository."""
        found = self._query(query, {**self._names, **variables})["repository"]
        if not found:
            raise GitHubError(
                f"GitHub knows no repository {self._repository}.",
                hint=f"Either it is not there, or `github-token` lacks `{BOTH}`.",
            )
        if not self._is_ours(found["nameWithOwner"]):
            raise _renamed(found["nameWithOwner"])
        return dict(found)

    def _query(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of an answer. A part of an answer is an error: what it leaves out must not look like nothing."""
        try:
            with self._turn:
                self.requests += 1
                _, answer = self._graphql.graphql_query(query, variables)
        except GithubException as error:
            if not _only_gone(error):
                raise
            answer = error.data
        return dict(answer["data"])

    def _send(self, method: str, path: str, *, body: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        with self._turn:
            self.requests += 1
            return self._rest.requestJsonAndCheck(method, path, input=body)

    def _object(self, call: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
        method, _, path = call.partition(" ")
        headers, found = self._send(method, path, body=body)
        if not isinstance(found, dict) or "id" not in found:
            raise _unexpected(call, headers)
        return found

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        url: str | None = f"{path}?per_page=100"
        while url:
            headers, page = self._send("GET", url)
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


def _unexpected(call: str, headers: dict[str, Any]) -> GitHubError:
    """PyGithub follows a 301, but takes a 307 or 308, GitHub's answer to a write under an old name, for success."""
    if "location" in headers:
        return _renamed()
    return GitHubError(f"GitHub's answer to {call} is not what its API describes.")


def _renamed(name: str | None = None) -> GitHubError:
    now = f", and is {name} now" if name else ""
    return GitHubError(
        f"GitHub redirects this repository: it was renamed or transferred after the run had started{now}.",
        hint="Start a new run; a re-run keeps the old name.",
    )


def _only_gone(error: GithubException) -> bool:
    """Whether nothing is wrong with an answer but that nodes, which were asked for by their ids, are gone."""
    data = error.data if isinstance(error.data, dict) else {}
    errors = data.get("errors")
    if not isinstance(errors, list) or not isinstance(data.get("data"), dict) or "nodes" not in data["data"]:
        return False
    gone = [["nodes", number] for number, node in enumerate(data["data"]["nodes"] or []) if node is None]
    return all(
        isinstance(each, dict) and each.get("type") == "NOT_FOUND" and each.get("path") in gone for each in errors
    )


def _pause(error: GithubException | requests.RequestException, *, pace: Pace) -> float | None:
    """How long to wait before looking whether a comment was stored after all; None where GitHub clearly said no."""
    if isinstance(error, requests.RequestException) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return pace.after_doubt
    asked = (error.headers or {}).get("retry-after", "")
    return float(asked) if asked.isdecimal() and int(asked) <= pace.longest_wait else None


# ---- what GitHub says ------------------------------------------------------------------------------------------------


@contextmanager
def _asking(what: str, *, needs: str) -> Iterator[None]:
    """Turn whatever PyGithub raises, and an answer of another shape, into an error that says what was asked."""
    try:
        yield
    except GithubException as error:
        raise _explained(error, what=what, needs=needs) from error
    except requests.RequestException as error:  # also when PyGithub's own retries are used up
        raise GitHubError(f"GitHub did not answer, so dynatus could not {what}: {error}.") from error
    except RuntimeError as error:  # PyGithub's refusal to be redirected to another host or scheme
        raise GitHubError(f"dynatus could not {what}: {error}.", hint="Is GITHUB_API_URL right?") from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        message = f"dynatus could not {what}: GitHub's answer is not what its API describes."
        raise GitHubError(message, hint="Is there a proxy in between, or is GITHUB_API_URL wrong?") from error


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


def _discussion(node: dict[str, Any]) -> Discussion:
    comments = node["comments"]
    return Discussion(
        pull_request=PullRequest(
            number=node["number"],
            state="open" if node["state"] == "OPEN" else "closed",
            merged_at=node["mergedAt"],
            merge_commit_sha=(node["mergeCommit"] or {}).get("oid"),
            base_ref=node["baseRefName"],
            head_sha=node["headRefOid"],
            labels=tuple(label["name"] for label in (node["labels"] or {"nodes": []})["nodes"]),
        ),
        updated_at=node["updatedAt"],
        our_comments=tuple(each["id"] for each in comments["nodes"] if each["viewerDidAuthor"]),
        more=_more(comments),
    )


def _more(connection: dict[str, Any]) -> str | None:
    """The cursor of a connection's next page; None where this is the last."""
    page = connection["pageInfo"]
    return str(page["endCursor"]) if page["hasNextPage"] else None


def _trusted_comment(node: dict[str, Any]) -> TrustedComment:
    author, editor = _actor(node["author"]), _actor(node["editor"])
    return TrustedComment(
        comment=Comment(
            id=int(node["fullDatabaseId"]),
            node_id=node["id"],
            body=node["body"],
            author=(node["author"] or {}).get("login"),
            url=node["url"],
        ),
        viewer_did_author=node["viewerDidAuthor"] is True,
        author=author,
        editor=editor,
        edited=editor is not None or node["lastEditedAt"] is not None or node["includesCreatedEdit"] is not False,
    )


def _actor(node: dict[str, Any] | None) -> Actor | None:
    return Actor(type=node["__typename"], id=node["id"]) if node else None


def _git_object(node: dict[str, Any] | None) -> GitObject | None:
    return GitObject(type=node["__typename"], oid=node["oid"]) if node else None


def _comment(data: dict[str, Any]) -> Comment:
    return Comment(
        id=data["id"],
        node_id=data["node_id"],
        body=data.get("body") or "",
        author=(data.get("user") or {}).get("login"),  # null once the account is deleted
        url=data["html_url"],
    )
