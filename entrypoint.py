"""Starts the action in its image; a call and nothing else."""

from __future__ import annotations

import sys

from dynatus_ci.action import main

if __name__ == "__main__":
    sys.exit(main())
