"""Reading what AWS has exported to S3 and imported from there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dynatus_ci.aws.client import Aws
from dynatus_ci.table import copy_from, through_s3
from dynatus_ci.table.facts import TableExport, TableImport, Transfer
from dynatus_ci.table.model import Table

MOST_LOOKED_AT = 10
"""How many exports, and how many imports, are looked at: the newest ones."""


def look(aws: Aws, desired: Table, source: Table) -> Transfer:
    """The exports of a source into the folder of a table, and the imports from there.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    answer = aws.read("DescribeContinuousBackups", table=source.name, TableName=source.name)
    recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    imports = tuple(_imports(aws, desired, source))
    used = frozenset(found.folder for found in imports)
    fresh = _fresh_since(recovery)
    return Transfer(
        possible=fresh is not None,
        exports=tuple(
            export
            for export, began in _exports(aws, desired, source, used)
            if export.folder in used or (fresh is not None and began >= fresh)
        ),
        imports=imports,
    )


def _fresh_since(recovery: Mapping[str, Any]) -> datetime | None:
    """Since when an export is still used. By AWS's own clock: the table can be restored until some minutes ago."""
    latest = recovery.get("LatestRestorableDateTime")
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED" or latest is None:
        return None
    moment: datetime = latest
    return moment - timedelta(hours=through_s3.FRESH_HOURS)


def _exports(aws: Aws, desired: Table, source: Table, used: frozenset[str]) -> Iterator[tuple[TableExport, datetime]]:
    """The exports, those that an import has used before the others, and when each began."""
    arn = source.info.arn if source.info else ""
    listed = aws.read_pages("ListExports", "ExportSummaries", table=source.name, TableArn=arn)["ExportSummaries"]
    prefix = through_s3.folder(desired)
    # An ARN ends with the time in milliseconds, always of 14 digits.
    newest = sorted((summary["ExportArn"] for summary in listed), reverse=True)
    newest.sort(key=lambda arn: through_s3.folder_of_data(prefix, arn) not in used)
    for found in newest[:MOST_LOOKED_AT]:
        description = aws.read("DescribeExport", table=source.name, ExportArn=found)["ExportDescription"]
        if through_s3.is_ours(description, desired, source):
            yield through_s3.export(description), description.get("ExportTime", datetime.max.replace(tzinfo=UTC))


def _imports(aws: Aws, desired: Table, source: Table) -> Iterator[TableImport]:
    arn = copy_from.arn_beside(source, desired.name)
    listed = aws.read_pages("ListImports", "ImportSummaryList", table=desired.name, TableArn=arn)["ImportSummaryList"]
    ours = (one for one in listed if _is_ours(one.get("S3BucketSource") or {}, desired))
    for summary in sorted(ours, key=lambda one: one["StartTime"], reverse=True)[:MOST_LOOKED_AT]:
        answer = aws.read("DescribeImport", table=desired.name, ImportArn=summary["ImportArn"])
        yield through_s3.imported(answer["ImportTableDescription"])


def _is_ours(place: Mapping[str, Any], desired: Table) -> bool:
    prefix = str(place.get("S3KeyPrefix", ""))
    return place.get("S3Bucket") == through_s3.bucket(desired) and prefix.startswith(f"{through_s3.folder(desired)}/")
