"""A JSON Schema of a definition, for editors: draft 7, which VS Code and JetBrains know.

It is made from the shapes that check a definition. What `rules` and the aspects say is not in it, so `dynatus validate`
finds more.

https://json-schema.org/draft-07/json-schema-validation
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dynatus_ci.table.policies import PolicyDocument
from dynatus_ci.table.validation import members, shapes
from dynatus_ci.table.validation.shapes import Shape

Schema = dict[str, Any]

ABOUT: Mapping[str, str] = {
    "Absent": "true: the table is to be deleted. Beside it stands only TableName.",
    "AttributeDefinitions": "The types of all key attributes of the table and its indexes, and of no others.",
    "AttributeName": "The name of an attribute.",
    "AttributeType": "S: string. N: number. B: binary.",
    "ApproximateCreationDateTimePrecision": "The precision of the time in each record.",
    "BillingMode": "PAY_PER_REQUEST: on demand. PROVISIONED: with a capacity for the table and each index.",
    "ContributorInsightsSpecification": "CloudWatch Contributor Insights: which keys are used most.",
    "CopyFrom": "A new table is filled with the items of this one, once.",
    "DeletionProtectionEnabled": "true: nobody can delete the table before this is false.",
    "DisableScaleIn": "true: the capacity is only raised.",
    "Enabled": "true: on. false: off.",
    "GlobalSecondaryIndexes": "The table has exactly these global indexes. Left out: they are not managed.",
    "IndexName": "The name of the index.",
    "KMSMasterKeyId": "A KMS key: its id, alias or ARN.",
    "KeepItems": "true: the table keeps its items when its key or a local index changes.",
    "Key": "The tag's key.",
    "KeySchema": "The key attributes: first HASH, then RANGE.",
    "KeyType": "HASH: partition key. RANGE: sort key.",
    "KinesisStreamSpecification": "The Kinesis stream that gets each change of an item. {}: none.",
    "LocalSecondaryIndexes": "The table has exactly these local indexes. They cannot change without another table.",
    "MaxCapacity": "The most capacity units that scaling sets.",
    "MaxReadRequestUnits": "The most read request units a second; -1: no limit.",
    "MaxWriteRequestUnits": "The most write request units a second; -1: no limit.",
    "MinCapacity": "The fewest capacity units that scaling sets.",
    "Mode": "Which requests are counted.",
    "NonKeyAttributes": "The attributes that an index with INCLUDE has beside the keys.",
    "OnDemandThroughput": "Limits for PAY_PER_REQUEST.",
    "OnDemandThroughputOverride": "The replica's own limits.",
    "PointInTimeRecoveryEnabled": "true: the table can be restored to any second of the recovery period.",
    "PointInTimeRecoverySpecification": "Continuous backups.",
    "Projection": "Which attributes an index holds.",
    "ProjectionType": "ALL, KEYS_ONLY, or INCLUDE with NonKeyAttributes.",
    "ProvisionedThroughput": "The capacity for PROVISIONED.",
    "ProvisionedThroughputOverride": "The replica's own read capacity.",
    "ReadCapacityAutoScalingSettings": "Application Auto Scaling of the read capacity. {}: none.",
    "ReadCapacityUnits": "Read capacity units.",
    "ReadUnitsPerSecond": "Read units a second that are available at once.",
    "RecoveryPeriodInDays": "How far back the table can be restored.",
    "RegionName": "A region, such as eu-central-1.",
    "Replicas": "The table's copies in other regions: exactly these.",
    "ResourcePolicy": "An IAM policy, as a map or a JSON text. {}: none.",
    "RestoreFrom": "A missing table is restored from the DynamoDB backup with this ARN.",
    "ScaleInCooldown": "Seconds after a decrease before the next one.",
    "ScaleOutCooldown": "Seconds after an increase before the next one.",
    "SSESpecification": "Encryption with a KMS key. Off: the key that AWS owns.",
    "SSEType": "KMS.",
    "StreamArn": "The ARN of the Kinesis stream.",
    "StreamEnabled": "true: the stream is on.",
    "StreamSpecification": "The stream of changes. Another view means another stream, with another ARN.",
    "StreamViewType": "What a record of the stream holds.",
    "TableClass": "STANDARD_INFREQUENT_ACCESS: cheaper storage, dearer requests.",
    "TableClassOverride": "The replica's own table class.",
    "TableName": "The name of the table, without table-prefix.",
    "Tags": "The table has exactly these tags, but for those of aws: and of ignore-tags.",
    "TargetTrackingScalingPolicyConfiguration": "Scaling keeps the use of the capacity near a target.",
    "TargetValue": "The use to keep, in percent of the capacity.",
    "Through": "A place in S3, s3://BUCKET/FOLDER: AWS exports the items there, and creates the new table from them.",
    "TimeToLiveSpecification": "Items expire by an attribute with a time in seconds since 1970.",
    "Value": "The tag's value.",
    "WarmThroughput": "The throughput that is available at once. It can be raised, never lowered.",
    "WriteCapacityAutoScalingSettings": "Application Auto Scaling of the write capacity. {}: none.",
    "WriteCapacityUnits": "Write capacity units.",
    "WriteUnitsPerSecond": "Write units a second that are available at once.",
}
"""What editors show about a member. A test names the members that have no entry."""

TAGGED = {"$ref": "#/definitions/tagged"}
_TAGS: Schema = {
    "description": 'A tag stands for a value: {"#param": "name"}.',
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "#param": {
            "description": "The value of a parameter: its name, or its name and a default.",
            "anyOf": [{"type": "string"}, {"type": "array", "minItems": 2, "maxItems": 2}],
        },
        "#join": {"description": "Texts and numbers as one text.", "type": "array"},
        "#profile": {"description": "A value for each environment, and default.", "type": "object"},
    },
}


def document() -> Schema:
    """The schema of a file: one table, or a list of tables."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "DynamoDB tables for Dynatus CI",
        "description": "One table, or a list of tables. https://github.com/org/dynatus-action/blob/v1/docs/definitions.md",
        "if": {"type": "array"},
        "then": {"items": {"$ref": "#/definitions/table"}},
        "else": {"$ref": "#/definitions/table"},
        "definitions": {
            "table": {
                "type": "object",
                "if": {"required": ["Absent"]},
                "then": _root(members.ABSENT_TABLE),
                "else": _root(members.TABLE),
            },
            "tagged": _TAGS,
        },
    }


