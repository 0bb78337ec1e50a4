"""The command as a real process, killed with SIGKILL at its calls: the next run goes on by the same reviewed plan."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulator import HOUR, SECOND_WRITER, Call, Clock, Kind, Simulator
from tests.simulator.faults import Fault, Faults

BEFORE = """
[{:TableName "orders" :BillingMode "PAY_PER_REQUEST" :DeletionProtectionEnabled true
  :KeySchema [{:AttributeName "pk" :KeyType "HASH"}]
  :AttributeDefinitions [{:AttributeName "pk" :AttributeType "S"}]}
 {:TableName "users" :BillingMode "PAY_PER_REQUEST"
  :KeySchema [{:AttributeName "pk" :KeyType "HASH"}]
  :AttributeDefinitions [{:AttributeName "pk" :AttributeType "S"}]}]
"""
AFTER = """
[{:TableName "orders" :BillingMode "PAY_PER_REQUEST" :DeletionProtectionEnabled false
  :KeySchema [{:AttributeName "id" :KeyType "HASH"}]
  :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]
  :TimeToLiveSpecification {:Enabled true :AttributeName "expires"}}
 {:TableName "users" :BillingMode "PAY_PER_REQUEST"
  :KeySchema [{:AttributeName "pk" :KeyType "HASH"}]
  :AttributeDefinitions [{:AttributeName "pk" :AttributeType "S"} {:AttributeName "mail" :AttributeType "S"}]
  :GlobalSecondaryIndexes [{:IndexName "by-mail" :Projection {:ProjectionType "ALL"}
                            :KeySchema [{:AttributeName "mail" :KeyType "HASH"}]}]
  :StreamSpecification {:StreamEnabled true :StreamViewType "NEW_IMAGE"}
  :Tags [{:Key "team" :Value "shop"}]}]
"""
ITEM = {"pk": {"S": "1"}}
MOST_RUNS = 20


class Killing(Faults):
    """Kills a process at its n-th write: before that has an effect, or after it and before it is answered."""

    process: subprocess.Popen[str] | None = None
    left = 0
    drop = False

    def judge(self, call: Call) -> list[Fault]:
        """The call is in: the process dies here, whatever becomes of the call."""
        if not (call.writes and self.process):
            return []
        self.left -= 1
        if self.left:
            return []
        os.kill(self.process.pid, signal.SIGKILL)
        return [Fault(Kind.DROP_BEFORE)] if self.drop else []


@dataclass(slots=True)
class Shop:
    """Two tables, one with an item and to be replaced, the other to be changed; and what was ever said of a backup."""

    simulator: Simulator
    folder: Path
    table_id: str
    killing: Killing
    told: list[str]
    calls: list[Call]

    def run(self, *, kill_at: int = 0, drop: bool = False) -> int:
        """Apply the reviewed plan in a process of its own; its exit status, negative where it was killed."""
        arguments = ["apply", "after.edn", "--reviewed", "plan.json", "--allow-destructive", "*", "--max-parallel", "1"]
        self.simulator.start_over()
        with command(self, *arguments) as process:
            self.killing.process, self.killing.left, self.killing.drop = process, kill_at, drop
            output, _ = process.communicate(timeout=120)
        self.killing.process = None
        self.told += re.findall(r"backup (arn:\S+) is AVAILABLE", output)
        self.calls += self.simulator.journal.calls
        self.items_are_safe()
        return process.returncode

    def items_are_safe(self) -> None:
        """The item is in the table, or in a backup that the output named before the table was deleted."""
        self.simulator.settle()
        table = self.simulator.tables.get("orders")
        if table is not None and table.id == self.table_id:
            assert list(table.items.by_key.values()) == [ITEM]
            if not table.lifecycle:
                return
        backups = [self.simulator.backups[arn] for arn in self.told]
        assert any(one.source["TableId"] == self.table_id and one.status == "AVAILABLE" for one in backups)

    def agrees(self) -> None:
        """The tables are as the file says, and no index was made twice."""
        with command(self, "plan", "after.edn", "--detailed-exitcode") as process:
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        made = Counter(str(call.parameters) for call in self.calls if call.changed and call.operation == "UpdateTable")
        assert all(count == 1 for count in made.values())
        assert any("Create" in parameters for parameters in made)


def command(shop: Shop, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "engine",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": shop.simulator.region,
        "AWS_ENDPOINT_URL": shop.simulator.endpoint_url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dynatus_ci", *arguments],
        cwd=shop.folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Simulator(clock=Clock(scale=HOUR)) as simulator:
        (tmp_path / "before.edn").write_text(BEFORE, encoding="utf-8")
        (tmp_path / "after.edn").write_text(AFTER, encoding="utf-8")
        killing = Killing()
        simulator.faults = killing
        made = Shop(simulator, tmp_path, "", killing, [], [])
        for arguments in (["apply", "before.edn", "--yes"], ["plan", "after.edn", "--out", "plan.json"]):
            if arguments[0] == "plan":
                client = simulator.client(caller=SECOND_WRITER)
                client.put_item(TableName="orders", Item=ITEM)
                client.close()
            with command(made, *arguments) as process:
                output, _ = process.communicate(timeout=120)
            assert (tmp_path / "plan.json").exists() or process.returncode == 0, output
        made.table_id = simulator.tables["orders"].id
        yield made


def test_killed_over_and_over_it_still_gets_there_and_loses_nothing(shop: Shop) -> None:
    for run in range(MOST_RUNS):
        # Each run makes the probe and the backup anew, so one must live for five writes to get beyond them.
        status = shop.run(kill_at=run % 6 + 1, drop=run % 4 == 3)
        if status == 0:
            break
        assert status == -signal.SIGKILL
    else:
        pytest.fail("it never got there")
    shop.agrees()


@pytest.mark.soak
@pytest.mark.parametrize("drop", [False, True], ids=["with its effect", "without"])
@pytest.mark.parametrize("write", range(1, 9))
def test_soak_killed_at_any_write_the_next_run_goes_on(shop: Shop, write: int, drop: bool) -> None:
    assert shop.run(kill_at=write, drop=drop) == -signal.SIGKILL
    assert shop.run() == 0
    shop.agrees()
