"""`:RestoreFrom "arn:…"`: a table that is missing is restored from a backup instead of created.

A restore brings back the items, the key and those indexes that are asked for. The ordinary steps do the rest. A table
that is there is never restored again, wherever it came from.
docs/dynamodb.md#restoring-a-backup
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table import create_table, phrases
from dynatus_ci.table.aspects import indexes, keys
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.facts import Backup
from dynatus_ci.table.model import GLOBAL, Difference, Effect, Risk, Step, TableInfo, Value
from dynatus_ci.table.origins.origin import Origin
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import Finding
from dynatus_ci.table.validation.shapes import Text
from dynatus_ci.table.validation.unknown import known
from dynatus_ci.text import code, codes, plural, quoted

NAME = "RestoreFrom"
PATH = (NAME,)
OPERATION = "RestoreTableFromBackup"
ARN = (
    r"arn:(?P<partition>aws[a-z-]*):dynamodb:[a-z0-9-]+:(?P<account>\d{12}):"
    r"table/[a-zA-Z0-9_.-]{3,255}/backup/[0-9a-z-]+"
)
SECONDS = (80, None)
"""How long a restore takes: the fastest that was measured, of a table with one item. Nobody knows the most."""
UNDER_WAY = "The table is being restored from the backup now. Apply waits for that, then it does the rest."
_FOREIGN = Refusal(
    "The table is being created, and not from this backup. Wait until that has ended, then delete the table, or remove "
    "`:RestoreFrom`."
)
_RECREATION = Refusal(
    "A restore keeps the key, and fills only a table that is missing. To give this table another key, remove "
    "`:RestoreFrom`."
)
_OVERRIDDEN = ("BillingMode", "ProvisionedThroughput", "OnDemandThroughput")
"""Members of CreateTable that a restore takes with `Override` after their names."""


# --- the backup ------------------------------------------------------------------------------------------------------


def backup(description: Mapping[str, Any]) -> Backup:
    """A backup from DescribeBackup's `BackupDescription`."""
    details, source = description["BackupDetails"], description["SourceTableDetails"]
    features = description.get("SourceTableFeatureDetails") or {}
    # A backup that the system made of a deleted table shows no indexes, also where it has some.
    told = bool(features) or details.get("BackupType") != "SYSTEM"
    return Backup(
        status=details["BackupStatus"],
        table=source["TableName"],
        made=phrases.moment(details["BackupCreationDateTime"]),
        items=source.get("ItemCount", 0),
        bytes=details.get("BackupSizeBytes", source.get("TableSizeBytes", 0)),
        key=tuple(source["KeySchema"]),
        indexes={kind: _shapes(features.get(kind) or ()) for kind in (GLOBAL, keys.LOCAL)} if told else None,
        encrypted=not told or (features.get("SSEDescription") or {}).get("Status") == "ENABLED",
    )


def _shapes(listed: Any) -> dict[str, Value]:
    return {index["IndexName"]: _shape(index) for index in listed}


def _shape(index: Mapping[str, Any]) -> Value:
    """What makes two indexes the same one. No backup says the types of attributes."""
    return {"KeySchema": list(index["KeySchema"]), "Projection": keys.projection(index["Projection"])}


# --- whether ---------------------------------------------------------------------------------------------------------


def wanted(comparison: Comparison) -> bool:
    """Whether the table is to be restored: it is missing, and the endpoint has backups."""
    missing = comparison.actual is None and comparison.desired.manages(NAME)
    return missing and NAME not in comparison.endpoint.cannot_keep


def unread_backup(comparison: Comparison) -> str | None:
    """The ARN of the backup that must be looked at before the change can be planned."""
    asked = (wanted(comparison) or is_under_way(comparison)) and comparison.facts.backup is None
    return comparison.desired.at(PATH) if asked else None


def is_under_way(comparison: Comparison) -> bool:
    """Whether AWS restores the table from this backup now. Nobody can see yet what it has."""
    return _is_made(comparison) and not _is_foreign(comparison)


def _is_made(comparison: Comparison) -> bool:
    """Whether AWS is making the table now. Only then does it say from which backup."""
    return comparison.desired.manages(NAME) and comparison.info is not None and comparison.info.status == "CREATING"


