"""Held-out parts, subsets and folds: stratified, fixed by their seed, and never across patients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.core.errors import ConfigError
from rectifiers.datasets.dataset import Split
from rectifiers.datasets.slices import Slices
from rectifiers.datasets.splits import folds, hold_out, subset


def numbered(labels: list[int]) -> Split:
    """A split whose every image is its own number."""
    images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    return Split(images, torch.as_tensor(labels))


def numbers(split: Split) -> list[int]:
    return split.images.flatten().tolist()


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.data())
def test_hold_out_takes_each_class_in_proportion(labels: list[int], data: st.DataObject) -> None:
    whole = numbered(labels)
    count = data.draw(st.integers(1, len(labels) - 1))
    rest, held = hold_out(whole, count, seed=data.draw(st.integers(0, 99)))
    assert len(held) == count
    assert sorted(numbers(rest) + numbers(held)) == numbers(whole)
    assert [labels[i] for i in numbers(held)] == held.labels.tolist()
    share = whole.labels.bincount(minlength=5) * count / len(labels)
    assert ((held.labels.bincount(minlength=5) - share).abs() < 1).all()


def test_fraction_is_of_all() -> None:
    rest, held = hold_out(numbered([0, 1] * 25), 0.1, seed=0)
    assert (len(rest), len(held)) == (45, 5)


def test_seed_decides() -> None:
    whole = numbered([0, 1] * 50)
    draws = [tuple(numbers(hold_out(whole, 20, seed)[1])) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert tuple(numbers(subset(whole, 20, seed=0))) != draws[0]


def test_order_of_the_data_is_kept() -> None:
    rest, held = hold_out(numbered([0, 1, 2] * 20), 12, seed=3)
    assert numbers(rest) == sorted(numbers(rest))
    assert numbers(held) == sorted(numbers(held))


@pytest.mark.parametrize("size", [0, -1, 10, 0.0, 1.0, 0.01, 1.5])
def test_hold_out_refuses_nothing_and_everything(size: float) -> None:
    with pytest.raises(ConfigError, match=f"cannot hold out {size} of 10 images; expected 1 to 9"):
        hold_out(numbered([0, 1] * 5), size, seed=0)


def test_subset_of_all_is_all() -> None:
    whole = numbered([0, 1, 1, 1])
    assert numbers(subset(whole, 4, seed=0)) == numbers(whole)


@pytest.mark.parametrize("count", [0, 5])
def test_subset_refuses_more_than_there_is(count: int) -> None:
    with pytest.raises(ConfigError, match=f"cannot take {count} of 4 images; expected 1 to 4"):
        subset(numbered([0, 1, 1, 1]), count, seed=0)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=50), st.data())
def test_folds_hold_each_example_out_once(labels: list[int], data: st.DataObject) -> None:
    whole = numbered(labels)
    count = data.draw(st.integers(2, len(labels)))
    parts = folds(whole, count, seed=data.draw(st.integers(0, 99)))
    assert sorted(number for _, fold in parts for number in numbers(fold)) == numbers(whole)
    shares = torch.stack([fold.labels.bincount(minlength=4) for _, fold in parts])
    assert (shares.amax(0) - shares.amin(0) <= 1).all()
    assert shares.sum(1).max() - shares.sum(1).min() <= 1
    for rest, fold in parts:
        assert sorted(numbers(rest) + numbers(fold)) == numbers(whole)
        assert numbers(fold) == sorted(numbers(fold))
        assert [labels[number] for number in numbers(rest)] == rest.labels.tolist()


def test_folds_are_fixed_by_their_seed() -> None:
    whole = numbered([0, 1] * 30)
    one, same, other = ([numbers(fold) for _, fold in folds(whole, 10, seed)] for seed in (0, 0, 1))
    assert one == same != other


@pytest.mark.parametrize("count", [1, 11])
def test_folds_refuse_what_cannot_be(count: int) -> None:
    with pytest.raises(ConfigError, match=f"cannot make {count} folds of 10 images; expected 2 to 10"):
        folds(numbered([0, 1] * 5), count, seed=0)


def slices(patients: list[int]) -> Slices:
    """Slices whose every pixel is the number of the patient."""
    numbers = torch.tensor(patients)
    pixels = numbers.to(torch.uint8).view(-1, 1, 1, 1)
    return Slices(pixels, pixels, numbers)


def test_patients_are_never_cut_in_two() -> None:
    whole = slices([3, 3, 3, 5, 8, 8, 9, 9, 9, 9])
    rest, held = hold_out(whole, 2, seed=0)
    assert len(held.patients.unique()) == 2
    assert not {*rest.patients.tolist()} & {*held.patients.tolist()}
    assert sorted(rest.patients.tolist() + held.patients.tolist()) == whole.patients.tolist()
    parts = folds(whole, 4, seed=0)
    assert sorted(fold.patients.unique().tolist() for _, fold in parts) == [[3], [5], [8], [9]]
    assert torch.equal(subset(whole, 4, seed=0).patients, whole.patients)
    with pytest.raises(ConfigError, match="cannot hold out 4 of 4 patients"):
        hold_out(whole, 4, seed=0)
