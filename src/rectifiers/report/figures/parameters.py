"""Histograms of learned parameters layer by layer, as in Figure 6 of the ConvReLU paper."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ...analysis.inside.parameters import ParameterHistogram
from .canvas import drawing_style, panels
from .style import MUTED, SERIES
from .traces import LETTERS


def parameters_figure(histograms: Sequence[ParameterHistogram]) -> Figure:
    """Draw a panel per layer and parameter.

    Args:
        histograms: from `parameter_histograms`, at least one.
    """
    names = list(dict.fromkeys(histogram.parameter for histogram in histograms))
    with drawing_style():
        figure, axes = panels(len(histograms), width=2.2, height=1.7)
        for axis, histogram in zip(axes, histograms, strict=True):
            colour = SERIES[names.index(histogram.parameter) % len(SERIES)]
            axis.stairs(histogram.counts, histogram.edges, fill=True, color=colour)
            axis.axvline(histogram.mean, color=MUTED, linewidth=1, linestyle="--")
            axis.set_title(histogram.layer or "model", fontsize=8)
            axis.set_xlabel(LETTERS.get(histogram.parameter, histogram.parameter), fontsize=8)
    return figure
