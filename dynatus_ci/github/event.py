"""What the runner says: the run, the event that started it, and the folders that a run may use.

Pure apart from the mapping that is given; only `read_event` looks at the disk.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Self

from dynatus_ci.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the runner says about this run and the event that started it.

    Args:
        workspace: The folder of the checked-out repository; all relative paths start there.
        host_workspace: The same folder's name outside the container, where it is known.
        temp: The folder for temporary files (`RUNNER_TEMP`).
        sha: The commit the run is for; on a pull request its test merge.
        head_sha: The last commit of the pull request or merge group itself; None where the event has none.
        pull_request: The number of the event's pull request.
        deleted: Whether the event is the deletion of a branch (`after` is all zeros).
    """

    workspace: Path
    host_workspace: Path | None = None
    temp: Path | None = None
    repository: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str | None = None
    pull_request: int | None = None
    deleted: bool = False
    server_url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    run_id: str = ""
    run_attempt: str = "1"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], event: Mapping[str, Any] | None = None) -> Self:
        """What the runner's variables say; `event` is the payload that started the run (see `read_event`).

        Raises:
            InvalidInput: This is no run of GitHub Actions.
        """
        said = {name: text for name, text in environ.items() if text}
        if "GITHUB_WORKSPACE" not in said:
            raise InvalidInput(
                "GITHUB_WORKSPACE is not set, so this is no run of GitHub Actions.",
                hint="Elsewhere use the command `dynatus`.",
            )
        texts = {name: said[variable] for name, variable in _TEXTS.items() if variable in said}
        return cls(
            workspace=Path(said["GITHUB_WORKSPACE"]),
            host_workspace=_host_workspace(said),
            temp=Path(said["RUNNER_TEMP"]) if "RUNNER_TEMP" in said else None,
            **texts,  # type: ignore[arg-type]  # the names in _TEXTS are those of text fields
            **_from_event(event or {}),
        )

    @property
    def repository_url(self) -> str | None:
        """The repository's page on GitHub."""
        return f"{self.server_url}/{self.repository}" if self.repository else None

    @property
    def url(self) -> str | None:
        """The page of this attempt on GitHub; None where the runner gives it no number."""
        page = f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}/attempts/{self.run_attempt}"
        return page if self.run_id else None

    @property
    def branch(self) -> str | None:
        """The branch that the run is for; None on a tag and on a pull request."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    def head_of(self, number: int) -> str | None:
        """The head commit that this run has of a pull request; None of one that is not the event's."""
        return self.head_sha if number == self.pull_request else None

    def workspace_path(self, name: str, text: str) -> str:
        """A path of the input `name`, normalised and relative to the workspace. The disk is not looked at.

        The runner translates a value that starts with the workspace's name on the host, but not where blanks or other
        lines come before it (actions/runner, ContainerInfo.cs): both names are the same folder here.

        Raises:
            InvalidInput: It is outside the workspace.
        """
        path = self._relative(text)
        if path is None:
            raise InvalidInput(
                f"`{name}`: {text!r} is outside the workspace.",
                hint="Give a path inside the checked-out repository, relative to its root.",
            )
        return path

    def file_path(self, name: str, text: str) -> str:
        """As `workspace_path`, for a file that may as well be in the folder for temporary files (then absolute).

        Raises:
            InvalidInput: It is in neither.
        """
        path = posixpath.normpath(text)
        if self.temp is not None and _below(path, self.temp.as_posix()) not in {None, "."}:
            return path
        return self.workspace_path(name, text)

    def rooted(self, path: str) -> tuple[Path, PurePath]:
        """A path as `file_path` gives it, as the folder that it may not leave and the path in there."""
        pure = PurePath(path)
        return (self.temp, pure.relative_to(self.temp)) if self.temp and pure.is_absolute() else (self.workspace, pure)

    def _relative(self, text: str) -> str | None:
        path = posixpath.normpath(text)
        if not path.startswith("/"):
            return None if path == ".." or path.startswith("../") else path
        roots = [root.as_posix() for root in (self.workspace, self.host_workspace) if root is not None]
        return next((inside for root in roots if (inside := _below(path, root)) is not None), None)


def read_event(environ: Mapping[str, str]) -> dict[str, Any]:
    """The payload of the event that started the run; empty where the runner names no file.

    Raises:
        InvalidInput: The file that `GITHUB_EVENT_PATH` names cannot be read, or holds no event.
    """
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"GITHUB_EVENT_PATH: the event in {path!r} cannot be read ({error}).") from error
    if not isinstance(event, dict):
        raise InvalidInput(f"GITHUB_EVENT_PATH: {path!r} holds no event.")
    return event


_TEXTS: Final = {
    "repository": "GITHUB_REPOSITORY",
    "ref": "GITHUB_REF",
    "sha": "GITHUB_SHA",
    "server_url": "GITHUB_SERVER_URL",
    "api_url": "GITHUB_API_URL",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
}


def _below(path: str, root: str) -> str | None:
    """The path relative to the root, both absolute; None where it is not below."""
    return posixpath.relpath(path, root) if path == root or path.startswith(root.rstrip("/") + "/") else None


def _host_workspace(said: Mapping[str, str]) -> Path | None:
    """RUNNER_WORKSPACE is the workspace's parent and no mount, so the runner leaves its name as it is on the host."""
    _, _, name = said.get("GITHUB_REPOSITORY", "").rpartition("/")
    return Path(said["RUNNER_WORKSPACE"], name) if name and "RUNNER_WORKSPACE" in said else None


def _from_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The bits of a payload in use, whatever the event (docs: webhook events and payloads)."""
    pull, issue, after = _member(event, "pull_request"), _member(event, "issue"), event.get("after")
    commented = issue.get("number") if issue.get("pull_request") else None
    head = _member(pull, "head").get("sha") or _member(event, "merge_group").get("head_sha")
    number = pull.get("number") or commented
    return {
        "head_sha": head if isinstance(head, str) else None,
        "pull_request": number if isinstance(number, int) else None,
        "deleted": isinstance(after, str) and bool(after) and not after.strip("0"),
    }


def _member(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member of a payload; empty where it is none, whatever stands there."""
    member = event.get(name)
    return member if isinstance(member, Mapping) else {}
