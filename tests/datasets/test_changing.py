"""Data that change: what stays in every phase, what is another, and that a seed and a number tell it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rectifiers import datasets
from rectifiers.core.errors import ConfigError, DataError
from rectifiers.datasets.changing import ChangingDataset
from rectifiers.datasets.dataset import Split
from rectifiers.datasets.numbers import Numbers
from rectifiers.datasets.views import shrink

NAMES = ("permuted:digits", "random-labels:digits", "class-incremental:digits", "slow-regression")


def phase(name: str, number: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs and targets of a phase, to train on and to test on."""
    data = datasets.load(name)
    assert isinstance(data, ChangingDataset)
    train, test = data.change(data.train, data.test, number, seed)
    return train.take(slice(None)), train.targets, test.take(slice(None)), test.targets


@pytest.mark.parametrize("name", NAMES)
def test_number_and_seed_tell_the_phase(name: str) -> None:
    first, again, next_one, other_seed = phase(name, 1), phase(name, 1), phase(name, 2), phase(name, 1, seed=1)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    for other in (next_one, other_seed):
        assert len(first[0]) == len(other[0])
        assert not (torch.equal(first[0], other[0]) and torch.equal(first[1], other[1]))


def test_permuted_pixels_are_the_same_pixels() -> None:
    digits = datasets.load("digits")
    train, labels, test, _ = phase("permuted:digits", 3)
    assert torch.equal(labels, digits.train.targets)
    # The order is the same for all images: columns of pixels are those of the digits, as a whole.
    for changed, split in ((train, digits.train), (test, digits.test)):
        columns = {tuple(column.tolist()) for column in split.take(slice(None)).flatten(1).T}
        assert {tuple(column.tolist()) for column in changed.flatten(1).T} == columns
    assert not torch.equal(train, digits.train.take(slice(None)))


def test_channels_of_a_permuted_image_go_together() -> None:
    grey = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 2, 2)
    colour = Split(torch.cat((grey, grey + 100), 1), torch.tensor([0]))
    change = datasets.registry.get("permuted")("digits").change  # type: ignore[call-arg,attr-defined]
    changed, _ = change(colour, colour, 1, 0)
    assert torch.equal(changed.images[:, 1], changed.images[:, 0] + 100)


def test_random_labels_are_tested_on_what_is_learned() -> None:
    digits = datasets.load("digits")
    train, labels, test, test_labels = phase("random-labels:digits", 0)
    assert torch.equal(train, digits.train.take(slice(None)))
    assert torch.equal(train, test)
    assert torch.equal(labels, test_labels)
    counts = labels.bincount()
    # 1,437 labels in 10 classes: a standard deviation is 11.4.
    assert len(counts) == 10
    assert bool(((counts - 143.7).abs() < 5 * 11.4).all())
    assert (labels == digits.train.targets).float().mean() < 0.2


def test_all_classes_come_two_at_a_time() -> None:
    seen = [set(phase("class-incremental:digits", number)[1].tolist()) for number in range(10)]
    assert all(len(classes) == 2 for classes in seen)
    assert set().union(*seen[:5]) == set().union(*seen[5:]) == set(range(10))
    assert seen[:5] != seen[5:]
    assert set(phase("class-incremental:digits", 0)[3].tolist()) == seen[0]


def test_phases_of_classes_are_of_one_size() -> None:
    sizes = {tuple(map(len, phase("class-incremental:digits", number, seed))) for number in range(5) for seed in (0, 1)}
    assert len(sizes) == 1


def test_one_slow_bit_flips() -> None:
    before, _, _, _ = phase("slow-regression", 4)
    after, _, _, _ = phase("slow-regression", 5)
    slow = [rows[:, :15].unique(dim=0) for rows in (before, after)]
    assert all(len(rows) == 1 for rows in slow)
    assert int((slow[0] != slow[1]).sum()) == 1
    assert len(before[:, 15:].unique(dim=0)) == 32


def test_answers_of_the_regression_are_those_of_one_network() -> None:
    """The same input has the same answer in every phase, and answers are sums of whole numbers."""
    known: dict[tuple[int, ...], float] = {}
    for number in range(40):
        rows, answers, _, _ = phase("slow-regression", number)
        assert torch.equal(answers, answers.round())
        for row, answer in zip(rows[:50].tolist(), answers[:50, 0].tolist(), strict=True):
            assert known.setdefault(tuple(row), answer) == answer


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("permuted:generated:mnist", "has a name of its own"),
        ("permuted:npz", "needs nothing after its name"),
        ("permuted", "needs a name"),
    ],
)
def test_what_cannot_change(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        datasets.load(name)


def test_texts_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows(datasets.registry.get("digits")):  # type: ignore[misc]
        def load(self, data_dir: object) -> datasets.Dataset:
            return datasets.load("slow-regression")

    monkeypatch.setitem(datasets.registry._added, "rows", Rows)
    with pytest.raises(ConfigError, match="images that are in memory"):
        datasets.load("permuted:rows")


def test_looks_for_the_files_of_what_it_is_made_of(tmp_path: object) -> None:
    assert not datasets.check("permuted:mnist-7", str(tmp_path)).ready
    assert datasets.check("permuted:digits", str(tmp_path)).ready


def test_numbers() -> None:
    rows = Numbers(torch.arange(6, dtype=torch.uint8).reshape(3, 2), torch.tensor([[1.0], [2.0], [3.0]]))
    assert (len(rows), rows.shape) == (3, (2,))
    assert rows.numbers("unit")(rows.take(torch.tensor([2]))).tolist() == [[4.0, 5.0]]
    assert rows.part(rows.targets[:, 0] > 1).targets.flatten().tolist() == [2.0, 3.0]
    with pytest.raises(DataError, match="taken as they are"):
        rows.numbers("standard")
    for wrong in (Numbers(rows.inputs.float(), rows.answers), Numbers(rows.inputs, rows.answers[:, 0])):
        with pytest.raises(DataError, match="expected"):
            wrong.check("here", 1)


def test_small_mnist() -> None:
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, :4, 4:8] = 200
    images[0, 0, 4, 0] = 255
    small = shrink(images, 4)
    assert small.shape == (1, 1, 7, 7)
    # 255/16 is 15.9.
    assert {tuple(place): int(small[0, 0, place[0], place[1]]) for place in small[0, 0].nonzero().tolist()} == {
        (0, 1): 200,
        (1, 0): 16,
    }
