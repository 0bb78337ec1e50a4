"""What a report shows, before it becomes Markdown or text for a terminal.

The modules named `…_report` build a `Report`. Templates and `console` turn it into text. In fields that are called
sentences, values stand in code spans (see `text.code`). Other texts are plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dynatus_ci.definitions import DEFAULT_PATH
from dynatus_ci.table.model import Risk

SHOWN_ROWS = 20
SHOWN_LINES = 8
SHOWN_PLACES = 40
MARKS = {Risk.SAFE: "", Risk.DISRUPTIVE: "🟡", Risk.DESTRUCTIVE: "🔴"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """What a report says beside its plan or result. The caller decides it.

    Args:
        mode: The mode of the action, or the command.
        path: The definitions, as the user wrote the path.
        environment: The input `environment`.
        baseline: The definitions that the plan was compared with instead of AWS.
        commit: The commit that was planned or applied; the head commit of a pull request.
        repository_url: The repository's page. With it, files and the commit are links.
        run_url: The workflow run.
        summary_url: The page with the whole report, if this one must be cut.
        comment_url: The plan that was reviewed.
        note: A line of the user's own (input `note`).
        approval: `reviewed-plan`, `none`, or `reviewed` for a plan file.
        record: Whether the plan's record was written into its comment.
        label_on: Where the label approves, as a sentence: `this pull request`. Empty if a label cannot.
        label_removed: Whether this plan removed the label.
        approved_by: Id of each approved destructive difference → what approved it, as a sentence. It is empty if the
            report does not say it.
        unreviewed: Ids of the differences that nobody reviewed.
        saved_in: The file that the plan was written into (input `out`).
        superseded: Why the run of another commit applies instead of this one, as a sentence.
        running: Whether the apply is still running.
        in_github: Whether GitHub shows the report. Then account numbers are hidden, and advice names inputs and not
            options.
        max_parallel: How many tables are changed at once.
        wait_minutes: How long apply may take, if that is known.
        warnings: The run's warnings, as sentences.
        notes: Other notes on the run, as sentences.
    """

    mode: str = "plan"
    path: str = DEFAULT_PATH
    environment: str | None = None
    baseline: str | None = None
    commit: str | None = None
    repository_url: str | None = None
    run_url: str | None = None
    summary_url: str | None = None
    comment_url: str | None = None
    note: str | None = None
    approval: str = "none"
    record: bool = False
    label_on: str = ""
    label_removed: bool = False
    approved_by: Mapping[str, str] = field(default_factory=dict)
    unreviewed: frozenset[str] = frozenset()
    saved_in: str | None = None
    superseded: str | None = None
    running: bool = False
    in_github: bool = False
    max_parallel: int = 10
    wait_minutes: float | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One line of an alert.

    Args:
        sentence: What it says.
        copy: Lines of text below it, to be copied.
        details: More sentences, as a list below it.
    """

    sentence: str
    copy: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """A box that nobody must miss. `kind` is one of GitHub's alerts; `ask` is the sentence before the block to copy.

    https://docs.github.com/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#alerts
    """

    kind: str
    title: str
    lines: tuple[AlertLine, ...] = ()
    ask: str = ""
    language: str = ""
    copy_head: tuple[str, ...] = ()
    hidden: int = 0

    @property
    def shown(self) -> tuple[AlertLine, ...]:
        """The lines in sight: all of a short alert, the first of a long one. The block to copy is always complete."""
        return self.lines if len(self.lines) <= SHOWN_LINES + 2 else self.lines[:SHOWN_LINES]

    @property
    def more(self) -> int:
        """How many lines are not shown."""
        return self.hidden + len(self.lines) - len(self.shown)

    @property
    def copy(self) -> str:
        """The block to copy, each line once; empty if there is nothing to copy."""
        lines = list(dict.fromkeys(copied for line in self.lines for copied in line.copy))
        return "\n".join([*self.copy_head, *lines]) if lines else ""


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file and line, its address if it has one, and the table that it defines if the section has several."""

    text: str
    url: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the overview: a table, or several with the same change. `state` and `what` are sentences."""

    tables: tuple[str, ...]
    state: str
    what: str
    time: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A difference as people read it. `label` is a sentence.

    Args:
        before: The value now, in a few words; empty if there is none.
        after: The value afterwards.
        diff: Both values as the lines of a diff, if they do not fit into a few words.
        own_line: Whether a terminal shows it on a line of its own if the table is new.
    """

    label: str
    before: str = ""
    after: str = ""
    risk: str = Risk.SAFE.value
    unreviewed: bool = False
    diff: tuple[str, ...] = ()
    own_line: bool = True

    @property
    def mark(self) -> str:
        """The sign of its risk."""
        return MARKS[Risk(self.risk)]

    @property
    def sign(self) -> str:
        """`+` for a new value, `-` for one that goes, `~` for a change."""
        return "~" if self.diff or (self.before and self.after) else "+" if self.after else "-"


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as people read it. `reason` and `waits` are sentences. Only an apply has `status` and `took`.

    `size` is the end of `waits` that says how much data there is. Tables with the same change differ in it.
    """

    operation: str
    reason: str
    waits: str
    takes: str
    mark: str
    status: str = ""
    took: str = ""
    size: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A fault, its line and column, and the line of the file with carets below."""

    file: str
    place: str
    code: str
    sentence: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The details of one table, of several with the same change, or of one fault.

    Args:
        summary: The section's head, as a sentence.
        errors: What went wrong, as sentences.
        sides: The heads of the columns of `changes`.
        access_paths: Keys, indexes and stream as the lines of a diff; empty if it would say nothing new.
        run_notes: The notes of the run, as sentences.
        notes: The notes of the plan, as sentences.
        most_tables: How many of `other_tables` fit; None for all.
    """

    tables: tuple[str, ...] = ()
    sign: str = " "
    mark: str = ""
    summary: str = ""
    places: tuple[FileLink, ...] = ()
    errors: tuple[str, ...] = ()
    sides: tuple[str, ...] = ("Now", "After")
    changes: tuple[ValueChange, ...] = ()
    access_paths: tuple[str, ...] = ()
    steps: tuple[StepLine, ...] = ()
    run_notes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    excerpt: Excerpt | None = None
    most_tables: int | None = None

    @property
    def shown_places(self) -> tuple[FileLink, ...]:
        """The files that the section links to."""
        return self.places[:SHOWN_PLACES]

    @property
    def other_tables(self) -> tuple[str, ...]:
        """The tables whose files have no link. They are listed by name."""
        return tuple(place.table for place in self.places[SHOWN_PLACES:])

    @property
    def shown_tables(self) -> tuple[str, ...]:
        """The other tables that fit into the report."""
        return self.other_tables[: self.most_tables]

    @property
    def lines(self) -> tuple[tuple[ValueChange, ...], ...]:
        """The changes by the lines of a terminal. The small changes of a new table share the first line."""
        new = not self.sides[1:]
        shared = tuple(change for change in self.changes if new and not change.own_line)
        rest = tuple((change,) for change in self.changes if change.own_line or not new)
        return (shared, *rest) if shared else rest


