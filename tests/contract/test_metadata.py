"""action.yml, the inputs as the code reads them, the README, the locks and the version agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynatus_ci.cli import options
from dynatus_ci.errors import FailureReason
from dynatus_ci.inputs import NAMES, Inputs
from dynatus_ci.text import as_options, option, plain

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def documented(section: str) -> dict[str, str]:
    """The rows of the README's table in a section, by the names in the first column (a row may have several)."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = readme.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").partition("|") for line in text.splitlines() if line.startswith("| `")]
    return {name: rest for first, _, rest in rows for name in re.findall(r"`([^`]+)`", first)}


def locked(name: str) -> set[str]:
    """The requirements of a lock file, each with its version."""
    return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_action_has_the_inputs_that_the_code_reads() -> None:
    assert tuple(ACTION["inputs"]) == NAMES


def test_each_input_is_an_option_of_the_command_or_is_for_github_only() -> None:
    for_github = {"approval", "report", "note", "pull-request", "comment", "github-token"}
    _, commands = options.parsers()
    usage = " ".join(command.format_usage() for command in commands.values())  # a mode is a subcommand, or --mode
    missing = {name for name in NAMES if not re.search(rf"(?<![\w-]){plain(as_options(option(name)))}(?![\w-])", usage)}
    assert missing == for_github


def test_defaults_in_the_action_are_those_of_the_code() -> None:
    given = {name: entry["default"] for name, entry in ACTION["inputs"].items() if "default" in entry}
    assert given.pop("github-token") == "${{ github.token }}"
    assert Inputs.from_texts(given) == Inputs()


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_every_input_and_output_is_described_in_a_sentence(kind: str) -> None:
    assert [name for name, entry in ACTION[kind].items() if not entry["description"].endswith(".")] == []


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_the_readme_lists_the_inputs_and_outputs_in_the_order_of_the_action(kind: str) -> None:
    assert list(documented(kind.capitalize())) == list(ACTION[kind])


def test_the_readme_gives_the_defaults_of_the_action() -> None:
    rows = documented("Inputs")
    defaults = {name: entry["default"] for name, entry in ACTION["inputs"].items() if "default" in entry}
    assert {name: rows[name].partition("|")[0].strip(" `") for name in defaults} == defaults


def test_the_action_names_every_failure_reason_in_order() -> None:
    described = ACTION["outputs"]["failure-reason"]["description"].partition("then")[2]
    assert re.findall(r"`([^`]+)`", described) == list(FailureReason)


def test_the_action_runs_the_image_of_this_repository() -> None:
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}


def test_the_newest_entry_of_the_changelog_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = [entry for entry in re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE) if entry != "Unreleased"]
    assert entries[0] == PROJECT["version"]


def test_the_locks_are_made_from_the_dependencies_of_the_package() -> None:
    lines = (ROOT / "requirements" / "runtime.in").read_text(encoding="utf-8").splitlines()
    assert {line.lower() for line in lines if not line.startswith("#")} == {
        dependency.lower() for dependency in PROJECT["dependencies"]
    }


def test_what_is_tested_is_what_ships() -> None:
    for name in ("runtime.txt", "build.txt", "demo.txt", "publish.txt"):
        assert locked(name) <= locked("dev.txt"), name


def test_locks_name_no_index_and_no_folder() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert re.findall(r"^-.*|\S+://\S+|\s/\S+", text, re.MULTILINE) == [], lock.name


def test_locks_have_a_hash_for_everything() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        hashed = re.findall(r"^\S+==.* \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(hashed) == len(locked(lock.name)), lock.name


def test_what_users_copy_names_a_tag_of_this_version() -> None:
    major = PROJECT["version"].partition(".")[0]
    pages = [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/**/*.yml"),
        *ROOT.glob("dynatus_ci/**/*.py"),
    ]
    tags = [re.findall(r"org/dynatus-action(?:@|/blob/)v(\d+)", page.read_text(encoding="utf-8")) for page in pages]
    assert {tag for found in tags for tag in found} == {major}
    (revision,) = re.findall(r"rev: v(\S+)", (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8"))
    assert revision == PROJECT["version"]


def test_the_package_leads_to_the_repository_that_the_readme_uses() -> None:
    used = re.findall(r"uses: (org/\S+)@v1", (ROOT / "README.md").read_text(encoding="utf-8"))
    pages = {url.removeprefix("https://github.com/") for url in PROJECT["urls"].values()}
    assert {"/".join(page.split("/")[:2]) for page in pages} == set(used)
    paths = [page.split("/", 4)[4] for page in pages if page.count("/") > 3]
    assert [path for path in paths if not (ROOT / path).exists()] == []


# --- the pre-commit hook ---------------------------------------------------------------------------------------------

(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
TABLE = """{:TableName "users" :BillingMode "PAY_PER_REQUEST" :KeySchema [{:AttributeName "id" :KeyType "HASH"}]
 :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]}"""


def hooked(folder: Path, *arguments: str) -> int:
    """What the hook's command answers in a repository; pre-commit puts the user's `args` behind it."""
    command, *rest = HOOK["entry"].split()
    found = Path(sys.executable).parent / command
    return subprocess.run([found, *rest, *arguments], cwd=folder, capture_output=True, check=False).returncode


def test_the_hook_is_one_that_pre_commit_takes() -> None:
    assert HOOK["entry"].split()[0] in PROJECT["scripts"]
    assert HOOK["language"] == "python"  # pre-commit installs this repository as a package
    assert {"id", "name", "entry", "language"} <= HOOK.keys()
    assert re.search(HOOK["files"], "resources/dynamo/users.edn")


@pytest.mark.slow
def test_the_hook_lets_a_commit_pass_or_stops_it(tmp_path: Path) -> None:
    folder = tmp_path / "resources/dynamo"
    folder.mkdir(parents=True)
    (folder / "users.edn").write_text(TABLE, encoding="utf-8")
    assert hooked(tmp_path) == 0
    (folder / "again.edn").write_text(TABLE, encoding="utf-8")  # the same table, in a file that is not committed
    assert hooked(tmp_path) == 1
    assert hooked(tmp_path, "resources/dynamo/users.edn") == 0


# --- the versions of Python ------------------------------------------------------------------------------------------


def test_every_version_of_python_that_the_package_names_is_tested_and_found_by_make() -> None:
    named = [entry.rpartition(" ")[2] for entry in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", entry)]
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["unit"]["strategy"]["matrix"]["python"] == named
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    searched = re.search(r"^PYTHON \?= .*for p in ((?:python[\d.]+ )+)", makefile, re.MULTILINE)
    assert searched
    assert searched[1].split()[::-1] == [f"python{version}" for version in named]
    for page in ("README.md", "CONTRIBUTING.md", "Makefile"):
        assert f"Python {named[0]} to {named[-1]}" in (ROOT / page).read_text(encoding="utf-8"), page
