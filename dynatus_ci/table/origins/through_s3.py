"""`:CopyFrom {:TableName "orders" :Through "s3://bucket/folder"}`: DynamoDB exports the source, and imports it.

An import makes the table, so it fills only one that is missing. It takes no capacity of either table, and no item comes
through the runner. What AWS lists of exports and imports decides what is left to do: so a run that was stopped at any
call goes on with the next apply.
docs/dynamodb.md#exports-and-imports
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table import arns, create_table, items, phrases
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.facts import AccountFacts, TableExport, TableImport, Transfer
from dynatus_ci.table.model import GLOBAL, Difference, Step, Table, Target, Value, digest
from dynatus_ci.table.origins import s3_place
from dynatus_ci.table.origins.s3_place import NAME
from dynatus_ci.text import by_number, code, plural

EXPORT, IMPORT = "ExportTableToPointInTime", "ImportTable"
RUNNING = "IN_PROGRESS"
UNDER_WAY = frozenset({RUNNING, "CANCELLING"})
"""The states that end by themselves."""
COMPLETED = "COMPLETED"
FAILED = frozenset({"FAILED", "CANCELLED"})
USABLE = frozenset({RUNNING, COMPLETED})
"""The states of an export that can be imported, now or later."""
EXPORT_SECONDS = (60, None)
"""How long an export takes: nobody has measured the least, and it grows with the table."""
IMPORT_SECONDS = (110, None)
"""How long an import takes: the least is that of a table with one item."""
FRESH_HOURS = 24
"""An export that no import has used yet is used for so long after its end. Later another one is made."""
LARGEST_IMPORT = 1_000_000_000_000
LARGEST_IMPORT_IN = dict.fromkeys(("us-east-1", "us-west-2", "eu-west-1"), 15 * LARGEST_IMPORT)
"""Bytes of objects that all imports of an account may have at a time, in a region; AWS raises it on request.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Validation.html
"""
RECREATION = Refusal(
    "An import fills only a table that is missing. To give this table another key, remove `:CopyFrom`, or delete the "
    "table in a change of its own."
)
"""Why a table with another key is not deleted while its file has `:Through`."""
_TAKEN = frozenset(
    {
        *("TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput"),
        *("OnDemandThroughput", GLOBAL),
    }
)
"""The parameters of CreateTable that an import takes, beside the encryption."""


# --- what AWS lists --------------------------------------------------------------------------------------------------


def export(description: Mapping[str, Any]) -> TableExport:
    """An export from DescribeExport's `ExportDescription`."""
    arn = description["ExportArn"]
    return TableExport(
        arn=arn,
        status=description["ExportStatus"],
        made=phrases.moment(description["ExportTime"]) if "ExportTime" in description else "",
        items=description.get("ItemCount", 0),
        folder=s3_place.folder_of_data(description.get("S3Prefix", ""), arn),
        failure=_failure(description),
    )


def is_ours(description: Mapping[str, Any], desired: Table, source: Table) -> bool:
    """Whether an export has all items of the source as they were when it began, in the table's own folder."""
    moment, began = description.get("ExportTime"), description.get("StartTime")
    current = moment is None or began is None or moment >= began - timedelta(hours=1)
    whole = description.get("ExportType", "FULL_EXPORT") == "FULL_EXPORT" and not description.get("FilterSpecification")
    place = s3_place.bucket(desired), s3_place.folder(desired)
    there = (description.get("S3Bucket"), description.get("S3Prefix")) == place
    same = source.info is not None and description.get("TableId") == source.info.table_id
    return current and whole and there and same and description.get("ExportFormat", "DYNAMODB_JSON") == "DYNAMODB_JSON"


def is_usable(summary: Mapping[str, Any]) -> bool:
    """Whether an export in ListExports is one of all items, and is there or will be."""
    whole = summary.get("ExportType", "FULL_EXPORT") == "FULL_EXPORT"
    return whole and summary.get("ExportStatus") in USABLE


def imported(description: Mapping[str, Any]) -> TableImport:
    """An import from DescribeImport's `ImportTableDescription`."""
    return TableImport(
        arn=description["ImportArn"],
        status=description["ImportStatus"],
        table_id=description.get("TableId", ""),
        folder=description["S3BucketSource"].get("S3KeyPrefix", ""),
        items=description.get("ImportedItemCount", 0),
        errors=description.get("ErrorCount", 0),
        failure=_failure(description),
        log=description.get("CloudWatchLogGroupArn", ""),
    )


def _failure(description: Mapping[str, Any]) -> str:
    parts = (description.get("FailureCode"), description.get("FailureMessage"))
    return ": ".join(str(part).rstrip(".") for part in parts if part)


# --- whether ---------------------------------------------------------------------------------------------------------


def wanted(comparison: Comparison) -> bool:
    """Whether the items come through S3: an endpoint without exports or tags copies them like any others."""
    asked = comparison.desired.manages(NAME)
    return asked and not comparison.endpoint.cannot_keep & {NAME, tags.Tags.name}


