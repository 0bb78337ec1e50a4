"""A small GitHub on a real port, for what no emulator has: commits' pull requests, GraphQL, permissions, faults.

Tests set the scene in Python (`stub.add_pull(…)`, `stub.faults.append(…)`), and read what was asked from `stub.calls`;
the product reaches it over HTTP, from a container too where `host` is an address that containers reach. GraphQL is
executed by graphql-core on the part of GitHub's published schema in `cases/github-schema.graphql`, so a query that
GitHub would not understand fails here as well. As a program (`python tests/github_stub.py --host 0.0.0.0 --port 8080`)
it serves one open pull request, #1, to try things by hand.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import graphql

Json: TypeAlias = Any
Object: TypeAlias = dict[str, Any]
Info: TypeAlias = "graphql.GraphQLResolveInfo[Any]"

COMMENT_LIMIT: Final = 65_536
BOT: Final = "github-actions[bot]"
TOKEN: Final = "workflow_token"
PERSON_TOKEN: Final = "person_token"
READ_ONLY_TOKEN: Final = "fork_token"
_ZERO: Final = "0" * 40


@dataclass(eq=False)
class Answer(Exception):  # raised to answer from any depth, as web frameworks do
    """What is sent back."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """Something that goes wrong, for the next `times` requests that match.

    Args:
        call: A pattern for METHOD and path, such as `POST .*/comments`.
        stored: Whether the request takes effect all the same.
        dropped: Whether the connection is closed instead of answering.
    """

    call: str
    status: int = 502
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    stored: bool = False
    dropped: bool = False

    def takes(self, call: str) -> bool:
        """Whether this request is one of those; counts it."""
        if self.times <= 0 or not re.fullmatch(self.call, call):
            return False
        self.times -= 1
        return True


class GitHubStub:
    """The state of one repository, and the rules of the part of the API in use.

    Args:
        repository: `owner/name`.
        prefix: `/api/v3` for a GitHub Enterprise Server.
    """

    def __init__(self, *, repository: str = "octocat/hello-world", prefix: str = "") -> None:
        self.repository = repository
        self.prefix = prefix
        self.url = ""
        self.names: dict[str, str] = {}  # by older names of the repository
        self.logins = {TOKEN: BOT, PERSON_TOKEN: "octocat", READ_ONLY_TOKEN: BOT}
        self.pulls: dict[int, Object] = {}
        self.comments: dict[int, Object] = {}
        self.editors: dict[int, str | None] = {}
        self.commit_pulls: dict[str, list[int]] = {}
        self.lag: dict[str, int] = {}
        self.history: dict[tuple[str, str | None], list[str]] = {}
        self.objects: dict[str, str] = {}
        self.trees: dict[str, dict[str, str]] = {}
        self.ancestors: dict[str, set[str]] = {}
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self._ids = itertools.count(1000)
        self._lock = threading.RLock()

    # ---- setting the scene -------------------------------------------------------------------------------------------

    def add_pull(
        self, number: int, *, head: str = "a" * 40, base: str = "main", labels: tuple[str, ...] = ()
    ) -> Object:
        """An open pull request."""
        pull = self.pulls[number] = {
            "id": next(self._ids),
            "number": number,
            "state": "open",
            "merged_at": None,
            "updated_at": "2026-07-01T12:00:00Z",
            "merge_commit_sha": "7e57" * 10,
            "base": {"ref": base, "repo": {"full_name": self.repository}},
            "head": {"sha": head, "repo": {"full_name": self.repository}},
            "labels": [{"name": name} for name in labels],
            "user": {"login": "octocat"},
        }
        return pull

    def merge(self, number: int, sha: str, *, commits: tuple[str, ...] = (), at: str = "2026-08-01T12:00:00Z") -> None:
        """Merge it: `sha` is what the base branch got, `commits` what came with it."""
        merged = {"state": "closed", "merged_at": at, "updated_at": at, "merge_commit_sha": sha}
        self.pulls[number] |= merged
        for commit in (sha, *commits):
            self.commit_pulls.setdefault(commit, []).append(number)

    def add_comment(self, number: int, body: str, *, login: str | None = BOT) -> Object:
        """A comment by anybody; None is a deleted account."""
        id_ = next(self._ids)
        comment = self.comments[id_] = {
            "id": id_,
            "node_id": f"IC_{id_}",
            "body": body,
            "user": login and {"login": login},
            "html_url": f"https://github.com/{self.repository}/pull/{number}#issuecomment-{id_}",
            "issue_url": f"/issues/{number}",
            "created_at": "2026-08-01T12:00:00Z",
        }
        return comment

    def bodies(self, number: int) -> list[str]:
        """The comments of a pull request, oldest first."""
        return [each["body"] for each in self._of(number)]

    def _of(self, number: int) -> list[Object]:
        return [each for each in self.comments.values() if each["issue_url"] == f"/issues/{number}"]

    # ---- answering ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, *, target: str, token: str, body: Json) -> Answer:
        """The answer to one request; faults come first."""
        with self._lock:
            url = urlsplit(target)
            self.calls.append(f"{method} {url.path}")
            fault = next((each for each in self.faults if each.takes(f"{method} {url.path}")), None)
            if fault is None or fault.stored:
                answer = self._answer(method, target=target, token=token, body=body)
                if fault is None:
                    return answer
            if fault.dropped:
                raise ConnectionAbortedError
            return Answer(fault.status, fault.body or {"message": "A fault of this test"}, fault.headers)

    def _answer(self, method: str, *, target: str, token: str, body: Json) -> Answer:
        url = urlsplit(target)
        login = self.logins.get(token)
        if login is None:
            return _refusal(401, "Bad credentials")
        if method != "GET" and token == READ_ONLY_TOKEN and not url.path.endswith("/graphql"):
            return _refusal(403, "Resource not accessible by integration")
        request = _Request(login=login, body=body, query=parse_qs(url.query), path=url.path)
        for pattern, route in self._routes().items():
            if match := re.fullmatch(pattern, f"{method} {unquote(url.path)}"):
                try:
                    return route(request, *match.groups())
                except Answer as answer:
                    return answer
        return _refusal(404, "Not Found")

    def _routes(self) -> dict[str, Callable[..., Answer]]:
        base = f"{re.escape(self.prefix)}/repos/{re.escape(self.repository)}"
        return {
            rf"GET {re.escape(self.prefix)}/user": self._user,
            rf"POST {re.escape(self.prefix.removesuffix('/v3'))}/graphql": self._graphql,
            rf"GET {base}/pulls/(\d+)": self._get_pull,
            rf"GET {base}/issues/(\d+)/comments": self._list_comments,
            rf"POST {base}/issues/(\d+)/comments": self._create_comment,
            rf"PATCH {base}/issues/comments/(\d+)": self._edit_comment,
            rf"DELETE {base}/issues/comments/(\d+)": self._delete_comment,
            rf"DELETE {base}/issues/(\d+)/labels/(.+)": self._remove_label,
            rf"GET {base}/commits/(\w+)/pulls": self._pulls_of_commit,
            rf"GET {base}/compare/(\w+)\.\.\.(\w+)": self._compare,
            rf"GET {base}/git/trees/(\w+)": self._tree,
        }

    def _user(self, request: _Request) -> Answer:
        if request.login.endswith("[bot]"):
            return _refusal(403, "Resource not accessible by integration")
        return Answer(200, {"id": 1, "login": request.login})

    def _get_pull(self, _request: _Request, number: str) -> Answer:
        return Answer(200, self._pull(int(number)))

    def _pull(self, number: int) -> Object:
        if number not in self.pulls:
            raise _refusal(404, "Not Found")
        return self.pulls[number]

    def _list_comments(self, request: _Request, number: str) -> Answer:
        self._pull(int(number))
        return self._page(request, self._of(int(number)))

    def _page(self, request: _Request, items: list[Object]) -> Answer:
        size, page = request.number("per_page", 30), request.number("page", 1)
        headers = {}
        if page * size < len(items):
            headers["Link"] = f'<{self.url}{request.path}?per_page={size}&page={page + 1}>; rel="next"'
        return Answer(200, items[(page - 1) * size : page * size], headers)

    def _create_comment(self, request: _Request, number: str) -> Answer:
        self._pull(int(number))
        comment = self.add_comment(int(number), request.text(), login=request.login)
        return Answer(201, comment, {"Location": f"{self.url}/comment"})

    def _edit_comment(self, request: _Request, id_: str) -> Answer:
        comment = self.comments.get(int(id_))
        if comment is None:
            return _refusal(404, "Not Found")
        comment["body"] = request.text()
        self.editors[int(id_)] = request.login
        return Answer(200, comment)

    def _delete_comment(self, _request: _Request, id_: str) -> Answer:
        if self.comments.pop(int(id_), None) is None:
            return _refusal(404, "Not Found")
        return Answer(204)

    def _remove_label(self, _request: _Request, number: str, name: str) -> Answer:
        pull = self._pull(int(number))
        left = [label for label in pull["labels"] if label["name"] != name]
        if len(left) == len(pull["labels"]):
            return _refusal(404, "Label does not exist")
        pull["labels"] = left
        return Answer(200, left)

    def _pulls_of_commit(self, request: _Request, sha: str) -> Answer:
        if sha == _ZERO:
            return _refusal(422, f"No commit found for SHA: {sha}")
        if self.lag.get(sha, 0) > 0:
            self.lag[sha] -= 1
            return Answer(200, [])
        return self._page(request, [self.pulls[number] for number in self.commit_pulls.get(sha, [])])

    def _tree(self, _request: _Request, oid: str) -> Answer:
        if oid not in self.trees:
            return _refusal(404, "Not Found")
        entries = [{"path": path, "type": "blob", "sha": blob} for path, blob in self.trees[oid].items()]
        return Answer(200, {"sha": oid, "tree": entries, "truncated": False})

    def _compare(self, _request: _Request, base: str, head: str) -> Answer:
        if base == head:
            return Answer(200, {"status": "identical"})
        return Answer(200, {"status": "ahead" if base in self.ancestors.get(head, set()) else "diverged"})

    # ---- GraphQL -----------------------------------------------------------------------------------------------------

    def _graphql(self, request: _Request) -> Answer:
        result = graphql.graphql_sync(
            _schema(),
            request.body["query"],
            root_value={
                "viewer": {"login": request.login},
                "nodes": lambda info, ids: [self._node(info, id=id_) for id_ in ids],
                "repository": self._repository,
            },
            context_value=request.login,
            variable_values=request.body.get("variables"),
        )
        errors = [
            {"type": (error.extensions or {}).get("type"), "message": error.message, "path": error.path}
            for error in result.errors or []
        ]
        return Answer(200, {"data": result.data, **({"errors": errors} if errors else {})})

    def _node(self, info: Info, *, id: str) -> Object | graphql.GraphQLError:  # noqa: A002  # the name in the schema
        id_ = int(id.removeprefix("IC_"))
        comment = self.comments.get(id_)
        if comment is None:
            return graphql.GraphQLError("Could not resolve to a node", extensions={"type": "NOT_FOUND"})
        author, edited = (comment["user"] or {}).get("login"), id_ in self.editors
        return {
            "__typename": "IssueComment",
            "id": comment["node_id"],
            "fullDatabaseId": str(id_),
            "url": comment["html_url"],
            "body": comment["body"],
            "viewerDidAuthor": author == info.context,
            "lastEditedAt": "2026-08-01T13:00:00Z" if edited else None,
            "includesCreatedEdit": edited,
            "author": _actor(author),
            "editor": _actor(self.editors.get(id_)),
        }

    def _repository(self, _info: Info, *, owner: str, name: str, **_: Any) -> Object | None:
        asked = f"{owner}/{name}"
        if self.names.get(asked, asked) != self.repository:
            return None
        return {
            "nameWithOwner": self.repository,
            "object": self._object,
            "pullRequest": lambda _info, number: self._pull_node(self._pull(number)),
            "pullRequests": self._merged,
        }

    def _merged(self, _info: Info, *, first: int, baseRefName: str, after: str | None = None, **_: Any) -> Object:  # noqa: N803
        """The only list in use: merged, into one branch, last updated first."""
        found = [pull for pull in self.pulls.values() if pull["merged_at"] and pull["base"]["ref"] == baseRefName]
        found.sort(key=lambda pull: (pull["updated_at"], pull["number"]), reverse=True)
        if after:  # GitHub's cursors are places in the order, not numbers of entries
            found = [pull for pull in found if json.dumps([pull["updated_at"], pull["number"]]) < after]
        nodes = [self._pull_node(pull) for pull in found[:first]]
        last = found[:first][-1:]
        cursor = json.dumps([last[0]["updated_at"], last[0]["number"]]) if last else None
        return {"nodes": nodes, "pageInfo": {"hasNextPage": len(found) > first, "endCursor": cursor}}

    def _pull_node(self, pull: Object) -> Object:
        merged = pull["merged_at"] is not None

        def comments(info: Info, *, first: int, after: str | None = None, **_: Any) -> Object:
            listed, start = self._of(pull["number"]), int(after or 0)
            nodes = [self._node(info, id=comment["node_id"]) for comment in listed[start : start + first]]
            page = {"hasNextPage": start + first < len(listed), "endCursor": str(start + first)}
            return {"nodes": nodes, "pageInfo": page}

        return {
            "number": pull["number"],
            "state": "MERGED" if merged else pull["state"].upper(),
            "mergedAt": pull["merged_at"],
            "updatedAt": pull["updated_at"],
            "baseRefName": pull["base"]["ref"],
            "headRefOid": pull["head"]["sha"],
            "mergeCommit": {"oid": pull["merge_commit_sha"]} if merged else None,
            "labels": {"nodes": pull["labels"]},
            "comments": comments,
        }

    def _object(self, _info: Info, *, expression: str) -> Object | None:
        def history(_info: Info, *, first: int, **_: Any) -> Object:
            return {"nodes": [{"oid": sha} for sha in self.history.get((expression, None), [])[:first]]}

        oid = self.objects.get(expression)
        if oid is None and all(known != expression for known, _ in self.history):
            return None
        kind = "Commit" if ":" not in expression else "Tree" if oid in self.trees else "Blob"
        return {"__typename": kind, "oid": oid or expression, "history": history}


@dataclass
class _Request:
    login: str
    body: Json
    query: Mapping[str, list[str]]
    path: str

    def number(self, name: str, default: int) -> int:
        return int(self.query.get(name, [str(default)])[0])

    def text(self) -> str:
        body = self.body.get("body")
        if not isinstance(body, str) or len(body) > COMMENT_LIMIT:
            raise _refusal(422, "Validation Failed")
        return body


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": "https://docs.github.com/rest"})


def _actor(login: str | None) -> Object | None:
    """GraphQL shows a bot's login without `[bot]`."""
    if login is None:
        return None
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"__typename": kind, "login": login.removesuffix("[bot]"), "id": f"{kind}_{login}"}


