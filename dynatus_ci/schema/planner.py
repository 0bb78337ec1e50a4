"""From two tables to one change: the action, the differences, and the steps in the order they run.

Read-only and pure: the same two tables and the same situation give the same change.
docs/dynamodb.md#the-order-of-steps
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dynatus_ci.schema import capacity, emulators, indexes, keys, order, probe, replacement, unmanaged
from dynatus_ci.schema.model import (
    Action,
    Difference,
    Effect,
    Failure,
    Live,
    Path,
    Risk,
    Stage,
    Step,
    Table,
    TableChange,
)
from dynatus_ci.schema.settings import SETTINGS
from dynatus_ci.schema.settings.base import Context, Emptiness, Probe, Setting, Situation
from dynatus_ci.schema.settings.encryption import Encryption

ENCRYPTION = Encryption()
UNREAD = "NOT READABLE YET"
"""What stands as a transition at a setting whose reader does not find the table yet."""
STRONG = "MultiRegionConsistency"
REPLICAS = "Replicas"
UNUSABLE = frozenset({"ARCHIVING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})


@dataclass(frozen=True, slots=True)
class Questions:
    """What must be asked before the change of a table can be told; all False and None where it can."""

    scaling: bool = False
    emptiness: bool = False
    probe: bool = False
    key: str | None = None

    def __bool__(self) -> bool:
        return self.scaling or self.emptiness or self.probe or self.key is not None


def change(desired: Table, actual: Table | None, situation: Situation) -> TableChange:
    """What a table needs.

    Args:
        desired: The definition.
        actual: The live table; None where it is missing.
        situation: What is known around them.
    """
    deleting = actual is not None and actual.transitions.get(()) == "DELETING"
    context = Context(desired, None if deleting else actual, situation)
    if context.actual and context.actual.live and context.actual.live.status in UNUSABLE:
        return _unusable(context)
    if desired.absent:
        found = _deletion(context)
    elif context.actual is None:
        found = _creation(context)
    elif tuple(keys.differences(context, risk=Risk.SAFE)):
        found = _recreation(context)
    else:
        found = _update(context)
    return _with_notes(found, ["The table is being deleted now; that is waited for."] if deleting else [])


def questions(desired: Table, actual: Table | None, situation: Situation) -> Questions:
    """What must be asked first, beyond the table itself; account-wide facts only when they are needed."""
    deleting = actual is not None and actual.transitions.get(()) == "DELETING"
    context = Context(desired, None if deleting else actual, situation)
    goes = context.actual is not None and (desired.absent or any(keys.differences(context, risk=Risk.SAFE)))
    base = _missing(context) if goes else context
    unasked = not desired.absent and situation.scaling is None and not situation.scaling_denied
    keys_of = (setting.unknown_key(base) for setting in _readable(base))
    replaced = goes and not desired.absent
    new_key = ENCRYPTION.unchecked_key(base) if replaced and _keeps(base, (ENCRYPTION.name,)) else None
    return Questions(
        scaling=unasked and (capacity.scaling_matters(base) or _scales_for_replicas(base)),
        emptiness=goes and situation.emptiness is Emptiness.NOT_ASKED,
        probe=replaced and probe.possible(base) and situation.probe is Probe.NOT_ASKED,
        key=next((key for key in keys_of if key), new_key),
    )


def as_live(definition: Table | None, region: str) -> Table | None:
    """A definition as a table that agrees with it, to compare another with; what it leaves out is initial.

    Its ARN has a word where the account is not known.
    """
    if definition is None:
        return None
    values = {setting.name: setting.initial for setting in SETTINGS} | dict(definition.values)
    arn = f"arn:aws:dynamodb:{region}:ACCOUNT:table/{definition.name}"
    live = Live(table_id="", arn=arn, status="ACTIVE")
    return replace(definition, values={keys.LOCAL: {}, indexes.GLOBAL: {}, **values}, live=live)


def _deletion(context: Context) -> TableChange:
    if context.actual is None:
        return _table_change(context, Action.NOOP)
    live = {name: context.actual.at((name,)) for name in ("KeySchema", "BillingMode")}
    risk = replacement.risk(context)
    difference = Difference(context.name, (), live, None, Effect.DELETE, risk)
    return _replacing(context, Action.DELETE, (difference,), ())


def _recreation(context: Context) -> TableChange:
    risk = replacement.risk(context)
    itself, *rest = replacement.creation(context)
    itself = replace(itself, effect=Effect.RECREATE, risk=risk)
    found = (itself, *keys.differences(context, risk=risk), *rest)
    supported, unsupported = _split(_missing(context), found)
    return _replacing(context, Action.RECREATE, (*supported, *unsupported), tuple(_building(context, supported)))


def _replacing(
    context: Context, action: Action, differences: tuple[Difference, ...], after: tuple[Step, ...]
) -> TableChange:
    refusal = _left_alone(context) or replacement.refusal(context) or _refusal(_missing(context), differences)
    found = _table_change(
        context,
        action,
        differences=differences,
        steps=(*replacement.steps(context, differences, new=after[:1]), *after) if refusal is None else (),
        notes=tuple(replacement.notes(context)),
    )
    unproven = found.risk is Risk.DESTRUCTIVE and context.situation.emptiness is Emptiness.UNKNOWN
    lost = not context.desired.absent and any(replacement.unmentioned(context))
    return _with_left(replace(found, refusal=refusal, unproven=unproven and not lost), _missing(context))


def _creation(context: Context) -> TableChange:
    supported, unsupported = _split(context, replacement.creation(context))
    refusal = _refusal(context, supported)
    steps = _building(context, supported) if refusal is None else ()
    found = _table_change(context, Action.CREATE, differences=(*supported, *unsupported), steps=tuple(steps))
    return _with_left(replace(found, refusal=refusal), context)


def _building(context: Context, differences: tuple[Difference, ...]) -> Iterator[Step]:
    """CreateTable, then what it does not take."""
    missing = _missing(context)
    unsupported = frozenset(setting.name for setting in SETTINGS if not _keeps(context, (setting.name,)))
    create = replacement.create_step(missing, differences, unsupported)
    left = tuple(difference for difference in differences if difference.id not in create.differences)
    after = _setting_steps(missing, SETTINGS, left)
    yield create
    yield from (replace(step, after=create.differences) for step in _in_order(after, differences))


def _update(context: Context) -> TableChange:
    settings = tuple(_readable(context))
    of_indexes, of_capacity = indexes.differences(context), capacity.differences(context, within=_makers(context))
    of_settings = (difference for setting in settings for difference in setting.differences(context))
    found = (*of_indexes, *of_capacity, *of_settings, *_out_of_reach(context))
    supported, unsupported = _split(context, found)
    steps = _in_order(_steps(context, settings, supported), supported)
    created = [difference for difference in supported if difference.path[0] == indexes.GLOBAL]
    alone = _left_alone(context) if supported else None
    refusal = indexes.refusal(context, created) or capacity.refusal(context, supported) or _refusal(context, supported)
    change = _table_change(
        context,
        Action.UPDATE if supported else Action.NOOP,
        differences=(*supported, *unsupported),
        steps=() if alone or refusal else steps,
        notes=tuple(_notes(context, settings, supported)),
    )
    return _with_left(replace(change, refusal=alone or refusal), context)


# By its stage, which differences must be done before a step. AWS takes no other stream and no other key of a table with
# replicas; indexes, limits and replicas are those of the billing mode.
_FIRST: Mapping[Stage, Callable[[Difference], bool]] = {
    Stage.STREAM: lambda difference: difference.path[0] == REPLICAS and difference.desired is None,
    Stage.ENCRYPTION: lambda difference: difference.path[0] == REPLICAS and difference.desired is None,
    Stage.LIMITS: lambda difference: difference.path == capacity.MODE,
    Stage.INDEX_CREATE: lambda difference: difference.path == capacity.MODE,
    Stage.REPLICAS: lambda difference: difference.path == capacity.MODE,
}


def _in_order(steps: Iterable[Step], differences: Sequence[Difference]) -> tuple[Step, ...]:
    """The steps by their stages, each with what must be done before it even if that has to wait."""
    return tuple(
        replace(step, after=tuple(d.id for d in differences if d.path and _FIRST[step.stage](d)))
        if step.stage in _FIRST
        else step
        for step in sorted(steps, key=lambda step: step.stage)
    )


def _with_left(change: TableChange, context: Context) -> TableChange:
    """The same with what remains after this run, if it makes the table; that is a note, too."""
    kept = tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)
    found = (setting.left(context, _of(setting, kept)) for setting in SETTINGS)
    left = next(filter(None, found), None) if change.refusal is None else None
    return replace(change, left=left, notes=(*change.notes, left)) if left else change


def _steps(context: Context, settings: Sequence[Setting], differences: tuple[Difference, ...]) -> Iterator[Step]:
    yield from indexes.steps(context, [d for d in differences if d.path[0] == indexes.GLOBAL and len(d.path) == 2])
    yield from capacity.steps(context, [d for d in differences if capacity.owns(d.path)])
    yield from _setting_steps(context, settings, differences)


def _setting_steps(
    context: Context, settings: Sequence[Setting], differences: tuple[Difference, ...]
) -> Iterator[Step]:
    for setting in settings:
        found = _of(setting, differences)
        if setting.left(context, found) is None:
            yield from setting.steps(context, found)


def _of(setting: Setting, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """The differences of a setting, of the table or inside an index."""
    return tuple(difference for difference in differences if setting.owns(difference.path))


def _readable(context: Context) -> Iterator[Setting]:
    """The settings that the file mentions and that were read: their readers fail while a table is being made."""
    for setting in SETTINGS:
        read = context.actual is None or setting.reader is None or context.actual.manages(setting.name)
        if setting.managed(context.desired) and read and _keeps(context, (setting.name,)):
            yield setting


def _out_of_reach(context: Context) -> Iterator[Difference]:
    """What the file asks for and this endpoint cannot keep, nor even show."""
    missing = _missing(context)
    for setting in SETTINGS:
        if setting.managed(context.desired) and not _keeps(context, (setting.name,)):
            yield from setting.differences(missing)


def _makers(context: Context) -> dict[Path, tuple[str, ...]]:
    """For the table and each index, the ids of the differences that would have made it."""
    missing = _missing(context)
    made = {(): (Difference(context.name, (), None, replacement.body(context)).id,)}
    return made | {difference.path: (difference.id,) for difference in indexes.differences(missing)}


def _refusal(context: Context, differences: tuple[Difference, ...]) -> str | None:
    """Why AWS would never take these differences."""
    refusals = (setting.refusal(context, _of(setting, differences)) for setting in _readable(context))
    return next((sentence for sentence in refusals if sentence), None)


def _left_alone(context: Context) -> str | None:
    """Why a change of this table never runs, whatever it is."""
    if STRONG not in unmanaged.names(context.actual):
        return None
    return (
        "The table is a strongly consistent global table (MultiRegionConsistency STRONG). dynatus leaves such a table "
        "alone. Change it by hand, then make the file agree."
    )


def _missing(context: Context) -> Context:
    """The same, as if there were no table."""
    return Context(context.desired, None, context.situation)


def _split(
    context: Context, differences: Sequence[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """What this endpoint can keep, and what it cannot: that becomes `unsupported`, without a step."""
    kept = tuple(d for d in differences if d.effect is not Effect.UNSUPPORTED and _changes(context, d.path))
    rest = [difference for difference in differences if difference not in kept]
    return kept, tuple(replace(difference, effect=Effect.UNSUPPORTED, risk=Risk.SAFE) for difference in rest)


def _keeps(context: Context, path: Path) -> bool:
    return not {path[0] if path else "", emulators.kind(path)} & context.situation.cannot_keep


def _changes(context: Context, path: Path) -> bool:
    """Whether this endpoint can bring a difference about: with a new table, or at the one that is there."""
    return _keeps(context, path) and (context.creating or not emulators.fixed(context.situation.emulator, path))


def _scales_for_replicas(context: Context) -> bool:
    """Whether a replica is to come that needs auto scaling."""
    if context.desired.at(("BillingMode",)) != "PROVISIONED":
        return False
    replicas = (setting for setting in _readable(context) if setting.name == "Replicas")
    return any(difference.desired is not None for setting in replicas for difference in setting.differences(context))


def _table_change(
    context: Context,
    action: Action,
    *,
    differences: tuple[Difference, ...] = (),
    steps: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
) -> TableChange:
    live, place = context.actual.live if context.actual else None, context.desired.place
    lost = any(d.risk is Risk.DESTRUCTIVE or d.effect in {Effect.RECREATE, Effect.DELETE} for d in differences)
    return TableChange(
        table=context.name,
        action=action,
        file=place.file if place else None,
        line=place.line if place else None,
        table_id=(live.table_id or None) if live and lost else None,
        differences=differences,
        steps=tuple(_with_risk(step, differences) for step in order.as_they_run(steps)),
        notes=(*notes, *_unsupported_notes(context, differences)),
        live=live if live and live.table_id else None,  # a baseline's table has no size to show
        actual=context.actual,
        desired=context.desired,
    )


def _with_risk(step: Step, differences: Sequence[Difference]) -> Step:
    """A step risks what the worst of the differences that it serves risks."""
    return replace(step, risk=Risk.highest(d.risk for d in differences if d.id in step.differences))


def _notes(context: Context, settings: Sequence[Setting], differences: tuple[Difference, ...]) -> Iterator[str]:
    unread = (
        [path[0] for path, status in context.actual.transitions.items() if status == UNREAD] if context.actual else []
    )
    if unread:
        yield f"Not readable yet, so not compared: {', '.join(sorted(unread))}. Apply waits for it."
    yield from indexes.notes(context, differences)
    yield from capacity.notes(context, differences)
    for setting in settings:
        yield from setting.notes(context, _of(setting, differences))


def _unsupported_notes(context: Context, differences: Sequence[Difference]) -> Iterator[str]:
    names = sorted({emulators.kind(d.path) for d in differences if d.effect is Effect.UNSUPPORTED})
    if names:
        endpoint = emulators.NAMES.get(context.situation.emulator or "", "This endpoint")
        yield f"{endpoint} cannot keep {', '.join(names)}; on AWS it would be set."


def _with_notes(found: TableChange, notes: Sequence[str]) -> TableChange:
    return replace(found, notes=(*notes, *found.notes)) if notes else found


def _unusable(context: Context) -> TableChange:
    status = context.actual.live.status if context.actual and context.actual.live else ""
    message = f"Table {context.name} is {status}; DynamoDB takes no change of it until that is mended."
    return replace(_table_change(context, Action.NOOP), action=None, error=Failure(code=status, message=message))
