"""What each subcommand of `dynatus` does. Each function takes the arguments and returns the exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from dynatus_ci import report, review, session, terminal
from dynatus_ci.cli import options as cli_options
from dynatus_ci.definitions import formats, loader
from dynatus_ci.errors import DynatusError, FailureReason, Fault, InvalidDefinitions, InvalidInput, Place
from dynatus_ci.inputs import NAMES, Inputs, InputText
from dynatus_ci.interrupt import INTERRUPTED, Stop
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.review import Gate
from dynatus_ci.session import Planning
from dynatus_ci.table import fit
from dynatus_ci.table.fit import Answers
from dynatus_ci.table.item_checks import Misfit
from dynatus_ci.table.model import Risk, Table
from dynatus_ci.table.outcome import Outcome, Result
from dynatus_ci.table.plans import FORMAT, Plan
from dynatus_ci.terminal import say, show
from dynatus_ci.text import by_number, code, input_value, plural

if TYPE_CHECKING:
    from dynatus_ci.aws.client import Aws
    from dynatus_ci.engine import OnEvent, OnRead
    from dynatus_ci.importer import Imported

# What only some commands need is imported by them: whoever waits for another command does not wait for it to load.

DRIFT_FOUND = 2
CHANGES_PLANNED = 2
APPROVAL_NEEDED = 3


def validate(options: argparse.Namespace) -> int:
    """Find what DynamoDB would refuse, without any call."""
    planning = _planning(options, mode="validate")
    paths = options.paths or [planning.inputs.path]
    context = replace(_context(planning.inputs), path=", ".join(paths))
    tables, faults, errors = _load_all(planning, paths)
    if errors and not (faults or tables):
        raise errors[0]
    if options.format == "json":
        terminal.show_json({"format": FORMAT, "faults": [fault.to_dict() for fault in faults]})
    elif options.format == "markdown":
        texts = session.texts(faults)
        view = report.faults(faults, context, texts=texts, definitions=len(tables))
        show(report.markdown(view))
    else:
        show_faults(options, faults, stream=sys.stdout)
    if planning.inputs.baseline and options.format != "json" and not faults:
        _print(options, {}, report.plan(planning.plan(tables), context))
    if not faults:
        say(f"{plural(len(tables), 'definition')} {by_number(len(tables), 'is', 'are')} valid.")
    for error in errors:
        terminal.say_error(error)
    return 1 if faults or errors else 0


def show_faults(options: argparse.Namespace, faults: Sequence[Fault], *, stream: TextIO) -> None:
    """Show faults: on a terminal with the lines of the files, else one line for each, for other programs."""
    if not faults:
        return
    width = terminal.look(stream, options.color).width or 0
    view = report.faults(faults, ReportContext(path=""), texts=session.texts(faults), width=width)
    if width:
        _write(options, view, stream)
    else:
        terminal.write(report.faults_text(faults), stream)
        say(view.verdict)


def _load_all(planning: Planning, paths: Sequence[str]) -> tuple[list[Table], list[Fault], list[DynatusError]]:
    """The tables of some paths and all faults; one path without definitions hides no other's.

    A file that two of the paths lead to counts once.
    """
    by_place: dict[Place | None, Table] = {}
    faults: dict[Fault, None] = {}
    errors: list[DynatusError] = []
    for path in paths:
        try:
            by_place |= {table.place: table for table in planning.tables(path)}
        except InvalidDefinitions as invalid:
            faults |= dict.fromkeys(invalid.faults)
        except DynatusError as error:
            errors.append(error)
    tables = list(by_place.values())
    return tables, [*faults, *_defined_twice(tables)], errors


def _defined_twice(tables: Sequence[Table]) -> Iterator[Fault]:
    """Tables that two of the paths define; within one path the loader says so."""
    first: dict[str, Table] = {}
    for table in tables:
        before = first.setdefault(table.name, table)
        if before is not table:
            yield loader.duplicate_table(table.name, table.place, before.place)


def plan(options: argparse.Namespace) -> int:
    """Show what apply would change."""
    planning = _planning(options, mode="plan")
    planned, patterns, out = planning.plan(planning.tables()), planning.inputs.allow_destructive, planning.inputs.out
    approved = frozenset(Gate(None, patterns).approved_by(planned))
    _print(options, planned.to_dict(), report.plan(planned, _context(planning.inputs, approved=approved)))
    _warn_of_patterns(planned, patterns)
    if out:
        session.write(planned, Path(out), name=input_value("out", out))
    verdict = review.verdict(planned, approved, recorded=False)
    if verdict.result in {Outcome.FAILED, Outcome.REFUSED}:
        return 1
    if not (options.detailed_exitcode and planned.changes):
        return 0
    destructive = {difference.id for difference in planned.differences if difference.risk is Risk.DESTRUCTIVE}
    return CHANGES_PLANNED if destructive <= approved else APPROVAL_NEEDED


def _warn_of_patterns(planned: Plan, patterns: Sequence[str]) -> None:
    """A pattern that approves nothing is most often a mistyped name."""
    tables = [change.table for change in planned.tables]
    for pattern in session.useless_patterns(planned, patterns):
        hint = cli_options.meant(pattern, [*map(review.pattern, planned.differences), *tables])
        warning = f"Warning: `--allow-destructive {pattern}` matches no table of these definitions. {hint or ''}"
        say(terminal.spoken(warning).rstrip())


def drift(options: argparse.Namespace) -> int:
    """Show where the account differs from the definitions."""
    planning = _planning(options, mode="drift")
    planned = planning.plan(planning.tables())
    _print(options, planned.to_dict(), report.drift(planned, _context(planning.inputs)))
    if any(change.error for change in planned.tables):
        return 1
    return DRIFT_FOUND if planned.changes else 0


def check(options: argparse.Namespace) -> int:
    """Read whole tables, and show whether their items fit what the definitions would change."""
    from dynatus_ci import engine  # noqa: PLC0415  # see the top
    from dynatus_ci.aws.scan_budget import ScanLimits  # noqa: PLC0415  # see the top

    if options.show_keys and (options.format != "text" or os.environ.get("GITHUB_ACTIONS") == "true"):
        raise InvalidInput(
            "`--show-keys` prints keys of items on a terminal only.",
            hint="Run it without `--format`, on your own machine: a log or a document may have other readers.",
        )
    planning = _planning(options, mode="plan")
    tables, aws, stop = planning.tables(), planning.connect(), Stop(impatient=True)
    answers: defaultdict[str, list[Answers]] = defaultdict(list)
    with terminal.progress() as on_event, stop.listening():
        fitting = engine.Fitting(
            aws,
            limits=ScanLimits(keys=options.show_keys),
            stop=stop.flag,
            on_read=_reporting(on_event),
            on_answers=lambda table, found: answers[table].append(found),
        )
        planned = engine.plan(aws, tables, options=planning.options, fitting=fitting)
    shown = answers if options.show_keys else {}
    _print(options, planned.to_dict(), report.check(planned, _context(planning.inputs), answers=shown))
    checks = [check for change in planned.tables for check in change.checks]
    fits = not any(check.refuses or check.reason is Misfit.DENIED for check in checks)
    known = not any(change.error or fit.is_unknown(change) for change in planned.tables)
    return 0 if fits and known else 1


def _reporting(on_event: OnEvent) -> OnRead:
    """Say how far the reading of each table has come."""
    from dynatus_ci.engine import Event, ItemProgress  # noqa: PLC0415  # see the top

    tables: dict[str, ItemProgress] = {}

    def read(table: str, items: int, about: int) -> None:
        if table not in tables:
            tables[table] = ItemProgress(lambda kind, text, done: on_event(Event(kind, table, text, done=done)), about)
        tables[table]("read", items)

    return read


def show_plan(options: argparse.Namespace) -> int:
    """Print a plan that was saved."""
    saved = session.read(Path(options.file), name=f"The plan {code(options.file)}")
    inputs = _planning(options, mode="plan").inputs
    approved = Gate(None, inputs.allow_destructive).approved_by(saved)
    context = ReportContext(path="", approved_by=dict.fromkeys(approved, ""))
    _print(options, saved.to_dict(), report.plan(saved, context))
    _warn_of_patterns(saved, inputs.allow_destructive)
    return 0


# --- apply -----------------------------------------------------------------------------------------------------------


def apply(options: argparse.Namespace) -> int:
    """Change the account to match the definitions."""
    from dynatus_ci import engine  # noqa: PLC0415  # see the top

    planning = _planning(options, mode="apply")
    file, interactive = planning.inputs.reviewed, terminal.can_ask()
    if not (interactive or options.yes or file):
        raise InvalidInput(
            "Standard input is not a terminal, so apply cannot ask for confirmation.",
            hint="Pass `--yes` or `--reviewed PLAN.json`.",
        )
    reviewed = session.read(Path(file), name=input_value("reviewed", file)) if file else None
    tables, aws = planning.tables(), planning.connect()
    planned = engine.plan(aws, tables, options=planning.options)
    gate = Gate.of_plan_file(
        reviewed,
        planning.inputs.allow_destructive,
        account=aws.account,
        region=aws.region,
        endpoint=aws.endpoint,
    )
    context = _context(planning.inputs, approved=frozenset(gate.approved_by(planned)))
    _show_plan_first(options, report.plan(planned, context))
    _warn_of_patterns(planned, planning.inputs.allow_destructive)
    if interactive and not (options.yes or reviewed) and not _confirmed(planned, gate):
        say("Nothing was changed.")
        return 1
    result = _run(planning, tables, aws=aws, planned=planned, gate=gate)
    try:
        _print(options, result.to_dict(), report.result(result, context))
    except (DynatusError, BrokenPipeError):
        say(report.text(report.result(result, context)))  # what was done must be told somewhere
        raise
    if result.failure_reason is FailureReason.CANCELLED:
        return INTERRUPTED
    return 1 if result.result in {Outcome.FAILED, Outcome.REFUSED} else 0


def _show_plan_first(options: argparse.Namespace, view: Report) -> None:
    """Before anything runs. Standard output takes one document: with another format the plan is no part of it."""
    _write(options, view, sys.stdout if options.format == "text" else sys.stderr)


def _confirmed(planned: Plan, gate: Gate) -> bool:
    """Whether the user wants it, who hears first what will be left out. Where nothing can run nobody is asked."""
    changes = [change for change in planned.tables if change.changes]
    refused = [c for c in changes if gate.refusal(c, next(iter(c.steps), None))]
    if refused:
        names = ", ".join(change.table for change in refused)
        say(f"Not approved, so {by_number(len(refused), 'this table', 'these tables')} will be left unchanged: {names}")
    return len(refused) == len(changes) or terminal.confirm("Type `yes` to apply:")


def _run(planning: Planning, tables: Sequence[Table], *, aws: Aws, planned: Plan, gate: Gate) -> Result:
    from dynatus_ci import engine  # noqa: PLC0415  # see the top

    stop = Stop(impatient=True)
    stop.applying = True
    with terminal.progress() as on_event, stop.listening():
        return engine.apply(
            aws,
            tables,
            plan=planned,
            refusal=gate.refusal,
            options=planning.options,
            on_event=on_event,
            stop=stop.flag,
        )


# --- import, policy, completion --------------------------------------------------------------------------------------


def import_(options: argparse.Namespace) -> int:
    """Write existing tables as definitions."""
    from dynatus_ci import importer  # noqa: PLC0415  # see the top

    planning = _planning(options)
    imported = importer.import_tables(
        planning.connect(),
        options.patterns,
        out_dir=Path(options.folder),
        table_prefix=planning.inputs.table_prefix,
        ask_owner=options.owner,
        file_format=formats.named(options.file_format),
    )
    for table in imported:
        if table.error:
            say(f"{table.table}: {terminal.spoken(table.error.sentence)}")
        if table.file:
            show(str(table.file))
        if table.warning:
            say(f"{table.table}: {terminal.spoken(table.warning)}")
    for line in _summary_of_import(imported, folder=options.folder, ask_owner=options.owner):
        say(line)
    return 1 if any(table.error for table in imported) else 0


def _summary_of_import(imported: Sequence[Imported], *, folder: str, ask_owner: bool) -> Iterator[str]:
    """How many files were written, how many tables were left out, and whose the tables are."""
    written = [table for table in imported if table.file]
    owned = [table for table in written if table.owner]
    for table in owned:
        yield f"{table.table} belongs to {table.owner}."
    if owned:
        yield "Release a table from its stack before dynatus changes it: see docs/adopt.md."
    elif ask_owner and written:
        yield "No CloudFormation stack owns these tables."
    left_out = len(imported) - len(written)
    yield f"{plural(len(written), 'file')} written to {folder}" + (f", {left_out} left out." if left_out else ".")


def policy(options: argparse.Namespace) -> int:
    """Print the least-privilege IAM policy for these definitions, or for import."""
    from dynatus_ci import iam  # noqa: PLC0415  # see the top

    planning = _planning(options)
    region, account = planning.inputs.region, planning.inputs.account
    if options.role == "import":
        if options.path:
            raise InvalidInput("--mode import takes no PATH.", hint="Choose tables with --table-prefix.")
        terminal.show_json(iam.import_policy(region=region, account=account, table_prefix=planning.inputs.table_prefix))
        return 0
    tables = planning.tables()
    if region is None and any(table.at(("Replicas",)) for table in tables):
        say("Without --region, an entry of :Replicas for the table's own region counts as a replica.")
    document = iam.policy(
        tables,
        mode=options.role,
        region=region,
        account=account,
        recreate=options.recreate,
        any_table=planning.inputs.table_prefix if options.any_table else None,
    )
    terminal.show_json(document)
    if (size := iam.characters(document)) > iam.MOST_CHARACTERS:
        shorter = "" if options.any_table else " With --any-table it is shorter."
        most = f"a managed policy of IAM can have {iam.MOST_CHARACTERS:,}"
        say(f"This policy has {size:,} characters, and {most}.{shorter}")
    return 0


def schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of a definition, for editors."""
    from dynatus_ci.table.validation import json_schema  # noqa: PLC0415  # see the top

    terminal.show_json(json_schema.document())
    return 0


