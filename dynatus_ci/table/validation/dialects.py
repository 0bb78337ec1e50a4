"""The names that other tools use, and their names in a definition.

Only hints come from here. Whether a definition is valid is decided by `shapes` and `rules`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dynatus_ci.table.model import Value
from dynatus_ci.table.validation.value_types import OtherKey, is_text
from dynatus_ci.text import code, quoted, shorten

SHORTEST_BEGINNING = 3
"""The fewest letters of a key that is the beginning of a member: TimeToLive for TimeToLiveSpecification."""
NEAR = 0.75
"""How alike a misspelt key and a member must be, for difflib."""
LONGEST_NAME = 64
"""Characters of a name that are compared."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What to write for a key of another tool.

    Args:
        members: The members that it may mean. Terraform's `name` is TableName, IndexName or AttributeName.
        instead: What to write if the value has another shape here, as part of a sentence.
        left_out: Set if a definition has nothing like it: the reason, which may be empty.
    """

    members: tuple[str, ...] = ()
    instead: str | None = None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one tool writes a table.

    Args:
        title: Its name in a sentence.
        marks: Names that only this tool has.
        names: Name → what it means here. Only letters are compared: hash_key, hashKey and hash-key are the same.
    """

    title: str
    marks: frozenset[str]
    names: Mapping[str, Meant] = field(default_factory=dict)


# --- dialects --------------------------------------------------------------------------------------------------------


def _is(*members: str) -> Meant:
    return Meant(members)


def _scaled(kind: str) -> Meant:
    name, policy = f"{kind}CapacityAutoScalingSettings", "TargetTrackingScalingPolicyConfiguration {:TargetValue 70.0}"
    return Meant((name,), f"`:{name} {{:MinCapacity 5 :MaxCapacity 100 :{policy}}}`")


_HASH_KEY = Meant(("KeySchema",), '`:KeySchema [{:AttributeName "…" :KeyType "HASH"}]`')
_RANGE_KEY = Meant(("KeySchema",), 'a member of `:KeySchema`: `{:AttributeName "…" :KeyType "RANGE"}`')
_CAPACITY = Meant(("ProvisionedThroughput",), "`:ProvisionedThroughput {:ReadCapacityUnits 5 :WriteCapacityUnits 5}`")
_LIMITS = Meant(("OnDemandThroughput",), "`:OnDemandThroughput {:MaxReadRequestUnits 100 :MaxWriteRequestUnits 100}`")
_STREAM = Meant(
    ("StreamSpecification",), '`:StreamSpecification {:StreamEnabled true :StreamViewType "NEW_AND_OLD_IMAGES"}`'
)
_PROJECTION = Meant(("Projection",), '`:Projection {:ProjectionType "ALL"}`')
_NAME = _is("TableName", "IndexName", "AttributeName")
_NOTHING = Meant(left_out="")

