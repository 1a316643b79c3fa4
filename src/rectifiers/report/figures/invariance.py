"""Invariance scores layer by layer, as in Figure 4 of the CReLU paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ...analysis.inside.invariance import Invariance
from ...experiments.statistics import summarise
from .canvas import legend, look, panels
from .style import SERIES, Style


def invariance_figure(found: Mapping[str, Sequence[Sequence[Invariance]]]) -> Figure:
    """One panel for each family of transforms, one line for each network: the mean over its trainings.

    Bands are 95 % t-intervals over the trainings.

    Args:
        found: the layers of each training of each network, by the network's label.
    """
    styles = {label: Style(SERIES[row % len(SERIES)]) for row, label in enumerate(found)}
    families = list(next(iter(found.values()))[0][0].scores)
    with look():
        figure, axes = panels(len(families), width=2.6, height=2.6, sharex=True)
        for axis, family in zip(axes, families, strict=True):
            axis.set_title(family)
            for label, trainings in found.items():
                depth = range(1, len(trainings[0]) + 1)
                layers = zip(*trainings, strict=True)
                points = [summarise([training.score(family) for training in layer]) for layer in layers]
                axis.plot(depth, [point.mean for point in points], color=styles[label].colour, marker="o", markersize=3)
                if len(trainings) > 1:
                    low, high = [point.low for point in points], [point.high for point in points]
                    axis.fill_between(depth, low, high, color=styles[label].colour, alpha=0.14, linewidth=0)
            axis.set_ylim(bottom=0)
        figure.supxlabel("activation, in forward order", fontsize=9)
        figure.supylabel("invariance score", fontsize=9)
        legend(figure, styles)
    return figure
