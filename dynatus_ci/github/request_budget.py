"""How many requests to GitHub a run may make."""

from __future__ import annotations

from dynatus_ci.github.pull_request import PullRequests

MARKING = 2
"""Requests to mark one record as used. Reading leaves so many over."""


class NoRequestsLeft(Exception):  # it ends the reading, and is no error
    """The run has made all the requests that it may make."""


class RequestBudget:
    """What a run has left of its requests.

    Args:
        github: The repository's pull requests, which counts the requests.
        most: How many requests the run may make from now on.
    """

    def __init__(self, github: PullRequests, most: int) -> None:
        self._github = github
        self._last = github.requests + most

    def can_afford(self, requests: int) -> bool:
        """Whether so many requests may be made."""
        return self._github.requests + requests <= self._last

    def check_reading(self, requests: int) -> None:
        """Before so many requests that read.

        Raises:
            NoRequestsLeft: They would not leave enough to mark a record as used.
        """
        if not self.can_afford(requests + MARKING):
            raise NoRequestsLeft
