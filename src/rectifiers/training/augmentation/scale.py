"""Images made larger or smaller about their centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import functional as F
from ...core.lazy import torch
from .transform import Transform, at_least, uniform

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Scale(Transform):
    """Larger or smaller by up to this share, nearest pixel, of the same size and with a black border: scale:0.05.

    Args:
        share: of the sides, below 1.
    """

    moves: ClassVar[bool] = True

    share: float

    def __post_init__(self) -> None:
        at_least("scale", self.share, 0, 0.99)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Factors of the sides."""
        return uniform((shape[0],), 1 - self.share, 1 + self.share, generator)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Scale."""
        # Where a pixel comes from, in units in which either side is 2.
        source = torch.eye(2, 3, dtype=drawn.dtype, device=images.device) / drawn[:, None, None]
        grid = F.affine_grid(source, list(images.shape), align_corners=False)
        return F.grid_sample(images.float(), grid, mode="nearest", align_corners=False).to(torch.uint8)
