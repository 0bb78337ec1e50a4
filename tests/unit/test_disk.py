"""Files that a pull request may have put in the way: links, pipes, folders, and other people's files."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from dynatus_ci import disk

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with something of every kind in it, and a file outside."""
    folder = tmp_path / "workspace"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "plan.json").write_text("inside", encoding="utf-8")
    (tmp_path / "secret").write_text("outside", encoding="utf-8")
    (folder / "away").symlink_to(tmp_path)
    (folder / "inside").symlink_to("real")
    (folder / "file").symlink_to(tmp_path / "secret")
    (folder / "dangling").symlink_to(tmp_path / "new")
    os.mkfifo(folder / "pipe")
    (folder / "null").symlink_to("/dev/null")
    return folder


LINKS = ["away/secret", "away/deeper/plan.json", "inside/plan.json", "file", "null", "dangling"]
SPECIAL = ["pipe", "real", "real/plan.json/x"]


@pytest.mark.parametrize("path", [*LINKS, *SPECIAL])
def test_what_is_no_plain_file_of_the_folder_is_neither_read_nor_written(workspace: Path, path: str) -> None:
    with pytest.raises(OSError, match="symbolic link" if path in LINKS else "regular file|irectory"):
        disk.read(workspace, PurePath(path), most=100)
    with pytest.raises(OSError, match="symbolic link" if path in LINKS else "regular file|irectory"):
        disk.write(workspace, PurePath(path), b"theirs")
    assert (workspace.parent / "secret").read_text("utf-8") == "outside"
    assert not (workspace.parent / "new").exists()
    assert not (workspace.parent / "deeper").exists()


def test_a_plain_file_is_read_up_to_a_size_and_written_whole(workspace: Path) -> None:
    assert disk.read(workspace, PurePath("real/plan.json"), most=3) == b"ins"
    disk.write(workspace, PurePath("real/plan.json"), b"new")
    disk.write(workspace, PurePath("made/deeper/plan.json"), b"x")
    assert (workspace / "real" / "plan.json").read_bytes() == b"new"
    assert (workspace / "made" / "deeper" / "plan.json").read_bytes() == b"x"


@ROOT
def test_files_stay_with_their_owner_and_new_ones_go_to_the_folder_s(workspace: Path) -> None:
    os.chown(workspace, 1001, 1001)
    os.chown(workspace / "real" / "plan.json", 1234, 1234)
    disk.write(workspace, PurePath("real/plan.json"), b"new")
    disk.write(workspace, PurePath("made/plan.json"), b"new")
    assert (workspace / "real" / "plan.json").stat().st_uid == 1234
    assert (workspace / "made").stat().st_uid == 1001
    assert (workspace / "made" / "plan.json").stat().st_uid == 1001
