"""How opposite a network's filters are (CReLU, Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.pairing import filter_pairs
from ..figures.pairing import pairing_figure
from .layers import count_signs, each_network, first_seeds, layer_grid, records
from .networks import ColumnNetworks
from .section import CaptionedFigure, Section

TEXT = (
    "Each filter's μ is its smallest cosine with another filter of its layer. The numbers are the mean μ of random "
    "Gaussian filters of the same number and size, minus the mean μ of the layer's filters: above 0 where filters come "
    "in opposite pairs, 0 where they are arranged as if by chance. Means over the seeds with 95 % t-intervals, "
    "differences paired by seed."
)


def pairing(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure by how much filters are more opposite than random ones, layer by layer."""
    for column in columns:
        found = each_network(column, lambda network: filter_pairs(network.net))
        grid = layer_grid(found, column.experiment.baseline, lambda layer: layer.gap, what="random − μ")
        yield Section(
            column.heading("Filters and their opposites"),
            TEXT,
            count_signs(grid, grid.head[1:]),
            (grid,),
            (
                CaptionedFigure(
                    "pairing.svg",
                    "μ of the first seed's filters, and of random filters",
                    pairing_figure(first_seeds(found)),
                ),
            ),
            records(found),
        )
