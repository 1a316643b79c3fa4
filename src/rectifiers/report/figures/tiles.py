"""Pictures of tensors: images and maps as pixels, without axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .style import INK


def tile(axis: Axes, image: Tensor, *, low: float, high: float, title: str = "") -> None:
    """Draw one image or map.

    Args:
        axis: where.
        image: (C, H, W), or (H, W).
        low: value drawn in black.
        high: value drawn in white.
        title: above it.
    """
    axis.set_axis_off()
    axis.set_title(title, fontsize=7.5, fontweight="normal", loc="center", color=INK)
    scale = high - low if high > low else 1.0
    pixels = ((mosaic(image) - low) / scale).clamp(0, 1)
    # What is not finite is left out.
    axis.imshow(np.ma.masked_invalid(pixels.numpy()), cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def image_rows(
    images: Tensor, others: int, *, width: float, height: float
) -> tuple[Figure, list[tuple[Sequence[Axes], float, float]]]:
    """Make a figure with a row for each image: the image itself, and room for other tiles beside it.

    Args:
        images: (N, C, H, W).
        others: number of other tiles in a row.
        width: of a tile, in inches.
        height: of a row, in inches.

    Returns:
        The figure, and for each row the axes of the other tiles and the range of the image.
    """
    figure = Figure(figsize=(width * (others + 1), height * len(images)), layout="constrained")
    rows = []
    for image, axes in zip(images, figure.subplots(len(images), others + 1, squeeze=False), strict=True):
        low, high = float(image.min()), float(image.max())
        tile(axes[0], image, low=low, high=high, title="image")
        rows.append((axes[1:], low, high))
    return figure, rows


def mosaic(image: Tensor) -> Tensor:
    """Lay out pixels for matplotlib: (H, W, 3) for three channels, else all channels in a square of (rows, columns).

    Example:
        >>> import torch
        >>> tuple(mosaic(torch.zeros(3, 4, 5)).shape), tuple(mosaic(torch.zeros(6, 4, 5)).shape)
        ((4, 5, 3), (8, 15))
    """
    image = image.detach().float().cpu()
    if image.ndim == 3 and len(image) == 3:
        return image.permute(1, 2, 0)
    # The slices of a volume lie below one another; one dimension makes a row.
    planes = image.reshape(len(image) if image.ndim > 2 else 1, -1, image.shape[-1])
    columns = math.ceil(math.sqrt(len(planes)))
    rows = -(-len(planes) // columns)
    grid = planes.new_full((rows * columns, *planes.shape[1:]), math.nan)
    grid[: len(planes)] = planes
    height, width = planes.shape[1:]
    return grid.view(rows, columns, height, width).transpose(1, 2).reshape(rows * height, columns * width)
