"""`:KeepItems`: what a run finds decides what it does first. Nothing else does, but what this run itself has compared.

The rows of `FOUND` are the table of docs/dynamodb.md#keeping-items: what a crash may leave behind, and what remains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from dynatus_ci.definitions import loader
from dynatus_ci.report import wording
from dynatus_ci.table import build, lookups, planner, proof
from dynatus_ci.table.facts import AccountFacts, Emptiness, Endpoint, Memory, ProbeState, StagingTable, TableIds
from dynatus_ci.table.model import Action, Risk, Step, Table, TableChange
from dynatus_ci.table.origins import keep_items
from tests import small_tables

NAME, COPY = "orders", "orders.dynatus-items"
TABLE_ID, OTHER_ID, NEXT_ID = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")
"""Of the old table; of an earlier one of its name; of the new table."""
COPY_ID = "99999999-0000-4000-8000-000000000000"
BOTH = TableIds(TABLE_ID, COPY_ID)
OF_THIS, OF_OTHER = f"{NAME}@11111111", f"{NAME}@22222222"
PROBED = Memory(probed=True, backup="arn:backup")
KEYS = {"old": ("id",), "new": ("customer", "id"), "third": ("shop", "id")}


def body(key: str, name: str = NAME, **more: Any) -> dict[str, Any]:
    return small_tables.definition(name, *KEYS[key], **more)


def definition(key: str, **more: Any) -> Table:
    ((checked),) = loader.check([body(key, **more)])
    return build.desired(checked.body)


def live(key: str, id_: str, tags: dict[str, str], *, name: str = NAME, status: str = "ACTIVE") -> Table:
    description = {
        **body(key, name),
        "TableArn": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{name}",
        "TableId": id_,
        "TableStatus": status,
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ItemCount": 1_000,
        "TableSizeBytes": 300_000,
    }
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return build.actual(description, {} if status == "CREATING" else {"ListTagsOfResource": {"Tags": listed}})


@dataclass(frozen=True, slots=True)
class Found:
    """What a run finds.

    Args:
        key: The key of the table; None where the table is gone.
        from_copy: The table's tag `dynatus:items-from`.
        copy: The copy's tag `dynatus:copy-of`; None where there is no copy, empty where the tag is not there.
        complete: Whether the copy has the tag `dynatus:copy-complete`.
        copy_key: The key of the copy.
        file: The key in the file.
        memory: What this run itself has seen.
    """

    key: str | None = "old"
    id: str = TABLE_ID
    from_copy: str | None = None
    copy: str | None = None
    complete: bool = False
    copy_key: str = "new"
    file: str = "new"
    kept: bool = True
    emptiness: Emptiness = Emptiness.ITEMS
    memory: Memory = PROBED
    emulator: str | None = None

    @property
    def facts(self) -> AccountFacts:
        marks = {"dynatus:copy-of": self.copy} if self.copy else {}
        marks |= {"dynatus:copy-complete": str(self.copy)} if self.complete else {}
        copy = live(self.copy_key, COPY_ID, marks, name=COPY) if self.copy is not None else None
        return AccountFacts(
            endpoint=Endpoint("eu-west-1", self.emulator, backups=self.emulator is None),
            scaling={},
            probe=ProbeState.ABSENT,
            emptiness=self.emptiness,
            staging=StagingTable(copy, backup="arn:aws:dynamodb:eu-west-1:123456789012:table/orders/backup/1"),
            memory=self.memory,
        )

    def change(self, **more: Any) -> TableChange:
        tags = {"dynatus:items-from": self.from_copy} if self.from_copy else {}
        actual = live(self.key, self.id, tags) if self.key else None
        line = {"KeepItems": True} if self.kept else {}
        desired, facts = definition(self.file, **line, **more), self.facts
        assert not lookups.missing_facts(desired, actual, facts)
        planned = planner.change(desired, actual, facts)
        if self.emulator is None:  # an emulator that knows no tags finishes in one run, which remembers
            assert proof.proven(planned, facts) is planned
        return planned


def shown(step: Step) -> str:
    """A step by its operation and the table that it is about."""
    about = step.parameters.get("TableName") or step.parameters["ResourceArn"].rpartition("/")[2]
    return f"{step.operation} {about}"


NEW = Found(key="new", id=NEXT_ID)
MADE = replace(NEW, copy=OF_THIS, complete=True, from_copy=OF_THIS)
STAGED = replace(PROBED, staged=BOTH)
EQUAL = replace(STAGED, equal=BOTH)
RETURNED = Memory(returned=TableIds(NEXT_ID, COPY_ID))

FOUND: dict[str, tuple[Found, str]] = {
    # as the table of steps goes down: what a crash leaves behind, and what the next run does first
    "the table": (Found(), f"CreateTable {COPY}"),
    "the table, an empty copy": (Found(copy=OF_THIS), f"BatchExecuteStatement {COPY}"),
    "the table, a full copy": (Found(copy=OF_THIS, memory=Memory(probed=True)), f"BatchExecuteStatement {COPY}"),
    "the same in one run": (Found(copy=OF_THIS, memory=Memory(probed=True, staged=BOTH)), f"CreateBackup {NAME}"),
    "and a backup": (Found(copy=OF_THIS, memory=STAGED), f"BatchWriteItem {COPY}"),
    "both are equal": (Found(copy=OF_THIS, memory=EQUAL), f"TagResource {COPY}"),
    "both are equal, and the copy says so": (Found(copy=OF_THIS, complete=True, memory=EQUAL), f"DeleteTable {NAME}"),
    "the copy says so, and an earlier run compared": (Found(copy=OF_THIS, complete=True), f"UntagResource {COPY}"),
    "the deletion failed": (Found(copy=OF_THIS, complete=True, memory=STAGED), f"BatchWriteItem {COPY}"),
    "the copy, the backup": (Found(key=None, copy=OF_THIS, complete=True), f"CreateTable {NAME}"),
    "an empty table, the copy": (MADE, f"BatchExecuteStatement {NAME}"),
    "the table, the copy": (replace(MADE, memory=RETURNED), f"UntagResource {NAME}"),
    "the tag is gone": (replace(NEW, copy=OF_THIS, complete=True), f"Scan {NAME}"),
    "the tag is gone, in one run": (replace(NEW, copy=OF_THIS, memory=RETURNED), f"DeleteTable {COPY}"),
    "the table alone": (NEW, "nothing"),
    # another one was meant
    "another run was equal to another table": (
        Found(copy=OF_THIS, memory=replace(EQUAL, equal=TableIds(OTHER_ID, COPY_ID))), f"BatchWriteItem {COPY}"),
    "it is equal to another copy": (
        Found(copy=OF_THIS, memory=replace(EQUAL, equal=TableIds(TABLE_ID, OTHER_ID))), f"BatchWriteItem {COPY}"),
    "another table has all items": (
        replace(MADE, memory=Memory(returned=TableIds(OTHER_ID, COPY_ID))), f"BatchExecuteStatement {NAME}"),
    "another copy was returned": (
        replace(MADE, memory=Memory(returned=TableIds(NEXT_ID, OTHER_ID))), f"BatchExecuteStatement {NAME}"),
    # the file went back to the old key
    "before the copy": (Found(file="old"), "nothing"),
    "during the copy": (Found(copy=OF_THIS, file="old"), f"Scan {NAME}"),
    "before the deletion": (Found(copy=OF_THIS, complete=True, file="old"), f"Scan {NAME}"),
    "when the table is gone": (Found(key=None, copy=OF_THIS, complete=True, file="old"), f"CreateTable {NAME}"),
    "when the new table is being filled": (replace(MADE, file="old"), f"BatchExecuteStatement {NAME}"),
    "when the new table is full": (replace(NEW, copy=OF_THIS, complete=True, file="old"), f"Scan {NAME}"),
    "when all is done": (replace(NEW, file="old"), f"CreateTable {COPY}"),
    # the file has a third key
    "a third key during the copy": (Found(copy=OF_THIS, file="third"), f"Scan {NAME}"),
    "a third key when the table is gone": (
        Found(key=None, copy=OF_THIS, complete=True, file="third"), f"CreateTable {NAME}"),
    "a third key while it is filled": (replace(MADE, file="third"), f"BatchExecuteStatement {NAME}"),
    # what is no work
    "an empty table": (Found(emptiness=Emptiness.EMPTY, memory=Memory(probed=True)), f"DeleteTable {NAME}"),
    "a table that was emptied during the copy": (
        Found(emptiness=Emptiness.EMPTY, copy=OF_THIS), f"BatchExecuteStatement {COPY}"),
    "nothing at all": (Found(key=None), f"CreateTable {NAME}"),
    "a copy of an earlier table": (Found(copy=OF_OTHER, complete=True), f"Scan {NAME}"),
    "a stranger's table, and nothing to copy": (replace(NEW, copy=""), "nothing"),
    # without the line
    "the line is gone before the copy": (Found(kept=False), f"DeleteTable {NAME}"),
    "the line is gone, the key agrees": (replace(NEW, copy=OF_THIS, kept=False), "nothing"),
    "the line is gone, a stranger's table": (Found(kept=False, copy=""), f"DeleteTable {NAME}"),
    # an endpoint without tags: one run does all
    "no tags": (Found(emulator="dynamodb-local"), f"CreateTable {COPY}"),
    "no tags, its own copy": (
        Found(emulator="dynamodb-local", copy="", memory=Memory(staging=True)), f"BatchExecuteStatement {COPY}"),
    "no tags, both are equal": (
        Found(emulator="dynamodb-local", copy="",
              memory=Memory(staging=True, staged=BOTH, equal=BOTH)), f"DeleteTable {NAME}"),
    "no tags, the table is gone": (
        Found(key=None, emulator="dynamodb-local", copy="",
              memory=Memory(staging=True, staged=BOTH, equal=BOTH)), f"CreateTable {NAME}"),
    "no tags, the new table": (
        replace(NEW, emulator="dynamodb-local", copy="",
                memory=Memory(staging=True, equal=BOTH)), f"BatchExecuteStatement {NAME}"),
    "no tags, all items": (
        replace(NEW, emulator="dynamodb-local", copy="",
                memory=Memory(staging=True, equal=BOTH, returned=TableIds(NEXT_ID, COPY_ID))), f"DeleteTable {COPY}"),
}  # fmt: skip

REFUSED: dict[str, tuple[Found, str]] = {
    "the table is gone and the copy is not complete": (Found(key=None, copy=OF_THIS), "is not complete"),
    "somebody else's table has the copy's name": (Found(copy=""), "that dynatus did not create"),
    "the copy is gone while the table is filled": (replace(NEW, from_copy=OF_THIS), "is gone"),
    "it is filled from another copy": (
        replace(NEW, from_copy=OF_THIS, copy=OF_OTHER, complete=True), "no longer has the tag `dynatus:copy-of`"),
    "it is filled from a copy without its tag": (
        replace(NEW, from_copy=OF_THIS, copy="", complete=True), f"with the value `{OF_THIS}`"),
    "the table is gone, and a table without the tag has the copy's name": (
        Found(key=None, copy=""), "has no tag `dynatus:copy-of` that names it"),
    "the line is gone while it is filled": (replace(MADE, kept=False), "does not have all of its items back"),
    "the line is gone, and the table too": (
        Found(key=None, copy=OF_THIS, complete=True, kept=False), "holds a copy of its items"),
    "the line is gone during the copy": (Found(copy=OF_THIS, kept=False), "holds a copy of its items"),
    "the line and the new key are gone while it is filled": (
        replace(MADE, file="old", kept=False), "does not have all of its items back"),
    "no tags, and a copy of an earlier run": (Found(emulator="dynamodb-local", copy=""), "keeps no tags"),
    "no tags, a copy of an earlier run, the table gone": (
        Found(key=None, emulator="dynamodb-local", copy=""), "keeps no tags"),
    "no tags, a copy of an earlier run, the new table there": (
        replace(NEW, emulator="dynamodb-local", copy=""), "keeps no tags"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "first"), [pytest.param(*row, id=name) for name, row in FOUND.items()])
def test_what_is_found_decides_what_remains(found: Found, first: str) -> None:
    change = found.change()
    assert change.refusal is None
    assert next(map(shown, change.steps), "nothing") == first
    assert change.changes is (first != "nothing")


@pytest.mark.parametrize(("found", "why"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_what_nobody_can_finish_is_refused(found: Found, why: str) -> None:
    change = found.change()
    assert change.refusal
    assert why in change.refusal.message
    assert change.steps == ()
    assert change.changes
    assert COPY in change.refusal.message
    assert not [d for d in change.differences if d.path == keep_items.PATH and d.risk is not Risk.SAFE]


@pytest.mark.parametrize("found", [replace(MADE, kept=False), Found(copy=OF_THIS, kept=False)], ids=["filled", "goes"])
def test_no_report_promises_items_to_a_file_without_the_line(found: Found) -> None:
    change = found.change()
    shown_parts = wording.overview(change)
    risky = (*wording.destructive(change), *wording.disruptive(change))
    said = " ".join(wording.consequence([consequence]) for consequence in risky)
    assert "items in a copy" in shown_parts
    assert "keeps its items" not in shown_parts
    assert "with its items" not in said
    assert "Start its writers" not in said


def test_the_refusal_of_a_copy_that_is_not_complete_names_the_backup() -> None:
    refusal = Found(key=None, copy=OF_THIS).change().refusal
    assert refusal
    assert "backup/1" in refusal.message


SETTINGS = {
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"},
}


def test_all_steps_in_their_order() -> None:
    change = Found(memory=Memory()).change(**SETTINGS)
    assert [shown(step) for step in change.steps] == [
        f"CreateTable {NAME}.dynatus-probe",
        f"DeleteTable {NAME}.dynatus-probe",
        f"CreateTable {COPY}",
        f"BatchExecuteStatement {COPY}",
        f"CreateBackup {NAME}",
        f"BatchWriteItem {COPY}",
        f"TagResource {COPY}",
        f"DeleteTable {NAME}",
        f"CreateTable {NAME}",
        f"BatchExecuteStatement {NAME}",
        f"UpdateTable {NAME}",
        f"UpdateTimeToLive {NAME}",
        f"UntagResource {NAME}",
        f"DeleteTable {COPY}",
    ]
    assert change.action is Action.RECREATE
    assert change.risk is Risk.DESTRUCTIVE
    assert change.table_id == TABLE_ID


def test_every_later_stage_needs_only_what_was_reviewed_at_first() -> None:
    reviewed = {difference.id for difference in Found(memory=Memory()).change(**SETTINGS).differences}
    for found in (Found(copy=OF_THIS, complete=True), Found(key=None, copy=OF_THIS, complete=True), MADE):
        change = found.change(**SETTINGS)
        assert {difference.id for difference in change.differences} <= reviewed
    filling = MADE.change(**SETTINGS)
    assert filling.action is Action.UPDATE
    assert filling.table_id is None
    assert filling.risk is Risk.DISRUPTIVE


def test_without_the_line_it_is_another_change() -> None:
    kept = {difference.id for difference in Found().change().differences if difference.path == ()}
    lost = {difference.id for difference in Found(kept=False).change().differences if difference.path == ()}
    assert kept & lost == set()


def test_a_file_that_changed_again_finishes_the_first_change_before_the_second_begins() -> None:
    steps = list(map(shown, replace(MADE, file="third", memory=Memory()).change().steps))
    assert steps[:4] == [
        f"BatchExecuteStatement {NAME}",
        f"UntagResource {NAME}",
        f"DeleteTable {COPY}",
        f"CreateTable {NAME}.dynatus-probe",
    ]
    assert steps.index(f"CreateTable {COPY}") < steps.index(f"DeleteTable {NAME}")


@pytest.mark.parametrize("found", [row[0] for row in FOUND.values()], ids=FOUND)
def test_the_table_goes_only_when_this_run_has_seen_that_the_copy_is_equal(found: Found) -> None:
    change = found.change()
    steps = list(map(shown, change.steps))
    if f"DeleteTable {NAME}" in steps and found.kept and found.emptiness is not Emptiness.EMPTY:
        before = steps[: steps.index(f"DeleteTable {NAME}")]
        assert f"BatchWriteItem {COPY}" in before or found.memory.equal == BOTH


@pytest.mark.parametrize("found", [row[0] for row in FOUND.values()], ids=FOUND)
def test_the_copy_goes_only_when_this_run_has_found_all_items_in_the_table(found: Found) -> None:
    steps = list(map(shown, found.change().steps))
    for place, step in enumerate(steps):
        if step == f"DeleteTable {COPY}":
            looked = {f"BatchExecuteStatement {NAME}", f"Scan {NAME}"} & set(steps[:place])
            assert looked or found.memory.returned == (found.id, COPY_ID)
