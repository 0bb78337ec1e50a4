"""Where boto3's configuration may come from in a job: anywhere but the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynatus_ci.aws import configuration
from dynatus_ci.errors import InvalidInput

VARIABLES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG", "AWS_DATA_PATH")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that is the working directory, as in a job, with the runner's HOME elsewhere."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "out").symlink_to(tmp_path / "outside")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    return folder


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize(
    "path", [".aws/config", "{here}/config", "../link/config", "out/config", "$GITHUB_WORKSPACE/config", "~/../link/c"]
)
def test_configuration_in_the_workspace_is_refused_by_the_variable_that_leads_there(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, variable: str, path: str
) -> None:
    monkeypatch.setenv(variable, path.format(here=workspace))
    with pytest.raises(InvalidInput, match=rf"^{variable} names .*RUNNER_TEMP"):
        configuration.refuse_inside(workspace)


def test_an_empty_entry_among_the_models_is_the_working_directory(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", "/opt/models:")
    with pytest.raises(InvalidInput, match="AWS_DATA_PATH"):
        configuration.refuse_inside(workspace)


def test_a_home_in_the_workspace_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(workspace))
    with pytest.raises(InvalidInput, match="HOME"):
        configuration.refuse_inside(workspace)


@pytest.mark.parametrize("variable", [None, *VARIABLES])
def test_configuration_elsewhere_is_the_job_s_own(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(workspace.parent / "outside" / "config"))
    configuration.refuse_inside(workspace)
