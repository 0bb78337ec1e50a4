"""The members that a definition may have, held to the service model that botocore ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from dynatus_ci.table import unmanaged
from dynatus_ci.table.aspects import ASPECTS, indexes, targets
from dynatus_ci.table.aspects.insights import Insights
from dynatus_ci.table.aspects.replicas import REPLICA
from dynatus_ci.table.validation import members, shapes

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape


@pytest.fixture(scope="module")
def dynamodb() -> ServiceModel:
    return botocore.session.get_session().get_service_model("dynamodb")


NOT_OF_CREATE_TABLE = {
    "TimeToLiveSpecification": "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification": "PointInTimeRecoverySpecification",
    "ContributorInsightsSpecification": None,
    "KinesisStreamSpecification": None,
    "Replicas": None,
    "ReadCapacityAutoScalingSettings": None,
    "WriteCapacityAutoScalingSettings": None,
    "CopyFrom": None,
    "RestoreFrom": None,
    "KeepItems": None,
}
"""What CreateTable lacks, by CloudFormation's name if it has one, and the shape of the model with the same members."""

STRICTER = {
    ("SSESpecification",): "an SSESpecification without Enabled says nothing",
    ("Projection",): "DynamoDB refuses a projection without its type",
    ("TimeToLiveSpecification",): "expiry that is off needs no attribute; one that is on does, which is a rule",
    ("KMSMasterKeyId",): "an empty key is none",
    ("RegionName",): "an empty region is none",
    ("OnDemandThroughputOverride",): "an override without its one member says nothing",
    ("ProvisionedThroughputOverride",): "an override without its one member says nothing",
    ("ReadUnitsPerSecond",): "no table has less than one",
    ("WriteUnitsPerSecond",): "no table has less than one",
    ("ResourcePolicy",): "a text in the model, and JSON in fact",
}
"""By the last step of the path: where our shape is stricter or looser than the model, and why."""


