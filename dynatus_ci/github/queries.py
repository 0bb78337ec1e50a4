"""The GraphQL queries in use; a contract test holds them to GitHub's published schema. Queries only, no mutation."""

from __future__ import annotations

from typing import Final

VIEWER: Final = "query{viewer{login}}"
"""Whose token it is: a bot's login with `[bot]`, as REST shows it (where the workflow's token may not ask /user)."""

COMMENT: Final = "query($id:ID!){node(id:$id){... on IssueComment{body viewerDidAuthor author{login} editor{login}}}}"
"""A comment's text together with who wrote and who last edited it."""

HISTORY: Final = """
query($owner: String!, $name: String!, $commit: String!, $path: String, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    object(expression: $commit) {
      ... on Commit {
        history(path: $path, first: $first, after: $after) {
          pageInfo { hasNextPage endCursor }
          nodes {
            oid
            associatedPullRequests(first: 10) {
              nodes {
                number state mergedAt baseRefName headRefOid
                baseRepository { nameWithOwner }
                mergeCommit { oid }
                labels(first: 100) { nodes { name } }
              }
            }
          }
        }
      }
    }
  }
}
"""
"""The commits that touched a path, newest first, with their pull requests."""

TIP: Final = """
query($owner: String!, $name: String!, $commit: String!, $ref: String!, $there: String!, $here: String!) {
  repository(owner: $owner, name: $name) {
    ours: object(expression: $commit) { oid }
    tip: object(expression: $ref) { oid }
    there: object(expression: $there) { oid }
    here: object(expression: $here) { oid }
  }
}
"""
"""Whether a commit is seen at all, a branch's last commit, and the objects at two `REVISION:PATH`."""

ALL: Final = (VIEWER, COMMENT, HISTORY, TIP)
