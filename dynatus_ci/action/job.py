"""What every mode works with: a run's inputs and surroundings, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from dynatus_ci import report, review
from dynatus_ci.errors import DynatusError, FailureReason, Fault, Place
from dynatus_ci.github import event as events
from dynatus_ci.github.event import Run
from dynatus_ci.github.workflow_commands import Level, OutputValue, Runner
from dynatus_ci.inputs import Inputs, Mode
from dynatus_ci.interrupt import Stop
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.review import Scope
from dynatus_ci.session import Planning
from dynatus_ci.table.model import TableChange
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, plain

if TYPE_CHECKING:
    from dynatus_ci.github.pull_request import PullRequests
    from dynatus_ci.github.transport import Pace

PLAN_OUTPUT_LIMIT = 400_000
_COUNTS = ("create", "update", "recreate", "delete", "noop", "destructive")


@dataclass(frozen=True, slots=True)
class ErrorAnnotation:
    """An error annotation: a sentence, its own reason, and the line that defines the table that it is about."""

    reason: FailureReason
    message: str
    place: Place | None = None

    @classmethod
    def of(cls, error: DynatusError) -> ErrorAnnotation:
        """The annotation of the error that ends a run."""
        return cls(error.reason, error.sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """How a run ended, as outputs and exit status say it.

    Args:
        annotations: The errors to show beside their lines.
        view: The report, for the file that the input `report` names.
    """

    result: Outcome
    reason: FailureReason | None = None
    plan: Plan | None = None
    changed: bool = False
    comment_url: str | None = None
    annotations: tuple[ErrorAnnotation, ...] = ()
    view: Report | None = None

    def failed_by(self, error: DynatusError) -> ActionResult:
        """The same, but failed by one more error."""
        annotations = (*self.annotations, ErrorAnnotation.of(error))
        return replace(self, result=Outcome.FAILED, reason=error.reason, annotations=annotations)

    @property
    def status(self) -> int:
        """The exit status."""
        return 1 if self.result in {Outcome.FAILED, Outcome.REFUSED} else 0

    def outputs(self) -> dict[str, OutputValue]:
        """The outputs of the step, all of them."""
        summary = (self.plan or Plan()).summary()
        document = json.dumps(self.plan.without_noops().to_dict(), ensure_ascii=False) if self.plan else ""
        return {
            "result": self.result.value,
            "changed": self.changed,
            **{name: summary[name] for name in _COUNTS},
            "fingerprint": self.plan.fingerprint if self.plan else "",
            "plan": document if len(document) <= PLAN_OUTPUT_LIMIT else "",
            "comment-url": self.comment_url or "",
            "failure-reason": self.reason.value if self.reason else "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every mode works with. `warnings` grows while definitions are read.

    `github` is None without a token, and in the modes that do not ask GitHub.
    """

    inputs: Inputs
    run: Run
    runner: Runner
    github: PullRequests | None
    stop: Stop
    warnings: list[Fault] = field(default_factory=list)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, runner: Runner, stop: Stop, pace: Pace | None) -> Self:
        """The job that the runner's variables describe.

        Raises:
            InvalidInput: They do not.
        """
        run = Run.from_environ(environ, events.read_event(environ))
        inputs = placed(Inputs.from_environ(environ), run)
        return cls(inputs=inputs, run=run, runner=runner, github=_github(inputs, run, pace), stop=stop)

    @property
    def planning(self) -> Planning:
        """What loads the definitions, connects to AWS and plans, for the inputs of this run."""
        return Planning(
            inputs=self.inputs,
            on_warning=self._warn,
            on_notice=self.runner.text,
            root=self.run.workspace,
        )

    @property
    def pull_request(self) -> int | None:
        """The number of the pull request that plan comments on."""
        return self.inputs.pull_request or self.run.pull_request

    def context(self) -> ReportContext:
        """What reports know of this run."""
        return ReportContext(
            mode=self.inputs.mode.value,
            path=self.inputs.path,
            environment=self.inputs.environment,
            baseline=self.inputs.baseline,
            note=self.inputs.note,
            commit=self.run.head_sha or self.run.sha or None,
            repository_url=self.run.repository_url,
            run_url=self.run.url,
            summary_url=self.run.url,
            in_github=True,
            max_parallel=self.inputs.max_parallel,
            wait_minutes=None if self.inputs.detach else self.inputs.wait_minutes,
            warnings=tuple(map(_warning, self.warnings)),
        )

    def scope(self, plan: Plan) -> Scope:
        """What the run's comment is about."""
        return review.scope(
            environment=self.inputs.environment,
            account=plan.account,
            region=plan.region,
            endpoint=plan.endpoint,
            path=self.inputs.path,
            prefix=self.inputs.table_prefix,
        )

    def annotate(
        self,
        level: Level,
        sentence: str,
        *,
        place: Place | None = None,
        title: str | None = None,
        account: str | None = None,
    ) -> None:
        """Show a sentence beside its place in the file, or on the run's page, without account numbers."""
        shown = report.hide_accounts(plain(sentence), account)
        self.runner.annotate(level, shown, place=place, title=title)

    def _warn(self, fault: Fault) -> None:
        """Show a warning as an annotation, and keep it for the reports."""
        if fault not in self.warnings:  # with a baseline two sets of files are read
            self.warnings.append(fault)
            self.annotate(Level.WARNING, fault.sentence, place=fault.place, title=fault.code)

    def show(self, title: str, view: Report, *, log: str | None = None) -> None:
        """Print a report into the log, in other words where they are given, and add it to the job summary."""
        with self.runner.group(title):
            self.runner.text(report.text(view) if log is None else log)
        add_summary(self.runner, view)


def _github(inputs: Inputs, run: Run, pace: Pace | None) -> PullRequests | None:
    if not inputs.github_token or inputs.mode not in {Mode.PLAN, Mode.APPLY}:
        return None
    from dynatus_ci.github.pull_request import PullRequests  # noqa: PLC0415  # PyGithub takes long to load

    return PullRequests(token=inputs.github_token, repository=run.repository, api_url=run.api_url, pace=pace)


def definition(change: TableChange) -> Place | None:
    """Where a table is defined; None where its definition is in no file."""
    if change.file is None or change.line is None:
        return None
    return Place(change.file, change.line, 1, change.line, 1)


def placed(inputs: Inputs, run: Run) -> Inputs:
    """The inputs with every path relative to the workspace; `out`, `report` and `reviewed` may be temporary files.

    Raises:
        InvalidInput: A path is elsewhere.
    """
    return replace(
        inputs,
        path=run.workspace_path("path", inputs.path),
        baseline=inputs.baseline and run.workspace_path("baseline", inputs.baseline),
        out=inputs.out and run.file_path("out", inputs.out),
        report=inputs.report and run.file_path("report", inputs.report),
        reviewed=inputs.reviewed and run.file_path("reviewed", inputs.reviewed),
    )


def _warning(fault: Fault) -> str:
    return f"{code(f'{fault.place.file}:{fault.place.line}')}: {fault.sentence}" if fault.place else fault.sentence


def add_summary(runner: Runner, view: Report) -> None:
    """Add a report to the job summary, as far as there is room for it and its line's end."""
    runner.add_summary(report.markdown(view, size=report.utf8_bytes(runner.summary_room - 1)) + "\n")
