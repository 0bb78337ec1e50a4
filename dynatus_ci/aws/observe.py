"""Reading one table as it lives: DescribeTable, and one call for each setting with a reader that the file mentions.

Read-only. Denied is an error, throttled is tried again, missing is None: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from dynatus_ci.aws import case_conflicts, probes
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.table import build, emulators, planner
from dynatus_ci.table.aspects import ASPECTS
from dynatus_ci.table.aspects.base import AccountFacts, Aspect, Bounds, Emptiness
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.model import Table
from dynatus_ci.table.planner import MissingFacts

SYMMETRIC = "SYMMETRIC_DEFAULT"


def table(aws: Aws, desired: Table) -> Table | None:
    """The live table of a definition, with the settings that the definition mentions; None where it is missing.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    description = describe(aws, desired.name)
    if description is None:
        if aws.emulator == emulators.DYNAMODB_LOCAL and not desired.absent:
            case_conflicts.refuse(aws, desired.name)
        return None
    if description.get("TableStatus") in {"CREATING", "DELETING"}:
        return build.actual(description, {})
    wanted = [aspect for aspect in ASPECTS if aspect.managed(desired)]
    found = answers(aws, description, wanted)
    unread = [s.name for s in wanted if s.reader and s.reader not in found and s.name not in cannot_keep(aws)]
    live = build.actual(description, found)
    return replace(live, transitions={**live.transitions, **{(name,): planner.UNREAD for name in unread}})


def describe(aws: Aws, name: str) -> dict[str, Any] | None:
    """DescribeTable's `Table`; None where there is no such table."""
    try:
        description: dict[str, Any] = aws.read("DescribeTable", table=name, TableName=name)["Table"]
    except CallFailed as failed:
        if failed.kind is ErrorKind.MISSING:
            return None
        raise
    return description


def answers(aws: Aws, description: Mapping[str, Any], wanted: Iterable[Aspect]) -> dict[str, dict[str, Any]]:
    """The answers of the readers of some settings; what the endpoint does not know is remembered and left out."""
    found: dict[str, dict[str, Any]] = {}
    for aspect in wanted:
        if aspect.reader is None or aspect.name in cannot_keep(aws):
            continue
        try:
            answer = _answer(aws, aspect.reader, aspect, description)
            found[aspect.reader] = _explained(aws, answer) if aspect.explainer else answer
        except CallFailed as failed:
            if failed.kind is ErrorKind.MISSING:
                continue  # a reader answers so just after a table was made; what it would say is not guessed
            if failed.kind is not ErrorKind.UNSUPPORTED or aws.endpoint is None:
                raise
            aws.cannot_keep(aspect.name)
    return found


def _answer(aws: Aws, reader: str, aspect: Aspect, description: Mapping[str, Any]) -> dict[str, Any]:
    name = description["TableName"]
    of = {"ResourceArn": description["TableArn"]} if aspect.by_arn else {"TableName": name}
    try:
        if aspect.pages:
            return aws.read_pages(reader, aspect.pages, table=name, **of)
        return aws.read(reader, table=name, **of)
    except CallFailed as failed:
        if failed.code == aspect.none:
            return {}
        raise


