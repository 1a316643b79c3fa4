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


OPTIONS = {"from_": "--from", "example": "--input", "better": "--better", "task": "--task", "train": "--train"}
"""Arguments in Python that errors tell to give, and the options that stand for them."""


def spell_options(text: str) -> str:
    """The same text, with options where it names the Python arguments that they stand for.

    Example:
        >>> spell_options("no ReLU here; name other kinds with from_='gelu'")
        'no ReLU here; name other kinds with --from gelu'
        >>> spell_options("give example=…, such as example=(1, 3, 32, 32); give better='higher'")
        'give --input …, such as --input 1,3,32,32; give --better higher'
    """

    def spell(found: re.Match[str]) -> str:
        value = (found["word"] or found["sizes"] or "…").replace(", ", ",")
        return f"{OPTIONS[found['name']]} {value}"

    return re.sub(rf"\b(?P<name>{'|'.join(OPTIONS)})=(?:'(?P<word>\w+)'|\((?P<sizes>[\d, ]+)\)|…)", spell, text)


def print_json(value: Any) -> None:
    """Print a value for other programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
