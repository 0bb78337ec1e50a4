"""Which files boto3 takes its configuration from, and whether a stranger may have written them.

A configuration decides whose credentials are used, may name a program that prints them (`credential_process`), and may
send every call elsewhere. In the action the workspace holds what a pull request brings, so none may lie there.
https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dynatus_ci.errors import InvalidInput

_FILES = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "BOTO_CONFIG": "~/.boto",
}
"""What boto3 reads: the variable that names it, and where it is otherwise."""
_FOLDERS = {"AWS_DATA_PATH": "~/.aws/models"}
"""The same for folders of service models (they hold endpoints); the variable adds some, separated as in PATH."""


def refuse_inside(folder: Path) -> None:
    """Stop where boto3 would read its configuration from a folder.

    Raises:
        InvalidInput: Names the variable that leads there.
    """
    for variable, path in _sources():
        if _leads_into(path, folder):
            raise InvalidInput(
                f"{variable} names {path!r}, which is in the workspace, so a pull request could change it.",
                hint="Keep the AWS configuration outside, for instance in RUNNER_TEMP.",
            )


def _sources() -> Iterator[tuple[str, str]]:
    """All places, with the variable that is to blame for each."""
    for variable, usual in _FILES.items():
        given = os.environ.get(variable)
        yield (variable, given) if given else ("HOME", usual)
    for variable, usual in _FOLDERS.items():
        yield "HOME", usual
        if given := os.environ.get(variable):
            yield from ((variable, path) for path in given.split(os.pathsep))


def _leads_into(path: str, folder: Path) -> bool:
    """Whether a path is in a folder: as it is written, or with links followed."""
    written = os.path.abspath(os.path.expanduser(os.path.expandvars(path)))  # noqa: PTH100, PTH111  # as botocore does
    places = (Path(written), Path(os.path.realpath(written)))
    homes = (Path(os.path.abspath(folder)), Path(os.path.realpath(folder)))  # noqa: PTH100  # links are looked at apart
    return any(place.is_relative_to(home) for place in places for home in homes)
