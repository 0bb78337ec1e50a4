"""The questions that a change asks of the items, their filters, and what their answers mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dynatus_ci.errors import FailureReason
from dynatus_ci.table import build, fit, planner
from dynatus_ci.table.facts import AccountFacts
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.item_checks import Check, Extent, Misfit
from dynatus_ci.table.items import KeyAttribute
from dynatus_ci.table.model import Table, TableChange
from dynatus_ci.table.plans import Plan

NOW = 1_800_000_000
TTL = {"Enabled": True, "AttributeName": "expires_at"}


def definition(indexes: dict[str, list[tuple[str, str]]], types: dict[str, str], **others: Any) -> dict[str, Any]:
    """A table by `id` and `at` with these indexes (attribute and kind of key)."""
    return {
        "TableName": "orders",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in ({"id": "S", "at": "N"} | types).items()
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": [{"AttributeName": attribute, "KeyType": kind} for attribute, kind in key],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, key in indexes.items()
        ],
        **others,
    }


def live(indexes: dict[str, list[tuple[str, str]]], types: dict[str, str], **answers: Any) -> Table:
    described = definition(indexes, types)
    summary = {"BillingMode": "PAY_PER_REQUEST"}
    return build.actual(
        {**described, "TableId": "1", "TableStatus": "ACTIVE", "BillingModeSummary": summary, "ItemCount": 10_000},
        {"DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}, **answers},
    )


def change(wanted: dict[str, Any], actual: Table | None) -> TableChange:
    return planner.change(build.desired(wanted), actual, AccountFacts(scaling={}))


def questions(planned: TableChange) -> tuple[fit.Question, ...]:
    found = fit.of_actual(planned, now=NOW)
    return found.questions if found else ()


def asked(wanted: dict[str, Any], actual: Table | None) -> tuple[fit.Question, ...]:
    return questions(change(wanted, actual))


BY_EMAIL = {"by-email": [("email", "HASH")]}
NO_INDEX = live({}, {})


def test_a_new_index_asks_for_the_type_the_emptiness_and_the_length_of_its_key() -> None:
    found = asked(definition(BY_EMAIL, {"email": "S"}), NO_INDEX)
    assert [(question.path, question.reason) for question in found] == [
        (("GlobalSecondaryIndexes", "by-email"), reason) for reason in (Misfit.TYPE, Misfit.EMPTY, Misfit.LENGTH)
    ]
    filters = [fit.only(question) for question in found]
    assert [each.expression for each in filters] == [
        "attribute_exists(#a0) AND NOT attribute_type(#a0, :S)",
        "#a0 = :emptyS",
        "attribute_type(#a0, :S) AND size(#a0) > :most2048",
    ]
    assert filters[2].parameters() == {
        "FilterExpression": filters[2].expression,
        "ExpressionAttributeNames": {"#a0": "email"},
        "ExpressionAttributeValues": {":S": {"S": "S"}, ":most2048": {"N": "2048"}},
    }
    assert fit.any_of(found).expression == " OR ".join(each.expression for each in filters)


def test_no_item_counts_for_two_reasons_of_one_index() -> None:
    key = [("status", "HASH"), ("score", "RANGE"), ("at", "RANGE")]
    found = asked(definition({"by-status": key}, {"status": "S", "score": "N"}), NO_INDEX)
    assert [question.reason for question in found] == [Misfit.TYPE, Misfit.EMPTY, Misfit.LENGTH]
    assert fit.only(found[1]).expression == (
        "(#a0 = :emptyS) AND NOT (attribute_exists(#a0) AND NOT attribute_type(#a0, :S) OR "
        "attribute_exists(#a1) AND NOT attribute_type(#a1, :N))"
    )
    assert {test.attribute for question in found for test in question.tests} == {"status", "score"}  # `at` is a key


def test_what_every_item_has_is_asked_only_for_a_sort_key_that_is_shorter() -> None:
    found = asked(definition({"turned": [("at", "HASH"), ("id", "RANGE")]}, {}), NO_INDEX)
    assert {test.attribute for question in found for test in question.tests} == {"id"}
    assert found[-1].tests[0].most == 1024
    assert asked(definition({"same": [("id", "HASH"), ("at", "RANGE")]}, {}), NO_INDEX) == ()


@pytest.mark.parametrize(
    ("wanted", "actual"),
    [
        (definition(BY_EMAIL, {"email": "S"}), None),  # a new table has no items
        (definition(BY_EMAIL, {"email": "S"}), live(BY_EMAIL, {"email": "S"})),
        (definition({}, {}), live(BY_EMAIL, {"email": "S"})),
        ({"TableName": "orders", "Absent": True}, NO_INDEX),
        (definition({}, {}, TimeToLiveSpecification={"Enabled": False}), NO_INDEX),
    ],
)
def test_where_no_difference_depends_on_items_nothing_is_asked(wanted: dict[str, Any], actual: Table | None) -> None:
    assert asked(wanted, actual) == ()


def test_an_index_that_is_built_again_asks() -> None:
    assert asked(definition(BY_EMAIL, {"email": "B"}), live(BY_EMAIL, {"email": "S"}))


def test_time_to_live_asks_for_times_that_are_past_not_numbers_or_milliseconds() -> None:
    found = asked(definition({}, {}, TimeToLiveSpecification=TTL), NO_INDEX)
    assert [question.reason for question in found] == [Misfit.EXPIRED, Misfit.NOT_A_NUMBER, Misfit.MILLISECONDS]
    values = fit.any_of(found).values
    assert values[":now"] == {"N": str(NOW)}
    assert int(values[":now"]["N"]) - int(values[":oldest"]["N"]) == 157_680_000


def test_the_key_of_another_table_must_be_there() -> None:
    key = KeyAttribute(("KeySchema",), "email", "B", longest=2_048, needed=True)
    found = list(fit.about_keys([key]))
    assert [question.reason for question in found] == [Misfit.MISSING, Misfit.TYPE, Misfit.EMPTY, Misfit.LENGTH]
    assert fit.only(found[0]).expression == "attribute_not_exists(#a0)"
    assert fit.only(found[2]).values == {":emptyB": {"B": b""}}


def test_many_questions_become_several_filters_that_dynamodb_takes() -> None:
    names = {f"by-{number}": [(f"a{number}", "HASH"), (f"b{number}", "RANGE")] for number in range(20)}
    types = {attribute: "S" for key in names.values() for attribute, _ in key}
    found = asked(definition(names, types), NO_INDEX)
    groups = fit.grouped(found)
    assert [question for group in groups for question in group] == list(found)
    assert len(groups) > 1
    for group in groups:
        expression = fit.any_of(group).expression
        words = expression.replace("(", " ").replace(")", " ").split()
        operators = sum(word in {"AND", "OR", "NOT", "=", ">"} or word.startswith(("attr", "size")) for word in words)
        assert operators <= 300
        assert len(expression) <= 4_096


# --- answers ---------------------------------------------------------------------------------------------------------


def judged(*counts: int, read: Extent = Extent.ALL) -> TableChange:
    planned = change(definition(BY_EMAIL, {"email": "S"}, TimeToLiveSpecification=TTL), NO_INDEX)
    these = questions(planned)
    answers = Answers(read, 10_000, dict(zip(these, counts, strict=False)))
    return fit.judged(planned, fit.checks(these, answers))


def test_items_that_do_not_fit_an_index_refuse_the_table() -> None:
    found = judged(3, 2, 1)
    assert found.refusal is not None
    assert found.refusal.reason is FailureReason.ITEMS_DO_NOT_FIT
    assert found.refusal.message.startswith(
        "6 of 10,000 items do not fit index `by-email`: in 3 of them `email` is not a string; "
        "in 2 of them `email` is empty; in 1 of them `email` is longer than 2,048 bytes."
    )
    assert found.checks[0] == Check(
        ("GlobalSecondaryIndexes", "by-email"), Misfit.TYPE, Extent.ALL, 10_000, 3, "`email` is not a string"
    )


def test_one_item_of_a_sample_does_not_fit() -> None:
    found = judged(0, 1, read=Extent.SAMPLE)
    assert found.refusal is not None
    assert found.refusal.message.startswith(
        "1 of 10,000 items in a sample does not fit index `by-email`: `email` is empty."
    )


def test_what_time_to_live_finds_refuses_nothing() -> None:
    found = judged(0, 0, 0, 1, 2, 3)
    assert found.refusal is None
    assert [(check.reason, check.misfits) for check in found.checks] == [
        (None, 0),
        (Misfit.EXPIRED, 1),
        (Misfit.NOT_A_NUMBER, 2),
        (Misfit.MILLISECONDS, 3),
    ]


def test_where_scan_is_denied_the_plan_says_so_and_goes_on() -> None:
    planned = change(definition(BY_EMAIL, {"email": "S"}), NO_INDEX)
    found = fit.judged(planned, fit.checks(questions(planned), Answers(Extent.NONE, denied=True)))
    assert found.refusal is None
    assert [(check.reason, check.read, check.note) for check in found.checks] == [
        (Misfit.DENIED, Extent.NONE, "access to Scan is denied")
    ]


def test_a_plan_has_the_same_fingerprint_whatever_the_items_say() -> None:
    unasked = change(definition(BY_EMAIL, {"email": "S"}, TimeToLiveSpecification=TTL), NO_INDEX)
    plans = [Plan((table,), region="eu-west-1") for table in (unasked, judged(), judged(3, 2, 1, 4))]
    assert len({plan.fingerprint for plan in plans}) == 1
    document = plans[2].to_dict()
    assert document["tables"][0]["checks"][0]["misfits"] == 3
    assert Plan.from_dict(document).to_dict() == document


def test_one_item_is_spoken_of_as_one() -> None:
    index = Check(("GlobalSecondaryIndexes", "by-email"), None, Extent.ALL, 1)
    wrong = replace(index, reason=Misfit.TYPE, misfits=1, note="`email` is no string")
    assert list(fit.findings([index])) == ["The one item fits index `by-email`."]
    assert list(fit.findings([replace(index, read=Extent.SAMPLE)])) == ["1 item in a sample fits index `by-email`."]
    (told,) = fit.findings([wrong])
    assert told.startswith("1 of 1 item does not fit index `by-email`: `email` is no string. ")
    assert told.endswith("AWS would leave it out of the index, and refuse every later write of it.")


def test_all_parts_that_fit_are_one_sentence() -> None:
    index, other = (("GlobalSecondaryIndexes", name) for name in ("by-email", "by-day"))
    every, expiry = Check(index, None, Extent.ALL, 12), Check(("TimeToLiveSpecification",), None, Extent.ALL, 12)
    assert list(fit.findings([every, Check(other, None, Extent.ALL, 12), expiry])) == [
        "All 12 items fit index `by-email`, index `by-day` and time to live."
    ]
    assert list(fit.findings([every, replace(expiry, read=Extent.SAMPLE)])) == [
        "All 12 items fit index `by-email`.",
        "12 items in a sample fit time to live.",
    ]
    assert list(fit.findings([replace(every, items=0), replace(expiry, items=0)])) == [
        "There are no items, so there is nothing to check."
    ]