def _is_foreign(comparison: Comparison) -> bool:
    """Whether somebody else is making the table now."""
    return _is_made(comparison) and comparison.actual_at(PATH) != comparison.desired.at(PATH)


def refusal(comparison: Comparison) -> Refusal | None:
    """Why the table is not restored; None where it may be."""
    if not comparison.desired.manages(NAME):
        return None
    if _is_foreign(comparison):
        return _FOREIGN
    found = comparison.facts.backup
    if found is None or not wanted(comparison):
        return None
    if found.status != "AVAILABLE":
        return Refusal(_unavailable(comparison, found))
    misfit = _misfit(comparison, found)
    return Refusal(misfit, FailureReason.ITEMS_DO_NOT_FIT) if misfit else None


def _unavailable(comparison: Comparison, found: Backup) -> str:
    arn = code(comparison.desired.at(PATH))
    if found.status is None:
        text = f"There is no backup {arn} in this region. Correct {code(':RestoreFrom')}"
        return f"{text}, or remove it to create an empty table."
    later = "Plan again when it is" if found.status == "CREATING" else f"Name another one in {code(':RestoreFrom')}"
    return f"The backup {arn} is {code(found.status)}, not AVAILABLE. {later}."


def _misfit(comparison: Comparison, found: Backup) -> str | None:
    """What of the file no restore of this backup can give."""
    key = comparison.desired.at((*keys.KEY, "KeySchema"))
    if list(found.key) != key:
        names = [codes(element["AttributeName"] for element in schema) for schema in (found.key, key)]
        return (
            f"The backup has the key {names[0]}, and the file {names[1]}. A restore keeps the key. Restore the backup "
            f"under another name, with its own key, then fill this table with {code(':CopyFrom')}."
        )
    new = _wanted_indexes(comparison, keys.LOCAL) if found.indexes is not None else {}
    lacking = [name for name, index in new.items() if not _has(found, keys.LOCAL, name, index)]
    if lacking:
        return (
            f"The backup has no local index {codes(lacking)} as the file has it, and a restored table never gets one. "
            f"Restore it under another name, then fill this table with {code(':CopyFrom')}."
        )
    return None


# --- what a restore makes --------------------------------------------------------------------------------------------


def restored(comparison: Comparison) -> dict[str, Value]:
    """The table that a restore makes, as parameters of CreateTable: what they leave out is initial."""
    table = create_table.bare(comparison)
    made = {name: value for name, value in table.items() if name not in {GLOBAL, keys.LOCAL}}
    made |= {kind: _kept(comparison, kind) for kind in (GLOBAL, keys.LOCAL) if comparison.desired.manages(kind)}
    encryption = comparison.desired.at((Encryption.name,))
    return made | ({Encryption.name: encryption} if encryption else {})


def _wanted_indexes(comparison: Comparison, kind: str) -> Mapping[str, Value]:
    return comparison.desired.at((kind,)) or {}


def _has(found: Backup, kind: str, name: str, index: Mapping[str, Value]) -> bool:
    return found.indexes is None or found.indexes[kind].get(name) == _shape(index)


def _kept(comparison: Comparison, kind: str) -> list[Value]:
    """The indexes of the file that the backup has too, as parameters. A restore warms none of them."""
    found = comparison.facts.backup or Backup()
    one = indexes.parameters if kind == GLOBAL else keys.local_parameters
    same = {name: index for name, index in _wanted_indexes(comparison, kind).items() if _has(found, kind, name, index)}
    return [{k: v for k, v in one(name, index).items() if k != "WarmThroughput"} for name, index in same.items()]


def step(comparison: Comparison) -> Step:
    """RestoreTableFromBackup."""
    parameters = _parameters(comparison)
    kept = [index["IndexName"] for index in restored(comparison).get(GLOBAL, ())]
    return Step(
        operation=OPERATION,
        parameters=parameters,
        reason="restore the table from its backup",
        expects={(): {}, **{(GLOBAL, name): {} for name in kept}},
        waits_for="table and indexes ACTIVE",
        seconds=SECONDS,
    )


def info(comparison: Comparison) -> TableInfo:
    """The restored table's identity, and the size of what it holds."""
    if comparison.info:
        return replace(comparison.info, status="ACTIVE")
    found = comparison.facts.backup or Backup()
    match = re.fullmatch(ARN, comparison.desired.at(PATH))
    partition, account = match.group("partition", "account") if match else ("", "")
    arn = f"arn:{partition}:dynamodb:{comparison.endpoint.region}:{account}:table/{comparison.name}"
    return TableInfo(table_id="", arn=arn, status="ACTIVE", items=found.items, bytes=found.bytes)


