"""The arguments of the command, and its help."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final, NoReturn

from dynatus_ci.definitions import formats
from dynatus_ci.errors import InvalidInput
from dynatus_ci.inputs import Inputs
from dynatus_ci.terminal import COLOURS
from dynatus_ci.text import code, codes

FORMATS = ("text", "json", "markdown")
SHELLS = ("bash", "zsh", "tcsh")
FILES = ("PATH", "DIR", "PLAN.json")
"""What the help calls the arguments that are files or folders."""
_DEFAULTS = Inputs()


@dataclass(frozen=True, slots=True)
class _Command:
    """A subcommand: what its help says, and what it adds to a parser."""

    summary: str
    about: str
    example: str
    exits: str
    add: Callable[[argparse.ArgumentParser], None]
    formats: bool = False

    @property
    def epilog(self) -> str:
        """What its help ends with."""
        return f"example:\n  {self.example}\n\nexit status:\n{self.exits}"

    def filled(self, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        """The parser with the options of the subcommand."""
        self.add(parser)
        _add_common(parser, formats=self.formats)
        return parser


def _help_format(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30)


class _Parser(argparse.ArgumentParser):
    """A usage error is exit 1, since 2 means changes or drift; options have one spelling."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401  # argparse's own
        super().__init__(allow_abbrev=False, formatter_class=_help_format, **rest)

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(_in_our_words(message), hint=f"See `{self.prog} --help`.")


def _in_our_words(message: str) -> str:
    """What argparse says of a usage error, as a sentence."""
    for pattern, words in _ARGPARSE.items():
        if found := re.fullmatch(pattern, message):
            return words(*found.groups())
    return f"{message[:1].upper()}{message[1:]}."


_QUOTE: Final = "'"
_ARGPARSE: Final[Mapping[str, Callable[..., str]]] = {
    "the following arguments are required: (.+)": lambda names: (
        f"{codes(names.split(', '))} {'are' if ', ' in names else 'is'} missing."
    ),
    "argument (.+): expected one argument": lambda name: f"{code(name)} needs a value.",
    r"argument (.+): invalid choice: '(.*)' \(choose from (.+)\)": lambda name, value, known: (
        f"{code(name)} cannot be {code(value)}. Use one of {codes(re.findall('[^, ]+', known.replace(_QUOTE, '')))}."
    ),
    "argument (.+): ignored explicit argument '(.*)'": lambda name, value: (
        f"{code(name)} takes no value, and {code(value)} was given."
    ),
}
"""What argparse says (CPython's Lib/argparse.py, 3.11 to 3.14), and how people say it."""


def read(argv: Sequence[str]) -> argparse.Namespace | None:
    """The arguments; None where there are none, and the help was printed.

    Raises:
        InvalidInput: They cannot be used. A mistyped command or option gets a suggestion.
    """
    if argv and argv[0] in COMMANDS:
        return _options(argv[0], argv[1:])
    whole, _ = parsers()
    if not argv:
        whole.print_help(sys.stderr)
        return None
    if not argv[0].startswith("-"):
        raise InvalidInput(
            f"{code(argv[0])} is not a command of `dynatus`.",
            hint=meant(argv[0], COMMANDS) or f"The commands are {codes(COMMANDS)}.",
        )
    if argv[0] not in {"-h", "--help", "--version"}:
        raise _unknown(argv[0], whole)
    return whole.parse_args(argv)  # it prints, and ends the process


def _options(name: str, argv: Sequence[str]) -> argparse.Namespace:
    """The options of a subcommand. The parsers of the others are not made: that takes longer than to parse."""
    command = COMMANDS[name]
    parser = command.filled(_Parser(prog=f"dynatus {name}", description=command.about, epilog=command.epilog))
    options, unknown = parser.parse_known_args(argv, argparse.Namespace(command=name))
    if unknown:
        raise _unknown(unknown[0], parser)
    return options


def parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of the whole command, and that of each subcommand."""
    whole = _Parser(
        prog="dynatus",
        description="Plan, review and apply DynamoDB tables that live as EDN, JSON or YAML files.",
        epilog="See `dynatus COMMAND --help` for the options, an example and the exit statuses of a command.",
    )
    whole.add_argument(
        "--version", action="version", version=f"dynatus {metadata.version('dynatus-ci')}", help="print the version"
    )
    subparsers = whole.add_subparsers(required=True, metavar="COMMAND", dest="command", parser_class=_Parser)
    commands: dict[str, argparse.ArgumentParser] = {}
    for name, command in COMMANDS.items():
        summary, about, epilog = command.summary, command.about, command.epilog
        commands[name] = command.filled(subparsers.add_parser(name, help=summary, description=about, epilog=epilog))
    return whole, commands


def meant(word: str, known: Iterable[str]) -> str | None:
    """What somebody may have meant who wrote a word that is not known."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {code(near[0])}?" if near else None


