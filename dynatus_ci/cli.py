"""The command `dynatus`: arguments in, documents on standard output, everything else on standard error.

Decides nothing about tables or approval: it parses, calls, prints, and turns what came out into an exit status.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from threading import Event as Flag
from types import FrameType
from typing import Any, NoReturn

from dynatus_ci import approval, engine, iam, importing, inputs, report, terminal
from dynatus_ci.definitions import loader
from dynatus_ci.definitions.loader import Loaded
from dynatus_ci.dynamodb import client
from dynatus_ci.errors import DynatusError, Fault, InvalidDefinitions, InvalidInput
from dynatus_ci.inputs import Inputs, Text
from dynatus_ci.schema.model import FORMAT, Outcome, Plan, Result

FORMATS = ("text", "json", "markdown")
DRIFT_FOUND = 2
CHANGES_PLANNED = 2
_DEFAULT_PATH = Inputs().path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is the contract's (DESIGN 7)."""
    try:
        options = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except InvalidDefinitions as invalid:
        print(report.faults_text(invalid.faults), end="", file=sys.stderr)
    except DynatusError as error:
        _say(f"dynatus: {error}")
    except BrokenPipeError:
        sys.stderr.close()  # the reader of standard output went away: nothing is left to say
    return 1


# --- the subcommands -------------------------------------------------------------------------------------------------


def _validate(options: argparse.Namespace) -> int:
    asked = _inputs(options, mode="validate")
    faults: list[Fault] = []
    count = 0
    for path in options.paths or [asked.path]:
        try:
            loaded = _load(asked, path=path)
        except InvalidDefinitions as invalid:
            faults += invalid.faults
        else:
            count += len(loaded.definitions)
    if options.format == "json":
        _document({"format": FORMAT, "faults": [fault.to_dict() for fault in faults]})
    elif options.format == "markdown":
        print(report.faults_markdown(faults, _context(asked, mode="validate"), definitions=count))
    else:
        print(report.faults_text(faults), end="")
    _say(f"{len(faults)} faults." if faults else f"{count} definitions, no fault.")
    return 1 if faults else 0