def import_of(comparison: Comparison) -> TableImport | None:
    """The import that made, or makes, the table that is there of an export of its source; None where none did."""
    info = comparison.info
    return next((one for one in _imports(comparison) if info and one.table_id == info.table_id), None)


def running_import(comparison: Comparison) -> TableImport | None:
    """The import of an export of its source that is under way for the table."""
    return next((one for one in _imports(comparison) if one.status in UNDER_WAY), None)


def _imports(comparison: Comparison) -> Iterator[TableImport]:
    """The imports of the exports that the definition asks for."""
    transfer = comparison.facts.transfer
    if transfer and wanted(comparison):
        folders = {one.folder for one in transfer.exports}
        yield from (one for one in transfer.imports if one.folder in folders)


def usable_export(comparison: Comparison) -> TableExport | None:
    """The export to import from; None where one must be made."""
    transfer = comparison.facts.transfer
    if transfer is None:
        return None
    used = used_up(transfer.imports)
    return next((one for one in transfer.exports if one.status in USABLE and one.folder not in used), None)


def used_up(imports: Sequence[TableImport]) -> frozenset[str]:
    """The folders of the exports that are not imported once more: their items may be why an import failed.

    One that failed before its first item is tried once more with the same export: it lacked a permission, for example.
    """
    tried = Counter(one.folder for one in imports)
    early = {one.folder for one in imports if one.status in FAILED and not one.items and not one.errors}
    return frozenset(folder for folder, times in tried.items() if times > 1 or folder not in early)


def under_way(comparison: Comparison) -> TableExport | TableImport | None:
    """What AWS is busy with, before anything else can be done: an import or an export."""
    if not wanted(comparison):
        return None
    running = running_import(comparison)
    if running or comparison.actual is not None:
        return running
    found = usable_export(comparison)
    return found if found and found.status == RUNNING else None


def refusal(comparison: Comparison, source: Table) -> Refusal | None:
    """Why the table is not filled through S3; None where it may be.

    Args:
        comparison: The two sides.
        source: The table that is exported.
    """
    transfer, found = comparison.facts.transfer, import_of(comparison)
    if transfer is None or not wanted(comparison):
        return None
    if found:
        text = _incomplete(comparison, found)
        return Refusal(text, FailureReason.ITEMS_DO_NOT_FIT) if text else None
    text = _impossible(comparison, source, transfer)
    return Refusal(text) if text else None


def _impossible(comparison: Comparison, source: Table, transfer: Transfer) -> str | None:
    """Why no import can be begun, or waited for."""
    if comparison.actual is not None:
        plain = code(f':CopyFrom "{source.name}"')
        return (
            f"The table is there, and an import fills only one that is missing. Write {plain} to fill it without S3, "
            "or delete it in a change of its own."
        )
    if running_import(comparison):
        return None
    if any(one.status in UNDER_WAY for one in transfer.imports):
        return (
            f"AWS is creating the table now, but not from an export of {code(source.name)} to {_place(comparison)}. "
            f"Restore the earlier value of {code(':CopyFrom')}, or delete the table when AWS has created it."
        )
    if not transfer.possible and not usable_export(comparison):
        return (
            f"Point-in-time recovery of {code(source.name)} is off, and an export needs it. Turn it on first, in a "
            "change of its own."
        )
    return None


def _incomplete(comparison: Comparison, found: TableImport) -> str | None:
    """What is wrong with the table that an import has left."""
    if found.status in {*UNDER_WAY, COMPLETED} and not found.errors:
        return None
    return f"{failed(found)} Delete {code(comparison.name)} before the next try: it has a part of the items."


def failed(found: TableExport | TableImport) -> str:
    """What is wrong with an export or an import that has ended, as sentences."""
    why = f" ({code(found.failure)})" if found.failure else ""
    text = f"The {'export' if isinstance(found, TableExport) else 'import'} is {code(found.status)}{why}."
    if isinstance(found, TableExport):
        return f"{text} Look whether the role may write to the bucket, then run apply again."
    were = by_number(found.items, "was", "were")
    if not found.errors:
        return f"{text} {plural(found.items, 'item')} {were} written."
    log = f" The log group {code(found.log)} names them." if found.log else ""
    unwritten = f"{plural(found.errors, 'item')} could not be written, and {found.items:,} {were}."
    return f"{text} {unwritten}{log} Correct {by_number(found.errors, 'it', 'them')}."


# --- steps -----------------------------------------------------------------------------------------------------------


def parameters(comparison: Comparison) -> dict[str, Value]:
    """The table that an import makes, as parameters of CreateTable: what they leave out is initial."""
    made = {name: value for name, value in create_table.bare(comparison).items() if name in _TAKEN}
    encryption = comparison.desired.at((Encryption.name,))
    return made | ({Encryption.name: encryption} if encryption and encryption["Enabled"] else {})


