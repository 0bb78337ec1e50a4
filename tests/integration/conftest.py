"""What the engine is run on: the simulator, DynamoDB Local in a container, moto's server in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from dynatus_ci import testing
from dynatus_ci.aws import emulation
from tests.world import World, opened

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[DynamoDBClient]:
    """A client of the real DynamoDB Local."""
    with testing.dynamodb_local() as client:
        yield client
        client.close()


@pytest.fixture(scope="session")
def moto() -> Iterator[DynamoDBClient]:
    """A client of moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = emulation.client(f"http://{host}:{port}")
    yield client
    client.close()
    server.stop()


EMULATORS = [pytest.param("dynamodb_local", marks=pytest.mark.docker), "moto"]


@pytest.fixture(params=EMULATORS)
def emulator(request: pytest.FixtureRequest) -> DynamoDBClient:
    """Each of the emulators in turn."""
    client: DynamoDBClient = request.getfixturevalue(request.param)
    return client


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """One simulator for all tests of a file. A test that uses it itself begins with `shared.renew()`."""
    with opened() as world:
        yield world


@pytest.fixture
def world(shared: World) -> World:
    """A new account of the file's simulator."""
    shared.renew()
    return shared
