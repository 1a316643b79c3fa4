"""Two models side by side: how similar their layers are, and how sparse."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...analysis.inside.comparison import ModelComparison
from .canvas import drawing_style, legend
from .style import INK, SERIES, Style


def similarity_figure(comparison: ModelComparison) -> Figure:
    """Draw CKA of each pair of sites, and the share of zeros at either site.

    Args:
        comparison: of any two models.
    """
    layers = comparison.layers
    places = range(len(layers))
    with drawing_style():
        figure = Figure(figsize=(6.5, 0.26 * len(layers) + 1.3), layout="constrained")
        alike, sparse = figure.subplots(1, 2, sharey=True)
        alike.barh(places, [layer.cka for layer in layers], height=0.7, color=INK)
        alike.set_yticks(list(places), [f"{layer.first.name} – {layer.second.name}" for layer in layers], fontsize=7)
        alike.set_ylim(len(layers) - 0.4, -0.6)
        alike.set_xlim(0, 1)
        alike.set_xlabel("linear CKA")
        entries = {}
        for index, side in enumerate(("first", "second")):
            zeros = [100 * getattr(layer, side).sparsity for layer in layers]
            sparse.plot(zeros, places, "o", color=SERIES[index], markersize=4)
            entries[f"{side}: {comparison.models[index]}"] = Style(SERIES[index], width=4)
        sparse.set_xlim(-2, 102)
        sparse.set_xlabel("zeros among the outputs, %")
        legend(figure, entries)
    return figure
