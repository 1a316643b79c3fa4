"""Correlations of the weights that leave CReLU's halves, in the form of Table 6 of the CReLU paper."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ...analysis.inside.correlation import OutgoingCorrelation
from .canvas import drawing_style, legend
from .style import MUTED, SERIES, Style

STYLES = {"pair": Style(SERIES[0]), "non-pair": Style(MUTED)}


def correlation_figure(found: Sequence[OutgoingCorrelation]) -> Figure:
    """Draw mean and standard deviation of the absolute correlations, a pair of bars for each CReLU.

    Args:
        found: the layers, in forward order.
    """
    with drawing_style():
        figure = Figure(figsize=(max(3.2, 0.9 * len(found)), 2.6), layout="constrained")
        axis = figure.subplots()
        for index, layer in enumerate(found):
            for side, record in enumerate(layer.records()):
                colour = STYLES[str(record["weights"])].colour
                at = index + 0.36 * side - 0.18
                axis.bar(at, record["mean"], 0.34, color=colour, yerr=record["std"], ecolor=MUTED, capsize=2)
        axis.set_xticks(range(len(found)), [layer.layer for layer in found])
        axis.set_ylim(0, 1)
        axis.set_ylabel("absolute correlation")
        legend(figure, STYLES)
    return figure
