"""Scikit-learn's digits in the size and the channels of larger data, for machines that lack those."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import functional as F
from .dataset import Dataset, map_images
from .digits import Digits

if TYPE_CHECKING:
    from torch import Tensor


class Digits28(Digits):
    """Handwritten digits embedded in scikit-learn, enlarged: 1,437 + 360 images of 3×28×28, 10 classes; no files."""

    name: ClassVar[str] = "digits-28"
    side: ClassVar[int] = 28

    def load(self, data_dir: Path) -> Dataset:
        """Enlarge the digits and repeat their grey channel."""
        return map_images(
            super().load(data_dir),
            self.name,
            self._enlarge,
            f"enlarged bilinearly from 8×8 to {self.side}×{self.side}, the grey channel repeated three times",
        )

    def _enlarge(self, grey: Tensor) -> Tensor:
        larger = F.interpolate(grey, size=(self.side, self.side), mode="bilinear", antialias=False)
        return larger.expand(-1, 3, -1, -1).contiguous()


class Digits32(Digits28):
    """Handwritten digits embedded in scikit-learn, enlarged: 1,437 + 360 images of 3×32×32, 10 classes; no files."""

    name: ClassVar[str] = "digits-32"
    side: ClassVar[int] = 32
