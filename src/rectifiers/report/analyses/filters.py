"""The first layer's filters, each beside its opposite (CReLU, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.pairing import FilterPairs, filter_pairs
from ..figures.pairing import filters_figure
from .layers import count_signs, each_network, first_seeds, records
from .networks import ColumnNetworks, TrainedNetwork
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

TEXT = (
    "A filter's pairing filter is the one with which it has the smallest cosine, μ; −1 would be its exact opposite. "
    "Beside it is the mean μ of random Gaussian filters of the same number and size. Means over the seeds with "
    "95 % t-intervals."
)


def filters(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Show each row's first filters, the most opposite pairs first."""
    for column in columns:
        found = each_network(column, _first_layer)
        lines: list[tuple[GridEntry, ...]] = []
        for row, seeds in found.items():
            layers = [layer for (layer,) in seeds.values()]
            values = (
                [each.mean for each in layers],
                [each.random_mean for each in layers],
                [each.gap for each in layers],
            )
            lines.append((row, len(layers[0].filters), *map(SeedMean.of, values)))
        grid = Grid(("function", "filters", "μ", "μ of random filters", "random − μ"), tuple(lines))
        yield Section(
            column.heading("First filters beside their opposites"),
            TEXT,
            count_signs(grid, grid.head[-1:], what="functions"),
            (grid,),
            tuple(
                CaptionedFigure(
                    f"filters-{row.lower()}.png",
                    f"{row}, first seed: each filter with its pairing filter to the right",
                    figure,
                )
                for row, figure in ((row, filters_figure(layer)) for row, (layer,) in first_seeds(found).items())
            ),
            records(found),
        )


def _first_layer(network: TrainedNetwork) -> list[FilterPairs]:
    return filter_pairs(network.net)[:1]
