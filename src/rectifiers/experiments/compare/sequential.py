"""A test that may be looked at again and again: seeds go on until it has decided.

The looks come at fixed numbers of pairs, each one and a half times the last. The k-th look may err with
αₖ = α/(k·(k + 1)); as Σαₖ = α, all looks together err with α at most, however many there are and whatever decides when
to stop (alpha spending by Bonferroni's inequality: exact for each look, whatever hangs together among them). The
smallest pₖ·k·(k + 1) so far is a p-value at any time, and goes into Holm's correction like any other; looks whose
difference had the other sign are left out, which can only make it larger.

References:
    Lan, DeMets (1983): Discrete sequential boundaries for clinical trials. Biometrika 70.
    Johari, Koomen, Pekelis, Walsh (2022): Always valid inference. Operations Research 70.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..statistics import PairedDifference, compare, holm

GROWTH = 1.5
"""Pairs at a look, by pairs at the look before."""


def looks(first: int, most: int | None = None, *, after: int = 0) -> Iterator[int]:
    """The numbers of pairs at which one looks.

    Args:
        first: at the first look.
        most: the last look is at this number at most; None for no end.
        after: pairs at the look before the first of these; 0 for none.

    Example:
        >>> list(looks(5, most=30)), list(looks(5, most=30, after=4))
        ([5, 8, 12, 18, 27], [6, 9, 14, 21])
    """
    count = max(first, math.ceil(GROWTH * after))
    while most is None or count <= most:
        yield count
        count = math.ceil(GROWTH * count)


def share(look: int) -> float:
    """Which share of α a look spends, counted from 1.

    Example:
        >>> [round(share(look), 3) for look in (1, 2, 3)], round(sum(map(share, range(1, 10_000))), 3)
        ([0.5, 0.167, 0.083], 1.0)
    """
    return 1 / (look * (look + 1))


def compare_sequentially(
    values: Mapping[int, float],
    baseline: Mapping[int, float],
    *,
    seeds: Sequence[int],
    taken: Mapping[int, int],
    margin: float,
    confidence: float = 0.95,
) -> PairedDifference:
    """Difference of two rows after some looks, by t-tests paired by seed.

    Args:
        values: seed → value; NaN stands for a run without one.
        baseline: the same of the other row.
        seeds: in the order in which they were run.
        taken: how many of them there were at each look so far, by the look's number, counted from 1.
        margin: difference below which the two count as equivalent.
        confidence: 1 − confidence is the chance to err in all looks together.

    Returns:
        The comparison at the last look: its interval holds with `confidence` at every look at once, its p is valid
        whenever one stops and comes from looks with a difference of the same sign, and it is equivalent if that was
        shown at any look.

    Example:
        >>> row, relu = {0: 93.0, 1: 95.0, 2: 94.0}, {0: 90.0, 1: 91.0, 2: 92.0}
        >>> found = compare_sequentially(row, relu, seeds=[0, 1, 2], taken={1: 3}, margin=0.5)
        >>> round(found.p, 4), round(compare(row, relu, margin=0.5).p, 4)
        (0.0702, 0.0351)
    """
    shown = []
    for look, count in taken.items():
        now = seeds[:count]
        here = compare(
            {seed: values.get(seed, math.nan) for seed in now},
            {seed: baseline.get(seed, math.nan) for seed in now},
            margin=margin,
            confidence=1 - (1 - confidence) * share(look),
        )
        shown.append((look, here))
    _, last = shown[-1]
    # An early look that had the rows the other way round is no evidence for what the last one says.
    p = min([1.0, *(one.p / share(look) for look, one in shown if one.difference * last.difference > 0)])
    equivalent = any(one.equivalent for _, one in shown)
    return replace(last, p=p, adjusted_p=p, equivalent=equivalent, significance=1 - confidence)


def compare_family_sequentially(
    rows: Mapping[str, Mapping[int, float]],
    baseline: str,
    *,
    seeds: Sequence[int],
    taken: Mapping[int, int],
    margin: float,
    confidence: float = 0.95,
) -> dict[str, PairedDifference]:
    """Every row against the baseline after some looks, with Holm's correction over all; see `compare_family`."""
    alone = {
        label: compare_sequentially(
            values, rows[baseline], seeds=seeds, taken=taken, margin=margin, confidence=confidence
        )
        for label, values in rows.items()
        if label != baseline
    }
    adjusted = holm([one.p for one in alone.values()])
    return {label: replace(one, adjusted_p=p) for (label, one), p in zip(alone.items(), adjusted, strict=True)}
