"""Random crops of any size and shape, resized (Szegedy et al., 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...core.lazy import functional as F
from ...core.lazy import torch
from .transform import Transform, at_least, uniform

if TYPE_CHECKING:
    from torch import Tensor

_AREA = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)
_TRIES = 10


@dataclass(frozen=True)
class ResizedCrop(Transform):
    """A random part of 8 to 100 % of the image, 3:4 to 4:3, resized to a square: resized-crop:224.

    Args:
        side: pixels of the square.
    """

    side: int
    crops: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("resized-crop", self.side, 1)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """First row, first column, height and width: of ten tries, the first that fits; else the centre."""
        count, _, height, width = shape
        area = height * width * uniform((_TRIES, count), *_AREA, generator)
        narrowest, broadest = map(math.log, _ASPECT)
        aspect = uniform((_TRIES, count), narrowest, broadest, generator).exp()
        rows, columns = (area / aspect).sqrt().round().long(), (area * aspect).sqrt().round().long()
        fits = (rows > 0) & (rows <= height) & (columns > 0) & (columns <= width)
        first = fits.long().argmax(0)
        found, each = fits.any(0), torch.arange(count, device="cpu")
        tall, broad = min(height, round(width / _ASPECT[0])), min(width, round(height * _ASPECT[1]))
        rows = torch.where(found, rows[first, each], tall)
        columns = torch.where(found, columns[first, each], broad)
        room = torch.stack((height - rows, width - columns))
        anywhere = (uniform((2, count), 0, 1, generator) * (room + 1)).long()
        top, left = torch.where(found, anywhere, room // 2)
        return torch.stack((top, left, rows, columns), 1)

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Cut and resize, image by image, for their sizes differ."""
        resized = images.new_empty(*images.shape[:2], self.side, self.side)
        for index, (top, left, rows, columns) in enumerate(drawn.tolist()):
            part = images[index : index + 1, :, top : top + rows, left : left + columns]
            pixels = F.interpolate(part.float(), size=(self.side, self.side), mode="bilinear", antialias=True)
            resized[index] = pixels[0].round_().clamp_(0, 255)
        return resized
