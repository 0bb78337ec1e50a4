"""The action, mode by mode: how a run ends, what is in its outputs, summary, log and comment, how it is cancelled."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from dynatus_ci import action
from dynatus_ci.review import codec
from tests import github_stub
from tests.github_stub import PERSON_TOKEN, Fault
from tests.scene import BRANCH, HASTE, INDEX, NO_INDEXES, PATH, ROOT, TTL, Ran, Scene, is_used, scene, table, tags

NOOP = (0, "noop", "")
SECRET = "hunter2"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as made:
        yield made


def run(repo: Scene, mode: str, **inputs: str) -> Ran:
    return repo.run({}, name="schedule", ref=BRANCH, sha=repo.push(), inputs={"mode": mode, **inputs})


def bad_definition() -> str:
    return table().replace("HASH", "RANGE")


# ---- every mode ------------------------------------------------------------------------------------------------------


def test_validate_needs_no_account(repo: Scene) -> None:
    repo.write(users=table())
    ran = run(repo, "validate")
    assert ran.ending == (0, "valid", "")
    assert repo.account.journal.count("DescribeTable") == 0
    assert "1 definition, no errors" in ran.summary


def test_validate_finds_faults_at_their_place(repo: Scene) -> None:
    repo.write(users=bad_definition())
    ran = run(repo, "validate")
    assert ran.ending == (1, "failed", "invalid-definition")
    assert re.search(rf"^::error title=[\w-]+,file={PATH}/users.edn,line=1,endLine=1,col=\d+", ran.log, re.MULTILINE)
    assert f"{PATH}/users.edn" in ran.summary
    assert "1 error in 1 file" in ran.summary


def test_validate_with_a_baseline_shows_what_changes(repo: Scene) -> None:
    repo.write(users=table())
    (repo.home / "before").mkdir()
    (repo.home / "before" / "users.edn").write_text(table(**tags(team="a")), encoding="utf-8")
    repo.write(users=table(**tags(team="b")))
    ran = run(repo, "validate", baseline="before")
    assert ran.ending == (0, "valid", "")
    assert ran.outputs["changed"] == "true"
    assert "team" in ran.summary


def test_no_definitions_are_an_invalid_input(repo: Scene) -> None:
    repo.home.joinpath(PATH).mkdir(parents=True)
    for mode in ("validate", "plan", "apply", "drift"):
        assert run(repo, mode).ending == (1, "failed", "invalid-input")


def test_drift(repo: Scene) -> None:
    repo.write(users=table(**tags(team="a")))
    assert run(repo, "drift").ending == (1, "failed", "drift")
    assert run(repo, "apply").ending == (0, "applied", "")
    repo.account.clock.advance(3600)
    found = run(repo, "drift")
    assert found.ending == NOOP
    assert found.outputs["changed"] == "false"
    assert "drift" in found.summary


def test_a_table_that_cannot_be_read_fails_and_the_others_are_shown(repo: Scene) -> None:
    repo.write(users=table(), orders=table("orders"))
    repo.account.faults.deny("DescribeTable").tables = ["users"]
    for mode in ("plan", "drift"):
        ran = run(repo, mode)
        assert ran.ending == (1, "failed", "access-denied")
        assert "dynamodb:DescribeTable" in ran.summary
        assert re.search(r"RequestId `?[0-9A-F]{32}", ran.summary)
        assert ran.outputs["create"] == "1"


def test_another_account_stops_the_run_before_any_other_call(repo: Scene) -> None:
    repo.write(users=table())
    ran = run(repo, "plan", account="999999999999")
    assert ran.ending == (1, "failed", "wrong-account")
    assert repo.account.journal.count("DescribeTable") == 0
    assert "123456789012" not in ran.log + ran.summary


def test_a_configuration_of_aws_in_the_workspace_runs_no_program(
    repo: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.write(users=table())
    ran_it = tmp_path / "ran"
    config = repo.home / "config"
    config.write_text(f"[default]\ncredential_process = touch {ran_it}\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    ran = run(repo, "plan")
    assert ran.ending == (1, "failed", "invalid-input")
    assert "AWS_CONFIG_FILE" in ran.log
    assert not ran_it.exists()


def test_the_deletion_of_a_branch_has_nothing_to_do(repo: Scene) -> None:
    repo.write(users=table())
    ran = repo.run({"after": "0" * 40}, name="push", ref=BRANCH, inputs={"mode": "apply", "approval": "reviewed-plan"})
    assert ran.ending == NOOP
    assert repo.github.calls == []


@pytest.mark.parametrize(
    ("inputs", "part"),
    [
        ({"mode": "destroy"}, "plan, apply, drift, validate"),
        ({"mode": "plan", "comment": "yes"}, "one of true, false"),
        ({"mode": "apply", "out": "x"}, "out cannot be used with"),
        ({"mode": "plan", "path": "../elsewhere"}, "outside the workspace"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(repo: Scene, inputs: dict[str, str], part: str) -> None:
    ran = repo.run({}, name="push", ref=BRANCH, inputs=inputs)
    assert ran.ending == (1, "failed", "invalid-input")
    assert part in ran.log


# ---- what is left behind ---------------------------------------------------------------------------------------------


def test_every_ending_sets_every_output_of_action_yml(repo: Scene) -> None:
    declared = set(
        re.findall(r"^  ([a-z-]+):$", ROOT.joinpath("action.yml").read_text("utf-8").split("outputs:")[1], re.MULTILINE)
    )
    repo.write(users=table())
    for mode in ("validate", "plan", "drift", "apply", "destroy"):
        assert set(run(repo, mode).outputs) == declared


def test_the_outputs_of_a_plan(repo: Scene) -> None:
    repo.write(users=table(), orders=table("orders"))
    outputs = run(repo, "plan").outputs
    document = json.loads(outputs["plan"])
    assert (outputs["changed"], outputs["create"], outputs["destructive"]) == ("true", "2", "0")
    assert outputs["fingerprint"] == document["fingerprint"]
    assert [each["table"] for each in document["tables"]] == ["orders", "users"]
    assert run(repo, "apply").outputs["changed"] == "true"
    after = run(repo, "plan").outputs
    assert (after["noop"], json.loads(after["plan"])["tables"]) == ("2", [])


def test_a_plan_output_that_is_too_large_is_empty(repo: Scene) -> None:
    many = {f"k{number:02}": "v" * 250 for number in range(50)}
    repo.write(**{f"t{number}": table(f"table-{number}", **tags(**many)) for number in range(16)})
    outputs = run(repo, "plan").outputs
    assert outputs["plan"] == ""
    assert outputs["create"] == "16"


def test_without_approval_an_apply_on_an_emulator_asks_github_for_nothing(repo: Scene) -> None:
    repo.write(users=table(**TTL))
    assert run(repo, "apply").ending == (0, "applied", "")
    assert repo.github.calls == []


def test_the_plan_file_is_whole_and_may_be_a_temporary_one(repo: Scene) -> None:
    repo.write(users=table())
    for out in ("build/plan.json", str(repo.home.parent / "plan.json")):
        assert run(repo, "plan", out=out).ending == (0, "planned", "")
        document = json.loads((repo.home / out).read_text("utf-8"))
        assert document["account"] == "123456789012"
        assert (repo.home / out).stat().st_uid == repo.home.stat().st_uid


def test_a_plan_file_that_a_link_leads_away_fails_the_run_and_the_plan_is_told(repo: Scene) -> None:
    repo.write(users=table())
    (repo.home / "build").symlink_to(repo.home.parent)
    ran = run(repo, "plan", out="build/plan.json")
    assert ran.ending == (1, "failed", "invalid-input")
    assert ran.outputs["create"] == "1"
    assert "a symbolic link leads there" in ran.log
    assert not (repo.home.parent / "plan.json").exists()


def test_a_pipe_is_no_reviewed_plan(repo: Scene) -> None:
    repo.write(users=table())
    os.mkfifo(repo.home / "plan.json")
    ran = run(repo, "apply", reviewed="plan.json")
    assert ran.ending == (1, "failed", "invalid-input")
    assert "it is not a regular file" in ran.log


def test_an_apply_on_a_full_disk_closes_its_record_and_tells_in_the_comment(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    sha = repo.merge(1)
    inputs = {"mode": "apply", "approval": "reviewed-plan"}
    environ, runner = repo.prepare({"after": sha}, name="push", ref=BRANCH, sha=sha, inputs=inputs)
    status, log = repo.door.start({**environ, "GITHUB_OUTPUT": "/dev/full", "GITHUB_STEP_SUMMARY": "/dev/full"}, runner)
    assert status == 0
    assert "The job summary could not be written: No space left on device." in log
    assert "The file of the step's outputs could not be written" in log
    assert "1 table changed" in repo.comment(1)
    assert is_used(repo.record(1), "users")


def test_a_bug_is_told_without_what_its_message_holds(tmp_path: Path) -> None:
    class Broken(dict[str, str]):
        def items(self) -> NoReturn:
            raise RuntimeError(SECRET)

    output, log = tmp_path / "output", io.StringIO()
    environ = Broken(GITHUB_WORKSPACE=str(tmp_path), GITHUB_OUTPUT=str(output))
    assert action.main(environ, stream=log, pace=HASTE) == 1
    assert "internal-error" in output.read_text("utf-8")
    assert "RuntimeError" in log.getvalue()
    assert 'event.py", line' in log.getvalue()
    assert "raise RuntimeError" in log.getvalue()
    assert SECRET not in log.getvalue() + output.read_text("utf-8")


def test_every_call_of_aws_is_in_the_debug_log_where_it_is_on(repo: Scene) -> None:
    repo.write(users=table())
    assert "::debug::" not in run(repo, "plan").log
    repo.variables["RUNNER_DEBUG"] = "1"
    ran = run(repo, "plan")
    line = r"^::debug::DEBUG dynatus_ci\.aws\.client: DescribeTable of table users: \d+ ms, .*RequestId [0-9A-F]{32}$"
    assert re.search(line, ran.log, re.MULTILINE)
    assert "123456789012" not in ran.log
    assert github_stub.TOKEN not in ran.log


def test_outside_of_actions_it_says_so() -> None:
    log = io.StringIO()
    assert action.main({}, stream=log, pace=HASTE) == 1
    assert "dynatus" in log.getvalue()


# ---- what people see -------------------------------------------------------------------------------------------------

PROFILE = {"DeletionProtectionEnabled": "#profile {:prod true :default false}"}


@pytest.mark.parametrize("mode", ["validate", "plan", "drift", "apply"])
def test_warnings_of_the_run_are_in_its_report(repo: Scene, mode: str) -> None:
    repo.write(users=table(**PROFILE))
    ran = run(repo, mode, environment="production", params="colour=red")
    assert "::warning title=unknown-environment::" in ran.log
    for part in ("Warnings of this run", "has the environment", "uses the parameter"):
        assert part in ran.summary, part


def test_warnings_of_the_run_are_in_the_comment_of_a_plan_and_of_its_apply(repo: Scene) -> None:
    repo.write(users=table(**PROFILE))
    repo.open(1)
    repo.plan(1, environment="production")
    assert "has the environment" in repo.comment(1)
    repo.apply(repo.merge(1), environment="production")
    assert "1 table changed" in repo.comment(1)
    assert "has the environment" in repo.comment(1)


def test_a_comment_links_to_the_commit_and_to_the_line_of_a_definition(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    page, head = f"https://github.com/{repo.github.repository}", repo.github.pulls[1]["head"]["sha"]
    assert f"<{page}/commit/{head}>" in repo.comment(1)
    assert f"<{page}/blob/{head}/{PATH}/users.edn#L1>" in repo.comment(1)


def test_a_plan_that_takes_longer_than_apply_may_wait_says_so(repo: Scene) -> None:
    repo.write(users=table())
    assert run(repo, "apply").ending == (0, "applied", "")
    repo.write(users=table(**INDEX))
    assert "stops waiting after 0.5 min" in run(repo, "plan", wait_minutes="0.5").summary
    assert "stops waiting" not in run(repo, "plan", wait_minutes="0.5", detach="true").summary


def test_a_note_stands_in_every_report_as_plain_text(repo: Scene) -> None:
    repo.write(users=table())
    for mode in ("validate", "plan", "drift", "apply"):
        assert "Ask @team first" in run(repo, mode, note="Ask @team first").summary
    repo.write(users=bad_definition())
    assert "`Ask @team first`" in run(repo, "validate", note="Ask @team first").summary


def test_the_report_is_written_as_markdown_however_a_run_ends(repo: Scene) -> None:
    file = repo.home / "build" / "report.md"
    for mode, definition, expected in (
        ("validate", table(), "1 definition, no errors"),
        ("plan", table(), "1 to create"),
        ("drift", table(), "missing in the account"),
        ("apply", table(), "1 table changed"),
        ("plan", bad_definition(), "1 error in 1 file"),
    ):
        repo.write(users=definition)
        ran = run(repo, mode, report="build/report.md")
        assert expected in file.read_text("utf-8"), mode
        assert file.read_text("utf-8").strip() in ran.summary
    repo.write(users=table())
    run(repo, "plan", report="build/report.md", account="999999999999")
    assert "wrong-account" in file.read_text("utf-8")


def test_a_report_that_a_link_leads_away_fails_the_run_after_all_is_done(repo: Scene) -> None:
    repo.write(users=table())
    (repo.home / "build").symlink_to(repo.home.parent)
    ran = run(repo, "apply", report="build/report.md")
    assert ran.ending == (1, "failed", "invalid-input")
    assert ran.outputs["changed"] == "true"
    assert not (repo.home.parent / "report.md").exists()
    assert run(repo, "plan", report="../report.md").ending == (1, "failed", "invalid-input")


def test_each_annotation_has_its_own_reason_and_the_line_of_its_definition(repo: Scene) -> None:
    repo.write(users=table(), orders=table("orders"))
    repo.account.faults.deny("CreateTable").tables = ["users"]
    repo.account.faults.deny("DescribeTable").tables = ["orders"]
    log = run(repo, "apply").log
    assert re.search(rf"^::error title=access-denied,file={PATH}/users.edn,line=1\b.*CreateTable", log, re.MULTILINE)
    assert re.search(rf"^::error title=access-denied,file={PATH}/orders.edn,line=1\b.*DescribeTable", log, re.MULTILINE)


def test_what_is_destructive_has_an_annotation_at_its_definition(repo: Scene) -> None:
    repo.write(users=table(**INDEX))
    run(repo, "apply")
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    refused = repo.plan(1)
    assert re.search(rf"^::error title=destructive-blocked,file={PATH}/users.edn,line=1\b", refused.log, re.MULTILINE)
    approved = repo.plan(1, allow_destructive="users")
    assert re.search(rf"^::warning title=destructive,file={PATH}/users.edn,line=1\b", approved.log, re.MULTILINE)
    assert "::error" not in approved.log


def test_a_red_drift_has_an_annotation_for_each_table(repo: Scene) -> None:
    repo.write(users=table(), orders=table("orders"))
    run(repo, "apply")
    repo.write(users=table(**tags(team="a")), orders=table("orders"), sessions=table("sessions"))
    log = run(repo, "drift").log
    assert re.findall(r"^::error title=drift,file=[\w/]+/(\w+)\.edn,line=1\b", log, re.MULTILINE) == [
        "sessions",
        "users",
    ]


def test_the_reports_say_who_approved(repo: Scene) -> None:
    repo.write(users=table(**INDEX))
    run(repo, "apply")
    repo.write(users=table(**NO_INDEXES))
    repo.open(1)
    assert "approved by `allow-destructive`" in repo.plan(1, allow_destructive="users").summary
    repo.label(1)
    assert "approved by the label on pull request `#1`" in repo.plan(1).summary
    applied = repo.apply(repo.merge(1))
    assert applied.summary.count("approved by the label on pull request `#1`") == 2  # the plan, and the result
    assert "not approved" not in applied.summary
    assert "approved by the label on pull request `#1`" in repo.comment(1)


# ---- the comment -----------------------------------------------------------------------------------------------------


def test_one_comment_is_kept_up_to_date(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    repo.write(users=table(**tags(team="a")))
    repo.plan(1)
    assert "team" in repo.comment(1)


def test_no_change_writes_no_comment_but_corrects_an_old_one(repo: Scene) -> None:
    repo.write(users=table())
    run(repo, "apply")
    repo.open(1)
    assert repo.plan(1).ending == NOOP
    assert repo.github.bodies(1) == []
    repo.write(users=table(**tags(team="a")))
    repo.plan(1)
    repo.write(users=table())
    assert repo.plan(1).ending == NOOP
    assert "no changes" in repo.comment(1)
    assert repo.record(1).tables == {}


def test_an_unchanged_plan_writes_nothing(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    asked = len(repo.github.calls)
    repo.plan(1)
    assert not [call for call in repo.github.calls[asked:] if call.startswith(("PATCH", "POST /repos"))]


def test_an_older_run_does_not_overwrite_a_newer_head(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    before = repo.comment(1)
    old = {"pull_request": {"number": 1, "head": {"sha": "e" * 40}}}
    repo.write(users=table(**tags(team="a")))
    ran = repo.run(old, name="pull_request", ref="refs/pull/1/merge", inputs={"mode": "plan"})
    assert ran.ending == (0, "planned", "")
    assert "newer commit" in ran.log
    assert repo.comment(1) == before


def test_without_a_comment_there_is_no_record_and_the_plan_says_so(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    ran = repo.plan(1, comment="false")
    assert ran.ending == (0, "planned", "")
    assert "No record" in ran.summary
    assert repo.github.bodies(1) == []


def test_without_a_new_comment_an_existing_one_is_kept_up_to_date(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    repo.write(users=table(**TTL))
    repo.plan(1, comment="false")
    assert "time to live" in repo.comment(1)
    assert len(repo.github.bodies(1)) == 1


def test_faults_go_into_the_comment_and_take_the_record_away(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    repo.write(users=bad_definition())
    assert repo.plan(1).ending == (1, "failed", "invalid-definition")
    assert "1 error" in repo.comment(1)
    assert "dynatus-ci-record" not in repo.comment(1)


def test_a_maintainer_plans_for_a_fork_by_dispatch(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(9)
    inputs = {"mode": "plan", "pull-request": "9", "approval": "reviewed-plan"}
    ran = repo.run({}, name="workflow_dispatch", ref=BRANCH, inputs=inputs)
    assert ran.ending == (0, "planned", "")
    assert repo.record(9).head == repo.github.pulls[9]["head"]["sha"]


def test_a_baseline_needs_no_account_and_leaves_a_record_alone(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1, environment="production")
    before = repo.comment(1)
    (repo.home / "before").mkdir()
    (repo.home / "before" / "users.edn").write_text(table(**INDEX), encoding="utf-8")
    repo.write(users=table(**NO_INDEXES))
    repo.account.start_over()
    scope = {"environment": "production", "region": "eu-west-1", "endpoint_url": repo.account.endpoint_url}
    ran = repo.plan(1, baseline="before", **scope)
    assert ran.ending == (0, "planned", "")
    assert ran.outputs["destructive"] == "1"
    assert repo.account.journal.count("DescribeTable") == 0
    assert repo.comment(1) == before


def test_a_fault_against_a_baseline_leaves_a_record_alone(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1, environment="production")
    before = repo.comment(1)
    (repo.home / "before").mkdir()
    (repo.home / "before" / "users.edn").write_text(bad_definition(), encoding="utf-8")
    scope = {"environment": "production", "region": "eu-west-1", "endpoint_url": repo.account.endpoint_url}
    assert repo.plan(1, baseline="before", **scope).ending == (1, "failed", "invalid-definition")
    assert repo.comment(1) == before


def test_a_plan_too_large_for_a_record_says_what_to_do(repo: Scene) -> None:
    many = {f"k{number:02}": "v" for number in range(50)}
    repo.write(**{f"t{number}": table(f"table-{number}", **tags(**many)) for number in range(120)})
    repo.open(1)
    ran = repo.plan(1)
    assert ran.ending == (0, "planned", "")
    assert "Split the change" in repo.comment(1)
    assert "dynatus-ci-record" not in repo.comment(1)
    assert len(repo.comment(1)) <= 60_000


def test_a_token_of_a_person(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    token = {"github_token": PERSON_TOKEN}
    repo.plan(1, **token)
    assert repo.apply(repo.merge(1), **token).ending == (0, "applied", "")


def test_an_empty_token_is_said(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    assert "github-token is empty" in repo.plan(1, github_token="").log
    assert repo.apply(repo.merge(1), github_token="").ending == (1, "failed", "invalid-input")


def test_github_that_does_not_answer_fails_apply_before_anything_runs(repo: Scene) -> None:
    repo.write(users=table())
    sha = repo.push()
    repo.github.faults.append(Fault(".*", status=503, times=99))
    assert repo.apply(sha).ending == (1, "failed", "github-error")
    assert repo.account.journal.writes() == []


def test_no_account_number_is_shown(repo: Scene) -> None:
    repo.write(users=table(), orders=bad_definition())
    repo.open(1)
    shown = [repo.plan(1).log]
    repo.write(orders=None, users=table(**INDEX))
    repo.account.faults.deny("CreateTable")
    shown += [repo.plan(1).summary, repo.comment(1)]
    ran = repo.apply(repo.merge(1))
    assert ran.ending == (1, "failed", "access-denied")
    shown += [ran.log, ran.summary, repo.comment(1)]
    assert not any("123456789012" in text for text in shown)


@pytest.mark.parametrize("budget", [2_600, 1_500])
def test_a_backup_is_named_before_its_table_goes_however_little_room_there_is(
    repo: Scene, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    names = [f"table-{number}" for number in range(6)]
    repo.write(**{name: table(name) for name in names})
    run(repo, "apply")
    for name in names:
        repo.account.client().put_item(TableName=name, Item={"id": {"S": "1"}})
    repo.write(**{name: table(name, key="name") for name in names})
    repo.open(1)
    repo.plan(1)
    repo.label(1)
    sha = repo.merge(1)
    repo.account.start_over()
    said: list[str] = []
    for call in range(1, 600):
        repo.account.faults.before(call, lambda: said.append(repo.comment(1)))
    monkeypatch.setattr(codec, "COMMENT_BUDGET", budget)
    ended = repo.apply(sha, max_parallel="1").ending
    gone = [c for c in repo.account.journal.writes() if c.operation == "DeleteTable" and c.table in names]
    assert all(f"{call.table}/backup/" in said[call.number - 1] for call in gone)
    assert (len(gone), ended[2]) == ((6, "") if budget > 1_500 else (0, "github-error"))


# ---- cancelled -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_apply_stops_after_the_call_and_a_re_run_goes_on(repo: Scene, number: signal.Signals) -> None:
    repo.write(users=table(**TTL, **tags(team="a")))
    repo.open(1)
    repo.plan(1)
    sha = repo.merge(1)
    repo.account.start_over()
    for call in range(1, 40):
        repo.account.faults.before(call, lambda: _cancel_after_creation(repo, number))
    ran = repo.apply(sha)
    assert ran.ending == (1, "failed", "cancelled")
    assert "UpdateTimeToLive" not in {call.operation for call in repo.account.journal.writes()}
    assert "step" in repo.comment(1)
    assert is_used(repo.record(1), "users") is False
    repo.account.faults.clear()
    repo.account.clock.advance(3600)
    assert repo.apply(sha).ending == (0, "applied", "")


def _cancel_after_creation(repo: Scene, number: signal.Signals) -> None:
    if repo.account.journal.writes():
        os.kill(os.getpid(), number)
        time.sleep(0.2)  # while this answer is on its way, the main thread hears of it


def test_a_cancelled_plan_ends_at_once(repo: Scene) -> None:
    repo.write(users=table())
    repo.account.start_over()
    repo.account.faults.before(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert run(repo, "plan").ending == (1, "failed", "cancelled")


def test_signals_are_as_before_after_a_run(repo: Scene) -> None:
    before = signal.getsignal(signal.SIGTERM)
    repo.write(users=table())
    run(repo, "validate")
    assert signal.getsignal(signal.SIGTERM) is before


# --- do the live items fit? ------------------------------------------------------------------------------------------

BY_MAIL = {
    "AttributeDefinitions": '[{:AttributeName "id" :AttributeType "S"} {:AttributeName "mail" :AttributeType "S"}]',
    "GlobalSecondaryIndexes": '[{:IndexName "by-mail" :KeySchema [{:AttributeName "mail" :KeyType "HASH"}] '
    ':Projection {:ProjectionType "KEYS_ONLY"}}]',
}


def test_items_that_do_not_fit_turn_the_plan_red_and_stop_an_apply(repo: Scene) -> None:
    repo.write(users=table())
    repo.open(1)
    repo.plan(1)
    assert repo.apply(repo.merge(1)).ending == (0, "applied", "")
    spoilt = [{"id": {"S": "user-1"}, "mail": {"N": "1"}}]
    repo.account.fill("users", spoilt)
    repo.write(users=table(**BY_MAIL))
    repo.open(2)
    red = repo.plan(2)
    assert red.ending == (1, "refused", "items-do-not-fit")
    assert "1 of 1 item does not fit index `by-mail`: `mail` is not a string." in repo.comment(2)
    assert "user-1" not in red.log + repo.comment(2)
    assert repo.plan(2, check="none").ending == (0, "planned", "")
    repo.account.fill("users", [{"id": {"S": "user-1"}, "mail": {"S": "mended"}}])
    green = repo.plan(2)
    assert (green.ending, green.outputs["fingerprint"]) == ((0, "planned", ""), red.outputs["fingerprint"])
    sha = repo.merge(2)
    repo.account.fill("users", spoilt)
    assert repo.apply(sha).ending == (1, "refused", "items-do-not-fit")
    repo.account.fill("users", [{"id": {"S": "user-1"}, "mail": {"S": "mended"}}])
    assert repo.apply(sha).ending == (0, "applied", "")
