"""The inputs from the runner: defaults, exact spelling, paths, secrets."""

from __future__ import annotations

import dataclasses

import pytest

from dynatus_ci import inputs
from dynatus_ci.action import job
from dynatus_ci.errors import InvalidInput
from dynatus_ci.github.event import Run
from dynatus_ci.inputs import Approval, Inputs, Mode

WORKSPACE = "/github/workspace"


def environ(**texts: str) -> dict[str, str]:
    """The variables that the runner sets: one for each input of action.yml, empty if it is not given."""
    sent = {f"INPUT_{name.upper()}": "" for name in inputs.NAMES}
    given = {f"INPUT_{name.upper().replace('_', '-')}": text for name, text in texts.items()}
    return {"GITHUB_WORKSPACE": WORKSPACE, "GITHUB_REPOSITORY": "octocat/hello-world", **sent, **given}


def placed(given: dict[str, str]) -> Inputs:
    """The inputs as a job has them: paths relative to the workspace."""
    return job.placed(Inputs.from_environ(given), Run.from_environ(given, {}))


def refusal(**texts: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        placed(environ(**texts))
    return caught.value.sentence


def test_inputs_that_were_not_given_have_their_defaults() -> None:
    assert Inputs.from_environ(environ()) == Inputs()
    assert Inputs() == Inputs(
        mode=Mode.PLAN, path="resources/dynamo", table_prefix="", max_parallel=10, wait_minutes=60, detach=False
    )
    assert Inputs().comment


def test_every_field_is_an_input_and_every_input_a_field() -> None:
    fields = [each.name.replace("_", "-") for each in dataclasses.fields(Inputs)]
    assert sorted(fields) == sorted(inputs.NAMES)


def test_hyphenated_inputs_arrive_with_their_hyphens() -> None:
    read = Inputs.from_environ(
        environ(
            mode="apply",
            endpoint_url="http://dynamodb:8000",
            account="012345678901",
            table_prefix="staging-",
            max_parallel="8",
            wait_minutes="0.5",
            detach="true",
            comment="false",
            pull_request="17",
            github_token="s3cret",
        )
    )
    assert (read.mode, read.endpoint_url, read.account) == (Mode.APPLY, "http://dynamodb:8000", "012345678901")
    assert (read.table_prefix, read.max_parallel, read.wait_minutes, read.detach) == ("staging-", 8, 0.5, True)
    assert (read.comment, read.pull_request, read.github_token) == (False, 17, "s3cret")


def test_a_list_has_one_entry_on_each_line_without_blank_lines() -> None:
    read = Inputs.from_environ(environ(allow_destructive="users\r\n\n  orders/by-*  \n", ignore_tags="team:*\n"))
    assert read.allow_destructive == ("users", "orders/by-*")
    assert read.ignore_tags == ("team:*",)


def test_params_keep_their_values_as_they_are() -> None:
    read = Inputs.from_environ(environ(params="team=a = b\r\n\nempty=\n quota =7 \n"))
    assert read.params == {"team": "a = b", "empty": "", "quota": "7 "}


def test_the_command_gives_repeated_options_as_a_sequence() -> None:
    read = Inputs.from_texts({"params": ["text=two\nlines"], "allow-destructive": ["users", "orders"]})
    assert read.params == {"text": "two\nlines"}
    assert read.allow_destructive == ("users", "orders")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("mode", "Plan", "`plan`, `apply`, `drift`, `validate`"),
        ("mode", "aply", "`plan`, `apply`, `drift`, `validate`"),
        ("approval", "reviewed", "`reviewed-plan`, `none`"),
        ("comment", "True", "`true`, `false`"),
        ("detach", "yes", "`true`, `false`"),
        ("detach", "1", "`true`, `false`"),
        ("account", "1234", "12 digits"),
        ("account", "١٢٣٤٥٦٧٨٩٠١٢", "12 digits"),
        ("max_parallel", "0", "positive whole number"),
        ("max_parallel", "2.5", "positive whole number"),
        ("max_parallel", "-1", "positive whole number"),
        ("wait_minutes", "0", "positive number"),
        ("wait_minutes", "0.0", "positive number"),
        ("wait_minutes", "nan", "positive number"),
        ("wait_minutes", "1e9", "positive number"),
        ("pull_request", "#7", "positive whole number"),
        ("region", "eu-west-1/..", "region"),
        ("region", "eu-west-1.evil.example", "region"),
        ("endpoint_url", "dynamodb:8000", "http://dynamodb:8000"),
        ("endpoint_url", "ftp://dynamodb", "http://dynamodb:8000"),
        ("endpoint_url", "http://", "http://dynamodb:8000"),
        ("endpoint_url", "http://[::1", "http://dynamodb:8000"),
        ("endpoint_url", "http://host:port", "http://dynamodb:8000"),
        ("endpoint_url", "http://host/?a=b", "http://dynamodb:8000"),
        ("table_prefix", "a b", "beginning of a table name"),
        ("environment", "prod\nstaging", "more than one line"),
        ("environment", "prod\u202e", "invisible characters"),
        ("path", "a\nb", "not one path"),
        ("params", "novalue", "NAME=VALUE"),
        ("params", "a b=c", "NAME=VALUE"),
        ("params", "a=1\na=2", "given twice"),
    ],
)
def test_a_wrong_input_is_an_error_that_says_what_is_allowed(name: str, text: str, says: str) -> None:
    message = refusal(**{name: text})
    assert f"`{name.replace('_', '-')}`" in message
    assert says in message


