"""The register of operations: name → function, and whether it may change something. Filled by the other modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulator.tables import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account

    Handler = Callable[[Account, Json], Json]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation the simulator answers."""

    service: str
    name: str
    handler: Handler
    writes: bool


OPERATIONS: dict[tuple[str, str], Operation] = {}


def reads(name: str, service: str = "dynamodb") -> Callable[[Handler], Handler]:
    """Register a function as an operation that changes nothing."""
    return _register(service, name, writes=False)


def writes(name: str, service: str = "dynamodb") -> Callable[[Handler], Handler]:
    """Register a function as an operation that may change something."""
    return _register(service, name, writes=True)


def _register(service: str, name: str, *, writes: bool) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        OPERATIONS[service, name] = Operation(service, name, handler, writes)
        return handler

    return keep
