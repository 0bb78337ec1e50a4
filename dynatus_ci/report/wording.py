"""Differences, values and losses in words. Each aspect has its own words; this module puts them together.

Both sides of a difference are put into phrases here, so that a change reads `before → after`. If an aspect has no
phrase for a value, the report shows a diff of JSON.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dynatus_ci.table import aspects, origins, phrases, usage
from dynatus_ci.table.aspects import keys, targets
from dynatus_ci.table.aspects.keys import LOCAL
from dynatus_ci.table.model import GLOBAL, Action, Difference, Effect, Path, Risk, Table, TableChange, Value
from dynatus_ci.table.origins import keep_items
from dynatus_ci.text import code, plural


def name(path: Path) -> str:
    """What a path is called, as a sentence: `stream`, or `index` and the index's name."""
    if not path:
        return "table"
    if origin := origins.of(path):
        return origin.title
    aspect, members = aspects.of(path[:1]), path[1:]
    if aspect and not aspect.named:
        return aspect.title
    if aspect is None or not members:
        return code(" / ".join(path))
    owner = f"{aspect.title} {code(members[0])}"
    return f"{owner} {name(members[1:])}" if members[1:] else owner


def sides(difference: Difference) -> tuple[dict[Path, str], dict[Path, str]] | None:
    """Both sides in a few words, by path; None if one of them has no phrase.

    The creation of a table has one more path for each local index.
    """
    path, actual, desired = difference.path, difference.actual, difference.desired
    scaled = path[-1:] and path[-1] in targets.UNITS
    has_members = path[:1] == (GLOBAL,) or path[-1:] in {("ProvisionedThroughput",), ("OnDemandThroughput",)} or scaled
    if has_members and isinstance(actual, Mapping) and isinstance(desired, Mapping) and desired:
        actual = _compared(actual, desired)
    before, after = _phrases(path, actual), _phrases(path, desired)
    return None if before is None or after is None else (before, after)


def _compared(actual: Mapping[str, Value], desired: Mapping[str, Value]) -> dict[str, Value]:
    """The actual members that the file has, too. What it leaves out is not compared and stays as it is."""
    compared = {member: value for member, value in actual.items() if member in desired}
    policy = compared.get(targets.TRACKING)
    return {**compared, targets.TRACKING: _compared(policy, desired[targets.TRACKING])} if policy else compared


def before_and_after(difference: Difference) -> str:
    """`before → after` as a sentence; empty if a side is absent or has no phrase."""
    both = [side[difference.path] for side in sides(difference) or () if difference.path in side]
    return " → ".join(map(code, both)) if both[1:] else ""


def diff(actual: Value, desired: Value) -> tuple[str, ...]:
    """Both values as JSON, as the lines of a unified diff without its headers."""
    before, after = ([] if side is None else _json(side).split("\n") for side in (actual, desired))
    signed = list(difflib.unified_diff(before, after, n=3, lineterm=""))[3:]
    return tuple("  …" if line.startswith("@@") else line for line in signed)


# --- what is lost or disturbed ---------------------------------------------------------------------------------------

