"""Mirrored images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import torch
from .transform import Transform

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Flip(Transform):
    """Left and right exchanged, in half of the images: flip."""

    moves: ClassVar[bool] = True

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Which images."""
        return torch.rand(shape[0], generator=generator, dtype=torch.float32, device="cpu") < 0.5

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Mirror."""
        return torch.where(drawn[:, None, None, None], images.flip(-1), images)
