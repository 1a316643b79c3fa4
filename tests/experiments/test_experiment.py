"""A grid and its protocol: which trials come out, in which order, and what may not be asked."""

from __future__ import annotations

from typing import Any

import pytest

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.experiment import (
    MOST_SEEDS,
    Arm,
    Column,
    Experiment,
    Lead,
    Preset,
    PublishedNumbers,
    Quantity,
)
from rectifiers.experiments.trial import Trial

SETTINGS: dict[str, Any] = {"dataset": "digits", "network": "digits-conv", "lr": 0.1, "epochs": 4}


def experiment(**changes: Any) -> Experiment:
    fields: dict[str, Any] = {
        "name": "paper/table",
        "title": "a table",
        "settings": SETTINGS,
        "rows": (Arm("ReLU", {"activation": "relu"}), Arm("AReLU", {"activation": "arelu", "epochs": 3})),
        "columns": (Arm("slow", {"lr": 0.01}), Arm("fast", {"lr": 0.1})),
        "presets": {
            "smoke": Preset(note="tiny", settings={"epochs": 1}, seeds=1, rows=("AReLU",), columns=("fast",)),
            "full": Preset(note="all", seeds=2),
        },
    }
    return Experiment(**{**fields, **changes})


def test_grid_goes_seed_by_seed() -> None:
    places = [(cell.trial.seed, cell.column, cell.row) for cell in experiment().cells("full")]
    assert places == [
        (seed, column, row) for seed in (0, 1) for column in ("slow", "fast") for row in ("ReLU", "AReLU")
    ]


def test_narrower_settings_override_wider_ones() -> None:
    trials = {(cell.row, cell.column): cell.trial for cell in experiment().cells("full", seeds=1)}
    assert {place: (trial.epochs, trial.lr) for place, trial in trials.items()} == {
        ("ReLU", "slow"): (4, 0.01),
        ("ReLU", "fast"): (4, 0.1),
        ("AReLU", "slow"): (3, 0.01),
        ("AReLU", "fast"): (3, 0.1),
    }
    (cell,) = experiment().cells("smoke")
    assert cell.trial.epochs == 1
    assert {cell.trial.batch_size for cell in experiment().cells("full", changes={"batch_size": 7})} == {7}


def test_preset_takes_its_rows_and_columns() -> None:
    assert [(cell.row, cell.column) for cell in experiment().cells("smoke")] == [("AReLU", "fast")]


def test_more_seeds_keep_the_first_ones() -> None:
    two, three = experiment().cells("full"), experiment().cells("full", seeds=3)
    assert three[: len(two)] == list(two)
    assert {cell.trial.seed for cell in three[len(two) :]} == {2}


def test_a_lead_names_rows_that_are_there() -> None:
    with pytest.raises(UnknownNameError, match=r"row of 'lead'.*did you mean ReLU"):
        experiment(leads=(Lead("lead", "AReLU", ("RELU",)),))
    with pytest.raises(ConfigError, match="'lead' needs a row to lead over, got none"):
        experiment(leads=(Lead("lead", "AReLU", ()),))


@pytest.mark.parametrize("seeds", [0, -1])
def test_seeds_must_be_positive(seeds: int) -> None:
    with pytest.raises(ConfigError, match=f"seeds must be at least 1, got {seeds}"):
        experiment().cells("full", seeds=seeds)


def test_more_seeds_than_anybody_runs_are_a_slip() -> None:
    assert len(experiment().cells("full", seeds=MOST_SEEDS)) == 4 * MOST_SEEDS
    with pytest.raises(ConfigError, match="seeds must be at most 100,000, got 100,001; a few, such as 5, are usual"):
        experiment().cells("full", seeds=MOST_SEEDS + 1)


def test_unknown_preset() -> None:
    with pytest.raises(UnknownNameError, match="unknown preset of paper/table 'ful'; did you mean full"):
        experiment().cells("ful")


def test_bad_change() -> None:
    with pytest.raises(ConfigError, match="speed: no such setting"):
        experiment().cells("full", changes={"speed": 1})


def test_unknown_metric() -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'last_epoch'"):
        experiment(metric="last_epoch")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"rows": ()}, "row"), ({"columns": (Arm("a", {}), Arm("a", {"lr": 1}))}, "column")],
    ids=["none", "twice"],
)
def test_labels_must_be_there_and_differ(changes: dict[str, Any], kind: str) -> None:
    with pytest.raises(ConfigError, match=f"experiment 'paper/table': {kind} labels must be present and distinct"):
        experiment(**changes)


def test_folder() -> None:
    assert experiment().folder == "paper-table"
    assert experiment(runs="paper/shared").folder == "paper-shared"


def test_published_numbers() -> None:
    published = PublishedNumbers(source="Table 1", cells={("ReLU", "fast"): 98.5})
    assert published.get("ReLU", "fast") == 98.5
    assert published.get("AReLU", "fast") is None


