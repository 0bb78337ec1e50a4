"""How much tables and indexes were read, as CloudWatch counts it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
docs/dynamodb.md#is-it-still-read
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.clock import DAY
from tests.simulator.operations import reads

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json

MOST_QUERIES = 500


@reads("GetMetricData", "cloudwatch")
def get_metric_data(account: Account, request: Json) -> Json:
    """The read units of each day, in pages; nothing of what is not read."""
    queries = request["MetricDataQueries"]
    if len(queries) > MOST_QUERIES:
        raise errors.ApiError(
            "ValidationError",
            f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.",
        )
    start = int(request.get("NextToken", 0))
    end = start + account.metric_page
    results = [_result(account, query, request) for query in queries[start:end]]
    return {"MetricDataResults": results, "Messages": []} | ({"NextToken": str(end)} if end < len(queries) else {})


def _result(account: Account, query: Json, request: Json) -> Json:
    metric = query["MetricStat"]["Metric"]
    named = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    known = (metric["Namespace"], metric["MetricName"]) == ("AWS/DynamoDB", "ConsumedReadCapacityUnits")
    series = account.reads.get((named["TableName"], named.get("GlobalSecondaryIndexName", "")), {}) if known else {}
    last = int(request["EndTime"] // DAY)
    found = {last - ago: units for ago, units in series.items() if request["StartTime"] <= (last - ago) * DAY}
    return {
        "Id": query["Id"],
        "Label": metric["MetricName"],
        "Timestamps": [day * DAY for day in found],
        "Values": [float(units) for units in found.values()],
        "StatusCode": "Complete",
    }
