"""SVHN cropped to the size of MNIST, as the AReLU paper transfers to it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .dataset import Dataset, map_images
from .source import Size
from .svhn import SVHN

_BORDER = 2


class SVHN28(SVHN):
    """SVHN without its border of 2 pixels: 73,257 + 26,032 colour images of 28×28, 10 classes."""

    name: ClassVar[str] = "svhn-28"
    size: ClassVar[Size | None] = Size((3, 28, 28), 10, 73_257, 26_032, 0.246)

    def load(self, data_dir: Path) -> Dataset:
        """Read SVHN and keep the centres."""
        return map_images(
            super().load(data_dir),
            self.name,
            lambda images: images[..., _BORDER:-_BORDER, _BORDER:-_BORDER].contiguous(),
            "the central 28×28 pixels",
        )
