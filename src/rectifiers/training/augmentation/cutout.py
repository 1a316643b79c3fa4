"""Cutout: a square of each image blacked out (DeVries and Taylor, 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.lazy import torch
from .transform import Transform, at_least

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Cutout(Transform):
    """A black square around a random pixel, cut off at the border: cutout:16.

    Args:
        side: pixels of the square.
    """

    side: int

    def __post_init__(self) -> None:
        at_least("cutout", self.side, 1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """First row and column of each square; may lie outside."""
        centres = (torch.randint(size, (shape[0],), generator=generator, device="cpu") for size in shape[2:])
        return torch.stack(tuple(centres), 1) - self.side // 2

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Black out."""

        def inside(first: Tensor, size: int) -> Tensor:
            offset = torch.arange(size, device=images.device) - first[:, None]
            return (offset >= 0) & (offset < self.side)

        rows, columns = inside(drawn[:, 0], images.shape[2]), inside(drawn[:, 1], images.shape[3])
        return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)
