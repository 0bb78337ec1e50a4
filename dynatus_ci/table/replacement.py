"""A table as a whole: made, deleted, or deleted and made again, with the copy that comes first.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.table import model, probe, unmanaged
from dynatus_ci.table.aspects import ASPECTS, capacity, indexes, keys
from dynatus_ci.table.aspects.base import Comparison, Emptiness, matches
from dynatus_ci.table.model import Difference, Effect, Risk, Step, Value, digest

RECOVERY = "PointInTimeRecoverySpecification"
WHOLE = ("KeySchema", keys.LOCAL, "BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
NEVER_KEPT = (
    "A new table never keeps: the stream's ARN, the recovery window, unmentioned tags, TTL, resource policy, "
    "contributor insights, Kinesis destination, scaling targets, alarms."
)
WRITERS_STOP = (
    "Writers must stop first: the backup does not hold what they write after it has started. Items are not copied back."
)


def body(comparison: Comparison) -> Value:
    """What the path `[]` of a new table stands for: keys with their types, local indexes, billing mode and capacity."""
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
    }


def creation(comparison: Comparison) -> tuple[Difference, ...]:
    """The differences of a table that is missing: itself, and each index, setting and tag that its file asks for."""
    missing = Comparison(comparison.desired, None, comparison.facts)
    itself = Difference(comparison.name, (), None, body(comparison), Effect.CREATE)
    aspects = (difference for aspect in ASPECTS if aspect.managed(comparison.desired)
                for difference in aspect.differences(missing))  # fmt: skip
    return (itself, *aspects)


def create_step(comparison: Comparison, differences: tuple[Difference, ...], unsupported: frozenset[str]) -> Step:
    """CreateTable with all that it takes, waited for until the table and its indexes are ACTIVE."""
    riding = [aspect for aspect in ASPECTS if _rides(comparison, aspect.name) and aspect.name not in unsupported]
    parameters = _table(comparison)
    for aspect in riding:
        parameters |= aspect.parameters(comparison.desired.at((aspect.name,)))
    carried = {aspect.name for aspect in riding} | {indexes.GLOBAL}
    served = [d for d in differences if d.path == () or (d.path[0] in carried and len(d.path) < 3)]
    return Step(
        operation="CreateTable",
        parameters=parameters,
        reason="create the table",
        differences=tuple(difference.id for difference in served),
        expects={(): {}, **{(indexes.GLOBAL, name): {} for name in comparison.desired.indexes()}},
        waits_for="table and indexes ACTIVE",
        seconds=(2, 22),
    )


def risk(comparison: Comparison) -> Risk:
    """Deleting a table is disruptive where it is proven empty and no setting is lost that the file does not mention."""
    lost = tuple(unmentioned(comparison)) if not comparison.desired.absent else ()
    empty = comparison.facts.emptiness is Emptiness.EMPTY
    return Risk.DISRUPTIVE if empty and not lost else Risk.DESTRUCTIVE


def unmentioned(comparison: Comparison) -> Iterator[str]:
    """The live settings that DescribeTable shows, a new table would not have, and the file does not mention."""
    if comparison.actual is None:
        return
    for aspect in ASPECTS:
        live = comparison.actual_at((aspect.name,))
        shown = aspect.reader is None and aspect.name != "WarmThroughput" and not aspect.of_table
        if shown and not aspect.managed(comparison.desired) and not matches(aspect.initial, live):
            yield aspect.name
    for kind in (indexes.GLOBAL, keys.LOCAL):
        if comparison.actual_at((kind,)) and not comparison.desired.manages(kind):
            yield kind
    for owner in ((), *((indexes.GLOBAL, name) for name in comparison.desired.indexes())):
        path = (*owner, "OnDemandThroughput")
        live, written = comparison.actual_at(path) or {}, comparison.desired.at(path) or {}
        if any(units != -1 and member not in written for member, units in live.items()):
            yield "/".join(path)
    yield from unmanaged.names(comparison.actual)


def refusal(comparison: Comparison) -> str | None:
    """Why this table must not be deleted (docs/architecture.md#what-never-runs)."""
    actual = comparison.actual
    if actual is None or actual.info is None:
        return None
    if comparison.actual_at(("Replicas",)):
        return "The table has replicas; remove them first, in a change of its own."
    kinds = {indexes.GLOBAL, unmanaged.VECTORS}
    building = [path[1] for path in actual.transitions if len(path) == 2 and path[0] in kinds]
    if building:
        return f"Index {building[0]} is being built or deleted; the table can be deleted when that has ended."
    if actual.info.status != "ACTIVE":
        return f"The table is {actual.info.status}, not ACTIVE."
    protected = comparison.actual_at(("DeletionProtectionEnabled",))
    if protected and comparison.desired.at(("DeletionProtectionEnabled",)) is not False:
        return "Deletion protection is on. Set :DeletionProtectionEnabled false in a change of its own first."
    return probe.refusal(comparison)


def steps(comparison: Comparison, differences: tuple[Difference, ...], *, new: tuple[Step, ...]) -> Iterator[Step]:
    """The probe of the new table, protection off where the file says so, a backup, and the deletion.

    Args:
        comparison: The two sides.
        differences: What asks for it.
        new: The step that creates the new table; none where the table is only deleted.
    """
    served = tuple(d for d in differences if d.effect in {Effect.RECREATE, Effect.DELETE})
    ids = tuple(difference.id for difference in served)
    for create in new:
        yield from probe.steps(comparison, create, differences=ids)
    if comparison.actual_at(("DeletionProtectionEnabled",)):
        yield Step(
            operation="UpdateTable",
            parameters=comparison.update_table(DeletionProtectionEnabled=False),
            reason="lift deletion protection, as the file says",
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
    yield Step(
        operation="DeleteTable",
        parameters={"TableName": comparison.name},
        reason="delete the table",
        differences=ids,
        expects={(): None},
        waits_for="table gone",
        seconds=(4, 6),
    )


def needs_backup(comparison: Comparison) -> bool:
    """Whether a copy must be made before the table goes; not of a table that is proven empty."""
    return comparison.facts.backups and comparison.facts.emptiness is not Emptiness.EMPTY


def backup_name(comparison: Comparison) -> str:
    """A name that tells which table it was; names of backups need not be unique (3 to 255 characters)."""
    table_id = comparison.info.table_id if comparison.info else ""
    return f"dynatus-{digest([comparison.name, table_id])[:8]}-{comparison.name}"[:255]


def notes(comparison: Comparison) -> Iterator[str]:
    """What people must know before a table goes."""
    yield from _items_notes(comparison)
    if comparison.desired.absent:
        return
    yield from _unproven(comparison)
    lost = list(unmentioned(comparison))
    if lost:
        yield f"Live settings that the file does not mention, and a new table will not have: {', '.join(lost)}."
    yield NEVER_KEPT


def _items_notes(comparison: Comparison) -> Iterator[str]:
    """What happens to the items."""
    emptiness = comparison.facts.emptiness
    if emptiness is Emptiness.EMPTY:
        yield "The table is empty (a consistent scan found no item, and recovery is off)."
    elif emptiness is Emptiness.UNKNOWN:
        yield "It runs if the table is empty at apply, else it must be named: whether it is empty may not be read here."
    elif emptiness is Emptiness.RECOVERABLE:
        yield "A scan found no item, but its recovery window may hold some."
    if emptiness is Emptiness.RECOVERABLE or comparison.actual_at((RECOVERY, "PointInTimeRecoveryEnabled")):
        yield f"Where recovery is on, DynamoDB itself keeps {comparison.name}$DeletedTableBackup for 35 days."
    if emptiness is not Emptiness.EMPTY:
        yield WRITERS_STOP if comparison.facts.backups else "This endpoint has no backups: the items are lost."


def _unproven(comparison: Comparison) -> Iterator[str]:
    """What nobody has made sure of before the table goes."""
    if not probe.possible(comparison):
        yield "This endpoint keeps no tags, so the new table is not tried before the old one is deleted."
    key = comparison.desired.at(("SSESpecification", "KMSMasterKeyId"))
    if key and comparison.facts.keys.get(key, key) is None:
        yield (
            f"The KMS key {key} could not be looked up (kms:DescribeKey). Creating the new table under another name "
            "shows whether AWS accepts it."
        )


def _rides(comparison: Comparison, name: str) -> bool:
    aspect = next(aspect for aspect in ASPECTS if aspect.name == name)
    if not aspect.in_create or not comparison.desired.manages(name):
        return False
    return not matches(aspect.initial, comparison.desired.at((name,)))


def _table(comparison: Comparison) -> dict[str, Value]:
    key, local = comparison.desired.at(("KeySchema",)), comparison.desired.at((keys.LOCAL,)) or {}
    limits = model.limits(comparison.desired.at(("OnDemandThroughput",)))
    throughput = comparison.desired.at(("ProvisionedThroughput",))
    made = [indexes.parameters(name, index) for name, index in comparison.desired.indexes().items()]
    return {
        "TableName": comparison.name,
        "AttributeDefinitions": comparison.desired.at(("AttributeDefinitions",)),
        "KeySchema": key["KeySchema"],
        "BillingMode": comparison.desired.at(("BillingMode",)),
        **({"ProvisionedThroughput": throughput} if throughput else {}),
        **({"OnDemandThroughput": limits} if limits and capacity.keeps_limits(comparison, limits) else {}),
        **({keys.LOCAL: [keys.local_parameters(*index) for index in local.items()]} if local else {}),
        **({indexes.GLOBAL: made} if made else {}),
    }
