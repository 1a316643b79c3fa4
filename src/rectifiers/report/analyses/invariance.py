"""How little units care about small movements of the image (CReLU, Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.invariance import invariance_scores
from ..figures import invariance_figure
from .layers import each_network, layer_grid, records, signs
from .look import Look
from .section import Picture, Section

TEXT = (
    "How much more often a unit fires on images that it fires on, once they are moved, than on any (Goodfellow et al., "
    "2009): the best fifth of a layer's units, mean over translations, rotations and flips; 1 says not at all "
    "invariant. Means over the seeds with 95 % t-intervals, differences paired by seed."
)


def invariance(looks: Sequence[Look]) -> Iterator[Section]:
    """Invariance scores, layer by layer."""
    for look in looks:
        found = each_network(look, lambda trained: invariance_scores(trained.net, trained.batches))
        grid = layer_grid(found, look.experiment.baseline, lambda layer: layer.mean, digits=2)
        figure = invariance_figure({row: list(seeds.values()) for row, seeds in found.items()})
        yield Section(
            look.heading("Invariance"),
            TEXT,
            signs(grid),
            (grid,),
            (Picture("invariance.svg", "Invariance scores by layer, with 95 % intervals over the seeds", figure),),
            records(found),
        )
