"""Which step of a table may be sent, and when the plan says that it will be."""

from __future__ import annotations

import json

import pytest

from dynatus_ci.report import plan_report, timing
from dynatus_ci.table import order
from dynatus_ci.table.model import Phase, Step
from tests.unit.test_planner import FOLDER, planned

MINUTE = 60


def step(name: str, seconds: tuple[int, int | None] = (1, 1), *, after: str = "", phase: Phase = Phase.CHANGE) -> Step:
    return Step(name, {}, name, differences=(name,), seconds=seconds, after=tuple(after.split()), phase=phase)


def paused(name: str, seconds: tuple[int, int | None], cooldown: int) -> Step:
    return step(name, seconds).not_before(cooldown)


OFF, BUILD = step("off"), step("build", (540, None), phase=Phase.BUILD)
ORDERS: dict[str, tuple[list[Step], str]] = {
    "what is shorter than the pause runs in it": ([OFF, paused("on", (0, 1), 1860), BUILD], "off build on"),
    "what has no upper limit does not overtake a moment": ([OFF, paused("on", (0, 1), 8), BUILD], "off on build"),
    "what depends on a paused step comes after it": (
        [OFF, paused("on", (0, 1), 1860), step("next", after="on")],
        "off on next",
    ),
    "protection goes off last": (
        [OFF, paused("on", (0, 1), 1860), step("unprotect", phase=Phase.UNPROTECT)],
        "off on unprotect",
    ),
    "without a pause nothing changes": ([OFF, BUILD, step("last")], "off build last"),
}


@pytest.mark.parametrize(("steps", "expected"), ORDERS.values(), ids=ORDERS)
def test_steps_stand_in_the_order_in_which_they_run(steps: list[Step], expected: str) -> None:
    assert " ".join(each.operation for each in order.as_they_run(steps)) == expected


def test_a_pause_counts_once_and_not_at_all_where_other_steps_fill_it() -> None:
    ran = list(order.as_they_run([OFF, paused("on", (0, 1), 1860), BUILD]))
    assert [each.seconds for each in ran] == [(1, 1), (540, None), (1860, 1861)]
    assert order.durations(ran, lambda each: each.seconds_itself[0]) == [1, 540, 1320]


def test_expiry_that_moves_takes_half_an_hour_to_an_hour_and_is_shown_so() -> None:
    change = planned(json.loads((FOLDER / "another-expiry-attribute.json").read_text(encoding="utf-8")))
    least, most = timing.total_seconds([change], 1)
    assert (least, most) == (31 * MINUTE, 60 * MINUTE + 1)
    line = plan_report.step_line(change.steps[-1])
    assert line.waits.startswith("after a pause of 31 min")
    assert line.takes == timing.duration(0, 29 * MINUTE)
