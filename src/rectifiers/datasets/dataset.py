"""A loaded data set: two splits of examples, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import plural
from .batches import Normalise
from .examples import Examples, LabelledExamples, Which

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Split(LabelledExamples):
    """Images in memory, and their labels.

    Args:
        images: uint8, N×C×H×W.
        labels: int64, N, counted from 0.

    Example:
        >>> Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
        Split(2 images, 1×8×8)
    """

    images: Tensor
    labels: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """C×H×W."""
        return tuple(self.images.shape[1:])

    def take(self, which: Which) -> Tensor:
        """Take images as they are."""
        return self.images[which] if isinstance(which, slice) else self.images.index_select(0, which)

    def part(self, mask: Tensor) -> Split:
        """Select the images for which a boolean mask holds, in their order."""
        return Split(self.images[mask], self.labels[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> Normalise:
        """Make the normalisation called `kind`, measured on these images."""
        return Normalise.fit(kind, self.images, channels_last=channels_last)

    def to(self, device: torch.device | str) -> Split:
        """Copy the images to a device."""
        return Split(self.images.to(device), self.labels.to(device))

    def check(self, where: str, classes: int) -> None:
        """Make sure that images and labels fit together."""
        images = self.images
        if images.dtype != torch.uint8 or images.dim() != 4:
            raise DataError(
                f"{where}: expected uint8 images N×C×H×W, got {images.dtype} of shape {tuple(images.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.dim() != 1:
            raise DataError(
                f"{where}: expected int64 labels N, got {self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        check_counts(where, image=len(images), label=len(self.labels))
        if not images.numel():
            raise DataError(f"{where}: expected images, got none (shape {tuple(images.shape)})")
        check_labels(where, self.labels, classes)

    def content(self) -> Iterator[Tensor]:
        """Yield images and labels."""
        yield from (self.images, self.labels)

    def __repr__(self) -> str:
        return f"Split({plural(len(self), 'image')}, {shape_text(self.shape)})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set to learn from and to report on.

    Args:
        name: registry name, with the path for data of the user's own.
        train: examples to learn from; hold out of these to validate.
        test: examples to report on.
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
    train: Examples
    test: Examples
    classes: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for part, split in (("train", self.train), ("test", self.test)):
            split.check(f"{self.name}, {part}", len(self.classes))
        if self.train.shape != self.test.shape:
            raise DataError(
                f"{self.name}: train {self.train.noun} are {shape_text(self.train.shape)}, test {self.test.noun} are "
                f"{shape_text(self.test.shape)}; make them the same size"
            )
        if len(self.classes) < self.train.fewest_classes:
            raise DataError(f"{self.name}: expected at least two classes, got {len(self.classes)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input as a network sees it: C×H×W for images, letters×length for texts."""
        return self.train.shape

    def __repr__(self) -> str:
        counts = f"{len(self.train)} train, {len(self.test)} test"
        return (
            f"Dataset({self.name}: {counts}, {shape_text(self.shape)}, {plural(len(self.classes), 'class', 'classes')})"
        )


_digests: WeakKeyDictionary[Dataset, str] = WeakKeyDictionary()


def digest(dataset: Dataset) -> str:
    """Identify data by sixteen hexadecimal digits: SHA-256 over shapes, inputs and targets.

    Names, notes and memory layout do not count. For pictures that stay in their files, file names and sizes count.

    Example:
        >>> split = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
        >>> digest(Dataset("one", split, split, ("no", "yes"))) == digest(Dataset("other", split, split, ("a", "b")))
        True
    """
    if dataset not in _digests:
        sha = hashlib.sha256()
        for split in (dataset.train, dataset.test):
            for tensor in split.content():
                sha.update(str(tuple(tensor.shape)).encode())
                sha.update(tensor.cpu().contiguous().numpy().data)
        _digests[dataset] = sha.hexdigest()[:16]
    return _digests[dataset]


def map_images(dataset: Dataset, name: str, change: Callable[[Tensor], Tensor], note: str) -> Dataset:
    """Change every image of a data set.

    Args:
        dataset: what to change; its splits are in memory.
        name: of the new data set.
        change: turns uint8 images N×C×H×W into others.
        note: describes the change; it precedes the data set's own note.
    """

    def apply(split: Examples) -> Split:
        assert isinstance(split, Split)
        return Split(change(split.images), split.labels)

    notes = "; ".join(filter(None, (note, dataset.note)))
    return Dataset(name, apply(dataset.train), apply(dataset.test), dataset.classes, notes)


def check_counts(where: str, **counts: int) -> None:
    """Make sure that there is one target for each input.

    Args:
        where: data set and part, for errors.
        **counts: singular noun → count, of the inputs and then of their targets.

    Raises:
        DataError: the counts differ.

    Example:
        >>> check_counts("blank, train", image=2, label=1)
        Traceback (most recent call last):
        rectifiers.core.errors.DataError: blank, train: 2 images but 1 label; expected one label for each image
    """
    (noun, inputs), (target, targets) = counts.items()
    if inputs != targets:
        raise DataError(
            f"{where}: {plural(inputs, noun)} but {plural(targets, target)}; expected one {target} for each {noun}"
        )


def check_labels(where: str, labels: Tensor, classes: int) -> None:
    """Make sure that labels lie between 0 and the number of classes − 1.

    Raises:
        DataError: a label is outside.
    """
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(f"{where}: labels run from {low} to {high}, expected 0 to {classes - 1}")


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape with multiplication signs.

    >>> shape_text((3, 32, 32))
    '3×32×32'
    """
    return "×".join(map(str, shape))
