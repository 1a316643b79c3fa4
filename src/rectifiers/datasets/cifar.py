"""The binary form of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): one record per image, labels before pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from .cifar_pictures import find, load_part, load_whole
from .dataset import Dataset, Split
from .published import PublishedSource
from .source import Availability, Source

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


class CIFAR(PublishedSource):
    """Base of both data sets: an archive of files of records, or lossless pictures in class folders.

    Class attributes:
        train: files to learn from.
        test: the file to test on.
        class_names: the file with a class's name in each line.
        labels: label bytes before the pixels; the last one counts.
        pictures: name, without its ending, of the folder or archive of pictures.
        digests: what the content of each part is known by; none where there was no whole copy to compute it from.
    """

    folders: ClassVar[tuple[str, ...]] = ("cifar",)
    train: ClassVar[tuple[str, ...]]
    test: ClassVar[str]
    class_names: ClassVar[str]
    labels: ClassVar[int]
    pictures: ClassVar[str]
    digests: ClassVar[Mapping[str, str]] = {}

    def look(self, data_dir: Path) -> Availability:
        """Look for the archive, or else for the pictures."""
        pictures = self._find_pictures(data_dir)
        return super().look(data_dir) if pictures is None else Availability(found=(pictures,))

    def fetch(self, data_dir: Path) -> None:
        """Download the archive unless the pictures are there."""
        if self._find_pictures(data_dir) is None:
            super().fetch(data_dir)

    def _find_pictures(self, data_dir: Path) -> Path | None:
        """Find the pictures; None where the archive is, which has the published order."""
        return None if super().look(data_dir).ready else find(data_dir, self.folders, self.pictures)

    def load(self, data_dir: Path) -> Dataset:
        """Read the records out of the archive, or decode the pictures."""
        pictures = self._find_pictures(data_dir)
        if pictures is not None:
            assert self.size is not None
            counts = {"train": self.size.train, "test": self.size.test}
            return load_whole(self.name, pictures, counts, self.digests)
        archive = self.open(data_dir)
        classes = tuple(archive.read(self.class_names).decode().split())

        def split(names: Sequence[str]) -> Split:
            parts = [decode(archive.read(name), archive.where(name), self.labels, len(classes)) for name in names]
            return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))

        return Dataset(self.name, train=split(self.train), test=split((self.test,)), classes=classes)


class CIFARPart(Source):
    """Base of parts of both data sets, as pictures.

    Class attributes:
        name: registry name, for errors and results.
        whole: the data set that it is part of.
    """

    name: ClassVar[str]
    whole: ClassVar[type[CIFAR]]

    def look(self, data_dir: Path) -> Availability:
        """Look for the folder or archive."""
        stem = f"{self.whole.pictures}-part"
        found = find(data_dir, self.whole.folders, stem)
        if found is not None:
            return Availability(found=(found,))
        advice = f"save pictures as {stem}/train/CLASS/*.png and {stem}/test/CLASS/*.png in the data folder"
        return Availability(missing=(f"{stem}.tar",), advice=f"{advice}, or use {self.whole.name}")

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures."""
        place = self.look(data_dir)
        if not place.ready:
            raise DataError(f"{self.name}: {place.missing[0]} is not in {data_dir}; {place.advice}")
        assert self.whole.size is not None
        counts = {"train": self.whole.size.train, "test": self.whole.size.test}
        return load_part(self.name, place.found[0], counts, self.whole.size.classes)


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
