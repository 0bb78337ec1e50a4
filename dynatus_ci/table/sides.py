"""The two sides that a plan compares: the definition, and the table of the account or what counts as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dynatus_ci.table import build
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.facts import AccountFacts
from dynatus_ci.table.model import Table, TableInfo, Value
from dynatus_ci.table.origins import ORIGINS, copy_from, restore_from, through_s3


def of(desired: Table, actual: Table | None, facts: AccountFacts) -> Comparison:
    """The two sides; a table that is being deleted counts as missing."""
    deleting = actual is not None and actual.transitions.get(()) == "DELETING"
    comparison = Comparison(desired, None if deleting else actual, facts)
    return restored(comparison) if restore_from.is_under_way(comparison) and facts.backup else comparison


def missing(comparison: Comparison) -> Comparison:
    """The same definition, as if there were no table."""
    return Comparison(comparison.desired, None, comparison.facts)


def restored(comparison: Comparison) -> Comparison:
    """The table as a restore makes it, as if it were there."""
    made = as_made(restore_from.restored(comparison), comparison.facts)
    under_way = comparison.actual.transitions if comparison.actual else {}
    return replace(comparison, actual=replace(made, transitions=under_way, info=restore_from.info(comparison)))


def imported(comparison: Comparison) -> Comparison:
    """The table as an import makes it, as if it were there."""
    made = replace(as_made(through_s3.parameters(comparison), comparison.facts), info=copy_from.info(comparison))
    return replace(comparison, actual=made, facts=through_s3.after_import(comparison.facts))


def as_made(parameters: Mapping[str, Value], facts: AccountFacts) -> Table:
    """The table that CreateTable makes of its parameters; what they leave out is initial."""
    made = build.desired(parameters)
    comparison = Comparison(made, None, facts)
    shown = {aspect.name: aspect.as_aws_shows(comparison, made.values[aspect.name]) for aspect in ASPECTS
             if made.manages(aspect.name)}  # fmt: skip
    return _with_initial_values(replace(made, values={**made.values, **shown}), facts.endpoint.region)


def as_actual(definition: Table | None, region: str) -> Table | None:
    """A definition as if it were a table of the account: what the definition leaves out has its initial value.

    The account in its ARN is the word `ACCOUNT`.
    """
    return _with_initial_values(definition, region) if definition else None


def _with_initial_values(definition: Table, region: str) -> Table:
    values = {aspect.name: aspect.initial for aspect in ASPECTS} | dict(definition.values)
    source = definition.at(copy_from.PATH)
    tags = definition.at((Tags.name,)) or {}
    values |= {origin.name: origin.marks(tags) for origin in ORIGINS if origin.tagged}
    values[copy_from.NAME] = copy_from.done(source) if source else {}
    arn = f"arn:aws:dynamodb:{region}:ACCOUNT:table/{definition.name}"
    return replace(definition, values=values, info=TableInfo(table_id="", arn=arn, status="ACTIVE"))
