"""The action: reads the inputs, runs one of four modes, and writes outputs, summary, annotations and the comment.

What may run is decided in `review`. `report` writes the texts, and `engine` does the work.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dynatus_ci import logs, report, session
from dynatus_ci.action import checks
from dynatus_ci.action.job import ActionResult, ErrorAnnotation, Job, add_summary
from dynatus_ci.errors import Bug, Cancelled, DynatusError, FailureReason, InvalidDefinitions, InvalidInput
from dynatus_ci.github.workflow_commands import Level, Runner
from dynatus_ci.inputs import Mode
from dynatus_ci.interrupt import Stop
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.text import input_value, plain

if TYPE_CHECKING:
    from dynatus_ci.github.transport import Pace

__all__ = ["main"]

_log = logging.getLogger(__name__)


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
    stop = Stop(impatient=False)
    with stop.listening(), _logged(given, runner):
        ending = _ending(given, runner=runner, stop=stop, pace=pace)
        account = ending.plan.account if ending.plan else None
        for annotation in ending.annotations:
            message = report.hide_accounts(plain(annotation.message), account)
            runner.annotate(Level.ERROR, message, place=annotation.place, title=annotation.reason.value)
        runner.set_outputs(ending.outputs())
        runner.finish()
    return ending.status


def _logged(environ: Mapping[str, str], runner: Runner) -> AbstractContextManager[None]:
    """Show bugs, and everything that is logged where debug logging is on (ACTIONS_STEP_DEBUG, docs: debug logging)."""

    def write(level: int, text: str) -> None:
        (runner.debug if level < logging.WARNING else runner.text)(report.hide_accounts(text))

    return logs.shown(write, level=logging.DEBUG if environ.get("RUNNER_DEBUG") == "1" else logging.WARNING)


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _ending(environ: Mapping[str, str], *, runner: Runner, stop: Stop, pace: Pace | None) -> ActionResult:
    """Run, and turn whatever ends the run early into an ending that people can read."""
    job: Job | None = None
    came_to: ActionResult | DynatusError
    try:
        job = Job.from_environ(environ, runner=runner, stop=stop, pace=pace)
        came_to = _run(job)
    except KeyboardInterrupt:
        came_to = Cancelled("The run was cancelled before it had changed anything.")
    except DynatusError as error:
        came_to = error
    except Exception as bug:  # noqa: BLE001  # the one place that catches everything: every run ends in outputs
        _log.error("The run ended because of a bug in dynatus.", exc_info=bug)
        came_to = Bug(bug)
    stop.applying = True  # what is left is quick, and nothing may cut it
    ending = came_to if isinstance(came_to, ActionResult) else _failed(came_to, runner=runner, job=job)
    return _write_report(job, ending) if job else ending


def _failed(error: DynatusError, *, runner: Runner, job: Job | None) -> ActionResult:
    view = report.error(error, job.context() if job else ReportContext(in_github=True))
    runner.text(report.text(view))
    add_summary(runner, view)
    return ActionResult(result=Outcome.FAILED, reason=error.reason, annotations=(ErrorAnnotation.of(error),), view=view)


def _write_report(job: Job, ending: ActionResult) -> ActionResult:
    """Write the report into the file that the input names. Where that fails the run fails, and tells the rest."""
    if not (job.inputs.report and ending.view):
        return ending
    root, path = job.run.rooted(job.inputs.report)
    try:
        name = input_value("report", job.inputs.report)
        session.write_text(report.markdown(ending.view) + "\n", path, name=name, root=root)
    except InvalidInput as unwritten:
        return ending.failed_by(unwritten)
    return ending


def _run(job: Job) -> ActionResult:
    if job.run.deleted:
        job.runner.annotate(Level.NOTICE, "The event is the deletion of a branch: there is nothing to do.")
        return ActionResult(result=Outcome.NOOP)
    try:
        return _mode(job.inputs.mode)(job)
    except InvalidDefinitions as invalid:
        view = checks.show_faults(job, invalid)
        url = _comment_faults(job, view) if job.inputs.mode is Mode.PLAN else None
        reason = FailureReason.INVALID_DEFINITION
        return ActionResult(result=Outcome.FAILED, reason=reason, comment_url=url, view=view)


def _mode(mode: Mode) -> Callable[[Job], ActionResult]:
    """What runs in a mode. The modes that ask GitHub are imported when they run: PyGithub takes long to load."""
    if mode is Mode.PLAN:
        from dynatus_ci.action import plan  # noqa: PLC0415  # see above

        return plan.run
    if mode is Mode.APPLY:
        from dynatus_ci.action import apply  # noqa: PLC0415  # see above

        return apply.run
    return checks.drift if mode is Mode.DRIFT else checks.validate


def _comment_faults(job: Job, view: Report) -> str | None:
    from dynatus_ci.action import plan  # noqa: PLC0415  # as in `_mode`

    return plan.comment_faults(job, view)
