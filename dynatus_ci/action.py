"""The GitHub door: inputs in, one of four modes, and its ending as outputs, summary, annotations and a comment.

Glue only: what may run is decided in `approval`, what is written by `report`, what is done by `engine`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

from dynatus_ci import approval, engine, report
from dynatus_ci.approval import Gate, Record, Refusal, Scope
from dynatus_ci.definitions import files, loader
from dynatus_ci.dynamodb import client
from dynatus_ci.dynamodb.client import Aws
from dynatus_ci.errors import (
    Cancelled,
    DynatusError,
    FailureReason,
    Fault,
    GitHubError,
    InvalidDefinitions,
    InvalidInput,
    NotAllowed,
)
from dynatus_ci.github.model import Comment, PullRequest, Unwritten
from dynatus_ci.github.pull_request import Pace, PullRequests
from dynatus_ci.github.reviews import Trail
from dynatus_ci.github.runner import Level, OutputValue, Runner
from dynatus_ci.inputs import Approval, Inputs, Mode, Run, read_event
from dynatus_ci.report import Context, Size, text
from dynatus_ci.report.budget import characters
from dynatus_ci.report.view import mask
from dynatus_ci.schema import normalise
from dynatus_ci.schema.model import Outcome, Plan, Result, Risk, Step, Table, TableChange, TableResult

PLAN_OUTPUT_LIMIT = 400_000
PLAN_FILE_LIMIT = 64 << 20
_BACKUP = re.compile(r"arn:[\w-]+:dynamodb:[\w-]+:[^:\s`]*:table/[\w.-]+/backup/[\w-]+")
_MOST_BACKUPS = 20
_COUNTS = ("create", "update", "recreate", "delete", "noop", "destructive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended, as outputs and exit status say it; `messages` become error annotations."""

    result: Outcome
    reason: FailureReason | None = None
    plan: Plan | None = None
    changed: bool = False
    comment_url: str | None = None
    messages: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status."""
        return 1 if self.result in {Outcome.FAILED, Outcome.REFUSED} else 0

    def outputs(self) -> dict[str, OutputValue]:
        """The outputs of the step, all of them."""
        plan = self.plan or Plan()
        document = json.dumps(plan.without_noops().to_dict(), ensure_ascii=False) if self.plan else ""
        return {
            "result": self.result.value,
            "changed": self.changed,
            **{name: plan.summary()[name] for name in _COUNTS},
            "fingerprint": plan.fingerprint if self.plan else "",
            "plan": document if len(document) <= PLAN_OUTPUT_LIMIT else "",
            "comment-url": self.comment_url or "",
            "failure-reason": self.reason.value if self.reason else "",
        }


class Stop:
    """What the signals of a cancelled job do: end the run at once, or while apply runs after the current call."""

    def __init__(self) -> None:
        self.flag = threading.Event()
        self.applying = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """GitHub sends SIGINT, 7.5 s later SIGTERM, 2.5 s later it kills; process 1 ignores SIGTERM unasked."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        first = not self.flag.is_set()
        self.flag.set()
        if first and not self.applying:
            raise KeyboardInterrupt  # an Exception would end in botocore, which takes any for a network error


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every mode works with; `github` is None without a token."""

    inputs: Inputs
    run: Run
    runner: Runner
    github: PullRequests | None
    stop: Stop

    @property
    def pull_request(self) -> int | None:
        """The number of the pull request that plan comments on."""
        return self.inputs.github.pull_request or self.run.pull_request

    def context(self, **facts: Any) -> Context:  # noqa: ANN401  # Context's own fields, checked there
        """What reports know of this run."""
        commit = self.run.head_sha or self.run.sha
        return Context(
            **{
                "mode": self.inputs.mode.value,
                "path": self.inputs.path,
                "environment": self.inputs.environment,
                "baseline": self.inputs.baseline,
                "commit": commit or None,
                "run_url": self.run.url if self.run.run_id else None,
                "summary_url": self.run.url if self.run.run_id else None,
                "in_github": True,
                **facts,
            }
        )

    def scope(self, plan: Plan) -> Scope:
        """What the run's comment is about."""
        return approval.scope(
            environment=self.inputs.environment,
            account=plan.account,
            region=plan.region,
            endpoint=plan.endpoint,
            path=self.inputs.path,
            prefix=self.inputs.table_prefix,
        )

    def annotate(self, level: Level, fault: Fault) -> None:
        """Show a fault beside its place in the file."""
        sentence = f"{fault.message} {fault.hint}" if fault.hint else fault.message
        shown = mask(None, context=self.context())(sentence)
        self.runner.annotate(level, shown, place=fault.place, title=fault.code)

    def show(self, *, title: str, log: str, summary: Callable[[Size], str]) -> None:
        """Print a report into the log, and add it to the job summary as far as there is room."""
        with self.runner.group(title):
            self.runner.text(log)
        self.runner.add_summary(summary(_left(self.runner)) + "\n")


