"""What the user asked for (`Inputs`, `GitHubInputs`) and what the runner says (`Run`), each checked once and frozen.

The action and the command read the same texts by the same rules here, and the defaults stand nowhere else. Pure apart
from the mapping that is given; only `read_event` and `Run.real_path` look at the disk. Nothing here calls anybody.
"""

from __future__ import annotations

import difflib
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlsplit

from dynatus_ci.dynamodb import endpoints
from dynatus_ci.errors import InvalidInput


class Mode(StrEnum):
    """What a run is for."""

    PLAN = "plan"
    APPLY = "apply"
    DRIFT = "drift"
    VALIDATE = "validate"


class Approval(StrEnum):
    """What must have been reviewed before apply runs anything."""

    REVIEWED_PLAN = "reviewed-plan"
    NONE = "none"


Text: TypeAlias = str | Sequence[str]
"""An input as it arrives: one text, or (a repeatable option of the command) one text for each entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubInputs:
    """The inputs that only the action has."""

    approval: Approval | None = None
    """None: not said; `Inputs.approval_at` knows the default."""
    pull_request: int | None = None
    comment: bool = True
    github_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the user asked for. A field is called like its input, with `_` for `-`."""

    mode: Mode = Mode.PLAN
    path: str = "resources/dynamo"
    region: str | None = None
    endpoint_url: str | None = None
    account: str | None = None
    environment: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    table_prefix: str = ""
    baseline: str | None = None
    allow_destructive: tuple[str, ...] = ()
    out: str | None = None
    reviewed: str | None = None
    ignore_tags: tuple[str, ...] = ()
    max_parallel: int = 4
    wait_minutes: float = 60
    detach: bool = False
    github: GitHubInputs = field(default_factory=GitHubInputs)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The action's inputs, with every path relative to the workspace (`out` and `reviewed` may be temporary files).

        The runner sends every input that action.yml names as `INPUT_` and its name in capitals; hyphens stay, and
        what was not given is an empty text (actions/runner, Handler.cs).

        Raises:
            InvalidInput: Names every input that cannot be used, and what is allowed.
        """
        texts = {
            name.removeprefix("INPUT_").lower(): text
            for name, text in environ.items()
            if name.startswith("INPUT_") and text.strip()
        }
        inputs = cls.from_texts(texts)
        run = Run.from_environ(environ)
        return replace(
            inputs,
            path=run.workspace_path("path", inputs.path),
            baseline=inputs.baseline and run.workspace_path("baseline", inputs.baseline),
            out=inputs.out and run.file_path("out", inputs.out),
            reviewed=inputs.reviewed and run.file_path("reviewed", inputs.reviewed),
        )

    @classmethod
    def from_texts(cls, texts: Mapping[str, Text]) -> Self:
        """Inputs by their names (`endpoint-url`), as the command's options have them; paths stay as they are written.

        Raises:
            InvalidInput: Names every input that cannot be used, and what is allowed.
        """
        values = _parse(texts)
        github = {name: values.pop(name) for name in _names(GitHubInputs) if name in values}
        inputs = cls(**values, github=GitHubInputs(**github))
        _check_mode(inputs)
        return inputs

    def approval_at(self, endpoint_url: str | None) -> Approval:
        """What must be reviewed, where the tables are at this endpoint (None: AWS)."""
        if self.github.approval is not None:
            return self.github.approval
        own = not endpoints.is_aws_endpoint(endpoint_url)
        return Approval.NONE if own and urlsplit(endpoint_url).scheme == "http" else Approval.REVIEWED_PLAN


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
        from_fork: Whether that pull request's branch is in another repository.
        deleted: Whether the event is the deletion of a branch (`after` is all zeros).
    """

    workspace: Path
    host_workspace: Path | None = None
    temp: Path | None = None
    repository: str = ""
    event_name: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str | None = None
    pull_request: int | None = None
    from_fork: bool = False
    deleted: bool = False
    default_branch: str | None = None
    server_url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    run_id: str = ""
    run_attempt: str = "1"
    output: Path | None = None
    summary: Path | None = None

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
        texts = {
            name: said[variable] for name, variable in _TEXTS.items() if variable in said
        }  # what is missing keeps the default above
        paths = {name: Path(said[variable]) for name, variable in _PATHS.items() if variable in said}
        return cls(
            **texts,  # type: ignore[arg-type]  # the names in _TEXTS are those of text fields
            **paths,  # type: ignore[arg-type]  # likewise
            host_workspace=_host_workspace(said),
            **_from_event(event or {}, repository=said.get("GITHUB_REPOSITORY", "")),
        )

    @property
    def url(self) -> str:
        """This attempt's page on GitHub."""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}/attempts/{self.run_attempt}"

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

    def real_path(self, name: str, path: str) -> Path:
        """Where a path of the input `name` really is, with links followed.

        Raises:
            InvalidInput: A link leads out of the workspace (and out of the folder for temporary files).
        """
        real = (self.workspace / path).resolve()
        roots = [root.resolve() for root in (self.workspace, self.temp) if root is not None]
        if not any(real.is_relative_to(root) for root in roots):
            raise InvalidInput(f"`{name}`: {path!r} leads out of the workspace through a symbolic link.")
        return real

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


