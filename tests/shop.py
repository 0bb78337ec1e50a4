"""The example shop: its tables as files want them (cases/shop/after), as they are (before), and the changes between.

The changes are made by the real planner. The actual tables are built from what DescribeTable and the other reading
calls answer for the definitions in cases/shop/before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dynatus_ci.definitions import loader
from dynatus_ci.errors import Place
from dynatus_ci.table import build, planner
from dynatus_ci.table.facts import AccountFacts, Emptiness, Endpoint
from dynatus_ci.table.model import Table, TableChange, digest
from dynatus_ci.table.plans import Plan

FOLDER = "resources/dynamo"
SHOP = Path(__file__).parent / "cases" / "shop"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
ITEMS = {"orders": 1_204_331, "users": 83_112, "payments": 950_004, "events": 48_110_277, "archive": 12_400}
KNOWN = AccountFacts(endpoint=Endpoint(REGION), scaling={}, emptiness=Emptiness.ITEMS)
PROVISIONED, GLOBAL = "ProvisionedThroughput", "GlobalSecondaryIndexes"


def definitions(side: str) -> dict[str, loader.Definition]:
    """The definitions of one folder by table, with the places that they would have in a repository."""
    loaded = loader.load(SHOP / side).definitions
    return {one.table: replace(one, place=in_repository(one.place)) for one in loaded}


def in_repository(place: Place | None, *, name: str | None = None) -> Place:
    """The same place in a repository that has the shop's files in the usual folder."""
    assert place is not None
    return replace(place, file=f"{FOLDER}/{f'{name}.edn' if name else Path(place.file).name}")


def described(body: Mapping[str, Any]) -> Table:
    """The actual table of a definition, built from what AWS would answer about it."""
    name = body["TableName"]
    arn, provisioned = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}", body["BillingMode"] == "PROVISIONED"
    stream = body.get("StreamSpecification")
    description = {
        **{member: body[member] for member in ("TableName", "KeySchema", "AttributeDefinitions")},
        "TableId": f"{digest(name)[:8]}-0b7a-4a52-9d3e-266542803551",
        "TableArn": arn,
        "TableStatus": "ACTIVE",
        "ItemCount": ITEMS.get(name, 250),
        "TableSizeBytes": ITEMS.get(name, 250) * 1_750,
        "DeletionProtectionEnabled": body.get("DeletionProtectionEnabled", False),
        GLOBAL: [{**_capacity(index), **index, "IndexStatus": "ACTIVE"} for index in body.get(GLOBAL, ())],
        **_capacity(body),
        **({} if provisioned else {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}),
        **(
            {"StreamSpecification": stream, "LatestStreamArn": f"{arn}/stream/2026-02-03T10:11:12.345"}
            if stream
            else {}
        ),
    }
    return build.actual(description, _answers(body))


def _capacity(owner: Mapping[str, Any]) -> dict[str, Any]:
    units = owner.get(PROVISIONED, {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0})
    warm = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"}
    return {PROVISIONED: {**units, "NumberOfDecreasesToday": 1}, "WarmThroughput": warm}


def _answers(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the reading calls beside DescribeTable answer."""
    expiry = body.get("TimeToLiveSpecification", {"Enabled": False})
    recovery = body.get("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})
    return {
        "DescribeTimeToLive": {
            "TimeToLiveDescription": {**expiry, "TimeToLiveStatus": "ENABLED" if expiry["Enabled"] else "DISABLED"}
        },
        "DescribeContinuousBackups": {
            "ContinuousBackupsDescription": {
                "PointInTimeRecoveryDescription": {
                    **recovery,
                    "PointInTimeRecoveryStatus": "ENABLED" if recovery["PointInTimeRecoveryEnabled"] else "DISABLED",
                }
            }
        },
        "ListTagsOfResource": {"Tags": body.get("Tags", [])},
        "GetResourcePolicy": {"Policy": body["ResourcePolicy"]} if "ResourcePolicy" in body else {},
        "DescribeKinesisStreamingDestination": {"KinesisDataStreamDestinations": []},
        "ListContributorInsights": {"ContributorInsightsSummaries": []},
    }


AFTER, BEFORE = definitions("after"), definitions("before")


def desired(name: str, *, as_name: str | None = None) -> Table:
    """The table that a file of the shop asks for, perhaps under another name."""
    one, shown = AFTER[name], as_name or name
    return build.desired({**one.body, "TableName": shown}, place=in_repository(one.place, name=shown))


def change(name: str, facts: AccountFacts = KNOWN, *, as_name: str | None = None) -> TableChange:
    """The planned change of a table of the shop."""
    actual = {**BEFORE[name].body, "TableName": as_name or name} if name in BEFORE else None
    return planner.change(desired(name, as_name=as_name), described(actual) if actual else None, facts)


def creation(name: str, facts: AccountFacts = KNOWN, *, as_name: str | None = None) -> TableChange:
    """The planned change of a table of the shop where the account does not have it."""
    return planner.change(desired(name, as_name=as_name), None, facts)


def plan(*changes: TableChange, endpoint: str | None = None) -> Plan:
    """These changes as a plan."""
    ordered = sorted(changes, key=lambda change: change.table)
    return Plan(tuple(ordered), account=ACCOUNT, region=REGION, endpoint=endpoint)
