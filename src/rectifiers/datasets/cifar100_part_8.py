"""A part of CIFAR-100 in 8×8 pixels, for networks of which many learn in the time of one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from .cifar100 import CIFAR100Part
from .dataset import Dataset, map_images
from .views import shrink

_SIDE = 4


class CIFAR100Part8(CIFAR100Part):
    """Part of CIFAR-100 with every 4×4 pixels made one: colour images of 8×8, 100 classes."""

    name: ClassVar[str] = "cifar100-part-8"

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures, and take the mean of every 4×4 pixels, rounded."""
        note = "the mean of every 4×4 pixels, rounded"
        return map_images(super().load(data_dir), self.name, partial(shrink, side=_SIDE), note)
