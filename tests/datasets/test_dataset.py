"""A data set's facts: sizes, what does not fit together, and a digest of the content alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets.dataset import Dataset, Split, digest


def split(
    count: int = 4, size: tuple[int, ...] = (1, 3, 5), dtype: torch.dtype = torch.uint8, labels: Tensor | None = None
) -> Split:
    return Split(torch.zeros(count, *size, dtype=dtype), torch.arange(count) % 2 if labels is None else labels)


def dataset(train: Split = split(), test: Split = split(), classes: tuple[str, ...] = ("a", "b")) -> Dataset:  # noqa: B008 - never changed
    return Dataset("toy", train, test, classes)


def test_sizes() -> None:
    toy = dataset()
    assert (toy.shape, len(toy.train)) == ((1, 3, 5), 4)
    assert repr(toy.train) == "Split(4 images, 1×3×5)"


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (split(dtype=torch.float32), r"toy, train: expected uint8 images N×C×H×W, got torch.float32"),
        (split(size=(3, 5)), r"toy, train: expected uint8 images.*shape \(4, 3, 5\)"),
        (split(labels=torch.zeros(4)), r"toy, train: expected int64 labels N, got torch.float32"),
        (split(labels=torch.zeros(4, 1, dtype=torch.int64)), r"toy, train: expected int64 labels.*\(4, 1\)"),
        (split(labels=torch.tensor([0, 1, 1])), "toy, train: 4 images but 3 labels"),
        (split(labels=torch.tensor([0, 1, 2, 1])), "toy, train: labels run from 0 to 2, expected 0 to 1"),
        (split(labels=torch.tensor([0, -1, 1, 1])), "toy, train: labels run from -1 to 1, expected 0 to 1"),
        (split(count=0), "toy, train: expected images, got none"),
        (split(size=(1, 5, 5)), "toy: train images are 1×5×5, test images are 1×3×5"),
    ],
)
def test_what_does_not_fit_is_named(train: Split, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(train)


def test_one_class_is_not_classification() -> None:
    same = split(labels=torch.zeros(4, dtype=torch.int64))
    with pytest.raises(DataError, match="at least two classes, got 1"):
        dataset(same, same, classes=("a",))


def test_digest_sees_pixels_labels_and_shapes() -> None:
    pixel, label, shape = split(), split(labels=torch.tensor([1, 0, 1, 0])), split(size=(1, 5, 3))
    pixel.images[0, 0, 0, 0] = 1
    digests = {digest(dataset()), digest(dataset(pixel)), digest(dataset(label)), digest(dataset(shape, shape))}
    assert len(digests) == 4
    assert digest(dataset(test=pixel)) not in digests


def test_digest_ignores_memory_layout() -> None:
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    plain = Split(images, torch.tensor([0, 1]))
    strided = Split(images.to(memory_format=torch.channels_last), torch.tensor([0, 1]))
    assert digest(dataset(plain, plain)) == digest(dataset(strided, strided))
