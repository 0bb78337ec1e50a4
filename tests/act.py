"""A repository whose workflows nektos/act runs, with GitHub and AWS as near to the real ones as this machine allows.

GitHub's API is the stub. AWS is moto behind TLS: to the product an endpoint like any other, so the gate is on as it is
for AWS. `cases/runner` has stand-ins for what a job gets from the network (actions by their pinned commits: checkout,
artifacts, the credentials of a role) and from GitHub's machines (`gh`, `make`). Recipes run as they are; `EDITS` says
what act makes us change in one of them.

Not to be seen here: who is allowed what (`permissions`, OIDC), the reviewers of an environment, `concurrency`, `paths`
and `branches` of an event. act knows none of these.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server, make_ssl_devcert

from tests import github_stub
from tests.github_stub import GitHubStub
from tests.scene import BRANCH, ROOT, Repository

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

IMAGE: Final = os.environ.get("ACT_IMAGE", "runner:latest")
RECIPES: Final = ROOT / "examples" / "workflows"
STAND_INS: Final = ROOT / "tests" / "cases" / "runner"
MOUNT: Final = "/github-stand-in"
ROLE: Final = "arn:aws:iam::{}:role/dynatus"
PERSON: Final = ("user.name=octocat", "user.email=octocat@example.com", "commit.gpgSign=false")


# ---- what act makes us change in a recipe ----------------------------------------------------------------------------


def in_a_container(recipe: str, options: str) -> str:
    """A job whose services are reached by their names: with act that takes a job in a container, and it maps no port.

    GitHub's own way for such jobs (docs: "Communicating with Docker service containers"). act also starts services in
    the repository's folder, where DynamoDB Local is not.
    """
    job = f"    container:\n      image: {IMAGE}\n      options: {options}\n    services:\n"
    recipe = replaced(recipe, "    services:\n", job)
    recipe = replaced(recipe, 'ports: ["8000:8000"]', "options: --workdir /home/dynamodblocal")
    return replaced(recipe, "http://localhost:8000", "http://dynamodb:8000")


def replaced(text: str, old: str, new: str) -> str:
    """The text with the one place changed."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


EDITS: Final[Mapping[str, Callable[[str, str], str]]] = {"pull-request-tests.yml": in_a_container}
"""The edit of a recipe's text, by recipe. Its second argument are Docker's options for the container of a job."""


# ---- the accounts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aws:
    """moto behind TLS, as AWS. Clients must trust its certificate."""

    endpoint_url: str
    certificate: Path

    @contextmanager
    def account(self, number: str) -> Iterator[DynamoDBClient]:
        """A client of DynamoDB in one account."""
        where: dict[str, Any] = {"endpoint_url": self.endpoint_url, "verify": str(self.certificate)}
        sts = boto3.client("sts", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="a", **where)
        taken = sts.assume_role(RoleArn=ROLE.format(number), RoleSessionName="test")["Credentials"]
        sts.close()
        client = boto3.client(
            "dynamodb",
            region_name="eu-west-1",
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
            **where,
        )
        yield client
        client.close()


@contextmanager
def aws(folder: Path) -> Iterator[Aws]:
    """Start it on this machine; its certificate is in the folder."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    certificate, key = make_ssl_devcert(str(folder / "aws"), host="localhost")
    server = make_server(
        "localhost",
        0,
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=MotoRequestHandler,
        ssl_context=(certificate, key),
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Aws(f"https://localhost:{server.server_port}", Path(certificate))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ---- runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Log:
    """What act printed about a run: JSON objects, in order."""

    lines: tuple[Mapping[str, Any], ...]

    @property
    def jobs(self) -> dict[str, str]:
        """The conclusions of the jobs that ran, by the jobs' names."""
        return {_name(line): line["jobResult"] for line in self.lines if "jobResult" in line}

    def outputs(self, name: str) -> list[str]:
        """An output of the steps that had it, in order."""
        told = [line for line in self.lines if line.get("command") == "set-output" and line["name"] == name]
        return [line["arg"] for line in told]

    @property
    def summaries(self) -> list[str]:
        """The jobs' summaries, in order."""
        return [line["content"] for line in self.lines if line.get("command") == "summary"]

    @property
    def text(self) -> str:
        """What the steps printed, and what act says of them."""
        return "".join(line["msg"].rstrip("\n") + "\n" for line in self.lines)


def _name(line: Mapping[str, Any]) -> str:
    """A job's name as GitHub shows it: act puts the workflow's before it, a matrix's number and blanks behind it."""
    name: str = line["job"].partition("/")[2].rstrip()
    return re.sub(r"-\d+$", "", name) if line["matrix"] else name


