"""What a data set is once it is loaded: two splits of 8-bit images with labels, checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..core.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Images and their labels.

    Args:
        images: uint8, N×C×H×W.
        labels: int64, N, counted from 0.

    Example:
        >>> Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
        Split(2 images, 1×8×8)
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} images, {_size(self.images)})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A classification data set, whole and in memory.

    Args:
        name: registry name, with the path for data of the user's own.
        train: images to learn from; hold out of these to validate.
        test: images to report on.
        classes: name of each label.
        note: what was done to the published data, for reports; empty if nothing.

    Raises:
        DataError: dtypes, shapes, lengths or labels do not fit together.

    Example:
        >>> split = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
        >>> Dataset("blank", split, split, classes=("no", "yes"))
        Dataset(blank: 2 train, 2 test, 1×8×8, 2 classes)
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for part, split in (("train", self.train), ("test", self.test)):
            _check(f"{self.name}, {part}", split, len(self.classes))
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise DataError(
                f"{self.name}: train images are {_size(self.train.images)}, test images {_size(self.test.images)}; "
                "make them the same size"
            )
        if len(self.classes) < 2:
            raise DataError(f"{self.name}: expected at least two classes, got {len(self.classes)}")

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.train.images.shape[1]

    @property
    def height(self) -> int:
        """Rows of an image."""
        return self.train.images.shape[2]

    @property
    def width(self) -> int:
        """Columns of an image."""
        return self.train.images.shape[3]

    def __repr__(self) -> str:
        counts = f"{len(self.train)} train, {len(self.test)} test"
        return f"Dataset({self.name}: {counts}, {_size(self.train.images)}, {len(self.classes)} classes)"


_digests: WeakKeyDictionary[Dataset, str] = WeakKeyDictionary()


def digest(dataset: Dataset) -> str:
    """Sixteen hexadecimal digits that say on which data something ran: SHA-256 over shapes, pixels and labels.

    Names, notes and memory layout do not count.

    Example:
        >>> split = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
        >>> digest(Dataset("one", split, split, ("no", "yes"))) == digest(Dataset("other", split, split, ("a", "b")))
        True
    """
    if dataset not in _digests:
        sha = hashlib.sha256()
        for tensor in (dataset.train.images, dataset.train.labels, dataset.test.images, dataset.test.labels):
            sha.update(str(tuple(tensor.shape)).encode())
            sha.update(tensor.cpu().contiguous().numpy().data)
        _digests[dataset] = sha.hexdigest()[:16]
    return _digests[dataset]


def _check(where: str, split: Split, classes: int) -> None:
    images, labels = split.images, split.labels
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise DataError(f"{where}: expected uint8 images N×C×H×W, got {images.dtype} of shape {tuple(images.shape)}")
    if labels.dtype != torch.int64 or labels.dim() != 1:
        raise DataError(f"{where}: expected int64 labels N, got {labels.dtype} of shape {tuple(labels.shape)}")
    if len(images) != len(labels):
        raise DataError(f"{where}: {len(images)} images but {len(labels)} labels; expected as many of each")
    if not images.numel():
        raise DataError(f"{where}: expected images, got none (shape {tuple(images.shape)})")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(f"{where}: labels run from {low} to {high}, expected 0 to {classes - 1}")


def _size(images: Tensor) -> str:
    return "×".join(map(str, images.shape[1:]))
