"""`:CopyFrom "orders"`: a new table is filled with the items of another one, once.

The run copies the items itself, or AWS does (`through_s3`).

Two tags of the new table say how far that is: `dynatus:copying-from` until all items are there, `dynatus:copied-from`
for ever after. What a run finds decides, never what an earlier run remembers. So a copy that was stopped at any call
goes on with the next apply.
docs/dynamodb.md#copying-items
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table import arns, items, names
from dynatus_ci.table.aspects import tags
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.facts import Emptiness
from dynatus_ci.table.model import Difference, Effect, Risk, Step, Table, TableInfo, Value
from dynatus_ci.table.origins import copying, s3_place, through_s3
from dynatus_ci.table.origins.origin import MOST_TAGS, Origin
from dynatus_ci.table.validation.findings import Finding
from dynatus_ci.table.validation.shapes import Structure, Text, TextOrMap
from dynatus_ci.table.validation.unknown import known
from dynatus_ci.text import code, plural, quoted

NAME = "CopyFrom"
PATH = (NAME,)
COPYING = "dynatus:copying-from"
COPIED = "dynatus:copied-from"


class CopyStage(Enum):
    """How far a table is filled."""

    NOT_WANTED = "its definition names no source"
    NOT_KNOWN = "its tags cannot be read yet"
    MISSING = "there is no table"
    UNTOUCHED = "it has neither tag"
    COPYING = "its copy was begun"
    IMPORTED = "AWS has made it of an export, and nobody has counted its items"
    COPIED = "its copy is complete, and one tag too many is left"
    DONE = "its copy is complete"


UNFILLED = frozenset({CopyStage.MISSING, CopyStage.UNTOUCHED, CopyStage.COPYING})
"""The stages in which items are to be copied."""
UNFINISHED = UNFILLED | {CopyStage.IMPORTED, CopyStage.COPIED}
"""The stages in which something is to be done."""


def unfinished(table: Table) -> str | None:
    """The table whose items an actual table does not have all of yet, as its tags say."""
    marked = table.at(PATH) or {}
    begun = marked.get(COPYING) if COPIED not in marked else None
    return begun and str(begun).rpartition("@")[0]


def done(source: str) -> Value:
    """The tag of a table that has all items of the source."""
    return {COPIED: tags.owner(source, "")}


def stage(comparison: Comparison) -> CopyStage:
    """How far the table is."""
    if not comparison.desired.manages(NAME):
        return CopyStage.NOT_WANTED
    if comparison.actual is None:
        return CopyStage.MISSING
    if not comparison.endpoint.keeps_tags:
        # Nobody can say there that a copy is complete, so the tables are compared each time.
        has_all = comparison.facts.copied or is_copied(comparison) or _source_is_gone(comparison)
        return CopyStage.DONE if has_all else CopyStage.COPYING
    if not comparison.actual.manages(NAME):
        return CopyStage.NOT_KNOWN
    if marked := frozenset(comparison.actual.at(PATH)):
        return _BY_TAGS[marked]
    return CopyStage.IMPORTED if through_s3.import_of(comparison) else CopyStage.UNTOUCHED


_BY_TAGS: Mapping[frozenset[str], CopyStage] = {
    frozenset({COPYING}): CopyStage.COPYING,
    frozenset({COPYING, COPIED}): CopyStage.COPIED,
    frozenset({COPIED}): CopyStage.DONE,
}


def is_copied(comparison: Comparison) -> bool:
    """Whether this run has seen all items in the table that is there now, not only in one of its name."""
    return comparison.info is not None and comparison.info.table_id == comparison.facts.memory.copied


def asked(desired: Table) -> Value:
    """What is reviewed: the source, and the place in S3 that its items go through."""
    source, through = desired.at(PATH), desired.at((s3_place.NAME,))
    return {"TableName": source, s3_place.NAME: through} if through else source


def source_of(value: Value) -> str:
    """The source in a value that a definition or a difference has."""
    return str(value["TableName"] if isinstance(value, Mapping) else value)


def unread_source(comparison: Comparison) -> str | None:
    """The table that must be looked at before the change can be planned."""
    source = comparison.desired.at(PATH)
    return source if stage(comparison) in UNFILLED and source not in comparison.facts.sources else None


def must_look_for_exports(comparison: Comparison) -> bool:
    """Whether what AWS has exported and imported must be known before the change can be planned."""
    matters = through_s3.wanted(comparison) and stage(comparison) in {CopyStage.MISSING, CopyStage.UNTOUCHED}
    return matters and comparison.facts.transfer is None and live_source(comparison) is not None


def is_imported(comparison: Comparison) -> bool:
    """Whether AWS makes the table, which is missing, of an export. Not of a source that is known to be gone."""
    return comparison.actual is None and through_s3.wanted(comparison) and not _source_is_gone(comparison)


def _source_is_gone(comparison: Comparison) -> bool:
    """Whether the source was looked up, and is not there."""
    name, sources = comparison.desired.at(PATH), comparison.facts.sources
    return name in sources and sources[name] is None


def left_to_read(comparison: Comparison) -> Table | None:
    """The actual table whose items are to be copied; None where nothing is to be copied."""
    return live_source(comparison) if stage(comparison) in UNFILLED else None


def must_compare(comparison: Comparison) -> bool:
    """Whether the items must be compared before the change can be planned: only where no tag can say it."""
    untagged = not comparison.endpoint.keeps_tags and stage(comparison) is CopyStage.COPYING
    return untagged and comparison.facts.copied is None and live_source(comparison) is not None


def must_prove_empty(comparison: Comparison) -> bool:
    """Whether it matters if the table is empty: only an empty one is filled."""
    return stage(comparison) is CopyStage.UNTOUCHED and not through_s3.wanted(comparison)


def own_items(source: str) -> Refusal:
    """What to say of a table that is not empty."""
    text = f"This table already has items, so it is not filled from {code(source)}. Remove {code(':CopyFrom')}."
    return Refusal(text, FailureReason.ITEMS_DO_NOT_FIT)


def refusal(comparison: Comparison) -> Refusal | None:
    """Why the table is not filled; None where it may be."""
    where, name = stage(comparison), comparison.desired.at(PATH)
    if where not in UNFILLED | {CopyStage.IMPORTED} or name not in comparison.facts.sources:
        return None
    found = _wrong_source(comparison, where) or _no_room(comparison)
    if found:
        return Refusal(found)
    source = live_source(comparison)
    if where is not CopyStage.COPYING and source and (refused := through_s3.refusal(comparison, source)):
        return refused
    if where is CopyStage.UNTOUCHED and comparison.facts.emptiness is Emptiness.ITEMS:
        return own_items(name)
    return None


def _no_room(comparison: Comparison) -> str | None:
    """Both tags are there for a moment, beside all that the table has. AWS does not count its own."""
    there, marked = comparison.actual_at((tags.Tags.name,)) or {}, comparison.actual_at(PATH) or {}
    others = [key for key in there if key not in marked and not key.startswith("aws:")]
    if len(others) <= MOST_TAGS:
        return None
    return (
        f"The table has {plural(len(others), 'tag')}, and a copy sets two of its own. A table can have at most "
        f"{tags.MOST}: remove some first, in a change of its own."
    )


def _wrong_source(comparison: Comparison, where: CopyStage) -> str | None:
    name, source = comparison.desired.at(PATH), live_source(comparison)
    if name == comparison.name:
        return f"{code(':CopyFrom')} names the table itself."
    begun = comparison.actual_at((NAME, COPYING)) if where is CopyStage.COPYING else None
    if begun and (source is None or begun != mark(comparison)):
        return (
            f"A copy of {code(begun)} was begun and is not complete, and {code(name)} is "
            f"{'gone' if source is None else 'another table'} now. Nobody can complete that copy: look at its items, "
            f"then delete the table, or remove {code(':CopyFrom')} to keep it as it is."
        )
    if source is None:
        return f"There is no table {code(name)} to copy from. Correct {code(':CopyFrom')}, or remove it."
    return _unready(source)


def _unready(source: Table) -> str | None:
    """Why a table that is there cannot be copied now."""
    text = f"Table {code(source.name)}, the source of this copy,"
    if first := unfinished(source):
        return f"{text} is itself still being filled from {code(first)}."
    if source.at(("KeepItems",)):  # the marks of `keep_items`, which imports this module
        return f"{text} does not have all of its items back yet."
    status = source.info.status if source.info else ""
    return None if status in {"ACTIVE", "UPDATING"} else f"{text} is {code(status)}."


def notes(comparison: Comparison) -> Iterator[str]:
    """What people must know before the table is filled."""
    name, source = comparison.desired.at(PATH), live_source(comparison)
    where = stage(comparison)
    if where is CopyStage.DONE and comparison.endpoint.keeps_tags:
        copied = comparison.actual_at((NAME, COPIED))
        if not tags.is_owner(copied, name):
            yield f"The table was filled from {code(copied)}, and a table is filled only once."
    if where not in UNFILLED or source is None:
        return
    if where is not CopyStage.COPYING and through_s3.wanted(comparison):
        yield from through_s3.notes(comparison, source)
        return
    yield from filter(None, (through_s3.ignored(comparison),))
    yield from _copy_notes(comparison, source)
    if where is CopyStage.UNTOUCHED and comparison.facts.emptiness is Emptiness.UNKNOWN:
        yield "No permission to check whether the table is empty. Apply fills it only if it is."


def _copy_notes(comparison: Comparison, source: Table) -> Iterator[str]:
    """What people must know before the run copies the items."""
    name, cost = code(source.name), estimate(comparison, source)
    yield (
        f"{name} has {plural(cost.items, 'item')}, counted up to six hours ago. The copy uses about "
        f"{plural(cost.read_units, 'read unit')} and {plural(cost.write_units, 'write unit')}, and as many write units "
        "again for each index. It never changes the source, and overwrites nothing. New items of "
        f"{name} are copied too while apply runs."
    )
    if cost.items > copying.LARGE:
        memory = f"{cost.memory / 1e9:.1f} GB of memory"
        yield f"Comparing so many items takes about {memory} on the machine that runs apply."
    if items.may_repeat(source, comparison.desired):
        yield (
            "A plan cannot see whether two items have the same new key. `dynatus check` does, and so does apply before "
            "it changes anything."
        )


def live_source(comparison: Comparison) -> Table | None:
    """The actual source; None where it was not looked up, or is not there."""
    return comparison.facts.sources.get(comparison.desired.at(PATH))


def mark(comparison: Comparison) -> str:
    """The value of both tags: the source, with its id."""
    source = live_source(comparison)
    return tags.owner(comparison.desired.at(PATH), source.table_id if source else "")


def estimate(comparison: Comparison, source: Table) -> copying.Estimate:
    """What it takes to copy the items of the source."""
    target = comparison.desired
    checked = bool(items.unproven(source, target)) or items.may_repeat(source, target)
    return copying.estimate(source, target, checked=checked, rate=comparison.facts.options.copy_rate)


def info(comparison: Comparison) -> TableInfo:
    """The table's identity and size; before it is there, by those of the source."""
    if comparison.info:
        return comparison.info
    source = live_source(comparison)
    made = TableInfo(table_id="", arn=arns.beside(source, comparison.name), status="ACTIVE")
    return replace(made, items=source.info.items, bytes=source.info.bytes) if source and source.info else made


