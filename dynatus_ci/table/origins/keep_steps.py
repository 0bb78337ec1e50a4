"""The steps that keep a table's items, in their order; each says what must be seen after it.

Steps about the copy expect something of the copy, all others of the table.
docs/dynamodb.md#keeping-items
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import takewhile

from dynatus_ci.table import arns, create_table
from dynatus_ci.table.aspects import keys, tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.facts import AccountFacts, StagingTable
from dynatus_ci.table.model import Difference, ItemWork, Path, Step, Table, Target, Value
from dynatus_ci.table.origins import copy_from, copy_steps, keep_items
from dynatus_ci.table.origins.keep_items import COMPLETE, COPY_OF, ITEMS_FROM, NAME, PATH, KeepItems
from dynatus_ci.table.origins.keep_stages import ENDS_EARLIER, KEEPS, KeepStage
from dynatus_ci.text import code

SOURCE = copy_from.NAME
"""The parameter of a step about items that says which table they come from; `TableName` is where they go."""
_TAKEN = (Encryption.name, tags.Tags.name)
"""The settings of the new table that its copy gets too: encryption protects the items, and tags assign the costs."""


def waits_in_copy(left: Iterable[Step], table: str) -> bool:
    """Whether a table is gone or lacks items, and they are in its copy.

    Args:
        left: The steps of the table that are not done.
        table: The table's name.
    """
    of_table = (step for step in left if step.parameters.get("TableName") == table)
    turns = (step for step in of_table if step.operation == "DeleteTable" or step.item_work is ItemWork.COPY)
    first = next(turns, None)
    return first is not None and first.item_work is ItemWork.COPY


def too_early(step: Step, steps: Iterable[Step]) -> bool:
    """Whether a step deletes a table while items must still be copied or compared before that."""
    before = takewhile(lambda other: other is not step, steps)
    return step.operation == "DeleteTable" and any(other.item_work for other in before)


def served(differences: Iterable[Difference]) -> tuple[str, ...]:
    """The id of the difference that all of these steps serve; nothing where no item is kept."""
    return tuple(difference.id for difference in differences if difference.path == PATH)


# --- before the table goes -------------------------------------------------------------------------------------------


def into_copy(comparison: Comparison, create: Step, ids: tuple[str, ...]) -> Iterator[Step]:
    """Make the copy, and fill it.

    Args:
        comparison: The two sides.
        create: The step that creates the new table.
        ids: The ids of the differences that steps before these serve.
    """
    where, memory = keep_items.stage(comparison), comparison.facts.memory
    if where not in KEEPS:
        return
    if where is KeepStage.TO_COPY:
        yield replace(_create(comparison, create), after=ids)
    if _is_of_an_earlier_run(comparison):
        reason = "note that the copy may not be complete any more"
        yield replace(_set_tag(comparison, COMPLETE, None, reason), after=ids)
    if memory.staged != keep_items.both(comparison):
        yield replace(_copy(comparison, back=False), after=ids)


def _is_of_an_earlier_run(comparison: Comparison) -> bool:
    """Whether an earlier run has marked the copy as complete. Since then the table may have been written to."""
    memory, both = comparison.facts.memory, keep_items.both(comparison)
    return keep_items.is_complete(comparison) and both not in {memory.staged, memory.equal}


def align(comparison: Comparison, ids: tuple[str, ...]) -> Iterator[Step]:
    """Make the copy equal to the table, and note that it is."""
    if keep_items.stage(comparison) not in KEEPS:
        return
    copy = code(keep_items.staging_name(comparison.name))
    if comparison.facts.memory.equal != keep_items.both(comparison):
        yield Step(
            operation="BatchWriteItem",
            parameters={"TableName": keep_items.staging_name(comparison.name), SOURCE: comparison.name},
            reason=f"compare all items with {copy}, and correct it where they differ",
            differences=_ids(comparison),
            waits_for="no item is different",
            seconds=(keep_items.estimate(comparison).again, None),
            aspect=NAME,
            after=ids,
            target=Target.STAGING,
            item_work=ItemWork.ALIGN,
        )
    marked = keep_items.is_complete(comparison) and not _is_of_an_earlier_run(comparison)
    if comparison.endpoint.keeps_tags and not marked:
        reason = f"note in a tag that {copy} has all items"
        yield replace(_set_tag(comparison, COMPLETE, keep_items.mark(comparison), reason), after=ids)


def _create(comparison: Comparison, create: Step) -> Step:
    """CreateTable of the copy: the new key, on demand, without a global index, and encrypted like the new table.

    It has the local indexes: so what these refuse, such as too many bytes under one partition key, is found in time.
    """
    copy = keep_items.staging_name(comparison.name)
    taken = {member: create.parameters[member] for member in _TAKEN if member in create.parameters}
    expects: dict[Path, Value] = {(): {}}
    if comparison.endpoint.keeps_tags:
        own = [tag for tag in taken.get(tags.Tags.name, []) if tag["Key"] != ITEMS_FROM]
        mark = keep_items.mark(comparison)
        taken[tags.Tags.name] = [*own, {"Key": COPY_OF, "Value": mark}]
        expects[tags.Tags.name, COPY_OF] = mark
    return Step(
        operation="CreateTable",
        parameters={"TableName": copy, **_schema(comparison), "BillingMode": "PAY_PER_REQUEST", **taken},
        reason=f"create {code(copy)} for a copy of the items",
        differences=_ids(comparison),
        expects=expects,
        waits_for="it is ACTIVE",
        seconds=create_table.SECONDS,
        aspect=NAME,
        target=Target.STAGING,
    )


def _schema(comparison: Comparison) -> dict[str, Value]:
    """The key and the local indexes of the new table, with the types of their attributes."""
    local = comparison.desired.at((keys.LOCAL,)) or {}
    kinds: dict[str, str | None] = {}
    for keyed in (comparison.desired.at(keys.KEY), *local.values()):
        kinds |= keys.types(keyed["AttributeDefinitions"])
    indexes = [keys.local_parameters(*index) for index in local.items()]
    return {
        "KeySchema": comparison.desired.at(keys.KEY)["KeySchema"],
        "AttributeDefinitions": keys.definitions(kinds),
        **({keys.LOCAL: indexes} if indexes else {}),
    }


# --- after the table has gone ----------------------------------------------------------------------------------------


def out_of_copy(comparison: Comparison) -> Iterator[Step]:
    """Fill the new table. Of one that is full already, see that it has all items."""
    where = keep_items.stage(comparison)
    returned = comparison.facts.memory.returned == keep_items.both(comparison)
    if where in {*KEEPS, KeepStage.TO_BUILD} or (where is KeepStage.FILLING and not returned):
        yield _copy(comparison, back=True)
    elif where is KeepStage.LEFT_OVER and not returned:
        copy = keep_items.staging_name(comparison.name)
        yield Step(
            operation="Scan",
            parameters={"TableName": comparison.name, SOURCE: copy},
            reason=f"check that the table has all items of {code(copy)}",
            differences=_ids(comparison),
            waits_for="all of them are found",
            seconds=(keep_items.estimate(comparison).again, None),
            aspect=NAME,
            item_work=ItemWork.COMPARE,
        )


def ending(comparison: Comparison, others: tuple[str, ...] = ()) -> Iterator[Step]:
    """Take the new table's mark off, and delete the copy.

    Args:
        comparison: The two sides.
        others: The ids of the differences whose steps come before.
    """
    where, copy = keep_items.stage(comparison), keep_items.staging_name(comparison.name)
    if where in {*KEEPS, KeepStage.TO_BUILD, KeepStage.FILLING}:
        if comparison.endpoint.keeps_tags:
            step = _set_tag(comparison, ITEMS_FROM, None, "note that the table has all items")
            yield replace(step, after=others)
    elif where is not KeepStage.LEFT_OVER:
        return
    gone: Mapping[Path, Value] = {(): None}
    yield Step(
        operation="DeleteTable",
        parameters={"TableName": copy},
        reason=f"delete {code(copy)}: the table has all of its items",
        differences=_ids(comparison),
        expects=gone,
        waits_for="it is gone",
        seconds=create_table.SECONDS_TO_DELETE,
        aspect=NAME,
        after=others,
        target=Target.STAGING,
    )


def ending_earlier(comparison: Comparison) -> Iterator[Step]:
    """The steps that end the copy of an earlier change. They come first where the table is to be deleted again."""
    if keep_items.stage(comparison) in ENDS_EARLIER:
        yield from out_of_copy(comparison)
        yield from ending(comparison)


# --- their parts -----------------------------------------------------------------------------------------------------


def _ids(comparison: Comparison) -> tuple[str, ...]:
    return served(KeepItems().differences(comparison))


def _copy(comparison: Comparison, *, back: bool) -> Step:
    table, copy = comparison.name, keep_items.staging_name(comparison.name)
    cost = keep_items.estimate(comparison)
    return Step(
        operation=copy_steps.OPERATION,
        parameters={"TableName": table, SOURCE: copy} if back else {"TableName": copy, SOURCE: table},
        reason=f"copy the items {'back from' if back else 'to'} {code(copy)}",
        differences=_ids(comparison),
        waits_for="all of them are in both tables",
        seconds=(cost.back if back else cost.there, None),
        aspect=NAME,
        target=Target.TABLE if back else Target.STAGING,
        item_work=ItemWork.COPY,
    )


def _set_tag(comparison: Comparison, key: str, value: str | None, reason: str) -> Step:
    """Set a tag of the copy, or the mark of the table; None removes it."""
    of_table = key == ITEMS_FROM
    change = {"TagKeys": [key]} if value is None else {"Tags": [{"Key": key, "Value": value}]}
    arn = _arn(comparison, comparison.name if of_table else keep_items.staging_name(comparison.name))
    path: Path = (NAME, key) if of_table else (tags.Tags.name, key)
    return Step(
        operation="UntagResource" if value is None else "TagResource",
        parameters={"ResourceArn": arn, **change},
        reason=reason,
        differences=_ids(comparison),
        expects={path: value},
        waits_for="tag gone" if value is None else "tag set",
        seconds=tags.Tags.seconds,
        aspect=NAME,
        target=Target.TABLE if of_table else Target.STAGING,
    )


def _arn(comparison: Comparison, table: str) -> str:
    """The ARN of the table or its copy, by that of the one that is there."""
    found = comparison.facts.staging.table if comparison.facts.staging else None
    return arns.beside(next((side for side in (comparison.actual, found) if side and side.info), None), table)


# --- for the proof of a plan -----------------------------------------------------------------------------------------


def after(step: Step, facts: AccountFacts) -> AccountFacts:
    """What is known after a step about the copy is done."""
    if () not in step.expects:
        return facts
    made = Table(step.parameters["TableName"]) if step.expects[()] is not None else None
    return replace(facts, staging=StagingTable(made))
