"""Lines of text as a terminal shows them: with colours, and with hanging indents where they are too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console
from rich.text import Text

from dynatus_ci.report.console import TextLine

_STYLES = {
    "bold": "bold",
    "dim": "dim",
    "operation": "cyan",
    **dict.fromkeys(("CAUTION", "destructive", "failed", "refused", "-", "↻", "!"), "red"),
    **dict.fromkeys(("WARNING", "disruptive", "running", "~"), "yellow"),
    **dict.fromkeys(("done", "+"), "green"),
}
_NARROWEST = 20


def draw(lines: Iterable[TextLine], *, colour: bool, width: int | None) -> str:
    """The lines as text; the arguments are those of `console.render`."""
    file = StringIO()
    console = Console(
        file=file,
        width=10_000,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        legacy_windows=False,
    )
    for line in lines:
        for part in _wrapped(line, console, width):
            console.print(part, soft_wrap=True)
    return file.getvalue()


def _wrapped(line: TextLine, console: Console, width: int | None) -> Iterator[Text]:
    body = Text()
    for text, style in line.body:
        body.append(text, style=_STYLES.get(style, ""))
    head = Text(" " * line.indent).append(line.prefix, style=_STYLES.get(line.prefix_style, ""))
    left = line.indent + len(line.prefix)
    if not width or not line.wraps:
        yield head + body
        return
    first = body.wrap(console, max(width - left, _NARROWEST))[0]
    first.rstrip()
    yield head + first
    left += line.hang
    rest = body[len(first) :]
    rest = rest[len(rest) - len(rest.plain.lstrip()) :]
    for part in rest.wrap(console, max(width - left, _NARROWEST)) if rest else ():
        part.rstrip()
        yield Text(" " * left) + part
