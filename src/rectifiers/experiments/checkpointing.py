"""The checkpoints of a trial: where they lie, how often they are made, and what they must agree on."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import suppress
from pathlib import Path

import torch

from ..core.errors import ConfigError
from ..core.version import __version__
from ..training.checkpoints import MINUTES, Checkpoints
from .store import checkpoints_folder
from .trial import Trial

VARIABLE = "RECTIFIERS_CHECKPOINT_MINUTES"
"""Environment variable with the minutes between two checkpoints."""


def open_checkpoints(weights: Path | None, trial: Trial, content: str) -> Checkpoints | None:
    """The checkpoints of a trial, in the folder of an experiment's runs; None where there is no such folder.

    Those of other data, or of other versions, whose bits may differ, are not used.

    Args:
        weights: the folder of weights in that of the runs.
        trial: what is trained.
        content: identifies its data.

    Raises:
        ConfigError: the environment variable holds no number of minutes.
    """
    if weights is None:
        return None
    identity = {"trial": trial.id, "data": content, "rectifiers": __version__, "torch": torch.__version__}
    return Checkpoints(checkpoints_folder(weights.parent, trial), identity, minutes=checkpoint_minutes())


def describe_resumption(checkpoints: Checkpoints | None) -> dict[str, str]:
    """Where a training went on, as its result keeps it; nothing for one that began at its beginning."""
    if checkpoints is None or not (checkpoints.resumed or checkpoints.passed_over):
        return {}
    begun = f"after step {checkpoints.resumed}" if checkpoints.resumed else "from the beginning"
    return {"resumed": "; ".join((begun, *(f"checkpoint {words}" for words in checkpoints.passed_over)))}


def remove_checkpoints(weights: Path, trial: Trial) -> None:
    """Remove the checkpoints of a trial whose weights are kept, and its folder if it has no result.

    Args:
        weights: as for `open_checkpoints`.
        trial: what was trained.
    """
    folder = checkpoints_folder(weights.parent, trial)
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def checkpoint_minutes() -> float:
    """Minutes between two checkpoints, as the environment says or as usual.

    Raises:
        ConfigError: what the environment says is no such number.
    """
    text = os.environ.get(VARIABLE) or str(MINUTES)
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not (minutes >= 0 and math.isfinite(minutes)):
        raise ConfigError(f"{VARIABLE} must be a number of minutes, 0 for each step, got {text!r}")
    return minutes