CLOUDFORMATION = Dialect(
    "CloudFormation",
    marks=frozenset({"awstemplateformatversion", "resources", "properties", "awsdynamodbglobaltable", "deletionpolicy",
                     "sseenabled", "fnsub", "fngetatt", "fnjoin", "ref"}),
    names={
        "sseenabled": _is("Enabled"),
        "region": _is("RegionName"),
        "writeprovisionedthroughputsettings": _scaled("Write"),
        "readprovisionedthroughputsettings": _scaled("Read"),
        "writeondemandthroughputsettings": _LIMITS,
        "readondemandthroughputsettings": _LIMITS,
        "importsourcespecification": Meant(left_out="a definition imports no data from S3"),
        "deletionpolicy": Meant(left_out="a table whose file is gone is not deleted"),
        "updatereplacepolicy": _NOTHING,
        "dependson": _NOTHING,
    },
)  # fmt: skip
TERRAFORM = Dialect(
    "Terraform",
    marks=frozenset({"hashkey", "rangekey", "readcapacity", "writecapacity", "attribute", "globalsecondaryindex",
                     "localsecondaryindex", "serversideencryption", "resource", "terraform"}),
    names={
        "name": _NAME,
        "type": _is("AttributeType"),
        "hashkey": _HASH_KEY,
        "rangekey": _RANGE_KEY,
        "readcapacity": _CAPACITY,
        "writecapacity": _CAPACITY,
        "attribute": _is("AttributeDefinitions"),
        "globalsecondaryindex": _is("GlobalSecondaryIndexes"),
        "localsecondaryindex": _is("LocalSecondaryIndexes"),
        "projectiontype": _PROJECTION,
        "nonkeyattributes": _PROJECTION,
        "ttl": _is("TimeToLiveSpecification"),
        "pointintimerecovery": _is("PointInTimeRecoverySpecification"),
        "enabled": _is("PointInTimeRecoveryEnabled", "StreamEnabled"),
        "serversideencryption": _is("SSESpecification"),
        "kmskeyarn": _is("KMSMasterKeyId"),
        "streamenabled": _STREAM,
        "streamviewtype": _STREAM,
        "replica": _is("Replicas"),
        "key": _is("Key", "AttributeName"),
        "lifecycle": _NOTHING,
    },
)  # fmt: skip
FARADAY = Dialect(
    "Faraday",
    marks=frozenset({"throughput", "gsindexes", "lsindexes", "hashkeydef", "rangekeydef"}),
    names={
        "throughput": _is("ProvisionedThroughput"),
        "read": _is("ReadCapacityUnits"),
        "write": _is("WriteCapacityUnits"),
        "hashkeydef": _HASH_KEY,
        "rangekeydef": _RANGE_KEY,
        "gsindexes": _is("GlobalSecondaryIndexes"),
        "lsindexes": _is("LocalSecondaryIndexes"),
        "name": _NAME,
        "block": Meant(left_out="apply always waits"),
    },
)
KUBERNETES = Dialect(
    "Kubernetes",
    marks=frozenset({"apiversion", "kind", "metadata", "spec", "forprovider"}),
    names={
        "continuousbackups": _is("PointInTimeRecoverySpecification"),
        "tablereplicas": _is("Replicas"),
        "name": _NAME,
        "type": _is("AttributeType"),
    },
)
WORKBENCH = Dialect(
    "NoSQL Workbench",
    marks=frozenset({"modelname", "modelmetadata", "datamodel", "keyattributes", "partitionkey", "tabledata"}),
    names={
        "keyattributes": _HASH_KEY,
        "partitionkey": _HASH_KEY,
        "sortkey": _RANGE_KEY,
        "nonkeyattributes": Meant(left_out="only key attributes are defined"),
        "tabledata": Meant(left_out="a definition holds no items"),
        "tablefacets": _NOTHING,
        "dataaccess": _NOTHING,
    },
)
AWS_CLI = Dialect(
    "the AWS CLI",
    marks=frozenset({"globalsecondaryindexupdates", "replicaupdates", "tabledescription"}),
    names={
        "globalsecondaryindexupdates": Meant(
            ("GlobalSecondaryIndexes",), "all indexes of the table, in `:GlobalSecondaryIndexes`"
        ),
        "replicaupdates": Meant(("Replicas",), "all replicas of the table, in `:Replicas`"),
        "tabletags": _is("Tags"),
    },
)
DIALECTS: Sequence[Dialect] = (CLOUDFORMATION, TERRAFORM, FARADAY, KUBERNETES, WORKBENCH, AWS_CLI)
"""Amazonica needs no entry: its names are AWS's in kebab-case, which have the same letters."""

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("ONDEMAND", "PAYPERREQUEST", "PERREQUEST"), "PAY_PER_REQUEST"),
    **dict.fromkeys(("PARTITION", "PARTITIONKEY", "HASHKEY"), "HASH"),
    **dict.fromkeys(("SORT", "SORTKEY", "RANGEKEY"), "RANGE"),
    **dict.fromkeys(("STRING", "STR", "TEXT", "UUID"), "S"),
    **dict.fromkeys(("NUMBER", "NUM", "INT", "INTEGER", "LONG", "FLOAT", "DOUBLE"), "N"),
    **dict.fromkeys(("BINARY", "BYTES", "BLOB"), "B"),
    **dict.fromkeys(("STANDARDIA", "IA", "INFREQUENTACCESS"), "STANDARD_INFREQUENT_ACCESS"),
    **dict.fromkeys(("NEWANDOLD", "OLDANDNEW", "OLDANDNEWIMAGES", "BOTH"), "NEW_AND_OLD_IMAGES"),
    **dict.fromkeys(("NEW",), "NEW_IMAGE"),
    **dict.fromkeys(("OLD",), "OLD_IMAGE"),
    **dict.fromkeys(("KEYS", "KEYSONLY"), "KEYS_ONLY"),
}
"""The letters of a word that other tools or people write → AWS's word."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A map around the table's own map, in a pasted file of another tool.

    Args:
        keys: The letters of the keys that it has.
        code: The finding's code.
        message: What was pasted.
        hint: The part of it to write.
        inner: The key whose map is the table, if there is one.
    """

    keys: tuple[str, ...]
    code: str
    message: str
    hint: str
    inner: str | None = None


