"""A definition and an actual table become the same `Table`: defaults filled in, order and read-only members gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dynatus_ci.errors import Place
from dynatus_ci.table import unmanaged
from dynatus_ci.table.aspects import ASPECTS, indexes, keys
from dynatus_ci.table.aspects.base import Aspect
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.aspects.tags import Tags
from dynatus_ci.table.model import GLOBAL, Path, Table, TableInfo, Value
from dynatus_ci.table.origins import ORIGINS, restore_from


def desired(definition: Mapping[str, Any], *, place: Place | None = None) -> Table:
    """The table that a valid definition asks for.

    Args:
        definition: A map in CreateTable's shape, with the settings that CreateTable lacks beside it; already checked.
        place: Where it stands.
    """
    name = definition["TableName"]
    if definition.get("Absent"):
        return Table(name, place=place, absent=True)
    values: dict[str, Value] = {
        "AttributeDefinitions": keys.definitions(keys.types(definition["AttributeDefinitions"])),
        **_origins(definition),
        **{aspect.name: aspect.desired(definition) for aspect in ASPECTS if aspect.mentioned(definition)},
    }
    return Table(name, values, place=place)


def _origins(definition: Mapping[str, Any]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for origin in ORIGINS:
        if definition.get(origin.name):
            values |= origin.desired(definition[origin.name])
    return values


def emptied(definition: Table) -> Table:
    """A definition that asks for the same table without items."""
    origins = {name for origin in ORIGINS if origin.elsewhere for name in (origin.name, *origin.details)}
    kept = {name: value for name, value in definition.values.items() if name not in origins}
    return replace(definition, values=kept)


def actual(description: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> Table:
    """An actual table from DescribeTable's `Table` and the answers of the settings' readers.

    Args:
        description: DescribeTable's `Table`.
        answers: Operation → answer (all pages in one). A setting whose reader is not here was not read.
    """
    present = _present(description)
    values: dict[str, Value] = {}
    transitions = dict(_transitions(description))
    failures: dict[Path, str] = {}
    for aspect, answer in _answered(answers):
        for path, value in aspect.observe(present, answer):
            _put(values, path, value)
        transitions |= aspect.transitions(description, answer)
        failures |= aspect.failures(description, answer)
    if Tags.reader in answers:
        values |= {origin.name: origin.marks(values[Tags.name]) for origin in ORIGINS if origin.tagged}
    if description.get("TableStatus") == "CREATING":
        values[restore_from.NAME] = (description.get("RestoreSummary") or {}).get("SourceBackupArn")
    return Table(description["TableName"], values, transitions, failures, info=_live(description))


def _present(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the indexes and replicas that are being deleted: of these, `transitions` tells until they are gone."""
    # The description is copied only where it must be: it knows which call to blame for a member that it lacks.
    statuses = {GLOBAL: "IndexStatus", Replicas.name: "ReplicaStatus"}
    kept = {
        kind: [one for one in description[kind] if one.get(status) != "DELETING"]
        for kind, status in statuses.items()
        if any(one.get(status) == "DELETING" for one in description.get(kind) or ())
    }
    return {**description, **kept} if kept else description


def _answered(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Aspect, Mapping[str, Any]]]:
    for aspect in ASPECTS:
        if aspect.reader is None:
            yield aspect, {}
        elif aspect.reader in answers:
            yield aspect, answers[aspect.reader]


def _transitions(description: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if description.get("TableStatus") in {"CREATING", "UPDATING", "DELETING"}:
        yield (), description["TableStatus"]
    yield from unmanaged.transitions(description)


def _put(values: dict[str, Value], path: Path, value: Value) -> None:
    *owners, last = path
    for name in owners:
        values = values[name]
    values[last] = value


def identity(description: Mapping[str, Any]) -> str:
    """What tells a table from another one of its name, by DescribeTable's `Table`.

    DynamoDB Local gives no TableId. When a table was made does it as well.
    """
    return str(description.get("TableId") or description.get("CreationDateTime", ""))


def _live(description: Mapping[str, Any]) -> TableInfo:
    by_path = {(GLOBAL, index["IndexName"]): index for index in description.get(GLOBAL) or []}
    return TableInfo(
        table_id=identity(description),
        arn=description.get("TableArn", ""),
        status=description.get("TableStatus", "ACTIVE"),
        items=description.get("ItemCount", 0),
        bytes=description.get("TableSizeBytes", 0),
        stream_arn=description.get("LatestStreamArn"),
        decreases_today={
            path: owner["ProvisionedThroughput"]["NumberOfDecreasesToday"]
            for path, owner in ({(): description} | by_path).items()
            if "NumberOfDecreasesToday" in (owner.get("ProvisionedThroughput") or {})
        },
        stored_units={path: indexes.provisioned_units(index) for path, index in by_path.items()},
        vectors=unmanaged.vectors(description),
        unknown=unmanaged.unknown(description),
    )
