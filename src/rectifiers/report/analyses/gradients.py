"""How large the gradient is in each layer: whether a function lets it vanish, or amplifies it (AReLU, section 2.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..figures.by_layer import by_layer_figure
from .health import SiteNumbers, examine_sites
from .layers import by_layer, count_signs, each_network, layer_grid, records
from .networks import ColumnNetworks
from .section import CaptionedFigure, Section

TEXT = (
    "The norm of the loss's gradient at the input of each activation, over the test images, as its decimal logarithm: "
    "a difference of +0.30 means twice the gradient, and of +1 ten times. Means over the seeds with 95 % t-intervals, "
    "differences paired by seed."
)

CAPTION = "Gradients by layer, with 95 % intervals over the seeds"


def gradients(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure the gradient's norm, layer by layer."""
    for column in columns:
        found = each_network(column, lambda network: examine_sites(network, "gradient_in", "gradient_out"))
        grid = layer_grid(found, column.experiment.baseline, _size, digits=2)
        figure = by_layer_figure(by_layer(found, _size), "log10 of the gradient's norm")
        yield Section(
            column.heading("Gradients"),
            TEXT,
            count_signs(grid),
            (grid,),
            (CaptionedFigure("gradients.svg", CAPTION, figure),),
            records(found),
        )


def _size(site: SiteNumbers) -> float:
    norm = site.numbers["gradient_in"]
    return math.log10(norm) if isinstance(norm, float) and norm > 0 else math.nan
