"""AReLU's tables: what follows from their cells, what is misprinted, and what they repeat of one another."""

from __future__ import annotations

import itertools

import pytest

from rectifiers import activations
from rectifiers.experiments.experiment import Experiment, PublishedNumbers
from rectifiers.papers import registry
from rectifiers.papers.arelu.functions import FUNCTIONS, LEARNABLE, NON_LEARNABLE

TABLES = ("arelu/table1", "arelu/table5", "arelu/table6", "arelu/table7")
COLUMNS = [f"{name} 1e-{exponent}" for exponent in (2, 3, 4, 5) for name in ("Adam", "SGD")]
ROWS = [row.label for row in FUNCTIONS]

# Where the print contradicts itself: table, row, column → what the cells give.
MISPRINTS = {
    ("arelu/table3", "Improvement over learnable", "VGG-11 best"): 0.14,
    ("arelu/table4", "Improvement", "ResNet-18 @top-5"): 0.21,
    ("arelu/table5", "Improvement over learnable", "Adam 1e-2"): -0.06,
}


def published(name: str) -> PublishedNumbers:
    numbers = registry.get(name).published
    assert numbers is not None
    return numbers


@pytest.mark.parametrize("name", TABLES)
def test_all_numbers_are_there(name: str) -> None:
    numbers = published(name)
    assert list(numbers.cells) == list(itertools.product(ROWS, COLUMNS))
    assert len(numbers.cells) == 19 * 8
    assert len(numbers.derived) == 2 * 8
    assert all(8 < value < 100 for value in numbers.cells.values())
    assert f"Table {name[-1]}" in numbers.source


@pytest.mark.parametrize(
    ("name", "row", "column", "value"),
    [
        ("arelu/table1", "AReLU", "SGD 1e-3", 93.13),
        ("arelu/table1", "ReLU", "SGD 1e-3", 36.01),
        ("arelu/table1", "CELU", "Adam 1e-2", 97.76),
        ("arelu/table1", "SLAF", "SGD 1e-5", 11.32),
        ("arelu/table5", "Sigmoid", "Adam 1e-2", 97.62),
        ("arelu/table6", "PAU", "SGD 1e-4", 95.75),
        ("arelu/table7", "AReLU", "SGD 1e-5", 73.00),
    ],
)
def test_cells_as_printed(name: str, row: str, column: str, value: float) -> None:
    assert published(name).get(row, column) == value


@pytest.mark.parametrize("name", TABLES)
def test_improvements_are_those_that_the_paper_prints(name: str) -> None:
    leads = registry.get(name).leads
    assert list(published(name).derived) == [(lead.label, column) for lead in leads for column in COLUMNS]
    assert [lead.row for lead in leads] == ["AReLU", "AReLU"]
    assert [lead.over for lead in leads] == [tuple(arm.label for arm in group) for group in (NON_LEARNABLE, LEARNABLE)]


@pytest.mark.parametrize("name", [*TABLES, "arelu/table3", "arelu/table4"])
def test_printed_improvements_follow_from_the_cells(name: str) -> None:
    numbers, experiment = published(name), registry.get(name)
    assert len(numbers.derived) == len(experiment.leads) * len(experiment.columns)
    for lead, column in itertools.product(experiment.leads, (column.label for column in experiment.columns)):
        place = lead.label, column
        best = max(numbers.cells[other, column] for other in lead.over if (other, column) in numbers.cells)
        expected = round(numbers.cells[lead.row, column] - best, 2)
        misprint = MISPRINTS.get((name, *place))
        if misprint is not None:
            assert numbers.corrections[place] == expected == misprint != numbers.derived[place]
        else:
            assert numbers.derived[place] == expected, place


def test_misprints_are_noted_and_nothing_else_is() -> None:
    tables = [name for name in registry if name.startswith("arelu/table")]
    assert {(name, *place) for name in tables for place in published(name).corrections} == set(MISPRINTS)
    assert {name for name in tables if published(name).notes} == {name for name, _, _ in MISPRINTS}


def test_best_of_table_3_is_below_the_mean_where_it_is_noted() -> None:
    numbers = published("arelu/table3")
    pairs = {(row, column.removesuffix(" best")) for row, column in numbers.cells if column.endswith(" best")}
    below = {
        (row, network)
        for row, network in pairs
        if numbers.cells[row, f"{network} best"] < numbers.cells[row, f"{network} mean"]
    }
    assert below == {("CELU", "VGG-11"), ("GELU", "MobileNet")}
    assert any("CELU under VGG-11 and GELU under MobileNet" in note for note in numbers.notes)


