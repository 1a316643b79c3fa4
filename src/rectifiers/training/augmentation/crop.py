"""Random crops of padded images, the usual augmentation of CIFAR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import functional as F
from ...core.lazy import torch
from .transform import Transform, at_least, window

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Crop(Transform):
    """Black margins of that many pixels on all sides, and a random window of the image's own size: crop:4.

    Args:
        margin: pixels.
    """

    moves: ClassVar[bool] = True

    margin: int

    def __post_init__(self) -> None:
        at_least("crop", self.margin, 1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """First row and column of each window in the padded image."""
        return torch.randint(2 * self.margin + 1, (shape[0], 2), generator=generator, device="cpu")

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Pad and cut."""
        padded = F.pad(images, (self.margin,) * 4)
        return window(padded, drawn[:, 0], drawn[:, 1], *images.shape[2:])
