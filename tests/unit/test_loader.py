"""The loader: bad definitions with the places of their faults, environments, hostile folders, and Python mappings."""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dynatus_ci.definitions import files, loader
from dynatus_ci.errors import Fault, InvalidDefinitions, InvalidInput, NoDefinitions
from dynatus_ci.text import parts

ROOT = Path(__file__).parent.parent.parent
BAD = tomllib.loads((ROOT / "tests/cases/bad-definitions.toml").read_text(encoding="utf-8"))["case"]

TABLE = """{{:TableName "{}"
 :KeySchema [{{:AttributeName "id" :KeyType :hash}}]
 :AttributeDefinitions #{{{{:AttributeName "id" :AttributeType :s}}}}
 :BillingMode :pay-per-request}}
"""


def write(folder: Path, **texts: str) -> Path:
    """Write files by name, without their suffix. `__` separates a folder."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".edn")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def faults(path: str | Path, root: Path, **options: Any) -> list[Fault]:
    with pytest.raises(InvalidDefinitions) as caught:
        loader.load(path, root=root, **options)
    return list(caught.value.faults)


# --- bad inputs ------------------------------------------------------------------------------------------------------


def shown(fault: Fault) -> str:
    """A fault as the cases have it: without code spans, as it is printed."""
    printed = fault.to_dict()
    hint = f" | {printed['hint']}" if fault.hint else ""
    span = "{line}:{column}-{end_line}:{end_column}".format_map(printed)
    return f"{span} {fault.code}: {printed['message']}{hint}"


ENGLISH = re.compile("[A-Z]?[a-z]*(?:['-][a-z]+)*|[0-9,]+")
NAMES = {*("ARN", "AWS", "CLI", "EDN", "HCL", "JSON", "KMS", "S3", "TTL", "UTF-8", "UTF-16", "YAML"), *("NoSQL",)}
NAMES |= {"CloudFormation", "CloudFormation's", "CLI's", "DynamoDB", "DynamoDB's"}


def unmarked(fault: Fault) -> set[str]:
    """The words of a fault outside code spans that are not English."""
    sentence = "".join(" " if is_value else part for is_value, part in parts(fault.sentence))
    words = {word.strip(".,:;?()") for word in sentence.split()}
    return {word for word in words if not ENGLISH.fullmatch(word)} - NAMES


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_a_bad_definition_is_refused_with_all_its_faults_at_their_places(case: dict[str, Any], tmp_path: Path) -> None:
    data = bytes.fromhex(case["bytes"]) if "bytes" in case else case["text"].encode()
    file = case.get("file", "t.edn")
    (tmp_path / file).write_bytes(data)
    options = {name: case[name] for name in ("environment", "params", "table_prefix") if name in case}
    found = faults(file, tmp_path, **options)
    assert [shown(fault) for fault in found] == case["faults"]
    assert {fault.place.file for fault in found if fault.place} == {file}
    assert all(str(fault).isprintable() for fault in found)
    assert set().union(*map(unmarked, found)) == set()


def test_a_value_with_backticks_and_bars_stays_inside_its_code_span(tmp_path: Path) -> None:
    write(tmp_path, a='{:TableName "a```b | c` d" :Absent true}')
    (found,) = faults(".", tmp_path)
    assert (True, '"a```b | c` d"') in parts(found.sentence)
    assert '"a```b | c` d"' in str(found)
    assert '"a```b | c` d"' in found.to_dict()["message"]


def test_all_faults_of_all_files_are_reported_in_the_order_of_the_files(tmp_path: Path) -> None:
    write(tmp_path, b="{:a", a='{:TableName "x" :Absent true}', c__d="{", d=TABLE.format("users") + "]")
    assert [str(fault).split(": ")[:2] for fault in faults(".", tmp_path)] == [
        ["a.edn:1:13", "table-name"],
        ["b.edn:1:1", "unclosed-delimiter"],
        ["c/d.edn:1:1", "unclosed-delimiter"],
        ["d.edn:5:1", "unmatched-delimiter"],
    ]


def test_a_table_with_two_definitions_is_a_fault_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, a=TABLE.format("users"), b=TABLE.replace('"{}"', '#join [#profile {{:prod "users"}}]').format())
    (found,) = faults(".", tmp_path, environment="prod", table_prefix="p-")
    assert str(found) == (
        'b.edn:1:13: duplicate-table: The table "p-users" has two definitions: the first is at a.edn:1:13. '
        "Keep one of them."
    )


def test_loading_stops_early_if_there_are_too_many_faults(tmp_path: Path) -> None:
    write(tmp_path, a="[" + "{:a 1} " * 3_000 + "]", b="{")
    found = faults(".", tmp_path)
    assert loader.MOST_FAULTS <= len(found) < loader.MOST_FAULTS + 10
    assert found[-1].code == "too-many-faults"
    assert "b.edn" not in str(found[-1])


# --- good inputs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", [None, "prod", "staging", "test", "default"])
@pytest.mark.parametrize("params", [{}, {"stage": "x", "reads": "1", "writes": "2"}])
def test_every_example_is_valid_under_every_environment(environment: str | None, params: Mapping[str, str]) -> None:
    folders = sorted({path.parent for path in (ROOT / "examples").rglob("*.edn")})
    loaded = [loader.load(folder, environment=environment, params=params, root=ROOT) for folder in folders]
    assert sum(len(each.blobs) for each in loaded) >= len(list((ROOT / "examples").rglob("*.edn")))
    assert all(len(each.definitions) >= len(each.blobs) for each in loaded)


def test_a_definition_has_plain_values_and_the_place_of_its_brace(tmp_path: Path) -> None:
    write(tmp_path, a="; users\n[ " + TABLE.format("users") + "]")
    (definition,) = loader.load("a.edn", root=tmp_path, table_prefix="p-").definitions
    assert definition.body == {
        "TableName": "p-users",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert str(definition.place) == "a.edn:2:3"
    assert definition.table == "p-users"


def test_files_are_found_below_the_folder_in_name_order_and_hidden_ones_are_not(tmp_path: Path) -> None:
    names = ["b", "a/z", "a.b", "x.edn/y", ".hidden", ".git/config", "a/.x"]
    write(tmp_path, **{name.replace("/", "__"): TABLE.format(f"t{number}") for number, name in enumerate(names, 100)})
    (tmp_path / "notes.txt").write_text("{", encoding="utf-8")
    loaded = loader.load(".", root=tmp_path)
    assert [definition.place.file for definition in loaded.definitions if definition.place] == [
        "a.b.edn",
        "a/z.edn",
        "b.edn",
        "x.edn/y.edn",
    ]


def test_names_of_files_below_the_working_directory_are_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, work__resources__a=TABLE.format("users"), other__b=TABLE.format("orders"))
    monkeypatch.chdir(tmp_path / "work")
    cases: list[tuple[str | Path, str]] = [
        ("resources", "resources/a.edn"),
        ("./resources/../resources/a.edn", "resources/a.edn"),
        (tmp_path / "work/resources", "resources/a.edn"),
        ("../other", f"{tmp_path}/other/b.edn"),
    ]
    for path, name in cases:
        (definition,) = loader.load(path).definitions
        assert definition.place is not None
        assert definition.place.file == name


@pytest.mark.parametrize("comments", ["; nothing yet\n", "#_{:TableName 5}", ";\r;\r"])
def test_a_file_of_comments_is_a_note(comments: str, tmp_path: Path) -> None:
    write(tmp_path, a=comments, b=TABLE.format("users"))
    loaded = loader.load(".", root=tmp_path)
    assert [str(note) for note in loaded.notes] == ["a.edn:1:1: no-table: This file has no table, only comments."]
    with pytest.raises(NoDefinitions, match=r"no definition at a.edn: it has no table\."):
        loader.load("a.edn", root=tmp_path)
    write(tmp_path, b=comments)
    with pytest.raises(NoDefinitions, match=r"no definition at \.: a.edn and 1 more of its files have no table\."):
        loader.load(".", root=tmp_path)


def test_names_that_differ_only_in_case_are_a_note(tmp_path: Path) -> None:
    write(tmp_path, a=TABLE.format("users"), b=TABLE.format("Users"))
    (note,) = loader.load(".", root=tmp_path).notes
    assert str(note).startswith('b.edn:1:1: name-twin: "Users" differs from "users" only in case.')


def test_an_environment_that_no_profile_has_is_a_note_only_if_there_are_profiles(tmp_path: Path) -> None:
    write(tmp_path, a=TABLE.format("users"))
    assert loader.load(".", root=tmp_path, environment="prod").notes == ()
    write(
        tmp_path, b=TABLE.replace(":pay-per-request", "#profile {{:test :x :default :pay-per-request}}").format("bcd")
    )
    (note,) = loader.load(".", root=tmp_path, environment="prod").notes
    assert (note.code, note.hint) == ("unknown-environment", "The environments are `test`.")
    assert loader.load(".", root=tmp_path).notes == ()


def test_an_unused_parameter_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, a=TABLE.format("users"))
    (note,) = loader.load(".", root=tmp_path, params={"stgae": "x"}).notes
    assert str(note) == 'unused-parameter: No #param uses the parameter "stgae".'


def test_more_indexes_than_usual_are_a_note(tmp_path: Path) -> None:
    rest = ':KeySchema [{:AttributeName "id" :KeyType :hash}] :Projection {:ProjectionType :all}'
    indexes = " ".join(f'{{:IndexName "by-{number}" {rest}}}' for number in range(21))
    text = TABLE.format("users").replace(" :BillingMode", f" :GlobalSecondaryIndexes [{indexes}]\n :BillingMode")
    (note,) = loader.load("a.edn", root=write(tmp_path, a=text)).notes
    assert note.code == "many-indexes"


def test_500_files_are_loaded(tmp_path: Path) -> None:
    write(tmp_path, **{f"t{number}": TABLE.format(f"table-{number}") for number in range(500)})
    loaded = loader.load(".", root=tmp_path)
    assert (len(loaded.blobs), len({definition.table for definition in loaded.definitions})) == (500, 500)


# --- nothing there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["missing", "missing.edn", "empty", "notes.txt", "empty/../missing"])
def test_a_path_without_definitions_is_an_error(path: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text(TABLE.format("users"), encoding="utf-8")
    with pytest.raises(NoDefinitions) as caught:
        loader.load(path, root=tmp_path)
    assert caught.value.path == path


# --- hostile folders -------------------------------------------------------------------------------------------------


def test_a_linked_definition_is_refused_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", encoding="utf-8")
    folder = tmp_path / "work"
    write(folder, a=TABLE.format("users"))
    for name, target in [("env", "/proc/self/environ"), ("out", "../secret"), ("in", "a.edn"), ("gone", "nowhere")]:
        (folder / f"{name}.edn").symlink_to(target)
    found = faults(".", folder)
    assert {fault.code for fault in found} == {"not-a-file"}
    assert [str(fault.place) for fault in found] == ["env.edn:1:1", "gone.edn:1:1", "in.edn:1:1", "out.edn:1:1"]


def test_a_pipe_and_a_socket_are_refused_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    os.mkfifo("pipe.edn")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.edn")
        assert [fault.code for fault in faults(".", tmp_path)] == ["not-a-file", "not-a-file"]
    assert [fault.code for fault in faults("pipe.edn", tmp_path)] == ["not-a-file"]


def test_a_file_that_becomes_a_link_just_before_it_is_read_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a=TABLE.format("users"))
    regular = os.lstat(tmp_path / "a.edn")
    (tmp_path / "b.edn").symlink_to("a.edn")
    monkeypatch.setattr(os, "lstat", lambda *_, **__: regular)
    assert [fault.code for fault in faults("b.edn", tmp_path)] == ["unreadable"]


def test_a_linked_folder_is_not_followed_but_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, work__a=TABLE.format("users"), other__b="{")
    (tmp_path / "work/more").symlink_to("../other")
    (tmp_path / "work/self").symlink_to(".")
    loaded = loader.load("work", root=tmp_path)
    assert [definition.table for definition in loaded.definitions] == ["users"]
    assert [str(note.place) for note in loaded.notes] == ["work/more:1:1", "work/self:1:1"]


def test_a_path_out_of_the_working_directory_through_a_link_is_refused(tmp_path: Path) -> None:
    write(tmp_path, other__b=TABLE.format("users"), work__in__a=TABLE.format("users"))
    (tmp_path / "work/out").symlink_to("../other")
    (tmp_path / "work/inside").symlink_to("in")
    for path in ("out", "out/b.edn", tmp_path / "work/out"):
        with pytest.raises(InvalidInput, match="leads out of the working directory"):
            loader.load(path, root=tmp_path / "work")
    assert len(loader.load("inside", root=tmp_path / "work").blobs) == 1


def test_links_that_lead_in_circles_are_no_definitions(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "round.edn").symlink_to("round.edn")
    with pytest.raises(NoDefinitions):
        loader.load("round", root=tmp_path)
    assert [fault.code for fault in faults("round.edn", tmp_path)] == ["not-a-file"]


def test_files_have_a_largest_size_each_and_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a=" " * (files.MOST_BYTES + 1), b=TABLE.format("users"))
    assert [str(fault)[:19] for fault in faults(".", tmp_path)] == ["a.edn:1:1: too-larg"]
    monkeypatch.setattr(files, "MOST_BYTES_IN_ALL", 300)
    write(tmp_path, a=TABLE.format("orders"), c=TABLE.format("more"), d="{")
    assert [str(fault)[:19] for fault in faults(".", tmp_path)] == ["b.edn:1:1: too-larg"]
    monkeypatch.setattr(files, "MOST_FILES", 2)
    assert [fault.code for fault in faults(".", tmp_path)] == ["too-many-files"]


def test_names_of_files_cannot_forge_a_line_of_the_log(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\n::error::\xe2\x80\xae\xff.edn")
    (tmp_path / name).write_text("{", encoding="utf-8")
    (found,) = faults(".", tmp_path)
    assert str(found).startswith("a\ufffd::error::\ufffd\ufffd.edn:1:1: unclosed-delimiter")
    assert str(found).isprintable()


def test_a_module_in_the_definitions_folder_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edn_format.py").write_text("raise SystemExit(7)", encoding="utf-8")
    write(tmp_path, a=TABLE.format("users"))
    monkeypatch.chdir(tmp_path)
    assert len(loader.load(".").blobs) == 1


def test_a_definition_file_that_is_a_process_environment_leaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.edn").write_bytes(b"PATH=/usr/bin\0AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7\0GITHUB_TOKEN=ghs_abc\0")
    (found,) = faults(".", tmp_path)
    assert "wJalr" not in str(found)
    assert "ghs_" not in str(found)


# --- from Python -----------------------------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "TableName": "users",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_mappings_from_python_are_checked_by_the_same_rules() -> None:
    (definition,) = loader.check([{**PLAIN, "Tags": ({"Key": "a", "Value": "b"},), "TableClass": None}])
    assert definition.place is None
    assert definition.body == {**PLAIN, "Tags": [{"Key": "a", "Value": "b"}]}


def test_faults_of_mappings_begin_with_the_table_and_the_path() -> None:
    bad = {**PLAIN, "Tags": [{"Key": "a"}], "Colour": 1}
    with pytest.raises(InvalidDefinitions) as caught:
        loader.check([bad, {}, PLAIN, PLAIN])
    assert [str(fault).partition(" Write ")[0] for fault in caught.value.faults][:4] == [
        "unknown-key: users: Colour: Unknown key :Colour.",
        "missing-key: users: Tags[0]: A member of :Tags has no :Value.",
        "missing-key: definition 2: The table has no :TableName.",
        "missing-key: definition 2: The table has no :KeySchema.",
    ]
    assert str(caught.value.faults[-1]) == 'duplicate-table: The table "users" has two definitions. Keep one of them.'
    assert not [fault for fault in caught.value.faults if fault.place]


def test_a_definition_that_is_not_a_mapping_is_a_fault() -> None:
    with pytest.raises(InvalidDefinitions, match="not-a-map: definition 1"):
        loader.check(["users"])  # type: ignore[list-item]  # what a caller without types may do
