"""The members of a definition: which values are valid, and how they are normalised, from files and from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dynatus_ci.table import policies
from dynatus_ci.table.validation import cursor, members, shapes, unknown
from dynatus_ci.table.validation.findings import At
from dynatus_ci.table.validation.value_types import Character, Keyword, OtherKey, Parameter, Symbol, Unordered

MINIMAL: dict[str, Any] = {
    "TableName": "users",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


def taken(**given: object) -> tuple[dict[str, Any], list[tuple[tuple[str | int, ...], str]]]:
    """The wholly valid members of a minimal definition with these members, and the findings."""
    body, findings, _ = members.check({**MINIMAL, **given})
    taken_whole = {key: body[key] for key in given if key in body and unknown.whole(body[key])}
    return taken_whole, [(found.path, found.code) for found in findings]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"BillingMode": "PROVISIONED"}, "PROVISIONED"),
        ({"BillingMode": Keyword("PAY_PER_REQUEST")}, "PAY_PER_REQUEST"),
        ({"BillingMode": Keyword("pay-per-request")}, "PAY_PER_REQUEST"),
        ({"BillingMode": Parameter.of("mode", "PROVISIONED")}, "PROVISIONED"),
        ({"DeletionProtectionEnabled": True}, True),
        ({"DeletionProtectionEnabled": Parameter.of("on", "false")}, False),
        ({"WarmThroughput": {"ReadUnitsPerSecond": Parameter.of("n", "12000")}}, {"ReadUnitsPerSecond": 12000}),
        ({"Tags": Unordered([{"Key": "a", "Value": "b"}])}, [{"Key": "a", "Value": "b"}]),
        ({"Tags": ({"Key": "a", "Value": Parameter.of("n", "5")},)}, [{"Key": "a", "Value": "5"}]),
        ({"Tags": [{"Key": "a", "Value": "b", "Other": None}]}, None),
        ({"GlobalSecondaryIndexes": []}, []),
        ({"KinesisStreamSpecification": {}}, {}),
        ({"ResourcePolicy": ""}, {}),
        ({"ResourcePolicy": {}}, {}),
        ({"ResourcePolicy": '{"Statement": [1, true, null]}'}, {"Statement": [1, True, None]}),
        ({"ResourcePolicy": {"Statement": [{OtherKey('"aws:x"', "aws:x"): 1}]}}, {"Statement": [{"aws:x": 1}]}),
        ({"TimeToLiveSpecification": {"Enabled": False, "AttributeName": None}}, {"Enabled": False}),
    ],
)
def test_valid_values_are_normalised(given: dict[str, Any], expected: object) -> None:
    body, findings = taken(**given)
    if expected is None:
        assert [code for _, code in findings] == ["unknown-key"]
    else:
        assert (body, findings) == ({next(iter(given)): expected}, [])


def test_parsed_values_are_plain() -> None:
    body, _ = taken(BillingMode=Keyword("provisioned"), Tags=[{"Key": Parameter.of("n", "k"), "Value": ""}])
    assert type(body["BillingMode"]) is str
    assert type(body["Tags"][0]["Key"]) is str


def test_a_member_that_is_nil_is_absent() -> None:
    body, findings = taken(Tags=None, LocalSecondaryIndexes=None)
    assert (body, findings) == ({}, [])


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"TableName": Keyword("users")}, ("TableName",), "keyword-for-text"),
        ({"TableName": Symbol("users")}, ("TableName",), "symbol-for-text"),
        ({"TableName": Character("u")}, ("TableName",), "wrong-type"),
        ({"TableName": ""}, ("TableName",), "bad-text"),
        ({"TableName": 5}, ("TableName",), "wrong-type"),
        ({"TableName": True}, ("TableName",), "wrong-type"),
        ({"TableName": b"users"}, ("TableName",), "wrong-type"),
        ({"BillingMode": "provisioned"}, ("BillingMode",), "unknown-value"),
        ({"BillingMode": Symbol("PROVISIONED")}, ("BillingMode",), "unknown-value"),
        ({"BillingMode": Keyword("billing/PROVISIONED")}, ("BillingMode",), "unknown-value"),
        ({"BillingMode": ["PROVISIONED"]}, ("BillingMode",), "unknown-value"),
        ({"DeletionProtectionEnabled": 1}, ("DeletionProtectionEnabled",), "wrong-type"),
        ({"DeletionProtectionEnabled": Parameter.of("p", "yes")}, ("DeletionProtectionEnabled",), "wrong-type"),
        ({"WarmThroughput": {"ReadUnitsPerSecond": True}}, ("WarmThroughput", "ReadUnitsPerSecond"), "wrong-type"),
        ({"WarmThroughput": {"ReadUnitsPerSecond": "1"}}, ("WarmThroughput", "ReadUnitsPerSecond"), "quoted-number"),
        *(
            (
                {"WarmThroughput": {"ReadUnitsPerSecond": Parameter.of("n", text)}},
                ("WarmThroughput", "ReadUnitsPerSecond"),
                "parameter-type",
            )
            for text in ("", "5 ", "05", "5.0", "0x5", "\u0665", "1_0", "+5", "9" * 20, "nil")
        ),
        ({"WarmThroughput": {"ReadUnitsPerSecond": 2**63}}, ("WarmThroughput", "ReadUnitsPerSecond"), "out-of-range"),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": float("nan")}},
            ("WarmThroughput", "ReadUnitsPerSecond"),
            "wrong-type",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": float("inf")}},
            ("WarmThroughput", "ReadUnitsPerSecond"),
            "wrong-type",
        ),
        ({"Tags": {"a": "b"}}, ("Tags",), "wrong-type"),
        ({"Tags": "ab"}, ("Tags",), "wrong-type"),
        ({"Tags": [None]}, ("Tags", 0), "nil-in-vector"),
        ({"KeySchema": Unordered(MINIMAL["KeySchema"])}, ("KeySchema",), "wrong-type"),
        ({"KeySchema": frozenset()}, ("KeySchema",), "wrong-type"),
        ({"ResourcePolicy": 5}, ("ResourcePolicy",), "wrong-type"),
        ({"ResourcePolicy": "[]"}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": '{"a": NaN}'}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": '{"a": 1, "a": 2}'}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": '{"a":' * 100_000}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": '{"a":' * 65 + "1" + "}" * 65}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": '{"a": ' + "9" * 5000 + "}"}, ("ResourcePolicy",), "bad-json"),
        ({"ResourcePolicy": {"a": None}}, ("ResourcePolicy", "a"), "wrong-type"),
        ({"ResourcePolicy": {"a": float("inf")}}, ("ResourcePolicy", "a"), "wrong-type"),
        ({"ResourcePolicy": {"a": 1, OtherKey('"a"', "a"): 1}}, ("ResourcePolicy", '"a"'), "duplicate-key"),
        ({"ResourcePolicy": {OtherKey("5"): 1}}, ("ResourcePolicy",), "bad-key"),
        ({"GlobalTableSettingsReplicationMode": "ENABLED"}, ("GlobalTableSettingsReplicationMode",), "not-managed"),
        ({"TableStatus": "ACTIVE"}, ("TableStatus",), "pasted-answer"),
        ({"tableName": "x"}, ("tableName",), "unknown-key"),
    ],
)
def test_an_invalid_value_has_one_finding_at_its_path(given: dict[str, Any], path: tuple[Any, ...], code: str) -> None:
    body, findings = taken(**given)
    assert (body, findings) == ({}, [(path, code)])


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("table-name", "TableName"),
        ("tableName", "TableName"),
        ("TABLE_NAME", "TableName"),
        ("aws/TableName", "TableName"),
        ("BillngMode", "BillingMode"),
        ("TimeToLive", "TimeToLiveSpecification"),
        ("SSE", "SSESpecification"),
        ("point-in-time-recovery", "PointInTimeRecoverySpecification"),
    ],
)
def test_a_misspelt_key_is_corrected(key: str, meant: str) -> None:
    given = {name: value for name, value in MINIMAL.items() if name != meant}
    findings = members.check({**given, key: "x"}).findings
    assert findings[0].hint in {f"Did you mean `:{meant}`?", f"Write `:{meant}`."}
    assert findings[0].at is At.KEY
    assert "missing-key" not in {found.code for found in findings}


def test_a_misspelt_key_is_not_missing_too() -> None:
    misspelt = {"table-name": "users", "key-schema": [], OtherKey('"AttributeDefinitions"'): []}
    codes = sorted(found.code for found in members.check(misspelt).findings)
    assert codes == ["bad-key", "missing-key", "unknown-key", "unknown-key", "wrong-length"]


def test_the_value_of_a_misspelt_key_is_checked_at_its_path_in_the_file() -> None:
    string_key = OtherKey('"tags"', "tags")
    checked = members.check({**MINIMAL, "billing_mode": "x", string_key: [{"key": "a", "value": 5}], "Tags": None})
    assert [(checked.as_written(found.path), found.code) for found in checked.findings] == [
        (("billing_mode",), "unknown-key"),
        (('"tags"',), "bad-key"),
        (("billing_mode",), "unknown-value"),
        (('"tags"', 0, "key"), "unknown-key"),
        (('"tags"', 0, "value"), "unknown-key"),
        (('"tags"', 0, "value"), "wrong-type"),
    ]


def test_of_two_spellings_of_a_member_the_right_one_counts() -> None:
    body, findings, _ = members.check({**MINIMAL, "table-name": 5})
    assert body["TableName"] == "users"
    assert [found.code for found in findings] == ["unknown-key"]


def test_a_parameters_value_is_never_repeated() -> None:
    secret = Parameter.of("reads", "hunter2")
    shapeless: list[dict[str, Any]] = [
        {"WarmThroughput": {"ReadUnitsPerSecond": secret}},
        {"BillingMode": secret},
        {"DeletionProtectionEnabled": secret},
        {"Tags": [{"Key": Parameter.of("reads", "hunter2" * 40), "Value": ""}]},
        {"Tags": secret},
        {"StreamSpecification": secret},
    ]
    for given in shapeless:
        findings = members.check({**MINIMAL, **given}).findings
        assert len(findings) == 1
        assert "hunter2" not in f"{findings[0].message} {findings[0].hint}"


def test_a_definition_has_a_largest_number_of_findings() -> None:
    body, findings, _ = members.check({**MINIMAL, "Tags": [{"a": n} for n in range(10_000)]})
    assert not any(unknown.known(body, member) for member in body)
    assert len(findings) == cursor.MOST_FINDINGS + 1
    assert findings[-1].code == "too-many-faults"


def test_an_absent_table_has_only_its_name() -> None:
    assert members.check({"TableName": "users", "Absent": True})[:2] == ({"TableName": "users", "Absent": True}, [])
    findings = members.check({**MINIMAL, "Absent": True}).findings
    assert [found.path for found in findings] == [("KeySchema",), ("AttributeDefinitions",)]


def test_invalid_values_become_unknown_and_the_rest_stays() -> None:
    body = members.check({**MINIMAL, "Tags": [5, {"Key": "a", "Value": "b"}], "StreamSpecification": {}}).body
    assert body["Tags"] == [unknown.INVALID, {"Key": "a", "Value": "b"}]
    assert body["StreamSpecification"] == {"StreamEnabled": unknown.UNSURE}
    assert "BillingMode" not in body


def test_an_unknown_key_with_a_collection_may_be_any_member() -> None:
    assert "BillingMode" not in members.check({**MINIMAL, "Colour": "red"}).body
    assert members.check({**MINIMAL, "Colour": {"a": 1}}).body["BillingMode"] is unknown.UNSURE


def test_every_shape_is_used_by_a_member() -> None:
    def inner(shape: shapes.Shape) -> Iterator[type]:
        yield type(shape)
        inside: Mapping[str, shapes.Shape] = getattr(shape, "members", {})
        item = [shape.item] if isinstance(shape, shapes.Sequence) else []
        both: list[shapes.Shape] = [shape.text, shape.map] if isinstance(shape, shapes.TextOrMap) else []
        for member in [*inside.values(), *item, *both]:
            yield from inner(member)

    assert set(inner(members.TABLE)) == {
        shapes.Structure,
        shapes.Sequence,
        shapes.Text,
        shapes.TextOrMap,
        shapes.Whole,
        shapes.Number,
        shapes.Flag,
        shapes.Choice,
        policies.PolicyDocument,
    }
