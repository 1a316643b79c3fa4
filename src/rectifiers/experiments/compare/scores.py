"""The score of a run that a comparison counts."""

from __future__ import annotations

import math

from ..result import Result


def oriented(result: Result | None, *, validation: bool = False) -> float:
    """The last score of a run, with the sign that makes more of it better; NaN where there is none."""
    if result is None or result.status == "diverged" or not result.epochs:
        return math.nan
    last = result.epochs[-1]
    score = last.validation_score if validation else last.test_score
    return math.nan if score is None else score if result.measure.higher_is_better else -score


def is_usable(result: Result) -> bool:
    """Whether a run ended with a score that is a number."""
    return any(math.isfinite(oriented(result, validation=validation)) for validation in (False, True))
