"""The difference that counts as none, where the user gives no margin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import stdev

from ...training.metrics import Measure
from ..statistics import mean

POINTS = 0.5
"""Of a measure in percent."""

SHARE = 0.01
"""Of the baseline's mean; of R², whose zero means nothing, a hundredth itself."""


def usual_margin(scores: Sequence[float], measure: Measure) -> float:
    """The margin of a measure.

    Args:
        scores: of the baseline, those that are numbers.
        measure: what they tell.

    Example:
        >>> usual_margin([80.0], Measure("accuracy", "%")), usual_margin([2.0], Measure("RMSE", "kg", False))
        (0.5, 0.02)
        >>> usual_margin([0.003, -0.001], Measure("R²"))
        0.01
    """
    if measure.unit == "%":
        return POINTS
    if _is_r2(measure):
        return SHARE
    return SHARE * abs(mean(scores)) if scores else 0.0


def doubt(scores: Sequence[float], measure: Measure) -> str:
    """What to say where a share of the mean is not a sensible margin, because the mean is near zero; else nothing."""
    if measure.unit == "%" or _is_r2(measure) or len(scores) < 2 or abs(mean(scores)) >= stdev(scores):
        return ""
    return (
        f"the margin is 1 % of the mean {measure.name} of the baseline, which is near 0 beside its spread over the "
        f"seeds, so that hardly anything counts as equivalent; give margin=… in the unit of {measure.name}"
    )


def _is_r2(measure: Measure) -> bool:
    return "r2" in re.split(r"[^a-z0-9]+", measure.name.lower().replace("²", "2"))
