"""How reports put a value, a size and a duration into words."""

from __future__ import annotations

import pytest

from dynatus_ci.report import timing, wording
from dynatus_ci.table import phrases
from dynatus_ci.table.model import Action, Difference, Effect, Risk, TableChange, Value
from dynatus_ci.table.origins import ORIGINS
from dynatus_ci.table.origins.origin import Origin
from tests.shop import change, creation


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (540, None, "9 min or more"),
        (0, None, "grows with the data"),
        (0, 1, "1 s"),
        (0, 30, "up to 30 s"),
        (4, 30, "4 to 30 s"),
        (10, 120, "10 s to 2 min"),
        (1860, 7200, "31 min to 2 h"),
    ],
)
def test_a_duration_is_a_range_in_words(least: int, most: int | None, expected: str) -> None:
    assert timing.duration(least, most) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 KB"), (2_130_000_000, "2.1 GB"), (10**16, "10,000.0 TB")],
)
def test_a_size_has_a_unit(count: int, expected: str) -> None:
    assert phrases.size(count) == expected


KEY = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "id", "AttributeType": "S"},
    ],
}
WIDE = {
    "KeySchema": [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip("abc", ("HASH", "HASH", "RANGE"), strict=True)
    ],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in "abc"],
}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 12_000}
INCLUDE = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "total"]}
INDEX = ("GlobalSecondaryIndexes", "by-day")


