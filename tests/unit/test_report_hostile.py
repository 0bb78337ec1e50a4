"""Whatever text a stranger chooses, a report shows it as text: no markup, no link, no mention, no terminal escape."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dynatus_ci import report, text
from dynatus_ci.errors import AwsError, Fault, Place, Refusal
from dynatus_ci.report import finishing
from dynatus_ci.report import safe_markdown as words
from dynatus_ci.table.model import Action, Difference, Effect, Failure, Risk, Step, TableChange
from dynatus_ci.table.outcome import Outcome, Result, Status
from dynatus_ci.table.plans import Plan
from tests.reports import (
    GITHUB,
    TERMINAL,
    table_result,
)
from tests.shop import ACCOUNT

pytestmark = pytest.mark.slow

HOSTILE = "a|`b`</td><img src=x>@org/team\r\n##[add-mask]a ![x](y) www.evil.com m@evil.com <!-- \u202e\u2028 -->"

MARKUP = r"` `` ``` | \ \| * ** _ ~~ ~~~ === --- - + # > ( ) $x$ 1. 1) é 🦊 word deadbeef 1234567"
ELEMENTS = "<b> </td> </details> <!-- --> &amp; &#64; [x](y) ![x](y) :tada: @org/team #12 GH-12 ::error::"
ADDRESSES = "www.a.de https://a.de a@b.de mailto:a@b.de ##[add-mask]a"
FRAGMENTS = (
    *f"{MARKUP} {ELEMENTS} {ADDRESSES}".split(),
    *("\n", "\r\n", "\t", "\x1b[31m", "\u202e", "\u2028", "\ud800", " ", "    ", "[x]: y", "{{ x }}", "a1" * 20),
)
hostile = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=9).map("".join),
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=9).map(" ".join),
    st.text(max_size=40),
)
MANY = int(os.environ.get("HOSTILE_STRINGS", "100"))
many = settings(max_examples=MANY, deadline=None)


class Html(HTMLParser):
    """The elements of a page in order, and its text by whether it stands in code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.code: list[str] = []
        self.words = ""
        self.depth = 0
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and where it leads."""
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        if tag == "code":
            self.depth += 1
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave code."""
        self.depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        """Keep text by where it stands."""
        if self.depth:
            self.code[-1] += data
        else:
            self.words += data

    def handle_comment(self, data: str) -> None:
        """A comment is an element too."""
        self.tags.append(f"comment {data}")


TABLE = ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]


@many
@given(hostile)
def test_a_value_is_one_code_span_anywhere(value: str) -> None:
    shown = text.visible(value) or '""'
    line = Html(text.code(value))
    assert (line.tags, line.code, line.words.strip()) == (["p", "code"], [shown], "")
    row = Html(f"| a | b |\n|---|---|\n| {words.cell(text.code(value))} | end |")
    assert (row.tags, row.code, row.words.split()) == ([*TABLE[:8], "code", "td"], [shown], ["a", "b", "end"])
    folded = Html(f"<details><summary>{words.summary(value)}</summary>\n\nend\n\n</details>")
    assert (folded.tags, folded.code) == (["details", "summary", "code", "p"], [text.visible(value)])


@many
@given(hostile)
def test_lines_stay_in_their_fence(value: str) -> None:
    block = Html(words.quoted(words.fence(value, "diff")) + "\n\nend")
    assert (block.tags, block.words.split()) == (["blockquote", "pre", "code", "p"], ["end"])
    assert block.code == ["".join(f"{text.visible(line)}\n" for line in value.split("\n"))]


@many
@given(hostile)
def test_a_sentence_has_no_markup_but_code(value: str) -> None:
    sentence = f"It is {value} here"
    line = Html(f"- {words.prose(value)}\n- {words.prose(sentence)}")
    assert set(line.tags) <= {"ul", "li", "code"}
    assert not re.search(r"[@#<>&|*_~\[\]$\\]|www|://|\d{7}", line.words)
    row = Html(f"| a | b |\n|---|---|\n| {words.cell(words.prose(sentence))} | end |")
    assert [tag for tag in row.tags if tag != "code"] == TABLE
    folded = Html(f"<details><summary>{words.summary_prose(sentence)}</summary>\n\nend\n\n</details>")
    assert [tag for tag in folded.tags if tag != "code"] == ["details", "summary", "p"]


@many
@given(hostile)
def test_a_sentence_loses_nothing_but_blanks_and_backticks(value: str) -> None:
    def bare(shown: str) -> str:
        return re.sub("[` ]", "", shown)

    line = Html(words.prose(f"It is {value} here"))
    seen = "".join(sorted(bare(line.words.strip("\n") + "".join(line.code))))
    assert seen == "".join(sorted(bare(text.visible(f"It is {value} here"))))


