"""One image as networks segment it, as in Figure 9 of the AReLU paper."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from .canvas import drawing_style
from .style import SERIES
from .tiles import tile


def segmentation_figure(image: Tensor, mask: Tensor, found: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Draw a row for each function and a column for each of its networks; the true mask is outlined everywhere.

    Args:
        image: the original, (C, H, W).
        mask: (H, W), true where there is something to find.
        found: function → label of the network → (H, W), true where it finds something.
    """
    columns = list(dict.fromkeys(column for networks in found.values() for column in networks))
    low, high = float(image.min()), float(image.max())
    grey = image.float().cpu().mean(0)
    with drawing_style():
        figure = Figure(figsize=(1.7 * (len(columns) + 1), 1.85 * len(found)), layout="constrained")
        grid = figure.subplots(len(found), len(columns) + 1, squeeze=False)
        for axes, (row, networks) in zip(grid, found.items(), strict=True):
            for axis, label in zip(axes, ("image", *columns), strict=True):
                title = label if label == "image" else f"{row}, {label}"
                tile(axis, image if label == "image" else grey, low=low, high=high, title=title)
                if label in networks:
                    area = networks[label].float().cpu()
                    axis.imshow(area.where(area > 0, float("nan")).numpy(), cmap="autumn", alpha=0.55, vmin=0, vmax=1)
                if mask.any() and not mask.all():
                    axis.contour(mask.float().cpu().numpy(), [0.5], colors=SERIES[0], linewidths=0.8)
    return figure
