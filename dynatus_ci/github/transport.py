"""How GitHub's API is reached: patiently, one request after another, by REST and GraphQL.

The only importer of PyGithub. Its requester sends the requests (retries, pacing, authentication). Its objects are not
used: they fetch more than is asked for, and take the answer to a write that was redirected for a success.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from github import Auth, Github, GithubException, GithubRetry, RateLimitExceededException
from requests.utils import parse_header_links

from dynatus_ci.errors import GitHubError, NotAllowed
from dynatus_ci.text import code

if TYPE_CHECKING:
    from github.Requester import Requester
    from urllib3.response import BaseHTTPResponse

FAILURES: Final = (GithubException, requests.RequestException)
"""What a request raises; `asking` explains it."""
NOTHING: Final = object()
"""The body of an answer whose status is in `none_on`."""

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PATCH", "DELETE"})

_log = logging.getLogger(__name__)

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
        backoff: Doubled with each of them.
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


class Client:
    """One token's way to GitHub's API. `requests` counts what was asked.

    Requests raise what is in `FAILURES`; `asking` around them turns that into an error for people. A status in
    `none_on` is no failure: the answer is `NOTHING` then, for a query an empty one.
    """

    def __init__(self, *, token: str, api_url: str, pace: Pace) -> None:
        self.pace = pace
        self.requests = 0
        self._rest = _requester(token, api_url, pace=pace, repeatable=_REPEATABLE)
        # GraphQL is POST throughout, and only queries go over this one.
        self._graphql = _requester(token, api_url, pace=pace, repeatable=_REPEATABLE | {"POST"})
        self._turn = threading.Lock()  # several tables ask at once, and PyGithub's connections are for one request each

    def query(self, query: str, variables: dict[str, Any], *, none_on: Collection[int] = ()) -> dict[str, Any]:
        """The data of an answer. A part of an answer is an error: what it leaves out must not look like nothing."""
        try:
            with self._turn:
                self.requests += 1
                _, answer = self._graphql.graphql_query(query, variables)
        except GithubException as error:
            if error.status in none_on:
                return {}
            if not _only_gone(error):
                raise
            answer = error.data
        return dict(answer["data"])

    def send(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, none_on: Collection[int] = ()
    ) -> tuple[dict[str, Any], Any]:
        """The headers and the body of an answer."""
        try:
            with self._turn:
                self.requests += 1
                return self._rest.requestJsonAndCheck(method, path, input=body)
        except GithubException as error:
            if error.status in none_on:
                return {}, NOTHING
            raise

    def object(self, call: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The object that a call such as `GET /user` answers with."""
        method, _, path = call.partition(" ")
        headers, found = self.send(method, path, body=body)
        if not isinstance(found, dict) or "id" not in found:
            raise unexpected(call, headers)
        return found

    def pages(self, path: str, *, none_on: Collection[int] = ()) -> Iterator[dict[str, Any]]:
        """The objects of all pages of a list."""
        url: str | None = f"{path}?per_page=100"
        while url:
            headers, page = self.send("GET", url, none_on=none_on)
            if page is NOTHING:
                return
            if not isinstance(page, list):
                raise unexpected(f"GET {path}", headers)
            yield from page
            links = parse_header_links(headers.get("link", ""))
            url = next((self._path(link["url"]) for link in links if link.get("rel") == "next"), None)

    def pause_after(self, error: Exception) -> float | None:
        """How long to wait before looking whether a write was stored after all; None where GitHub clearly said no."""
        if not isinstance(error, GithubException) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.pace.after_doubt
        asked = (error.headers or {}).get("retry-after", "")
        return float(asked) if asked.isdecimal() and int(asked) <= self.pace.longest_wait else None

    def _path(self, url: str) -> str:
        """The path and query of an address that GitHub gave: behind a proxy its host may not be the one to ask."""
        address = urlsplit(url)
        prefix = urlsplit(self._rest.base_url).path.rstrip("/")
        return f"{address.path.removeprefix(prefix)}?{address.query}"


@contextmanager
def asking(what: str, *, needs: str) -> Iterator[None]:
    """Turn whatever PyGithub raises, and an answer of another shape, into an error that says what was asked."""
    try:
        yield
    except GithubException as error:
        raise _explained(error, what=what, needs=needs) from error
    except requests.RequestException as error:  # also when PyGithub's own retries are used up
        raise GitHubError(f"GitHub did not answer, so dynatus could not {what}: {code(str(error))}.") from error
    except RuntimeError as error:  # PyGithub's refusal to be redirected to another host or scheme
        raise GitHubError(
            f"dynatus could not {what}: {code(str(error))}.", hint="Is `GITHUB_API_URL` right?"
        ) from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        _log.info("dynatus could not read what GitHub answered.", exc_info=error)
        message = f"dynatus could not {what}: GitHub's answer is not what its API describes."
        raise GitHubError(message, hint="Is there a proxy in between, or is `GITHUB_API_URL` wrong?") from error


def _explained(error: GithubException, *, what: str, needs: str) -> GitHubError:
    answer, kind = _answer(error)
    reason = f": {code(answer)} ({error.status})" if answer else f" ({error.status})"
    message = f"dynatus could not {what}{reason}."
    wait = (error.headers or {}).get("retry-after")
    limited = isinstance(error, RateLimitExceededException) or wait or kind == "RATE_LIMITED"
    if limited or error.status == HTTPStatus.TOO_MANY_REQUESTS:
        after = f" in {wait} seconds" if wait else " later"
        return GitHubError(message, hint=f"GitHub's rate limit is used up; run the job again{after}.")
    if error.status == HTTPStatus.FORBIDDEN or kind in {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        hint = f"Give the job the permission `{needs}`; runs for pull requests from forks or Dependabot cannot get it."
        return NotAllowed(message, permission=needs, hint=hint)
    hints: dict[int, str] = {
        HTTPStatus.UNAUTHORIZED: "`github-token` was not accepted.",
        HTTPStatus.NOT_FOUND: f"Either it is not there, or `github-token` lacks `{needs}`.",
    }
    return GitHubError(message, hint=hints.get(error.status))


def _answer(error: GithubException) -> tuple[str, str]:
    """GitHub's own words, and for GraphQL its name of the kind of error."""
    data = error.data if isinstance(error.data, dict) else {}
    first = next(iter(data.get("errors") or []), None)
    if isinstance(first, dict) and "message" not in data:
        return str(first.get("message", "")).rstrip("."), str(first.get("type", ""))
    return str(data.get("message") or error.message or "").rstrip("."), ""


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


def unexpected(call: str, headers: dict[str, Any]) -> GitHubError:
    """The error for an answer of an unexpected form.

    PyGithub follows a 301, but takes a 307 or 308 for success. GitHub answers so to a write under an old name.
    """
    if "location" in headers:
        return renamed()
    return GitHubError(f"GitHub's answer to {code(call)} is not what its API describes.")


def renamed(name: str | None = None) -> GitHubError:
    """The error for a repository that has another name now."""
    now = f", and is {code(name)} now" if name else ""
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
