"""The first layer's filters, each beside its opposite (CReLU, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.pairing import FilterPairs, filter_pairs
from ..figures import filters_figure
from .layers import each_network, firsts, records, signs
from .look import Look, Trained
from .section import Cell, Estimate, Grid, Picture, Section

TEXT = (
    "A filter's pairing filter is the one with which it has the smallest cosine, μ: −1 is its exact opposite. Beside "
    "it, the mean μ of random Gaussian filters, as many and as large. Means over the seeds with 95 % t-intervals."
)


def filters(looks: Sequence[Look]) -> Iterator[Section]:
    """Pictures of each row's first filters, the most opposite pairs first."""
    for look in looks:
        found = each_network(look, _first_layer)
        lines: list[tuple[Cell, ...]] = []
        for row, seeds in found.items():
            layers = [layer for (layer,) in seeds.values()]
            values = (
                [each.mean for each in layers],
                [each.random_mean for each in layers],
                [each.gap for each in layers],
            )
            lines.append((row, len(layers[0].filters), *map(Estimate.of, values)))
        grid = Grid(("function", "filters", "μ", "μ of random filters", "random − μ"), tuple(lines))
        yield Section(
            look.heading("First filters beside their opposites"),
            TEXT,
            signs(grid, grid.head[-1:], what="functions"),
            (grid,),
            tuple(
                Picture(
                    f"filters-{row.lower()}.png", f"{row}, first seed: filters and, right of each, its opposite", figure
                )
                for row, figure in ((row, filters_figure(layer)) for row, (layer,) in firsts(found).items())
            ),
            records(found),
        )


def _first_layer(trained: Trained) -> list[FilterPairs]:
    return filter_pairs(trained.net)[:1]
