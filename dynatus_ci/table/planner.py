"""From two tables to one change: the action, the differences, and the steps in the order in which they run.

Pure: the same two tables and the same facts give the same change.
docs/dynamodb.md#the-order-of-steps
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dynatus_ci.errors import Refusal
from dynatus_ci.table import order, replacement, sides, support, unmanaged
from dynatus_ci.table.aspects import ASPECTS, indexes, keys, recreating, scaling, throughput
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.aspects.billing import BillingMode
from dynatus_ci.table.facts import AccountFacts, Emptiness
from dynatus_ci.table.model import (
    GLOBAL,
    Action,
    Difference,
    Effect,
    Failure,
    Path,
    Risk,
    Step,
    Table,
    TableChange,
)
from dynatus_ci.table.origins import ORIGINS, copy_from, copy_steps, keep_items, keep_steps, restore_from
from dynatus_ci.table.origins.copy_from import CopyFrom
from dynatus_ci.table.origins.keep_items import KeepItems
from dynatus_ci.text import code, codes

BILLING_MODE = BillingMode()
GLOBAL_INDEXES = indexes.GlobalIndexes()
UNREAD = "NOT READABLE YET"
"""The transition of an aspect whose reader does not find the table yet."""
STRONG = "MultiRegionConsistency"
UNCHANGEABLE = frozenset({"ARCHIVING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})


def change(desired: Table, actual: Table | None, facts: AccountFacts) -> TableChange:
    """What a table needs.

    Args:
        desired: The definition.
        actual: The table of the account; None where it is missing.
        facts: What is known of the account and the endpoint.
    """
    comparison = sides.of(desired, actual, facts)
    if comparison.info and comparison.info.status in UNCHANGEABLE:
        return _unchangeable(comparison)
    if desired.absent:
        planned = _deletion(comparison)
    elif comparison.actual is None:
        planned = _creation(comparison)
    elif any(recreating(comparison)):
        planned = _recreation(comparison)
    else:
        planned = _update(comparison)
    if not desired.absent:
        planned = _with_copy(planned, sides.missing(comparison) if planned.action is Action.RECREATE else comparison)
        planned = _with_kept(planned, comparison)
    if actual is not None and comparison.creating:
        return replace(planned, notes=("The table is being deleted now. Apply waits for that.", *planned.notes))
    if restore_from.is_under_way(Comparison(desired, actual, facts)):
        return replace(planned, notes=(restore_from.UNDER_WAY, *planned.notes))
    return planned


def _deletion(comparison: Comparison) -> TableChange:
    behind = tuple(difference for aspect in indexes.SCALING for difference in aspect.differences(comparison))
    after = tuple(step for aspect in indexes.SCALING for step in aspect.steps(comparison, _of(aspect, behind)))
    if comparison.actual is None:
        action = Action.UPDATE if behind else Action.NOOP
        return _table_change(comparison, action, differences=behind, steps=after)
    actual = {name: comparison.actual.at((name,)) for name in ("KeySchema", "BillingMode")}
    difference = Difference(comparison.name, (), actual, None, Effect.DELETE, replacement.risk(comparison))
    removal = tuple(replace(step, after=(difference.id,)) for step in after)
    return _replacing(comparison, Action.DELETE, (difference, *behind), removal)


def _recreation(comparison: Comparison) -> TableChange:
    risk = replacement.risk(comparison)
    itself, *rest = replacement.creation(comparison)
    itself = replace(itself, effect=Effect.RECREATE, risk=risk)
    causes = (replace(cause, risk=risk) for cause in recreating(comparison))
    missing = sides.missing(comparison)
    items = (*CopyFrom().differences(missing), *KeepItems().differences(comparison))
    supported, unsupported = support.split(missing, (itself, *causes, *rest, *items))
    after = keep_items.without_earlier_copy(comparison)
    built = tuple(_building(after, supported))
    change = _replacing(after, Action.RECREATE, (*supported, *unsupported), built, new=built[:1])
    never = next(filter(None, (origin.never_recreated(comparison) for origin in ORIGINS)), None)
    if never:
        return replace(change, steps=(), notes=(), refusal=never)
    ending = tuple(keep_steps.ending_earlier(comparison)) if change.steps else ()
    return replace(change, steps=(*ending, *change.steps), background=(replacement.NEVER_KEPT,))


def _replacing(
    comparison: Comparison,
    action: Action,
    differences: tuple[Difference, ...],
    after: tuple[Step, ...],
    *,
    new: tuple[Step, ...] = (),
) -> TableChange:
    """A table that goes, what comes after it, and of that the creation of the new table."""
    missing = sides.missing(comparison)
    refusal = _left_alone(comparison) or replacement.refusal(comparison) or _refusal(missing, differences)
    planned = _table_change(
        comparison,
        action,
        differences=differences,
        steps=(*replacement.steps(comparison, differences, new=new), *after) if refusal is None else (),
        notes=(*replacement.notes(comparison), *_scaling_notes(comparison)),
    )
    unproven = planned.risk is Risk.DESTRUCTIVE and comparison.facts.emptiness is Emptiness.UNKNOWN
    lost = not comparison.desired.absent and any(replacement.unmentioned(comparison))
    return _with_left_undone(replace(planned, refusal=refusal, unproven=unproven and not lost), missing)


def _creation(comparison: Comparison) -> TableChange:
    if restore_from.wanted(comparison):
        return _restoration(comparison)
    if copy_from.is_imported(comparison):
        return _importing(comparison)
    supported, unsupported = support.split(comparison, _created(comparison))
    refusal = _refusal(comparison, supported)
    steps = _building(comparison, supported) if refusal is None else ()
    planned = _table_change(
        comparison,
        Action.CREATE,
        differences=(*supported, *unsupported),
        steps=tuple(steps),
        notes=(*restore_from.notes(comparison), *_scaling_notes(comparison)),
    )
    return _with_left_undone(replace(planned, refusal=refusal), comparison)


def _created(comparison: Comparison) -> tuple[Difference, ...]:
    """The differences of a table that is missing: the table, its aspects, and its items."""
    return (*replacement.creation(comparison), *_item_differences(comparison))


def _item_differences(comparison: Comparison) -> Iterator[Difference]:
    for origin in ORIGINS:
        yield from origin.differences(comparison)


def _restoration(comparison: Comparison) -> TableChange:
    """A table that is restored, and the steps from what the backup gives to what the file says."""
    created = _created(comparison)
    if refused := restore_from.refusal(comparison):
        change = _table_change(comparison, Action.CREATE, differences=created)
        return replace(change, refusal=refused)
    later = _update(sides.restored(comparison))
    change = _made_by_aws(comparison, created, [restore_from.step(comparison)], later)
    return replace(change, notes=tuple(dict.fromkeys((*restore_from.notes(comparison), *change.notes))))


def _importing(comparison: Comparison) -> TableChange:
    """A table that AWS makes of an export, and the steps from that to what the file says."""
    created = _created(comparison)
    later = _update(sides.imported(comparison))
    return _made_by_aws(comparison, created, list(copy_steps.import_steps(comparison, created)), later)


def _made_by_aws(
    comparison: Comparison, created: tuple[Difference, ...], making: Sequence[Step], later: TableChange
) -> TableChange:
    """A table that does not begin empty.

    Args:
        comparison: The two sides; the table is missing.
        created: The differences of a table that is created.
        making: The steps by which AWS makes it. The last one serves all differences that are gone then.
        later: The change of the table that AWS has made.
    """
    found = {difference.id: difference for difference in later.differences}
    # Its items are there before the other steps run: so these risk what they risk for any table.
    risked = (replace(d, risk=Risk.highest((d.risk, found[d.id].risk))) if d.id in found else d for d in created)
    supported, unsupported = support.split(comparison, tuple(risked))
    known = {difference.id for difference in created}
    more = tuple(difference for difference in later.differences if difference.id not in known)
    gone = tuple(difference.id for difference in supported if difference.id not in found)
    last = [replace(step, differences=gone) for step in making[-1:]]
    refusal = _refusal(comparison, supported) or later.refusal
    change = _table_change(
        comparison,
        Action.CREATE,
        differences=(*supported, *more, *unsupported),
        steps=() if refusal else (*making[:-1], *last, *_following(later.steps, last)),
        notes=later.notes,
    )
    return replace(change, refusal=refusal, left_undone=None if refusal else later.left_undone)


def _following(steps: Iterable[Step], earlier: Iterable[Step]) -> Iterator[Step]:
    before = tuple(id_ for step in earlier for id_ in step.differences)
    yield from (replace(step, after=(*before, *step.after)) for step in steps)


def _building(comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
    """CreateTable, then a step for each difference that CreateTable does not take."""
    missing = sides.missing(comparison)
    unsupported = frozenset(aspect.name for aspect in ASPECTS if not support.keeps(comparison, (aspect.name,)))
    create = replacement.create_step(missing, differences, unsupported)
    for origin in ORIGINS:
        create = origin.with_mark(comparison, create)
    left = tuple(difference for difference in differences if difference.id not in create.differences)
    after = (*_copying(missing, left), *_in_order(_steps(missing, ASPECTS, left), differences))
    after = _around(comparison, after, differences)
    yield create
    yield from _following(_after_copy(after, differences), (create,))


def _around(comparison: Comparison, steps: tuple[Step, ...], differences: tuple[Difference, ...]) -> tuple[Step, ...]:
    """The steps of a table whose items come back from their copy: that first, and the copy goes after all of them."""
    others = tuple(difference.id for difference in differences if difference.path != keep_items.PATH)
    return (*keep_steps.out_of_copy(comparison), *steps, *keep_steps.ending(comparison, others))


def _copying(comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
    for difference in differences:
        if difference.path == copy_from.PATH:
            yield from copy_steps.steps(comparison, difference)


def _after_copy(steps: Iterable[Step], differences: tuple[Difference, ...]) -> Iterator[Step]:
    """The steps; what is not part of a copy comes after it, even if the copy has to wait.

    So the stream and the replicas of a new table do not carry every copied item.
    """
    copies = tuple(difference.id for difference in differences if difference.effect is Effect.COPY)
    yield from (replace(step, after=(*step.after, *(id_ for id_ in copies if id_ not in step.differences)))
                for step in steps)  # fmt: skip


def _with_copy(change: TableChange, comparison: Comparison) -> TableChange:
    """The change with what is to be said about its copy."""
    refused = copy_from.refusal(comparison) if change.refusal is None else None
    if refused:
        return replace(change, steps=(), refusal=refused)
    return replace(
        change, notes=(*change.notes, *copy_from.notes(comparison)), source=copy_from.left_to_read(comparison)
    )


def _with_kept(change: TableChange, comparison: Comparison) -> TableChange:
    """The change with what is to be said about the items that it keeps."""
    refused = keep_items.refusal(comparison) if change.refusal is None else None
    if refused:
        return replace(change, steps=(), refusal=refused)
    left = (*keep_items.left_notes(comparison), *keep_items.denied(comparison))
    source = keep_items.left_to_read(comparison) or change.source
    return replace(change, notes=(*left, *change.notes), source=source)


def _update(comparison: Comparison) -> TableChange:
    aspects = tuple(support.readable(comparison))
    differences = (difference for aspect in aspects for difference in aspect.differences(comparison))
    supported, unsupported = support.split(
        comparison,
        (
            *_covered(comparison, differences),
            *_item_differences(comparison),
            *support.unsupported(comparison),
        ),
    )
    others = _in_order(_steps(comparison, aspects, supported), supported)
    others = _around(comparison, (*_copying(comparison, supported), *others), supported)
    steps = tuple(_after_copy(others, supported))
    left_alone = _left_alone(comparison) if supported else None
    refusal = left_alone or restore_from.refusal(comparison) or _refusal(comparison, supported)
    planned = _table_change(
        comparison,
        Action.UPDATE if supported else Action.NOOP,
        differences=(*supported, *unsupported),
        steps=() if refusal else steps,
        notes=tuple(_notes(comparison, aspects, supported)),
    )
    return _with_left_undone(replace(planned, refusal=refusal), comparison)


_POSITIONS = {aspect.name: position for position, aspect in enumerate(ASPECTS)}


def _in_order(steps: Iterable[Step], differences: Sequence[Difference]) -> tuple[Step, ...]:
    """The steps by phase and aspect. Each says which differences must be done before it, even if they have to wait."""
    ordered = sorted(steps, key=lambda step: (step.phase, _POSITIONS[step.aspect]))
    return tuple(replace(step, after=_before(step, differences)) for step in ordered)


def _before(step: Step, differences: Sequence[Difference]) -> tuple[str, ...]:
    others = (difference for difference in differences if difference.path and difference.id not in step.differences)
    aspect = ASPECTS[_POSITIONS[step.aspect]]
    return tuple(difference.id for difference in others if aspect.follows(difference, step))


def _with_left_undone(change: TableChange, comparison: Comparison) -> TableChange:
    """The change with what one run cannot finish; that is also a note."""
    if change.refusal is not None:
        return change
    supported = tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)
    left = next(filter(None, (aspect.left_undone(comparison, _of(aspect, supported)) for aspect in ASPECTS)), None)
    return replace(change, left_undone=left, notes=(*change.notes, left)) if left else change


def _steps(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[Step]:
    for aspect in aspects:
        served = _of(aspect, differences)
        if aspect.left_undone(comparison, served) is None:
            yield from aspect.steps(comparison, served)


def _of(aspect: Aspect, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    return tuple(difference for difference in differences if aspect.serves(difference.path))


def _covered(comparison: Comparison, differences: Iterable[Difference]) -> Iterator[Difference]:
    """The differences; a review of a table's or an index's creation, or auto scaling, covers those in its capacity."""
    creations: dict[Path, tuple[str, ...]] = {}
    for difference in differences:
        creations = creations or _creation_ids(comparison)  # not where nothing differs: it takes longer than the rest
        owner = difference.path[:2] if len(difference.path) > 2 else ()
        covered = (*creations.get(owner, ()), *throughput.scaled_by(comparison, difference))
        yield replace(difference, covered_by=covered) if BILLING_MODE.serves(difference.path) else difference


def _creation_ids(comparison: Comparison) -> dict[Path, tuple[str, ...]]:
    """For the table and each index, the id of the difference that would create it."""
    table = Difference(comparison.name, (), None, replacement.body(comparison))
    managed = GLOBAL_INDEXES.managed(comparison.desired)
    indexes = GLOBAL_INDEXES.differences(sides.missing(comparison)) if managed else ()
    return {creation.path: (creation.id,) for creation in (table, *indexes)}


def _refusal(comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
    """Why AWS would refuse these differences, whoever approves them."""
    refusals = (aspect.refusal(comparison, _of(aspect, differences)) for aspect in support.readable(comparison))
    return next(filter(None, refusals), None)


def _left_alone(comparison: Comparison) -> Refusal | None:
    """Why no change of this table ever runs."""
    if STRONG not in unmanaged.names(comparison.actual):
        return None
    return Refusal(
        "The table is a strongly consistent global table (its `MultiRegionConsistency` is `STRONG`). dynatus does "
        "not change such a table. Change it by hand, then make the file agree."
    )


def _table_change(
    comparison: Comparison,
    action: Action,
    *,
    differences: tuple[Difference, ...] = (),
    steps: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
) -> TableChange:
    info, desired = comparison.info, comparison.desired
    lost = any(d.risk is Risk.DESTRUCTIVE or d.effect in {Effect.RECREATE, Effect.DELETE} for d in differences)
    return TableChange(
        table=comparison.name,
        action=action,
        file=desired.file,
        line=desired.line,
        table_id=(info.table_id or None) if info and lost else None,
        differences=differences,
        steps=tuple(
            replace(step, risk=Risk.highest(d.risk for d in differences if d.id in step.differences))
            for step in order.as_they_run(steps)
        ),
        notes=(*notes, *support.notes(comparison, differences)),
        info=info if info and info.table_id else None,  # a table of a baseline has no size
        actual=comparison.actual,
        desired=comparison.desired,
    )


def _notes(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[str]:
    transitions = comparison.actual.transitions if comparison.actual else {}
    unread = sorted(path[0] for path, status in transitions.items() if status == UNREAD)
    if unread:
        yield f"Not readable yet, so not compared: {codes(unread)}. Apply waits for it."
    for member, noun in ((GLOBAL, "indexes"), (keys.LOCAL, "local indexes")):
        actual = comparison.actual_at((member,))
        if actual and not comparison.desired.manages(member):
            names = codes(sorted(actual))
            yield f"The table has {noun} that the file does not mention. They stay as they are: {names}."
    for aspect in aspects:
        yield from aspect.notes(comparison, _of(aspect, differences))
    yield from scaling.unknown_note(comparison)


def _scaling_notes(comparison: Comparison) -> Iterator[str]:
    """What an earlier table of this name has left at Application Auto Scaling, and what may not be seen of that."""
    for aspect in indexes.SCALING:
        yield from aspect.notes(comparison, ())
    yield from scaling.unknown_note(comparison)


def _unchangeable(comparison: Comparison) -> TableChange:
    status = comparison.info.status if comparison.info else ""
    message = (
        f"Table {code(comparison.name)} is {code(status)}. DynamoDB accepts no change of it until that is resolved."
    )
    return replace(_table_change(comparison, Action.NOOP), action=None, error=Failure(code=status, message=message))
