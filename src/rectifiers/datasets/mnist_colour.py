"""MNIST with three channels, to transfer from MNIST to SVHN as the AReLU paper does."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .dataset import Dataset, map_images
from .mnist import MNIST
from .source import Size


class MNISTColour(MNIST):
    """MNIST with the grey channel three times: 60,000 + 10,000 images of 3×28×28, 10 classes."""

    name: ClassVar[str] = "mnist-colour"
    size: ClassVar[Size | None] = Size((3, 28, 28), 10, 60_000, 10_000, 0.012)

    def load(self, data_dir: Path) -> Dataset:
        """Read MNIST; the three channels are views of one."""
        return map_images(
            super().load(data_dir),
            self.name,
            lambda grey: grey.expand(-1, 3, -1, -1),
            "the grey channel repeated three times; the AReLU paper only says that MNIST is coloured",
        )
