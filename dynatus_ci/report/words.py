"""Values as people read them: the filters that make any text inert, and numbers in words. Pure; it decides nothing.

A *sentence* is plain English in which values stand in Markdown code spans (`code` makes them, with any content).
`prose` turns a sentence into safe Markdown: a word that is not plain letters or a short number becomes a code span,
because a code span is the only place where GitHub finds no mention, link, HTML or table border
(entities do not stop its e-mail autolinks).
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dynatus_ci.schema.findings import visible

_KILO = 1000
_MINUTE = 60
_HOUR_AND_A_HALF = 90 * _MINUTE
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
# Letters that could name a commit, and long numbers, are not plain: GitHub links them. Nor is a quoted word: a value.
_PLAIN = re.compile(
    r"(?!\".*\")[(“‘\"]?(?:(?![a-f]{7,}\b)[A-Za-z]+(?:[-’'][a-z]+)*|\d{1,3}(?:,\d{3})+|\d{1,6}(?:\.\d{1,2})?|\d{4}-\d\d-\d\d|\d\d:\d\d)?%?[)”’\".,:;?!]*|[’']s|[→–—…·×]"
)
_ACCOUNT = re.compile(r"(?<![\w.-])\d{12}(?![\w-])")


def clean(text: str) -> str:
    """Text in which nothing hides: control, bidi and separator characters are shown as U+FFFD."""
    return visible(text)


def code(text: str) -> str:
    """A value as one Markdown code span, whatever it holds."""
    text = clean(text) or '""'
    run = _longer_run(text, least=1)
    pad = " " if text.strip() and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{run}{pad}{text}{pad}{run}"


def cell(markdown: str) -> str:
    """Markdown made by `code` or `prose`, for a cell of a table."""
    return markdown.replace("|", "\\|")


def prose(sentence: str) -> str:
    """A sentence as Markdown in which only code spans are markup; never empty, which could underline a heading."""
    out = ""
    for is_code, part in _inert(sentence):
        piece = code(part) if is_code else part
        # Two runs of backticks that touch would be one run.
        out += f" {piece}" if out.endswith("`") and piece.startswith("`") else piece
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", out) or code("")


def plain(sentence: str) -> str:
    """A sentence as one line of text without markup."""
    return "".join(part for _, part in _parts(clean(sentence)))


def fence(content: str, language: str = "") -> str:
    """Lines as a fenced block that nothing in them can close."""
    content = "\n".join(clean(line) for line in content.split("\n"))
    run = _longer_run(content, least=3)
    return f"{run}{language}\n{content}\n{run}"


def summary(text: str) -> str:
    """A value inside the HTML of a `<summary>`, where Markdown does not reach."""
    return f"<code>{html.escape(clean(text))}</code>"


def summary_prose(sentence: str) -> str:
    """A sentence inside the HTML of a `<summary>`."""
    return "".join(summary(part) if is_code else part for is_code, part in _inert(sentence))


def quoted(markdown: str) -> str:
    """Markdown as the lines of a block quote."""
    return "\n".join(f"> {line}" if line else ">" for line in markdown.strip("\n").split("\n"))


def link(url: str) -> str:
    """An address for the inside of a Markdown link's angle brackets; empty where it is none."""
    return url if re.fullmatch(r"https?://[!-;=?-\[\]-~]+", url) else ""


def plural(count: int, noun: str) -> str:
    """A count and its noun: `1 table`, `1,204 tables`."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('x') else 's'}"


def size(count: int) -> str:
    """A number of bytes, such as `2.1 GB`."""
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < _KILO:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= _KILO
    return f"{value:,.1f} TB"


def span(seconds: float) -> str:
    """A stretch of time in one unit: `45 s`, `9 min`, `3.5 h`."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR_AND_A_HALF:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / (60 * _MINUTE):.1f}".removesuffix(".0") + " h"


def duration(least: int, most: int | None) -> str:
    """How long something takes: `9 min or more`, `up to 30 s`, `1 to 5 min`."""
    if most is None:
        return f"{span(least)} or more" if least else "grows with the data"
    low, high = span(least), span(most)
    if least == 0 or low == high:
        return f"up to {high}" if most > 1 else "1 s"
    number, unit = low.split(" ")
    return f"{number if unit in high.split(' ') else low} to {high}"


@dataclass(frozen=True, slots=True)
class Mask:
    """Takes account numbers out of text: GitHub's comments, summaries and logs are public.

    docs/review.md#what-github-shows

    Args:
        account: The account that the run is about.
        name: What stands for it: the environment.
    """

    account: str | None
    name: str | None

    def __call__(self, text: str) -> str:
        """The text with what stands for the run's account, and with the last four digits of any other."""
        if self.account:
            text = re.sub(rf"(?<!\d){self.account}(?!\d)", lambda _: self.short, text)
        return _ACCOUNT.sub(lambda found: f"…{found[0][-4:]}", text)

    @property
    def short(self) -> str:
        """What stands for the account itself."""
        return self.name or f"…{(self.account or '')[-4:]}"


def _parts(sentence: str) -> Iterator[tuple[bool, str]]:
    end = 0
    for found in _SPAN.finditer(sentence):
        if found.start() > end:
            yield False, sentence[end : found.start()]
        content = found[2]
        padded = content[0] == content[-1] == " " and content.strip(" ")
        yield True, content[1:-1] if padded else content
        end = found.end()
    if end < len(sentence):
        yield False, sentence[end:]


def _inert(sentence: str) -> Iterator[tuple[bool, str]]:
    """The parts of a sentence, where only plain words are not code."""
    for is_code, part in _parts(clean(sentence).strip()):
        if is_code:
            yield True, part
        else:
            yield from _words(part)


def _words(text: str) -> Iterator[tuple[bool, str]]:
    """Runs of plain words, and runs of other words as code; the blanks between them stay outside the code."""
    blank = ""
    for is_plain, group in itertools.groupby(text.split(" "), lambda word: bool(_PLAIN.fullmatch(word))):
        if blank:
            yield False, blank
        words = " ".join(group)
        value = words if is_plain else words.rstrip(".,;:!?") or words
        yield not is_plain, value
        yield False, words[len(value) :]
        blank = " "


def _longer_run(text: str, *, least: int) -> str:
    """Backticks, more than any run of them in the text."""
    return "`" * max(least, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
