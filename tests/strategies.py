"""Valid definitions of every shape, and pairs that differ in one to five ways, for property tests.

A definition is drawn as traits (what a person decides), and `build` turns any traits into a definition that DynamoDB
takes: it fills in what the traits need of each other and leaves out what they forbid. So two definitions that differ in
some traits are both valid, whatever was drawn. Nothing here knows the engine or the simulator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st

Definition = dict[str, Any]
Traits = dict[str, Any]

NAME: Final = "table-1"
ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY_ID: Final = "1b2c3d4e-0000-4000-8000-000000000001"
OTHER_KEY_ID: Final = "1b2c3d4e-0000-4000-8000-000000000002"
KEYS: Final[Mapping[str, str]] = {KEY_ID: "alias/orders", OTHER_KEY_ID: "alias/users"}
"""The customer's KMS keys that definitions name: id → alias."""
STREAMS: Final = tuple(f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}" for name in ("changes", "audit"))
INDEXES: Final = ("by-a", "by-b", "by-c", "by-d")
ATTRIBUTES: Final = ("a", "b", "c", "d")
"""What indexes are keyed by, beside the table's own keys."""
ON_DEMAND: Final = "PAY_PER_REQUEST"
SCALING: Final = ("ReadCapacityAutoScalingSettings", "WriteCapacityAutoScalingSettings")
"""Auto scaling of reads, and of writes."""
FLOOR: Final = {ON_DEMAND: (12_000, 4_000)}

_UNITS = st.sampled_from([1, 2, 3, 5, 10, 13_000])
_TYPES = st.sampled_from(["S", "N", "B"])
_SWITCH = st.sampled_from([None, {"Enabled": False}, {"Enabled": True}])


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """None, which means that the file does not mention it, or a value."""
    return st.none() | strategy


# --- what a person decides -------------------------------------------------------------------------------------------

_PROJECTIONS = st.one_of(
    st.sampled_from([{"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}]),
    st.lists(st.sampled_from(["n1", "n2", "n3", "n4"]), min_size=1, max_size=3, unique=True).map(
        lambda names: {"ProjectionType": "INCLUDE", "NonKeyAttributes": names}
    ),
)
_THROUGHPUT = st.tuples(_UNITS, _UNITS)
_LIMIT = st.sampled_from([-1, 1, 10, 40_000])
_LIMITS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"MaxReadRequestUnits": _LIMIT}, optional={"MaxWriteRequestUnits": _LIMIT}),
    st.fixed_dictionaries({"MaxWriteRequestUnits": _LIMIT}),
)
_WARM = _maybe(
    st.tuples(_maybe(st.sampled_from([0, 1, 7_000])), _maybe(st.sampled_from([0, 1, 500]))).filter(lambda pair: any(
        member is not None for member in pair
    ))
)  # fmt: skip
"""How far above the least that the table can have, for reads and for writes."""
_INSIGHTS = _SWITCH | st.sampled_from(
    [{"Enabled": True, "Mode": mode} for mode in ("ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")]
)
_TRACKING = st.fixed_dictionaries(
    {"TargetValue": st.sampled_from([20, 70.0, 75.5])},
    optional={
        "ScaleInCooldown": st.sampled_from([0, 60]),
        "ScaleOutCooldown": st.sampled_from([0, 60]),
        "DisableScaleIn": st.booleans(),
    },
)
_SETTINGS = st.fixed_dictionaries(
    {
        "MinCapacity": st.sampled_from([1, 2, 5]),
        "MaxCapacity": st.sampled_from([5, 8, 40_000]),
        "TargetTrackingScalingPolicyConfiguration": _TRACKING,
    }
)
_SCALING = st.tuples(*[st.one_of(st.none(), st.none(), st.just({}), _SETTINGS, _SETTINGS)] * 2)
"""Of reads, and of writes."""


@st.composite
def _index_keys(draw: st.DrawFn) -> list[tuple[str, str]]:
    """A key of a global index, with one attribute as a rule and several of each kind at times."""
    names = draw(st.lists(st.sampled_from([*ATTRIBUTES, "sk"]), min_size=1, max_size=5, unique=True))
    few = draw(st.sampled_from([True, True, True, False]))
    hashes = 1 if few else draw(st.integers(1, min(len(names), 4)))
    most = hashes + (1 if few else 4)
    return [(name, "HASH" if place < hashes else "RANGE") for place, name in enumerate(names[:most])]


