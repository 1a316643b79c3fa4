"""The binary form of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): one record per image, labels before pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch

from ..core.errors import DataError
from .dataset import Dataset, Split
from .published import PublishedSource

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


class CIFAR(PublishedSource):
    """Base of both data sets: an archive of files of records.

    Class attributes:
        train: files to learn from.
        test: the file to test on.
        class_names: the file with a class's name in each line.
        labels: label bytes before the pixels; the last one counts.
    """

    folders: ClassVar[tuple[str, ...]] = ("cifar",)
    train: ClassVar[tuple[str, ...]]
    test: ClassVar[str]
    class_names: ClassVar[str]
    labels: ClassVar[int]

    def load(self, data_dir: Path) -> Dataset:
        """Read the records out of the archive."""
        archive = self.open(data_dir)
        classes = tuple(archive.read(self.class_names).decode().split())

        def split(names: Sequence[str]) -> Split:
            parts = [decode(archive.read(name), archive.where(name), self.labels, len(classes)) for name in names]
            return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))

        return Dataset(self.name, train=split(self.train), test=split((self.test,)), classes=classes)


def decode(content: bytes, name: str, labels: int, classes: int) -> Split:
    """Read the images in a file of records.

    Args:
        content: bytes of the file.
        name: name of the file, for errors.
        labels: label bytes before the 3×32×32 pixels of each image; the last one counts.
        classes: number of classes.

    Raises:
        DataError: the file ends within a record, or a label is out of range.

    Example:
        >>> decode(bytes([7, *range(256)] + [0] * 2816), "record", labels=1, classes=10).labels
        tensor([7])
    """
    record = labels + _PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{name}: expected records of {record:,} bytes, found {len(content):,} bytes; "
            "delete the archive and get it again"
        )
    # A bytearray, because torch warns about memory that it could not write.
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(-1, record)
    label = records[:, labels - 1].long()
    if wrong := (label >= classes).nonzero().flatten().tolist():
        raise DataError(
            f"{name}, record {wrong[0] + 1}: label {label[wrong[0]]}, expected 0 to {classes - 1}; "
            "delete the archive and get it again"
        )
    return Split(records[:, labels:].reshape(-1, 3, _SIDE, _SIDE), label)
