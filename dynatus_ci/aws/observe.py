"""Reading an actual table: DescribeTable, and one more call for each aspect that the file mentions and that needs one.

Read-only, and nothing is guessed: access denied is an error, and a missing table is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from dynatus_ci.aws import emulation, probes, transfers
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import NO_SESSION, Aws, pages
from dynatus_ci.aws.copier import Copier
from dynatus_ci.aws.registered import RegisteredTargets
from dynatus_ci.table import build, emulators, lookups, planner
from dynatus_ci.table.aspects import ASPECTS, backups, targets
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.facts import (
    AccountFacts,
    Backup,
    Emptiness,
    Endpoint,
    Memory,
    PlanOptions,
    StagingTable,
    Transfer,
)
from dynatus_ci.table.lookups import MissingFacts
from dynatus_ci.table.model import GLOBAL, Table
from dynatus_ci.table.origins import ORIGINS, copy_from, copying, keep_items, restore_from, s3_place
from dynatus_ci.text import code

NOTHING_YET = Memory()
SYMMETRIC = "SYMMETRIC_DEFAULT"
DESCRIBE = "DescribeTable"
Readings = dict[str, dict[str, Any]]
"""Operation → what it returned about one table; of DescribeTable its `Table`."""


def table(aws: Aws, desired: Table, read: Readings | None = None) -> Table | None:
    """The actual table of a definition, with the aspects that the definition mentions; None where it is missing.

    Args:
        aws: The connection.
        desired: The definition.
        read: What was read of the table just now: it is not read again. What is read is added.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    read = {} if read is None else read
    description = read.get(DESCRIBE) or aws.describe(desired.name)
    if description is None:
        if aws.emulator == emulators.DYNAMODB_LOCAL and not desired.absent:
            emulation.refuse_case_conflict(aws, desired.name)
        return None
    read[DESCRIBE] = description
    if description.get("TableStatus") in {"CREATING", "DELETING"}:
        return build.actual(description, {})
    managed = [aspect for aspect in ASPECTS if aspect.managed(desired)]
    filled = [origin.name for origin in ORIGINS if origin.tagged and desired.manages(origin.name)]
    if filled and not desired.manages(Tags.name):
        managed.append(Tags())  # they say whether all items were copied
    read |= readings(aws, description, [aspect for aspect in managed if aspect.reader not in read])
    unread = [it.name for it in managed if it.reader and it.reader not in read and it.name not in aws.cannot_keep]
    if Tags.name in unread:
        unread += filled
    actual = build.actual(description, read)
    return replace(actual, transitions={**actual.transitions, **{(name,): planner.UNREAD for name in unread}})


def staging(aws: Aws, name: str) -> Table | None:
    """The copy of a table's items, with its tags where they can be read; None where there is none.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    description = aws.describe(keep_items.staging_name(name))
    if description is None or description.get("TableStatus") in {"CREATING", "DELETING"}:
        return build.actual(description, {}) if description else None
    return build.actual(description, readings(aws, description, [Tags()]))


def readings(aws: Aws, description: Mapping[str, Any], wanted: Iterable[Aspect]) -> Readings:
    """What the reading calls of some aspects return, by operation, without those that the endpoint does not know."""
    read: Readings = {}
    for aspect in wanted:
        if aspect.reader is None or aspect.name in aws.cannot_keep:
            continue
        try:
            answer = _answer(aws, aspect.reader, aspect, description)
            read[aspect.reader] = _with_reasons(aws, answer) if aspect.explainer else answer
        except CallFailed as failed:
            if failed.kind is ErrorKind.MISSING:
                continue  # AWS answers so just after the table was created; it says nothing about the aspect
            aws.remember_unsupported_after(failed, aspect.name)
    return read


def _answer(aws: Aws, reader: str, aspect: Aspect, description: Mapping[str, Any]) -> dict[str, Any]:
    name = description["TableName"]
    of = {"ResourceArn": description["TableArn"]} if aspect.by_arn else {"TableName": name}
    try:
        if aspect.pages:
            return aws.read_pages(reader, aspect.pages, table=name, **of)
        return aws.read(reader, table=name, **of)
    except CallFailed as failed:
        if failed.code == aspect.not_found_error:
            return {}
        raise


def _with_reasons(aws: Aws, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The list of contributor insights, with AWS's reason for each that FAILED, if the role may read it."""
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


