"""PVLU's tables: means, standard errors and error decreases from the printed cells, within what rounding allows."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

from rectifiers.experiments.experiment import PublishedNumbers
from rectifiers.papers import registry

FINE_TUNED = ("vgg", "vgg-blurred", "resnet-cifar10", "resnet-cifar100")
COUNTS = {"scratch": 28, "scratch-augmented": 15, "vgg": 4, "vgg-blurred": 4, "resnet-cifar10": 6, "resnet-cifar100": 6}

# Under these seeds ReLU died, and the paper leaves them out.
DIED = {("scratch", "ReLU"): {"0", "2"}}

# Where accuracies are printed with one decimal, not two.
ONE_DECIMAL = {("resnet-cifar100", "R50")}


def published(name: str) -> PublishedNumbers:
    numbers = registry.get(f"pvlu/{name}").published
    assert numbers is not None
    return numbers


def decrease(before: float, after: float) -> float:
    """By how much the error falls, in percent of what it was; both are accuracies in percent."""
    return 100 * (after - before) / (100 - before)


@pytest.mark.parametrize("name", COUNTS)
def test_all_numbers_are_there(name: str) -> None:
    assert len(published(name).cells) == COUNTS[name]
    assert len(published(name).derived) == (COUNTS[name] // 2 if name in FINE_TUNED else 0)


@pytest.mark.parametrize(("name", "error"), [("scratch", "Std. Err."), ("scratch-augmented", "Std. Error")])
def test_means_and_standard_errors_follow_from_the_seeds(name: str, error: str) -> None:
    numbers = published(name)
    for row in dict.fromkeys(row for row, _ in numbers.cells):
        seeds = [
            value
            for (place, column), value in numbers.cells.items()
            if place == row and column.isdigit() and column not in DIED.get((name, row), ())
        ]
        found = {
            "Mean": statistics.fmean(seeds),
            error: statistics.stdev(seeds) / math.sqrt(len(seeds)),
        }
        for column, value in found.items():
            if (row, column) in numbers.corrections:
                assert numbers.corrections[row, column] == pytest.approx(value, abs=0.005)
            else:
                assert numbers.cells[row, column] == round(value, 1), (row, column)


def test_contradictions_from_scratch_are_known() -> None:
    assert published("scratch").corrections == {("PReLU", "Mean"): 55.4}
    assert published("scratch-augmented").corrections == {
        ("PReLU", "Std. Error"): 0.17,
        ("PVLU (ours)", "Std. Error"): 0.73,
    }


@pytest.mark.parametrize(("name", "printed"), [("scratch", 16.3), ("scratch-augmented", 11.3)])
def test_decreases_of_the_abstract_follow_from_the_means(name: str, printed: float) -> None:
    numbers = published(name)
    found = decrease(numbers.cells["ReLU", "Mean"], numbers.cells["PVLU (ours)", "Mean"])
    assert printed == round(found, 1)
    assert printed in numbers.stated.values()


@pytest.mark.parametrize("name", FINE_TUNED)
def test_decreases_follow_from_the_accuracies(name: str) -> None:
    """As printed, or corrected; and always within what accuracies that round to the printed ones allow."""
    numbers = published(name)
    for column in numbers.quantities:
        half = 0.05 if (name, column) in ONE_DECIMAL else 0.005
        place = "Rel. Error Dec.", column
        before, after = numbers.cells["ReLU", column], numbers.cells["PVLU (ours)", column]
        found = decrease(before, after)
        if place in numbers.corrections:
            assert numbers.corrections[place] == round(found, 2)
            assert numbers.derived[place] != round(found, 1)
        else:
            assert numbers.derived[place] == round(found, 1)
        possible = [decrease(before + a, after + b) for a, b in itertools.product((-half, half), repeat=2)]
        assert min(possible) - 0.05 <= numbers.derived[place] <= max(possible) + 0.05


@pytest.mark.parametrize("name", [*FINE_TUNED, "scratch", "scratch-augmented"])
def test_the_decrease_is_a_line_of_the_table(name: str) -> None:
    (lead,) = registry.get(f"pvlu/{name}").leads
    assert (lead.label, lead.row, lead.over, lead.relative) == ("Rel. Error Dec.", "PVLU (ours)", ("ReLU",), True)


@pytest.mark.parametrize("name", ["scratch", "scratch-augmented"])
def test_rmsprop_has_the_constants_of_keras(name: str) -> None:
    trials = {cell.trial for cell in registry.get(f"pvlu/{name}").cells("paper", seeds=1)}
    assert {(trial.optimizer, trial.rho, trial.eps) for trial in trials} == {("rmsprop", 0.9, 1e-7)}


def test_three_decreases_do_not_follow_from_the_printed_accuracies() -> None:
    found = {(name, column) for name in FINE_TUNED for _, column in published(name).corrections}
    assert found == {("vgg", "VGG-19"), ("resnet-cifar10", "R101v2"), ("resnet-cifar100", "R50")}


def test_the_abstract_repeats_the_table_of_vgg() -> None:
    numbers = published("vgg")
    assert list(numbers.stated.values()) == list(numbers.derived.values())
