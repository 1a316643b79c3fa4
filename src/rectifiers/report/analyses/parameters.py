"""How the activations' learned parameters are distributed (ConvReLU, Figure 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...analysis.inside.parameters import parameter_histograms
from ...core.learned import learned_values
from ..figures.parameters import parameters_figure
from .layers import count_signs
from .networks import ColumnNetworks
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

TEXT = (
    "The values of the parameters that the activations learned, layer by layer: their mean, their standard deviation, "
    "and the share of them above 0. Means over the seeds with 95 % t-intervals."
)


def parameters(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Measure mean and spread of each parameter in each layer, and draw their histograms."""
    for column in columns:
        for row, seeds in column.rows.items():
            found = {seed: list(learned_values(network.net)) for seed, network in seeds.items()}
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
            lines: list[tuple[GridEntry, ...]] = []
            for layer, name, values in found[min(found)]:
                here = [each for each in numbers if (each["layer"], each["parameter"]) == (layer, name)]
                mean, spread, above = ([each[key] for each in here] for key in ("mean", "spread", "positive"))
                lines.append((layer, name, values.numel(), *map(SeedMean.of, (mean, spread, above))))
            grid = Grid(
                ("layer", "parameter", "values", "mean", "standard deviation", "share above 0"), tuple(lines), 4
            )
            figure = parameters_figure(parameter_histograms(column.first_seeds[row].net))
            yield Section(
                column.heading(f"Learned parameters of {row}"),
                TEXT,
                count_signs(grid, ["mean"]),
                (grid,),
                (CaptionedFigure(f"parameters-{row.lower()}.svg", "First seed: values layer by layer", figure),),
                numbers,
            )
