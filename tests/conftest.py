"""For all tests: skips what this machine cannot run, and hides the developer's own AWS and GitHub from the tests.

A marker names what a test needs of the machine. Where that is missing the test is skipped, and the end of the run says
so in one line; with `REQUIRE_DOCKER=1` (`REQUIRE_ACT`, `REQUIRE_NODE`, `REQUIRE_GITHUB_PEER`) it fails instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import botocore.loaders
import botocore.session
import hypothesis
import pytest

# `make test` tries the same examples every time; `make soak` is the one that looks for new ones.
hypothesis.settings.register_profile("dynatus", deadline=None, derandomize=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True)
hypothesis.settings.load_profile("dynatus")

pytest_plugins = ["pytester"]

_OWN = ("ACTIONS_", "AWS_", "GITHUB_", "INPUT_", "RUNNER_")
_KEPT = "GITHUB_PEER_"


def pytest_configure() -> None:
    """No test can reach an account or repository by what the developer, or CI itself, has in the environment."""
    for name in list(os.environ):
        if name.startswith(_OWN) and not name.startswith(_KEPT):
            del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    # Most tests make a connection of their own: that botocore reads its models once saves a tenth of a second for each.
    botocore.session.create_loader = cache(botocore.loaders.create_loader)
    # testcontainers would pull a second image, ryuk, that clears up after a crash; without a registry there is none.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


@cache
def _docker() -> str | None:
    if shutil.which("docker") is None:
        return "docker is not on the PATH"
    answer = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=60)
    return None if answer.returncode == 0 else "no Docker engine answers"


def _act() -> str | None:
    return _docker() or (None if shutil.which("act") else "act is not on the PATH")


def _node() -> str | None:
    return None if shutil.which("node") else "node is not on the PATH"


def _github_peer() -> str | None:
    return None if os.environ.get("GITHUB_PEER_URL") else "GITHUB_PEER_URL names no GitHub API to test against"


MISSING: Final[Mapping[str, Callable[[], str | None]]] = {
    "docker": _docker,
    "act": _act,
    "node": _node,
    "github_peer": _github_peer,
}
"""By marker: why tests that carry it cannot run on this machine, or None."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, or fail it where it was asked for."""
    for marker, missing in MISSING.items():
        if item.get_closest_marker(marker) and (why := missing()):
            if os.environ.get(f"REQUIRE_{marker.upper()}") == "1":
                pytest.fail(f"{why}, and REQUIRE_{marker.upper()} is set", pytrace=False)
            pytest.skip(f"{marker}: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that says what was not run, and why."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        told = "; ".join(f"{count} ({why})" for why, count in sorted(reasons.items()))
        terminalreporter.write_line(f"Not run here: {told}", yellow=True)
