"""Global secondary indexes: made and deleted one at a time, built again where their keys or projection change.

What changes inside an index in place (its capacity) is planned with the table's, in `capacity`.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html
docs/dynamodb.md#global-secondary-indexes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table import model, unmanaged
from dynatus_ci.table.aspects import billing_mode, keys, scaling, targets, warm_throughput
from dynatus_ci.table.aspects.base import FIXED_IN_INDEX, Aspect, Comparison
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.warm_throughput import WarmThroughput
from dynatus_ci.table.model import GLOBAL, Difference, Effect, Path, Phase, Risk, Step, Value
from dynatus_ci.table.validation import shapes
from dynatus_ci.table.validation.shapes import Shape, Structure, Whole
from dynatus_ci.text import code

INSIGHTS = Insights()
SCALING = (scaling.Reads(), scaling.Writes())
BACKFILL_SECONDS = 540
THROUGHPUT: dict[str, Shape] = {
    "ProvisionedThroughput": Structure(
        {"ReadCapacityUnits": Whole(1), "WriteCapacityUnits": Whole(1)},
        required=("ReadCapacityUnits", "WriteCapacityUnits"),
    ),
    "OnDemandThroughput": Structure({"MaxReadRequestUnits": Whole(), "MaxWriteRequestUnits": Whole()}),
}
"""The capacity of a table, and of each of its indexes."""
INDEX = Structure(
    {
        **keys.INDEX,
        **THROUGHPUT,
        WarmThroughput.name: WarmThroughput.shape,
        INSIGHTS.name: INSIGHTS.shape,
        **{aspect.name: aspect.shape for aspect in SCALING},
    },
    required=tuple(keys.INDEX),
)
MOST = 20


def whole(index: Mapping[str, Value]) -> Value:
    """An index as its creation writes it; its insights and its auto scaling are settings of their own."""
    apart = {INSIGHTS.name, *targets.UNITS}
    return {name: value for name, value in index.items() if name not in apart}


def to_rebuild(comparison: Comparison) -> frozenset[str]:
    """The indexes that must go: the file does not have them, or has them with other keys or another projection."""
    if not comparison.desired.manages(GLOBAL) or comparison.actual is None:
        return frozenset()
    desired = comparison.desired.indexes()
    return frozenset(name for name in comparison.actual.indexes() if name not in desired or comparison.rebuilds(name))


def _beside_local(comparison: Comparison, new: str, index: Value) -> Refusal | None:
    for name, local in (comparison.actual_at((keys.LOCAL,)) or {}).items():
        if new == name:
            return Refusal(f"The table has a local index {code(name)}. Its new global index needs another name.")
        types = keys.types(local["AttributeDefinitions"])
        for attribute, needed in keys.types(index["AttributeDefinitions"]).items():
            if types.get(attribute, needed) != needed:
                return Refusal(
                    f"Index {code(new)} needs {code(attribute)} as {code(needed)}, and the local index {code(name)} "
                    f"has it as {code(types[attribute])}. Local indexes change only with a new table: write them into "
                    "the file."
                )
    return None


def parameters(name: str, index: Mapping[str, Value]) -> dict[str, Value]:
    """An index as CreateTable and UpdateTable take it; a limit of -1 is left out there."""
    limits = model.finite_limits(index.get("OnDemandThroughput"))
    return {
        "IndexName": name,
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
        **{member: index[member] for member in ("ProvisionedThroughput", "WarmThroughput") if member in index},
        **({"OnDemandThroughput": limits} if limits else {}),
    }


def _keys_and_projection(index: Mapping[str, Any], types_by_name: Mapping[str, str]) -> dict[str, Value]:
    return {**keys.keyed(index["KeySchema"], types_by_name), "Projection": keys.projection(index["Projection"])}


def _desired(index: Mapping[str, Any], types_by_name: Mapping[str, str], *, provisioned: bool) -> Value:
    return {
        **_keys_and_projection(index, types_by_name),
        **({"ProvisionedThroughput": targets.within(index, index["ProvisionedThroughput"])} if provisioned else {}),
        **{name: dict(index[name]) for name in ("OnDemandThroughput", "WarmThroughput") if index.get(name)},
        **{one.name: one.normalise(index[one.name]) for one in (INSIGHTS, *SCALING) if one.name in index},
    }


def _actual(index: Mapping[str, Any], types_by_name: Mapping[str, str], *, provisioned: bool) -> Value:
    warm = warm_throughput.read(index)
    units = {"ProvisionedThroughput": provisioned_units(index)}
    limits = {"OnDemandThroughput": on_demand_limits(index)}
    return {
        **_keys_and_projection(index, types_by_name),
        **(units if provisioned else limits),
        **({"WarmThroughput": warm} if warm else {}),
    }


def provisioned_units(description: Mapping[str, Any]) -> Value:
    """The provisioned units of a table's or an index's description."""
    throughput = description.get("ProvisionedThroughput") or {}
    return {member: throughput.get(member, 0) for member in ("ReadCapacityUnits", "WriteCapacityUnits")}


def on_demand_limits(description: Mapping[str, Any]) -> Value:
    """The on-demand limits of a table's or an index's description; -1 means none, and absent means that, too."""
    throughput = description.get("OnDemandThroughput") or {}
    return {member: throughput.get(member, -1) for member in ("MaxReadRequestUnits", "MaxWriteRequestUnits")}


def _with_limits(index: Mapping[str, Value]) -> Value:
    return index if "ProvisionedThroughput" in index else {**index, "OnDemandThroughput": on_demand_limits(index)}


def _delete(comparison: Comparison, difference: Difference) -> Step:
    name = difference.path[1]
    return Step(
        operation="UpdateTable",
        parameters=comparison.update_table(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}]),
        reason=f"delete index {code(name)}",
        differences=(difference.id,),
        expects={difference.path: None},
        waits_for=f"index {code(name)} gone",
        seconds=(3, 6),
        aspect=GLOBAL,
        phase=Phase.REMOVE,
    )


def _create(comparison: Comparison, difference: Difference) -> Step:
    name, index = difference.path[1], difference.desired
    return Step(
        operation="UpdateTable",
        parameters=comparison.update_table(
            # The whole final set: AWS ignores what the index does not use, moto replaces its set by what is sent.
            AttributeDefinitions=comparison.desired.at(("AttributeDefinitions",)),
            GlobalSecondaryIndexUpdates=[{"Create": parameters(name, _kept(comparison, name, index))}],
        ),
        reason=f"create index {code(name)}",
        differences=(difference.id,),
        expects={difference.path: {member: index[member] for member in FIXED_IN_INDEX}},
        waits_for=f"index {code(name)} ACTIVE",
        built_from=comparison.info.items if comparison.info else 0,
        seconds=(BACKFILL_SECONDS, None),
        aspect=GLOBAL,
        phase=Phase.BUILD,
    )


def _kept(comparison: Comparison, name: str, index: Mapping[str, Value]) -> Value:
    """An index that is built again, with the actual units that scale and the actual limits that no file mentions."""
    limits = {**(comparison.was_at(name, "OnDemandThroughput") or {}), **index.get("OnDemandThroughput", {})}
    if targets.PROVISIONED in index:
        units = targets.units_to_send(comparison, (GLOBAL, name))
        warm = warm_throughput.at_least(units, index.get(WarmThroughput.name) or {})
        return {**index, targets.PROVISIONED: units, **({WarmThroughput.name: warm} if warm else {})}
    return {**index, **({"OnDemandThroughput": limits} if limits else {})}


class GlobalIndexes(Aspect):
    """Global secondary indexes by name. Their capacity is planned with the table's: see `capacity`."""

    name = GLOBAL
    title = "index"
    named = True
    shape = shapes.Sequence(INDEX)
    # The insights and the auto scaling of an index are aspects of their own.
    phrased = keys.KEYED | INDEX.members.keys() - {"IndexName"}
    in_every_table = True
    initial = keys.NONE

    def desired(self, definition: Mapping[str, Any]) -> Value:
        types = keys.types(definition["AttributeDefinitions"])
        provisioned = billing_mode.asked(definition) != billing_mode.ON_DEMAND
        ordered = sorted(definition[self.name], key=lambda index: str(index["IndexName"]))
        return {index["IndexName"]: _desired(index, types, provisioned=provisioned) for index in ordered}

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """Read-only members are left out, and a missing limit is -1."""
        types = keys.types(description.get("AttributeDefinitions") or [])
        provisioned = billing_mode.described(description) != billing_mode.ON_DEMAND
        found = description.get(self.name) or []
        return {index["IndexName"]: _actual(index, types, provisioned=provisioned) for index in found}

    def as_aws_shows(self, comparison: Comparison, desired: Value) -> Value:
        """An index without a limit shows -1."""
        return {name: _with_limits(index) for name, index in desired.items()}

    def owns(self, path: Path) -> bool:
        """Other members of an index are aspects of their own."""
        return path[:1] == (self.name,) and path[2:] in {(), ("WarmThroughput",)}

    def serves(self, path: Path) -> bool:
        return path[:1] == (self.name,) and len(path) == 2

    def follows(self, difference: Difference, step: Step) -> bool:
        """A new index has the table's billing mode."""
        return difference.path == ("BillingMode",)

    def phrase(self, value: Mapping[str, Value]) -> str:
        return keys.index_phrase(value)

    def consequence(self, difference: Difference) -> str:
        if difference.desired is None:
            return "Index {member} of {table}{held} will be deleted. Queries on it will fail."
        return "Index {member} of {table}{held} will be deleted and built again. Queries on it fail until it is built."

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """The indexes that are not ACTIVE, and what is raised inside one."""
        for index in description.get(GLOBAL) or []:
            path = (GLOBAL, index["IndexName"])
            status = index.get("IndexStatus", "ACTIVE")
            if status != "ACTIVE":
                yield path, "BACKFILLING" if status == "CREATING" and index.get("Backfilling") else status
            warming = (index.get("WarmThroughput") or {}).get("Status")
            if warming not in {None, "ACTIVE"}:
                yield (*path, "WarmThroughput"), warming

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """Indexes that come, go or are built again."""
        desired, actual = comparison.desired.indexes(), comparison.actual.indexes() if comparison.actual else {}
        going = to_rebuild(comparison)
        for name in sorted({*desired, *actual}):
            path = (GLOBAL, name)
            if name not in desired:
                yield comparison.difference(path, None, effect=Effect.DELETE, risk=Risk.DESTRUCTIVE)
            elif name not in actual:
                yield comparison.difference(path, whole(desired[name]), effect=Effect.CREATE)
            elif name in going:
                yield comparison.difference(
                    path, whole(desired[name]), effect=Effect.REBUILD_INDEX, risk=Risk.DESTRUCTIVE
                )

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """All deletes, then all creates: so quotas and attributes with a new type have room. One index a call."""
        for difference in differences:
            if difference.actual is not None:
                yield _delete(comparison, difference)
        for difference in differences:
            if difference.desired is not None:
                yield _create(comparison, difference)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """What is in the way of a new index: a vector index, or a local index that the file does not mention.

        Only a new table loses a local index. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
        """
        coming = {d.path[1]: d.desired for d in differences if d.desired is not None and len(d.path) == 2}
        refusals = (
            unmanaged.refusal(comparison.actual, name, index) or _beside_local(comparison, name, index)
            for name, index in coming.items()
        )
        return next(filter(None, refusals), None)

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """The way to rebuild without downtime."""
        for difference in differences:
            if difference.effect is Effect.REBUILD_INDEX:
                yield (
                    f"While index {code(difference.path[1])} is built again, queries on it fail. Without downtime: "
                    "create it under a new name now, move its readers, and delete the old one in a later change."
                )
