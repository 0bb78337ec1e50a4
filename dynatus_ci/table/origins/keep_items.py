"""`:KeepItems true`: a table gets another key, or another local index, and keeps its items.

The items wait in a copy beside the table, while the table is deleted and created again. Tags of both say how far that
is, and what a run finds decides what it does. A run remembers only what it has compared itself: without that it deletes
neither the table nor the copy. The steps are in `keep_steps`.
docs/dynamodb.md#keeping-items
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil

from dynatus_ci.errors import Refusal
from dynatus_ci.table import create_table, items, names
from dynatus_ci.table.aspects import keys, recreating, tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import Emptiness, StagingTable, TableIds
from dynatus_ci.table.model import Difference, Effect, Risk, Step, Table, Value
from dynatus_ci.table.origins import copy_from, copying
from dynatus_ci.table.origins.keep_stages import ENDS_EARLIER, IDLE, KEEPS, REFUSALS, KeepStage
from dynatus_ci.table.origins.origin import Origin
from dynatus_ci.table.validation.shapes import Flag
from dynatus_ci.text import by_number, code, option, plural, span

NAME = "KeepItems"
PATH = (NAME,)
KEPT = "keeps its items"
SUFFIX = ".dynatus-items"
COPY_OF = "dynatus:copy-of"
COMPLETE = "dynatus:copy-complete"
ITEMS_FROM = "dynatus:items-from"
READ_AGAIN = 4
"""How often the second comparison reads all items, in eventually consistent scans: both tables, consistently."""
AWAY = create_table.SECONDS_TO_DELETE[0] + create_table.SECONDS[0]
"""The fewest seconds that it takes to delete a table and create it again."""


# --- names and tags --------------------------------------------------------------------------------------------------


def staging_name(table: str) -> str:
    """The name of a table's copy."""
    return names.beside(table, SUFFIX)


def mark(comparison: Comparison) -> str:
    """The value of all three tags: the table that was copied, with its id."""
    found = _found(comparison)
    if comparison.actual is None or (found and stage(comparison) in ENDS_EARLIER):
        return copy_of(found)
    return tags.owner(comparison.name, comparison.table_id)


# --- what is found ---------------------------------------------------------------------------------------------------


def stage(comparison: Comparison) -> KeepStage:
    """What is found of the table and its copy."""
    copy = _found(comparison)
    if not comparison.desired.manages(NAME):
        return _without_line(comparison, copy)
    if comparison.actual is not None and comparison.endpoint.keeps_tags and not comparison.actual.manages(NAME):
        return KeepStage.NOT_KNOWN
    filled_from = comparison.actual_at((NAME, ITEMS_FROM))
    if filled_from and filled_from != copy_of(copy):
        return KeepStage.NO_LONGER_MARKED if copy else KeepStage.LOST
    if copy is None:
        return KeepStage.TO_COPY if _loses_items(comparison) else KeepStage.NOTHING
    return _with_copy(comparison, copy) if _ours(comparison, copy) else _of_a_stranger(comparison)


def _without_line(comparison: Comparison, copy: Table | None) -> KeepStage:
    """The stage of a table whose definition has no `:KeepItems`. `:CopyFrom` with its copy as the source is allowed."""
    if comparison.desired.absent or comparison.desired.at(copy_from.PATH) == staging_name(comparison.name):
        return KeepStage.NOT_WANTED
    if comparison.actual_at((NAME, ITEMS_FROM)):
        return KeepStage.UNFINISHED
    creates = comparison.actual is None or _goes(comparison)
    ours = tags.is_owner(copy_of(copy), comparison.name)
    return KeepStage.IN_THE_WAY if creates and ours else KeepStage.NOT_WANTED


def _with_copy(comparison: Comparison, copy: Table) -> KeepStage:
    if comparison.actual is None:
        return KeepStage.TO_BUILD if is_complete(comparison) else KeepStage.INCOMPLETE
    goes, filled_from = _goes(comparison), comparison.actual_at((NAME, ITEMS_FROM))
    if filled_from or (not comparison.endpoint.keeps_tags and not goes):
        return KeepStage.FILLING
    return KeepStage.COPYING if goes and _fits(comparison, copy) else KeepStage.LEFT_OVER