class FactCache:
    """What a run knows of the account beyond its tables.

    KMS keys are read once, when they are first needed. Facts of one table are read anew each time.
    """

    def __init__(self, aws: Aws, options: PlanOptions | None = None) -> None:
        self._aws = aws
        self._lock = Lock()
        self._known = AccountFacts(options=options or PlanOptions())
        self.scaling = RegisteredTargets(aws)

    def facts(self) -> AccountFacts:
        """What is known now, but for auto scaling: each table asks for that anew."""
        aws = self._aws
        backups = aws.emulator != emulators.DYNAMODB_LOCAL and "backups" not in aws.unsupported
        endpoint = Endpoint(aws.region, aws.emulator, frozenset(aws.unsupported), backups)
        return replace(self._known, endpoint=endpoint)

    def observe(
        self, desired: Table, memory: Memory = NOTHING_YET, read: Readings | None = None
    ) -> tuple[Table | None, AccountFacts]:
        """The actual table, and all that must be known to plan its change.

        Args:
            desired: The definition.
            memory: What this run remembers of the table.
            read: What was read of the table just now: it is not read again.

        Raises:
            CallFailed: A read was denied, or did not succeed.
        """
        actual = table(self._aws, desired, read)
        facts = replace(self.facts(), memory=memory)
        while missing := lookups.missing_facts(desired, actual, facts):
            facts = self.answer(missing, desired, facts)
        return actual, facts

    def answer(self, missing: MissingFacts, desired: Table, facts: AccountFacts) -> AccountFacts:
        """The facts with the missing ones read. What is known of the table and its source is read anew each time."""
        name = desired.name
        with self._lock:
            if missing.key and missing.key not in self._known.kms_keys:
                self._known = _with_key(self._aws, missing.key, self._known)
        if missing.emptiness:
            facts = replace(facts, emptiness=emptiness_of(self._aws, name))
            _check_backups(self._aws)
        if missing.probe:
            facts = replace(facts, probe=probes.seen(self._aws, name))
        if missing.scaling or missing.schedules:
            facts = self._with_scaling(name, facts, managed=missing.schedules)
        facts, now = self._with_origin(missing, desired, facts), self.facts()
        return replace(facts, endpoint=now.endpoint, kms_keys=now.kms_keys, unusable_kms_keys=now.unusable_kms_keys)

    def _with_origin(self, missing: MissingFacts, desired: Table, facts: AccountFacts) -> AccountFacts:
        """The facts with what is missing about where the table's items come from."""
        if missing.source:
            facts = replace(facts, sources={**facts.sources, missing.source: self._described(missing.source)})
        if missing.copied:
            facts = replace(facts, copied=self._is_copied(desired, facts))
        if missing.backup:
            facts = replace(facts, backup=self._backup(missing.backup, desired))
        if missing.staging:
            facts = replace(facts, staging=self._staging(desired))
        if missing.transfer:
            facts = replace(facts, transfer=self._transfer(desired, facts))
        return facts

    def _with_scaling(self, table: str, facts: AccountFacts, *, managed: bool) -> AccountFacts:
        """The facts with what is registered; `managed` where the file has settings: then it must be known."""
        try:
            registered = self.scaling.targets(table)
            schedules = self.scaling.schedules() if managed else facts.schedules
        except CallFailed as failed:
            if self._aws.emulator or (self._aws.endpoint and failed.kind is not ErrorKind.DENIED):
                for name in (*targets.UNITS, *(f"{GLOBAL}.{name}" for name in targets.UNITS)):
                    self._aws.remember_unsupported(name)
                return replace(facts, scaling={}, schedules={})
            if failed.kind is ErrorKind.DENIED and (failed.code == NO_SESSION or not managed):
                return replace(facts, scaling_denied=True)
            raise
        return replace(facts, scaling=registered, schedules=schedules)

    def _staging(self, desired: Table) -> StagingTable:
        """What exists under the name of the table's copy. Who keeps no items may be denied to look."""
        try:
            found = staging(self._aws, desired.name)
            gone = found is not None and self._aws.describe(desired.name) is None
            return StagingTable(found, backup=newest_backup(self._aws, desired.name) if gone else None)
        except CallFailed as failed:
            if failed.kind is ErrorKind.DENIED and not desired.manages(keep_items.NAME):
                return StagingTable(denied=True)
            raise

    def _described(self, name: str) -> Table | None:
        """A table as DescribeTable shows it, and by its tags whether it is filled itself."""
        description = self._aws.describe(name)
        return build.actual(description, readings(self._aws, description, [Tags()])) if description else None

    def _backup(self, arn: str, desired: Table) -> Backup | None:
        """The backup that a table is to be restored from; None at an endpoint that has no backups."""
        try:
            answer = self._aws.read("DescribeBackup", table=desired.name, BackupArn=arn)
        except CallFailed as failed:
            if failed.kind is ErrorKind.MISSING:
                return Backup()
            self._aws.remember_unsupported_after(failed, restore_from.NAME)
            return None
        return restore_from.backup(answer["BackupDescription"])

    def _transfer(self, desired: Table, facts: AccountFacts) -> Transfer | None:
        """What AWS has of the way of a table's items through S3; None at an endpoint that has no exports."""
        source = facts.sources[desired.at(copy_from.PATH)]
        if source is None:
            return None
        try:
            return transfers.look(self._aws, desired, source)
        except CallFailed as failed:
            self._aws.remember_unsupported_after(failed, s3_place.NAME)
            return None

    def _is_copied(self, desired: Table, facts: AccountFacts) -> bool:
        """Whether the table has every item of its source: where no tag can say so, both are read."""
        source = facts.sources[desired.at(copy_from.PATH)]
        if source is None:
            return True
        compared, _ = Copier(self._aws, copying.job(source, desired, rate=None)).compare()
        return not compared.missing


