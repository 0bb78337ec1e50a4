"""What DynamoDB refuses about a whole definition: rules that relate keys, attributes, indexes and billing.

A rule about one aspect or origin alone is in its method `findings`; `findings` here runs them all. A rule skips values
that are unknown (`unknown.Unknown`) and checks the rest. A quota that AWS raises on request is a note, not a finding.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
docs/dynamodb.md#what-a-definition-may-hold
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from dynatus_ci.table import names
from dynatus_ci.table.aspects import ASPECTS, billing_mode
from dynatus_ci.table.aspects.keys import LOCAL
from dynatus_ci.table.model import GLOBAL, Value
from dynatus_ci.table.origins import ORIGINS
from dynatus_ci.table.origins.copy_from import CopyFrom
from dynatus_ci.table.origins.keep_items import KeepItems
from dynatus_ci.table.origins.restore_from import RestoreFrom
from dynatus_ci.table.validation.findings import At, DefinitionPath, Finding
from dynatus_ci.table.validation.unknown import UNSURE, Unknown, known, whole
from dynatus_ci.text import by_number, code, quoted

Body: TypeAlias = Mapping[str, Any]
"""A definition as `members.check` returns it, or a map inside."""
Rule: TypeAlias = Callable[[Body], Iterator[Finding]]

MOST_KEY_ATTRIBUTES = 4
"""For each key type, in a global secondary index."""
MOST_LOCAL_INDEXES = 5
USUAL_GLOBAL_INDEXES = 20
MOST_PROJECTED = 100
"""Attributes in all INCLUDE projections of a table together."""


def findings(definition: Body) -> Iterator[Finding]:
    """All that DynamoDB would refuse about a definition.

    Args:
        definition: The body from `members.check`, with the final table name.
    """
    if "Absent" in definition:
        yield from _table_name(definition)
        return
    for rule in RULES:
        yield from rule(definition)
    for origin in ORIGINS:
        yield from origin.findings(definition)
    for aspect in ASPECTS:
        value = definition.get(aspect.name)
        if isinstance(value, list) or whole(value):
            yield from aspect.findings(definition)


def notes(definition: Body) -> Iterator[Finding]:
    """What deserves a warning, although AWS may accept it."""
    indexes = definition.get(GLOBAL, ())
    if len(indexes) > USUAL_GLOBAL_INDEXES:
        message = f"The table has {len(indexes)} global secondary indexes; the usual quota is {USUAL_GLOBAL_INDEXES}."
        hint = "Ask AWS for a higher quota before you apply this."
        yield Finding((GLOBAL, USUAL_GLOBAL_INDEXES), "many-indexes", message, hint, At.OPENER)


# --- the name --------------------------------------------------------------------------------------------------------


def _table_name(definition: Body) -> Iterator[Finding]:
    name = known(definition, "TableName")
    if name is not None and not names.is_valid(name):
        message = f"The table name {code(quoted(name))} must be 3 to 255 characters of `[a-zA-Z0-9_.-]`."
        yield Finding(("TableName",), "table-name", message, names.hint(name))


# --- the items -------------------------------------------------------------------------------------------------------


def _one_origin(definition: Body) -> Iterator[Finding]:
    copied, restored, kept = (known(definition, name) for name in (CopyFrom.name, RestoreFrom.name, KeepItems.name))
    hint = "Leave one of them out."
    if copied and restored:
        message = "A table is filled by `:CopyFrom` or by `:RestoreFrom`, not by both."
        yield Finding((RestoreFrom.name,), "two-origins", message, hint, At.KEY)
    if kept and (copied or restored):
        message = "`:KeepItems` excludes `:CopyFrom` and `:RestoreFrom`: a new table gets its items from one place."
        yield Finding((KeepItems.name,), "two-origins", message, hint, At.KEY)


# --- keys ------------------------------------------------------------------------------------------------------------


def _table_key(definition: Body) -> Iterator[Finding]:
    yield from _key_schema(definition, ())


def _global_keys(definition: Body) -> Iterator[Finding]:
    for path, index in _indexes(definition, GLOBAL):
        yield from _key_schema(index, path, most=MOST_KEY_ATTRIBUTES)


def _local_keys(definition: Body) -> Iterator[Finding]:
    """A local index has the table's HASH attribute and a RANGE attribute of its own."""
    table = _names(definition)
    if known(definition, LOCAL) and "RANGE" not in table and whole(definition["KeySchema"]):
        hint = "Give the table a `RANGE` attribute, or make the index global."
        message = "Only a table with a `RANGE` attribute can have local secondary indexes."
        yield Finding((LOCAL,), "local-index-key", message, hint, At.KEY)
    for path, index in _indexes(definition, LOCAL):
        key = (*path, "KeySchema")
        yield from _key_schema(index, path)
        own = _names(index)
        if "RANGE" not in own and whole(index["KeySchema"]):
            message = "A local secondary index needs a `RANGE` attribute."
            yield Finding(key, "local-index-key", message, f"Add {_key_member('RANGE')}.")
        if "HASH" in own and own["HASH"] != table.get("HASH", own["HASH"]):
            message = f"A local secondary index has the table's `HASH` attribute, {code(quoted(table['HASH']))}."
            yield Finding(
                (*key, 0, "AttributeName"), "local-index-key", message, "Write that one, or make the index global."
            )


