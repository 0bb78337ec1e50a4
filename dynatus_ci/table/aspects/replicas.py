"""Replicas: the table's copies in other regions (global tables version 2019.11.21, eventually consistent).

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ReplicaUpdate.html
docs/dynamodb.md#replicas
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table import phrases
from dynatus_ci.table.aspects import billing_mode, targets
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.aspects.encryption import MANAGED_KEY, Encryption
from dynatus_ci.table.aspects.table_class import TableClass
from dynatus_ci.table.aspects.targets import WRITES
from dynatus_ci.table.model import GLOBAL, Difference, Effect, Path, Phase, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import INDEX_NAME, Sequence, Shape, Structure, Text, Whole
from dynatus_ci.table.validation.unknown import known, whole, whole_items
from dynatus_ci.text import code, codes, quoted

NONE: Value = {}
STATUS = "ReplicaStatus"
FAILED = "CREATION_FAILED"
UNLIMITED: Value = {"MaxReadRequestUnits": -1}
UNDER_WAY = frozenset({"CREATING", "UPDATING", "DELETING"})
REGION_CLEARS = 40
"""Seconds for which a replica's table outlives its entry (10 to 35 s measured); until then AWS takes no new one."""
REGION = r"[a-z]+(-[a-z]+)+-[0-9]+"


_OVERRIDES: dict[str, Shape] = {
    "ProvisionedThroughputOverride": Structure({"ReadCapacityUnits": Whole(1)}, required=("ReadCapacityUnits",)),
    "OnDemandThroughputOverride": Structure({"MaxReadRequestUnits": Whole()}, required=("MaxReadRequestUnits",)),
}
REPLICA = Structure(
    {
        "RegionName": Text(1),
        "KMSMasterKeyId": Text(1),
        **_OVERRIDES,
        GLOBAL: Sequence(Structure({"IndexName": INDEX_NAME, **_OVERRIDES}, required=("IndexName",)), least=1),
        "TableClassOverride": TableClass.shape,
    },
    required=("RegionName",),
)