def completion(options: argparse.Namespace) -> int:
    """Print a shell's completion script."""
    import shtab  # noqa: PLC0415  # see the top

    whole, commands = cli_options.parsers()
    for command in commands.values():
        for argument in command._actions:  # noqa: SLF001  # argparse has no other list of them
            if argument.metavar in cli_options.FILES:
                argument.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab looks for it
    show(shtab.complete(whole, options.shell))
    return 0


RUN: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "validate": validate,
    "plan": plan,
    "apply": apply,
    "drift": drift,
    "check": check,
    "show": show_plan,
    "import": import_,
    "policy": policy,
    "schema": schema,
    "completion": completion,
}


# --- shared ----------------------------------------------------------------------------------------------------------


def _planning(options: argparse.Namespace, *, mode: str | None = None) -> Planning:
    """The options as the action's inputs, by the same names and rules."""
    named = {**vars(options), "mode": mode}
    given: dict[str, InputText] = {name: value for name, value in named.items() if name in NAMES and value}
    return Planning(
        inputs=Inputs.from_texts(given),
        on_warning=lambda fault: say(report.faults_text([fault]).rstrip("\n")),
        on_notice=lambda notice: say(terminal.spoken(notice)),
        profile=vars(options).get("profile"),
    )


def _context(inputs: Inputs, *, approved: frozenset[str] = frozenset()) -> ReportContext:
    return ReportContext(
        mode=inputs.mode.value,
        path=inputs.path,
        environment=inputs.environment,
        baseline=inputs.baseline,
        saved_in=inputs.out,
        approval="reviewed" if inputs.reviewed else "none",
        approved_by=dict.fromkeys(approved, ""),
        max_parallel=inputs.max_parallel,
        wait_minutes=None if inputs.detach else inputs.wait_minutes,
    )


def _print(options: argparse.Namespace, document: Mapping[str, Any], view: Report) -> None:
    if options.format == "json":
        terminal.show_json(document)
    elif options.format == "markdown":
        show(report.markdown(view))
    else:
        _write(options, view, sys.stdout)


def _write(options: argparse.Namespace, view: Report, stream: TextIO) -> None:
    """Write a report as the stream shows it: with colours, and as wide as the terminal."""
    look = terminal.look(stream, options.color)
    terminal.write(report.text(view, colour=look.colour, width=look.width), stream)
