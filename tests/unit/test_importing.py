"""`dynatus import` with a fake account behind the client: which files are written, and which errors there are."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from dynatus_ci import cli, engine, importer
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws
from dynatus_ci.definitions import formats, loader
from dynatus_ci.errors import InvalidInput
from dynatus_ci.session import Planning
from dynatus_ci.table import emulators
from dynatus_ci.table.model import Action

if TYPE_CHECKING:
    from botocore.model import OperationModel

LIVE = Path(__file__).parents[1] / "cases" / "live"
AWS_CASES = [
    found for path in sorted(LIVE.glob("*.json")) if not (found := json.loads(path.read_text("utf-8")))["emulator"]
]


class Account:
    """A fake account that answers the reads of some tables. A page of ListTables has two names."""

    def __init__(self, cases: Sequence[Mapping[str, Any]]) -> None:
        self.cases = {case["table"]["TableName"]: case for case in cases}
        self.gone: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.stacks: dict[str, list[dict[str, str]]] = {}
        client = boto3.client("dynamodb", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.meta.events.register("before-call.dynamodb", self._call)  # type: ignore[arg-type]  # an answer ends the call
        session = boto3.Session(region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
        session.events.register("before-call.cloudformation", self._stack)  # type: ignore[arg-type]  # likewise
        session.events.register("before-call.kms", self._key)  # type: ignore[arg-type]  # likewise
        session.events.register("before-call.application-autoscaling", self._scaling)  # type: ignore[arg-type]  # likewise
        self.aws = Aws(session=session, given=client, region="eu-west-1")

    def _call(self, model: OperationModel, params: Mapping[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        answer = self._answer(model.name, json.loads(params["body"]))
        return SimpleNamespace(status_code=400 if "Error" in answer else 200), answer

    def _stack(self, params: Mapping[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        name = params["body"]["PhysicalResourceId"]
        if (name, "DescribeStackResources") in self.denied:
            message = "User: x is not authorized to perform: cloudformation:DescribeStackResources on resource: *"
            answer = _error("AccessDenied", message)
        elif name in self.stacks:
            answer = {"StackResources": self.stacks[name]}
        else:
            answer = _error("ValidationError", f"Stack for {name} does not exist")
        return SimpleNamespace(status_code=400 if "Error" in answer else 200), answer

    def _key(self, **_: object) -> tuple[Any, dict[str, Any]]:
        answer = _error("AccessDeniedException", "User: x is not authorized to perform: kms:DescribeKey")
        return SimpleNamespace(status_code=400), answer

    def _scaling(self, model: OperationModel, **_: object) -> tuple[Any, dict[str, Any]]:
        if ("", model.name) in self.denied:
            message = f"User: x is not authorized to perform: application-autoscaling:{model.name}"
            return SimpleNamespace(status_code=400), _error("AccessDeniedException", message)
        items = model.name.removeprefix("Describe")
        found = [item for case in self.cases.values() for item in case.get("scaling", {}).get(items, [])]
        return SimpleNamespace(status_code=200), {items: found}

    def _answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked.get("TableName") or asked.get("ResourceArn", "").partition(":table/")[2]
        if (name, operation) in self.denied:
            return _error("AccessDeniedException", f"User: x is not authorized to perform: dynamodb:{operation}")
        if operation == "ListTables":
            return self._page(asked.get("ExclusiveStartTableName", ""))
        if name in self.gone:
            return _error("ResourceNotFoundException", "no such table")
        if operation == "DescribeTable":
            return {"Table": self.cases[name]["table"]}
        answer: dict[str, Any] = self.cases[name]["answers"][operation]
        return answer or _error("PolicyNotFoundException", "no policy")

    def _page(self, after: str) -> dict[str, Any]:
        names = [name for name in sorted(self.cases) if name > after]
        more = {"LastEvaluatedTableName": names[1]} if len(names) > 2 else {}
        return {"TableNames": names[:2], **more}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}


def case(name: str, **members: object) -> dict[str, Any]:
    found = json.loads((LIVE / "bare-provisioned.json").read_text("utf-8"))
    found["table"] |= {
        "TableName": name,
        "TableArn": f"arn:aws:dynamodb:eu-west-1:111122223333:table/{name}",
        **members,
    }
    return dict(found)


def errors(imported: Sequence[importer.Imported]) -> dict[str, str]:
    return {one.table: one.error.sentence for one in imported if one.error}


def test_all_tables_become_files_that_plan_as_noop(tmp_path: Path) -> None:
    account = Account(AWS_CASES)
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path / "new" / "tables")
    assert [(one.table, one.file and one.file.name, one.error) for one in imported] == [
        (name, f"{name}.edn", None) for name in sorted(account.cases)
    ]
    loaded = loader.load("new", root=tmp_path)
    plan = engine.plan(account.aws, loaded.tables)
    assert {change.action for change in plan.tables} == {Action.NOOP}
    assert len(plan.tables) == len(AWS_CASES)


@pytest.mark.parametrize("file_format", formats.FORMATS, ids=lambda file_format: file_format.name)
def test_files_in_any_format_plan_as_noop_and_name_the_owner_where_they_can(
    file_format: formats.Format, tmp_path: Path
) -> None:
    account = Account(AWS_CASES)
    name = min(account.cases)
    account.stacks[name] = [resource(name, "Table")]
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True, file_format=file_format)
    assert {one.file.suffix for one in imported if one.file} == {file_format.suffixes[0]}
    plan = engine.plan(account.aws, loader.load(".", root=tmp_path).tables)
    assert {change.action for change in plan.tables} == {Action.NOOP}
    assert len(plan.tables) == len(AWS_CASES)
    first = (tmp_path / f"{name}{file_format.suffixes[0]}").read_text(encoding="utf-8").splitlines()[0]
    owned = "Owned by the CloudFormation stack shop (resource Table, AWS::DynamoDB::Table)."
    assert first == (f"{file_format.comment} {owned}" if file_format.comment else "{")


def test_no_file_is_written_beside_one_in_another_format(tmp_path: Path) -> None:
    account = Account([case("orders"), case("users")])
    importer.import_tables(account.aws, ["orders"], out_dir=tmp_path)
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path, file_format=formats.YAML)
    assert errors(imported) == {"orders": f"`{tmp_path / 'orders.edn'}` exists, so no YAML was written beside it."}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.edn", "users.yaml"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ([], ["orders", "orders-old", "Users"]),
        (["orders"], ["orders"]),
        (["orders*", "*s"], ["orders", "orders-old", "Users"]),
        (["users"], []),
    ],
)
def test_patterns_choose_tables_with_their_case(tmp_path: Path, patterns: list[str], names: list[str]) -> None:
    account = Account([case("orders"), case("orders-old"), case("Users")])
    imported = importer.import_tables(account.aws, patterns, out_dir=tmp_path)
    assert sorted(one.table for one in imported if one.file) == sorted(names)


def test_a_pattern_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    imported = importer.import_tables(Account([case("orders")]).aws, ["ordres", "orders"], out_dir=tmp_path)
    assert errors(imported) == {"ordres": "No table has this name."}


def test_an_existing_file_is_not_changed_and_is_an_error(tmp_path: Path) -> None:
    mine = tmp_path / "orders.edn"
    mine.write_text("; mine", encoding="utf-8")
    imported = importer.import_tables(Account([case("orders"), case("users")]).aws, [], out_dir=tmp_path)
    assert mine.read_text(encoding="utf-8") == "; mine"
    assert errors(imported) == {"orders": f"`{mine}` exists and was not changed."}
    assert (tmp_path / "users.edn").exists()


def test_a_link_with_the_name_of_the_file_is_not_followed(tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / "orders.edn")  # noqa: PTH211  # dangling on purpose
    imported = importer.import_tables(Account([case("orders")]).aws, [], out_dir=tmp_path)
    assert "exists" in errors(imported)["orders"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_import_writes_nothing(tmp_path: Path) -> None:
    account = Account([case("orders")])
    importer.import_tables(account.aws, [], out_dir=tmp_path)
    first = (tmp_path / "orders.edn").stat()
    assert errors(importer.import_tables(account.aws, [], out_dir=tmp_path)).keys() == {"orders"}
    assert (tmp_path / "orders.edn").stat().st_mtime_ns == first.st_mtime_ns


@pytest.mark.parametrize("name", ["../escape", "a/b", "tab\tle"])
def test_an_invalid_table_name_is_not_used_as_a_path(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    imported = importer.import_tables(Account([case("fine"), case(name)]).aws, [], out_dir=out)
    assert list(errors(imported)) == [name]
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "fine.edn"]


def test_a_name_that_begins_with_a_dot_makes_no_hidden_file(tmp_path: Path) -> None:
    (imported,) = importer.import_tables(Account([case("...")]).aws, [], out_dir=tmp_path)
    assert imported.file == tmp_path / "_....edn"
    assert loader.load(".", root=tmp_path).tables[0].name == "..."


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"TableStatus": "CREATING"}, "CREATING"),
        ({"TableStatus": "UPDATING"}, "UPDATING"),
        ({"TableStatus": "ARCHIVED"}, "ARCHIVED"),
        ({"TableStatus": "INACCESSIBLE_ENCRYPTION_CREDENTIALS"}, "INACCESSIBLE_ENCRYPTION_CREDENTIALS"),
        ({"SSEDescription": {"Status": "UPDATING", "SSEType": "KMS"}}, "`SSESpecification` is `UPDATING`"),
        (
            {
                "VectorIndexes": [
                    {"IndexName": "v", "VectorAttribute": {"AttributeName": "e"}, "IndexStatus": "CREATING"}
                ]
            },
            "`VectorIndexes/v` is `CREATING`",
        ),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 5, "Status": "UPDATING"}}, "`WarmThroughput` is `UPDATING`"),
    ],
)
def test_a_changing_table_is_an_error_and_does_not_stop_others(
    tmp_path: Path, members: dict[str, Any], told: str
) -> None:
    account = Account([case("busy", **members), case("calm")])
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path)
    assert told in errors(imported)["busy"]
    assert [path.name for path in tmp_path.iterdir()] == ["calm.edn"]


def test_a_missing_permission_is_named_and_does_not_stop_others(tmp_path: Path) -> None:
    account = Account([case("secret"), case("open")])
    account.denied = {("secret", "ListTagsOfResource")}
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path)
    assert "dynamodb:ListTagsOfResource" in errors(imported)["secret"]
    assert [path.name for path in tmp_path.iterdir()] == ["open.edn"]


def test_a_table_that_is_deleted_during_the_import_is_an_error(tmp_path: Path) -> None:
    account = Account([case("gone")])
    account.gone = {"gone"}
    assert errors(importer.import_tables(account.aws, [], out_dir=tmp_path)) == {
        "gone": "The table was deleted during the import."
    }


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"AttributeDefinitions": []}, "has no `:AttributeType`"),
        ({"KeySchema": [{"AttributeName": "\ud800", "KeyType": "HASH"}]}, "surrogate"),
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}}, "ReadCapacityUnits"),
    ],
)
def test_a_file_that_cannot_be_loaded_again_is_not_kept(tmp_path: Path, members: dict[str, Any], told: str) -> None:
    imported = importer.import_tables(Account([case("odd", **members)]).aws, [], out_dir=tmp_path)
    assert told in errors(imported)["odd"]
    assert list(tmp_path.iterdir()) == []


def test_unmanaged_settings_are_a_warning_and_the_rest_is_written(tmp_path: Path) -> None:
    vector = {"IndexName": "by-meaning", "VectorAttribute": {"AttributeName": "embedding"}, "IndexStatus": "ACTIVE"}
    strong = {"MultiRegionConsistency": "STRONG"}
    account = Account([case("orders", VectorIndexes=[vector], Compression={"On": True}, **strong), case("plain")])
    orders, plain = importer.import_tables(account.aws, [], out_dir=tmp_path)
    assert orders.file
    assert orders.warning == (
        "Dynatus does not manage these, so the file leaves them out: vector index by-meaning, Compression, "
        "MultiRegionConsistency. A new table will not have them."
    )
    assert plain.warning is None


def scaled(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    """A provisioned table whose reads scale, by a policy or only by schedule."""
    place = {"ResourceId": "table/orders", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"}
    target = {**place, "MinCapacity": 1, "MaxCapacity": 50}
    tracking = {"TargetTrackingScalingPolicyConfiguration": policy, "PolicyName": "mine"}
    found = case("orders")
    found["scaling"] = {"ScalableTargets": [target], "ScalingPolicies": [{**place, **tracking}] if policy else []}
    return found


def test_auto_scaling_is_written(tmp_path: Path) -> None:
    (imported,) = importer.import_tables(Account([scaled({"TargetValue": 75.5})]).aws, [], out_dir=tmp_path)
    assert imported.warning is None
    assert imported.file
    policy = "{:TargetValue 75.5}"
    expected = f"{{:MinCapacity 1 :MaxCapacity 50 :TargetTrackingScalingPolicyConfiguration {policy}}}"
    assert expected in " ".join(imported.file.read_text("utf-8").split())


@pytest.mark.parametrize("policy", [None, {"TargetValue": 5_000.0, "CustomizedMetricSpecification": {}}])
def test_auto_scaling_that_a_file_cannot_say_is_left_out_with_a_warning(
    tmp_path: Path, policy: dict[str, Any] | None
) -> None:
    (imported,) = importer.import_tables(Account([scaled(policy)]).aws, [], out_dir=tmp_path)
    assert imported.file
    assert "AutoScaling" not in imported.file.read_text("utf-8")
    assert imported.warning == (
        "The file leaves out this auto scaling, because it has no policy with a target of 20 to 90 %: "
        "ReadCapacityAutoScalingSettings. In the account it stays as it is."
    )


def test_auto_scaling_that_may_not_be_read_is_an_error_of_provisioned_tables_alone(tmp_path: Path) -> None:
    on_demand = case("events", BillingModeSummary={"BillingMode": "PAY_PER_REQUEST"})
    account = Account([on_demand, scaled(None)])
    account.denied = {("", "DescribeScalableTargets")}
    events, orders = importer.import_tables(account.aws, [], out_dir=tmp_path)
    assert events.file
    assert isinstance(orders.error, CallFailed)
    assert orders.error.missing_permission == "application-autoscaling:DescribeScalableTargets"


def test_a_probe_is_a_warning_and_not_imported(tmp_path: Path) -> None:
    left = case("orders.dynatus-probe")
    left["answers"]["ListTagsOfResource"] = {"Tags": [{"Key": "dynatus:probe-of", "Value": "orders@11111111"}]}
    _, imported = importer.import_tables(Account([case("orders"), left]).aws, [], out_dir=tmp_path)
    assert (imported.table, imported.file, imported.error) == ("orders.dynatus-probe", None, None)
    assert "an interrupted apply left behind" in str(imported.warning)
    assert [path.name for path in tmp_path.iterdir()] == ["orders.edn"]


def tagged(name: str, **tags: str) -> dict[str, Any]:
    found = case(name)
    listed = [{"Key": f"dynatus:{key.replace('_', '-')}", "Value": value} for key, value in tags.items()]
    found["answers"]["ListTagsOfResource"] = {"Tags": listed}
    return found


def test_a_copy_that_holds_the_items_of_another_table_is_a_warning_and_not_imported(tmp_path: Path) -> None:
    copy = tagged("orders.dynatus-items", copy_of="orders@11111111", copy_complete="orders@11111111")
    _, imported = importer.import_tables(Account([case("orders"), copy]).aws, [], out_dir=tmp_path)
    assert (imported.table, imported.file, imported.error) == ("orders.dynatus-items", None, None)
    assert str(imported.warning).startswith("No file was written: this is a copy of the items of `orders`, from a")
    assert [path.name for path in tmp_path.iterdir()] == ["orders.edn"]


def test_a_table_of_yours_with_the_name_of_a_copy_is_imported(tmp_path: Path) -> None:
    (imported,) = importer.import_tables(Account([case("orders.dynatus-items")]).aws, [], out_dir=tmp_path)
    assert (imported.error, imported.warning) == (None, None)


def test_where_no_tags_are_kept_the_name_says_what_a_copy_is(tmp_path: Path) -> None:
    account = Account([case("orders.dynatus-items")])
    account.aws.emulator = emulators.DYNAMODB_LOCAL
    (imported,) = importer.import_tables(account.aws, [], out_dir=tmp_path)
    assert (imported.file, imported.warning) == (None, importer.COPY.format(table="`orders`"))


def test_a_table_without_all_of_its_items_back_is_not_imported(tmp_path: Path) -> None:
    filling = tagged("orders", items_from="orders@11111111")
    imported = importer.import_tables(Account([filling]).aws, [], out_dir=tmp_path)
    assert errors(imported)["orders"].startswith("The table does not have all of its items back: ")
    assert list(tmp_path.iterdir()) == []


def test_a_table_whose_copy_has_not_ended_is_imported_with_a_warning(tmp_path: Path) -> None:
    begun = tagged("orders", copying_from="shop@11111111")
    done = tagged("users", copied_from="people@11111111")
    orders, users = importer.import_tables(Account([begun, done]).aws, [], out_dir=tmp_path)
    assert "does not have all items of `shop` yet. Write `:CopyFrom`" in str(orders.warning)
    assert orders.file
    assert users.warning is None


def test_a_file_whose_plan_has_a_change_is_not_kept(tmp_path: Path) -> None:
    odd = case("odd")
    odd["answers"]["ListTagsOfResource"] = {
        "Tags": [{"Key": "AWS:reserved", "Value": ""}, {"Key": "team", "Value": ""}]
    }
    imported = importer.import_tables(Account([odd]).aws, [], out_dir=tmp_path)
    assert "would change `Tags/AWS:reserved`" in errors(imported)["odd"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    long = "n" * 255  # a name of a table, and with its suffix none of a file
    imported = importer.import_tables(Account([case(long), case("orders")]).aws, [], out_dir=tmp_path)
    assert "cannot be written" in errors(imported)[long]
    assert [path.name for path in tmp_path.iterdir()] == ["orders.edn"]


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InvalidInput, match="cannot be created"):
        importer.import_tables(Account([case("orders")]).aws, [], out_dir=tmp_path / "file")


def test_tables_that_may_not_be_listed_are_an_error(tmp_path: Path) -> None:
    account = Account([case("orders")])
    account.denied = {("", "ListTables")}
    with pytest.raises(CallFailed, match="dynamodb:ListTables"):
        importer.import_tables(account.aws, [], out_dir=tmp_path)


# --- a prefix --------------------------------------------------------------------------------------------------------


def test_a_prefix_chooses_tables_and_is_removed_in_their_files(tmp_path: Path) -> None:
    account = Account([case("prod-orders"), case("prod-users"), case("test-orders"), case("prod-")])
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path, table_prefix="prod-")
    assert [(one.table, one.file and one.file.name) for one in imported] == [
        ("prod-orders", "orders.edn"),
        ("prod-users", "users.edn"),
    ]
    plan = engine.plan(account.aws, loader.load(".", root=tmp_path, table_prefix="prod-").tables)
    assert [(change.table, change.action) for change in plan.tables] == [
        ("prod-orders", Action.NOOP),
        ("prod-users", Action.NOOP),
    ]


def test_a_pattern_matches_the_whole_name_also_with_a_prefix(tmp_path: Path) -> None:
    account = Account([case("prod-orders"), case("test-orders")])
    imported = importer.import_tables(account.aws, ["prod-o*", "test-*"], out_dir=tmp_path, table_prefix="prod-")
    assert errors(imported) == {"test-*": "No table with the prefix `prod-` has this name."}
    assert [path.name for path in tmp_path.iterdir()] == ["orders.edn"]


# --- who owns a table ------------------------------------------------------------------------------------------------


def resource(
    name: str, logical: str, kind: str = "AWS::DynamoDB::Table", status: str = "UPDATE_COMPLETE"
) -> dict[str, str]:
    return {
        "StackName": "shop",
        "LogicalResourceId": logical,
        "PhysicalResourceId": name,
        "ResourceType": kind,
        "ResourceStatus": status,
    }


def test_the_owner_is_named_on_top_of_the_file(tmp_path: Path) -> None:
    account = Account([case("orders"), case("free")])
    account.stacks["orders"] = [
        resource("users", "UsersTable"),
        resource("orders", "OrdersFunction", "AWS::Lambda::Function"),
        resource("orders", "OrdersTable"),
    ]
    importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True)
    first = (tmp_path / "orders.edn").read_text("utf-8").splitlines()[0]
    assert first == ";; Owned by the CloudFormation stack shop (resource OrdersTable, AWS::DynamoDB::Table)."
    assert (tmp_path / "free.edn").read_text("utf-8").startswith("{:TableName")


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "DELETE_SKIPPED"])
def test_a_stack_that_no_longer_has_the_table_is_not_its_owner(tmp_path: Path, status: str) -> None:
    account = Account([case("orders")])
    account.stacks["orders"] = [resource("orders", "OrdersTable", status=status)]
    (imported,) = importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True)
    assert (imported.owner, imported.error) == (None, None)


def test_a_table_is_not_imported_if_its_owner_cannot_be_read(tmp_path: Path) -> None:
    account = Account([case("orders"), case("users")])
    account.denied = {("users", "DescribeStackResources")}
    imported = importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True)
    assert "cloudformation:DescribeStackResources" in errors(imported)["users"]
    assert [path.name for path in tmp_path.iterdir()] == ["orders.edn"]


def test_who_may_not_ask_for_owners_hears_it_once_and_not_for_each_table(tmp_path: Path) -> None:
    account = Account([case("orders"), case("users")])
    account.denied = {(name, "DescribeStackResources") for name in ("orders", "users")}
    with pytest.raises(CallFailed, match="cloudformation:DescribeStackResources"):
        importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True)
    assert list(tmp_path.iterdir()) == []


def test_an_endpoint_without_cloudformation_is_an_error_with_a_hint(tmp_path: Path) -> None:
    account = Account([case("orders")])
    account.aws.endpoint = "http://localhost:8000"
    account.denied = {("orders", "DescribeStackResources")}
    with pytest.raises(InvalidInput) as refused:
        importer.import_tables(account.aws, [], out_dir=tmp_path, ask_owner=True)
    assert refused.value.sentence.endswith("Leave out `--owner` there.")


def test_cloudformation_is_called_only_for_the_owner(tmp_path: Path) -> None:
    account = Account([case("orders")])
    account.denied = {("orders", "DescribeStackResources")}
    assert not errors(importer.import_tables(account.aws, [], out_dir=tmp_path))


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_files_and_says_whose_the_tables_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account([case("prod-orders"), case("prod-users")])
    account.stacks["prod-orders"] = [resource("prod-orders", "OrdersTable")]
    monkeypatch.setattr(Planning, "connect", lambda _: account.aws)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["import", "--out", "tables", "--table-prefix", "prod-", "--owner"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["tables/orders.edn", "tables/users.edn"]
    assert printed.err.splitlines() == [
        "prod-orders belongs to the CloudFormation stack shop (resource OrdersTable, AWS::DynamoDB::Table).",
        "Release a table from its stack before dynatus changes it: see docs/adopt.md.",
        "2 files written to tables.",
    ]


def test_the_command_says_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Planning, "connect", lambda _: Account([case("orders")]).aws)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["import", "orders", "user*", "--out", "tables", "--owner"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "user*: No table has this name.",
        "No CloudFormation stack owns these tables.",
        "1 file written to tables, 1 left out.",
    ]
