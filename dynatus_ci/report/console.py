"""A report as lines of text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dynatus_ci.report.layout import Alert, Excerpt, Report, Section, StepLine, ValueChange
from dynatus_ci.text import plain, visible


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text. If it is wrapped, its further lines stand `hang` columns to the right of the body.

    Args:
        body: Texts, each with the name of its style, or with an empty one.
        indent: How many spaces stand before it.
        prefix: What stands between them and the body.
        prefix_style: The name of its style.
        wraps: Whether a terminal that is too narrow breaks it.
        hang: See above.
    """

    body: tuple[tuple[str, str], ...]
    indent: int = 0
    prefix: str = ""
    prefix_style: str = ""
    wraps: bool = True
    hang: int = 0

    def __str__(self) -> str:
        """The line without styles."""
        return f"{' ' * self.indent}{self.prefix}{''.join(text for text, _ in self.body)}"


def render(report: Report, *, colour: bool, width: int | None) -> str:
    """The report as text.

    Args:
        report: The report.
        colour: Whether to write ANSI escapes.
        width: The terminal's width in columns; None breaks no line.
    """
    lines = _report(report)
    if not (colour or width):
        return "".join(f"{line}\n" for line in lines)
    from dynatus_ci.report import drawing  # noqa: PLC0415  # rich takes long to load: a log needs nothing of it

    return drawing.draw(lines, colour=colour, width=width)


def _say(*parts: tuple[str, str] | str, indent: int = 0, prefix: str = "", prefix_style: str = "") -> TextLine:
    body = tuple((part, "") if isinstance(part, str) else part for part in parts)
    return TextLine(body, indent, prefix, prefix_style)


_BLANK = _say("")


def _report(report: Report) -> Iterator[TextLine]:
    yield _say((plain(report.title), "bold"))
    for line in filter(None, (visible(report.note), plain(report.intro), plain(report.legend))):
        yield _say(line)
    yield _BLANK
    yield from _sections(report)
    for alert in report.alerts:
        yield from _alert(alert)
    for sentence in (*report.next, *report.notes):
        yield _say(plain(sentence))
    footer = ", ".join(f"{item.word} {visible(item.value)}" for item in report.footer if item.value)
    if footer:
        yield _say((footer, "dim"))
    if report.verdict:
        yield _say((plain(report.verdict), "bold"))


def _sections(report: Report) -> Iterator[TextLine]:
    parts = (_fault(it.excerpt) if it.excerpt else _table(it, brief=report.brief) for it in report.sections)
    lines = [line for part in parts for line in part]
    yield from lines
    if lines and lines[-1] is not _BLANK:
        yield _BLANK


def _fault(fault: Excerpt) -> Iterator[TextLine]:
    where = f"{visible(fault.file)}:{fault.place}: " if fault.file else ""
    yield replace(_say((where, "bold"), (visible(fault.code), "failed"), f": {plain(fault.sentence)}"), hang=2)
    if not fault.source:
        return
    source, carets = fault.source.split("\n")
    number = source.partition("|")[0]
    for line, style in ((source, ""), (carets, "failed")):
        body = (visible(line[len(number) + 1 :]), style)
        yield TextLine((body,), indent=2, prefix=f"{line[: len(number)]}|", prefix_style="dim", wraps=False)
    yield _BLANK


def _table(section: Section, *, brief: bool) -> Iterator[TextLine]:
    yield _head(section)
    if not brief:
        for changes in section.lines:
            yield from _changes(changes, new=not section.sides[1:])
    # The steps of a new table only repeat its settings.
    if section.mark or not (brief or section.sign == "+"):
        for number, step in enumerate(section.steps, 1):
            yield _step(step, number)
    for note in (*section.run_notes, *(() if brief else section.notes)):
        yield _say(plain(note), indent=4, prefix="- ")
    if not brief and (section.changes or section.steps or section.run_notes or section.notes):
        yield _BLANK


def _head(section: Section) -> TextLine:
    names = ", ".join(map(visible, section.tables))
    place = "  ".join(visible(place.text) for place in section.places[:1])
    more = f" and {len(section.places) - 1} more" if section.places[1:] else ""
    summary = f"{': ' if names else ''}{plain(section.summary)}"
    located = (f"  {place}{more}", "dim") if place else ""
    return _say((names, "bold"), summary, located, prefix=f"{section.sign} ", prefix_style=section.sign)


def _changes(changes: tuple[ValueChange, ...], *, new: bool) -> Iterator[TextLine]:
    parts: list[tuple[str, str] | str] = []
    for number, change in enumerate(changes):
        arrow = " → " if change.sign == "~" else ""
        value = "" if change.diff else f": {visible(change.before)}{arrow}{visible(change.after)}"
        risk = (f"  {change.risk}", change.risk) if change.mark else ""
        parts += [
            "; " if number else "",
            plain(change.label),
            value,
            risk,
            "  not reviewed" if change.unreviewed else "",
        ]
    sign = changes[0].sign
    yield _say(*parts, indent=4, prefix="" if new else f"{sign} ", prefix_style=sign)
    for line in changes[0].diff:
        yield _say((visible(line), line[:1]), indent=6)


def _step(step: StepLine, number: int) -> TextLine:
    took = f" in {step.took}" if step.took else ""
    waits = f", {plain(step.waits)}{step.size}" if step.waits else ""
    ends: tuple[tuple[str, str] | str, ...] = ((step.status, step.status), took) if step.status else (step.takes, waits)
    return _say(
        (visible(step.operation), "operation"), f" {plain(step.reason)}; ", *ends, indent=4, prefix=f"{number}. "
    )


def _alert(alert: Alert) -> Iterator[TextLine]:
    yield _say((plain(alert.title), alert.kind))
    for line in alert.lines:
        yield _say(plain(line.sentence), indent=2, prefix="- ")
        yield from (_say(plain(detail), indent=4, prefix="- ") for detail in line.details)
    if alert.copy:
        yield _say(plain(alert.ask), indent=2)
        for copied in alert.copy.split("\n"):
            yield TextLine(((visible(copied), ""),), indent=4)
    yield _BLANK
