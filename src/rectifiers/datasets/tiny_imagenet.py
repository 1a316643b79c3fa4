"""Tiny ImageNet: 200 of ImageNet's classes at 64×64 pixels (Stanford's course CS231n)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from .dataset import Dataset, Split
from .files import Resource
from .picture import decode_all
from .published import PublishedSource
from .source import Size

_ANNOTATIONS = "val/val_annotations.txt"


class TinyImageNet(PublishedSource):
    """Part of ImageNet: 100,000 + 10,000 colour images of 64×64, 200 classes; tested on its validation images.

    The archive lies in tiny-imagenet, or in the data folder itself; it is read without being unpacked.
    """

    name: ClassVar[str] = "tiny-imagenet"
    size: ClassVar[Size | None] = Size((3, 64, 64), 200, 100_000, 10_000, 0.248)
    folders: ClassVar[tuple[str, ...]] = ("tiny-imagenet",)
    # Its publisher states no hash; this MD5 is the one that public loaders of the file agree on.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource(
            "tiny-imagenet-200.zip",
            "90528d7ca1a48142e341f4ef8d21d0de",
            ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
        ),
    )

    def load(self, data_dir: Path) -> Dataset:
        """Decode the pictures in the archive; their published test images have no labels."""
        archive = self.open(data_dir)
        classes = tuple(archive.read("wnids.txt").decode().split())
        numbers = {name: number for number, name in enumerate(classes)}
        train = [(name, numbers[c]) for c in classes for name in archive.files(f"train/{c}/images")]
        test = []
        for line, row in enumerate(archive.read(_ANNOTATIONS).decode().splitlines(), start=1):
            name, label, *_ = (*row.split("\t"), "")
            if label not in numbers:
                raise DataError(
                    f"{archive.where(_ANNOTATIONS)}, line {line}: expected a class of wnids.txt, found {label!r}"
                )
            test.append((f"val/images/{name}", numbers[label]))

        def split(pictures: list[tuple[str, int]]) -> tuple[Split, Counter[str]]:
            images, modes = decode_all(archive, [name for name, _ in pictures])
            return Split(images, torch.tensor([label for _, label in pictures])), modes

        (train_split, train_modes), (test_split, test_modes) = split(train), split(test)
        modes = train_modes + test_modes
        return Dataset(
            self.name,
            train_split,
            test_split,
            classes,
            note="; ".join(
                ["tested on the validation images"]
                + [f"{count:,} pictures converted from {mode} to RGB" for mode, count in sorted(modes.items())]
            ),
        )
