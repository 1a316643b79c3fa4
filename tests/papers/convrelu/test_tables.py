"""ConvReLU's tables: what they repeat of one another, and what follows from their cells."""

from __future__ import annotations

import pytest

from rectifiers.experiments.experiment import PublishedNumbers
from rectifiers.papers import registry

COUNTS = {"table1": 18, "table2": 18, "table3": 12, "table4": 6, "table5": 3, "table6": 12}


def published(name: str) -> PublishedNumbers:
    numbers = registry.get(f"convrelu/{name}").published
    assert numbers is not None
    return numbers


@pytest.mark.parametrize("name", COUNTS)
def test_all_numbers_are_there(name: str) -> None:
    assert len(published(name).cells) == COUNTS[name]
    assert not published(name).absent


def test_tables_repeat_the_same_trainings() -> None:
    first = published("table1")
    for data in ("Cifar10", "Cifar100"):
        assert published("table4").get("Zero Init", data) == first.get("ConvReLU", data)
        for function in ("ReLU", "ConvReLU"):
            assert published("table3").get(function, f"DenseNet-40, {data}") == first.get(function, data)
    assert published("table5").get("R1 (First)", "Cifar10") == first.get("ConvReLU", "Cifar10")


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_convrelu_is_best_everywhere(name: str) -> None:
    numbers = published(name)
    for column in numbers.quantities:
        values = {row: value for (row, place), value in numbers.cells.items() if place == column}
        assert max(values, key=values.__getitem__) == "ConvReLU"


def test_ratios_follow_from_the_counts() -> None:
    numbers = published("table6")
    base = numbers.cells["ReLU", "#Params"]
    for row in (row for row, column in numbers.cells if column == "#Params"):
        extra = numbers.cells[row, "#Params"] - base
        assert round(100 * extra / base, 2) == numbers.cells[row, "Ratio"]


def test_additional_parameters_are_those_of_the_first_block() -> None:
    """Six bottleneck layers of growth 12 on 24 channels: thresholds in front of each 1×1 and each 3×3 convolution."""
    numbers = published("table6")
    extra = {row: numbers.cells[row, "#Params"] - numbers.cells["ReLU", "#Params"] for row in ("PReLU", "ConvReLU")}
    assert extra == {"PReLU": 2 * 6, "ConvReLU": sum(24 + 12 * layer for layer in range(6)) + 6 * 48 * 9}
