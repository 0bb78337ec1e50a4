"""Workflows, examples, action.yml and Dockerfile pass the linters of their kind, offline, and pin what they use."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynatus_ci import cli

ROOT = Path(__file__).parents[2]
OURS = sorted(ROOT.glob(".github/workflows/*.yml"))
EXAMPLES = sorted(ROOT.glob("examples/workflows/*.yml"))
WORKFLOWS = OURS + EXAMPLES
OTHER_CI = ROOT / "examples/other-ci"
PINS: dict[str, dict[str, str]] = json.loads((ROOT / "tests/cases/action-pins.json").read_text(encoding="utf-8"))
OUR_ACTION = "org/dynatus-action@v1"

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A linter's verdict; the linter is the one installed beside this interpreter, else the one on the PATH."""
    found = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def assert_clean(verdict: subprocess.CompletedProcess[str]) -> None:
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def uses(value: object) -> Iterator[str]:
    """Every action or workflow that a document names, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "uses" and isinstance(inner, str):
                yield inner
            else:
                yield from uses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from uses(inner)


def load(path: Path) -> dict[str, Any]:
    # GitHub reads YAML 1.2, where `on` is a text; PyYAML's 1.1 makes it True, which nothing here looks at.
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def test_there_are_workflows_to_check() -> None:
    assert {path.name for path in OURS} >= {"ci.yml", "release.yml"}


def test_workflows_agree_with_the_published_schema() -> None:
    assert_clean(run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS))


def test_action_yml_agrees_with_the_published_schema() -> None:
    assert_clean(run("check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml"))


def test_dependabot_yml_agrees_with_the_published_schema() -> None:
    assert_clean(run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ROOT / ".github/dependabot.yml"))


def test_the_pipeline_for_gitlab_agrees_with_the_published_schema() -> None:
    assert_clean(run("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", OTHER_CI / "gitlab-ci.yml"))


@pytest.mark.parametrize("pipeline", sorted(OTHER_CI.iterdir()), ids=lambda path: path.name)
def test_other_pipelines_plan_to_a_file_and_apply_that_file(pipeline: Path) -> None:
    lines = re.findall(r"(?:- |sh ')(dynatus [^'\n]+)", pipeline.read_text(encoding="utf-8"))
    shells = [re.split(r" > | \$\{", line)[0] for line in lines]  # without what the shell makes of the rest
    asked = [cli.options.parsers()[0].parse_args(shlex.split(line)[1:]) for line in shells]
    assert {options.environment for options in asked} == {"production"}  # it is part of what was reviewed
    assert [options.out for options in asked if getattr(options, "out", None)] == ["plan.json"]
    assert [options.reviewed for options in asked if getattr(options, "reviewed", None)] == ["plan.json"]
    assert lines[-1].endswith('${ALLOW:+--allow-destructive "$ALLOW"}')


def test_zizmor_finds_nothing() -> None:
    config = ROOT / ".github/zizmor.yml"
    assert_clean(
        run("zizmor", "--offline", "--no-progress", "--quiet", "--config", config, *WORKFLOWS, ROOT / "action.yml")
    )


def test_actionlint_finds_nothing() -> None:
    # It does not know `queue: max` yet, which the published schema has.
    assert_clean(run("actionlint", "-no-color", "-ignore", 'unexpected key "queue" for "concurrency"', *WORKFLOWS))


def test_hadolint_finds_nothing() -> None:
    assert_clean(run("hadolint", ROOT / "Dockerfile"))


@each_workflow
def test_actions_are_pinned_to_verified_commits_with_their_release_beside_them(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    for name in uses(load(workflow)):
        if name == OUR_ACTION or name.startswith("./"):
            continue
        action, _, commit = name.partition("@")
        pin = PINS["/".join(action.split("/")[:2])]
        assert commit == pin["commit"], name
        assert re.search(rf"{re.escape(name)} # {re.escape(pin['release'])}$", text, re.MULTILINE), name


@each_workflow
def test_permissions_are_granted_by_job_alone(workflow: Path) -> None:
    document = load(workflow)
    assert document["permissions"] == {}
    assert [name for name, job in document["jobs"].items() if "permissions" not in job] == []


@each_workflow
def test_every_job_ends_in_time(workflow: Path) -> None:
    jobs = load(workflow)["jobs"]
    assert [name for name, job in jobs.items() if "timeout-minutes" not in job and "uses" not in job] == []


@each_workflow
def test_a_checkout_leaves_no_credentials_behind(workflow: Path) -> None:
    steps = [step for job in load(workflow)["jobs"].values() for step in job.get("steps", [])]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step for step in checkouts if step.get("with", {}).get("persist-credentials") is not False] == []


def test_required_checks_need_every_other_job() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert set(jobs["required"]["needs"]) == set(jobs) - {"required"}


def test_the_self_test_runs_on_definitions_that_are_there() -> None:
    steps = load(ROOT / ".github/workflows/ci.yml")["jobs"]["self-test"]["steps"]
    paths = {step["with"]["path"] for step in steps if step.get("uses") == "./"}
    assert [path for path in paths if not any((ROOT / path).rglob("*.edn"))] == []


# --- a release -------------------------------------------------------------------------------------------------------

RELEASE = load(ROOT / ".github/workflows/release.yml")["jobs"]
DIGEST = f"sha256:{'4' * 64}"
GH = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/gh.log"
"""


