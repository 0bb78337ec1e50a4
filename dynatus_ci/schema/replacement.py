"""A table as a whole: made, deleted, or deleted and made again, with the copy that comes first.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.schema import capacity, indexes, keys, probe, unmanaged
from dynatus_ci.schema.model import Difference, Effect, Risk, Stage, Step, Value, digest
from dynatus_ci.schema.settings import SETTINGS
from dynatus_ci.schema.settings.base import Context, Emptiness, covers

RECOVERY = "PointInTimeRecoverySpecification"
WHOLE = ("KeySchema", keys.LOCAL, "BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
NEVER_KEPT = (
    "A new table never keeps: the stream's ARN, the recovery window, unmentioned tags, TTL, resource policy, "
    "contributor insights, Kinesis destination, scaling targets, alarms."
)
WRITERS_STOP = (
    "Writers must stop first: what is written after the backup's start is in no backup. Items are not copied back."
)


def body(context: Context) -> Value:
    """What the path `[]` of a new table stands for: keys with their types, local indexes, billing mode and capacity."""
    values = {name: context.desired.at((name,)) for name in WHOLE if context.desired.at((name,)) is not None}
    key = values.pop("KeySchema")
    local = values.pop(keys.LOCAL, None)
    types = keys.types(key["AttributeDefinitions"])
    for index in (local or {}).values():
        types |= keys.types(index["AttributeDefinitions"])
    return {
        "KeySchema": key["KeySchema"],
        "AttributeDefinitions": keys.definitions(types),
        **({keys.LOCAL: [_local(name, index) for name, index in local.items()]} if local else {}),
        **values,
    }


def creation(context: Context) -> tuple[Difference, ...]:
    """The differences of a table that is missing: itself, and each index, setting and tag that its file asks for."""
    missing = Context(context.desired, None, context.situation)
    itself = Difference(context.name, (), None, body(context), Effect.CREATE)
    settings = (difference for setting in SETTINGS if setting.managed(context.desired)
                for difference in setting.differences(missing))  # fmt: skip
    return (itself, *indexes.differences(missing), *settings)


def create_step(context: Context, differences: tuple[Difference, ...], unsupported: frozenset[str]) -> Step:
    """CreateTable with all that it takes, waited for until the table and its indexes are ACTIVE."""
    riding = [setting for setting in SETTINGS if _rides(context, setting.name) and setting.name not in unsupported]
    parameters = _table(context)
    for setting in riding:
        parameters |= setting.parameters(context.desired.at((setting.name,)))
    carried = {setting.name for setting in riding} | {indexes.GLOBAL}
    served = [d for d in differences if d.path == () or (d.path[0] in carried and len(d.path) < 3)]
    return Step(
        operation="CreateTable",
        parameters=parameters,
        reason="create the table",
        differences=tuple(difference.id for difference in served),
        expects={(): {}, **{(indexes.GLOBAL, name): {} for name in context.desired.indexes()}},
        waits_for="table and indexes ACTIVE",
        seconds=(2, 22),
        stage=Stage.REPLACE,
    )


def risk(context: Context) -> Risk:
    """Deleting a table is disruptive where it is proven empty and no setting is lost that the file does not mention."""
    lost = tuple(unmentioned(context)) if not context.desired.absent else ()
    empty = context.situation.emptiness is Emptiness.EMPTY
    return Risk.DISRUPTIVE if empty and not lost else Risk.DESTRUCTIVE


def unmentioned(context: Context) -> Iterator[str]:
    """The live settings that DescribeTable shows, a new table would not have, and the file does not mention."""
    if context.actual is None:
        return
    for setting in SETTINGS:
        live = context.is_at((setting.name,))
        shown = setting.reader is None and setting.name != "WarmThroughput"
        if shown and not setting.managed(context.desired) and not covers(setting.initial, live):
            yield setting.name
    for kind in (indexes.GLOBAL, keys.LOCAL):
        if context.is_at((kind,)) and not context.desired.manages(kind):
            yield kind
    for owner in ((), *((indexes.GLOBAL, name) for name in context.desired.indexes())):
        path = (*owner, "OnDemandThroughput")
        live, written = context.is_at(path) or {}, context.desired.at(path) or {}
        if any(units != -1 and member not in written for member, units in live.items()):
            yield "/".join(path)
    yield from unmanaged.names(context.actual)


def refusal(context: Context) -> str | None:
    """Why this table must not be deleted (docs/architecture.md#what-never-runs)."""
    actual = context.actual
    if actual is None or actual.live is None:
        return None
    if context.is_at(("Replicas",)):
        return "The table has replicas; remove them first, in a change of its own."
    kinds = {indexes.GLOBAL, unmanaged.VECTORS}
    building = [path[1] for path in actual.transitions if len(path) == 2 and path[0] in kinds]
    if building:
        return f"Index {building[0]} is being built or deleted; the table can be deleted when that has ended."
    if actual.live.status != "ACTIVE":
        return f"The table is {actual.live.status}, not ACTIVE."
    protected = context.is_at(("DeletionProtectionEnabled",))
    if protected and context.desired.at(("DeletionProtectionEnabled",)) is not False:
        return "Deletion protection is on. Set :DeletionProtectionEnabled false in a change of its own first."
    return probe.refusal(context)


def steps(context: Context, differences: tuple[Difference, ...], *, new: tuple[Step, ...]) -> Iterator[Step]:
    """The probe of the new table, protection off where the file says so, a backup, and the deletion.

    Args:
        context: The two sides.
        differences: What asks for it.
        new: The step that creates the new table; none where the table is only deleted.
    """
    served = tuple(d for d in differences if d.effect in {Effect.RECREATE, Effect.DELETE})
    ids = tuple(difference.id for difference in served)
    for create in new:
        yield from probe.steps(context, create, differences=ids)
    if context.is_at(("DeletionProtectionEnabled",)):
        yield Step(
            operation="UpdateTable",
            parameters=context.update_table(DeletionProtectionEnabled=False),
            reason="lift deletion protection, as the file says",
            differences=ids,
            expects={("DeletionProtectionEnabled",): False},
            waits_for="protection off",
        )
    if needs_backup(context) and context.situation.memory.backup is None:
        yield Step(
            operation="CreateBackup",
            parameters={"TableName": context.name, "BackupName": backup_name(context)},
            reason="back the table up before it is deleted",
            differences=ids,
            waits_for="backup AVAILABLE",
            seconds=(1, None),
        )
    yield Step(
        operation="DeleteTable",
        parameters={"TableName": context.name},
        reason="delete the table",
        differences=ids,
        expects={(): None},
        waits_for="table gone",
        seconds=(4, 6),
    )


def needs_backup(context: Context) -> bool:
    """Whether a copy must be made before the table goes; not of a table that is proven empty."""
    return context.situation.backups and context.situation.emptiness is not Emptiness.EMPTY


def backup_name(context: Context) -> str:
    """A name that tells which table it was; names of backups need not be unique (3 to 255 characters)."""
    table_id = context.actual.live.table_id if context.actual and context.actual.live else ""
    return f"dynatus-{digest([context.name, table_id])[:8]}-{context.name}"[:255]


def notes(context: Context) -> Iterator[str]:
    """What people must know before a table goes."""
    yield from _items_notes(context)
    if context.desired.absent:
        return
    yield from _unproven(context)
    lost = list(unmentioned(context))
    if lost:
        yield f"Live settings that the file does not mention, and a new table will not have: {', '.join(lost)}."
    yield NEVER_KEPT


def _items_notes(context: Context) -> Iterator[str]:
    """What happens to the items."""
    emptiness = context.situation.emptiness
    if emptiness is Emptiness.EMPTY:
        yield "The table is empty (a consistent scan found no item, and recovery is off)."
    elif emptiness is Emptiness.UNKNOWN:
        yield "It runs if the table is empty at apply, else it must be named: whether it is empty may not be read here."
    elif emptiness is Emptiness.RECOVERABLE:
        yield "A scan found no item, but its recovery window may hold some."
    if emptiness is Emptiness.RECOVERABLE or context.is_at((RECOVERY, "PointInTimeRecoveryEnabled")):
        yield f"Where recovery is on, DynamoDB itself keeps {context.name}$DeletedTableBackup for 35 days."
    if emptiness is not Emptiness.EMPTY:
        yield WRITERS_STOP if context.situation.backups else "This endpoint has no backups: the items are lost."


def _unproven(context: Context) -> Iterator[str]:
    """What nobody has made sure of before the table goes."""
    if not probe.possible(context):
        yield "This endpoint keeps no tags, so the new table is not tried before the old one is deleted."
    key = context.desired.at(("SSESpecification", "KMSMasterKeyId"))
    if key and context.situation.keys.get(key, key) is None:
        yield (
            f"The KMS key {key} could not be looked up (kms:DescribeKey). Creating the new table under another name "
            "shows whether AWS accepts it."
        )


def _rides(context: Context, name: str) -> bool:
    setting = next(setting for setting in SETTINGS if setting.name == name)
    if not setting.in_create or not context.desired.manages(name):
        return False
    return not covers(setting.initial, context.desired.at((name,)))


def _table(context: Context) -> dict[str, Value]:
    key, local = context.desired.at(("KeySchema",)), context.desired.at((keys.LOCAL,)) or {}
    limits = {m: units for m, units in (context.desired.at(("OnDemandThroughput",)) or {}).items() if units != -1}
    throughput = context.desired.at(("ProvisionedThroughput",))
    made = [indexes.parameters(name, index) for name, index in context.desired.indexes().items()]
    return {
        "TableName": context.name,
        "AttributeDefinitions": context.desired.at(("AttributeDefinitions",)),
        "KeySchema": key["KeySchema"],
        "BillingMode": context.desired.at(("BillingMode",)),
        **({"ProvisionedThroughput": throughput} if throughput else {}),
        **({"OnDemandThroughput": limits} if limits and capacity.keeps_limits(context, limits) else {}),
        **({keys.LOCAL: [_local(name, index) for name, index in local.items()]} if local else {}),
        **({indexes.GLOBAL: made} if made else {}),
    }


def _local(name: str, index: Value) -> dict[str, Value]:
    return {"IndexName": name, "KeySchema": index["KeySchema"], "Projection": index["Projection"]}
