"""Starts the action in its image."""

from __future__ import annotations

import os
import sys

from dynatus_ci.action import main

if __name__ == "__main__":
    os.setegid(os.getgid())  # the interpreter's other group has done its work (Dockerfile); files are made without it
    sys.exit(main())
