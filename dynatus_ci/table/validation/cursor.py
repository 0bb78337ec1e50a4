"""Where the parsing of a definition is, and what it has found wrong so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from dynatus_ci.table.validation.dialects import Dialect
from dynatus_ci.table.validation.findings import At, DefinitionPath, Finding
from dynatus_ci.table.validation.unknown import INVALID, Unknown
from dynatus_ci.text import code, shorten

MOST_FINDINGS = 100
"""In one definition. A file that is no definition at all would repeat one message thousands of times."""


class TooManyFindings(Exception):
    """There are more findings than anybody reads."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where parsing is, and the findings so far.

    Args:
        path: The path to here, in AWS's spelling.
        findings: What is wrong.
        written: Path → the steps that the file has in place of the path's last step, where it is spelt differently.
        dialect: The tool whose names the definition uses.
    """

    path: DefinitionPath = ()
    findings: list[Finding] = field(default_factory=list)
    written: dict[DefinitionPath, DefinitionPath] = field(default_factory=dict)
    dialect: Dialect | None = None

    def inside(self, step: str | int) -> Cursor:
        """The cursor at a member."""
        return Cursor((*self.path, step), self.findings, self.written, self.dialect)

    def refuse(self, code: str, message: str, *, hint: str | None = None, at: At = At.VALUE) -> Unknown:
        """Add a finding here."""
        self.findings.append(Finding(self.path, code, message, hint, at))
        if len(self.findings) >= MOST_FINDINGS:
            raise TooManyFindings
        return INVALID

    @property
    def member(self) -> str:
        """The member, as the subject of a sentence."""
        names = [step for step in self.path if isinstance(step, str)]
        if not names:
            return "The table"
        name = code(f":{shorten(names[-1])}")
        return f"A member of {name}" if isinstance(self.path[-1], int) else name
