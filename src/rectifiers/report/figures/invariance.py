"""Invariance scores layer by layer, as in Figure 4 of the CReLU paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ...analysis.inside.invariance import Invariance
from .canvas import drawing_style, legend, panels, plot_mean
from .style import SERIES, Style


def invariance_figure(found: Mapping[str, Sequence[Sequence[Invariance]]]) -> Figure:
    """Draw a panel for each family of transforms, and a line for each network: the mean over its runs.

    Bands are 95 % t-intervals over the runs.

    Args:
        found: the layers of each run of each network, by the network's label.
    """
    styles = {label: Style(SERIES[row % len(SERIES)]) for row, label in enumerate(found)}
    families = list(next(iter(found.values()))[0][0].scores)
    with drawing_style():
        figure, axes = panels(len(families), width=2.6, height=2.6, sharex=True)
        for axis, family in zip(axes, families, strict=True):
            axis.set_title(family)
            for label, runs in found.items():
                depth = range(1, len(runs[0]) + 1)
                scores = ([layer.score(family) for layer in layers] for layers in zip(*runs, strict=True))
                plot_mean(axis, depth, scores, band=len(runs) > 1, color=styles[label].colour, marker="o", markersize=3)
            axis.set_ylim(bottom=0)
        figure.supxlabel("activation, in forward order", fontsize=9)
        figure.supylabel("invariance score", fontsize=9)
        legend(figure, styles)
    return figure