def _unknown(argument: str, command: argparse.ArgumentParser) -> InvalidInput:
    see = f"See `{command.prog} --help`."
    if not argument.startswith("-"):
        return InvalidInput(f"`{command.prog}` does not take the argument {code(argument)}.", hint=see)
    written = argument.partition("=")[0]
    names = [word for line in command.format_usage().split() for word in [line.strip("[]")] if word.startswith("--")]
    return InvalidInput(f"{code(written)} is not an option of `{command.prog}`.", hint=meant(written, names) or see)


def _add_common(parser: argparse.ArgumentParser, *, formats: bool) -> None:
    if formats:
        parser.add_argument("--format", choices=FORMATS, default="text", help="how to print it (default: text)")
    parser.add_argument(
        "--color", choices=COLOURS, default="auto", help="colours; auto: on a terminal, unless NO_COLOR is set"
    )
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="show what is decided and why; -vv: every call of AWS, too"
    )


# --- the options that are inputs of the action, too ------------------------------------------------------------------

_ACCOUNT = ("region", "endpoint-url", "account", "profile")
_DEFINITIONS = ("environment", "params", "table-prefix")
_RUNNING = ("max-parallel", "check", "wait-minutes", "detach", "copy-rate")
_HELP = {
    "region": ("REGION", "the AWS region (default: what boto3 finds)"),
    "endpoint-url": ("URL", "use this endpoint instead of AWS, such as DynamoDB Local"),
    "account": ("NUMBER", "stop if the credentials belong to another account"),
    "profile": ("NAME", "the profile of ~/.aws/config to use"),
    "environment": ("NAME", "the branch of #profile to take"),
    "table-prefix": ("PREFIX", "put this before every table name"),
    "baseline": ("PATH", "compare with these definitions instead of AWS"),
    "max-parallel": ("N", f"how many tables to change at once (default: {_DEFAULTS.max_parallel})"),
    "check": ("auto|none", "none: do not check the live items against a new index or time to live (default: auto)"),
    "wait-minutes": ("MINUTES", f"how long to wait before giving up (default: {_DEFAULTS.wait_minutes:g})"),
    "copy-rate": ("N", "how many items a second a copy may write (default: as fast as it can)"),
    "reviewed": ("PLAN.json", "run only what this plan file holds"),
    "params": ("NAME=VALUE", "a value for #param; can be repeated"),
    "allow-destructive": ("PATTERN", "approve data loss in this table, or table/index; globs; can be repeated"),
    "ignore-tags": ("PATTERN", "leave these tag keys alone; globs; can be repeated"),
}
_REPEATABLE: Final = {"params": "--param", "allow-destructive": "--allow-destructive", "ignore-tags": "--ignore-tags"}


