"""A strict DynamoDB control plane behind a real port, for tests: what AWS refuses, in AWS's words, in simulated time.

Importing the modules of operations fills their register. The product's code is not imported here, on purpose.
"""

from __future__ import annotations

from tests.simulator import items, lifecycle, neighbours, update
from tests.simulator.clock import DAY, HOUR, MINUTE, Clock
from tests.simulator.faults import SECOND_WRITER, Kind
from tests.simulator.journal import Call
from tests.simulator.sidecars import (
    insights,
    kinesis,
    policy,
    recovery,
    restores,
    scaling,
    tags,
    time_to_live,
    transfers,
    usage,
)
from tests.simulator.simulator import Simulator

REGISTERED = (
    *(
        insights,
        items,
        kinesis,
        lifecycle,
        neighbours,
        policy,
        recovery,
        restores,
        scaling,
        tags,
        time_to_live,
        transfers,
        update,
        usage,
    ),
)

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND_WRITER", "Call", "Clock", "Kind", "Simulator"]
