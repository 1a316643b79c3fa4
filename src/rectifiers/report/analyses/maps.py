"""Feature maps before and after the first activation (AReLU, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.activation_maps import FeatureMaps, feature_maps
from ..figures.feature_maps import feature_maps_figure
from .layers import each_network, first_seeds, records
from .networks import ColumnNetworks, TrainedNetwork
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

TEXT = (
    "The values that enter and leave the first activation, over {count} test images: the share of them above 0, and "
    "their mean. Means over the seeds with 95 % t-intervals."
)

IMAGES = 250

QUANTITIES = {"above 0, %": ("positive", 100), "mean": ("mean", 1)}


def maps(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Show the maps of one test image, and measure what the activation does to many."""
    for column in columns:
        found = each_network(column, _first_activation)
        titles = [f"{side}: {title}" for side in ("before", "after") for title in QUANTITIES]
        lines: list[tuple[GridEntry, ...]] = [
            (
                row,
                *(
                    SeedMean.of(factor * _mean(layer, side, key) for (layer,) in seeds.values())
                    for side in ("before", "after")
                    for key, factor in QUANTITIES.values()
                ),
            )
            for row, seeds in found.items()
        ]
        yield Section(
            column.heading("Maps before and after the first activation"),
            TEXT.format(count=len(next(iter(first_seeds(found).values()))[0].before)),
            grids=(Grid(("function", *titles), tuple(lines), 2),),
            figures=tuple(
                CaptionedFigure(f"maps-{row.lower()}.png", f"{row}, first seed: maps of a test image", figure)
                for row, figure in ((row, feature_maps_figure(layer)) for row, (layer,) in first_seeds(found).items())
            ),
            records=records(found),
        )


def _first_activation(network: TrainedNetwork) -> list[FeatureMaps]:
    return feature_maps(network.net, network.images(IMAGES)[0], layers=[network.first_activation])


def _mean(maps: FeatureMaps, side: str, key: str) -> float:
    """Average over the channels before or after."""
    values = [float(record[key]) for record in maps.records() if record["where"] == side]
    return sum(values) / len(values)
