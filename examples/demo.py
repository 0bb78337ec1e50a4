"""The main job on an embedded DynamoDB (moto's server, in this process): plan, apply, plan again.

Run it with `make demo`. Needs no Docker and no AWS account.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
from pathlib import Path

from moto.server import ThreadedMotoServer

from dynatus_ci import cli

TABLES = Path(__file__).parent / "tables"


def run(*arguments: str) -> int:
    """Run the command as a person would type it, and say so."""
    print(f"\n$ dynatus {shlex.join(arguments)}\n", flush=True)
    return cli.main(arguments)


def main() -> int:
    """Plan, apply, plan again; 0 where the last plan finds nothing to do."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a demo must reach no account
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server would log every call
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        where = (os.path.relpath(TABLES), "--endpoint-url", f"http://{host}:{port}")
        first = run("plan", *where)
        applied = run("apply", *where, "--yes")
        again = run("plan", *where, "--detailed-exitcode")
    finally:
        server.stop()
    if (first, applied, again) == (0, 0, 0):
        print("\nThe files and the tables agree: a second plan has nothing to do.")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
