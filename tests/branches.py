"""Commits, merges and pull requests of a small repository, as git and GitHub make them, in memory.

It knows what the definitions of each commit are, who is whose parent, and what git calls a file and a folder. A merge
takes the whole file of one side; where both sides changed a file it is a conflict, as it nearly always is in git.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tests.ledger import Definition, Files

How = Literal["merge", "squash", "rebase"]
Side = Literal["branch", "main"]
NOTHING_IN_GIT: Final = {".gitkeep": ""}


@dataclass(frozen=True, eq=False)
class Commit:
    """A commit: a number in the order of time, its parents, and the definitions that belong to it."""

    number: int
    parents: tuple[Commit, ...]
    files: Files

    @property
    def sha(self) -> str:
        """Its name."""
        return f"{self.number:040x}"

    def history(self) -> Iterator[Commit]:
        """Itself and all that is before it, the newest first."""
        found, left = {self}, [self]
        while left:
            new = set(left.pop().parents) - found
            found |= new
            left += new
        return iter(sorted(found, key=lambda commit: -commit.number))


@dataclass
class Pull:
    """A pull request into main: its branch's last commit, and once it is merged what its merge made."""

    number: int
    head: Commit
    merge: Commit | None = None
    brought: tuple[Commit, ...] = ()


class Branches:
    """The branch main, and the branches of pull requests. `pushed` holds main's tips, each of which started a run.

    Args:
        files: The definitions of the first commit.
        generated: Whether git has only `.gitkeep` at the path, and a script makes the definitions.
    """

    def __init__(self, files: Files, *, generated: bool = False) -> None:
        self.generated = generated
        self.numbers = 0
        self.pulls: dict[int, Pull] = {}
        self.pushed: list[Commit] = [self.commit((), files)]

    @property
    def tip(self) -> Commit:
        """The last commit of main."""
        return self.pushed[-1]

    def commit(self, parents: tuple[Commit, ...], files: Files) -> Commit:
        """Make a commit."""
        self.numbers += 1
        return Commit(self.numbers, parents, dict(files))

    # What people do.
    def push(self, files: Files) -> Commit:
        """Commit to main, without a pull request."""
        self.pushed.append(self.commit((self.tip,), files))
        return self.tip

    def open(self, number: int, start: Commit, files: Files) -> Pull:
        """Open a pull request whose branch begins at a commit."""
        self.pulls[number] = Pull(number, self.commit((start,), files))
        return self.pulls[number]

    def add(self, number: int, files: Files) -> None:
        """Push another commit to the branch of a pull request."""
        pull = self.pulls[number]
        pull.head = self.commit((pull.head,), files)

    def update(self, number: int, keep: Side) -> None:
        """Merge main into the branch of a pull request; in a conflict one side's file is kept."""
        pull = self.pulls[number]
        files = self.joined(pull.head, self.tip, lambda ours, theirs: ours if keep == "branch" else theirs)
        assert files is not None
        pull.head = self.commit((pull.head, self.tip), files)

    def merge(self, number: int, how: How) -> Commit:
        """Merge a pull request that has no conflict with main."""
        pull = self.pulls[number]
        files = self.result(number)
        assert files is not None
        before = set(self.tip.history())
        own = [commit for commit in pull.head.history() if commit not in before]
        if how == "merge":
            made = [self.commit((self.tip, pull.head), files)]
        elif how == "squash":
            made = [self.commit((self.tip,), files)]
        else:  # as many commits as the branch has; what the ones before the last hold is never applied
            made = [self.commit((self.tip,), files)]
            for _ in own[1:]:
                made.append(self.commit((made[-1],), files))
        pull.merge, pull.brought = made[-1], (*made[:-1], *(own if how == "merge" else ()))
        self.pushed.append(made[-1])
        return made[-1]

    def result(self, number: int) -> Files | None:
        """What main would hold after the merge of a pull request; None where there is a conflict."""
        return self.joined(self.tip, self.pulls[number].head)

    @staticmethod
    def joined(
        ours: Commit,
        theirs: Commit,
        choose: Callable[[Definition | None, Definition | None], Definition | None] | None = None,
    ) -> Files | None:
        """A merge of two commits, file by file; `choose` settles conflicts, None where there is one without it."""
        others = set(theirs.history())
        base = next(commit for commit in ours.history() if commit in others).files
        files: dict[str, Definition] = {}
        for name in sorted({*base, *ours.files, *theirs.files}):
            was, left, right = base.get(name), ours.files.get(name), theirs.files.get(name)
            if was not in (left, right) and left != right:
                if choose is None:
                    return None
                chosen = choose(left, right)
            else:
                chosen = right if left == was else left
            if chosen is not None:
                files[name] = chosen
        return files


def blob_name(text: str) -> str:
    """The object id that git gives a file."""
    return _hashed("blob", text.encode())


def tree_name(files: Mapping[str, str]) -> str:
    """The object id that git gives a folder of files."""
    entries = (b"100644 %s\0" % name.encode() + bytes.fromhex(blob_name(text)) for name, text in sorted(files.items()))
    return _hashed("tree", b"".join(entries))


def _hashed(kind: str, body: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()