WRAPPERS: Sequence[Wrapper] = (
    Wrapper(
        ("op", "request"), "request-wrapper", "This is a request of aws-api, not a table.",
        "Write only the map under `:request`.", "request",
    ),
    *(
        Wrapper(
            (key,), "pasted-answer", "This is the output of `DescribeTable`, not a definition.",
            "Write only the map under it, without what DynamoDB adds.", key,
        )
        for key in ("table", "tabledescription")
    ),
    Wrapper(
        ("type", "properties"), "other-format", "This is a resource of CloudFormation, not a table.",
        "Write only the map under `Properties`.", "properties",
    ),
    Wrapper(
        ("resources",), "other-format", "This is a template of CloudFormation, not a table.",
        "Write the `Properties` of each table as a map of its own. `dynatus import` writes tables that exist.",
    ),
    Wrapper(
        ("apiversion", "spec"), "other-format", "This is a resource of Kubernetes, not a table.",
        "Write only the map under `spec`.", "spec",
    ),
    Wrapper(
        ("datamodel",), "other-format", "This is a model of NoSQL Workbench, not a table.",
        "Write a map for each table in `DataModel`.",
    ),
    Wrapper(
        ("resource",), "other-format", "This is a configuration of Terraform, not a table.",
        "Write a map for each `aws_dynamodb_table`.",
    ),
    *(
        Wrapper(
            (key,), "several-tables", "This is a map around tables, not a table.",
            "Write one map for each table, in a vector or in files of their own.",
        )
        for key in ("tables", "dynamodb", "dynamodbtables")
    ),
)  # fmt: skip

NAMED_RESOURCE = Wrapper(
    (), "other-format", "This is a resource of CloudFormation under its logical name, not a table.",
    "Write only the map under its `Properties`.",
)  # fmt: skip


# --- lookups ---------------------------------------------------------------------------------------------------------


def letters(name: str) -> str:
    """A name without what differs between its spellings key-schema, key_schema, keySchema and KeySchema."""
    return re.sub(r"[^a-z0-9]", "", name[:LONGEST_NAME].lower())


def key_text(key: Value) -> str | None:
    """The text of a key that is a keyword or a string."""
    text = key.text if isinstance(key, OtherKey) else key
    return text if isinstance(text, str) else None


def recognised(names: Iterable[str]) -> Dialect | None:
    """The dialect that has the most marks among the names."""
    written = {letters(name) for name in names}
    best = max(DIALECTS, key=lambda dialect: len(dialect.marks & written))
    return best if best.marks & written else None


class Reading(NamedTuple):
    """What a key was meant as: the member, if there is one, a hint, and whether the value has the member's shape."""

    member: str | None
    hint: str | None
    same_shape: bool = True


def read_key(key: Value, members: Iterable[str], own: Dialect | None) -> Reading:
    """What an unknown key of a map with these members was meant as. The file's own dialect comes first."""
    text = key_text(key)
    if text is None:
        return Reading(None, None)
    name, folded = letters(text.rpartition("/")[2]), {letters(member): member for member in members}
    if name in folded:
        return Reading(folded[name], f"Write `:{folded[name]}`.")
    for dialect in (*((own,) if own else ()), *DIALECTS):
        meant = dialect.names.get(name)
        reading = _reading(meant, set(folded.values()), f"{own.title}'s" if dialect is own else None) if meant else None
        if reading:
            return reading
    begun = [other for other in folded if other.startswith(name)] if len(name) >= SHORTEST_BEGINNING else []
    near = begun if len(begun) == 1 else difflib.get_close_matches(name, folded, n=1, cutoff=NEAR)
    return Reading(folded[near[0]], f"Did you mean `:{folded[near[0]]}`?") if near else Reading(None, None)