# ---- how each input is read ------------------------------------------------------------------------------------------


def _choice(kind: type[StrEnum]) -> Callable[[Text], StrEnum]:
    def read(text: Text) -> StrEnum:
        value = _one(text)
        if value not in list(kind):
            raise ValueError(f"{value!r} is none of {_spoken(kind)}")
        return kind(value)

    return read


def _flag(text: Text) -> bool:
    value = _one(text)
    if value not in {"true", "false"}:
        raise ValueError(f"{value!r} is none of `true`, `false`")
    return value == "true"


def _matching(pattern: str, meaning: str) -> Callable[[Text], str]:
    def read(text: Text) -> str:
        value = _one(text)
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not {meaning}")
        return value

    return read


def _whole(text: Text) -> int:
    return int(_matching(r"[1-9][0-9]{0,8}", "a positive whole number, such as 4")(text))


def _minutes(text: Text) -> float:
    value = float(_matching(r"[0-9]{1,9}(\.[0-9]{1,9})?", "a positive number of minutes, such as 60 or 0.5")(text))
    if not value:
        raise ValueError("0 is not a positive number of minutes, such as 60 or 0.5")
    return value


def _line(text: Text) -> str:
    value = _one(text)
    if not value.isprintable():
        raise ValueError(f"{value!r} is more than one line, or holds characters that cannot be seen")
    return value


def _path(text: Text) -> str:
    value = _one(text)
    if "\0" in value or "\n" in value:
        raise ValueError(f"{value!r} is not one path")
    return value


def _endpoint(text: Text) -> str:
    value = _line(text)
    try:
        url = urlsplit(value)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    else:
        if url.username is not None or url.password is not None:  # it would be printed
            raise ValueError("an endpoint holds no user name or password; credentials come from boto3's own chain")
        usable = usable and not url.query and not url.fragment and " " not in value
    if not usable:
        raise ValueError(f"{value!r} is not an address such as http://dynamodb:8000")
    return value


def _entries(text: Text) -> tuple[str, ...]:
    lines = text.split("\n") if isinstance(text, str) else text
    return tuple(line.strip() for line in lines if line.strip())


def _params(text: Text) -> dict[str, str]:
    params: dict[str, str] = {}
    lines = [line.removesuffix("\r") for line in text.split("\n")] if isinstance(text, str) else text
    for number, line in enumerate(lines, start=1):
        if line.strip():
            name, sign, value = line.partition("=")
            name = name.strip()
            if not sign or not re.fullmatch(r"[^\s=]+", name):
                raise ValueError(f"entry {number} is not NAME=VALUE")  # never its text: it may hold a secret
            if name in params:
                raise ValueError(f"{name!r} is given twice")
            params[name] = value
    return params


def _one(text: Text) -> str:
    if not isinstance(text, str):
        raise ValueError("is given more than once")  # noqa: TRY004  # the user's fault, not the caller's
    return text.strip()


