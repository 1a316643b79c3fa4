"""Colours shifted along their principal components, as Krizhevsky et al. (2012) do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.errors import ShapeError
from ...core.lazy import torch
from .transform import Transform, at_least

if TYPE_CHECKING:
    from torch import Tensor

EIGENVALUES = (55.46, 4.794, 1.148)
COMPONENTS = ((-0.5675, -0.5808, -0.5836), (0.7192, -0.0045, -0.6948), (0.4009, -0.8140, 0.4203))
"""Of the RGB values of ImageNet, 0 to 255: red, green and blue of each component.

Krizhevsky et al. do not print them; these are the customary ones, of the ResNet implementation in Torch (Gross and
Wilber, 2016), there in units of 255.
"""


@dataclass(frozen=True)
class PCA(Transform):
    """Colours shifted along ImageNet's principal components, by normal multiples of their eigenvalues: pca:0.1.

    All pixels of an image are shifted alike, and rounded to whole values from 0 to 255.

    Args:
        std: standard deviation of the multiples.
    """

    std: float

    def __post_init__(self) -> None:
        at_least("pca", self.std, 0)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Shifts of red, green and blue, N×3."""
        if shape[1] != 3:
            raise ShapeError(f"augmentation 'pca' shifts red, green and blue, but the images have {shape[1]} channels")
        multiples = torch.empty(shape[0], 3, dtype=torch.float32, device="cpu").normal_(
            0, self.std, generator=generator
        )
        return multiples * multiples.new_tensor(EIGENVALUES) @ multiples.new_tensor(COMPONENTS)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Shift."""
        return (images + drawn[:, :, None, None]).round_().clamp_(0, 255).to(torch.uint8)
