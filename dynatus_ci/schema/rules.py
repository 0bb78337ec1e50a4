"""What DynamoDB refuses about keys, attributes, indexes and billing, as far as a well-shaped definition shows it.

Pure. Rules of a setting with a life of its own stand with it, under `settings`; `findings` yields them too. What is a
quota that AWS raises on request, or wrong at an emulator only, is no finding but a note.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
docs/dynamodb.md#what-a-definition-may-hold
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from dynatus_ci.schema.findings import At, Finding, quoted
from dynatus_ci.schema.settings import SETTINGS

Definition: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str | int, ...]

GLOBAL, LOCAL = "GlobalSecondaryIndexes", "LocalSecondaryIndexes"
MOST_KEY_ATTRIBUTES = 4
"""Of each key type, in a global secondary index."""
MOST_LOCAL_INDEXES = 5
USUAL_GLOBAL_INDEXES = 20
MOST_PROJECTED = 100
"""Attributes that all INCLUDE projections of a table name together."""


class Rule(NamedTuple):
    """A rule and the members without which it has nothing to say."""

    reads: tuple[str, ...]
    findings: Callable[[Definition], Iterator[Finding]]


def findings(definition: Definition, broken: Container[str] = frozenset()) -> Iterator[Finding]:
    """All that DynamoDB would refuse about a definition.

    Args:
        definition: A body that `members.check` returned, under its final table name.
        broken: Members that have findings already; rules that need one of them are left out.
    """
    rules = (*RULES, *(Rule((setting.name,), setting.findings) for setting in SETTINGS))
    goes = "Absent" in definition or "Absent" in broken
    for rule in rules[:1] if goes else rules:
        if not any(member in broken for member in rule.reads):
            yield from rule.findings(definition)


def notes(definition: Definition) -> Iterator[Finding]:
    """What is worth a warning: AWS may take it."""
    indexes = definition.get(GLOBAL, ())
    if len(indexes) > USUAL_GLOBAL_INDEXES:
        message = f"The table has {len(indexes)} global secondary indexes; AWS allows {USUAL_GLOBAL_INDEXES} unasked."
        hint = "Ask for a higher quota before this is applied."
        yield Finding((GLOBAL, USUAL_GLOBAL_INDEXES), "many-indexes", message, hint, At.OPENER)


# --- the name --------------------------------------------------------------------------------------------------------


def _table_name(definition: Definition) -> Iterator[Finding]:
    name = definition["TableName"]
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{3,255}", name):
        message = f"The table name {quoted(name)} must be 3 to 255 characters long, of a-z, A-Z, 0-9, _, . and -."
        hint = "Write the table's name, not its ARN." if name.startswith("arn:") else None
        yield Finding(("TableName",), "table-name", message, hint)


# --- keys ------------------------------------------------------------------------------------------------------------


def _table_key(definition: Definition) -> Iterator[Finding]:
    yield from _key_schema(definition["KeySchema"], ("KeySchema",))


def _global_keys(definition: Definition) -> Iterator[Finding]:
    for path, index in _indexes(definition, GLOBAL):
        yield from _key_schema(index["KeySchema"], (*path, "KeySchema"), most=MOST_KEY_ATTRIBUTES)


def _local_keys(definition: Definition) -> Iterator[Finding]:
    """A local index shares the table's HASH attribute and has a RANGE attribute of its own."""
    table = {member["KeyType"]: member["AttributeName"] for member in definition["KeySchema"]}
    if definition.get(LOCAL) and "RANGE" not in table:
        hint = "Give the table a RANGE attribute, or make the index global."
        message = "Only a table with a RANGE attribute can have local secondary indexes."
        yield Finding((LOCAL,), "local-index-key", message, hint, At.KEY)
    for path, index in _indexes(definition, LOCAL):
        key = (*path, "KeySchema")
        yield from _key_schema(index["KeySchema"], key)
        own = {member["KeyType"]: member["AttributeName"] for member in index["KeySchema"]}
        if "RANGE" not in own:
            message = "A local secondary index needs a RANGE attribute."
            yield Finding(key, "local-index-key", message, f"Add {_key_member('RANGE')}.")
        if "HASH" in own and own["HASH"] != table.get("HASH", own["HASH"]):
            message = f"A local secondary index has the table's HASH attribute, {quoted(table['HASH'])}."
            yield Finding((*key, 0, "AttributeName"), "local-index-key", message, "Write that, or make it global.")


