"""How the activations' learned parameters are distributed (ConvReLU, Figure 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...analysis.inside.parameters import learned, parameter_histograms
from ..figures import parameters_figure
from .layers import signs
from .look import Look
from .section import Cell, Estimate, Grid, Picture, Section

TEXT = (
    "The values of the parameters that the activations learned, layer by layer: their mean, how far they spread (the "
    "root of the mean squared deviation), and the part of them above 0. Means over the seeds with 95 % t-intervals."
)


def parameters(looks: Sequence[Look]) -> Iterator[Section]:
    """Means and spreads of each parameter in each layer, and their histograms."""
    for look in looks:
        for row, seeds in look.rows.items():
            found = {seed: list(learned(trained.net)) for seed, trained in seeds.items()}
            if not found[min(found)]:
                continue
            numbers: tuple[dict[str, Any], ...] = tuple(
                {
                    "row": row,
                    "seed": seed,
                    "layer": layer,
                    "parameter": name,
                    "values": values.numel(),
                    "mean": float(values.mean()),
                    "spread": float(values.std(correction=0)),
                    "positive": float((values > 0).float().mean()),
                }
                for seed, layers in found.items()
                for layer, name, values in layers
            )
            lines: list[tuple[Cell, ...]] = []
            for layer, name, values in found[min(found)]:
                here = [each for each in numbers if (each["layer"], each["parameter"]) == (layer, name)]
                mean, spread, above = ([each[key] for each in here] for key in ("mean", "spread", "positive"))
                estimates = map(Estimate.of, (mean, spread, above))
                lines.append((layer, name, values.numel(), *estimates))
            grid = Grid(("layer", "parameter", "values", "mean", "spread", "part above 0"), tuple(lines), 4)
            figure = parameters_figure(parameter_histograms(look.firsts[row].net))
            yield Section(
                look.heading(f"Learned parameters of {row}"),
                TEXT,
                signs(grid, ["mean"]),
                (grid,),
                (Picture(f"parameters-{row.lower()}.svg", "Values of the first seed, layer by layer", figure),),
                numbers,
            )