def _of_a_stranger(comparison: Comparison) -> KeepStage:
    if not comparison.endpoint.keeps_tags:
        return KeepStage.UNTAGGED
    if comparison.actual is None:
        return KeepStage.MAY_BE_THE_COPY
    return KeepStage.FOREIGN if _loses_items(comparison) else KeepStage.NOTHING


def _goes(comparison: Comparison) -> bool:
    """Whether the table is deleted and created again."""
    return comparison.actual is not None and any(recreating(comparison))


def _loses_items(comparison: Comparison) -> bool:
    """Whether a table goes that may hold items."""
    return _goes(comparison) and comparison.facts.emptiness is not Emptiness.EMPTY


def _found(comparison: Comparison) -> Table | None:
    """The copy; one that is being deleted counts as gone."""
    table = comparison.facts.staging.table if comparison.facts.staging else None
    return None if table is None or table.transitions.get(()) == "DELETING" else table


def _tag(copy: Table | None, key: str) -> str:
    return str(copy.at((tags.Tags.name, key)) or "") if copy else ""


def copy_of(copy: Table | None) -> str:
    """What the tag of a copy says: the table that was copied, with its id. Empty where there is no tag."""
    return _tag(copy, COPY_OF)


def copied_name(table: Table, *, keeps_tags: bool) -> str | None:
    """The table whose items a copy holds; None where a table is no copy. Where no tags are kept its name says it."""
    if not keeps_tags:
        return table.name.removesuffix(SUFFIX) if table.name.endswith(SUFFIX) else None
    return copy_of(table).rpartition("@")[0] or None


def _ours(comparison: Comparison, copy: Table) -> bool:
    """Whether this is a copy of this table, or of an earlier one of its name.

    Tags of a table that is being created cannot be read, so until then it counts as ours.
    """
    if not comparison.endpoint.keeps_tags:
        return comparison.facts.memory.staging
    return not copy.manages(tags.Tags.name) or tags.is_owner(copy_of(copy), comparison.name)


def _fits(comparison: Comparison, copy: Table) -> bool:
    """Whether this is a copy of the table that is there, with the key and the local indexes that the file wants."""
    of = copy_of(copy)
    same = not of or of == tags.owner(comparison.name, comparison.table_id)
    local = comparison.desired.at((keys.LOCAL,)) or {}
    return same and copy.at(keys.KEY) == comparison.desired.at(keys.KEY) and (copy.at((keys.LOCAL,)) or {}) == local


def is_complete(comparison: Comparison) -> bool:
    """Whether the copy had all items when the table was about to be deleted."""
    copy, equal = _found(comparison), comparison.facts.memory.equal
    if copy is None:
        return False
    if not comparison.endpoint.keeps_tags:
        return equal is not None and equal.staging == copy.table_id
    return _tag(copy, COMPLETE) == copy_of(copy) != ""


def both(comparison: Comparison) -> TableIds:
    """The table and its copy: what a run has seen of them is true of no others."""
    copy = _found(comparison)
    return TableIds(comparison.table_id, copy.table_id if copy else "")


def is_busy(table: Table | None, *, keeps_tags: bool) -> bool:
    """Whether a copy is being created or deleted, or cannot be read yet."""
    return table is not None and (bool(table.transitions) or (keeps_tags and not table.manages(tags.Tags.name)))


def left_to_read(comparison: Comparison) -> Table | None:
    """The live table whose items must fit the definition; None where they were seen to, or nothing is to be copied."""
    where = stage(comparison)
    return comparison.actual if where in KEEPS else _found(comparison) if where is KeepStage.TO_BUILD else None


def must_look(comparison: Comparison) -> bool:
    """Whether it must be looked up if there is a copy: it stops every creation of the table."""
    desired = comparison.desired
    if comparison.facts.staging is not None or desired.absent:
        return False
    creates = comparison.actual is None or any(recreating(comparison))
    return desired.manages(NAME) or (creates and comparison.endpoint.keeps_tags)


# --- what is said ----------------------------------------------------------------------------------------------------


