"""What must be looked up in the account before the change of a table can be planned."""

from __future__ import annotations

from dataclasses import dataclass

from dynatus_ci.table import probe, sides, support
from dynatus_ci.table.aspects import recreating, scaling, targets, throughput
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.encryption import Encryption
from dynatus_ci.table.facts import AccountFacts, Emptiness, ProbeState
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import copy_from, keep_items, restore_from

ENCRYPTION = Encryption()


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """What must be looked up before the change of a table can be planned. False and None: nothing.

    `key` is the KMS key to look up. `schedules` are scheduled actions: they matter where the file has auto scaling.
    `source` is the table to copy from, and `copied` whether its items are all there. `staging` is the table's own copy.
    `backup` is the ARN of the backup to restore. `transfer` is what AWS has exported and imported.
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
    transfer: bool = False

    def __bool__(self) -> bool:
        return self != MissingFacts()


def missing_facts(desired: Table, actual: Table | None, facts: AccountFacts) -> MissingFacts:
    """What must be looked up before `change` is asked. Nothing of the account is looked up without need."""
    comparison = sides.of(desired, actual, facts)
    goes = comparison.actual is not None and (desired.absent or any(recreating(comparison)))
    base = sides.missing(comparison) if goes else comparison
    if backup := restore_from.unread_backup(comparison):
        return MissingFacts(backup=backup)
    if restore_from.wanted(comparison):
        base = sides.restored(comparison)
    before = base  # of a table that is only expected, nothing more has to be known of its source
    if copy_from.is_imported(comparison):
        base = sides.imported(comparison)
    unread = facts.scaling is None and not facts.scaling_denied
    unknown_keys = (aspect.unknown_key(base) for aspect in support.readable(base))
    replaced = goes and not desired.absent
    new_key = ENCRYPTION.unchecked_key(base) if replaced and support.keeps(base, (ENCRYPTION.name,)) else None
    # Nobody can scan a table that is being created. It is refused for that.
    being_made = comparison.info is not None and comparison.info.status == "CREATING"
    emptiness = (goes and not being_made) or copy_from.must_prove_empty(before)
    return MissingFacts(
        scaling=unread and _scaling_matters(comparison, base),
        schedules=facts.schedules is None and not facts.scaling_denied and _manages_scaling(comparison),
        emptiness=emptiness and facts.emptiness is Emptiness.NOT_ASKED,
        probe=replaced and probe.possible(base) and facts.probe is ProbeState.NOT_ASKED,
        key=next(filter(None, unknown_keys), new_key),
        source=copy_from.unread_source(before),
        copied=copy_from.must_compare(before),
        staging=keep_items.must_look(comparison),
        transfer=copy_from.must_look_for_exports(comparison),
    )


def _scaling_matters(comparison: Comparison, base: Comparison) -> bool:
    """Whether the scalable targets of a table must be known; `base` is the comparison that its steps start from."""
    if comparison.endpoint.cannot_keep >= targets.UNITS.keys():
        return False
    if comparison.desired.absent:
        return True
    return scaling.matters(comparison) or throughput.scaling_matters(base) or _scales_for_replicas(base)


def _manages_scaling(comparison: Comparison) -> bool:
    return scaling.mentioned(comparison.desired) and not comparison.endpoint.cannot_keep >= targets.UNITS.keys()


def _scales_for_replicas(comparison: Comparison) -> bool:
    if not comparison.desired.provisioned:
        return False
    replicas = (aspect for aspect in support.readable(comparison) if aspect.name == "Replicas")
    return any(difference.desired is not None for aspect in replicas for difference in aspect.differences(comparison))
