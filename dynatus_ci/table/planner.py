"""From two tables to one change: the action, the differences, and the steps in the order in which they run.

Pure: the same two tables and the same facts give the same change.
docs/dynamodb.md#the-order-of-steps
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dynatus_ci.table import (
    build,
    copy_from,
    emulators,
    keep_items,
    keep_steps,
    order,
    probe,
    replacement,
    restore_from,
    unmanaged,
)
from dynatus_ci.table.aspects import ASPECTS, capacity, indexes, keys, recreating, scaling, targets
from dynatus_ci.table.aspects import of as aspect_of
from dynatus_ci.table.aspects.base import AccountFacts, Aspect, Comparison, Emptiness, ProbeState
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.aspects.tags import Tags
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
    Value,
)
from dynatus_ci.text import code, codes

BILLING_MODE = capacity.BillingMode()
ENCRYPTION = Encryption()
GLOBAL_INDEXES = indexes.GlobalIndexes()
UNREAD = "NOT READABLE YET"
"""The transition of an aspect whose reader does not find the table yet."""
STRONG = "MultiRegionConsistency"
UNCHANGEABLE = frozenset({"ARCHIVING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"})


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """What must be looked up before the change of a table can be planned. False and None: nothing.

    `key` is the KMS key to look up. `schedules` are scheduled actions: they matter where the file has auto scaling.
    `source` is the table to copy from, and `copied` whether its items are all there. `staging` is the table's own copy.
    `backup` is the ARN of the backup to restore.
    """

    scaling: bool = False
    schedules: bool = False
    emptiness: bool = False
    probe: bool = False
    key: str | None = None
    source: str | None = None
    copied: bool = False
    staging: bool = False
    backup: str | None = None

    def __bool__(self) -> bool:
        flags = (self.scaling, self.schedules, self.emptiness, self.probe, self.copied, self.staging)
        return any(flags) or any(named is not None for named in (self.key, self.source, self.backup))


def change(desired: Table, actual: Table | None, facts: AccountFacts) -> TableChange:
    """What a table needs.

    Args:
        desired: The definition.
        actual: The table of the account; None where it is missing.
        facts: What is known of the account and the endpoint.
    """
    comparison = _comparison(desired, actual, facts)
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
        planned = _with_copy(planned, _missing(comparison) if planned.action is Action.RECREATE else comparison)
        planned = _with_kept(planned, comparison)
    if actual is not None and comparison.creating:
        return replace(planned, notes=("The table is being deleted now. Apply waits for that.", *planned.notes))
    if restore_from.is_under_way(Comparison(desired, actual, facts)):
        return replace(planned, notes=(restore_from.UNDER_WAY, *planned.notes))
    return planned


def missing_facts(desired: Table, actual: Table | None, facts: AccountFacts) -> MissingFacts:
    """What must be looked up before `change` is asked. Nothing of the account is looked up without need."""
    comparison = _comparison(desired, actual, facts)
    goes = comparison.actual is not None and (desired.absent or any(recreating(comparison)))
    base = _missing(comparison) if goes else comparison
    if restore_from.unread_backup(comparison):
        return MissingFacts(backup=restore_from.unread_backup(comparison))
    if restore_from.wanted(comparison):
        base = _restored(comparison)
    unread = facts.scaling is None and not facts.scaling_denied
    unknown_keys = (aspect.unknown_key(base) for aspect in _readable(base))
    replaced = goes and not desired.absent
    new_key = ENCRYPTION.unchecked_key(base) if replaced and _keeps(base, (ENCRYPTION.name,)) else None
    return MissingFacts(
        scaling=unread and _scaling_matters(comparison, base),
        schedules=facts.schedules is None and not facts.scaling_denied and _manages_scaling(comparison),
        emptiness=(goes or copy_from.must_prove_empty(base)) and facts.emptiness is Emptiness.NOT_ASKED,
        probe=replaced and probe.possible(base) and facts.probe is ProbeState.NOT_ASKED,
        key=next(filter(None, unknown_keys), new_key),
        source=copy_from.unread_source(base),
        copied=copy_from.must_compare(base),
        staging=keep_items.must_look(comparison),
    )


def as_made(parameters: Mapping[str, Value], facts: AccountFacts) -> Table:
    """The table that CreateTable makes of its parameters; what they leave out is initial."""
    made = build.desired(parameters)
    comparison = Comparison(made, None, facts)
    shown = {aspect.name: aspect.shown(comparison, made.values[aspect.name]) for aspect in ASPECTS
             if made.manages(aspect.name)}  # fmt: skip
    return _with_initial_values(replace(made, values={**made.values, **shown}), facts.region)


def as_actual(definition: Table | None, region: str) -> Table | None:
    """A definition as if it were a table of the account: what the definition leaves out has its initial value.

    The account in its ARN is the word `ACCOUNT`.
    """
    return _with_initial_values(definition, region) if definition else None


def _with_initial_values(definition: Table, region: str) -> Table:
    values = {aspect.name: aspect.initial for aspect in ASPECTS} | dict(definition.values)
    source = definition.at(copy_from.PATH)
    values[copy_from.NAME] = copy_from.done(source) if source else {}
    values[keep_items.NAME] = keep_items.marks(definition.at((Tags.name,)) or {})
    arn = f"arn:aws:dynamodb:{region}:ACCOUNT:table/{definition.name}"
    return replace(definition, values=values, info=TableInfo(table_id="", arn=arn, status="ACTIVE"))


def _comparison(desired: Table, actual: Table | None, facts: AccountFacts) -> Comparison:
    """The two sides; a table that is being deleted counts as missing."""
    deleting = actual is not None and actual.transitions.get(()) == "DELETING"
    comparison = Comparison(desired, None if deleting else actual, facts)
    return _restored(comparison) if restore_from.is_under_way(comparison) and facts.backup else comparison


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
    differences = (itself, *causes, *rest, *keep_items.differences(comparison))
    supported, unsupported = _split(_missing(comparison), differences)
    settled = keep_items.settled(comparison)
    built = tuple(_building(settled, supported))
    change = _replacing(settled, Action.RECREATE, (*supported, *unsupported), built, new=built[:1])
    if comparison.desired.manages(restore_from.NAME) and _keeps(comparison, restore_from.PATH):
        return replace(change, steps=(), refusal=restore_from.recreation())
    return replace(change, steps=(*keep_steps.settling(comparison), *change.steps)) if change.steps else change


def _replacing(
    comparison: Comparison,
    action: Action,
    differences: tuple[Difference, ...],
    after: tuple[Step, ...],
    *,
    new: tuple[Step, ...] = (),
) -> TableChange:
    """A table that goes, what comes after it, and of that the creation of the new table."""
    refusal = _left_alone(comparison) or replacement.refusal(comparison) or _refusal(_missing(comparison), differences)
    planned = _table_change(
        comparison,
        action,
        differences=differences,
        steps=(*replacement.steps(comparison, differences, new=new), *after) if refusal is None else (),
        notes=(*replacement.notes(comparison), *_scaling_notes(comparison)),
    )
    unproven = planned.risk is Risk.DESTRUCTIVE and comparison.facts.emptiness is Emptiness.UNKNOWN
    lost = not comparison.desired.absent and any(replacement.unmentioned(comparison))
    return _with_left(replace(planned, refusal=refusal, unproven=unproven and not lost), _missing(comparison))


def _creation(comparison: Comparison) -> TableChange:
    if restore_from.wanted(comparison):
        return _restoration(comparison)
    origins = (*restore_from.differences(comparison), *keep_items.differences(comparison))
    differences = (*replacement.creation(comparison), *origins)
    supported, unsupported = _split(comparison, differences)
    refusal = _refusal(comparison, supported)
    steps = _building(comparison, supported) if refusal is None else ()
    planned = _table_change(
        comparison,
        Action.CREATE,
        differences=(*supported, *unsupported),
        steps=tuple(steps),
        notes=(*restore_from.notes(comparison), *_scaling_notes(comparison)),
    )
    return _with_left(replace(planned, refusal=refusal), comparison)


def _restoration(comparison: Comparison) -> TableChange:
    """A table that is restored, and the steps from what the backup gives to what the file says."""
    created = (*replacement.creation(comparison), *restore_from.differences(comparison))
    if refused := restore_from.refusal(comparison):
        change = _table_change(comparison, Action.CREATE, differences=created)
        return replace(change, refusal=refused[0], refused_for=refused[1])
    later = _update(_restored(comparison))
    found = {difference.id: difference for difference in later.differences}
    # Its items are there before the other steps run: so these risk what they risk for any table.
    risked = (replace(d, risk=found[d.id].risk) if d.id in found else d for d in created)
    supported, unsupported = _split(comparison, tuple(risked))
    known = {difference.id for difference in created}
    more = tuple(difference for difference in later.differences if difference.id not in known)
    restore = restore_from.step(comparison, tuple(d.id for d in supported if d.id not in found))
    refusal = _refusal(comparison, supported) or later.refusal
    change = _table_change(
        comparison,
        Action.CREATE,
        differences=(*supported, *more, *unsupported),
        steps=() if refusal else (restore, *(_following(step, restore) for step in later.steps)),
        notes=tuple(dict.fromkeys((*restore_from.notes(comparison), *later.notes))),
    )
    return replace(change, refusal=refusal, left=None if refusal else later.left)


def _following(step: Step, earlier: Step) -> Step:
    return replace(step, after=(*earlier.differences, *step.after))


def _restored(comparison: Comparison) -> Comparison:
    """The table as a restore makes it, as if it were there."""
    made = as_made(restore_from.restored(comparison), comparison.facts)
    under_way = comparison.actual.transitions if comparison.actual else {}
    return replace(comparison, actual=replace(made, transitions=under_way, info=restore_from.info(comparison)))


def _building(comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
    """CreateTable, then a step for each difference that CreateTable does not take."""
    missing = _missing(comparison)
    unsupported = frozenset(aspect.name for aspect in ASPECTS if not _keeps(comparison, (aspect.name,)))
    create = copy_from.with_mark(missing, replacement.create_step(missing, differences, unsupported))
    create = keep_steps.with_mark(comparison, create)
    left = tuple(difference for difference in differences if difference.id not in create.differences)
    after = (*_copying(missing, left), *_in_order(_steps(missing, ASPECTS, left), differences))
    after = _around(comparison, after, differences)
    yield create
    yield from (_following(step, create) for step in _after_copy(after, differences))


def _around(comparison: Comparison, steps: tuple[Step, ...], differences: tuple[Difference, ...]) -> tuple[Step, ...]:
    """The steps of a table whose items come back from their copy: that first, and the copy goes after all of them."""
    others = tuple(difference.id for difference in differences if difference.path != keep_items.PATH)
    return (*keep_steps.out_of_copy(comparison), *steps, *keep_steps.ending(comparison, others))


def _copying(comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
    for difference in differences:
        if difference.path == copy_from.PATH:
            yield from copy_from.steps(comparison, difference)


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
        return replace(change, steps=(), refusal=refused[0], refused_for=refused[1])
    return replace(
        change, notes=(*change.notes, *copy_from.notes(comparison)), source=copy_from.left_to_read(comparison)
    )


def _with_kept(change: TableChange, comparison: Comparison) -> TableChange:
    """The change with what is to be said about the items that it keeps."""
    refused = keep_items.refusal(comparison) if change.refusal is None else None
    if refused:
        return replace(change, steps=(), refusal=refused[0], refused_for=refused[1])
    left = (*keep_items.left_notes(comparison), *keep_items.denied(comparison))
    source = keep_items.left_to_read(comparison) or change.source
    return replace(change, notes=(*left, *change.notes), source=source)


def _update(comparison: Comparison) -> TableChange:
    aspects = tuple(_readable(comparison))
    differences = (difference for aspect in aspects for difference in aspect.differences(comparison))
    supported, unsupported = _split(
        comparison,
        (
            *_covered(comparison, differences),
            *copy_from.differences(comparison),
            *restore_from.differences(comparison),
            *keep_items.differences(comparison),
            *_unsupported_differences(comparison),
        ),
    )
    others = _in_order(_steps(comparison, aspects, supported), supported)
    others = _around(comparison, (*_copying(comparison, supported), *others), supported)
    steps = tuple(_after_copy(others, supported))
    left_alone = _left_alone(comparison) if supported else None
    being_made = restore_from.refusal(comparison)
    refusal = left_alone or (being_made[0] if being_made else None) or _refusal(comparison, supported)
    planned = _table_change(
        comparison,
        Action.UPDATE if supported else Action.NOOP,
        differences=(*supported, *unsupported),
        steps=() if refusal else steps,
        notes=tuple(_notes(comparison, aspects, supported)),
    )
    return _with_left(replace(planned, refusal=refusal), comparison)


_POSITIONS = {aspect.name: position for position, aspect in enumerate(ASPECTS)}


def _in_order(steps: Iterable[Step], differences: Sequence[Difference]) -> tuple[Step, ...]:
    """The steps by phase and aspect. Each says which differences must be done before it, even if they have to wait."""
    ordered = sorted(steps, key=lambda step: (step.phase, _POSITIONS[step.aspect]))
    return tuple(replace(step, after=_before(step, differences)) for step in ordered)


def _before(step: Step, differences: Sequence[Difference]) -> tuple[str, ...]:
    others = (difference for difference in differences if difference.path and difference.id not in step.differences)
    aspect = ASPECTS[_POSITIONS[step.aspect]]
    return tuple(difference.id for difference in others if aspect.follows(difference, step))


def _with_left(change: TableChange, comparison: Comparison) -> TableChange:
    """The change with what one run cannot finish; that is also a note."""
    if change.refusal is not None:
        return change
    supported = tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)
    left = next(filter(None, (aspect.left(comparison, _of(aspect, supported)) for aspect in ASPECTS)), None)
    return replace(change, left=left, notes=(*change.notes, left)) if left else change


def _steps(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[Step]:
    for aspect in aspects:
        served = _of(aspect, differences)
        if aspect.left(comparison, served) is None:
            yield from aspect.steps(comparison, served)


def _of(aspect: Aspect, differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    return tuple(difference for difference in differences if aspect.serves(difference.path))


def _readable(comparison: Comparison) -> Iterator[Aspect]:
    """The aspects that the file mentions, that the endpoint keeps and that were read.

    While AWS creates a table, their readers may fail.
    """
    for aspect in ASPECTS:
        read = comparison.actual is None or aspect.reader is None or comparison.actual.manages(aspect.name)
        if aspect.concerns(comparison) and read and _keeps(comparison, (aspect.name,)):
            yield aspect


def _unsupported_differences(comparison: Comparison) -> Iterator[Difference]:
    """Differences in aspects that this endpoint cannot keep: it does not show them, so they count as absent."""
    missing = _missing(comparison)
    for aspect in ASPECTS:
        if aspect.managed(comparison.desired) and not _keeps(comparison, (aspect.name,)):
            yield from aspect.differences(missing)


def _covered(comparison: Comparison, differences: Iterable[Difference]) -> Iterator[Difference]:
    """The differences; a review of a table's or an index's creation, or auto scaling, covers those in its capacity."""
    creations: dict[Path, tuple[str, ...]] = {}
    for difference in differences:
        creations = creations or _creation_ids(comparison)  # not where nothing differs: it takes longer than the rest
        owner = difference.path[:2] if len(difference.path) > 2 else ()
        covered = (*creations.get(owner, ()), *capacity.scaled_by(comparison, difference))
        yield replace(difference, covered_by=covered) if BILLING_MODE.serves(difference.path) else difference


def _creation_ids(comparison: Comparison) -> dict[Path, tuple[str, ...]]:
    """For the table and each index, the id of the difference that would create it."""
    table = Difference(comparison.name, (), None, replacement.body(comparison))
    indexes = GLOBAL_INDEXES.differences(_missing(comparison)) if GLOBAL_INDEXES.managed(comparison.desired) else ()
    return {creation.path: (creation.id,) for creation in (table, *indexes)}


def _refusal(comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
    """Why AWS would refuse these differences, whoever approves them."""
    refusals = (aspect.refusal(comparison, _of(aspect, differences)) for aspect in _readable(comparison))
    return next((sentence for sentence in refusals if sentence), None)


def _left_alone(comparison: Comparison) -> str | None:
    """Why no change of this table ever runs."""
    if STRONG not in unmanaged.names(comparison.actual):
        return None
    return (
        "The table is a strongly consistent global table (its `MultiRegionConsistency` is `STRONG`). dynatus leaves "
        "such a table alone. Change it by hand, then make the file agree."
    )


def _missing(comparison: Comparison) -> Comparison:
    return Comparison(comparison.desired, None, comparison.facts)


def _split(
    comparison: Comparison, differences: Sequence[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """The differences that this endpoint supports, and the others. Those get the effect `unsupported`, and no step."""
    supported = tuple(d for d in differences if d.effect is not Effect.UNSUPPORTED and _changes(comparison, d.path))
    others = [difference for difference in differences if difference not in supported]
    return supported, tuple(replace(difference, effect=Effect.UNSUPPORTED, risk=Risk.SAFE) for difference in others)


def _keeps(comparison: Comparison, path: Path) -> bool:
    """Whether this endpoint keeps what stands at a path; insights of an index are an aspect of their own."""
    if not comparison.facts.cannot_keep:
        return True
    aspect = aspect_of(path)
    names = {path[0] if path else "", emulators.kind(path), aspect.name if aspect else ""}
    return not names & comparison.facts.cannot_keep


def _changes(comparison: Comparison, path: Path) -> bool:
    """Whether this endpoint can change the value at a path of this table."""
    return _keeps(comparison, path) and (comparison.creating or not emulators.fixed(comparison.facts.emulator, path))


def _scales_for_replicas(comparison: Comparison) -> bool:
    if comparison.desired.at(("BillingMode",)) != "PROVISIONED":
        return False
    replicas = (aspect for aspect in _readable(comparison) if aspect.name == "Replicas")
    return any(difference.desired is not None for aspect in replicas for difference in aspect.differences(comparison))


def _scaling_matters(comparison: Comparison, base: Comparison) -> bool:
    """Whether the scalable targets of a table must be known; `base` is the comparison that its steps start from."""
    if comparison.facts.cannot_keep >= targets.UNITS.keys():
        return False
    if comparison.desired.absent:
        return True
    return scaling.matters(comparison) or capacity.scaling_matters(base) or _scales_for_replicas(base)


def _manages_scaling(comparison: Comparison) -> bool:
    return scaling.mentioned(comparison.desired) and not comparison.facts.cannot_keep >= targets.UNITS.keys()


def _table_change(
    comparison: Comparison,
    action: Action,
    *,
    differences: tuple[Difference, ...] = (),
    steps: tuple[Step, ...] = (),
    notes: tuple[str, ...] = (),
) -> TableChange:
    info, place = comparison.info, comparison.desired.place
    lost = any(d.risk is Risk.DESTRUCTIVE or d.effect in {Effect.RECREATE, Effect.DELETE} for d in differences)
    return TableChange(
        table=comparison.name,
        action=action,
        file=place.file if place else None,
        line=place.line if place else None,
        table_id=(info.table_id or None) if info and lost else None,
        differences=differences,
        steps=tuple(
            replace(step, risk=Risk.highest(d.risk for d in differences if d.id in step.differences))
            for step in order.as_they_run(steps)
        ),
        notes=(*notes, *_unsupported_notes(comparison, differences)),
        info=info if info and info.table_id else None,  # a table of a baseline has no size
        actual=comparison.actual,
        desired=comparison.desired,
    )


def _notes(comparison: Comparison, aspects: Sequence[Aspect], differences: tuple[Difference, ...]) -> Iterator[str]:
    transitions = comparison.actual.transitions if comparison.actual else {}
    unread = sorted(path[0] for path, status in transitions.items() if status == UNREAD)
    if unread:
        yield f"Not readable yet, so not compared: {codes(unread)}. Apply waits for it."
    for member, noun in ((indexes.GLOBAL, "indexes"), (keys.LOCAL, "local indexes")):
        actual = comparison.actual_at((member,))
        if actual and not comparison.desired.manages(member):
            yield f"The table has {noun} that the file does not mention. They are left alone: {codes(sorted(actual))}."
    for aspect in aspects:
        yield from aspect.notes(comparison, _of(aspect, differences))
    yield from scaling.unknown_note(comparison)


def _scaling_notes(comparison: Comparison) -> Iterator[str]:
    """What an earlier table of this name has left at Application Auto Scaling, and what may not be seen of that."""
    for aspect in indexes.SCALING:
        yield from aspect.notes(comparison, ())
    yield from scaling.unknown_note(comparison)


def _unsupported_notes(comparison: Comparison, differences: Sequence[Difference]) -> Iterator[str]:
    names = sorted({emulators.kind(d.path) for d in differences if d.effect is Effect.UNSUPPORTED})
    if names:
        endpoint = emulators.NAMES.get(comparison.facts.emulator or "", "This endpoint")
        yield f"{endpoint} does not support {codes(names)}. On AWS it would be set."


def _unchangeable(comparison: Comparison) -> TableChange:
    status = comparison.info.status if comparison.info else ""
    message = f"Table {code(comparison.name)} is {code(status)}. DynamoDB takes no change of it until that is resolved."
    return replace(_table_change(comparison, Action.NOOP), action=None, error=Failure(code=status, message=message))
