"""The command `dynatus`: arguments in, documents on standard output, everything else on standard error.

Decides nothing about tables or approval: it parses, calls, prints, and turns what came out into an exit status.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from dynatus_ci import engine, iam, importer, logs, report, review, session, terminal
from dynatus_ci.definitions import loader
from dynatus_ci.errors import Bug, DynatusError, Fault, InvalidDefinitions, InvalidInput
from dynatus_ci.importer import Imported
from dynatus_ci.inputs import NAMES, Inputs, Text
from dynatus_ci.interrupt import INTERRUPTED, Stop
from dynatus_ci.report import Report, ReportContext
from dynatus_ci.session import Planning
from dynatus_ci.table.model import FORMAT, Table
from dynatus_ci.table.outcome import Outcome
from dynatus_ci.terminal import say, show

FORMATS = ("text", "json", "markdown")
DRIFT_FOUND = 2
CHANGES_PLANNED = 2
_DEFAULT_PATH = Inputs().path
_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; README.md#the-command has the exit statuses."""
    try:
        options = _parser().parse_args(argv)
        level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]
        with logs.shown(lambda _, text: say(report.hide_accounts(text)), level=level):
            return _run(options)
    except InvalidDefinitions as invalid:
        say(report.faults_text(invalid.faults).rstrip("\n"))
    except DynatusError as error:
        say(f"dynatus: {error}")
    except BrokenPipeError:
        pass  # the reader of standard output went away: nothing is left to say
    except KeyboardInterrupt:
        say("dynatus: stopped.")
        return INTERRUPTED
    return 1


