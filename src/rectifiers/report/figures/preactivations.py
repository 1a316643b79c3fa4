"""Functions as they are after training, over the distribution of their inputs."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...analysis.doctor.diagnosis import Diagnosis
from .canvas import drawing_style, panels, zero_lines
from .style import MUTED, RULE, SERIES


def preactivations_figure(diagnosis: Diagnosis) -> Figure:
    """Draw a panel per site: the histogram of its inputs in grey, the function over it, its channels' range as a band.

    Args:
        diagnosis: of any model.
    """
    with drawing_style():
        figure, axes = panels(len(diagnosis.sites), width=2.2, height=1.8)
        for axis, site in zip(axes, diagnosis.sites, strict=True):
            edges, counts = site.spread.edges, site.spread.counts
            density = axis.twinx()
            density.stairs(counts, edges, fill=True, color=RULE)
            density.set_yticks([])
            density.grid(False)
            density.set_zorder(0)
            axis.set_zorder(1)
            zero_lines(axis)
            axis.set_xlim(edges[0], edges[-1])
            if site.curve is None:
                axis.set_yticks([])
            else:
                axis.plot(site.curve.x, site.curve.mean, color=SERIES[0])
                if site.curve.low != site.curve.high:
                    axis.fill_between(
                        site.curve.x, site.curve.low, site.curve.high, color=SERIES[0], alpha=0.2, linewidth=0
                    )
            axis.set_title(site.name, fontsize=8)
            axis.text(0.02, 0.9, site.kind, transform=axis.transAxes, fontsize=7, color=MUTED)
    return figure
