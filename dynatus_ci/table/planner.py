"""From two tables to one change: the action, the differences, and the steps in the order they run.

Read-only and pure: the same two tables and the same facts give the same change.
docs/dynamodb.md#the-order-of-steps
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dynatus_ci.table import emulators, order, probe, replacement, unmanaged
from dynatus_ci.table.aspects import ASPECTS, capacity, indexes, keys
from dynatus_ci.table.aspects.base import AccountFacts, Aspect, Comparison, Emptiness, Probe
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.model import (
    Action,
    Difference,
    Effect,
    Failure,
    Path,
    Risk,
    Step,
    Table,
    TableChange,
    TableInfo,
)

BILLING_MODE = capacity.BillingMode()
ENCRYPTION = Encryption()
GLOBAL_INDEXES = indexes.GlobalIndexes()
UNREAD = "NOT READABLE YET"
"""What stands as a transition at a setting whose reader does not find the table yet."""
STRONG = "MultiRegionConsistency"
UNUSABLE = frozenset({"ARCHIVING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """What must be asked before the change of a table can be told; all False and None where it can."""

    scaling: bool = False
    emptiness: bool = False
    probe: bool = False
    key: str | None = None

    def __bool__(self) -> bool:
        return self.scaling or self.emptiness or self.probe or self.key is not None


def change(desired: Table, actual: Table | None, facts: AccountFacts) -> TableChange:
    """What a table needs.

    Args:
        desired: The definition.
        actual: The live table; None where it is missing.
        facts: What is known around them.
    """
    comparison = _comparison(desired, actual, facts)
    if comparison.info and comparison.info.status in UNUSABLE:
        return _unusable(comparison)
    if desired.absent:
        found = _deletion(comparison)
    elif comparison.actual is None:
        found = _creation(comparison)
    elif any(_recreating(comparison)):
        found = _recreation(comparison)
    else:
        found = _update(comparison)
    deleting = actual is not None and comparison.creating
    return _with_notes(found, ["The table is being deleted now; that is waited for."] if deleting else [])


def questions(desired: Table, actual: Table | None, facts: AccountFacts) -> MissingFacts:
    """What must be asked first, beyond the table itself; account-wide facts only when they are needed."""
    comparison = _comparison(desired, actual, facts)
    goes = comparison.actual is not None and (desired.absent or any(_recreating(comparison)))
    base = _missing(comparison) if goes else comparison
    unasked = not desired.absent and facts.scaling is None and not facts.scaling_denied
    keys_of = (aspect.unknown_key(base) for aspect in _readable(base))
    replaced = goes and not desired.absent
    new_key = ENCRYPTION.unchecked_key(base) if replaced and _keeps(base, (ENCRYPTION.name,)) else None
    return MissingFacts(
        scaling=unasked and (capacity.scaling_matters(base) or _scales_for_replicas(base)),
        emptiness=goes and facts.emptiness is Emptiness.NOT_ASKED,
        probe=replaced and probe.possible(base) and facts.probe is Probe.NOT_ASKED,
        key=next((key for key in keys_of if key), new_key),
    )


def as_actual(definition: Table | None, region: str) -> Table | None:
    """A definition as a table that agrees with it, to compare another with; what it leaves out is initial.

    Its ARN has a word where the account is not known.
    """
    if definition is None:
        return None
    values = {aspect.name: aspect.initial for aspect in ASPECTS} | dict(definition.values)
    arn = f"arn:aws:dynamodb:{region}:ACCOUNT:table/{definition.name}"
    live = TableInfo(table_id="", arn=arn, status="ACTIVE")
    return replace(definition, values=values, info=live)


def _comparison(desired: Table, actual: Table | None, facts: AccountFacts) -> Comparison:
    """The two sides; a table that is being deleted counts as missing."""
    deleting = actual is not None and actual.transitions.get(()) == "DELETING"
    return Comparison(desired, None if deleting else actual, facts)


def _deletion(comparison: Comparison) -> TableChange:
    if comparison.actual is None:
        return _table_change(comparison, Action.NOOP)
    live = {name: comparison.actual.at((name,)) for name in ("KeySchema", "BillingMode")}
    risk = replacement.risk(comparison)
    difference = Difference(comparison.name, (), live, None, Effect.DELETE, risk)
    return _replacing(comparison, Action.DELETE, (difference,), ())


def _recreation(comparison: Comparison) -> TableChange:
    risk = replacement.risk(comparison)
    itself, *rest = replacement.creation(comparison)
    itself = replace(itself, effect=Effect.RECREATE, risk=risk)
    found = (itself, *(replace(cause, risk=risk) for cause in _recreating(comparison)), *rest)
    supported, unsupported = _split(_missing(comparison), found)
    return _replacing(comparison, Action.RECREATE, (*supported, *unsupported), tuple(_building(comparison, supported)))


def _recreating(comparison: Comparison) -> Iterator[Difference]:
    """The differences that need a new table."""
    for aspect in ASPECTS:
        if aspect.fixed and aspect.managed(comparison.desired):
            yield from aspect.differences(comparison)


def _replacing(
    comparison: Comparison, action: Action, differences: tuple[Difference, ...], after: tuple[Step, ...]
) -> TableChange:
    refusal = _left_alone(comparison) or replacement.refusal(comparison) or _refusal(_missing(comparison), differences)
    found = _table_change(
        comparison,
        action,
        differences=differences,
        steps=(*replacement.steps(comparison, differences, new=after[:1]), *after) if refusal is None else (),
        notes=tuple(replacement.notes(comparison)),
    )
    unproven = found.risk is Risk.DESTRUCTIVE and comparison.facts.emptiness is Emptiness.UNKNOWN
    lost = not comparison.desired.absent and any(replacement.unmentioned(comparison))
    return _with_left(replace(found, refusal=refusal, unproven=unproven and not lost), _missing(comparison))


def _creation(comparison: Comparison) -> TableChange:
    supported, unsupported = _split(comparison, replacement.creation(comparison))
    refusal = _refusal(comparison, supported)
    steps = _building(comparison, supported) if refusal is None else ()
    found = _table_change(comparison, Action.CREATE, differences=(*supported, *unsupported), steps=tuple(steps))
    return _with_left(replace(found, refusal=refusal), comparison)


def _building(comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
    """CreateTable, then what it does not take."""
    missing = _missing(comparison)
    unsupported = frozenset(aspect.name for aspect in ASPECTS if not _keeps(comparison, (aspect.name,)))
    create = replacement.create_step(missing, differences, unsupported)
    left = tuple(difference for difference in differences if difference.id not in create.differences)
    after = _steps(missing, ASPECTS, left)
    yield create
    yield from (replace(step, after=create.differences) for step in _in_order(after, differences))


def _update(comparison: Comparison) -> TableChange:
    aspects = tuple(_readable(comparison))
    differences = (difference for aspect in aspects for difference in aspect.differences(comparison))
    found = (*_covered(comparison, differences), *_out_of_reach(comparison))
    supported, unsupported = _split(comparison, found)
    steps = _in_order(_steps(comparison, aspects, supported), supported)
    alone = _left_alone(comparison) if supported else None
    refusal = _refusal(comparison, supported)
    change = _table_change(
        comparison,
        Action.UPDATE if supported else Action.NOOP,
        differences=(*supported, *unsupported),
        steps=() if alone or refusal else steps,
        notes=tuple(_notes(comparison, aspects, supported)),
    )
    return _with_left(replace(change, refusal=alone or refusal), comparison)


_POSITIONS = {aspect.name: position for position, aspect in enumerate(ASPECTS)}


def _in_order(steps: Iterable[Step], differences: Sequence[Difference]) -> tuple[Step, ...]:
    """The steps by phase and aspect, each with what must be done before it even if that has to wait."""
    ordered = sorted(steps, key=lambda step: (step.phase, _POSITIONS[step.aspect]))
    return tuple(replace(step, after=_before(step, differences)) for step in ordered)


def _before(step: Step, differences: Sequence[Difference]) -> tuple[str, ...]:
    others = (difference for difference in differences if difference.path and difference.id not in step.differences)
    return tuple(difference.id for difference in others if ASPECTS[_POSITIONS[step.aspect]].follows(difference))


def _with_left(change: TableChange, comparison: Comparison) -> TableChange:
    """The same with what remains after this run, if it makes the table; that is a note, too."""
    kept = tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)
    found = (aspect.left(comparison, _of(aspect, kept)) for aspect in ASPECTS)
    left = next(filter(None, found), None) if change.refusal is None else None
    return replace(change, left=left, notes=(*change.notes, left)) if left else change


def _steps(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[Step]:
    for aspect in aspects:
        found = _of(aspect, differences)
        if aspect.left(comparison, found) is None:
            yield from aspect.steps(comparison, found)


def _of(aspect: Aspect, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """The differences that an aspect's steps carry out."""
    return tuple(difference for difference in differences if aspect.serves(difference.path))