@cache
def _schema() -> graphql.GraphQLSchema:
    return graphql.build_schema((Path(__file__).parent / "cases" / "github-schema.graphql").read_text("utf-8"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together: in two packets each call takes 40 ms
    stub: GitHubStub

    def _handle(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("Authorization", "").rpartition(" ")[2]
        try:
            answer = self.stub.answer(
                self.command, target=self.path, token=token, body=json.loads(sent) if sent else None
            )
        except ConnectionAbortedError:
            self.close_connection = True
            return
        text = json.dumps(answer.body).encode()
        self.send_response(answer.status, HTTPStatus(answer.status).phrase)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in http.server
        """Nothing: `GitHubStub.calls` has it."""


@contextmanager
def serving(stub: GitHubStub, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[GitHubStub]:
    """Serve the stub; `stub.url` is its address without the prefix, `stub.url + stub.prefix` the API's."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    with ThreadingHTTPServer((host, port), handler) as server:
        stub.url = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Serve one open pull request until interrupted."""
    parser = argparse.ArgumentParser(description="A small GitHub to try things by hand.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="")
    options = parser.parse_args()
    stub = GitHubStub(prefix=options.prefix)
    stub.add_pull(1)
    with serving(stub, host=options.host, port=options.port):
        print(f"{stub.url}{stub.prefix} tokens: {', '.join(stub.logins)}", flush=True)  # noqa: T201
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
