"""What AWS refuses about keys, attributes, indexes, capacity, streams, encryption and tags.

docs/dynamodb.md#what-a-definition-may-hold

A reading of its own: it shares nothing with the product's rules. Functions take requests and raise; no state here.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.simulator import errors
from tests.simulator.tables import ON_DEMAND_WARM, PAY_PER_REQUEST, PROVISIONED, Json

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_KEY_PARTS: Final = {"table": 1, "local": 1, "global": 4}
MAX_LOCAL, MAX_PROJECTED, MAX_TAGS = 5, 100, 50
TAG_TEXT: Final = re.compile(r"[\w\s+\-=.:/@]*")
NEITHER: Final = "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified"


def check(request: Json, *, index_limit: int) -> None:
    """Refuse a CreateTable that AWS would refuse whatever exists."""
    _check_keys(request)
    _check_attributes(request)
    _check_indexes(request, index_limit)
    _check_capacity(request)
    check_stream(request.get("StreamSpecification"), creating=True)
    check_encryption(request.get("SSESpecification"))
    check_tags(request.get("Tags", []))


def all_indexes(request: Json) -> list[Json]:
    """The secondary indexes of a request."""
    return [*request.get("LocalSecondaryIndexes", []), *request.get("GlobalSecondaryIndexes", [])]


def key_names(key_schema: list[Json]) -> list[str]:
    """The attributes of a key."""
    return [element["AttributeName"] for element in key_schema]


def check_key(key_schema: list[Json], kind: str) -> None:
    """One key: HASH parts first, not too many, no attribute twice."""
    types = [element["KeyType"] for element in key_schema]
    if types[0] != "HASH":
        raise errors.validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if MAX_KEY_PARTS[kind] == 1 and types not in (["HASH"], ["HASH", "RANGE"]):
        raise errors.validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if sorted(types) != types:  # "HASH" sorts before "RANGE"
        raise errors.invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
    for part, count in Counter(types).items():
        if count > MAX_KEY_PARTS[kind]:
            raise errors.invalid(f"The KeySchema exceeds the maximum allowed number of {part} key attributes")
    if len(set(key_names(key_schema))) != len(key_schema):
        raise errors.validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")


def check_projection(index: Json) -> None:
    """The projection of one index."""
    projection = index.get("Projection") or {}
    kind, names = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise errors.invalid("Unknown ProjectionType: null")
    if kind == "INCLUDE" and not names:
        raise errors.invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and names is not None:
        raise errors.invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    doubled = _doubled(names or [])
    if doubled:
        raise errors.invalid(f"Duplicate element in NonKeyAttributes: {doubled}")


def check_projected(indexes: Iterable[Json]) -> None:
    """The attributes that all INCLUDE projections name together."""
    count = sum(len(index["Projection"].get("NonKeyAttributes", [])) for index in indexes)
    if count > MAX_PROJECTED:
        raise errors.invalid(f"Number of NonKeyAttributes over all indexes exceeds the limit of {MAX_PROJECTED}")


def _doubled(names: list[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _check_keys(request: Json) -> None:
    if not request.get("KeySchema"):
        raise errors.validation("Invalid KeySchema: The KeySchema is not specified")
    check_key(request["KeySchema"], "table")
    for member, kind in (("LocalSecondaryIndexes", "local"), ("GlobalSecondaryIndexes", "global")):
        if request.get(member) == []:
            raise errors.invalid(f"List of {member} is empty")
        for index in request.get(member, []):
            check_key(index["KeySchema"], kind)


def _check_attributes(request: Json) -> None:
    defined = [attribute["AttributeName"] for attribute in request.get("AttributeDefinitions", [])]
    if _doubled(defined):
        raise errors.validation(f"Attribute Name is duplicated: {_doubled(defined)}")
    keys = [request["KeySchema"], *(index["KeySchema"] for index in all_indexes(request))]
    used = sorted({name for key in keys for name in key_names(key)})
    lists = f"Keys: [{', '.join(used)}], AttributeDefinitions: [{', '.join(sorted(defined))}]"
    if set(used) - set(defined):
        raise errors.invalid(f"Some index key attributes are not defined in AttributeDefinitions. {lists}")
    if set(defined) - set(used):
        raise errors.invalid(f"Some AttributeDefinitions are not used. {lists}")


def _check_indexes(request: Json, index_limit: int) -> None:
    local, globals_ = request.get("LocalSecondaryIndexes", []), request.get("GlobalSecondaryIndexes", [])
    if len(local) > MAX_LOCAL:
        raise errors.invalid(f"Number of LocalSecondaryIndexes exceeds per-table limit of {MAX_LOCAL}")
    if len(globals_) > index_limit:
        raise errors.invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {index_limit}")
    doubled = _doubled([index["IndexName"] for index in all_indexes(request)])
    if doubled:
        raise errors.invalid(f"Duplicate index name: {doubled}")
    for index in all_indexes(request):
        check_projection(index)
    check_projected(all_indexes(request))
    for index in local:
        _check_local(index, request["KeySchema"])


def _check_local(index: Json, table_key: list[Json]) -> None:
    name, key = index["IndexName"], key_names(index["KeySchema"])
    if len(table_key) == 1:
        raise errors.invalid(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    if len(key) == 1:
        raise errors.invalid(f"Index KeySchema does not have a range key for index: {name}")
    if key[0] != table_key[0]["AttributeName"]:
        raise errors.invalid(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {key[0]}, table hash key: {table_key[0]['AttributeName']}"
        )


def _check_capacity(request: Json) -> None:
    mode = request.get("BillingMode", PROVISIONED)
    if mode == PROVISIONED and "ProvisionedThroughput" not in request:
        raise errors.invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    if mode == PAY_PER_REQUEST and "ProvisionedThroughput" in request:
        raise errors.invalid(f"{NEITHER} when BillingMode is PAY_PER_REQUEST")
    check_limits(request, mode, "")
    check_warm(request, mode, "table")
    for index in request.get("GlobalSecondaryIndexes", []):
        check_index_capacity(index, mode, missing="ProvisionedThroughput is not specified for index: {}")


def check_index_capacity(index: Json, mode: str, *, missing: str) -> None:
    """The capacity of an index that is to be made."""
    name = index["IndexName"]
    if mode == PROVISIONED and "ProvisionedThroughput" not in index:
        raise errors.invalid(missing.format(name))
    if mode == PAY_PER_REQUEST and "ProvisionedThroughput" in index:
        raise errors.invalid(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        )
    check_limits(index, mode, f" for index : {name}")
    check_warm(index, mode, f"index {name}")


def check_limits(holder: Json, mode: str, whose: str, *, clearing: bool = False) -> None:
    """OnDemandThroughput of a table or an index; -1 only clears what is there."""
    limits = holder.get("OnDemandThroughput")
    if limits == {}:
        raise errors.internal_failure()  # measured: a 500, whatever the mode
    for member, value in (limits or {}).items():
        if mode == PROVISIONED:
            raise errors.invalid(
                f"{member} for OnDemandThroughput cannot be specified{whose} when the table BillingMode is PROVISIONED"
            )
        if value < 1 and not (clearing and value == -1):
            raise errors.invalid(
                f"Requested {member} for OnDemandThroughput{whose or ' for table'} is outside of valid range"
            )


def check_warm(holder: Json, mode: str, whose: str) -> None:
    """WarmThroughput of a table or an index that is to be made."""
    warm = holder.get("WarmThroughput")
    if warm is None:
        return
    if not warm:
        raise errors.internal_failure()
    capacity = holder.get("ProvisionedThroughput", {})
    floors = (
        ("ReadUnitsPerSecond", capacity.get("ReadCapacityUnits", 0), ON_DEMAND_WARM[0]),
        ("WriteUnitsPerSecond", capacity.get("WriteCapacityUnits", 0), ON_DEMAND_WARM[1]),
    )
    for member, provisioned, on_demand in floors:
        if mode == PAY_PER_REQUEST and warm.get(member, on_demand) < on_demand:
            raise errors.invalid(
                f"Requested {member} for WarmThroughput for {whose} is lower than initial throughput for OnDemand."
            )
        if mode == PROVISIONED and warm.get(member, provisioned) < provisioned:
            raise errors.invalid(
                f"Requested {member} for WarmThroughput for {whose} is lower than the capacity of ProvisionedThroughput"
            )


def check_stream(stream: Json | None, *, creating: bool) -> None:
    """A view type with an enabled stream, none with a disabled one."""
    if stream is None or stream["StreamEnabled"] == ("StreamViewType" in stream):
        return
    on = stream["StreamEnabled"]
    if creating:
        word, rest = ("enabled", "is required") if on else ("disabled", "should not be specified")
        raise errors.invalid(f"Table is being created with a stream {word}, UpdateViewType {rest}")
    word, rest = ("enabled then", "is required") if on else ("disabled, then", "must not be specified")
    raise errors.invalid(f"If stream is being {word} UpdateViewType {rest}")


def check_encryption(encryption: Json | None) -> None:
    """SSEType and KMSMasterKeyId only with encryption on, and together."""
    if encryption is None:
        return
    if not encryption.get("Enabled", False):
        for member in ("SSEType", "KMSMasterKeyId"):
            if member in encryption:
                raise errors.invalid(f"{member} can not be specified if Enabled is false")
    if encryption.get("SSEType") == "AES256":
        raise errors.invalid("SSEType AES256 is not supported")
    if "KMSMasterKeyId" in encryption and "SSEType" not in encryption:
        raise errors.invalid("SSEType KMS is required if KMSMasterKeyId is specified")


def check_tags(tags: list[Json]) -> None:
    """Keys and values of tags, each key once, not too many."""
    for tag in tags:
        check_tag_key(tag["Key"])
        if not TAG_TEXT.fullmatch(tag["Value"]):
            raise errors.validation(f"The Tag Value provided is invalid, Value: {tag['Value']}")
    doubled = _doubled([tag["Key"] for tag in tags])
    if doubled:
        raise errors.validation(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {doubled}")
    check_tag_count(tag["Key"] for tag in tags)


def check_tag_key(key: str) -> None:
    """One tag key; those of AWS are refused in both directions."""
    if key.startswith("aws:"):
        raise errors.validation(f"Tag Key cannot be prefixed with aws:, Key: {key}")
    if not TAG_TEXT.fullmatch(key):
        raise errors.validation(f"The Tag Key provided is invalid, Key: {key}")


def check_tag_count(keys: Iterable[str]) -> None:
    """At most 50, AWS's own not counted."""
    if sum(not key.startswith("aws:") for key in keys) > MAX_TAGS:
        raise errors.validation("Number of Tags exceed the current limit for the provided ResourceArn")
