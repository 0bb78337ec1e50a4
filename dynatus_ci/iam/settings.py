"""The permissions to read a table's settings, and to change them."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci.iam.grants import (
    AUTO_SCALING,
    KINESIS_STREAMS,
    Grant,
    PolicyScope,
    key_resource,
    topic_of,
    topic_of_key,
)
from dynatus_ci.table.aspects import ASPECTS, scaling, targets
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.aspects.encryption import MANAGED_KEY, Encryption
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.kinesis import Kinesis
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.ttl import TimeToLive
from dynatus_ci.table.model import DYNAMODB, GLOBAL, Table, canonical

EVERY_TABLE = frozenset({"ListContributorInsights"})
"""Operations that IAM cannot limit to a table."""
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html: a target's ARN
# does not name its table, and reading has no resources.
SCALING = ("DescribeScalableTargets", "DescribeScalingPolicies")
SCHEDULES = "DescribeScheduledActions"
OF_DYNAMODB = {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}}
# https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
# The caller of Application Auto Scaling needs the permissions for the alarms that it makes and deletes.
ALARMS = ("DeleteAlarms", "PutMetricAlarm")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2gt_IAM.html: in the regions of the replicas, since
# DynamoDB makes, fills and deletes them on behalf of the caller.
REPLICATION = (
    *("CreateTable", "CreateTableReplica", "DeleteTable", "DeleteTableReplica"),
    *("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"),
)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html#dynamodb-kms-authz
# DynamoDB uses the key on behalf of the caller, from any region. The caller cannot use the key without DynamoDB.
KEY_USE = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ReEncrypt*")
VIA_DYNAMODB = {"StringLike": {"kms:ViaService": "dynamodb.*"}}  # dynamodb.REGION.SUFFIX
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_iam.html
KINESIS_READ = ("DescribeStream", "DescribeStreamSummary")
KINESIS_USE = ("PutRecords",)
# The pages above, and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Contributor_Insights_IAM.html
SERVICE_ROLES = {
    Insights.name: ("contributorinsights.dynamodb", "AWSServiceRoleForDynamoDBCloudWatchContributorInsights"),
    Kinesis.name: ("kinesisreplication.dynamodb", "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication"),
    Replicas.name: ("replication.dynamodb", "AWSServiceRoleForDynamoDBReplication"),
    AUTO_SCALING: ("dynamodb.application-autoscaling", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"),
}


def reads(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Read each aspect that the definition mentions, and what its values name."""
    for aspect in ASPECTS:
        if aspect.managed(table):
            yield from _aspect_reads(aspect, table, scope)
    # A replica may have no key of its own only if the table's key is the one that AWS manages: look at that.
    keyless = any("KMSMasterKeyId" not in replica for replica in scope.replicas(table).values())
    for key in filter(None, (table.at((Encryption.name, "KMSMasterKeyId")), MANAGED_KEY if keyless else None)):
        resource, alias = key_resource(key, scope)
        yield Grant("Read", "kms:DescribeKey", resource, canonical(alias), topic_of_key(key))
    if stream := table.at((Kinesis.name, "StreamArn")):
        for operation in KINESIS_READ:
            yield Grant("Read", f"kinesis:{operation}", stream, topic=KINESIS_STREAMS)


def all_reads(tables: str) -> Iterator[Grant]:
    """Read every aspect of some tables.

    Args:
        tables: The ARN of the tables, with a wildcard.
    """
    for operation in (*SCALING, SCHEDULES):
        yield Grant("Read", f"{scaling.SERVICE}:{operation}", topic=AUTO_SCALING)
    for aspect in ASPECTS:
        if aspect.reader:
            resource = "*" if aspect.reader in EVERY_TABLE else tables
            yield Grant("Read", f"dynamodb:{aspect.reader}", resource, topic=topic_of(aspect.name))
        if aspect.explainer:
            yield Grant("Read", f"dynamodb:{aspect.explainer}", tables, topic=topic_of(aspect.name))


