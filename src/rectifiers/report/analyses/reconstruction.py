"""Images rebuilt from the features of a network's first layers (CReLU, Figure 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.reconstruction import Reconstruction, reconstruct
from ..figures.reconstruction import reconstruction_figure
from .layers import count_signs, each_network, first_seeds, layer_grid, records
from .networks import ColumnNetworks, TrainedNetwork
from .section import CaptionedFigure, Section

DEPTH = 4
"""Number of layers that the paper shows."""

IMAGES, IMAGES_OF_SMOKE = 16, 2
ITERATIONS, ITERATIONS_OF_SMOKE = 200, 20

TEXT = (
    "{count} test images, rebuilt from the features of each layer without learning anything for it; after max-pooling "
    "only the largest responses are known. The numbers are the mean relative error ‖x − x′‖ / ‖x‖ of normalised "
    "images: 0 is the image itself, 1 is as far from it as a blank image. Means over the seeds with 95 % t-intervals."
)


def reconstruction(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Rebuild images layer by layer, and measure their errors."""
    for column in columns:
        count, iterations = (IMAGES_OF_SMOKE, ITERATIONS_OF_SMOKE) if column.smoke else (IMAGES, ITERATIONS)

        def rebuild(network: TrainedNetwork, count: int = count, iterations: int = iterations) -> list[Reconstruction]:
            return reconstruct(network.net, network.images(count)[0], depth=DEPTH, iterations=iterations)

        found = each_network(column, rebuild)
        grid = layer_grid(found, column.experiment.baseline, lambda layer: float(layer.error.mean()), what="error")
        figures = [
            CaptionedFigure(
                f"reconstruction-{row.lower()}.png",
                f"{row}, first seed: the image, and what is rebuilt from each layer, with its error",
                reconstruction_figure(column.first_seeds[row].images(count)[0], layers),
            )
            for row, layers in first_seeds(found).items()
        ]
        text = TEXT.format(count=count)
        yield Section(
            column.heading("Images from features"),
            text,
            count_signs(grid, grid.head[1:], than=1),
            (grid,),
            tuple(figures),
            records(found),
        )
