"""Finds and reads the definition files of a folder.

The folder may come from a stranger's pull request. So nothing is read through a symbolic link, from a device or a pipe,
or beyond a size.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dynatus_ci import disk
from dynatus_ci.definitions.formats import SUFFIXES
from dynatus_ci.errors import Fault, InvalidDefinitions, InvalidInput, NoDefinitions, Place
from dynatus_ci.text import code, option, shorten

MOST_FILES = 20_000
MOST_BYTES = 1 << 20
MOST_BYTES_IN_ALL = 64 << 20


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A definition file: its name for people, relative to the working directory, and its path."""

    name: str
    path: Path

    @property
    def place(self) -> Place:
        """The beginning of the file, for a fault of the whole file."""
        return Place(self.name, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class DefinitionFiles:
    """The definition files at a path in name order, and the links to folders, which are not followed."""

    files: tuple[File, ...]
    links: tuple[File, ...] = ()


def discover(path: Path, *, root: Path) -> DefinitionFiles:
    """Find the definition file at a path, or all files below a folder. Hidden files and folders are left out.

    Args:
        path: A file or a folder, relative to `root` or absolute.
        root: The working directory. Names are relative to it, and links must not lead out of it.

    Raises:
        NoDefinitions: There is no definition file.
        InvalidInput: The path leads out of the working directory through a link.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100  # resolve() would follow links, too
    start = root / path
    _refuse_outside(start, root)
    if os.path.isdir(start):  # noqa: PTH112  # is_dir() would raise where the folder may not be read
        entries = sorted(_walk(start, root), key=lambda entry: entry[1])
    elif start.name.endswith(SUFFIXES) and os.path.lexists(start):
        entries = [(False, _file(start, root))]
    else:
        entries = []
    files = tuple(file for is_link, file in entries if not is_link)
    if not files:
        raise NoDefinitions(str(path), found=_instead(start))
    if len(files) > MOST_FILES:
        _fail(files[0], f"There are more than {MOST_FILES:,} definition files.", code="too-many-files")
    return DefinitionFiles(files, tuple(file for is_link, file in entries if is_link))


def _instead(path: Path) -> str:
    """What a path is that has no definition file, as the rest of a sentence; empty where there is nothing."""
    if os.path.isdir(path):  # noqa: PTH112  # is_dir() would raise where the folder may not be read
        return "the folder has no such file"
    *most, last = SUFFIXES
    return f"its name does not end in {', '.join(most)} or {last}" if os.path.lexists(path) else ""


def _refuse_outside(start: Path, root: Path) -> None:
    """Refuse a path outside: a pull request may turn the configured folder into a link."""
    lexical = Path(os.path.abspath(start))  # noqa: PTH100  # resolve() would follow the links in question
    real, home = os.path.realpath(start), os.path.realpath(root)  # resolve() would raise for a loop of links
    if lexical.is_relative_to(root) and not Path(real).is_relative_to(home):
        shown = code(shorten(str(start.relative_to(root)), 200))
        message = f"The path {shown} leads out of the working directory through a symbolic link."
        raise InvalidInput(message, hint=f"Set {option('path')} to the folder itself.")


def _walk(start: Path, root: Path) -> Iterator[tuple[bool, File]]:
    """The definition files below a folder (False), and the links to folders (True)."""
    folders = [start]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as broken:
            _fail(_file(folder, root), f"This folder cannot be read: {broken.strerror}.", code="unreadable")
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            elif entry.name.endswith(SUFFIXES):
                yield False, _file(Path(entry.path), root)
            elif entry.is_symlink() and entry.is_dir():
                yield True, _file(Path(entry.path), root)


def _file(path: Path, root: Path) -> File:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
    name = (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()
    return File(shorten(name, len(name)), absolute)


def is_definition(name: str) -> bool:
    """Whether the path of a file below a folder of definitions is the one of a definition file."""
    return name.endswith(SUFFIXES) and not any(part.startswith(".") for part in name.split("/"))


def git_blob(data: bytes) -> str:
    """The hash that git has for a file with these bytes (git-hash-object)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def read(file: File) -> bytes:
    """Read a definition file.

    Raises:
        InvalidDefinitions: The file is not a regular file, is too large, or cannot be read.
    """
    try:
        with os.fdopen(disk.opened(file.path, os.O_RDONLY), "rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except disk.NotRegular:
        hint = "Replace it with a regular file. Definitions are not read through a symbolic link."
        _fail(file, "This is not a regular file.", code="not-a-file", hint=hint)
    except OSError as broken:
        _fail(file, f"This file cannot be read: {broken.strerror}.", code="unreadable")
    if len(data) > MOST_BYTES:
        _fail(file, f"This file is larger than {MOST_BYTES:,} bytes.", code="too-large")
    return data


def _fail(file: File, message: str, *, code: str, hint: str | None = None) -> NoReturn:
    raise InvalidDefinitions((Fault(file.place, code, message, hint),))
