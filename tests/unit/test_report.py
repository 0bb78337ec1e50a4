"""Reports are what people see: approved outputs, no account number, a size that fits, and what each sentence says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dynatus_ci import report, review
from dynatus_ci.errors import FailureReason, Fault, InvalidInput, Place, Refusal
from dynatus_ci.report import Report, grouping
from dynatus_ci.report import safe_markdown as words
from dynatus_ci.table import planner
from dynatus_ci.table.model import Action, Difference, Failure, Risk, TableChange
from dynatus_ci.table.outcome import Outcome, Result, Status, StepResult, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code
from tests import shop
from tests.reports import (
    APPLY,
    AT_EMULATOR,
    BIG,
    COPY,
    EMPTY,
    FAULTS,
    FIRST,
    FITTING,
    GATED_APPLY,
    GITHUB,
    KEEP,
    LOCAL,
    MISFITS,
    NOTHING,
    RED,
    RESTORED,
    SOURCES,
    TERMINAL,
    THROUGH_S3,
    UNFIT_COPY,
    UNPROVEN,
    UNREADABLE,
    UPDATES,
    access_denied,
    all_destructive,
    applied,
    copied,
    imported,
    keeping,
    kept,
    keys_of_misfits,
    partial,
    refused,
    running,
    spoilt,
    stopped_copy,
    stopped_keeping,
    table_result,
)
from tests.shop import ACCOUNT, change, creation, plan

NO_BREAK = "\N{NO-BREAK SPACE}"
APPROVED = Path(__file__).parents[1] / "cases" / "reports"
COMMENT = report.characters(60_000)

CASES: dict[str, Callable[[], Report | str]] = {
    "first-plan.md": lambda: report.plan(FIRST, GITHUB),
    "red-plan.md": lambda: report.plan(RED, GITHUB),
    "labelled-plan.md": lambda: report.plan(RED, replace(GITHUB, approved_by=all_destructive(RED))),
    "updates-plan.md": lambda: report.plan(UPDATES, replace(GITHUB, approved_by=all_destructive(UPDATES))),
    "empty-plan.md": lambda: report.plan(EMPTY, GITHUB),
    "unproven-plan.md": lambda: report.plan(UNPROVEN, GITHUB),
    "emulator-plan.md": lambda: report.plan(
        AT_EMULATOR, replace(GITHUB, environment="preview", approval="none", label_on="")
    ),
    "misfits-plan.md": lambda: report.plan(MISFITS, GITHUB),
    "misfits-plan.txt": lambda: report.plan(MISFITS, TERMINAL),
    "misfits-apply.md": lambda: report.result(spoilt(), APPLY),
    "fitting-plan.md": lambda: report.plan(FITTING, replace(GITHUB, approved_by=all_destructive(FITTING))),
    "check.md": lambda: report.check(MISFITS, replace(TERMINAL, mode="plan")),
    "check.txt": lambda: report.check(FITTING, TERMINAL),
    "check-keys.txt": lambda: report.check(MISFITS, TERMINAL, answers=keys_of_misfits()),
    "unreadable-plan.md": lambda: report.plan(UNREADABLE, GITHUB),
    "copy-misfits.md": lambda: report.plan(UNFIT_COPY, GITHUB),
    "copy-plan.md": lambda: report.plan(COPY, GITHUB),
    "copied.md": lambda: report.result(copied(), APPLY),
    "stopped-copy.md": lambda: report.result(stopped_copy(), APPLY),
    "copy-plan.txt": lambda: report.plan(COPY, TERMINAL),
    "through-s3-plan.md": lambda: report.plan(THROUGH_S3, GITHUB),
    "imported.md": lambda: report.result(imported(), APPLY),
    "restore-plan.md": lambda: report.plan(RESTORED, GITHUB),
    "keep-plan.md": lambda: report.plan(KEEP, replace(GITHUB, approved_by=all_destructive(KEEP))),
    "keep-plan.txt": lambda: report.plan(KEEP, TERMINAL),
    "keeping.md": lambda: report.result(keeping(), replace(APPLY, running=True)),
    "stopped-keeping.md": lambda: report.result(stopped_keeping(), APPLY),
    "kept.md": lambda: report.result(kept(), APPLY),
    "no-changes.md": lambda: report.plan(NOTHING, GITHUB),
    "big-plan.md": lambda: report.plan(BIG, GITHUB),
    "refused-apply.md": lambda: report.result(refused(), GATED_APPLY),
    "partial-apply.md": lambda: report.result(partial(), replace(APPLY, approved_by=all_destructive(RED))),
    "running-apply.md": lambda: report.result(running(), replace(APPLY, running=True)),
    "applied.md": lambda: report.result(applied(), APPLY),
    "drift.md": lambda: report.drift(RED, replace(GITHUB, mode="drift")),
    "faults.md": lambda: report.faults(FAULTS, GITHUB, texts=SOURCES),
    "error.md": lambda: report.error(InvalidInput("`mode` is `paln`.", hint="Write `plan` or `apply`."), GITHUB),
    "first-plan.txt": lambda: report.plan(FIRST, TERMINAL),
    "red-plan.txt": lambda: report.plan(RED, TERMINAL),
    "no-changes.txt": lambda: report.plan(NOTHING, TERMINAL),
    "updates-plan.txt": lambda: report.plan(UPDATES, TERMINAL),
    "refused-apply.txt": lambda: report.result(refused(), replace(TERMINAL, approved_by=GATED_APPLY.approved_by)),
    "applied.txt": lambda: report.result(applied(), TERMINAL),
    "partial-apply.txt": lambda: report.result(partial(), replace(TERMINAL, approved_by=all_destructive(RED))),
    "drift.txt": lambda: report.drift(RED, TERMINAL),
    "faults.txt": lambda: report.faults_text(FAULTS),
    "faults-whole.txt": lambda: report.faults(FAULTS, TERMINAL),
}


def rendered(name: str) -> str:
    """A case as Markdown or as text, as the end of its name says."""
    content = CASES[name]()
    if isinstance(content, str):
        return content
    return report.markdown(content, size=COMMENT) if name.endswith(".md") else report.text(content)


@pytest.mark.parametrize("name", CASES)
def test_a_report_reads_as_it_was_approved(name: str) -> None:
    """`APPROVE=1 pytest tests/unit/test_report.py` writes the files; look at each before committing it."""
    approved = APPROVED / name
    if os.environ.get("APPROVE"):
        approved.write_text(rendered(name), encoding="utf-8")
    assert rendered(name) == approved.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_log_has_the_text_that_a_wide_terminal_has(name: str) -> None:
    content = CASES[name]()
    assert isinstance(content, str) or report.text(content) == report.text(content, width=9_999)


def test_every_approved_report_has_its_case() -> None:
    assert {path.name for path in APPROVED.iterdir()} == set(CASES)


# --- no account number, and a size that fits -------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["production", None])
def test_github_is_shown_no_account_number(environment: str | None) -> None:
    named = f"logs-{ACCOUNT}"
    unreadable = TableChange("x", None, error=access_denied("DescribeTable", "x"))
    planned = plan(change("orders", as_name=named), change("users"), unreadable)
    orders = planned.tables[0]
    assert orders.info
    table = table_result(orders, *[Status.DONE] * 5, result=Outcome.APPLIED, backup=orders.info.arn)
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
    return plan(
        *(replace(one, notes=(*one.notes, f"Number {code(str(number))}.")) for number, one in enumerate(changes))
    )


@pytest.fixture(scope="module")
def long_report() -> Report:
    return report.plan(
        all_different(
            *(change("users", as_name=f"🦊-{n}") for n in range(60)),
            *(creation("carts", as_name=f"t{n}") for n in range(1_000)),
        ),
        GITHUB,
    )


@pytest.mark.slow
@pytest.mark.parametrize("limit", [2_000, 3_000, 10_000, 60_000])
def test_a_long_plan_fits_and_is_cut_between_its_parts(long_report: Report, limit: int) -> None:
    shown = report.markdown(long_report, size=report.characters(limit))
    assert len(shown) <= limit
    assert shown.count("<details>") == shown.count("</details>")
    assert len(re.findall("^(?:> )?```", shown, flags=re.MULTILINE)) % 2 == 0
    assert GITHUB.summary_url is not None
    assert f"(<{GITHUB.summary_url}>)" in shown
    assert shown.endswith("</sub>\n")


def test_the_place_of_a_fault_is_a_link() -> None:
    here = replace(GITHUB, repository_url="https://github.com/acme/shop", commit="4f2c9e1")
    shown = report.markdown(report.faults([Fault(Place("a/x.edn", 7, 3, 7, 4), "bad-value", "It is no value.")], here))
    assert "- **[7:3](<https://github.com/acme/shop/blob/4f2c9e1/a/x.edn#L7>)** `bad-value` It is no value." in shown


def test_many_faults_of_one_file_are_cut_one_by_one() -> None:
    faults = [Fault(Place("x.edn", n, 1, n, 2), "bad-value", "It is no value.") for n in range(1, 3_000)]
    shown = report.markdown(report.faults(faults, GITHUB), size=COMMENT)
    assert 55_000 < len(shown) <= 60_000
    assert "2,999 errors in 1 file" in shown
    assert re.search(r"the details of [\d,]+ faults are left out", shown)


@pytest.mark.slow
def test_a_summary_is_measured_in_bytes() -> None:
    wide = all_different(*(creation("carts", as_name="🦊" * 200 + str(n)) for n in range(900)))
    shown = report.markdown(report.plan(wide, GITHUB), size=report.utf8_bytes(1_000_000))
    assert 950_000 < len(shown.encode()) <= 1_000_000


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


def test_every_table_of_a_large_group_is_named_as_far_as_there_is_room() -> None:
    plan_of_300 = report.plan(BIG, GITHUB)
    assert "`table-279`\n" in report.markdown(plan_of_300)
    cut = report.markdown(plan_of_300, size=report.characters(8_000))
    last = re.search(r"`table-(\d+)` and (\d+) more\n", cut)
    assert last
    assert int(last[1]) + int(last[2]) == 279
    assert "[See all of it]" in cut


def test_tables_whose_streams_end_share_a_section_whenever_their_streams_began() -> None:
    ends = "The stream {} ends."
    streams = [code(f"arn:aws:dynamodb:eu-west-1:1:table/t{n}/stream/2026-02-0{n}") for n in (1, 2, 3)]
    changes = [replace(change("users", as_name=f"t{n}"), notes=(ends.format(streams[n - 1]),)) for n in (1, 2, 3)]
    shown = report.markdown(report.plan(plan(*changes), GITHUB))
    assert f"- {ends.format(streams[0])} The same is true of the other 2 tables.\n" in shown
    assert "<summary>🔴 3 tables: update" in shown
    other = replace(changes[2], notes=(ends.format("`another/stream`"),))
    assert "<code>t3</code>" in report.markdown(report.plan(plan(*changes[:2], other), GITHUB))


def test_tables_with_other_numbers_of_items_share_a_section() -> None:
    def with_items(number: int) -> TableChange:
        one = change("users", as_name=f"t{number}")
        steps = tuple(replace(step, built_from=number if step.built_from else 0) for step in one.steps)
        return replace(one, steps=steps, notes=(f"All {number:,} items fit index `email-index`.",))

    shown = report.markdown(report.plan(plan(*map(with_items, (4_000, 50, 600))), GITHUB))
    assert "<summary>🔴 3 tables: update" in shown
    assert "until index `email-index` ACTIVE\n" in shown
    assert "- All 4,000 items fit index `email-index`. The same is true of the other 2 tables.\n" in shown
    assert ", built from about 50 items\n" in report.markdown(report.plan(plan(with_items(50)), GITHUB))


def test_tables_that_are_deleted_share_a_sentence() -> None:
    names = [f"old-{n}" for n in range(5)]
    deleted = plan(*(replace(change("archive", as_name=name), notes=()) for name in names))
    shown = report.markdown(report.plan(deleted, GITHUB))
    assert "\n> - 5 tables (`old-0`, `old-1`, `old-2`, 2 more) (" in shown
    assert "counted up to six hours ago) will be deleted.\n" in shown


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
    by = dict.fromkeys(all_destructive(RED), "the label on pull request #41")
    shown = report.markdown(report.plan(RED, replace(GITHUB, approved_by=by)))
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


def test_the_last_line_of_a_terminal_does_not_call_unchanged_what_could_not_be_read() -> None:
    text = report.text(report.plan(UNREADABLE, TERMINAL))
    assert text.splitlines()[-1] == "Plan: failed, 1 table could not be read."


def test_a_plan_is_not_called_blocked_where_no_label_could_approve_it() -> None:
    shown = report.markdown(report.plan(RED, replace(GITHUB, label_on="")))
    assert "blocked" not in shown
    assert "dynatus:allow-destructive" not in shown
    assert "allow-destructive: |" in shown


def test_what_is_destructive_only_unless_empty_blocks_nothing() -> None:
    assert "blocked" not in report.markdown(report.plan(UNPROVEN, GITHUB))


def test_a_change_that_is_always_refused_has_no_words_that_approve_it() -> None:
    shown = report.markdown(
        report.plan(plan(replace(change("orders"), steps=(), refusal=Refusal("The table has replicas."))), GITHUB)
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


def test_a_plan_that_was_saved_says_how_it_is_applied() -> None:
    saved = replace(GITHUB, approval="reviewed-plan", record=False, saved_in="plan.json")
    assert "This plan is in the file `plan.json`. An apply that gets it (`reviewed`)" in (
        report.markdown(report.plan(FIRST, saved))
    )
    at_the_command = report.text(report.plan(FIRST, replace(TERMINAL, saved_in="my plan.json")))
    assert "To make these changes and no others, run dynatus apply --reviewed 'my plan.json'." in at_the_command


def test_a_label_that_was_taken_off_is_told() -> None:
    assert "was removed" in report.markdown(report.plan(RED, replace(GITHUB, label_removed=True)))


def test_a_running_apply_names_its_backup_before_anything_goes() -> None:
    shown = report.markdown(report.result(running(), replace(APPLY, running=True)))
    assert "running, 5 tables" in shown
    assert "--backup-arn arn:aws:dynamodb:eu-west-1:${ACCOUNT}:table/orders/backup/" in shown


def test_the_next_apply_finds_every_backup_that_a_comment_names_and_names_it_again() -> None:
    first = report.markdown(report.result(running(), replace(APPLY, running=True)))
    notes = report.earlier_backups(first)
    assert len(notes) == first.count("--backup-arn ")
    assert all("table/orders/backup/" in note for note in notes)
    second = report.markdown(report.result(Result(RED, (), Outcome.SUPERSEDED), replace(APPLY, notes=notes)))
    assert report.earlier_backups(second) == notes
    assert report.earlier_backups(f"- `users`: {notes[0]}\n> - {notes[0]}") == ()  # where a stranger's value may stand


def test_a_superseded_apply_names_the_commit_that_applies() -> None:
    why = review.superseded("c" * 40, tip="abcdef0123456", read={"a": "1"}, there={}, here={"a": "1"})
    shown = report.markdown(report.result(Result(RED, (), Outcome.SUPERSEDED), replace(APPLY, superseded=why)))
    assert "The branch is at commit `abcdef0` now, with other definitions. The run of `abcdef0` applies them." in shown


def test_a_refusal_found_at_apply_is_told_though_the_plan_did_not_know_it() -> None:
    error = Failure("destructive-blocked", "`users`: It holds items now.", reason=FailureReason.DESTRUCTIVE_BLOCKED)
    table = table_result(creation("users"), *[Status.REFUSED] * 2, result=Outcome.REFUSED, error=error)
    shown = report.markdown(report.result(Result(plan(creation("users")), (table,), Outcome.REFUSED), APPLY))
    assert "- `users`: It holds items now." in shown


STREAMS = "The stream was arn:aws:dynamodb:eu-west-1:1:stream/a and is arn:aws:dynamodb:eu-west-1:1:stream/b now."


def test_what_only_the_run_could_tell_is_told() -> None:
    one = change("users")
    table = table_result(one, *[Status.DONE] * len(one.steps), result=Outcome.APPLIED, notes=(STREAMS,))
    result = Result(plan(one), (table,), Outcome.APPLIED)
    assert f"    - {STREAMS}\n" in report.text(report.result(result, TERMINAL))
    assert f"- {words.prose(STREAMS)}\n" in report.markdown(report.result(result, APPLY))


def test_nothing_of_a_new_table_is_at_risk() -> None:
    made, live = creation("events"), change("events")
    expiry = next(step for step in live.steps if step.operation == "UpdateTimeToLive")
    assert expiry.risk is Risk.DISRUPTIVE
    steps = (StepResult(made.steps[0], Status.DONE, 2.0), StepResult(expiry, Status.DONE, 1.0))
    table = TableResult("events", Action.CREATE, Outcome.APPLIED, steps)
    shown = report.markdown(report.result(Result(plan(made), (table,), Outcome.APPLIED), APPLY))
    assert "enable time to live by `expires_at` · **done**" in shown
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
    assert "`carts`: DynamoDB Local does not support `Tags`. On AWS it would be set." in shown
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
    shown = report.markdown(report.faults([fault], GITHUB, texts={"x.edn": line}))
    assert expected in shown.replace("\n  ", "\n")


@pytest.mark.parametrize("url", ["", "javascript:x", "https://a.de/>x", "https://a.de/ x", "https://a.de/\n", "//a.de"])
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    assert "[run]" not in report.markdown(report.plan(FIRST, replace(GITHUB, run_url=url)))


def test_a_member_that_no_phrase_tells_of_is_shown_as_json() -> None:
    new = Difference("users", ("StreamSpecification",), None, {"StreamEnabled": True, "Colour": "red"})
    shown = report.text(report.plan(plan(replace(change("users"), differences=(new,))), TERMINAL))
    assert re.findall(r"[+-] {2,}\S.*", shown) == ['+  "StreamEnabled": true,', '+  "Colour": "red"']


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
    shown = report.markdown(report.plan(plan(change(name)), GITHUB))
    expected = re.sub("(?<=[+\N{MINUS SIGN}]) ", NO_BREAK, expected)  # a sign stays on the line of its word
    assert f" | {expected} | " in shown


def test_apply_shows_its_plan_without_the_advice_to_apply() -> None:
    assert "dynatus apply" in report.text(report.plan(FIRST, TERMINAL))
    assert "dynatus apply" not in report.text(report.plan(FIRST, replace(TERMINAL, mode="apply")))


def test_a_table_with_another_key_drifts_by_that_alone() -> None:
    shown = report.text(report.drift(plan(change("orders")), TERMINAL))
    assert "~ key: id (S) → customer_id (S), created_at (N)" in shown
    assert "stream" not in shown


def test_drift_asks_for_the_region_where_no_table_is_there() -> None:
    asked = "None of these tables exists there. Are the account, the region and --table-prefix right?"
    assert asked in report.text(report.drift(FIRST, TERMINAL))
    assert "None of these" not in report.text(report.drift(RED, TERMINAL))
    assert "None of these" not in report.text(report.drift(plan(change("carts")), TERMINAL))


def test_drift_that_apply_would_refuse_says_so() -> None:
    refused = replace(change("orders"), refusal=Refusal("It has replicas. Remove them first."))
    shown = report.text(report.drift(plan(refused), TERMINAL))
    assert "Apply would refuse this\n  - orders: It has replicas. Remove them first." in shown
    assert "first resolve what apply would refuse, then run dynatus apply." in shown
    assert "would refuse, then" not in report.text(report.drift(plan(refused, change("users")), TERMINAL))


def test_a_check_of_a_table_that_apply_would_refuse_is_not_known() -> None:
    refused = replace(change("orders"), refusal=Refusal("It has replicas. Remove them first."))
    shown = report.text(report.check(plan(refused), TERMINAL))
    assert "Not checked: apply would refuse this\n  - orders: It has replicas. Remove them first." in shown
    assert "Check: not known, 1 table refused." in shown
    assert "Nothing to check" not in shown


def test_a_table_that_is_proven_empty_has_no_items_at_stake() -> None:
    assert "items, 2.1 GB" in report.markdown(report.plan(UNPROVEN, GITHUB))
    assert "items, 2.1 GB" not in report.markdown(report.plan(EMPTY, GITHUB))


def test_a_small_new_table_is_a_few_lines_in_a_terminal() -> None:
    shown = report.text(report.plan(plan(creation("users")), TERMINAL))
    assert shown.split("\n\n")[1].count("\n") == 2
