"""The rules of examples/rules, on plans as the command writes them: in Python, and in Rego where conftest is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dynatus_ci import cli

ROOT = Path(__file__).parents[2]
RULES = ROOT / "examples/rules"
KEYS = (
    ':KeySchema [{:AttributeName "id" :KeyType "HASH"}]'
    ' :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]'
)
RECOVERY = ":PointInTimeRecoverySpecification {:PointInTimeRecoveryEnabled %s}"
SAFE = f":DeletionProtectionEnabled true {RECOVERY % 'true'}"
OTHER = '{:TableName "other" :BillingMode "PAY_PER_REQUEST" ' + KEYS + "}"

CASES = [
    pytest.param("users", None, SAFE, [], id="new and safe"),
    pytest.param(
        "users",
        None,
        "",
        [
            "users: a new table needs :DeletionProtectionEnabled true.",
            "users: a new table needs :PointInTimeRecoverySpecification.",
        ],
        id="new and unprotected",
    ),
    pytest.param(
        "users",
        None,
        ":DeletionProtectionEnabled false " + RECOVERY % "false",
        [
            "users: a new table needs :DeletionProtectionEnabled true.",
            "users: a new table needs :PointInTimeRecoverySpecification.",
        ],
        id="new and written as off",
    ),
    pytest.param(
        "users", SAFE, RECOVERY % "false", ["users: point-in-time recovery stays on."], id="recovery goes off"
    ),
    pytest.param("users", SAFE, SAFE, [], id="nothing changes"),
    pytest.param(
        "billing-2026",
        SAFE,
        RECOVERY % "false",
        [
            "billing-2026: a billing table loses nothing, whoever approves it.",
            "billing-2026: point-in-time recovery stays on.",
        ],
        id="a billing table",
    ),
]


def plan(folder: Path, name: str, before: str | None, after: str) -> Path:
    """The plan document of a change, against a baseline."""

    def definition(settings: str) -> str:
        return f'{{:TableName "{name}" :BillingMode "PAY_PER_REQUEST" {KEYS} {settings}}}'

    (folder / "before.edn").write_text(OTHER if before is None else f"[{OTHER} {definition(before)}]", encoding="utf-8")
    (folder / "after.edn").write_text(f"[{OTHER} {definition(after)}]", encoding="utf-8")
    assert cli.main(["plan", "after.edn", "--baseline", "before.edn", "--out", "plan.json"]) == 0
    return folder / "plan.json"


@pytest.mark.parametrize(("name", "before", "after", "broken"), CASES)
def test_the_rules_in_python_say_what_is_broken(
    name: str, before: str | None, after: str, broken: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = plan(tmp_path, name, before, after)
    done = subprocess.run(
        [sys.executable, RULES / "check_plan.py", document], capture_output=True, text=True, check=False
    )
    assert sorted(done.stdout.splitlines()) == (broken or ["No rule is broken."])
    assert done.returncode == (1 if broken else 0)


@pytest.mark.parametrize(("name", "before", "after", "broken"), CASES)
def test_the_rules_in_rego_say_the_same(
    name: str, before: str | None, after: str, broken: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("conftest") is None:
        pytest.skip("conftest is not installed")
    monkeypatch.chdir(tmp_path)
    document = plan(tmp_path, name, before, after)
    done = subprocess.run(
        ["conftest", "test", document, "--policy", RULES, "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    (verdict,) = json.loads(done.stdout)
    assert sorted(failure["msg"] for failure in verdict.get("failures", [])) == broken
    assert done.returncode == (1 if broken else 0)
