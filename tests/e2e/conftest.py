"""The built image, once for the session, and a DynamoDB Local beside it; a repository for both."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynatus_ci import testing
from dynatus_ci.aws import emulation
from tests import github_stub
from tests.github_stub import GitHubStub
from tests.image import Image, address, docker
from tests.scene import ROOT, Repository

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

REGION = "eu-west-1"


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image of these sources, in a network like a job's."""
    name = docker("build", "--quiet", str(ROOT)).splitlines()[-1]
    network = f"github_network_{uuid.uuid4().hex}"
    docker("network", "create", network)
    yield Image(name, network, address(network))
    docker("network", "rm", network)


@pytest.fixture
def database(image: Image) -> Iterator[str]:
    """DynamoDB Local's address from here; in the image's network it is http://dynamodb:8000."""
    server = docker("run", "--detach", "--rm", "--network", image.network, "--network-alias", "dynamodb", testing.IMAGE)
    where = f'{{{{(index .NetworkSettings.Networks "{image.network}").IPAddress}}}}'
    try:
        found = f"http://{docker('inspect', '--format', where, server)}:8000"
        _wait_for_answer(found)
        yield found
    finally:
        docker("kill", server)


@pytest.fixture
def client(database: str) -> Iterator[DynamoDBClient]:
    """A client of that DynamoDB Local."""
    client = emulation.client(database, region=REGION)
    yield client
    client.close()


@pytest.fixture
def repo(tmp_path: Path, image: Image, database: str) -> Iterator[Repository]:
    """A repository whose runs are in the image, beside that DynamoDB Local."""
    assert database
    with github_stub.serving(GitHubStub(), host=image.host) as github:
        yield Repository(tmp_path / "workspace", github, door=image, endpoint_url="http://dynamodb:8000", region=REGION)


def _wait_for_answer(url: str, *, seconds: float = 180) -> None:
    """Wait until a server answers. On a busy machine its JVM takes longer to start than the action waits for it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # our own container
        except urllib.error.HTTPError as refused:  # an answer: it refuses a request without credentials
            refused.close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