_OTHER_CONSEQUENCE = "{name} of {table} will change."
LISTED_TABLES = 3


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a risky difference means for people and programs that use the table.

    `template` is a sentence with places (see `Aspect.consequence`). Equal differences of several tables share one.
    """

    change: TableChange
    difference: Difference
    template: str
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> tuple[str, ...]:
        """Consequences with the same group can share a sentence."""
        return (self.template, *self.difference.path[1:2], before_and_after(self.difference), *self.read, *self.notes)

    @property
    def read(self) -> tuple[str, ...]:
        """How much it was read lately, as a sentence; empty where that is not known."""
        return (usage.words(self.difference.usage),) if self.difference.usage else ()


def destructive(change: TableChange) -> tuple[Consequence, ...]:
    """What is lost: one consequence if the table is deleted, else one for each destructive difference."""
    return _consequences(change, Risk.DESTRUCTIVE)


def disruptive(change: TableChange) -> tuple[Consequence, ...]:
    """What is disturbed. Nothing if the table is deleted with its items: its loss says that already."""
    if is_deleted(change) and change.risk is not Risk.DISRUPTIVE:
        return ()
    return _consequences(change, Risk.DISRUPTIVE)


def is_deleted(change: TableChange) -> bool:
    """Whether the table is deleted, for good or to be created again."""
    return change.action in {Action.RECREATE, Action.DELETE}


def other_notes(change: TableChange) -> tuple[str, ...]:
    """The notes that no alert shows."""
    in_alert = is_deleted(change) and not change.refusal
    return change.background if in_alert else change.all_notes


def tables(names: Sequence[str]) -> str:
    """Some tables, as a sentence: one by its name, several by their number and the first names."""
    if len(names) == 1:
        return code(names[0])
    shown = [code(name) for name in names[:LISTED_TABLES]]
    more = len(names) - len(shown)
    return f"{plural(len(names), 'table')} ({', '.join([*shown, *([f'{more:,} more'] if more else [])])})"


def consequence(group: Sequence[Consequence]) -> str:
    """The consequences of one group, as a sentence. The notes, which all of them share, are not in it."""
    first = group[0]
    path, desired, changed = first.difference.path, first.difference.desired, before_and_after(first.difference)
    names = tables([consequence.change.table for consequence in group])
    # The template is filled once. A value that looks like a place stays as it is.
    filled = first.template.format(
        table=names,
        whole_table=names if group[1:] else f"Table {names}",
        member=code(path[1]) if path[1:] else "",
        name=name(path).capitalize(),
        held=_held([consequence.change for consequence in group]),
        change=f" ({changed})" if changed else "",
        attribute=code(str(desired.get("AttributeName", ""))) if isinstance(desired, Mapping) else "",
    )
    return " ".join([filled, *first.read])


def _consequences(change: TableChange, risk: Risk) -> tuple[Consequence, ...]:
    risky = [difference for difference in change.differences if difference.risk is risk]
    if not is_deleted(change):
        return tuple(Consequence(change, difference, _template(difference)) for difference in risky)
    kept = any(difference.path == keep_items.PATH and difference.desired for difference in change.differences)
    created = f" and created again, {'with its items' if kept else 'empty'}"
    again = created if change.action is Action.RECREATE else ""
    # AWS counts items every six hours. A table that is proven empty holds none, whatever the last count was.
    held = "{held}" if risk is Risk.DESTRUCTIVE else ""
    template = f"{{whole_table}}{held} will be deleted{again}."
    return tuple(Consequence(change, difference, template, change.notes) for difference in risky[:1])


def _held(changes: Sequence[TableChange]) -> str:
    """How many items the tables hold, in brackets. DescribeTable's counts are up to six hours old."""
    counted = [change.info for change in changes if change.info is not None]
    if not counted:
        return ""
    items, volume = sum(info.items for info in counted), sum(info.bytes for info in counted)
    if not items:
        return " (0 items when AWS last counted, up to six hours ago)"
    return f" ({plural(items, 'item')}, {phrases.size(volume)}, counted up to six hours ago)"


def _template(difference: Difference) -> str:
    part = origins.of(difference.path) or aspects.of(difference.path)
    return part.consequence(difference) if part else _OTHER_CONSEQUENCE


# --- the overview: what changes, in one line -------------------------------------------------------------------------

_NEW, _GONE, _REBUILT, _CHANGED = "+", "\N{MINUS SIGN}", "↻", "~"
_REBUILDS = {Effect.REBUILD_INDEX, Effect.REBUILD_REPLICA}
_ON, _OFF = "on", "off"
_SEPARATOR = " · "
_SHORT = 48
"""The most characters of two values that the overview shows."""
_SHOWN_NAMES = 3