def _run(options: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (DynatusError, BrokenPipeError):
        raise
    except Exception as bug:
        _log.error("The command ended by a bug.", exc_info=bug)
        raise Bug(bug) from bug


# --- the subcommands -------------------------------------------------------------------------------------------------


def _validate(options: argparse.Namespace) -> int:
    asked = _asked(options, mode="validate")
    tables, faults, broken = _all_of(asked, options.paths or [asked.inputs.path])
    if broken and not (faults or tables):
        raise broken[0]
    if options.format == "json":
        _document({"format": FORMAT, "faults": [fault.to_dict() for fault in faults]})
    elif options.format == "markdown":
        show(report.markdown(report.faults(faults, _context(asked.inputs), definitions=len(tables))))
    elif faults:
        show(report.faults_text(faults).rstrip("\n"))
    if asked.inputs.baseline and options.format != "json" and not faults:
        _print(options, {}, report.plan(asked.plan(tables), _context(asked.inputs)))
    definitions, found = report.plural(len(tables), "definition"), report.plural(len(faults), "fault")
    say(f"{found}." if faults else f"{definitions}, no fault.")
    for reason in broken:
        say(f"dynatus: {reason}")
    return 1 if faults or broken else 0


def _all_of(asked: Planning, paths: Sequence[str]) -> tuple[list[Table], list[Fault], list[DynatusError]]:
    """The tables of some paths and all faults; one path without definitions hides no other's."""
    tables: list[Table] = []
    faults: list[Fault] = []
    broken: list[DynatusError] = []
    for path in paths:
        try:
            tables += asked.tables(path)
        except InvalidDefinitions as invalid:
            faults += invalid.faults
        except DynatusError as error:
            broken.append(error)
    return tables, [*faults, *_twice(tables)], broken


def _twice(tables: Sequence[Table]) -> Iterator[Fault]:
    """Tables that two of the paths define; within one path the loader says so."""
    first: dict[str, Table] = {}
    for table in tables:
        before = first.setdefault(table.name, table)
        if before is not table:
            yield loader.duplicate_table(table.name, table.place, before.place)


def _plan(options: argparse.Namespace) -> int:
    asked = _asked(options, mode="plan")
    plan, patterns, out = asked.plan(asked.tables()), asked.inputs.allow_destructive, asked.inputs.out
    named = frozenset(review.Gate(None, patterns).approved_by(plan))
    _print(options, plan.to_dict(), report.plan(plan, _context(asked.inputs, named=named)))
    if out:
        session.write(plan, Path(out), name=f"--out: {out!r}")
    verdict = review.verdict(plan, named, recorded=False)
    if verdict.result in {Outcome.FAILED, Outcome.REFUSED}:
        return 1
    return CHANGES_PLANNED if options.detailed_exitcode and plan.changes else 0


def _drift(options: argparse.Namespace) -> int:
    asked = _asked(options, mode="drift")
    plan = asked.plan(asked.tables())
    _print(options, plan.to_dict(), report.drift(plan, _context(asked.inputs)))
    if any(change.error for change in plan.tables):
        return 1
    return DRIFT_FOUND if plan.changes else 0


def _apply(options: argparse.Namespace) -> int:
    asked = _asked(options, mode="apply")
    document, interactive = asked.inputs.reviewed, terminal.can_ask()
    if not (interactive or options.yes or document):
        raise InvalidInput(
            "Standard input is no terminal, so nobody can be asked.", hint="Pass --yes or --reviewed PLAN.json."
        )
    reviewed = session.read(Path(document), name=f"--reviewed: {document!r}") if document else None
    tables, aws = asked.tables(), asked.connect()
    plan = engine.plan(aws, tables, options=asked.options)
    gate = session.gate(reviewed, aws, patterns=asked.inputs.allow_destructive)
    context = _context(asked.inputs, named=frozenset(gate.approved_by(plan)))
    if options.format == "text":
        show(report.text(report.plan(plan, context), colour=sys.stdout.isatty()))
    else:
        say(report.text(report.plan(plan, context)))
    if plan.changes and interactive and not (options.yes or reviewed) and not terminal.confirm("Apply this plan?"):
        say("Nothing was changed.")
        return 1
    stop = Stop(impatient=True)
    stop.applying = True
    with terminal.progress() as told, stop.listening():
        result = engine.apply(
            aws,
            tables,
            plan=plan,
            may_run=gate.may_run,
            options=asked.options,
            on_event=lambda event: told(event.table, event.text),
            stop=stop.flag,
        )
    try:
        _print(options, result.to_dict(), report.result(result, context))
    except (DynatusError, BrokenPipeError):
        say(report.text(report.result(result, context)))  # what was done must be told somewhere
        raise
    return 1 if result.result in {Outcome.FAILED, Outcome.REFUSED} else 0


def _import(options: argparse.Namespace) -> int:
    asked = _asked(options)
    imported = importer.import_tables(
        asked.connect(),
        options.patterns,
        out_dir=Path(options.folder),
        table_prefix=asked.inputs.table_prefix,
        ask_owner=options.owner,
    )
    for table in imported:
        if table.error:
            say(f"{table.table}: {table.error}")
        if table.file:
            show(str(table.file))
        if table.warning:
            say(f"{table.table}: {table.warning}")
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
        yield "A stack that owns a table must let it go before dynatus changes it: see docs/adopt.md."
    elif ask_owner and written:
        yield "No CloudFormation stack owns these tables."
    left_out = len(imported) - len(written)
    yield f"{report.plural(len(written), 'file')} written to {folder}" + (
        f", {left_out} left out." if left_out else "."
    )


def _policy(options: argparse.Namespace) -> int:
    asked = _asked(options)
    region, account = asked.inputs.region, asked.inputs.account
    if options.role == "import":
        if options.path:
            raise InvalidInput("--mode import takes no PATH.", hint="Choose tables by --table-prefix, or leave it out.")
        _document(iam.import_policy(region=region, account=account, table_prefix=asked.inputs.table_prefix))
        return 0
    tables = asked.tables()
    if region is None and any(table.at(("Replicas",)) for table in tables):
        say("Without --region, an entry of :Replicas for the table's own region is taken for a replica.")
    _document(iam.policy(tables, mode=options.role, region=region, account=account, recreate=options.recreate))
    return 0


# --- what they share -------------------------------------------------------------------------------------------------


def _asked(options: argparse.Namespace, *, mode: str | None = None) -> Planning:
    """The options as the action's inputs, by the same names and rules."""
    named = {**vars(options), "mode": mode}
    given: dict[str, Text] = {name: value for name, value in named.items() if name in NAMES and value}
    return Planning(
        inputs=Inputs.from_texts(given),
        on_warning=lambda fault: say(str(fault)),
        on_notice=say,
        profile=vars(options).get("profile"),
    )


def _context(inputs: Inputs, *, named: frozenset[str] = frozenset()) -> ReportContext:
    return ReportContext(
        mode=inputs.mode.value,
        path=inputs.path,
        environment=inputs.environment,
        baseline=inputs.baseline,
        approval="reviewed" if inputs.reviewed else "none",
        named=named,
    )


def _print(options: argparse.Namespace, document: Mapping[str, Any], view: Report) -> None:
    if options.format == "json":
        _document(document)
    elif options.format == "markdown":
        show(report.markdown(view))
    else:
        show(report.text(view, colour=sys.stdout.isatty()))


def _document(document: Mapping[str, Any]) -> None:
    show(json.dumps(document, indent=2, ensure_ascii=False))


# --- arguments -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A usage error is exit 1, since 2 means changes or drift; options have one spelling."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401  # argparse's own
        super().__init__(allow_abbrev=False, **rest)

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}.", hint=f"See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="dynatus", description="DynamoDB tables as EDN files: plan, review, apply.")
    parser.add_argument("--version", action="version", version=f"dynatus {metadata.version('dynatus-ci')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    validate = commands.add_parser("validate", help="find what DynamoDB would refuse, without any call")
    validate.add_argument("paths", nargs="*", metavar="PATH", help=f"files or folders (default: {_DEFAULT_PATH})")
    _add(validate, *_DEFINITIONS, "baseline")
    _finish(validate, _validate)

    plan = commands.add_parser("plan", help="show what would be done")
    _add(plan, "path", *_ACCOUNT, *_DEFINITIONS, "baseline", "allow-destructive", "ignore-tags")
    plan.add_argument("--out", metavar="PLAN.json", help="write the plan document to a file, to be reviewed")
    plan.add_argument("--detailed-exitcode", action="store_true", help="exit 2 where something would change")
    _finish(plan, _plan)

    apply = commands.add_parser("apply", help="make the account agree with the files")
    _add(apply, "path", *_ACCOUNT, *_DEFINITIONS, "allow-destructive", "ignore-tags", *_RUNNING, "reviewed")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    _finish(apply, _apply)

    drift = commands.add_parser("drift", help="say where the account no longer agrees with the files")
    _add(drift, "path", *_ACCOUNT, *_DEFINITIONS, "ignore-tags")
    _finish(drift, _drift)

    imports = commands.add_parser("import", help="write live tables as EDN files")
    imports.add_argument("patterns", nargs="*", metavar="PATTERN", help="table names, globs allowed (default: all)")
    imports.add_argument(
        "--out", dest="folder", metavar="DIR", required=True, help="where to; a file that exists is left alone"
    )
    imports.add_argument("--owner", action="store_true", help="ask CloudFormation which stack owns each table")
    _add(imports, *_ACCOUNT, "table-prefix")
    _finish(imports, _import, formats=False)

    policy = commands.add_parser("policy", help="print the least IAM policy for these definitions, or for import")
    _add(policy, "path", "region", "account", *_DEFINITIONS)
    policy.add_argument(
        "--mode", dest="role", choices=("plan", "drift", "apply", "import"), required=True, help="for which role"
    )
    policy.add_argument("--recreate", action="store_true", help="with what it takes to give these tables another key")
    _finish(policy, _policy, formats=False)
    return parser


_ACCOUNT = ("region", "endpoint-url", "account", "profile")
_DEFINITIONS = ("environment", "params", "table-prefix")
_RUNNING = ("max-parallel", "wait-minutes", "detach")
_HELP = {
    "region": ("REGION", "instead of boto3's own choice"),
    "endpoint-url": ("URL", "instead of AWS: DynamoDB Local or another emulator"),
    "account": ("NUMBER", "stop where the credentials belong to another account"),
    "profile": ("NAME", "the profile of ~/.aws/config to use"),
    "environment": ("NAME", "the branch of #profile"),
    "table-prefix": ("PREFIX", "comes before every table name"),
    "baseline": ("PATH", "compare with these definitions instead of AWS"),
    "max-parallel": ("N", "how many tables are changed at once (default: 10)"),
    "wait-minutes": ("MINUTES", "how long to wait before giving up (default: 60)"),
    "reviewed": ("PLAN.json", "run only what this plan document holds"),
    "params": ("NAME=VALUE", "a value of #param; repeatable"),
    "allow-destructive": ("PATTERN", "a table, or table/index, that may lose data; globs; repeatable"),
    "ignore-tags": ("PATTERN", "tag keys to leave alone; globs; repeatable"),
}
_REPEATABLE = {"params": "--param", "allow-destructive": "--allow-destructive", "ignore-tags": "--ignore-tags"}


def _add(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        if name == "path":
            parser.add_argument("path", nargs="?", metavar="PATH", help=f"file or folder (default: {_DEFAULT_PATH})")
        elif name == "detach":
            parser.add_argument(
                "--detach", action="store_const", const="true", help="do not wait for backfills, cooldowns, quotas"
            )
        else:
            metavar, text = _HELP[name]
            action = "append" if name in _REPEATABLE else "store"
            parser.add_argument(
                _REPEATABLE.get(name, f"--{name}"), dest=name, metavar=metavar, help=text, action=action
            )


def _finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], *, formats: bool = True) -> None:
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more; -vv: every call of AWS too")
    if formats:
        parser.add_argument("--format", choices=FORMATS, default="text", help="of what is printed (default: text)")
    parser.set_defaults(run=run)
