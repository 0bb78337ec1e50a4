"""One step: its call, and what must be known before the call so that nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from dynatus_ci.aws import observe, probes, waits
from dynatus_ci.aws.call_errors import CallFailed, ErrorKind
from dynatus_ci.aws.waits import WaitOutcome
from dynatus_ci.engine import failed_calls, progress, waiting
from dynatus_ci.engine.run import EventKind, StopTable, TableRun, refused
from dynatus_ci.errors import Refusal
from dynatus_ci.table import build, order, probe
from dynatus_ci.table.facts import ProbeState
from dynatus_ci.table.model import Failure, Step, Table, TableChange, Target
from dynatus_ci.table.origins import copy_from, keep_items, through_s3
from dynatus_ci.table.outcome import Outcome, Status
from dynatus_ci.text import code

MOST_ATTEMPTS = 2
"""How often AWS may accept a step that changes nothing."""


def take(table: TableRun, change: TableChange, step: Step, actual: Table | None) -> None:
    """Send a step's call, and wait until the step is done. If it fails, its error code decides what happens next."""
    if table.retries.accepted[progress.key(step)] >= MOST_ATTEMPTS:
        _without_effect(table, step)
        return
    table.notify(EventKind.STEP, f"{step.operation}: {step.reason}", step=step)
    began = table.now()
    begun = _backup_in_doubt(table, step)
    if not begun:
        try:
            _check_identity(table, step, actual)
            begun = _begun(step, _send(table, step))
        except CallFailed as failed:
            if actual is not None and failed.kind is not ErrorKind.AMBIGUOUS:
                table.memory = replace(table.memory, equal=None)  # it may be written to until the next attempt
            failed_calls.handle(table, step, failed)
            return
    table.progress.began(step)
    table.retries.accepted[progress.key(step)] += 1
    try:
        ended = _WAITS[step.operation](table, begun) if begun else waiting.for_step(table, step, actual)
    except StopTable:
        table.progress.ended(Status.FAILED)
        raise
    if ended:
        _done(table, change, step, took=table.now() - began)
    table.check_time()


_WAITS: Mapping[str, Callable[[TableRun, str], bool]] = {
    "CreateBackup": waiting.for_backup,
    through_s3.EXPORT: waiting.for_export,
    through_s3.IMPORT: waiting.for_import,
}
"""Who waits for what a call has begun, where that has an ARN of its own."""
_BEGUN = {
    "CreateBackup": ("BackupDetails", "BackupArn"),
    through_s3.EXPORT: ("ExportDescription", "ExportArn"),
    through_s3.IMPORT: ("ImportTableDescription", "ImportArn"),
}
"""Where that ARN stands in the answer."""


def _begun(step: Step, answer: Mapping[str, Any]) -> str | None:
    if step.operation not in _BEGUN:
        return None
    member, arn = _BEGUN[step.operation]
    return str(answer[member][arn])


def _check_identity(table: TableRun, step: Step, actual: Table | None) -> None:
    """What is to be deleted must still be what was looked at. AWS deletes by name, and to look may take a minute.

    Raises:
        StopTable: It is another table by now, such as one that another run of apply has made.
        CallFailed: It could not be looked at.
    """
    name, memory = step.parameters.get("TableName"), table.memory
    if step.operation != "DeleteTable" or step.target is Target.PROBE:
        return
    if step.target is Target.STAGING:
        seen = memory.returned.staging if memory.returned else ""
    else:
        seen = actual.table_id if actual else ""
    found = table.aws.describe(str(name))
    if found is not None and seen != build.identity(found):
        text = f"{code(str(name))} was replaced by another table just now. It was not deleted. Run apply again."
        raise refused(Refusal(text))


def _done(table: TableRun, change: TableChange, step: Step, *, took: float) -> None:
    table.last_answer = ""
    table.progress.ended(Status.DONE, took)
    table.notify(EventKind.DONE, f"{step.reason}: done in {took:.0f} s", step=step)
    if step.target is Target.PROBE:
        table.memory = replace(table.memory, probed=table.memory.probed or step.operation == "CreateTable")
    elif step.target is Target.STAGING:
        table.memory = replace(table.memory, staging=table.memory.staging or step.operation == "CreateTable")
    elif not table.aws.emulator:  # emulators have no cooldowns
        following = change.steps[change.steps.index(step) + 1 :]
        for later in (later for later in following if order.pauses(step, later)):
            table.retries.defer(later, table.now() + later.cooldown)


def _send(table: TableRun, step: Step) -> dict[str, Any]:
    name = table.desired.name
    match step.target:
        case Target.TABLE:
            table.forget_scaling(step.expects)
            return table.aws.write(step.operation, table=name, parameters=step.parameters, service=step.service)
        case Target.STAGING:
            return table.aws.write(step.operation, table=keep_items.staging_name(name), parameters=step.parameters)
        case Target.SOURCE:
            source = table.desired.at(copy_from.PATH)
            return table.aws.write(step.operation, table=source, parameters=step.parameters)
        case Target.PROBE:
            return _send_to_probe(table, step)


def _send_to_probe(table: TableRun, step: Step) -> dict[str, Any]:
    name = table.desired.name
    try:
        if not _probe_needs(table, step):
            return {}
        table.memory = replace(table.memory, probing=True)
        return table.aws.write(step.operation, table=probe.probe_name(name), parameters=step.parameters)
    except CallFailed as failed:
        probes.explain(failed, name)
        raise


def _probe_needs(table: TableRun, step: Step) -> bool:
    """Whether the probe must still be created, or deleted. Its tag is read first: a stranger's table stays."""
    name, creates, began = table.desired.name, step.operation == "CreateTable", table.now()
    found = probes.FoundProbe(ProbeState.NOT_ASKED)

    def settled() -> WaitOutcome | None:
        nonlocal found
        found = probes.look(table.aws, name)
        untagged = found.what is ProbeState.FOREIGN and table.memory.probing and table.now() - began < waits.SETTLE
        return None if untagged or found.status == ("DELETING" if creates else "CREATING") else WaitOutcome.DONE

    # It keeps its place: the call follows in the same turn.
    if table.poll(patience=inf).until(settled) is not WaitOutcome.DONE:
        table.check_time()
    if found.what is ProbeState.FOREIGN:
        raise refused(probe.in_the_way(name))
    return found.what is ProbeState.ABSENT if creates else found.what is ProbeState.OURS and found.status != "DELETING"


def _backup_in_doubt(table: TableRun, step: Step) -> str | None:
    """The backup that a call without an answer created after all. A second one would appear in no report."""
    if step.operation != "CreateBackup" or not table.retries.has_failed(progress.key(step)):
        return None
    return observe.backup(table.aws, table.desired.name, step.parameters["BackupName"], since=table.began)


def _without_effect(table: TableRun, step: Step) -> None:
    """A step was accepted and is still to be done. An emulator cannot keep it then; on AWS it is an error."""
    aws = table.aws
    emulator = aws.emulator or (aws.endpoint and aws.unsupported)
    if emulator and step.operation not in failed_calls.VITAL:
        failed_calls.leave_out(table, step)
        table.progress.unsupported(step)
        return
    table.progress.without_effect(step)
    call = f"{step.operation} of table {code(table.desired.name)}"
    message = f"AWS accepted {call} {MOST_ATTEMPTS} times, but nothing has changed: {step.reason}."
    raise StopTable(Outcome.FAILED, Failure("NotShown", message, step.operation))
