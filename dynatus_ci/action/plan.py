"""The mode plan: what would run, shown in a comment that keeps the record of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dynatus_ci import approval, planning, report
from dynatus_ci.action.job import Ending, Job
from dynatus_ci.approval import Record, Scope
from dynatus_ci.errors import DynatusError, GitHubError, InvalidInput, NotAllowed
from dynatus_ci.github.model import Comment, PullRequest, Unwritten
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.runner import Level
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.schema.model import Plan, Risk
from dynatus_ci.schema.results import Outcome

_UNWRITTEN = "No comment was written"
_TOO_LARGE = (
    "The plan is too large for a comment to keep its record, so merging does not approve it: split the change, "
    "or approve it as a file (`out`, then `reviewed`)."
)


def run(job: Job) -> Ending:
    """Show what would run, in a comment that keeps the record of it."""
    plan = job.planning.plan(job.planning.tables())
    posted = _post(job, lambda: plan, lambda comment: comment.write_plan(plan))
    job.show("Plan", report.plan(plan, _context(job, plan, posted=posted)))
    unwritten = _write_file(job, plan, out=job.inputs.out) if job.inputs.out else None
    verdict = approval.verdict(plan, job.inputs.allow_destructive, labelled=posted.labelled, recorded=posted.recorded)
    ending = Ending(
        result=verdict.result,
        reason=verdict.reason,
        plan=plan,
        changed=plan.changes,
        comment_url=posted.url,
        messages=verdict.messages,
    )
    failed = posted.failed or unwritten
    if failed is None:
        return ending
    return replace(ending, result=Outcome.FAILED, reason=failed.reason, messages=(str(failed),))


def comment_faults(job: Job, faults: Report) -> str | None:
    """Faults go into the comment too; that needs its KEY, so the region, and the account where it has no other name."""
    return _post(job, lambda: _whereabouts(job), lambda comment: comment.write_faults(faults)).url


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
        planning.write(plan, inside, name=f"`out`: {out!r}", root=root)
    except InvalidInput as unwritten:
        return unwritten
    return None


# --- the comment -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """What became of a comment; `recorded` is whether it holds a record that a label can name."""

    recorded: bool = False
    labelled: bool = False
    label_removed: bool = False
    url: str | None = None
    note: str | None = None
    failed: GitHubError | None = None


def _context(job: Job, plan: Plan, *, posted: _Posted) -> ReportContext:
    lost = frozenset(difference.id for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE)
    unnamed = approval.unnamed(plan, job.inputs.allow_destructive, labelled=posted.labelled)
    return job.context(
        approval=job.inputs.approval_at(plan.endpoint).value,
        record=posted.recorded,
        label_on="this pull request" if posted.recorded else "",
        label_removed=posted.label_removed,
        named=lost - {difference.id for difference in unnamed},
        notes=(posted.note,) if posted.note else (),
    )


def _post(job: Job, where: Callable[[], Plan], write: Callable[[_Ours], _Posted]) -> _Posted:
    """Write a comment where there is a pull request for it; what GitHub does not allow is a note, no failure."""
    if job.pull_request is None or (job.github is None and not job.inputs.comment):
        return _Posted()
    if job.github is None:
        posted = _Posted(note=f"{_UNWRITTEN}: `github-token` is empty.")
    else:
        try:
            posted = write(_Ours(job=job, pulls=job.github, number=job.pull_request, scope=job.scope(where())))
        except NotAllowed as refused:
            posted = _Posted(note=f"{_UNWRITTEN}. {refused}") if job.inputs.comment else _Posted()
        except GitHubError as failed:
            posted = _Posted(note=f"{_UNWRITTEN}. {failed}", failed=failed)
    if posted.note:
        job.runner.annotate(Level.NOTICE, posted.note)
    return posted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ours:
    """Our comment of a scope at a pull request."""

    job: Job
    pulls: PullRequests
    number: int
    scope: Scope

    def write_faults(self, faults: Report) -> _Posted:
        """Write what is wrong with the definitions; there is no plan, so the record goes."""
        existing = self._find()
        if existing is None and not self.job.inputs.comment:
            return _Posted()
        replaced, edited = self._replaced(existing)
        if kept := self._kept(existing, replaced):
            return kept
        return self._write(faults, existing, record=None, posted=_Posted(), rewrite=edited)

    def write_plan(self, plan: Plan) -> _Posted:
        """Write a plan and its record, or say why not."""
        existing = self._find()
        if existing is None and not (plan.changes and self.job.inputs.comment):
            return _Posted()
        replaced, edited = self._replaced(existing)
        if kept := self._kept(existing, replaced):
            return kept
        pull = self.pulls.pull_request(self.number)
        if reason := pull.unwritten(self._head):
            return _Posted(note=f"{_UNWRITTEN}: {reason}.")
        record, note = self._record(plan, head=pull.head_sha)
        posted = replace(self._label(pull, replaced=replaced, record=record), note=note)
        view = report.plan(plan, _context(self.job, plan, posted=posted))
        written = self._write(view, existing, record=record, posted=posted, rewrite=edited)
        if written.recorded and record and approval.label_must_go(replaced, record):
            # Put on between its removal and the record, it would name what nobody has seen.
            self.pulls.remove_label(self.number, approval.LABEL)
        return written

    @property
    def _head(self) -> str | None:
        return self.job.run.head_of(self.number)

    def _find(self) -> Comment | None:
        return self.pulls.find_comment(self.number, self.scope.marker)

    def _kept(self, existing: Comment | None, replaced: Record | None) -> _Posted | None:
        """With a `baseline`, a comment that holds a record of a plan against AWS is left alone."""
        if existing is None or replaced is None or not self.job.inputs.baseline:
            return None
        return _Posted(note="The comment holds a plan against AWS and was left as it is.", url=existing.url)

    def _replaced(self, comment: Comment | None) -> tuple[Record | None, bool]:
        """The record in a comment of ours, and whether somebody else edited it (then there is none to believe)."""
        trusted = self.pulls.trusted_comment(comment) if comment else None
        if trusted is None:
            return None, False
        ours = approval.untouched(
            viewer_did_author=trusted.viewer_did_author, author=trusted.author, editor=trusted.editor
        )
        return (approval.decode(trusted.body), False) if ours else (None, True)

    def _record(self, plan: Plan, *, head: str) -> tuple[Record | None, str | None]:
        """The record of a plan, or what is to be said where there can be none."""
        if self.job.inputs.baseline:
            return None, None
        record = approval.record(plan, self.scope, head=head)
        return (record, None) if approval.fits(record) else (None, _TOO_LARGE)

    def _label(self, pull: PullRequest, *, replaced: Record | None, record: Record | None) -> _Posted:
        labelled = approval.LABEL in pull.labels
        if record is None or not approval.label_must_go(replaced, record):
            return _Posted(labelled=labelled and record is not None, recorded=record is not None)
        try:
            # Also where it was not on when we looked: somebody may have put it on since, for what he has not seen.
            self.pulls.remove_label(self.number, approval.LABEL)
        except NotAllowed as refused:
            if not labelled:
                raise
            # Without its removal the label would name what nobody has seen, so there must be no record.
            raise GitHubError(refused.message, hint=refused.hint) from refused
        return _Posted(label_removed=labelled, recorded=True)

    def _write(
        self, view: Report, existing: Comment | None, *, record: Record | None, posted: _Posted, rewrite: bool = False
    ) -> _Posted:
        text = report.markdown(view, size=report.characters(approval.room(record)))
        written = self.pulls.write_plan(
            self.number,
            marker=self.scope.marker,
            body=approval.compose(text, scope=self.scope, record=record),
            head_sha=self._head,
            existing=existing,
            rewrite=rewrite,
        )
        if isinstance(written, Unwritten):
            return replace(posted, recorded=False, labelled=False, note=f"{_UNWRITTEN}: {written}.")
        return replace(posted, url=written.url)
