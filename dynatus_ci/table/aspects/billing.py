"""The billing mode of a table. Its changes, and those of capacity and limits, are planned together.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/switching.capacitymode.html
docs/dynamodb.md#billing-mode
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table import phrases
from dynatus_ci.table.aspects import billing_mode, billing_steps, targets, throughput, warm_throughput
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.aspects.targets import PROVISIONED
from dynatus_ci.table.aspects.throughput import LIMITS, MODE, WARM
from dynatus_ci.table.model import GLOBAL, Difference, Path, Risk, Step, Value
from dynatus_ci.table.validation.shapes import Choice
from dynatus_ci.text import by_number, code, codes

DECREASES_A_DAY = 4


class BillingMode(Aspect):
    """The billing mode. It plans for capacity and limits too: UpdateTable changes them together."""

    name = "BillingMode"
    title = "billing mode"
    shape = Choice(("PROVISIONED", "PAY_PER_REQUEST"))
    in_every_table = True

    def mentioned(self, definition: Mapping[str, Any]) -> bool:
        return True

    def desired(self, definition: Mapping[str, Any]) -> Value:
        return billing_mode.asked(definition)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return billing_mode.described(description)

    def serves(self, path: Path) -> bool:
        return throughput.member_of(path) is not None

    def follows(self, difference: Difference, step: Step) -> bool:
        """Limits are those of the billing mode."""
        return difference.path == MODE

    def consequence(self, difference: Difference) -> str:
        return "{table} will switch to provisioned capacity. Requests above it will be throttled."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """The mode, then capacity and limits of the table and of the indexes that stay."""
        if comparison.creating:
            return
        mode = comparison.desired.at(MODE)
        if mode != comparison.actual_at(MODE):
            risk = Risk.DISRUPTIVE if mode == "PROVISIONED" else Risk.SAFE
            yield comparison.difference(MODE, mode, risk=risk)
        for owner in throughput.owners(comparison):
            for member in (PROVISIONED, LIMITS, WARM) if owner else (PROVISIONED, LIMITS):
                yield from throughput.differences_at(comparison, (*owner, member))

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        yield from billing_steps.steps(comparison, differences)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """Vector indexes keep a table on demand.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/VectorSearch.Requirements.html
        """
        vectors = sorted(comparison.info.vectors) if comparison.info else []
        if not vectors or not _to_be_provisioned(differences):
            return None
        return Refusal(
            f"The table has the vector index {code(vectors[0])}. AWS supports vector indexes only on on-demand tables, "
            "so delete it first."
        )

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """Auto scaling, decreases that are left today, and what cannot be lowered."""
        yield from _scaling_notes(comparison)
        for difference in differences:
            of_capacity = throughput.member_of(difference.path) == PROVISIONED
            if of_capacity and throughput.is_decrease(comparison, difference):
                yield from _decrease_note(comparison, difference.path[:-1])
        for name, index in comparison.desired.indexes().items():
            actual = comparison.actual_at((GLOBAL, name))
            if actual and WARM in index:
                yield from warm_throughput.lower_note(f"index {code(name)}", actual.get(WARM), index[WARM])
        unmentioned = throughput.unmentioned_indexes(comparison)
        if unmentioned and _to_be_provisioned(differences):
            yield f"Indexes that the file does not mention get the table's capacity: {codes(unmentioned)}."


def _to_be_provisioned(differences: Sequence[Difference]) -> bool:
    return any(difference.path == MODE and difference.desired == "PROVISIONED" for difference in differences)


def _scaling_notes(comparison: Comparison) -> Iterator[str]:
    for owner in throughput.owners(comparison):
        actual, desired = comparison.actual_at((*owner, PROVISIONED)), comparison.desired.at((*owner, PROVISIONED))
        if not actual or not desired or actual == desired:
            continue
        what = phrases.owner(owner)
        mentioned = {member: targets.settings_in_file(comparison.desired, owner, member) for member in actual}
        if comparison.facts.scaling_denied and None in mentioned.values():
            yield (
                f"Cannot verify whether auto scaling manages the capacity of {what}: "
                "`application-autoscaling:DescribeScalableTargets` is not allowed. The capacity stays as it is."
            )
            continue
        for member, units in actual.items():
            path = (*owner, targets.SETTINGS[member])
            yield from _outside(comparison, path, member, units, mentioned=mentioned[member])


def _outside(comparison: Comparison, path: Path, member: str, units: int, *, mentioned: Value) -> Iterator[str]:
    """A capacity that is not where its auto scaling keeps it."""
    target, what = targets.target_at(comparison, path), f"{code(member)} of {phrases.owner(path[:-1])}"
    if mentioned and not mentioned["MinCapacity"] <= units <= mentioned["MaxCapacity"]:
        least, most = mentioned["MinCapacity"], mentioned["MaxCapacity"]
        yield (
            f"{what} is {units:,}, outside the bounds of its auto scaling in the file ({least:,} to {most:,}). "
            "Apply sets it to the nearer bound."
        )
    elif mentioned is None and target and units not in target:
        yield (f"{what} is {units:,}, outside the bounds of its auto scaling ({target.least:,} to {target.most:,}).")


def _decrease_note(comparison: Comparison, owner: Path) -> Iterator[str]:
    info = comparison.info
    used = info.decreases_today.get(owner) if info else None
    if used is not None:
        left = max(DECREASES_A_DAY - used, 0)
        decreases = f"{left or 'no'} more {by_number(left, 'decrease', 'decreases')}"
        yield f"AWS allows {decreases} of {phrases.owner(owner)} today (UTC), then one per hour."
