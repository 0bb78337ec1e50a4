"""For the users' own tests: the tables of their definitions, at an emulator. It never touches an account.

The pytest plugin (docs/testing.md) is made of this. Without pytest:

    with testing.dynamodb_local() as client:
        tables = testing.dynamodb_tables(client, "resources/dynamo")
        os.environ.update(tables.environment)  # so the application's boto3 finds them
        ...
        tables.renew()  # the same tables, empty again
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynatus_ci import api
from dynatus_ci.aws import connection, emulation
from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws
from dynatus_ci.aws.endpoints import is_aws_endpoint
from dynatus_ci.definitions import DEFAULT_PATH
from dynatus_ci.errors import InvalidInput
from dynatus_ci.table import build
from dynatus_ci.table.model import Step, Table
from dynatus_ci.text import code, shorten

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

IMAGE = "amazon/dynamodb-local:latest"
PORT = 8000


class Tables:
    """The tables of some definitions, at an emulator. `dynamodb_tables` makes them.

    Args:
        client: A boto3 client of the emulator.
        definitions: The tables.
        others: The names of tables that are somebody else's.
    """

    def __init__(self, client: DynamoDBClient, definitions: Sequence[Table], others: frozenset[str]) -> None:
        self.client = client
        self._aws = connection.from_client(client)
        self._definitions = definitions
        self._others = others
        self._steps: list[tuple[str, Step]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables, in the order of the files."""
        return tuple(table.name for table in self._definitions)

    @property
    def endpoint_url(self) -> str | None:
        """Where an application finds the tables; None inside moto's `mock_aws`, which needs no address."""
        url = self.client.meta.endpoint_url
        return None if is_aws_endpoint(url) else url

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which an application's boto3 finds the tables."""
        signer: Any = self.client._request_signer  # type: ignore[attr-defined]  # noqa: SLF001  # there is no other way
        region = self.client.meta.region_name
        found = {
            "AWS_ACCESS_KEY_ID": str(signer._credentials.access_key),  # noqa: SLF001  # likewise
            "AWS_SECRET_ACCESS_KEY": str(signer._credentials.secret_key),  # noqa: SLF001  # likewise
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
        }
        return found | ({"AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url} if self.endpoint_url else {})

    def renew(self) -> None:
        """Make the tables as they are at first: empty, and with the settings of their files.

        They are deleted and created again, which takes an emulator no longer than to delete their items. So is every
        table that came later than these. Tables that were there before them stay.
        """
        self.delete()
        if not self._steps:
            plan = api.plan_tables(self.client, self._definitions)
            self._steps = [(change.table, step) for change in plan.tables for step in change.steps]
        for table, step in self._steps:
            self._aws.write(step.operation, table=table, parameters=step.parameters)

    def delete(self) -> None:
        """Delete the tables, and every table that came later than these."""
        for name in _names(self._aws) - (self._others - {*self.names}):
            delete = partial(self._aws.write, "DeleteTable", table=name, parameters={"TableName": name})
            try:
                delete()
            except CallFailed:  # its deletion protection is on
                unprotected = {"TableName": name, "DeletionProtectionEnabled": False}
                self._aws.write("UpdateTable", table=name, parameters=unprotected)
                delete()


def _names(aws: Aws) -> frozenset[str]:
    return frozenset(aws.read_pages("ListTables", "TableNames")["TableNames"])


def dynamodb_tables(
    client: DynamoDBClient,
    path: str | Path = DEFAULT_PATH,
    *,
    environment: str | None = None,
    params: Mapping[str, str] | None = None,
    table_prefix: str = "",
) -> Tables:
    """Create the tables of some definitions at an emulator, and wait until they are ACTIVE. All are empty.

    Args:
        client: A boto3 client of the emulator, or one inside moto's `mock_aws`.
        path: A folder, searched recursively, or a file.
        environment: The branch of #profile.
        params: The values of #param.
        table_prefix: The beginning of each table name.

    Raises:
        InvalidInput: The client is one of AWS's own endpoints.
        DynatusError: A definition is wrong, or the emulator refused something.
    """
    refuse_aws(client)
    loaded = api.load_definitions(path, environment=environment, params=params, table_prefix=table_prefix)
    definitions = [build.emptied(table) for table in loaded if not table.absent]
    others = _names(connection.from_client(client))
    api.raise_for(api.apply_tables(client, definitions))
    return Tables(client, definitions, others)


def refuse_aws(client: DynamoDBClient) -> None:
    """Make sure that an emulator answers a client.

    Raises:
        InvalidInput: AWS would answer it.
    """
    url = client.meta.endpoint_url
    if is_aws_endpoint(url) and not emulation.inside_moto(client):
        hint = "Set `endpoint_url` on the client, or use it inside moto's `mock_aws`."
        raise InvalidInput(f"{code(url)} is AWS, not an emulator.", hint=hint)


@contextmanager
def dynamodb_local(image: str = IMAGE) -> Iterator[DynamoDBClient]:
    """Run an empty DynamoDB Local for as long as the context lasts. All keys and regions share its tables.

    Args:
        image: Which image; pin one if runs must be the same.

    Yields:
        A boto3 client for it.

    Raises:
        InvalidInput: The package testcontainers is not installed, or Docker cannot start the container.
    """
    with container(image, "-sharedDb") as url:
        yield emulation.client(url)


_NO_DOCKER = (
    "Start Docker, or use moto (the fixture takes `-o dynatus_emulator=moto`) or an emulator that already runs."
)
_RYUK = "Set `TESTCONTAINERS_RYUK_DISABLED=true` where the image `testcontainers/ryuk` cannot be pulled."


@contextmanager
def container(image: str, *flags: str) -> Iterator[str]:
    """Run DynamoDB Local in a container, without any file. Yields its address.

    Raises:
        InvalidInput: The package testcontainers is not installed, or Docker cannot start the container.
    """
    try:
        from docker.errors import DockerException  # noqa: PLC0415  # users need these for this alone
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415
        from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415
    except ImportError as missing:
        hint = "Run `pip install 'dynatus-ci[testing]'`, or use an emulator that already runs."
        raise InvalidInput("The package testcontainers is not installed.", hint=hint) from missing
    answers = HttpWaitStrategy(PORT).for_status_code(400)  # what it says to a request without credentials
    command = " ".join(("-jar DynamoDBLocal.jar -inMemory", *flags))
    try:
        server = DockerContainer(image).with_exposed_ports(PORT).with_command(command).waiting_for(answers).start()
    except DockerException as error:
        message = f"Docker cannot start {code(image)}: {code(shorten(str(error), 200))}."
        raise InvalidInput(message, hint=_RYUK if "ryuk" in str(error) else _NO_DOCKER) from error
    try:
        yield f"http://{server.get_container_host_ip()}:{server.get_exposed_port(PORT)}"
    finally:
        server.stop()
