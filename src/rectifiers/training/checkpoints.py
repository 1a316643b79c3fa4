"""Checkpoints of a training: what it needs to go on, kept every few minutes, the last two of them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import save

from ..core.errors import ConfigError, DataError
from ..core.files import write_whole
from ..core.reading import read_regular
from ..core.wording import listing
from ..surgery.weights_file import read_weights
from .group import current
from .state import State, Stateful, pack, unpack

FORMAT = 1
MINUTES = 5.0
KEPT = 2
SHARE = 0.01
"""Of the time, at most, goes into checkpoints; large ones are made less often."""


class Checkpoints:
    """The checkpoints of one training, in a folder of its own.

    A checkpoint is a safetensors file and, written after it, a JSON file with its hash, each whole or not at all. One
    that is damaged, or belongs to something else, is passed over, and a warning is logged.

    Args:
        folder: where they lie; made when there is something to write.
        identity: what a checkpoint must agree on to be taken: the trial, its data, versions.
        minutes: between two checkpoints at least; 0 makes one after each step.

    Attributes:
        resumed: the step that the training went on from; 0 where it began anew.
        passed_over: checkpoints that were not taken, with the reasons.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], *, minutes: float = MINUTES) -> None:
        self.folder, self.identity = folder, {**identity, "format": str(FORMAT)}
        self.seconds, self.resumed = 60 * minutes, 0
        self.passed_over: list[str] = []
        self._last, self._took = time.monotonic(), 0.0

    def resume(self, parts: Mapping[str, Stateful]) -> bool:
        """Let the parts of a training remember what they did at the last checkpoint; False where there is none.

        Args:
            parts: by name; set in this order.

        Raises:
            ConfigError: of processes that train together, one sees others.
        """
        state: Mapping[str, State] = {}
        for index in sorted(self.folder.glob("*.json"), reverse=True):
            try:
                step, state = int(index.stem), self._read(index)
            except (OSError, DataError, ValueError, KeyError, TypeError) as error:
                self.passed_over.append(f"{index.stem} {error if isinstance(error, DataError) else 'is damaged'}")
                continue
            self.resumed = step
            break
        if current().any(self.resumed != current().take_first(self.resumed)):
            raise ConfigError(
                f"processes that train together read different checkpoints in {self.folder}; all of them have to see "
                "the results folder"
            )
        if self.resumed:
            for name, part in parts.items():
                part.load_state_dict(state[name])
        if self.passed_over:
            goes_on = f"goes on after step {self.resumed}" if self.resumed else "begins anew"
            _log.warning("%s: %s; training %s", self.folder, listing(self.passed_over), goes_on)
        return bool(self.resumed)

    def is_due(self) -> bool:
        """Whether it is time for the next checkpoint, in one of the processes that train together."""
        due = time.monotonic() - self._last >= max(self.seconds, self._took / SHARE if self.seconds else 0.0)
        return current().any(due)

    def keep(self, step: int, parts: Mapping[str, Stateful]) -> None:
        """Write a checkpoint, and remove all but it and the one before it.

        Where it cannot be written, a warning is logged, the ones before stay, and the training goes on.

        Args:
            step: steps done.
            parts: what is kept, by name.
        """
        start = time.monotonic()
        states = {name: part.state_dict() for name, part in parts.items()}
        if current().is_first:
            self._write(step, states)
        self._last = time.monotonic()
        self._took = self._last - start

    def _write(self, step: int, states: Mapping[str, State]) -> None:
        try:
            tensors, text = pack(states)
            content = save(tensors, metadata={"state": text})
            facts = {**self.identity, "sha256": hashlib.sha256(content).hexdigest()}
            stem = f"{step:012d}"
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, data in ((f"{stem}.safetensors", content), (f"{stem}.json", json.dumps(facts).encode())):
                with write_whole(self.folder / name) as file:
                    file.write_bytes(data)
            # What claims to come later was passed over: it is damaged, or of something else.
            kept = sorted(path.stem for path in self.folder.glob("*.json") if path.stem <= stem)[-KEPT:]
            for path in self.folder.iterdir():
                if path.stem not in kept:
                    path.unlink()
        except (OSError, TypeError) as error:  # the latter from what an optimizer of a user's own remembers
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            _log.warning("no checkpoint in %s: %s; training goes on without", self.folder, reason)

    def remove(self) -> None:
        """Remove all checkpoints, for the training has ended and its outcome is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, index: Path) -> dict[str, object]:
        """Read one checkpoint.

        Raises:
            OSError: a file is missing.
            DataError: it is damaged, or of something else.
            ValueError: its JSON is damaged; other damage raises `KeyError` or `TypeError`.
        """
        facts = dict(json.loads(read_regular(index)))
        digest = facts.pop("sha256")
        if facts != self.identity:
            differing = sorted(name for name in {*facts, *self.identity} if facts.get(name) != self.identity.get(name))
            raise DataError(f"belongs to another {listing(differing)}")
        path = index.with_suffix(".safetensors")
        if hashlib.sha256(read_regular(path)).hexdigest() != digest:
            raise DataError("is damaged")
        tensors, metadata = read_weights(path)
        state: dict[str, object] = unpack(tensors, metadata["state"])
        return state


@contextmanager
def kept_when_stopped(checkpoints: Checkpoints | None, step: int, parts: Mapping[str, Stateful]) -> Iterator[None]:
    """Keep a checkpoint after a step if it is time, or if what runs here stops the training by an exception."""
    stopped = True
    try:
        yield
        stopped = False
    finally:
        if checkpoints is not None and (stopped or checkpoints.is_due()):
            checkpoints.keep(step, parts)


_log = logging.getLogger(__name__)
