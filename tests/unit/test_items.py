"""Items by value, their digests, and whether they fit a key."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynatus_ci.table import build, items
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.items import Digest, Digests, KeyAttribute, Match
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import copying

KEY = ("id",)


def digest(**attributes: Any) -> Digest:
    return Digest.of({"id": {"S": "a"}, **attributes}, KEY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"N": "1.0"}),
        ({"N": "100"}, {"N": "1E+2"}),
        ({"N": "0"}, {"N": "-0.00"}),
        ({"N": "-12345678901234567890123456789012345678"}, {"N": "-1.2345678901234567890123456789012345678E37"}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"NS": ["1", "20"]}, {"NS": ["2E1", "1.0"]}),
        ({"BS": [b"a", b"b"]}, {"BS": [b"b", b"a"]}),
        ({"B": b"a"}, {"B": "YQ=="}),
        ({"BS": [b"a", b"b"]}, {"BS": ["Yg==", "YQ=="]}),
        ({"M": {"a": {"N": "1"}, "b": {"L": [{"N": "2"}]}}}, {"M": {"b": {"L": [{"N": "2.0"}]}, "a": {"N": "1.0"}}}),
    ],
)
def test_equal_values_have_one_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(value=one) == digest(value=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"S": "1"}, {"N": "1"}),
        ({"S": "a"}, {"B": b"a"}),
        ({"N": "1"}, {"N": "1.00000000000000000000000000000000000001"}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"L": [{"S": "a"}]}, {"SS": ["a"]}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"NULL": True}, {"BOOL": True}),
        ({"BOOL": True}, {"BOOL": False}),
        ({"M": {"a": {"S": "b"}}}, {"M": {"a": {"M": {"b": {"S": ""}}}}}),
    ],
)
def test_other_values_have_another_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(value=one).value != digest(value=other).value
    assert digest(value=one).key == digest(value=other).key


def test_an_attribute_less_is_another_item() -> None:
    assert digest(value={"NULL": True}).value != digest().value


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=60), st.integers())
def test_digests_compare_two_tables_as_dictionaries_do(pairs: list[tuple[int, int]], seed: int) -> None:
    """Each item is in the source, in the new table, or in both with the same or another value."""
    chance = random.Random(seed)  # noqa: S311  # to repeat a run
    source, target = dict(pairs), {key: chance.randrange(3) for key, _ in pairs if chance.random() < 0.6}
    target |= {key + 100: 0 for key, _ in pairs if chance.random() < 0.2}
    digests = Digests()
    digests.add(Digest(key << 56 | key, value) for key, value in source.items())
    digests.sort()
    found = {key: digests.mark(Digest(key << 56 | key, value)) for key, value in target.items()}
    expected = {
        key: Match.NONE if key not in source else Match.SAME if source[key] == value else Match.DIFFERENT
        for key, value in target.items()
    }
    assert found == expected
    assert digests.unmarked() == len(source.keys() - target.keys())
    assert {key for key in source if digests.has_marked(Digest(key << 56 | key, 0))} == source.keys() & target.keys()
    assert digests.repeated() == 0


def test_an_item_never_stands_for_another_whose_key_has_the_same_hash() -> None:
    digests = Digests()
    digests.add([Digest(7, 1), Digest(7, 2)])
    digests.sort()
    assert digests.mark(Digest(7, 1)) is Match.SAME
    assert digests.unmarked() == 1
    assert (digests.has_marked(Digest(7, 1)), digests.has_marked(Digest(7, 2))) == (True, False)


def test_repeated_keys_are_counted() -> None:
    digests = Digests()
    digests.add(items.key_digest({"id": {"N": number}}, KEY) for number in ("1", "1.0", "2", "3", "1", "3"))
    digests.sort()
    assert digests.repeated() == 3


# --- does an item fit? -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "misfit"),
    [
        (None, Misfit.MISSING),
        ({"N": "1"}, Misfit.TYPE),
        ({"NULL": True}, Misfit.TYPE),
        ({"S": ""}, Misfit.EMPTY),
        ({"S": "é" * 513}, Misfit.LENGTH),
        ({"S": "é" * 512}, None),
        ({"S": "a"}, None),
    ],
)
def test_an_item_must_fit_the_key(value: dict[str, str] | None, misfit: Misfit | None) -> None:
    attribute = KeyAttribute(("KeySchema",), "at", "S", 1_024, needed=True)
    assert attribute.misfit({} if value is None else {"at": value}) is misfit


def test_an_index_leaves_out_what_lacks_its_key() -> None:
    attribute = KeyAttribute(("GlobalSecondaryIndexes", "by-at"), "at", "B", 1_024, needed=False)
    assert attribute.misfit({}) is None
    assert attribute.misfit({"at": {"B": b""}}) is attribute.misfit({"at": {"B": ""}}) is Misfit.EMPTY
    longest = base64.b64encode(bytes(1_024)).decode()
    assert attribute.misfit({"at": {"B": longest}}) is None
    assert attribute.misfit({"at": {"B": f"AAAA{longest}"}}) is Misfit.LENGTH


def table(
    *key: tuple[str, str], kinds: str = "S", local: str = "", index: str = "", billing: str = "PAY_PER_REQUEST"
) -> Table:
    names = [name for name, _ in key] + [name for name in (local, index) if name]
    projection = {"Projection": {"ProjectionType": "ALL"}}
    local_key = [{"AttributeName": key[0][0], "KeyType": "HASH"}, {"AttributeName": local, "KeyType": "RANGE"}]
    indexes = {
        **({"LocalSecondaryIndexes": [{"IndexName": "by-l", "KeySchema": local_key, **projection}]} if local else {}),
        **(
            {
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by-g",
                        "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
                        **projection,
                    }
                ]
            }
            if index
            else {}
        ),
    }
    return build.desired(
        {
            "TableName": "orders",
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in key],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kinds} for name in dict.fromkeys(names)],
            "BillingMode": billing,
            **indexes,
        }
    )


PK, SK, PK_SK = (("pk", "HASH"),), (("sk", "HASH"),), (("pk", "HASH"), ("sk", "RANGE"))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (table(*PK), table(*PK), []),
        (table(*PK_SK), table(*SK), []),  # what fits a sort key fits a partition key
        (table(*PK_SK), table(("sk", "HASH"), ("pk", "RANGE")), ["pk"]),  # but a sort key must be shorter
        (table(*PK_SK, kinds="N"), table(("sk", "HASH"), ("pk", "RANGE"), kinds="N"), []),  # a number has no length
        (table(*PK), table(*PK_SK), ["sk"]),
        (table(*PK, kinds="N"), table(*PK), ["pk"]),
        (table(*PK, index="a"), table(*PK, index="a"), ["a"]),  # it leaves out what was there before and does not fit
        (table(*PK_SK, local="a"), table(*PK_SK, local="a"), []),
        (table(*PK_SK, local="a"), table(("pk", "HASH"), ("a", "RANGE")), ["a"]),  # an item may lack it
        (table(*PK_SK), table(("pk", "HASH"), ("sk", "RANGE"), index="sk"), []),
    ],
)
def test_what_the_old_key_proves_is_not_asked(source: Table, target: Table, expected: list[str]) -> None:
    assert [it.name for it in items.unproven(source, target)] == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [(PK, PK_SK, False), (PK_SK, (("sk", "HASH"), ("pk", "RANGE")), False), (PK_SK, PK, True), (PK, SK, True)],
)
def test_keys_repeat_only_where_a_part_of_the_old_key_goes(
    source: tuple[tuple[str, str], ...], target: tuple[tuple[str, str], ...], *, expected: bool
) -> None:
    assert items.may_repeat(table(*source), table(*target)) is expected


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_a_statement_has_a_parameter_for_each_attribute_and_quotes_their_names() -> None:
    item: items.Item = {"id": {"S": "a"}, "it's": {"N": "1"}, 'x"y': {"NULL": True}}
    assert copying.insert("orders", item) == {
        "Statement": """INSERT INTO "orders" VALUE {'id': ?, 'it''s': ?, 'x"y': ?}""",
        "Parameters": [{"S": "a"}, {"N": "1"}, {"NULL": True}],
    }


def test_names_that_fill_more_than_a_statement_make_none() -> None:
    around = len("""INSERT INTO "t" VALUE {'': ?}""")
    longest = "n" * (copying.LONGEST_STATEMENT - around)
    assert copying.insert("t", {longest: {"S": "x"}}) is not None
    assert copying.insert("t", {f"{longest}n": {"S": "x"}}) is None


@given(st.lists(st.sampled_from(["1", "1.0", "2", "3", "4", "5"]), max_size=80))
def test_batches_hold_all_items_in_order_and_no_key_twice(numbers: list[str]) -> None:
    found = [{"id": {"N": number}, "place": {"N": str(place)}} for place, number in enumerate(numbers)]
    batches = list(copying.batches(found, KEY))
    assert [item for batch in batches for item in batch] == found
    for batch in batches:
        assert 0 < len(batch) <= copying.MOST_IN_BATCH
        assert len({float(item["id"]["N"]) for item in batch}) == len(batch)


def test_a_full_batch_has_25_items() -> None:
    found = [{"id": {"N": str(number)}} for number in range(60)]
    assert [len(batch) for batch in copying.batches(found, KEY)] == [25, 25, 10]


# --- how long it takes -----------------------------------------------------------------------------------------------


def live(items_: int, size: int, **units: int) -> Table:
    description = {
        "TableName": "orders",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "ItemCount": items_,
        "TableSizeBytes": items_ * size,
        "ProvisionedThroughput": units or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        **({} if units else {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}),
    }
    return build.actual(description, {})


def test_an_estimate_counts_units_as_aws_bills_them() -> None:
    found = copying.estimate(live(1_000_000, 1_500), table(*PK), checked=False)
    assert (found.items, found.write_units) == (1_000_000, 2_000_000)
    scan = 1_000_000 * 1_500 // 4_096 // 2
    assert abs(found.read_units - 5 * scan) < 10  # copied by half units, both sides compared by whole ones
    assert copying.estimate(live(1_000_000, 1_500), table(*PK), checked=True).read_units > found.read_units
    assert found.memory == 17_000_000


def test_an_estimate_is_as_long_as_the_slowest_part() -> None:
    on_demand = copying.estimate(live(1_000_000, 300), table(*PK), checked=False)
    slow_source = copying.estimate(
        live(1_000_000, 300, ReadCapacityUnits=5, WriteCapacityUnits=5), table(*PK), checked=False
    )
    held_back = copying.estimate(live(1_000_000, 300), table(*PK), checked=False, rate=100)
    assert on_demand.seconds <= 1_000
    assert slow_source.seconds > 10_000
    assert held_back.seconds >= 10_000


@pytest.mark.parametrize(("size", "expected"), [(0, 8), (2**30, 64), (2**50, 1_000)])
def test_a_larger_table_is_scanned_in_more_segments(size: int, expected: int) -> None:
    assert copying.segments(size) == expected
