"""Reports are what people see: approved outputs, inert values, no account number, and a size that fits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from botocore.exceptions import ClientError
from cmarkgfm.cmark import Options
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dynatus_ci import report, review, text
from dynatus_ci.aws import call_errors
from dynatus_ci.definitions import loader
from dynatus_ci.errors import AwsError, FailureReason, Fault, InvalidDefinitions, InvalidInput, Place
from dynatus_ci.report import Report, ReportContext, grouping, layout, quantities, wording
from dynatus_ci.report import safe_markdown as words
from dynatus_ci.review import Gate, Scope
from dynatus_ci.table import emulators, planner
from dynatus_ci.table.aspects.base import Emptiness
from dynatus_ci.table.model import Action, Difference, Effect, Failure, Plan, Risk, Step, TableChange, Value
from dynatus_ci.table.outcome import Outcome, Result, Status, StepResult, TableResult
from tests import shop
from tests.shop import ACCOUNT, KNOWN, change, creation, plan

APPROVED = Path(__file__).parents[1] / "cases" / "reports"
HOSTILE = "a|`b`</td><img src=x>@org/team\r\n##[add-mask]a ![x](y) www.evil.com m@evil.com <!-- \u202e\u2028 -->"

GITHUB = ReportContext(
    path="resources/dynamo",
    environment="production",
    commit="4f2c9e1b7a6d5c4b3a29180706f5e4d3c2b1a090",
    run_url="https://github.com/acme/shop/actions/runs/17012345678",
    summary_url="https://github.com/acme/shop/actions/runs/17012345678#summary",
    approval="reviewed-plan",
    record=True,
    label_on="this pull request",
    in_github=True,
)
APPLY = replace(GITHUB, mode="apply", comment_url="https://github.com/acme/shop/pull/41#issuecomment-2", label_on="")
TERMINAL = ReportContext()
COMMENT = report.characters(60_000)


def everything_named(one: Plan) -> frozenset[str]:
    return frozenset(each.id for each in one.differences if each.risk is Risk.DESTRUCTIVE)


def ran(change: TableChange, *statuses: Status, result: Outcome, **more: object) -> TableResult:
    """What came of a table: its planned steps, each with how far it came."""
    steps = tuple(
        StepResult(one, status, one.seconds_itself[0] + 0.4 if status is Status.DONE else None)
        for one, status in zip(change.steps, statuses, strict=True)
    )
    return TableResult(change.table, change.action, result, steps, **more)  # type: ignore[arg-type]  # error, backup


FIRST = plan(creation("users"), creation("carts"), creation("orders"), creation("events"))
RED = plan(*map(change, ("orders", "users", "events", "archive", "carts", "countries", "currencies")))
UPDATES = plan(*map(change, ("users", "payments", "reports")))
BIG = plan(
    *(change("users", as_name=f"service-{n:03}-table") for n in range(20)),
    *(creation("users", as_name=f"table-{n:03}") for n in range(280)),
)
NOTHING = plan(change("countries"), change("currencies"))
EMPTY = plan(change("orders", replace(KNOWN, emptiness=Emptiness.EMPTY)), change("countries"))
UNPROVEN = plan(change("orders", replace(KNOWN, emptiness=Emptiness.UNKNOWN)), change("countries"))
LOCAL = replace(KNOWN, region="ddblocal", emulator=emulators.DYNAMODB_LOCAL)
AT_EMULATOR = replace(
    plan(creation("carts", LOCAL), creation("reports", LOCAL), change("countries"), endpoint="http://dynamodb:8000"),
    account=None,
)


def denied(operation: str, table: str) -> Failure:
    """What the product makes of AWS's refusal."""
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ci"
    arn = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{table}"
    why = f"because no identity-based policy allows the dynamodb:{operation} action"
    message = f"User: {who} is not authorized to perform: dynamodb:{operation} on resource: {arn} {why}"
    answer = {"Error": {"Code": "AccessDeniedException", "Message": message}, "ResponseMetadata": {}}
    error = ClientError(answer, operation)  # type: ignore[arg-type]  # what matters of an answer
    return call_errors.failure(call_errors.explain(error, operation=operation, table=table))


UNREADABLE = plan(
    TableChange("users", None, error=denied("DescribeTable", "users")), change("carts"), change("countries")
)


def reviewed_without(setting: tuple[str, ...], table: str) -> Gate:
    """The gate after a merged pull request whose plan did not hold a setting of a table; not all is named."""
    known = [
        replace(one, differences=tuple(d for d in one.differences if (d.table, d.path) != (table, setting)))
        for one in RED.tables
    ]
    scope = Scope()
    merged = review.PullRequest(41, "main", merged=True, contained=True, own=True)
    found = review.Finding(merged, "", record=review.new_record(plan(*known), scope, head=None))
    return Gate(review.reviews([found], scope, branch="main"), ("archive", "events", "users/*"))


