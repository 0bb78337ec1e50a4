"""Starts the built image as GitHub's runner does (actions/runner, DockerCommandManager).

Its flags, mounts, variables and files are the runner's; the network is like the one of a job with services.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.scene import ROOT

METADATA, _, _ = ROOT.joinpath("action.yml").read_text("utf-8").partition("outputs:")
INPUTS = re.findall(r"^  ([a-z-]+):$", METADATA, re.MULTILINE)


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def address(network: str) -> str:
    """This machine's address in a Docker network: the first of the subnet; not every engine names the gateway."""
    subnet = docker("network", "inspect", network, "--format", "{{(index .IPAM.Config 0).Subnet}}")
    return str(ipaddress.ip_network(subnet)[1])


@dataclass(frozen=True)
class Image:
    """A `Door` (tests/scene.py): each run of the action is a new container, which is killed by its name.

    Args:
        name: The image's name or id.
        network: The network that its containers are in.
        host: This machine's address there.
    """

    name: str
    network: str
    host: str

    def start(self, environ: dict[str, str], runner: Path, *, container: str = "") -> tuple[int, str]:
        """Run the image as the runner does, to its end."""
        command = self.command(environ, runner, container=container or f"dynatus-{uuid.uuid4().hex}")
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=1_200)
        return done.returncode, done.stdout + done.stderr

    def start_doomed(
        self, environ: dict[str, str], runner: Path, *, arm: Callable[[Callable[[], None]], None]
    ) -> tuple[int, str]:
        """Run it as a container whose name is known before it starts."""
        container = f"dynatus-{uuid.uuid4().hex}"

        def kill() -> None:
            docker("kill", container)

        arm(kill)
        return self.start(environ, runner, container=container)

    def command(self, environ: dict[str, str], runner: Path, *, container: str) -> list[str]:
        """The runner's command. It names the variables; docker takes their values from its own environment."""
        workspace = Path(environ["GITHUB_WORKSPACE"])
        files = {
            workspace: "/github/workspace",
            runner: "/github/file_commands",
            runner.parent / "temp": "/github/runner_temp",
            runner.parent / "home": "/github/home",
        }
        for source in files:
            source.mkdir(exist_ok=True)
        environ |= {
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_PATH": "/github/file_commands/event.json",
            "GITHUB_OUTPUT": "/github/file_commands/output",
            "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
            "RUNNER_TEMP": "/github/runner_temp",
            "HOME": "/github/home",
            "GITHUB_ACTIONS": "true",
            "AWS_SESSION_TOKEN": "",
            **{key: environ.get(key, "") for key in (f"INPUT_{name.upper()}" for name in INPUTS)},
        }
        linker = [name for name in environ if name.startswith("LD_")]  # these are not for docker's own program
        variables = [flag for name in linker for flag in ("-e", f"{name}={environ.pop(name)}")]
        variables += [flag for key in environ for flag in ("-e", key)]
        mounts = [flag for source, target in files.items() for flag in ("-v", f"{source}:{target}")]
        environ |= {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("DOCKER_")}
        return [
            *("docker", "run", "--name", container, "--workdir", "/github/workspace", "--rm"),
            *(*variables, "-e", "CI=true", *mounts, "--network", self.network, self.name),
        ]
