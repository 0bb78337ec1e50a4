"""A repository with its pull requests, an account, and runs of the action on both, for tests of the action.

What tests do with it reads as what people do: plan, label, merge, apply. GitHub is the stub; in a `Scene` the account
is the simulator. The action runs behind a `Door`: in this process, or in the built image (`tests/image.py`).
"""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dynatus_ci import action, review
from dynatus_ci.definitions.files import git_blob
from dynatus_ci.github.transport import Pace
from dynatus_ci.review.record import table_hash
from dynatus_ci.table.model import digest
from tests import github_stub
from tests.github_stub import GitHubStub
from tests.simulator import Clock, Simulator

ROOT = Path(__file__).parents[1]
HASTE = Pace(timeout=10, backoff=0, between_requests=0, between_writes=0, after_doubt=0, merge_lag=(0, 0))
PATH = "resources/dynamo"
BRANCH = "refs/heads/main"


def table(name: str = "users", *, key: str = "id", **settings: str) -> str:
    """A definition on demand; a setting's value is EDN."""
    attributes = f'[{{:AttributeName "{key}" :AttributeType "S"}}]'
    return " ".join(
        [
            f'{{:TableName "{name}" :BillingMode "PAY_PER_REQUEST"',
            f":AttributeDefinitions {settings.pop('AttributeDefinitions', attributes)}",
            f':KeySchema [{{:AttributeName "{key}" :KeyType "HASH"}}]',
            *(f":{setting} {value}" for setting, value in settings.items()),
            "}\n",
        ]
    )


TTL = {"TimeToLiveSpecification": '{:Enabled true :AttributeName "expires"}'}
NO_INDEXES = {"GlobalSecondaryIndexes": "[]"}
INDEX = {
    "AttributeDefinitions": '[{:AttributeName "id" :AttributeType "S"} {:AttributeName "mail" :AttributeType "S"}]',
    "GlobalSecondaryIndexes": (
        '[{:IndexName "by-mail" :KeySchema [{:AttributeName "mail" :KeyType "HASH"}]'
        ' :Projection {:ProjectionType "ALL"}}]'
    ),
}


def tags(**values: str) -> dict[str, str]:
    """A definition's tags."""
    return {"Tags": "[" + " ".join(f'{{:Key "{key}" :Value "{value}"}}' for key, value in values.items()) + "]"}


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    status: int
    outputs: Mapping[str, str]
    summary: str
    log: str

    @property
    def ending(self) -> tuple[int, str, str]:
        """Exit status, result and reason."""
        return self.status, self.outputs["result"], self.outputs["failure-reason"]


class Door(Protocol):
    """A way to run the action on what `Repository.prepare` made, to its end: exit status and log."""

    @property
    def host(self) -> str:
        """This machine's address, as the action behind this door sees it."""

    def start(self, environ: dict[str, str], runner: Path) -> tuple[int, str]:
        """Run it."""

    def start_doomed(
        self, environ: dict[str, str], runner: Path, *, arm: Callable[[Callable[[], None]], None]
    ) -> tuple[int, str]:
        """Run it after `arm` was given what kills it (SIGKILL)."""


class Process:
    """The action in this process, or in one of its own that can be killed; GitHub is asked without a pause."""

    host = "127.0.0.1"

    def start(self, environ: dict[str, str], _runner: Path) -> tuple[int, str]:
        """Run it here."""
        log = io.StringIO()
        return action.main(environ, stream=log, pace=HASTE), log.getvalue()

    def start_doomed(
        self, environ: dict[str, str], _runner: Path, *, arm: Callable[[Callable[[], None]], None]
    ) -> tuple[int, str]:
        """Run it in a process of its own; nobody reads its log."""
        process = _PROCESSES.Process(target=action.main, args=(environ,), kwargs={"pace": HASTE})
        arm(process.kill)
        process.start()
        process.join(timeout=120)
        return process.exitcode or 0, ""


# A process that has imported the action already is forked for each run: none starts with this process's threads.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["dynatus_ci.action"])

PROCESS = Process()