class Replicas(Aspect):
    """Replicas by region; one create or delete a call. A written member that differs means: delete, wait, create."""

    name = "Replicas"
    title = "replica"
    named = True
    shape = Sequence(REPLICA)
    phrased = frozenset(REPLICA.members) - {"RegionName"}
    phase = Phase.BUILD
    initial = NONE
    seconds = (14, None)

    def normalise(self, value: Value) -> Value:
        """By region, without what the region's name says already."""
        return {replica["RegionName"]: _members(replica) for replica in value}

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """Regions, each once, and what AWS refuses of a table that has replicas."""
        replicas = definition.get(self.name) or ()
        own_key = "KMSMasterKeyId" in (known(definition, "SSESpecification") or {})
        seen: set[str] = set()
        for number, replica in whole_items(replicas):
            region, path = replica["RegionName"], (self.name, number)
            if not re.fullmatch(REGION, region):
                message = f"{code(quoted(region))} is not the name of a region."
                yield Finding((*path, "RegionName"), "region-name", message, 'Write `"eu-west-1"`, for instance.')
            if region in seen:
                message = f"The region {code(quoted(region))} has two replicas."
                yield Finding((*path, "RegionName"), "duplicate-replica", message)
            seen.add(region)
            if own_key and "KMSMasterKeyId" not in replica:
                message = "The table is encrypted with a key of its own, so each replica needs a `:KMSMasterKeyId`."
                yield Finding(path, "replica-key", message, "Write a key of the replica's region.", At.OPENER)
            for where, owner in _owners(replica, path):
                yield from _override_findings(definition, owner, path=where)
        if replicas and (known(definition, "StreamSpecification") or {}).get("StreamEnabled") is False:
            message = "The stream of a table with replicas cannot be off."
            hint = "Leave `:StreamSpecification` out: the replicas turn the stream on."
            yield Finding(("StreamSpecification", "StreamEnabled"), "replica-stream", message, hint)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """The local region is not listed."""
        return {replica["RegionName"]: _members(replica) for replica in description.get("Replicas") or []}

    def to_definition(self, value: Value) -> Value:
        return [{"RegionName": region, **_written(members)} for region, members in sorted(value.items())]

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """Each replica's own status; TableStatus does not tell."""
        for replica in description.get("Replicas") or []:
            status = replica.get(STATUS, "ACTIVE")
            if status in UNDER_WAY:
                yield (self.name, replica["RegionName"]), status

    def failures(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """A replica that could not be made stays as an entry."""
        for replica in description.get("Replicas") or []:
            if replica.get(STATUS) == FAILED:
                reason = replica.get("ReplicaStatusDescription")
                yield (self.name, replica["RegionName"]), phrases.failed(FAILED, reason)

    def phrase(self, value: Mapping[str, Value]) -> str:
        """The replica's overrides."""
        overrides = phrases.joined(
            value.get("TableClassOverride", ""),
            f"KMS key {value['KMSMasterKeyId']}" if "KMSMasterKeyId" in value else "",
            phrases.units(value.get("ProvisionedThroughputOverride")),
            phrases.at_most(value.get("OnDemandThroughputOverride")),
            *(f"index {name}: {self.phrase(index)}" for name, index in (value.get(GLOBAL) or {}).items()),
        )
        return overrides or "like the table"

    def consequence(self, difference: Difference) -> str:
        """Readers in that region lose the table, for some time or for good."""
        if difference.desired is None:
            return "The replica of {table} in {member} is deleted. Readers there lose the table."
        return "The replica of {table} in {member} is deleted and created again."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """One for each region; the table's own region is ignored."""
        desired, actual = comparison.desired.at((self.name,)), comparison.actual_at((self.name,)) or {}
        for region in sorted({*desired, *actual} - {comparison.endpoint.region}):
            path = (self.name, region)
            if region not in desired:
                yield comparison.difference(path, None, effect=Effect.DELETE, risk=Risk.DESTRUCTIVE)
            elif region not in actual:
                yield comparison.difference(path, desired[region], effect=Effect.CREATE)
            elif not self.satisfied(_effective(comparison, actual[region], desired[region]), desired[region]):
                yield comparison.difference(path, desired[region], effect=Effect.REBUILD_REPLICA, risk=Risk.DESTRUCTIVE)

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """Those that go come first of all, before the stream and the key; those that are made again go at the end."""
        for difference in differences:
            if difference.actual is not None:
                region = difference.path[1]
                step = self._update(comparison, difference, "Delete", sent={"RegionName": region}, expected=None)
                yield step if difference.desired is not None else replace(step, phase=Phase.DETACH)
        for difference in differences:
            if difference.desired is not None:
                sent = {"RegionName": difference.path[1], **_sent(difference.desired)}
                step = self._update(comparison, difference, "Create", sent=sent, expected={})
                yield step if difference.actual is None else step.not_before(REGION_CLEARS)

    def follows(self, difference: Difference, step: Step) -> bool:
        """A new replica has the table's billing mode. If that is PROVISIONED, all writes must scale first."""
        return difference.path == ("BillingMode",) or difference.path[-1:] == (WRITES,)

    def satisfied(self, actual: Value, expected: Value) -> bool:
        """A replica in CREATION_FAILED does not satisfy a step."""
        failed = isinstance(actual, Mapping) and actual.get(STATUS) == FAILED
        return not failed and super().satisfied(actual, expected)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """A replica of a table with a customer's key needs one, too; and a provisioned table must scale its writes."""
        coming = [difference for difference in differences if difference.desired is not None]
        managed, key = comparison.facts.kms_keys.get(MANAGED_KEY), _kept_key(comparison)
        keyless = [difference.path[1] for difference in coming if "KMSMasterKeyId" not in difference.desired]
        if keyless and managed and key not in {None, managed}:
            return Refusal(
                f"The table is encrypted with {code(key)}, so the replica in {code(keyless[0])} needs a "
                "`:KMSMasterKeyId`."
            )
        return self._unscaled(comparison) if coming and not _made_now(comparison) else None

    def left_undone(self, comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
        """What remains of these differences after this run, and why: auto scaling needs the table first."""
        coming = [difference.path[1] for difference in differences if difference.desired is not None]
        unscaled = self._without_scaling(comparison)
        if not coming or not unscaled or not _made_now(comparison):
            return None
        return (
            f"The replica in {codes(coming)} is left for a later run. AWS takes a replica of a `PROVISIONED` table "
            f"only with write auto scaling. Write `:{WRITES}` for {codes(unscaled)}. Or register a scalable target "
            "and a policy once the table is there, and run apply again."
        )

    def unknown_key(self, comparison: Comparison) -> str | None:
        """The key that AWS manages, if a replica without a key is added to a table that is encrypted with KMS."""
        comes = (d for d in self.differences(comparison) if d.desired is not None and "KMSMasterKeyId" not in d.desired)
        asked = MANAGED_KEY in comparison.facts.kms_keys
        return MANAGED_KEY if not asked and _kept_key(comparison) and any(comes) else None

    def _unscaled(self, comparison: Comparison) -> Refusal | None:
        missing = self._without_scaling(comparison)
        new = [name for name in comparison.desired.indexes() if comparison.actual_at((GLOBAL, name)) is None]
        later = [name for name in new if f"table/{comparison.name}/index/{name}" in missing]
        if later:
            return Refusal(
                "A replica of a `PROVISIONED` table needs write auto scaling on each index, and AWS takes that only "
                f"for an index that is there. Write `:{WRITES}` for {codes(later)}. Or create it first, register auto "
                "scaling for it, and add the replica in a later change. Or use `PAY_PER_REQUEST`."
            )
        if not missing:
            return None
        return Refusal(
            f"A replica of a `PROVISIONED` table needs write auto scaling, and {codes(missing)} has no scalable "
            f"target with a policy. Write `:{WRITES}` for it, register a target and a policy, or use "
            "`PAY_PER_REQUEST`."
        )

    def _without_scaling(self, comparison: Comparison) -> list[str]:
        """The table and indexes that must scale their writes before the replica is created, and do not."""
        if not comparison.desired.provisioned or comparison.facts.scaling is None:
            return []
        side = (
            comparison.desired if comparison.desired.manages(GLOBAL) or comparison.actual is None else comparison.actual
        )
        owners = ((), *((GLOBAL, index) for index in side.indexes()))
        paths = ((*owner, WRITES) for owner in owners)
        return [targets.resource(comparison.name, path) for path in paths if not _will_scale(comparison, path)]

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """Unhealthy replicas, and KMS keys that this region does not show."""
        for region, status in sorted(_unhealthy(comparison).items()):
            yield f"The replica in {code(region)} is {code(status)}."
        if MANAGED_KEY in comparison.facts.kms_keys and comparison.facts.kms_keys[MANAGED_KEY] is None:
            yield (
                "Cannot verify that the table's key is the one that AWS manages: `kms:DescribeKey` is not allowed. "
                "With another key, each replica needs a `:KMSMasterKeyId`."
            )
        for region, actual in sorted((comparison.actual_at((self.name,)) or {}).items()):
            desired = comparison.desired.at((self.name, region)) or {}
            if "KMSMasterKeyId" in desired and "KMSMasterKeyId" not in actual:
                yield (
                    f"Cannot verify the KMS key of the replica in {code(region)}: DynamoDB shows it only there. "
                    "The key stays as it is."
                )

    def _update(
        self, comparison: Comparison, difference: Difference, verb: str, *, sent: Value, expected: Value
    ) -> Step:
        region, creates = difference.path[1], verb == "Create"
        parameters = comparison.update_table(ReplicaUpdates=[{verb: sent}])
        return replace(
            self.step("UpdateTable", parameters, difference, expects={difference.path: expected}),
            reason=f"{verb.lower()} the replica in {code(region)}",
            waits_for=f"replica {code(region)} {'ACTIVE' if creates else 'gone'}",
            seconds=self.seconds if creates else (121, 244),
        )


def _made_now(comparison: Comparison) -> bool:
    """Whether the table is made by this run."""
    return comparison.creating or comparison.facts.memory.made


def _owners(
    replica: Mapping[str, Any], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The replica and its indexes: what may have overrides."""
    yield path, replica
    for number, index in enumerate(replica.get(GLOBAL, ())):
        yield (*path, GLOBAL, number), index


def _override_findings(
    definition: Mapping[str, Any], owner: Mapping[str, Any], *, path: tuple[str | int, ...]
) -> Iterator[Finding]:
    """An override is of what the table has."""
    mode = billing_mode.asked(definition)
    wrong = "OnDemandThroughputOverride" if mode == "PROVISIONED" else "ProvisionedThroughputOverride"
    if wrong in owner and whole(definition.get("BillingMode")):
        yield Finding((*path, wrong), "billing-mode", f"`{mode}` takes no `:{wrong}`.", "Leave it out.", At.KEY)
    managed = definition.get(GLOBAL)
    names = [index["IndexName"] for _, index in whole_items(managed)] if whole(managed) else None
    if "IndexName" in owner and managed is not None and names is not None and owner["IndexName"] not in names:
        message = f"The table has no global secondary index {code(quoted(owner['IndexName']))}."
        yield Finding((*path, "IndexName"), "replica-index", message)


def _members(replica: Mapping[str, Any]) -> dict[str, Value]:
    """What a replica overrides; its status where that is neither ACTIVE nor on its way."""
    table_class = (replica.get("ReplicaTableClassSummary") or {}).get("TableClass") or replica.get("TableClassOverride")
    status = replica.get(STATUS, "ACTIVE")
    members = {
        STATUS: None if status == "ACTIVE" or status in UNDER_WAY else status,
        "KMSMasterKeyId": replica.get("KMSMasterKeyId"),
        "ProvisionedThroughputOverride": replica.get("ProvisionedThroughputOverride"),
        "OnDemandThroughputOverride": replica.get("OnDemandThroughputOverride"),
        "TableClassOverride": table_class,
        GLOBAL: {index["IndexName"]: _overrides(index) for index in replica.get(GLOBAL) or []} or None,
    }
    return {name: value for name, value in members.items() if value}


def _written(members: Mapping[str, Value]) -> dict[str, Value]:
    """The members that a replica overrides. Inherited members and indexes without overrides are left out."""
    names = REPLICA.members.keys() - {"RegionName", GLOBAL}
    indexes = [
        {"IndexName": name, **overrides}
        for name, index in sorted((members.get(GLOBAL) or {}).items())
        if (overrides := {member: value for member, value in index.items() if value != UNLIMITED})
    ]
    own = {name: value for name, value in members.items() if name in names and value != UNLIMITED}
    return {**own, **({GLOBAL: indexes} if indexes else {})}


def _overrides(index: Mapping[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in index.items() if name.endswith("Override") and value}


def _sent(members: Mapping[str, Value]) -> dict[str, Value]:
    indexes = [{"IndexName": name, **overrides} for name, overrides in members.get(GLOBAL, {}).items()]
    return {**members, **({GLOBAL: indexes} if indexes else {})}


def _kept_key(comparison: Comparison) -> Value:
    """The table's actual key, where its file does not say another or none."""
    encryption = comparison.desired.at((Encryption.name,)) or {"Enabled": True}
    if not encryption["Enabled"] or "KMSMasterKeyId" in encryption:
        return None
    return comparison.actual_at((Encryption.name, "KMSMasterKeyId"))


def _effective(comparison: Comparison, actual: Value, desired: Value) -> Value:
    """An actual replica with what it inherits, which DynamoDB does not show; that is what the table has at the end.

    A key of another region cannot be looked up: an id is compared with the ARN's end, an alias is taken as equal, and
    so is one that is not shown.
    """
    key, arn = desired.get("KMSMasterKeyId"), actual.get("KMSMasterKeyId")
    same = key and (arn is None or arn.endswith(f"/{key}") or "alias/" in key)
    own = {index: {**_inherited(comparison, (GLOBAL, index)), **(actual.get(GLOBAL) or {}).get(index, {})}
           for index in desired.get(GLOBAL) or {}}  # fmt: skip
    return {
        "TableClassOverride": _at_last(comparison, ("TableClass",)) or TableClass.initial,
        **_inherited(comparison, ()),
        **actual,
        **({GLOBAL: own} if own else {}),
        **({"KMSMasterKeyId": key} if same else {}),
    }


def _inherited(comparison: Comparison, owner: Path) -> dict[str, Value]:
    """The capacity for reads that a replica, or its index, has without an override."""
    units = _at_last(comparison, (*owner, "ProvisionedThroughput")) or {}
    limits = _at_last(comparison, (*owner, "OnDemandThroughput")) or {}
    return {
        "ProvisionedThroughputOverride": {"ReadCapacityUnits": units.get("ReadCapacityUnits")},
        "OnDemandThroughputOverride": {"MaxReadRequestUnits": limits.get("MaxReadRequestUnits", -1)},
    }


def _at_last(comparison: Comparison, path: Path) -> Value:
    """What the table has when it agrees with its file."""
    desired = comparison.desired.at(path)
    return comparison.actual_at(path) if desired is None else desired


def _unhealthy(comparison: Comparison) -> dict[str, str]:
    """Region → state, of the replicas that somebody must repair."""
    replicas = comparison.actual_at((Replicas.name,)) or {}
    return {region: members[STATUS] for region, members in replicas.items() if STATUS in members}


def _will_scale(comparison: Comparison, path: Path) -> bool:
    """Whether the settings at a path are those of the file, or there is a policy already."""
    mentioned, target = comparison.desired.at(path), targets.target_at(comparison, path)
    return bool(mentioned) if mentioned is not None else target is not None and target.policy is not None
