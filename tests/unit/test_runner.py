"""What is said to the runner, read back as the runner reads it."""

from __future__ import annotations

import io
import re
import resource
from pathlib import Path

import pytest

from dynatus_ci.errors import Place
from dynatus_ci.github import workflow_commands
from dynatus_ci.github.workflow_commands import Level, Runner

PLACE = Place(file="resources/dynamo/users.edn", line=3, column=5, end_line=3, end_column=9)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def said(stream: io.StringIO) -> Runner:
    return Runner(stream)


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads the file (actions/runner, FileCommandManager.cs)."""
    outputs: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            outputs[line[:equals]] = line[equals + 1 :]
            continue
        name, _, delimiter = line.partition("<<")
        value = []
        for each in lines:
            if each == delimiter:
                break
            value.append(each)
        outputs[name] = "\n".join(value)
    return outputs


def obeyed(log: str) -> list[str]:
    """The commands that the runner would obey, by both of its forms, with stop-commands in force."""
    found, token = [], None
    for line in re.split(r"\r\n|\r|\n", log):
        new = re.match(r"\s*::([a-zA-Z0-9-]+)[^:]*::(.*)", line)
        old = re.search(r"##\[([^\]]+)\](.*)", line)
        name, data = (new or old).groups() if new or old else (None, "")  # type: ignore[union-attr]  # one is a match
        if token:
            token = None if name == token else token
        elif name == "stop-commands":
            token = data
        elif name:
            found.append(f"{name} {data}")
    return found


@pytest.mark.parametrize(
    "text",
    [
        "##[add-mask]a",
        "tag=##[add-mask]a",
        "::add-mask::a",
        "  ::set-output name=x::y",
        "a\n::error::b",
        "a\r::error::b",
        "a\r\n\t::error::b",
        "a\x85::error::b",
        "a\u2028::error::b",
        "::stop-commands::a",
        "##[[error]x",
        "x ##[error]y ##[error]z",
    ],
)
def test_no_text_is_a_command(said: Runner, stream: io.StringIO, text: str) -> None:
    said.text(text)
    assert obeyed(stream.getvalue()) == []
    assert obeyed(workflow_commands.harmless(text)) == []  # not even without the bracket
    with said.group(text):
        said.annotate(Level.ERROR, text, title=text, place=PLACE)
    commands = obeyed(stream.getvalue())
    assert [command.partition(" ")[0] for command in commands] == ["group", "error", "endgroup"]


def test_the_readers_of_these_tests_do_see_commands() -> None:
    assert obeyed("x ##[add-mask]a\n ::error::b") == ["add-mask a", "error b"]
    assert read_outputs("result=noop\nplan<<END\na\nb\nEND\n") == {"result": "noop", "plan": "a\nb"}


def test_text_is_printed_as_it_is_but_for_what_hides() -> None:
    shown = workflow_commands.shown("a\tb\r\n  c::d \x1b[31m\u202ee\0\ud800")
    assert shown == "a\tb\n  c::d \ufffd[31m\ufffde\ufffd\ufffd"
    assert workflow_commands.harmless("x::y a:b 日本 😀 #[x]") == "x::y a:b 日本 😀 #[x]"


def test_each_bracket_has_a_token_of_its_own(said: Runner, stream: io.StringIO) -> None:
    said.text("a::b")
    said.text("a##[b]")
    tokens = re.findall(r"^::stop-commands::([0-9a-f]{32})$", stream.getvalue(), re.MULTILINE)
    assert len(set(tokens)) == 2
    assert all(f"\n::{token}::\n" in stream.getvalue() for token in tokens)


def test_text_that_can_be_no_command_is_printed_alone(said: Runner, stream: io.StringIO) -> None:
    said.text("users: UpdateTable: delete index by-mail\nhttps://example.com #[1]")
    assert stream.getvalue() == "users: UpdateTable: delete index by-mail\nhttps://example.com #[1]\n"


def test_an_annotation_has_its_place_and_is_escaped(said: Runner, stream: io.StringIO) -> None:
    said.annotate(Level.ERROR, "100% wrong:\n`a,b`", place=PLACE, title="a: b, c")
    assert stream.getvalue() == (
        "::error title=a%3A b%2C c,file=resources/dynamo/users.edn,line=3,endLine=3,col=5,endColumn=9"
        "::100%25 wrong:%0A`a,b`\n"
    )


def test_an_annotation_over_several_lines_has_no_columns(said: Runner, stream: io.StringIO) -> None:
    said.annotate(Level.WARNING, "w", place=Place(file="a:b.edn", line=3, column=5, end_line=4, end_column=1))
    assert stream.getvalue() == "::warning file=a%3Ab.edn,line=3,endLine=4::w\n"


def test_beyond_ten_of_a_kind_annotations_are_printed_and_counted(said: Runner, stream: io.StringIO) -> None:
    for number in range(60):
        said.annotate(Level.ERROR, f"finding {number}", place=PLACE)
    said.annotate(Level.WARNING, "one")
    said.finish()
    commands = obeyed(stream.getvalue())
    assert commands[:10] == [f"error finding {number}" for number in range(10)]
    assert commands[10:] == [
        "warning one",
        "notice GitHub does not show all messages here; hidden: 50 errors. The job summary and the log have all.",
    ]
    assert "error: resources/dynamo/users.edn:3:5: finding 59" in stream.getvalue()


def test_the_count_itself_finds_a_place_among_the_notices(said: Runner, stream: io.StringIO) -> None:
    for _ in range(12):
        said.annotate(Level.NOTICE, "n")
    said.finish()
    commands = obeyed(stream.getvalue())
    assert len(commands) == 10
    assert "3 notices" in commands[-1]


def test_nothing_is_counted_where_all_is_shown(said: Runner, stream: io.StringIO) -> None:
    said.finish()
    assert stream.getvalue() == ""


def test_a_long_message_is_cut_by_us(said: Runner, stream: io.StringIO) -> None:
    said.annotate(Level.ERROR, "x" * 10_000)
    assert len(stream.getvalue()) < 4_096
    assert stream.getvalue().endswith("…\n")


def test_a_group_closes_when_something_fails(said: Runner, stream: io.StringIO) -> None:
    with pytest.raises(KeyError), said.group("plan"):
        raise KeyError
    assert stream.getvalue() == "::group::plan\n::endgroup::\n"


@pytest.mark.parametrize(
    "value",
    [
        "one line",
        "",
        "two\nlines",
        "a\nresult=applied\nb",
        "a\nghadelimiter_00000000-0000-0000-0000-000000000000\nresult<<x\napplied\nx",
        "EOF\nresult=applied",
        "ends with a line feed\n",
        "😀 日本",
    ],
)
def test_an_output_sets_itself_and_nothing_else(tmp_path: Path, value: str) -> None:
    path = tmp_path / "output"
    path.write_text("before=1\n", encoding="utf-8")
    Runner(io.StringIO(), output=path).set_outputs({"plan": value, "changed": True, "create": 3})
    read = read_outputs(path.read_text(encoding="utf-8"))
    assert read == {"before": "1", "plan": value, "changed": "true", "create": "3"}


def test_a_forged_delimiter_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "output"
    said = Runner(io.StringIO(), output=path)
    said.set_outputs({"plan": "first"})
    seen = path.read_text(encoding="utf-8").partition("<<")[2].partition("\n")[0]
    said.set_outputs({"plan": f"a\n{seen}\nresult=applied\nx<<{seen}\n"})
    assert read_outputs(path.read_text(encoding="utf-8")) == {"plan": f"a\n{seen}\nresult=applied\nx<<{seen}\n"}


def test_half_a_surrogate_pair_stops_neither_output_nor_summary(tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    said = Runner(io.StringIO(), output=output, summary=summary)
    said.set_outputs({"plan": "\ud800"})
    said.add_summary("\ud800\n")
    assert read_outputs(output.read_text(encoding="utf-8")) == {"plan": "?"}
    assert summary.read_text(encoding="utf-8") == "?\n"


def test_without_its_files_a_runner_only_prints(said: Runner, stream: io.StringIO) -> None:
    said.set_outputs({"result": "noop"})
    said.add_summary("# Plan")
    assert stream.getvalue() == ""


def test_the_summary_grows(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    said = Runner(io.StringIO(), summary=path)
    said.add_summary("# Plan\n")
    said.add_summary("ünder way\n")
    assert path.read_bytes() == "# Plan\nünder way\n".encode()
    assert said.summary_room == workflow_commands.SUMMARY_LIMIT - len(path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("line", ["x" * 99 + "\n", "😀" * 25 + "\n", "\n"])
def test_a_summary_over_its_limit_is_cut_in_bytes_at_the_end_of_a_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "summary"
    said = Runner(io.StringIO(), summary=path)
    said.add_summary("# Plan\n")
    said.add_summary(line * 1_200_000)
    assert workflow_commands.SUMMARY_LIMIT - 300 < path.stat().st_size <= workflow_commands.SUMMARY_LIMIT
    text = path.read_text(encoding="utf-8")
    assert text.endswith("*The rest is left out: a job summary holds 1 MiB.*\n")
    assert set(text.removeprefix("# Plan\n").split("\n")[:-4]) == {line.rstrip("\n")}


# ---- what cannot be written ------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_notice_at_the_end(stream: io.StringIO) -> None:
    full = Path("/dev/full")
    said = Runner(stream, output=full, summary=full)
    said.add_summary("# Plan")
    said.set_outputs({"result": "applied"})
    assert stream.getvalue() == ""
    said.finish()
    assert obeyed(stream.getvalue()) == [
        "notice The job summary could not be written: No space left on device.",
        "notice The file of the step's outputs could not be written: No space left on device.",
    ]


def test_half_of_an_output_is_taken_back(stream: io.StringIO, tmp_path: Path) -> None:
    output = tmp_path / "output"
    said = Runner(stream, output=output)
    said.set_outputs({"result": "planned"})
    before = output.read_text("utf-8")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        said.set_outputs({"plan": "x" * 100_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_outputs(output.read_text("utf-8")) == {"result": "planned"}


class Full(io.StringIO):
    """A stream on a full disk."""

    def flush(self) -> None:
        """Find no room."""
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    said = Runner(Full(), output=tmp_path / "output")
    with said.group("Plan"):
        said.text("text")
    said.annotate(Level.ERROR, "an error")
    said.set_outputs({"result": "noop"})
    assert read_outputs((tmp_path / "output").read_text("utf-8")) == {"result": "noop"}
