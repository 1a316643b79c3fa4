"""How large the files of a run will be, about."""

from __future__ import annotations

from ..training.checkpoints import KEPT
from ..training.record import GRID
from .trial import Trial

RESULT, EPOCH, NUMBER, CURVES = 1500, 330, 9, 5
"""Bytes of a result's trial and provenance, of an epoch, and of a number; and how many curves are drawn of a layer."""
MOMENTS = {"adam": 2, "adamw": 2}
"""How many numbers an optimizer remembers of each weight, where it is not one."""


def size_of_result(trial: Trial, curves: int) -> int:
    """Bytes of a result.

    Args:
        trial: what is run.
        curves: layers whose activation is drawn.
    """
    points = trial.epochs * trial.trace_points * max(curves, 1)
    return RESULT + EPOCH * trial.epochs + NUMBER * (CURVES * curves * len(GRID) + 2 * points)


def size_of_checkpoints(trial: Trial, weights: int) -> int:
    """Bytes of the checkpoints that a run keeps until it has ended.

    Args:
        trial: what is run.
        weights: bytes of its network's.
    """
    average = 1 if trial.ema else 0
    return KEPT * weights * (1 + MOMENTS.get(trial.optimizer, 1) + average) if trial.epochs else 0
