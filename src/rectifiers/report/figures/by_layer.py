"""A number of each layer, a line for each network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .canvas import drawing_style, legend, panels, plot_mean
from .style import SERIES, Style


def by_layer_figure(
    found: Mapping[str, Sequence[Sequence[float]]],
    quantity: str,
    *,
    places: str = "activation, in forward order",
    labels: Sequence[str] = (),
) -> Figure:
    """Draw a line for each network: the mean over its runs in each layer, with 95 % t-intervals as bands.

    Args:
        found: for each layer, the numbers of all runs, by the network's label; empty where a network lacks the layer.
        quantity: what the numbers are, with their unit.
        places: what is counted along the horizontal axis, where it is not the layers.
        labels: what stands below each place; by default its number.
    """
    styles = {label: Style(SERIES[row % len(SERIES)]) for row, label in enumerate(found)}
    with drawing_style():
        figure, (axis,) = panels(1, width=5.2, height=2.8)
        for label, layers in found.items():
            band = any(len(runs) > 1 for runs in layers)
            plot_mean(
                axis, range(1, len(layers) + 1), layers, band=band, color=styles[label].colour, marker="o", markersize=3
            )
        if labels:
            axis.set_xticks(range(1, len(labels) + 1), labels)
        else:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel(places)
        axis.set_ylabel(quantity)
        legend(figure, styles)
    return figure