def _names(holder: Body) -> dict[str, str]:
    """Key type → its attribute, in a table or an index, as far as both are known."""
    members = [member for _, member in _members(holder)]
    pairs = [(known(member, "KeyType"), known(member, "AttributeName")) for member in members]
    return {kind: name for kind, name in pairs if kind is not None and name is not None}


def _members(holder: Body) -> Iterator[tuple[int, Body]]:
    """The known members of a key schema, with their numbers."""
    for number, member in enumerate(known(holder, "KeySchema") or ()):
        if not isinstance(member, Unknown):
            yield number, member


def _key_schema(holder: Body, owner: DefinitionPath, *, most: int = 1) -> Iterator[Finding]:
    """HASH members come before RANGE members; no attribute is in a key twice; and there are not too many."""
    path = (*owner, "KeySchema")
    seen: set[str] = set()
    counts = {"HASH": 0, "RANGE": 0}
    for number, member in _members(holder):
        kind, name = known(member, "KeyType"), known(member, "AttributeName")
        if kind is not None:
            counts[kind] += 1
            if counts[kind] == most + 1:
                message = f"This key can have at most {most} `{kind}` {by_number(most, 'attribute', 'attributes')}."
                yield Finding((*path, number), "key-schema", message)
        if kind == "HASH" and counts["RANGE"]:
            yield Finding((*path, number, "KeyType"), "key-schema", "`HASH` comes before `RANGE`.", "Write it first.")
        if name in seen:
            message = f"The attribute {code(quoted(name))} is in this key twice."
            yield Finding((*path, number, "AttributeName"), "key-schema", message)
        if name is not None:
            seen.add(name)
    if not counts["HASH"] and whole(holder["KeySchema"]):
        yield Finding(path, "key-schema", "This key has no `HASH` attribute.", f"Begin with {_key_member('HASH')}.")


def _key_member(kind: str) -> str:
    return f'`{{:AttributeName "…" :KeyType "{kind}"}}`'


# --- attribute definitions -------------------------------------------------------------------------------------------


def _definitions(definition: Body) -> Iterator[Finding]:
    """Each attribute is defined once, and a key uses it."""
    used = {name for _, name in _key_attributes(definition)}
    complete = _all_keys_known(definition)
    defined: set[str] = set()
    for number, name in _attribute_names(definition, "AttributeDefinitions"):
        where = ("AttributeDefinitions", number, "AttributeName")
        if name in defined:
            message = f"The attribute {code(quoted(name))} is defined twice."
            yield Finding(where, "duplicate-attribute", message)
        elif name not in used and complete:
            message = f"No key uses the attribute {code(quoted(name))}: DynamoDB refuses unused definitions."
            yield Finding(where, "unused-attribute", message, "Leave it out: only key attributes are defined.")
        defined.add(name)


