"""Reading what AWS has exported to S3 and imported from there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.HowItWorks.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.HowItWorks.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dynatus_ci.aws.client import Aws
from dynatus_ci.table import arns
from dynatus_ci.table.aspects import backups
from dynatus_ci.table.facts import TableExport, TableImport, Transfer
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import s3_place, through_s3

MOST_IMPORTS = 10
"""How many imports are looked at: the newest ones. The table that is there was made by one of them."""

LONGEST_EXPORT = timedelta(days=2)
"""An export that began longer ago than this and `FRESH_HOURS` is not looked at, unless it is still under way."""

_UNKNOWN = datetime.max.replace(tzinfo=UTC)


def look(aws: Aws, desired: Table, source: Table) -> Transfer:
    """The exports of a source into the folder of a table, and the imports into a table of its name.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    answer = aws.read("DescribeContinuousBackups", table=source.name, TableName=source.name)
    fresh = _fresh_since(backups.recovery(answer))
    listed = _imports(aws, desired, source)
    imports = tuple(_import(aws, desired, one) for one in listed[:MOST_IMPORTS])
    exports = _Exports(aws, desired, source)
    used, older = through_s3.used_up(imports), frozenset(_folder(one) for one in listed[MOST_IMPORTS:])
    unused = exports.newest_unused(used | older, fresh) if fresh else None
    return Transfer(
        possible=fresh is not None,
        exports=(*exports.of(used), *([unused] if unused else [])),
        imports=imports,
        latest=exports.latest,
    )


def _fresh_since(recovery: Mapping[str, Any]) -> datetime | None:
    """Since when an export is still used. By AWS's own clock: the table can be restored until some minutes ago."""
    latest = recovery.get("LatestRestorableDateTime")
    if latest is None:
        return None
    moment: datetime = latest
    return moment - timedelta(hours=through_s3.FRESH_HOURS)


class _Exports:
    """The exports of a table. Others may export it often, so only those in question are described."""

    def __init__(self, aws: Aws, desired: Table, source: Table) -> None:
        self._aws, self._desired, self._source = aws, desired, source
        arn = source.info.arn if source.info else ""
        answer = aws.read_pages("ListExports", "ExportSummaries", table=source.name, TableArn=arn)
        prefix = s3_place.folder(desired)
        self._by_folder = {
            s3_place.folder_of_data(prefix, one["ExportArn"]): one
            for one in sorted(answer["ExportSummaries"], key=_began, reverse=True)
        }

    @property
    def latest(self) -> str:
        """The ARN of the newest one, in whatever state and folder; empty where there is none."""
        return next((str(summary["ExportArn"]) for summary in self._by_folder.values()), "")

    def of(self, folders: Collection[str]) -> Iterator[TableExport]:
        """Those with their data in one of the folders."""
        for folder, summary in self._by_folder.items():
            description = self._description(summary) if folder in folders else None
            if description:
                yield through_s3.export(description)

    def newest_unused(self, used: Collection[str], fresh: datetime) -> TableExport | None:
        """The newest one that no import has used, and that is under way or has ended not before `fresh`."""
        for folder, summary in self._by_folder.items():
            running = summary.get("ExportStatus") == through_s3.RUNNING
            recent = running or _began(summary) >= fresh - LONGEST_EXPORT
            candidate = recent and folder not in used and through_s3.is_usable(summary)
            description = self._description(summary) if candidate else None
            if description and description.get("EndTime", fresh) >= fresh:
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
    """The imports into tables of this name, as ListImports has them, the newest first."""
    arn = arns.beside(source, desired.name)
    listed = aws.read_pages("ListImports", "ImportSummaryList", table=desired.name, TableArn=arn)["ImportSummaryList"]
    return sorted(listed, key=lambda one: one["StartTime"], reverse=True)


def _import(aws: Aws, desired: Table, summary: Mapping[str, Any]) -> TableImport:
    answer = aws.read("DescribeImport", table=desired.name, ImportArn=summary["ImportArn"])
    return through_s3.imported(answer["ImportTableDescription"])


def _folder(summary: Mapping[str, Any]) -> str:
    return str(summary.get("S3BucketSource", {}).get("S3KeyPrefix", ""))
