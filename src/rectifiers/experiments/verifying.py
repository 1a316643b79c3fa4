"""What is damaged in a folder of runs: all of it at once, and mended where that loses nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import DataError, StoreError
from ..surgery.weights_file import read_weights
from . import archive
from .counting import CARD
from .explain import explain
from .result import FORMAT, Result
from .runner_files import clear_dead
from .store import ASIDE, TRIAL_ID, IrregularError, read_bytes, weights_folder, write_card

SETTLE = 2.0
"""Seconds in which a file that is being written changes, or gets its name."""


@dataclass(frozen=True)
class Damage:
    """Something wrong in a folder of runs.

    Args:
        path: of the file.
        problem: what is wrong.
        remedy: what was done, or what to do.
    """

    path: Path
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


def verify(folder: Path | str, *, mend: bool = False) -> tuple[Damage, ...]:
    """Read everything in a folder of runs, and name what is damaged.

    Args:
        folder: folder of an experiment's runs, with `store.json`; or one that holds such folders, which are all read.
        mend: set damaged files aside, so that the next run makes them anew; write a lost or damaged `store.json` anew;
            and remove what dead processes left behind. Nothing is deleted that holds a result.

    Raises:
        StoreError: the folder is not there, is not one of ours, or cannot be written.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StoreError(f"there are no runs in {folder}; name the folder of an experiment, such as runs/quickstart")
    inside = [] if (folder / CARD).exists() else _list_inside(folder)
    if inside:
        return tuple(damage for one in inside for damage in verify(one, mend=mend))
    if not (folder / CARD).exists() and not _holds_runs(folder):
        raise StoreError(f"there are no runs in {folder}; name the folder of an experiment, such as runs/quickstart")
    found = list(_check_card(folder, mend))
    results, weights = folder.glob("*/result.json"), weights_folder(folder).glob("*.safetensors")
    checks = [(path, _check_result(path)) for path in sorted(results)]
    checks += [(path, _check_weights(path)) for path in sorted(weights)]
    found += [_set_aside(path, problem, mend) for path, problem in checks if problem]
    packed = folder / archive.NAME
    try:
        text = read_bytes(packed)
    except IrregularError as error:
        found.append(_set_aside(packed, error.problem, mend))
    else:
        found += () if text is None else _check_packed(packed, text)
    for path in _left_behind(folder):
        if mend:
            with suppress(OSError):
                path.unlink()
        found.append(Damage(path, "was left behind by a process that died while it wrote", _say(mend, "removed")))
    if mend and (dead := clear_dead(folder)):
        found.append(Damage(folder, f"{dead} runners died at work", "their leases were given back"))
    return tuple(found)


def _list_inside(folder: Path) -> list[Path]:
    """The folders of runs in a folder, those that lost their cards among them."""
    cards, packed = folder.glob(f"*/{CARD}"), folder.glob(f"*/{archive.NAME}")
    found = {path.parent for path in (*cards, *packed)}
    results = (path.parent for path in folder.glob("*/*/result.json"))
    return sorted(found | {trial.parent for trial in results if TRIAL_ID.fullmatch(trial.name)})


def _left_behind(folder: Path) -> list[Path]:
    """What was begun to be written, and is not being written now."""
    before = _half_written(folder)
    if not before:
        return []
    time.sleep(SETTLE)
    after = _half_written(folder)
    return [path for path, state in before.items() if after.get(path) == state]


def _half_written(folder: Path) -> dict[Path, tuple[int, int]]:
    """The temporary files of writers, each with what shows that it is written to."""
    found = {}
    patterns = (".*.json.*", "*/.*.json.*", "*/.*.safetensors.*")
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        with suppress(OSError):  # it has become what it was to be
            facts = path.stat()
            found[path] = (facts.st_mtime_ns, facts.st_size)
    return found


def _holds_runs(folder: Path) -> bool:
    """Whether anything in a folder that has no card is of an experiment."""
    known = weights_folder(folder), folder / archive.NAME
    return any(path.exists() for path in known) or any(TRIAL_ID.fullmatch(path.name) for path in folder.glob("*/"))


def _say(mend: bool, done: str) -> str:
    return done if mend else "mend it with `rectifiers verify --mend`"


def _check_card(folder: Path, mend: bool) -> Iterator[Damage]:
    card, name = folder / CARD, os.path.basename(os.path.abspath(folder))  # noqa: PTH100, PTH119 - "." has no name
    problem = "is damaged"
    try:
        text = read_bytes(card)
        found = json.loads(text) if text is not None else None
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            yield Damage(card, f"was written in format {found['format']}", f"this version reads format {FORMAT}")
            return
        if isinstance(found, dict) and found.keys() == {"runs", "format"}:
            if found["runs"] == name:
                return
            problem = f"says that these are the runs of {found['runs']!r}, and the folder has another name"
        elif text is None:
            problem = "is missing"
    except IrregularError as error:
        yield _set_aside(card, error.problem, mend)
    except (ValueError, RecursionError):
        pass
    if mend:
        write_card(folder, name)
    yield Damage(card, problem, _say(mend, "written anew"))


def _check_result(path: Path) -> str:
    """What is wrong with a result; nothing if it is whole."""
    try:
        result = Result.model_validate_json(read_bytes(path) or b"")
    except ValidationError as error:
        return f"is damaged ({explain(error, 'result')})"
    except IrregularError as error:
        return error.problem
    except StoreError as error:
        return str(error)
    if path.parent.name not in (result.trial.id, result.trial.undigested.id):
        return f"holds the result of another trial ({result.trial.id})"
    return ""


def _check_weights(path: Path) -> str:
    try:
        metadata = read_weights(path).metadata
        Result.model_validate_json(metadata["result"])
    except (DataError, KeyError, ValueError) as error:
        return f"is damaged ({type(error).__name__})"
    return ""


def _check_packed(path: Path, text: bytes) -> Iterator[Damage]:
    if text and not text.endswith(b"\n"):
        yield Damage(path, "breaks off in its last line", "restore it")
    elif cut := archive.describe_cut(text):
        yield Damage(path, cut, "restore it")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            Result.model_validate_json(line)
        except ValidationError as error:
            yield Damage(path, f"line {number} is damaged ({explain(error, 'result')})", "restore it")


def _set_aside(path: Path, problem: str, mend: bool) -> Damage:
    if not mend:
        return Damage(path, problem, _say(mend, ""))
    try:
        path.rename(path.with_name(path.name + ASIDE))
    except OSError as error:
        raise StoreError(f"cannot rename {path}: {error.strerror}; check its permissions") from None
    return Damage(path, problem, f"set aside as {path.name}{ASIDE}; run again")
