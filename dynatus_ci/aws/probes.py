"""The actual probe of a table: what exists under its name, and what a failed call of it means."""

from __future__ import annotations

from dataclasses import dataclass

from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.client import Aws
from dynatus_ci.table import build, probe
from dynatus_ci.table.facts import ProbeState
from dynatus_ci.table.model import Table
from dynatus_ci.text import code


@dataclass(frozen=True, slots=True)
class FoundProbe:
    """What exists under the probe's name, with its TableStatus.

    Tags cannot be read while the table is CREATING, so until then it counts as ours.
    """

    what: ProbeState
    status: str = ""


def seen(aws: Aws, table: str) -> ProbeState:
    """What exists, for a plan. Access denied does not fail the plan."""
    try:
        return look(aws, table).what
    except CallFailed as failed:
        if failed.kind is ErrorKind.DENIED:
            return ProbeState.DENIED
        raise


def look(aws: Aws, table: str) -> FoundProbe:
    """What exists.

    Raises:
        CallFailed: A read was denied, or did not succeed.
    """
    description = aws.describe(probe.probe_name(table))
    if description is None:
        return FoundProbe(ProbeState.ABSENT)
    status = str(description.get("TableStatus", "ACTIVE"))
    if status in {"CREATING", "DELETING"}:
        return FoundProbe(ProbeState.OURS, status)
    name = probe.probe_name(table)
    listed = aws.read_pages("ListTagsOfResource", "Tags", table=name, ResourceArn=description["TableArn"])["Tags"]
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    return FoundProbe(ProbeState.OURS if probe.is_of(table, tags) else ProbeState.FOREIGN, status)


def explain(failed: CallFailed, table: str) -> None:
    """Let the hint of a failed call of the probe say what it means for the table."""
    refused = failed.operation == "CreateTable" and (
        failed.kind is ErrorKind.PERMANENT or failed.code == "InternalFailure"
    )
    hints = [
        "AWS would refuse the new table in the same way." if refused else None,
        f"Table {code(table)} was not changed.",
        "For a moment both tables count towards the quotas." if failed.code == "LimitExceededException" else None,
        failed.hint,
    ]
    failed.hint = " ".join(filter(None, hints))


def table(aws: Aws, of: str) -> Table | None:
    """The probe as a table; None where there is none."""
    description = aws.describe(probe.probe_name(of))
    return build.actual(description, {}) if description else None