def _aspect_reads(aspect: Aspect, table: Table, scope: PolicyScope) -> Iterator[Grant]:
    topic = topic_of(aspect.name)
    if aspect.reader:
        resource = "*" if aspect.reader in EVERY_TABLE else scope.table(table)
        yield Grant("Read", f"dynamodb:{aspect.reader}", resource, topic=topic)
    if aspect.explainer:
        indexes = (f"/index/{name}" for name, index in table.indexes().items() if aspect.name in index)
        for owner in ("", *indexes):
            yield Grant("Read", f"dynamodb:{aspect.explainer}", f"{scope.table(table)}{owner}", topic=topic)


def scaling_reads(table: Table) -> Iterator[Grant]:
    """For a capacity that scales, and for what stays behind when a table goes."""
    if table.absent or table.provisioned or scaling.mentioned(table):
        for operation in (*SCALING, SCHEDULES) if scaling.mentioned(table) else SCALING:
            yield Grant("Read", f"{scaling.SERVICE}:{operation}", topic=AUTO_SCALING)


def scaling_changes(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Targets and policies, where the file has them, and the removal of those that an index or the table leaves."""
    leaves = table.provisioned and table.manages(GLOBAL)
    if not (table.absent or leaves or scaling.mentioned(table)):
        return
    target = scope.arn(scaling.SERVICE, "scalable-target/*")
    for writer in scaling.Reads.writers if scaling.mentioned(table) else scaling.Reads.writers[-1:]:
        yield Grant("Change", f"{scaling.SERVICE}:{writer}", target, canonical(OF_DYNAMODB), AUTO_SCALING)
    alarms = (scope.arn("cloudwatch", f"alarm:TargetTracking-table/{table.name}{end}") for end in ("-*", "/index/*"))
    for alarm in alarms:
        for operation in ALARMS if scaling.mentioned(table) else ALARMS[:1]:
            yield Grant("Change", f"cloudwatch:{operation}", alarm, topic="Alarms")
    yield Grant("List", "cloudwatch:DescribeAlarms", topic="Alarms")


def changes(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    """Create and change the table. CreateTable also needs the permissions of the operations of all that it sets."""
    for operation in ("CreateTable", "UpdateTable"):
        yield Grant("Change", f"dynamodb:{operation}", scope.table(table))
    for aspect in ASPECTS:
        for writer in aspect.writers if aspect.managed(table) and aspect.service == DYNAMODB else ():
            yield Grant("Change", f"dynamodb:{writer}", scope.table(table), topic=topic_of(aspect.name))
    for name, index in table.indexes().items():
        if Insights.name in index:
            resource = f"{scope.table(table)}/index/{name}"
            yield Grant("Change", f"dynamodb:{Insights.writers[0]}", resource, topic=topic_of(Insights.name))
    yield from _replication(table, scope)
    yield from _key_use(table, scope)
    if stream := table.at((Kinesis.name, "StreamArn")):
        yield Grant("List", "kinesis:ListStreams", topic=KINESIS_STREAMS)
        for operation in KINESIS_USE:
            yield Grant("Use", f"kinesis:{operation}", stream, topic=KINESIS_STREAMS)
    yield from _service_roles(table, scope)


def _replication(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    for region in scope.replicas(table):
        for operation in REPLICATION:
            yield Grant("Replicate", f"dynamodb:{operation}", scope.table(table, region=region))
        if table.manages(TimeToLive.name):
            # TTL belongs to the whole global table: AWS checks the permission in every region.
            resource, topic = scope.table(table, region=region), topic_of(TimeToLive.name)
            yield Grant("Change", f"dynamodb:{TimeToLive.writers[0]}", resource, topic=topic)


def _key_use(table: Table, scope: PolicyScope) -> Iterator[Grant]:
    keys = {scope.region: table.at((Encryption.name, "KMSMasterKeyId"))}
    keys |= {region: replica.get("KMSMasterKeyId") for region, replica in scope.replicas(table).items()}
    for region, key in keys.items():
        if key and not key.endswith(MANAGED_KEY):
            resource, alias = key_resource(key, scope, region=region)
            for operation in KEY_USE:
                condition = canonical({**VIA_DYNAMODB, **alias})
                yield Grant("Use", f"kms:{operation}", resource, condition, topic_of_key(key))


def _service_roles(table: Table, scope: PolicyScope) -> Iterator[Grant]:
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
            yield Grant("CreateRoleFor", "iam:CreateServiceLinkedRole", resource, condition, topic_of(aspect))
