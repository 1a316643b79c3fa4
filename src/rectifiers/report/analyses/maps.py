"""Feature maps before and after the first activation (AReLU, Figure 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.activation_maps import FeatureMaps, feature_maps
from ..figures import feature_maps_figure
from .layers import each_network, firsts, records
from .look import Look, Trained
from .section import Cell, Estimate, Grid, Picture, Section

TEXT = (
    "What goes into the first activation, and what comes out of it, over {count} test images: the part of the values "
    "that is above 0, and the mean of the values. Means over the seeds with 95 % t-intervals."
)

IMAGES = 250

QUANTITIES = {"above 0, %": ("positive", 100), "mean": ("mean", 1)}


def maps(looks: Sequence[Look]) -> Iterator[Section]:
    """Maps of one test image, and what the activation does to many."""
    for look in looks:
        found = each_network(look, _first_activation)
        titles = [f"{side}: {title}" for side in ("before", "after") for title in QUANTITIES]
        lines: list[tuple[Cell, ...]] = [
            (
                row,
                *(
                    Estimate.of(factor * _mean(layer, side, key) for (layer,) in seeds.values())
                    for side in ("before", "after")
                    for key, factor in QUANTITIES.values()
                ),
            )
            for row, seeds in found.items()
        ]
        yield Section(
            look.heading("Maps before and after the first activation"),
            TEXT.format(count=len(next(iter(firsts(found).values()))[0].before)),
            grids=(Grid(("function", *titles), tuple(lines), 2),),
            pictures=tuple(
                Picture(f"maps-{row.lower()}.png", f"{row}, first seed: maps of a test image", figure)
                for row, figure in ((row, feature_maps_figure(layer)) for row, (layer,) in firsts(found).items())
            ),
            records=records(found),
        )


def _first_activation(trained: Trained) -> list[FeatureMaps]:
    return feature_maps(trained.net, trained.images(IMAGES)[0], layers=[trained.first_activation])


def _mean(maps: FeatureMaps, side: str, key: str) -> float:
    """Mean over the channels before or after."""
    values = [float(record[key]) for record in maps.records() if record["where"] == side]
    return sum(values) / len(values)
