"""The roles of examples/aws allow what plan and apply can need and nothing else, in CloudFormation and in Terraform."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dynatus_ci import iam
from dynatus_ci.iam.grants import PolicyMode
from dynatus_ci.table.model import Table
from tests.unit.test_iam import ABSENT, EVERYTHING, FILLED, KEY, RESTORED, STREAM

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples/aws/roles.yaml"
TERRAFORM = ROOT / "examples/aws/roles.tf"
ACCOUNT, REGION = "111122223333", "eu-west-1"
REPLICA_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/orders"
FULL: dict[str, Any] = {
    "Repository": "shop/tables",
    "TablePrefix": "",
    "AllowDeletion": "true",
    "AllowFilling": "true",
    "ReplicaRegion": "us-east-1",
    "KmsKeyArns": [KEY, REPLICA_KEY],
    "KinesisStreamArns": [STREAM],
}
"""The parameters with which the template allows most."""
PLAIN: dict[str, Any] = {"Repository": "shop/tables", "TablePrefix": "prod-"}
SPECIAL = ("SSESpecification", "KinesisStreamSpecification", "Replicas")
"""Settings that cost a parameter of the template."""


# --- the template, as CloudFormation reads it ------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as `!Sub`, as maps of one key."""


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    assert isinstance(node, yaml.SequenceNode)
    return {name: loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)
CLOUDFORMATION: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a SafeLoader