def _readable(comparison: Comparison) -> Iterator[Aspect]:
    """The settings that the file mentions and that were read: their readers fail while a table is being made."""
    for aspect in ASPECTS:
        read = comparison.actual is None or aspect.reader is None or comparison.actual.manages(aspect.name)
        if aspect.managed(comparison.desired) and read and _keeps(comparison, (aspect.name,)):
            yield aspect


def _out_of_reach(comparison: Comparison) -> Iterator[Difference]:
    """What the file asks for and this endpoint cannot keep, nor even show."""
    missing = _missing(comparison)
    for aspect in ASPECTS:
        if aspect.managed(comparison.desired) and not _keeps(comparison, (aspect.name,)):
            yield from aspect.differences(missing)


def _covered(comparison: Comparison, differences: Iterable[Difference]) -> Iterator[Difference]:
    """The same; who approved the creation of a table or an index approved its capacity."""
    makers = _makers(comparison)
    for difference in differences:
        owner = difference.path[:2] if len(difference.path) > 2 else ()
        covered = BILLING_MODE.serves(difference.path)
        yield replace(difference, covered_by=makers.get(owner, ())) if covered else difference


def _makers(comparison: Comparison) -> dict[Path, tuple[str, ...]]:
    """For the table and each index, the ids of the differences that would have made it."""
    made: dict[Path, tuple[str, ...]] = {(): (Difference(comparison.name, (), None, replacement.body(comparison)).id,)}
    if not GLOBAL_INDEXES.managed(comparison.desired):
        return made
    return made | {index.path: (index.id,) for index in GLOBAL_INDEXES.differences(_missing(comparison))}


