"""`python -m dynatus_ci` is the command `dynatus`."""

from __future__ import annotations

import sys

from dynatus_ci.cli import main

if __name__ == "__main__":
    sys.exit(main())