class Stack:
    """The template with parameters: what its functions give."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        defaults = {name: parameter.get("Default") for name, parameter in CLOUDFORMATION["Parameters"].items()}
        self.values = {
            **{name: [value] if name.endswith("Arns") else value for name, value in defaults.items()},
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": None,
            **given,
        }

    def property(self, resource: str, name: str) -> dict[str, Any]:
        """A property of a resource, without any function."""
        value: dict[str, Any] = self.resolved(CLOUDFORMATION["Resources"][resource]["Properties"][name])
        return value

    def resolved(self, value: Any) -> Any:
        """A value with its functions carried out; an entry of a list that is NoValue is left out."""
        if isinstance(value, list):
            return [found for item in value if (found := self.resolved(item)) is not None]
        if not isinstance(value, dict):
            return value
        match next(iter(value.items())):
            case "Ref", name:
                return self.values.get(name, name)
            case "Sub", text:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.values[found[1]], text)
            case "If", [condition, yes, no]:
                return self.resolved(yes if self.holds(CLOUDFORMATION["Conditions"][condition]) else no)
        return {name: self.resolved(item) for name, item in value.items()}

    def holds(self, condition: Any) -> bool:
        """Whether a condition of the template is true."""
        match condition:
            case {"Not": [inner]}:
                return not self.holds(inner)
            case {"Equals": [{"Join": [separator, items]}, other]}:
                return bool(separator.join(self.resolved(items)) == other)
            case {"Equals": [one, other]}:
                return bool(self.resolved(one) == other)
        raise AssertionError(condition)

    def statements(self, *policies: str) -> list[dict[str, Any]]:
        """The statements of some policies, each with a list of resources."""
        found = [self.property(policy, "PolicyDocument")["Statement"] for policy in policies]
        return [as_lists(statement) for statements in found for statement in statements]


def as_lists(statement: dict[str, Any]) -> dict[str, Any]:
    resources = statement["Resource"]
    return {**statement, "Resource": resources if isinstance(resources, list) else [resources]}


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def needed(*tables: Table, mode: PolicyMode) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = iam.policy(tables, mode=mode, region=REGION, account=ACCOUNT)["Statement"]
    return statements


def allows(statement: dict[str, Any], action: str, resource: str, condition: Mapping[str, Any]) -> bool:
    """Whether a statement of the template allows what a statement of `dynatus policy` asks for."""
    return (
        action in statement["Action"]
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and all(condition.get(name) == value for name, value in statement.get("Condition", {}).items())
    )


PLAIN_TABLE = Table("prod-orders", {name: value for name, value in EVERYTHING.values.items() if name not in SPECIAL})
EVERY_KIND = (EVERYTHING, ABSENT, FILLED, RESTORED)
FULL_ROLES = [
    pytest.param(("ReadPolicy",), "plan", id="plan"),
    pytest.param(("ReadPolicy", "WritePolicy"), "apply", id="apply"),
]


# --- what the roles allow --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policies", "mode"), FULL_ROLES)
def test_the_roles_have_exactly_the_actions_that_dynatus_policy_can_print(
    policies: tuple[str, ...], mode: PolicyMode
) -> None:
    there, wanted = actions(Stack(FULL).statements(*policies)), actions(needed(*EVERY_KIND, mode=mode))
    assert there == wanted, f"Write what is needed into both files of examples/aws, and no more: {there ^ wanted}"


@pytest.mark.parametrize(("policies", "mode"), FULL_ROLES)
def test_the_roles_allow_each_action_where_it_is_needed(policies: tuple[str, ...], mode: PolicyMode) -> None:
    allowed = Stack(FULL | {"KmsKeyArns": [KEY, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"]}).statements(*policies)
    missing = [
        (action, resource)
        for statement in needed(*EVERY_KIND, mode=mode)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not any(allows(given, action, resource, statement.get("Condition", {})) for given in allowed)
    ]
    assert missing == []


def test_what_deletes_fills_copies_or_leaves_dynamodb_takes_a_parameter() -> None:
    found = actions(Stack(PLAIN).statements("WritePolicy"))
    assert found | actions(Stack(PLAIN).statements("ReadPolicy")) >= actions(needed(PLAIN_TABLE, mode="apply"))
    assert found == actions(needed(PLAIN_TABLE, mode="apply")) - actions(needed(PLAIN_TABLE, mode="plan")) | {
        "dynamodb:DisableKinesisStreamingDestination",
        "dynamodb:EnableKinesisStreamingDestination",
        "dynamodb:UpdateKinesisStreamingDestination",
    }


def test_a_prefix_limits_the_roles_to_its_tables() -> None:
    resources = {
        resource
        for statement in Stack(PLAIN).statements("ReadPolicy", "WritePolicy")
        for resource in statement["Resource"]
        if ":dynamodb:" in resource
    }
    assert resources == {f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/prod-*"}


@pytest.mark.parametrize("policy", ["ReadPolicy", "WritePolicy"])
def test_a_policy_is_not_longer_than_iam_takes(policy: str) -> None:
    document = Stack(FULL).property(policy, "PolicyDocument")
    assert iam.characters(document) <= iam.MOST_CHARACTERS


def test_plan_never_scans() -> None:
    assert "dynamodb:Scan" not in actions(Stack(FULL).statements("ReadPolicy"))


# --- who may have them -----------------------------------------------------------------------------------------------


def subjects(role: str, **parameters: str) -> list[str]:
    (statement,) = Stack(PLAIN | parameters).property(role, "AssumeRolePolicyDocument")["Statement"]
    host = "token.actions.githubusercontent.com"
    assert statement["Condition"]["StringEquals"][f"{host}:aud"] == "sts.amazonaws.com"
    named = [condition[f"{host}:sub"] for condition in statement["Condition"].values() if f"{host}:sub" in condition]
    return [subject for value in named for subject in (value if isinstance(value, list) else [value])]


def test_plan_is_for_pull_requests_the_branch_and_its_merge_queue() -> None:
    assert subjects("PlanRole") == [
        "repo:shop/tables:pull_request",
        "repo:shop/tables:ref:refs/heads/main",
        "repo:shop/tables:ref:refs/heads/gh-readonly-queue/main/*",
    ]


def test_apply_is_for_one_branch_or_one_environment() -> None:
    assert subjects("ApplyRole", Branch="trunk") == ["repo:shop/tables:ref:refs/heads/trunk"]
    assert subjects("ApplyRole", Environment="production") == ["repo:shop/tables:environment:production"]


@pytest.mark.parametrize("name", ["Repository", "Branch", "Environment"])
def test_no_parameter_widens_the_trust(name: str) -> None:
    pattern = CLOUDFORMATION["Parameters"][name]["AllowedPattern"]
    for text in ("*", "shop/*", "shop/tables:*", "?"):
        assert not re.fullmatch(pattern, text)


# --- the tools' own word ---------------------------------------------------------------------------------------------


def run(tool: str, *arguments: str | Path, cwd: Path = ROOT, stdin: str = "") -> str:
    """What a tool prints; it is the one installed beside this interpreter, else the one on the PATH."""
    found = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([found, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_cfn_lint_finds_nothing() -> None:
    assert run("cfn-lint", "--format", "parseable", TEMPLATE).strip() == ""


def test_terraform_finds_the_file_well_formed() -> None:
    run("terraform", "fmt", "-check", "-no-color", TERRAFORM)


def test_both_files_name_the_same_actions() -> None:
    lists = re.findall(r"Action +?= \[(.*?)\]", TERRAFORM.read_text(encoding="utf-8"), re.DOTALL)
    named = {action for found in lists for action in re.findall(r'"(.+?)"', found)}
    assert named == actions(Stack(FULL).statements("ReadPolicy", "WritePolicy"))


LIVE = {
    "data.aws_partition.current.partition": '"aws"',
    "data.aws_region.current.region": f'"{REGION}"',
    "data.aws_caller_identity.current.account_id": f'"{ACCOUNT}"',
}
"""What Terraform would ask AWS for."""


def terraform(folder: Path, *, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The documents of roles.tf; its variables and locals need no provider, and so no download."""
    text = TERRAFORM.read_text(encoding="utf-8")
    text = text[text.index("variable ") : text.index("resource ")]
    text = re.sub(r"^data .*$", "", text, flags=re.MULTILINE)
    for asked, answer in LIVE.items():
        assert asked in text
        text = text.replace(asked, answer)
    (folder / "main.tf").write_text(text, encoding="utf-8")
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
    documents = ("read_policy", "write_policy", "plan_trust", "apply_trust")
    wanted = ", ".join(f"{name} = local.{name}" for name in documents)
    printed = run("terraform", "console", cwd=folder, stdin=f"jsonencode({{{wanted}}})\n")
    found: dict[str, Any] = json.loads(json.loads(printed.strip().splitlines()[-1]))
    return found


CASES = [
    (PLAIN, {"repository": "shop/tables", "table_prefix": "prod-"}),
    (
        FULL | {"Environment": "production"},
        {
            "repository": "shop/tables",
            "environment": "production",
            "allow_deletion": True,
            "allow_filling": True,
            "replica_regions": ["us-east-1"],
            "kms_key_arns": [KEY, REPLICA_KEY],
            "kinesis_stream_arns": [STREAM],
        },
    ),
]


@pytest.mark.parametrize(("parameters", "variables"), CASES, ids=["plain", "full"])
def test_terraform_makes_the_same_roles(parameters: dict[str, Any], variables: dict[str, Any], tmp_path: Path) -> None:
    made, stack = terraform(tmp_path, variables=variables), Stack(parameters | {"CreateProvider": "false"})
    assert made["read_policy"]["Statement"] == stack.statements("ReadPolicy")
    assert made["write_policy"]["Statement"] == stack.statements("WritePolicy")
    assert made["plan_trust"] == stack.property("PlanRole", "AssumeRolePolicyDocument")
    assert made["apply_trust"] == stack.property("ApplyRole", "AssumeRolePolicyDocument")