class Repository:
    """A repository, and runs of the action on it; commits have numbers, the workspace holds the branch's files.

    Inputs that name files do it relative to the workspace, as people do: that holds behind every door.

    Args:
        home: A folder that becomes the workspace.
        github: Where its pull requests are.
        door: Where the action runs.
        account: The inputs that name the account.
    """

    def __init__(self, home: Path, github: GitHubStub, *, door: Door = PROCESS, **account: str) -> None:
        self.home = home
        self.github = github
        self.door = door
        self.account_inputs = account
        self.variables: dict[str, str] = {}
        """The job's own, beside what the runner sends."""
        self.runs = 0
        self.commits = 0
        home.mkdir(parents=True)

    @contextmanager
    def through(self, door: Door) -> Iterator[None]:
        """Go through another door for a while: only what a scene is about needs to pay for a container."""
        own, self.door = self.door, door
        try:
            yield
        finally:
            self.door = own

    def write(self, **definitions: str | None) -> None:
        """Change the files: a definition each; None removes one."""
        folder = self.home / PATH
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in definitions.items():
            file = folder / f"{name}.edn"
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text, encoding="utf-8")

    @property
    def files(self) -> dict[str, str]:
        """The definition files of the folder, and what git would call their content."""
        folder = self.home / PATH
        return {file.relative_to(folder).as_posix(): git_blob(file.read_bytes()) for file in folder.rglob("*.edn")}

    @property
    def tree(self) -> str:
        """A name for the folder as git has it: the same for the same files."""
        return digest(sorted(self.files.items()))[:40]

    def sha(self) -> str:
        """A new commit's name."""
        self.commits += 1
        return f"{self.commits:040x}"

    def open(self, number: int, *, base: str = "main", labels: tuple[str, ...] = ()) -> None:
        """Open a pull request."""
        self.github.add_pull(number, head=self.sha(), base=base, labels=labels)

    def merge(self, number: int) -> str:
        """Merge it; the files of the workspace are what the branch has now."""
        sha = self.sha()
        self.github.merge(number, sha, at=self.now())
        self.land(sha, base=self.github.pulls[number]["base"]["ref"])
        return sha

    def now(self) -> str:
        """A moment that is later with every commit."""
        return f"2026-08-01T{self.commits // 60:02}:{self.commits % 60:02}:00Z"

    def push(self) -> str:
        """Commit to the branch without a pull request."""
        sha = self.sha()
        self.land(sha)
        return sha

    def land(self, sha: str, *, base: str = "main") -> None:
        """Let the branch's tip be this commit, with the workspace's files."""
        ref = f"refs/heads/{base}"
        before = self.github.objects.get(ref)
        self.github.history[sha, None] = [sha, *(self.github.history.get((before, None), []) if before else [])]
        self.github.ancestors[sha] = {before, *self.github.ancestors.get(before, set())} if before else set()
        self.github.trees[self.tree] = self.files
        self.github.objects |= {ref: sha, sha: sha, f"{ref}:{PATH}": self.tree, f"{sha}:{PATH}": self.tree}

    def label(self, number: int) -> None:
        """Put the label on."""
        self.github.pulls[number]["labels"] = [{"name": review.LABEL}]

    def labels(self, number: int) -> list[str]:
        """The labels that are on."""
        return [label["name"] for label in self.github.pulls[number]["labels"]]

    def edit(self, number: int, change: Callable[[str], str], *, login: str | None = "mallory") -> None:
        """Let a person edit our comment; None is somebody whose account is deleted."""
        comment = next(each for each in self.github.comments.values() if each["issue_url"] == f"/issues/{number}")
        comment["body"] = change(comment["body"])
        self.github.editors[comment["id"]] = login

    def comment(self, number: int) -> str:
        """The one comment of a pull request."""
        (body,) = self.github.bodies(number)
        return body

    def record(self, number: int) -> review.Record:
        """The record in the one comment."""
        record = review.decode(self.comment(number))
        assert record is not None
        return record

    def plan(self, number: int, **inputs: str) -> Ran:
        """Run plan on a pull request."""
        pull = self.github.pulls[number]
        event = {"pull_request": {"number": number, "head": {**pull["head"]}}}
        return self.run(
            event, name="pull_request", ref=f"refs/pull/{number}/merge", inputs={**GATED, "mode": "plan", **inputs}
        )

    def apply(self, sha: str, *, ref: str = BRANCH, **inputs: str) -> Ran:
        """Run apply on a commit, as a push."""
        return self.run({"after": sha}, name="push", ref=ref, sha=sha, inputs={**GATED, **inputs})

    def run(
        self,
        event: Mapping[str, Any],
        *,
        name: str,
        ref: str,
        inputs: Mapping[str, str],
        sha: str = "f" * 40,
    ) -> Ran:
        """Run the action for an event."""
        environ, runner = self.prepare(event, name=name, ref=ref, sha=sha, inputs=inputs)
        status, log = self.door.start(environ, runner)
        return ran(status, runner, log=log)

    def prepare(
        self, event: Mapping[str, Any], *, name: str, ref: str, sha: str, inputs: Mapping[str, str]
    ) -> tuple[dict[str, str], Path]:
        """The runner's variables and files for a run, and the folder that these are in."""
        self.runs += 1
        runner = self.home.parent / f"run-{self.runs}"
        runner.mkdir()
        (runner / "event.json").write_text(json.dumps(event), encoding="utf-8")
        for file in ("output", "summary"):
            (runner / file).touch()
        given = {**self.account_inputs, **inputs}
        environ = {
            **self.variables,
            "GITHUB_WORKSPACE": str(self.home),
            "GITHUB_REPOSITORY": self.github.repository,
            "GITHUB_API_URL": self.github.url + self.github.prefix,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_EVENT_PATH": str(runner / "event.json"),
            "GITHUB_EVENT_NAME": name,
            "GITHUB_REF": ref,
            "GITHUB_SHA": sha,
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_OUTPUT": str(runner / "output"),
            "GITHUB_STEP_SUMMARY": str(runner / "summary"),
            "RUNNER_TEMP": str(self.home.parent),
            "INPUT_GITHUB-TOKEN": github_stub.TOKEN,
            **{f"INPUT_{key.replace('_', '-').upper()}": value for key, value in given.items()},
        }
        return environ, runner


