"""Small movements of images that a network may be blind to: translations, rotations, flips."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Callable[[Tensor], Tensor]
"""From images (N, C, H, W) to images of the same shape."""


def translations(pixels: Sequence[int] = (1, 2, 4)) -> list[Transform]:
    """Shifts by so many pixels in the four directions; the border is repeated where the image ends.

    Example:
        >>> right, left, down, up = translations([1])
        >>> right(torch.tensor([[[[1.0, 2.0, 3.0]]]])).tolist()
        [[[[1.0, 1.0, 2.0]]]]
    """
    return [
        partial(_shift, across=across * step, along=along * step)
        for step in pixels
        for across, along in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]


def rotations(degrees: Sequence[float] = (-15, -10, -5, 5, 10, 15)) -> list[Transform]:
    """Turns about the centre, bilinear; the border is repeated where the image ends.

    Example:
        >>> quarter, = rotations([90])
        >>> quarter(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).round(decimals=4).tolist()
        [[[[2.0, 4.0], [1.0, 3.0]]]]
    """
    return [partial(_turn, angle=math.radians(angle)) for angle in degrees]


def flips() -> list[Transform]:
    """Left and right exchanged."""
    return [partial(torch.flip, dims=(-1,))]


def _shift(images: Tensor, across: int, along: int) -> Tensor:
    height, width = images.shape[-2:]
    rows = (torch.arange(height, device=images.device) - along).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - across).clamp(0, width - 1)
    return images[..., rows, :][..., columns]


def _turn(images: Tensor, angle: float) -> Tensor:
    height, width = images.shape[-2:]
    cosine, sine = math.cos(angle), math.sin(angle)
    # The grid is in half image sides, which need not be equal.
    matrix = images.new_tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]])
    grid = F.affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
