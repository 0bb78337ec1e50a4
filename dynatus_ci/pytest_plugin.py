"""The pytest plugin: a fixture with the tables of some definitions, at an emulator, new and empty for each test.

What it does for users is in docs/testing.md. pytest loads this module in each run of everybody who has dynatus_ci, also
where no test asks for a table. So it imports nothing more until one does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from dynatus_ci.inputs import Inputs
    from dynatus_ci.testing import Tables

    # The tables, and what must be around each test that uses them.
    Session = tuple[Tables, Callable[[], AbstractContextManager[object]]]

ENDPOINT: Final = "DYNAMODB_LOCAL_ENDPOINT"
INPUTS: Final[Mapping[str, str]] = {
    "path": "the definitions, a folder or a file below pytest's root folder",
    "environment": "the branch of #profile in the definitions",
    "params": "values for #param in the definitions, NAME=VALUE, one a line",
    "table-prefix": "comes before each table name",
    "region": "the AWS region; left out, it is that of the environment, or us-east-1",
}
"""The inputs that are settings of pytest, too (`dynatus_table_prefix`)."""
LEADS_ELSEWHERE: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
)
"""Variables that could lead an application to other tables than the test's."""
PATIENCE: Final = 3_600.0
"""Seconds for which a worker waits until the others are done with the server that it has started."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings. `pytest --help` lists them."""
    for name, about in INPUTS.items():
        kind: Literal["linelist", "string"] = "linelist" if name == "params" else "string"
        parser.addini(_setting(name), f"Dynatus: {about}", type=kind)
    about = f"Dynatus: dynamodb-local (in a container, or at ${ENDPOINT}), or moto (inside the test's process)"
    parser.addini("dynatus_emulator", about, default="dynamodb-local")
    parser.addini("dynatus_image", "Dynatus: the image of DynamoDB Local", default="amazon/dynamodb-local:latest")


@pytest.fixture
def dynatus_tables(_dynatus_session: Session) -> Iterator[Tables]:
    """The tables of the definitions, as they are at first: empty. boto3 finds them through the environment."""
    import boto3

    tables, around = _dynatus_session
    with around(), _undisturbed() as patch:
        for name, value in tables.environment.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
        tables.renew()
        yield tables


@contextmanager
def _undisturbed() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        for name in LEADS_ELSEWHERE:
            patch.delenv(name, raising=False)
        yield patch


