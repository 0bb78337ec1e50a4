"""The main job by the command: plan, apply, plan again on the examples; what loses data; mistakes people make."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import cli, session, terminal
from dynatus_ci.engine import Event, EventKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

EXAMPLES = Path(__file__).parents[2] / "examples" / "tables"
KEYED_BY = (
    '{{:TableName "{name}" :BillingMode "PAY_PER_REQUEST" :KeySchema [{{:AttributeName "{key}" :KeyType "HASH"}}]'
    ' :AttributeDefinitions [{{:AttributeName "{key}" :AttributeType "S"}}]}}'
)


def url(client: DynamoDBClient) -> str:
    """The emulator's address."""
    return str(client.meta.endpoint_url)


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    """A folder for one definition."""
    folder = tmp_path / "resources" / "dynamo"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, name: str, key: str) -> None:
    (folder / "table.edn").write_text(KEYED_BY.format(name=name, key=key), encoding="utf-8")


def test_the_examples_are_planned_applied_and_then_agree(
    emulator: DynamoDBClient, capsys: pytest.CaptureFixture[str]
) -> None:
    where = (str(EXAMPLES), "--endpoint-url", url(emulator), "--table-prefix", "main-")
    assert cli.main(["plan", *where, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["create"] == 3
    assert cli.main(["plan", *where, "--detailed-exitcode"]) == 2
    assert cli.main(["drift", *where]) == 2
    assert cli.main(["apply", *where, "--yes"]) == 0
    assert cli.main(["plan", *where, "--detailed-exitcode"]) == 0
    assert cli.main(["drift", *where]) == 0
    users = emulator.describe_table(TableName="main-users")["Table"]
    assert users["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    ttl = emulator.describe_time_to_live(TableName="main-sessions")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")


def test_a_second_apply_makes_no_writing_call(emulator: DynamoDBClient, capsys: pytest.CaptureFixture[str]) -> None:
    where = (str(EXAMPLES), "--endpoint-url", url(emulator), "--table-prefix", "again-")
    assert cli.main(["apply", *where, "--yes"]) == 0
    capsys.readouterr()
    assert cli.main(["apply", *where, "--yes", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["result"] == "noop"
    assert [step for table in result["tables"] for step in table["steps"]] == []


def test_a_key_change_on_a_table_with_items_is_refused_until_it_is_named(
    emulator: DynamoDBClient, keyed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "accounts"
    where = (str(keyed), "--endpoint-url", url(emulator))
    write(keyed, name, "id")
    assert cli.main(["apply", *where, "--yes"]) == 0
    emulator.put_item(TableName=name, Item={"id": {"S": "1"}, "email": {"S": "a@example.com"}})
    write(keyed, name, "email")
    capsys.readouterr()
    assert cli.main(["apply", *where, "--yes"]) == 1
    assert "allow-destructive" in capsys.readouterr().out
    assert emulator.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"]["email"] == {"S": "a@example.com"}
    assert cli.main(["apply", *where, "--yes", "--allow-destructive", name, "--format", "json"]) == 0
    printed = capsys.readouterr()
    table = json.loads(printed.out)["tables"][0]
    assert table["action"] == "recreate"
    assert emulator.describe_table(TableName=name)["Table"]["KeySchema"] == [
        {"AttributeName": "email", "KeyType": "HASH"}
    ]
    if table["backup"]:
        backup = emulator.describe_backup(BackupArn=table["backup"])["BackupDescription"]
        assert backup["SourceTableDetails"]["ItemCount"] == 1
        assert table["backup"] in printed.err
    else:
        assert "no backups" in printed.err


def test_an_empty_table_is_recreated_without_being_named(emulator: DynamoDBClient, keyed: Path) -> None:
    where = (str(keyed), "--endpoint-url", url(emulator))
    for key in ("id", "email"):
        write(keyed, "drafts", key)
        assert cli.main(["apply", *where, "--yes"]) == 0


def test_a_table_goes_only_when_its_file_says_absent_and_it_is_named(emulator: DynamoDBClient, keyed: Path) -> None:
    where = (str(keyed), "--endpoint-url", url(emulator), "--yes")
    write(keyed, "old", "id")
    assert cli.main(["apply", *where]) == 0
    emulator.put_item(TableName="old", Item={"id": {"S": "1"}})
    (keyed / "table.edn").write_text('{:TableName "old" :Absent true}', encoding="utf-8")
    assert cli.main(["apply", *where]) == 1
    assert "old" in emulator.list_tables()["TableNames"]
    assert cli.main(["apply", *where, "--allow-destructive", "ol?"]) == 0
    assert "old" not in emulator.list_tables()["TableNames"]
    assert cli.main(["apply", *where]) == 0


def test_only_what_a_reviewed_plan_holds_is_applied(emulator: DynamoDBClient, keyed: Path) -> None:
    where = (str(keyed), "--endpoint-url", url(emulator))
    plan = keyed.parent / "plan.json"
    write(keyed, "reviewed", "id")
    assert cli.main(["plan", *where, "--out", str(plan)]) == 0
    write(keyed, "unseen", "id")
    assert cli.main(["apply", *where, "--reviewed", str(plan)]) == 1
    assert "unseen" not in emulator.list_tables()["TableNames"]
    write(keyed, "reviewed", "id")
    assert cli.main(["apply", *where, "--reviewed", str(plan)]) == 0
    assert "reviewed" in emulator.list_tables()["TableNames"]


def test_a_reviewed_plan_that_was_changed_by_hand_is_not_taken(moto: DynamoDBClient, keyed: Path) -> None:
    where = (str(keyed), "--endpoint-url", url(moto))
    plan = keyed.parent / "plan.json"
    write(keyed, "forged", "id")
    assert cli.main(["plan", *where, "--out", str(plan)]) == 0
    plan.write_text(plan.read_text(encoding="utf-8").replace('"HASH"', '"RANGE"'), encoding="utf-8")
    assert cli.main(["apply", *where, "--reviewed", str(plan)]) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: dynatus"),
        (
            ["plan", "--endpont-url", "x"],
            "--endpont-url is not an option of dynatus plan. Did you mean --endpoint-url?",
        ),
        (["plan", "nowhere", "--endpoint-url", "http://127.0.0.1:9"], "There is no definition"),
        (["plan", str(EXAMPLES)], "No AWS region is set"),
        (["apply", str(EXAMPLES)], "--yes or --reviewed"),
        (["apply", str(EXAMPLES), "--yes", "--wait-minutes", "0"], "--wait-minutes: "),
        (["plan", str(EXAMPLES), "--account", "12"], "12 digits"),
    ],
)
def test_a_mistake_in_the_arguments_is_exit_1_and_says_what_to_do(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_fault_in_a_file_is_printed_with_its_place_and_nothing_is_called(
    keyed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (keyed / "table.edn").write_text('{:TableName "users"\n :BillngMode "PAY_PER_REQUEST"}', encoding="utf-8")
    assert cli.main(["validate", str(keyed)]) == 1
    assert "table.edn:2:2: unknown-key" in capsys.readouterr().out
    assert cli.main(["plan", str(keyed), "--endpoint-url", "http://127.0.0.1:9"]) == 1
    assert "table.edn:2:2: unknown-key" in capsys.readouterr().err


def test_a_path_without_definitions_hides_no_faults_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, empty = tmp_path / "bad", tmp_path / "empty"
    for folder in (bad, empty):
        folder.mkdir()
    (bad / "table.edn").write_text('{:TableName "users"}', encoding="utf-8")
    assert cli.main(["validate", str(bad), str(empty)]) == 1
    printed = capsys.readouterr()
    assert "table.edn:1:1: " in printed.out
    assert "There is no definition" in printed.err
    assert cli.main(["validate", str(EXAMPLES), str(empty)]) == 1
    assert cli.main(["validate", str(EXAMPLES)]) == 0


def test_a_plan_file_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "nowhere" / "plan.json"
    assert cli.main(["plan", str(EXAMPLES), "--baseline", str(EXAMPLES), "--out", str(out)]) == 1
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{", "[]", '{"format": 1}', "\0" * (session.LARGEST_DOCUMENT + 1), None]
)
def test_what_is_no_plan_document_is_refused(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert cli.main(["apply", str(EXAMPLES), "--reviewed", str(path)]) == 1
    assert "plan" in capsys.readouterr().err


def test_nothing_that_is_printed_reaches_the_terminal_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "no\x1b[2Jwhere", "--endpoint-url", "http://127.0.0.1:9"]) == 1
    with terminal.progress() as on_event:
        on_event(Event(EventKind.STEP, "users", "a key \x1b]0;title\x07"))
    printed = capsys.readouterr().err
    assert "\x1b" not in printed
    assert "users: a key" in printed


def test_imported_files_plan_as_noop(emulator: DynamoDBClient, tmp_path: Path) -> None:
    where = ("--endpoint-url", url(emulator))
    assert cli.main(["apply", str(EXAMPLES), *where, "--yes", "--table-prefix", "import-"]) == 0
    out = tmp_path / "files"
    assert cli.main(["import", "import-*", "--out", str(out), *where]) == 0
    assert len(list(out.glob("*.edn"))) == 3
    assert cli.main(["plan", str(out), *where, "--detailed-exitcode"]) == 0
    assert cli.main(["import", "import-*", "--out", str(out), *where]) == 1


def test_a_baseline_needs_no_aws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "users.edn").write_text((EXAMPLES / "users.edn").read_text(encoding="utf-8"), encoding="utf-8")
    (before / "gone.edn").write_text(KEYED_BY.format(name="gone", key="id"), encoding="utf-8")
    assert cli.main(["plan", str(EXAMPLES), "--baseline", str(before), "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert {table["table"]: table["action"] for table in plan["tables"]} == {
        "orders": "create",
        "sessions": "create",
        "users": "noop",
    }
    assert plan["account"] is None
    assert cli.main(["plan", str(EXAMPLES), "--baseline", str(before)]) == 0
    assert "The definition of gone is gone" in capsys.readouterr().out
