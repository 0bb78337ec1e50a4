"""Golden plans: a definition, its live table and what is known around them become these differences, steps and notes.

The cases are data, `tests/cases/plans/NAME.json`: a new file there is a new test. How AWS answers under faults (lost
answers, quotas, throttling) is no planning: `integration/test_faults.py` has those cases.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dynatus_ci.definitions import loader
from dynatus_ci.table import build, lookups, planner, probe
from dynatus_ci.table.aspects import targets
from dynatus_ci.table.facts import (
    AccountFacts,
    Backup,
    Emptiness,
    Endpoint,
    Memory,
    PlanOptions,
    ProbeState,
    StagingTable,
    Transfer,
)
from dynatus_ci.table.model import Risk, Step, TableChange, Target
from dynatus_ci.table.origins import copy_from, keep_items, restore_from, through_s3
from dynatus_ci.table.plans import Plan

FOLDER = Path(__file__).parents[1] / "cases" / "plans"
CASES = sorted(FOLDER.glob("*.json"))


def planned(case: dict[str, Any]) -> TableChange:
    """The change of a case; all that the planner would ask has been answered."""
    ((definition),) = loader.check([case["definition"]])
    desired = build.desired(definition.body)
    actual = build.actual(case["live"], case.get("answers", {})) if case["live"] else None
    facts = situation_of(case.get("situation", {}))
    assert not lookups.missing_facts(desired, actual, facts)
    return planner.change(desired, actual, facts)


def situation_of(known: dict[str, Any]) -> AccountFacts:
    schedules = {(one["ResourceId"], one["ScalableDimension"]): tuple(one["ScheduledActionNames"])
                 for one in known.get("scaling", []) if "ScheduledActionNames" in one}  # fmt: skip
    return AccountFacts(
        options=PlanOptions(
            ignore_tags=tuple(known.get("ignore_tags", ())),
            copy_rate=known.get("copy_rate"),
            wait_seconds=known.get("wait_seconds"),
        ),
        endpoint=Endpoint("eu-west-1", emulator=known.get("emulator"), backups=known.get("backups", True)),
        scaling=None if known.get("scaling_denied") else targets.registered(known.get("scaling", []), policies(known)),
        schedules=schedules,
        scaling_denied=known.get("scaling_denied", False),
        kms_keys=known.get("keys", {}),
        probe=ProbeState[known.get("probe", "ABSENT")],
        unusable_kms_keys=known.get("unusable_keys", {}),
        sources={name: build.actual(live, {}) if live else None for name, live in known.get("sources", {}).items()},
        copied=known.get("copied"),
        emptiness=Emptiness(known.get("emptiness", "not asked")),
        staging=staging(known.get("staging")),
        transfer=transfer(known["transfer"]) if "transfer" in known else None,
        memory=Memory(**known.get("memory", {})),
        backup=backup_of(known["backup"]) if "backup" in known else None,
    )


def backup_of(described: dict[str, Any] | None) -> Backup:
    """The backup that DescribeBackup has described; none where it found none."""
    if described is None:
        return Backup()
    details = described["BackupDetails"]
    made = datetime.fromisoformat(details["BackupCreationDateTime"])
    return restore_from.backup({**described, "BackupDetails": {**details, "BackupCreationDateTime": made}})


def staging(known: dict[str, Any] | None) -> StagingTable:
    """The copy of a table's items."""
    return StagingTable(build.actual(known["table"], known["answers"]) if known else None)


def transfer(known: dict[str, Any]) -> Transfer:
    """What AWS has exported and imported."""
    exports = [{**one, "ExportTime": datetime.fromisoformat(one["ExportTime"])} for one in known.get("exports", ())]
    imports = map(through_s3.imported, known.get("imports", ()))
    return Transfer(known["possible"], tuple(map(through_s3.export, exports)), tuple(imports), known.get("latest", ""))


def policies(known: dict[str, Any]) -> list[dict[str, Any]]:
    """The policies of the targets of a case; one that says nothing of it has the console's, at 70 %."""
    written = [one for one in known.get("scaling", []) if one.get("PolicyName", "") is not None]
    usual = {"PolicyName": "usual", targets.TRACKING: {"TargetValue": 70.0}}
    return [{**usual, **one} for one in written]


def shown(change: TableChange) -> dict[str, Any]:
    """A change as the cases hold it."""
    return {
        "action": change.action.value if change.action else None,
        "refusal": change.refusal.message if change.refusal else None,
        "differences": [
            ["/".join(difference.path), difference.risk.value, difference.effect.value]
            for difference in change.differences
        ],
        "steps": [step(one) for one in change.steps],
        "notes": list(change.all_notes),
    }


def step(one: Step) -> list[Any]:
    parameters = {name: value for name, value in one.parameters.items() if name != "TableName"}
    return [
        one.operation,
        one.reason,
        parameters,
        *([f"not before {one.cooldown} s have passed"] if one.cooldown else []),
    ]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_gives_the_differences_steps_and_notes_that_it_expects(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    assert shown(planned(case)) == case["expected"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_target_of_each_step_is_the_table_that_its_call_names(path: Path) -> None:
    change = planned(json.loads(path.read_text(encoding="utf-8")))
    targets_by_name = {
        change.desired.at(copy_from.PATH) if change.desired else None: Target.SOURCE,
        keep_items.staging_name(change.table): Target.STAGING,
        probe.probe_name(change.table): Target.PROBE,
    }
    for one in change.steps:
        arn = one.parameters.get("ResourceArn") or one.parameters.get("TableArn") or ""
        named = one.parameters.get("TableName") or arn.rpartition("/")[2]
        assert one.target is targets_by_name.get(named, Target.TABLE)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_plan_is_its_document(path: Path) -> None:
    change = planned(json.loads(path.read_text(encoding="utf-8")))
    plan = Plan((change,), account="123456789012", region="eu-west-1")
    document = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(document).to_dict() == document
    assert Plan.from_dict(document).fingerprint == plan.fingerprint
    (found,) = Plan.from_dict(document).tables
    assert (found.refusal and found.refusal.reason) == (change.refusal and change.refusal.reason)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_step_carries_the_worst_risk_it_serves_and_the_table_it_is_for(path: Path) -> None:
    change = planned(json.loads(path.read_text(encoding="utf-8")))
    known = {difference.id for difference in change.differences}
    for one in change.steps:
        assert set(one.differences) <= known
        assert one.risk is Risk.highest(difference.risk for difference in change.served_by(one))
        assert one.reason
    destructive = any(difference.risk is Risk.DESTRUCTIVE for difference in change.differences)
    assert bool(change.table_id) >= destructive


def test_every_case_says_in_a_sentence_of_its_own_why_it_is_there() -> None:
    reasons = [json.loads(path.read_text(encoding="utf-8"))["why"] for path in CASES]
    assert len(set(reasons)) == len(reasons)
    assert [why for why in reasons if not why.endswith(".")] == []
