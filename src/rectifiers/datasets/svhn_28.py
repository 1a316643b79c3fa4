"""SVHN cropped to the size of MNIST, as the AReLU paper transfers to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from .dataset import Dataset, Split
from .svhn import SVHN

_BORDER = 2


class SVHN28(SVHN):
    """SVHN without its border of 2 pixels: 73,257 + 26,032 colour images of 28×28, 10 classes."""

    name: ClassVar[str] = "svhn-28"

    def load(self, data_dir: Path) -> Dataset:
        """Read SVHN and keep the centres."""

        def crop(split: Split) -> Split:
            return replace(split, images=split.images[..., _BORDER:-_BORDER, _BORDER:-_BORDER].contiguous())

        whole = super().load(data_dir)
        note = f"the central 28×28 pixels; {whole.note}"
        return replace(whole, train=crop(whole.train), test=crop(whole.test), note=note)