def judged(one: TableChange, gate: Gate) -> TableResult:
    """A table that runs as a whole, or is refused in the gate's words."""
    refusal = next(filter(None, (gate.may_run(one, step) for step in one.steps)), None)
    if refusal is None:
        return ran(one, *[Status.DONE] * len(one.steps), result=Outcome.APPLIED if one.steps else Outcome.NOOP)
    error = Failure(refusal.reason.value, str(refusal), reason=refusal.reason)
    return ran(one, *[Status.REFUSED] * len(one.steps), result=Outcome.REFUSED, error=error)


GATE = reviewed_without(("StreamSpecification",), "users")
JUDGED = replace(APPLY, named=GATE.named(RED), unreviewed=frozenset(i for t in RED.tables for i in GATE.unreviewed(t)))


def refused() -> Result:
    tables = tuple(judged(one, GATE) for one in RED.tables)
    return Result(RED, tables, Outcome.REFUSED, FailureReason.PLAN_CHANGED)


def backup(table: str) -> str:
    return f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{table}/backup/01489602797149-73d8d5bc"


def partial() -> Result:
    """One table failed, one is pending, the rest is done."""
    done = Status.DONE
    by_name = {one.table: one for one in RED.tables}
    tables = (
        ran(by_name["archive"], done, done, result=Outcome.APPLIED, backup=backup("archive")),
        ran(by_name["carts"], done, done, result=Outcome.APPLIED),
        ran(by_name["countries"], result=Outcome.NOOP),
        ran(by_name["currencies"], result=Outcome.NOOP),
        ran(by_name["events"], done, done, done, result=Outcome.APPLIED),
        ran(
            by_name["orders"],
            *([done] * 4),
            Status.FAILED,
            result=Outcome.FAILED,
            backup=backup("orders"),
            error=denied("CreateTable", "orders"),
        ),
        ran(
            by_name["users"],
            *([done] * 6),
            Status.RUNNING,
            result=Outcome.PENDING,
            resume_at="2026-11-24T14:02:11Z",
        ),
    )
    return Result(RED, tables, Outcome.FAILED, FailureReason.ACCESS_DENIED)


def applied() -> Result:
    tables = tuple(ran(one, *[Status.DONE] * len(one.steps), result=Outcome.APPLIED) for one in FIRST.tables)
    return Result(FIRST, tables, Outcome.APPLIED)


def running() -> Result:
    orders = next(table for table in partial().tables if table.table == "orders")
    return Result(RED, (replace(orders, result=Outcome.PENDING, error=None),), Outcome.PENDING)


def broken() -> tuple[tuple[Fault, ...], dict[str, str]]:
    """The faults that the loader finds in some files, and the files' texts."""
    with pytest.raises(InvalidDefinitions) as invalid:
        loader.load(shop.SHOP / "broken")
    found = [(one, one.place) for one in invalid.value.faults]
    faults = tuple(replace(one, place=shop.in_repository(place)) for one, place in found)
    texts = {path.name: path.read_text("utf-8") for path in (shop.SHOP / "broken").iterdir()}
    return faults, {f"{shop.FOLDER}/{name}": text for name, text in texts.items()}


FAULTS, SOURCES = broken()

CASES: dict[str, Callable[[], Report | str]] = {
    "first-plan.md": lambda: report.plan(FIRST, GITHUB),
    "red-plan.md": lambda: report.plan(RED, GITHUB),
    "labelled-plan.md": lambda: report.plan(RED, replace(GITHUB, named=everything_named(RED))),
    "updates-plan.md": lambda: report.plan(UPDATES, replace(GITHUB, named=everything_named(UPDATES))),
    "empty-plan.md": lambda: report.plan(EMPTY, GITHUB),
    "unproven-plan.md": lambda: report.plan(UNPROVEN, GITHUB),
    "emulator-plan.md": lambda: report.plan(
        AT_EMULATOR, replace(GITHUB, environment="preview", approval="none", label_on="")
    ),
    "unreadable-plan.md": lambda: report.plan(UNREADABLE, GITHUB),
    "no-changes.md": lambda: report.plan(NOTHING, GITHUB),
    "big-plan.md": lambda: report.plan(BIG, GITHUB),
    "refused-apply.md": lambda: report.result(refused(), JUDGED),
    "partial-apply.md": lambda: report.result(partial(), replace(APPLY, named=everything_named(RED))),
    "running-apply.md": lambda: report.result(running(), replace(APPLY, running=True)),
    "applied.md": lambda: report.result(applied(), APPLY),
    "drift.md": lambda: report.drift(RED, replace(GITHUB, mode="drift")),
    "faults.md": lambda: report.faults(FAULTS, GITHUB, sources=SOURCES),
    "error.md": lambda: report.error(InvalidInput("`mode` is `paln`.", hint="Write `plan` or `apply`."), GITHUB),
    "first-plan.txt": lambda: report.plan(FIRST, TERMINAL),
    "red-plan.txt": lambda: report.plan(RED, TERMINAL),
    "no-changes.txt": lambda: report.plan(NOTHING, TERMINAL),
    "updates-plan.txt": lambda: report.plan(UPDATES, TERMINAL),
    "refused-apply.txt": lambda: report.result(refused(), replace(TERMINAL, named=JUDGED.named)),
    "applied.txt": lambda: report.result(applied(), TERMINAL),
    "partial-apply.txt": lambda: report.result(partial(), replace(TERMINAL, named=everything_named(RED))),
    "drift.txt": lambda: report.drift(RED, TERMINAL),
    "faults.txt": lambda: report.faults_text(FAULTS),
    "faults-whole.txt": lambda: report.faults(FAULTS, TERMINAL),
}


