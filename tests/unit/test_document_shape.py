"""A plan document of another form is refused, with the place where it is; it never ends a run by a bug."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from dynatus_ci import report
from dynatus_ci.errors import InvalidInput
from dynatus_ci.report import ReportContext
from dynatus_ci.table import document_shape
from dynatus_ci.table.plans import Plan
from tests import reports
from tests.unit.test_planner import CASES, planned

PLANS = (reports.FIRST, reports.RED, reports.COPY, reports.MISFITS, reports.UNREADABLE)
ANY_VALUE = {"actual", "desired", "parameters"}
"""What is inside them is AWS's, and has no shape here."""


def document(plan: Plan) -> Any:
    return json.loads(json.dumps(plan.to_dict()))


def places(value: Any, *place: str | int) -> Iterator[tuple[str | int, ...]]:
    """Every place of a document that has a shape."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield *place, name
        if name not in ANY_VALUE:
            yield from places(member, *place, name)


def changed(whole: Any, place: tuple[str | int, ...], value: Any) -> Any:
    other = copy.deepcopy(whole)
    owner = other
    for name in place[:-1]:
        owner = owner[name]
    owner[place[-1]] = value
    return other


def written(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place).removeprefix(".")


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS)
def test_each_part_of_another_type_is_found_at_its_place(plan: Plan) -> None:
    whole = document(plan)
    assert document_shape.fault(whole) is None
    for place in places(whole):
        fault = document_shape.fault(changed(whole, place, 0.5))
        anything = place[-1] == "desired" or (place[0] == "summary" and place[-1] not in {"noop", "summary"})
        assert (fault is None) == anything, place
        assert fault is None or fault.startswith(f"`{written(place)}` must be "), fault


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "It must be an object, and is null."),
        ([], "It must be an object, and is a list."),
        ({"format": 2}, "This plan document has format `2`; this release reads 1."),
        ({"format": 1}, "It has no `account`."),
        (
            changed(document(reports.RED), ("tables", 0, "steps", 0, "seconds"), ["soon", 1]),
            "`tables[0].steps[0].seconds[0]` must be a whole number or null, and is a text.",
        ),
        (
            changed(document(reports.RED), ("tables", 0, "steps", 0, "seconds"), [1]),
            "The plan document was changed: the seconds of a step must be [least, most].",
        ),
        (changed(document(reports.RED), ("tables", 0, "action"), "explode"), "The plan document was changed: "),
        (changed(document(reports.RED), ("region",), "eu-north-1"), "its fingerprint does not fit its content."),
    ],
)
def test_a_document_of_another_form_is_refused(given: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Plan.from_dict(given)
    assert message in caught.value.message


def actual_values() -> Iterator[tuple[Any, int]]:
    """A document, and the number of its difference, for each kind of actual value that a case has."""
    kinds = set()
    for path in CASES:
        plan = document(Plan((planned(json.loads(path.read_text("utf-8"))),)))
        for number, difference in enumerate(plan["tables"][0]["differences"]):
            actual, (aspect, member) = difference["actual"], (difference["path"][:1], difference["path"][2:3])
            kind = (*aspect, *member, *sorted(actual if isinstance(actual, dict) else ()))
            if actual is not None and kind not in kinds:
                kinds.add(kind)
                yield plan, number


@pytest.mark.slow
@pytest.mark.parametrize("other", [None, -1, "x", [1], {"a": 1}], ids=repr)
def test_an_actual_value_that_was_edited_is_refused_or_shown(other: Any) -> None:
    refused = shown = 0
    for plan, number in actual_values():
        place = ("tables", 0, "differences", number, "actual")
        for inside in ((), *places(plan["tables"][0]["differences"][number]["actual"])):
            edited = changed(plan, (*place, *inside), other)
            if fault := document_shape.fault(edited):
                assert "`tables[0].differences[" in fault
                refused += 1
            else:
                assert report.text(report.plan(Plan.from_dict(edited), ReportContext(path="")))
                shown += 1
    assert refused
    assert shown


def test_a_count_of_tables_takes_no_memory() -> None:
    many = changed(document(reports.RED), ("summary", "noop"), 10**30)
    assert Plan.from_dict(many).summary()["noop"] == 10**30
