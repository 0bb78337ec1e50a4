"""The least-privilege IAM policy for plan, check, drift, apply or import.

A role for check can plan, and read items (Scan) and metrics (GetMetricData). One for apply can Scan, too.

Two things need more. One is a recreate (CreateBackup, DeleteTable and the probe): ask for it with `recreate`. A
definition that keeps its items has that without being asked. The other is the removal of a replica from a region that
the file no longer has. The role for plan never has Scan.
`sts:GetCallerIdentity` needs no permission.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from dynatus_ci.errors import InvalidInput
from dynatus_ci.table import probe
from dynatus_ci.table.aspects import ASPECTS, scaling, targets
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.aspects.encryption import MANAGED_KEY, Encryption
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.kinesis import Kinesis
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.aspects.ttl import TimeToLive
from dynatus_ci.table.model import DYNAMODB, GLOBAL, Table, canonical
from dynatus_ci.table.origins import copy_from, keep_items, restore_from, s3_place, through_s3
from dynatus_ci.text import code, quoted

Mode: TypeAlias = Literal["plan", "check", "drift", "apply"]
"""The modes whose policy depends on the definitions. Drift reads what plan reads, and check reads items, too."""

VERSION = "2012-10-17"
EVERY_TABLE = frozenset({"ListContributorInsights"})
"""Operations that IAM cannot limit to a table."""
OWNER = "DescribeStackResources"
"""What `dynatus import --owner` asks CloudFormation."""
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html: a target's ARN
# does not name its table, and reading has no resources.
SCALING = ("DescribeScalableTargets", "DescribeScalingPolicies")
SCHEDULES = "DescribeScheduledActions"
OF_DYNAMODB = {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}}
# https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
# The caller of Application Auto Scaling needs the permissions for the alarms that it makes and deletes.
ALARMS = ("DeleteAlarms", "PutMetricAlarm")
DELETION = ("DescribeContinuousBackups", "CreateBackup", "DeleteTable")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2gt_IAM.html: in the regions of the replicas, since
# DynamoDB makes, fills and deletes them on behalf of the caller.
REPLICATION = (
    *("CreateTable", "CreateTableReplica", "DeleteTable", "DeleteTableReplica"),
    *("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"),
)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/backuprestore_IAM.html: DynamoDB writes the items on
# behalf of the caller.
RESTORATION = (
    *("RestoreTableFromBackup", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"),
)
IMPORT_LOGS = (
    *("CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"),
    "PutRetentionPolicy",
)
"""An import writes what it could not take into a log group, on behalf of the caller."""
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz
# DynamoDB uses the key on behalf of the caller, from any region. The caller cannot use the key without DynamoDB.
KEY_USE = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ReEncrypt*")
VIA_DYNAMODB = {"StringLike": {"kms:ViaService": "dynamodb.*"}}  # dynamodb.REGION.SUFFIX
KEY = r"(arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:(?=alias/|key/))?(?:(alias/[a-zA-Z0-9/_-]+)|(?:key/)?([a-zA-Z0-9-]+))"
"""A KMS key: its region and account if they are there, and its alias or its id."""
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_iam.html
KINESIS_READ = ("DescribeStream", "DescribeStreamSummary")
KINESIS_USE = ("PutRecords",)
# The pages above, and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Contributor_Insights_IAM.html
AUTO_SCALING = "AutoScaling"
SERVICE_ROLES = {
    Insights.name: ("contributorinsights.dynamodb", "AWSServiceRoleForDynamoDBCloudWatchContributorInsights"),
    Kinesis.name: ("kinesisreplication.dynamodb", "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication"),
    Replicas.name: ("replication.dynamodb", "AWSServiceRoleForDynamoDBReplication"),
    AUTO_SCALING: ("dynamodb.application-autoscaling", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"),
}
PARTITIONS = {
    "cn-": "aws-cn",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "us-gov-": "aws-us-gov",
}
"""The beginning of a region → its partition, if that is not `aws`. A test compares with botocore's partitions.json."""
PURPOSES = ("Read", "Find", "Change", "Copy", "Restore", "Delete", "Watch", "List", "Replicate", "Use", "CreateRoleFor")
"""The purposes of statements, in their order. A Sid is a purpose and a topic, such as `ReadTimeToLive`."""
TABLES = "Tables"
TRANSFERS = "ExportsAndImports"
KINESIS_STREAMS = "KinesisDataStreams"
MOST_TOPICS = 3
"""The most topics in one Sid."""


