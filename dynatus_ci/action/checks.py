"""The modes that only look: validate and drift; and faults in definitions, as every mode shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dynatus_ci import report, review
from dynatus_ci.action.job import ActionResult, Job
from dynatus_ci.definitions import files
from dynatus_ci.errors import FailureReason, InvalidDefinitions
from dynatus_ci.github.workflow_commands import Level
from dynatus_ci.report import Report
from dynatus_ci.table.outcome import Outcome


def validate(job: Job) -> ActionResult:
    """Find what DynamoDB would refuse, without AWS."""
    tables = job.planning.tables()
    plan = job.planning.plan(tables) if job.inputs.baseline else None
    view = report.faults((), job.context(), definitions=len(tables))
    job.show("Definitions", view, log=f"{report.plural(len(tables), 'definition')}, no errors.")
    if plan:
        job.show("Plan", report.plan(plan, job.context()))
    return ActionResult(result=Outcome.VALID, plan=plan, changed=plan is not None and plan.changes)


def drift(job: Job) -> ActionResult:
    """Say where the account no longer agrees with the files."""
    plan = job.planning.plan(job.planning.tables())
    job.show("Drift", report.drift(plan, job.context()))
    verdict = review.verdict(plan, (), labelled=False, recorded=False)
    if verdict.result is Outcome.FAILED:
        return ActionResult(
            result=verdict.result, reason=verdict.reason, plan=plan, changed=plan.changes, messages=verdict.messages
        )
    if plan.changes:
        return ActionResult(result=Outcome.FAILED, reason=FailureReason.DRIFT, plan=plan, changed=True)
    return ActionResult(result=Outcome.NOOP, plan=plan)


def show_faults(job: Job, invalid: InvalidDefinitions) -> Report:
    """Show all faults: as annotations, in the log and in the summary; the report of them, for a comment too."""
    for fault in invalid.faults:
        job.annotate(Level.ERROR, fault)
    view = report.faults(invalid.faults, job.context(), sources=dict(_sources(job.run.workspace, invalid)))
    job.show("Faults in the definitions", view, log=report.faults_text(invalid.faults, job.context()))
    return view


def _sources(workspace: Path, invalid: InvalidDefinitions) -> Iterator[tuple[str, str]]:
    """The texts of the files with faults, read as carefully as the first time; what cannot be read is left out."""
    for name in dict.fromkeys(fault.place.file for fault in invalid.faults if fault.place):
        try:
            yield name, files.read(files.File(name, workspace / name)).decode("utf-8", "replace")
        except InvalidDefinitions:
            continue
