"""MNIST in 7×7 pixels, for networks of which thirty learn in the time of one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from ..core.lazy import torch
from .dataset import Dataset, map_images
from .mnist import MNIST
from .source import Size
from .views import shrink

_SIDE, _TENTH = 4, 10


class MNIST7(MNIST):
    """MNIST with every 4×4 pixels made one: 60,000 + 1,000 grey images of 7×7, 10 classes."""

    name: ClassVar[str] = "mnist-7"
    size: ClassVar[Size | None] = Size((1, 7, 7), 10, 60_000, 1_000, 0.012)

    def load(self, data_dir: Path) -> Dataset:
        """Read MNIST, take the mean of every 4×4 pixels, rounded, and every tenth of the test images."""
        whole = super().load(data_dir)
        tested = whole.test.part(torch.arange(len(whole.test)) % _TENTH == 0)
        note = "the mean of every 4×4 pixels, rounded; tested are the 1st, 11th, 21st, … test image"
        return map_images(replace(whole, test=tested), self.name, partial(shrink, side=_SIDE), note)
