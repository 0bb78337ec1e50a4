"""The arguments of the command, and how its output looks on a terminal and elsewhere."""

from __future__ import annotations

import io
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dynatus_ci import cli, terminal
from dynatus_ci.cli import options
from dynatus_ci.terminal import Look

EXAMPLES = Path(__file__).parents[2] / "examples" / "tables"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environ", "colour"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_a_terminal_gets_colours_unless_somebody_says_no(choice: str, environ: dict[str, str], colour: bool) -> None:
    assert terminal.look(Terminal(), choice, environ).colour is colour


@pytest.mark.parametrize(
    ("choice", "environ", "colour"),
    [
        ("auto", {}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, True),
        ("auto", {"FORCE_COLOR": "0"}, False),
        ("always", {}, True),
    ],
)
def test_a_pipe_gets_no_colours_unless_somebody_says_so(choice: str, environ: dict[str, str], colour: bool) -> None:
    assert terminal.look(io.StringIO(), choice, environ) == Look(colour, None)


def test_no_arguments_print_the_help_and_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 1
    printed = capsys.readouterr()
    assert not printed.out
    assert all(name in printed.err for name in options.COMMANDS)


@pytest.mark.parametrize("name", options.COMMANDS)
def test_the_help_of_a_command_has_an_example_and_its_exit_statuses(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert f"example:\n  dynatus {name}" in printed
    assert "exit status:\n  0 " in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plann"], "plann is not a command of dynatus. Did you mean plan?"),
        (["xyz"], "The commands are validate, plan"),
        (["plan", "--formt", "json"], "--formt is not an option of dynatus plan. Did you mean --format?"),
        (["plan", "--endpoint-urll=http://x"], "Did you mean --endpoint-url?"),
        (["plan", "--qqqqq"], "See dynatus plan --help."),
        (["plan", "here", "there"], "dynatus plan does not take the argument there."),
        (["plan", "--format", "yaml"], "--format cannot be yaml. Use one of text, json, markdown. See dynatus plan"),
        (["completion", "fish"], "shell cannot be fish. Use one of bash, zsh, tcsh."),
        (["import"], "--out is missing. See dynatus import --help."),
        (["plan", "--region"], "--region needs a value. See dynatus plan --help."),
        (["plan", "--environment", "a", "--environment", "b"], "--environment is given twice."),
        (["plan", "--detailed-exitcode=1"], "--detailed-exitcode takes no value, and 1 was given."),
        (["--verson"], "--verson is not an option of dynatus. Did you mean --version?"),
    ],
)
def test_a_mistyped_argument_gets_a_suggestion(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "warning"),
    [
        ("ordrs", "`--allow-destructive ordrs` matches no table of these definitions. Did you mean `orders`?"),
        ("ord*", ""),
        ("orders/by-user", ""),
    ],
)
def test_a_pattern_that_approves_nothing_gets_a_warning(
    pattern: str, warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plan", str(EXAMPLES), "--baseline", str(EXAMPLES), "--allow-destructive", pattern]) == 0
    printed = capsys.readouterr().err
    assert ("Warning" in printed) is bool(warning)
    assert warning.replace("`", "") in printed


def test_validate_says_which_paths_it_has_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.edn"
    wrong.write_text("{", encoding="utf-8")
    assert cli.main(["validate", str(EXAMPLES), str(wrong), "--format", "markdown"]) == 1
    assert f"path `{EXAMPLES}, {wrong}`" in capsys.readouterr().out


def test_a_file_that_two_paths_lead_to_is_validated_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(EXAMPLES / "users.edn"), str(EXAMPLES / "users.edn")]) == 0
    assert capsys.readouterr().err == "1 definition is valid.\n"
    wrong = tmp_path / "wrong.edn"
    wrong.write_text("{", encoding="utf-8")
    assert cli.main(["validate", str(tmp_path), str(wrong), "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 1


def test_a_path_that_leads_out_is_called_as_the_command_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("tables").symlink_to(EXAMPLES.absolute())
    assert cli.main(["validate", "tables"]) == 1
    assert "Set PATH to the folder itself." in capsys.readouterr().err


def test_a_saved_plan_is_printed_as_it_was_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, out = tmp_path / "before.edn", tmp_path / "plan.json"
    before.write_text((EXAMPLES / "users.edn").read_text(encoding="utf-8"), encoding="utf-8")
    assert cli.main(["plan", str(EXAMPLES), "--baseline", str(before), "--out", str(out)]) == 0
    plan = capsys.readouterr().out
    assert cli.main(["show", str(out)]) == 0
    assert plan.splitlines()[:10] == capsys.readouterr().out.splitlines()[:10]
    assert cli.main(["show", str(out), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text(encoding="utf-8"))
    assert cli.main(["show", str(out), "--format", "markdown"]) == 0
    assert "| Table |" in capsys.readouterr().out
    assert cli.main(["show", str(EXAMPLES / "users.edn")]) == 1
    assert "is not a plan document: it is not JSON, see line 1, column 1. It must be a file that --out wrote." in (
        capsys.readouterr().err
    )
    out.write_text('{"format": 9}', encoding="utf-8")
    assert cli.main(["show", str(out)]) == 1
    assert "This plan document has format 9; this release reads 1. Plan again with this" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (7, "tables[0].differences[0].actual must be an object, and is a whole number."),
        (
            {"KeySchema": 1},
            "tables[0].differences[0].actual.KeySchema must be a list or an object, and is a whole number.",
        ),
        ({"KeySchema": [{"AttributeName": "id"}]}, "It has no tables[0].differences[0].actual.KeySchema[0].KeyType."),
    ],
)
def test_a_saved_plan_that_somebody_edited_is_refused_with_the_place(
    actual: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out = tmp_path / "users.edn", tmp_path / "plan.json"
    text = (EXAMPLES / "users.edn").read_text(encoding="utf-8")
    before.write_text(text.replace("user_id", "id"), encoding="utf-8")
    assert cli.main(["plan", str(EXAMPLES / "users.edn"), "--baseline", str(before), "--out", str(out)]) == 0
    plan = json.loads(out.read_text(encoding="utf-8"))
    plan["tables"][0]["differences"][0]["actual"] = actual
    out.write_text(json.dumps(plan), encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["show", str(out)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"plan.json cannot be used. This is not a plan document of dynatus. {message}" in said
    assert said.endswith("Make the plan again: a plan document must stay as it was written.")


TABLE = (
    '{{:TableName "sessions" :BillingMode "PAY_PER_REQUEST" :KeySchema [{{:AttributeName "{0}" :KeyType "HASH"}}]'
    ' :AttributeDefinitions [{{:AttributeName "{0}" :AttributeType "S"}}]}}'
)


def test_files_inside_and_outside_the_working_directory_are_compared_with_a_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside, outside, before = tmp_path / "inside", tmp_path / "outside.edn", tmp_path / "before.edn"
    inside.mkdir()
    monkeypatch.chdir(inside)
    Path("users.edn").write_text(TABLE.format("id").replace("sessions", "users"), encoding="utf-8")
    outside.write_text(TABLE.format("id").replace("sessions", "orders"), encoding="utf-8")
    before.write_text(TABLE.format("id"), encoding="utf-8")
    assert cli.main(["validate", "users.edn", str(outside), "--baseline", str(before)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Plan: 2 to create" in printed
    assert "The definition of sessions is gone." in printed


@pytest.mark.parametrize(
    ("arguments", "status"), [([], 0), (["--detailed-exitcode"], 3), (["--allow-destructive", "sessions"], 0)]
)
def test_a_change_that_needs_an_approval_is_exit_3_where_it_is_asked_for(
    arguments: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = tmp_path / "before.edn", tmp_path / "after.edn"
    before.write_text(TABLE.format("id"), encoding="utf-8")
    after.write_text(TABLE.format("user"), encoding="utf-8")
    assert cli.main(["plan", str(after), "--baseline", str(before), *arguments]) == status
    if "--allow-destructive" in arguments:
        assert cli.main(["plan", str(after), "--baseline", str(before), *arguments, "--detailed-exitcode"]) == 2
    assert capsys.readouterr().out


def test_a_byte_order_mark_is_no_part_of_the_line_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = TABLE.format("id").replace(":BillingMode", ":BillngMode")
    Path("users.edn").write_text(text, encoding="utf-8-sig")
    assert cli.main(["validate", "users.edn", "--format", "markdown"]) == 1
    lines = capsys.readouterr().out.splitlines()
    shown, carets = next(pair for pair in pairwise(lines) if "^^^" in pair[1])
    assert shown[carets.index("^") : carets.rindex("^") + 1] == ":BillngMode"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_validate_shows_the_line_with_carets_on_a_terminal(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "users.edn"
    file.write_text(TABLE.format("id").replace(":BillingMode", f"{' ' * 60} :BillngMode"), encoding="utf-8")
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli.main(["validate", str(file)]) == 1
    lines = screen.getvalue().splitlines()
    carets = next(line for line in lines if "^" in line)
    source = lines[lines.index(carets) - 1]
    assert source[carets.index("^") : carets.rindex("^") + 1] == ":BillngMode"
    assert max(len(source), len(carets)) <= width
    assert lines[-1] == "1 error in 1 file."


@pytest.mark.parametrize("shell", options.SHELLS)
def test_a_completion_script_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "validate" in script
    assert "detailed-exitcode" in script