@pytest.mark.parametrize(("quantity", "ours"), [("accuracy", 98.5), ("error", 1.5), ("share", 98.5)])
def test_published_errors_are_shown_as_accuracies(quantity: Quantity, ours: float) -> None:
    published = PublishedNumbers("Table 1", {("ReLU", "fast"): 98.5}, quantities={"fast": quantity})
    assert published.ours("ReLU", "fast") == ours
    assert published.ours("ReLU", "slow") is None


def test_what_a_paper_needs_and_nobody_registered_is_lacking() -> None:
    assert experiment().lacking == ()
    settings = {**SETTINGS, "network": "net-of-tomorrow"}
    assert experiment(settings=settings).lacking == ()
    waiting = experiment(paper="Somebody (2020): A Paper", settings=settings)
    assert waiting.uses("network") == ["net-of-tomorrow"]
    assert waiting.lacking == ("the network net-of-tomorrow",)
    with pytest.raises(ConfigError, match="paper/table cannot run yet: it waits for the network net-of-tomorrow"):
        waiting.cells("full")


def test_columns_may_show_something_else() -> None:
    made = experiment(columns=(Arm("all", {}), Column("size", {}, metric="parameters", aggregate="best")))
    plain, size = made.columns
    assert (made.metric_of(plain), made.aggregate_of(plain)) == ("final_epoch", "mean")
    assert (made.metric_of(size), made.aggregate_of(size)) == ("parameters", "best")
    assert not made.counts
    assert experiment(columns=(size,)).counts
    with pytest.raises(UnknownNameError, match="did you mean parameters"):
        experiment(columns=(Column("size", {}, metric="parameter"),))  # type: ignore[arg-type]


def test_presets_change_single_rows_and_columns_and_columns_single_cells() -> None:
    made = experiment(
        rows=(Arm("ReLU", {"activation": "relu"}), Arm("AReLU", {"activation": "arelu"})),
        columns=(Arm("all", {}), Column("few", {"epochs": 2}, cells={"AReLU": {"lr": 0.3}})),
        presets={"smoke": Preset("", {"epochs": 5}, seeds=1, rows=("AReLU", "ReLU"), columns={"few": {"epochs": 7}})},
        baseline="ReLU",
    )
    trials = {(cell.row, cell.column): cell.trial for cell in made.cells("smoke")}
    assert {place: (trial.epochs, trial.lr) for place, trial in trials.items()} == {
        ("ReLU", "few"): (7, SETTINGS["lr"]),
        ("AReLU", "few"): (7, 0.3),
    }


def test_what_a_start_starts_from_shares_its_settings() -> None:
    first = {"dataset": "mnist", "epochs": 9}
    row = Arm("AReLU", {"activation": "arelu", "start": {"activation": "relu", "lr": 0.5, "start": first}})
    made = experiment(rows=(row,), columns=(Arm("all", {"batch_size": 7}),), baseline="AReLU")
    start = made.cells("full", seeds=1)[0].trial.start
    assert start is not None
    assert start.start is not None
    assert (start.activation, start.lr, start.batch_size) == ("relu", 0.5, 7)
    assert (start.start.activation, start.start.lr, start.start.batch_size) == ("relu", 0.5, 7)
    assert (start.start.dataset, start.start.epochs) == ("mnist", 9)
    assert made.uses("dataset") == [SETTINGS["dataset"], "mnist"]


def test_copies_for_further_seeds_are_the_trials_that_checking_each_gives() -> None:
    start = {"epochs": 2, "activation": "relu", "start": {"epochs": 1}}
    for settings in ({}, {"start": start}, {"start": {**start, "seed": 0}}, {"start": {**start, "seed": 3}}):
        table = experiment(settings={**SETTINGS, **settings})
        size = table.presets["full"]
        arms = [(row, column) for _ in range(4) for column in table.columns for row in table.rows]
        cells = table.cells("full", seeds=4)
        for place, ((row, column), cell) in enumerate(zip(arms, cells, strict=True)):
            alone = Trial.create(**table._fields(row, column, size, {}, place // 4))
            assert (cell.row, cell.column) == (row.label, column.label)
            assert (cell.trial, cell.trial.id, str(cell.trial)) == (alone, alone.id, str(alone))
            assert cell.trial.model_dump_json() == alone.model_dump_json()


def test_a_hundred_thousand_seeds_are_counted_without_making_their_trials() -> None:
    cells = experiment().cells("full", seeds=100_000)
    kinds = cells.kinds()
    assert kinds is not None
    assert len(cells) == sum(kinds.values()) == 100_000 * len(kinds)
    assert "_all" not in vars(cells)
    # Where more differs than the seeds, each trial counts.
    assert experiment(settings={**SETTINGS, "start": {"activation": "relu"}}).cells("full", seeds=4).kinds() is None


def test_a_vote_has_one_seed_however_many_there_are() -> None:
    cells = experiment(settings={**SETTINGS, "vote": 2}).cells("full", seeds=4)
    assert [cell.trial.seed for cell in cells] == [0, 0, 0, 0]
