"""The rule that lets seeds go on: valid at every look, by simulation, where looking again and again is not."""

from __future__ import annotations

import math

import numpy
import pytest
from scipy import stats

from rectifiers.experiments.compare.sequential import compare_family_sequentially, compare_sequentially, looks, share
from rectifiers.experiments.statistics import compare, pairs_needed

LOOKS = list(looks(5, most=41))


def rows(differences: numpy.ndarray) -> tuple[dict[int, float], dict[int, float]]:
    return dict(enumerate(differences.tolist())), dict.fromkeys(range(len(differences)), 0.0)


def test_the_error_of_all_looks_together_stays_below_alpha() -> None:
    random = numpy.random.default_rng(0)
    trials, wrong, naive = 400, 0, 0
    for _ in range(trials):
        values, zero = rows(random.standard_normal(LOOKS[-1]))
        found = compare_sequentially(values, zero, seeds=range(41), taken=dict(enumerate(LOOKS, 1)), margin=0.0)
        wrong += found.verdict != "inconclusive"
        naive += any(
            compare({seed: values[seed] for seed in range(n)}, dict.fromkeys(range(n), 0.0), margin=0.0).p < 0.05
            for n in LOOKS
        )
    # One-sided 99.9 % bound of a binomial with p = 0.05.
    assert wrong <= stats.binom.ppf(0.999, trials, 0.05)
    assert naive > 2 * 0.05 * trials


def test_equivalence_at_the_edge_of_the_margin_is_rarely_claimed() -> None:
    random = numpy.random.default_rng(1)
    trials = 300
    wrong = 0
    for _ in range(trials):
        values, zero = rows(0.5 + random.standard_normal(LOOKS[-1]))
        wrong += compare_sequentially(
            values, zero, seeds=range(41), taken=dict(enumerate(LOOKS, 1)), margin=0.5
        ).equivalent
    assert wrong <= stats.binom.ppf(0.999, trials, 0.05)


def test_the_interval_covers_the_truth_at_every_look() -> None:
    random = numpy.random.default_rng(2)
    missed = 0
    for _ in range(200):
        values, zero = rows(1 + random.standard_normal(LOOKS[-1]))
        for place in range(1, len(LOOKS) + 1):
            found = compare_sequentially(
                values, zero, seeds=range(41), taken=dict(enumerate(LOOKS[:place], 1)), margin=0.0
            )
            if not found.low <= 1 <= found.high:
                missed += 1
                break
    assert missed <= stats.binom.ppf(0.999, 200, 0.05)


def test_a_real_difference_is_found() -> None:
    random = numpy.random.default_rng(3)
    values, zero = rows(1 + random.standard_normal(41))
    assert (
        compare_sequentially(values, zero, seeds=range(41), taken=dict(enumerate(LOOKS, 1)), margin=0.1).verdict
        == "better"
    )


def test_what_an_earlier_look_decided_stays_decided() -> None:
    values = {seed: 5.0 + 0.1 * seed for seed in range(5)} | {seed: -2.0 * seed for seed in range(5, 7)}
    zero = dict.fromkeys(range(7), 0.0)
    first = compare_sequentially(values, zero, seeds=range(7), taken={1: 5}, margin=0.1)
    second = compare_sequentially(values, zero, seeds=range(7), taken={1: 5, 2: 7}, margin=0.1)
    assert second.difference > 0 > second.low
    assert first.p == second.p < 0.05
    assert second.verdict == "better"


def test_an_earlier_look_that_had_the_rows_the_other_way_round_decides_nothing() -> None:
    values = {seed: 5.0 + 0.1 * seed for seed in range(5)} | {seed: -40.0 + seed for seed in range(5, 8)}
    zero = dict.fromkeys(range(8), 0.0)
    first = compare_sequentially(values, zero, seeds=range(8), taken={1: 5}, margin=0.1)
    second = compare_sequentially(values, zero, seeds=range(8), taken={1: 5, 2: 8}, margin=0.1)
    assert first.verdict == "better"
    assert second.difference < 0
    assert (second.verdict, second.p) == ("inconclusive", 1.0)  # its own p, 0.23, times six


def test_one_row_alone_is_not_corrected_and_two_are() -> None:
    values = {"base": dict.fromkeys(range(5), 0.0), "a": {0: 1.0, 1: 1.1, 2: 0.9, 3: 1.2, 4: 0.8}}
    alone = compare_family_sequentially(values, "base", seeds=range(5), taken={1: 5}, margin=0.1)["a"]
    assert alone.adjusted_p == alone.p
    both = compare_family_sequentially(
        {**values, "b": {0: 0.1, 1: -0.1, 2: 0.2, 3: -0.3, 4: 0.0}}, "base", seeds=range(5), taken={1: 5}, margin=0.1
    )
    assert both["a"].adjusted_p == pytest.approx(2 * alone.p)


def test_shares_add_up_to_one() -> None:
    assert sum(map(share, range(1, 100_000))) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("difference", "spread"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.7), (0.1, 1.0)])
def test_needed_pairs_have_the_power(difference: float, spread: float) -> None:
    count = pairs_needed(difference, spread)
    assert count is not None

    def power(n: int) -> float:
        return float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, difference * math.sqrt(n) / spread))

    assert power(count) >= 0.8
    assert count == 3 or power(count - 1) < 0.8


def test_no_number_of_pairs_shows_nothing() -> None:
    assert pairs_needed(0.0, 1.0) is None
    assert pairs_needed(math.nan, 1.0) is None
    assert pairs_needed(1e-9, 1.0) is None
