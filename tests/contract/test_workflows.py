"""Workflows, examples, action.yml and Dockerfile pass the linters of their kind, offline, and pin what they use."""

from __future__ import annotations

import json
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
