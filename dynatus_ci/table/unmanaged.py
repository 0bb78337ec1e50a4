"""What DescribeTable shows of a table and no definition can say: it is left alone, and it is lost with the table.

These are vector indexes, and every member that this release does not know. Whatever AWS adds counts as a setting until
a release knows better, because a new table would not have it.
docs/dynamodb.md#vector-indexes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from dynatus_ci.table.model import Path, Table, Value

VECTORS = "VectorIndexes"

_Known: TypeAlias = Mapping[str, Any]
"""Member → the members inside it that are known too; None where all of it is."""


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
KNOWN: _Known = _all(
    # facts, which nobody sets; the last two come and go with replicas
    "TableName TableArn TableId TableStatus CreationDateTime ItemCount TableSizeBytes LatestStreamLabel "
    "LatestStreamArn GlobalTableVersion RestoreSummary ArchivalSummary GlobalTableSettingsReplicationMode "
    "DisassociationProtectionEnabled "
    # settings
    f"DeletionProtectionEnabled Replicas {VECTORS}",
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
"""The members of DescribeTable's table that are read, or are no settings. A contract test holds them to the model."""
BY_ITSELF: Mapping[str, Value] = {"MultiRegionConsistency": "EVENTUAL"}
"""What every table has of the members that are not known."""


def unknown(description: Mapping[str, Any]) -> tuple[str, ...]:
    """The members that are neither known nor off, such as `GlobalSecondaryIndexes/by-mail/NewMember`."""
    return tuple("/".join(path) for path in _unknown(description, KNOWN, ()))


def _unknown(shown: Mapping[str, Any], known: _Known, path: Path) -> Iterator[Path]:
    for name, value in shown.items():
        if name not in known:
            if value and value != BY_ITSELF.get(name):
                yield (*path, name)
        elif known[name] and value:
            for each in value if isinstance(value, list) else [value]:
                owner = (each["IndexName"],) if "IndexName" in each else ()
                yield from _unknown(each, known[name], (*path, name, *owner))


def vectors(description: Mapping[str, Any]) -> dict[str, Value]:
    """The vector indexes by name: of each the attribute that holds the vectors."""
    return {index["IndexName"]: index["VectorAttribute"]["AttributeName"] for index in description.get(VECTORS) or []}


def transitions(description: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The vector indexes that are being built or deleted."""
    for index in description.get(VECTORS) or []:
        status = index.get("IndexStatus", "ACTIVE")
        if status != "ACTIVE":
            yield (VECTORS, index["IndexName"]), status


def names(table: Table | None) -> tuple[str, ...]:
    """What a live table has of this, in words."""
    if table is None or table.info is None:
        return ()
    return (*(f"vector index {name}" for name in sorted(table.info.vectors)), *table.info.unknown)


def refusal(table: Table | None, index: str, definition: Value) -> str | None:
    """Why a live table's vector indexes keep a new global index out.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateVectorIndexAction.html
    """
    for name, attribute in (table.info.vectors if table and table.info else {}).items():
        if name == index:
            return f"The table has a vector index {name}; its new global index needs another name."
        if any(key["AttributeName"] == attribute for key in definition["KeySchema"]):
            return f"Index {index} cannot have {attribute} in its key: the vector index {name} reads its vectors there."
    return None
