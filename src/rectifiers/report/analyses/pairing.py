"""How opposite a network's filters are (CReLU, Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.pairing import filter_pairs
from ..figures import pairing_figure
from .layers import each_network, firsts, layer_grid, records, signs
from .look import Look
from .section import Picture, Section

TEXT = (
    "Each filter's μ is its smallest cosine with another filter of its layer. The numbers are the mean μ of random "
    "Gaussian filters, as many and as large, minus the mean μ of the layer's: above 0 where filters come in opposite "
    "pairs, 0 where they lie as by chance. Means over the seeds with 95 % t-intervals, differences paired by seed."
)


def pairing(looks: Sequence[Look]) -> Iterator[Section]:
    """By how much filters are more opposite than random ones, layer by layer."""
    for look in looks:
        found = each_network(look, lambda trained: filter_pairs(trained.net))
        grid = layer_grid(found, look.experiment.baseline, lambda layer: layer.gap, what="random − μ")
        yield Section(
            look.heading("Filters and their opposites"),
            TEXT,
            signs(grid, grid.head[1:]),
            (grid,),
            (
                Picture(
                    "pairing.svg", "μ of the first seed's filters, and of random ones", pairing_figure(firsts(found))
                ),
            ),
            records(found),
        )