def shown(name: str) -> str:
    """A case in the layout that its name ends in."""
    made = CASES[name]()
    if isinstance(made, str):
        return made
    return report.markdown(made, size=COMMENT) if name.endswith(".md") else report.text(made)


@pytest.mark.parametrize("name", CASES)
def test_a_report_reads_as_it_was_approved(name: str) -> None:
    """`APPROVE=1 pytest tests/unit/test_report.py` writes the files; look at each before committing it."""
    approved = APPROVED / name
    if os.environ.get("APPROVE"):
        approved.write_text(shown(name), encoding="utf-8")
    assert shown(name) == approved.read_text(encoding="utf-8")


def test_every_approved_report_has_its_case() -> None:
    assert {path.name for path in APPROVED.iterdir()} == set(CASES)


# --- hostile values stay inert ---------------------------------------------------------------------------------------

FRAGMENTS = (
    *(
        "`",
        "``",
        "```",
        "|",
        "\\",
        "\\|",
        "*",
        "**",
        "_",
        "~~",
        "~~~",
        "===",
        "---",
        "-",
        "+",
        "#",
        ">",
        "(",
        ")",
        "$x$",
        "1.",
        "1)",
    ),
    *(
        "\n",
        "\r\n",
        "\t",
        "\x1b[31m",
        "\u202e",
        "\u2028",
        "\ud800",
        " ",
        "    ",
        "é",
        "🦊",
        "word",
        "deadbeef",
        "1234567",
        "a1" * 20,
    ),
    *(
        "<b>",
        "</td>",
        "</details>",
        "<!--",
        "-->",
        "&amp;",
        "&#64;",
        "[x](y)",
        "![x](y)",
        "[x]: y",
        ":tada:",
        "{{ x }}",
    ),
    *("@org/team", "#12", "GH-12", "www.a.de", "https://a.de", "a@b.de", "mailto:a@b.de", "::error::", "##[add-mask]a"),
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
            TableChange(value, Action.RECREATE, differences=(itself, key), refusal=value),
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
    table = ran(
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
    yield report.markdown(report.faults((fault,), seen, sources={value: value}))
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
        assert set(page.links) <= {layout.DOCUMENTATION}
        assert "@" not in page.words


@given(hostile)
@settings(max_examples=MANY // 5, deadline=None)
def test_a_terminal_gets_no_escape_that_is_not_ours(value: str) -> None:
    value += "\x1b[2J\x07"
    planned = hostile_plan(value)
    table = ran(planned.tables[0], Status.FAILED, result=Outcome.FAILED, backup=value, notes=(value,))
    for view in (
        report.plan(planned, TERMINAL),
        report.drift(planned, TERMINAL),
        report.result(Result(planned, (table,), Outcome.FAILED), TERMINAL),
        report.faults((Fault(Place(value, 1, 1, 1, 3), value, value, value),), TERMINAL, sources={value: value}),
        report.error(AwsError(value, operation=value, code=value), TERMINAL),
    ):
        bare = report.text(view)
        assert text.visible(bare.replace("\n", "")) == bare.replace("\n", "")
        assert re.sub(r"\x1b\[\d+m", "", report.text(view, colour=True)) == bare


# --- no account number, and a size that fits -------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["production", None])
def test_github_is_shown_no_account_number(environment: str | None) -> None:
    named = f"logs-{ACCOUNT}"
    unreadable = TableChange("x", None, error=denied("DescribeTable", "x"))
    planned = plan(change("orders", as_name=named), change("users"), unreadable)
    table = ran(planned.tables[0], *[Status.DONE] * 5, result=Outcome.APPLIED, backup=planned.tables[0].info.arn)  # type: ignore[union-attr]  # it is live
    seen = replace(GITHUB, environment=environment)
    shown = [
        report.markdown(report.plan(planned, seen)),
        report.text(report.plan(planned, seen)),
        report.markdown(report.result(Result(planned, (table,), Outcome.APPLIED), seen)),
        report.markdown(report.error(InvalidInput(f"Credentials of {ACCOUNT}, not 999988887777."), seen)),
    ]
    assert not re.search(r"(?<!\d)\d{12}(?!\d)", re.sub(r"https?://\S+", "", "".join(shown)))
    assert "account `****9012`" in shown[0]
    assert "  logs-????????9012\n" in shown[0]


def test_a_terminal_is_shown_the_account() -> None:
    assert f"account {ACCOUNT}" in report.text(report.plan(FIRST, TERMINAL))


def all_different(*changes: TableChange) -> Plan:
    """Changes that no report can put together."""
    return plan(*(replace(one, notes=(*one.notes, f"Number {number}.")) for number, one in enumerate(changes)))


@pytest.mark.parametrize("limit", [2_000, 3_000, 10_000, 60_000])
def test_a_long_plan_fits_and_is_cut_between_its_parts(limit: int) -> None:
    wide = all_different(
        *(change("users", as_name=f"🦊-{n}") for n in range(60)),
        *(creation("carts", as_name=f"t{n}") for n in range(1_000)),
    )
    shown = report.markdown(report.plan(wide, GITHUB), size=report.characters(limit))
    assert len(shown) <= limit
    assert shown.count("<details>") == shown.count("</details>")
    assert len(re.findall("^(?:> )?```", shown, flags=re.MULTILINE)) % 2 == 0
    assert GITHUB.summary_url is not None
    assert f"(<{GITHUB.summary_url}>)" in shown
    assert shown.endswith("</sub>\n")


def test_many_faults_of_one_file_are_cut_one_by_one() -> None:
    faults = [Fault(Place("x.edn", n, 1, n, 2), "bad-value", "It is no value.") for n in range(1, 3_000)]
    shown = report.markdown(report.faults(faults, GITHUB), size=COMMENT)
    assert 55_000 < len(shown) <= 60_000
    assert "2,999 errors in 1 file" in shown
    assert re.search(r"the details of [\d,]+ faults are left out", shown)


def test_a_summary_is_measured_in_bytes() -> None:
    wide = all_different(*(creation("carts", as_name="🦊" * 200 + str(n)) for n in range(900)))
    shown = report.markdown(report.plan(wide, GITHUB), size=report.SUMMARY)
    assert 1_000_000 < len(shown.encode()) <= 1_048_576


def test_what_is_cut_first_is_the_detail_of_the_least_risky() -> None:
    shown = report.markdown(report.plan(all_different(*BIG.tables), GITHUB), size=COMMENT)
    assert "<code>service-000-table</code>" in shown
    assert "<code>table-279</code>" not in shown
    assert "are left out. [See all of it]" in shown


# --- many tables with the same change --------------------------------------------------------------------------------


def test_tables_with_the_same_change_share_a_row_a_sentence_and_a_section() -> None:
    shown = report.markdown(report.plan(BIG, GITHUB))
    assert "and 275 more | create | " in shown
    assert "Index `email-index` of 20 tables (`service-000-table`, `service-001-table`, " in shown
    assert "<summary>280 tables: create, 2 steps" in shown
    assert "<summary>🔴 20 tables: update, 7 steps" in shown


def test_a_plan_asks_for_the_shortest_patterns_that_approve_it() -> None:
    assert "  service-0*-table/email-index\n> ```" in report.markdown(report.plan(BIG, GITHUB))


@pytest.mark.parametrize(
    ("approved", "others", "expected"),
    [
        (["svc-a", "svc-b", "svc-c"], [], ["svc-*"]),
        (["svc-a/x", "svc-b/x", "svc-c/x", "svc-a/y"], [], ["svc-*/x", "svc-a/y"]),
        (["svc-a", "svc-b", "svc-c"], ["svc-d"], ["svc-a", "svc-b", "svc-c"]),
        (["svc-a/x", "svc-b/x", "svc-c/x"], ["svc-d", "svc-d/y"], ["svc-*/x"]),
        (["svc-a", "svc-b"], [], ["svc-a", "svc-b"]),
        (["a-1", "b-1", "c-1"], [], ["a-1", "b-1", "c-1"]),
        (["pre-a-table", "pre-b-table", "pre-a-table-table"], [], ["pre-*-table"]),
    ],
)
def test_a_pattern_matches_what_is_to_be_approved_and_nothing_else(
    approved: list[str], others: list[str], expected: list[str]
) -> None:
    assert grouping.patterns(approved, others=others) == expected


# --- how long, and for whom ------------------------------------------------------------------------------------------


def test_the_whole_plan_takes_as_long_as_its_slowest_table_where_all_run_at_once() -> None:
    assert " · takes 9 min or more in all" in report.markdown(report.plan(RED, GITHUB))


def test_a_plan_that_takes_longer_than_apply_may_is_a_warning() -> None:
    slow = report.markdown(report.plan(RED, replace(GITHUB, wait_minutes=5)))
    assert "apply stops waiting after 5 min (`wait-minutes`)" in slow
    assert "(--wait-minutes)" in report.text(report.plan(RED, replace(TERMINAL, wait_minutes=5)))
    assert "stops waiting" not in report.markdown(report.plan(RED, replace(GITHUB, wait_minutes=60)))


def test_a_repository_makes_links_of_files_and_of_the_commit() -> None:
    shown = report.markdown(report.plan(RED, replace(GITHUB, repository_url="https://github.com/acme/shop")))
    page, commit = "https://github.com/acme/shop", GITHUB.commit
    assert f"[`resources/dynamo/users.edn:1`](<{page}/blob/{commit}/resources/dynamo/users.edn#L1>)" in shown
    assert f"commit [`4f2c9e1`](<{page}/commit/{commit}>)" in shown


def test_a_plan_says_who_approved_what_is_destructive() -> None:
    named = everything_named(RED)
    by = dict.fromkeys(named, "the label on pull request #41")
    shown = report.markdown(report.plan(RED, replace(GITHUB, named=named, approved_by=by)))
    assert "**4 destructive changes, approved by the label on pull request `#41`**" in shown


def test_warnings_of_the_run_are_in_the_report() -> None:
    warned = replace(GITHUB, warnings=("No `#profile` names the environment `production`.",))
    for shown in (report.markdown(report.plan(FIRST, warned)), report.markdown(report.result(applied(), warned))):
        assert "> **Warnings of this run**\n> - No `#profile` names the environment `production`." in shown


def test_a_note_of_the_users_own_is_plain_text() -> None:
    assert "\n`*Ask* @ops first`\n" in report.markdown(report.plan(FIRST, replace(GITHUB, note="*Ask* @ops first")))


# --- the terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_terminal_wraps_at_words_and_hangs_what_follows(width: int) -> None:
    lines = report.text(report.plan(RED, TERMINAL), width=width).splitlines()
    assert max(map(len, lines)) <= width
    stop = next(number for number, line in enumerate(lines) if line.startswith("  - Table archive"))
    assert lines[stop + 1].startswith("    ")
    assert not lines[stop + 1].startswith("     ")


def test_the_last_line_of_a_terminal_says_what_is_not_approved() -> None:
    last = report.text(report.plan(RED, TERMINAL)).splitlines()[-1]
    assert last == (
        "Plan: 1 to create, 2 to update, 1 to recreate, 1 to delete, 2 unchanged · 4 destructive changes, not approved."
    )


# --- what is said ----------------------------------------------------------------------------------------------------


def test_a_plan_is_not_called_blocked_where_no_label_could_approve_it() -> None:
    shown = report.markdown(report.plan(RED, replace(GITHUB, label_on="")))
    assert "blocked" not in shown
    assert "dynatus:allow-destructive" not in shown
    assert "allow-destructive: |" in shown


def test_what_is_destructive_only_unless_empty_blocks_nothing() -> None:
    assert "blocked" not in report.markdown(report.plan(UNPROVEN, GITHUB))


def test_a_change_that_is_always_refused_has_no_words_that_approve_it() -> None:
    shown = report.markdown(
        report.plan(plan(replace(change("orders"), steps=(), refusal="The table has replicas.")), GITHUB)
    )
    assert "The table has replicas." in shown
    assert "allow-destructive" not in shown


@pytest.mark.parametrize(
    ("approval", "record", "expected"),
    [
        ("none", False, "without a review"),
        ("reviewed-plan", True, "Merging approves this plan."),
        ("reviewed-plan", False, "No record of this plan was written."),
        ("reviewed", False, "from its file"),
    ],
)
def test_a_plan_says_how_it_is_approved(approval: str, *, record: bool, expected: str) -> None:
    assert expected in report.markdown(report.plan(FIRST, replace(GITHUB, approval=approval, record=record)))


def test_a_label_that_was_taken_off_is_told() -> None:
    assert "was removed" in report.markdown(report.plan(RED, replace(GITHUB, label_removed=True)))


def test_a_running_apply_names_its_backup_before_anything_goes() -> None:
    shown = report.markdown(report.result(running(), replace(APPLY, running=True)))
    assert "running, 5 tables" in shown
    assert "--backup-arn arn:aws:dynamodb:eu-west-1:${ACCOUNT}:table/orders/backup/" in shown


def test_a_superseded_apply_names_the_commit_that_applies() -> None:
    why = review.superseded("c" * 40, tip="abcdef0123456", read={"a": "1"}, there={}, here={"a": "1"})
    shown = report.markdown(report.result(Result(RED, (), Outcome.SUPERSEDED), replace(APPLY, superseded=why)))
    assert "other definitions by now: the run of commit `abcdef0` is to apply them." in shown


def test_a_refusal_found_at_apply_is_told_though_the_plan_did_not_know_it() -> None:
    error = Failure("destructive-blocked", "users: It holds items now.", reason=FailureReason.DESTRUCTIVE_BLOCKED)
    table = ran(creation("users"), *[Status.REFUSED] * 2, result=Outcome.REFUSED, error=error)
    shown = report.markdown(report.result(Result(plan(creation("users")), (table,), Outcome.REFUSED), APPLY))
    assert "- `users`: It holds items now." in shown


STREAMS = "The stream was arn:aws:dynamodb:eu-west-1:1:stream/a and is arn:aws:dynamodb:eu-west-1:1:stream/b now."


def test_what_only_the_run_could_tell_is_told() -> None:
    one = change("users")
    table = ran(one, *[Status.DONE] * len(one.steps), result=Outcome.APPLIED, notes=(STREAMS,))
    result = Result(plan(one), (table,), Outcome.APPLIED)
    assert f"    {STREAMS}\n" in report.text(report.result(result, TERMINAL))
    assert f"- {words.prose(STREAMS)}\n" in report.markdown(report.result(result, APPLY))


def test_nothing_of_a_new_table_is_at_risk() -> None:
    made, live = creation("events"), change("events")
    expiry = next(step for step in live.steps if step.operation == "UpdateTimeToLive")
    assert expiry.risk is Risk.DISRUPTIVE
    steps = (StepResult(made.steps[0], Status.DONE, 2.0), StepResult(expiry, Status.DONE, 1.0))
    table = TableResult("events", Action.CREATE, Outcome.APPLIED, steps)
    shown = report.markdown(report.result(Result(plan(made), (table,), Outcome.APPLIED), APPLY))
    assert "expire items by `expires_at` · **done**" in shown
    assert "🟡" not in shown


def test_a_key_cannot_pass_for_a_place_in_a_sentence() -> None:
    old, new = ({"Enabled": True, "KMSMasterKeyId": f"alias/{name}"} for name in ("{table}", "MY-TABLE"))
    other = Difference("users", ("SSESpecification",), old, new, risk=Risk.DISRUPTIVE)
    shown = report.text(report.plan(plan(replace(change("users"), differences=(other,))), TERMINAL))
    assert "users is encrypted with another key (KMS key alias/{table} → KMS key alias/MY-TABLE)." in shown


def test_what_an_emulator_cannot_keep_is_told_once_and_is_no_difference() -> None:
    live = shop.described(shop.AFTER["carts"].body)
    shown = report.markdown(report.plan(plan(planner.change(shop.desired("carts"), live, LOCAL)), GITHUB))
    assert shown.count("Tags") == 1
    assert "`carts`: DynamoDB Local cannot keep Tags; on AWS it would be set." in shown
    assert "no changes" in shown


def test_faults_are_lines_for_programs() -> None:
    fault = Fault(Place("a\nb.edn", 3, 15, 3, 31), "bad-value", "No\u202e billing mode.", "Write one.")
    assert report.faults_text([fault]) == "a\ufffdb.edn:3:15: bad-value: No\ufffd billing mode. Write one.\n"


@pytest.mark.parametrize(
    ("line", "place", "expected"),
    [
        ("{:a 1}", (1, 2, 1, 4), "1 | {:a 1}\n  |  ^^"),
        ("{\t:a", (1, 3, 2, 4), "1 | { :a\n  |   ^^"),
        ("{:狐 1}", (1, 5, 1, 6), "1 | {:狐 1}\n  |      ^"),
        ("x" * 300, (1, 201, 1, 202), f"1 | …{'x' * 100}…\n  | {' ' * 51}^"),
        ("{", (1, 2, 1, 2), "1 | {\n  |  ^"),
    ],
)
def test_a_caret_stands_below_the_fault(line: str, place: tuple[int, int, int, int], expected: str) -> None:
    fault = Fault(Place("x.edn", *place), "c", "m")
    shown = report.markdown(report.faults([fault], GITHUB, sources={"x.edn": line}))
    assert expected in shown.replace("\n  ", "\n")


@pytest.mark.parametrize("url", ["", "javascript:x", "https://a.de/>x", "https://a.de/ x", "https://a.de/\n", "//a.de"])
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    assert "[run]" not in report.markdown(report.plan(FIRST, replace(GITHUB, run_url=url)))


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (540, None, "9 min or more"),
        (0, None, "grows with the data"),
        (0, 1, "1 s"),
        (0, 30, "up to 30 s"),
        (4, 30, "4 to 30 s"),
        (10, 120, "10 s to 2 min"),
        (1860, 7200, "31 min to 2 h"),
    ],
)
def test_a_duration_is_a_range_in_words(least: int, most: int | None, expected: str) -> None:
    assert quantities.duration(least, most) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 KB"), (2_130_000_000, "2.1 GB"), (10**16, "10,000.0 TB")],
)
def test_a_size_has_a_unit(count: int, expected: str) -> None:
    assert quantities.size(count) == expected


