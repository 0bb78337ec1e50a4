"""No code of a workspace runs as the action, whatever the job's variables say. The image has its own tests in `e2e`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import hostile_workspace
from tests.scene import scene, table, tags


@pytest.mark.parametrize("names", [("PYTHONPATH",), ("PYTHONIOENCODING", "PYTHONOPTIMIZE"), None], ids=str)
def test_no_file_of_the_workspace_takes_part_in_a_run_whatever_the_variables_say(
    tmp_path: Path, names: tuple[str, ...] | None
) -> None:
    chosen = {name: value for name, value in hostile_workspace.variables().items() if names is None or name in names}
    with scene(tmp_path, hostile_workspace.Subprocess()) as repo:
        repo.variables |= chosen
        hostile_workspace.fill(repo.home)
        repo.write(users=table(**tags(team="Zürich")))
        repo.open(1)
        ran = repo.plan(1)
        assert ran.ending == (0, "planned", ""), ran.log
        assert hostile_workspace.IMPORTED not in ran.log
        assert "Zürich" in ran.log
        assert "Zürich" in repo.comment(1)
