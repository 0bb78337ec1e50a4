"""The GraphQL queries in use; a contract test holds them to GitHub's published schema. Queries only, no mutation."""

from __future__ import annotations

from typing import Final

VIEWER: Final = "query{viewer{login}}"
"""Whose token it is: a bot's login with `[bot]`, as REST shows it (where the workflow's token may not ask /user)."""

COMMENTS: Final = """
query($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on IssueComment {
      id fullDatabaseId url body viewerDidAuthor lastEditedAt includesCreatedEdit
      author { __typename login ... on Node { id } }
      editor { __typename login ... on Node { id } }
    }
  }
}
"""
"""Comments' texts, each together with who wrote it and who edited it last."""

_PULL_REQUEST: Final = """
fragment pullRequest on PullRequest {
  number state mergedAt updatedAt baseRefName headRefOid
  mergeCommit { oid }
  labels(first: 100) { nodes { name } }
}
fragment comments on IssueCommentConnection {
  pageInfo { hasNextPage endCursor }
  nodes { id viewerDidAuthor }
}
"""

PULL_REQUEST: Final = (
    """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    pullRequest(number: $number) {
      ...pullRequest
      comments(first: 100, after: $after) { ...comments }
    }
  }
}
"""
    + _PULL_REQUEST
)
"""One pull request with a page of its comments. Texts are not asked for: anybody's may be long."""

MERGED: Final = (
    """
query(
  $owner: String!, $name: String!, $branch: String!, $commit: String!, $first: Int!, $after: String, $more: Boolean!
) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    commit: object(expression: $commit) @skip(if: $more) {
      oid
      ... on Commit { history(first: 100) { nodes { oid } } }
    }
    page: pullRequests(
      states: MERGED, baseRefName: $branch, first: $first, after: $after,
      orderBy: {field: UPDATED_AT, direction: DESC}
    ) { ...page }
    newest: pullRequests(
      states: MERGED, baseRefName: $branch, first: $first, orderBy: {field: UPDATED_AT, direction: DESC}
    ) @include(if: $more) { ...page }
  }
}
fragment page on PullRequestConnection {
  pageInfo { hasNextPage endCursor }
  nodes {
    ...pullRequest
    comments(first: 100) { ...comments }
  }
}
"""
    + _PULL_REQUEST
)
"""A page of a branch's merged pull requests, last updated first; with any later page the first one once more."""

TIP: Final = """
query($owner: String!, $name: String!, $commit: String!, $ref: String!, $there: String!, $here: String!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    ours: object(expression: $commit) { oid }
    tip: object(expression: $ref) { oid }
    there: object(expression: $there) { __typename oid }
    here: object(expression: $here) { __typename oid }
  }
}
"""
"""Whether a commit is seen at all, a branch's last commit, and the objects at two `REVISION:PATH`."""

ALL: Final = (VIEWER, COMMENTS, PULL_REQUEST, MERGED, TIP)
