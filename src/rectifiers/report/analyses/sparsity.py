"""How sparse features stay, and how many units are dead (ConvReLU, on replacing the first ReLUs alone)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..figures.by_layer import by_layer_figure
from .health import SiteNumbers, examine_sites
from .layers import by_layer, count_signs, each_network, layer_grid, records
from .networks import ColumnNetworks
from .section import CaptionedFigure, Section

QUANTITIES = {
    "Sparsity": (
        "sparsity",
        "The share of zeros among the outputs of each activation, in percent, mean over the test images; for ConvReLU, "
        "of inputs below all thresholds. Sparse features are what the paper wants to keep for the last, linear layer.",
    ),
    "Dead units": (
        "dead",
        "The share of units whose derivative is 0 on all test images, in percent: they learn nothing. What a function "
        "revives is what ReLU's network has more of.",
    ),
}
INTERVALS = "Means over the seeds with 95 % t-intervals, differences paired by seed."


def sparsity(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure the share of zeros and of dead units, layer by layer."""
    for column in columns:
        found = each_network(column, lambda network: examine_sites(network, "sparsity", "dead", "units"))
        for heading, (name, text) in QUANTITIES.items():
            grid = layer_grid(found, column.experiment.baseline, partial(_percent, name), digits=1)
            everything = records(found) if name == "sparsity" else ()
            figure = by_layer_figure(by_layer(found, partial(_percent, name)), f"{heading.lower()}, %")
            caption = f"{heading} by layer, with 95 % intervals over the seeds"
            yield Section(
                column.heading(heading),
                f"{text} {INTERVALS}",
                count_signs(grid),
                (grid,),
                (CaptionedFigure(f"{name}.svg", caption, figure),),
                everything,
            )


def _percent(name: str, site: SiteNumbers) -> float:
    return 100 * float(site.numbers[name])
