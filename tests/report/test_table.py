from __future__ import annotations

import math

import pytest

from rectifiers.core.errors import UnknownNameError
from rectifiers.experiments.statistics import summarise
from rectifiers.report.table import build

from .synthetic import experiment, outcomes


def test_cells_hold_mean_and_interval_of_the_chosen_metric() -> None:
    made = experiment(metric="first_epoch")
    runs = outcomes(made)
    values = [r.epochs[0].test_accuracy for cell, r in runs if cell.row == "AReLU" and r is not None]
    entry = build(made, "paper", runs).entries["AReLU", "digits"]
    assert entry.summary == summarise(values)
    assert entry.value == entry.summary.mean
    assert entry.state == ""


def test_best_of_the_seeds_is_judged_by_no_interval_of_the_mean() -> None:
    made = experiment(aggregate="best", published=True)
    entry = build(made, "paper", outcomes(made)).entries["AReLU", "digits"]
    assert entry.value == entry.summary.best > entry.summary.mean
    assert entry.difference == pytest.approx(entry.value - 92.0)
    assert entry.outside is None


def test_published_numbers_get_a_difference_only_where_the_preset_is_comparable() -> None:
    made = experiment(published=True)
    paper = build(made, "paper", outcomes(made, "paper"))
    pocket = build(made, "pocket", outcomes(made, "pocket"))
    entry = paper.entries["ReLU", "digits"]
    assert paper.beside_paper
    assert entry.difference == pytest.approx(entry.value - 90.0)
    assert entry.outside is not (entry.summary.low <= 90.0 <= entry.summary.high)
    assert paper.agreeing + sum(e.outside is True for e in paper.entries.values()) == paper.judged == 3
    assert not pocket.beside_paper
    assert all(e.published is not None and e.difference is None for e in pocket.entries.values())


def test_missing_and_diverged_runs_are_counted_and_left_out_of_the_mean() -> None:
    made = experiment()
    lost = {("LeakyReLU", "digits", seed) for seed in range(5)}
    runs = outcomes(made, diverged={("AReLU", "digits", 0), ("AReLU", "digits", 3)}, missing=lost)
    table = build(made, "paper", runs)
    learned, absent = table.entries["AReLU", "digits"], table.entries["LeakyReLU", "digits"]
    assert (learned.summary.n, learned.summary.diverged, learned.state) == (3, 2, "2 of 5 diverged")
    assert learned.comparison is not None
    assert learned.comparison.n == 3
    assert (absent.state, absent.comparison, absent.activation_parameters) == ("not run", None, None)
    assert math.isnan(absent.value)
    assert math.isnan(absent.seconds)
    assert (table.planned, table.missing, table.diverged) == (15, 5, 2)


def test_a_metric_without_data_says_so() -> None:
    made = experiment(metric="best_on_validation")
    entry = build(made, "paper", outcomes(made)).entries["ReLU", "digits"]
    assert entry.state == "no data for this metric"


def test_one_seed_gives_a_value_without_interval_or_judgement() -> None:
    made = experiment(seeds=1, published=True)
    entry = build(made, "paper", outcomes(made)).entries["AReLU", "digits"]
    assert math.isfinite(entry.value)
    assert math.isnan(entry.summary.low)
    assert entry.outside is None
    assert entry.comparison is not None
    assert entry.comparison.verdict == "inconclusive"


def test_each_column_is_a_family_compared_with_its_own_baseline() -> None:
    made = experiment(columns=("one", "two"))
    table = build(made, "paper", outcomes(made, diverged={("ReLU", "two", seed) for seed in range(5)}))
    assert table.entries["ReLU", "one"].comparison is None
    better = table.entries["AReLU", "one"].comparison
    assert better is not None
    assert better.verdict == "better"
    assert better.adjusted_p >= better.p
    assert table.entries["AReLU", "two"].comparison is None


def test_without_the_baseline_nothing_is_compared() -> None:
    made = experiment(rows=("AReLU", "PReLU"))
    table = build(made, "paper", outcomes(made))
    assert all(entry.comparison is None for entry in table.entries.values())


def test_rows_and_columns_keep_the_order_of_the_experiment() -> None:
    made = experiment(rows=("ReLU", "AReLU", "ELU"), columns=("b", "a"))
    table = build(made, "paper", list(reversed(outcomes(made))))
    assert (table.rows, table.columns) == (("ReLU", "AReLU", "ELU"), ("b", "a"))
    assert table.winner("a") == "ELU"


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UnknownNameError, match="papr"):
        build(experiment(), "papr", [])