def _reading(meant: Meant, members: set[str], whose: str | None) -> Reading | None:
    """What a name of a dialect means in a map with these members; None if it means nothing there."""
    member = next((member for member in meant.members if member in members), None)
    if meant.members and member is None:
        return None
    if meant.left_out is not None:
        return Reading(None, f"Leave it out: {meant.left_out}." if meant.left_out else "Leave it out.")
    write = meant.instead or f"`:{member}`"
    hint = f"It is {whose}; write {write}." if whose else f"Write {write}."
    return Reading(member, hint, same_shape=meant.instead is None)


def word(text: str, words: Sequence[str]) -> str | None:
    """The word of AWS that was meant: another tool's word for it, or the most similar one."""
    folded = text[:LONGEST_NAME].upper().replace("-", "_")
    known = WORDS.get(re.sub(r"[^A-Z]", "", folded.rpartition(".")[2]))
    if known in words:
        return known
    near = difflib.get_close_matches(folded, words, n=1)
    return near[0] if near else None


def wrapper(value: Mapping[Any, Any]) -> tuple[Wrapper, Any] | None:
    """The wrapper that a map is, and its key to name in the message; None if the map may be a table."""
    if "TableName" in value:  # as almost always
        return None
    keys = _by_letters(value)
    if "tablename" in keys:
        return None
    for known in WRAPPERS:
        shown_key = keys.get(known.inner or known.keys[0])
        if all(key in keys for key in known.keys) and _holds(value[shown_key], known):
            return known, shown_key
    named = (key for key, inner in value.items() if isinstance(inner, Mapping) and _is_resource(inner))
    return next(((NAMED_RESOURCE, key) for key in named), None)


def _by_letters(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {letters(text): key for key in value if (text := key_text(key)) is not None}


def _is_resource(value: Mapping[Any, Any]) -> bool:
    return {"type", "properties"} <= _by_letters(value).keys()


def _holds(inner: Value, known: Wrapper) -> bool:
    return isinstance(inner, Mapping) or (known.inner is None and isinstance(inner, list))


def function(value: Value) -> str | None:
    """The function of CloudFormation that a map is, such as {"Ref" "Stage"}."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    name = key_text(next(iter(value)))
    return name if name and (name == "Ref" or name.startswith(("Fn::", "Fn/"))) else None


def function_hint(value: Mapping[Any, Any]) -> str:
    """What to write instead of a function of CloudFormation."""
    name, (argument,) = function(value), value.values()
    if name == "Fn::If":
        return "Write `#profile {:prod … :default …}`."
    if name == "Ref" and is_text(argument) and _PLAIN.fullmatch(argument):
        return f"Write `#param {argument}`, or the value itself."
    text = argument[0] if isinstance(argument, list) and argument else argument
    return (is_text(text) and placeholder_hint(text)) or "Write the value itself, or `#join` with `#param`."


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")
_PLACEHOLDER = re.compile(r"\$\{([^{}\n]*)\}|\{\{([^{}\n]*)\}\}")


def placeholder_hint(text: str) -> str | None:
    """What to write instead of a text that another tool would fill in, such as "${Stage}-users"."""
    if not _PLACEHOLDER.search(text[: LONGEST_NAME * 4]):
        return None
    parts: list[str] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text[: LONGEST_NAME * 4]):
        between = text[end : match.start()]
        name = re.split(r"[.:]", match[1] if match[1] is not None else match[2])[-1].strip()
        parts += [
            *([quoted(between)] if between else []),
            f"#param {name}" if _PLAIN.fullmatch(name) else "#param name",
        ]
        end = match.end()
    rest = [quoted(text[end:])] if text[end:] else []
    join = f"#join [{' '.join([*parts, *rest])}]"
    return f"Dynatus does not fill in {code(shorten(match[0]))}. Write {code(join)}."