@dataclass(frozen=True, slots=True)
class FooterItem:
    """A word of ours, with a value, an address, or both."""

    word: str
    value: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `title`, `intro`, `next`, `notes` and `verdict` are sentences.

    Args:
        next: What to do now.
        brief: Whether a terminal leaves out values and the plan's notes, and shows only the steps of tables that
            failed.
        verdict: The last line on a terminal.
        unit: What a section is about, `table` or `fault`. The section's template has this name.
    """

    title: str
    intro: str = ""
    legend: str = ""
    note: str = ""
    alerts: tuple[Alert, ...] = ()
    next: tuple[str, ...] = ()
    next_link: FooterItem | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    sections: tuple[Section, ...] = ()
    brief: bool = False
    notes: tuple[str, ...] = ()
    footer: tuple[FooterItem, ...] = ()
    whole_url: str = ""
    verdict: str = ""
    unit: str = "table"
    hidden_rows: int = 0
    hidden_sections: int = 0

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """The rows in sight: all of a short overview, the first rows of a long one."""
        return self.rows if len(self.rows) <= SHOWN_ROWS + 5 else self.rows[:SHOWN_ROWS]

    @property
    def folded_rows(self) -> tuple[Row, ...]:
        """The other rows, behind a click."""
        return self.rows[len(self.shown_rows) :]

    @property
    def hidden_tables(self) -> int:
        """How many names of tables are left out in the details."""
        return sum(len(section.other_tables) - len(section.shown_tables) for section in self.sections)

    @property
    def parts(self) -> int:
        """How many parts can be left out: lines of alerts, notes, rows, sections, and names in these."""
        lines = sum(len(alert.lines) for alert in self.alerts)
        names = sum(len(section.other_tables) for section in self.sections)
        return lines + len(self.notes) + len(self.rows) + len(self.sections) + names

    def cut(self, keep: int) -> Report:
        """The report with its first parts: alerts come first, then notes, the overview, details, and names in these."""
        alerts = []
        for alert in self.alerts:
            lines = alert.lines[:keep]
            alerts.append(replace(alert, lines=lines, hidden=len(alert.lines) - len(lines)))
            keep -= len(lines)
        notes = self.notes[:keep]
        rows = self.rows[: keep - len(notes)]
        sections = self.sections[: keep - len(notes) - len(rows)]
        keep -= len(notes) + len(rows) + len(sections)
        named = []
        for section in sections:
            named.append(replace(section, most_tables=keep))
            keep -= len(named[-1].shown_tables)
        hidden = replace(
            self, hidden_rows=len(self.rows) - len(rows), hidden_sections=len(self.sections) - len(sections)
        )
        return replace(hidden, alerts=tuple(alerts), notes=notes, rows=rows, sections=tuple(named))
