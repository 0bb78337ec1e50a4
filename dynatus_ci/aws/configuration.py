"""boto3's configuration: which files it comes from, whether strangers may have written them, and what is wrong in it.

A configuration chooses the credentials, may name a program that prints them (`credential_process`), and may send every
call elsewhere. In the action a pull request fills the workspace, so no part of the configuration may be there.
https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
"""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dynatus_ci.aws.endpoints import without_password
from dynatus_ci.errors import InvalidInput
from dynatus_ci.text import code, plain

_FILES = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "BOTO_CONFIG": "~/.boto",
}
"""The files that boto3 reads: the variable that names each, and its default."""
_FOLDERS = {"AWS_DATA_PATH": "~/.aws/models"}
"""The same for folders of service models, which hold endpoints. The variable adds folders, separated as in PATH."""


def refuse_inside(folder: Path) -> None:
    """Refuse a configuration that boto3 would read from a folder.

    Raises:
        InvalidInput: It names the variable that leads there.
    """
    for variable, path in _sources():
        if _leads_into(path, folder):
            raise InvalidInput(
                f"{code(variable)} names {code(path)}, which is in the workspace, so a pull request could change it.",
                hint="Keep the AWS configuration outside, for instance in `RUNNER_TEMP`.",
            )


def _sources() -> Iterator[tuple[str, str]]:
    """All paths, each with the variable that it comes from."""
    for variable, usual in _FILES.items():
        given = os.environ.get(variable)
        yield (variable, given) if given else ("HOME", usual)
    for variable, usual in _FOLDERS.items():
        yield "HOME", usual
        if given := os.environ.get(variable):
            yield from ((variable, path) for path in given.split(os.pathsep))


def _leads_into(path: str, folder: Path) -> bool:
    """Whether a path is in a folder, as written or with links followed."""
    written = os.path.abspath(os.path.expanduser(os.path.expandvars(path)))  # noqa: PTH100, PTH111  # as botocore does
    places = (Path(written), Path(os.path.realpath(written)))
    homes = (Path(os.path.abspath(folder)), Path(os.path.realpath(folder)))  # noqa: PTH100  # realpath follows the links
    return any(place.is_relative_to(home) for place in places for home in homes)


@contextmanager
def used() -> Iterator[None]:
    """Around code in which boto3 reads its configuration: an error there is an invalid input.

    Raises:
        InvalidInput: It says what cannot be used. It never shows a password.
    """
    from botocore.exceptions import BotoCoreError, ProfileNotFound

    try:
        yield
    except ProfileNotFound as error:
        raise InvalidInput(
            f"{code(str(error))}.", hint="Name a profile of `~/.aws/config` with `AWS_PROFILE` or `--profile`."
        ) from error
    except (BotoCoreError, OSError, RuntimeError, ValueError) as error:
        text = plain(without_password(str(error))).rstrip(".")  # `endpoints.check` marks the address
        what = "credentials" if raised_in(error, "credentials", "tokens") else "configuration"
        raise InvalidInput(
            f"The AWS {what} cannot be used: {code(text)}.",
            hint="It comes from the `AWS_…` variables and from `~/.aws/config`.",
        ) from error


def raised_in(error: Exception, *modules: str) -> bool:
    """Whether an error comes from one of botocore's modules, which also let errors of the standard library through."""
    files = (frame.filename.replace("\\", "/") for frame in traceback.extract_tb(error.__traceback__))
    return any(file.endswith(f"/botocore/{module}.py") for file in files for module in modules)


def region_hint(region: str) -> str | None:
    """A hint about a region that does not respond; None if boto3 knows the region."""
    import botocore.session

    core = botocore.session.Session()
    known = [
        name
        for partition in core.get_available_partitions()
        for name in core.get_available_regions("dynamodb", partition_name=partition)
    ]
    if region in known:
        return None
    near = difflib.get_close_matches(region, known, n=1)
    return f"Is {code(region)} a region of AWS?" + (f" Did you mean {code(near[0])}?" if near else "")
