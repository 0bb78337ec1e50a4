"""Contributor insights of a table and of each index.

docs/dynamodb.md#contributor-insights
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.operations import reads, writes
from tests.simulator.tables import Insights

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

NO_ROOM = {
    "ExceptionName": "LimitExceededException",
    "ExceptionDescription": "The maximum number of Contributor Insights rules has been reached.",
}
RULES = 4  # for each target: partition and sort keys, accessed and throttled


@writes("UpdateContributorInsights")
def update_contributor_insights(account: Account, request: Json) -> Json:
    """Begin to switch the insights of a table or of one index."""
    table = account.settled(request["TableName"])
    name = request.get("IndexName", "")
    _check_target(table, name)
    live = table.insights.setdefault(name, Insights())
    on = request["ContributorInsightsAction"] == "ENABLE"
    live.mode = request.get("ContributorInsightsMode", live.mode) if on else live.mode
    live.status, live.updated = ("ENABLING" if on else "DISABLING"), account.now
    full = on and _rules(account) > account.insight_rules
    live.failure = {}

    def done() -> None:
        live.status = "FAILED" if full else "ENABLED" if on else "DISABLED"
        live.failure = dict(NO_ROOM) if full else {}

    account.later(account.duration("insights", table.name), done)
    return {**_named(table, name), "ContributorInsightsStatus": live.status, "ContributorInsightsMode": live.mode}


def _check_target(table: Table, name: str) -> None:
    if name and name not in table.indexes:
        raise errors.ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
    prefix = "Table or Index is not in a valid state to update Key Access Insights:"
    if table.busy - {"replica"}:
        raise errors.validation(f"{prefix} TableStatus must be ACTIVE to enable ContributorInsights.")
    if name and table.indexes[name].status != "ACTIVE":
        raise errors.validation(f"{prefix} IndexStatus must be ACTIVE to enable ContributorInsights.")
    if table.insights.get(name, Insights()).status in {"ENABLING", "DISABLING"}:
        raise errors.validation(f"{prefix} ContributorInsights is being updated.")


def _rules(account: Account) -> int:
    everything = [one for table in account.tables.values() for one in table.insights.values()]
    return RULES * sum(one.status in {"ENABLED", "ENABLING"} for one in everything)


def _named(table: Table, name: str) -> Json:
    return {"TableName": table.name} | ({"IndexName": name} if name else {})


def _summary(table: Table, name: str) -> Json:
    live = table.insights.get(name, Insights())
    mode = {"ContributorInsightsMode": live.mode} if live.status != "DISABLED" else {}
    return {**_named(table, name), "ContributorInsightsStatus": live.status, **mode}


@reads("DescribeContributorInsights")
def describe_contributor_insights(account: Account, request: Json) -> Json:
    """The insights of one target."""
    table, name = account.settled(request["TableName"]), request.get("IndexName", "")
    if name and name not in table.indexes:
        raise errors.ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
    live = table.insights.get(name)
    if live is None:
        return _summary(table, name)
    failure = {"FailureException": live.failure} if live.failure else {}
    return _summary(table, name) | {"LastUpdateDateTime": live.updated} | failure


@reads("ListContributorInsights")
def list_contributor_insights(account: Account, request: Json) -> Json:
    """A table and its indexes, or those of all tables, in pages."""
    tables = [account.settled(request["TableName"])] if "TableName" in request else list(account.tables.values())
    entries = [_summary(table, name) for table in tables for name in ("", *table.indexes)]
    start = int(request.get("NextToken", 0))
    end = start + (request.get("MaxResults") or 100)
    return {"ContributorInsightsSummaries": entries[start:end]} | (
        {"NextToken": str(end)} if end < len(entries) else {}
    )
