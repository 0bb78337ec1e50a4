"""The command as a program of its own: where its output goes, and what happens when that cannot be written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynatus_ci.interrupt import INTERRUPTED
from tests.scene import table, tags
from tests.simulator import Clock, Simulator

FULL = Path("/dev/full")


@pytest.fixture
def account() -> Iterator[Simulator]:
    with Simulator(clock=Clock(scale=3600)) as simulator:
        yield simulator


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "users.edn").write_text(table(), encoding="utf-8")
    return folder


def dynatus(*arguments: str | Path, **streams: object) -> subprocess.CompletedProcess[str]:
    """The command, with nobody at standard input."""
    command = [sys.executable, "-m", "dynatus_ci", *map(str, arguments)]
    given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    given["env"] = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(command, text=True, check=False, timeout=120, **{**given, **streams})  # type: ignore[call-overload, no-any-return]  # streams are files or PIPE


def test_a_result_that_standard_output_cannot_take_is_told_on_standard_error(
    account: Simulator, definitions: Path
) -> None:
    where = ("--endpoint-url", account.endpoint_url, "--region", account.region)
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, *where, "--yes", "--format", "json", stdout=full)
    assert done.returncode == 1
    assert "1 table changed" in done.stderr
    assert done.stderr.endswith("dynatus: Standard output cannot be written: No space left on device.\n")
    assert account.client().list_tables()["TableNames"] == ["users"]


def test_a_plan_that_cannot_be_shown_is_not_applied(account: Simulator, definitions: Path) -> None:
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, "--endpoint-url", account.endpoint_url, "--yes", stdout=full)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert account.client().list_tables()["TableNames"] == []


def test_progress_that_nobody_can_read_ends_nothing(account: Simulator, definitions: Path) -> None:
    with FULL.open("w") as full:
        done = dynatus("apply", definitions, "--endpoint-url", account.endpoint_url, "--yes", stderr=full)
    assert done.returncode == 0
    assert account.client().list_tables()["TableNames"] == ["users"]


def test_a_plan_that_takes_longer_than_apply_may_is_warned_of(definitions: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "users.edn").write_text(table(), encoding="utf-8")
    names = [f"by-{number}" for number in range(7)]  # DynamoDB builds one index after another, 9 minutes or more each
    indexes = " ".join(
        f'{{:IndexName "{name}" :KeySchema [{{:AttributeName "id" :KeyType "HASH"}}]'
        ' :Projection {:ProjectionType "ALL"}}'
        for name in names
    )
    (definitions / "users.edn").write_text(table(GlobalSecondaryIndexes=f"[{indexes}]"), encoding="utf-8")
    planned = dynatus("plan", definitions, "--baseline", before, "--region", "eu-west-1")
    assert planned.returncode == 0, planned.stderr
    assert "apply stops waiting after 60 min (--wait-minutes)" in " ".join(planned.stdout.split())


def test_a_plan_as_json_says_what_never_runs_as_the_text_does(
    account: Simulator, definitions: Path, tmp_path: Path
) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url)
    (definitions / "users.edn").write_text(table(DeletionProtectionEnabled="true"), encoding="utf-8")
    assert dynatus("apply", *where, "--yes").returncode == 0
    (definitions / "users.edn").write_text('{:TableName "users" :Absent true}', encoding="utf-8")
    saved = tmp_path / "plan.json"
    text = dynatus("plan", *where, "--out", saved).stdout
    (planned,) = json.loads(dynatus("plan", *where, "--format", "json").stdout)["tables"]
    assert planned["refusal"]["reason"] == "destructive-blocked"
    for shown in (text, dynatus("show", saved).stdout):
        assert planned["refusal"]["message"] in " ".join(shown.split())


@pytest.mark.parametrize(("flags", "shown"), [((), False), (("-v",), False), (("-vv",), True)])
def test_every_call_is_shown_with_its_duration_and_request_where_it_is_asked_for(
    account: Simulator, definitions: Path, flags: tuple[str, ...], shown: bool
) -> None:
    done = dynatus("plan", definitions, "--endpoint-url", account.endpoint_url, *flags)
    assert done.returncode == 0
    assert ("DEBUG dynatus_ci.aws.client: DescribeTable of table users" in done.stderr) is shown
    assert bool(re.search(r" ms, .*RequestId [0-9A-F]{32}\n", done.stderr)) is shown
    assert "123456789012" not in done.stderr


def test_what_the_gate_said_of_each_step_is_shown_where_it_is_asked_for(account: Simulator, definitions: Path) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url, "--yes", "-v")
    assert "Table users: CreateTable (create the table) may run." in dynatus("apply", *where).stderr
    (definitions / "users.edn").write_text('{:TableName "users" :Absent true}', encoding="utf-8")
    account.client().put_item(TableName="users", Item={"id": {"S": "1"}})
    refused = dynatus("apply", *where)
    assert refused.returncode == 1
    assert "may not run: " in refused.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_the_encoding_of_the_output_lacks_is_written_in_ascii(
    account: Simulator, definitions: Path, encoding: str
) -> None:
    where = (definitions, "--endpoint-url", account.endpoint_url)
    assert dynatus("apply", *where, "--yes").returncode == 0
    changed = table(DeletionProtectionEnabled="true", **tags(team="ü"))
    (definitions / "users.edn").write_text(changed, encoding="utf-8")
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    text = dynatus("plan", *where, env=environ, encoding=encoding)
    assert (text.returncode, text.stderr.count("Traceback")) == (0, 0), text.stderr
    assert ("->" in text.stdout) is (encoding != "utf-8")
    document = json.loads(dynatus("plan", *where, "--format", "json", env=environ, encoding=encoding).stdout)
    assert "ü" in json.dumps(document, ensure_ascii=False)


def test_ctrl_c_ends_an_apply_as_cancelled_and_says_so_once(definitions: Path) -> None:
    (definitions / "orders.edn").write_text(table("orders"), encoding="utf-8")
    with Simulator(clock=Clock(scale=0.1)) as slow:
        command = [sys.executable, "-m", "dynatus_ci", "apply", str(definitions), "--yes"]
        command += ["--endpoint-url", slow.endpoint_url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            next(line for line in process.stderr if line.startswith(("orders:", "users:")))
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Apply: cancelled, 2 of 2 tables not finished." in out
    assert out.count("were finished") == 1


# --- do the items fit? -----------------------------------------------------------------------------------------------

BY_MAIL = """
 :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"} {:AttributeName "mail" :AttributeType "S"}]
 :GlobalSecondaryIndexes [{:IndexName "by-mail" :KeySchema [{:AttributeName "mail" :KeyType "HASH"}]
                           :Projection {:ProjectionType "KEYS_ONLY"}}]"""
TYPES = ':AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]'


@pytest.fixture
def spoilt(account: Simulator, definitions: Path) -> tuple[Path, str, str]:
    """A table of 100 items, 7 of which do not fit the index that its file has by now; the command's arguments."""
    where = (definitions, "--endpoint-url", account.endpoint_url)
    assert dynatus("apply", *where, "--yes").returncode == 0
    mails = [{"N": "1"}] * 7 + [{"S": "a@example.com"}] * 93
    account.fill("users", [{"id": {"S": f"user-{number}"}, "mail": mail} for number, mail in enumerate(mails)])
    text = (definitions / "users.edn").read_text(encoding="utf-8")
    assert TYPES in text
    (definitions / "users.edn").write_text(text.replace(TYPES, BY_MAIL), encoding="utf-8")
    return where


