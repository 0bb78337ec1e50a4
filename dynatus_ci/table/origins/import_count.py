"""Counting the items of a table that AWS has made of an export: they must be as many as in the export.

Two items with the same new key have become one in an import, and only the count shows it.
"""

from __future__ import annotations

from dynatus_ci.table import items
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.model import Difference, ItemWork, Step
from dynatus_ci.table.origins import copy_from, s3_place, through_s3
from dynatus_ci.text import all_of, by_number, code, plural


def step(comparison: Comparison, copy: Difference) -> Step:
    """Scan the new table.

    Args:
        comparison: The two sides.
        copy: The difference that the items are not there.
    """
    return Step(
        operation="Scan",
        parameters={"TableName": comparison.name, "Select": "COUNT"},
        reason="count the items of the new table",
        differences=(copy.id,),
        waits_for="as many items as in the export",
        seconds=(0, None),
        aspect=s3_place.NAME,
        item_work=ItemWork.COUNT,
    )


def exported(comparison: Comparison) -> int:
    """How many items the export has that the table was made of."""
    transfer, made = comparison.facts.transfer, through_s3.import_of(comparison)
    if transfer is None or made is None:
        return 0
    return next(one.items for one in transfer.exports if one.folder == made.folder)


def miscounted(comparison: Comparison, found: int) -> str | None:
    """What to say where the table, its import and its export have not the same number of items; None where they have.

    Args:
        comparison: The two sides.
        found: How many items the table has.
    """
    made, count = through_s3.import_of(comparison), exported(comparison)
    if made is None or (made.items == count and found == count):
        return None
    name, named = code(comparison.name), comparison.desired.at(copy_from.PATH)
    source, again = comparison.facts.sources.get(named), f"delete {name}, and run apply again."
    lost = count - min(found, made.items)  # AWS does not say whether it counts what is overwritten then
    if lost > 0 and source and items.may_repeat(source, comparison.desired):
        were, them = by_number(lost, "was", "were"), by_number(lost, "it", "them")
        why = (
            f"{plural(lost, 'item')} had the same new key as another one and {were} overwritten, or somebody has "
            f"deleted {them}. `dynatus check` finds the former in {code(named)}. Correct them, {again}"
        )
    elif made.items != count:
        log = f" Look for the others in its log group {code(made.log)}." if made.log else ""
        why = f"The import has written {plural(made.items, 'item')}.{log} Then {again}"
    else:
        number = plural(abs(count - found), "item")
        what = f"deleted {number} from" if found < count else f"written {number} to"
        why = (
            f"Somebody has {what} {name}. If the changes there may be lost, stop the writers, {again} Else remove "
            f"{code(':CopyFrom')}: that keeps the table as it is."
        )
    return f"The export has {plural(count, 'item')}, and {name} has {found:,}. {why}"


def counted(comparison: Comparison) -> str:
    """What was found, as a sentence."""
    source = code(comparison.desired.at(copy_from.PATH))
    count, target = exported(comparison), code(comparison.name)
    return f"{all_of(count, 'item')} of the export of {source} {by_number(count, 'is', 'are')} in {target}."
