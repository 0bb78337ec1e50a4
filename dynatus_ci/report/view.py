"""What a report shows, as frozen data: every choice of words, order and emphasis is made before a template sees it.

Markdown and the terminal are two layouts of the same `View`. Text fields named *sentence* below hold values in code
spans (see `text`); all other strings are values or our own words. The builders are in `plans`, `results` and `faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from dynatus_ci.report import text, values
from dynatus_ci.report.context import Context
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.keys import LOCAL
from dynatus_ci.schema.model import Difference, Plan, Risk

SHOWN_ROWS = 20
SHOWN_LINES = 8
MARKS = {Risk.SAFE: "", Risk.DISRUPTIVE: "🟡", Risk.DESTRUCTIVE: "🔴"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of an alert, and what it adds to the alert's block of lines to copy."""

    sentence: str
    copy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """What must not be missed. `kind` is one of GitHub's; `ask` (a sentence) introduces the lines to copy."""

    kind: str
    title: str
    lines: tuple[Line, ...] = ()
    ask: str = ""
    language: str = ""
    copy_head: tuple[str, ...] = ()
    hidden: int = 0

    @property
    def shown(self) -> tuple[Line, ...]:
        """The lines in sight: all of a short alert, the first of a long one; the lines to copy are always all."""
        return self.lines if len(self.lines) <= SHOWN_LINES + 2 else self.lines[:SHOWN_LINES]

    @property
    def more(self) -> int:
        """How many lines are not in sight."""
        return self.hidden + len(self.lines) - len(self.shown)

    @property
    def copy(self) -> str:
        """The lines to copy, each once; empty where there is none."""
        found = list(dict.fromkeys(copied for line in self.lines for copied in line.copy))
        return "\n".join([*self.copy_head, *found]) if found else ""


