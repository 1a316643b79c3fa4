"""MNIST with three channels, to transfer from MNIST to SVHN as the AReLU paper does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from .dataset import Dataset, Split
from .mnist import MNIST


class MNISTColour(MNIST):
    """MNIST with the grey channel three times: 60,000 + 10,000 images of 3×28×28, 10 classes."""

    name: ClassVar[str] = "mnist-colour"

    def load(self, data_dir: Path) -> Dataset:
        """Read MNIST; the three channels are views of one."""

        def colour(split: Split) -> Split:
            return replace(split, images=split.images.expand(-1, 3, -1, -1))

        grey = super().load(data_dir)
        return replace(
            grey,
            train=colour(grey.train),
            test=colour(grey.test),
            note="the grey channel repeated three times; the AReLU paper only says that MNIST is coloured",
        )
