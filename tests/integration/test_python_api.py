"""The Python API for those who come from the Clojure library: the same answers, and what must be better here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dynatus_ci
from dynatus_ci.aws import emulation
from tests.small_tables import definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

EXAMPLES = Path(__file__).parents[2] / "examples" / "tables"


def test_synchronize_lists_every_table_in_the_order_of_the_files_noops_too(moto: DynamoDBClient) -> None:
    names = ["orders", "sessions", "users"]
    first = dynatus_ci.synchronize(client=moto, path=EXAMPLES)
    assert first == {"sync": True, "count": 3, "migrated": [{"table": name, "action": "create"} for name in names]}
    second = dynatus_ci.syncronizate(client=moto, path=str(EXAMPLES))
    assert second == {"sync": True, "count": 3, "migrated": [{"table": name, "action": "noop"} for name in names]}


def test_the_default_path_is_the_ancestors(
    moto: DynamoDBClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "resources" / "dynamo" / "deep"
    folder.mkdir(parents=True)
    (folder / "users.edn").write_bytes((EXAMPLES / "users.edn").read_bytes().replace(b'"users"', b'"deep-users"'))
    monkeypatch.chdir(tmp_path)
    assert dynatus_ci.synchronize(moto)["migrated"] == [{"table": "deep-users", "action": "create"}]


@pytest.mark.parametrize("made", [True, False])
def test_no_definitions_is_an_answer_with_the_path_as_given(moto: DynamoDBClient, tmp_path: Path, made: bool) -> None:
    empty = tmp_path / "empty"
    if made:
        empty.mkdir()
    answer = dynatus_ci.synchronize(moto, empty)
    assert answer == {"sync": False, "reason": "No DynamoDB migration files found.", "path": str(empty)}


def test_an_endpoint_that_is_down_is_a_failure_and_never_a_success() -> None:
    client = emulation.client("http://127.0.0.1:9")
    answer = dynatus_ci.synchronize(client, EXAMPLES)
    assert answer["sync"] is False
    assert answer["reason"] == "Exception while executing DynamoDB sync."
    assert "127.0.0.1:9" in answer["error"]
    assert answer["migrated"] == []


def test_faults_in_files_are_an_answer(moto: DynamoDBClient, tmp_path: Path) -> None:
    (tmp_path / "users.edn").write_text('{:TableName "users"}', encoding="utf-8")
    answer = dynatus_ci.synchronize(moto, tmp_path)
    assert (answer["sync"], answer["reason"]) == (False, "Invalid DynamoDB migration files.")
    assert "users.edn:1:1" in answer["error"]


def test_a_key_change_on_a_table_with_items_is_refused_unless_named(moto: DynamoDBClient, tmp_path: Path) -> None:
    dynatus_ci.execute_tables_sync(moto, [definition("people", "id"), definition("places", "id")])
    moto.put_item(TableName="people", Item={"id": {"S": "1"}})
    text = (
        '[{:TableName "people" :BillingMode "PAY_PER_REQUEST" :KeySchema [{:AttributeName "mail" :KeyType :HASH}]'
        ' :AttributeDefinitions [{:AttributeName "mail" :AttributeType "S"}]}'
        ' {:TableName "places" :BillingMode "PAY_PER_REQUEST" :KeySchema [{:AttributeName "id" :KeyType :HASH}]'
        ' :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]}]'
    )
    (tmp_path / "tables.edn").write_text(text, encoding="utf-8")
    answer = dynatus_ci.synchronize(moto, tmp_path)
    assert answer["sync"] is False
    assert answer["reason"].startswith("Refused:")
    assert answer["migrated"] == [{"table": "places", "action": "noop"}]
    assert moto.scan(TableName="people")["Count"] == 1
    named = dynatus_ci.synchronize(moto, tmp_path, allow_destructive=["people"])
    assert named["migrated"] == [{"table": "people", "action": "recreate"}, {"table": "places", "action": "noop"}]


def test_execute_tables_sync_answers_in_the_order_of_its_input(moto: DynamoDBClient) -> None:
    assert dynatus_ci.execute_tables_sync(moto, []) == []
    migrated = dynatus_ci.execute_tables_sync(moto, [definition("zebras", "id"), definition("apes", "id")])
    assert migrated == [{"table": "zebras", "action": "create"}, {"table": "apes", "action": "create"}]


def test_a_bad_definition_from_python_names_the_table_and_the_path(moto: DynamoDBClient) -> None:
    with pytest.raises(dynatus_ci.InvalidDefinitions, match=r"bad: BillingMode"):
        dynatus_ci.execute_tables_sync(moto, [definition("bad", "id", BillingMode="FREE")])


def test_waiting_for_a_table(moto: DynamoDBClient) -> None:
    dynatus_ci.execute_tables_sync(moto, [definition("awaited", "id")])
    assert dynatus_ci.wait_for_table_active(moto, "awaited", timeout=5) is True
    assert dynatus_ci.wait_for_table_active(moto, "never-made", timeout=0.3) is None


def test_a_plan_can_be_reviewed_and_then_applied(moto: DynamoDBClient) -> None:
    tables = dynatus_ci.load_definitions(EXAMPLES, table_prefix="door-")
    plan = dynatus_ci.plan_tables(moto, tables)
    read_back = dynatus_ci.Plan.from_dict(plan.to_dict())
    heard: list[str] = []
    result = dynatus_ci.apply_tables(moto, tables, reviewed=read_back, on_event=lambda event: heard.append(event.table))
    assert result.result == "applied"
    assert set(heard) == {"door-orders", "door-sessions", "door-users"}
    unseen = dynatus_ci.apply_tables(moto, [definition("door-unseen", "id")], reviewed=read_back)
    assert (unseen.result, unseen.failure_reason) == ("refused", "plan-changed")


def test_a_bug_at_one_table_hides_no_others_result_and_says_nothing_that_it_was_told(
    moto: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def hear(event: dynatus_ci.Event) -> None:
        if event.table == "broken":
            raise ValueError("hunter2")

    made = dynatus_ci.apply_tables(moto, [definition("broken", "id"), definition("sound", "id")], on_event=hear)
    broken, sound = made.tables
    assert (broken.result, sound.result) == ("failed", "applied")
    assert made.failure_reason == "internal-error"
    assert broken.error is not None
    assert "`ValueError` at `test_python_api.py" in broken.error.message
    assert "hunter2" not in broken.error.message + "".join(capsys.readouterr())