def differences(ours: shapes.Shape, theirs: Shape, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """How a shape of ours differs from one of the model, at any depth."""
    if isinstance(ours, shapes.Structure):
        yield from structure_differences(ours, theirs, path)
    elif isinstance(ours, shapes.Sequence):
        if theirs.type_name != "list":
            yield path, f"is a {theirs.type_name}"
            return
        limits = theirs.metadata
        if (ours.least, ours.most) != (limits.get("min", 0), limits.get("max")):
            yield path, "has other limits"
        yield from differences(ours.item, theirs.member, path)  # type: ignore[attr-defined]  # a list has a member
    else:
        yield from scalar_differences(ours, theirs, path)


def structure_differences(
    ours: shapes.Structure, theirs: Shape, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    wanted: Mapping[str, Shape] = getattr(theirs, "members", {})
    required = set(getattr(theirs, "required_members", ()))
    if set(ours.required) != required:
        yield path, f"requires {sorted(required)}"
    for name in wanted.keys() ^ ours.members.keys():
        yield (*path, name), "is only on one side"
    for name in wanted.keys() & ours.members.keys():
        yield from differences(ours.members[name], wanted[name], (*path, name))


def scalar_differences(
    ours: shapes.Shape, theirs: Shape, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    kinds = {"string": (shapes.Text, shapes.Choice), "boolean": (shapes.Flag,)}
    if not isinstance(ours, kinds.get(theirs.type_name, (shapes.Whole,))):
        yield path, f"is a {theirs.type_name}"
        return
    limits = theirs.metadata
    if isinstance(ours, shapes.Choice) and list(ours.words) != limits.get("enum"):
        yield path, f"has the words {limits.get('enum')}"
    default = (-(2**63), 2**63 - 1) if isinstance(ours, shapes.Whole) else (0, None)
    wanted = (limits.get("min", default[0]), limits.get("max", default[1]), limits.get("pattern"))
    if isinstance(ours, shapes.Whole | shapes.Text) and wanted != (
        ours.least,
        ours.most,
        getattr(ours, "pattern", None),
    ):
        yield path, "has other limits"


def unexplained(ours: shapes.Shape, theirs: Shape, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    return [(where, why) for where, why in differences(ours, theirs, path) if where[-1:] not in STRICTER]


def test_every_member_of_create_table_is_managed_or_refused_by_name(dynamodb: ServiceModel) -> None:
    offered = set(dynamodb.shape_for("CreateTableInput").members)  # type: ignore[attr-defined]  # a structure
    managed = set(members.TABLE.members) - NOT_OF_CREATE_TABLE.keys()
    refused = offered & shapes.UNMANAGED.keys()
    assert managed | refused == offered
    assert not managed & refused


def test_the_shapes_of_create_table_are_the_models(dynamodb: ServiceModel) -> None:
    model: Any = dynamodb.shape_for("CreateTableInput")
    found = []
    for name, ours in members.TABLE.members.items():
        if name in model.members:
            found += unexplained(ours, model.members[name], (name,))
    apart = {"ContributorInsightsSpecification", *targets.UNITS}
    assert set(found) == {(("GlobalSecondaryIndexes", name), "is only on one side") for name in apart}


@pytest.mark.parametrize("member", [name for name, shape in NOT_OF_CREATE_TABLE.items() if shape])
def test_the_shapes_of_other_calls_are_the_models(dynamodb: ServiceModel, member: str) -> None:
    assert unexplained(members.TABLE.members[member], dynamodb.shape_for(member), (member,)) == []


def test_a_replica_is_what_update_table_creates(dynamodb: ServiceModel) -> None:
    assert unexplained(REPLICA, dynamodb.shape_for("CreateReplicationGroupMemberAction")) == []


def test_a_kinesis_destination_is_what_the_call_takes(dynamodb: ServiceModel) -> None:
    ours = members.TABLE.members["KinesisStreamSpecification"]
    assert isinstance(ours, shapes.Structure)
    call: Any = dynamodb.shape_for("KinesisStreamingDestinationInput")
    options: Any = call.members["EnableKinesisStreamingConfiguration"]
    theirs = {"StreamArn": call.members["StreamArn"], **options.members}
    assert ours.members.keys() == theirs.keys()
    assert [found for name, shape in ours.members.items() for found in unexplained(shape, theirs[name], (name,))] == []


def test_the_modes_of_insights_are_the_calls(dynamodb: ServiceModel) -> None:
    mode = Insights.shape.members["Mode"]
    assert isinstance(mode, shapes.Choice)
    assert list(mode.words) == dynamodb.shape_for("ContributorInsightsMode").metadata["enum"]


def test_auto_scaling_is_what_its_calls_take() -> None:
    model: Any = botocore.session.get_session().get_service_model("application-autoscaling")
    ours: Any = members.TABLE.members["WriteCapacityAutoScalingSettings"]
    bounds = ours.members.keys() - {targets.TRACKING}
    policy = model.shape_for(targets.TRACKING)
    metrics = {name for name in policy.members if name.endswith("MetricSpecification")}
    assert bounds < model.shape_for("RegisterScalableTargetRequest").members.keys()
    assert ours.members[targets.TRACKING].members.keys() == policy.members.keys() - metrics
    assert list(ours.members[targets.TRACKING].required) == policy.required_members


def test_what_only_answers_have_is_in_no_request(dynamodb: ServiceModel) -> None:
    described: set[str] = set()
    for name in ("TableDescription", "GlobalSecondaryIndexDescription", "LocalSecondaryIndexDescription"):
        described |= set(dynamodb.shape_for(name).members)  # type: ignore[attr-defined]  # a structure
    for name in ("ProvisionedThroughputDescription", "TableWarmThroughputDescription", "ReplicaDescription"):
        described |= set(dynamodb.shape_for(name).members)  # type: ignore[attr-defined]  # a structure
    sidecars = {"TimeToLiveDescription"}
    assert not shapes.ANSWERED.keys() & (members.TABLE.members.keys() | REPLICA.members.keys())
    of_a_definition = {*members.TABLE.members, *indexes.INDEX.members, *REPLICA.members, *shapes.UNMANAGED}
    inside_throughputs = {"ReadCapacityUnits", "WriteCapacityUnits", "ReadUnitsPerSecond", "WriteUnitsPerSecond"}
    assert described - of_a_definition - inside_throughputs == shapes.ANSWERED.keys() - sidecars


def test_the_exceptions_are_still_needed(dynamodb: ServiceModel) -> None:
    model: Any = dynamodb.shape_for("CreateTableInput")
    pairs = [(ours, model.members[name], name) for name, ours in members.TABLE.members.items() if name in model.members]
    pairs += [(members.TABLE.members[name], dynamodb.shape_for(name), name) for name in ("TimeToLiveSpecification",)]
    pairs += [(REPLICA, dynamodb.shape_for("CreateReplicationGroupMemberAction"), "Replicas")]
    found = {where[-1:] for ours, theirs, name in pairs for where, _ in differences(ours, theirs, (name,))}
    assert STRICTER.keys() <= found


def test_every_setting_is_a_member_of_a_table() -> None:
    assert {aspect.name for aspect in ASPECTS} <= members.TABLE.members.keys()


def test_what_describe_table_shows_is_read_or_known_to_be_unmanaged(dynamodb: ServiceModel) -> None:
    found = set(members_that_differ(unmanaged.KNOWN, dynamodb.shape_for("TableDescription"), ()))
    assert found == {("GlobalTableWitnesses",), ("MultiRegionConsistency",)}


def members_that_differ(known: Mapping[str, Any], theirs: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The members that only one side has, at any depth to which we know them."""
    theirs = getattr(theirs, "member", theirs)
    yield from ((*path, name) for name in known.keys() ^ theirs.members.keys())
    for name, inside in known.items():
        if inside:
            yield from members_that_differ(inside, theirs.members[name], (*path, name))
