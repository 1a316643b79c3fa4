"""Maps before and after an activation, as in Figure 1 of the AReLU paper."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from ...analysis.inside.activation_maps import FeatureMaps
from .canvas import drawing_style
from .tiles import tile


def feature_maps_figure(found: FeatureMaps, image: int = 0, most: int = 8) -> Figure:
    """Draw the first maps that go in above the first that come out, both on one scale.

    Args:
        found: the maps at one activation.
        image: index of the image.
        most: channels to show.
    """
    before, after = found.before[image], found.after[image]
    columns = min(most, max(len(before), len(after)))
    both = torch.cat([before, after])
    bound = float(both.where(both.isfinite(), 0.0).abs().max())
    with drawing_style():
        figure = Figure(figsize=(0.95 * columns, 2.1), layout="constrained")
        grid = figure.subplots(2, columns, squeeze=False)
        for axes, maps, name in zip(grid, (before, after), ("before", "after"), strict=True):
            for axis in axes[len(maps) :]:
                axis.set_axis_off()
            for channel, (axis, plane) in enumerate(zip(axes, maps, strict=False)):
                tile(axis, plane, low=-bound, high=bound, title=f"{name}, {channel}")
    return figure
