"""CReLU's tables: what they repeat of one another, and what the text says of them."""

from __future__ import annotations

import pytest

from rectifiers.experiments.experiment import PublishedNumbers
from rectifiers.papers import registry

COUNTS = {"table1": 45, "table2": 24, "table3": 14, "table4": 36, "table5": 35, "table6": 14}
UNCERTAINTIES = {"table1": 10, "table2": 8, "table6": 14}


def published(name: str) -> PublishedNumbers:
    numbers = registry.get(f"crelu/{name}").published
    assert numbers is not None
    return numbers


@pytest.mark.parametrize("name", COUNTS)
def test_all_numbers_are_there(name: str) -> None:
    numbers = published(name)
    assert len(numbers.cells) + len(numbers.absent) == COUNTS[name]
    assert len(numbers.uncertainties) == UNCERTAINTIES.get(name, 0)
    assert len(numbers.absent) == (5 if name == "table5" else 0)


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_averages_carry_standard_errors(name: str) -> None:
    numbers = published(name)
    assert {column for _, column in numbers.uncertainties} == {"CIFAR-10 Average", "CIFAR-100 Average"}


@pytest.mark.parametrize("data", ["CIFAR-10", "CIFAR-100"])
def test_table_3_takes_its_votes_from_table_2(data: str) -> None:
    votes = {row: value for (row, column), value in published("table2").cells.items() if column == f"{data} Vote"}
    beside = published("table3")
    assert beside.get("VGG", data) == votes.pop("VGG")
    assert beside.get("VGG + CReLU", data) == min(votes.values())


@pytest.mark.parametrize(
    ("row", "repeated"),
    [
        ("Baseline", "AllConvB"),
        ("CReLU (all)", "CReLU (all)"),
        ("CReLU (conv1,4,7)", "(conv1,4,7)"),
        ("CReLU (conv1–4)", "(conv1–4)"),
    ],
)
def test_table_5_repeats_table_4(row: str, repeated: str) -> None:
    numbers, beside = published("table4"), published("table5")
    for column in numbers.quantities:
        assert beside.get(repeated, column) == numbers.get(row, column)


def test_more_patches_and_more_guesses_err_less() -> None:
    numbers = published("table4")
    for row in dict.fromkeys(row for row, _ in numbers.cells):
        for column in ("top-1", "top-5"):
            assert numbers.cells[row, f"{column}†"] < numbers.cells[row, column]
        assert numbers.cells[row, "top-5"] < numbers.cells[row, "top-1"]


def test_best_models_on_imagenet_are_those_that_the_text_names() -> None:
    numbers = published("table4")
    best = {
        column: min((value, row) for (row, place), value in numbers.cells.items() if place == column)[1]
        for column in numbers.quantities
    }
    assert best == {
        "top-1": "CReLU (conv1–4)",
        "top-5": "CReLU (conv1–4)",
        "top-1†": "CReLU (conv1,4,7)",
        "top-5†": "CReLU (conv1,4,7)",
    }


def test_pairs_are_correlated_more_than_others() -> None:
    numbers = published("table6")
    for row in dict.fromkeys(row for row, _ in numbers.cells):
        assert numbers.cells[row, "non-pair"] < numbers.cells[row, "pair"]


@pytest.mark.parametrize(
    ("name", "row", "count"),
    [
        ("table1", "Baseline + (double)", 5_600_000),
        ("table1", "CReLU + (half)", 700_000),
        ("table5", "AlexNet", 61_000_000),
        ("table5", "CReLU (all)", 4_700_000),
        ("table5", "(conv1–4)", 10_100_000),
    ],
)
def test_counts_are_whole_numbers(name: str, row: str, count: int) -> None:
    assert published(name).cells[row, "params."] == count
