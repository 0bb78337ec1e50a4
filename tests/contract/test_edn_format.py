"""edn_format's lexer has the tokens that the reader is built on; `edn_lex` is not part of its public interface."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from edn_format import edn_lex

from dynatus_ci.definitions import edn_tokens


def test_the_version_is_one_that_was_looked_at() -> None:
    assert version("edn_format").split(".")[:2] == ["0", "8"]


def test_every_token_of_the_lexer_is_known_to_the_reader() -> None:
    strings_are_read_by_the_reader_itself = {"STRING"}
    assert set(edn_lex.tokens) - strings_are_read_by_the_reader_itself == edn_tokens.TOKENS


@pytest.mark.parametrize(
    ("text", "token", "end"),
    [
        (r"\newline", "WHITESPACE", 8),
        (r"\a", "CHAR", 2),
        ("12N", "INTEGER", 3),
        ("0x1F", "HEX_INTEGER", 4),
        ("-1.5e3M", "FLOAT", 7),
        ("##-Inf", "SYMBOLIC_VALUE", 6),
        ("1/2", "RATIO", 3),
        ("nil", "SYMBOL", 3),
        (":a/b", "KEYWORD", 4),
        ("[", "VECTOR_START", 1),
        ("]", "VECTOR_END", 1),
        ("(", "LIST_START", 1),
        (")", "LIST_END", 1),
        ("{", "MAP_START", 1),
        ("#{", "SET_START", 2),
        ("}", "MAP_OR_SET_END", 1),
        ("#join", "TAG", 5),
        ("#_", "DISCARD_TAG", 2),
        ("#:a", "MAP_NAMESPACE_TAG", 3),
        ("^", "CARET", 1),
    ],
)
def test_a_token_has_its_name_and_ends_where_the_lexer_then_stands(text: str, token: str, end: int) -> None:
    lexer = edn_lex.lex()
    lexer.input("  " + text + " x")
    lexer.lexpos = 2
    found = lexer.token()
    assert (found.type, found.lexpos, lexer.lexpos) == (token, 2, 2 + end)


def test_clones_of_the_lexer_do_not_share_their_text() -> None:
    lexer = edn_lex.lex()
    one, other = lexer.clone(), lexer.clone()
    one.input("[")
    other.input("}")
    assert (one.token().type, other.token().type) == ("VECTOR_START", "MAP_OR_SET_END")