@pytest.mark.parametrize(
    ("path", "value", "label", "phrase"),
    [
        ((), {**KEY, "BillingMode": "PAY_PER_REQUEST"}, "table", "key id (S), at (N) · PAY_PER_REQUEST"),
        (
            (),
            {**KEY, "BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS},
            "table",
            "key id (S), at (N) · PROVISIONED 5 read, 12,000 write",
        ),
        (
            (),
            {**KEY, "BillingMode": "PAY_PER_REQUEST", "OnDemandThroughput": {"MaxReadRequestUnits": 100}},
            "table",
            "key id (S), at (N) · PAY_PER_REQUEST · at most 100 read",
        ),
        ((), {"KeySchema": KEY, "BillingMode": "PROVISIONED"}, "table", "key id (S), at (N) · PROVISIONED"),
        (("KeySchema",), KEY, "key", "id (S), at (N)"),
        (INDEX, {**WIDE, "Projection": {"ProjectionType": "ALL"}}, "index `by-day`", "a (S) + b (S), c (S) · ALL"),
        (
            INDEX,
            {**KEY, "Projection": INCLUDE, "ProvisionedThroughput": UNITS},
            "index `by-day`",
            "id (S), at (N) · INCLUDE status, total · 5 read, 12,000 write",
        ),
        (
            INDEX,
            {
                **KEY,
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 40},
                "WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000},
            },
            "index `by-day`",
            "id (S), at (N) · KEYS_ONLY · at most 40 write · warm 12,000 read, 4,000 write",
        ),
        ((*INDEX, "ProvisionedThroughput"), UNITS, "index `by-day` capacity", "5 read, 12,000 write"),
        (
            ("OnDemandThroughput",),
            {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 40},
            "on-demand limits",
            "unlimited read, 40 write",
        ),
        (("WarmThroughput",), {"ReadUnitsPerSecond": 20_000}, "warm throughput", "20,000 read a second"),
        (
            ("StreamSpecification",),
            {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "stream",
            "on, KEYS_ONLY",
        ),
        (("StreamSpecification",), {"StreamEnabled": False}, "stream", "off"),
        (("TimeToLiveSpecification",), {"Enabled": True, "AttributeName": "expires"}, "time to live", "by expires"),
        (("TimeToLiveSpecification",), {"Enabled": False}, "time to live", "off"),
        (
            ("PointInTimeRecoverySpecification",),
            {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
            "point-in-time recovery",
            "on, 7 days",
        ),
        (
            ("PointInTimeRecoverySpecification",),
            {"PointInTimeRecoveryEnabled": False},
            "point-in-time recovery",
            "off",
        ),
        (("SSESpecification",), {"Enabled": False}, "encryption", "AWS owned key"),
        (("SSESpecification",), {"Enabled": True, "SSEType": "KMS"}, "encryption", "AWS managed key"),
        (
            ("SSESpecification",),
            {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/shop"},
            "encryption",
            "KMS key alias/shop",
        ),
        (("DeletionProtectionEnabled",), True, "deletion protection", "on"),
        (("TableClass",), "STANDARD", "table class", "STANDARD"),
        (
            (*INDEX, "ContributorInsightsSpecification"),
            {"Enabled": True, "Mode": "THROTTLED_KEYS"},
            "index `by-day` contributor insights",
            "on, THROTTLED_KEYS",
        ),
        (
            ("KinesisStreamSpecification",),
            {"StreamArn": "arn:x", "ApproximateCreationDateTimePrecision": "MICROSECOND"},
            "Kinesis stream",
            "arn:x, MICROSECOND",
        ),
        (("Replicas", "us-east-1"), {}, "replica `us-east-1`", "like the table"),
        (
            ("Replicas", "us-east-1"),
            {
                "KMSMasterKeyId": "k",
                "TableClassOverride": "STANDARD",
                "GlobalSecondaryIndexes": {"by-day": {"ProvisionedThroughputOverride": {"ReadCapacityUnits": 5}}},
            },
            "replica `us-east-1`",
            "STANDARD · KMS key k · index by-day: 5 read",
        ),
        (("Tags", "team"), "a, b", "tag `team`", "a, b"),
        (("Tags", "team"), "", "tag `team`", '""'),
    ],
)
def test_a_value_is_a_phrase(path: tuple[str, ...], value: Value, label: str, phrase: str) -> None:
    assert wording.name(path) == label
    for sides in (wording.sides(Difference("t", path, value, None)), wording.sides(Difference("t", path, None, value))):
        assert sides is not None
        assert {**sides[0], **sides[1]} == {path: phrase}


def test_a_local_index_of_a_new_table_has_a_phrase_of_its_own() -> None:
    sides = wording.sides(creation("orders").differences[0])
    assert sides == (
        {},
        {
            (): "key customer_id (S), created_at (N) · PAY_PER_REQUEST",
            ("LocalSecondaryIndexes", "by-status"): "customer_id (S), status (S) · KEYS_ONLY",
        },
    )


def test_what_the_file_leaves_out_of_an_index_is_no_difference() -> None:
    live = {**KEY, "Projection": INCLUDE, "WarmThroughput": {"ReadUnitsPerSecond": 12_000}}
    sides = wording.sides(Difference("t", INDEX, live, {**KEY, "Projection": {"ProjectionType": "ALL"}}))
    assert sides == (
        {INDEX: "id (S), at (N) · INCLUDE status, total"},
        {INDEX: "id (S), at (N) · ALL"},
    )


def test_an_attribute_cannot_pass_for_more_than_a_name() -> None:
    key = {"KeySchema": [{"AttributeName": "id (S) · ALL", "KeyType": "HASH"}], "AttributeDefinitions": []}
    sides = wording.sides(Difference("t", ("KeySchema",), None, key))
    assert sides == ({}, {("KeySchema",): '"id (S) · ALL" (?)'})


def test_a_policy_is_compared_line_by_line() -> None:
    policy = next(one for one in change("reports").differences if one.path == ("ResourcePolicy",))
    assert wording.sides(policy) is None
    assert [line for line in wording.diff(policy.actual, policy.desired) if line[0] in "+-"] == [
        '-      "Action": "dynamodb:GetItem",',
        '+      "Action": [',
        '+        "dynamodb:GetItem",',
        '+        "dynamodb:Query"',
        "+      ],",
    ]


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin.name)
def test_a_risky_difference_of_each_origin_has_words(origin: Origin) -> None:
    """A plan file of another release may call one risky that is safe here."""
    difference = Difference("orders", origin.path, None, "customers", Effect.CREATE, Risk.DISRUPTIVE)
    change = TableChange("orders", Action.UPDATE, differences=(difference,))
    (risky,) = wording.disruptive(change)
    assert "orders" in wording.consequence([risky])
    assert wording.overview(change)
