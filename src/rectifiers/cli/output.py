"""Where output goes: the terminal, a pipe, or a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError

PIPE_WIDTH = 100
"""Characters per line where there is no terminal that has a width."""


def width() -> int:
    """Characters per line of the standard output."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return PIPE_WIDTH
    from rich.console import Console

    return Console().width


def print_json(value: Any) -> None:
    """Print a value for other programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def save(path: Path, content: str | bytes) -> None:
    """Write a file that the user asked for.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another place") from None