_GLOBAL = st.fixed_dictionaries(
    {
        "keys": _index_keys(),
        "projection": _PROJECTIONS,
        "throughput": _THROUGHPUT,
        "limits": _LIMITS,
        "warm": _WARM,
        "insights": _INSIGHTS,
        "scaling": _SCALING,
    }
)
_LOCAL = st.fixed_dictionaries({"range": st.sampled_from(["a", "b", "t"]), "projection": _PROJECTIONS})
_TAG = st.text("abcxyz ABC019+-=._:/@é", min_size=0, max_size=6)
_SOME_TAGS = st.dictionaries(st.sampled_from(["team", "cost", "a b", "é", "x:y"]), _TAG, max_size=5)
_MANY_TAGS = st.integers(0, 3).map(lambda start: {f"tag-{n:02}": "v" for n in range(start, start + 50)})
_STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.just("Allow"),
        "Principal": st.sampled_from([{"AWS": ACCOUNT}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}, "*"]),
        "Action": st.sampled_from(["dynamodb:GetItem", ["dynamodb:GetItem"], ["dynamodb:Query", "dynamodb:GetItem"]]),
        "Resource": st.just("*"),
    },
    optional={"Sid": st.sampled_from(["a", "b"])},
)
_POLICY = st.fixed_dictionaries(
    {"Statement": st.lists(_STATEMENT, min_size=1, max_size=2)}, optional={"Version": st.just("2012-10-17")}
)
_CLASSES = ["STANDARD", "STANDARD_INFREQUENT_ACCESS"]
_REPLICA = st.fixed_dictionaries({}, optional={"TableClassOverride": st.sampled_from(_CLASSES)})

TRAITS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "hash": st.sampled_from(["pk", "pk", "pk", "id"]),
    "range": st.sampled_from([None, "sk", "sk", "at"]),
    "key types": st.fixed_dictionaries({"pk": _TYPES, "id": _TYPES, "sk": _TYPES, "at": _TYPES, "t": _TYPES}),
    "types": st.fixed_dictionaries(dict.fromkeys(ATTRIBUTES, _TYPES)),
    "order": st.integers(0, 5),
    "locals": _maybe(st.dictionaries(st.sampled_from(["local-a", "local-b", "by-d"]), _LOCAL, max_size=2)),
    "globals": st.one_of(
        st.none(),
        st.just({}),
        *(st.dictionaries(st.sampled_from(INDEXES), _GLOBAL, min_size=least, max_size=4) for least in (1, 2, 3)),
    ),
    "billing": st.sampled_from([ON_DEMAND, ON_DEMAND, "PROVISIONED", None]),
    "throughput": _THROUGHPUT,
    "scaling": _SCALING,
    "limits": _LIMITS,
    "warm": _WARM,
    "stream": st.sampled_from(
        [
            None,
            {"StreamEnabled": False},
            *({"StreamEnabled": True, "StreamViewType": view} for view in ("KEYS_ONLY", "NEW_IMAGE")),
            {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        ]
    ),
    "encryption": st.sampled_from([None, "off", "on", "on by KMS", KEY_ID, OTHER_KEY_ID, *KEYS.values(), "ARN"]),
    "class": st.sampled_from([None, *_CLASSES]),
    "protection": st.sampled_from([None, False, True, True]),
    "tags": st.one_of(st.none(), _SOME_TAGS, _SOME_TAGS, _MANY_TAGS),
    "expiry": st.sampled_from([None, "off", "off by name", "expires", "until"]),
    "recovery": st.sampled_from([None, "off", "on", 1, 7, 35]),
    "insights": _INSIGHTS,
    "policy": st.one_of(st.none(), st.just({}), _POLICY, _POLICY),
    "kinesis": st.one_of(
        st.none(),
        st.just({}),
        st.tuples(st.sampled_from(STREAMS), st.sampled_from([None, "MILLISECOND", "MICROSECOND"])),
    ),
    "replicas": st.one_of(
        st.none(),
        st.none(),
        st.dictionaries(st.sampled_from(["eu-central-1", "us-east-1", REGION]), _REPLICA, max_size=2),
    ),
}


def definitions() -> st.SearchStrategy[Definition]:
    """A valid definition."""
    return st.fixed_dictionaries(dict(TRAITS)).map(build)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Definition, Definition]:
    """Two valid definitions of one table that differ in one to five traits; now and then in all."""
    count = draw(st.integers(1, 5))
    changed = draw(st.lists(st.sampled_from(sorted(TRAITS)), min_size=count, max_size=count, unique=True))
    first = draw(st.fixed_dictionaries(dict(TRAITS)))
    others = {name: draw(_changed(first, name)) for name in changed}
    return build(first), build(first | others)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[Definition, Definition]:
    """One table in two spellings: other orders, and what a new table has by itself left out or written."""
    traits = draw(st.fixed_dictionaries(dict(TRAITS)))
    return build(traits), spelt_out(build(traits | {"order": traits["order"] + 2}))


