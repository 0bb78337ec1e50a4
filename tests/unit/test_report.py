"""Reports are what people see: approved outputs, inert values, no account number, and a size that fits."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dynatus_ci import report
from dynatus_ci.errors import AwsError, FailureReason, Fault, InvalidInput, Place
from dynatus_ci.report import Context, text, values
from dynatus_ci.schema import replacement
from dynatus_ci.schema.model import (
    Action,
    Difference,
    Effect,
    Failure,
    Live,
    Outcome,
    Plan,
    Result,
    Risk,
    Status,
    Step,
    StepResult,
    TableChange,
    TableResult,
    Value,
)

APPROVED = Path(__file__).parents[1] / "cases" / "reports"
ACCOUNT = "123456789012"
HOSTILE = "a|`b`</td><img src=x>@org/team\r\n##[add-mask]a ![x](y) www.evil.com m@evil.com <!-- \u202e\u2028 -->"

GITHUB = Context(
    path="resources/dynamo",
    environment="production",
    commit="4f2c9e1b7a6d5c4b3a29180706f5e4d3c2b1a090",
    run_url="https://github.com/acme/shop/actions/runs/17012345678",
    summary_url="https://github.com/acme/shop/actions/runs/17012345678#summary",
    approval="reviewed-plan",
    record=True,
    label_offered=True,
    in_github=True,
)
APPLY = replace(
    GITHUB, mode="apply", comment_url="https://github.com/acme/shop/pull/41#issuecomment-2", label_offered=False
)
TERMINAL = Context()


def difference(table: str, path: str, actual: Value, desired: Value, **more: object) -> Difference:
    return Difference(table, tuple(path.split("/")) if path else (), actual, desired, **more)  # type: ignore[arg-type]  # Effect, Risk


def step(operation: str, reason: str, *served: Difference, **more: object) -> Step:
    return Step(
        operation,
        {},
        reason,
        differences=tuple(one.id for one in served),
        risk=Risk.highest(one.risk for one in served),
        **more,  # type: ignore[arg-type]  # waits_for, seconds, cooldown
    )


def created(name: str, *, key: str = "id", index: str | None = None, ttl: str | None = None) -> TableChange:
    """A new table, with what usually comes with one."""
    table = difference(
        name,
        "",
        None,
        {
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
        effect=Effect.CREATE,
    )
    found = [table, difference(name, "Tags/team", None, "accounts")]
    if index:
        keys = [{"AttributeName": "email", "KeyType": "HASH", "AttributeType": "S"}]
        desired = {"KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
        found.append(difference(name, f"GlobalSecondaryIndexes/{index}", None, desired))
    steps = [step("CreateTable", f"create table {name}", *found, waits_for="table ACTIVE", seconds=(4, 30))]
    if ttl:
        found.append(difference(name, "TimeToLiveSpecification", None, {"AttributeName": ttl, "Enabled": True}))
        steps.append(step("UpdateTimeToLive", "time to live on", found[-1], seconds=(0, 5)))
    file = f"resources/dynamo/{name}.edn"
    return TableChange(name, Action.CREATE, file=file, line=2, differences=tuple(found), steps=tuple(steps))


def recreated(name: str = "orders", *, items: int = 1_204_331) -> TableChange:
    """A table whose key changes."""
    risk = Risk.DESTRUCTIVE if items else Risk.DISRUPTIVE
    before, after = [{"AttributeName": "id", "KeyType": "HASH"}], [{"AttributeName": "customer_id", "KeyType": "HASH"}]
    key = difference(name, "KeySchema", before, after, effect=Effect.RECREATE, risk=risk)
    types = ({"id": "S"}, {"customer_id": "S"})
    table = difference(
        name,
        "",
        {"KeySchema": before, "AttributeDefinitions": types[0]},
        {"KeySchema": after, "AttributeDefinitions": types[1]},
        effect=Effect.RECREATE,
        risk=risk,
    )
    backup = [
        step(
            "CreateBackup",
            "copy the items before the table goes",
            table,
            waits_for="backup AVAILABLE",
            seconds=(5, None),
        )
    ]
    return TableChange(
        name,
        Action.RECREATE,
        file=f"resources/dynamo/{name}.edn",
        line=1,
        table_id="0b4c8f5e-9a53-4c0f-8c1e-0d5a3b2f1e77",
        differences=(table, key),
        steps=(
            *(backup if items else ()),
            step(
                "DeleteTable", "delete the table with the old key", table, key, waits_for="table gone", seconds=(4, 30)
            ),
            step("CreateTable", "create it with the new key", table, key, waits_for="table ACTIVE", seconds=(4, 30)),
        ),
        notes=(
            (replacement.WRITERS_STOP,)
            if items
            else ("The table is empty (a consistent scan found no item, and recovery is off).",)
        )
        + (replacement.NEVER_KEPT,),
        live=Live(
            "0b4c8f5e-9a53-4c0f-8c1e-0d5a3b2f1e77",
            f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{name}",
            "ACTIVE",
            items=items,
            bytes=items * 1750,
        ),
    )


def updated(name: str = "users") -> TableChange:
    """A table with a bit of everything: an index rebuilt, a stream, tags, a policy, capacity."""
    index = difference(
        name,
        "GlobalSecondaryIndexes/email-index",
        {"KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}], "Projection": {"ProjectionType": "KEYS_ONLY"}},
        {"KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}},
        effect=Effect.REBUILD_INDEX,
        risk=Risk.DESTRUCTIVE,
    )
    stream = difference(
        name,
        "StreamSpecification",
        {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        risk=Risk.DISRUPTIVE,
    )
    protection = difference(name, "DeletionProtectionEnabled", actual=False, desired=True)
    tag = difference(name, "Tags/team", "accounts", "identity")
    policy = difference(
        name, "ResourcePolicy", statement("dynamodb:GetItem"), statement("dynamodb:GetItem", "dynamodb:Query")
    )
    return TableChange(
        name,
        Action.UPDATE,
        file="resources/dynamo/users.edn",
        line=2,
        table_id="7d0f",
        differences=(index, stream, protection, tag, policy),
        steps=(
            step("UpdateTable", "deletion protection on", protection, waits_for="table ACTIVE", seconds=(1, 10)),
            step(
                "UpdateTable", "delete index email-index", index, waits_for="index email-index gone", seconds=(60, 300)
            ),
            step("UpdateTable", "stream off", stream, waits_for="table ACTIVE", seconds=(2, 15)),
            step("UpdateTable", "stream on with NEW_AND_OLD_IMAGES", stream, waits_for="table ACTIVE", seconds=(2, 15)),
            step("TagResource", "tag team", tag, seconds=(1, 30)),
            step("PutResourcePolicy", "set the policy", policy, seconds=(1, 5)),
            step(
                "UpdateTable",
                "create index email-index",
                index,
                waits_for="index email-index ACTIVE",
                seconds=(540, None),
            ),
        ),
        notes=("To rebuild without downtime, create `email-index-2` now and delete `email-index` in a later change.",),
        live=Live(
            "7d0f", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/users", "ACTIVE", items=83_112, bytes=41_000_000
        ),
    )


def statement(*actions: str) -> Value:
    """A resource policy."""
    allowed = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999988887777:role/reader"},
        "Action": list(actions),
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [allowed]}


def unchanged(*names: str) -> tuple[TableChange, ...]:
    return tuple(TableChange(name, Action.NOOP, file=f"resources/dynamo/{name}.edn", line=1) for name in names)


def plan(*changes: TableChange) -> Plan:
    return Plan(tuple(sorted(changes, key=lambda change: change.table)), account=ACCOUNT, region="eu-west-1")


def everything_named(one: Plan) -> frozenset[str]:
    return frozenset(each.id for each in one.differences if each.risk is Risk.DESTRUCTIVE)


def ran(change: TableChange, *statuses: Status, result: Outcome, **more: object) -> TableResult:
    took = {Status.DONE: 12.4}
    steps = tuple(StepResult(one, status, took.get(status)) for one, status in zip(change.steps, statuses, strict=True))
    return TableResult(change.table, change.action, result, steps, **more)  # type: ignore[arg-type]  # error, backup


FIRST = plan(
    created("users", index="email-index", ttl="deleted_at"), created("orders"), created("sessions", ttl="expires")
)
RED = plan(recreated(), updated(), created("carts"), *unchanged("a", "b", "c", "d", "e"))
BIG = plan(
    *(updated(f"service-{n:03}-table") for n in range(20)),
    *(created(f"table-{n:03}", index="email-index", ttl="ttl") for n in range(280)),
)
NOTHING = plan(
    *unchanged("orders", "sessions"),
    replace(unchanged("users")[0], notes=("Index `old-index` is not mentioned and left alone.",)),
)
ASK = "It runs if the table is empty at apply, else it must be named: whether it is empty may not be read here."
UNPROVEN = plan(replace(recreated(), unproven=True, notes=(ASK, *recreated().notes)), *unchanged("users"))
DENIED = Failure(
    "AccessDeniedException",
    f"DescribeTable on users was denied to arn:aws:sts::{ACCOUNT}:assumed-role/plan/ci.",
    operation="DescribeTable",
    missing_permission="dynamodb:DescribeTable",
    reason=FailureReason.ACCESS_DENIED,
)
UNREADABLE = plan(TableChange("users", None, error=DENIED), created("carts"), *unchanged("orders"))


def refused() -> Result:
    changed = Failure("plan-changed", "The stream of users was not reviewed.", reason=FailureReason.PLAN_CHANGED)
    blocked = Failure(
        "destructive-blocked", "Destructive, and nobody named it.", reason=FailureReason.DESTRUCTIVE_BLOCKED
    )
    tables = (
        ran(created("carts"), Status.DONE, result=Outcome.APPLIED),
        ran(recreated(), *[Status.REFUSED] * 3, result=Outcome.REFUSED, error=blocked),
        ran(updated(), *[Status.REFUSED] * 7, result=Outcome.REFUSED, error=changed),
    )
    return Result(RED, tables, Outcome.REFUSED, FailureReason.PLAN_CHANGED)


def partial() -> Result:
    done = Status.DONE
    denied = Failure(
        "AccessDeniedException",
        "CreateTable on orders was denied.",
        "CreateTable",
        "dynamodb:CreateTable",
        FailureReason.ACCESS_DENIED,
    )
    backup = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/orders/backup/01489602797149-73d8d5bc"
    tables = (
        ran(created("carts"), done, result=Outcome.APPLIED),
        ran(recreated(), done, done, Status.FAILED, result=Outcome.FAILED, backup=backup, error=denied),
        ran(
            updated(),
            *[done] * 6,
            Status.RUNNING,
            result=Outcome.PENDING,
            resume_at="2026-11-24T14:02:11Z",
            notes=("Index `email-index` is 37% built.",),
        ),
        *(TableResult(name, Action.NOOP, Outcome.NOOP, agrees=True) for name in "abcde"),
    )
    return Result(RED, tables, Outcome.FAILED, FailureReason.ACCESS_DENIED)


def applied() -> Result:
    tables = tuple(ran(one, *[Status.DONE] * len(one.steps), result=Outcome.APPLIED) for one in FIRST.tables)
    return Result(FIRST, tables, Outcome.APPLIED)


SOURCES = {
    "resources/dynamo/users.edn": (
        '{:TableName "users"\n :KeySchma [{:AttributeName "id" :KeyType "HASH"}]\n :BillingMode "PAY_PER_REQEST"}\n'
    ),
    "resources/dynamo/orders.edn": '{:TableName "orders"\n',
}
FAULTS = (
    Fault(
        Place("resources/dynamo/orders.edn", 1, 1, 1, 2), "unclosed", "This map is never closed.", "Add `}` at its end."
    ),
    Fault(
        Place("resources/dynamo/users.edn", 2, 2, 2, 11),
        "unknown-key",
        "There is no key `:KeySchma`.",
        "Did you mean `:KeySchema`?",
    ),
    Fault(
        Place("resources/dynamo/users.edn", 3, 15, 3, 31),
        "bad-value",
        '`"PAY_PER_REQEST"` is no billing mode.',
        "Write `PROVISIONED` or `PAY_PER_REQUEST`.",
    ),
)

CASES: dict[str, Callable[[], str]] = {
    "first-plan.md": lambda: report.plan_markdown(FIRST, GITHUB),
    "red-plan.md": lambda: report.plan_markdown(RED, GITHUB),
    "labelled-plan.md": lambda: report.plan_markdown(RED, replace(GITHUB, named=everything_named(RED))),
    "unproven-plan.md": lambda: report.plan_markdown(UNPROVEN, GITHUB),
    "unreadable-plan.md": lambda: report.plan_markdown(UNREADABLE, GITHUB),
    "no-changes.md": lambda: report.plan_markdown(NOTHING, GITHUB),
    "big-plan.md": lambda: report.plan_markdown(BIG, GITHUB, size=report.characters(40_000)),
    "refused-apply.md": lambda: report.result_markdown(
        refused(), replace(APPLY, unreviewed=frozenset({updated().differences[1].id}))
    ),
    "partial-apply.md": lambda: report.result_markdown(partial(), replace(APPLY, named=everything_named(RED))),
    "running-apply.md": lambda: report.result_markdown(
        Result(RED, (replace(partial().tables[1], error=None),)), replace(APPLY, running=True)
    ),
    "applied.md": lambda: report.result_markdown(applied(), APPLY),
    "drift.md": lambda: report.drift_markdown(RED, replace(GITHUB, mode="drift")),
    "faults.md": lambda: report.faults_markdown(FAULTS, GITHUB, sources=SOURCES),
    "error.md": lambda: report.error_markdown(
        InvalidInput("`mode` is `paln`.", hint="Write `plan` or `apply`."), GITHUB
    ),
    "first-plan.txt": lambda: report.plan_text(FIRST, TERMINAL),
    "red-plan.txt": lambda: report.plan_text(RED, TERMINAL),
    "no-changes.txt": lambda: report.plan_text(NOTHING, TERMINAL),
    "partial-apply.txt": lambda: report.result_text(partial(), replace(TERMINAL, named=everything_named(RED))),
    "drift.txt": lambda: report.drift_text(RED, TERMINAL),
    "faults.txt": lambda: report.faults_text(FAULTS),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_reads_as_it_was_approved(name: str) -> None:
    """`APPROVE=1 pytest tests/unit/test_report.py` writes the files; look at each before committing it."""
    approved = APPROVED / name
    if os.environ.get("APPROVE"):
        approved.write_text(CASES[name](), encoding="utf-8")
    assert CASES[name]() == approved.read_text(encoding="utf-8")


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
    shown = text.clean(value) or '""'
    line = Html(text.code(value))
    assert (line.tags, line.code, line.words.strip()) == (["p", "code"], [shown], "")
    row = Html(f"| a | b |\n|---|---|\n| {text.cell(text.code(value))} | end |")
    assert (row.tags, row.code, row.words.split()) == ([*TABLE[:8], "code", "td"], [shown], ["a", "b", "end"])
    folded = Html(f"<details><summary>{text.summary(value)}</summary>\n\nend\n\n</details>")
    assert (folded.tags, folded.code) == (["details", "summary", "code", "p"], [text.clean(value)])


@many
@given(hostile)
def test_lines_stay_in_their_fence(value: str) -> None:
    block = Html(text.quoted(text.fence(value, "diff")) + "\n\nend")
    assert (block.tags, block.words.split()) == (["blockquote", "pre", "code", "p"], ["end"])
    assert block.code == ["".join(f"{text.clean(line)}\n" for line in value.split("\n"))]


@many
@given(hostile)
def test_a_sentence_has_no_markup_but_code(value: str) -> None:
    sentence = f"It is {value} here"
    line = Html(f"- {text.prose(value)}\n- {text.prose(sentence)}")
    assert set(line.tags) <= {"ul", "li", "code"}
    assert not re.search(r"[@#<>&|*_~\[\]$\\]|www|://|\d{7}", line.words)
    row = Html(f"| a | b |\n|---|---|\n| {text.cell(text.prose(sentence))} | end |")
    assert [tag for tag in row.tags if tag != "code"] == TABLE
    folded = Html(f"<details><summary>{text.summary_prose(sentence)}</summary>\n\nend\n\n</details>")
    assert [tag for tag in folded.tags if tag != "code"] == ["details", "summary", "p"]


@many
@given(hostile)
def test_a_sentence_loses_nothing_but_blanks_and_backticks(value: str) -> None:
    def bare(shown: str) -> str:
        return re.sub("[` ]", "", shown)

    line = Html(text.prose(f"It is {value} here"))
    seen = "".join(sorted(bare(line.words.strip("\n") + "".join(line.code))))
    assert seen == "".join(sorted(bare(text.clean(f"It is {value} here"))))


def hostile_plan(value: str) -> Plan:
    """A plan in which everything that a stranger may choose is the same hostile text."""
    tag = Difference(value, ("Tags", value), value, value * 2, risk=Risk.DISRUPTIVE)
    index = Difference(
        value, ("GlobalSecondaryIndexes", value), {value: value}, None, effect=Effect.DELETE, risk=Risk.DESTRUCTIVE
    )
    policy = Difference(value, ("ResourcePolicy",), None, {"Statement": [value * 9]})
    kept = Difference(value, (value,), None, value, effect=Effect.UNSUPPORTED)
    failure = Failure(value, value, operation=value, missing_permission=value)
    return Plan(
        (
            TableChange(
                value,
                Action.UPDATE,
                file=value,
                line=1,
                differences=(tag, index, policy, kept),
                steps=(step("UpdateTable", value, tag, index, policy, waits_for=value),),
                notes=(value,),
            ),
            TableChange(value, Action.RECREATE, refusal=value),
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
        label_offered=True,
    )
    planned = hostile_plan(value)
    table = ran(
        planned.tables[0],
        Status.FAILED,
        result=Outcome.FAILED,
        backup=value,
        resume_at=value,
        error=planned.tables[3].error,
    )
    yield report.plan_markdown(planned, seen)
    yield report.plan_markdown(planned, replace(seen, unreviewed=frozenset(d.id for d in planned.differences)))
    yield report.drift_markdown(planned, seen)
    yield report.result_markdown(Result(planned, (table, replace(table, result=Outcome.PENDING)), Outcome.FAILED), seen)
    yield report.result_markdown(Result(planned, (), Outcome.SUPERSEDED), replace(seen, superseded_by=value))
    fault = Fault(Place(value, 1, 1, 1, 3), value, value, value)
    yield report.faults_markdown((fault,), seen, sources={value: value})
    yield report.error_markdown(AwsError(value, operation=value, code=value, missing_permission=value), seen)


TEXT = {"h3", "p", "blockquote", "strong", "ul", "ol", "li", "code", "pre", "details", "summary", "sub"}
LAID_OUT = TEXT | {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=MANY // 5, deadline=None)
@given(hostile)
@example(HOSTILE)
def test_a_hostile_plan_has_only_our_markup(value: str) -> None:
    for shown in hostile_reports(value):
        page = Html(shown)
        assert set(page.tags) <= LAID_OUT
        assert page.links == []
        assert "@" not in page.words


@given(hostile)
@settings(max_examples=MANY // 5, deadline=None)
def test_a_terminal_gets_no_escape_that_is_not_ours(value: str) -> None:
    planned = hostile_plan(value + "\x1b[2J\x07")
    for shown in (report.plan_text(planned, TERMINAL), report.drift_text(planned, TERMINAL)):
        assert text.clean(shown.replace("\n", "")) == shown.replace("\n", "")
    coloured = re.sub(r"\x1b\[\d+m", "", report.plan_text(planned, TERMINAL, colour=True))
    assert coloured == report.plan_text(planned, TERMINAL)


# --- no account number, and a size that fits -------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["production", None])
def test_github_is_shown_no_account_number(environment: str | None) -> None:
    named = f"logs-{ACCOUNT}"
    planned = plan(recreated(named), updated(), TableChange("x", None, error=DENIED))
    table = ran(planned.tables[0], *[Status.DONE] * 3, result=Outcome.APPLIED, backup=planned.tables[0].live.arn)  # type: ignore[union-attr]  # it is live
    seen = replace(GITHUB, environment=environment)
    shown = [
        report.plan_markdown(planned, seen),
        report.plan_text(planned, seen),
        report.result_markdown(Result(planned, (table,), Outcome.APPLIED), seen),
        report.error_markdown(InvalidInput(f"Credentials of {ACCOUNT}, not 999988887777."), seen),
    ]
    assert not re.search(r"(?<!\d)\d{12}(?!\d)", re.sub(r"https?://\S+", "", "".join(shown)))
    assert (environment or "…9012") in shown[0]
    assert "  logs-????????9012\n" in shown[0]


def test_a_terminal_is_shown_the_account() -> None:
    assert f"account {ACCOUNT}" in report.plan_text(FIRST, TERMINAL)


@pytest.mark.parametrize("limit", [2_000, 3_000, 10_000, 60_000])
def test_a_long_plan_fits_and_is_cut_between_its_parts(limit: int) -> None:
    wide = plan(*(updated(f"🦊-{n}") for n in range(60)), *(created(f"t{n}") for n in range(1_000)))
    shown = report.plan_markdown(wide, GITHUB, size=report.characters(limit))
    assert len(shown) <= limit
    assert shown.count("<details>") == shown.count("</details>")
    assert len(re.findall("^(?:> )?```", shown, flags=re.MULTILINE)) % 2 == 0
    assert GITHUB.summary_url is not None
    assert f"(<{GITHUB.summary_url}>)" in shown
    assert shown.endswith("</sub>\n")


def test_many_faults_of_one_file_are_cut_one_by_one() -> None:
    faults = [Fault(Place("x.edn", n, 1, n, 2), "bad-value", "It is no value.") for n in range(1, 3_000)]
    shown = report.faults_markdown(faults, GITHUB)
    assert 55_000 < len(shown) <= 60_000
    assert "2,999 faults in 1 file" in shown
    assert re.search(r"the details of [\d,]+ faults are left out", shown)


def test_a_summary_is_measured_in_bytes() -> None:
    wide = plan(*(created("🦊" * 200 + str(n)) for n in range(900)))
    shown = report.plan_markdown(wide, GITHUB, size=report.SUMMARY)
    assert 1_000_000 < len(shown.encode()) <= 1_048_576


def test_what_is_cut_first_is_the_detail_of_the_least_risky() -> None:
    shown = report.plan_markdown(BIG, GITHUB)
    assert "<code>service-000-table</code>" in shown
    assert "`table-279`" in shown
    assert "<code>table-279</code>" not in shown


# --- what is said ----------------------------------------------------------------------------------------------------


def test_a_plan_is_not_called_blocked_where_no_label_could_approve_it() -> None:
    shown = report.plan_markdown(RED, replace(GITHUB, label_offered=False))
    assert "blocked" not in shown
    assert "dynatus:allow-destructive" not in shown
    assert "allow-destructive: |" in shown


def test_what_is_destructive_only_unless_empty_blocks_nothing() -> None:
    assert "blocked" not in report.plan_markdown(UNPROVEN, GITHUB)


def test_a_change_that_is_always_refused_has_no_words_that_approve_it() -> None:
    shown = report.plan_markdown(plan(replace(recreated(), steps=(), refusal="The table has replicas.")), GITHUB)
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
    assert expected in report.plan_markdown(FIRST, replace(GITHUB, approval=approval, record=record))


def test_a_label_that_was_taken_off_is_told() -> None:
    assert "was taken off" in report.plan_markdown(RED, replace(GITHUB, label_removed=True))


def test_a_running_apply_names_its_backup_before_anything_goes() -> None:
    table = replace(partial().tables[1], result=Outcome.PENDING, error=None)
    shown = report.result_markdown(Result(RED, (table,), Outcome.PENDING), replace(APPLY, running=True))
    assert "under way" in shown
    assert "--backup-arn arn:aws:dynamodb:eu-west-1:${ACCOUNT}:table/orders/backup/" in shown


def test_a_superseded_apply_names_the_commit_that_applies() -> None:
    shown = report.result_markdown(Result(RED, (), Outcome.SUPERSEDED), replace(APPLY, superseded_by="abcdef0123456"))
    assert "The run of `abcdef0` applies them." in shown


def test_a_refusal_found_at_apply_is_told_though_the_plan_did_not_know_it() -> None:
    error = Failure("destructive-blocked", "users: It holds items now.", reason=FailureReason.DESTRUCTIVE_BLOCKED)
    table = ran(created("users"), Status.REFUSED, result=Outcome.REFUSED, error=error)
    shown = report.result_markdown(Result(plan(created("users")), (table,), Outcome.REFUSED), APPLY)
    assert "- `users`: It holds items now." in shown


def test_what_an_emulator_cannot_keep_is_a_note_and_no_difference() -> None:
    kept = difference("users", "TableClass", None, "STANDARD", effect=Effect.UNSUPPORTED)
    shown = report.plan_markdown(plan(replace(unchanged("users")[0], differences=(kept,))), GITHUB)
    assert "no changes" in shown
    assert "`users`: `TableClass` is not kept by this endpoint" in shown


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
    shown = report.faults_markdown([fault], GITHUB, sources={"x.edn": line})
    assert expected in shown.replace("\n  ", "\n")


@pytest.mark.parametrize("url", ["", "javascript:x", "https://a.de/>x", "https://a.de/ x", "https://a.de/\n", "//a.de"])
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    assert "[run]" not in report.plan_markdown(FIRST, replace(GITHUB, run_url=url))


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
    assert text.duration(least, most) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 KB"), (2_130_000_000, "2.1 GB"), (10**16, "10,000.0 TB")],
)
def test_a_size_has_a_unit(count: int, expected: str) -> None:
    assert text.size(count) == expected


def test_a_policy_held_as_text_is_compared_as_json() -> None:
    before, after = json.dumps(statement("a")), json.dumps(statement("a", "b"))
    assert [line for line in values.diff(before, after) if line[0] in "+-"] == [
        '-      "Action": ["a"],',
        '+      "Action": ["a", "b"],',
    ]
