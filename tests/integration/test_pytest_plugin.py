"""The pytest plugin, in the tests of a project that uses it: each run is a pytest of its own, as users start it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import testing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^```python file=(\S+)\n((?s:.*?))^```$", PAGE, re.MULTILINE))
EMULATORS = [pytest.param("dynamodb-local", marks=pytest.mark.docker), "moto"]
ISOLATION = """
import functools
import boto3, pytest

@functools.cache
def users():
    return boto3.resource("dynamodb").Table("users")

@pytest.mark.parametrize("number", range(4))
def test_a_test_finds_nothing_of_another_one(dynatus_tables, number):
    assert dynatus_tables.client.list_tables()["TableNames"] == ["users"]
    assert users().scan()["Count"] == 0
    users().put_item(Item={"user_id": "1", "email": "ada@example.org"})
    assert users().scan()["Count"] == 1
    if number % 2:
        users().delete()
    dynatus_tables.client.create_table(
        TableName=f"more-{number}",
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
"""

each_emulator = pytest.mark.parametrize("emulator", EMULATORS)
pytestmark = pytest.mark.slow


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the definition of one table."""
    pytester.path.joinpath("resources/dynamo").mkdir(parents=True)
    users = (ROOT / "examples/tables/users.edn").read_text(encoding="utf-8")
    pytester.path.joinpath("resources/dynamo/users.edn").write_text(users, encoding="utf-8")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def run(project: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    project.makepyfile(test_it=test)
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options)


@each_emulator
def test_the_example_of_the_page_passes(project: pytest.Pytester, emulator: str) -> None:
    for name, text in SHOWN.items():
        project.path.joinpath(name).write_text(text, encoding="utf-8")
    project.runpytest_subprocess("-o", f"dynatus_emulator={emulator}").assert_outcomes(passed=2)


@each_emulator
def test_each_test_begins_with_the_tables_of_the_files_alone(project: pytest.Pytester, emulator: str) -> None:
    run(project, ISOLATION, "-o", f"dynatus_emulator={emulator}").assert_outcomes(passed=4)


@pytest.mark.docker
def test_workers_share_one_container_and_no_table(project: pytest.Pytester) -> None:
    shown = "\ndef test_where(dynatus_tables):\n    print('at', dynatus_tables.endpoint_url)\n"
    ran = run(project, ISOLATION + shown, "-n", "2", "-v", "--dist", "each", "-rP")
    ran.assert_outcomes(passed=10)
    assert len({line for line in ran.outlines if line.startswith("at http")}) == 1


@pytest.mark.docker
def test_a_dynamodb_local_that_runs_already_is_used(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    with testing.container(testing.IMAGE) as url:
        monkeypatch.setenv("DYNAMODB_LOCAL_ENDPOINT", url)
        run(project, ISOLATION).assert_outcomes(passed=4)


@pytest.mark.docker
def test_a_shared_dynamodb_local_is_refused(
    project: pytest.Pytester, dynamodb_local: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNAMODB_LOCAL_ENDPOINT", dynamodb_local.meta.endpoint_url)
    ran = run(project, ISOLATION)
    ran.assert_outcomes(errors=4)
    ran.stdout.fnmatch_lines(["*tests would delete yours. Start DynamoDB Local there without -sharedDb."])


def test_aws_is_refused(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNAMODB_LOCAL_ENDPOINT", "https://dynamodb.eu-west-1.amazonaws.com")
    ran = run(project, ISOLATION)
    ran.assert_outcomes(errors=4)
    ran.stdout.fnmatch_lines(["*is AWS, not an emulator.*"])


def test_inside_mock_aws_a_test_and_the_fixture_see_the_same_tables(project: pytest.Pytester) -> None:
    test = """
import boto3
from moto import mock_aws

@mock_aws
def test_both(dynatus_tables):
    boto3.client("s3").create_bucket(Bucket="other-services-too")
    assert boto3.client("dynamodb").list_tables()["TableNames"] == ["users"]
"""
    run(project, test, "-o", "dynatus_emulator=moto").assert_outcomes(passed=1)


def test_the_environment_leads_to_the_tables_and_is_put_back(project: pytest.Pytester) -> None:
    test = """
import os
import boto3

os.environ |= {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": "http://localhost:1", "AWS_DEFAULT_REGION": "eu-west-3"}
before = dict(os.environ)

def test_inside(dynatus_tables):
    client = boto3.client("dynamodb")
    assert client.meta.region_name == "eu-west-3"
    assert client.list_tables()["TableNames"] == ["users"]
    assert {name: os.environ.get(name) for name in dynatus_tables.environment} == dynatus_tables.environment

def test_outside():
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    assert {name for name in changed if name.startswith("AWS_")} == set()
"""
    run(project, test, "-o", "dynatus_emulator=moto").assert_outcomes(passed=2)


def test_settings_are_those_of_the_inputs(project: pytest.Pytester) -> None:
    text = project.path.joinpath("resources/dynamo/users.edn").read_text(encoding="utf-8")
    text = text.replace('"users"', '#profile {:test #join ["users-" #param stage] :default "other"}')
    project.path.joinpath("tables").mkdir()
    project.path.joinpath("tables/users.edn").write_text(text, encoding="utf-8")
    project.makepyprojecttoml("""
        [tool.pytest.ini_options]
        dynatus_path = "tables"
        dynatus_environment = "test"
        dynatus_params = ["stage=one"]
        dynatus_table_prefix = "my-"
        dynatus_region = "eu-north-1"
        dynatus_emulator = "moto"
    """)
    test = """
def test_names(dynatus_tables):
    assert dynatus_tables.names == ("my-users-one",)
    assert dynatus_tables.client.meta.region_name == "eu-north-1"
"""
    run(project, test).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("dynatus_path=none", "There is no definition at none: it does not exist. *"),
        ("dynatus_emulator=localstack", "*dynatus_emulator must be dynamodb-local or moto, not localstack.*"),
        ("dynatus_params=stage", "*params: entry 1 is not NAME=VALUE.*"),
        ("dynatus_path=faulty.edn", "faulty.edn:1:13: *"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(project: pytest.Pytester, setting: str, told: str) -> None:
    project.path.joinpath("faulty.edn").write_text("{:TableName 1}", encoding="utf-8")
    ran = run(project, "def test_it(dynatus_tables): pass", "-o", "dynatus_emulator=moto", "-o", setting)
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines([told])
    ran.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_run_that_uses_no_table_imports_nothing_for_it(project: pytest.Pytester) -> None:
    test = """
import sys

def test_nothing_is_imported(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("dynatus")
    ours = sorted(name for name in sys.modules if name.startswith("dynatus_ci"))
    assert ours == ["dynatus_ci", "dynatus_ci.pytest_plugin"]
    assert not {"boto3", "botocore", "moto", "testcontainers"} & set(sys.modules)
"""
    run(project, test).assert_outcomes(passed=1)


def test_our_own_runs_leave_the_plugin_out(pytestconfig: pytest.Config) -> None:
    assert not pytestconfig.pluginmanager.has_plugin("dynatus")
