"""A table as a whole: created, deleted, or deleted and created again, with a backup before that.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.errors import Refusal
from dynatus_ci.table import create_table, probe, unmanaged
from dynatus_ci.table.aspects import ASPECTS, keys
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.aspects.stream import Stream
from dynatus_ci.table.facts import Emptiness
from dynatus_ci.table.model import DYNAMODB, GLOBAL, Difference, Effect, Risk, Step, Value, digest
from dynatus_ci.table.origins import copy_from, keep_items, keep_steps
from dynatus_ci.table.origins.keep_stages import KEEPS
from dynatus_ci.text import code, codes

RECOVERY = "PointInTimeRecoverySpecification"
WHOLE = ("KeySchema", keys.LOCAL, "BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
NEVER_KEPT = (
    "The new table has another stream ARN and an empty recovery window, and no scaling targets or alarms. Tags, "
    "time to live, resource policy, contributor insights and Kinesis destination are set only if the file mentions "
    "them."
)
WRITERS_STOP = (
    "Stop all writers first: the backup does not hold what they write after it has started. Nothing copies the items "
    "back."
)

KEEP_THEM = "To keep the items, write `:KeepItems true` into the definition."


def body(comparison: Comparison) -> Value:
    """The desired value at the path `()`: key, attribute types, local indexes, billing mode and capacity."""
    values = {name: comparison.desired.at((name,)) for name in WHOLE if comparison.desired.at((name,)) is not None}
    key = values.pop("KeySchema")
    local = values.pop(keys.LOCAL, None)
    types = keys.types(key["AttributeDefinitions"])
    for index in (local or {}).values():
        types |= keys.types(index["AttributeDefinitions"])
    return {
        "KeySchema": key["KeySchema"],
        "AttributeDefinitions": keys.definitions(types),
        **({keys.LOCAL: [keys.local_parameters(*index) for index in local.items()]} if local else {}),
        **values,
        **({keep_items.NAME: True} if comparison.desired.manages(keep_items.NAME) else {}),
    }


def creation(comparison: Comparison) -> tuple[Difference, ...]:
    """The differences of a table that is missing: the table, then those of each aspect that its file mentions."""
    missing = Comparison(comparison.desired, None, comparison.facts)
    itself = Difference(comparison.name, (), None, body(comparison), Effect.CREATE)
    aspects = (difference for aspect in ASPECTS if aspect.concerns(missing)
                for difference in aspect.differences(missing))  # fmt: skip
    return (itself, *aspects)


def create_step(comparison: Comparison, differences: tuple[Difference, ...], unsupported: frozenset[str]) -> Step:
    """CreateTable, with each aspect that it takes and the endpoint keeps."""
    filled = any(difference.effect is Effect.COPY for difference in differences)
    later = {*unsupported, *({Stream.name} if filled else ())}  # a stream would carry every copied item
    included = [aspect for aspect in ASPECTS if _in_create(comparison, aspect) and aspect.name not in later]
    parameters = create_table.bare(comparison)
    for aspect in included:
        parameters |= aspect.parameters(comparison.desired.at((aspect.name,)))
    names = {aspect.name for aspect in included} | {GLOBAL}
    served = [d for d in differences if d.path == () or (d.path[0] in names and len(d.path) < 3)]
    return Step(
        operation="CreateTable",
        parameters=parameters,
        reason="create the table",
        differences=tuple(difference.id for difference in served),
        expects={(): {}, **{(GLOBAL, name): {} for name in comparison.desired.indexes()}},
        waits_for="table and indexes ACTIVE",
        seconds=create_table.SECONDS,
    )


def risk(comparison: Comparison) -> Risk:
    """Deleting a table is disruptive if it is proven empty and nothing is lost that the file does not mention."""
    lost = tuple(unmentioned(comparison)) if not comparison.desired.absent else ()
    empty = comparison.facts.emptiness is Emptiness.EMPTY
    return Risk.DISRUPTIVE if empty and not lost else Risk.DESTRUCTIVE


def unmentioned(comparison: Comparison) -> Iterator[str]:
    """What DescribeTable shows and a new table would not have, because the file does not mention it."""
    if comparison.actual is None:
        return
    for aspect in ASPECTS:
        actual = comparison.actual_at((aspect.name,))
        described = aspect.reader is None and aspect.service == DYNAMODB
        shown = described and aspect.name != "WarmThroughput" and not aspect.in_every_table
        if shown and not aspect.managed(comparison.desired) and not matches(aspect.initial, actual):
            yield aspect.name
    for member in (GLOBAL, keys.LOCAL):
        if comparison.actual_at((member,)) and not comparison.desired.manages(member):
            yield member
    for owner in ((), *((GLOBAL, name) for name in comparison.desired.indexes())):
        path = (*owner, "OnDemandThroughput")
        actual, desired = comparison.actual_at(path) or {}, comparison.desired.at(path) or {}
        if any(units != -1 and member not in desired for member, units in actual.items()):
            yield "/".join(path)
    yield from unmanaged.names(comparison.actual)


def refusal(comparison: Comparison) -> Refusal | None:
    """Why this table must not be deleted (docs/architecture.md#what-never-runs)."""
    actual = comparison.actual
    if actual is None or actual.info is None:
        return None
    if comparison.actual_at(("Replicas",)):
        return Refusal("The table has replicas. Remove them first, in a change of its own.")
    members = {GLOBAL, unmanaged.VECTORS}
    building = [path[1] for path in actual.transitions if len(path) == 2 and path[0] in members]
    if building:
        text = f"Index {code(building[0])} is being built or deleted. The table can be deleted when that has ended."
        return Refusal(text)
    if actual.info.status != "ACTIVE":
        return Refusal(f"The table is {code(actual.info.status)}, not ACTIVE.")
    protected = comparison.actual_at(("DeletionProtectionEnabled",))
    if protected and comparison.desired.at(("DeletionProtectionEnabled",)) is not False:
        text = "Deletion protection is on. Set `:DeletionProtectionEnabled false` first, in a change of its own."
        return Refusal(text)
    return probe.refusal(comparison)


def steps(comparison: Comparison, differences: tuple[Difference, ...], *, new: tuple[Step, ...]) -> Iterator[Step]:
    """The steps up to the deletion: the probe of the new table, protection off if the file says so, a backup.

    Where the items are kept, they are copied before the backup, and compared after it.

    Args:
        comparison: The two sides.
        differences: All differences of the table.
        new: The step that creates the new table; none where the table is only deleted.
    """
    served = tuple(d for d in differences if d.effect in {Effect.RECREATE, Effect.DELETE})
    ids = tuple(difference.id for difference in served)
    for create in new:
        yield from probe.steps(comparison, create, differences=ids)
        yield from keep_steps.into_copy(comparison, create, ids)
    if comparison.actual_at(("DeletionProtectionEnabled",)):
        yield Step(
            operation="UpdateTable",
            parameters=comparison.update_table(DeletionProtectionEnabled=False),
            reason="turn deletion protection off, as the file says",
            differences=ids,
            expects={("DeletionProtectionEnabled",): False},
            waits_for="protection off",
        )
    if needs_backup(comparison) and comparison.facts.memory.backup is None:
        yield Step(
            operation="CreateBackup",
            parameters={"TableName": comparison.name, "BackupName": backup_name(comparison)},
            reason="back the table up before it is deleted",
            differences=ids,
            waits_for="backup AVAILABLE",
            seconds=(1, None),
        )
    yield from keep_steps.align(comparison, ids)
    yield Step(
        operation="DeleteTable",
        parameters={"TableName": comparison.name},
        reason="delete the table",
        differences=ids,
        expects={(): None},
        waits_for="table gone",
        seconds=create_table.SECONDS_TO_DELETE,
        after=keep_steps.served(differences),
    )


def needs_backup(comparison: Comparison) -> bool:
    """Whether a backup must be made before the deletion: not of a table that is proven empty."""
    return comparison.endpoint.backups and comparison.facts.emptiness is not Emptiness.EMPTY


def backup_name(comparison: Comparison) -> str:
    """The backup's name, with the table's. Names of backups have 3 to 255 characters and need not be unique."""
    return f"dynatus-{digest([comparison.name, comparison.table_id])[:8]}-{comparison.name}"[:255]


def notes(comparison: Comparison) -> Iterator[str]:
    """What people must know before the table is deleted."""
    yield from _items_notes(comparison)
    if comparison.desired.absent:
        return
    yield from _unproven(comparison)
    lost = list(unmentioned(comparison))
    if lost:
        yield f"The new table will not have these, because the file does not mention them: {codes(lost)}."


def _items_notes(comparison: Comparison) -> Iterator[str]:
    emptiness = comparison.facts.emptiness
    if emptiness is Emptiness.EMPTY:
        yield "The table is empty (a consistent scan found no item, and recovery is off)."
    elif emptiness is Emptiness.UNKNOWN:
        yield (
            "No permission to check whether the table is empty. Apply checks it: an empty table is deleted without "
            "approval, any other only with it."
        )
    elif emptiness is Emptiness.RECOVERABLE:
        yield "A scan found no item, but the table's recovery window may hold some."
    if emptiness is Emptiness.RECOVERABLE or comparison.actual_at((RECOVERY, "PointInTimeRecoveryEnabled")):
        backup = code(f"{comparison.name}$DeletedTableBackup")
        yield f"If recovery is on, DynamoDB itself keeps {backup} for 35 days."
    if keep_items.stage(comparison) in KEEPS:
        yield from keep_items.notes(comparison)
    elif emptiness is not Emptiness.EMPTY:
        yield WRITERS_STOP if comparison.endpoint.backups else "This endpoint has no backups: the items are lost."
        if not (comparison.desired.absent or comparison.desired.manages(copy_from.NAME)):  # a table has one origin
            yield KEEP_THEM


def _unproven(comparison: Comparison) -> Iterator[str]:
    """What cannot be checked before the table is deleted."""
    if not probe.possible(comparison):
        yield "This endpoint keeps no tags, so the new table is not tested before the old one is deleted."
    key = comparison.desired.at(("SSESpecification", "KMSMasterKeyId"))
    if key and comparison.facts.kms_keys.get(key, key) is None:
        yield (
            f"The KMS key {code(key)} could not be looked up (`kms:DescribeKey`). Creating the new table under another "
            "name shows whether AWS accepts it."
        )


def _in_create(comparison: Comparison, aspect: Aspect) -> bool:
    desired = comparison.desired
    return aspect.in_create and desired.manages(aspect.name) and not matches(aspect.initial, desired.at((aspect.name,)))
