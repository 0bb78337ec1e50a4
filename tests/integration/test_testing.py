"""`dynatus_ci.testing`, for users' tests: tables from definitions on an emulator, and never in an AWS account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

import dynatus_ci
from dynatus_ci import testing
from dynatus_ci.aws import connection, emulation
from dynatus_ci.errors import InvalidDefinitions, InvalidInput, NoDefinitions
from dynatus_ci.table import emulators

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

DEFINITION = """
{:TableName            #profile {:test "users-of-test" :default "users-of-all"}
 :KeySchema            [{:AttributeName "id" :KeyType "HASH"}]
 :AttributeDefinitions [{:AttributeName "id" :AttributeType #param [type "S"]}]
 :BillingMode          "PAY_PER_REQUEST"
 :TimeToLiveSpecification {:Enabled true :AttributeName "gone_at"}}
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "users.edn").write_text(DEFINITION, encoding="utf-8")
    return Path("tables")


def key_type(client: DynamoDBClient, table: str) -> str:
    return client.describe_table(TableName=table)["Table"]["AttributeDefinitions"][0]["AttributeType"]


def test_tables_are_there_when_it_returns_with_what_create_table_lacks(emulator: str, definitions: Path) -> None:
    client = emulation.client(emulator)
    assert testing.dynamodb_tables(client, definitions).names == ("users-of-all",)
    answer = client.describe_time_to_live(TableName="users-of-all")
    assert answer["TimeToLiveDescription"].get("AttributeName") == "gone_at"
    assert testing.dynamodb_tables(client, definitions).names == ("users-of-all",)


BACKUP = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/backup/01764165600000-abcdef01"


@pytest.mark.parametrize("origin", [':CopyFrom "orders"', f':RestoreFrom "{BACKUP}"'])
def test_a_table_whose_items_come_from_elsewhere_is_there_and_empty(
    emulator: str, definitions: Path, origin: str
) -> None:
    copy = DEFINITION.replace(":KeySchema", f"{origin} :KeySchema")
    (definitions / "users.edn").write_text(copy, encoding="utf-8")
    tables = testing.dynamodb_tables(emulation.client(emulator), definitions)
    tables.renew()
    assert tables.client.scan(TableName="users-of-all")["Count"] == 0


def test_a_table_that_is_to_go_is_none_of_the_tables(emulator: str, definitions: Path) -> None:
    (definitions / "gone.edn").write_text('{:TableName "gone" :Absent true}', encoding="utf-8")
    assert testing.dynamodb_tables(emulation.client(emulator), definitions).names == ("users-of-all",)


def test_environment_parameters_and_prefix_are_those_of_the_loader(emulator: str, definitions: Path) -> None:
    client = emulation.client(emulator)
    prefix = "mine-"
    tables = testing.dynamodb_tables(client, definitions, environment="test", params={"type": "N"}, table_prefix=prefix)
    names = tables.names
    assert names == ("mine-users-of-test",)
    assert key_type(client, names[0]) == "N"


def test_a_wrong_definition_raises_its_faults(emulator: str, definitions: Path) -> None:
    (definitions / "users.edn").write_text("{:TableName 1}", encoding="utf-8")
    with pytest.raises(InvalidDefinitions, match=r"users\.edn:1"):
        testing.dynamodb_tables(emulation.client(emulator), definitions)
    with pytest.raises(NoDefinitions):
        testing.dynamodb_tables(emulation.client(emulator), definitions / "none")


def test_renewed_tables_are_empty_and_as_their_files_say_and_those_of_others_stay(
    emulator: str, definitions: Path
) -> None:
    client = emulation.client(emulator, region="eu-central-1")
    key: Any = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    key["AttributeDefinitions"] = [{"AttributeName": "id", "AttributeType": "S"}]
    client.create_table(TableName="mine", **key)
    tables = testing.dynamodb_tables(client, definitions)
    client.put_item(TableName="users-of-all", Item={"id": {"S": "1"}})
    client.update_table(TableName="users-of-all", DeletionProtectionEnabled=True)
    client.create_table(TableName="made-by-a-test", **key)
    for _ in range(2):
        tables.renew()
        assert client.list_tables()["TableNames"] == ["mine", "users-of-all"]
        assert client.scan(TableName="users-of-all")["Count"] == 0
        answer = client.describe_time_to_live(TableName="users-of-all")
        assert answer["TimeToLiveDescription"].get("AttributeName") == "gone_at"
    tables.delete()
    assert client.list_tables()["TableNames"] == ["mine"]


# --- inside moto's mock_aws ------------------------------------------------------------------------------------------


def test_inside_mock_aws_the_tables_are_made_without_the_pauses_that_aws_needs(definitions: Path) -> None:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        tables = testing.dynamodb_tables(client, definitions)
        assert (tables.names, tables.endpoint_url) == (("users-of-all",), None)
        assert key_type(client, "users-of-all") == "S"
        aws = connection.from_client(client)
        assert (aws.emulator, aws.is_aws) == (emulators.MOTO, False)  # the pauses are those of AWS itself
        assert dynatus_ci.synchronize(client=client, path=definitions)["sync"]
    assert connection.from_client(client).is_aws


def test_inside_mock_aws_what_moto_cannot_do_is_left_out(definitions: Path) -> None:
    text = DEFINITION.replace(" :TimeToLive", ' :TableClass "STANDARD_INFREQUENT_ACCESS"\n :TimeToLive')
    (definitions / "users.edn").write_text(text, encoding="utf-8")
    with mock_aws():
        tables = testing.dynamodb_tables(boto3.client("dynamodb", region_name="eu-west-1"), definitions)
        tables.renew()


def test_an_account_of_aws_is_never_touched(definitions: Path) -> None:
    client = boto3.client("dynamodb", region_name="eu-west-1")
    with pytest.raises(InvalidInput, match="not an emulator"):
        testing.dynamodb_tables(client, definitions)


def test_a_client_of_an_emulator_takes_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.eu-west-1.amazonaws.com")
    client = emulation.client("http://localhost:1")
    credentials = client._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001  # what it signs with
    assert (credentials.access_key, credentials.token) == ("dynatus", None)
    assert client.meta.endpoint_url == "http://localhost:1"


def test_without_testcontainers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "testcontainers.core.container", None)
    with pytest.raises(InvalidInput, match=r"pip install .dynatus-ci\[testing\]"), testing.dynamodb_local():
        pytest.fail("there is no container")


def test_without_docker_it_says_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    with pytest.raises(InvalidInput, match="use moto"), testing.dynamodb_local():
        pass
