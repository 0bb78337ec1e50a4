"""What a report shows, as frozen data: every choice of words, order and emphasis is made before a template sees it.

Markdown and the terminal are two layouts of the same `View`. Text fields named *sentence* below hold values in code
spans (see `words`); all other strings are values or our own words. The builders are in `plans`, `results` and
`failures`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TypeVar

from dynatus_ci.report import values, words
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
    """A table in the overview, by the view's `columns`. `state` and `what` (what changes, or ran) are sentences."""

    table: str
    state: str
    what: str
    time: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A difference: in phrases, empty where a side is absent, or as the lines of a diff. `label` is a sentence."""

    label: str
    actual: str = ""
    desired: str = ""
    risk: str = Risk.SAFE.value
    unreviewed: bool = False
    diff: tuple[str, ...] = ()
    apart: bool = True
    """Whether it needs a line of its own."""

    @property
    def mark(self) -> str:
        """The sign of its risk."""
        return MARKS[Risk(self.risk)]

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
    status: str = ""
    took: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A fault (`sentence`), the line and column of its file that it is at, and that line."""

    file: str
    place: str
    code: str
    sentence: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One table in full, or one fault. `gist`, `errors`, `news` and `notes` are sentences; `sign` is the terminal's.

    `news` is what only the run could tell, `notes` what the plan knew.
    """

    name: str
    sign: str = " "
    mark: str = ""
    gist: str = ""
    place: str = ""
    errors: tuple[str, ...] = ()
    sides: tuple[str, ...] = ("Now", "After")
    settings: tuple[Setting, ...] = ()
    steps: tuple[StepLine, ...] = ()
    news: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    excerpt: Excerpt | None = None

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
    """A whole report. `title`, `lead`, `next` and `notes` are sentences.

    Of a `brief` one a terminal shows no settings and no notes of the plan, and steps only where something is amiss.
    `unit` is what its sections are about, a table or a fault, and names their template.
    """

    title: str
    lead: str = ""
    legend: str = ""
    alerts: tuple[Alert, ...] = ()
    next: tuple[str, ...] = ()
    next_link: Fact | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    sections: tuple[Section, ...] = ()
    brief: bool = False
    notes: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    whole_url: str = ""
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


def finished(view: View, plan: Plan | None, context: Context) -> View:
    """The view with what every report ends with, and without account numbers where GitHub shows it."""
    whole = replace(
        view,
        notes=(*(plan.notes if plan else ()), *context.notes),
        facts=_facts(plan or Plan(), context),
        whole_url=words.link(context.summary_url or ""),
    )
    return _every(whole, mask(plan, context)) if context.in_github else whole


def title(subject: str, context: Context, verdict: str) -> str:
    """A report's first line; it names the environment where there is more than one."""
    whose = f" for {words.code(context.environment)}" if context.environment else ""
    return f"DynamoDB {subject}{whose}: {verdict}"


def settings(difference: Difference, context: Context) -> tuple[Setting, ...]:
    """A difference as people read it: one, and one more for each local index of a new table."""
    phrases = values.sides(difference)
    whole = Setting(
        values.name(difference.path), risk=difference.risk.value, unreviewed=difference.id in context.unreviewed
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


def mask(plan: Plan | None, context: Context) -> words.Mask:
    """What takes account numbers out of this report."""
    return words.Mask(account=plan.account if plan else None, name=context.environment)


def _facts(plan: Plan, context: Context) -> tuple[Fact, ...]:
    """The commit, where it applies, and the run."""
    # The environment stands for the account already.
    account = "" if context.in_github and context.environment else plan.account
    found = [
        Fact("commit", (context.commit or "")[:7]),
        Fact("environment", context.environment or ""),
        Fact("account", account or ""),
        Fact("region", plan.region or ""),
        Fact("endpoint", plan.endpoint or ""),
        Fact("baseline", context.baseline or ""),
        Fact("path", context.path),
        Fact("run", url=words.link(context.run_url or "")),
        Fact("reviewed plan", url=words.link(context.comment_url or "")),
    ]
    return tuple(fact for fact in found if fact.value or fact.url)


def _every(item: T, change: Callable[[str], str]) -> T:
    """The same view with every text in it changed; addresses stay."""
    if isinstance(item, str):
        return change(item)  # type: ignore[return-value]  # T is str here
    if isinstance(item, tuple):
        return tuple(_every(member, change) for member in item)  # type: ignore[return-value]  # T is this tuple
    if is_dataclass(item) and not isinstance(item, type):
        names = [field.name for field in fields(item) if not field.name.endswith("url")]
        return replace(item, **{name: _every(getattr(item, name), change) for name in names})
    return item