def _undefined(definition: Body) -> Iterator[Finding]:
    """Each key attribute has a definition."""
    if not _all_named(definition["AttributeDefinitions"]):
        return
    defined = {name for _, name in _attribute_names(definition, "AttributeDefinitions")}
    first_use = {name: path for path, name in reversed(list(_key_attributes(definition)))}
    for name, path in first_use.items():
        if name not in defined:
            message = f"The key attribute {code(quoted(name))} has no definition."
            hint = 'Add `{:AttributeName "…" :AttributeType "S"}` (or `"N"`, `"B"`) to `:AttributeDefinitions`.'
            yield Finding(path, "undefined-attribute", message, hint)


def _attribute_names(holder: Body, member: str) -> Iterator[tuple[int, str]]:
    """The known attribute names of a key schema or of the definitions, with their numbers."""
    for number, item in enumerate(known(holder, member) or ()):
        if not isinstance(item, Unknown) and (name := known(item, "AttributeName")) is not None:
            yield number, name


def _all_named(items: Value) -> bool:
    """Whether all attribute names of a key schema or of the definitions are known."""
    return not isinstance(items, Unknown) and all(
        not isinstance(item, Unknown) and known(item, "AttributeName") is not None for item in items
    )


def _all_keys_known(definition: Body) -> bool:
    """Whether nothing unknown may hold another key attribute."""
    lists = [definition.get(kind) or () for kind in (GLOBAL, LOCAL)]
    if any(isinstance(indexes, Unknown) or any(isinstance(index, Unknown) for index in indexes) for indexes in lists):
        return False
    return all(_all_named(holder["KeySchema"]) for _, holder in _key_holders(definition))


def _key_holders(definition: Body) -> Iterator[tuple[DefinitionPath, Body]]:
    yield (), definition
    yield from _indexes(definition, LOCAL, GLOBAL)


def _key_attributes(definition: Body) -> Iterator[tuple[DefinitionPath, str]]:
    for path, holder in _key_holders(definition):
        for number, name in _attribute_names(holder, "KeySchema"):
            yield (*path, "KeySchema", number, "AttributeName"), name


# --- indexes ---------------------------------------------------------------------------------------------------------


def _indexes(definition: Body, *kinds: str) -> Iterator[tuple[DefinitionPath, Body]]:
    """The known indexes with their paths. Their members may be unknown."""
    for kind in kinds:
        for number, index in enumerate(known(definition, kind) or ()):
            if not isinstance(index, Unknown):
                yield (kind, number), index


def _index_names(definition: Body) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, index in _indexes(definition, GLOBAL, LOCAL):
        name = known(index, "IndexName")
        if name in seen:
            message = f"The table has two indexes with the name {code(quoted(name))}."
            yield Finding((*path, "IndexName"), "duplicate-index", message)
        if name is not None:
            seen.add(name)


def _local_count(definition: Body) -> Iterator[Finding]:
    if len(known(definition, LOCAL) or ()) > MOST_LOCAL_INDEXES:
        message = f"A table can have at most {MOST_LOCAL_INDEXES} local secondary indexes."
        yield Finding((LOCAL, MOST_LOCAL_INDEXES), "too-many-indexes", message, at=At.OPENER)


def _projections(definition: Body) -> Iterator[Finding]:
    total = 0
    for path, index in _indexes(definition, LOCAL, GLOBAL):
        projection, where = known(index, "Projection"), (*path, "Projection")
        if projection is None:
            continue
        yield from _projection(projection, where)
        before, total = total, total + len(known(projection, "NonKeyAttributes") or ())
        if before <= MOST_PROJECTED < total:
            message = f"All `INCLUDE` projections of a table can have at most {MOST_PROJECTED} attributes together."
            yield Finding((*where, "NonKeyAttributes"), "projection", message, at=At.KEY)


