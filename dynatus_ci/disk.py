"""Files of a folder that strangers may have filled: reached through no link, and never a pipe or a device.

A pull request brings links as it brings files. One that is followed lets it choose what a job reads or overwrites, and
a pipe lets a job wait for ever. Each part of a path is opened from the one before, so nothing can be swapped between.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

_LINK = "a symbolic link leads there"
_SPECIAL = "it is no regular file"


def read(root: Path, path: PurePath, *, most: int) -> bytes:
    """The bytes of a file, `most` at most.

    Args:
        root: The folder.
        path: The file's path in it.
        most: How many bytes are read.

    Raises:
        OSError: It is not there, no regular file, or reached through a link.
    """
    with _parent(root, path) as folder:
        handle = _opened(path.name, os.O_RDONLY, folder)
    with os.fdopen(handle, "rb") as file:
        return file.read(most)


def write(root: Path, path: PurePath, data: bytes) -> None:
    """Write a file. A new one, and a new folder, belongs to the owner of the folder that it is in.

    Args:
        root: The folder.
        path: The file's path in it; folders that are missing are made.
        data: What it shall hold.

    Raises:
        OSError: It cannot be written, is no regular file, or is reached through a link.
    """
    with _parent(root, path, make=True) as folder:
        try:
            handle = os.open(path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
            _belong(handle, folder)
        except FileExistsError:
            handle = _opened(path.name, os.O_WRONLY, folder)
    with os.fdopen(handle, "wb") as file:
        file.truncate()
        file.write(data)


@contextmanager
def _parent(root: Path, path: PurePath, *, make: bool = False) -> Iterator[int]:
    """The folder that a file is in."""
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
        _refuse_link(name, within)
        raise
    os.mkdir(name, dir_fd=within)
    handle = os.open(name, flags, dir_fd=within)
    _belong(handle, within)
    return handle


def _opened(name: str, flags: int, folder: int) -> int:
    """A file that is there already."""
    _refuse_link(name, folder)
    # O_NONBLOCK: a pipe is refused at once, instead of waited for.
    handle = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, _SPECIAL)
    return handle


def _refuse_link(name: str, folder: int) -> None:
    """Say in plain words why a link is not followed; the flags alone would say "too many levels"."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, _LINK)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):  # opening these fails with an error of its own
        raise OSError(errno.EINVAL, _SPECIAL)


def _belong(handle: int, folder: int) -> None:
    """The action runs as root, and the steps after it do not."""
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(handle, owner.st_uid, owner.st_gid)