def _key_schema(schema: list[dict[str, str]], path: Path, *, most: int = 1) -> Iterator[Finding]:
    """HASH members first, then RANGE members, no attribute twice, and not too many."""
    seen: set[str] = set()
    counts = {"HASH": 0, "RANGE": 0}
    for number, member in enumerate(schema):
        kind, name = member["KeyType"], member["AttributeName"]
        counts[kind] += 1
        if counts[kind] == most + 1:
            message = f"This key can have at most {most} {kind} attribute{'s' if most > 1 else ''}."
            yield Finding((*path, number), "key-schema", message)
        if kind == "HASH" and counts["RANGE"]:
            yield Finding((*path, number, "KeyType"), "key-schema", "HASH comes before RANGE.", "Write it first.")
        if name in seen:
            message = f"The attribute {quoted(name)} is in this key twice."
            yield Finding((*path, number, "AttributeName"), "key-schema", message)
        seen.add(name)
    if not counts["HASH"]:
        yield Finding(path, "key-schema", "This key has no HASH attribute.", f"Begin with {_key_member('HASH')}.")


def _key_member(kind: str) -> str:
    return f'{{:AttributeName "…" :KeyType "{kind}"}}'


# --- attribute definitions -------------------------------------------------------------------------------------------


def _attributes(definition: Definition) -> Iterator[Finding]:
    """Each key attribute has exactly one definition, and each definition is used by a key."""
    used = {name: path for path, name in reversed(list(_key_attributes(definition)))}
    defined: set[str] = set()
    for number, attribute in enumerate(definition["AttributeDefinitions"]):
        name, where = attribute["AttributeName"], ("AttributeDefinitions", number, "AttributeName")
        if name in defined:
            message = f"The attribute {quoted(name)} is defined twice."
            yield Finding(where, "duplicate-attribute", message)
        elif name not in used:
            message = f"No key uses the attribute {quoted(name)}: DynamoDB refuses unused definitions."
            yield Finding(where, "unused-attribute", message, "Take it out; only key attributes are defined.")
        defined.add(name)
    for name, path in used.items():
        if name not in defined:
            message = f"The key attribute {quoted(name)} has no definition."
            hint = ':AttributeDefinitions needs {:AttributeName "…" :AttributeType "S"} (or "N", "B") for it.'
            yield Finding(path, "undefined-attribute", message, hint)


def _key_attributes(definition: Definition) -> Iterator[tuple[Path, str]]:
    keys: list[tuple[Path, Any]] = [((), definition)]
    keys += [*_indexes(definition, LOCAL), *_indexes(definition, GLOBAL)]
    for path, holder in keys:
        for number, member in enumerate(holder["KeySchema"]):
            yield (*path, "KeySchema", number, "AttributeName"), member["AttributeName"]


# --- indexes ---------------------------------------------------------------------------------------------------------


def _indexes(definition: Definition, *kinds: str) -> Iterator[tuple[Path, Definition]]:
    for kind in kinds:
        for number, index in enumerate(definition.get(kind, ())):
            yield (kind, number), index


def _index_names(definition: Definition) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, index in _indexes(definition, GLOBAL, LOCAL):
        name = index["IndexName"]
        if name in seen:
            message = f"The table has two indexes with the name {quoted(name)}."
            yield Finding((*path, "IndexName"), "duplicate-index", message)
        seen.add(name)


def _local_count(definition: Definition) -> Iterator[Finding]:
    if len(definition.get(LOCAL, ())) > MOST_LOCAL_INDEXES:
        message = f"A table can have at most {MOST_LOCAL_INDEXES} local secondary indexes."
        yield Finding((LOCAL, MOST_LOCAL_INDEXES), "too-many-indexes", message, at=At.OPENER)