def _explained(aws: Aws, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The list of contributor insights, with the reason of each that FAILED where it may be asked for."""
    summaries = [
        {**_reason(aws, summary), **summary} if summary["ContributorInsightsStatus"] == "FAILED" else summary
        for summary in answer[Insights.pages]
    ]
    return {**answer, Insights.pages: summaries}


def _reason(aws: Aws, summary: Mapping[str, Any]) -> dict[str, Any]:
    target = {member: summary[member] for member in ("TableName", "IndexName") if summary.get(member)}
    try:
        return aws.read(Insights.explainer, table=summary["TableName"], **target)
    except CallFailed as failed:
        if failed.kind in {ErrorKind.DENIED, ErrorKind.MISSING, ErrorKind.UNSUPPORTED}:
            return {}
        raise


def cannot_keep(aws: Aws) -> frozenset[str]:
    """The settings that this endpoint is known not to keep."""
    return emulators.CANNOT_KEEP.get(aws.emulator or "", frozenset()) | aws.unsupported


class FactCache:
    """What a run knows of the account beyond its tables; each fact is asked for once, when it is first needed."""

    def __init__(self, aws: Aws, *, ignore_tags: tuple[str, ...] = ()) -> None:
        self._aws = aws
        self._lock = Lock()
        self._known = AccountFacts(region=aws.region, ignore_tags=ignore_tags)

    def facts(self) -> AccountFacts:
        """What is known now."""
        aws = self._aws
        backups = aws.emulator != emulators.DYNAMODB_LOCAL and "backups" not in aws.unsupported
        unsupported = frozenset(aws.unsupported)
        return replace(self._known, emulator=aws.emulator, unsupported=unsupported, backups=backups)

    def answer(self, questions: MissingFacts, name: str, facts: AccountFacts) -> AccountFacts:
        """The situation with the questions answered; a table's emptiness is asked anew each time."""
        with self._lock:
            if questions.scaling and self._known.scaling is None and not self._known.scaling_denied:
                self._known = _scaling(self._aws, self._known)
            if questions.key and questions.key not in self._known.keys:
                self._known = _with_key(self._aws, questions.key, self._known)
        emptiness = emptiness_of(self._aws, name) if questions.emptiness else facts.emptiness
        there = probes.seen(self._aws, name) if questions.probe else facts.probe
        if questions.emptiness:
            _ask_for_backups(self._aws)
        return replace(self.facts(), emptiness=emptiness, probe=there, memory=facts.memory)


def backup(aws: Aws, name: str, called: str, *, since: float) -> str | None:
    """The ARN of a table's newest backup of a name that was begun since a moment (a minute's leeway for clocks)."""
    moment = datetime.fromtimestamp(since - 60, UTC)
    listed = aws.read("ListBackups", table=name, TableName=name, TimeRangeLowerBound=moment)["BackupSummaries"]
    found = [summary for summary in listed if summary["BackupName"] == called]
    found.sort(key=lambda summary: summary["BackupCreationDateTime"])
    return str(found[-1]["BackupArn"]) if found else None


def _ask_for_backups(aws: Aws) -> None:
    """Find out whether an endpoint has backups before a plan promises one; AWS has."""
    if aws.endpoint is None or aws.emulator:
        return
    try:
        aws.read("ListBackups", Limit=1)
    except CallFailed as failed:
        if failed.kind is ErrorKind.UNSUPPORTED:
            aws.cannot_keep("backups")


def emptiness_of(aws: Aws, name: str) -> Emptiness:
    """Whether a table is proven empty: a consistent scan to its end, and recovery off (denied counts as on)."""
    try:
        if _holds_items(aws, name):
            return Emptiness.ITEMS
    except CallFailed as failed:
        if failed.kind is not ErrorKind.DENIED:
            raise
        return Emptiness.UNKNOWN
    try:
        answer = aws.read("DescribeContinuousBackups", table=name, TableName=name)
    except CallFailed as failed:
        if failed.kind is ErrorKind.UNSUPPORTED and aws.endpoint:
            return Emptiness.EMPTY
        if failed.kind is ErrorKind.DENIED:
            return Emptiness.RECOVERABLE
        raise
    recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription") or {}
    on = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
    return Emptiness.RECOVERABLE if on else Emptiness.EMPTY


def _holds_items(aws: Aws, name: str) -> bool:
    start: dict[str, Any] = {}
    while True:
        page = aws.read("Scan", table=name, TableName=name, ConsistentRead=True, Select="COUNT", Limit=1, **start)
        if page["Count"]:
            return True
        if not page.get("LastEvaluatedKey"):
            return False
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def describe_key(aws: Aws, key: str) -> Mapping[str, Any] | None:
    """DescribeKey's `KeyMetadata`; None where it is not allowed, or the endpoint is no AWS."""
    try:
        found: Mapping[str, Any] = aws.read_service("kms", "DescribeKey", KeyId=key)["KeyMetadata"]
    except CallFailed as failed:
        if failed.kind in {ErrorKind.DENIED, ErrorKind.UNSUPPORTED} or aws.endpoint:
            return None
        raise
    return found


def _with_key(aws: Aws, key: str, known: AccountFacts) -> AccountFacts:
    """What is known, with a key's ARN, and why DynamoDB cannot use the key."""
    found = describe_key(aws, key)
    known = replace(known, keys={**known.keys, key: str(found["Arn"]) if found else None})
    why = _unusable(found) if found else None
    return replace(known, unusable_keys={**known.unusable_keys, key: f"The KMS key {key} {why}."}) if why else known


def _unusable(key: Mapping[str, Any]) -> str | None:
    if key.get("KeyState", "Enabled") != "Enabled":
        return f"is {key['KeyState']}. DynamoDB needs it Enabled"
    spec = key.get("KeySpec", SYMMETRIC)
    return f"is of the kind {spec}. DynamoDB takes {SYMMETRIC} only" if spec != SYMMETRIC else None


def _scaling(aws: Aws, known: AccountFacts) -> AccountFacts:
    """All scalable targets of DynamoDB in the account, in a few pages, and which of them a policy uses."""
    service = "application-autoscaling"
    try:
        targets = _all(aws, service, "DescribeScalableTargets", "ScalableTargets")
        policies = _all(aws, service, "DescribeScalingPolicies", "ScalingPolicies") if targets else []
    except CallFailed as failed:
        if aws.emulator or (aws.endpoint and failed.kind is not ErrorKind.DENIED):
            return replace(known, scaling={})
        if failed.kind is ErrorKind.DENIED:
            return replace(known, scaling_denied=True)
        raise
    scaled = {(policy["ResourceId"], policy["ScalableDimension"]) for policy in policies}
    bounds = {
        (target["ResourceId"], target["ScalableDimension"]): Bounds(
            least=target["MinCapacity"],
            most=target["MaxCapacity"],
            scaled=(target["ResourceId"], target["ScalableDimension"]) in scaled,
        )
        for target in targets
    }
    return replace(known, scaling=bounds)


def _all(aws: Aws, service: str, operation: str, items: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = aws.read_service(service, operation, ServiceNamespace="dynamodb", **token)
        found += page[items]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}
