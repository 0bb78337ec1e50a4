"""The built image, once for the session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.image import Image, address, docker
from tests.scene import ROOT


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image of these sources, in a network like a job's."""
    name = docker("build", "--quiet", str(ROOT)).splitlines()[-1]
    network = f"github_network_{uuid.uuid4().hex}"
    docker("network", "create", network)
    yield Image(name, network, address(network))
    docker("network", "rm", network)
