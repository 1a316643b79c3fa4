"""What a handful of runs allows one to say: intervals, differences paired by seed, and a verdict.

All values are accuracies in percent, so differences, margins and intervals are in percentage points.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple

from ..core.errors import ConfigError, UnknownNameError

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]

POWER = 0.8
"""Chance with which the smallest detectable difference is found."""

FEWEST = 3
"""Pairs that a verdict needs."""

ROUNDING = 2.0**-21
"""What rounding may leave of a spread of zero, as a share of the largest score: scores are often means in float32."""


@dataclass(frozen=True)
class Summary:
    """The runs of one cell.

    Args:
        n: runs that finished.
        diverged: runs whose loss became NaN or infinite; the other fields leave them out.
        mean: mean of the finished ones.
        best: largest of them.
        std: their standard deviation, with n − 1.
        low: lower end of the t-interval of the mean.
        high: upper end.
    """

    n: int
    diverged: int
    mean: float
    best: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """One row against the baseline, paired by seed.

    Args:
        n: seeds that finished in both.
        dropped: seeds that finished in one of the two at most, and are left out.
        difference: mean of row − baseline.
        low: lower end of the t-interval of the difference.
        high: upper end.
        p: two-sided p-value of the paired t-test.
        adjusted_p: p after Holm's correction for the family; p itself for a comparison that stands alone.
        detectable: smallest true difference that the uncorrected test would find with 80 % power at this n and spread.
        equivalent: whether both one-sided tests put the difference inside ±margin.
        significance: the α of the tests.
        level: the α of the interval; less than `significance` where that is shared by several looks.
        spread: standard deviation of the differences; NaN below two pairs.
    """

    n: int
    dropped: int
    difference: float
    low: float
    high: float
    p: float
    adjusted_p: float
    detectable: float
    equivalent: bool
    significance: float
    level: float
    spread: float = math.nan

    @property
    def alike(self) -> bool:
        """Whether all differences are equal, and too few to be judged by that."""
        return self.spread == 0 and self.n < fewest_alike(self.level)

    @property
    def verdict(self) -> Verdict:
        """The rule that `compare_family` states."""
        if self.n < FEWEST:
            return "inconclusive"
        if self.equivalent:
            return "equivalent"
        if self.adjusted_p < self.significance:
            return "better" if self.difference > 0 else "worse"
        return "inconclusive"


def summarise(values: Sequence[float], *, diverged: int = 0, confidence: float = 0.95) -> Summary:
    """Mean, best and spread of the finished runs, with the t-interval of the mean.

    Args:
        values: one number for each finished training; NaN and infinity stand for none.
        diverged: how many others diverged.
        confidence: coverage of the interval.

    Returns:
        The summary; NaN where `values` are too few to say: all of it at n = 0, spread and interval at n = 1.

    Raises:
        ConfigError: `confidence` is not between 0.5 and 1.

    Example:
        >>> cell = summarise([97.0, 98.0, 99.0])
        >>> cell.mean, cell.best, cell.std, round(cell.low, 2), round(cell.high, 2)
        (98.0, 99.0, 1.0, 95.52, 100.48)
    """
    _check_confidence(confidence)
    finished = [value for value in values if math.isfinite(value)]
    n = len(finished)
    average, std = mean(finished), _std(finished)
    half = half_width(std, n, confidence)
    return Summary(n, diverged, average, max(finished, default=math.nan), std, average - half, average + half)


def compare(
    values: Mapping[int, float], baseline: Mapping[int, float], *, margin: float, confidence: float = 0.95
) -> PairedDifference:
    """Difference of two rows by a t-test paired by seed.

    Differences that are all equal show no spread for a t-test to judge by. The interval then has no width, and p
    is that of the exact sign test, 2^(1 − n), or 1 where the difference is 0: few seeds stay weak evidence. For the
    same reason equivalence then takes 2^−n < α, which is five pairs.

    Args:
        values: seed → value; NaN and infinity stand for a run without one.
        baseline: the same of the other row.
        margin: difference below which the two count as equivalent.
        confidence: coverage of the interval; 1 − confidence is the α of the tests.

    Returns:
        The comparison; NaN and inconclusive where fewer than two seeds finished in both.

    Raises:
        ConfigError: `margin` is negative or not finite, or `confidence` is not between 0.5 and 1.

    Example:
        >>> row, relu = {0: 93.0, 1: 95.0, 2: 94.0}, {0: 90.0, 1: 91.0, 2: 92.0}
        >>> result = compare(row, relu, margin=0.5)
        >>> result.difference, round(result.p, 4), result.verdict
        (3.0, 0.0351, 'better')
    """
    _check_confidence(confidence)
    if not 0 <= margin < math.inf:
        raise ConfigError(f"margin must be a difference of at least 0 percentage points, got {margin}")
    seeds = sorted({*values, *baseline})
    both = ((values.get(seed, math.nan), baseline.get(seed, math.nan)) for seed in seeds)
    pairs = [(a, b) for a, b in both if math.isfinite(a - b)]
    differences = [a - b for a, b in pairs]
    scale = max((abs(value) for pair in pairs for value in pair), default=0.0)

    n = len(differences)
    significance = 1 - confidence
    difference, std = mean(differences), _std(differences)
    if std <= ROUNDING * scale:
        std = 0.0
    half = half_width(std, n, confidence)
    inner = half_width(std, n, 1 - 2 * significance)
    p = _p_value(difference, std, n, no_difference=abs(difference) <= ROUNDING * scale)
    return PairedDifference(
        n=n,
        dropped=len(seeds) - n,
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        adjusted_p=p,
        detectable=_noncentrality(n, significance) * std / math.sqrt(n) if n > 1 else math.nan,
        equivalent=abs(difference) + inner < margin and (std > 0 or n >= fewest_alike(significance)),
        significance=significance,
        level=significance,
        spread=std,
    )


def compare_family(
    rows: Mapping[str, Mapping[int, float]], baseline: str, margin: float, confidence: float = 0.95
) -> dict[str, PairedDifference]:
    """Every row against the baseline, with Holm's correction over all of them.

    The verdict of a row, with α = 1 − confidence (5 %):

    - `inconclusive` from fewer than three pairs: one degree of freedom bears no judgement.
    - `equivalent`: the interval of 1 − 2α (90 %) of the difference lies inside ±margin, which is what two one-sided
      tests at α ask for; where all differences are equal, also five pairs. It comes before the next: a difference that
      is real but below the margin does not count.
    - `better` or `worse`: otherwise, if the p-value after Holm's correction is below α.
    - `inconclusive` otherwise; `detectable` says what these seeds could have found.

    Args:
        rows: label → seed → value, the baseline's row among them.
        baseline: label of the row that the others are paired with.
        margin: difference below which two rows count as equivalent.
        confidence: coverage of the intervals.

    Returns:
        label → comparison, in the order of `rows`, without the baseline.

    Raises:
        UnknownNameError: no row is called `baseline`.
        ConfigError: see `compare`.

    Example:
        >>> rows = {"ReLU": {0: 90.0, 1: 91.0, 2: 92.0}, "AReLU": {0: 96.0, 1: 97.2, 2: 98.1}}
        >>> compare_family(rows, "ReLU", margin=0.5)["AReLU"].verdict
        'better'
    """
    if baseline not in rows:
        raise UnknownNameError("row", baseline, rows)
    alone = {
        label: compare(values, rows[baseline], margin=margin, confidence=confidence)
        for label, values in rows.items()
        if label != baseline
    }
    adjusted = holm([comparison.p for comparison in alone.values()])
    return {
        label: replace(comparison, adjusted_p=p) for (label, comparison), p in zip(alone.items(), adjusted, strict=True)
    }


def pairs_needed(difference: float, spread: float, *, confidence: float = 0.95, most: int = 10_000) -> int | None:
    """How many pairs the paired t-test needs to find a true difference with 80 % power.

    Args:
        difference: the true one, of either sign.
        spread: standard deviation of the differences between the pairs.
        confidence: 1 − confidence is the α of the test.
        most: where the search ends.

    Returns:
        The number, at least three; None if it is more than `most`.

    Example:
        >>> pairs_needed(1.0, 1.0), pairs_needed(0.5, 1.0), pairs_needed(0.0, 1.0)
        (10, 34, None)
    """

    def suffices(n: int) -> bool:
        return detectable_in_spreads(n, confidence) * spread <= abs(difference)

    if not math.isfinite(difference) or not math.isfinite(spread) or not suffices(most):
        return None
    low, high = FEWEST - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


class MorePairs(NamedTuple):
    """What more pairs would show, of a comparison that is inconclusive.

    Args:
        pairs: how many more; None where there are more than one could run.
        difference: that they would show with 80 % power: the one that was found, or the margin if that is larger.
    """

    pairs: int | None
    difference: float


def more_pairs(found: PairedDifference, margin: float, *, level: float = 0.05) -> MorePairs | None:
    """How many more pairs would show something.

    Args:
        found: an inconclusive comparison.
        margin: difference that counts as equivalent.
        level: the α that is left for it, after all corrections.

    Returns:
        What they would show; None where its spread is not known, or there is nothing to show.

    Example:
        >>> row, zero = {0: 1.0, 1: 0.0, 2: -1.0, 3: 2.0}, {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0}
        >>> more_pairs(compare(row, zero, margin=0.1), 0.1)
        MorePairs(pairs=51, difference=0.5)
    """
    wanted = max(abs(found.difference), margin)
    if not (wanted > 0 and math.isfinite(found.spread)):
        return None
    needed = pairs_needed(wanted, found.spread, confidence=1 - level) if found.spread else fewest_in_line(level)
    if needed is None:
        return MorePairs(None, wanted)
    # Where chance has gone against it so far, half as many again.
    return MorePairs(needed - found.n if needed > found.n else max(1, found.n // 2), wanted)


def fewest_alike(significance: float) -> int:
    """How many pairs that all differ by the same are more than chance: the first n with 2^−n < α.

    Example:
        >>> fewest_alike(0.05), fewest_alike(0.01)
        (5, 7)
    """
    return math.floor(-math.log2(significance)) + 1


def fewest_in_line(significance: float) -> int:
    """How many pairs that all differ by the same, and not by 0, the sign test needs: the first n with 2^(1 − n) < α.

    Example:
        >>> fewest_in_line(0.05), fewest_in_line(0.01)
        (6, 8)
    """
    return fewest_alike(significance) + 1


def detectable_in_spreads(pairs: int, confidence: float = 0.95) -> float:
    """The smallest true difference that the paired t-test finds with 80 % power, in standard deviations.

    Args:
        pairs: how many there are; below two, nothing can be found.
        confidence: 1 − confidence is the α of the test.

    Example:
        >>> round(detectable_in_spreads(5), 2), detectable_in_spreads(1)
        (1.68, inf)
    """
    return _noncentrality(pairs, 1 - confidence) / math.sqrt(pairs) if pairs > 1 else math.inf


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p-values that hold the family's error rate when compared with α themselves.

    Args:
        p_values: one per hypothesis; NaN stands for a test that was not made and does not count.

    Returns:
        Adjusted p-values in the same order, NaN where NaN was given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [math.nan] * len(p_values)
    tested = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted


def _check_confidence(confidence: float) -> None:
    if not 0.5 < confidence < 1:
        raise ConfigError(f"confidence must lie between 0.5 and 1, got {confidence}")


def mean(values: Sequence[float]) -> float:
    """The mean; NaN of nothing."""
    try:
        return statistics.fmean(values) if values else math.nan
    except OverflowError:  # the sum is no number, while the mean is
        return math.fsum(value / len(values) for value in values)


def _std(values: Sequence[float]) -> float:
    try:
        return statistics.stdev(values) if len(values) > 1 else math.nan
    except OverflowError:
        return math.inf


def half_width(std: float, n: int, confidence: float = 0.95) -> float:
    """Half the t-interval of a mean of n values."""
    if n < 2:
        return math.nan
    from scipy import special

    return float(special.stdtrit(n - 1, (1 + confidence) / 2)) * std / math.sqrt(n)


def _p_value(difference: float, std: float, n: int, *, no_difference: bool) -> float:
    """Two-sided p-value of the paired t-test, or of the sign test where there is no spread."""
    if n < 2:
        return math.nan
    if std == 0:
        return 1.0 if no_difference else 2.0 ** (1 - n)
    from scipy import special

    return 2 * float(special.stdtr(n - 1, -abs(difference) * math.sqrt(n) / std))


def sign_test(more: int, fewer: int) -> float:
    """One-sided p-value of the exact sign test: how likely chance gives that many of one kind, or more.

    Args:
        more: how many there are of the kind that is suspected to be more frequent.
        fewer: how many of the other.

    Example:
        >>> sign_test(5, 0), sign_test(4, 1), sign_test(0, 0)
        (0.03125, 0.1875, 1.0)
    """
    count = more + fewer
    return sum(math.comb(count, number) for number in range(more, count + 1)) / (1 << count)


@cache
def _noncentrality(n: int, significance: float) -> float:
    """Mean of the t-statistic of n pairs at which the two-sided test rejects with the wanted power.

    The other tail, below 1e-6 at this power, is left out.
    """
    from scipy import special

    critical = special.stdtrit(n - 1, 1 - significance / 2)
    return float(special.nctdtrinc(n - 1, 1 - POWER, critical))
