"""Import, then plan, on the emulators: what was written of a table plans as noop on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto.server import ThreadedMotoServer

from dynatus_ci import api, importer, testing
from dynatus_ci.aws import connection, emulation
from dynatus_ci.table.model import Action
from dynatus_ci.table.outcome import Outcome
from tests.small_tables import bare
from tests.strategies import KEY_ID
from tests.world import World

DEFINITIONS = """
[{:TableName "orders"
  :KeySchema [{:AttributeName "id" :KeyType :HASH} {:AttributeName "at" :KeyType :RANGE}]
  :AttributeDefinitions [{:AttributeName "id" :AttributeType :S} {:AttributeName "at" :AttributeType :N}
                         {:AttributeName "user" :AttributeType :S} {:AttributeName "state" :AttributeType :S}]
  :ProvisionedThroughput {:ReadCapacityUnits 3 :WriteCapacityUnits 2}
  :LocalSecondaryIndexes [{:IndexName "by-state" :Projection {:ProjectionType :KEYS_ONLY}
                           :KeySchema [{:AttributeName "id" :KeyType :HASH} {:AttributeName "state" :KeyType :RANGE}]}]
  :GlobalSecondaryIndexes [{:IndexName "by-user" :KeySchema [{:AttributeName "user" :KeyType :HASH}]
                            :Projection {:ProjectionType :INCLUDE :NonKeyAttributes ["total" "city"]}
                            :ProvisionedThroughput {:ReadCapacityUnits 1 :WriteCapacityUnits 1}}]
  :TimeToLiveSpecification {:Enabled true :AttributeName "gone \\"at\\""}}
 {:TableName "users"
  :KeySchema [{:AttributeName "id" :KeyType :HASH}]
  :AttributeDefinitions [{:AttributeName "id" :AttributeType :S}]
  :BillingMode :PAY_PER_REQUEST
  :StreamSpecification {:StreamEnabled true :StreamViewType :KEYS_ONLY}
  :DeletionProtectionEnabled true
  :Tags [{:Key "team" :Value "accounts"} {:Key "leer" :Value ""}]
  :PointInTimeRecoverySpecification {:PointInTimeRecoveryEnabled true :RecoveryPeriodInDays 7}
  :ResourcePolicy {:Version "2012-10-17"
                   :Statement [{:Effect "Deny" :Principal "*" :Action "dynamodb:DeleteTable" :Resource "*"
                                :Condition {:Bool {"aws:SecureTransport" "false"}}}]}}]
"""


@pytest.fixture(scope="module", params=["moto", pytest.param("dynamodb-local", marks=pytest.mark.docker)])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "dynamodb-local":
        with testing.dynamodb_local() as client:
            yield client.meta.endpoint_url
        with pytest.raises(EndpointConnectionError):  # it lasts as long as the context
            client.list_tables()
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tables.edn").write_text(DEFINITIONS, encoding="utf-8")


def test_what_was_imported_plans_as_noop(endpoint: str) -> None:
    client = emulation.client(endpoint)
    testing.dynamodb_tables(client, "tables.edn", table_prefix="first-")
    imported = importer.import_tables(connection.from_client(client), ["first-*"], out_dir=Path("live"))
    assert [(one.table, one.error) for one in imported] == [("first-orders", None), ("first-users", None)]
    plan = api.plan_tables(client, api.load_definitions("live"))
    assert [(change.table, change.action, change.steps) for change in plan.tables] == [
        ("first-orders", Action.NOOP, ()),
        ("first-users", Action.NOOP, ()),
    ]


def test_what_was_imported_makes_the_same_table_again(endpoint: str) -> None:
    client = emulation.client(endpoint)
    testing.dynamodb_tables(client, "tables.edn", table_prefix="second-")
    importer.import_tables(connection.from_client(client), ["second-*"], out_dir=Path("live"))
    testing.dynamodb_tables(client, "live", table_prefix="again-")
    plan = api.plan_tables(client, api.load_definitions("tables.edn", table_prefix="again-second-"))
    assert {change.action for change in plan.tables} == {Action.NOOP}


@pytest.mark.parametrize(
    ("key", "denied", "written"),
    [
        (None, False, {"Enabled": True, "SSEType": "KMS"}),
        (None, True, {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/aws/dynamodb"}),
        (KEY_ID, False, {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY_ID}),
    ],
    ids=["AWS's own", "AWS's own, unknown", "a customer's"],
)
def test_the_key_that_aws_manages_goes_without_a_name(
    world: World, key: str | None, denied: bool, written: dict[str, Any]
) -> None:
    encryption = {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": key} if key else {})}
    assert world.apply(bare(SSESpecification=encryption)).table.result is Outcome.APPLIED
    if denied:
        world.simulator.faults.deny("DescribeKey")
    (imported,) = importer.import_tables(world.aws, [], out_dir=Path("live"))
    assert imported.error is None
    (table,) = api.load_definitions("live")
    named = world.simulator.find_key(written.get("KMSMasterKeyId", KEY_ID))
    assert named
    expected = {**written, **({"KMSMasterKeyId": named.arn} if "KMSMasterKeyId" in written else {})}
    assert table.at(("SSESpecification",)) == expected