def steps(comparison: Comparison, source: Table, copy: Difference) -> Iterator[Step]:
    """Export the source, then make the table of that. An export that is there is not made again.

    Args:
        comparison: The two sides; the table is missing.
        source: The table that is exported.
        copy: The difference that the items are not there.
    """
    found = running_import(comparison) or usable_export(comparison)
    if found is None:
        yield _export(comparison, source, copy)
    # Nobody knows the export's own folder before it is made.
    data = found.folder if found else s3_place.folder_of_data(s3_place.folder(comparison.desired), "EXPORT")
    yield replace(_import(comparison, source, data), after=(copy.id,))


def after_import(facts: AccountFacts) -> AccountFacts:
    """The facts when the import has ended. A table that a plan only expects has no TableId."""
    done = Transfer(exports=(TableExport(arn="", status=COMPLETED),), imports=(TableImport(arn="", status=COMPLETED),))
    return replace(facts, transfer=done)


def _export(comparison: Comparison, source: Table, copy: Difference) -> Step:
    return Step(
        operation=EXPORT,
        parameters={
            "TableArn": source.info.arn if source.info else "",
            "S3Bucket": s3_place.bucket(comparison.desired),
            "S3BucketOwner": _account(source),
            "S3Prefix": s3_place.folder(comparison.desired),
            "ExportFormat": "DYNAMODB_JSON",
            "ClientToken": _token(comparison, source),
        },
        reason=f"export the items of {code(source.name)} to S3",
        differences=(copy.id,),
        waits_for="export COMPLETED",
        seconds=EXPORT_SECONDS,
        aspect=NAME,
        target=Target.SOURCE,
    )


def _token(comparison: Comparison, source: Table) -> str:
    """For AWS to make one export, where two runs have seen the same, or a list does not have the newest one yet."""
    latest = comparison.facts.transfer.latest if comparison.facts.transfer else ""
    place = s3_place.bucket(comparison.desired), s3_place.folder(comparison.desired)
    return digest([source.table_id, *place, latest])[:32]


def _import(comparison: Comparison, source: Table, data: str) -> Step:
    return Step(
        operation=IMPORT,
        parameters={
            "S3BucketSource": {
                "S3Bucket": s3_place.bucket(comparison.desired),
                "S3BucketOwner": _account(source),
                "S3KeyPrefix": data,
            },
            "InputFormat": "DYNAMODB_JSON",
            "InputCompressionType": "GZIP",
            "TableCreationParameters": parameters(comparison),
        },
        reason="create the table from the export",
        expects={(): {}, **{(GLOBAL, name): {} for name in comparison.desired.indexes()}},
        waits_for="import COMPLETED, table and indexes ACTIVE",
        seconds=IMPORT_SECONDS,
        aspect=NAME,
    )


def is_import(step: Step) -> bool:
    """Whether a step creates the table from an export."""
    return step.operation == IMPORT


def _account(source: Table) -> str:
    """The account of the bucket: the source's own. So no bucket of a stranger gets the items."""
    return arns.account(source.info.arn) if source.info else ""


# --- words -----------------------------------------------------------------------------------------------------------


def _place(comparison: Comparison) -> str:
    return code(f"s3://{s3_place.bucket(comparison.desired)}/{s3_place.folder(comparison.desired)}")


def notes(comparison: Comparison, source: Table) -> Iterator[str]:
    """What people must know before the items go through S3."""
    name, found = code(source.name), usable_export(comparison)
    count, size = (source.info.items, source.info.bytes) if source.info else (0, 0)
    yield (
        f"AWS exports {name} to {_place(comparison)} ({plural(count, 'item')}, {phrases.size(size)}, counted up to six "
        "hours ago), then creates the table from that export. Neither uses read or write capacity. A scan of the new "
        "table then counts its items. AWS charges export and import by the gigabyte, and the objects in the bucket "
        "until you delete them."
    )
    region = comparison.endpoint.region
    largest = LARGEST_IMPORT_IN.get(region, LARGEST_IMPORT)
    if size > largest and not running_import(comparison):
        yield (
            f"AWS imports at most {phrases.size(largest)} of compressed objects at a time in {code(region)}. If that "
            "may be too little, ask AWS first to raise the quota: the export is paid for even if the import fails."
        )
    yield f"Let nobody write to {code(comparison.name)} until apply has ended: the count would include that."
    if items.may_repeat(source, comparison.desired):
        yield (
            "A plan cannot see whether two items have the same new key. `dynatus check` does, and so does the count "
            "after the import."
        )
    if running_import(comparison):
        yield "AWS imports the items now. Apply waits for that, then it does the rest."
    elif found and found.status == RUNNING:
        yield "AWS exports the items now. Apply waits for that, then it does the rest."
    elif found:
        yield f"The export of {found.made} is used. What was written after it is not in the table."


def ignored(comparison: Comparison) -> str | None:
    """What to say where the endpoint has no exports, although the file asks for one."""
    if wanted(comparison) or not comparison.desired.manages(NAME):
        return None
    return f"This endpoint has no exports to S3, so {code(':Through')} is ignored: the run copies the items itself."