def _plan(options: argparse.Namespace) -> int:
    asked = _inputs(options, mode="plan")
    plan = _planned(asked, options)
    named = _named(plan, asked)
    _print(options, plan.to_dict(), plan, _context(asked, mode="plan", named=named), kind="plan")
    if options.out:
        Path(options.out).write_text(json.dumps(plan.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8")
    verdict = approval.verdict(plan, asked.allow_destructive, labelled=False, recorded=False)
    if verdict.result in {Outcome.FAILED, Outcome.REFUSED}:
        return 1
    return CHANGES_PLANNED if options.detailed_exitcode and plan.changes else 0


def _drift(options: argparse.Namespace) -> int:
    asked = _inputs(options, mode="drift")
    plan = _planned(asked, options)
    _print(options, plan.to_dict(), plan, _context(asked, mode="drift"), kind="drift")
    if any(change.error for change in plan.tables):
        return 1
    return DRIFT_FOUND if plan.changes else 0


def _apply(options: argparse.Namespace) -> int:
    asked = _inputs(options, mode="apply")
    interactive = sys.stdin.isatty()
    if not (interactive or options.yes or asked.reviewed):
        raise InvalidInput(
            "Standard input is no terminal, so nobody can be asked.", hint="Pass --yes or --reviewed PLAN.json."
        )
    reviewed = _read_plan(asked.reviewed) if asked.reviewed else None
    tables, aws = _load(asked).tables, _connect(asked, options)
    plan = engine.plan(aws, tables, options=_options(asked))
    context = _context(asked, mode="apply", named=_named(plan, asked))
    shown = sys.stdout if options.format == "text" else sys.stderr
    print(report.plan_text(plan, context, colour=shown.isatty()), file=shown)
    if plan.changes and interactive and not (options.yes or reviewed) and not terminal.confirm("Apply this plan?"):
        _say("Nothing was changed.")
        return 1
    judged = (
        approval.plan_file(reviewed, account=aws.account, region=aws.region, endpoint=aws.endpoint)
        if reviewed
        else None
    )
    gate = approval.Gate(judged, asked.allow_destructive)
    with terminal.progress() as told:
        result = engine.apply(
            aws,
            tables,
            plan=plan,
            may_run=gate.may_run,
            options=_options(asked),
            on_event=lambda event: told(event.table, event.text),
            stop=_stopped_by_signals(),
        )
    _print(options, result.to_dict(), result, context, kind="result")
    return 1 if result.result in {Outcome.FAILED, Outcome.REFUSED} else 0


def _import(options: argparse.Namespace) -> int:
    aws = _connect(_inputs(options, mode="plan"), options)
    imported = importing.import_tables(aws, options.patterns, out_dir=Path(options.out))
    for table in imported:
        if table.error:
            _say(f"{table.table}: {table.error}")
        else:
            print(table.file)
    return 1 if any(table.error for table in imported) else 0


def _policy(options: argparse.Namespace) -> int:
    asked = _inputs(options, mode="plan")
    _document(iam.policy(_load(asked).tables, mode=options.mode, region=asked.region, account=asked.account))
    return 0


# --- what they share -------------------------------------------------------------------------------------------------


def _load(asked: Inputs, *, path: str | None = None) -> Loaded:
    loaded = loader.load(
        path or asked.path, environment=asked.environment, params=asked.params, table_prefix=asked.table_prefix
    )
    if loaded.notes:
        _say(report.faults_text(loaded.notes).rstrip())
    return loaded


def _connect(asked: Inputs, options: argparse.Namespace) -> client.Aws:
    return client.connect(
        region=asked.region,
        endpoint_url=asked.endpoint_url,
        profile=options.profile,
        expect_account=asked.account,
        on_notice=_say,
    )


def _planned(asked: Inputs, options: argparse.Namespace) -> Plan:
    tables = _load(asked).tables
    if asked.baseline:
        before = _load(asked, path=asked.baseline).tables
        return engine.plan_against(before, tables, region=asked.region, endpoint=asked.endpoint_url)
    return engine.plan(_connect(asked, options), tables, options=_options(asked))


def _options(asked: Inputs) -> engine.Options:
    return engine.Options(
        ignore_tags=asked.ignore_tags,
        max_parallel=asked.max_parallel,
        wait_seconds=asked.wait_minutes * 60,
        detach=asked.detach,
    )


def _named(plan: Plan, asked: Inputs) -> frozenset[str]:
    return frozenset(d.id for d in plan.differences if approval.covered(d, asked.allow_destructive))


def _context(asked: Inputs, *, mode: str, named: frozenset[str] = frozenset()) -> report.Context:
    return report.Context(
        mode=mode,
        path=asked.path,
        environment=asked.environment,
        baseline=asked.baseline,
        approval="reviewed" if asked.reviewed else "none",
        named=named,
    )


def _read_plan(path: str) -> Plan:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--reviewed: {path!r} cannot be read: {error}.") from error
    return Plan.from_dict(document)


def _print(
    options: argparse.Namespace,
    document: Mapping[str, Any],
    shown: Plan | Result,
    context: report.Context,
    *,
    kind: str,
) -> None:
    if options.format == "json":
        _document(document)
    elif options.format == "markdown":
        print(_MARKDOWN[kind](shown, context))
    else:
        print(_TEXT[kind](shown, context, colour=sys.stdout.isatty()))


_MARKDOWN: dict[str, Callable[..., str]] = {
    "plan": report.plan_markdown,
    "drift": report.drift_markdown,
    "result": report.result_markdown,
}
_TEXT: dict[str, Callable[..., str]] = {
    "plan": report.plan_text,
    "drift": report.drift_text,
    "result": report.result_text,
}


def _stopped_by_signals() -> Flag:
    """Ctrl-C and SIGTERM end the run after the current call; a second Ctrl-C ends it at once."""
    stop = Flag()

    def end(_number: int, _frame: FrameType | None) -> None:
        _say("Stopping after the current call; press Ctrl-C again to stop at once.")
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    return stop


def _document(document: Mapping[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- arguments -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A usage error is exit 1, since 2 means changes or drift."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}.", hint=f"See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="dynatus", description="DynamoDB tables as EDN files: plan, review, apply.")
    parser.add_argument("--version", action="version", version=f"dynatus {metadata.version('dynatus-ci')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    validate = commands.add_parser("validate", help="find what DynamoDB would refuse, without any call")
    validate.add_argument("paths", nargs="*", metavar="PATH", help=f"files or folders (default: {_DEFAULT_PATH})")
    _add(validate, "environment", "params", "table-prefix")
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
    imports.add_argument("--out", metavar="DIR", required=True, help="where to; a file that exists is left alone")
    _add(imports, *_ACCOUNT)
    _finish(imports, _import, formats=False)

    policy = commands.add_parser("policy", help="print the least IAM policy for these definitions")
    _add(policy, "path", "region", "account", *_DEFINITIONS)
    policy.add_argument("--mode", choices=("plan", "apply"), required=True, help="for which role")
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
    "max-parallel": ("N", "how many tables are changed at once (default: 4)"),
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
    if formats:
        parser.add_argument("--format", choices=FORMATS, default="text", help="of what is printed (default: text)")
    parser.set_defaults(run=run)


def _inputs(options: argparse.Namespace, *, mode: str) -> Inputs:
    """The options as the action's inputs, by the same names and rules."""
    given: dict[str, Text] = {
        name: value
        for name, value in vars(options).items()
        if name in inputs.NAMES and name not in {"mode", "out"} and value
    }
    return Inputs.from_texts({**given, "mode": mode})
