"""How little units respond to small movements of the image (CReLU, Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.invariance import invariance_scores
from ..figures.invariance import invariance_figure
from .layers import count_signs, each_network, layer_grid, records
from .networks import ColumnNetworks
from .section import CaptionedFigure, Section

TEXT = (
    "How much more often a unit fires on moved copies of the images that it fires on than on any image (Goodfellow et "
    "al., 2009): the mean over the best fifth of a layer's units and over translations, rotations and flips; 1 means "
    "no invariance at all. Means over the seeds with 95 % t-intervals, differences paired by seed."
)


def invariance(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure invariance scores, layer by layer."""
    for column in columns:
        found = each_network(column, lambda network: invariance_scores(network.net, network.batches))
        grid = layer_grid(found, column.experiment.baseline, lambda layer: layer.mean, digits=2)
        figure = invariance_figure({row: list(seeds.values()) for row, seeds in found.items()})
        yield Section(
            column.heading("Invariance"),
            TEXT,
            count_signs(grid),
            (grid,),
            (
                CaptionedFigure(
                    "invariance.svg", "Invariance scores by layer, with 95 % intervals over the seeds", figure
                ),
            ),
            records(found),
        )