def _projection(projection: Body, where: DefinitionPath) -> Iterator[Finding]:
    """Only INCLUDE has attributes, and each of them once."""
    kind = known(projection, "ProjectionType")
    if kind == "INCLUDE" and "NonKeyAttributes" not in projection:
        yield Finding(
            where, "projection", "`INCLUDE` needs `:NonKeyAttributes`.", "Add them, or write `ALL`.", At.OPENER
        )
    if kind not in {None, "INCLUDE"} and _written(projection, "NonKeyAttributes"):
        message = f"`{kind}` takes no `:NonKeyAttributes`."
        hint = 'Leave them out, or write `"INCLUDE"`.'
        yield Finding((*where, "NonKeyAttributes"), "projection", message, hint, At.KEY)
    seen: set[str] = set()
    for number, name in enumerate(known(projection, "NonKeyAttributes") or ()):
        if isinstance(name, Unknown):
            continue
        if name in seen:
            message = f"The attribute {code(quoted(name))} is here twice: DynamoDB refuses the index."
            yield Finding((*where, "NonKeyAttributes", number), "projection", message, "Write it once.")
        seen.add(name)


def _written(holder: Body, member: str) -> bool:
    """Whether a member is certainly there, valid or not."""
    return member in holder and holder[member] is not UNSURE


# --- billing ---------------------------------------------------------------------------------------------------------


def _billing(definition: Body) -> Iterator[Finding]:
    """Capacity belongs to PROVISIONED, for the table and every index; limits belong to PAY_PER_REQUEST."""
    mode = known(definition, "BillingMode")
    if "BillingMode" not in definition:
        if "ProvisionedThroughput" not in definition:
            message = "The table has neither `:BillingMode` nor `:ProvisionedThroughput`."
            hint = 'Write `:BillingMode "PAY_PER_REQUEST"`, or a `:ProvisionedThroughput`.'
            yield Finding((), "no-billing-mode", message, hint, At.OPENER)
            return
        mode = billing_mode.DEFAULT
    if mode is None:
        return
    wrong, right = "ProvisionedThroughput", "OnDemandThroughput"
    if mode == "PROVISIONED":
        wrong, right = right, wrong
    for path, holder in (((), definition), *_indexes(definition, GLOBAL)):
        if _written(holder, wrong):
            hint = f"Leave it out, or write `:{right}`."
            yield Finding((*path, wrong), "billing-mode", f"`{mode}` takes no `:{wrong}`.", hint, At.KEY)
        if mode == "PROVISIONED" and right not in holder:
            what = "every index" if path else "the table"
            hint = f"Write `:{right} {{:ReadCapacityUnits 5 :WriteCapacityUnits 5}}`."
            yield Finding(path, "missing-throughput", f"`PROVISIONED` needs a `:{right}` for {what}.", hint, At.OPENER)


def _on_demand_limits(definition: Body) -> Iterator[Finding]:
    for path, holder in (((), definition), *_indexes(definition, GLOBAL)):
        where = (*path, "OnDemandThroughput")
        limits = known(holder, "OnDemandThroughput")
        if limits == {}:
            message = "`:OnDemandThroughput` is empty."
            yield Finding(where, "empty-throughput", message, "Leave it out, or write a limit; `-1` is none.")
        for name, units in (limits or {}).items():
            if not isinstance(units, Unknown) and units < 1 and units != -1:
                message = f"`:{name}` must be at least 1, or `-1` for no limit, not `{units}`."
                yield Finding((*where, name), "out-of-range", message)


RULES: tuple[Rule, ...] = (
    _table_name,
    _one_origin,
    _table_key,
    _global_keys,
    _local_keys,
    _definitions,
    _undefined,
    _index_names,
    _local_count,
    _projections,
    _billing,
    _on_demand_limits,
)
