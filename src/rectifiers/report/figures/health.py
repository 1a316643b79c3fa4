"""A diagnosis at a glance: dead and linear units of every site, and the gradient along them."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...analysis.doctor.diagnosis import Diagnosis
from .canvas import drawing_style, legend
from .style import INK, SERIES, Style

PARTS = (("dead", SERIES[1]), ("nearly_dead", SERIES[4]), ("always_on", SERIES[0]))


def health_figure(diagnosis: Diagnosis) -> Figure:
    """Draw a bar per site, first above: shares of dead, nearly dead and always-on units; beside it the gradient norm.

    Args:
        diagnosis: of any model.
    """
    sites = diagnosis.sites
    places = range(len(sites))
    gradients = [site.gradient_out or None for site in sites]
    panels = 2 if any(gradients) else 1
    with drawing_style():
        figure = Figure(figsize=(3.4 + 2.2 * panels, 0.24 * len(sites) + 1.2), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False, sharey=True, width_ratios=(2, 1)[:panels])[0]
        left = [0.0] * len(sites)
        for name, colour in PARTS:
            shares = [100 * getattr(site, name) for site in sites]
            axes[0].barh(places, shares, left=left, height=0.7, color=colour)
            left = [start + share for start, share in zip(left, shares, strict=True)]
        axes[0].set_yticks(list(places), [f"{site.name} ({site.kind})" for site in sites], fontsize=7)
        axes[0].set_xlim(0, 100)
        axes[0].set_ylim(len(sites) - 0.4, -0.6)
        axes[0].set_xlabel("units, %")
        if panels > 1:
            shown = [(place, value) for place, value in zip(places, gradients, strict=True) if value]
            axes[1].plot([value for _, value in shown], [place for place, _ in shown], "o-", color=INK, markersize=3)
            axes[1].set_xscale("log")
            axes[1].xaxis.set_major_locator(LogLocator(numticks=4))
            axes[1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes[1].xaxis.set_minor_formatter(NullFormatter())
            axes[1].set_xlabel("gradient norm")
        legend(figure, {name.replace("_", " "): Style(colour, width=5) for name, colour in PARTS})
    return figure
