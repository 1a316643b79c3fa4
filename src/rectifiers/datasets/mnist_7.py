"""MNIST in 7×7 pixels, for networks of which thirty learn in the time of one."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from .dataset import Dataset, map_images
from .mnist import MNIST
from .source import Size

_SIDE = 4


def _shrink(images: Tensor) -> Tensor:
    return F.avg_pool2d(images.float(), _SIDE).round().to(images.dtype)


class MNIST7(MNIST):
    """MNIST with every 4×4 pixels made one: 60,000 + 10,000 grey images of 7×7, 10 classes."""

    name: ClassVar[str] = "mnist-7"
    size: ClassVar[Size | None] = Size((1, 7, 7), 10, 60_000, 10_000, 0.012)

    def load(self, data_dir: Path) -> Dataset:
        """Read MNIST and take the mean of every 4×4 pixels, rounded."""
        return map_images(super().load(data_dir), self.name, _shrink, "the mean of every 4×4 pixels, rounded")
