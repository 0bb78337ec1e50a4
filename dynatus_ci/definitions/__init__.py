"""Reads definitions from files and from Python, and writes them. Every fault has its place."""

from __future__ import annotations

from typing import Final

DEFAULT_PATH: Final = "resources/dynamo"
"""The folder of the definitions, where the input `path` is not given."""
