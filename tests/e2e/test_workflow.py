"""The recipes in examples/workflows, run through the runner's own ways (nektos/act) as they are: see `tests/act.py`.

The job image is the one that ACT_IMAGE names; act reaches nothing but this machine. A call of act takes about ten
seconds, so a test is a story of a few events in one repository.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import dynatus_ci
from tests import act, github_stub
from tests.act import RECIPES, Aws, Hosted
from tests.github_stub import GitHubStub
from tests.image import address
from tests.scene import PATH, ROOT, TTL, table

INSTALLED: Final = {
    "review": ("plan.yml", "apply.yml", "fork-baseline.yml", "pull-request-tests.yml"),
    "drift": ("apply.yml", "drift.yml", "drift-repair.yml"),
    "environments": ("environments.yml",),
    "matrix": ("matrix.yml",),
    "forks": ("plan.yml", "fork-baseline.yml", "fork-plan.yml"),
    "queue": ("merge-queue.yml",),
}
"""The recipes that stand side by side in a repository, by what the repository is for."""

STAGING, PRODUCTION = "111111111111", "222222222222"
USERS = table(**TTL)
EXPIRY = {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our repository without what a machine has beside it: act sends all of it to the engine, at each use."""
    folder = tmp_path_factory.mktemp("action") / "dynatus-action"
    beside = shutil.ignore_patterns(".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "tests", "build", "dist")
    shutil.copytree(ROOT, folder, ignore=beside)
    return folder


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Aws]:
    with act.aws(tmp_path) as cloud:
        yield cloud


@pytest.fixture
def repo(request: pytest.FixtureRequest, tmp_path: Path, cloud: Aws, action: Path) -> Iterator[Hosted]:
    """A repository with the recipes that the test names, and an account that no other test has."""
    account = f"{1 + list(INSTALLED).index(request.param):012}"
    with github_stub.serving(GitHubStub(), host=address("bridge")) as github:
        made = Hosted(tmp_path, github, cloud=cloud, account=account, action=action)
        made.install(*INSTALLED[request.param])
        yield made


def installed(name: str) -> pytest.MarkDecorator:
    """A test in the repository of this name; it needs what act needs."""
    repo = pytest.param(name, marks=[pytest.mark.docker, pytest.mark.act])
    return pytest.mark.parametrize("repo", [repo], indirect=True)


def tables(cloud: Aws, account: str) -> list[str]:
    with cloud.account(account) as client:
        return client.list_tables()["TableNames"]


@installed("review")
def test_what_was_reviewed_is_applied(repo: Hosted, cloud: Aws) -> None:
    repo.open(1, users=USERS)
    log = repo.on_pull_request(1)
    assert log.jobs == {"DynamoDB plan": "success", "Tests": "success"}
    assert sorted(log.outputs("result")) == ["applied", "planned"]
    assert '{"TableNames":["users"]}' in log.text
    assert "Merging approves this plan" in repo.comment(1)
    assert tables(cloud, repo.account) == []
    repo.merge(1)
    log = repo.on_push()
    assert (log.jobs, log.outputs("result")) == ({"DynamoDB apply": "success"}, ["applied"])
    assert "1 table changed" in repo.comment(1)
    with cloud.account(repo.account) as client:
        assert client.describe_time_to_live(TableName="users")["TimeToLiveDescription"] == EXPIRY


