"""Random patches of larger images, as ImageNet's are trained on (Krizhevsky, Sutskever, Hinton, 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ShapeError
from ...core.lazy import torch
from .transform import Transform, at_least, window

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Patch(Transform):
    """A random square of that many pixels, without margins: patch:224.

    Args:
        side: pixels.
    """

    side: int
    crops: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("patch", self.side, 1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """First row and column of each patch."""
        count, _, height, width = shape
        if min(height, width) < self.side:
            raise ShapeError(f"augmentation 'patch:{self.side}' needs images of that size, got {height}×{width}")
        places = (
            torch.randint(size - self.side + 1, (count,), generator=generator, device="cpu") for size in (height, width)
        )
        return torch.stack(tuple(places), 1)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Cut."""
        return window(images, drawn[:, 0], drawn[:, 1], self.side, self.side)