def test_table_2_is_an_excerpt_of_table_8() -> None:
    excerpt, whole = published("arelu/table2"), published("arelu/table8")
    columns = {"w/o pretrain": "w/o p.t.", "w/o finetune": "w/o f.t.", "pretrain+finetune": "w/ f.t."}
    assert len(excerpt.cells) == 12 * 3
    assert len(whole.cells) == 19 * 3
    for (row, column), value in excerpt.cells.items():
        assert whole.cells[row, columns[column]] == value


def test_figures_7_and_8_are_of_the_trainings_of_table_7() -> None:
    ids = [[cell.trial.id for cell in registry.get(f"arelu/{name}").cells("paper")] for name in ("table7", "figure7")]
    assert ids[0] == ids[1]
    assert registry.get("arelu/figure8").folder == registry.get("arelu/table7").folder


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ("arelu/table5", "arelu/table1"),
        ("arelu/table6", "arelu/table7"),
        ("arelu/table6", "arelu/table5"),
        ("arelu/table7", "arelu/table1"),
    ],
)
def test_best_exceeds_mean_and_twenty_epochs_exceed_one(larger: str, smaller: str) -> None:
    above, below = published(larger).cells, published(smaller).cells
    assert [place for place in below if above[place] < below[place]] == []


@pytest.mark.parametrize("name", [*TABLES, "arelu/figure3"])
def test_grid_is_the_papers(name: str) -> None:
    experiment = registry.get(name)
    assert [row.label for row in experiment.rows] == ROWS
    assert [column.label for column in experiment.columns] == COLUMNS
    assert len(NON_LEARNABLE) == 13
    assert len(LEARNABLE) == 5


def paper_trials(name: str) -> dict[tuple[str, str, int], str]:
    return {(cell.row, cell.column, cell.trial.seed): cell.trial.id for cell in registry.get(name).cells("paper")}


@pytest.mark.parametrize("names", [("arelu/table1", "arelu/table5"), ("arelu/table6", "arelu/table7", "arelu/figure3")])
@pytest.mark.parametrize("preset", ["smoke", "pocket", "paper"])
def test_tables_of_the_same_trainings_share_them(names: tuple[str, ...], preset: str) -> None:
    experiments: list[Experiment] = [registry.get(name) for name in names]
    assert len({experiment.folder for experiment in experiments}) == 1
    trials = [[cell.trial.id for cell in experiment.cells(preset)] for experiment in experiments]
    assert all(ids == trials[0] for ids in trials)


def test_protocol_of_table_1() -> None:
    cells = registry.get("arelu/table1").cells("paper")
    assert len(cells) == 760
    for cell in cells:
        trial = cell.trial
        optimizer, rate = cell.column.split()
        assert (trial.optimizer, trial.lr) == (optimizer.lower(), float(rate))
        assert trial.momentum == (0.9 if trial.optimizer == "sgd" else 0)
        assert (trial.dataset, trial.network, trial.normalise) == ("mnist", "mnist-conv", "unit")
        assert (trial.epochs, trial.batch_size, trial.weight_decay, trial.train_size) == (1, 128, 0, None)


def test_trial_ids_are_stable() -> None:
    """A changed id orphans the results there are; change it only together with them."""
    trials = paper_trials("arelu/table1")
    assert trials["ReLU", "SGD 1e-3", 0] == "1ee677fed7fa6828"
    assert trials["AReLU", "Adam 1e-2", 4] == "4ef85c7115555a29"
    assert paper_trials("arelu/table7")["PAU", "SGD 1e-5", 2] == "39ae170827bc90af"


def test_figure_2_has_eight_starts_and_traces() -> None:
    experiment = registry.get("arelu/figure2")
    trials = [cell.trial for cell in experiment.cells("paper", seeds=1)]
    assert [trial.activation_args for trial in trials] == [
        (("alpha", alpha), ("beta", beta))
        for alpha, beta in (
            (0.01, 2.0),
            (0.25, -1.0),
            (0.25, 1.0),
            (0.5, 0.0),
            (0.75, -1.0),
            (0.75, 1.0),
            (0.99, -2.0),
            (0.99, 2.0),
        )
    ]
    assert {trial.trace_points for trial in trials} == {20}
    assert "traces" in experiment.figures
    assert experiment.baseline == "α=0.25 β=1"


@pytest.mark.parametrize("name", [*TABLES, "arelu/table3"])
def test_functions_have_as_many_parameters_as_the_tables_print(name: str) -> None:
    printed = published(name).parameters
    assert list(printed) == [arm.label for arm in (*LEARNABLE, FUNCTIONS[-1])]
    for arm in registry.get(name).rows:
        arguments = arm.settings.get("activation_args", {})
        module = activations.create(arm.settings["activation"], channels=8, **arguments)
        assert sum(parameter.numel() for parameter in module.parameters()) == printed.get(arm.label, 0)