def _changed(traits: Traits, name: str) -> st.SearchStrategy[Any]:
    """Another value of a trait; of several indexes often only one changes."""
    live = traits[name]
    if name in {"globals", "locals"} and live:
        return (TRAITS[name] | _in_one_index(live, name)).filter(lambda new: new != live)
    return TRAITS[name].filter(lambda new: new != live)


def _in_one_index(live: Mapping[str, Any], name: str) -> st.SearchStrategy[Any]:
    """One index is another, changes in one member, or is gone."""
    another = _GLOBAL if name == "globals" else _LOCAL
    return st.sampled_from(sorted(live)).flatmap(
        lambda index: st.one_of(
            another.map(lambda new: {**live, index: new}),
            _in_one_member(live, index) if name == "globals" else st.nothing(),
            st.just({other: value for other, value in live.items() if other != index}),
        )
    )


def _in_one_member(live: Mapping[str, Any], index: str) -> st.SearchStrategy[Any]:
    """One member of one index changes."""
    members = {
        "throughput": _THROUGHPUT,
        "limits": _LIMITS,
        "warm": _WARM,
        "insights": _INSIGHTS,
        "scaling": _SCALING,
    }
    return st.sampled_from(sorted(members)).flatmap(
        lambda member: members[member].map(lambda new: {**live, index: {**live[index], member: new}})
    )


# --- traits become a definition --------------------------------------------------------------------------------------


def build(traits: Traits) -> Definition:
    """The definition that some traits ask for."""
    key = [(traits["hash"], "HASH")] + ([(traits["range"], "RANGE")] if traits["range"] else [])
    mode = traits["billing"]
    definition: Definition = {
        "TableName": NAME,
        "KeySchema": _key_schema(key),
        **({"BillingMode": mode} if mode else {}),
        **_capacity(traits, mode),
        **_scaling(traits, mode),
        **_locals(traits),
        **_globals(traits, mode),
        **{name: value for name, value in _settings(traits) if value is not None},
    }
    types = {**traits["key types"], **traits["types"]}
    used = dict.fromkeys(element["AttributeName"] for holder in _holders(definition) for element in holder["KeySchema"])
    defined = [{"AttributeName": name, "AttributeType": types[name]} for name in used]
    return definition | {"AttributeDefinitions": _rotated(defined, traits["order"])}


def spelt_out(definition: Definition) -> Definition:
    """The same table in other words: lists without an order turned around, all that is left out written."""
    initial = {
        name: value
        for name, value in INITIAL.items()
        if not (name == "StreamSpecification" and "Replicas" in definition)
    }
    mode = {} if definition.get("BillingMode") else {"BillingMode": "PROVISIONED"}
    other = initial | mode | definition
    for name in _UNORDERED:
        other[name] = other[name][::-1]
    for index in _holders(other)[1:]:
        if "NonKeyAttributes" in index["Projection"]:
            index["Projection"]["NonKeyAttributes"] = index["Projection"]["NonKeyAttributes"][::-1]
    return other


INITIAL: Final[Mapping[str, Any]] = {
    "LocalSecondaryIndexes": [],
    "GlobalSecondaryIndexes": [],
    "StreamSpecification": {"StreamEnabled": False},
    "SSESpecification": {"Enabled": False},
    "TableClass": "STANDARD",
    "DeletionProtectionEnabled": False,
    "Tags": [],
    "TimeToLiveSpecification": {"Enabled": False},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
    "ContributorInsightsSpecification": {"Enabled": False},
    "ResourcePolicy": {},
    "KinesisStreamSpecification": {},
    "Replicas": [],
    "ReadCapacityAutoScalingSettings": {},
    "WriteCapacityAutoScalingSettings": {},
}
"""What a table has that was made without a word about it."""
_UNORDERED = ("AttributeDefinitions", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "Tags", "Replicas")


def _holders(definition: Definition) -> list[Definition]:
    """The table and its indexes."""
    return [
        definition,
        *definition.get("LocalSecondaryIndexes", []),
        *definition.get("GlobalSecondaryIndexes", []),
    ]


def _key_schema(key: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in key]


def _rotated(entries: list[Any], by: int) -> list[Any]:
    by = by % len(entries) if entries else 0
    return entries[by:] + entries[:by]


def _capacity(holder: Mapping[str, Any], mode: str | None) -> Definition:
    """Provisioned units, or limits, and warm throughput that such a table or index can have."""
    read, write = holder["throughput"]
    given: Definition = {}
    if mode != ON_DEMAND:
        given["ProvisionedThroughput"] = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    elif holder["limits"]:
        given["OnDemandThroughput"] = dict(holder["limits"])
    if holder["warm"]:
        least = FLOOR.get(mode or "") or _started(holder)
        members = zip(("ReadUnitsPerSecond", "WriteUnitsPerSecond"), least, holder["warm"], strict=True)
        given["WarmThroughput"] = {name: floor + more for name, floor, more in members if more is not None}
    return given


