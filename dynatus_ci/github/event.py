"""The run of GitHub Actions: its variables, the event that started it, and the folders that it may use.

Only `read_event` reads a file.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Self

from dynatus_ci.errors import InvalidInput
from dynatus_ci.text import code, input_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """This run, and the event that started it.

    Args:
        workspace: The folder of the checked-out repository. Relative paths start there.
        host_workspace: The path of the same folder outside the container, if it is known.
        temp: The folder for temporary files (`RUNNER_TEMP`).
        sha: The commit that the run is for; on a pull request its test merge.
        head_sha: The last commit of the pull request or merge group itself; None if the event has none.
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
        """The run that the runner's variables and the event's payload (see `read_event`) describe.

        Raises:
            InvalidInput: This is not a run of GitHub Actions.
        """
        variables = {name: text for name, text in environ.items() if text}
        if "GITHUB_WORKSPACE" not in variables:
            raise InvalidInput(
                "`GITHUB_WORKSPACE` is not set, so this is not a run of GitHub Actions.",
                hint="Elsewhere use the command `dynatus`.",
            )
        texts = {field: variables[name] for field, name in _TEXTS.items() if name in variables}
        return cls(
            workspace=Path(variables["GITHUB_WORKSPACE"]),
            host_workspace=_host_workspace(variables),
            temp=Path(variables["RUNNER_TEMP"]) if "RUNNER_TEMP" in variables else None,
            **texts,  # type: ignore[arg-type]  # the names in _TEXTS are those of text fields
            **_from_event(event or {}),
        )

    @property
    def repository_url(self) -> str | None:
        """The repository's page on GitHub."""
        return f"{self.server_url}/{self.repository}" if self.repository else None

    @property
    def url(self) -> str | None:
        """The page of this attempt on GitHub; None if the runner has no number for it."""
        page = f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}/attempts/{self.run_attempt}"
        return page if self.run_id else None

    @property
    def branch(self) -> str | None:
        """The branch that the run is for; None on a tag and on a pull request."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    def head_of(self, number: int) -> str | None:
        """The last commit of a pull request, if it is the event's; else None."""
        return self.head_sha if number == self.pull_request else None

    def workspace_path(self, name: str, text: str) -> str:
        """A path of the input `name`, normalised and relative to the workspace. It need not exist.

        The runner translates a value that starts with the workspace's path on the host, but not if blanks or other
        lines come before it (actions/runner, ContainerInfo.cs). So both paths of the workspace are understood here.

        Raises:
            InvalidInput: The path is outside the workspace.
        """
        path = self._relative(text)
        if path is None:
            raise InvalidInput(
                f"{input_value(name, text)} is outside the workspace.",
                hint="Give a path inside the checked-out repository, relative to its root.",
            )
        return path

    def file_path(self, name: str, text: str) -> str:
        """As `workspace_path`, but the file may also be in the folder for temporary files; its path is absolute then.

        Raises:
            InvalidInput: The path is in neither folder.
        """
        path = posixpath.normpath(text)
        if self.temp is not None and _below(path, self.temp.as_posix()) not in {None, "."}:
            return path
        return self.workspace_path(name, text)

    def rooted(self, path: str) -> tuple[Path, PurePath]:
        """A path of `file_path` in two parts: the folder that it must not leave, and the path inside."""
        pure = PurePath(path)
        return (self.temp, pure.relative_to(self.temp)) if self.temp and pure.is_absolute() else (self.workspace, pure)

    def _relative(self, text: str) -> str | None:
        path = posixpath.normpath(text)
        if not path.startswith("/"):
            return None if path == ".." or path.startswith("../") else path
        roots = [root.as_posix() for root in (self.workspace, self.host_workspace) if root is not None]
        return next((inside for root in roots if (inside := _below(path, root)) is not None), None)


def read_event(environ: Mapping[str, str]) -> dict[str, Any]:
    """The payload of the event that started the run; empty if the runner names no file.

    Raises:
        InvalidInput: The file that `GITHUB_EVENT_PATH` names cannot be read, or holds no event.
    """
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"`GITHUB_EVENT_PATH`: the event in {code(path)} cannot be read: {code(str(error))}."
        ) from error
    if not isinstance(event, dict):
        raise InvalidInput(f"`GITHUB_EVENT_PATH`: {code(path)} holds no event.")
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
    """The path relative to the root, both absolute; None if it is not below."""
    return posixpath.relpath(path, root) if path == root or path.startswith(root.rstrip("/") + "/") else None


def _host_workspace(variables: Mapping[str, str]) -> Path | None:
    """The runner leaves RUNNER_WORKSPACE as it is on the host: that is the workspace's parent, and no mount."""
    _, _, name = variables.get("GITHUB_REPOSITORY", "").rpartition("/")
    return Path(variables["RUNNER_WORKSPACE"], name) if name and "RUNNER_WORKSPACE" in variables else None


def _from_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a payload fills, whatever the event is (docs: webhook events and payloads)."""
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
    """A member of a payload that is a map; empty if it is missing or something else."""
    member = event.get(name)
    return member if isinstance(member, Mapping) else {}
