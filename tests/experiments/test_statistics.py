"""The statistics against SciPy and against numbers known beforehand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.statistics import (
    PairedDifference,
    compare,
    compare_family,
    holm,
    more_pairs,
    sign_test,
    summarise,
)

BASELINE = {0: 90.1, 1: 91.4, 2: 90.8, 3: 91.0, 4: 90.3}
ROW = {0: 92.0, 1: 92.1, 2: 92.4, 3: 91.9, 4: 92.6}

accuracies = st.floats(0, 100).map(lambda value: round(value, 2))
p_values = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12)


def by_seed(values: object) -> dict[int, float]:
    return dict(enumerate(np.asarray(values).tolist()))


def shifted(*shifts: float) -> dict[int, float]:
    """The baseline, one shift per seed added."""
    return {seed: value + shift for (seed, value), shift in zip(BASELINE.items(), shifts, strict=True)}


class TestSummarise:
    def test_agrees_with_scipy(self) -> None:
        values = list(ROW.values())
        summary = summarise(values, diverged=2, confidence=0.9)
        expected = stats.t.interval(0.9, 4, loc=np.mean(values), scale=stats.sem(values))
        assert (summary.low, summary.high) == pytest.approx(expected)
        assert summary.std == pytest.approx(np.std(values, ddof=1))
        assert (summary.n, summary.diverged, summary.best) == (5, 2, 92.6)

    def test_nothing_finished(self) -> None:
        summary = summarise([], diverged=5)
        assert (summary.n, summary.diverged) == (0, 5)
        rest = (summary.mean, summary.best, summary.std, summary.low, summary.high)
        assert all(math.isnan(value) for value in rest)

    def test_one_training_has_no_interval(self) -> None:
        summary = summarise([97.5])
        assert (summary.n, summary.mean, summary.best) == (1, 97.5, 97.5)
        assert all(math.isnan(value) for value in (summary.std, summary.low, summary.high))

    def test_nan_is_no_value(self) -> None:
        assert summarise([97.0, math.nan, 98.0]) == summarise([97.0, 98.0])

    @given(st.lists(accuracies, min_size=2, max_size=10))
    def test_interval_holds_the_mean(self, values: list[float]) -> None:
        summary = summarise(values)
        assert summary.low <= summary.mean <= summary.high
        assert summary.mean <= summary.best + 1e-9

    def test_intervals_cover_the_truth_as_often_as_they_say(self) -> None:
        samples = np.random.default_rng(0).normal(95, 2, size=(2000, 5))
        intervals = [summarise(sample) for sample in samples.tolist()]
        covered = sum(interval.low <= 95 <= interval.high for interval in intervals) / len(intervals)
        assert covered == pytest.approx(0.95, abs=0.015)

    @pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0, 95.0, math.nan])
    def test_confidence_outside_its_domain(self, confidence: float) -> None:
        with pytest.raises(ConfigError, match="confidence must lie between"):
            summarise([1.0, 2.0], confidence=confidence)


class TestCompare:
    def test_agrees_with_scipy(self) -> None:
        result = compare(ROW, BASELINE, margin=0.5)
        expected = stats.ttest_rel(list(ROW.values()), list(BASELINE.values()))
        assert result.p == pytest.approx(expected.pvalue)
        assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
        assert (result.n, result.dropped, result.verdict) == (5, 0, "better")
        assert result.difference == pytest.approx(1.48)

    def test_equivalence_is_two_one_sided_tests(self) -> None:
        noise = shifted(0.1, -0.2, 0.15, 0, -0.1)
        differences = [noise[seed] - BASELINE[seed] for seed in BASELINE]
        above = stats.ttest_1samp(differences, -0.2, alternative="greater").pvalue
        below = stats.ttest_1samp(differences, 0.2, alternative="less").pvalue
        assert max(above, below) < 0.05
        assert compare(noise, BASELINE, margin=0.2).verdict == "equivalent"
        assert compare(noise, BASELINE, margin=0.1).verdict == "inconclusive"

    def test_two_one_sided_tests_ask_for_the_narrower_interval(self) -> None:
        row = {seed: value + (seed - 2) / 2 for seed, value in BASELINE.items()}
        result = compare(row, BASELINE, margin=0.85)
        assert result.high > 0.85
        assert result.verdict == "equivalent"
        assert compare(row, BASELINE, margin=0.75).verdict == "inconclusive"

    def test_a_real_difference_below_the_margin_is_equivalent(self) -> None:
        shifted = {seed: value + 0.2 + 0.001 * seed for seed, value in BASELINE.items()}
        result = compare(shifted, BASELINE, margin=0.5)
        assert result.p < 1e-6
        assert result.verdict == "equivalent"

    def test_pairs_only_seeds_that_finished_in_both(self) -> None:
        row = {**ROW, 1: math.nan, 7: 99.0}
        result = compare(row, BASELINE, margin=0.5)
        kept = [0, 2, 3, 4]
        assert (result.n, result.dropped) == (4, 2)
        assert result.difference == pytest.approx(np.mean([ROW[seed] - BASELINE[seed] for seed in kept]))

    @pytest.mark.parametrize(("row", "n"), [({}, 0), ({0: 95.0}, 1), ({8: 95.0, 9: 96.0}, 0)])
    def test_too_few_pairs(self, row: dict[int, float], n: int) -> None:
        result = compare(row, BASELINE, margin=50)
        assert (result.n, result.verdict) == (n, "inconclusive")
        assert all(math.isnan(value) for value in (result.low, result.high, result.p, result.detectable))

    @pytest.mark.parametrize(("seeds", "verdict"), [(3, "inconclusive"), (4, "inconclusive"), (5, "equivalent")])
    def test_few_pairs_without_a_spread_are_no_equivalence(self, seeds: int, verdict: str) -> None:
        relu = {seed: 90.0 + seed for seed in range(seeds)}
        for moved in (0.0, 0.25):
            found = compare({seed: value + moved for seed, value in relu.items()}, relu, margin=0.5)
            assert (found.verdict, found.alike) == (verdict, seeds < 5)

    def test_equal_differences_of_means_in_single_precision_have_no_spread(self) -> None:
        right = np.array([[50, 61, 73], [57, 68, 80]])  # seven samples more, with each seed
        relu, row = (dict(enumerate((100 * scores / np.float32(97)).tolist())) for scores in right.astype(np.float32))
        assert len({row[seed] - relu[seed] for seed in row}) > 1
        found = compare(row, relu, margin=0.5)
        assert (found.spread, found.p, found.verdict) == (0, 0.25, "inconclusive")

    @pytest.mark.parametrize("confidence", [0.95, 0.99])
    def test_without_a_spread_as_many_more_pairs_as_the_sign_test_needs(self, confidence: float) -> None:
        def at(pairs: int) -> PairedDifference:
            return compare(
                dict.fromkeys(range(pairs), 1.0), dict.fromkeys(range(pairs), 0.0), margin=0.5, confidence=confidence
            )

        more = more_pairs(at(3), 0.5, level=1 - confidence)
        assert more is not None
        assert more.pairs is not None
        assert at(3 + more.pairs).verdict == "better"
        assert at(3 + more.pairs - 1).verdict == "inconclusive"

    def test_infinite_scores_are_none(self) -> None:
        row = {**ROW, 0: math.inf, 1: -math.inf}
        kept = {seed: value for seed, value in ROW.items() if seed > 1}
        found = compare(row, BASELINE, margin=0.5)
        assert (found.n, found.dropped) == (3, 2)
        assert found.p == compare(kept, BASELINE, margin=0.5).p
        assert summarise([math.inf, *kept.values(), -math.inf]) == summarise([*kept.values()])

    def test_identical_rows(self) -> None:
        result = compare(BASELINE, BASELINE, margin=0.5)
        assert (result.difference, result.low, result.high, result.p, result.detectable) == (0, 0, 0, 1, 0)
        assert result.verdict == "equivalent"

    @pytest.mark.parametrize(("seeds", "verdict"), [(5, "inconclusive"), (6, "worse")])
    def test_equal_differences_are_judged_by_their_number(self, seeds: int, verdict: str) -> None:
        relu = {seed: 11.35 + seed / 10 for seed in range(seeds)}
        row = {seed: value - 1.1 for seed, value in relu.items()}
        result = compare(row, relu, margin=0.5)
        assert result.p == 2.0 ** (1 - seeds)
        assert result.low == result.high == pytest.approx(-1.1)
        assert result.verdict == verdict

    def test_a_detectable_difference_is_found_four_times_in_five(self) -> None:
        result = compare(ROW, BASELINE, margin=0.5)
        spread = np.std([ROW[seed] - BASELINE[seed] for seed in ROW], ddof=1)
        shift, critical = result.detectable * math.sqrt(5) / spread, stats.t.ppf(0.975, 4)

        def found(chi: float) -> float:
            edge = critical * chi / math.sqrt(4)
            return (stats.norm.sf(edge - shift) + stats.norm.cdf(-edge - shift)) * stats.chi.pdf(chi, 4)

        assert integrate.quad(found, 0, np.inf)[0] == pytest.approx(0.8, abs=1e-4)

    @pytest.mark.parametrize(("n", "differences"), [(2, 11.5497), (3, 3.2640), (5, 1.6820), (10, 0.9960)])
    def test_detectable_shrinks_with_seeds(self, n: int, differences: float) -> None:
        values = np.linspace(-1, 1, n)
        row = by_seed(50 + values / np.std(values, ddof=1))
        assert compare(row, by_seed(np.full(n, 50.0)), margin=0).detectable == pytest.approx(differences, abs=1e-3)

    def test_false_alarms_are_as_rare_as_they_should_be(self) -> None:
        rng = np.random.default_rng(1)
        pairs = rng.normal(90, 1, size=(2000, 2, 5))
        alarms = sum(compare(by_seed(a), by_seed(b), margin=0).p < 0.05 for a, b in pairs) / len(pairs)
        assert alarms == pytest.approx(0.05, abs=0.015)

    @given(
        st.dictionaries(st.integers(0, 6), accuracies),
        st.dictionaries(st.integers(0, 6), accuracies),
        st.floats(0, 10),
    )
    def test_swapping_the_rows_mirrors_everything(
        self, a: dict[int, float], b: dict[int, float], margin: float
    ) -> None:
        there, back = compare(a, b, margin=margin), compare(b, a, margin=margin)
        assert (back.difference, back.low, back.high) == pytest.approx(
            (-there.difference, -there.high, -there.low), nan_ok=True
        )
        assert (there.p, there.detectable) == pytest.approx((back.p, back.detectable), nan_ok=True)
        mirrored = {"better": "worse", "worse": "better"}
        assert back.verdict == mirrored.get(there.verdict, there.verdict)

    @given(st.dictionaries(st.integers(0, 6), accuracies, min_size=2), st.floats(0, 10))
    def test_nothing_but_a_missing_spread_gives_nan(self, row: dict[int, float], margin: float) -> None:
        result = compare(row, dict.fromkeys(row, 50.0), margin=margin)
        assert 0 <= result.p <= 1
        assert result.low <= result.difference <= result.high
        assert result.detectable >= 0

    @pytest.mark.parametrize("margin", [-0.1, math.inf, math.nan])
    def test_margin_outside_its_domain(self, margin: float) -> None:
        with pytest.raises(ConfigError, match="margin must be"):
            compare(ROW, BASELINE, margin=margin)


class TestHolm:
    def test_known_example(self) -> None:
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_nan_stays_out_of_the_family(self) -> None:
        adjusted = holm([0.01, math.nan, 0.04])
        assert math.isnan(adjusted[1])
        assert [adjusted[0], adjusted[2]] == holm([0.01, 0.04])

    def test_empty(self) -> None:
        assert holm([]) == []

    @given(p_values)
    def test_never_below_the_raw_value_nor_above_one(self, values: list[float]) -> None:
        for raw, adjusted in zip(values, holm(values), strict=True):
            assert math.isnan(raw) if math.isnan(adjusted) else raw <= adjusted <= 1

    @given(p_values)
    def test_keeps_the_order(self, values: list[float]) -> None:
        pairs = sorted((raw, adjusted) for raw, adjusted in zip(values, holm(values), strict=True) if raw == raw)
        assert [adjusted for _, adjusted in pairs] == sorted(adjusted for _, adjusted in pairs)

    @given(p_values, st.randoms())
    def test_does_not_depend_on_the_order(self, values: list[float], random: object) -> None:
        places = list(range(len(values)))
        random.shuffle(places)  # type: ignore[attr-defined]
        adjusted = holm(values)
        shuffled = holm([values[place] for place in places])
        assert shuffled == pytest.approx([adjusted[place] for place in places], nan_ok=True)

    @given(p_values)
    def test_between_no_correction_and_bonferroni(self, values: list[float]) -> None:
        tested = sum(not math.isnan(value) for value in values)
        for raw, adjusted in zip(values, holm(values), strict=True):
            assert math.isnan(raw) or adjusted <= min(1, tested * raw) + 1e-12


class TestCompareFamily:
    ROWS = {  # noqa: RUF012
        "AReLU": ROW,
        "ReLU": BASELINE,
        "twin": {seed: value + 0.01 * (-1) ** seed for seed, value in BASELINE.items()},
        "wild": {0: 95.0, 1: 80.0, 2: 99.0, 3: 90.0, 4: 97.0},
        "broken": {0: 50.0, 1: 51.0, 2: 49.0, 3: 50.5, 4: 49.5},
        "dead": {},
    }

    def test_verdicts(self) -> None:
        verdicts = {label: result.verdict for label, result in compare_family(self.ROWS, "ReLU", 0.5).items()}
        assert verdicts == {
            "AReLU": "better",
            "twin": "equivalent",
            "wild": "inconclusive",
            "broken": "worse",
            "dead": "inconclusive",
        }

    def test_corrects_over_the_tests_that_were_made(self) -> None:
        family = compare_family(self.ROWS, "ReLU", 0.5)
        made = [label for label in family if label != "dead"]
        adjusted = holm([family[label].p for label in made])
        assert [family[label].adjusted_p for label in made] == adjusted
        assert all(family[label].adjusted_p > family[label].p for label in ("AReLU", "broken"))

    def test_correction_can_take_a_verdict_away(self) -> None:
        close = shifted(1.5, 0.2, 0.9, 1.4, 0.3)
        alone = compare(close, BASELINE, margin=0.1)
        assert alone.p < 0.05
        assert alone.verdict == "better"
        others = {f"wild {k}": self.ROWS["wild"] for k in range(5)}
        rows = {"ReLU": BASELINE, "close": close, **others}
        assert compare_family(rows, "ReLU", 0.1)["close"].verdict == "inconclusive"

    def test_a_baseline_alone_has_no_comparisons(self) -> None:
        assert compare_family({"ReLU": BASELINE}, "ReLU", 0.5) == {}

    def test_unknown_baseline(self) -> None:
        with pytest.raises(UnknownNameError, match="did you mean ReLU"):
            compare_family(self.ROWS, "Relu", 0.5)

    def test_a_comparison_is_a_value(self) -> None:
        first, second = (compare(ROW, BASELINE, margin=0.5) for _ in range(2))
        assert isinstance(first, PairedDifference)
        assert first == second


def test_a_run_that_exploded_without_a_pair_changes_nothing() -> None:
    baseline = {1: 0.5, 2: 0.6, 3: 0.7, 4: 0.5}
    row = {1: 1.0, 2: 1.25, 3: 1.1, 4: 1.4}
    exploded = compare({0: 1e12, **row}, {0: math.nan, **baseline}, margin=0.01)
    assert exploded == replace(compare(row, baseline, margin=0.01), dropped=1)
    assert exploded.verdict == "better"


def test_the_sign_test_is_that_of_scipy() -> None:
    for more, fewer in ((0, 3), (1, 0), (6, 1), (10, 12), (40, 3)):
        expected = stats.binomtest(more, more + fewer, alternative="greater").pvalue
        assert sign_test(more, fewer) == pytest.approx(expected, rel=1e-12)


def test_two_pairs_bear_no_verdict_however_far_apart() -> None:
    comparison = compare({0: 90.0, 1: 90.0001}, {0: 10.0, 1: 10.0}, margin=0.5)
    assert comparison.p < 0.001
    assert comparison.verdict == "inconclusive"
