"""The mode apply: run what was reviewed, and write the result into the comment that was reviewed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dynatus_ci import engine, report, review, session
from dynatus_ci.action.job import ActionResult, ErrorAnnotation, Job, definition
from dynatus_ci.aws.client import Aws
from dynatus_ci.definitions import files
from dynatus_ci.definitions.loader import Loaded
from dynatus_ci.engine import Event, EventKind
from dynatus_ci.errors import DynatusError, FailureReason, GitHubError, InvalidInput, NoDefinitions, Refusal
from dynatus_ci.github.answers import GitObject
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.review_history import ReviewHistory
from dynatus_ci.github.workflow_commands import Level
from dynatus_ci.inputs import Approval
from dynatus_ci.report import ReportContext
from dynatus_ci.review import Files, Gate, Unfinished
from dynatus_ci.table.model import Risk, Step, TableChange
from dynatus_ci.table.outcome import Outcome, Result, TableResult
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, input_value, option, pull_request

MOST_REQUESTS = 48
"""Requests to GitHub that a run may make to read records. With those that write, it stays below 60."""
MOST_REQUESTS_OF_NOOP = 10
"""All requests to GitHub that a run with nothing to do may make."""


def run(job: Job) -> ActionResult:
    """Run what was reviewed, and nothing else."""
    try:
        loaded = job.planning.load()
    except NoDefinitions:
        _withdraw_all(job)
        raise
    reviewed = _reviewed(job, job.inputs.reviewed) if job.inputs.reviewed else None
    aws = job.planning.connect()
    needed = job.inputs.approval_at(aws.endpoint)
    if reviewed is None and needed is Approval.REVIEWED_PLAN and job.run.ref.startswith("refs/tags/"):
        raise InvalidInput(
            "`approval: reviewed-plan` works on branches only, and this run is on a tag.",
            hint="For a release, pass the reviewed plan as a file, with `reviewed`.",
        )
    # The items are checked once, before the first step of their table.
    plan = engine.plan(aws, loaded.tables, options=replace(job.planning.options, check=False))
    policy = ApplyPolicy(
        job, aws, plan=plan, read=loaded.blobs, reviewed=reviewed, approval="reviewed" if reviewed else needed.value
    )
    return ApplyRun(job, aws, loaded=loaded, plan=plan, policy=policy).run()


def _withdraw_all(job: Job) -> None:
    """Close all records of a path that has no definitions any more."""
    try:
        aws = job.planning.connect()
    except DynatusError:
        return  # Without the account nobody knows which records are meant.
    plan = Plan(account=aws.account, region=aws.region, endpoint=aws.endpoint)
    approval = "reviewed" if job.inputs.reviewed else job.inputs.approval_at(aws.endpoint).value
    policy = ApplyPolicy(job, aws, plan=plan, read={}, reviewed=None, approval=approval)
    if approval != Approval.REVIEWED_PLAN or job.run.branch is None or job.github is None:
        return
    policy.look_at_tip(patient=True)
    if policy.superseded is None:
        policy.read_reviews()
    failed = _mark_used(job, policy, Result(plan))
    if failed:
        raise failed


def _reviewed(job: Job, path: str) -> Plan:
    root, inside = job.run.rooted(path)
    return session.read(inside, name=input_value("reviewed", path), root=root)


class ApplyPolicy:
    """What may run: what was reviewed and approved, and whether this commit's run is the one that decides.

    `refusal` asks the gate, and before a destructive step also whether the branch has moved. Several tables ask it at
    once, and it holds no lock.

    Args:
        read: The definition files that were read, with their git object ids.
        reviewed: The plan of the input `reviewed`.
        approval: Which approval is needed, in the words of `ReportContext.approval`.
    """

    def __init__(
        self, job: Job, aws: Aws, *, plan: Plan, read: Mapping[str, str], reviewed: Plan | None, approval: str
    ) -> None:
        self.approval = approval
        self.gate = Gate(None, job.inputs.allow_destructive)
        self.history: ReviewHistory | None = None
        self.superseded: str | None = None
        self.stopped = False
        self._job = job
        self._aws = aws
        self._plan = plan
        self._files = read
        self._reviewed = reviewed

    def refusal(self, change: TableChange, step: Step | None) -> Refusal | None:
        """Why a table may not be changed; None where it may. Asked before each step, on what was just observed.

        Args:
            change: What the table needs now.
            step: What would run next; None where no step can run now, or ever.
        """
        refusal = self.gate.refusal(change, step)
        if refusal or step is None:
            return refusal
        if step.risk is Risk.DESTRUCTIVE:
            self.look_at_tip(patient=False)
        if self.superseded is None:
            return None
        self.stopped = True
        self._job.stop.flag.set()
        return Refusal(f"{code(change.table)}: {self.superseded}", FailureReason.CANCELLED)

    def look_at_tip(self, *, patient: bool) -> None:
        """Find out whether the branch has other definitions by now.

        Args:
            patient: Wait for a branch that does not show this run's own commit yet.
        """
        run, path = self._job.run, self._job.inputs.path
        if self.approval == Approval.NONE or run.branch is None or self.superseded:
            return
        tip = self._github().tip(ref=run.ref, commit=run.sha, path=path, patient=patient)
        there = here = None
        if tip.commit not in {None, run.sha}:
            there = self._files_in_git(tip.there)
            here = there if tip.here == tip.there else self._files_in_git(tip.here)
        self.superseded = review.superseded(run.sha, tip=tip.commit, read=self._files_read(), there=there, here=here)

    def read_reviews(self) -> None:
        """Read what was reviewed. Before that the gate only asks whether what is destructive is approved."""
        patterns = self.gate.patterns
        if self.approval != Approval.REVIEWED_PLAN:
            aws = self._aws
            self.gate = Gate.of_plan_file(
                self._reviewed, patterns, account=aws.account, region=aws.region, endpoint=aws.endpoint
            )
        elif self._job.run.branch is None:
            self.gate = Gate(review.reviews_of((), self._job.scope(self._plan), branch=""), patterns)
        else:
            self.history = self._read_history(self._job.run.branch)
            self.use_new_records()

    def use_new_records(self) -> None:
        """Judge by what the records hold now. When our comment was written, another run may have written it before."""
        if self.history:
            self.gate = replace(self.gate, reviews=self.history.reviews)

    def _read_history(self, branch: str) -> ReviewHistory:
        """Read records until all differences are reviewed and approved, or there are no more records."""
        github = self._github()
        most = MOST_REQUESTS if self._plan.changes else MOST_REQUESTS_OF_NOOP
        history = ReviewHistory(
            github,
            scope=self._job.scope(self._plan),
            sha=self._job.run.sha,
            branch=branch,
            most_requests=most - github.requests,
        )
        if not self._plan.changes:
            history.read_next()
            return history
        history.read_own()
        while Gate(history.reviews, self.gate.patterns).wants_more(self._plan) and history.read_next():
            pass
        return history

    def _files_read(self) -> Files:
        """The files that were read, by their paths below the path of the inputs."""
        path = self._job.inputs.path
        return {_below(name, path): blob for name, blob in self._files.items()}

    def _files_in_git(self, found: GitObject | None) -> Files | None:
        """The definition files that git has at the path; None where GitHub does not list them all."""
        if found is None:
            return {}
        if found.type == "Blob":
            return {"": found.oid}
        blobs = self._github().blobs(found.oid)
        return None if blobs is None else {name: blob for name, blob in blobs.items() if files.is_definition(name)}

    def _github(self) -> PullRequests:
        if self._job.github is None:
            raise InvalidInput("`github-token` is empty. Apply needs it to find the reviewed plan.")
        return self._job.github


def _below(name: str, path: str) -> str:
    return name.removeprefix(path).removeprefix("/") if path != "." else name


class ApplyRun:
    """One apply: it runs what the policy allows, and writes comment, summary and outputs."""

    def __init__(self, job: Job, aws: Aws, *, loaded: Loaded, plan: Plan, policy: ApplyPolicy) -> None:
        self._job = job
        self._aws = aws
        self._tables = loaded.tables
        self._plan = plan
        self._policy = policy
        self._backups: dict[str, TableResult] = {}
        self._announcing = threading.Lock()
        self._announced = False

    def run(self) -> ActionResult:
        """Read what was reviewed, show the plan, run it, and report."""
        policy = self._policy
        unfinished = ActionResult(result=Outcome.FAILED, reason=FailureReason.CANCELLED, plan=self._plan)
        self._job.runner.set_outputs(unfinished.outputs())  # the job may be killed at any time
        try:
            if self._plan.changes or policy.approval == Approval.REVIEWED_PLAN:
                policy.look_at_tip(patient=True)
            if policy.superseded is None:
                policy.read_reviews()
        finally:
            self._job.show("Plan", report.plan(self._plan, self._context()))
        if policy.superseded and self._plan.changes:
            return self._end(Result(self._plan, result=Outcome.SUPERSEDED))
        self._job.stop.applying = True  # from here on the comment must get its result
        if any(change.changes and self._may_begin(change) for change in self._plan.tables):
            self._announce(self._plan)
        result = engine.apply(
            self._aws,
            self._tables,
            plan=self._plan,
            refusal=self._refusal,
            options=self._job.planning.options,
            on_event=self._on_event,
            stop=self._job.stop.flag,
        )
        if policy.stopped:
            result = replace(result, result=Outcome.SUPERSEDED, failure_reason=None)
        return self._end(result)

    def _may_begin(self, change: TableChange) -> bool:
        return self._policy.gate.refusal(change, next(iter(change.steps), None)) is None

    def _refusal(self, change: TableChange, step: Step | None) -> Refusal | None:
        """What the policy says. Before the very first step, the comment says that the run is under way.

        That has happened already, unless the plan had nothing to do and the account has changed since.
        """
        refusal = self._policy.refusal(change, step)
        if refusal or step is None:
            return refusal
        with self._announcing:  # One table announces the run, and the others wait.
            if self._announced:
                return None
            self._announce(replace(self._plan, tables=(change,)))
        return self._policy.refusal(change, step)

    def _announce(self, plan: Plan) -> None:
        """Let the comment say that the run is under way. If GitHub refuses that, nothing runs."""
        if history := self._policy.history:
            history.set_main(self._policy.gate.pull_requests(plan))
        self._write_progress(Result(plan))
        self._policy.use_new_records()
        self._announced = True

    # --- while it runs -----------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if event.kind is not EventKind.PROGRESS:
            self._job.runner.text(report.hide_accounts(f"{event.table}: {event.text}", self._plan.account))
        if event.backup:
            self._name_backup(event.table, event.backup)

    def _name_backup(self, table: str, arn: str) -> None:
        """Write a backup's ARN into summary and comment before anything is deleted. An error here keeps the table."""
        made = self._backups[table] = TableResult(table, None, Outcome.NOOP, backup=arn)
        self._job.runner.add_summary(self._markdown(Result(self._plan, (made,)), running=True) + "\n")
        self._write_progress(Result(self._plan, tuple(reversed(self._backups.values()))), naming=arn)

    def _write_progress(self, so_far: Result, *, naming: str = "") -> None:
        if self._policy.history:
            text = self._markdown(so_far, running=True)
            if naming.partition(":table/")[2] not in text:
                raise GitHubError(
                    "The comment has no room left to name the backup.",
                    hint=f"Approve the plan as a file ({option('out')}, then {option('reviewed')}).",
                )
            self._policy.history.write_progress(text)

    def _context(self, *, running: bool = False) -> ReportContext:
        return _context(self._job, self._plan, self._policy, running=running)

    def _markdown(self, result: Result, *, running: bool = False) -> str:
        history = self._policy.history
        room = history.room() if history else review.remaining_characters(None)
        return report.markdown(report.result(result, self._context(running=running)), size=report.characters(room))

    # --- when it has ended -------------------------------------------------------------------------------------------

    def _end(self, result: Result) -> ActionResult:
        # This comes first: a record must be closed even if no report can be written.
        failed = _mark_used(self._job, self._policy, result)
        view = report.result(result, self._context())
        self._job.show("Result", view)
        ending = ActionResult(
            result=result.result,
            reason=result.failure_reason,
            plan=self._plan,
            changed=result.changed,
            comment_url=self._policy.history.url if self._policy.history else None,
            annotations=tuple(self._annotations(result)),
            view=view,
        )
        return ending.failed_by(failed) if failed else ending

    def _annotations(self, result: Result) -> Iterator[ErrorAnnotation]:
        """The errors of the tables that gave the run its result."""
        places = {change.table: definition(change) for change in self._plan.tables}
        for table in result.tables:
            if table.error and table.result is result.result:
                yield ErrorAnnotation(table.error.reason, table.error.message, places.get(table.table))


