"""Processes that try pieces: a kernel that hangs, or that takes its process with it, costs one piece."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

from . import checks, timings
from .device import DEVICES
from .pieces import FULL, TINY, Piece

LAST_WORDS = 300
"""Characters of what a process that ended said last."""


def work() -> None:
    """Read keys of pieces from the standard input, and answer each with a line of JSON, until the input ends.

    The command line names the device.
    """
    device = DEVICES[sys.argv[2]]
    sizes = TINY if device.simulated else FULL
    kinds: dict[str, Callable[..., dict[str, Any]]] = {
        "check": checks.check,
        "prepare": timings.prepare,
        "time": timings.measure,
    }
    # Whatever libraries print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        piece = Piece.read(line.strip())
        try:
            found = kinds[piece.kind](piece, device, sizes)
        except Exception as error:  # It is the finding.
            found = {"passed": False, "error": f"{type(error).__name__}: {str(error).strip()}"[: 2 * LAST_WORDS]}
        answers.write(json.dumps(found) + "\n")
        answers.flush()
        if "CUDA error" in found.get("error", ""):
            # Nothing works after that in this process.
            break


def command(device: str) -> list[str]:
    """What starts a process of `work`."""
    return [sys.executable, "-m", "rectifiers.speed.gpu", "--work", device]


class Worker:
    """A process that tries one piece at a time; one that ended is replaced at the next piece.

    Args:
        command: starts a process that answers as `work` does.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        # Not a pipe, which would have to be emptied.
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115

    def run(self, piece: Piece, seconds: float) -> dict[str, Any]:
        """What came of a piece, or of the process that tried it.

        Args:
            piece: what to try.
            seconds: after which the process is killed.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            process.stdin.write(piece.key + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            timer.cancel()
        if answer.endswith("\n"):
            found: dict[str, Any] = json.loads(answer)
            return found
        code = process.wait()
        if late.is_set():
            return {"passed": False, "error": f"it took longer than {seconds:.0f} s"}
        return {"passed": False, "error": f"its process ended with code {code}: {self._last_words()}"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
            self._process = None
        self._said.close()

    def _start(self) -> None:
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
        self._said.seek(0)
        self._said.truncate()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read()[-LAST_WORDS:].strip().splitlines()
        return lines[-1] if lines else "it said nothing"
