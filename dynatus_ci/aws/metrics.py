"""How much tables and indexes were read, as CloudWatch counts it. Optional: where it does not answer, nothing is known.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
docs/dynamodb.md#is-it-still-read
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws, pages
from dynatus_ci.table.model import Usage
from dynatus_ci.table.usage import DAYS, ReadMetric

MOST_QUERIES = 500
"""How many metrics one call may ask for."""
DAY = 86_400
"""Seconds."""
_Series = dict[datetime, float]


def usage(aws: Aws, reads: Sequence[ReadMetric]) -> dict[ReadMetric, Usage]:
    """The usage of each of some tables and indexes; nothing where CloudWatch is denied, or does not answer."""
    if aws.emulator:
        return {}
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = {"StartTime": today - timedelta(days=DAYS), "EndTime": datetime.now(UTC)}
    found: dict[ReadMetric, Usage] = {}
    try:
        for start in range(0, len(reads), MOST_QUERIES):
            some = reads[start : start + MOST_QUERIES]
            found |= {read: _usage(series) for read, series in zip(some, _series(aws, some, window), strict=True)
                      if series is not None}  # fmt: skip
    except CallFailed:
        return {}
    return found


def _series(aws: Aws, reads: Sequence[ReadMetric], window: dict[str, datetime]) -> Iterator[_Series | None]:
    """What was read on each day, of each in turn; None where it is not known."""
    queries = [_query(f"m{number}", read) for number, read in enumerate(reads)]
    series: dict[str, _Series] = defaultdict(dict)
    unknown = set()
    for page in pages(aws.read_once, "cloudwatch", "GetMetricData", MetricDataQueries=queries, **window):
        for result in page["MetricDataResults"]:
            series[result["Id"]] |= zip(result["Timestamps"], result["Values"], strict=False)
            if result.get("StatusCode") in {"InternalError", "Forbidden"}:
                unknown.add(result["Id"])
    for query in queries:
        # AWS counts nothing of what is not read. An emulator that counts nothing at all answers in the same way.
        counted = query["Id"] in series and (series[query["Id"]] or aws.endpoint is None)
        yield series[query["Id"]] if counted and query["Id"] not in unknown else None


def _query(name: str, read: ReadMetric) -> dict[str, Any]:
    dimensions = [{"Name": "TableName", "Value": read.table}]
    dimensions += [{"Name": "GlobalSecondaryIndexName", "Value": read.index}] if read.index else []
    metric = {"Namespace": "AWS/DynamoDB", "MetricName": "ConsumedReadCapacityUnits", "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": DAY, "Stat": "Sum"}}


def _usage(series: _Series) -> Usage:
    days = [day for day, units in series.items() if units]
    # boto3 gives moments in the machine's own time zone.
    return Usage(ceil(sum(series.values())), max(days).astimezone(UTC).date().isoformat() if days else None)