def overview(change: TableChange) -> str:
    """What changes, as a sentence: `+` for what is new, a minus for what goes, `↻` for what is built again."""
    supported = [difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED]
    if change.action is Action.DELETE:
        empty = change.risk is not Risk.DESTRUCTIVE
        return _signed(_GONE, "table, empty" if empty else "table and its items")
    causes = [difference for difference in supported if forces_recreation(difference)]
    if causes:
        kept = [_part(difference) for difference in supported if difference.path == keep_items.PATH]
        return _SEPARATOR.join([*(_part(difference) for difference in causes), *kept])
    new, parts = change.action is Action.CREATE, []
    if new:
        filled = [_part(difference) for difference in supported if _is_from_elsewhere(difference)]
        local = [_signed(_NEW, name(path)) for path in _local_indexes(supported)]
        parts += [_signed(_NEW, "table"), *filled, *local]
        supported = [it for it in supported if it.path and not _is_from_elsewhere(it)]
    for member in (GLOBAL, "Replicas"):
        parts += _named(member, [difference for difference in supported if _is_member(difference, member)])
    rest = [difference for difference in supported if not _is_named(difference)]
    parts += dict.fromkeys(name(difference.path) if new else _part(difference) for difference in rest)
    tags = [difference for difference in supported if _is_member(difference, "Tags")]
    parts += [name(tags[0].path)] if len(tags) == 1 else _counted(len(tags), "tag")
    return _SEPARATOR.join(parts)


def forces_recreation(difference: Difference) -> bool:
    """Whether the table is deleted and created again because of this difference."""
    return difference.effect is Effect.RECREATE and difference.path != ()


def _is_from_elsewhere(difference: Difference) -> bool:
    origin = origins.of(difference.path)
    return origin is not None and origin.elsewhere


def _is_named(difference: Difference) -> bool:
    aspect = aspects.of(difference.path[:1])
    return aspect is not None and aspect.named and not difference.path[2:]


def _is_member(difference: Difference, member: str) -> bool:
    return difference.path[:1] == (member,) and not difference.path[2:]


def _local_indexes(differences: Sequence[Difference]) -> list[Path]:
    bodies = [difference.desired for difference in differences if difference.path == ()]
    return [(LOCAL, index["IndexName"]) for body in bodies if body for index in body.get(LOCAL) or []]


def _named(member: str, differences: Sequence[Difference]) -> list[str]:
    """Indexes or replicas, by what happens to them: a few by name, many as a count."""
    parts: list[str] = []
    for sign in (_NEW, _REBUILT, _GONE):
        same = [difference for difference in differences if _sign(difference) == sign]
        if len(same) <= _SHOWN_NAMES:
            parts += [_signed(sign, name(difference.path)) for difference in same]
        else:
            parts += [_signed(sign, count) for count in _counted(len(same), _title(member))]
    return [*parts, *(_part(difference) for difference in differences if _sign(difference) == _CHANGED)]


def _signed(sign: str, what: str) -> str:
    """The sign stays on the line of its word."""
    return f"{sign}\N{NO-BREAK SPACE}{what}"


def _counted(count: int, noun: str) -> list[str]:
    return [plural(count, noun)] if count else []


def _sign(difference: Difference) -> str:
    if difference.effect in _REBUILDS:
        return _REBUILT
    return _NEW if difference.actual is None else _GONE if difference.desired is None else _CHANGED


def _part(difference: Difference) -> str:
    """A difference by name, with both values if they are short."""
    if origin := origins.of(difference.path):
        text = origin.overview(difference)
        return _signed(_NEW, text) if origin.elsewhere else text
    before, after = (side.get(difference.path, "") for side in sides(difference) or ({}, {}))
    if forces_recreation(difference):
        what = f"{name(difference.path)} {before_and_after(difference)}".rstrip()
        return _signed(sign, what) if (sign := _sign(difference)) in {_NEW, _GONE} else what
    if _OFF in {before, after}:
        return f"{name(difference.path)} {after if after in {_OFF, _ON} else code(after)}"
    if before.startswith(f"{_ON}, ") and after.startswith(f"{_ON}, "):
        before, after = before.removeprefix(f"{_ON}, "), after.removeprefix(f"{_ON}, ")
    short = before and after and len(before) + len(after) <= _SHORT
    return f"{name(difference.path)} {code(before)} → {code(after)}" if short else name(difference.path)


# --- access paths ----------------------------------------------------------------------------------------------------


