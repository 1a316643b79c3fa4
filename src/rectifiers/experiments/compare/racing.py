"""Which contenders of a screening are clearly worse than the best of them, from a few seeds of each.

Two seeds of one row say nothing of its spread. All rows together say more: what is left of a score without its row's
and its seed's mean has (R − 1)·(S − 1) degrees of freedom. With s the root of its mean square, a row is clearly worse
than the best if its mean lies more than t·s·√(2/S) below, t being the 95 % quantile of Student's t.

References:
    Maron, Moore (1997): The racing algorithm: model selection for lazy learners. Artificial Intelligence Review 11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..statistics import ROUNDING, mean

CONFIDENCE = 0.95
"""Of being worse, for one row against the best."""


def clearly_worse(values: Mapping[str, Mapping[int, float]], among: Mapping[str, float]) -> set[str]:
    """The rows that are clearly worse than the best.

    Args:
        values: row → seed → score, more being better and NaN standing for a run that diverged; all rows, the baseline
            too, show how far scores scatter.
        among: row → mean difference from the baseline, of those that may be dropped; NaN where no run finished.

    Example:
        >>> values = {"as it is": {0: 80.0, 1: 81.0}, "a": {0: 83.0, 1: 84.1}, "b": {0: 82.8, 1: 84.0}}
        >>> values |= {"c": {0: 70.0, 1: 71.0}}
        >>> sorted(clearly_worse(values, {"a": 3.05, "b": 2.9, "c": -10.0}))
        ['c']
    """
    known = {label: score for label, score in among.items() if not math.isnan(score)}
    if not known:
        return set()
    best = max(known.values())
    whole = [list(row.values()) for row in values.values() if all(map(math.isfinite, row.values()))]
    if len(whole) < 2 or len(whole[0]) < 2:
        return set(among) - set(known)
    seeds = len(whole[0])
    rest = _rest(whole)
    freedom = (len(whole) - 1) * (seeds - 1)
    limit = _quantile(freedom) * math.sqrt(rest / freedom * 2 / seeds)
    # What rounding leaves of a difference of zero is none.
    rounding = ROUNDING * max(abs(score) for row in whole for score in row)
    return {label for label in among if label not in known or best - known[label] > max(limit, rounding)}


def _rest(rows: list[list[float]]) -> float:
    """The sum of squares that the means of rows and seeds leave."""
    middle = mean([score for row in rows for score in row])
    by_seed = [mean(scores) - middle for scores in zip(*rows, strict=True)]
    left = (score - mean(row) - shift for row in rows for score, shift in zip(row, by_seed, strict=True))
    return sum(one * one for one in left)


def _quantile(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(CONFIDENCE, freedom))
