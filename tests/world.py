"""The engine on one account of the simulator, with one clock for both: what tests of whole plans and applies share.

It runs and records. The tests say what must hold of a run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from threading import Event as Flag
from typing import Any

import boto3
import pytest

from dynatus_ci import engine, review
from dynatus_ci.aws.client import Aws
from dynatus_ci.definitions import loader
from dynatus_ci.engine import Event, Fitting, Options
from dynatus_ci.table import build
from dynatus_ci.table.model import Table, TableChange
from dynatus_ci.table.outcome import Result, TableResult
from dynatus_ci.table.plans import Plan
from tests import strategies
from tests.simulator import SECOND_WRITER, Clock, Simulator
from tests.simulator.clock import DAY
from tests.simulator.journal import Call
from tests.simulator.tables import Index, Json, Key, Replica
from tests.strategies import NAME, Definition

VECTOR: Json = {
    "IndexName": "by-d",  # as a global index may be called
    "VectorAttribute": {"AttributeName": "embedding"},
    "Projection": {"ProjectionType": "KEYS_ONLY"},
    "Dimensions": 3,
    "DistanceFunction": "COSINE",
}
TRACKING: Json = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    },
}
PATIENT = Options(wait_seconds=DAY)


@dataclass(frozen=True, slots=True)
class SharedClock:
    """The simulator's clock, for the engine. One that leaps makes each wait last until something happens.

    That spares the many looks at what has not changed; where it must be seen how the engine waits, it does not leap.
    """

    simulator: Simulator
    leaps: bool = True

    def now(self) -> float:
        """The simulated time."""
        return self.simulator.clock.now()

    def wait(self, seconds: float, stop: Flag) -> None:
        """Let simulated time pass."""
        if stop.is_set():
            return
        until = self.now() + seconds
        following = self.simulator.next_effect()
        if self.leaps and following is not None:
            until = max(until, following + 0.001)
        self.simulator.clock.sleep(until - self.now())


@dataclass(frozen=True, slots=True)
class Seen:
    """What a table has that could be lost. An index that was built again is another object, and not equal."""

    id: str
    items: Json
    indexes: dict[str, Index]
    recovery_since: float | None
    recovery_days: int
    replicas: dict[str, Replica]
    protected: bool
    on_demand: bool
    unmanaged: str
    """The vector indexes, and members that only AWS knows."""
    shown: frozenset[str]
    """The aspects that DescribeTable shows and that a new table would not have by itself."""


@dataclass(frozen=True, slots=True)
class Run:
    """One plan and apply: the plan, the result, the events, and every call that the apply made."""

    plan: Plan
    result: Result
    events: tuple[Event, ...]
    calls: tuple[Call, ...]

    @property
    def change(self) -> TableChange:
        """The planned change of the only table."""
        return self.plan.tables[0]

    @property
    def table(self) -> TableResult:
        """The result of the only table."""
        return self.result.tables[0]

    @property
    def writes(self) -> list[Call]:
        """The calls that may change something."""
        return [call for call in self.calls if call.writes]


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a process is killed: at the n-th call of a run, or of its calls of an operation, or about a table."""

    number: int = 1
    operation: str | None = None
    table: str | None = None
    sent: bool = True
    """Whether the call is sent, so that only its answer is lost."""

    def concerns(self, operation: str, table: str | None) -> bool:
        """Whether such a call counts."""
        return self.operation in {None, operation} and self.table in {None, table}


class _Killed(BaseException):
    """The process is gone."""


class _Dying(Aws):
    """A connection whose process is killed at a call: it sends nothing after that."""

    kill: Kill
    seen: int

    def _send(self, client: Any, operation: str, *, table: str | None = None, **more: Any) -> dict[str, Any]:
        self.seen += self.kill.concerns(operation, table)
        over = self.seen - self.kill.number
        if over > 0 or (over == 0 and not self.kill.sent):
            raise _Killed
        answer = super()._send(client, operation, table=table, **more)
        if over == 0:
            raise _Killed
        return answer


