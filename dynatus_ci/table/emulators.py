"""What the known emulators of DynamoDB cannot keep; found by asking each of them (DynamoDB Local 3.3.1, moto 5.2.5).

A difference in such a setting gets the effect `unsupported`: it is said, and no call is made for it.
docs/dynamodb.md#what-emulators-do-otherwise
"""

from __future__ import annotations

from collections.abc import Collection

from dynatus_ci.table.model import Path

DYNAMODB_LOCAL = "dynamodb-local"
MOTO = "moto"

CANNOT_KEEP: dict[str, frozenset[str]] = {
    DYNAMODB_LOCAL: frozenset(
        {
            "SSESpecification",
            "TableClass",
            "WarmThroughput",
            "Tags",
            "RestoreFrom",
            "Through",
            "PointInTimeRecoverySpecification",
            "ContributorInsightsSpecification",
            "ResourcePolicy",
            "KinesisStreamSpecification",
            "Replicas",
            "ReadCapacityAutoScalingSettings",
            "WriteCapacityAutoScalingSettings",
            "GlobalSecondaryIndexes.OnDemandThroughput",
            "GlobalSecondaryIndexes.WarmThroughput",
            "GlobalSecondaryIndexes.ReadCapacityAutoScalingSettings",
            "GlobalSecondaryIndexes.WriteCapacityAutoScalingSettings",
        }
    ),
    MOTO: frozenset(
        {
            "TableClass",
            "OnDemandThroughput",
            "ContributorInsightsSpecification",
            "KinesisStreamSpecification",
            "Replicas",
            "Through",
            "GlobalSecondaryIndexes.OnDemandThroughput",
        }
    ),
}

CANNOT_CHANGE: dict[str, frozenset[str]] = {MOTO: frozenset({"SSESpecification"})}
"""What CreateTable sets there, and UpdateTable leaves as it is without a word."""

WITHOUT_PARTIQL = frozenset({MOTO})
"""They fail at a BatchExecuteStatement that has parameters."""

NAMES = {DYNAMODB_LOCAL: "DynamoDB Local", MOTO: "moto"}


def cannot_keep(emulator: str | None, unsupported: Collection[str]) -> frozenset[str]:
    """The settings that an endpoint is known not to keep: those of its emulator, and those that a run has found."""
    return CANNOT_KEEP.get(emulator or "", frozenset()).union(unsupported)


def fixed(emulator: str | None, path: Path) -> bool:
    """Whether an actual table at an emulator keeps a setting as CreateTable has set it."""
    return kind(path) in CANNOT_CHANGE.get(emulator or "", frozenset())


def kind(path: Path) -> str:
    """The setting that a path is about: "Tags", or "GlobalSecondaryIndexes.WarmThroughput" for a member of an index."""
    return f"{path[0]}.{path[2]}" if len(path) > 2 else path[0] if path else ""