# --- the door --------------------------------------------------------------------------------------------------------


def main(environ: Mapping[str, str] | None = None, *, stream: TextIO | None = None, pace: Pace | None = None) -> int:
    """Run the action: 1 where it failed or refused, else 0.

    Args:
        environ: The runner's variables; the process's own if left out.
        stream: Where log lines go; standard output if left out.
        pace: How patiently GitHub is asked.
    """
    given = os.environ if environ is None else environ
    runner = Runner(
        stream or sys.stdout, output=_file(given, "GITHUB_OUTPUT"), summary=_file(given, "GITHUB_STEP_SUMMARY")
    )
    stop = Stop()
    with stop.listening():
        ending = _ending(given, runner=runner, stop=stop, pace=pace)
        stop.applying = True  # what is left is quick, and nothing may cut it
        for message in ending.messages:
            runner.annotate(Level.ERROR, message, title=ending.reason.value if ending.reason else None)
        runner.finish()
        runner.set_outputs(ending.outputs())
    return ending.status


def _ending(environ: Mapping[str, str], *, runner: Runner, stop: Stop, pace: Pace | None) -> Ending:
    with _Report(runner, stop) as reported:
        run = Run.from_environ(environ, read_event(environ))
        inputs = Inputs.from_environ(environ)
        reported.context = Context(
            mode=inputs.mode.value, path=inputs.path, environment=inputs.environment, in_github=True
        )
        token = inputs.github.github_token
        github = PullRequests(token=token, repository=run.repository, api_url=run.api_url, pace=pace) if token else None
        job = Job(inputs=inputs, run=run, runner=runner, github=github, stop=stop)
        if run.deleted:
            runner.annotate(Level.NOTICE, "The event is the deletion of a branch: there is nothing to do.")
            reported.ending = Ending(result=Outcome.NOOP)
        else:
            reported.ending = _MODES[inputs.mode](job)
    shown = mask(reported.ending.plan, context=reported.context)
    return replace(reported.ending, messages=tuple(map(shown, reported.ending.messages)))