@dataclass(slots=True)
class World:
    """The account, the connection to it, and the clock."""

    simulator: Simulator
    aws: Aws
    clock: SharedClock
    options: Options = PATIENT

    def renew(self, *, seed: int = 0, leaps: bool = True, quotas: bool = True) -> None:
        """A new account with the keys that definitions name, and the options that a world has at first."""
        self.options = PATIENT
        self.simulator.renew(clock=Clock(0, call_seconds=0.05), seed=seed)
        self.simulator.quotas = quotas
        for identity, alias in strategies.KEYS.items():
            arn = f"arn:aws:kms:{self.simulator.region}:{self.simulator.id}:key/{identity}"
            self.simulator.kms_keys.append(Key(identity, arn, (alias,)))
        self.clock = SharedClock(self.simulator, leaps)

    def plan(self, *definitions: Definition) -> Plan:
        """Plan these definitions; the journal then holds the plan's calls only."""
        self.simulator.start_over()
        fitting = Fitting(self.aws, self.clock)
        return engine.plan(self.aws, tables(definitions), options=self.options, fitting=fitting)

    def apply(
        self,
        *definitions: Definition,
        plan: Plan | None = None,
        stop: Flag | None = None,
        reviewed: bool = True,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Run:
        """Plan and apply. Only what the plan shows may run, and all of that; without `reviewed`, anything may."""
        planned = plan or self.plan(*definitions)
        self.simulator.start_over()
        events: list[Event] = []

        def told(event: Event) -> None:
            events.append(event)
            on_event(event)

        result = engine.apply(
            self.aws,
            tables(definitions),
            plan=planned,
            refusal=self._gate(planned if reviewed else None).refusal,
            options=self.options,
            on_event=told,
            stop=stop,
            clock=self.clock,
        )
        calls = (call for call in self.simulator.journal.calls if call.caller != SECOND_WRITER)
        return Run(planned, result, tuple(events), tuple(calls))

    def killed(self, *definitions: Definition, at: Kill, **more: Any) -> bool:
        """Whether an apply (with `more` of its arguments) makes that call. There its process is killed."""
        alive = self.aws
        dying = copy(alive)
        dying.__class__ = _Dying
        assert isinstance(dying, _Dying)
        dying.kill, dying.seen = at, 0
        self.aws = dying
        try:
            self.apply(*definitions, **more)
        except _Killed:
            return True
        finally:
            self.aws = alive
        return False

    def _gate(self, reviewed: Plan | None) -> review.Gate:
        aws = self.aws
        return review.Gate.of_plan_file(reviewed, ("*",), account=aws.account, region=aws.region, endpoint=aws.endpoint)

    def put_item(self, definition: Definition) -> None:
        """Put an item into the table, as an application would."""
        table = self.simulator.tables[definition["TableName"]]
        values = {"S": "x", "N": "1", "B": b"x"}
        names = [element["AttributeName"] for element in table.key_schema]
        client = self.simulator.client(caller=SECOND_WRITER)
        client.put_item(
            TableName=table.name, Item={n: {table.attributes[n]: values[table.attributes[n]]} for n in names}
        )
        client.close()

    def scale_writes(self, *, least: int, most: int) -> None:
        """Let Application Auto Scaling manage the writes of the table and of every index it may have."""
        for index in ("", *strategies.INDEXES):
            resource = f"table/{NAME}" + (f"/index/{index}" if index else "")
            dimension = f"dynamodb:{'index' if index else 'table'}:WriteCapacityUnits"
            target = {"ResourceId": resource, "ScalableDimension": dimension}
            self.simulator.scalable_targets.append({**target, "MinCapacity": least, "MaxCapacity": most})
            self.simulator.scaling_policies.append({**target, "PolicyName": "writes", **TRACKING})

    def add_vector_index(self, **unheard_of: Json) -> None:
        """Give the table what no definition can say: a vector index, where it may have one, and other members."""
        table = self.simulator.tables[NAME]
        taken = {*table.indexes, *(local["IndexName"] for local in table.local_indexes)}
        if table.billing == strategies.ON_DEMAND and VECTOR["IndexName"] not in taken:
            table.vectors[VECTOR["IndexName"]] = {**VECTOR, "IndexStatus": "ACTIVE"}
        table.unheard_of = dict(unheard_of)

    def look(self, name: str = NAME) -> Seen | None:
        """What the table has now; None where there is none."""
        self.simulator.settle()
        table = self.simulator.tables.get(name)
        if table is None:
            return None
        shown = {
            "GlobalSecondaryIndexes": table.indexes,
            "LocalSecondaryIndexes": table.local_indexes,
            "OnDemandThroughput": table.limits,
            "StreamSpecification": table.stream_view,
            "SSESpecification": table.encryption.key,
            "TableClass": table.table_class not in {None, "STANDARD"},
            "VectorIndexes": table.vectors,
            **table.unheard_of,
        }
        return Seen(
            id=table.id,
            items=dict(table.items.by_key),
            indexes=dict(table.indexes),
            recovery_since=table.recovery.since,
            recovery_days=table.recovery.days,
            replicas=dict(table.replicas),
            protected=table.protected,
            on_demand=table.billing == strategies.ON_DEMAND,
            unmanaged=repr((table.vectors, table.unheard_of)),
            shown=frozenset(name for name, value in shown.items() if value),
        )

    def pass_time(self, seconds: float = 2 * DAY) -> None:
        """Let cooldowns and the quotas of a day go by."""
        self.simulator.clock.advance(seconds)
        self.simulator.settle()


@contextmanager
def opened() -> Iterator[World]:
    """A `World` on a port of its own. The engine takes it for AWS, not for an emulator."""
    with Simulator(clock=Clock(0, call_seconds=0.05)) as simulator, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", simulator.endpoint_url)
        world = World(simulator, connect(simulator), SharedClock(simulator))
        world.renew()
        yield world


def connect(simulator: Simulator) -> Aws:
    """A new connection: its clients have not been throttled yet."""
    aws = Aws(session=_session(), region=simulator.region)
    aws.account = simulator.id
    return aws


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="engine", aws_secret_access_key="secret", region_name=Simulator.region)


def tables(definitions: Sequence[Definition]) -> list[Table]:
    """The tables of definitions, which the loader must accept."""
    return [build.desired(definition.body) for definition in loader.check(definitions)]
