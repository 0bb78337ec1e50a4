"""What the tests of `:CopyFrom`, `:KeepItems` and `:RestoreFrom` share: orders, what a table holds, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from dynatus_ci.engine import Event, EventKind
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from tests.simulator import SECOND_WRITER
from tests.simulator.tables import Json
from tests.strategies import Definition
from tests.world import World


def order(number: int, **more: Json) -> Json:
    """An item. Every tenth is of the same customer, every third of the same shop."""
    return {
        "id": {"S": f"{number:05}"},
        "at": {"S": "x"},
        "customer": {"S": f"c{number % 10}"},
        "shop": {"S": f"s{number % 3}"},
        "status": {"S": "s"},
        "total": {"N": str(number)},
        **more,
    }


def held(world: World, name: str) -> dict[str, Json]:
    """The orders in a table by their `id`; nothing of a table that is gone, or is being deleted."""
    world.simulator.settle()
    table = world.simulator.tables.get(name)
    return {} if table is None or table.lifecycle else {it["id"]["S"]: it for it in table.items.by_key.values()}


@contextmanager
def written_to(world: World, name: str, item: Callable[[int], Json]) -> Iterator[None]:
    """Before every call another writes an item into a table: `item(0)` before the first, and so on."""
    stranger = world.simulator.client(caller=SECOND_WRITER)
    numbers = count()

    def write() -> None:
        stranger.put_item(TableName=name, Item=item(next(numbers)))

    for call in range(1, 600):
        world.simulator.faults.before(call, write)
    yield
    world.simulator.faults.clear()
    stranger.close()


def written_at(world: World, kind: EventKind, name: str, item: Json) -> Callable[[Event], None]:
    """For `on_event`: another writes an item into a table at each event of a kind."""

    def write(event: Event) -> None:
        if event.kind is kind:
            world.simulator.fill(name, [item])

    return write


def at_step(kind: EventKind, operation: str, act: Callable[[], None]) -> Callable[[Event], None]:
    """For `on_event`: something happens at each event of a kind about a step of this operation."""

    def on_event(event: Event) -> None:
        if event.kind is kind and event.step and event.step.operation == operation:
            act()

    return on_event


def fail_by_denial(world: World, wanted: Definition, operation: str, *, plan: Plan) -> None:
    """Let an apply fail, because one of its calls is denied."""
    world.simulator.faults.deny(operation)
    assert world.apply(wanted, plan=plan).table.result is Outcome.FAILED
    world.simulator.faults.clear()


def refused(world: World, wanted: Definition) -> str:
    """Why the plan and the apply refuse it; nothing was changed."""
    (change,) = world.plan(wanted).tables
    assert change.refusal
    assert change.steps == ()
    run = world.apply(wanted)
    assert run.table.result is Outcome.REFUSED
    assert not any(call.changed for call in run.calls)
    return change.refusal.message
