"""Images turned about their centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import functional as F
from ...core.lazy import torch
from .transform import Transform, at_least, uniform

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rotate(Transform):
    """Turned by up to that many degrees either way, nearest pixel, corners black: rotate:15.

    Args:
        degrees: the largest angle.
    """

    moves: ClassVar[bool] = True

    degrees: float

    def __post_init__(self) -> None:
        at_least("rotate", self.degrees, 0, 180)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Angles in degrees, counter-clockwise."""
        return uniform((shape[0],), -self.degrees, self.degrees, generator)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Turn."""
        height, width = images.shape[2:]
        cos, sin, zero = drawn.deg2rad().cos(), drawn.deg2rad().sin(), torch.zeros_like(drawn)
        # Where a pixel comes from, in units in which either side is 2.
        source = torch.stack((cos, -sin * height / width, zero, sin * width / height, cos, zero), 1).view(-1, 2, 3)
        grid = F.affine_grid(source, list(images.shape), align_corners=False)
        return F.grid_sample(images.float(), grid, mode="nearest", align_corners=False).to(torch.uint8)
