"""Tables from results: means, intervals, verdicts, differences to the paper, and leads."""

from __future__ import annotations

import dataclasses
import math
import statistics

import pytest

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.experiment import Arm, Column, Lead, Preset
from rectifiers.experiments.statistics import summarise
from rectifiers.papers import registry
from rectifiers.report.table import build
from rectifiers.report.wording import footnotes

from .synthetic import LEADS, experiment, outcomes


def test_cells_hold_mean_and_interval_of_the_chosen_metric() -> None:
    made = experiment(metric="first_epoch")
    runs = outcomes(made)
    values = [r.epochs[0].test_accuracy for cell, r in runs if cell.row == "AReLU" and r is not None]
    entry = build(made, "paper", runs).cells["AReLU", "digits"]
    assert entry.summary == summarise(values)
    assert entry.value == entry.summary.mean
    assert entry.state == ""


def test_best_of_the_seeds_is_judged_by_no_interval_of_the_mean() -> None:
    made = experiment(aggregate="best", published=True)
    entry = build(made, "paper", outcomes(made)).cells["AReLU", "digits"]
    assert entry.value == entry.summary.best > entry.summary.mean
    assert entry.difference == pytest.approx(entry.value - 92.0)
    assert entry.outside is None


def test_published_numbers_get_a_difference_only_where_the_preset_is_comparable() -> None:
    made = experiment(published=True)
    paper = build(made, "paper", outcomes(made, "paper"))
    pocket = build(made, "pocket", outcomes(made, "pocket"))
    entry = paper.cells["ReLU", "digits"]
    assert paper.beside_paper
    assert entry.difference == pytest.approx(entry.value - 90.0)
    assert entry.outside is not (entry.summary.low <= 90.0 <= entry.summary.high)
    assert paper.agreements + sum(e.outside is True for e in paper.cells.values()) == paper.judgements == 3
    assert not pocket.beside_paper
    assert all(e.published is not None and e.difference is None for e in pocket.cells.values())


def test_a_table_says_how_many_runs_its_cells_have() -> None:
    made = experiment()
    assert footnotes(build(made, "paper", outcomes(made)))[0].endswith("over 5 runs per cell.")
    lacking = outcomes(made, missing={("ReLU", "digits", 0), ("ReLU", "digits", 1), ("AReLU", "digits", 1)})
    assert footnotes(build(made, "paper", lacking))[0].endswith("over 3 to 5 of 5 runs per cell.")


def test_runs_that_train_nothing_are_counted_apart() -> None:
    made = experiment(columns=("as it starts", "trained"))
    made = dataclasses.replace(made, columns=(Arm("as it starts", {"epochs": 0}), Arm("trained", {})))
    runs = outcomes(made, missing={("ReLU", "as it starts", 0), ("AReLU", "trained", 1)})
    assert footnotes(build(made, "paper", runs))[-1] == (
        "14 of 15 runs finished; 1 missing; of those that test networks without training them, 14 of 15."
    )


def test_missing_and_diverged_runs_are_counted_and_left_out_of_the_mean() -> None:
    made = experiment()
    lost = {("LeakyReLU", "digits", seed) for seed in range(5)}
    runs = outcomes(made, diverged={("AReLU", "digits", 0), ("AReLU", "digits", 3)}, missing=lost)
    table = build(made, "paper", runs)
    learned, absent = table.cells["AReLU", "digits"], table.cells["LeakyReLU", "digits"]
    assert (learned.summary.n, learned.summary.diverged, learned.state) == (3, 2, "2 of 5 diverged")
    assert learned.comparison is not None
    assert learned.comparison.n == 3
    assert (absent.state, absent.comparison, absent.activation_parameters) == ("not run", None, None)
    assert math.isnan(absent.value)
    assert math.isnan(absent.seconds)
    assert (table.planned, table.missing, table.diverged) == (15, 5, 2)


def test_a_metric_without_data_says_so() -> None:
    made = experiment(metric="best_on_validation")
    entry = build(made, "paper", outcomes(made)).cells["ReLU", "digits"]
    assert entry.state == "no data for this metric"


def test_one_seed_gives_a_value_without_interval_or_judgement() -> None:
    made = experiment(seeds=1, published=True)
    entry = build(made, "paper", outcomes(made)).cells["AReLU", "digits"]
    assert math.isfinite(entry.value)
    assert math.isnan(entry.summary.low)
    assert entry.outside is None
    assert entry.comparison is not None
    assert entry.comparison.verdict == "inconclusive"


def test_each_column_is_a_family_compared_with_its_own_baseline() -> None:
    made = experiment(columns=("one", "two"))
    table = build(made, "paper", outcomes(made, diverged={("ReLU", "two", seed) for seed in range(5)}))
    assert table.cells["ReLU", "one"].comparison is None
    better = table.cells["AReLU", "one"].comparison
    assert better is not None
    assert better.verdict == "better"
    assert better.adjusted_p >= better.p
    assert table.cells["AReLU", "two"].comparison is None


def test_without_the_baseline_nothing_is_compared() -> None:
    made = experiment(rows=("AReLU", "PReLU"))
    table = build(made, "paper", outcomes(made))
    assert all(entry.comparison is None for entry in table.cells.values())