_READERS: Final[Mapping[str, Callable[[Text], object]]] = {
    "mode": _choice(Mode),
    "path": _path,
    "region": _matching(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", "a region, such as eu-west-1"),
    "endpoint-url": _endpoint,
    "account": _matching(r"[0-9]{12}", "an account number of 12 digits"),
    "environment": _line,
    "params": _params,
    "table-prefix": _matching(r"[A-Za-z0-9_.-]{1,252}", "the beginning of a table name (a-z, A-Z, 0-9, `_`, `-`, `.`)"),
    "baseline": _path,
    "allow-destructive": _entries,
    "approval": _choice(Approval),
    "out": _path,
    "reviewed": _path,
    "pull-request": _whole,
    "comment": _flag,
    "ignore-tags": _entries,
    "max-parallel": _whole,
    "wait-minutes": _minutes,
    "detach": _flag,
    "github-token": _matching(r"[\x21-\x7e]+", "a token"),
}
NAMES: Final = tuple(_READERS)
"""The inputs of the action, in the order of its documentation."""

_ONLY_IN: Final[Mapping[str, tuple[Mode, ...]]] = {
    "baseline": (Mode.PLAN, Mode.VALIDATE),
    "out": (Mode.PLAN,),
    "reviewed": (Mode.APPLY,),
}
_TEXTS: Final = {
    "repository": "GITHUB_REPOSITORY",
    "event_name": "GITHUB_EVENT_NAME",
    "ref": "GITHUB_REF",
    "sha": "GITHUB_SHA",
    "server_url": "GITHUB_SERVER_URL",
    "api_url": "GITHUB_API_URL",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
}
_PATHS: Final = {
    "workspace": "GITHUB_WORKSPACE",
    "temp": "RUNNER_TEMP",
    "output": "GITHUB_OUTPUT",
    "summary": "GITHUB_STEP_SUMMARY",
}


def _parse(texts: Mapping[str, Text]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, text in texts.items():
        try:
            values[name.replace("-", "_")] = _READERS[name](text)
        except KeyError:
            faults.append(_unknown(name))
        except ValueError as error:
            secret = name == "github-token"  # the sentence would quote it
            faults.append(f"`{name}`: {'it is not a token' if secret else error}.")
    if faults:
        raise InvalidInput("\n".join(faults))
    return values


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    guess = f" Did you mean `{near[0]}`?" if near else ""
    return f"There is no input {name!r}.{guess} The inputs are {_spoken(NAMES)}."


def _check_mode(inputs: Inputs) -> None:
    for name, modes in _ONLY_IN.items():
        if getattr(inputs, name) is not None and inputs.mode not in modes:
            raise InvalidInput(f"`{name}` has no meaning with `mode: {inputs.mode}`; it goes with {_spoken(modes)}.")


def _spoken(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _names(kind: type[GitHubInputs]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


# ---- what the runner says --------------------------------------------------------------------------------------------


def _below(path: str, root: str) -> str | None:
    """The path relative to the root, both absolute; None where it is not below."""
    return posixpath.relpath(path, root) if path == root or path.startswith(root.rstrip("/") + "/") else None


def _host_workspace(said: Mapping[str, str]) -> Path | None:
    """RUNNER_WORKSPACE is the workspace's parent and no mount, so the runner leaves its name as it is on the host."""
    _, _, name = said.get("GITHUB_REPOSITORY", "").rpartition("/")
    return Path(said["RUNNER_WORKSPACE"], name) if name and "RUNNER_WORKSPACE" in said else None


def _from_event(event: Mapping[str, Any], *, repository: str) -> dict[str, Any]:
    """The bits of a payload in use, whatever the event (docs: webhook events and payloads)."""
    pull = event.get("pull_request") or {}
    issue = event.get("issue") or {}
    head = pull.get("head") or {}
    commented = issue.get("number") if issue.get("pull_request") else None
    fork = (head.get("repo") or {}).get("full_name")  # null where the fork is gone
    after = event.get("after")
    return {
        "head_sha": head.get("sha") or (event.get("merge_group") or {}).get("head_sha"),
        "pull_request": pull.get("number") or commented,
        "from_fork": bool(pull) and fork != repository,
        "deleted": isinstance(after, str) and bool(after) and not after.strip("0"),
        "default_branch": (event.get("repository") or {}).get("default_branch"),
    }
