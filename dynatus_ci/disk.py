"""Reading and writing in a folder that strangers may have filled: never through a link, never a pipe or a device.

A pull request can bring links. To follow one would let it choose what a job reads or overwrites; a pipe would make the
job wait forever. Each part of a path is opened relative to the one before, so nobody can swap one in between.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

_LINK = "a symbolic link leads there"
_SPECIAL = "it is not a regular file"


class NotRegular(OSError):
    """A link, a pipe, a device or a folder is where a regular file must be."""


def opened(name: str | Path, flags: int, folder: int | None = None) -> int:
    """Open a regular file, as a handle of the system. What it is, is looked at before it is opened and again after it.

    Args:
        name: The file.
        flags: Those of `os.open`.
        folder: The open folder that the name is in; None for the working directory.

    Raises:
        NotRegular: It is something else, or a link.
        OSError: It cannot be opened.
    """
    _refuse_special(os.lstat(name, dir_fd=folder).st_mode)
    # It may have been replaced since: follow no link, and do not wait for the writer of a pipe.
    handle = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        _refuse_special(os.fstat(handle).st_mode)
    except NotRegular:
        os.close(handle)
        raise
    return handle


def read(root: Path, path: PurePath, *, most: int) -> bytes:
    """Read at most `most` bytes of a file.

    Args:
        root: The folder.
        path: The file's path in it.
        most: The most bytes to read.

    Raises:
        OSError: It does not exist, is not a regular file, or is reached through a link.
    """
    with _parent(root, path) as folder:
        handle = opened(path.name, os.O_RDONLY, folder)
    with os.fdopen(handle, "rb") as file:
        return file.read(most)


def write(root: Path, path: PurePath, data: bytes) -> None:
    """Write a file. New files and folders belong to the owner of the folder that they are in.

    Args:
        root: The folder.
        path: The file's path in it; missing folders are created.
        data: The file's content.

    Raises:
        OSError: It cannot be written, is not a regular file, or is reached through a link.
    """
    with _parent(root, path, make=True) as folder:
        try:
            handle = os.open(path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
            _belong(handle, folder)
        except FileExistsError:
            handle = opened(path.name, os.O_WRONLY, folder)
    with os.fdopen(handle, "wb") as file:
        file.truncate()
        file.write(data)


@contextmanager
def _parent(root: Path, path: PurePath, *, make: bool = False) -> Iterator[int]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.parent.parts:
            inner = _folder(part, handle, make=make)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _folder(name: str, within: int, *, make: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=within)
    except FileNotFoundError:
        if not make:
            raise
    except OSError:
        # In plain words: the flags alone would give "too many levels of symbolic links".
        _refuse_special(os.lstat(name, dir_fd=within).st_mode, folder=True)
        raise
    os.mkdir(name, dir_fd=within)
    handle = os.open(name, flags, dir_fd=within)
    _belong(handle, within)
    return handle


def _refuse_special(mode: int, *, folder: bool = False) -> None:
    """Raise NotRegular unless the mode is that of a regular file (or, with `folder`, of a directory)."""
    if stat.S_ISLNK(mode):
        raise NotRegular(errno.ELOOP, _LINK)
    if not (stat.S_ISREG(mode) or (folder and stat.S_ISDIR(mode))):
        raise NotRegular(errno.EINVAL, _SPECIAL)


def _belong(handle: int, folder: int) -> None:
    """Give a new file to the folder's owner: the action runs as root, and the steps after it do not."""
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(handle, owner.st_uid, owner.st_gid)