@dataclass(frozen=True, slots=True)
class Row:
    """A table in the overview. `what` and `state` are sentences."""

    table: str
    state: str
    mark: str
    what: str
    takes: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A difference: in phrases, empty where a side is absent, or as the lines of a diff. `label` is a sentence."""

    label: str
    actual: str
    desired: str
    mark: str
    risk: str
    unreviewed: bool
    diff: tuple[str, ...] = ()
    apart: bool = False
    """Whether it needs a line of its own."""

    @property
    def sign(self) -> str:
        """The terminal's sign: it comes, it goes, or it changes."""
        return "~" if self.diff or (self.actual and self.desired) else "+" if self.desired else "-"


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as people read it. `reason` and `waits` are sentences; `status` and `took` are of an apply."""

    operation: str
    reason: str
    waits: str
    takes: str
    mark: str
    risk: str
    status: str = ""
    took: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A fault (`sentence`) and the line of its file that it is in."""

    place: str
    code: str
    sentence: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One table, or one file, in full. `gist`, `errors` and `notes` are sentences; `sign` is the terminal's."""

    name: str
    sign: str
    mark: str
    gist: str
    place: str = ""
    errors: tuple[str, ...] = ()
    sides: tuple[str, ...] = ("Now", "After")
    settings: tuple[Setting, ...] = ()
    steps: tuple[StepLine, ...] = ()
    notes: tuple[str, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()

    @property
    def lines(self) -> tuple[tuple[Setting, ...], ...]:
        """The settings line by line for a terminal: those of a new table share the first, where they can."""
        new = not self.sides[1:]
        shared = tuple(setting for setting in self.settings if new and not setting.apart)
        rest = tuple((setting,) for setting in self.settings if setting.apart or not new)
        return (shared, *rest) if shared else rest


@dataclass(frozen=True, slots=True)
class Fact:
    """Where and when, at the end: a word of ours, a value, and perhaps an address."""

    word: str
    value: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A whole report. `title`, `lead`, `next` and `notes` are sentences."""

    title: str
    lead: str = ""
    alerts: tuple[Alert, ...] = ()
    next: tuple[str, ...] = ()
    next_link: Fact | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    rest_url: str = ""
    unit: str = "table"
    hidden_rows: int = 0
    hidden_sections: int = 0

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """The rows in sight: all of a short overview, the first of a long one."""
        return self.rows if len(self.rows) <= SHOWN_ROWS + 5 else self.rows[:SHOWN_ROWS]

    @property
    def folded_rows(self) -> tuple[Row, ...]:
        """The other rows, behind a click."""
        return self.rows[len(self.shown_rows) :]

    @property
    def parts(self) -> int:
        """How many things could be left out: lines of alerts, notes, rows and sections."""
        lines = sum(len(alert.lines) for alert in self.alerts)
        return lines + len(self.notes) + len(self.rows) + len(self.sections)

    def cut(self, keep: int) -> View:
        """The view with only so many of its parts, each whole: what is risky first, then the overview, then details."""
        alerts = []
        for alert in self.alerts:
            lines = alert.lines[:keep]
            alerts.append(replace(alert, lines=lines, hidden=len(alert.lines) - len(lines)))
            keep -= len(lines)
        notes = self.notes[:keep]
        rows = self.rows[: keep - len(notes)]
        sections = self.sections[: keep - len(notes) - len(rows)]
        hidden = replace(
            self, hidden_rows=len(self.rows) - len(rows), hidden_sections=len(self.sections) - len(sections)
        )
        return replace(hidden, alerts=tuple(alerts), notes=notes, rows=rows, sections=sections)


def settings(difference: Difference, context: Context) -> tuple[Setting, ...]:
    """A difference as people read it: one, and one more for each local index of a new table."""
    phrases = values.sides(difference)
    whole = Setting(
        label=values.name(difference.path),
        actual="",
        desired="",
        mark=MARKS[difference.risk],
        risk="" if difference.risk is Risk.SAFE else difference.risk.value,
        unreviewed=difference.id in context.unreviewed,
        apart=True,
    )
    if phrases is None:
        return (replace(whole, diff=values.diff(difference.actual, difference.desired)),)
    before, after = phrases
    return tuple(
        replace(
            whole,
            label=values.name(path),
            actual=before.get(path, ""),
            desired=after.get(path, ""),
            apart=path[:1] in {(GLOBAL,), (LOCAL,)},
        )
        for path in dict.fromkeys([*before, *after])
    )


def facts(plan: Plan | None, context: Context) -> tuple[Fact, ...]:
    """The commit, where it applies, and the run."""
    known = plan or Plan()
    shown = mask(plan, context).short if context.in_github else known.account
    found = [
        Fact("commit", (context.commit or "")[:7]),
        Fact("environment", context.environment or ""),
        Fact("account", "" if (context.in_github and context.environment) or not known.account else shown or ""),
        Fact("region", known.region or ""),
        Fact("endpoint", known.endpoint or ""),
        Fact("baseline", context.baseline or ""),
        Fact("path", context.path),
        Fact("run", url=text.link(context.run_url or "")),
        Fact("reviewed plan", url=text.link(context.comment_url or "")),
    ]
    return tuple(fact for fact in found if fact.value or fact.url)


def mask(plan: Plan | None, context: Context) -> text.Mask:
    """What takes account numbers out of this report."""
    return text.Mask(account=plan.account if plan else None, name=context.environment)


def place(file: str | None, line: int | None) -> str:
    """A place in a file; empty for definitions from Python."""
    return f"{file}:{line}" if file and line else file or ""


def every(item: T, change: Callable[[str], str]) -> T:
    """The same view with every text in it changed; addresses stay."""
    if isinstance(item, str):
        return change(item)  # type: ignore[return-value]  # T is str here
    if isinstance(item, tuple):
        return tuple(every(member, change) for member in item)  # type: ignore[return-value]  # T is this tuple
    if isinstance(item, Alert | Line | Row | Setting | StepLine | Excerpt | Section | Fact | View):
        names = [field.name for field in fields(item) if not field.name.endswith("url")]
        return replace(item, **{name: every(getattr(item, name), change) for name in names})
    return item
