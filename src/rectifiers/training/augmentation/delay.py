"""Texts that begin later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import torch
from .transform import Transform, at_least

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Delay(Transform):
    """Moved back by up to that many characters, nothing in front; what passes the end is lost: delay:60.

    Args:
        characters: at most, at least 0.
    """

    takes: ClassVar[str] = "texts"

    characters: int

    def __post_init__(self) -> None:
        at_least("delay", self.characters, 0)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Characters by which each text moves."""
        return torch.randint(self.characters + 1, (shape[0],), generator=generator, device="cpu")

    def apply(self, texts: Tensor, drawn: Tensor) -> Tensor:
        """Move.

        Args:
            texts: uint8, N×length: codes of characters, 0 for none.
            drawn: int64, N.

        Example:
            >>> Delay(2).apply(torch.tensor([[7, 8, 9], [7, 8, 9]]), torch.tensor([0, 1]))
            tensor([[7, 8, 9],
                    [0, 7, 8]])
        """
        places = torch.arange(texts.shape[1], device=texts.device) - drawn[:, None]
        return texts.gather(1, places.clamp(min=0)).masked_fill_(places < 0, 0)
