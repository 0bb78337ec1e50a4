"""The reader: compared with Clojure on every golden case, places, hostile texts, and a small fuzz."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import edn_format
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynatus_ci.definitions import edn, nodes
from dynatus_ci.definitions.nodes import FormKind, Node
from dynatus_ci.errors import Fault, InvalidDefinitions
from tests.formats import unwrapped

CASES = Path(__file__).parent.parent / "cases"
GOLDEN = json.loads((CASES / "edn-cases.json").read_text(encoding="utf-8"))

NO_NAME = "no name that DynamoDB or a definition knows looks like this, and edn_format's lexer does not know it"
NO_CHARACTER = "nothing in a definition is a character"
OCTAL = "Clojure reads octal here, which nobody who writes a capacity means"
DIGITS = "a number is written in one way"
LARGE = "DynamoDB's numbers have 64 bits"
META = "metadata has no place in a definition"
NAMESPACED = "DynamoDB's names have no namespace"
BYTES = "a file that is not UTF-8 is refused, not guessed at"

STRICTER = {
    "kw / only": NO_NAME,
    "kw a/b/c": NO_NAME,
    "kw ' (quote)": NO_NAME,
    "kw emoji": NO_NAME,
    "kw |": NO_NAME,
    "sym a/b/c": NO_NAME,
    "sym a'": NO_NAME,
    "sym 'a": NO_NAME,
    "sym |": NO_NAME,
    "quote list": NO_NAME,
    "smart quotes": NO_NAME,
    "single quotes": NO_NAME,
    "ellipsis": NO_NAME,
    "int --1": NO_NAME,
    "int +-": NO_NAME,
    "tag unicode": NO_NAME,
    "tag a/b/c": NO_NAME,
    "NUL": "Clojure reads NUL as a symbol",
    "char formfeed": NO_CHARACTER,
    "char backspace": NO_CHARACTER,
    "char o": NO_CHARACTER,
    "str octal": "an octal escape is more often a Windows path than a character",
    "str lone surrogate": "half of a pair cannot be written as UTF-8",
    "int 007": OCTAL,
    "int 00": OCTAL,
    "int 01 in vec": OCTAL,
    "int 1,000": OCTAL,
    "int HEX": DIGITS,
    "int hexN": DIGITS,
    "int radix": DIGITS,
    "int 36r": DIGITS,
    "int trailing .": DIGITS,
    "float 1.": DIGITS,
    "ratio +": DIGITS,
    "int big": LARGE,
    "int big N": LARGE,
    "int 2^63": LARGE,
    "int 4300+ digits": LARGE,
    "float big exp M": LARGE,
    "ns map": NAMESPACED,
    "ns map space": NAMESPACED,
    "ns map sp before": NAMESPACED,
    "ns map sym": NAMESPACED,
    "meta map": META,
    "meta kw": META,
    "meta sym": META,
    "meta str": META,
    "meta nested": META,
    "meta in map value": META,
    "meta #^": META,
    "discard meta": META,
    "latin1 bytes": BYTES,
    "utf16": BYTES,
    "invalid utf8 mid": BYTES,
}
"""Cases that Clojure accepts and the reader refuses, and why."""

TAG = "the reader keeps a tag and its value; that #inst and #uuid have no place is said when tags are resolved"
KEY = "collections are equal here where they are written alike; as keys they are refused by the shapes"

LAXER = {
    **dict.fromkeys(("inst bad", "inst int", "inst vec", "inst feb30", "inst len10 str", "inst nil", "inst map"), TAG),
    **dict.fromkeys(("uuid bad", "uuid int", "uuid nodash", "uuid braces", "uuid nil", "discard bad tag val"), TAG),
    "map vec/list key": KEY,
}
"""Cases that Clojure refuses and the reader accepts, and why."""

BOM = "a byte order mark begins a file; Clojure reads it as a symbol"
LINE_END = "a line ends in a string as it ends elsewhere, whatever the editor writes"
OTHERWISE = {
    "str CRLF": LINE_END,
    "BOM": BOM,
    "BOM bytes": BOM,
    **dict.fromkeys((case["name"] for case in GOLDEN if case.get("text", "").startswith(("#inst", "#uuid"))), TAG),
}
"""Cases that both accept with different values, and why."""


def read(text: str) -> nodes.Document:
    return edn.read(text, "t.edn")


def fault(text: str) -> Fault:
    with pytest.raises(InvalidDefinitions) as caught:
        read(text)
    (only,) = caught.value.faults
    return only


def case_document(case: dict[str, Any]) -> nodes.Document | None:
    """The case as the reader reads it; None if it is refused."""
    data = base64.b64decode(case["base64"]) if "base64" in case else case["text"].encode()
    try:
        return read(nodes.decode(data, "t.edn"))
    except InvalidDefinitions:
        return None


def value_of(node: Node) -> Any:
    """A node as a value that is equal only to what EDN calls equal."""
    if node.kind in {FormKind.VECTOR, FormKind.LIST}:
        return (node.kind.name, *map(value_of, node.value))
    if node.kind is FormKind.SET:
        return (node.kind.name, frozenset(map(value_of, node.value)))
    if node.kind is FormKind.MAP:
        return (node.kind.name, frozenset((value_of(key), value_of(value)) for key, value in node.value))
    if node.kind is FormKind.TAGGED:
        return (node.kind.name, node.value.name, value_of(node.value.argument))
    if node.kind is FormKind.RATIO and node.value.denominator == 1:
        return (FormKind.WHOLE.name, repr(int(node.value)))
    return (node.kind.name, repr(node.value))


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_each_golden_case_is_read_as_clojure_reads_it_or_is_a_listed_exception(case: dict[str, Any]) -> None:
    document = case_document(case)
    forms = None if document is None else len(document.forms)
    if case["name"] in STRICTER:
        assert (case["clojure"]["ok"], forms) == (True, None)
    elif case["name"] in LAXER:
        assert (case["clojure"]["ok"], forms) == (False, 1)
    elif case["name"] in OTHERWISE and case["clojure"]["ok"]:
        assert forms is not None
        assert forms <= case["forms"]
    else:
        assert forms == case["forms"]


def _printed(case: dict[str, Any]) -> bool:
    return bool(case["forms"]) and case["clojure"]["ok"] and case["name"] not in {*STRICTER, *LAXER, *OTHERWISE}


@pytest.mark.parametrize("case", [case for case in GOLDEN if _printed(case)], ids=lambda case: case["name"])
def test_an_accepted_case_has_the_value_that_clojure_printed(case: dict[str, Any]) -> None:
    document = case_document(case)
    assert document is not None
    _, _, printed = case["clojure"]["printed"].partition(" ")
    (expected,) = read(printed.replace(r"\\", "\\")).forms
    assert value_of(document.forms[0]) == value_of(expected)


def test_the_exceptions_name_cases_that_exist() -> None:
    assert {*STRICTER, *LAXER, *OTHERWISE} <= {case["name"] for case in GOLDEN}


def plain(node: Node) -> Any:
    """A node as edn_format would have it."""
    make: dict[FormKind, Callable[[Any], Any]] = {
        FormKind.VECTOR: lambda items: edn_format.ImmutableList([plain(item) for item in items]),
        FormKind.LIST: lambda items: tuple(plain(item) for item in items),
        FormKind.SET: lambda items: frozenset(plain(item) for item in items),
        FormKind.MAP: lambda pairs: edn_format.ImmutableDict({plain(key): plain(value) for key, value in pairs}),
        FormKind.KEYWORD: edn_format.Keyword,
        FormKind.SYMBOL: edn_format.Symbol,
        FormKind.CHARACTER: edn_format.Char,
        FormKind.RATIO: Fraction,
    }
    return make[node.kind](node.value) if node.kind in make else node.value


OPINION_DIFFERS = {
    "str CRLF": LINE_END,
    "float long M": "edn_format rounds to 28 digits",
    "str surrogates": "edn_format leaves two halves",
    "comment CR only": "edn_format takes the rest of the file for the comment",
}


@pytest.mark.parametrize("case", [case for case in GOLDEN if "text" in case], ids=lambda case: case["name"])
def test_edn_formats_own_parser_reads_the_same_value(case: dict[str, Any]) -> None:
    document = case_document(case)
    if document is None or len(document.forms) != 1 or "#" in case["text"].replace("#{", "").replace("#_", ""):
        return
    try:
        theirs = edn_format.loads(case["text"], write_ply_tables=False)
    except (edn_format.EDNDecodeError, ValueError):
        return
    ours = plain(document.forms[0])
    same = theirs == ours or repr(theirs) == repr(ours) == "nan"
    assert same != (case["name"] in OPINION_DIFFERS)


# --- places ----------------------------------------------------------------------------------------------------------


def test_keys_and_values_know_where_they_begin_and_end() -> None:
    document = read('; a comment\n{:a "é\\n"\n :b [1 #{2}]}\n')
    (form,) = document.forms
    (key, text), (_, vector) = form.value
    spans = [document.source.place(node.start, node.end) for node in (form, key, text, vector, vector.value[1])]
    assert [(p.line, p.column, p.end_line, p.end_column) for p in spans] == [
        (2, 1, 3, 14),
        (2, 2, 2, 4),
        (2, 5, 2, 10),
        (3, 5, 3, 13),
        (3, 8, 3, 12),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_places_are_the_same_with_any_line_end_and_byte_order_mark(line_end: str) -> None:
    text = line_end.join(["; one {", "{:a ; two", ' "ä" 😀}'])
    with pytest.raises(InvalidDefinitions) as caught:
        edn.read(nodes.decode(b"\xef\xbb\xbf" + text.encode(), "t.edn"), "t.edn")
    place = caught.value.faults[0].place
    assert place is not None
    assert (place.line, place.column, place.end_line, place.end_column) == (3, 6, 3, 7)


def test_the_place_of_a_bad_byte_counts_characters_behind_a_byte_order_mark() -> None:
    with pytest.raises(InvalidDefinitions) as caught:
        nodes.decode(b'\xef\xbb\xbf{:a "\xc3\xa9"\r\n :b \xff}', "t.edn")
    assert str(caught.value.faults[0].place) == "t.edn:2:5"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{:a [1 2\n :b 3}", 2),
        ("{:a\n  [\n   1 2\n :b 3}", 4),
        ("{:a [1 2\n :b 3]\n", 2),
        ("{:a {:b 1\n :c 2}\n :d 3}}", None),
        ("{:a {:b [1\n         2}\n :c 3}", None),
        ("{:a 1\n:b [2\n3}\n", None),
        ("{\n:a 1\n:b (2}\n", None),
    ],
)
def test_the_line_where_a_delimiter_is_probably_missing_is_named_by_its_indentation(
    text: str, line: int | None
) -> None:
    hint = fault(text).hint
    assert (hint or "").startswith(f"Line {line} is not indented") == (line is not None)


def test_a_string_may_go_over_several_lines() -> None:
    (form,) = read('{:a "one\n  two"\n :b 1}').forms
    ((_, text), (key, _)) = form.value
    assert text.value == "one\n  two"
    assert read("").source.place(0, 0).line == 1
    assert (key.start, form.end) == (17, 22)


OPENS = "The string that opens here has no closing quote before `{}`."


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{:a "users\n :b "PAY"}', "1:5-1:11", OPENS.format("2:5")),
        ('{:a "{\n x}"\n :b "users\n :c "PAY"}', "3:5-3:11", OPENS.format("4:5")),
        ('[{:a "b :c "d"}]', "1:6-1:13", OPENS.format("1:12")),
        ('{:a users" :b "PAY"}', "1:5-1:10", "A quote is missing before `users`."),
        ('{:a "b":c "d"\n :e "f\n :g "h" :i [}', "2:5-2:7", OPENS.format("3:5")),
        ('{:a "users}\n', "1:5-1:12", "The string that opens here is never closed."),
        ('{:a "users\n :b ""}', "1:5-1:11", OPENS.format("2:5")),
    ],
)
def test_a_missing_quote_is_found_where_it_is_missing(text: str, place: str, message: str) -> None:
    found = fault(text)
    at = found.place
    assert at is not None
    assert found.code == "unterminated-string"
    assert f"{at.line}:{at.column}-{at.end_line}:{at.end_column}" == place
    assert found.message == message


@pytest.mark.parametrize("text", ['{:a "b"c :d [}', '{:a "b"\n "c" 010}', '["a"x ; don\'t "\n}'])
def test_no_missing_quote_is_reported_if_all_strings_are_closed(text: str) -> None:
    assert fault(text).code != "unterminated-string"


# --- hostile texts ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#{" + "(" * 1_000_000, "too-deep"),
        ("#{" + "(" * 1_000_000 + ")" * 1_000_000 + "}", "too-deep"),
        ("#_" * 1_000_000, "too-deep"),
        ("#a " * 1_000_000, "too-deep"),
        ("[" + "1 " * 300_000 + "]", "too-long"),
        ('"' + "\\" * 1_000_000, "unterminated-string"),
        ('"' * 999_999, "too-long"),
        ('"a"b "' + '\\"' * 500_000, "unterminated-string"),
        ('"a"b ' + '"\n' * 99_999, "unterminated-string"),
        ("9" * 1_000_000, "bad-number"),
        ("1." + "9" * 500_000 + "e999999999M", "bad-number"),
        (":" * 1_000_000, "bad-token"),
        ("a/" * 500_000, "bad-token"),
        ("\\u" * 500_000, "too-long"),
        ("#" * 1_000_000, "bad-token"),
        ("1/0", "bad-number"),
        ("1/" + "1" * 900_000, "bad-number"),
        ("]" * 1_000_000, "unmatched-delimiter"),
    ],
    ids=lambda value: value[:12],
)
def test_a_hostile_text_is_one_short_fault(text: str, code: str) -> None:
    found = fault(text)
    assert found.code == code
    assert len(str(found)) < 300


def test_the_indentation_of_a_collection_is_computed_once() -> None:
    document = read(" " * 300_000 + "[" + " " * 300_000 + "\n" + (" " * 300_000 + "1\n") + " 2\n" * 100 + "]")
    assert len(document.forms[0].value) == 101


def test_many_nested_sets_are_read_in_one_pass() -> None:
    document = read("#{" * 60 + " ".join(map(str, range(20_000))) + "}" * 60)
    assert len(document.forms) == 1


@pytest.mark.parametrize(
    "text",
    [
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG\x00GITHUB_TOKEN=ghs_wJalrXUtnFEMI\x00",
        "PATH=/usr/bin\x00AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI",
        '{"aws_secret_access_key": "wJalrXUtnFEMI"}',
        ":a 'x=wJalrXUtnFEMI'",
    ],
)
def test_a_message_does_not_repeat_secrets(text: str) -> None:
    assert "wJalrX" not in str(fault(text))


def test_an_invisible_character_is_replaced_and_named() -> None:
    found = fault("{:a \u202e\x1b[31m::error::}")
    assert found.message == "`\ufffd…` cannot be read."
    assert found.hint == "It has the character `U+202E`."


def test_a_message_is_one_line() -> None:
    assert str(fault("a\x00::error file=x::y")).isprintable()


# --- fuzz ------------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *'{}[]()"\\#_:;,^\n\r\t /@~`|',
        *("#{", "#_", "nil", "true", ":a", "1", "1.5", "2M", "0x1", "##Inf", "\\newline", "#inst", '"a"', "#:a"),
        *("a/b", "1/2", "\\u0041", "\ufeff", "\x00", "\u2028", "٣", "é", "😀", "\ud83d"),
    ]
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        document = read(text)
    except InvalidDefinitions as refused:
        (found,) = refused.faults
        assert found.place is not None
        assert 1 <= found.place.line <= text.count("\n") + text.count("\r") + 1
        assert str(found).isprintable()
    else:
        assert all(0 <= form.start < form.end <= len(document.source.text) for form in document.forms)


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_bytes_are_decoded_exactly_where_they_are_utf8(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        with pytest.raises(InvalidDefinitions, match="bad-encoding"):
            nodes.decode(data, "t.edn")
    else:
        assert "\r" not in nodes.decode(data, "t.edn")


JSON = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none() | st.text(st.characters(exclude_categories=["C"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), inner),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=100)
@given(JSON)
def test_the_output_of_edn_format_is_read_back(value: Any) -> None:
    (form,) = read(edn_format.dumps(value, keyword_keys=True)).forms
    assert unwrapped(form) == value
