"""The mode apply: judged by what was reviewed, done by the engine, told in the comment that was reviewed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import replace

from dynatus_ci import approval, engine, planning, reconcile, report
from dynatus_ci.action.job import Ending, Job
from dynatus_ci.approval import Gate, Refusal, Reviews
from dynatus_ci.dynamodb.client import Aws
from dynatus_ci.errors import FailureReason, GitHubError, InvalidInput
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.reviews import Trail
from dynatus_ci.inputs import Approval
from dynatus_ci.report import ReportContext
from dynatus_ci.schema.model import Plan, Risk, Step, Table, TableChange
from dynatus_ci.schema.results import Outcome, Result, TableResult

_EARLIER = "A backup that an earlier run made: "
# Only in lines that begin with words of ours: elsewhere a value of a stranger's may look like a backup.
_BACKUP = re.compile(rf"^(?:>   --backup-arn |- {_EARLIER}`)(arn:\S+:table/[\w.-]+/backup/[\w-]+)`?$", re.MULTILINE)


def run(job: Job) -> Ending:
    """Run what was reviewed, and nothing else."""
    tables = job.planning.tables()
    reviewed = _reviewed(job, job.inputs.reviewed) if job.inputs.reviewed else None
    aws = job.planning.connect()
    needed = job.inputs.approval_at(aws.endpoint)
    if reviewed is None and needed is Approval.REVIEWED_PLAN and job.run.ref.startswith("refs/tags/"):
        raise InvalidInput(
            "`approval: reviewed-plan` is for branches, and this run is for a tag.",
            hint="A release applies a plan from a file: `reviewed`.",
        )
    plan = engine.plan(aws, tables, options=job.planning.options)
    judge = _Judge(job, aws, plan=plan, reviewed=reviewed, approval="reviewed" if reviewed else needed.value)
    return _Applying(job, aws, tables=tables, plan=plan, judge=judge).run()


def _reviewed(job: Job, path: str) -> Plan:
    root, inside = job.run.rooted(path)
    return planning.read(inside, name=f"`reviewed`: {path!r}", root=root)


class _Judge:
    """What may run: the gate, the reviews that it rests on, and whether this commit is the one that decides.

    Args:
        job: The run.
        aws: The connection.
        plan: What was planned.
        reviewed: The plan document that was reviewed.
        approval: What is asked for, as reports say it.
    """

    def __init__(self, job: Job, aws: Aws, *, plan: Plan, reviewed: Plan | None, approval: str) -> None:
        self.approval = approval
        self.gate = Gate(None, job.inputs.allow_destructive)
        self.trail: Trail | None = None
        self.superseded: str | None = None
        self._job = job
        self._aws = aws
        self._plan = plan
        self._reviewed = reviewed
        self._asked = False
        self._looked_at: dict[str, TableChange] = {}

    def open(self) -> None:
        """Put the gate where the approval wants it; until then it asks only that what loses something is named."""
        patterns = self.gate.patterns
        if self.approval == Approval.REVIEWED_PLAN:
            self.gate = Gate(self._reviews(patterns), patterns)
        else:
            self.gate = planning.gate(self._reviewed, self._aws, patterns=patterns)

    def reopen(self) -> None:
        """Judge by what the records hold now, where the comment was written: others may have written there, too."""
        if self.trail:
            self.gate = replace(self.gate, reviews=self.trail.reviews)

    def may_run(self, change: TableChange, step: Step | None) -> Refusal | None:
        """The gate's answer; the tip has its say before the first step, and before each destructive one again.

        Of an observation it is asked once.
        """
        refusal = self.gate.may_run(change, step)
        if refusal or step is None:
            return refusal
        destroys = step.risk is Risk.DESTRUCTIVE and self._looked_at.get(change.table) is not change
        if not self.superseded and (destroys or not self._asked):
            self.is_superseded()
            self._looked_at[change.table] = change
        if self.superseded is None:
            return None
        self._job.stop.flag.set()
        return Refusal(FailureReason.CANCELLED, f"{change.table}: {self.superseded}")

    def is_superseded(self) -> bool:
        """Whether the branch's tip has other definitions; with `approval: none`, and without a branch, nobody asks."""
        run, path = self._job.run, self._job.inputs.path
        if self.approval != Approval.NONE and run.branch is not None:
            tip = self._github().tip(ref=run.ref, commit=run.sha, path=path)
            here = None if run.is_linked(path) else tip.here
            self.superseded = approval.superseded(run.sha, tip=tip.commit, there=tip.there, here=here)
        self._asked = True
        return self.superseded is not None

    def _reviews(self, patterns: tuple[str, ...]) -> Reviews:
        """Read records until they explain and name everything, or there are no more."""
        run, scope = self._job.run, self._job.scope(self._plan)
        if run.branch is None:
            return approval.reviews((), scope, branch="")
        trail = self.trail = Trail(
            self._github(), scope=scope, sha=run.sha, branch=run.branch, path=self._job.inputs.path
        )
        trail.read_own()
        while Gate(trail.reviews, patterns).wants_more(self._plan) and trail.read_next():
            pass
        return trail.reviews

    def _github(self) -> PullRequests:
        if self._job.github is None:
            raise InvalidInput("`github-token` is empty, and what was reviewed is looked up with it.")
        return self._job.github


