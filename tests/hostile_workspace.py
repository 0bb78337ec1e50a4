"""A workspace and variables of a job that try to get their own code run by the action. The action must ignore them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.scene import ROOT

IMPORTED = "imported from the workspace"

_VALUES = {
    **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX"), "."),
    "PYTHONSTARTUP": "sitecustomize.py",
    "PYTHONBREAKPOINT": "sitecustomize.run",
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "no number",
    "PYTHONMALLOC": "no allocator",
    "PYTHONINTMAXSTRDIGITS": "no number",
    "PYTHONSAFEPATH": "",
    "PYTHONNOUSERSITE": "",
}


def variables() -> dict[str, str]:
    """Every PYTHON* variable that the interpreter knows, with a value that takes over a run; and a few more."""
    usage = subprocess.run([sys.executable, "--help-env"], capture_output=True, text=True, check=True, env={}).stdout
    known = dict.fromkeys(re.findall(r"^(PYTHON\w+)", usage, re.MULTILINE), "1")
    assert {"PYTHONPATH", "PYTHONINSPECT"} <= known.keys()
    return {**known, **_VALUES, "LC_ALL": "C", "LANG": "C", "NETRC": ".netrc"}


def fill(workspace: Path) -> None:
    """Put a file of the name of each module that a run imports where Python could look for it; and a password."""
    workspace.joinpath(".netrc").write_text("default login mallory password p\n", encoding="utf-8")
    folders = [workspace, workspace / "lib" / "python3.13" / "site-packages"]
    folders.append(workspace / "lib" / f"python3.{sys.version_info.minor}" / "site-packages")
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for module in [*_modules(), "sitecustomize", "usercustomize"]:
            folder.joinpath(f"{module}.py").write_text(f"raise SystemExit({IMPORTED!r})\n", encoding="utf-8")
        folder.joinpath("pyvenv.cfg").write_text("home = .\n", encoding="utf-8")


def _modules() -> list[str]:
    """The top-level modules that a run imports, those that it imports late too."""
    modules = {name.partition(".")[0] for name in imported_by_the_image()} - {"__main__"}
    assert {"jinja2", "github", "boto3", "json", "dynatus_ci"} <= modules
    return sorted(modules)


def imported_by_the_image() -> set[str]:
    """The modules that the image's build imports, so that they are compiled: all that a run imports, soon or late."""
    found = re.search(r'-I -c "(import [^"]+)"', ROOT.joinpath("Dockerfile").read_text("utf-8"))
    assert found
    program = found[1].replace("\\\n", "") + "; import json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def entrypoint() -> list[str]:
    """The image's entrypoint as a command of this machine: its flags, this interpreter."""
    found = re.search(r"^ENTRYPOINT (\[.+\])$", ROOT.joinpath("Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert found
    _, *flags, program = json.loads(found[1])
    return [sys.executable, *flags, str(ROOT / Path(program).name)]


class Subprocess:
    """Starts the action as a program of its own on this machine, in the workspace (a `Door` of tests/scene.py)."""

    host = "127.0.0.1"

    def start(self, environ: dict[str, str], _runner: Path) -> tuple[int, str]:
        """Run it, with the machine's own variables beneath those of the run."""
        done = subprocess.run(
            entrypoint(),
            env={**os.environ, **environ},
            cwd=environ["GITHUB_WORKSPACE"],
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def start_doomed(self, *_: object, **__: object) -> tuple[int, str]:
        """No test kills a program that was started like this."""
        raise NotImplementedError
