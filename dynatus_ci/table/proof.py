"""Every plan proves itself: what its steps expect, put into the table one after another, must leave nothing to do.

A plan that does not is a bug of ours, or of a rule that changed at AWS. It is found here, before anybody approves it.
docs/architecture.md#every-plan-proves-itself
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dynatus_ci.errors import FailureReason
from dynatus_ci.table import planner, sides
from dynatus_ci.table.aspects import targets
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import AccountFacts
from dynatus_ci.table.model import (
    DYNAMODB,
    Difference,
    Effect,
    Failure,
    ItemWork,
    Path,
    Step,
    Table,
    TableChange,
    Target,
    Value,
)
from dynatus_ci.table.origins import keep_steps, restore_from, through_s3
from dynatus_ci.text import code


def proven(change: TableChange, facts: AccountFacts) -> TableChange:
    """The same change; one whose steps do not lead to its definition has the error `InternalError` instead."""
    remaining = left_over(change, facts)
    if not remaining:
        return change
    paths = ", ".join(dict.fromkeys(code("/".join(each.path) or "the table") for each in remaining))
    message = (
        f"Table {code(change.table)} was planned wrongly: after all steps, {paths} would still differ from the file. "
        "This is a bug of dynatus, so nothing of this table is changed. Please report it, with the definition."
    )
    error = Failure("InternalError", message, reason=FailureReason.INTERNAL_ERROR)
    wrong = replace(change, action=None, table_id=None, differences=(), steps=(), notes=(), background=())
    return replace(wrong, left_undone=None, error=error)


def left_over(change: TableChange, facts: AccountFacts) -> tuple[Difference, ...]:
    """The differences that are still there when every step has done what it expects.

    What the plan itself says that it leaves (`TableChange.left_undone`) is not among them, nor what the endpoint cannot
    keep.

    Args:
        change: The change of one table, as `planner.change` made it.
        facts: What it rests on.
    """
    if not change.changes or change.refusal or change.error or change.desired is None:
        return ()
    table = change.actual
    for step in change.steps:
        if step.service != DYNAMODB:
            facts = replace(facts, scaling=targets.after(facts.scaling or {}, step.operation, step.parameters))
        elif step.target is Target.STAGING:
            facts = keep_steps.after(step, facts)
        elif step.target is Target.TABLE:
            table = _after(step, table, change, facts)
        if through_s3.is_import(step):
            facts = through_s3.after_import(facts)
        if step.item_work is ItemWork.COPY and table and table.info:
            facts = replace(facts, memory=replace(facts.memory, copied=table.info.table_id))
    again = planner.change(change.desired, table, facts)
    served = {id_ for step in change.steps for id_ in step.differences}
    told = {difference.id for difference in change.differences} - served if change.left_undone else set()
    return tuple(d for d in again.differences if d.effect is not Effect.UNSUPPORTED and d.id not in told)


def _after(step: Step, table: Table | None, change: TableChange, facts: AccountFacts) -> Table | None:
    """The table after a step: each value that the step expects is there."""
    if () in step.expects:
        return None if step.expects[()] is None else _made(step, change, facts)
    if table is None:
        return None
    asked = {difference.path: difference.desired for difference in change.served_by(step)}
    values = table.values
    for path, expected in step.expects.items():
        new = replace(table, values=values).at(path) is None
        values = _put(values, path, _with_what_was_asked(expected, asked.get(path)) if new else expected)
    return replace(table, values=values)


def _made(step: Step, change: TableChange, facts: AccountFacts) -> Table | None:
    """The table that a step makes."""
    if restore_from.is_restore(step) and change.desired:
        return sides.as_made(restore_from.restored(Comparison(change.desired, None, facts)), facts)
    if through_s3.is_import(step):
        return sides.as_made(step.parameters["TableCreationParameters"], facts)
    return sides.as_made(step.parameters, facts)


def _with_what_was_asked(expected: Value, asked: Value) -> Value:
    """A new index or replica has all that was asked for; a step waits for some of it only."""
    return {**asked, **expected} if isinstance(asked, Mapping) and isinstance(expected, Mapping) else expected


def _put(values: Mapping[str, Value], path: Path, value: Value) -> Mapping[str, Value]:
    """The values of a table with another one at a path. Nothing is put into what is not there."""
    name, inside = path[0], path[1:]
    if not inside:
        return {**values, name: value}
    owner = values.get(name)
    if not isinstance(owner, Mapping):
        return values
    if value is None and not inside[1:]:  # an index, a replica or a tag goes
        return {**values, name: {member: kept for member, kept in owner.items() if member != inside[0]}}
    return {**values, name: _put(owner, inside, value)}