class Origin:
    """A repository that is released, with its `origin`; the steps are those of the workflow."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.clone = folder, folder / "bin", folder / "clone"
        self.bin.mkdir()
        (self.bin / "gh").write_text(GH, encoding="utf-8")
        (self.bin / "gh").chmod(0o755)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", "origin", where=folder)
        self.git("clone", "--quiet", "origin", "clone", where=folder)
        self.git("checkout", "--quiet", "-b", "main")
        shutil.copy(ROOT / "action.yml", self.clone)

    def git(self, *arguments: str, where: Path | None = None) -> str:
        name = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        done = subprocess.run(
            ["git", *name, *arguments], cwd=where or self.clone, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def merge(self, version: str) -> None:
        """What a release starts from: `main` with a new version."""
        if self.git("branch", "--remotes"):
            self.git("checkout", "--quiet", "--force", "-B", "main", "origin/main")
        (self.clone / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n', encoding="utf-8")
        notes = f"# Changelog\n\n## [{version}]\n\n- What is new in {version}.\n\n## [0.0.1]\n\n- Old.\n"
        (self.clone / "CHANGELOG.md").write_text(notes, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", version)
        self.git("push", "--quiet", "origin", "main")

    def run(self, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The shell steps of a job, in a clean checkout of `main` with its tags."""
        self.git("fetch", "--quiet", "--tags", "--force")
        self.git("checkout", "--quiet", "--force", "-B", "main", "origin/main")
        steps = [step["run"] for step in RELEASE[job]["steps"] if "run" in step and "make test" not in step["run"]]
        python = str(Path(sys.executable).parent)
        environ = {
            **os.environ,
            **variables,
            "PATH": f"{self.bin}:{python}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_OUTPUT": str(self.folder / "output"),
        }
        script = "\n".join(f"({step}\n)" for step in steps)
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.clone, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def release(self, version: str) -> None:
        self.merge(version)
        assert_clean(self.run("verify"))
        tag = (self.folder / "output").read_text(encoding="utf-8").splitlines()[-1].removeprefix("tag=")
        assert_clean(self.run("release", TAG=tag, IMAGE=f"ghcr.io/org/dynatus-action@{DIGEST}"))

    def at(self, reference: str) -> str:
        return self.git("rev-parse", reference, where=self.folder / "origin")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def test_every_tag_of_a_release_runs_the_image_by_digest_at_a_commit_that_lies_on_a_branch(origin: Origin) -> None:
    origin.release("1.2.3")
    commit = origin.at("refs/tags/v1.2.3")
    references = ("refs/tags/v1.2", "refs/tags/v1", "refs/heads/releases/v1.2.3")
    assert [origin.at(reference) for reference in references] == [commit] * 3
    assert origin.at(f"{commit}^") == origin.at("main")
    action = origin.git("show", f"{commit}:action.yml", where=origin.folder / "origin")
    assert f"  image: docker://ghcr.io/org/dynatus-action@{DIGEST}" in action.splitlines()
    assert "image: Dockerfile" not in action
    assert origin.git("diff", "--name-only", "main", commit, where=origin.folder / "origin") == "action.yml"
    notes = (origin.folder / "notes.md").read_text(encoding="utf-8")
    assert (notes.count("What is new in 1.2.3."), notes.count("Old."), notes.count(DIGEST)) == (1, 0, 1)


def test_the_next_release_moves_the_short_tags_alone(origin: Origin) -> None:
    origin.release("1.2.3")
    first = origin.at("refs/tags/v1.2.3")
    origin.release("1.3.0")
    second = origin.at("refs/tags/v1.3.0")
    assert [origin.at(f"refs/tags/{tag}") for tag in ("v1", "v1.3", "v1.2", "v1.2.3")] == [second, second, first, first]


def test_a_release_job_that_runs_again_leaves_the_tags_where_they_are(origin: Origin) -> None:
    origin.release("1.2.3")
    first = origin.at("refs/tags/v1.2.3")
    assert_clean(origin.run("release", TAG="v1.2.3", IMAGE=f"ghcr.io/org/dynatus-action@sha256:{'5' * 64}"))
    assert origin.at("refs/tags/v1.2.3") == origin.at("refs/tags/v1") == first
    assert (origin.bin / "gh.log").read_text(encoding="utf-8").count("release create v1.2.3 --verify-tag") == 2


@pytest.mark.parametrize("version", ["1.2.3", "1.2.2", "0.9.0", "1.3.0rc1"])
def test_a_version_that_is_not_newer_than_every_release_is_refused(origin: Origin, version: str) -> None:
    origin.release("1.2.3")
    origin.merge(version)
    assert origin.run("verify").returncode == 1
