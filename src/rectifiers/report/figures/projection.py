"""Images, what a layer's filters span of them, and what comes back from its output."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from .canvas import drawing_style
from .tiles import image_rows, tile


def projection_figure(images: Tensor, projected: Tensor, back: Tensor, most: int = 4) -> Figure:
    """Draw a row for each image: the image, its projection onto the filters, and the reconstruction.

    Args:
        images: the originals, (N, C, H, W).
        projected: what the filters span of them.
        back: what is reconstructed from CReLU's output.
        most: images to show.
    """
    with drawing_style():
        figure, rows = image_rows(images[:most].float().cpu(), 2, width=1.3, height=1.45)
        for number, (axes, low, high) in enumerate(rows):
            for axis, title, shown in zip(axes, ("projection", "reconstruction"), (projected, back), strict=True):
                tile(axis, shown[number].float().cpu(), low=low, high=high, title=title)
    return figure
