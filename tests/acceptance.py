"""`make acceptance`: the settings of the matrix, a recreate with its backup, a copy and a restore, on a real account.

    make acceptance ACCOUNT=123456789012     # asks first; says what it takes
    make sweep ACCOUNT=123456789012          # removes what a run left behind that did not come to its end

The account is that of boto3's configuration, and must be the one that is named. Every table begins with `PREFIX` and
has the tag of that name. Nothing else is touched. In `make test` the same scenarios run on the simulator
(integration/test_acceptance.py).
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event as Flag
from typing import Any

from dynatus_ci import engine, review
from dynatus_ci.aws import connection
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws, pages
from dynatus_ci.aws.waits import Clock, SystemClock
from dynatus_ci.errors import DynatusError
from dynatus_ci.table.model import Action, Table
from dynatus_ci.table.outcome import TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import plain
from tests.integration.test_matrix import JOURNEYS
from tests.strategies import Definition
from tests.world import tables

PREFIX = "dynatus-acceptance"
NOT_ON_AN_ACCOUNT = {
    "KinesisStreamSpecification": "needs a stream of Kinesis",
    "Replicas": "needs a second region, and costs",
    "ResourcePolicy": "names an account",
    "SSESpecification": "needs a key of KMS",
    "WarmThroughput": "costs",
}
"""Scenarios that are left out, and why."""
ITEM = {"pk": {"S": "kept by a backup"}}
HOURS = (1, 2)
"""How long it takes. Scenarios run side by side, and time to live needs half an hour between two changes."""
COST = "under 1 USD: a few provisioned units for two hours, and tables and two backups with hardly an item"
OPTIONS = engine.Options(wait_seconds=3 * 3_600)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table, and the definitions that it goes through; `item` is put into it after the first of them.

    With `copied`, each later definition is of another table, which is filled from the first one. With `restored`, it is
    restored from a backup of the first one.
    """

    name: str
    definitions: Sequence[Definition]
    item: dict[str, Any] | None = None
    copied: bool = False
    restored: bool = False

    def steps(self, run: str) -> list[Table]:
        """The table of each definition, under the name that it has in a run, with the tag of all our tables."""
        tag = {"Key": PREFIX, "Value": run}
        name = f"{PREFIX}-{run}-{self.name}"
        made: list[Table] = []
        for one in self.definitions:
            other = {"TableName": f"{name}-2" if (self.copied or self.restored) and made else name}
            other |= {"CopyFrom": name} if self.copied and made else {}
            made += tables([{**other, **one, "Tags": [*one.get("Tags", []), tag]}])
        return made


def _scenarios() -> Iterator[Scenario]:
    for name, definitions in JOURNEYS.items():
        if name not in NOT_ON_AN_ACCOUNT:
            yield Scenario(name, definitions)
    yield Scenario("Backup", JOURNEYS["KeySchema"], item=ITEM)
    yield Scenario("Copy", JOURNEYS["DeletionProtectionEnabled"], item=ITEM, copied=True)
    yield Scenario("Restore", JOURNEYS["DeletionProtectionEnabled"], item=ITEM, restored=True)


SCENARIOS = tuple(_scenarios())