def test_check_counts_the_items_that_do_not_fit_and_names_five_where_it_is_asked(
    account: Simulator, spoilt: tuple[Path, str, str]
) -> None:
    plain = dynatus("check", *spoilt)
    assert plain.returncode == 1, plain.stderr
    assert "7 of 100 items do not fit index by-mail: mail is not a string." in plain.stdout
    assert "user-" not in plain.stdout + plain.stderr
    named = dynatus("check", *spoilt, "--show-keys").stdout
    assert len(re.findall(r'^    - id "user-[0-6]": mail is not a string$', named, re.MULTILINE)) == 5
    document = json.loads(dynatus("check", *spoilt, "--format", "json").stdout)
    assert document["tables"][0]["checks"] == [
        {
            "path": ["GlobalSecondaryIndexes", "by-mail"],
            "reason": "type",
            "read": "all",
            "items": 100,
            "misfits": 7,
            "note": "mail is not a string",
        }
    ]
    account.fill("users", [{"id": {"S": f"user-{number}"}, "mail": {"S": "mended"}} for number in range(7)])
    mended = dynatus("check", *spoilt)
    assert (mended.returncode, "Check: all items fit." in mended.stdout) == (0, True)
    assert dynatus("apply", *spoilt, "--yes").returncode == 0
    text = (spoilt[0] / "users.edn").read_text("utf-8")
    (spoilt[0] / "people.edn").write_text(text.replace('"users"', '"people" :CopyFrom "nobody"'), "utf-8")
    refused = dynatus("check", *spoilt)
    assert (refused.returncode, "Check: not known, 1 table refused." in refused.stdout) == (1, True), refused
    assert "There is no table nobody to copy from." in refused.stdout


def test_a_plan_and_an_apply_are_refused_unless_nobody_is_to_look(spoilt: tuple[Path, str, str]) -> None:
    for command in (("plan",), ("apply", "--yes")):
        refused = dynatus(command[0], *spoilt, *command[1:])
        assert refused.returncode == 1
        assert "7 items do not fit: an approval cannot change this" in refused.stdout
        assert "set --check to none" in refused.stdout or "dynatus check" in refused.stdout
    assert dynatus("plan", *spoilt, "--check", "none").returncode == 0
    assert dynatus("apply", *spoilt, "--check", "none", "--yes").returncode == 0


def test_check_is_red_where_it_may_not_read_items(account: Simulator, spoilt: tuple[Path, str, str]) -> None:
    account.faults.deny("Scan")
    denied = dynatus("check", *spoilt)
    assert denied.returncode == 1
    assert "not known, Scan is denied for 1 table" in denied.stdout
    assert dynatus("plan", *spoilt).returncode == 0


@pytest.mark.parametrize(("arguments", "environ"), [(("--format", "json"), {}), ((), {"GITHUB_ACTIONS": "true"})])
def test_keys_of_items_are_shown_on_a_terminal_only(
    spoilt: tuple[Path, str, str], arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    refused = dynatus("check", *spoilt, "--show-keys", *arguments, env={**os.environ, **environ})
    assert refused.returncode == 1
    assert "`--show-keys` prints keys" in refused.stderr or "--show-keys prints keys" in refused.stderr
    assert "user-" not in refused.stdout


def test_check_of_definitions_that_ask_nothing_of_the_items_is_green(account: Simulator, definitions: Path) -> None:
    done = dynatus("check", definitions, "--endpoint-url", account.endpoint_url)
    assert done.returncode == 0
    assert "nothing to check" in done.stdout
    assert account.journal.count("Scan") == 0
