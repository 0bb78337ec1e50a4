"""How much an index or a table that goes is still read: what is asked, what is said, and that it decides nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dynatus_ci.errors import Refusal
from dynatus_ci.report import wording
from dynatus_ci.table import usage
from dynatus_ci.table.model import Usage
from dynatus_ci.table.plans import Plan
from dynatus_ci.table.usage import ReadMetric
from tests import shop
from tests.reports import RED
from tests.shop import change, plan


def without_usage(planned: Plan) -> Plan:
    return Plan.from_dict(planned.to_dict() | {
        "tables": [
            {**table, "differences": [{**each, "usage": None} for each in table["differences"]]}
            for table in planned.to_dict()["tables"]
        ]
    })  # fmt: skip


def test_only_what_goes_is_asked_about() -> None:
    assert usage.asked(plan(change("users"), change("archive"), shop.creation("carts"), change("countries"))) == (
        ReadMetric("archive"),
        ReadMetric("users", "email-index"),
    )


def test_the_global_indexes_of_a_table_go_with_it() -> None:
    users = shop.described(shop.BEFORE["users"].body)
    goes = replace(change("archive"), actual=replace(users, name="archive"))
    table, index = ReadMetric("archive"), ReadMetric("archive", "email-index")
    assert usage.asked(plan(goes)) == (table, index)
    known = {table: Usage(0, None), index: Usage(7, "2026-11-25")}
    (difference,) = usage.added(plan(goes), known).differences
    assert difference.usage == Usage(7, "2026-11-25")


def test_nothing_is_said_of_a_table_of_which_a_part_is_not_known() -> None:
    users = shop.described(shop.BEFORE["users"].body)
    goes = replace(change("archive"), actual=replace(users, name="archive"))
    (difference,) = usage.added(plan(goes), {ReadMetric("archive"): Usage(0, None)}).differences
    assert difference.usage is None


def test_a_change_that_never_runs_is_not_asked_about() -> None:
    assert usage.asked(plan(replace(change("archive"), refusal=Refusal("It is protected.")))) == ()


def test_usage_decides_nothing() -> None:
    bare = without_usage(RED)
    assert any(difference.usage for difference in RED.differences)
    assert not any(difference.usage for difference in bare.differences)
    assert bare.fingerprint == RED.fingerprint
    assert bare.differences == RED.differences
    assert [difference.id for difference in bare.differences] == [difference.id for difference in RED.differences]


def test_a_document_holds_it_and_is_read_back() -> None:
    document = json.loads(json.dumps(RED.to_dict()))
    assert Plan.from_dict(document).to_dict() == document
    assert {"read_units": 41_220, "last": "2026-11-25"} in [
        difference["usage"] for table in document["tables"] for difference in table["differences"]
    ]


def test_a_document_of_an_older_release_is_read() -> None:
    document = RED.to_dict()
    for table in document["tables"]:
        for difference in table["differences"]:
            del difference["usage"]
    assert Plan.from_dict(document).fingerprint == RED.fingerprint


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Usage(0, None), "Not read in 14 days."),
        (Usage(1, "2026-11-25"), "1 read unit in 14 days, last on 2026-11-25."),
        (Usage(41_220, "2026-11-25"), "41,220 read units in 14 days, last on 2026-11-25."),
    ],
)
def test_it_stands_beside_the_consequence(seen: Usage, said: str) -> None:
    planned = usage.added(plan(change("archive")), {ReadMetric("archive"): seen})
    (lost,) = wording.destructive(planned.tables[0])
    sentence = wording.consequence([lost])
    assert sentence.endswith(f"will be deleted. {said}")
