"""Exports to S3 and imports from there, and the S3 between them.

docs/dynamodb.md#exports-and-imports
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.simulator import definitions, describe, errors, items, lifecycle
from tests.simulator.concerns import encryption
from tests.simulator.operations import reads, writes
from tests.simulator.tables import Export, Import

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json

NOT_SIMULATED_EXPORT = (
    "ExportTime",
    "S3SseAlgorithm",
    "S3SseKmsKeyId",
    "IncrementalExportSpecification",
    "FilterSpecification",
)
NOT_SIMULATED_IMPORT = ("InputFormatOptions",)
LIST_PAGE = 25
TOKEN = 8 * 3_600
"""Seconds that a ClientToken is known."""


@writes("ExportTableToPointInTime")
def export_table(account: Account, request: Json) -> Json:
    """Begin an export. It has the items of this moment, and takes no capacity."""
    lifecycle.refuse_not_simulated(request, NOT_SIMULATED_EXPORT)
    table = account.tables.get(account.name_of(request["TableArn"]))
    if table is None or table.lifecycle:
        raise errors.ApiError("TableNotFoundException", f"Table not found: {request['TableArn']}")
    if table.recovery.since is None:
        raise errors.ApiError(
            "PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{table.name}'"
        )
    for known in account.exports.values():
        if (
            known.request.get("ClientToken") == request["ClientToken"]
            and account.now < known.shown["StartTime"] + TOKEN
        ):
            if known.request != request:
                raise errors.ApiError("ExportConflictException", "The ClientToken was used with other parameters")
            return {"ExportDescription": known.shown}
    chance = account.random("export", table.name)
    arn = f"{table.arn}/export/{int(account.now * 1000):014d}-{chance.getrandbits(32):08x}"
    shown = {
        "ExportArn": arn,
        "ExportStatus": "IN_PROGRESS",
        "StartTime": account.now,
        "ExportTime": account.now,
        "TableArn": table.arn,
        "TableId": table.id,
        "S3Bucket": request["S3Bucket"],
        **({"S3BucketOwner": request["S3BucketOwner"]} if "S3BucketOwner" in request else {}),
        "S3Prefix": request.get("S3Prefix", ""),
        "ExportFormat": request.get("ExportFormat", "DYNAMODB_JSON"),
        "ExportType": "FULL_EXPORT",
    }
    export = Export(shown, list(deepcopy(table.items.by_key).values()), request)
    account.exports[arn] = export

    def done() -> None:
        if not _has_bucket(account, request["S3Bucket"]):
            failure = {"FailureCode": "S3NoSuchBucket", "FailureMessage": "The specified bucket does not exist"}
            export.shown |= {"ExportStatus": "FAILED", "EndTime": account.now, **failure}
            return
        size = describe.table(account, table)["TableSizeBytes"]
        export.shown |= {
            "ExportStatus": "COMPLETED",
            "EndTime": account.now,
            "ItemCount": len(export.items),
            "BilledSizeBytes": size,
        }
        folder = "/".join(part for part in (export.shown["S3Prefix"], "AWSDynamoDB", arn.rpartition("/")[2]) if part)
        account.s3[request["S3Bucket"], f"{folder}/data/"] = export.items

    account.later(account.duration("export", table.name), done)
    return {"ExportDescription": export.shown}


def _has_bucket(account: Account, name: str) -> bool:
    return name not in account.missing_buckets


@reads("DescribeExport")
def describe_export(account: Account, request: Json) -> Json:
    """An export, with its counts when it is COMPLETED."""
    export = account.exports.get(request["ExportArn"])
    if export is None:
        raise errors.ApiError("ExportNotFoundException", f"Export not found: {request['ExportArn']}")
    return {"ExportDescription": export.shown}


@reads("ListExports")
def list_exports(account: Account, request: Json) -> Json:
    """The exports of a table, in no order that anybody promises."""
    page, more = _page([export.shown for export in account.exports.values()], request, "MaxResults")
    members = ("ExportArn", "ExportStatus", "ExportType")
    return {"ExportSummaries": [{member: shown[member] for member in members} for shown in page], **more}


@writes("ImportTable")
def import_table(account: Account, request: Json) -> Json:
    """Begin an import: its table is not there at first, then CREATING for long."""
    lifecycle.refuse_not_simulated(request, NOT_SIMULATED_IMPORT)
    asked = request["TableCreationParameters"]
    definitions.check(asked, index_limit=account.index_limit)
    key = encryption.resolve(account, asked.get("SSESpecification", {}))
    name = asked["TableName"]
    lifecycle.check_name(account, name)
    lifecycle.check_account(account)
    chance = account.random("import", name)
    arn = f"{account.arn(name)}/import/{int(account.now * 1000):014d}-{chance.getrandbits(32):08x}"
    table = lifecycle.new_table(account, name, asked)
    table.encryption.key, table.encryption.status = key, "ENABLED" if key else ""
    shown = {
        "ImportArn": arn,
        "ImportStatus": "IN_PROGRESS",
        "TableArn": table.arn,
        "TableId": table.id,
        "S3BucketSource": request["S3BucketSource"],
        "InputFormat": request["InputFormat"],
        "InputCompressionType": request.get("InputCompressionType", "NONE"),
        "TableCreationParameters": asked,
        "CloudWatchLogGroupArn": f"arn:aws:logs:{account.region}:{account.id}:log-group:/aws-dynamodb/imports:*",
        "StartTime": account.now,
    }
    made = Import(name, shown)
    account.imports[arn] = made
    source = request["S3BucketSource"]

    def appears() -> None:
        if not _has_bucket(account, source["S3Bucket"]):
            failure = {"FailureCode": "S3NoSuchBucket", "FailureMessage": "The specified bucket does not exist"}
            made.shown |= {"ImportStatus": "FAILED", "EndTime": account.now, **failure}
            return
        account.tables[name] = table
        rest = account.duration("import", name)
        account.later(rest, lambda: lifecycle.ready(account, table))
        account.later(rest + account.duration("import report", name), ended)

    def ended() -> None:
        data = account.s3.get((source["S3Bucket"], source.get("S3KeyPrefix", "")), [])
        wrong = 0
        for item in data:
            try:
                table.items.put(items.checked_place(table, item), item)
            except errors.ApiError:
                wrong += 1
        describe.recount(account, table)
        counts = {"ProcessedItemCount": len(data), "ImportedItemCount": len(data) - wrong, "ErrorCount": wrong}
        failure = {
            "FailureCode": "ItemValidationError",
            "FailureMessage": "Some of the items failed validation checks.",
        }
        made.shown |= {
            "ImportStatus": "FAILED" if wrong else "COMPLETED",
            "EndTime": account.now,
            **counts,
            **(failure if wrong else {}),
        }

    account.later(account.duration("import hidden", name), appears)
    return {"ImportTableDescription": made.shown}


@reads("DescribeImport")
def describe_import(account: Account, request: Json) -> Json:
    """An import, with its counts when it has ended."""
    made = account.imports.get(request["ImportArn"])
    if made is None:
        raise errors.ApiError("ImportNotFoundException", f"Import not found: {request['ImportArn']}")
    return {"ImportTableDescription": made.shown}


@reads("ListImports")
def list_imports(account: Account, request: Json) -> Json:
    """The imports into tables of a name."""
    page, more = _page([made.shown for made in account.imports.values()], request, "PageSize")
    members = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "InputFormat", "StartTime", "EndTime")
    summaries = [{member: shown[member] for member in members if member in shown} for shown in page]
    return {"ImportSummaryList": summaries, **more}


def _page(shown: list[Json], request: Json, most: str) -> tuple[list[Json], Json]:
    """Those of a table that stand on the asked page, and where the next one begins."""
    named = [one for one in shown if request.get("TableArn") in {None, one["TableArn"]}]
    first = int(request.get("NextToken", "0"))
    end = first + min(request.get(most, LIST_PAGE), LIST_PAGE)
    return named[first:end], {"NextToken": str(end)} if end < len(named) else {}
