"""Images rebuilt from each layer, as in Figure 5 of the CReLU paper."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ...analysis.inside.reconstruction import Reconstruction
from .canvas import drawing_style
from .tiles import image_rows, tile


def reconstruction_figure(images: Tensor, found: Sequence[Reconstruction], most: int = 4) -> Figure:
    """Draw a row for each image: the image, then what is rebuilt from each layer, with its relative error.

    Args:
        images: the originals, (N, C, H, W).
        found: the layers, from the first.
        most: images to show.
    """
    shown = images[:most].float().cpu()
    with drawing_style():
        figure, rows = image_rows(shown, len(found), width=1.3, height=1.45)
        for number, (axes, low, high) in enumerate(rows):
            for axis, layer in zip(axes, found, strict=True):
                # All in the original's range, so that what is too bright or too dark shows.
                title = f"{layer.layer}: {float(layer.error[number]):.2f}"
                tile(axis, layer.images[number], low=low, high=high, title=title)
    return figure