# --- what the run leaves in the comment ------------------------------------------------------------------------------


def _context(job: Job, plan: Plan, policy: ApplyPolicy, *, running: bool = False) -> ReportContext:
    gate, history = policy.gate, policy.history
    return replace(
        job.context(),
        approval=policy.approval,
        comment_url=history.url if history else None,
        label_on=" and ".join(map(pull_request, gate.pull_requests(plan, unapproved=True))),
        approved_by=gate.approved_by(plan),
        unreviewed=frozenset(id_ for change in plan.tables for id_ in gate.unreviewed(change)),
        superseded=policy.superseded,
        running=running,
        notes=report.earlier_backups(history.text_before) if history else (),
    )


def _mark_used(job: Job, policy: ApplyPolicy, result: Result) -> GitHubError | None:
    """Mark the records as used, and write the result into the comment."""
    history = policy.history
    if history is None:
        return None
    left = _left(result)
    try:
        is_open = history.find_open(left)
    except GitHubError as error:  # The records that were read are closed all the same, and so are all older ones.
        job.annotate(Level.WARNING, error.sentence)
        is_open = True
    size = report.characters(history.room(left))
    text = report.markdown(report.result(result, _context(job, result.plan, policy)), size=size)
    unchanged = result.result is Outcome.NOOP and not is_open
    marked = history.mark_used(left, text=None if unchanged else text)
    for warning in marked.warnings:
        job.annotate(Level.WARNING, warning)
    return marked.failed


def _left(result: Result) -> Unfinished:
    """What a run still wants and has not finished."""
    unread = [change.table for change in result.plan.tables if change.error]
    differences = (difference for table in result.tables for difference in table.unfinished)
    return review.unfinished(differences, unread=unread)
