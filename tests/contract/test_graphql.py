"""The GraphQL queries are ones that GitHub's published schema understands (the part in use, as test data)."""

from __future__ import annotations

from pathlib import Path

import graphql
import pytest

from dynatus_ci.github import queries

SCHEMA = graphql.build_schema((Path(__file__).parents[1] / "cases" / "github-schema.graphql").read_text("utf-8"))


@pytest.mark.parametrize("query", queries.ALL)
def test_a_query_is_one_that_github_understands(query: str) -> None:
    assert graphql.validate(SCHEMA, graphql.parse(query)) == []


def test_all_queries_are_checked() -> None:
    public = {name: text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")}
    texts = {text for text in public.values() if isinstance(text, str)}
    assert texts == set(queries.ALL)


@pytest.mark.parametrize("query", queries.ALL)
def test_queries_only_ask(query: str) -> None:
    """They are repeated when GitHub does not answer, so none of them may change anything."""
    definitions = graphql.parse(query).definitions
    kinds = {each.operation for each in definitions if isinstance(each, graphql.OperationDefinitionNode)}
    assert kinds == {graphql.OperationType.QUERY}


def test_the_schema_would_catch_a_misspelt_field() -> None:
    assert graphql.validate(SCHEMA, graphql.parse(queries.COMMENTS.replace("viewerDidAuthor", "viewerDidWrite")))
