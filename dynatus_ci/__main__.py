"""The entry point of `dynatus` and `python -m dynatus_ci`. Ctrl-C during the start ends it without a traceback."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command. Ctrl-C while its parts are imported ends the process, as it ends other programs."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # else somebody ignores the signal: `nohup`, or `&` in a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dynatus_ci import cli  # noqa: PLC0415  # this takes most of the start

    signal.signal(signal.SIGINT, handler)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
