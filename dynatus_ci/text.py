"""Foreign text in messages: its hidden characters are removed, and it is cut short and marked as a value.

A *sentence* is English in which values stand in Markdown code spans. `code` makes the span where the message is made,
so that nobody has to guess later which words are values. `plain` takes the spans away for terminals and logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

LONGEST_QUOTE = 40
"""The most characters of a value that a message repeats."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, line and paragraph separators, bidi and other invisible format characters, halves of surrogate pairs."""

_INPUT = re.compile(r"(?<!`)``([a-z]+(?:-[a-z]+)*)``(?!`)")
_MINUTE = 60
_HOUR_AND_A_HALF = 90 * _MINUTE

_OPTIONS = {"params": "--param", "path": "PATH"}
"""Inputs that the command calls differently."""

_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def visible(text: str, *, keep: str = "") -> str:
    """The text with U+FFFD for each hidden character, except those to keep."""
    return _HIDDEN.sub(lambda match: match[0] if match[0] in keep else REPLACEMENT, text)


def shorten(text: str, most: int = LONGEST_QUOTE) -> str:
    """A value for a sentence: one line of at most so many characters, all of them visible."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(character if character.isprintable() else REPLACEMENT for character in cut)


def quoted(text: str) -> str:
    """A short value in quotation marks, without a code span."""
    return f'"{shorten(text)}"'


def code(text: str) -> str:
    """A value as one code span, whatever it holds."""
    text = visible(text) or '""'
    fence = "`" * longest_backticks(text, least=1)
    pad = " " if text.strip() and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def codes(texts: Iterable[str]) -> str:
    """Several values, each in a code span, with commas between them."""
    return ", ".join(map(code, texts))


def series(words: Iterable[str], last: str = "and") -> str:
    """Words, or parts of a sentence, as one: `a, b and c`."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def plural(count: int, noun: str) -> str:
    """A count and its noun: `1 table`, `1,204 tables`, `2 indexes`."""
    return f"{count:,} {noun}{by_number(count, '', 'es' if noun.endswith('x') else 's')}"


def all_of(count: int, noun: str) -> str:
    """All of some things, at the start of a sentence: `All 1,204 items`, `The one item`."""
    return f"The one {noun}" if count == 1 else f"All {plural(count, noun)}"


def by_number(count: int, one: str, several: str) -> str:
    """The word that agrees with a count, such as `is` or `are`."""
    return one if count == 1 else several


def span(seconds: float) -> str:
    """A length of time in one unit: `45 s`, `9 min`, `3.5 h`."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR_AND_A_HALF:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / (60 * _MINUTE):.1f}".removesuffix(".0") + " h"


def pull_request(number: int) -> str:
    """A pull request in a sentence, by its number."""
    return f"pull request {code(f'#{number}')}"


def plain(sentence: str) -> str:
    """A sentence as one line of text without code spans."""
    return "".join(part for _, part in parts(visible(sentence)))


def plain_lines(sentences: str) -> str:
    """Several lines of sentences, without code spans."""
    return "\n".join(map(plain, sentences.split("\n")))


def parts(sentence: str) -> Iterator[tuple[bool, str]]:
    """The parts of a sentence in order, and whether each is a value."""
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


def rewritten(sentence: str, *, words: Callable[[str], str], value: Callable[[str], str]) -> str:
    """A sentence with other words and values. A value that stays the same keeps its span: it may name an input."""
    result = []
    end = 0
    for found in _SPAN.finditer(sentence):
        ((_, content),) = parts(found[0])
        new = value(content)
        result += [words(sentence[end : found.start()]), found[0] if new == content else code(new)]
        end = found.end()
    return "".join([*result, words(sentence[end:])])


def longest_backticks(text: str, *, least: int) -> int:
    """How many backticks are more than any run of them in the text."""
    return max(least, 1 + max((len(run) for run in re.findall("`+", text)), default=0))


def option(name: str) -> str:
    """The name of an input in a sentence: the action calls it `region`, the command `--region`.

    Two backticks tell it from a value of one; Markdown shows both alike.
    """
    return f"``{name}``"


def input_value(name: str, value: str) -> str:
    """An input with the value that the user gave it, as the subject of a sentence."""
    return f"{option(name)}: {code(value)}"


def as_options(sentence: str) -> str:
    """A sentence for users of the command: the names of inputs as options."""
    return _INPUT.sub(lambda found: f"`{_OPTIONS.get(found[1], f'--{found[1]}')}`", sentence)
