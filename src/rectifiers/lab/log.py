"""What happens in a run, line by line: all of it in a file beside the runs, some of it on stderr."""

from __future__ import annotations

import datetime
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from .progress import say

SIGN_OF_LIFE = 60.0
"""Seconds after which a line is written to a stderr that is not a terminal, where no bar shows that a run goes on."""


class Log:
    """Writes the lines of a run to a file, with the time and the process.

    Args:
        path: of the file; lines are added to it. Where it cannot be written, the run continues without it.
        hidden: write nothing on stderr.
    """

    def __init__(self, path: Path, *, hidden: bool = False) -> None:
        self.path, self.hidden = path, hidden
        self._who = f"{socket.gethostname()}:{os.getpid()}"
        self._said = time.monotonic()

    def __call__(self, text: str, urgent: bool = False) -> None:
        """Write a line.

        Args:
            text: what happened.
            urgent: whether the user has to know at once.
        """
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with suppress(OSError), self.path.open("a", encoding="utf-8", errors="replace") as file:
            file.write("".join(f"{now} {self._who} {line}\n" for line in text.splitlines()))
        watched = sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()
        if not self.hidden and (urgent or (not watched and time.monotonic() - self._said > SIGN_OF_LIFE)):
            self._said = time.monotonic()
            say(text)