def backup(aws: Aws, name: str, called: str, *, since: float) -> str | None:
    """The ARN of a table's newest backup of a name since a moment (with a minute's leeway, for clocks differ)."""
    moment = datetime.fromtimestamp(since - 60, UTC)
    listed = aws.read("ListBackups", table=name, TableName=name, TimeRangeLowerBound=moment)["BackupSummaries"]
    return _newest(summary for summary in listed if summary["BackupName"] == called)


def newest_backup(aws: Aws, name: str) -> str | None:
    """The ARN of a table's newest backup, for a sentence; None where there is none, or it cannot be read."""
    try:
        return _newest(aws.read_pages("ListBackups", "BackupSummaries", table=name, TableName=name)["BackupSummaries"])
    except CallFailed:
        return None


def _newest(backups: Iterable[Mapping[str, Any]]) -> str | None:
    newest = max(backups, key=lambda summary: summary["BackupCreationDateTime"], default=None)
    return str(newest["BackupArn"]) if newest else None


def _check_backups(aws: Aws) -> None:
    """Find out whether an unknown endpoint has backups, before a plan promises one."""
    if aws.is_aws or aws.emulator:
        return
    try:
        aws.read("ListBackups", Limit=1)
    except CallFailed as failed:
        if failed.kind is ErrorKind.UNSUPPORTED:
            aws.remember_unsupported("backups")


def emptiness_of(aws: Aws, name: str) -> Emptiness:
    """Whether a table is proven empty: a consistent scan finds no item, and point-in-time recovery is off."""
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
        if failed.kind is ErrorKind.UNSUPPORTED and not aws.is_aws:
            return Emptiness.EMPTY
        if failed.kind is ErrorKind.DENIED:
            return Emptiness.RECOVERABLE  # it may be on
        raise
    return Emptiness.RECOVERABLE if backups.recovery(answer) else Emptiness.EMPTY


def _holds_items(aws: Aws, name: str) -> bool:
    scan = pages(aws.read, "Scan", table=name, TableName=name, ConsistentRead=True, Select="COUNT", Limit=1)
    return any(page["Count"] for page in scan)


def describe_key(aws: Aws, key: str) -> Mapping[str, Any] | None:
    """DescribeKey's `KeyMetadata`; None where access is denied, or the endpoint is not AWS's."""
    try:
        metadata: Mapping[str, Any] = aws.read_service("kms", "DescribeKey", KeyId=key)["KeyMetadata"]
    except CallFailed as failed:
        if failed.kind in {ErrorKind.DENIED, ErrorKind.UNSUPPORTED} or not aws.is_aws:
            return None
        raise
    return metadata


def _with_key(aws: Aws, key: str, known: AccountFacts) -> AccountFacts:
    """Add a key's ARN to what is known, and why DynamoDB cannot use the key."""
    metadata = describe_key(aws, key)
    known = replace(known, kms_keys={**known.kms_keys, key: str(metadata["Arn"]) if metadata else None})
    why = _unusable(metadata) if metadata else None
    if not why:
        return known
    return replace(known, unusable_kms_keys={**known.unusable_kms_keys, key: f"The KMS key {code(key)} {why}."})


def _unusable(key: Mapping[str, Any]) -> str | None:
    if key.get("KeyState", "Enabled") != "Enabled":
        return f"is {code(key['KeyState'])}. DynamoDB needs it `Enabled`"
    spec = key.get("KeySpec", SYMMETRIC)
    return f"is of the kind {code(spec)}. DynamoDB takes only {code(SYMMETRIC)}" if spec != SYMMETRIC else None
