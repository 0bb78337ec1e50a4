"""Reading what AWS has exported to S3 and imported from there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dynatus_ci.aws.client import Aws
from dynatus_ci.table import copy_from, through_s3
from dynatus_ci.table.facts import TableExport, TableImport, Transfer
from dynatus_ci.table.model import Table

MOST_IMPORTS = 10
"""How many imports are looked at: the newest ones. The table that is there was made by one of them."""

_UNKNOWN = datetime.max.replace(tzinfo=UTC)


def look(aws: Aws, desired: Table, source: Table) -> Transfer:
    """The exports of a source into the folder of a table, and the imports from there.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    answer = aws.read("DescribeContinuousBackups", table=source.name, TableName=source.name)
    recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    fresh = _fresh_since(recovery)
    listed = _imports(aws, desired, source)
    imports = tuple(_import(aws, desired, one) for one in listed[:MOST_IMPORTS])
    exports = _Exports(aws, desired, source)
    used = frozenset(_folder(one) for one in listed)
    unused = exports.newest_unused(used, fresh) if fresh else None
    return Transfer(
        possible=fresh is not None,
        exports=(*exports.of({one.folder for one in imports}), *([unused] if unused else [])),
        imports=imports,
    )


def _fresh_since(recovery: Mapping[str, Any]) -> datetime | None:
    """Since when an export is still used. By AWS's own clock: the table can be restored until some minutes ago."""
    latest = recovery.get("LatestRestorableDateTime")
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED" or latest is None:
        return None
    moment: datetime = latest
    return moment - timedelta(hours=through_s3.FRESH_HOURS)


class _Exports:
    """The exports of a table. Others may export it often, so only those in question are described."""

    def __init__(self, aws: Aws, desired: Table, source: Table) -> None:
        self._aws, self._desired, self._source = aws, desired, source
        arn = source.info.arn if source.info else ""
        answer = aws.read_pages("ListExports", "ExportSummaries", table=source.name, TableArn=arn)
        prefix = through_s3.folder(desired)
        self._by_folder = {
            through_s3.folder_of_data(prefix, one["ExportArn"]): one
            for one in sorted(answer["ExportSummaries"], key=_began, reverse=True)
        }

    def of(self, folders: Collection[str]) -> Iterator[TableExport]:
        """Those with their data in one of the folders."""
        for folder, summary in self._by_folder.items():
            description = self._description(summary) if folder in folders else None
            if description:
                yield through_s3.export(description)

    def newest_unused(self, used: Collection[str], fresh: datetime) -> TableExport | None:
        """The newest one that no import has used, with the items of a moment that is not before `fresh`."""
        for folder, summary in self._by_folder.items():
            if _began(summary) < fresh:
                break
            description = self._description(summary) if folder not in used and through_s3.is_usable(summary) else None
            if description and description.get("ExportTime", fresh) >= fresh:
                return through_s3.export(description)
        return None

    def _description(self, summary: Mapping[str, Any]) -> dict[str, Any] | None:
        """DescribeExport's, if the export has all items of the source and is in the table's folder."""
        answer = self._aws.read("DescribeExport", table=self._source.name, ExportArn=summary["ExportArn"])
        description: dict[str, Any] = answer["ExportDescription"]
        return description if through_s3.is_ours(description, self._desired, self._source) else None


def _began(summary: Mapping[str, Any]) -> datetime:
    """When an export began. ListExports has no member for it, but the ARN ends with the time in milliseconds."""
    milliseconds = summary["ExportArn"].rpartition("/")[2].partition("-")[0]
    # What has another form may be new: its description tells.
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds.isdecimal() else _UNKNOWN


def _imports(aws: Aws, desired: Table, source: Table) -> list[dict[str, Any]]:
    """The imports from the table's folder, as ListImports has them, the newest first."""
    arn = copy_from.arn_beside(source, desired.name)
    listed = aws.read_pages("ListImports", "ImportSummaryList", table=desired.name, TableArn=arn)["ImportSummaryList"]
    ours = (one for one in listed if _is_ours(one.get("S3BucketSource") or {}, desired))
    return sorted(ours, key=lambda one: one["StartTime"], reverse=True)


def _import(aws: Aws, desired: Table, summary: Mapping[str, Any]) -> TableImport:
    answer = aws.read("DescribeImport", table=desired.name, ImportArn=summary["ImportArn"])
    return through_s3.imported(answer["ImportTableDescription"])


def _is_ours(place: Mapping[str, Any], desired: Table) -> bool:
    prefix = str(place.get("S3KeyPrefix", ""))
    return place.get("S3Bucket") == through_s3.bucket(desired) and prefix.startswith(f"{through_s3.folder(desired)}/")


def _folder(summary: Mapping[str, Any]) -> str:
    return str(summary["S3BucketSource"]["S3KeyPrefix"])
