"""Auto scaling of reads and of writes, for the table and for each global secondary index.

It is a scalable target and one policy for each dimension. They stay behind when their index or table goes, so they are
removed after it. Scheduled actions are left alone.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html
docs/dynamodb.md#application-auto-scaling
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from dynatus_ci.errors import Refusal
from dynatus_ci.table import phrases
from dynatus_ci.table.aspects import billing_mode, targets
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.aspects.targets import OFF, PROVISIONED, READS, TRACKING, WRITES
from dynatus_ci.table.facts import ScalableTarget
from dynatus_ci.table.model import GLOBAL, Difference, Path, Phase, Risk, Step, Table, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Flag, Number, Structure, Whole
from dynatus_ci.table.validation.unknown import UNSURE, known, whole
from dynatus_ci.text import code, codes

SERVICE = "application-autoscaling"
NAMESPACE: Mapping[str, Value] = {"ServiceNamespace": "dynamodb"}
NONE: Value = {}
"""No auto scaling."""
METRICS = {READS: "DynamoDBReadCapacityUtilization", WRITES: "DynamoDBWriteCapacityUtilization"}
POLICY = Structure(
    {
        "TargetValue": Number(targets.LEAST_USED, targets.MOST_USED),
        "ScaleInCooldown": Whole(0),
        "ScaleOutCooldown": Whole(0),
        "DisableScaleIn": Flag(),
    },
    required=("TargetValue",),
)


def matters(comparison: Comparison) -> bool:
    """Whether Application Auto Scaling must be asked: for settings of the file, and for what stays behind."""
    desired = comparison.desired
    if desired.absent or mentioned(desired):
        return True
    provisioned = desired.provisioned
    seen = {*comparison.facts.memory.indexes, *(comparison.actual.indexes() if comparison.actual else ())}
    return desired.manages(GLOBAL) and (provisioned or not seen <= desired.indexes().keys())


def mentioned(desired: Table) -> bool:
    """Whether a definition has settings for the table or for one of its indexes."""
    return any(desired.at(path) is not None for path in targets.paths(desired))


def unknown_note(comparison: Comparison) -> Iterator[str]:
    """That nobody knows what an index or a table that goes leaves behind."""
    desired, actual = comparison.desired, comparison.actual.indexes() if comparison.actual else {}
    gone = sorted(actual.keys() - desired.indexes().keys()) if desired.manages(GLOBAL) else []
    owners = ["the table"] if desired.absent else [f"index {code(name)}" for name in gone]
    if comparison.facts.scaling_denied and comparison.actual and owners:
        yield (
            f"Cannot verify whether auto scaling is registered for {', '.join(owners)}: "
            "`application-autoscaling:DescribeScalableTargets` is not allowed. Registered scalable targets stay."
        )


class _Scaling(Aspect):
    """Auto scaling of one dimension. An empty map means: none."""

    shape = Structure({"MinCapacity": Whole(1), "MaxCapacity": Whole(1), TRACKING: POLICY})
    phrased = frozenset(shape.members)
    service = SERVICE
    writers = ("RegisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy", "DeregisterScalableTarget")
    initial = NONE
    noun: ClassVar[str]
    """What is scaled, in a sentence."""

    def owns(self, path: Path) -> bool:
        """Of the table, or of an index."""
        return path == (self.name,) or (len(path) == 3 and path[0] == GLOBAL and path[2] == self.name)

    def managed(self, desired: Table) -> bool:
        """Mentioned for the table or for one of its indexes."""
        return any(True for _ in self._mentioned(desired))

    def concerns(self, comparison: Comparison) -> bool:
        """Mentioned, or left behind by an index or a table that goes."""
        return super().concerns(comparison) or any(True for _ in self._left_behind(comparison))

    def normalise(self, value: Value) -> Value:
        return dict(value)

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """Settings are complete, with bounds in order, and belong to a table that is provisioned."""
        mode = billing_mode.asked(definition)
        yield from self._findings(definition, (), mode=mode)
        for number, index in enumerate(known(definition, GLOBAL) or ()):
            if isinstance(index, Mapping):
                yield from self._findings(index, (GLOBAL, number), mode=mode)

    def _findings(self, owner: Mapping[str, Any], path: tuple[str | int, ...], *, mode: str) -> Iterator[Finding]:
        settings, where = known(owner, self.name), (*path, self.name)
        if not settings:
            return
        if mode == billing_mode.ON_DEMAND:
            hint = "Leave it out, or write `{}`: then the table has none."
            yield Finding(where, "billing-mode", f"`{mode}` takes no `:{self.name}`.", hint, At.KEY)
        missing = [code(f":{member}") for member in self.shape.members if member not in settings]
        if missing:
            hint = "Add it. Or write `{}` for no auto scaling."
            yield Finding(where, "missing-key", f"{code(f':{self.name}')} has no {missing[0]}.", hint, At.OPENER)
        bounds = settings.get("MinCapacity", UNSURE), settings.get("MaxCapacity", UNSURE)
        if all(map(whole, bounds)) and bounds[0] > bounds[1]:
            message = f"`:MinCapacity {bounds[0]}` is more than `:MaxCapacity {bounds[1]}`."
            yield Finding((*where, "MinCapacity"), "out-of-range", message)

    def observe(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, Value]]:
        """Nothing: no answer of DynamoDB shows it."""
        yield from ()

    def phrase(self, value: Mapping[str, Value]) -> str:
        """The bounds, and what the policy aims at."""
        if not value:
            return "off"
        policy = value.get(TRACKING, {})
        cooldowns = (("in", policy.get("ScaleInCooldown")), ("out", policy.get("ScaleOutCooldown")))
        aim = f" at {policy['TargetValue']} % use" if "TargetValue" in policy else ", without a policy"
        return phrases.joined(
            f"{value['MinCapacity']:,} to {value['MaxCapacity']:,}{aim}",
            *(f"scales {way} after {seconds} s" for way, seconds in cooldowns if seconds is not None),
            "never scales in" if policy.get("DisableScaleIn") else "",
            by=", ",
        )

    def consequence(self, difference: Difference) -> str:
        of = "index {member} of " if difference.path[1:] else ""
        if not difference.desired:
            will = "be turned off. Nothing raises the capacity any more."
        else:
            will = "not go as high{change}."
        return f"Auto scaling of {self.noun} of {of}{{table}} will {will}"

    def risk(self, actual: Value, desired: Value) -> Risk:
        """It disturbs who needs the capacity that auto scaling would have given."""
        lower = actual and (not desired or desired["MaxCapacity"] < actual["MaxCapacity"])
        return Risk.DISRUPTIVE if lower else Risk.SAFE

    def satisfied(self, actual: Value, expected: Value) -> bool:
        """What a policy does not mention is as if it were off."""
        if not expected or not actual:
            return bool(actual) == bool(expected)
        policy = {TRACKING: {**OFF, **actual[TRACKING]}} if TRACKING in actual else {}
        return matches({**actual, **policy}, expected)

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """Of the table and its indexes, and of what goes. Where it may not be read, it is left alone."""
        if comparison.facts.scaling_denied:
            return
        for path in self._mentioned(comparison.desired):
            desired, there = comparison.desired.at(path), self._registered(comparison, path)
            if not self.satisfied(there, desired):
                # What an earlier table of this name has left is there, also where the table is only being made.
                actual = None if self._is_new(comparison, path) and not there else there
                found = comparison.difference(path, desired)
                yield replace(found, actual=actual, risk=self.risk(there, desired))
        for path in self._left_behind(comparison):
            there = targets.settings(targets.target_at(comparison, path))
            yield Difference(comparison.name, path, there, None)

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The target before its policy, and those of indexes once the last one is built.

        What goes, goes before the capacity changes: else auto scaling could move that again.
        """
        for difference in differences:
            index = len(difference.path) > 1
            phase = Phase.REMOVE if not difference.desired else Phase.BUILD if index else Phase.CHANGE
            for step in self._steps(comparison, difference):
                yield replace(step, phase=phase)

    def _steps(self, comparison: Comparison, difference: Difference) -> Iterator[Step]:
        path, desired = difference.path, difference.desired
        target, what = targets.target_at(comparison, path), f"{self.noun} of {phrases.owner(path)}"
        if desired:
            yield from self._set(comparison, difference, target)
        elif target and desired is not None and self._schedules(comparison, path):
            # Without its target, AWS would delete the scheduled actions, too.
            sent, left = {"PolicyName": target.policy}, targets.settings(replace(target, policy=None))
            step = self._call(comparison, "DeleteScalingPolicy", difference, sent=sent, expected=left)
            yield replace(step, reason=f"stop the auto scaling of {what}", waits_for="policy gone")
        else:
            step = self._call(comparison, "DeregisterScalableTarget", difference, sent={}, expected=desired)
            yield replace(step, reason=f"remove the auto scaling of {what}", waits_for="target gone")

    def _set(self, comparison: Comparison, difference: Difference, target: ScalableTarget | None) -> Iterator[Step]:
        path, desired = difference.path, difference.desired
        bounds = {member: desired[member] for member in ("MinCapacity", "MaxCapacity")}
        what = f"{self.noun} of {phrases.owner(path)}"
        actual = targets.settings(target)
        if not matches(actual, bounds):
            step = self._call(comparison, "RegisterScalableTarget", difference, sent=bounds, expected=bounds)
            within = f"{bounds['MinCapacity']:,} and {bounds['MaxCapacity']:,}"
            yield replace(step, reason=f"let {what} scale between {within}", waits_for="target registered")
        if not self.satisfied(actual, {TRACKING: desired[TRACKING]}):
            # The call replaces the whole configuration, so it says again what the file leaves out.
            metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": METRICS[self.name]}}
            kept = target.tracking if target and target.policy else metric
            sent = {
                "PolicyName": (target and target.policy) or targets.policy_name(comparison.name, path),
                "PolicyType": "TargetTrackingScaling",
                TRACKING: {**kept, **desired[TRACKING]},
            }
            step = self._call(comparison, "PutScalingPolicy", difference, sent=sent, expected=desired)
            aim = desired[TRACKING]["TargetValue"]
            yield replace(step, reason=f"scale {what} so that {aim} % is in use", waits_for="policy set")

    def _call(
        self,
        comparison: Comparison,
        operation: str,
        difference: Difference,
        *,
        sent: Mapping[str, Value],
        expected: Value,
    ) -> Step:
        resource, dimension = targets.key(comparison.name, difference.path)
        place = {**NAMESPACE, "ResourceId": resource, "ScalableDimension": dimension}
        return self.step(operation, {**place, **sent}, difference, expects={difference.path: expected})

    def follows(self, difference: Difference, step: Step) -> bool:
        """AWS registers only what is there and PROVISIONED. A capacity outside the bounds goes to them before."""
        (path,) = step.expects
        owner = path[:-1]
        before = {owner, ("BillingMode",), (*owner, PROVISIONED)} if step.phase is not Phase.REMOVE else {owner}
        return difference.path in before

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """A provisioned table with replicas scales its writes."""
        off = [phrases.owner(difference.path) for difference in differences if difference.desired == NONE]
        provisioned = comparison.desired.provisioned
        if self.name != WRITES or not off or not provisioned or not comparison.keeps_replicas():
            return None
        return Refusal(
            f"The table is `PROVISIONED` and has replicas, so the writes of {off[0]} must scale. Write "
            f"`:{self.name}`, or use `PAY_PER_REQUEST`."
        )

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """What is left alone, and what may not be read."""
        for path in self._mentioned(comparison.desired):
            target, what = targets.target_at(comparison, path), f"{self.noun} of {phrases.owner(path)}"
            schedules = self._schedules(comparison, path)
            if schedules:
                yield f"Scheduled actions that scale the {what} stay as they are: {codes(schedules)}."
            if target and target.others:
                yield f"More than one policy scales the {what}. These stay as they are: {codes(target.others)}."
            if comparison.facts.scaling_denied:
                yield (
                    f"Cannot verify the auto scaling of the {what}: there is no session for Application Auto Scaling. "
                    "The auto scaling stays as it is."
                )

    def _registered(self, comparison: Comparison, path: Path) -> Value:
        """What is registered. A target that only scheduled actions use counts as none where the file asks for none."""
        target = targets.target_at(comparison, path)
        scheduled = target and target.policy is None and self._schedules(comparison, path)
        return NONE if scheduled and comparison.desired.at(path) == NONE else targets.settings(target)

    def _schedules(self, comparison: Comparison, path: Path) -> tuple[str, ...]:
        return (comparison.facts.schedules or {}).get(targets.key(comparison.name, path), ())

    def _mentioned(self, desired: Table) -> Iterator[Path]:
        for path in targets.paths(desired):
            if path[-1] == self.name and desired.at(path) is not None:
                yield path

    def _left_behind(self, comparison: Comparison) -> Iterator[Path]:
        """What is registered for a table or an index that goes, or has gone."""
        desired, known_indexes = comparison.desired, comparison.desired.indexes()
        for place in sorted(comparison.facts.scaling or {}):
            path = targets.path_of(comparison.name, *place)
            if path is None or path[-1] != self.name:
                continue
            if desired.absent or (path[1:] and desired.manages(GLOBAL) and path[1] not in known_indexes):
                yield path

    def _is_new(self, comparison: Comparison, path: Path) -> bool:
        """Whether the table or the index is only being made, or made again."""
        if comparison.actual is None:
            return True
        return len(path) > 1 and (comparison.actual_at(path[:2]) is None or comparison.rebuilds(path[1]))


class Reads(_Scaling):
    """Auto scaling of the capacity for reads."""

    name = READS
    title = "auto scaling of reads"
    noun = "reads"


class Writes(_Scaling):
    """Auto scaling of the capacity for writes."""

    name = WRITES
    title = "auto scaling of writes"
    noun = "writes"