def test_all_wrong_inputs_are_in_one_error() -> None:
    message = refusal(mode="plam", account="1", comment="x")
    assert [name for name in ("mode", "account", "comment") if f"``{name}``: " in message] == [
        "mode",
        "account",
        "comment",
    ]
    assert "\n" not in message  # a report shows it as one line


@pytest.mark.parametrize(
    "variable",
    ["INPUT_allow-destructive", "INPUT_Allow-Destructive", "input_ALLOW-DESTRUCTIVE", "INPUT_ALLOW_DESTRUCTIVE"],
)
def test_a_variable_in_another_spelling_is_not_an_input(variable: str) -> None:
    assert Inputs.from_environ({**environ(), variable: "*"}) == Inputs()
    said = Inputs.from_environ({variable: "*", **environ(allow_destructive="orders"), "INPUT_UNHEARD-OF": "x"})
    assert said.allow_destructive == ("orders",)


@pytest.mark.parametrize(
    ("name", "mode", "goes_with"),
    [
        ("baseline", "apply", "`plan`, `validate`"),
        ("baseline", "drift", "`plan`, `validate`"),
        ("out", "apply", "`plan`"),
        ("reviewed", "plan", "`apply`"),
    ],
)
def test_an_input_of_another_mode_is_refused_instead_of_ignored(name: str, mode: str, goes_with: str) -> None:
    message = refusal(mode=mode, **{name: "there"})
    assert f"`{name}`" in message
    assert message.endswith(f"only with {goes_with}.")


def test_secrets_are_in_no_repr_and_no_message() -> None:
    assert "s3cret" not in repr(Inputs.from_environ(environ(github_token="s3cret")))
    assert "s3cret" not in refusal(github_token="s3cret token")
    assert "s3cret" not in refusal(params="s3cret")
    assert "s3cret" not in refusal(endpoint_url="http://user:s3cret@host")


@pytest.mark.parametrize(
    ("endpoint", "approval"),
    [
        (None, Approval.REVIEWED_PLAN),
        ("http://dynamodb:8000", Approval.NONE),
        ("HTTP://localhost:8000", Approval.NONE),
        ("https://dynamodb.example.com", Approval.REVIEWED_PLAN),
        ("http://dynamodb.eu-west-1.amazonaws.com", Approval.REVIEWED_PLAN),
        ("https://vpce-1-2.dynamodb.eu-west-1.vpce.amazonaws.com", Approval.REVIEWED_PLAN),
    ],
)
def test_only_a_plain_endpoint_of_ones_own_needs_no_review(endpoint: str | None, approval: Approval) -> None:
    assert Inputs().approval_at(endpoint) is approval
    said = Inputs.from_environ(environ(approval="reviewed-plan"))
    assert said.approval_at(endpoint) is Approval.REVIEWED_PLAN


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("resources/dynamo", "resources/dynamo"),
        ("./resources//dynamo/", "resources/dynamo"),
        ("a/../b", "b"),
        (".", "."),
        ("tables with späces\\", "tables with späces\\"),
        ("/github/workspace/schema", "schema"),
        ("/github/workspace", "."),
        ("/github/workspace/a/../b.edn", "b.edn"),
        ("/home/runner/work/hello-world/hello-world/schema", "schema"),
    ],
)
def test_paths_are_normalised_and_relative_to_the_workspace(text: str, path: str) -> None:
    on_host = {"RUNNER_WORKSPACE": "/home/runner/work/hello-world"}
    assert placed({**environ(path=text), **on_host}).path == path


@pytest.mark.parametrize(
    "text", ["..", "../other", "a/../../b", "/etc/passwd", "/github/workspace/../x", "/github/workspaces", "//x"]
)
@pytest.mark.parametrize("name", ["path", "baseline"])
def test_paths_out_of_the_workspace_are_refused(name: str, text: str) -> None:
    assert f"``{name}``: `{text}` is outside the workspace" in refusal(**{name: text})


def test_a_plan_file_may_be_a_temporary_file() -> None:
    temporary = {"RUNNER_TEMP": "/github/runner_temp"}
    planned = placed({**environ(out="/github/runner_temp/plan.json"), **temporary})
    assert planned.out == "/github/runner_temp/plan.json"
    applied = placed({**environ(mode="apply", reviewed="plans/plan.json"), **temporary})
    assert applied.reviewed == "plans/plan.json"
    with pytest.raises(InvalidInput, match="path"):
        placed({**environ(path="/github/runner_temp/tables"), **temporary})
    for outside in ("/github/runner_temp/../x", "/github/runner_temp"):
        with pytest.raises(InvalidInput, match="out"):
            placed({**environ(out=outside), **temporary})