class CopyFrom(Origin):
    """The items of another table. `:Through` belongs to it: the place in S3 that they go through."""

    name = NAME
    title = "items from"
    shape = TextOrMap(
        Text(1, 255), Structure({"TableName": Text(1, 255), s3_place.NAME: Text(1, 1024)}, ("TableName",))
    )
    details = (s3_place.NAME,)
    tagged = True

    def desired(self, value: Any) -> Mapping[str, Value]:
        through = value.get(s3_place.NAME) if isinstance(value, Mapping) else None
        return {NAME: source_of(value), **({s3_place.NAME: through} if through else {})}

    def marks(self, found: Mapping[str, str]) -> Value:
        return {key: found[key] for key in (COPYING, COPIED) if key in found}

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """Whether its table and its place in S3 can be what they say."""
        asked = known(definition, NAME)
        detailed = isinstance(asked, Mapping)
        source = known(asked, "TableName") if detailed else asked
        if source is not None and not names.is_valid(source):
            message = f"{code(quoted(source))} is not the name of a table: 3 to 255 characters of `[a-zA-Z0-9_.-]`."
            yield Finding((NAME, "TableName") if detailed else PATH, "table-name", message, names.hint(source))
        if detailed:
            yield from s3_place.findings(definition, (NAME, s3_place.NAME))
        yield from super().findings(definition)

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """It uses the capacity of both tables, or writes all items to S3: so it is disruptive."""
        where = stage(comparison)
        if where in UNFINISHED:
            begun, wanted = comparison.actual_at((NAME, COPYING)), asked(comparison.desired)
            risk = Risk.SAFE if where is CopyStage.IMPORTED else Risk.DISRUPTIVE
            yield Difference(comparison.name, PATH, begun, wanted, effect=Effect.COPY, risk=risk)

    def with_mark(self, comparison: Comparison, create: Step) -> Step:
        if not comparison.desired.manages(NAME) or not comparison.endpoint.keeps_tags:
            return create
        return tags.with_tag(create, COPYING, mark(comparison), seen_at=(NAME, COPYING))

    def never_recreated(self, comparison: Comparison) -> Refusal | None:
        """An import makes its table; a copy fills also one that was created again."""
        return through_s3.RECREATION if through_s3.wanted(comparison) else None

    def overview(self, difference: Difference) -> str:
        return f"items of {code(source_of(difference.desired))}"

    def phrase(self, value: Value) -> str:
        if not isinstance(value, Mapping):
            begun, is_tag, _ = str(value).rpartition("@")
            return f"{begun}, not complete" if is_tag else str(value)
        return f"{value['TableName']}, through {value[s3_place.NAME]}"

    def consequence(self, difference: Difference) -> str:
        source = code(source_of(difference.desired))
        if isinstance(difference.desired, Mapping):
            place = code(difference.desired[s3_place.NAME])
            return (
                f"{{table}} will be created from an export of {source} to {place}. Stop the writers of {source} until "
                "apply has ended: what they write is not in the export."
            )
        return (
            f"{{table}} will be filled with all items of {source}. That uses its read capacity. Let its writers write "
            "to both tables, or stop them, until apply has ended: it may miss what they change or delete."
        )