class Hosted(Repository):
    """A git repository that has recipes as its workflows.

    Args:
        ground: A folder that jobs see: the repository, artifacts, issues, AWS's certificate.
        account: The account of the roles that are in the repository's variables.
        action: The folder that `org/dynatus-action@v1` stands for.
    """

    def __init__(self, ground: Path, github: GitHubStub, *, cloud: Aws, account: str, action: Path) -> None:
        super().__init__(ground / "repository", github)
        self.ground, self.cloud, self.account, self.action = ground, cloud, account, action
        (ground / "artifacts").mkdir()
        (ground / "issues.json").write_text("[]", encoding="utf-8")
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """What git says in the repository."""
        command = ["git", *(word for setting in PERSON for word in ("-c", setting)), *arguments]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def install(self, *recipes: str) -> None:
        """Put recipes where GitHub finds workflows, and commit them."""
        folder = self.home / ".github" / "workflows"
        folder.mkdir(parents=True)
        for recipe in recipes:
            text = (RECIPES / recipe).read_text(encoding="utf-8")
            edit = EDITS.get(recipe)
            (folder / recipe).write_text(edit(text, self.options) if edit else text, encoding="utf-8")
        self.push()

    def sha(self) -> str:
        """A new commit of everything that is there."""
        self.commits += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message=Commit {self.commits}")
        return self.git("rev-parse", "HEAD")

    def open(self, number: int, *, base: str = "main", labels: tuple[str, ...] = (), **definitions: str) -> None:
        """Open a pull request that changes definitions."""
        self.git("switch", "--quiet", "--create", f"pull-{number}", "main")
        self.write(**definitions)
        super().open(number, base=base, labels=labels)
        self.git("update-ref", f"refs/pull/{number}/merge", "HEAD")

    def merge(self, number: int) -> str:
        """Merge it."""
        self.git("switch", "--quiet", "main")
        self.git("merge", "--quiet", "--no-edit", f"pull-{number}")
        return super().merge(number)

    @property
    def issues(self) -> list[tuple[str, bool, int]]:
        """The issues: title, whether it is open, how many texts it has."""
        issues = json.loads((self.ground / "issues.json").read_text(encoding="utf-8"))
        return [(issue["title"], issue["open"], len(issue["texts"])) for issue in issues]

    # ---- events ------------------------------------------------------------------------------------------------------

    def on_pull_request(self, number: int) -> Log:
        """What runs when it is opened."""
        pull = self.github.pulls[number]
        base = {**pull["base"], "sha": self.git("rev-parse", "main")}
        payload = {"action": "opened", "number": number, "pull_request": {**pull, "base": base}}
        ours = pull["head"]["repo"] == pull["base"]["repo"]
        token = github_stub.TOKEN if ours else github_stub.READ_ONLY_TOKEN
        return self.event("pull_request", payload, f"--secret=GITHUB_TOKEN={token}", ref=f"pull-{number}")

    def on_merge_group(self, number: int) -> Log:
        """What runs when it is in the merge queue. act does not know the event's ref."""
        head = self.git("rev-parse", f"pull-{number}")
        queued = f"GITHUB_REF=refs/heads/gh-readonly-queue/main/pr-{number}-{head}"
        payload = {"action": "checks_requested", "merge_group": {"head_sha": head, "base_ref": BRANCH}}
        return self.event("merge_group", payload, f"--env={queued}", ref=f"pull-{number}")

    def on_push(self) -> Log:
        """What runs when the branch has been pushed."""
        return self.event("push", {"ref": BRANCH, "after": self.git("rev-parse", "main")})

    def on_schedule(self, recipe: str) -> Log:
        """What a recipe does when its time has come."""
        return self.event("schedule", {}, recipe=recipe)

    def on_dispatch(self, recipe: str, **inputs: str) -> Log:
        """What a recipe does when somebody starts it."""
        named = {name.replace("_", "-"): value for name, value in inputs.items()}
        return self.event("workflow_dispatch", {"ref": BRANCH, "inputs": named}, recipe=recipe)

    def event(self, name: str, payload: Mapping[str, Any], *options: str, ref: str = "main", recipe: str = "") -> Log:
        """Run what reacts to an event, in all recipes or in one."""
        self.git("switch", "--quiet", ref)
        self.runs += 1
        file = self.ground / f"event-{self.runs}.json"
        repository = {"full_name": self.github.repository, "default_branch": "main"}
        file.write_text(json.dumps({**payload, "repository": repository}), encoding="utf-8")
        command = ["act", name, f"--workflows=.github/workflows/{recipe}", f"--eventpath={file}"]
        done = subprocess.run(
            [*command, *self.settings(), *options],
            cwd=self.home, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        log = Log(tuple(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")))
        sys.stdout.write(log.text)  # pytest shows it where a test fails
        assert log.jobs, done.stdout + done.stderr
        return log

    @property
    def options(self) -> str:
        """Docker's options for each job's container: the folder that jobs see, and what GitHub's machines have."""
        programs = [f"--volume={file}:/usr/local/bin/{file.name}:ro" for file in (STAND_INS / "bin").iterdir()]
        return " ".join([f"--volume={self.ground}:{MOUNT}", *programs])

    def settings(self) -> list[str]:
        """The arguments of act that do not depend on the event."""
        environment = {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": self.github.repository,
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_CA_BUNDLE": f"{MOUNT}/{self.cloud.certificate.name}",
        }
        actions = {"org/dynatus-action@v1": self.action, **stand_ins()}
        return [
            *("--json", "--rm", "--pull=false", "--no-skip-checkout", "--no-cache-server"),
            f"--platform=ubuntu-latest={IMAGE}",
            f"--container-options={self.options}",
            f"--secret=GITHUB_TOKEN={github_stub.TOKEN}",
            *(f"--var=DYNATUS_{mode}_ROLE={ROLE.format(self.account)}" for mode in ("PLAN", "APPLY")),
            *(f"--local-repository={action}={folder}" for action, folder in actions.items()),
            *(f"--env={name}={value}" for name, value in environment.items()),
        ]


def stand_ins() -> dict[str, Path]:
    """The stand-ins for other people's actions: their folders, by the commits that the recipes pin."""
    pins = json.loads((ROOT / "tests" / "cases" / "action-pins.json").read_text(encoding="utf-8"))
    folders = {action: STAND_INS / "actions" / action.rpartition("/")[2] for action in pins}
    return {f"{action}@{pins[action]['commit']}": folder for action, folder in folders.items() if folder.is_dir()}
