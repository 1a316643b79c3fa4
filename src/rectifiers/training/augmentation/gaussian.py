"""Images blurred by a Gaussian filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.lazy import torch
from ...datasets.blur import gaussian_blur, radius
from .transform import Transform, at_least, uniform

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 0.1


@dataclass(frozen=True)
class Gaussian(Transform):
    """Blurred by a Gaussian filter of a random width, 0.1 pixels to this: gaussian:1.

    Args:
        sigma: the largest standard deviation, in pixels.
    """

    sigma: float

    def __post_init__(self) -> None:
        at_least("gaussian", self.sigma, _LEAST)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standard deviations."""
        return uniform((shape[0],), _LEAST, self.sigma, generator)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Blur."""
        return gaussian_blur(images, drawn, radius(self.sigma))