KEY = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "at", "AttributeType": "N"},
        {"AttributeName": "id", "AttributeType": "S"},
    ],
}
WIDE = {
    "KeySchema": [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip("abc", ("HASH", "HASH", "RANGE"), strict=True)
    ],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in "abc"],
}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 12_000}
INCLUDE = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "total"]}
INDEX = ("GlobalSecondaryIndexes", "by-day")


@pytest.mark.parametrize(
    ("path", "value", "label", "phrase"),
    [
        ((), {**KEY, "BillingMode": "PAY_PER_REQUEST"}, "table", "key id (S), at (N) · PAY_PER_REQUEST"),
        (
            (),
            {**KEY, "BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS},
            "table",
            "key id (S), at (N) · PROVISIONED 5 read, 12,000 write",
        ),
        (
            (),
            {**KEY, "BillingMode": "PAY_PER_REQUEST", "OnDemandThroughput": {"MaxReadRequestUnits": 100}},
            "table",
            "key id (S), at (N) · PAY_PER_REQUEST · at most 100 read",
        ),
        ((), {"KeySchema": KEY, "BillingMode": "PROVISIONED"}, "table", "key id (S), at (N) · PROVISIONED"),
        (("KeySchema",), KEY, "key", "id (S), at (N)"),
        (INDEX, {**WIDE, "Projection": {"ProjectionType": "ALL"}}, "index `by-day`", "a (S) + b (S), c (S) · ALL"),
        (
            INDEX,
            {**KEY, "Projection": INCLUDE, "ProvisionedThroughput": UNITS},
            "index `by-day`",
            "id (S), at (N) · INCLUDE status, total · 5 read, 12,000 write",
        ),
        (
            INDEX,
            {
                **KEY,
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 40},
                "WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000},
            },
            "index `by-day`",
            "id (S), at (N) · KEYS_ONLY · at most 40 write · warm 12,000 read, 4,000 write",
        ),
        ((*INDEX, "ProvisionedThroughput"), UNITS, "index `by-day` capacity", "5 read, 12,000 write"),
        (
            ("OnDemandThroughput",),
            {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 40},
            "on-demand limits",
            "unlimited read, 40 write",
        ),
        (("WarmThroughput",), {"ReadUnitsPerSecond": 20_000}, "warm throughput", "20,000 read a second"),
        (
            ("StreamSpecification",),
            {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            "stream",
            "on, KEYS_ONLY",
        ),
        (("StreamSpecification",), {"StreamEnabled": False}, "stream", "off"),
        (("TimeToLiveSpecification",), {"Enabled": True, "AttributeName": "expires"}, "time to live", "by expires"),
        (("TimeToLiveSpecification",), {"Enabled": False}, "time to live", "off"),
        (
            ("PointInTimeRecoverySpecification",),
            {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7},
            "point-in-time recovery",
            "on, 7 days",
        ),
        (
            ("PointInTimeRecoverySpecification",),
            {"PointInTimeRecoveryEnabled": False},
            "point-in-time recovery",
            "off",
        ),
        (("SSESpecification",), {"Enabled": False}, "encryption", "AWS owned key"),
        (("SSESpecification",), {"Enabled": True, "SSEType": "KMS"}, "encryption", "AWS managed key"),
        (
            ("SSESpecification",),
            {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/shop"},
            "encryption",
            "KMS key alias/shop",
        ),
        (("DeletionProtectionEnabled",), True, "deletion protection", "on"),
        (("TableClass",), "STANDARD", "table class", "STANDARD"),
        (
            (*INDEX, "ContributorInsightsSpecification"),
            {"Enabled": True, "Mode": "THROTTLED_KEYS"},
            "index `by-day` contributor insights",
            "on, THROTTLED_KEYS",
        ),
        (
            ("KinesisStreamSpecification",),
            {"StreamArn": "arn:x", "ApproximateCreationDateTimePrecision": "MICROSECOND"},
            "Kinesis stream",
            "arn:x, MICROSECOND",
        ),
        (("Replicas", "us-east-1"), {}, "replica `us-east-1`", "like the table"),
        (
            ("Replicas", "us-east-1"),
            {
                "KMSMasterKeyId": "k",
                "TableClassOverride": "STANDARD",
                "GlobalSecondaryIndexes": {"by-day": {"ProvisionedThroughputOverride": {"ReadCapacityUnits": 5}}},
            },
            "replica `us-east-1`",
            "STANDARD · KMS key k · index by-day: 5 read",
        ),
        (("Tags", "team"), "a, b", "tag `team`", "a, b"),
        (("Tags", "team"), "", "tag `team`", '""'),
    ],
)
def test_a_value_is_a_phrase(path: tuple[str, ...], value: Value, label: str, phrase: str) -> None:
    assert wording.name(path) == label
    for sides in (wording.sides(Difference("t", path, value, None)), wording.sides(Difference("t", path, None, value))):
        assert sides is not None
        assert {**sides[0], **sides[1]} == {path: phrase}


def test_a_local_index_of_a_new_table_has_a_phrase_of_its_own() -> None:
    sides = wording.sides(creation("orders").differences[0])
    assert sides == (
        {},
        {
            (): "key customer_id (S), created_at (N) · PAY_PER_REQUEST",
            ("LocalSecondaryIndexes", "by-status"): "customer_id (S), status (S) · KEYS_ONLY",
        },
    )


def test_what_the_file_leaves_out_of_an_index_is_no_difference() -> None:
    live = {**KEY, "Projection": INCLUDE, "WarmThroughput": {"ReadUnitsPerSecond": 12_000}}
    sides = wording.sides(Difference("t", INDEX, live, {**KEY, "Projection": {"ProjectionType": "ALL"}}))
    assert sides == (
        {INDEX: "id (S), at (N) · INCLUDE status, total"},
        {INDEX: "id (S), at (N) · ALL"},
    )


def test_a_member_that_no_phrase_tells_of_is_shown_as_json() -> None:
    new = Difference("users", ("StreamSpecification",), None, {"StreamEnabled": True, "Colour": "red"})
    shown = report.text(report.plan(plan(replace(change("users"), differences=(new,))), TERMINAL))
    assert re.findall(r"[+-] +\S.*", shown) == ['+  "StreamEnabled": true,', '+  "Colour": "red"']


def test_an_attribute_cannot_pass_for_more_than_a_name() -> None:
    key = {"KeySchema": [{"AttributeName": "id (S) · ALL", "KeyType": "HASH"}], "AttributeDefinitions": []}
    sides = wording.sides(Difference("t", ("KeySchema",), None, key))
    assert sides == ({}, {("KeySchema",): '"id (S) · ALL" (?)'})


def test_a_policy_is_compared_line_by_line() -> None:
    policy = next(one for one in change("reports").differences if one.path == ("ResourcePolicy",))
    assert wording.sides(policy) is None
    assert [line for line in wording.diff(policy.actual, policy.desired) if line[0] in "+-"] == [
        '-      "Action": "dynamodb:GetItem",',
        '+      "Action": [',
        '+        "dynamodb:GetItem",',
        '+        "dynamodb:Query"',
        "+      ],",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("carts", "\\+ table · + index `by-user` · time to live · tag `team`"),
        ("reports", "table class `STANDARD` → `STANDARD_INFREQUENT_ACCESS` · resource policy"),
        ("orders", "key `id (S)` → `customer_id (S), created_at (N)` · + local index `by-status`"),
        ("archive", "\N{MINUS SIGN} table and its items"),
    ],
)
def test_the_overview_says_what_changes(name: str, expected: str) -> None:
    assert f" | {expected} | " in report.markdown(report.plan(plan(change(name)), GITHUB))


def test_apply_shows_its_plan_without_the_advice_to_apply() -> None:
    assert "dynatus apply" in report.text(report.plan(FIRST, TERMINAL))
    assert "dynatus apply" not in report.text(report.plan(FIRST, replace(TERMINAL, mode="apply")))


def test_a_table_with_another_key_drifts_by_that_alone() -> None:
    shown = report.text(report.drift(plan(change("orders")), TERMINAL))
    assert "~ key: id (S) → customer_id (S), created_at (N)" in shown
    assert "stream" not in shown


def test_a_table_that_is_proven_empty_has_no_items_at_stake() -> None:
    assert "items, 2.1 GB" in report.markdown(report.plan(UNPROVEN, GITHUB))
    assert "items, 2.1 GB" not in report.markdown(report.plan(EMPTY, GITHUB))


def test_a_small_new_table_is_a_few_lines_in_a_terminal() -> None:
    shown = report.text(report.plan(plan(creation("users")), TERMINAL))
    assert shown.split("\n\n")[1].count("\n") == 2