class _Once(argparse.Action):
    """An option with one value: a second one must not replace it without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{code(option_string or self.dest)} is given twice")
        setattr(namespace, self.dest, values)


def _add(parser: argparse.ArgumentParser, *names: str, texts: Mapping[str, str] | None = None) -> None:
    """Add these options; `texts` says what some of them mean for this subcommand alone."""
    for name in names:
        if name == "path":
            text = f"file or folder with definitions (default: {_DEFAULTS.path})"
            parser.add_argument("path", nargs="?", metavar="PATH", help=text)
        elif name == "detach":
            text = "do not wait for index builds, pauses and quotas"
            parser.add_argument("--detach", action="store_const", const="true", help=text)
        else:
            metavar, text = _HELP[name]
            action = "append" if name in _REPEATABLE else _Once
            flag = _REPEATABLE.get(name, f"--{name}")
            parser.add_argument(flag, dest=name, metavar=metavar, help=(texts or {}).get(name, text), action=action)


# --- the commands ----------------------------------------------------------------------------------------------------


def _validate(parser: argparse.ArgumentParser) -> None:
    text = f"files or folders with definitions (default: {_DEFAULTS.path})"
    parser.add_argument("paths", nargs="*", metavar="PATH", help=text)
    _add(parser, *_DEFINITIONS, "baseline", texts={"baseline": "also show what differs from these definitions"})


def _plan(parser: argparse.ArgumentParser) -> None:
    _add(parser, "path", *_ACCOUNT, *_DEFINITIONS, "baseline", "allow-destructive", "ignore-tags", "check")
    parser.add_argument("--out", metavar="PLAN.json", help="write the plan to this file, to be reviewed")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit 2 or 3 where something would change")


def _apply(parser: argparse.ArgumentParser) -> None:
    _add(parser, "path", *_ACCOUNT, *_DEFINITIONS, "allow-destructive", "ignore-tags", *_RUNNING, "reviewed")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _drift(parser: argparse.ArgumentParser) -> None:
    _add(parser, "path", *_ACCOUNT, *_DEFINITIONS, "ignore-tags")


def _check(parser: argparse.ArgumentParser) -> None:
    _add(parser, "path", *_ACCOUNT, *_DEFINITIONS, "ignore-tags")
    text = "name up to five items that do not fit for each index, by their keys; only as text"
    parser.add_argument("--show-keys", action="store_true", help=text)


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="PLAN.json", help="a file that `dynatus plan --out` wrote")
    _add(
        parser, "allow-destructive", texts={"allow-destructive": "show this table, or table/index, as approved; globs"}
    )


def _import(parser: argparse.ArgumentParser) -> None:
    text = "names of tables, globs allowed (default: all tables)"
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help=text)
    text = "the folder to write to; a file that exists is not replaced"
    parser.add_argument("--out", dest="folder", metavar="DIR", required=True, help=text)
    names = [each.name.lower() for each in formats.FORMATS]
    text = f"the format of the files (default: {names[0]})"
    parser.add_argument("--format", dest="file_format", choices=names, default=names[0], help=text)
    parser.add_argument("--owner", action="store_true", help="ask CloudFormation which stack owns each table")
    prefix = "only tables whose name begins so; the files leave this beginning out"
    _add(parser, *_ACCOUNT, "table-prefix", texts={"table-prefix": prefix})


def _policy(parser: argparse.ArgumentParser) -> None:
    _add(parser, "path", "region", "account", *_DEFINITIONS)
    modes = ("plan", "check", "drift", "apply", "import")
    parser.add_argument("--mode", dest="role", choices=modes, required=True, help="what the role is for")
    text = "also allow what it takes to give these tables another key"
    parser.add_argument("--recreate", action="store_true", help=text)
    text = "allow to read and change every table that begins with --table-prefix, also those that are defined later"
    parser.add_argument("--any-table", action="store_true", help=text)


def _schema(_: argparse.ArgumentParser) -> None:
    """Add no argument: `dynatus schema` has none."""


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell")


COMMANDS: Final[Mapping[str, _Command]] = {
    "validate": _Command(
        "find what DynamoDB would refuse",
        "Find what DynamoDB would refuse in the definitions, and show where. Makes no call.",
        "dynatus validate resources/dynamo",
        "  0  the definitions are valid\n  1  they have errors",
        _validate,
        formats=True,
    ),
    "plan": _Command(
        "show what apply would change",
        "Compare the definitions with the account and show what apply would change. Changes nothing.",
        "dynatus plan --environment production --out plan.json",
        "  0  planned\n  1  error, or a table can never be changed like this\n"
        "  with --detailed-exitcode also:\n"
        "  2  something would change\n  3  something would change, and part of it needs an approval",
        _plan,
        formats=True,
    ),
    "apply": _Command(
        "change the account to match the definitions",
        "Change the account to match the definitions. Asks first, unless --yes or --reviewed is given.",
        "dynatus apply --reviewed plan.json --allow-destructive orders",
        "  0    the account matches the definitions (or --detach was given)\n"
        "  1    error, refused, or not finished\n  130  cancelled by Ctrl-C; run it again to resume",
        _apply,
        formats=True,
    ),
    "drift": _Command(
        "show where the account differs from the definitions",
        "Show where the account differs from the definitions. Changes nothing.",
        "dynatus drift --environment production --format markdown",
        "  0  no drift\n  1  error\n  2  drift",
        _drift,
        formats=True,
    ),
    "check": _Command(
        "read whole tables: do the items fit?",
        "Read the tables whose change depends on their items, and count the items that do not fit. Changes nothing.",
        "dynatus check --environment production --show-keys",
        "  0    all items fit (notes on time to live do not count)\n"
        "  1    an item does not fit, Scan is denied, or an error\n  130  cancelled by Ctrl-C",
        _check,
        formats=True,
    ),
    "show": _Command(
        "print a saved plan",
        "Print a plan that `dynatus plan --out` saved. Makes no call.",
        "dynatus show plan.json --format markdown",
        "  0  printed\n  1  the file is not a plan",
        _show,
        formats=True,
    ),
    "import": _Command(
        "write existing tables as definitions",
        "Write existing tables as definitions, one file for each table.",
        "dynatus import 'prod-*' --table-prefix prod- --out resources/dynamo",
        "  0  all tables were written\n  1  error, or a table was left out",
        _import,
    ),
    "policy": _Command(
        "print the least-privilege IAM policy",
        "Print the least-privilege IAM policy that a role needs for these definitions, or for import.",
        "dynatus policy --mode apply --region eu-west-1 --account 123456789012",
        "  0  printed\n  1  error",
        _policy,
    ),
    "schema": _Command(
        "print a JSON Schema of a definition, for editors",
        "Print a JSON Schema of a definition. Editors complete and check JSON and YAML with it: see docs/formats.md.",
        "dynatus schema > dynatus.schema.json",
        "  0  printed",
        _schema,
    ),
    "completion": _Command(
        "print a script that completes commands and options",
        "Print a script for your shell that completes the commands and options of dynatus.",
        "dynatus completion bash > ~/.local/share/bash-completion/completions/dynatus",
        "  0  printed\n  1  error",
        _completion,
    ),
}
