"""Plans, results, drift and faults as Markdown for GitHub and as text for a terminal.

Every function is pure: the same arguments give the same text. Values from definitions, the account or the repository
are shown as text, whatever they hold. This package is the only one that uses Jinja.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dynatus_ci.errors import DynatusError, Fault
from dynatus_ci.report import (
    apply_report,
    backup_alert,
    check_report,
    console,
    cutting,
    drift_report,
    fault_report,
    finishing,
    plan_report,
    safe_markdown,
    wording,
)
from dynatus_ci.report.cutting import Size, characters, utf8_bytes
from dynatus_ci.report.layout import Report, ReportContext
from dynatus_ci.report.safe_markdown import hide_accounts
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.model import TableChange
from dynatus_ci.table.outcome import Result
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import plural, visible

if TYPE_CHECKING:
    import jinja2

_GUTTER = 10
"""Columns before a line of a file."""
_NARROWEST = 20
"""The fewest columns of a line of a file."""

__all__ = [
    "Report",
    "ReportContext",
    "Size",
    "characters",
    "check",
    "difference",
    "drift",
    "earlier_backups",
    "error",
    "faults",
    "faults_text",
    "hide_accounts",
    "losses",
    "markdown",
    "plan",
    "result",
    "text",
    "utf8_bytes",
]


def plan(plan: Plan, context: ReportContext) -> Report:
    """A plan, to be reviewed before it runs."""
    return finishing.finish(plan_report.build(plan, context), plan, context)


def result(result: Result, context: ReportContext) -> Report:
    """What an apply did, or how far it has come (`context.running`)."""
    return finishing.finish(apply_report.build(result, context), result.plan, context)


def earlier_backups(comment: str) -> tuple[str, ...]:
    """The backups that our comment names, as notes for the report that takes its place."""
    return backup_alert.earlier(comment)


def check(plan: Plan, context: ReportContext, *, answers: Mapping[str, Sequence[Answers]] | None = None) -> Report:
    """Whether the items fit; with `answers`, which are for a terminal only, also the keys of some that do not."""
    return finishing.finish(check_report.build(plan, context, answers=answers or {}), plan, context)


def drift(plan: Plan, context: ReportContext) -> Report:
    """Where the account no longer agrees with the files."""
    return finishing.finish(drift_report.build(plan, context), plan, context)


def difference(change: TableChange) -> str:
    """What differs between the account and the definition of one table, as a sentence."""
    return drift_report.difference(change)


def losses(change: TableChange) -> str:
    """What a change of one table destroys, as sentences; empty where it destroys nothing."""
    return " ".join(
        sentence for lost in wording.destructive(change) for sentence in (wording.consequence([lost]), *lost.notes)
    )


def faults(
    found: Sequence[Fault],
    context: ReportContext,
    *,
    texts: Mapping[str, str] | None = None,
    definitions: int = 0,
    width: int = 110,
) -> Report:
    """All faults with the lines they are in.

    Args:
        found: The faults, file by file.
        context: The run.
        texts: File → its text.
        definitions: How many tables the files define.
        width: The columns for a line of a file, its number included.
    """
    excerpt = max(width - _GUTTER, _NARROWEST)
    report = fault_report.build(found, context, texts=texts or {}, definitions=definitions, width=excerpt)
    return finishing.finish(report, None, context)


def error(error: DynatusError, context: ReportContext) -> Report:
    """An error that ended the run before there was a plan or a result."""
    return finishing.finish(fault_report.error(error, context), None, context)


def markdown(report: Report, *, size: Size | None = None) -> str:
    """A report for GitHub: the whole of it, or as many of its parts as fit."""
    template = _templates().get_template("report.md.j2")
    section = functools.cache(_templates().get_template(f"{report.unit}.md.j2").render)

    def render(part: Report) -> str:
        return template.render(report=part, sections=[section(section=each) for each in part.sections])

    return cutting.shrink_to_fit(report, render, size=size) if size else render(report)


def text(report: Report, *, colour: bool = False, width: int | None = None) -> str:
    """A report for a terminal or a log. `width` is the terminal's in columns; None breaks no line."""
    return console.render(report, colour=colour, width=width)


def faults_text(found: Sequence[Fault], context: ReportContext | None = None) -> str:
    """One line for each fault, `file:line:column: code: sentence`; empty where there is none."""
    shown = finishing.for_readers(tuple(found), context or ReportContext())
    return "".join(f"{visible(str(fault))}\n" for fault in shown)


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  # it takes long to load: only those wait who want Markdown

    # Nothing is escaped as HTML: the target is Markdown, where the filters make values safe.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.PackageLoader("dynatus_ci.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = ("code", "cell", "prose", "visible", "fence", "quoted", "summary", "summary_prose")
    environment.filters.update({name: getattr(safe_markdown, name) for name in names})
    environment.filters["plural"] = plural
    return environment
