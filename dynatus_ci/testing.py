"""For the users' own tests: their tables, created from their definitions, on DynamoDB Local in a container.

    @pytest.fixture(scope="session")
    def dynamodb():
        with testing.dynamodb_local() as client:
            testing.dynamodb_tables(client, "resources/dynamo")
            yield client

It never touches an account: it refuses a client of AWS's own endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dynatus_ci import api
from dynatus_ci.aws import emulation
from dynatus_ci.aws.endpoints import is_aws_endpoint
from dynatus_ci.errors import InvalidInput
from dynatus_ci.text import code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

IMAGE = "amazon/dynamodb-local:latest"
PORT = 8000


@contextmanager
def dynamodb_local(image: str = IMAGE) -> Iterator[DynamoDBClient]:
    """Run an empty DynamoDB Local for as long as the context lasts. All keys and regions share its tables.

    Args:
        image: Which image; pin one if runs must be the same.

    Yields:
        A boto3 client for it.

    Raises:
        InvalidInput: The package testcontainers is not installed.
    """
    try:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415  # users need it for this alone
        from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415
    except ImportError as missing:
        hint = "Run `pip install testcontainers`, or pass `dynamodb_tables` a client of an emulator that already runs."
        raise InvalidInput("The package testcontainers is not installed.", hint=hint) from missing
    server = DockerContainer(image).with_exposed_ports(PORT).with_command("-jar DynamoDBLocal.jar -sharedDb -inMemory")
    with server.waiting_for(HttpWaitStrategy(PORT).for_status_code(400)):  # its answer to a request without credentials
        yield emulation.client(f"http://{server.get_container_host_ip()}:{server.get_exposed_port(PORT)}")


def dynamodb_tables(
    client: DynamoDBClient,
    path: str | Path = api.DEFAULT_PATH,
    *,
    environment: str | None = None,
    params: Mapping[str, str] | None = None,
    table_prefix: str = "",
) -> tuple[str, ...]:
    """Create the tables of some definitions on an emulator, and wait until they are ACTIVE.

    Args:
        client: A boto3 client of the emulator.
        path: A folder, searched recursively, or a file.
        environment: The branch of #profile.
        params: The values of #param.
        table_prefix: The beginning of each table name.

    Returns:
        The names of the tables.

    Raises:
        InvalidInput: The client is one of AWS's own endpoints.
        DynatusError: A definition is wrong, or the emulator refused something.
    """
    if is_aws_endpoint(client.meta.endpoint_url):
        raise InvalidInput(
            f"{code(client.meta.endpoint_url)} is AWS, not an emulator.", hint="Set `endpoint_url` on the client."
        )
    tables = api.load_definitions(path, environment=environment, params=params, table_prefix=table_prefix)
    api.raise_for(api.apply_tables(client, tables))
    return tuple(table.name for table in tables)