@dataclass(frozen=True, slots=True)
class _Grant:
    """One action on one resource. The condition is canonical JSON."""

    purpose: str
    action: str
    resource: str = "*"
    condition: str = "{}"
    topic: str = TABLES


@dataclass(frozen=True, slots=True)
class _PolicyScope:
    """Where the tables are. Parts that are not known are `*`."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        return f"arn:{self.partition}:{service}:{self.region if region is None else region}:{self.account}:{resource}"

    def table(self, table: Table, *, region: str | None = None) -> str:
        return self.arn("dynamodb", f"table/{table.name}", region=region)

    def replicas(self, table: Table) -> dict[str, Mapping[str, Any]]:
        """The replicas of the definition in other regions than the table's own."""
        return {name: replica for name, replica in (table.at((Replicas.name,)) or {}).items() if name != self.region}


def policy(
    tables: Sequence[Table], *, mode: Mode, region: str | None, account: str | None, recreate: bool = False
) -> dict[str, Any]:
    """The policy document. The order of the definitions does not matter.

    Args:
        tables: The definitions.
        mode: The mode of the role.
        region: The region of the tables. None for any region.
        account: The account of the tables. None for any account.
        recreate: Allow to delete the tables and create them again, for another key.

    Raises:
        InvalidInput: A definition has a KMS key in a form that AWS does not know.
    """
    scope = _PolicyScope(_partition(region or ""), region or "*", account or "*")
    grants = {grant for table in tables for grant in _grants(table, scope, mode=mode)}
    if recreate:
        grants |= {grant for table in tables if not table.absent for grant in _recreation(table, scope, mode=mode)}
    return {"Version": VERSION, "Statement": list(_statements(grants))}


def _partition(region: str) -> str:
    return next((name for beginning, name in PARTITIONS.items() if region.startswith(beginning)), "aws")


def import_policy(*, region: str | None, account: str | None, table_prefix: str = "") -> dict[str, Any]:
    """The policy for `dynatus import`, which reads every aspect and needs no definition.

    Args:
        region: The region of the tables. None for any region.
        account: The account of the tables. None for any account.
        table_prefix: Only tables whose name begins with this. Empty for all tables.
    """
    scope = _PolicyScope(_partition(region or ""), region or "*", account or "*")
    tables = scope.arn("dynamodb", f"table/{table_prefix}*")
    grants = {
        _Grant("List", "dynamodb:ListTables"),
        _Grant("Read", "dynamodb:DescribeTable", tables),
        _Grant("Read", "kms:DescribeKey", scope.arn("kms", "key/*"), topic="Keys"),
        # The stack is not known yet, so the permission cannot be limited to one.
        _Grant("Find", f"cloudformation:{OWNER}", topic="OwnerStacks"),
    }
    for operation in (*SCALING, SCHEDULES):
        grants.add(_Grant("Read", f"{scaling.SERVICE}:{operation}", topic=AUTO_SCALING))
    for aspect in ASPECTS:
        if aspect.reader:
            resource = "*" if aspect.reader in EVERY_TABLE else tables
            grants.add(_Grant("Read", f"dynamodb:{aspect.reader}", resource, topic=_topic(aspect.name)))
        if aspect.explainer:
            grants.add(_Grant("Read", f"dynamodb:{aspect.explainer}", tables, topic=_topic(aspect.name)))
    return {"Version": VERSION, "Statement": list(_statements(grants))}


# --- grants of one definition -----------------------------------------------------------------------------------------


