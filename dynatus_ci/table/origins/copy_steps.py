"""The steps that fill a new table with the items of another one; each says what must be seen after it.

docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dynatus_ci.table.aspects import tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.model import Difference, ItemWork, Step, Table, TableChange
from dynatus_ci.table.origins import copy_from, import_count, through_s3
from dynatus_ci.table.origins.copy_from import COPIED, COPYING, NAME, PATH, CopyStage
from dynatus_ci.text import code

OPERATION = "BatchExecuteStatement"


def steps(comparison: Comparison, difference: Difference) -> Iterator[Step]:
    """What is left to do: mark the table, copy, mark it as complete, and take the first mark off."""
    where, tagged = copy_from.stage(comparison), comparison.endpoint.keeps_tags
    if where is CopyStage.IMPORTED:
        if not copy_from.is_copied(comparison):
            yield import_count.step(comparison, difference)
        yield _tag(comparison, difference, COPIED, "note in a tag that the table is filled")
        return
    if where is CopyStage.UNTOUCHED and tagged:
        yield _tag(comparison, difference, COPYING, "note in a tag that the table is being filled")
    if where is not CopyStage.COPIED:
        if not copy_from.is_copied(comparison):
            yield _copy(comparison, difference)
        if tagged:
            step = _tag(comparison, difference, COPIED, "note in a tag that the table is filled")
            yield step.not_before(tags.LOCKED)
    if tagged:
        untag = _untag(comparison, difference)
        yield untag if where is CopyStage.COPIED else untag.not_before(tags.LOCKED)


def import_steps(comparison: Comparison, created: Iterable[Difference]) -> Iterator[Step]:
    """The steps by which AWS makes the table, which is missing, of an export. The last one is the import.

    Args:
        comparison: The two sides.
        created: The differences of a table that is created.
    """
    # A plan without an account knows only the source's name.
    source = copy_from.live_source(comparison) or Table(comparison.desired.at(PATH))
    copy = next((difference for difference in created if difference.path == PATH), None)
    if copy:
        yield from through_s3.steps(comparison, source, copy)


def begins(change: TableChange) -> bool:
    """Whether a table that is there is to be filled for the first time: it must be empty."""
    first = next(iter(change.steps), None)
    return first is not None and first.operation == "TagResource" and (NAME, COPYING) in first.expects


def _copy(comparison: Comparison, difference: Difference) -> Step:
    name, source = comparison.desired.at(PATH), copy_from.live_source(comparison)
    return Step(
        operation=OPERATION,
        parameters={"TableName": comparison.name, NAME: name},
        reason=f"copy the items of {code(name)}",
        differences=(difference.id,),
        waits_for="all of them are in both tables",
        seconds=(copy_from.estimate(comparison, source).seconds if source else 0, None),
        aspect=NAME,
        item_work=ItemWork.COPY,
    )


def _tag(comparison: Comparison, difference: Difference, key: str, reason: str) -> Step:
    value = copy_from.mark(comparison)
    return Step(
        operation="TagResource",
        parameters={"ResourceArn": copy_from.info(comparison).arn, "Tags": [{"Key": key, "Value": value}]},
        reason=reason,
        differences=(difference.id,),
        expects={(NAME, key): value},
        waits_for="tag set",
        seconds=tags.Tags.seconds,
        aspect=NAME,
    )


def _untag(comparison: Comparison, difference: Difference) -> Step:
    return Step(
        operation="UntagResource",
        parameters={"ResourceArn": copy_from.info(comparison).arn, "TagKeys": [COPYING]},
        reason="remove the tag of the unfinished copy",
        differences=(difference.id,),
        expects={(NAME, COPYING): None},
        waits_for="tag gone",
        seconds=tags.Tags.seconds,
        aspect=NAME,
    )
