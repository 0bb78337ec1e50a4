"""The probe of a new table: its name, its tag, and what of the new table it leaves out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dynatus_ci.table import build, planner, probe, sides
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.facts import AccountFacts, Emptiness, Endpoint, ProbeState
from tests.small_tables import bare, definition
from tests.strategies import NAME

OLD = bare()
NEW = definition(NAME, "id")
SITUATION = AccountFacts(endpoint=Endpoint("eu-west-1"), scaling={}, emptiness=Emptiness.EMPTY, probe=ProbeState.ABSENT)


def creations(facts: AccountFacts = SITUATION, **more: Any) -> dict[str, dict[str, Any]]:
    """The parameters of each CreateTable in the plan of another key, by the table's name."""
    live = sides.as_actual(build.desired(OLD), "eu-west-1")
    assert live
    assert live.info
    live = replace(live, info=replace(live.info, table_id="11111111-2222-4333-8444-555555555555"))
    change = planner.change(build.desired({**NEW, **more}), live, facts)
    made = [dict(step.parameters) for step in change.steps if step.operation == "CreateTable"]
    return {parameters["TableName"]: parameters for parameters in made}


@pytest.mark.parametrize("length", [3, 240, 241, 242, 255])
def test_every_table_has_a_probe_with_a_name_that_dynamodb_takes(length: int) -> None:
    name = probe.probe_name("n" * length)
    assert name.endswith(".dynatus-probe")
    assert len(name) <= 255
    assert probe.probe_name("n" * length) == name


def test_two_long_names_have_two_probes() -> None:
    assert probe.probe_name("n" * 254 + "a") != probe.probe_name("n" * 254 + "b")


@pytest.mark.parametrize("table", ["orders", "n" * 255])
def test_a_probe_is_known_by_its_tag_whichever_table_had_the_name(table: str) -> None:
    value = tags.owner(table, "11111111-2222-4333-8444-555555555555")
    assert len(value) <= 256
    assert probe.is_of(table, {"dynatus:probe-of": value, "team": "a"})
    assert not probe.is_of("other", {"dynatus:probe-of": value})
    assert not probe.is_of(table, {"team": "a"})


def test_a_probe_is_the_new_table_but_for_its_name_its_tag_and_its_protection() -> None:
    tags = [{"Key": "team", "Value": "a"}]
    more: dict[str, Any] = {"Tags": tags, "DeletionProtectionEnabled": True, "TableClass": "STANDARD_INFREQUENT_ACCESS"}
    made = creations(**more)
    probed, new = made[f"{NAME}.dynatus-probe"], made[NAME]
    mark = {"Key": "dynatus:probe-of", "Value": f"{NAME}@11111111"}
    assert new.pop("DeletionProtectionEnabled")
    assert probed == {**new, "TableName": f"{NAME}.dynatus-probe", "Tags": [*tags, mark]}


def test_a_probe_of_a_table_with_fifty_tags_has_fifty() -> None:
    tags = [{"Key": f"tag-{n:02}", "Value": ""} for n in range(50)]
    made = creations(Tags=tags)
    assert made[NAME]["Tags"] == tags
    assert made[f"{NAME}.dynatus-probe"]["Tags"][:-1] == tags[:49]


ARN = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{NAME}"


@pytest.mark.parametrize(
    ("statement", "probed"),
    [
        ({"Effect": "Allow", "Action": "dynamodb:*", "Resource": ARN}, {"Resource": f"{ARN}.dynatus-probe"}),
        (
            {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": f"{ARN}/index/*"},
            {"Resource": f"{ARN}.dynatus-probe/index/*"},
        ),
        ({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": f"{ARN}-other"}, {}),
        ({"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}, {"Action": "dynamodb:GetItem"}),
        (
            {"Effect": "deny", "NotAction": "dynamodb:GetItem", "NotResource": ARN},
            {"Action": "dynamodb:GetItem", "NotAction": None, "NotResource": f"{ARN}.dynatus-probe"},
        ),
    ],
)
def test_a_policy_is_tried_so_that_the_probe_can_be_deleted(statement: dict[str, Any], probed: dict[str, Any]) -> None:
    made = creations(ResourcePolicy={"Statement": [{"Principal": "*", **statement}]})
    (new,), (tried,) = (
        json.loads(each["ResourcePolicy"])["Statement"] for each in (made[NAME], made[probe.probe_name(NAME)])
    )
    assert tried == {name: value for name, value in {**new, **probed}.items() if value is not None}


def test_an_endpoint_without_tags_makes_no_probe() -> None:
    assert list(creations(replace(SITUATION, endpoint=Endpoint(unsupported=frozenset({"Tags"}))))) == [NAME]