def _grants(table: Table, scope: _PolicyScope, *, mode: Mode) -> Iterator[_Grant]:
    yield _Grant("Read", "dynamodb:DescribeTable", scope.table(table))
    yield from _scaling_reads(table)
    if not table.absent:
        yield from _reads(table, scope)
        yield from _source_reads(table, scope)
    if table.at(keep_items.PATH):
        yield from _recreation(table, scope, mode=mode)
        yield from _kept(table, scope, mode=mode)
    if mode == "apply" or (mode == "check" and not table.absent):
        yield _Grant("Read", "dynamodb:Scan", scope.table(table), topic="Items")
    if mode == "check":
        if source := table.at(copy_from.PATH):
            yield _Grant("Read", "dynamodb:Scan", scope.arn("dynamodb", f"table/{source}"), topic="Items")
        yield _Grant("Read", "cloudwatch:GetMetricData", topic="Metrics")
    if mode == "apply":
        yield from _deletion(table, scope) if table.absent else _changes(table, scope)
        yield from _scaling_changes(table, scope)


def _reads(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    for aspect in ASPECTS:
        if aspect.managed(table):
            yield from _aspect_reads(aspect, table, scope)
    # A replica may have no key of its own only if the table's key is the one that AWS manages: look at that.
    keyless = any("KMSMasterKeyId" not in replica for replica in scope.replicas(table).values())
    for key in filter(None, (table.at((Encryption.name, "KMSMasterKeyId")), MANAGED_KEY if keyless else None)):
        resource, alias = _key(key, scope)
        yield _Grant("Read", "kms:DescribeKey", resource, canonical(alias), _key_topic(key))
    if stream := table.at((Kinesis.name, "StreamArn")):
        for operation in KINESIS_READ:
            yield _Grant("Read", f"kinesis:{operation}", stream, topic=KINESIS_STREAMS)


def _scaling_reads(table: Table) -> Iterator[_Grant]:
    """For a capacity that scales, and for what stays behind when a table goes."""
    if table.absent or table.provisioned or scaling.mentioned(table):
        for operation in (*SCALING, SCHEDULES) if scaling.mentioned(table) else SCALING:
            yield _Grant("Read", f"{scaling.SERVICE}:{operation}", topic=AUTO_SCALING)


def _scaling_changes(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Targets and policies, where the file has them, and the removal of those that an index or the table leaves."""
    leaves = table.provisioned and table.manages(GLOBAL)
    if not (table.absent or leaves or scaling.mentioned(table)):
        return
    target = scope.arn(scaling.SERVICE, "scalable-target/*")
    for writer in scaling.Reads.writers if scaling.mentioned(table) else scaling.Reads.writers[-1:]:
        yield _Grant("Change", f"{scaling.SERVICE}:{writer}", target, canonical(OF_DYNAMODB), AUTO_SCALING)
    alarms = (scope.arn("cloudwatch", f"alarm:TargetTracking-table/{table.name}{end}") for end in ("-*", "/index/*"))
    for alarm in alarms:
        for operation in ALARMS if scaling.mentioned(table) else ALARMS[:1]:
            yield _Grant("Change", f"cloudwatch:{operation}", alarm, topic="Alarms")
    yield _Grant("List", "cloudwatch:DescribeAlarms", topic="Alarms")


def _source_reads(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Where the items come from: a backup, or another table and the tags that say whether all were copied."""
    if backup := table.at(restore_from.PATH):
        yield _Grant("Read", "dynamodb:DescribeBackup", backup, topic="Backups")
    if source := table.at(copy_from.PATH):
        yield _Grant("Read", "dynamodb:DescribeTable", scope.arn("dynamodb", f"table/{source}"))
        for arn in (scope.table(table), scope.arn("dynamodb", f"table/{source}")):
            yield _Grant("Read", f"dynamodb:{Tags.reader}", arn, topic=_topic(Tags.name))
        if table.manages(s3_place.NAME):
            yield from _transfer_reads(table, scope)


def _transfer_reads(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """What AWS has exported and imported. IAM cannot limit the lists to a table."""
    source = scope.arn("dynamodb", f"table/{table.at(copy_from.PATH)}")
    yield _Grant("Read", "dynamodb:DescribeContinuousBackups", source, topic="Backups")
    yield _Grant("Read", "dynamodb:DescribeExport", f"{source}/export/*", topic=TRANSFERS)
    yield _Grant("Read", "dynamodb:DescribeImport", f"{scope.table(table)}/import/*", topic=TRANSFERS)
    for operation in ("ListExports", "ListImports"):
        yield _Grant("List", f"dynamodb:{operation}", topic=TRANSFERS)


def _aspect_reads(aspect: Aspect, table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    topic = _topic(aspect.name)
    if aspect.reader:
        resource = "*" if aspect.reader in EVERY_TABLE else scope.table(table)
        yield _Grant("Read", f"dynamodb:{aspect.reader}", resource, topic=topic)
    if aspect.explainer:
        indexes = (f"/index/{name}" for name, index in table.indexes().items() if aspect.name in index)
        for owner in ("", *indexes):
            yield _Grant("Read", f"dynamodb:{aspect.explainer}", f"{scope.table(table)}{owner}", topic=topic)


def _deletion(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    for operation in DELETION:
        yield _Grant("Delete", f"dynamodb:{operation}", scope.table(table))
    yield _Grant("Watch", "dynamodb:DescribeBackup", f"{scope.table(table)}/backup/*", topic="Backups")
    yield _Grant("List", "dynamodb:ListBackups", topic="Backups")


def _recreation(table: Table, scope: _PolicyScope, *, mode: Mode) -> Iterator[_Grant]:
    """Delete the table and create it again, after its probe. CreateTable needs the permissions of all that it sets."""
    resource, topic = scope.arn("dynamodb", f"table/{probe.probe_name(table.name)}"), "Probes"
    for operation in ("DescribeTable", "ListTagsOfResource"):
        yield _Grant("Read", f"dynamodb:{operation}", resource, topic=topic)
        yield _Grant("Read", f"dynamodb:{operation}", _copy_of(table, scope), topic=topic)
    if mode == "apply":
        yield from _deletion(table, scope)
        carried = ["PutResourcePolicy"] if table.at((Policy.name,)) else []
        for operation in ("CreateTable", "TagResource", *carried):
            yield _Grant("Change", f"dynamodb:{operation}", resource, topic=topic)
        yield _Grant("Delete", "dynamodb:DeleteTable", resource, topic=topic)


def _kept(table: Table, scope: _PolicyScope, *, mode: Mode) -> Iterator[_Grant]:
    """Copy the items of a table that is recreated, and copy them back. Items are deleted from the copy alone."""
    copy = _copy_of(table, scope)
    yield _Grant("Read", f"dynamodb:{Tags.reader}", scope.table(table), topic=_topic(Tags.name))
    if mode != "apply":
        return
    for operation in ("CreateTable", *Tags.writers):
        yield _Grant("Change", f"dynamodb:{operation}", copy)
    for operation in Tags.writers:
        yield _Grant("Change", f"dynamodb:{operation}", scope.table(table), topic=_topic(Tags.name))
    for operation in ("Scan", "PartiQLInsert", "PutItem"):
        for resource in (scope.table(table), copy):
            yield _Grant("Copy", f"dynamodb:{operation}", resource, topic="Items")
    yield _Grant("Copy", "dynamodb:BatchWriteItem", copy, topic="Items")
    yield _Grant("Delete", "dynamodb:DeleteTable", copy)


def _copy_of(table: Table, scope: _PolicyScope) -> str:
    return scope.arn("dynamodb", f"table/{keep_items.staging_name(table.name)}")


def _changes(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Create and change the table. CreateTable also needs the permissions of the operations of all that it sets."""
    for operation in ("CreateTable", "UpdateTable"):
        yield _Grant("Change", f"dynamodb:{operation}", scope.table(table))
    for aspect in ASPECTS:
        for writer in aspect.writers if aspect.managed(table) and aspect.service == DYNAMODB else ():
            yield _Grant("Change", f"dynamodb:{writer}", scope.table(table), topic=_topic(aspect.name))
    for name, index in table.indexes().items():
        if Insights.name in index:
            resource = f"{scope.table(table)}/index/{name}"
            yield _Grant("Change", f"dynamodb:{Insights.writers[0]}", resource, topic=_topic(Insights.name))
    yield from _copy(table, scope)
    yield from _restore(table, scope)
    yield from _replication(table, scope)
    yield from _key_use(table, scope)
    if stream := table.at((Kinesis.name, "StreamArn")):
        yield _Grant("List", "kinesis:ListStreams", topic=KINESIS_STREAMS)
        for operation in KINESIS_USE:
            yield _Grant("Use", f"kinesis:{operation}", stream, topic=KINESIS_STREAMS)
    yield from _service_roles(table, scope)


def _copy(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Read the source and fill the table. Both are compared; an existing table is filled only if it is empty."""
    source = table.at(copy_from.PATH)
    if not source:
        return
    if table.manages(s3_place.NAME):
        yield from _transfer(table, scope)
    for name in (source, table.name):
        yield _Grant("Copy", "dynamodb:Scan", scope.arn("dynamodb", f"table/{name}"), topic="Items")
    for operation in () if table.manages(s3_place.NAME) else ("PartiQLInsert", "PutItem"):
        yield _Grant("Copy", f"dynamodb:{operation}", scope.table(table), topic="Items")
    for operation in Tags.writers:
        yield _Grant("Change", f"dynamodb:{operation}", scope.table(table), topic=_topic(Tags.name))
    yield _Grant("Read", "dynamodb:DescribeContinuousBackups", scope.table(table), topic="Backups")


def _transfer(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Export the source to S3, and import the table from there: DynamoDB does both on behalf of the caller.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Requesting.html
    """
    source = scope.arn("dynamodb", f"table/{table.at(copy_from.PATH)}")
    yield _Grant("Copy", f"dynamodb:{through_s3.EXPORT}", source, topic=TRANSFERS)
    yield _Grant("Copy", f"dynamodb:{through_s3.IMPORT}", scope.table(table), topic=TRANSFERS)
    bucket = f"arn:{scope.partition}:s3:::{s3_place.bucket(table)}"
    for operation in ("AbortMultipartUpload", "GetObject", "PutObject", "PutObjectAcl"):
        yield _Grant("Use", f"s3:{operation}", f"{bucket}/{s3_place.folder(table)}/*", topic="Bucket")
    yield _Grant("Use", "s3:ListBucket", bucket, topic="Bucket")
    logs = scope.arn("logs", "log-group:/aws-dynamodb/*")
    for operation in IMPORT_LOGS:
        yield _Grant("Use", f"logs:{operation}", logs, topic="ImportLogs")


def _restore(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """Restore the table from its backup."""
    backup = table.at(restore_from.PATH)
    if not backup:
        return
    yield _Grant("Restore", f"dynamodb:{restore_from.OPERATION}", backup)
    for operation in RESTORATION:
        yield _Grant("Restore", f"dynamodb:{operation}", scope.table(table))


def _replication(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    for region in scope.replicas(table):
        for operation in REPLICATION:
            yield _Grant("Replicate", f"dynamodb:{operation}", scope.table(table, region=region))
        if table.manages(
            TimeToLive.name
        ):  # TTL belongs to the whole global table: AWS checks the permission in every region
            resource, topic = scope.table(table, region=region), _topic(TimeToLive.name)
            yield _Grant("Change", f"dynamodb:{TimeToLive.writers[0]}", resource, topic=topic)


def _key_use(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    keys = {scope.region: table.at((Encryption.name, "KMSMasterKeyId"))}
    keys |= {region: replica.get("KMSMasterKeyId") for region, replica in scope.replicas(table).items()}
    for region, key in keys.items():
        if key and not key.endswith(MANAGED_KEY):
            resource, alias = _key(key, scope, region=region)
            for operation in KEY_USE:
                condition = canonical({**VIA_DYNAMODB, **alias})
                yield _Grant("Use", f"kms:{operation}", resource, condition, _key_topic(key))


def _key(key: str, scope: _PolicyScope, *, region: str | None = None) -> tuple[str, Mapping[str, Any]]:
    """A KMS key as a resource and a condition. A policy can have an alias only as a condition.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    match = re.fullmatch(KEY, key)
    if match is None:
        raise InvalidInput(f"{code(quoted(key))} is neither the id, the alias nor the ARN of a KMS key.")
    owner, alias, identity = match.groups()
    resource = f"key/{identity or '*'}"
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else {}
    return (f"{owner}{resource}" if owner else scope.arn("kms", resource, region=region)), condition


def _service_roles(table: Table, scope: _PolicyScope) -> Iterator[_Grant]:
    """The service-linked roles, which DynamoDB creates for the caller when an account first uses an aspect."""
    insights = [table.at((Insights.name,)), *(index.get(Insights.name) for index in table.indexes().values())]
    uses = {
        Insights.name: any(value and value["Enabled"] for value in insights),
        Kinesis.name: bool(table.at((Kinesis.name,))),
        Replicas.name: bool(scope.replicas(table)),
        AUTO_SCALING: any(table.at(path) for path in targets.paths(table)),
    }
    for aspect, (service, role) in SERVICE_ROLES.items():
        if uses[aspect]:
            host = f"{service}.amazonaws.com"
            condition = canonical({"StringEquals": {"iam:AWSServiceName": host}})
            resource = scope.arn("iam", f"role/aws-service-role/{host}/{role}", region="")
            yield _Grant("CreateRoleFor", "iam:CreateServiceLinkedRole", resource, condition, _topic(aspect))


# --- statements ------------------------------------------------------------------------------------------------------


def _topic(aspect: str) -> str:
    """An aspect's name in a Sid."""
    return aspect.removesuffix("Specification")


def _key_topic(key: str) -> str:
    """The topic of a KMS key. Each alias has its own statement, because it is a condition."""
    alias = re.search("alias/(.+)", key)
    return f"KeysOfAlias{_words(alias[1])}" if alias else "Keys"


def _words(text: str) -> str:
    """A text as part of a Sid, which can have only ASCII letters and digits."""
    return "".join(word[0].upper() + word[1:] for word in re.findall("[A-Za-z0-9]+", text))


def _statements(grants: Iterable[_Grant]) -> Iterator[dict[str, Any]]:
    """The fewest statements: actions with the same purpose, resources and condition share one."""
    alike: dict[tuple[str, str, str], set[_Grant]] = defaultdict(set)
    for grant in grants:
        alike[grant.purpose, grant.condition, grant.action].add(grant)
    actions: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    topics: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (purpose, condition, action), same in sorted(alike.items()):
        statement = purpose, condition, tuple(sorted({grant.resource for grant in same}))
        actions[statement].append(action)
        topics[statement] |= {grant.topic for grant in same}
    order = sorted((PURPOSES.index(key[0]), TABLES not in topics[key], key) for key in actions)
    seen: Counter[str] = Counter()
    for _, _, key in order:
        purpose, condition, resources = key
        sid = purpose + _about(topics[key])
        seen[sid] += 1
        yield {
            "Sid": f"{sid}{seen[sid]}" if seen[sid] > 1 else sid,
            "Effect": "Allow",
            "Action": actions[key],
            "Resource": list(resources),
            **({"Condition": json.loads(condition)} if condition != "{}" else {}),
        }


def _about(topics: set[str]) -> str:
    """The topics of a statement in its Sid. If the tables are among them, they stand for all."""
    if TABLES in topics:
        return TABLES
    return "And".join(sorted(topics)) if len(topics) <= MOST_TOPICS else "Settings"
