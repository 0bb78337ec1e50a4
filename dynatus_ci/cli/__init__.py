"""The command `dynatus`: arguments in, documents on standard output, everything else on standard error.

It decides nothing about tables or approval. `options` reads the arguments, `commands` has a function for each
subcommand, and `dynatus_ci.terminal` writes.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from dynatus_ci import logs, report, terminal
from dynatus_ci.cli import commands, options
from dynatus_ci.errors import Bug, DynatusError, InvalidDefinitions
from dynatus_ci.interrupt import INTERRUPTED
from dynatus_ci.terminal import say

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; README.md#the-command has the exit statuses."""
    try:
        terminal.degrade_to_ascii()
        asked = options.read(sys.argv[1:] if argv is None else argv)
        if asked is None:
            return 1
        level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(asked.verbose, 2)]
        with logs.shown(lambda _, text: say(report.hide_accounts(text)), level=level):
            return _run(asked)
    except DynatusError as error:
        terminal.say_error(error)
    except BrokenPipeError:
        pass  # the reader of standard output went away: nothing is left to say
    except KeyboardInterrupt:
        say("dynatus: cancelled.")
        return INTERRUPTED
    return 1


def _run(asked: argparse.Namespace) -> int:
    try:
        return commands.RUN[asked.command](asked)
    except InvalidDefinitions as invalid:
        commands.show_faults(asked, invalid.faults, stream=sys.stderr)
        return 1
    except (DynatusError, BrokenPipeError):
        raise
    except Exception as bug:
        _log.error("The command ended because of a bug in dynatus.", exc_info=bug)
        raise Bug(bug) from bug