def test_an_excerpt_leaves_verdicts_to_the_table_that_has_all_rows() -> None:
    made = experiment(judged_in="made/up-in-full")
    table = build(made, "paper", outcomes(made))
    assert all(entry.comparison is None for entry in table.cells.values())
    assert "an excerpt of made/up-in-full" in " ".join(footnotes(table))


def test_a_column_leaves_its_verdicts_to_the_table_that_has_all_rows() -> None:
    made = experiment(columns=("b", "a"))
    column = Column("a", made.columns[1].settings, judged_in="made/up-in-full")
    made = dataclasses.replace(made, columns=(made.columns[0], column))
    table = build(made, "paper", outcomes(made))
    assert {place for (_, place), entry in table.cells.items() if entry.comparison} == {"b"}
    notes = " ".join(footnotes(table))
    assert "otherwise inconclusive; no verdicts for a, an excerpt of made/up-in-full" in notes


def test_rows_and_columns_keep_the_order_of_the_experiment() -> None:
    made = experiment(rows=("ReLU", "AReLU", "ELU"), columns=("b", "a"))
    table = build(made, "paper", list(reversed(outcomes(made))))
    assert (table.rows, table.columns) == (("ReLU", "AReLU", "ELU"), ("b", "a"))
    assert table.winner("a") == "ELU"


@pytest.mark.parametrize("aggregate", ["mean", "best"])
def test_a_lead_is_the_distance_to_the_best_of_the_others(aggregate: str) -> None:
    made = experiment(published=True, leads=LEADS, aggregate=aggregate)
    table = build(made, "paper", outcomes(made))
    ours = {entry.row: getattr(entry.summary, aggregate) for entry in table.column("digits")}
    both, single = (table.lead_value(lead, "digits") for lead in table.leads)
    assert both.value == ours["AReLU"] - max(ours["ReLU"], ours["LeakyReLU"])
    assert single.value == ours["AReLU"] - ours["ReLU"] > both.value
    assert (both.published, single.published) == (1.5, None)


def test_a_relative_lead_is_the_decrease_of_the_error_seed_by_seed() -> None:
    lead = Lead("Less error", "AReLU", ("ReLU",), relative=True)
    made = experiment(leads=(lead,))
    table = build(made, "paper", outcomes(made, diverged={("ReLU", "digits", 3)}))
    better, other = table.cells["AReLU", "digits"].values, table.cells["ReLU", "digits"].values
    decreases = [100 * (better[seed] - other[seed]) / (100 - other[seed]) for seed in (0, 1, 2, 4)]
    found = table.lead_value(lead, "digits")
    assert found.value == pytest.approx(statistics.fmean(decreases))
    half = 3.182446 * statistics.stdev(decreases) / 2  # t for three degrees of freedom, √4 runs
    assert (found.low, found.high) == (pytest.approx(found.value - half), pytest.approx(found.value + half))
    assert "AReLU is smaller, paired by seed" in " ".join(footnotes(table))


def test_a_relative_lead_is_over_one_row() -> None:
    with pytest.raises(ConfigError, match="'Less error' is relative to the error of one row"):
        experiment(leads=(Lead("Less error", "AReLU", ("ReLU", "LeakyReLU"), relative=True),))


def test_a_lead_needs_a_value_in_each_of_its_cells() -> None:
    made = experiment(leads=LEADS)
    gone = {("LeakyReLU", "digits", seed) for seed in range(5)}
    table = build(made, "paper", outcomes(made, diverged=gone))
    both, single = (table.lead_value(lead, "digits") for lead in table.leads)
    assert math.isnan(both.value)
    assert both.lacking is table.cells["LeakyReLU", "digits"]
    assert math.isfinite(single.value)
    assert single.lacking is None


def test_a_lead_stands_beside_the_paper_only_where_the_preset_is_comparable() -> None:
    made = experiment(published=True, leads=LEADS)
    gap = build(made, "pocket", outcomes(made, "pocket")).lead_value(LEADS[0], "digits")
    assert math.isfinite(gap.value)
    assert gap.published is None


def test_a_preset_without_some_of_the_rows_leaves_out_their_leads() -> None:
    made = experiment(leads=LEADS, presets={"few": Preset("two rows", rows=("ReLU", "AReLU"))})
    assert build(made, "few", outcomes(made, "few")).leads == [LEADS[1]]


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(8, 4, [4, 4]), (8, 5, [4, 4]), (8, 3, [3, 3, 2]), (1, 4, [1]), (3, 9, [3])]
)
def test_blocks_hold_all_columns_evenly(count: int, most: int, sizes: list[int]) -> None:
    made = experiment(columns=tuple(map(str, range(count))), epochs=1, seeds=1)
    table = build(made, "paper", outcomes(made))
    blocks = list(table.blocks(most))
    assert [len(block) for block in blocks] == sizes
    assert sum(blocks, ()) == table.columns


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UnknownNameError, match="papr"):
        build(experiment(), "papr", [])


def test_columns_that_are_metrics_of_the_same_runs_share_them() -> None:
    changing = registry.get("plasticity/permuted-mnist")
    table = build(changing, "smoke", [(cell, None) for cell in changing.cells("smoke")])
    assert len(table.columns) == 5
    assert (table.planned, table.missing, table.diverged) == (7 * 2, 7 * 2, 0)