def is_restore(step: Step) -> bool:
    """Whether a step restores the table."""
    return step.operation == OPERATION


def _parameters(comparison: Comparison) -> dict[str, Value]:
    found, made = comparison.facts.backup or Backup(), restored(comparison)
    overrides = {f"{name}Override": made[name] for name in _OVERRIDDEN if name in made}
    for kind, name in ((GLOBAL, "GlobalSecondaryIndexOverride"), (keys.LOCAL, "LocalSecondaryIndexOverride")):
        # Without the override all indexes come back. An empty one drops all.
        if kind in made and found.indexes is not None and found.indexes[kind]:
            overrides[name] = made[kind]
    encryption = made.get(Encryption.name)
    if encryption and (encryption["Enabled"] or found.encrypted):
        overrides[f"{Encryption.name}Override"] = encryption
    return {"TargetTableName": comparison.name, "BackupArn": comparison.desired.at(PATH), **overrides}


# --- words -----------------------------------------------------------------------------------------------------------


def notes(comparison: Comparison) -> Iterator[str]:
    """What people must know before the table is restored."""
    if not comparison.desired.manages(NAME):
        return
    found = comparison.facts.backup
    if not wanted(comparison):
        yield "This endpoint has no backups, so the table is created empty."
        return
    if found is None:
        yield "The backup was not looked at. It is assumed to have the key and the indexes of the file."
        return
    yield (
        f"The backup is of {code(found.table)}, from {found.made}: {plural(found.items, 'item')}, "
        f"{phrases.size(found.bytes)}. AWS charges a restore by the gigabyte, indexes included. Most take some "
        "minutes, large ones hours: AWS does not say how long."
    )
    yield (
        "A restore brings back items and indexes. All other settings (stream, time to live, recovery, tags, policy, "
        "protection and so on) are set from the file. Alarms and dashboards must be set up by hand."
    )
    if found.indexes is None:
        yield "The backup does not say which indexes it has, so all of them are restored."
        return
    for name in _dropped(comparison, found):
        yield f"Index {code(name)} of the backup is not in the file, or differs there, so it is not restored."


def _dropped(comparison: Comparison, found: Backup) -> Iterator[str]:
    """The indexes of the backup that the file does not have, or has otherwise."""
    for kind, backed_up in (found.indexes or {}).items():
        if comparison.desired.manages(kind):
            same = {name for name, index in _wanted_indexes(comparison, kind).items() if _has(found, kind, name, index)}
            yield from (name for name in backed_up if name not in same)


def _backup_hint(arn: str) -> str | None:
    listed = "`aws dynamodb list-backups` lists them."
    if arn.startswith("arn:") and ":backup:" in arn:
        return f"AWS Backup restores its recovery points itself. DynamoDB restores its own backups: {listed}"
    return dialects.placeholder_hint(arn) or f"Write `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/backup/ID`: {listed}"


class RestoreFrom(Origin):
    """A backup of DynamoDB."""

    name = NAME
    title = "restored from"
    shape = Text(1, 1024)

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """Whether it can be a backup."""
        arn = known(definition, NAME)
        if arn is not None and not re.fullmatch(ARN, arn):
            message = f"{code(quoted(arn))} is not the ARN of a DynamoDB backup."
            yield Finding(PATH, "backup-arn", message, _backup_hint(arn))

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """That the table is not restored yet, or is being made of something else."""
        if (comparison.desired.manages(NAME) and comparison.actual is None) or _is_foreign(comparison):
            found = comparison.actual_at(PATH)
            yield Difference(comparison.name, PATH, found, comparison.desired.at(PATH), Effect.CREATE, Risk.SAFE)

    def never_recreated(self, comparison: Comparison) -> Refusal | None:
        """A restore keeps the key, and fills only a table that is missing."""
        if not comparison.desired.manages(NAME) or NAME in comparison.endpoint.cannot_keep:
            return None
        return _FOREIGN if _is_foreign(comparison) else _RECREATION

    def overview(self, difference: Difference) -> str:
        return "items of a backup"