@dataclass(slots=True)
class Account:
    """A real account, or the simulator in its place.

    Args:
        aws: The connection to it.
        clock: The time.
        say: Shows a line.
        parallel: How many scenarios run at once.
        run: A random name, part of every table's name.
    """

    aws: Aws
    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = print
    parallel: int = len(SCENARIOS)
    stop: Flag = field(default_factory=Flag)
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def accept(self) -> list[str]:
        """Run all scenarios, and remove their tables. Returns what is wrong, by scenario."""
        try:
            with ThreadPoolExecutor(max_workers=self.parallel) as pool:
                try:
                    found = list(pool.map(self._tried, SCENARIOS))
                except KeyboardInterrupt:
                    self.stop.set()  # each scenario ends after its current call
                    raise
        finally:
            self.sweep(f"{PREFIX}-{self.run}-")
        return [fault for fault in found if fault]

    def _tried(self, scenario: Scenario) -> str | None:
        began = self.clock.now()
        try:
            backup = ""
            for number, asked in enumerate(scenario.steps(self.run)):
                origin = {"RestoreFrom": backup} if backup else {}
                desired = replace(asked, values={**asked.values, **origin})
                fault = self._step(desired)
                if fault:
                    return f"{scenario.name}, definition {number + 1}: {plain(fault)}"
                if scenario.item and number == 0:
                    item = {"TableName": desired.name, "Item": scenario.item}
                    self.aws.write("PutItem", table=desired.name, parameters=item)
                if scenario.restored and number == 0:
                    backup = self._backup_of(desired.name)
        except DynatusError as error:
            return f"{scenario.name}: {plain(str(error))}"
        self.say(f"{scenario.name}: as it should be, after {(self.clock.now() - began) / 60:.0f} min")
        return None

    def _step(self, desired: Table) -> str | None:
        """Plan, apply, and plan again: nothing may be left. Says what is wrong."""
        planned = self._plan(desired)
        result = engine.apply(
            self.aws, [desired], plan=planned, refusal=review.Gate(None, ("*",)).refusal, options=OPTIONS,
            clock=self.clock, stop=self.stop,
        ).tables[0]  # fmt: skip
        if result.error:
            return result.error.message
        if planned.tables[0].action is Action.RECREATE and not self._is_backed_up(result):
            return "the table had an item, and there is no backup that is AVAILABLE"
        if (desired.at(("CopyFrom",)) or desired.at(("RestoreFrom",))) and not self._count(desired.name):
            return "the item was not copied or restored"
        left = self._plan(desired).tables[0]
        return f"a plan afterwards is not empty: {[d.path for d in left.differences]}" if left.changes else None

    def _count(self, name: str) -> int:
        scan = pages(self.aws.read, "Scan", table=name, TableName=name, ConsistentRead=True, Select="COUNT")
        return sum(page["Count"] for page in scan)

    def _plan(self, desired: Table) -> Plan:
        return engine.plan(self.aws, [desired], options=OPTIONS)

    def _backup_of(self, name: str) -> str:
        """Back a table up, and wait until that is AVAILABLE; the ARN. A new table has no backups for some seconds."""
        made: str | None = None
        while not self.stop.is_set():
            try:
                if made is None:
                    parameters = {"TableName": name, "BackupName": name[:255]}
                    made = str(
                        self.aws.write("CreateBackup", table=name, parameters=parameters)["BackupDetails"]["BackupArn"]
                    )
                answer = self.aws.read("DescribeBackup", table=name, BackupArn=made)
                if answer["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE":
                    return made
            except CallFailed as failed:
                if failed.kind is not ErrorKind.BUSY:
                    raise
            self.clock.wait(5, self.stop)
        raise DynatusError("The run was stopped.")

    def _is_backed_up(self, result: TableResult) -> bool:
        if "Backup" not in result.table:
            return True  # the other tables are empty
        answer = self.aws.read("DescribeBackup", table=result.table, BackupArn=result.backup)
        return bool(answer["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")

    def sweep(self, prefix: str = f"{PREFIX}-") -> list[str]:
        """Delete all tables and backups of ours. Returns the names of the tables."""
        names = [name for page in pages(self.aws.read, "ListTables") for name in page["TableNames"]]
        ours = [name for name in names if name.startswith(prefix) and self._is_tagged(name)]
        for name in ours:
            self._delete(name)
        listed = pages(self.aws.read, "ListBackups", BackupType="USER")
        for summary in [summary for page in listed for summary in page["BackupSummaries"]]:
            if summary["TableName"].startswith(prefix) and summary["BackupStatus"] == "AVAILABLE":
                backup = {"BackupArn": summary["BackupArn"]}
                self.aws.write("DeleteBackup", table=summary["TableName"], parameters=backup)
        return ours

    def _is_tagged(self, name: str) -> bool:
        description = self.aws.describe(name)
        if description is None:
            return False
        answer = self.aws.read("ListTagsOfResource", table=name, ResourceArn=description["TableArn"])
        return PREFIX in {tag["Key"] for tag in answer["Tags"]}

    def _delete(self, name: str) -> None:
        """Delete a table, which may be protected or busy yet."""
        end = self.clock.now() + OPTIONS.wait_seconds
        while self.clock.now() < end and (description := self.aws.describe(name)):
            try:
                if description.get("DeletionProtectionEnabled"):
                    unprotected = {"TableName": name, "DeletionProtectionEnabled": False}
                    self.aws.write("UpdateTable", table=name, parameters=unprotected)
                elif description["TableStatus"] != "DELETING":
                    self.aws.write("DeleteTable", table=name, parameters={"TableName": name})
            except CallFailed as failed:
                if failed.kind in {ErrorKind.DENIED, ErrorKind.PERMANENT}:
                    raise
            self.clock.wait(5, Flag())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios, or sweep, on the account of boto3's configuration."""
    parser = argparse.ArgumentParser(prog="make acceptance", description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("run", "sweep"))
    parser.add_argument("--account", required=True, help="the account's number; credentials of another are refused")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    try:
        account = Account(connection.connect(expect_account=options.account))
        where = f"account {options.account}, region {account.aws.region}"
        if options.what == "sweep":
            print(f"Removed from {where}: {', '.join(account.sweep()) or 'no table'}.")
            return 0
        print(f"{len(SCENARIOS)} tables in {where}, named {PREFIX}-{account.run}-….")
        print(f"It takes {HOURS[0]} to {HOURS[1]} hours, and costs {COST}.")
        if not options.yes and input("Type `yes` to begin: ").strip() != "yes":
            return 1
        faults = account.accept()
    except KeyboardInterrupt:
        print("Cancelled. The tables of this run are removed.", file=sys.stderr)
        return 130
    except DynatusError as error:
        print(plain(str(error)), file=sys.stderr)
        return 1
    print("\n".join(faults) or "Everything is as it should be.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
