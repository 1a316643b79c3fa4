"""Filters beside their opposites, and how opposite they are, as in Figures 1 to 3 of the CReLU paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...analysis.inside.pairing import FilterPairs
from .canvas import drawing_style, panels
from .style import MUTED, SERIES
from .tiles import tile


def filters_figure(found: FilterPairs, most: int = 24) -> Figure:
    """Draw each filter with its pairing filter to the right, both of unit length; the most opposite come first.

    Args:
        found: the filters of one layer.
        most: pairs to show.
    """
    order = found.similarity.nan_to_num(2).argsort(stable=True)
    order = order[found.partner[order] >= 0][:most]
    columns = min(6, max(1, len(order)))
    rows = max(1, -(-len(order) // columns))
    with drawing_style():
        figure = Figure(figsize=(1.5 * columns, 0.8 * rows + 0.2))
        # Every third column is a gap between pairs.
        edges = {"left": 0.01, "right": 1, "bottom": 0.02, "top": 1 - 0.25 / (0.8 * rows + 0.2), "hspace": 0.35}
        axes = figure.subplots(
            rows, 3 * columns, squeeze=False, width_ratios=(1, 1, 0.3) * columns, gridspec_kw={**edges, "wspace": 0.05}
        ).ravel()
        for axis in axes:
            axis.set_axis_off()
        for index, number in enumerate(order.tolist()):
            for side, shown in enumerate((number, int(found.partner[number]))):
                filter_ = found.filters[shown].float()
                filter_ = filter_ / filter_.norm()
                bound = float(filter_.abs().max())
                title = f"{float(found.similarity[number]):.2f}".replace("-", "−") if side else ""
                tile(axes[3 * index + side], filter_, low=-bound, high=bound, title=title)
    return figure


def pairing_figure(found: Mapping[str, Sequence[FilterPairs]]) -> Figure:
    """Draw histograms of μ, a row of panels for each network and a panel for each layer; random filters in grey.

    Args:
        found: the layers of each network by its label.
    """
    widest = max(len(layers) for layers in found.values())
    values = [layer.similarity for layers in found.values() for layer in layers]
    bins = np.linspace(-1, max(0.2, float(torch.cat(values).nan_to_num(-1).max())), 37).tolist()
    with drawing_style():
        figure, axes = panels(
            len(found) * widest, width=max(1.6, 7.4 / widest), height=1.7, most=widest, sharex=True, sharey="row"
        )
        for row, (label, layers) in enumerate(found.items()):
            colour = SERIES[row % len(SERIES)]
            line = axes[row * widest : (row + 1) * widest]
            for spare in line[len(layers) :]:
                spare.remove()
            for axis, layer in zip(line, layers, strict=False):
                axis.set_title(layer.layer, fontsize=8.5, fontweight="normal")
                for cosines, tint in ((layer.random, MUTED), (layer.similarity, colour)):
                    finite = cosines[cosines.isfinite()].numpy()
                    weights = np.full(len(finite), 1 / max(1, len(finite)))
                    axis.hist(finite, bins, weights=weights, color=tint, alpha=0.55)
                    axis.axvline(finite.mean() if len(finite) else np.nan, color=tint, linewidth=1.2)
            line[0].set_ylabel(label, color=colour, fontweight="bold")
        figure.supxlabel("μ, smallest cosine with another filter", fontsize=9)
        handles = [Patch(color=SERIES[row % len(SERIES)], alpha=0.55, label=label) for row, label in enumerate(found)]
        handles.append(Patch(color=MUTED, alpha=0.55, label="random filters"))
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure
