"""Pictures that stay in their files until a batch asks for them, for data that do not fit into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.wording import plural
from .batches import Normalise
from .class_folders import labels, parts
from .dataset import Dataset, check_counts, check_labels
from .examples import LabelledExamples, Which
from .picture import decode
from .source import PathSource
from .tree import Tree, open_tree
from .views import centre_crop

if TYPE_CHECKING:
    from torch import Tensor

STORED, SEEN = 256, 224
"""Pixels of the square that a batch takes of each picture, and of its centre, which is evaluated (Krizhevsky,
Sutskever, Hinton, 2012)."""
_MEASURED = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Streamed(LabelledExamples):
    """Pictures of any size, and their labels; the shorter side is resized to 256 pixels, the centre kept.

    Random crops are taken from these 256×256 pixels; the central 224×224 are evaluated.

    Args:
        tree: where the files are.
        files: their names.
        labels: int64, N, counted from 0.
    """

    streams: ClassVar[bool] = True

    tree: Tree
    files: Sequence[str]
    labels: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """3×224×224."""
        return (3, SEEN, SEEN)

    def take(self, which: Which) -> Tensor:
        """Take the central 224×224 pixels."""
        return centre_crop(self.whole(which), (SEEN, SEEN))

    def whole(self, which: Which) -> Tensor:
        """Take the central 256×256 pixels: uint8, N×3×256×256.

        Raises:
            DataError: a picture cannot be read.
        """
        files = self.files[which] if isinstance(which, slice) else [self.files[index] for index in which.tolist()]
        # Threads are not in the inference mode of whoever evaluates, and could not write over a tensor that is.
        with torch.inference_mode(False):
            images = torch.empty(len(files), STORED, STORED, 3, dtype=torch.uint8)

        def fill(index: int) -> None:
            images[index] = _square(self.tree, files[index])

        # Where several processes fetch batches, each has one thread.
        threads = 1 if torch.utils.data.get_worker_info() else min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            # The list raises what a thread raised.
            list(pool.map(fill, range(len(files))))
        return images.permute(0, 3, 1, 2)

    def part(self, mask: Tensor) -> Streamed:
        """Select the pictures for which a boolean mask holds, in their order."""
        return Streamed(
            self.tree, [self.files[index] for index in mask.nonzero().flatten().tolist()], self.labels[mask]
        )

    def numbers(self, kind: str, *, channels_last: bool = False) -> Normalise:
        """Make the normalisation called `kind`, measured on up to 1,000 pictures, evenly spread."""
        if kind != "standard":
            return Normalise.named(kind, channels_last=channels_last)
        some = torch.arange(0, len(self), max(1, len(self) // _MEASURED))[:_MEASURED]
        return Normalise.fit(kind, self.take(some), channels_last=channels_last)

    def check(self, where: str, classes: int) -> None:
        """Make sure that pictures and labels fit together."""
        check_counts(where, picture=len(self.files), label=len(self.labels))
        check_labels(where, self.labels, classes)

    def content(self) -> Iterator[Tensor]:
        """Yield names and sizes of the files, and labels."""
        listing = "\n".join(f"{name} {self.tree.size(name)}" for name in self.files)
        yield from (
            torch.frombuffer(bytearray(listing.encode(errors="surrogateescape")), dtype=torch.uint8),
            self.labels,
        )

    def __repr__(self) -> str:
        return f"Streamed({plural(len(self), 'picture')})"


class StreamedFolder(PathSource):
    """Your own pictures of any size in one folder per class, too many for memory: pictures:PATH.

    PATH is laid out as for folder:PATH. The shorter side of each picture is resized to 256 pixels; random crops are
    taken from the central 256×256, and the central 224×224 are evaluated.
    """

    def load(self, data_dir: Path) -> Dataset:
        """List the pictures; none is decoded."""
        return stream(f"pictures:{self.given}", open_tree(self.path))


def stream(name: str, tree: Tree) -> Dataset:
    """Make a data set of pictures that stay in their files.

    Args:
        name: of the data set.
        tree: the class folders; see `class_folders.parts`.

    Raises:
        DataError: there are fewer than two classes, too few pictures of one, or train and test have different classes.
    """
    *both, note = parts(tree)
    train, test = (Streamed(tree, [file for files in part.values() for file in files], labels(part)) for part in both)
    return Dataset(name, train, test, classes=tuple(both[0]), note=note)


def _square(tree: Tree, name: str) -> Tensor:
    """Resize a picture's shorter side to 256 and keep its centre: uint8, 256×256×3."""
    import numpy as np
    from PIL import Image

    image, _ = decode(tree, name)
    short = min(image.size)
    if short != STORED:
        width, height = (STORED * side // short for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return centre_crop(torch.from_numpy(np.array(image)).permute(2, 0, 1), (STORED, STORED)).permute(1, 2, 0)