class Scene(Repository):
    """A repository with a simulated account."""

    def __init__(self, home: Path, github: GitHubStub, account: Simulator, *, door: Door) -> None:
        super().__init__(home, github, door=door, endpoint_url=account.endpoint_url, region=account.region)
        self.account = account

    def kill_at(self, call: int, sha: str, **inputs: str) -> Ran:
        """Run apply, killed when its k-th call reaches the account, if it comes so far."""
        environ, runner = self.prepare({"after": sha}, name="push", ref=BRANCH, sha=sha, inputs={**GATED, **inputs})
        self.account.start_over()
        status, log = self.door.start_doomed(environ, runner, arm=partial(self.account.faults.before, call))
        self.account.faults.clear()
        return ran(status, runner, log=log)


GATED = {"mode": "apply", "approval": "reviewed-plan"}


@contextmanager
def scene(home: Path, door: Door = PROCESS) -> Iterator[Scene]:
    """A repository in a folder, an account and a GitHub, where the action behind a door reaches them."""
    with (
        Simulator(clock=Clock(scale=3600), host=door.host) as account,
        github_stub.serving(GitHubStub(), host=door.host) as github,
    ):
        yield Scene(home / "workspace", github, account, door=door)


def is_used(record: review.Record, table: str) -> bool:
    """Whether nothing of a table is open, neither in a record nor in older ones as far as it says."""
    return record.older is not None and not {table_hash(table)} & {*record.tables, *record.older}


def ran(status: int, runner: Path, *, log: str = "") -> Ran:
    """What a run left in the runner's files."""
    return Ran(status, outputs(runner / "output"), (runner / "summary").read_text("utf-8"), log)


def outputs(file: Path) -> dict[str, str]:
    """A file of outputs as the runner reads it (FileCommandManager.cs): blocks with a delimiter, the last one holds."""
    found: dict[str, str] = {}
    lines = iter(file.read_text("utf-8").split("\n"))
    for line in lines:
        name, mark, delimiter = line.partition("<<")
        if mark:
            value = []
            while (text := next(lines)) != delimiter:
                value.append(text)
            found[name] = "\n".join(value)
    return found
