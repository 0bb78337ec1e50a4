"""Plans, results, drift and faults as Markdown and as text for a terminal; decides nothing and calls nothing.

The only importer of jinja2. Every function is pure: the same arguments give the same text. All values that come from
definitions, the account or the repository are shown inert, whatever they hold.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import jinja2

from dynatus_ci.errors import DynatusError, Fault
from dynatus_ci.report import budget, faults, plans, results, text
from dynatus_ci.report import view as views
from dynatus_ci.report.budget import COMMENT, SUMMARY, Size, characters
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import View
from dynatus_ci.schema.model import Plan, Result

__all__ = [
    "COMMENT",
    "SUMMARY",
    "Context",
    "Size",
    "characters",
    "drift_markdown",
    "drift_text",
    "error_markdown",
    "error_text",
    "faults_markdown",
    "faults_text",
    "plan_markdown",
    "plan_text",
    "result_markdown",
    "result_text",
]

# ANSI's numbers by what is said: an alert's kind, a table's or a line's sign, a risk, a step's status.
_ANSI = {"bold": 1, "dim": 2, "cyan": 36}
_ANSI |= dict.fromkeys(("CAUTION", "destructive", "failed", "refused", "-", "-/+", "!"), 31)
_ANSI |= dict.fromkeys(("WARNING", "disruptive", "running", "~"), 33) | dict.fromkeys(("done", "+"), 32)


def plan_markdown(plan: Plan, context: Context, *, size: Size = COMMENT) -> str:
    """A plan for GitHub; for a comment, `size` is what its marker and record leave (`characters`)."""
    return _markdown("plan", _shown(plans.view(plan, context), plan, context=context), size=size)


def result_markdown(result: Result, context: Context, *, size: Size = COMMENT) -> str:
    """What an apply did, or how far it is (`context.running`)."""
    view = _shown(results.view(result, context), result.plan, context=context)
    return _markdown("result", view, size=size)


def drift_markdown(plan: Plan, context: Context, *, size: Size = SUMMARY) -> str:
    """Where the account no longer agrees with the files."""
    return _markdown("drift", _shown(plans.drift(plan, context), plan, context=context), size=size)


def faults_markdown(
    found: Sequence[Fault],
    context: Context,
    *,
    sources: Mapping[str, str] | None = None,
    definitions: int = 0,
    size: Size = COMMENT,
) -> str:
    """All faults with the lines they are in; `sources` are the files' texts, `definitions` the number of tables."""
    view = faults.view(found, sources=sources or {}, definitions=definitions, context=context)
    return _markdown("validate", _shown(view, None, context=context), size=size)


def error_markdown(error: DynatusError, context: Context, *, size: Size = COMMENT) -> str:
    """An error that ended the run before there was a plan or a result."""
    return _markdown("plan", _shown(faults.error(error, context), None, context=context), size=size)


def plan_text(plan: Plan, context: Context, *, colour: bool = False) -> str:
    """A plan for a terminal or a log."""
    return _text("plan", _shown(plans.view(plan, context), plan, context=context), colour=colour)


def result_text(result: Result, context: Context, *, colour: bool = False) -> str:
    """What an apply did, for a terminal or a log."""
    return _text("result", _shown(results.view(result, context), result.plan, context=context), colour=colour)


def drift_text(plan: Plan, context: Context, *, colour: bool = False) -> str:
    """Drift, for a terminal or a log."""
    return _text("drift", _shown(plans.drift(plan, context), plan, context=context), colour=colour)


def faults_text(found: Sequence[Fault], context: Context | None = None) -> str:
    """One line for each fault, `file:line:column: code: sentence`; empty where there is none."""
    shown = views.mask(None, context) if context and context.in_github else str
    return "".join(f"{text.clean(shown(str(fault)))}\n" for fault in found)


def error_text(error: DynatusError, context: Context, *, colour: bool = False) -> str:
    """An error that ended the run, for a terminal or a log."""
    return _text("plan", _shown(faults.error(error, context), None, context=context), colour=colour)


def _shown(view: View, plan: Plan | None, *, context: Context) -> View:
    """The view without account numbers where GitHub shows it."""
    return views.every(view, views.mask(plan, context=context)) if context.in_github else view


def _markdown(name: str, view: View, *, size: Size) -> str:
    template = _templates().get_template(f"{name}.md.j2")
    section = functools.cache(_templates().get_template("_section.md.j2").render)

    def render(part: View) -> str:
        return template.render(view=part, sections=[section(section=one) for one in part.sections])

    return budget.fit(view, render, size=size)


def _text(name: str, view: View, *, colour: bool) -> str:
    return _templates().get_template(f"{name}.txt.j2").render(view=view, style=_painted if colour else _bare)


def _bare(words: str, _: str) -> str:
    return words


def _painted(words: str, style: str) -> str:
    """Words between ANSI codes; values hold no escape, `clean` takes it out."""
    number = _ANSI.get(style)
    return f"\x1b[{number}m{words}\x1b[0m" if number and words else words


@functools.cache
def _templates() -> jinja2.Environment:
    """The templates. Nothing is escaped as HTML: the target is Markdown, where the filters of `text` do it."""
    environment = jinja2.Environment(  # noqa: S701  # see above
        loader=jinja2.PackageLoader("dynatus_ci.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = ("code", "cell", "prose", "plain", "clean", "fence", "quoted", "plural", "summary", "summary_prose")
    environment.filters.update({name: getattr(text, name) for name in names})
    return environment