class _Applying:
    """One apply: what the gate lets run, and what there is to say of it."""

    def __init__(self, job: Job, aws: Aws, *, tables: Iterable[Table], plan: Plan, judge: _Judge) -> None:
        self._job = job
        self._aws = aws
        self._tables = tuple(tables)
        self._plan = plan
        self._judge = judge
        self._backups: dict[str, TableResult] = {}
        self._lock = threading.Lock()
        self._begun = False

    def run(self) -> Ending:
        """Show, judge, do, and tell."""
        self._show_first()
        if self._plan.changes and self._judge.is_superseded():
            return self._end(Result(self._plan, result=Outcome.SUPERSEDED))
        self._judge.open()
        self._job.stop.applying = True  # from here on the comment must get its result
        if any(change.changes and self._judge.gate.may_run(change, None) is None for change in self._plan.tables):
            self._begin(self._plan)
        result = engine.apply(
            self._aws,
            self._tables,
            plan=self._plan,
            may_run=self._may_run,
            options=self._job.planning.options,
            on_event=self._heard,
            stop=self._job.stop.flag,
        )
        if self._judge.superseded:
            result = replace(result, result=Outcome.SUPERSEDED, failure_reason=None)
        return self._end(result)

    def _show_first(self) -> None:
        """Summary and outputs hold the plan before anything is changed or waited for: a job may be killed."""
        self._job.show("Plan", report.plan(self._plan, self._context()))
        ending = Ending(result=Outcome.FAILED, reason=FailureReason.CANCELLED, plan=self._plan)
        self._job.runner.set_outputs(ending.outputs())

    def _may_run(self, change: TableChange, step: Step | None) -> Refusal | None:
        """What the judge says; where nothing was to run, what strayed since the plan is told before it runs.

        A table of which one step may not run runs none, so there is nothing to tell of it.
        """
        with self._lock:
            refusal = self._judge.may_run(change, step)
            if refusal or step is None or self._begun:
                return refusal
            if any(self._judge.gate.may_run(change, each) for each in change.steps):
                return None
            self._begin(replace(self._plan, tables=(change,)))
            return self._judge.may_run(change, step)

    def _begin(self, plan: Plan) -> None:
        """The comment of what it rests on says that it runs; where that is refused nothing runs."""
        if trail := self._judge.trail:
            trail.choose(self._judge.gate.sources(plan))
        self._tell(Result(plan))
        self._judge.reopen()
        self._begun = True

    # What is said meanwhile.
    def _heard(self, event: reconcile.Event) -> None:
        self._job.runner.text(report.hide_accounts(f"{event.table}: {event.text}", self._plan.account))
        if event.backup:
            self._name_backup(event.table, event.backup)

    def _name_backup(self, table: str, arn: str) -> None:
        """A backup is named in summary and comment before anything is deleted: an error here keeps the table."""
        made = self._backups[table] = TableResult(table, None, Outcome.NOOP, backup=arn)
        self._job.runner.add_summary(self._markdown(Result(self._plan, (made,)), running=True) + "\n")
        self._tell(Result(self._plan, tuple(reversed(self._backups.values()))), naming=arn)

    def _tell(self, so_far: Result, *, naming: str = "") -> None:
        if self._judge.trail:
            text = self._markdown(so_far, running=True)
            if naming.partition(":table/")[2] not in text:
                raise GitHubError(
                    "The comment has no room left to name the backup.",
                    hint="Approve the plan as a file (`out`, then `reviewed`).",
                )
            self._judge.trail.tell(text)

    def _markdown(self, result: Result, *, running: bool = False) -> str:
        trail = self._judge.trail
        room = trail.room() if trail else approval.room(None)
        return report.markdown(report.result(result, self._context(running=running)), size=report.characters(room))

    def _context(self, *, running: bool = False) -> ReportContext:
        gate, trail = self._judge.gate, self._judge.trail
        named = {arn.partition(":table/")[2]: arn for arn in _BACKUP.findall(trail.told if trail else "")}
        return self._job.context(
            approval=self._judge.approval,
            comment_url=trail.url if trail else None,
            label_on=" and ".join(f"pull request #{number}" for number in gate.sources(self._plan, unnamed=True)),
            named=gate.named(self._plan),
            unreviewed=frozenset(id_ for change in self._plan.tables for id_ in gate.unreviewed(change)),
            superseded=self._judge.superseded,
            running=running,
            notes=tuple(f"{_EARLIER}{report.code(arn)}" for arn in named.values()),
        )

    # The end.
    def _end(self, result: Result) -> Ending:
        failed = self._close(result)  # first: what was used up must be closed even if nothing can be shown
        self._job.show("Result", report.result(result, self._context()))
        errors = [table.error.message for table in result.tables if table.error and table.result is result.result]
        ending = Ending(
            result=result.result,
            reason=result.failure_reason,
            plan=self._plan,
            changed=result.changed,
            comment_url=self._judge.trail.url if self._judge.trail else None,
            messages=tuple(errors),
        )
        if failed is None:
            return ending
        return replace(ending, result=Outcome.FAILED, reason=failed.reason, messages=(*ending.messages, str(failed)))

    def _close(self, result: Result) -> GitHubError | None:
        """Mark what has converged as used up, and write the result into the comment."""
        trail = self._judge.trail
        if trail is None:
            return None
        agreeing = [table.table for table in result.tables if table.agrees]
        others = [table.table for table in result.tables if not table.agrees]
        failed: GitHubError | None = None
        try:
            open_still = trail.find_open(agreeing=agreeing, others=others)
        except GitHubError as error:  # the result is told all the same; what stays open, a re-run closes
            failed, open_still, agreeing = error, True, []
        size = report.characters(trail.room(agreeing=agreeing, others=others))
        told = report.markdown(report.result(result, self._context()), size=size)
        quiet = result.result is Outcome.NOOP and not open_still
        try:
            trail.close(None if quiet else told, agreeing=agreeing, others=others)
        except GitHubError as error:
            return failed or error
        return failed
