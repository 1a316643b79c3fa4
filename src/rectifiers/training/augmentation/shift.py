"""Images moved sideways and up or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import torch
from .transform import Transform, at_least, uniform, window

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Shift(Transform):
    """Moved by up to this share of its sides, in whole pixels; what comes in repeats the border: shift:0.1.

    Args:
        share: of width and height, 0 to 1.
    """

    moves: ClassVar[bool] = True

    share: float

    def __post_init__(self) -> None:
        at_least("shift", self.share, 0, 1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Pixels down and to the right."""
        reach = self.share * torch.tensor(shape[2:], device="cpu")
        return ((2 * uniform((shape[0], 2), 0, 1, generator) - 1) * reach).round().long()

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Move."""
        return window(images, -drawn[:, 0], -drawn[:, 1], *images.shape[2:])
