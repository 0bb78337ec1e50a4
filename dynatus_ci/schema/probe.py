"""The probe: before a recreate deletes a table, AWS must take the new one.

A table with the same parameters is created under another name, waited for, and deleted again. So a missing key, a
policy that AWS refuses or a limit above the quota is found while the old table is still there. What must differ from
the new table is said here; that this run has made the probe is in `Memory`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.schema.model import Path, Step, Value, canonical, digest
from dynatus_ci.schema.settings.base import Context, Probe
from dynatus_ci.schema.settings.policy import Policy
from dynatus_ci.schema.settings.tags import MOST, Tags

SUFFIX = ".dynatus-probe"
TAG = "dynatus:probe-of"
"""The tag by which a later run knows the probe of a run that was killed. Its value begins with the table's name."""
LONGEST_NAME = 255
MOST_OF_NAME = 256 - len("@12345678")
"""Characters of a table's name that the tag's value has room for."""
HARMLESS = "dynamodb:GetItem"


def name(table: str) -> str:
    """The name of a table's probe; of a long name its beginning and a digest."""
    room = LONGEST_NAME - len(SUFFIX)
    if len(table) <= room:
        return f"{table}{SUFFIX}"
    mark = f"-{digest([table])[:8]}"
    return f"{table[: room - len(mark)]}{mark}{SUFFIX}"


def owner(table: str, table_id: str) -> str:
    """The tag's value: whose probe it is."""
    return f"{table[:MOST_OF_NAME]}@{table_id[:8]}"


def is_of(table: str, tags: Mapping[str, str]) -> bool:
    """Whether a table with these tags is a probe of this one, also of an earlier table of its name."""
    return tags.get(TAG, "").rpartition("@")[0] == table[:MOST_OF_NAME]


def is_about(step: Step, table: str) -> bool:
    """Whether a step of a table's change is about its probe."""
    return step.parameters.get("TableName") == name(table)


def possible(context: Context) -> bool:
    """Whether a probe can be made: an endpoint without tags could not tell one that was left behind."""
    return Tags.name not in context.situation.cannot_keep


def refusal(context: Context) -> str | None:
    """Somebody else's table in the probe's place."""
    stranger = context.situation.probe is Probe.FOREIGN and not context.situation.memory.probing
    return in_the_way(context.name) if stranger else None


def in_the_way(table: str) -> str:
    """What to say of somebody else's table in the probe's place."""
    return (
        f"There is a table {name(table)} that dynatus did not create. The new table is tried under that name before "
        "the old one is deleted, so the name must be free."
    )


def steps(context: Context, new: Step, *, differences: tuple[str, ...]) -> Iterator[Step]:
    """What is left to do of it.

    Args:
        context: The two sides.
        new: The step that creates the new table.
        differences: The ids of the differences that ask for it.
    """
    if not possible(context):
        return
    memory, found = context.situation.memory, context.situation.probe
    # What this run has asked for is there, also while its tags do not show, or may not be read.
    there = found is Probe.OURS or (memory.probing and found is not Probe.ABSENT)
    if there and not memory.probing:
        yield _delete(context, f"delete {name(context.name)}, which an earlier run left behind", differences)
    if not memory.probed:
        yield _create(context, new, differences)
    if there or not memory.probed:
        yield _delete(context, f"delete {name(context.name)} again", differences)


def _create(context: Context, new: Step, differences: tuple[str, ...]) -> Step:
    return Step(
        operation="CreateTable",
        parameters=_parameters(context, new.parameters),
        reason=f"check that AWS accepts the new table: create it as {name(context.name)}",
        differences=differences,
        expects=new.expects,
        waits_for="it and its indexes are ACTIVE",
        seconds=new.seconds,
    )


def _delete(context: Context, reason: str, differences: tuple[str, ...]) -> Step:
    gone: Mapping[Path, Value] = {(): None}
    return Step(
        operation="DeleteTable",
        parameters={"TableName": name(context.name)},
        reason=reason,
        differences=differences,
        expects=gone,
        waits_for="it is gone",
        seconds=(4, 6),
    )


def _parameters(context: Context, new: Mapping[str, Value]) -> dict[str, Value]:
    """The new table's parameters, but for what would keep the probe from being deleted again."""
    live = context.actual.live if context.actual else None
    mark = {"Key": TAG, "Value": owner(context.name, live.table_id if live else "")}
    sent = {member: value for member, value in new.items() if member != "DeletionProtectionEnabled"}
    if Policy.name in sent:
        sent[Policy.name] = _policy(json.loads(sent[Policy.name]), context.name)
    return {**sent, "TableName": name(context.name), Tags.name: [*sent.get(Tags.name, [])[: MOST - 1], mark]}


def _policy(document: Value, table: str) -> str:
    """The policy of the table as one of its probe.

    What it denies, it denies of reading items alone: a table whose policy denies DeleteTable could not be deleted.
    """
    statements = document["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return canonical({**document, "Statement": [_statement(statement, table) for statement in listed]})


def _statement(statement: Any, table: str) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    denies = str(statement.get("Effect")).lower() == "deny"
    kept = {member: value for member, value in statement.items() if not (denies and member in {"Action", "NotAction"})}
    for member in ("Resource", "NotResource"):
        if member in kept:
            kept[member] = _renamed(kept[member], table)
    return {**kept, **({"Action": HARMLESS} if denies else {})}


def _renamed(resource: Value, table: str) -> Value:
    """An ARN of the table, or of its indexes, as one of its probe."""
    if isinstance(resource, list):
        return [_renamed(one, table) for one in resource]
    if not isinstance(resource, str):
        return resource
    return re.sub(rf":table/{re.escape(table)}(?=/|$)", f":table/{name(table)}", resource)
