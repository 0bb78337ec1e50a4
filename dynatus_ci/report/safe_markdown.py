"""Safe Markdown: any text, also a stranger's, shown so that GitHub finds no mention, link, HTML or table border in it.

A *sentence* is English in which values stand in code spans, made by `code`. `prose` turns a sentence into Markdown. A
word outside a code span in which GitHub could find markup becomes one, because backslashes and entities do not stop
mentions and autolinks.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator

from dynatus_ci.text import code, longest_backticks, parts, visible

_MARKUP = re.compile(r"(?!^~$)[`*_~\[\]<>\\|$&#@/=^]|www\.|:[\w+-]+:|[A-Za-z]-\d|[0-9a-fA-F]{7}")
"""A character that Markdown knows, an address, an emoji's name, a link to an issue or to a commit."""
_ACCOUNT = re.compile(r"(?<![\w.-])\d{12}(?![\w-])")


def cell(markdown: str) -> str:
    """Markdown that `code` or `prose` made, escaped for a table's cell."""
    return markdown.replace("|", "\\|")


def prose(sentence: str) -> str:
    """A sentence as Markdown whose only markup is code spans. Never empty: an empty line could end a list."""
    out = ""
    for is_code, part in _inert(sentence):
        piece = code(part) if is_code else part
        # Two runs of backticks that touch would be one run.
        out += f" {piece}" if out.endswith("`") and piece.startswith("`") else piece
    return re.sub(r"^(\d+(?=[.)])|(?=[+~-]))", r"\1\\", out) or code("")


def fence(content: str, language: str = "") -> str:
    """Lines as a fenced block. The fence is longer than any run of backticks in them."""
    content = "\n".join(visible(line) for line in content.split("\n"))
    run = "`" * longest_backticks(content, least=3)
    return f"{run}{language}\n{content}\n{run}"


def summary(text: str) -> str:
    """A value inside `<summary>`, where Markdown is not read."""
    return f"<code>{html.escape(visible(text))}</code>"


def summary_prose(sentence: str) -> str:
    """A sentence inside `<summary>`."""
    return "".join(summary(part) if is_code else part for is_code, part in _inert(sentence))


def quoted(markdown: str) -> str:
    """Markdown as a block quote."""
    return "\n".join(f"> {line}" if line else ">" for line in markdown.strip("\n").split("\n"))


def link(url: str) -> str:
    """The address, if it can stand in the angle brackets of a Markdown link; else an empty text."""
    return url if re.fullmatch(r"https?://[!-;=?-\[\]-~]+", url) else ""


def hide_accounts(text: str, account: str | None = None) -> str:
    """The text with `****` and the last four digits in the place of each account number.

    GitHub's comments, summaries and logs may be public. Numbers of 12 digits count as account numbers where they stand
    alone; the run's own account counts also inside a name, such as `logs-123456789012`.
    """
    if account:
        text = re.sub(rf"(?<!\d){re.escape(account)}(?!\d)", f"****{account[-4:]}", text)
    return _ACCOUNT.sub(lambda found: f"****{found[0][-4:]}", text)


def _inert(sentence: str) -> Iterator[tuple[bool, str]]:
    """The parts of a sentence. Words with markup count as values."""
    for is_code, part in parts(visible(sentence).strip()):
        if is_code:
            yield True, part
        else:
            yield from _words(part)


def _words(text: str) -> Iterator[tuple[bool, str]]:
    """Runs of words with markup as code, and the others as they are. Blanks between them are not code."""
    blank = ""
    for has_markup, group in itertools.groupby(text.split(" "), lambda word: bool(_MARKUP.search(word))):
        if blank:
            yield False, blank
        words = " ".join(group)
        value = (words.rstrip(".,;:!?") or words) if has_markup else words
        yield has_markup, value
        yield False, words[len(value) :]
        blank = " "