def hostile_plan(value: str) -> Plan:
    """A plan in which everything that a stranger may choose is the same hostile text."""
    tag = Difference(value, ("Tags", value), value, value * 2, risk=Risk.DISRUPTIVE)
    index = Difference(
        value,
        ("GlobalSecondaryIndexes", value),
        {f"{value}!": value},
        None,
        effect=Effect.DELETE,
        risk=Risk.DESTRUCTIVE,
    )
    policy = Difference(value, ("ResourcePolicy",), None, {"Statement": [value * 9]})
    keys = {
        "KeySchema": [{"AttributeName": value, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": value, "AttributeType": "S"}],
    }
    local = {**keys, "IndexName": value, "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [value]}}
    itself = Difference(value, (), None, {**keys, "LocalSecondaryIndexes": [local]}, effect=Effect.CREATE)
    key = Difference(value, ("KeySchema",), keys, {**keys, "AttributeDefinitions": []}, effect=Effect.RECREATE)
    unknown = Difference(value, (value,), None, value)
    failure = Failure(value, value, operation=value, missing_permission=value)
    return Plan(
        (
            TableChange(
                value,
                Action.UPDATE,
                file=value,
                line=1,
                differences=(tag, index, policy, itself, key, unknown),
                steps=(Step("UpdateTable", {}, value, differences=(tag.id, index.id, policy.id), waits_for=value),),
                notes=(value,),
            ),
            TableChange(value, Action.RECREATE, differences=(itself, key), refusal=Refusal(value)),
            TableChange(value, Action.CREATE, differences=(itself, tag, index, policy)),
            TableChange(value, Action.NOOP, notes=(value,)),
            TableChange(value, None, error=failure),
        ),
        account=ACCOUNT,
        region=value,
        endpoint=value,
        notes=(value,),
    )


def hostile_reports(value: str) -> Iterator[str]:
    """All that GitHub may be shown of it."""
    seen = replace(
        GITHUB,
        environment=value,
        path=value,
        commit=value,
        baseline=value,
        notes=(value,),
        run_url=f"javascript:{value}",
        label_on=value,
    )
    planned = hostile_plan(value)
    table = table_result(
        planned.tables[0],
        Status.FAILED,
        result=Outcome.FAILED,
        backup=value,
        resume_at=value,
        error=planned.tables[-1].error,
        notes=(value,),
    )
    yield report.markdown(report.plan(planned, seen))
    yield report.markdown(report.plan(planned, replace(seen, unreviewed=frozenset(d.id for d in planned.differences))))
    yield report.markdown(report.drift(planned, seen))
    yield report.markdown(
        report.result(Result(planned, (table, replace(table, result=Outcome.PENDING)), Outcome.FAILED), seen)
    )
    yield report.markdown(report.result(Result(planned, (), Outcome.SUPERSEDED), replace(seen, superseded=value)))
    fault = Fault(Place(value, 1, 1, 1, 3), value, value, value)
    yield report.markdown(report.faults((fault,), seen, texts={value: value}))
    yield report.markdown(report.error(AwsError(value, operation=value, code=value, missing_permission=value), seen))


TEXT = {"a", "h3", "p", "blockquote", "strong", "ul", "ol", "li", "code", "pre", "details", "summary", "sub"}
LAID_OUT = TEXT | {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=MANY // 5, deadline=None)
@given(hostile)
@example(HOSTILE)
def test_a_hostile_plan_has_only_our_markup(value: str) -> None:
    for shown in hostile_reports(value):
        page = Html(shown)
        assert set(page.tags) <= LAID_OUT
        assert set(page.links) <= {finishing.DOCUMENTATION}
        assert "@" not in page.words


@given(hostile)
@settings(max_examples=MANY // 5, deadline=None)
def test_a_terminal_gets_no_escape_that_is_not_ours(value: str) -> None:
    value += "\x1b[2J\x07"
    planned = hostile_plan(value)
    table = table_result(planned.tables[0], Status.FAILED, result=Outcome.FAILED, backup=value, notes=(value,))
    for view in (
        report.plan(planned, TERMINAL),
        report.drift(planned, TERMINAL),
        report.result(Result(planned, (table,), Outcome.FAILED), TERMINAL),
        report.faults((Fault(Place(value, 1, 1, 1, 3), value, value, value),), TERMINAL, texts={value: value}),
        report.error(AwsError(value, operation=value, code=value), TERMINAL),
    ):
        bare = report.text(view)
        assert text.visible(bare.replace("\n", "")) == bare.replace("\n", "")
        assert re.sub(r"\x1b\[\d+m", "", report.text(view, colour=True)) == bare
