"""The modes that only look: validate and drift; and faults in definitions, as every mode shows them."""

from __future__ import annotations

from collections.abc import Iterator

from dynatus_ci import report, session
from dynatus_ci.action.job import ActionResult, ErrorAnnotation, Job, definition
from dynatus_ci.errors import FailureReason, InvalidDefinitions
from dynatus_ci.github.workflow_commands import Level
from dynatus_ci.report import Report
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, plural


def validate(job: Job) -> ActionResult:
    """Find what DynamoDB would refuse, without AWS."""
    tables = job.planning.tables()
    plan = job.planning.plan(tables) if job.inputs.baseline else None
    view = report.faults((), job.context(), definitions=len(tables))
    job.show("Definitions", view, log=f"{plural(len(tables), 'definition')}, no errors.")
    if plan:
        view = report.plan(plan, job.context())
        job.show("Plan", view)
    return ActionResult(result=Outcome.VALID, plan=plan, changed=plan is not None and plan.changes, view=view)


def drift(job: Job) -> ActionResult:
    """Say where the account no longer agrees with the files."""
    plan = job.planning.plan(job.planning.tables())
    view = report.drift(plan, job.context())
    job.show("Drift", view)
    annotations = tuple(_drift_annotations(plan))
    result = Outcome.FAILED if annotations else Outcome.NOOP
    reason = annotations[0].reason if annotations else None
    return ActionResult(
        result=result, reason=reason, plan=plan, changed=plan.changes, annotations=annotations, view=view
    )


def _drift_annotations(plan: Plan) -> Iterator[ErrorAnnotation]:
    """Why a check for drift is red: first the tables that could not be read, then those that differ."""
    for change in plan.tables:
        if change.error:
            yield ErrorAnnotation(change.error.reason, change.error.message, definition(change))
    for change in plan.tables:
        if change.changes:
            message = f"{code(change.table)} differs from its definition: {report.difference(change)}."
            yield ErrorAnnotation(FailureReason.DRIFT, message, definition(change))


def show_faults(job: Job, invalid: InvalidDefinitions) -> Report:
    """Show all faults: as annotations, in the log and in the summary; the report of them, for a comment too."""
    for fault in invalid.faults:
        job.annotate(Level.ERROR, fault.sentence, place=fault.place, title=fault.code)
    view = report.faults(invalid.faults, job.context(), texts=session.texts(invalid.faults, job.run.workspace))
    job.show("Faults in the definitions", view, log=report.faults_text(invalid.faults, job.context()))
    return view