@installed("drift")
def test_drift_opens_an_issue_that_its_repair_closes(repo: Hosted, cloud: Aws) -> None:
    repo.open(1, users=USERS)
    repo.merge(1)
    title = "DynamoDB drift in production"
    with cloud.account(repo.account) as client:
        dynatus_ci.apply_tables(client, dynatus_ci.load_definitions(repo.home / PATH))
        client.update_time_to_live(
            TableName="users", TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"}
        )
        log = repo.on_schedule("drift.yml")
        assert (log.jobs, log.outputs("failure-reason")) == ({"DynamoDB drift": "failure"}, ["drift"])
        assert repo.issues == [(title, True, 1)]
        # The text of the issue is the report.
        assert "### DynamoDB drift" in (repo.ground / "issues.json").read_text(encoding="utf-8")
        log = repo.on_schedule("apply.yml")  # the repair is in no pull request's record
        assert (log.jobs, log.outputs("failure-reason")) == ({"DynamoDB apply": "failure"}, ["plan-missing"])
        log = repo.on_dispatch("drift-repair.yml")
        assert log.jobs == {"What a repair would do": "success", "Repair": "success"}
        assert log.outputs("result") == ["planned", "applied"]
        assert client.describe_time_to_live(TableName="users")["TimeToLiveDescription"] == EXPIRY
    log = repo.on_schedule("drift.yml")
    assert (log.jobs, log.outputs("result")) == ({"DynamoDB drift": "success"}, ["noop"])
    assert repo.issues == [(title, False, 2)]


@installed("environments")
def test_an_environment_s_apply_runs_the_plan_that_its_reviewers_had(repo: Hosted, cloud: Aws) -> None:
    repo.write(users=USERS)
    repo.push()
    log = repo.on_push()
    assert log.jobs == {"Plan": "success", "Apply": "success"}
    assert log.outputs("result") == ["planned", "applied"]
    assert tables(cloud, repo.account) == ["users"]


@installed("matrix")
def test_each_account_gets_its_own_comment_and_tables(repo: Hosted, cloud: Aws) -> None:
    repo.open(1, invoices=(ROOT / "examples/environments/invoices.edn").read_text(encoding="utf-8"))
    log = repo.on_pull_request(1)
    assert log.jobs == {"Plan staging": "success", "Plan production": "success"}
    assert len(repo.github.bodies(1)) == 2
    repo.merge(1)
    log = repo.on_push()
    assert log.jobs == {"Apply staging": "success", "Apply production": "success"}
    assert log.outputs("result") == ["applied", "applied"]
    assert (tables(cloud, STAGING), tables(cloud, PRODUCTION)) == (["invoices-staging"], ["invoices-production"])


@installed("forks")
def test_a_fork_is_compared_without_credentials_and_planned_by_a_maintainer(repo: Hosted, cloud: Aws) -> None:
    repo.write(users=table())
    repo.push()
    repo.open(1, users=USERS)
    repo.github.pulls[1]["head"]["repo"] = {"full_name": "mallory/hello-world"}
    log = repo.on_pull_request(1)
    assert log.jobs == {"Compare the definitions": "success"}
    (summary,) = log.summaries
    assert "1 to update" in summary
    assert "It approves nothing" in summary
    assert repo.github.bodies(1) == []
    log = repo.on_dispatch("fork-plan.yml", pull_request="1")
    assert (log.jobs, log.outputs("result")) == ({"Plan the pull request": "success"}, ["planned"])
    assert "+\N{NO-BREAK SPACE}table · time to live" in repo.comment(1)
    assert tables(cloud, repo.account) == []


@installed("queue")
def test_a_merge_queue_plans_what_main_will_be(repo: Hosted, cloud: Aws) -> None:
    repo.open(1, users=USERS)
    log = repo.on_pull_request(1)
    assert (log.jobs, log.outputs("result")) == ({"DynamoDB plan": "success"}, ["planned"])
    record = repo.comment(1)
    log = repo.on_merge_group(1)
    assert (log.jobs, log.outputs("result")) == ({"DynamoDB plan": "success"}, ["planned"])
    assert repo.comment(1) == record
    repo.merge(1)
    log = repo.on_push()
    assert (log.jobs, log.outputs("result")) == ({"DynamoDB apply": "success"}, ["applied"])
    assert tables(cloud, repo.account) == ["users"]


def test_every_recipe_is_run() -> None:
    assert {recipe for recipes in INSTALLED.values() for recipe in recipes} == {file.name for file in RECIPES.iterdir()}
