"""What a command does not need it does not load: boto3 alone takes longer to load than `dynatus validate` to run."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import dynatus_ci

EXAMPLES = Path(__file__).parents[2] / "examples" / "tables"
SLOW = {"boto3", "botocore", "urllib3", "github", "jinja2", "rich", "shtab", "yaml", "http", "urllib.request"}
OURS = {"dynatus_ci.engine", "dynatus_ci.importer"}
RUN = """
import sys
from dynatus_ci import cli
try:
    status = cli.main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(status)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    ran = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stderr.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("validate", str(EXAMPLES)), ("validate", str(EXAMPLES), "--format", "json"), ("--help",),
     ("policy", str(EXAMPLES), "--mode", "plan"), ("policy", "--mode", "import")],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_calls_nobody_loads_no_library_that_is_slow_to_load(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) & (SLOW | OURS) == set()


@pytest.mark.slow
def test_a_plan_loads_nothing_that_changes_a_table() -> None:
    plan = loaded("plan", str(EXAMPLES), "--baseline", str(EXAMPLES))
    assert "dynatus_ci.engine" in plan
    assert plan & {"dynatus_ci.engine.table_loop", "dynatus_ci.engine.steps", "dynatus_ci.engine.filling"} == set()


@pytest.mark.parametrize("name", dynatus_ci.__all__)
def test_a_name_of_the_python_api_is_loaded_when_it_is_used(name: str) -> None:
    value = getattr(dynatus_ci, name)
    home = getattr(value, "__module__", "")
    assert home.startswith("dynatus_ci.")
    assert getattr(importlib.import_module(home), name) is value
    assert name in dir(dynatus_ci)


def test_a_name_that_the_python_api_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'dynatus_ci' has no attribute 'sync'"):
        _ = dynatus_ci.sync
