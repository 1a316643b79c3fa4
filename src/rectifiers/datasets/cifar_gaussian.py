"""CIFAR through a Gaussian filter, as the PVLU paper tests how functions adapt to noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from .blur import gaussian_blur, radius
from .cifar10 import CIFAR10
from .cifar100 import CIFAR100
from .dataset import Dataset, map_images

if TYPE_CHECKING:
    from torch import Tensor

SIGMA = 1.0
NOTE = "images blurred by a Gaussian filter of 1 pixel; our copy of the PVLU paper does not show the width"


def _blur(images: Tensor) -> Tensor:
    return gaussian_blur(images, torch.full((len(images),), SIGMA), radius(SIGMA))


class CIFAR10Gaussian(CIFAR10):
    """CIFAR-10, blurred with a standard deviation of 1 pixel: 50,000 + 10,000 colour images of 32×32, 10 classes."""

    name: ClassVar[str] = "cifar10-gaussian"

    def load(self, data_dir: Path) -> Dataset:
        """Read CIFAR-10 and blur it."""
        return map_images(super().load(data_dir), self.name, _blur, NOTE)


class CIFAR100Gaussian(CIFAR100):
    """CIFAR-100, blurred with a standard deviation of 1 pixel: 50,000 + 10,000 colour images of 32×32, 100 classes."""

    name: ClassVar[str] = "cifar100-gaussian"

    def load(self, data_dir: Path) -> Dataset:
        """Read CIFAR-100 and blur it."""
        return map_images(super().load(data_dir), self.name, _blur, NOTE)