def notes(comparison: Comparison) -> Iterator[str]:
    """What people must know before a table is deleted whose items are kept."""
    cost = estimate(comparison)
    yield from _duration(comparison, cost)
    yield "Stop all writers before apply, and start them when it has ended: what they write meanwhile may be lost."
    if comparison.endpoint.backups:
        yield "Before the deletion apply makes a backup, and its report names it."
    else:
        yield "This endpoint has no backups."
    yield "To go back, write the old key into the file again: the items are kept in the same way."
    if cost.items > copying.LARGE:
        memory = f"{cost.memory / 1e9:.1f} GB of memory"
        yield f"Comparing so many items takes about {memory} on the machine that runs apply."


def _duration(comparison: Comparison, cost: Cost) -> Iterator[str]:
    copied = f"The items are copied to {code(staging_name(comparison.name))} first, and back afterwards."
    if not comparison.table_id:  # a baseline says nothing of items
        yield f"{copied} How long that takes, and what it uses, is not known without the account."
        yield "For a part of that time, the table does not exist or is incomplete."
        return
    index = ", and as many write units again for each index" if comparison.desired.indexes() else ""
    yield (
        f"{copied} That takes about {span(cost.seconds)} or more, and uses about "
        f"{plural(cost.read_units, 'read unit')} and {plural(cost.write_units, 'write unit')}{index}."
    )
    yield f"For about {span(AWAY + cost.back)} or more of that time, the table does not exist or is incomplete."


def left_notes(comparison: Comparison) -> Iterator[str]:
    """What people must know of a change that has not ended."""
    where, copy = stage(comparison), code(staging_name(comparison.name))
    if where in {KeepStage.TO_BUILD, KeepStage.FILLING}:
        back = span(estimate(comparison).back)
        yield f"Its items are in {copy}, and apply copies them back: about {back} or more. Writers must wait for that."
    elif where is KeepStage.LEFT_OVER:
        yield f"{copy} is left from a change that has ended. Apply deletes it if the table has all of its items."


def denied(comparison: Comparison) -> Iterator[str]:
    """A note if this run may not check whether a copy stops the table from being created again."""
    if comparison.facts.staging and comparison.facts.staging.denied and _goes(comparison):
        yield f"No permission to check whether {code(staging_name(comparison.name))}, a copy of its items, exists."


def refusal(comparison: Comparison) -> Refusal | None:
    """Why the table is left alone; None where it may change."""
    where = stage(comparison)
    if where in KEEPS and (text := _too_slow(comparison)):
        return Refusal(text)
    if where not in REFUSALS:
        return None
    staging = comparison.facts.staging or StagingTable()
    backup = f"the backup {code(staging.backup)}" if staging.backup else "a backup of it, if you have one"
    text = REFUSALS[where].format(
        copy=code(staging_name(comparison.name)),
        table=code(comparison.name),
        backup=backup,
        line=code(":KeepItems true"),
        copy_from=code(f':CopyFrom "{staging_name(comparison.name)}"'),
        complete=code(COMPLETE),
        mark=code(ITEMS_FROM),
        tag=code(COPY_OF),
        value=code(str(comparison.actual_at((NAME, ITEMS_FROM)))),
    )
    return Refusal(text)


def left_in_copy(table: str, of: str, found: copying.Compared) -> str:
    """Why a copy is not deleted.

    Args:
        table: The table that must have its items.
        of: What the tag of the copy says.
        found: How many items are not there, or not as they are.
    """
    copy, itself = code(staging_name(table)), code(table)
    of_all = f"of {plural(found.items, 'item')} of {copy}"
    lacking = f"{found.missing:,} {of_all} {by_number(found.missing, 'is', 'are')} not in {itself}"
    changed = f"{found.different:,} {of_all} {by_number(found.different, 'has', 'have')} other values in {itself}"
    parts = [text for text, count in ((lacking, found.missing), (changed, found.different)) if count]
    again = f", or give {itself} the tag {code(ITEMS_FROM)} with the value {code(of)}: then apply copies them back"
    return (
        f"{', and '.join(parts)}, so {copy} stays. If your application has deleted or changed them since, delete "
        f"{copy}. If not, put them back first{again if found.missing else ''}."
    )


