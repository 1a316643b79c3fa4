"""The file tree is the database: `<root>/<experiment>/<trial>/result.json`, written once, whole or not at all.

Results that came packed in one file (see `archive`) are read from there.
"""

from __future__ import annotations

import errno
import itertools
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path

from pydantic import ValidationError

from .. import datasets
from ..core.errors import StoreError
from ..core.files import write_whole
from ..core.garbage import without_garbage_collection
from ..core.reading import parse_json, read_regular
from . import archive, pulse
from .counting import CARD, LOG, LOOKS
from .experiment import Cell
from .explain import explain
from .result import FORMAT, Result
from .trial import Trial


class Store:
    """Results of one experiment.

    Args:
        root: folder that holds the results of all experiments.
        name: folder of this experiment below it; experiments that share runs share it.
        keep_weights: whether a trial counts as finished only when its trained weights are there too.

    Raises:
        StoreError: the folder is not one of ours, is from another version, or cannot be made.
    """

    def __init__(self, root: Path | str, name: str, *, keep_weights: bool = False) -> None:
        self.folder = Path(root) / name
        self.name = name
        self.keep_weights = keep_weights
        self._settle()

    def _settle(self) -> None:
        """Make the folder ours, or make sure it is."""
        card = self.folder / CARD
        try:
            text = read_bytes(card)
        except IrregularError:
            text = b""
        if text is not None:
            try:
                found = parse_json(text)
                name, version = found["runs"], found["format"]
            except (ValueError, KeyError, TypeError):
                raise StoreError(
                    f"{card} is damaged; write it anew with `rectifiers verify --mend {self.folder}`, or give another "
                    "results folder"
                ) from None
            if name != self.name:
                raise StoreError(
                    f"{self.folder} holds the runs of {name!r}, not of {self.name!r}; give another results folder"
                )
            if version != FORMAT:
                raise StoreError(
                    f"{self.folder} was written in format {version}, this version reads format {FORMAT}; "
                    "give another results folder"
                )
        elif self._foreign() and not self._looks_ours():
            if card.exists():  # another runner has begun here in between
                self._settle()
                return
            if any(TRIAL_ID.fullmatch(path.parent.name) for path in self.folder.glob("*/result.json")):
                raise StoreError(
                    f"{self.folder} holds results and other files, but no {CARD}; write it anew with "
                    f"`rectifiers verify --mend {self.folder}`, or give another results folder"
                )
            raise StoreError(f"{self.folder} is not empty and holds no results; give another results folder")
        else:
            write_card(self.folder, self.name)

    def _looks_ours(self) -> bool:
        """Whether a folder that lost its card holds nothing but what a store holds: a result, or its log alone."""
        names = [path.name for path in self.folder.iterdir() if not path.name.startswith(".")]
        names = [name.removesuffix(ASIDE) for name in names]
        own = all(TRIAL_ID.fullmatch(name) or name in (WEIGHTS, LOG, LOOKS, CARD, archive.NAME) for name in names)
        if names == [LOG]:
            # It is written last, even if the folder was deleted under a run that had no result yet.
            return _LINE.match((read_bytes(self.folder / LOG) or b"")[:80]) is not None
        return own and (archive.NAME in names or any(self.folder.glob("*/result.json")))

    def _foreign(self) -> bool:
        """Whether a folder without a card holds something; what a crash may leave is hidden and does not count."""
        try:
            return any(not path.name.startswith(".") for path in self.folder.iterdir())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"cannot use {self.folder}: {error.strerror}; give another results folder") from None

    @property
    def weights(self) -> Path:
        """Folder of the trained weights that other trials start from, or that an analysis looks into."""
        return weights_folder(self.folder)

    def path(self, trial: Trial) -> Path:
        """The file that holds, or will hold, the trial's result."""
        return self.folder / trial.id / "result.json"

    @cached_property
    def _place(self) -> str:
        return f"{self.folder}/"

    @cached_property
    def _packed(self) -> dict[str, Result]:
        path = self.folder / archive.NAME
        text = read_bytes(path)
        return {} if text is None else archive.read_jsonl(path, text)

    def has(self, trial: Trial) -> bool:
        """Whether the trial has finished."""
        if self.keep_weights and not weights_path(self.weights, trial).exists():
            return False
        # Ten thousand of these are asked at once, and paths as objects take longer than the file system.
        return (
            os.access(f"{self._place}{trial.id}/result.json", os.F_OK)
            or trial.id in self._packed
            or self._read_undigested(trial) is not None
        )

    def missing(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those that have not finished, in their order; looked at are those that have a folder, or an older name."""
        try:
            there = {*os.listdir(self.folder), *self._packed}  # noqa: PTH208 - not paths
        except OSError:
            return [one for one in trials if not self.has(one)]
        return [one for one in trials if (one.id not in there and one.data_digest is None) or not self.has(one)]

    def count(self, first: Trial, seeds: int) -> int:
        """How many of a trial's copies with that many seeds, from 0 on, have finished."""
        if first.data_digest is not None:  # results may have an older name
            return sum(self.has(first.with_seed(seed)) for seed in range(seeds))
        id_of = first.ids_by_seed()
        known = {*os.listdir(self.folder), *self._packed}  # noqa: PTH208 - not paths
        ids = ((seed, id_of(seed)) for seed in range(seeds)) if known else ()
        return sum(self.has(first.with_seed(seed, id)) for seed, id in ids if id in known)

    def write(self, result: Result) -> Path:
        """Keep a result, in place of the checkpoints on the way to it, unless the trial has one that can be read.

        Whoever was taken for dead and comes back later so changes nothing.

        Raises:
            StoreError: it cannot be written; what was there before is untouched.
        """
        path = self.path(result.trial)
        if not self._is_kept(result.trial):
            write_patiently(path, (result.model_dump_json() + "\n").encode())
        shutil.rmtree(checkpoints_folder(self.folder, result.trial), ignore_errors=True)
        if not (self.folder / CARD).exists():  # somebody took the folder away in between
            write_card(self.folder, self.name)
        return path

    def _is_kept(self, trial: Trial) -> bool:
        """Whether the trial's own file is there and whole."""
        try:
            text = read_bytes(self.path(trial))
            return text is not None and bool(self._parse(text, trial))
        except StoreError:
            return False

    def read(self, trial: Trial) -> Result | None:
        """The trial's result, or None if it has not finished.

        Raises:
            DamagedError: the file is damaged, or belongs to another trial.
            StoreError: it cannot be read.
        """
        try:
            text = read_bytes(f"{self._place}{trial.id}/result.json")
        except IrregularError as error:
            raise DamagedError(self.path(trial), error.problem) from None
        if text is None:
            return self._packed.get(trial.id) or self._read_undigested(trial)
        return self._parse(text, trial)

    def _read_undigested(self, trial: Trial) -> Result | None:
        """The result that a version wrote which knew data by their path alone, if these are still the data there."""
        old = trial.undigested if trial.data_digest is not None else trial
        if old.id == trial.id or ((text := read_bytes(self.path(old))) is None and old.id not in self._packed):
            return None
        found = self._packed[old.id] if text is None else self._parse(text, old)
        if found.provenance.get("data", "").rpartition(" ")[2] != datasets.digest(datasets.load(trial.dataset)):
            _log_once(f"{self.folder}: results of {trial.dataset} as it was before are not counted; its files changed")
            return None
        return found.model_copy(update={"trial": trial})

    def _parse(self, text: bytes, trial: Trial) -> Result:
        try:
            result = Result.of(trial, text)
        except ValidationError as error:
            raise DamagedError(self.path(trial), f"is damaged ({explain(error, 'result')})") from None
        if result.trial is not trial and result.trial != trial:
            raise DamagedError(self.path(trial), f"holds another trial ({result.trial})")
        return result

    def outcomes(
        self, cells: Iterable[Cell], damaged: dict[Trial, DamagedError] | None = None
    ) -> list[tuple[Cell, Result | None]]:
        """Each cell with its result, or with None where it has not been run or its result is damaged.

        Args:
            cells: that are asked for.
            damaged: takes the trials whose results are damaged; None logs a warning of each.

        Raises:
            StoreError: a file cannot be read, or packed results are damaged.
        """
        bad: dict[Trial, DamagedError] = {}
        outcomes: list[tuple[Cell, Result | None]] = []
        with without_garbage_collection():
            for cell in cells:
                result = None
                try:
                    result = self.read(cell.trial)
                except DamagedError as error:
                    bad[cell.trial] = error
                outcomes.append((cell, result))
        if damaged is not None:
            damaged.update(bad)
        else:
            for one in bad.values():
                logging.getLogger(__name__).warning("left out: %s", one)
        return outcomes


class DamagedError(StoreError):
    """A result that cannot be read, while others may.

    Args:
        path: of its file.
        problem: what is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(
            f"{path} {problem}; set it aside with `rectifiers verify --mend {path.parent.parent}`, and run again"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.problem)


class IrregularError(StoreError):
    """A folder, a pipe or a device in the place of a file.

    Args:
        path: where the file should be.
        problem: which of them it is.
    """

    def __init__(self, path: Path | str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path} {problem}; move it away, or give another results folder")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.problem)


@cache
def _log_once(text: str) -> None:
    logging.getLogger(__name__).warning(text)


WEIGHTS = "weights"
ASIDE = ".damaged"
"""What is added to the name of a damaged file that is set aside."""
TRIAL_ID = re.compile("[0-9a-f]{16}")
"""Names of the folders of trials."""
_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \S+:\d+ ")
"""How a line of a log begins: time, machine and process."""


def write_card(folder: Path, name: str) -> None:
    """Write the file that makes a folder one of the runs of that name.

    Raises:
        StoreError: it cannot be written.
    """
    write_atomically(folder / CARD, json.dumps({"runs": name, "format": FORMAT}) + "\n")


def weights_folder(runs: Path) -> Path:
    """Where the weights lie in the folder of an experiment's runs, whether that is there or not."""
    return runs / WEIGHTS


def checkpoints_folder(runs: Path, trial: Trial) -> Path:
    """Where the checkpoints of a trial lie until it has a result, in the folder of an experiment's runs."""
    return runs / trial.id / "checkpoints"


def weights_path(folder: Path, trial: Trial) -> Path:
    """The file below `folder` that holds, or will hold, the trial's trained weights."""
    return folder / f"{trial.id}.safetensors"


def is_kept(folder: Path, trial: Trial) -> bool:
    """Whether the weights of a trial are there."""
    return weights_path(folder, trial).exists()


def read_bytes(path: Path | str) -> bytes | None:
    """What the file holds, or None where there is none.

    Raises:
        StoreError: it is there and cannot be read; an `IrregularError` if it is no file at all.
    """
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.EINVAL):
            raise IrregularError(path, error.strerror or str(error)) from None
        raise StoreError(f"cannot read {path}: {error.strerror}; check its permissions") from None


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader, or a crash, never sees half of it.

    Raises:
        StoreError: no space, no permission, or no such disk.
    """
    write_bytes_atomically(path, text.encode())


ATTEMPTS = 3
"""How often a file is written whose disk has room, and yet refuses it: network file systems hiccup."""


class FullError(StoreError):
    """A disk without space: what was there is intact, and there may be room later."""


def write_patiently(path: Path, content: bytes) -> None:
    """Write a file so that nobody sees half of it; in a run, try again, and wait for room on a full disk.

    Raises:
        StoreError: no permission, no such disk, or no space for a long time.
    """
    since = time.monotonic()
    for attempt in itertools.count(1):
        try:
            write_bytes_atomically(path, content)
            return
        except FullError as error:
            if not pulse.wait_for_room(f"no space left for {path}; it goes on when there is room", since):
                raise error from None
        except StoreError as error:
            if attempt == ATTEMPTS or not pulse.wait_for_room(f"{path} cannot be written yet", since):
                raise error from None


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, never sees half of it.

    Raises:
        StoreError: no space, no permission, or no such disk.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as file:
            file.write_bytes(content)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "no space left" if full else error.strerror or str(error)
        raise (FullError if full else StoreError)(
            f"cannot write {path}: {reason}; everything that finished before is kept, and the same command continues "
            "from there"
        ) from None
