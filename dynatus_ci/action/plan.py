"""The mode plan: what would run, shown in a comment that keeps the record of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from dynatus_ci import report, review, session
from dynatus_ci.action.job import ActionResult, ErrorAnnotation, Job, definition
from dynatus_ci.errors import DynatusError, GitHubError, InvalidInput, NotAllowed
from dynatus_ci.github.plan_comment import NOT_WRITTEN, CommentOutcome, PlanComment
from dynatus_ci.github.workflow_commands import Level
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.review import Record
from dynatus_ci.table.model import Risk
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import input_value, option

_TOO_LARGE = (
    "The plan is too large for a comment to keep its record, so merging does not approve it. Split the change, "
    f"or approve it as a file ({option('out')}, then {option('reviewed')})."
)


def run(job: Job) -> ActionResult:
    """Show what would run, in a comment that keeps the record of it."""
    plan = job.planning.plan(job.planning.tables())
    outcome = _comment_plan(job, plan)
    context = _context(job, plan, outcome=outcome)
    view = report.plan(plan, context)
    job.show("Plan", view)
    unwritten = _write_file(job, plan, out=job.inputs.out) if job.inputs.out else None
    verdict = review.verdict(plan, context.approved_by, recorded=outcome.recorded)
    places = {change.table: definition(change) for change in plan.tables}
    refusals = verdict.refusals.items()
    ending = ActionResult(
        result=verdict.result,
        reason=verdict.reason,
        plan=plan,
        changed=plan.changes,
        comment_url=outcome.url,
        annotations=tuple(ErrorAnnotation(each.reason, each.sentence, places[table]) for table, each in refusals),
        view=view,
    )
    _warn_of_losses(job, plan, known=verdict.refusals)
    failed = outcome.failed or unwritten
    return ending.failed_by(failed) if failed else ending


def _warn_of_losses(job: Job, plan: Plan, *, known: Collection[str]) -> None:
    """Annotate destructive changes that may run, with a warning at the definition. Others have an error there."""
    for change in plan.tables:
        if change.table not in known and (losses := report.losses(change)):
            place, account = definition(change), plan.account
            job.annotate(Level.WARNING, losses, place=place, title="destructive", account=account)


def comment_faults(job: Job, faults: Report) -> str | None:
    """Write faults into the comment. To find it takes the region, and the account if no `environment` is set."""
    return _comment(job, lambda: _whereabouts(job), partial(_write_faults, job, faults)).url


def _whereabouts(job: Job) -> Plan:
    """Account, region and endpoint of a run that has no plan; unknown where nobody answers."""
    inputs = job.inputs
    if inputs.baseline:
        return Plan(region=inputs.region, endpoint=inputs.endpoint_url)
    try:
        aws = job.planning.connect()
    except DynatusError:
        return Plan(account=inputs.account, region=inputs.region, endpoint=inputs.endpoint_url)
    return Plan(account=aws.account, region=aws.region, endpoint=aws.endpoint)


def _write_file(job: Job, plan: Plan, *, out: str) -> InvalidInput | None:
    """Write the whole plan as a file; where that fails the run fails, and still tells its plan."""
    root, inside = job.run.rooted(out)
    try:
        session.write(plan, inside, name=input_value("out", out), root=root)
    except InvalidInput as unwritten:
        return unwritten
    return None


# --- the comment -----------------------------------------------------------------------------------------------------


def _comment_plan(job: Job, plan: Plan) -> CommentOutcome:
    return _comment(job, lambda: plan, partial(_write_plan, job, plan))


def _comment(job: Job, where: Callable[[], Plan], write: Callable[[PlanComment], CommentOutcome]) -> CommentOutcome:
    """Write a comment where there is a pull request for it; what GitHub does not allow is a note, no failure."""
    if job.pull_request is None or (job.github is None and not job.inputs.comment):
        return CommentOutcome()
    if job.github is None:
        outcome = CommentOutcome(note=f"{NOT_WRITTEN}: `github-token` is empty.")
    else:
        try:
            comment = PlanComment(job.github, number=job.pull_request, scope=job.scope(where()))
            comment.find()
            outcome = write(comment)
        except NotAllowed as refused:
            note = f"{NOT_WRITTEN}. {refused.sentence}" if job.inputs.comment else None
            outcome = CommentOutcome(note=note)
        except GitHubError as failed:
            outcome = CommentOutcome(note=f"{NOT_WRITTEN}. {failed.sentence}", failed=failed)
    if outcome.note:
        job.annotate(Level.NOTICE, outcome.note)
    return outcome


def _write_faults(job: Job, faults: Report, comment: PlanComment) -> CommentOutcome:
    """Write what is wrong with the definitions; there is no plan, so the record goes."""
    if comment.found is None and not job.inputs.comment:
        return CommentOutcome()
    return _left_alone(job, comment) or _show(job, comment, record=None, view=lambda _: faults)


def _write_plan(job: Job, plan: Plan, comment: PlanComment) -> CommentOutcome:
    """Write a plan and its record, or say why not."""
    if comment.found is None and not (plan.changes and job.inputs.comment):
        return CommentOutcome()
    record, note = _record(job, plan)

    def view(outcome: CommentOutcome) -> Report:
        return report.plan(plan, _context(job, plan, outcome=replace(outcome, note=note)))

    kept = _left_alone(job, comment)
    if kept:
        return kept
    outcome = _show(job, comment, record=record, view=view)
    return replace(outcome, note=outcome.note or note)


def _left_alone(job: Job, comment: PlanComment) -> CommentOutcome | None:
    """With a `baseline`, a comment that holds a record of a plan against AWS is left alone."""
    if comment.record is None or not job.inputs.baseline:
        return None
    return CommentOutcome(note="The comment has a plan against AWS, so it was not replaced.", url=comment.url)


def _record(job: Job, plan: Plan) -> tuple[Record | None, str | None]:
    """The record of a plan, or what is to be said where there can be none."""
    if job.inputs.baseline:
        return None, None
    record = review.new_record(plan, job.scope(plan), head=None)
    return (record, None) if review.fits_comment(record) else (None, _TOO_LARGE)


def _show(
    job: Job, comment: PlanComment, *, record: Record | None, view: Callable[[CommentOutcome], Report]
) -> CommentOutcome:
    size = report.characters(review.remaining_characters(record))
    head = job.run.head_of(comment.number)
    return comment.show(lambda outcome: report.markdown(view(outcome), size=size), record=record, head=head)


def _context(job: Job, plan: Plan, *, outcome: CommentOutcome) -> ReportContext:
    approved_by = review.Gate(None, job.inputs.allow_destructive).approved_by(plan)
    if outcome.labelled and job.pull_request:
        destructive = (difference.id for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE)
        approved_by = {**dict.fromkeys(destructive, review.by_label(job.pull_request)), **approved_by}
    return replace(
        job.context(),
        approval=job.inputs.approval_at(plan.endpoint).value,
        record=outcome.recorded,
        saved_in=job.inputs.out,
        label_on="this pull request" if outcome.recorded else "",
        label_removed=outcome.label_removed,
        approved_by=approved_by,
        notes=(outcome.note,) if outcome.note else (),
    )