def _started(holder: Mapping[str, Any]) -> list[int]:
    """The capacity that a table or an index begins with: inside the bounds of its auto scaling."""
    bounds = [scaling or {"MinCapacity": 1, "MaxCapacity": 40_000} for scaling in holder["scaling"]]
    pairs = zip(holder["throughput"], bounds, strict=True)
    return [min(max(units, bound["MinCapacity"]), bound["MaxCapacity"]) for units, bound in pairs]


def _scaling(holder: Mapping[str, Any], mode: str | None) -> Definition:
    """Auto scaling; on demand there is none, which the file may say."""
    wanted = zip(SCALING, holder["scaling"], strict=True)
    return {name: value for name, value in wanted if value is not None and (mode != ON_DEMAND or value == {})}


def _locals(traits: Traits) -> Definition:
    if traits["locals"] is None:
        return {}
    made = [
        {
            "IndexName": name,
            "KeySchema": _key_schema([(traits["hash"], "HASH"), (local["range"], "RANGE")]),
            "Projection": dict(local["projection"]),
        }
        for name, local in traits["locals"].items()
        if traits["range"] and not (traits["globals"] and name in traits["globals"])
    ]
    return {"LocalSecondaryIndexes": _rotated(made, traits["order"])}


def _globals(traits: Traits, mode: str | None) -> Definition:
    if traits["globals"] is None:
        return {}
    made = [
        {
            "IndexName": name,
            "KeySchema": _key_schema(index["keys"]),
            "Projection": dict(index["projection"]),
            **_capacity(index, mode),
            **_scaling(index, mode),
            **({"ContributorInsightsSpecification": index["insights"]} if index["insights"] else {}),
        }
        for name, index in traits["globals"].items()
    ]
    return {"GlobalSecondaryIndexes": _rotated(made, traits["order"])}


def _settings(traits: Traits) -> Iterator[tuple[str, Any]]:
    """The settings with a life of their own; None where the file does not mention one."""
    tags, kinesis = traits["tags"], traits["kinesis"]
    yield "StreamSpecification", _stream(traits)
    yield "SSESpecification", _encryption(traits["encryption"])
    yield "TableClass", traits["class"]
    yield "DeletionProtectionEnabled", traits["protection"]
    yield "Tags", None if tags is None else [{"Key": key, "Value": value} for key, value in tags.items()]
    yield "TimeToLiveSpecification", _expiry(traits["expiry"])
    yield "PointInTimeRecoverySpecification", _recovery(traits["recovery"])
    yield "ContributorInsightsSpecification", traits["insights"]
    yield (
        "ResourcePolicy",
        json.dumps(traits["policy"]) if traits["policy"] and traits["order"] % 2 else traits["policy"],
    )
    yield "KinesisStreamSpecification", _destination(*kinesis) if kinesis else kinesis
    yield "Replicas", _replicas(traits)


def _stream(traits: Traits) -> Definition | None:
    """The stream of a table with replicas cannot be off, and is no other than what they turn on."""
    stream: Definition | None = traits["stream"]
    return None if traits["replicas"] and stream and not stream["StreamEnabled"] else stream


def _encryption(wanted: str | None) -> Definition | None:
    if wanted is None:
        return None
    if wanted in {"off", "on"}:
        return {"Enabled": wanted == "on"}
    named = {"on by KMS": None, "ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"}.get(wanted, wanted)
    return {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": named} if named else {})}


def _expiry(wanted: str | None) -> Definition | None:
    if wanted is None or wanted == "off":
        return wanted and {"Enabled": False}  # type: ignore[return-value]  # None stays None
    if wanted == "off by name":
        return {"Enabled": False, "AttributeName": "expires"}
    return {"Enabled": True, "AttributeName": wanted}


def _recovery(wanted: str | int | None) -> Definition | None:
    if wanted is None:
        return None
    period = {"RecoveryPeriodInDays": wanted} if isinstance(wanted, int) else {}
    return {"PointInTimeRecoveryEnabled": wanted != "off", **period}


def _destination(stream: str, precision: str | None) -> Definition:
    chosen = {"ApproximateCreationDateTimePrecision": precision} if precision else {}
    return {"StreamArn": stream, **chosen}


def _replicas(traits: Traits) -> list[Definition] | None:
    """Each with a key of its region where the table has a key of its own."""
    replicas = traits["replicas"]
    if replicas is None:
        return None
    own = (_encryption(traits["encryption"]) or {}).get("KMSMasterKeyId")
    made = (
        {
            "RegionName": region,
            **replica,
            **({"KMSMasterKeyId": f"arn:aws:kms:{region}:{ACCOUNT}:key/{KEY_ID}"} if own else {}),
        }
        for region, replica in replicas.items()
    )
    return list(made)
