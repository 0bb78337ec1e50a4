"""The simulator itself: an account behind a port, with faults and a journal; every call passes through `answer`."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import boto3
from botocore.config import Config

from tests.simulator import faults as demand
from tests.simulator import item_writes, operations, shapes
from tests.simulator import items as data
from tests.simulator.account import Account
from tests.simulator.clock import Clock
from tests.simulator.errors import ApiError
from tests.simulator.faults import SECOND_WRITER, Faults, Kind
from tests.simulator.journal import Call, Journal
from tests.simulator.server import DroppedError, Request, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from mypy_boto3_application_autoscaling.client import ApplicationAutoScalingClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_sts.client import STSClient

    from tests.simulator.tables import Json

_session_lock = threading.Lock()  # making clients of one session is not thread-safe


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session()


class Simulator(Account):
    """A DynamoDB control plane on a port of an address of this machine, from `with` to its end."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 0, host: str = "127.0.0.1") -> None:
        self._lock = threading.RLock()
        self._server = Server(self.answer, host=host)
        self.renew(clock=clock, seed=seed)

    def renew(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Become a new account on the same port, so that many short tests can share one and its clients."""
        with self._lock:
            super().__init__(clock=clock or Clock(), seed=seed)
            self.faults = Faults(seed)
            self.journal = Journal()
            self._numbers = 0

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def endpoint_url(self) -> str:
        """Where clients of all services go."""
        return self._server.url

    @overload
    def client(
        self, service: Literal["dynamodb"] = ..., *, caller: str = ..., attempts: int = ...
    ) -> DynamoDBClient: ...
    @overload
    def client(self, service: Literal["kms"], *, caller: str = ..., attempts: int = ...) -> KMSClient: ...
    @overload
    def client(self, service: Literal["sts"], *, caller: str = ..., attempts: int = ...) -> STSClient: ...
    @overload
    def client(
        self, service: Literal["application-autoscaling"], *, caller: str = ..., attempts: int = ...
    ) -> ApplicationAutoScalingClient: ...

    def client(self, service: str = "dynamodb", *, caller: str = "test", attempts: int = 1) -> Any:
        """A boto3 client; without further `attempts` every answer reaches the caller. Close it after use."""
        retries = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
        with _session_lock:
            return _session().client(  # type: ignore[call-overload]  # the overloads above say which services
                service,
                endpoint_url=self.endpoint_url,
                region_name=self.region,
                aws_access_key_id=caller,
                aws_secret_access_key="secret",
                config=retries,
            )

    def answer(self, request: Request) -> Json:
        """Answer a call: faults before, the operation, faults after, each noted in the journal."""
        call = self._begin(request)
        try:
            return self._faulty(call, request)
        except ApiError as error:
            call.status, call.code, call.message = error.status, error.code, error.message
            raise
        except DroppedError:
            call.status = None
            raise
        finally:
            self.journal.end(call, self.clock.now())

    def fill(self, table: str, items: Iterable[Json]) -> None:
        """Put items (as the wire has them) into a table, also such as its indexes would refuse."""
        with self._lock:
            self.catch_up()
            data.fill(self, table, items)

    def make_items(self, table: str, count: int, make: Callable[[int], Json]) -> None:
        """Give a table that many items, which need no memory: `make` makes item number N when somebody reads it."""
        with self._lock:
            self.catch_up()
            data.make_items(self, table, count, make)

    def settle(self) -> None:
        """Let everything happen that is due by now, before a test looks at `tables` itself."""
        with self._lock:
            self.catch_up()

    def start_over(self) -> None:
        """Forget the calls so far: the journal is empty, and the next call is number 1."""
        with self._lock:
            self._numbers = 0
            self.journal.clear()

    def _begin(self, request: Request) -> Call:
        second = request.caller == SECOND_WRITER
        with self._lock:
            self._numbers += not second
            number = 0 if second else self._numbers
        self.faults.wake(number)
        self.clock.call()
        operation = operations.OPERATIONS.get((request.service, request.operation))
        call = Call(
            number=number,
            caller=request.caller,
            service=request.service,
            operation=request.operation,
            table=self._table_of(request.parameters),
            parameters=request.parameters,
            writes=operation is not None and operation.writes,
            started=self.clock.now(),
        )
        self.journal.begin(call)
        return call

    def _table_of(self, parameters: Json) -> str:
        """The name of the table that a call is about; empty where it is about none."""
        parameters = parameters.get("TableCreationParameters", parameters)
        members = ("TableName", "TargetTableName", "ResourceArn", "TableArn")
        named = next((parameters[member] for member in members if parameters.get(member)), None)
        name = named or item_writes.table_of(parameters)
        scaled, _, resource = str(parameters.get("ResourceId", "")).partition("table/")
        if resource and not scaled:
            return resource.partition("/")[0]
        return self.name_of(name) if isinstance(name, str) else ""

    def _faulty(self, call: Call, request: Request) -> Json:
        hits = [] if call.caller == SECOND_WRITER else self.faults.judge(call)
        call.fault = ", ".join(fault.kind for fault in hits)
        for fault in hits:
            if fault.kind == Kind.LATENCY:
                self.clock.sleep(fault.seconds)
            elif fault.kind == Kind.DROP_BEFORE:
                raise DroppedError
            elif fault.kind not in {Kind.ERROR_AFTER, Kind.DROP_AFTER}:
                raise demand.error(fault, call)
        answer = self._perform(call, request)
        for fault in hits:
            if fault.kind == Kind.DROP_AFTER:
                raise DroppedError
            if fault.kind == Kind.ERROR_AFTER:
                raise demand.error(fault, call)
        return answer

    def _perform(self, call: Call, request: Request) -> Json:
        operation = operations.OPERATIONS.get((request.service, request.operation))
        if operation is None:
            raise _unknown(request)
        with self._lock:
            self.catch_up()
            shapes.check(request.service, request.operation, request.parameters)
            before = self._state(call.table)
            answer = operation.handler(self, request.parameters)
            call.units = _units(answer.get("ConsumedCapacity", []))
            call.status, call.changed = 200, operation.writes and self._state(call.table) != before
            return answer

    def _state(self, table: str) -> tuple[int, int, str]:
        """What tells whether a call changed something: the table, the backups, auto scaling, and what was put off."""
        shown = (self.tables.get(table), self.scalable_targets, self.scaling_policies, self.scheduled_actions)
        return self.scheduled, len(self.backups), repr(shown)


def _units(consumed: Json | list[Json]) -> float:
    """The capacity that a call used; operations on several tables list it by table."""
    listed = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(one["CapacityUnits"] for one in listed))


def _unknown(request: Request) -> ApiError:
    if request.service in {"dynamodb", "kms", "application-autoscaling", "cloudwatch"}:
        names = shapes.service(request.service).operation_names
        if request.operation in names:  # AWS has it: what nobody needed is said in other words
            return ApiError("ValidationException", f"The simulator does not simulate {request.operation}")
    return ApiError("UnknownOperationException", "")
