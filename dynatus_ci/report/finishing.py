"""What every report has: its title, links to files, warnings, footer, and the words for who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar
from urllib.parse import quote

from dynatus_ci.report.layout import Alert, AlertLine, FileLink, FooterItem, Report, ReportContext
from dynatus_ci.report.safe_markdown import hide_accounts, link
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import as_options, code

PRODUCT = "Dynatus CI"
DOCUMENTATION = "https://github.com/org/dynatus-action/blob/v1/docs/review.md"
T = TypeVar("T")


def title(subject: str, context: ReportContext, verdict: str) -> str:
    """A report's first line."""
    whose = f" for {code(context.environment)}" if context.environment else ""
    return f"DynamoDB {subject}{whose}: {verdict}"


def place(file: str | None, line: int | None, context: ReportContext) -> tuple[FileLink, ...]:
    """A line of a file, as a link where the repository and the commit are known."""
    if not file:
        return ()
    text = f"{file}:{line}" if line else file
    if not (context.repository_url and context.commit):
        return (FileLink(text),)
    anchor = f"#L{line}" if line else ""
    return (FileLink(text, link(f"{context.repository_url}/blob/{context.commit}/{quote(file)}{anchor}")),)


def finish(report: Report, plan: Plan | None, context: ReportContext) -> Report:
    """Add the warnings, notes and footer of the run, and put the texts into the words of who reads them."""
    warnings = Alert("WARNING", "Warnings of this run", tuple(map(AlertLine, context.warnings)))
    finished = replace(
        report,
        note=context.note or "",
        alerts=(*report.alerts, *([warnings] if context.warnings else [])),
        notes=(*report.notes, *(plan.notes if plan else ()), *context.notes),
        footer=tuple(_footer(plan or Plan(), context)),
        whole_url=link(context.summary_url or ""),
    )
    return for_readers(finished, context, account=plan.account if plan else None)


def for_readers(item: T, context: ReportContext, *, account: str | None = None) -> T:
    """The item with texts for its readers: on GitHub without account numbers, at the command with its options."""
    return _map_texts(item, (lambda text: hide_accounts(text, account)) if context.in_github else as_options)


def _footer(plan: Plan, context: ReportContext) -> list[FooterItem]:
    commit = context.commit or ""
    commit_url = link(f"{context.repository_url}/commit/{commit}") if context.repository_url and commit else ""
    items = [
        FooterItem("commit", commit[:7], commit_url),
        FooterItem("environment", context.environment or ""),
        FooterItem("account", plan.account or ""),
        FooterItem("region", plan.region or ""),
        FooterItem("endpoint", plan.endpoint or ""),
        FooterItem("baseline", context.baseline or ""),
        FooterItem("path", context.path),
        FooterItem("run", url=link(context.run_url or "")),
        FooterItem("reviewed plan", url=link(context.comment_url or "")),
        FooterItem(PRODUCT, url=DOCUMENTATION if context.in_github else ""),
    ]
    return [item for item in items if item.value or item.url]


def _map_texts(item: T, change: Callable[[str], str]) -> T:
    """A copy with each text changed; addresses stay as they are."""
    if isinstance(item, str):
        return change(item)  # type: ignore[return-value]  # T is str here
    if isinstance(item, tuple):
        return tuple(_map_texts(member, change) for member in item)  # type: ignore[return-value]  # T is this tuple
    if is_dataclass(item) and not isinstance(item, type):
        names = [field.name for field in fields(item) if not field.name.endswith("url")]
        return replace(item, **{name: _map_texts(getattr(item, name), change) for name in names})
    return item