def _refusal(comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
    """Why AWS would never take these differences."""
    refusals = (aspect.refusal(comparison, _of(aspect, differences)) for aspect in _readable(comparison))
    return next((sentence for sentence in refusals if sentence), None)


def _left_alone(comparison: Comparison) -> str | None:
    """Why a change of this table never runs, whatever it is."""
    if STRONG not in unmanaged.names(comparison.actual):
        return None
    return (
        "The table is a strongly consistent global table (MultiRegionConsistency STRONG). dynatus leaves such a table "
        "alone. Change it by hand, then make the file agree."
    )


def _missing(comparison: Comparison) -> Comparison:
    """The same, as if there were no table."""
    return Comparison(comparison.desired, None, comparison.facts)


def _split(
    comparison: Comparison, differences: Sequence[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """What this endpoint can keep, and what it cannot: that becomes `unsupported`, without a step."""
    kept = tuple(d for d in differences if d.effect is not Effect.UNSUPPORTED and _changes(comparison, d.path))
    rest = [difference for difference in differences if difference not in kept]
    return kept, tuple(replace(difference, effect=Effect.UNSUPPORTED, risk=Risk.SAFE) for difference in rest)


def _keeps(comparison: Comparison, path: Path) -> bool:
    return not {path[0] if path else "", emulators.kind(path)} & comparison.facts.cannot_keep


def _changes(comparison: Comparison, path: Path) -> bool:
    """Whether this endpoint can bring a difference about: with a new table, or at the one that is there."""
    return _keeps(comparison, path) and (comparison.creating or not emulators.fixed(comparison.facts.emulator, path))


def _scales_for_replicas(comparison: Comparison) -> bool:
    """Whether a replica is to come that needs auto scaling."""
    if comparison.desired.at(("BillingMode",)) != "PROVISIONED":
        return False
    replicas = (aspect for aspect in _readable(comparison) if aspect.name == "Replicas")
    return any(difference.desired is not None for aspect in replicas for difference in aspect.differences(comparison))


def _table_change(
    comparison: Comparison,
    action: Action,
    *,
    differences: tuple[Difference, ...] = (),
    steps: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
) -> TableChange:
    live, place = comparison.info, comparison.desired.place
    lost = any(d.risk is Risk.DESTRUCTIVE or d.effect in {Effect.RECREATE, Effect.DELETE} for d in differences)
    return TableChange(
        table=comparison.name,
        action=action,
        file=place.file if place else None,
        line=place.line if place else None,
        table_id=(live.table_id or None) if live and lost else None,
        differences=differences,
        steps=tuple(_with_risk(step, differences) for step in order.as_they_run(steps)),
        notes=(*notes, *_unsupported_notes(comparison, differences)),
        info=live if live and live.table_id else None,  # a baseline's table has no size to show
        actual=comparison.actual,
        desired=comparison.desired,
    )


def _with_risk(step: Step, differences: Sequence[Difference]) -> Step:
    """A step risks what the worst of the differences that it serves risks."""
    return replace(step, risk=Risk.highest(d.risk for d in differences if d.id in step.differences))


def _notes(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[str]:
    unread = (
        [path[0] for path, status in comparison.actual.transitions.items() if status == UNREAD]
        if comparison.actual
        else []
    )
    if unread:
        yield f"Not readable yet, so not compared: {', '.join(sorted(unread))}. Apply waits for it."
    for kind, what in ((indexes.GLOBAL, "indexes"), (keys.LOCAL, "local indexes")):
        live = comparison.actual_at((kind,))
        if live and not comparison.desired.manages(kind):
            yield f"Live {what} that the file does not mention, left alone: {', '.join(sorted(live))}."
    for aspect in aspects:
        yield from aspect.notes(comparison, _of(aspect, differences))


def _unsupported_notes(comparison: Comparison, differences: Sequence[Difference]) -> Iterator[str]:
    names = sorted({emulators.kind(d.path) for d in differences if d.effect is Effect.UNSUPPORTED})
    if names:
        endpoint = emulators.NAMES.get(comparison.facts.emulator or "", "This endpoint")
        yield f"{endpoint} does not support {', '.join(names)}. On AWS it would be set."


def _with_notes(found: TableChange, notes: Sequence[str]) -> TableChange:
    return replace(found, notes=(*notes, *found.notes)) if notes else found


def _unusable(comparison: Comparison) -> TableChange:
    status = comparison.info.status if comparison.info else ""
    message = f"Table {comparison.name} is {status}; DynamoDB takes no change of it until that is mended."
    return replace(_table_change(comparison, Action.NOOP), action=None, error=Failure(code=status, message=message))