class _Report:
    """Turns whatever ends a run early into an ending that people can read: the one place that catches everything."""

    def __init__(self, runner: Runner, stop: Stop) -> None:
        self._runner = runner
        self._stop = stop
        self.context = Context(in_github=True)
        self.ending = Ending(result=Outcome.FAILED, reason=FailureReason.INTERNAL_ERROR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._stop.applying = True
        if isinstance(error, KeyboardInterrupt):
            self._explain(Cancelled("The run was cancelled before it had changed anything."))
        elif isinstance(error, DynatusError):
            self._explain(error)
        elif isinstance(error, Exception):
            frames = traceback.extract_tb(trace)  # places only: a message or a value may be secret
            self._runner.text("\n".join(f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames))
            self._explain(
                _Bug(f"This is a bug of dynatus: {type(error).__name__}; the log has the places in the code.")
            )
        return error is None or isinstance(error, (Exception, KeyboardInterrupt))

    def _explain(self, error: DynatusError) -> None:
        self._runner.text(report.error_text(error, self.context))
        self._runner.add_summary(report.error_markdown(error, self.context, size=_left(self._runner)) + "\n")
        self.ending = Ending(result=Outcome.FAILED, reason=error.reason, messages=(str(error),))


class _Bug(DynatusError):
    """Anything that nobody foresaw."""


def _left(runner: Runner) -> Size:
    """What the job summary still takes, with a line's end."""
    return replace(report.SUMMARY, limit=runner.summary_room - 1)


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


# --- what several modes do -------------------------------------------------------------------------------------------


def _tables(job: Job, path: str) -> list[Table]:
    """The definitions at a path; what is worth a warning becomes an annotation."""
    inputs = job.inputs
    loaded = loader.load(
        path,
        environment=inputs.environment,
        params=inputs.params,
        table_prefix=inputs.table_prefix,
        root=job.run.workspace,
    )
    for note in loaded.notes:
        job.annotate(Level.WARNING, note)
    return [normalise.desired(definition.body, place=definition.place) for definition in loaded.definitions]


def _connect(job: Job) -> Aws:
    inputs = job.inputs
    return client.connect(
        region=inputs.region,
        endpoint_url=inputs.endpoint_url,
        expect_account=inputs.account,
        on_notice=job.runner.text,
    )


def _options(inputs: Inputs) -> engine.Options:
    return engine.Options(
        ignore_tags=inputs.ignore_tags,
        max_parallel=inputs.max_parallel,
        wait_seconds=inputs.wait_minutes * 60,
        detach=inputs.detach,
    )


def _planned(job: Job, tables: list[Table]) -> Plan:
    """What would happen, against AWS or the baseline."""
    inputs = job.inputs
    if inputs.baseline:
        before = _tables(job, inputs.baseline)
        return engine.plan_against(before, tables, region=inputs.region, endpoint=inputs.endpoint_url)
    return engine.plan(_connect(job), tables, options=_options(inputs))


def _faulty(job: Job, invalid: InvalidDefinitions) -> Ending:
    """Show all faults: as annotations, in the log and in the summary."""
    for fault in invalid.faults:
        job.annotate(Level.ERROR, fault)
    sources = _sources(job.run.workspace, invalid)
    job.show(
        title="Faults in the definitions",
        log=report.faults_text(invalid.faults, job.context()),
        summary=lambda size: report.faults_markdown(invalid.faults, job.context(), sources=sources, size=size),
    )
    return Ending(result=Outcome.FAILED, reason=FailureReason.INVALID_DEFINITION)


def _sources(workspace: Path, invalid: InvalidDefinitions) -> dict[str, str]:
    """The texts of the files with faults, read as carefully as the first time; what cannot be read is left out."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(fault.place.file for fault in invalid.faults if fault.place):
        try:
            found[name] = files.read(files.File(name, workspace / name)).decode("utf-8", "replace")
        except InvalidDefinitions:
            continue
    return found


# --- validate and drift ----------------------------------------------------------------------------------------------


def _validate(job: Job) -> Ending:
    """Find what DynamoDB would refuse, without AWS."""
    try:
        tables = _tables(job, job.inputs.path)
        plan = _planned(job, tables) if job.inputs.baseline else None
    except InvalidDefinitions as invalid:
        return _faulty(job, invalid)
    context = job.context()
    job.show(
        title="Definitions",
        log=f"{text.plural(len(tables), 'table')}, no faults.",
        summary=lambda size: report.faults_markdown((), context, definitions=len(tables), size=size),
    )
    if plan:
        _show_plan(job, plan, context=context)
    return Ending(result=Outcome.VALID, plan=plan, changed=plan is not None and plan.changes)


def _drift(job: Job) -> Ending:
    """Say where the account no longer agrees with the files."""
    try:
        plan = _planned(job, _tables(job, job.inputs.path))
    except InvalidDefinitions as invalid:
        return _faulty(job, invalid)
    context = job.context()
    job.show(
        title="Drift",
        log=report.drift_text(plan, context),
        summary=lambda size: report.drift_markdown(plan, context, size=size),
    )
    verdict = approval.verdict(plan, (), labelled=False, recorded=False)
    if verdict.result is Outcome.FAILED:
        return Ending(
            result=verdict.result,
            reason=verdict.reason,
            plan=plan,
            changed=plan.changes,
            messages=_unreadable(plan),
        )
    if plan.changes:
        return Ending(result=Outcome.FAILED, reason=FailureReason.DRIFT, plan=plan, changed=True)
    return Ending(result=Outcome.NOOP, plan=plan)


# --- plan ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posted:
    """What became of a plan's comment; `recorded` is whether it holds a record that a label can name."""

    recorded: bool = False
    labelled: bool = False
    label_removed: bool = False
    url: str | None = None
    note: str | None = None
    failed: GitHubError | None = None


def _plan(job: Job) -> Ending:
    """Show what would run, in a comment that keeps the record of it."""
    try:
        plan = _planned(job, _tables(job, job.inputs.path))
    except InvalidDefinitions as invalid:
        return _faulty_plan(job, invalid)
    if job.inputs.out:
        _write_plan_file(job, plan)
    posted = _post(job, lambda pulls, number: _PlanComment(job, plan, pulls=pulls, number=number).write())
    if posted.note:
        job.runner.annotate(Level.NOTICE, posted.note)
    _show_plan(job, plan, context=_plan_context(job, plan, posted=posted))
    verdict = approval.verdict(plan, job.inputs.allow_destructive, labelled=posted.labelled, recorded=posted.recorded)
    result, reason = verdict.result, verdict.reason
    messages = (*_unreadable(plan), *_sentences(verdict.refusals))
    if posted.failed:
        result, reason, messages = Outcome.FAILED, posted.failed.reason, (str(posted.failed),)
    return Ending(
        result=result, reason=reason, plan=plan, changed=plan.changes, comment_url=posted.url, messages=messages
    )


def _unreadable(plan: Plan) -> tuple[str, ...]:
    return tuple(change.error.message for change in plan.tables if change.error)


def _sentences(refusals: Iterable[Refusal]) -> tuple[str, ...]:
    return tuple(f"{refusal.message} {refusal.hint}" if refusal.hint else refusal.message for refusal in refusals)


def _show_plan(job: Job, plan: Plan, *, context: Context) -> None:
    job.show(
        title="Plan",
        log=report.plan_text(plan, context),
        summary=lambda size: report.plan_markdown(plan, context, size=size),
    )


def _plan_context(job: Job, plan: Plan, *, posted: _Posted) -> Context:
    lost = frozenset(difference.id for difference in plan.differences if difference.risk is Risk.DESTRUCTIVE)
    unnamed = approval.unnamed(plan, job.inputs.allow_destructive, labelled=posted.labelled)
    return job.context(
        approval=job.inputs.approval_at(plan.endpoint).value,
        record=posted.recorded,
        label_offered=posted.recorded,
        label_removed=posted.label_removed,
        named=lost - {difference.id for difference in unnamed},
        notes=(posted.note,) if posted.note else (),
    )


def _write_plan_file(job: Job, plan: Plan) -> None:
    """The whole plan as a file, owned as the workspace is: later steps run outside this container, not as root."""
    path = job.run.real_path("out", job.inputs.out or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plan.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            owner = job.run.workspace.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise InvalidInput(f"`out`: {job.inputs.out!r} cannot be written ({error.strerror}).") from error


def _post(job: Job, write: Callable[[PullRequests, int], _Posted]) -> _Posted:
    """Write a comment where there is a pull request for it; what GitHub does not allow is a note, no failure."""
    if job.pull_request is None or not job.inputs.github.comment:
        return _Posted()
    if job.github is None:
        return _Posted(note="No comment was written: `github-token` is empty.")
    try:
        return write(job.github, job.pull_request)
    except NotAllowed as refused:
        return _Posted(note=f"No comment was written. {refused}")
    except GitHubError as failed:
        return _Posted(failed=failed, note=f"No comment was written. {failed}")


class _PlanComment:
    """The comment of one plan: what it replaces, whether the label stays, and what is written."""

    def __init__(self, job: Job, plan: Plan, *, pulls: PullRequests, number: int) -> None:
        self._job = job
        self._plan = plan
        self._pulls = pulls
        self._number = number
        self._scope = job.scope(plan)

    def write(self) -> _Posted:
        """Write it, or say why not."""
        existing = self._pulls.find_comment(self._number, self._scope.marker)
        if existing is None and not self._plan.changes:
            return _Posted()
        replaced, edited = _trusted_record(self._pulls, existing)
        if self._job.inputs.baseline and replaced:
            return _Posted(
                note="The comment holds a plan against AWS and was left as it is.",
                url=existing.url if existing else None,
            )
        pull = self._pulls.pull_request(self._number)
        reason = pull.unwritten(self._job.run.head_of(self._number))
        if reason:
            return _Posted(note=f"No comment was written: {reason}.")
        record, note = self._record(pull)
        posted = self._label(pull, replaced=replaced, record=record)
        return self._write(existing, record=record, posted=replace(posted, note=note), edited=edited)

    def _record(self, pull: PullRequest) -> tuple[Record | None, str | None]:
        if self._job.inputs.baseline:
            return None, None
        head = self._job.run.head_of(self._number) or pull.head_sha
        record = approval.record(self._plan, self._scope, head=head)
        if approval.fits(record):
            return record, None
        return None, (
            "The plan is too large for a comment to keep its record, so merging does not approve it: split the change, "
            "or approve it as a file (`out`, then `reviewed`)."
        )

    def _label(self, pull: PullRequest, *, replaced: Record | None, record: Record | None) -> _Posted:
        labelled = approval.LABEL in pull.labels
        if not (labelled and record and approval.label_must_go(replaced, record)):
            return _Posted(labelled=labelled and record is not None, recorded=record is not None)
        try:
            self._pulls.remove_label(self._number, approval.LABEL)
        except NotAllowed as refused:
            # Without its removal the label would name what nobody has seen, so there must be no record.
            raise GitHubError(refused.message, hint=refused.hint) from refused
        return _Posted(label_removed=True, recorded=True)

    def _write(self, existing: Comment | None, *, record: Record | None, posted: _Posted, edited: bool) -> _Posted:
        context = _plan_context(self._job, self._plan, posted=posted)
        shown = report.plan_markdown(self._plan, context, size=characters(approval.room(record)))
        written = self._pulls.write_plan(
            self._number,
            marker=self._scope.marker,
            body=approval.compose(shown, scope=self._scope, record=record),
            head_sha=self._job.run.head_of(self._number),
            existing=existing,
            rewrite=edited,
        )
        if isinstance(written, Unwritten):
            return replace(posted, recorded=False, labelled=False, note=f"No comment was written: {written}.")
        return replace(posted, url=written.url)


def _trusted_record(pulls: PullRequests, comment: Comment | None) -> tuple[Record | None, bool]:
    """The record in a comment of ours, and whether somebody else edited it (then there is none to believe)."""
    trusted = pulls.trusted_comment(comment) if comment else None
    if trusted is None:
        return None, False
    ours = approval.untouched(viewer_did_author=trusted.viewer_did_author, author=trusted.author, editor=trusted.editor)
    return (approval.decode(trusted.body), False) if ours else (None, True)


def _faulty_plan(job: Job, invalid: InvalidDefinitions) -> Ending:
    """Faults go into the comment too; that needs its KEY, so the region, and the account where it has no other name."""
    ending = _faulty(job, invalid)

    def write(pulls: PullRequests, number: int) -> _Posted:
        scope = job.scope(_whereabouts(job))
        existing = pulls.find_comment(number, scope.marker)
        shown = report.faults_markdown(
            invalid.faults,
            job.context(),
            sources=_sources(job.run.workspace, invalid),
            size=characters(approval.room(None)),
        )
        written = pulls.write_plan(
            number,
            marker=scope.marker,
            body=approval.compose(shown, scope=scope, record=None),
            head_sha=job.run.head_of(number),
            existing=existing,
        )
        return (
            _Posted(note=f"No comment was written: {written}.")
            if isinstance(written, Unwritten)
            else _Posted(url=written.url)
        )

    posted = _post(job, write)
    if posted.note:
        job.runner.annotate(Level.NOTICE, posted.note)
    return replace(ending, comment_url=posted.url)


def _whereabouts(job: Job) -> Plan:
    """Account, region and endpoint of a run that has no plan; unknown where nobody answers."""
    inputs = job.inputs
    if inputs.baseline:
        return Plan(region=inputs.region, endpoint=inputs.endpoint_url)
    try:
        aws = _connect(job)
    except DynatusError:
        return Plan(account=inputs.account, region=inputs.region, endpoint=inputs.endpoint_url)
    return Plan(account=aws.account, region=aws.region, endpoint=aws.endpoint)


# --- apply -----------------------------------------------------------------------------------------------------------


def _apply(job: Job) -> Ending:
    """Run what was reviewed, and nothing else."""
    run, inputs = job.run, job.inputs
    try:
        tables = _tables(job, inputs.path)
    except InvalidDefinitions as invalid:
        return _faulty(job, invalid)
    reviewed = _read_plan_file(job) if inputs.reviewed else None
    aws = _connect(job)
    if (
        reviewed is None
        and inputs.approval_at(aws.endpoint) is Approval.REVIEWED_PLAN
        and run.ref.startswith("refs/tags/")
    ):
        raise InvalidInput(
            "`approval: reviewed-plan` is for branches, and this run is for a tag.",
            hint="A release applies a plan from a file: `reviewed`.",
        )
    plan = engine.plan(aws, tables, options=_options(inputs))
    return _Applying(job, aws=aws, tables=tables, plan=plan, reviewed=reviewed).run()


def _read_plan_file(job: Job) -> Plan:
    path = job.run.real_path("reviewed", job.inputs.reviewed or "")
    try:
        if path.stat().st_size > PLAN_FILE_LIMIT:
            raise InvalidInput(f"`reviewed`: {job.inputs.reviewed!r} is larger than any plan.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"`reviewed`: {job.inputs.reviewed!r} cannot be read as a plan ({error}).") from error
    return Plan.from_dict(document)


@dataclass(slots=True, kw_only=True)
class _State:
    """What an apply has found out so far; shared by the threads that change tables."""

    superseded_by: str | None = None
    superseded: str | None = None
    backups: dict[str, str] = field(default_factory=dict)
    earlier_backups: tuple[str, ...] = ()
    looked_at: dict[str, TableChange] = field(default_factory=dict)


class _Applying:
    """One apply: the gate, the engine, and what both have to say."""

    def __init__(self, job: Job, *, aws: Aws, tables: list[Table], plan: Plan, reviewed: Plan | None) -> None:
        self._job = job
        self._aws = aws
        self._tables = tables
        self._plan = plan
        self._reviewed = reviewed
        approval_input = job.inputs.approval_at(aws.endpoint)
        self._approval = "reviewed" if reviewed else approval_input.value
        self._trail: Trail | None = None
        self._gate = Gate(None, job.inputs.allow_destructive)
        self._state = _State()
        self._lock = threading.Lock()
        self._shown = mask(plan, context=job.context())

    def run(self) -> Ending:
        """Show, judge, do, and tell."""
        self._show_first()
        if self._plan.changes and self._is_superseded():
            return self._end(Result(self._plan, result=Outcome.SUPERSEDED))
        self._gate = self._find_gate()
        self._job.stop.applying = True  # from here on the comment must get its result
        self._say_running()
        result = engine.apply(
            self._aws,
            self._tables,
            plan=self._plan,
            may_run=self._may_run,
            options=_options(self._job.inputs),
            on_event=self._heard,
            stop=self._job.stop.flag,
        )
        if self._state.superseded:
            result = replace(result, result=Outcome.SUPERSEDED, failure_reason=None)
        return self._end(result)

    def _show_first(self) -> None:
        """Summary and outputs hold the plan before anything is changed or waited for: a job may be killed."""
        _show_plan(self._job, self._plan, context=self._context())
        ending = Ending(result=Outcome.FAILED, reason=FailureReason.CANCELLED, plan=self._plan)
        self._job.runner.set_outputs(ending.outputs())

    # What may run.
    def _find_gate(self) -> Gate:
        patterns = self._job.inputs.allow_destructive
        if self._reviewed:
            plan = self._plan
            return Gate(
                approval.plan_file(self._reviewed, account=plan.account, region=plan.region, endpoint=plan.endpoint),
                patterns,
            )
        if self._approval == Approval.NONE:
            return Gate(None, patterns)
        return self._read_reviews(patterns)

    def _read_reviews(self, patterns: tuple[str, ...]) -> Gate:
        """Read records until they explain and name everything, or there are no more."""
        run, scope = self._job.run, self._job.scope(self._plan)
        if run.branch is None:
            return Gate(approval.reviews((), scope, branch=""), patterns)
        trail = self._trail = Trail(
            self._github(), scope=scope, sha=run.sha, branch=run.branch, path=self._job.inputs.path
        )
        trail.read_own()
        while Gate(trail.reviews, patterns).wants_more(self._plan) and trail.read_next():
            pass
        trail.read_newest()
        # A run that was stopped may have named the only copy of a table, and this run writes over its comment.
        named = {arn.partition(":table/")[2]: arn for arn in _BACKUP.findall(trail.told)}
        self._state.earlier_backups = tuple(named.values())[:_MOST_BACKUPS]
        return Gate(trail.reviews, patterns)

    def _github(self) -> PullRequests:
        if self._job.github is None:
            raise InvalidInput("`github-token` is empty, and what was reviewed is looked up with it.")
        return self._job.github

    def _may_run(self, change: TableChange, step: Step) -> Refusal | None:
        refusal = self._gate.may_run(change, step)
        if refusal is None and step.risk is Risk.DESTRUCTIVE:
            return self._look_again(change)
        return refusal

    def _look_again(self, change: TableChange) -> Refusal | None:
        """Before each destructive step: is this commit still the one that decides? Asked once for each observation."""
        with self._lock:
            if not self._state.superseded and self._state.looked_at.get(change.table) is not change:
                self._state.looked_at[change.table] = change
                try:
                    self._is_superseded()
                except GitHubError as failed:
                    return Refusal(failed.reason, f"{change.table}: {failed.message}", failed.hint)
            if self._state.superseded is None:
                return None
            self._job.stop.flag.set()
            return Refusal(FailureReason.CANCELLED, f"{change.table}: {self._state.superseded}")

    def _is_superseded(self) -> bool:
        """Whether the branch's tip has other definitions; with `approval: none`, and without a branch, nobody asks."""
        run = self._job.run
        if self._approval == Approval.NONE or run.branch is None:
            return False
        tip = self._github().tip(ref=run.ref, commit=run.sha, path=self._job.inputs.path)
        self._state.superseded = approval.superseded(approval.Tip(tip.commit, tip.there, tip.here))
        self._state.superseded_by = tip.commit if self._state.superseded else None
        return self._state.superseded is not None

    # What is said meanwhile.
    def _say_running(self) -> None:
        """Where something is to run, the comment says so first; where that is refused nothing runs."""
        ready = (
            change.changes and not any(self._gate.may_run(change, step) for step in change.steps)
            for change in self._plan.tables
        )
        if self._trail and any(ready):
            self._trail.tell(self._markdown(Result(self._plan), running=True))

    def _heard(self, event: engine.Event) -> None:
        self._job.runner.text(self._shown(f"{event.table}: {event.text}"))
        if event.backup:
            self._name_backup(event.table, event.backup)

    def _name_backup(self, table: str, arn: str) -> None:
        """A backup is named in summary and comment before anything is deleted: an error here keeps the table."""
        self._state.backups[table] = arn
        so_far = {
            name: TableResult(name, None, Outcome.NOOP, backup=made) for name, made in self._state.backups.items()
        }
        self._job.runner.add_summary(self._markdown(Result(self._plan, (so_far[table],)), running=True) + "\n")
        if self._trail:
            self._trail.tell(self._markdown(Result(self._plan, tuple(so_far.values())), running=True))

    def _markdown(self, result: Result, *, running: bool = False) -> str:
        room = self._trail.room() if self._trail else approval.room(None)
        return report.result_markdown(result, self._context(running=running), size=characters(room))

    def _context(self, *, running: bool = False) -> Context:
        return self._job.context(
            approval=self._approval,
            comment_url=self._trail.url if self._trail else None,
            label_offered=self._trail is not None and self._trail.url is not None,
            named=self._gate.named(self._plan),
            unreviewed=frozenset(id_ for change in self._plan.tables for id_ in self._gate.unreviewed(change)),
            superseded_by=self._state.superseded_by,
            running=running,
            notes=tuple(f"A backup that an earlier run made: {text.code(arn)}" for arn in self._state.earlier_backups),
        )

    # The end.
    def _end(self, result: Result) -> Ending:
        context = self._context()
        self._job.show(
            title="Result",
            log=report.result_text(result, context),
            summary=lambda size: report.result_markdown(result, context, size=size),
        )
        failed = self._close(result)
        errors = [table.error.message for table in result.tables if table.error and table.result is result.result]
        ending = Ending(
            result=result.result,
            reason=result.failure_reason,
            plan=self._plan,
            changed=result.changed,
            comment_url=self._trail.url if self._trail else None,
            messages=tuple(errors),
        )
        if failed is None:
            return ending
        return replace(ending, result=Outcome.FAILED, reason=failed.reason, messages=(*ending.messages, str(failed)))

    def _close(self, result: Result) -> GitHubError | None:
        """Mark what has converged as used up, and write the result into the comment."""
        if self._trail is None:
            return None
        agreeing = [table.table for table in result.tables if table.agrees]
        others = [table.table for table in result.tables if not table.agrees]
        quiet = result.result is Outcome.NOOP and not self._trail.uses_up(agreeing=agreeing, others=others)
        size = characters(self._trail.room(agreeing=agreeing, others=others))
        told = None if quiet else report.result_markdown(result, self._context(), size=size)
        try:
            self._trail.close(told, agreeing=agreeing, others=others)
        except GitHubError as failed:
            return failed
        return None


_MODES: Mapping[Mode, Callable[[Job], Ending]] = {
    Mode.PLAN: _plan,
    Mode.APPLY: _apply,
    Mode.DRIFT: _drift,
    Mode.VALIDATE: _validate,
}
