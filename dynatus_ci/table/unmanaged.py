"""What DescribeTable shows and no definition can hold. It is left alone, and it is lost when the table is deleted.

These are vector indexes, and every member that this release does not know. A member that AWS adds counts as a setting
until a release knows it, because a new table would not have it.
docs/dynamodb.md#vector-indexes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from dynatus_ci.errors import Refusal
from dynatus_ci.table.model import Path, Table, Value
from dynatus_ci.text import code

VECTORS = "VectorIndexes"

_Known: TypeAlias = Mapping[str, Any]
"""Member → the members inside it that are known; None if all of them are."""


def _all(members: str, **inside: _Known) -> _Known:
    return {**dict.fromkeys(members.split()), **inside}


_LIMITS = _all("MaxReadRequestUnits MaxWriteRequestUnits")
_WARM = _all("ReadUnitsPerSecond WriteUnitsPerSecond Status")
_UNITS = _all("ReadCapacityUnits WriteCapacityUnits NumberOfDecreasesToday LastIncreaseDateTime LastDecreaseDateTime")
_KEY = _all("AttributeName KeyType")
_INDEX = _all(
    "IndexName IndexArn IndexSizeBytes ItemCount",
    KeySchema=_KEY,
    Projection=_all("ProjectionType NonKeyAttributes"),
)
FACTS = (
    "TableName TableArn TableId TableStatus CreationDateTime ItemCount TableSizeBytes LatestStreamLabel "
    "LatestStreamArn GlobalTableVersion RestoreSummary ArchivalSummary GlobalTableSettingsReplicationMode "
    "DisassociationProtectionEnabled"
)
"""The members that nobody sets by a definition. The last two come and go with replicas."""
KNOWN: _Known = _all(
    f"{FACTS} DeletionProtectionEnabled Replicas {VECTORS}",
    KeySchema=_KEY,
    AttributeDefinitions=_all("AttributeName AttributeType"),
    BillingModeSummary=_all("BillingMode LastUpdateToPayPerRequestDateTime"),
    ProvisionedThroughput=_UNITS,
    OnDemandThroughput=_LIMITS,
    WarmThroughput=_WARM,
    StreamSpecification=_all("StreamEnabled StreamViewType"),
    SSEDescription=_all("Status SSEType KMSMasterKeyArn InaccessibleEncryptionDateTime"),
    TableClassSummary=_all("TableClass LastUpdateDateTime"),
    LocalSecondaryIndexes=_INDEX,
    GlobalSecondaryIndexes={
        **_INDEX,
        **_all(
            "IndexStatus Backfilling", ProvisionedThroughput=_UNITS, OnDemandThroughput=_LIMITS, WarmThroughput=_WARM
        ),
    },
)
"""The members of a table's description that are read, or are no settings. A contract test compares them with AWS's."""
BY_ITSELF: Mapping[str, Value] = {"MultiRegionConsistency": "EVENTUAL"}
"""Members that are not known, with the value that every table has."""


def unknown(description: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of members that are neither known nor off, such as `GlobalSecondaryIndexes/by-mail/NewMember`."""
    return tuple("/".join(path) for path in _unknown(description, KNOWN, ()))


def _unknown(description: Mapping[str, Any], known: _Known, path: Path) -> Iterator[Path]:
    for name, value in description.items():
        if name not in known:
            if value and value != BY_ITSELF.get(name):
                yield (*path, name)
        elif known[name] and value:
            for inner in value if isinstance(value, list) else [value]:
                index = (inner["IndexName"],) if "IndexName" in inner else ()
                yield from _unknown(inner, known[name], (*path, name, *index))


def vectors(description: Mapping[str, Any]) -> dict[str, Value]:
    """Name of each vector index → the attribute that holds its vectors."""
    return {index["IndexName"]: index["VectorAttribute"]["AttributeName"] for index in description.get(VECTORS) or []}


def transitions(description: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The vector indexes that are being built or deleted."""
    for index in description.get(VECTORS) or []:
        status = index.get("IndexStatus", "ACTIVE")
        if status != "ACTIVE":
            yield (VECTORS, index["IndexName"]), status


def names(table: Table | None) -> tuple[str, ...]:
    """What a table of the account has of this, as people read it: `vector index by-text`, or a member's path."""
    if table is None or table.info is None:
        return ()
    return (*(f"vector index {name}" for name in sorted(table.info.vectors)), *table.info.unknown)


def refusal(table: Table | None, index: str, definition: Value) -> Refusal | None:
    """Why AWS would refuse a new global index: a vector index of the table is in the way.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateVectorIndexAction.html
    """
    for name, attribute in (table.info.vectors if table and table.info else {}).items():
        if name == index:
            return Refusal(f"The table has a vector index {code(name)}. Its new global index needs another name.")
        if any(key["AttributeName"] == attribute for key in definition["KeySchema"]):
            return Refusal(
                f"Index {code(index)} cannot have {code(attribute)} in its key: the vector index {code(name)} reads "
                "its vectors there."
            )
    return None
