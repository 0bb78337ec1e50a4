"""Plans, results, drift and faults as Markdown and as text for a terminal; decides nothing and calls nothing.

The only importer of jinja2. Every function is pure: the same arguments give the same text. All values that come from
definitions, the account or the repository are shown inert, whatever they hold.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import jinja2

from dynatus_ci.errors import DynatusError, Fault
from dynatus_ci.report import budget, failures, plans, results, words
from dynatus_ci.report.budget import SUMMARY, Size, characters
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import View, finished, mask
from dynatus_ci.report.words import clean, code, plural
from dynatus_ci.schema.model import Plan
from dynatus_ci.schema.results import Result

__all__ = [
    "SUMMARY",
    "Context",
    "Size",
    "View",
    "characters",
    "clean",
    "code",
    "drift",
    "error",
    "faults",
    "faults_text",
    "markdown",
    "mask",
    "plan",
    "plural",
    "result",
    "text",
]

# ANSI's numbers by what is said: an alert's kind, a table's or a line's sign, a risk, a step's status.
_ANSI = {"bold": 1, "dim": 2, "cyan": 36}
_ANSI |= dict.fromkeys(("CAUTION", "destructive", "failed", "refused", "-", "-/+", "!"), 31)
_ANSI |= dict.fromkeys(("WARNING", "disruptive", "running", "~"), 33) | dict.fromkeys(("done", "+"), 32)


def plan(plan: Plan, context: Context) -> View:
    """A plan, to be reviewed before it runs."""
    return finished(plans.plan(plan, context), plan, context)


def result(result: Result, context: Context) -> View:
    """What an apply did, or how far it is (`context.running`)."""
    return finished(results.result(result, context), result.plan, context)


def drift(plan: Plan, context: Context) -> View:
    """Where the account no longer agrees with the files."""
    return finished(plans.drift(plan, context), plan, context)


def faults(
    found: Sequence[Fault], context: Context, *, sources: Mapping[str, str] | None = None, definitions: int = 0
) -> View:
    """All faults with the lines they are in; `sources` are the files' texts, `definitions` the number of tables."""
    return finished(failures.faults(found, context, sources=sources or {}, definitions=definitions), None, context)


def error(error: DynatusError, context: Context) -> View:
    """An error that ended the run before there was a plan or a result."""
    return finished(failures.error(error, context), None, context)


def markdown(view: View, *, size: Size | None = None) -> str:
    """A report for GitHub: the whole of it, or as many of its parts as fit."""
    template = _templates().get_template("report.md.j2")
    section = functools.cache(_templates().get_template(f"{view.unit}.md.j2").render)

    def render(part: View) -> str:
        return template.render(view=part, sections=[section(section=one) for one in part.sections])

    return budget.fit(view, render, size=size) if size else render(view)


def text(view: View, *, colour: bool = False) -> str:
    """A report for a terminal or a log."""
    return _templates().get_template("report.txt.j2").render(view=view, style=_painted if colour else _bare)


def faults_text(found: Sequence[Fault], context: Context | None = None) -> str:
    """One line for each fault, `file:line:column: code: sentence`; empty where there is none."""
    shown = mask(None, context) if context and context.in_github else str
    return "".join(f"{clean(shown(str(fault)))}\n" for fault in found)


def _bare(said: str, _: str) -> str:
    return said


def _painted(said: str, style: str) -> str:
    """Words between ANSI codes; values hold no escape, `clean` takes it out."""
    number = _ANSI.get(style)
    return f"\x1b[{number}m{said}\x1b[0m" if number and said else said


@functools.cache
def _templates() -> jinja2.Environment:
    """The templates. Nothing is escaped as HTML: the target is Markdown, where the filters of `words` do it."""
    environment = jinja2.Environment(  # noqa: S701  # see above
        loader=jinja2.PackageLoader("dynatus_ci.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = ("code", "cell", "prose", "plain", "clean", "fence", "quoted", "plural", "summary", "summary_prose")
    environment.filters.update({name: getattr(words, name) for name in names})
    return environment