def _too_slow(comparison: Comparison) -> str | None:
    """That the items cannot be copied, and copied back, in the time of one apply. A copy that was begun goes on."""
    cost, most = estimate(comparison), comparison.facts.options.wait_seconds
    if most is None or cost.seconds <= most or stage(comparison) is not KeepStage.TO_COPY:
        return None
    them = by_number(cost.items, "it", "them")
    return (
        f"To copy its {plural(cost.items, 'item')} and to copy {them} back takes about {span(cost.seconds)}, and apply "
        f"may take {span(int(most))} ({option('wait-minutes')}). Raise that, for plan and apply, or give the new table "
        f"another name and fill it by {code(':CopyFrom')}: then the old table is there all the time."
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What it takes to keep a table's items, by what DescribeTable last counted: up to six hours ago.

    Args:
        write_units: Of the copy and the new table; each index takes as much again as the new table.
        there: Seconds of the way into the copy, after its table is created.
        again: Seconds of the comparison after the backup.
        back: Seconds of the way back. The table is away, or is not complete, meanwhile.
    """

    items: int
    read_units: int
    write_units: int
    there: int
    again: int
    back: int

    @property
    def memory(self) -> int:
        """Bytes of memory that a comparison takes."""
        return self.items * copying.BYTES_OF_AN_ITEM

    @property
    def seconds(self) -> int:
        """Seconds of the whole change: copy, compare, replace, and copy back."""
        return self.there + self.again + AWAY + self.back


def estimate(comparison: Comparison) -> Cost:
    """What it takes to keep the items of a table: of the old one, or of its copy where that one is gone."""
    copy, desired, rate = _found(comparison), comparison.desired, comparison.facts.options.copy_rate
    source = (copy if stage(comparison) in ENDS_EARLIER else comparison.actual) or copy or desired
    waiting = Table(staging_name(comparison.name), {keys.KEY[0]: desired.at(keys.KEY)}, info=source.info)
    checked = bool(items.unproven(source, desired)) or items.may_repeat(source, desired)
    there = copying.estimate(source, waiting, checked=checked, rate=rate)
    back = copying.estimate(waiting, desired, checked=False, rate=rate)
    scan = ceil(there.bytes / copying.READ_UNIT / 2)
    again = max(ceil(there.items / copying.MOST_ITEMS_A_SECOND), 1)
    return Cost(
        items=there.items,
        read_units=there.read_units + READ_AGAIN * scan + back.read_units,
        write_units=there.write_units + back.write_units,
        there=there.seconds,
        again=again,
        back=back.seconds,
    )


def without_earlier_copy(comparison: Comparison) -> Comparison:
    """The comparison as it is when the copy of an earlier change has been ended."""
    if stage(comparison) not in ENDS_EARLIER or comparison.actual is None:
        return comparison
    actual = replace(comparison.actual, values={**comparison.actual.values, NAME: {}})
    return Comparison(comparison.desired, actual, replace(comparison.facts, staging=StagingTable()))


class KeepItems(Origin):
    """The table itself: its items wait in a copy while it is deleted and created again."""

    name = NAME
    title = "items"
    shape = Flag()
    elsewhere = False
    tagged = True

    def marks(self, found: Mapping[str, str]) -> Value:
        """Which copy the table is being filled from."""
        return {key: found[key] for key in (ITEMS_FROM,) if key in found}

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """It uses the capacity of both tables, so it is disruptive; it loses nothing.

        Where they cannot be kept, the table is refused, and nothing is said of what a copy would do.
        """
        where, desired = stage(comparison), comparison.desired.at(PATH)
        if where not in IDLE:
            risk = Risk.SAFE if where in REFUSALS else Risk.DISRUPTIVE
            yield Difference(comparison.name, PATH, None, desired, effect=Effect.COPY, risk=risk)

    def with_mark(self, comparison: Comparison, create: Step) -> Step:
        """The tag says which copy the new table is to be filled from."""
        fills = stage(comparison) in {*KEEPS, KeepStage.TO_BUILD}
        if not fills or not comparison.endpoint.keeps_tags:
            return create
        return tags.with_tag(create, ITEMS_FROM, mark(comparison), seen_at=(NAME, ITEMS_FROM))

    def overview(self, difference: Difference) -> str:
        return KEPT if difference.desired else "items in a copy"

    def phrase(self, value: Value) -> str:
        return "kept"

    def consequence(self, difference: Difference) -> str:
        staging = code(staging_name(difference.table))
        return f"The items of {{table}} come from {staging}. Start its writers when apply has ended."
