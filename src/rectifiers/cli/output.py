"""How output is printed: in a terminal, or to a pipe."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

PIPE_WIDTH = 100
"""Characters per line where there is no terminal that has a width."""


LEAST_WIDTH = 20
"""Fewer characters per line are not meant: `COLUMNS=0` says that nobody knows."""


def width() -> int:
    """Characters per line of the standard output."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return PIPE_WIDTH
    from rich.console import Console

    found = Console().width
    return found if found >= LEAST_WIDTH else PIPE_WIDTH


def spell_options(text: str) -> str:
    """The same text, with `--from` where it names the Python argument that the option stands for.

    Example:
        >>> spell_options("no ReLU here; name other kinds with from_='gelu'")
        'no ReLU here; name other kinds with --from gelu'
    """
    return re.sub(r"\bfrom_=(?:'(\w+)'|…)", lambda found: f"--from {found[1] or '…'}", text)


def print_json(value: Any) -> None:
    """Print a value for other programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