def access_paths(change: TableChange) -> tuple[str, ...]:
    """The table's keys, indexes and stream as the lines of a diff, with what stays; empty if none of them changes.

    It needs both sides of the table. A plan that was read from a document has neither.
    """
    if change.desired is None or change.actual is None or change.action not in {Action.UPDATE, Action.RECREATE}:
        return ()
    before, after = _access_paths(change.actual), _access_paths(change.desired)
    if change.action is Action.UPDATE:
        # What the file does not mention stays as it is.
        managed = {member for member in (GLOBAL, LOCAL, "StreamSpecification") if change.desired.manages(member)}
        after |= {path: text for path, text in before.items() if path[0] not in managed and path not in after}
    width = max((len(_path_label(path)) for path in (*before, *after)), default=0)
    lines: list[str] = []
    for path in sorted({**before, **after}, key=lambda path: (_ACCESS_ORDER.index(path[0]), path)):
        old, new, label = before.get(path), after.get(path), _path_label(path).ljust(width)
        if old == new:
            lines.append(f"  {label}  {old}")
            continue
        lines += [f"{sign} {label}  {text}" for sign, text in (("-", old), ("+", new)) if text is not None]
    return tuple(lines) if any(line[0] != " " for line in lines) else ()


_ACCESS_ORDER = ("KeySchema", LOCAL, GLOBAL, "StreamSpecification")


def _access_paths(table: Table) -> dict[Path, str]:
    stream = table.at(("StreamSpecification",)) or {}
    indexes = [
        ((member, index), value) for member in (LOCAL, GLOBAL) for index, value in (table.at((member,)) or {}).items()
    ]
    return {
        ("KeySchema",): keys.key_phrase(table.at(("KeySchema",)) or {"KeySchema": []}),
        **{path: _keys_and_projection(value) for path, value in indexes},
        **({("StreamSpecification",): str(stream.get("StreamViewType"))} if stream.get("StreamEnabled") else {}),
    }


def _title(member: str) -> str:
    aspect = aspects.of((member,))
    return aspect.title if aspect else member


def _path_label(path: Path) -> str:
    return " ".join([_title(path[0]), *path[1:]])


def _keys_and_projection(value: Mapping[str, Value]) -> str:
    return keys.index_phrase({member: value[member] for member in ("KeySchema", "AttributeDefinitions", "Projection")})


# --- values in a few words -------------------------------------------------------------------------------------------


def _phrases(path: Path, value: Value) -> dict[Path, str] | None:
    """A value in a few words, by path: its own, and one for each local index of a new table."""
    if value is None:
        return {}
    phrase = _phrase(path, value)
    if phrase is None:
        return None
    if path:
        return {path: phrase}
    types = {"AttributeDefinitions": value.get("AttributeDefinitions") or []}
    local = {(LOCAL, index["IndexName"]): index for index in value.get(LOCAL) or []}
    return {path: phrase, **{at: keys.index_phrase({**types, **index}) for at, index in local.items()}}


def _phrase(path: Path, value: Value) -> str | None:
    if origin := origins.of(path):
        return origin.phrase(value)
    if isinstance(value, str | int):
        return phrases.on(value) if isinstance(value, bool) else str(value) or '""'
    if not isinstance(value, Mapping):
        return None
    if not path:
        return _table_phrase(value) if value.keys() <= _TABLE_MEMBERS else None
    aspect = aspects.kind_of(path)
    if aspect is None or not aspect.phrased or not value.keys() <= aspect.phrased:
        return None
    return aspect.phrase(value)


def _table_phrase(value: Mapping[str, Value]) -> str:
    # The key of a table that is deleted has the attribute types inside.
    key = value["KeySchema"] if isinstance(value["KeySchema"], Mapping) else value
    billing = [value.get("BillingMode", ""), phrases.units(value.get("ProvisionedThroughput"))]
    return phrases.joined(
        f"key {keys.key_phrase(key)}",
        " ".join(filter(None, billing)),
        phrases.at_most(value.get("OnDemandThroughput")),
        keep_items.KEPT if value.get(keep_items.NAME) else "",
    )


_TABLE_MEMBERS = keys.KEYED | {"BillingMode", "ProvisionedThroughput", "OnDemandThroughput", LOCAL, keep_items.NAME}


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
