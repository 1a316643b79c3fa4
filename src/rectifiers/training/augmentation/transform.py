"""What a transform is: what it draws for a batch, and what it does with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Transform(ABC):
    """Base of all transforms: frozen, with one number to set at most.

    Class attributes:
        takes: what it is for, "images" or "texts".
        moves: whether it only moves pixels, whatever they are: then a mask can be moved along with its image.
        crops: whether it cuts images down to the size that a network sees.
    """

    takes: ClassVar[str] = "images"
    moves: ClassVar[bool] = False
    crops: ClassVar[bool] = False

    @abstractmethod
    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Random parameters of a batch, on the CPU: the same on every device.

        Args:
            shape: N, C, H, W.
            generator: where they come from.

        Returns:
            One row per image.

        Raises:
            ShapeError: the images are too small.
        """

    @abstractmethod
    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """The batch, transformed by given parameters.

        Args:
            images: uint8, N×C×H×W.
            drawn: what `draw` returned, on their device.
        """


def at_least(name: str, value: float, least: float, most: float = float("inf")) -> None:
    """Make sure that the number of a transform lies in its domain.

    Raises:
        ConfigError: it does not.
    """
    if not least <= value <= most:
        expected = f"at least {least:g}" if most == float("inf") else f"{least:g} to {most:g}"
        raise ConfigError(f"augmentation {name!r} expects {expected}, got {value:g}")


def uniform(sizes: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Random numbers on the CPU: float32, the same whatever PyTorch's default dtype and device are."""
    return torch.empty(sizes, dtype=torch.float32, device="cpu").uniform_(low, high, generator=generator)


def window(images: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """From each image the rows and columns that begin at a place of its own; beyond the border, the border's.

    Args:
        images: N×C×H×W.
        top: int64, N: first row; may lie outside.
        left: int64, N: first column.
        height: rows to take.
        width: columns to take.

    Returns:
        N×C×height×width, with channels innermost in memory.
    """

    def run(first: Tensor, count: int, size: int) -> Tensor:
        return (first[:, None] + torch.arange(count, device=images.device)).clamp_(0, size - 1)

    rows, columns = run(top, height, images.shape[2]), run(left, width, images.shape[3])
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