def _root(table: shapes.Structure) -> Schema:
    """A table's map. It may name this schema."""
    schema = of(table)
    schema["properties"]["$schema"] = {"type": "string"}
    return schema


def of(shape: Shape) -> Schema:
    """The schema of a value that has a shape.

    Raises:
        KeyError: The shape is of a type that is not in `_BY_TYPE`.
    """
    return _BY_TYPE[type(shape)](shape)


def _text(shape: shapes.Text) -> Schema:
    pattern = {"pattern": f"^(?:{shape.pattern})$"} if shape.pattern else {}
    return {"type": "string", **_bounds("Length", shape.least, shape.most), **pattern}


def _whole(shape: shapes.Whole) -> Schema:
    least = {"minimum": shape.least} if shape.least > -shapes.INT64 else {}
    most = {"maximum": shape.most} if shape.most < shapes.INT64 - 1 else {}
    return {"type": "integer", **least, **most}


def _sequence(shape: shapes.Sequence) -> Schema:
    return {"type": "array", "items": _value(shape.item), **_bounds("Items", shape.least, shape.most)}


def _structure(shape: shapes.Structure) -> Schema:
    properties = {name: _member(name, inner, shape) for name, inner in shape.members.items()}
    required = {"required": list(shape.required)} if shape.required else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


_BY_TYPE: Mapping[type[Shape], Callable[[Any], Schema]] = {
    shapes.Text: _text,
    shapes.TextOrMap: lambda shape: {"anyOf": [of(shape.text), of(shape.map)]},
    shapes.Choice: lambda shape: {"enum": list(shape.words)},
    shapes.Whole: _whole,
    shapes.Number: lambda shape: {"type": "number", "minimum": shape.least, "maximum": shape.most},
    shapes.Flag: lambda shape: {"type": "boolean"} if shape.only is None else {"const": shape.only},
    shapes.Sequence: _sequence,
    shapes.Structure: _structure,
    PolicyDocument: lambda _: {
        "type": ["object", "string"],
        "not": {"type": "object", "required": ["PolicyDocument"]},
    },
}


def _bounds(what: str, least: int, most: int | None) -> Schema:
    return {**({f"min{what}": least} if least else {}), **({f"max{what}": most} if most is not None else {})}


def _value(shape: Shape) -> Schema:
    """A value, or a tag in its place."""
    return {"anyOf": [of(shape), TAGGED]}


def _member(name: str, shape: Shape, owner: shapes.Structure) -> Schema:
    """A member of a map. One that is not required may be null, which is the same as leaving it out."""
    schema = _value(shape)
    if name not in owner.required:
        schema["anyOf"].append({"type": "null"})
    return {"description": ABOUT[name], **schema} if name in ABOUT else schema
