"""What can be counted without a training is what the papers print, and functions stand where the papers put them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rectifiers import AReLU, datasets
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.network import build_network, count_parameters
from rectifiers.experiments.result import COUNTS
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry
from rectifiers.report.table import build


def thresholds(trial: Trial) -> int:
    """Numbers that the activations learn, in the network at full size."""
    return count_parameters(build_network(trial, datasets.load(f"generated:{trial.dataset}")))["activation_parameters"]


def trial(name: str, row: str, column: str) -> Trial:
    cells = registry.get(name).cells("paper", seeds=1)
    (found,) = (cell.trial for cell in cells if (cell.row, cell.column) == (row, column))
    return found


def counts(experiment: Experiment, tmp_path: Path, column: str) -> dict[str, float]:
    store = Store(tmp_path, experiment.folder)
    cells = [cell for cell in experiment.cells("paper", seeds=1) if cell.column == column]
    for cell in cells:
        store.write(run_trial(cell.trial))
    return {entry.row: entry.value for entry in build(experiment, "paper", store.outcomes(cells)).cells.values()}


@pytest.mark.parametrize(
    ("name", "row", "column", "expected"),
    [
        ("convrelu/table1", "ReLU", "Cifar100", 0),
        ("convrelu/table1", "PReLU", "Cifar100", 12),
        ("convrelu/table1", "PReLU (A)", "Cifar100", 119),
        ("convrelu/table1", "ConvReLU", "Cifar100", 2_916),
        ("convrelu/table5", "R2 (Last)", "Cifar10", 11_424),
        ("convrelu/table5", "R3 (All)", "Cifar10", 36_876),
        ("convrelu/table2", "PReLU", "AG", 2),
        ("convrelu/table2", "PReLU (A)", "AG", 5),
        ("convrelu/table2", "ConvReLU", "AG", 2_560),
        ("convrelu/table3", "ConvReLU", "VGG-16, Cifar10", 2 * 9 * 64),
        ("convrelu/table3", "ConvReLU", "ResNet-18, Cifar10", 3 * 9 * 64 + 64),
    ],
)
def test_functions_stand_where_the_paper_counts_them(name: str, row: str, column: str, expected: int) -> None:
    assert thresholds(trial(name, row, column)) == expected


@pytest.mark.parametrize(
    ("name", "column", "layers"),
    [("arelu/table1", "SGD 1e-3", 3), ("arelu/table3", "VGG-11 best", 8), ("arelu/table4", "ResNet-18 @top-1", 17)],
)
def test_arelu_adds_two_numbers_per_layer(name: str, column: str, layers: int) -> None:
    assert thresholds(trial(name, "AReLU", column)) == 2 * layers


@pytest.mark.parametrize(("name", "column"), [("arelu/table1", "SGD 1e-3"), ("arelu/table4", "ResNet-18 @top-1")])
def test_arelu_multiplies_less_than_a_hundredth_of_what_convolutions_do(name: str, column: str) -> None:
    found = trial(name, "AReLU", column)
    data = datasets.load(f"generated:{found.dataset}")
    net = build_network(found, data).eval()
    done = {"activations": 0, "convolutions": 0}

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, AReLU):
            done["activations"] += output.numel()
        if isinstance(module, nn.Conv2d):
            done["convolutions"] += output.numel() * module.weight[0].numel()

    for module in net.modules():
        module.register_forward_hook(count)
    with torch.inference_mode():
        net(torch.zeros(1, *data.train.shape))
    assert 0 < done["activations"] < done["convolutions"] / 100


@pytest.mark.slow
def test_table_6_of_convrelu_comes_out_exactly(tmp_path: Path) -> None:
    experiment = registry.get("convrelu/table6")
    assert experiment.counts
    assert experiment.published is not None
    store = Store(tmp_path, experiment.folder)
    cells = experiment.cells("paper")
    for one in {cell.trial for cell in cells}:
        store.write(run_trial(one))
    table = build(experiment, "paper", store.outcomes(cells))
    assert len(table.cells) == 12
    for place, entry in table.cells.items():
        assert round(entry.value, 2) == experiment.published.cells[place]
        assert entry.comparison is None
        assert table.winner(entry.column) is None
    assert {entry.difference for entry in table.column("#Params")} == {0}


def test_models_of_crelu_on_cifar_have_their_parameters(tmp_path: Path) -> None:
    experiment = registry.get("crelu/table1")
    found = counts(experiment, tmp_path, "params.")
    assert [round(value / 1e6, 2) for value in found.values()] == [1.39, 5.50, 1.39, 2.77, 0.70]


@pytest.mark.slow
def test_models_of_crelu_on_imagenet_have_their_parameters(tmp_path: Path) -> None:
    experiment = registry.get("crelu/table5")
    assert experiment.published is not None
    found = counts(experiment, tmp_path, "params.")
    assert [round(value / 1e6, 2) for value in found.values()] == [9.37, 4.69, 8.61, 10.14]
    for row, value in found.items():
        assert abs(value / 1e6 - experiment.published.cells[row, "params."] / 1e6) < 0.06


def test_counted_columns_train_nothing() -> None:
    found = []
    for name in registry:
        experiment = registry.get(name)
        counted = {column.label for column in experiment.columns if experiment.metric_of(column) in COUNTS}
        cells = experiment.cells("paper", seeds=1) if counted and "paper" in experiment.presets else ()
        found += [cell.trial for cell in cells if cell.column in counted]
    assert found
    for trial in found:
        assert (trial.epochs, trial.start) == (0, None)
        assert trial.dataset.startswith("generated:")


@pytest.mark.parametrize("name", ["arelu/table2", "arelu/table8"])
def test_transfer_starts_from_the_same_function_on_mnist(name: str) -> None:
    cells = registry.get(name).cells("paper", seeds=1)
    assert {cell.column for cell in cells} == {column.label for column in registry.get(name).columns}
    for cell in cells:
        direct, pretrained, _ = (column.label for column in registry.get(name).columns)
        start = cell.trial.start
        if cell.column == direct:
            assert start is None
            continue
        assert start is not None
        assert (start.dataset, start.lr, start.epochs) == ("mnist-colour", 0.01, 20)
        assert (start.activation, start.activation_args) == (cell.trial.activation, cell.trial.activation_args)
        assert cell.trial.epochs == (0 if cell.column == pretrained else 100)


@pytest.mark.parametrize("preset", ["smoke", "pocket", "paper"])
@pytest.mark.parametrize("name", ["pvlu/vgg", "pvlu/resnet-cifar10", "pvlu/resnet-cifar100"])
def test_pvlu_goes_on_from_the_row_above(name: str, preset: str) -> None:
    cells = {(cell.row, cell.column): cell.trial for cell in registry.get(name).cells(preset, seeds=1)}
    later = {column: trial for (row, column), trial in cells.items() if row != "ReLU"}
    assert 2 * len(later) == len(cells) > 0
    for column, after in later.items():
        assert after.start == cells["ReLU", column]
        assert after.trained.startswith("activations")
        assert dict(after.activation_args) == {"alpha": 0, "beta": 1}


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        *((f"crelu/table{number}", preset) for number in (4, 5) for preset in ("smoke", "paper")),
        ("crelu/table4", "pocket"),
    ],
)
def test_ten_patches_see_the_weights_of_the_centre(name: str, preset: str) -> None:
    cells = {(cell.row, cell.column): cell.trial for cell in registry.get(name).cells(preset, seeds=1)}
    several = {place: trial for place, trial in cells.items() if place[1].endswith("†")}
    assert several
    for (row, column), found in several.items():
        assert found.start == cells[row, column.removesuffix("†")]
        assert (found.patches, found.epochs) == (10, 0)


def test_votes_are_of_the_networks_of_the_average() -> None:
    cells = registry.get("crelu/table1").cells("paper")
    average = {cell.trial for cell in cells if cell.column == "CIFAR-10 Average"}
    votes = [cell.trial for cell in cells if cell.column == "CIFAR-10 Vote"]
    assert len(votes) == 5
    assert {member for vote in votes for member in vote.members} == average


def test_the_best_vote_of_table_3_is_one_of_table_2() -> None:
    table2 = {(cell.row, cell.column): cell.trial for cell in registry.get("crelu/table2").cells("paper", seeds=1)}
    table3 = {(cell.row, cell.column): cell.trial for cell in registry.get("crelu/table3").cells("paper")}
    assert table3["VGG", "CIFAR-100"] == table2["VGG", "CIFAR-100 Vote"]
    assert table3["VGG + CReLU", "CIFAR-10"] == table2["(conv1,3)", "CIFAR-10 Vote"]
    assert table3["VGG + CReLU", "CIFAR-100"] == table2["(conv1,3,5)", "CIFAR-100 Vote"]