@pytest.fixture(scope="session")
def _dynatus_session(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    from dynatus_ci.errors import DynatusError

    # The workers of pytest-xdist have a folder in common, above their own.
    shared = tmp_path_factory.getbasetemp().parent if hasattr(pytestconfig, "workerinput") else None
    with ExitStack() as stack:
        try:
            session = stack.enter_context(_session(pytestconfig, shared))
        except DynatusError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield session


def _setting(name: str) -> str:
    return f"dynatus_{name.replace('-', '_')}"


def _session(config: pytest.Config, shared: Path | None) -> AbstractContextManager[Session]:
    from dynatus_ci.errors import InvalidInput
    from dynatus_ci.inputs import Inputs
    from dynatus_ci.text import code

    given = {name: config.getini(_setting(name)) for name in INPUTS}
    given["endpoint-url"] = os.environ.get(ENDPOINT)
    inputs = Inputs.from_texts({name: text for name, text in given.items() if text})
    match config.getini("dynatus_emulator"):
        case "dynamodb-local":
            return _dynamodb_local(config, inputs, shared)
        case "moto":
            return _moto(config, inputs)
        case other:
            raise InvalidInput(f"`dynatus_emulator` must be `dynamodb-local` or `moto`, not {code(str(other))}.")


def _tables(config: pytest.Config, inputs: Inputs, client: DynamoDBClient) -> Tables:
    from dynatus_ci import testing

    return testing.dynamodb_tables(
        client,
        os.path.relpath(config.rootpath / inputs.path),
        environment=inputs.environment,
        params=inputs.params,
        table_prefix=inputs.table_prefix,
    )


def _region(inputs: Inputs) -> str:
    from dynatus_ci.aws.emulation import PLACEHOLDER_REGION

    environment = os.environ
    return inputs.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or PLACEHOLDER_REGION


# --- moto ------------------------------------------------------------------------------------------------------------


@contextmanager
def _moto(config: pytest.Config, inputs: Inputs) -> Iterator[Session]:
    """Every test gets a moto of its own, or the one that it is in already."""
    from dynatus_ci.errors import InvalidInput

    try:
        from moto import mock_aws
    except ImportError:
        raise InvalidInput("moto is not installed.", hint="Run `pip install 'dynatus-ci[testing]'`.") from None
    import boto3

    with _undisturbed(), mock_aws():
        tables = _tables(config, inputs, boto3.client("dynamodb", region_name=_region(inputs)))
    yield tables, mock_aws


# --- DynamoDB Local --------------------------------------------------------------------------------------------------


@contextmanager
def _dynamodb_local(config: pytest.Config, inputs: Inputs, shared: Path | None) -> Iterator[Session]:
    """DynamoDB Local keeps the tables of access keys apart. Each worker has a key of its own."""
    own = inputs.endpoint_url
    with nullcontext(own) if own else _server(config.getini("dynatus_image"), shared) as url:
        if own:
            _refuse_shared(own, inputs)
        tables = _tables(config, inputs, _client(url, inputs))
        yield tables, nullcontext
        tables.delete()


def _client(url: str, inputs: Inputs) -> DynamoDBClient:
    """A client with an access key of its own."""
    from dynatus_ci.aws import emulation

    return emulation.client(url, access_key=f"dynatus{uuid4().hex}", region=_region(inputs))


def _refuse_shared(url: str, inputs: Inputs) -> None:
    """Refuse a DynamoDB Local that shows one access key the tables of another: the developer's own may be there."""
    from dynatus_ci import testing
    from dynatus_ci.aws import connection
    from dynatus_ci.errors import InvalidInput

    clients = [_client(url, inputs), _client(url, inputs)]
    testing.refuse_aws(clients[0])
    one, other = map(connection.from_client, clients)
    name = f"dynatus-{uuid4().hex}"
    table: dict[str, Any] = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    one.write("CreateTable", table=name, parameters=table)
    seen = other.describe(name)
    one.write("DeleteTable", table=name, parameters={"TableName": name})
    if seen:
        message = f"{url} (`{ENDPOINT}`) shows all access keys the same tables, so tests would delete yours."
        raise InvalidInput(message, hint="Start DynamoDB Local there without `-sharedDb`.")


# --- one server for all workers --------------------------------------------------------------------------------------


@contextmanager
def _server(image: str, shared: Path | None) -> Iterator[str]:
    """One DynamoDB Local for all workers. The one that starts it stops it, when the others are done with it.

    SQLite's locks see to that, and a crash of a worker frees them: whoever uses the server reads the file all the
    while, and whoever starts or stops it writes.
    """
    from dynatus_ci import testing

    if shared is None:
        with testing.container(image) as url:
            yield url
        return
    with closing(sqlite3.connect(shared / "dynatus.sqlite", timeout=PATIENCE, isolation_level=None)) as notes:
        notes.execute("CREATE TABLE IF NOT EXISTS servers (url TEXT)")
        with ExitStack() as mine:
            while not (url := _reading(notes)):
                notes.execute("BEGIN EXCLUSIVE")
                if notes.execute("SELECT url FROM servers").fetchone() is None:
                    notes.execute("INSERT INTO servers VALUES (?)", [mine.enter_context(testing.container(image))])
                    mine.callback(_stopping, notes)
                notes.execute("COMMIT")
            yield url


def _reading(notes: sqlite3.Connection) -> str:
    """The server's address, with the lock of a reader; "" and no lock where no server runs."""
    notes.execute("BEGIN")
    found = notes.execute("SELECT url FROM servers").fetchone()
    if found is None:
        notes.execute("COMMIT")
    return str(found[0]) if found else ""


def _stopping(notes: sqlite3.Connection) -> None:
    """Wait until nobody reads any more. The lock stays until the connection is closed, after the server is stopped."""
    notes.execute("COMMIT")
    notes.execute("BEGIN EXCLUSIVE")
    notes.execute("DELETE FROM servers")
