"""Pull requests, their comments and commits, as GitHub's API has them.

It asks and writes; whether anything was approved is decided in `review`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from dynatus_ci.errors import GitHubError
from dynatus_ci.github import queries
from dynatus_ci.github.answers import (
    Actor,
    AuthoredComment,
    Comment,
    Discussion,
    GitObject,
    MergedPage,
    PullRequest,
    Tip,
    Unwritten,
)
from dynatus_ci.github.transport import FAILURES, NOTHING, Client, Pace, asking, renamed, unexpected
from dynatus_ci.text import code, pull_request

READ: Final = "pull-requests: read"
WRITE: Final = "pull-requests: write"
CONTENTS: Final = "contents: read"
BOTH: Final = f"{CONTENTS}` and `{READ}"

PAGE: Final = 50
"""Merged pull requests in one answer, with the ids of up to 100 comments each."""
MOST_COMMENTS: Final = 100
"""Comments whose texts one answer may hold (docs: GraphQL, "Node limit")."""

_RUN_LINK: Final = re.compile(r"/actions/runs/\d+(?:/attempts/\d+)?")
_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND})
_NOT_INDEXED: Final = frozenset({HTTPStatus.CONFLICT})  # GitHub has not indexed the commit yet
_WITHOUT_GRAPHQL: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})  # a proxy or an emulator


class PullRequests:
    """The pull requests of one repository, as one token sees them.

    Every method raises `GitHubError` where GitHub does not answer or refuses, and its subclass `NotAllowed`, which
    names the missing permission, where the token may not. `requests` counts what was asked of GitHub.
    """

    def __init__(
        self, *, token: str, repository: str, api_url: str = "https://api.github.com", pace: Pace | None = None
    ) -> None:
        self._repository = repository
        self._client = Client(token=token, api_url=api_url, pace=pace or Pace())
        self._login: str | None = None

    @property
    def requests(self) -> int:
        """How often GitHub was asked."""
        return self._client.requests

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as it is now. Read-only."""
        with asking(f"read {pull_request(number)}", needs=READ):
            return _pull_request(self._client.object(f"GET /repos/{self._repository}/pulls/{number}"))

    def merged_as(self, sha: str) -> tuple[PullRequest, ...]:
        """The pull requests whose merge is this very commit; none for a direct push. Read-only.

        Merge, squash and rebase, by hand or by the queue: GitHub names each time the commit that the base branch got.
        """
        if not sha.strip("0"):  # what a deleted branch is "after"
            return ()
        for pause in self._client.pace.merge_lag:
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
        with asking(f"list what was merged into {code(branch)}", needs=BOTH):
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
        with asking(f"read {pull_request(number)}", needs=BOTH):
            found = self._repository_node(queries.PULL_REQUEST, {"number": number, "after": after})
            return _discussion(found["pullRequest"])

    def contains(self, *, commit: str, ancestor: str) -> bool:
        """Whether a commit's history holds another commit, or is that commit. Read-only.

        GitHub answers 404 for a commit that it does not have any more: then the history does not hold it.
        """
        path = f"/repos/{self._repository}/compare/{ancestor}...{commit}?per_page=1"
        with asking(f"compare {code(ancestor)} with {code(commit)}", needs=CONTENTS):
            headers, found = self._client.send("GET", path, none_on=_ABSENT)
            if found is NOTHING:
                return False
            if not isinstance(found, dict) or "status" not in found:
                raise unexpected(f"GET {path}", headers)
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
        for pause in self._client.pace.merge_lag[1:]:
            if tip.commit != old:
                break
            time.sleep(pause)
            tip = self._tip(ref, commit=commit, path=path)
        return tip

    def _tip(self, ref: str, *, commit: str, path: str) -> Tip:
        inside = "" if path == "." else path
        revisions = {"ref": ref, "commit": commit, "there": f"{ref}:{inside}", "here": f"{commit}:{inside}"}
        with asking(f"read {code(ref)}", needs=BOTH):
            found = self._repository_node(queries.TIP, revisions)
            if found["ours"] is None:
                raise self._unseen(commit)
            last = found["tip"]
            return Tip(commit=last and last["oid"], there=_git_object(found["there"]), here=_git_object(found["here"]))

    def blobs(self, tree: str) -> Mapping[str, str] | None:
        """The git object ids of all files of a tree, by their paths in it; None where GitHub lists only a part."""
        path = f"/repos/{self._repository}/git/trees/{tree}?recursive=1"
        with asking(f"list the files of tree {code(tree)}", needs=CONTENTS):
            headers, found = self._client.send("GET", path)
            if not isinstance(found, dict) or "tree" not in found:
                raise unexpected(f"GET {path}", headers)
            if found["truncated"]:
                return None
            return {entry["path"]: entry["sha"] for entry in found["tree"] if entry["type"] == "blob"}

    def _unseen(self, commit: str) -> GitHubError:
        """A token that does not see the repository gets the same answer as for a commit that is not there."""
        return GitHubError(
            f"GitHub knows no commit {code(commit)} in {code(self._repository)}.",
            hint=f"Either it is not there, or `github-token` lacks `{CONTENTS}`.",
        )

    def our_comments(self, number: int, *, starting: str) -> Iterator[Comment]:
        """Our comments on a pull request whose first line starts so, oldest first, over all pages. Read-only."""
        with asking(f"read the comments of {pull_request(number)}", needs=READ):
            for each in self._client.pages(f"/repos/{self._repository}/issues/{number}/comments"):
                comment = _comment(each)
                if comment.first_line.startswith(starting) and comment.author == self._our_login():
                    yield comment

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our comment with this first line; the oldest of several, which may hold a record. Read-only."""
        found = self.our_comments(number, starting=marker)
        return next((comment for comment in found if comment.first_line == marker), None)

    def authored_comments(self, node_ids: Sequence[str]) -> dict[str, AuthoredComment]:
        """Comments' texts with their authors and last editors, by node id; one that is gone is left out. Read-only."""
        with asking("read comments", needs=BOTH):
            nodes = self._client.query(queries.COMMENTS, {"ids": list(node_ids)})["nodes"]
            return {node["id"]: _authored_comment(node) for node in nodes if node}

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
        with asking("edit the comment", needs=WRITE):
            return _comment(self._client.object(call, body={"body": body}))

    def _delete_comment(self, comment: Comment) -> None:
        with asking("delete the second comment", needs=WRITE):
            self._client.send("DELETE", f"/repos/{self._repository}/issues/comments/{comment.id}")

    def remove_label(self, number: int, label: str) -> None:
        """Take a label off; that it is off already is fine."""
        path = f"/repos/{self._repository}/issues/{number}/labels/{quote(label, safe='')}"
        with asking(f"take the label {code(label)} off {pull_request(number)}", needs=WRITE):
            headers, left = self._client.send("DELETE", path, none_on=_ABSENT)
            if left is not NOTHING and not isinstance(left, list):
                raise unexpected(f"DELETE {path}", headers)

    def _create_comment(self, number: int, *, marker: str, body: str) -> Comment:
        """Post once. Where the answer leaves it open whether it was stored, look before a second and last try."""
        call = f"POST /repos/{self._repository}/issues/{number}/comments"
        with asking(f"comment on {pull_request(number)}", needs=WRITE):
            try:
                return _comment(self._client.object(call, body={"body": body}))
            except FAILURES as error:
                pause = self._client.pause_after(error)
                if pause is None:
                    raise
            time.sleep(pause)
            if (stored := self.find_comment(number, marker)) is not None:
                return self.write_comment(number, marker=marker, body=body, existing=stored)
            return _comment(self._client.object(call, body={"body": body}))

    def _pull_requests_of(self, sha: str) -> Iterator[PullRequest]:
        with asking(f"find the pull requests of commit {code(sha)}", needs=READ):
            for each in self._client.pages(f"/repos/{self._repository}/commits/{sha}/pulls", none_on=_NOT_INDEXED):
                if self._is_ours((each["base"]["repo"] or {}).get("full_name", "")):
                    yield _pull_request(each)

    def _is_ours(self, repository: str) -> bool:
        """A fork shares its commits with other repositories, and their pull requests have numbers of their own."""
        return repository.lower() == self._repository.lower()

    def _our_login(self) -> str:
        if self._login is None:
            with asking("find out whose token this is", needs=READ):
                answer = self._client.query(queries.VIEWER, {}, none_on=_WITHOUT_GRAPHQL)
                user = answer["viewer"] if answer else self._client.object("GET /user")
                self._login = str(user["login"])
        return self._login

    def _repository_node(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        owner, _, name = self._repository.partition("/")
        found = self._client.query(query, {"owner": owner, "name": name, **variables})["repository"]
        if not found:
            raise GitHubError(
                f"GitHub knows no repository {code(self._repository)}.",
                hint=f"Either it is not there, or `github-token` lacks `{BOTH}`.",
            )
        if not self._is_ours(found["nameWithOwner"]):
            raise renamed(found["nameWithOwner"])
        return dict(found)


def same_text(one: str, other: str) -> bool:
    """Whether two comments say the same, whichever run they link to. GitHub may keep line ends as CR LF."""
    return _without_run(one) == _without_run(other)


def _without_run(body: str) -> str:
    return _RUN_LINK.sub("/actions/runs/", body.replace("\r\n", "\n")).strip()


# ---- what GitHub says ------------------------------------------------------------------------------------------------


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


def _authored_comment(node: dict[str, Any]) -> AuthoredComment:
    author, editor = _actor(node["author"]), _actor(node["editor"])
    return AuthoredComment(
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
