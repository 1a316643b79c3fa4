"""How output is printed: in a terminal, or to a pipe."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, TextIO

from ..core.wording import finite

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


_kept: TextIO | tuple[int, str] | None = None
"""The standard output while `reserve_stdout` keeps it: a stream, or the number of a file and its encoding."""


def reserve_stdout(wanted: bool) -> bool:
    """Keep the standard output for what `print_json` prints, if it is wanted; the rest goes to the standard error.

    A user's own code, and libraries, print what they like, which would be no JSON.

    Returns:
        `wanted`, as the callback of an option.
    """
    global _kept
    if wanted and _kept is None:
        if _is_file(1):
            sys.stdout.flush()
            _kept = os.dup(1), sys.stdout.encoding
            os.dup2(2, 1)
        else:
            _kept, sys.stdout = sys.stdout, sys.stderr
    return wanted


def release_stdout() -> None:
    """Undo `reserve_stdout`."""
    global _kept
    kept, _kept = _kept, None
    if isinstance(kept, tuple):
        sys.stdout.flush()
        os.dup2(kept[0], 1)
        os.close(kept[0])
    elif kept is not None:
        sys.stdout = kept


def _is_file(number: int) -> bool:
    """Tell whether the standard output is the file of this number, and not some other stream."""
    try:
        return sys.stdout.fileno() == number
    except (OSError, ValueError):
        return False


def print_json(value: Any) -> None:
    """Print a value for other programs, with null for what is no number or infinite."""
    text = json.dumps(finite(value), indent=2, ensure_ascii=False)
    if not isinstance(_kept, tuple):
        print(text, file=_kept)
        return
    number, encoding = _kept
    content = memoryview(f"{text}\n".encode(encoding, errors="replace"))
    while content:
        content = content[os.write(number, content) :]
