"""Images from the features of a network's first layers (CReLU, Figure 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.inside.reconstruction import Reconstruction, reconstruct
from ..figures import reconstruction_figure
from .layers import each_network, firsts, layer_grid, records, signs
from .look import Look, Trained
from .section import Picture, Section

DEPTH = 4
"""As many layers as the paper shows."""

IMAGES, IMAGES_OF_SMOKE = 16, 2
ITERATIONS, ITERATIONS_OF_SMOKE = 200, 20

TEXT = (
    "{count} test images, from the features of each layer back to the pixels, without anything learned for it; behind "
    "max-pooling only the largest responses are known. The numbers are the mean relative error ‖x − x′‖ / ‖x‖ of "
    "normalised images: 0 is the image itself, 1 as far from it as a blank one. Means over the seeds with 95 % "
    "t-intervals."
)


def reconstruction(looks: Sequence[Look]) -> Iterator[Section]:
    """Errors layer by layer, and the images."""
    for look in looks:
        count, iterations = (IMAGES_OF_SMOKE, ITERATIONS_OF_SMOKE) if look.smoke else (IMAGES, ITERATIONS)

        def back(trained: Trained, count: int = count, iterations: int = iterations) -> list[Reconstruction]:
            return reconstruct(trained.net, trained.images(count)[0], depth=DEPTH, iterations=iterations)

        found = each_network(look, back)
        grid = layer_grid(found, look.experiment.baseline, lambda layer: float(layer.error.mean()), what="error")
        pictures = [
            Picture(
                f"reconstruction-{row.lower()}.png",
                f"{row}, first seed: the image, and what comes back from each layer, with its error",
                reconstruction_figure(look.firsts[row].images(count)[0], layers),
            )
            for row, layers in firsts(found).items()
        ]
        text = TEXT.format(count=count)
        yield Section(
            look.heading("Images from features"),
            text,
            signs(grid, grid.head[1:], than=1),
            (grid,),
            tuple(pictures),
            records(found),
        )
