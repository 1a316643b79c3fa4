"""Tries all pieces within a time, keeps what comes of each at once, and goes on where an earlier run ended."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...core.files import write_file
from ...core.version import __version__
from .device import DEVICES, Device
from .page import write_page
from .pieces import DTYPES, FULL, TINY, Piece, plan
from .workers import Worker, command

SECONDS = 480.0

MOST_WORKERS = 8

PIECE_SECONDS = 120.0
"""After which a piece is given up."""

DATA, PAGE = "gpu-check.json", "gpu-check.md"


def run(
    device: str,
    folder: Path,
    seconds: float = SECONDS,
    *,
    workers: int | None = None,
    start: Callable[[str], Sequence[str]] = command,
    say: Callable[[str], object] = print,
    only: Callable[[Piece], bool] = lambda piece: True,
) -> dict[str, Any]:
    """Try everything that there is time for, and write `gpu-check.json` and the page `gpu-check.md`.

    Args:
        device: a key of `DEVICES`.
        folder: where to write; what is there from the same software on the same machine is kept and completed.
        seconds: how long, from now on. Nothing is begun after that, and what runs is killed.
        workers: how many processes compare and compile at once; times are taken one by one.
        start: gives the command of a process that tries pieces on a device.
        say: gets a line after each piece.
        only: which pieces to try.

    Returns:
        What was written.

    Raises:
        ConfigError: there is no such device here, or the folder has results of other software or another machine.
    """
    until = time.monotonic() + seconds
    if device not in DEVICES:
        raise ConfigError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    chosen = DEVICES[device]
    chosen.check()
    record = _Record(folder, _facts(chosen), say)
    sizes = TINY if chosen.simulated else FULL
    pieces = [piece for piece in plan(sizes) if only(piece)]
    record.planned = len(pieces)
    count = workers or min(MOST_WORKERS, os.cpu_count() or 1)
    for kind, at_once in (("check", count), ("prepare", count), ("time", 1)):
        todo = [piece for piece in pieces if piece.kind == kind and piece.key not in record.results]
        if kind == "prepare":
            # What was timed before needs no preparation.
            todo = [piece for piece in todo if f"time/{piece.key.partition('/')[2]}" not in record.results]
        crew = [Worker(start(device)) for _ in range(min(at_once, len(todo)))]
        _try_all(todo, chosen, record, crew, until)
    record.finish()
    return record.content()


def _try_all(todo: Sequence[Piece], device: Device, record: _Record, workers: Sequence[Worker], until: float) -> None:
    """Let some workers share the pieces until the time is over."""
    queue = iter(todo)
    lock = threading.Lock()

    def next_pieces() -> Iterator[Piece]:
        while time.monotonic() < until:
            with lock:
                piece = next(queue, None)
            if piece is None:
                return
            yield piece

    def serve(worker: Worker) -> None:
        try:
            for piece in next_pieces():
                if reason := device.lacks(piece.subject, DTYPES[piece.dtype]):
                    record.add(piece, {"skipped": reason})
                    continue
                left = max(until - time.monotonic(), 1.0)
                found = worker.run(piece, min(PIECE_SECONDS, left))
                if left < PIECE_SECONDS and time.monotonic() >= until and "error" in found:
                    return  # It was the end of the time that ended it.
                record.add(piece, found)
        finally:
            worker.close()

    if workers:
        with ThreadPoolExecutor(len(workers)) as pool:
            for future in [pool.submit(serve, worker) for worker in workers]:
                future.result()


class _Record:
    """What was found so far, in memory and on the disk."""

    def __init__(self, folder: Path, facts: dict[str, str], say: Callable[[str], object]) -> None:
        self._data, self._page = folder / DATA, folder / PAGE
        self.facts, self._say = facts, say
        self.planned = 0
        self._lock = threading.Lock()
        self.results: dict[str, Any] = self._read()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, piece: Piece, found: dict[str, Any]) -> None:
        with self._lock:
            self.results[piece.key] = found
            self._write()
            self._say(f"{len(self.results):4} of {self.planned}  {piece.key}  {summary(found)}")

    def finish(self) -> None:
        with self._lock:
            self._write()

    def content(self) -> dict[str, Any]:
        return {
            "facts": self.facts,
            "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "planned": self.planned,
            "results": self.results,
        }

    def _write(self) -> None:
        content = self.content()
        write_file(self._data, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        write_file(self._page, write_page(content))

    def _read(self) -> dict[str, Any]:
        if not self._data.exists():
            return {}
        try:
            before = json.loads(self._data.read_text(encoding="utf-8"))
            facts, results = before["facts"], before["results"]
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{self._data} is not a record of such a run; move it away or choose another folder"
            ) from None
        if facts != self.facts:
            names = sorted({*facts, *self.facts})
            other = "; ".join(
                f"{name}: {facts.get(name)} there, {self.facts.get(name)} here"
                for name in names
                if facts.get(name) != self.facts.get(name)
            )
            raise ConfigError(f"{self._data} is from elsewhere ({other}); move it away or choose another folder")
        found: dict[str, Any] = results
        return found


def summary(found: dict[str, Any]) -> str:
    """What came of a piece, in a few words.

    Example:
        >>> summary({"passed": True, "cases": [{"error": 2e-7, "allowed": 1e-5}]})
        'right, error 2e-07'
    """
    if "skipped" in found:
        return f"skipped: {found['skipped']}"
    if "error" in found:
        return f"FAILED: {found['error']}"
    if "cases" in found:
        worst = max(case["error"] for case in found["cases"])
        return f"{'right' if found['passed'] else 'WRONG'}, error {worst:.0e}"
    failed = "; ".join(f"{provider} cannot: {why}" for provider, why in found["failed"].items())
    times = found.get("times", {})
    milliseconds = ", ".join(f"{name} {modes.get('full', modes['forward'])[1]:.3g} ms" for name, modes in times.items())
    return "; ".join(part for part in (milliseconds, failed) if part) or "compiled"


def _facts(device: Device) -> dict[str, str]:
    folder = Path(__file__).parents[2] / "kernels"
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.glob("triton/*.py"), *Path(__file__).parent.glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return {"rectifiers": __version__, "sources": digest.hexdigest()[:12], **device.describe()}