def _projections(definition: Definition) -> Iterator[Finding]:
    total = 0
    for path, index in _indexes(definition, LOCAL, GLOBAL):
        projection, where = index["Projection"], (*path, "Projection")
        kind, attributes = projection["ProjectionType"], projection.get("NonKeyAttributes")
        if kind == "INCLUDE" and not attributes:
            yield Finding(
                where, "projection", "INCLUDE needs :NonKeyAttributes.", "Name them, or write ALL.", At.OPENER
            )
        if kind != "INCLUDE" and attributes is not None:
            message = f"{kind} takes no :NonKeyAttributes."
            hint = 'Leave them out, or write "INCLUDE".'
            yield Finding((*where, "NonKeyAttributes"), "projection", message, hint, At.KEY)
        before, total = total, total + len(attributes or ())
        if before <= MOST_PROJECTED < total:
            message = f"All INCLUDE indexes of a table can name at most {MOST_PROJECTED} attributes together."
            yield Finding((*where, "NonKeyAttributes"), "projection", message, at=At.KEY)


# --- billing ---------------------------------------------------------------------------------------------------------


def _billing(definition: Definition) -> Iterator[Finding]:
    """Capacity belongs to PROVISIONED, for the table and every index; limits belong to PAY_PER_REQUEST."""
    mode = definition.get("BillingMode") or ("PROVISIONED" if "ProvisionedThroughput" in definition else None)
    if mode is None:
        message = "The table has neither :BillingMode nor :ProvisionedThroughput."
        hint = 'Write :BillingMode "PAY_PER_REQUEST", or a :ProvisionedThroughput.'
        yield Finding((), "no-billing-mode", message, hint, At.OPENER)
        return
    wrong, right = "ProvisionedThroughput", "OnDemandThroughput"
    if mode == "PROVISIONED":
        wrong, right = right, wrong
    holders: list[tuple[Path, Definition]] = [((), definition), *_indexes(definition, GLOBAL)]
    for path, holder in holders:
        if wrong in holder:
            hint = f"Leave it out, or write :{right}."
            yield Finding((*path, wrong), "billing-mode", f"{mode} takes no :{wrong}.", hint, At.KEY)
        if mode == "PROVISIONED" and right not in holder:
            what = "every index" if path else "the table"
            hint = f"Write :{right} {{:ReadCapacityUnits 5 :WriteCapacityUnits 5}}."
            yield Finding(path, "missing-throughput", f"PROVISIONED needs a :{right} for {what}.", hint, At.OPENER)


def _on_demand_limits(definition: Definition) -> Iterator[Finding]:
    holders: list[tuple[Path, Definition]] = [((), definition), *_indexes(definition, GLOBAL)]
    for path, holder in holders:
        where = (*path, "OnDemandThroughput")
        limits = holder.get("OnDemandThroughput")
        if limits == {}:
            message = ":OnDemandThroughput is empty."
            yield Finding(where, "empty-throughput", message, "Leave it out, or name a limit; -1 is none.")
        for name, units in (limits or {}).items():
            if units < 1 and units != -1:
                message = f":{name} must be at least 1, or -1 for no limit, and not {units}."
                yield Finding((*where, name), "out-of-range", message)


RULES = (
    Rule(("TableName",), _table_name),
    Rule(("KeySchema",), _table_key),
    Rule((GLOBAL,), _global_keys),
    Rule(("KeySchema", LOCAL), _local_keys),
    Rule(("KeySchema", "AttributeDefinitions", GLOBAL, LOCAL), _attributes),
    Rule((GLOBAL, LOCAL), _index_names),
    Rule((LOCAL,), _local_count),
    Rule((GLOBAL, LOCAL), _projections),
    Rule(("BillingMode", "ProvisionedThroughput", GLOBAL), _billing),
    Rule(("OnDemandThroughput", GLOBAL), _on_demand_limits),
)
"""The rules of this module; the first holds for a table that is to go, too."""
