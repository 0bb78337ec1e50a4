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

from dynatus_ci.errors import Refusal
from dynatus_ci.table import create_table, names
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.aspects.policy import Policy
from dynatus_ci.table.aspects.tags import MOST, OURS, Tags, is_owner, owner
from dynatus_ci.table.facts import ProbeState
from dynatus_ci.table.model import GLOBAL, Path, Step, Target, Value, canonical
from dynatus_ci.text import code

SUFFIX = ".dynatus-probe"
TAG = "dynatus:probe-of"
"""The tag by which a later run knows the probe of a run that was killed. Its value begins with the table's name."""
HARMLESS = "dynamodb:GetItem"


def probe_name(table: str) -> str:
    """The name of a table's probe."""
    return names.beside(table, SUFFIX)


def is_of(table: str, tags: Mapping[str, str]) -> bool:
    """Whether a table with these tags is a probe of this one, also of an earlier table of its name."""
    return is_owner(tags.get(TAG, ""), table)


def possible(comparison: Comparison) -> bool:
    """Whether a probe can be made: an endpoint without tags could not tell one that was left behind."""
    return comparison.endpoint.keeps_tags


def refusal(comparison: Comparison) -> Refusal | None:
    """Somebody else's table in the probe's place."""
    stranger = comparison.facts.probe is ProbeState.FOREIGN and not comparison.facts.memory.probing
    return in_the_way(comparison.name) if stranger else None


def in_the_way(table: str) -> Refusal:
    """What to say of somebody else's table in the probe's place."""
    return Refusal(
        f"There is a table {code(probe_name(table))} that dynatus did not create. The new table is tested under that "
        "name before the old one is deleted, so the name must be free."
    )


def steps(comparison: Comparison, new: Step, *, differences: tuple[str, ...]) -> Iterator[Step]:
    """What is left to do of it.

    Args:
        comparison: The two sides.
        new: The step that creates the new table.
        differences: The ids of the differences that ask for it.
    """
    if not possible(comparison):
        return
    memory, found = comparison.facts.memory, comparison.facts.probe
    # What this run has asked for is there, also while its tags do not show, or may not be read.
    there = found is ProbeState.OURS or (memory.probing and found is not ProbeState.ABSENT)
    probe = code(probe_name(comparison.name))
    if there and not memory.probing:
        yield _delete(comparison, f"delete the probe {probe}, which an earlier run left behind", differences)
    if not memory.probed:
        yield _create(comparison, new, differences)
    if there or not memory.probed:
        yield _delete(comparison, f"delete the probe {probe}", differences)


def _create(comparison: Comparison, new: Step, differences: tuple[str, ...]) -> Step:
    return Step(
        operation="CreateTable",
        parameters=_parameters(comparison, new.parameters),
        reason=f"check that AWS accepts the new table: create it as {code(probe_name(comparison.name))}",
        differences=differences,
        expects={path: value for path, value in new.expects.items() if not path or path[0] == GLOBAL},
        waits_for="it and its indexes are ACTIVE",
        seconds=new.seconds,
        target=Target.PROBE,
    )


def _delete(comparison: Comparison, reason: str, differences: tuple[str, ...]) -> Step:
    gone: Mapping[Path, Value] = {(): None}
    return Step(
        operation="DeleteTable",
        parameters={"TableName": probe_name(comparison.name)},
        reason=reason,
        differences=differences,
        expects=gone,
        waits_for="it is gone",
        seconds=create_table.SECONDS_TO_DELETE,
        target=Target.PROBE,
    )


def _parameters(comparison: Comparison, new: Mapping[str, Value]) -> dict[str, Value]:
    """The new table's parameters, but for what would keep the probe from being deleted again."""
    mark = {"Key": TAG, "Value": owner(comparison.name, comparison.table_id)}
    sent = {member: value for member, value in new.items() if member != "DeletionProtectionEnabled"}
    if Policy.name in sent:
        sent[Policy.name] = _policy(json.loads(sent[Policy.name]), comparison.name)
    own = [tag for tag in sent.get(Tags.name, []) if not tag["Key"].startswith(OURS)]  # it is never filled
    return {**sent, "TableName": probe_name(comparison.name), Tags.name: [*own[: MOST - 1], mark]}


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
    return re.sub(rf":table/{re.escape(table)}(?=/|$)", f":table/{probe_name(table)}", resource)
