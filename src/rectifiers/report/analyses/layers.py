"""Numbers layer by layer: one column for each row of the experiment, and its difference from the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ...analysis.inside.measured import Record
from .networks import ColumnNetworks, TrainedNetwork
from .section import Grid, GridEntry, SeedMean


class LayerFinding(Protocol):
    """An analysis's finding about one layer."""

    @property
    def layer(self) -> str:
        """Its name."""

    def records(self) -> list[Record]:
        """Its numbers."""


L = TypeVar("L", bound=LayerFinding)
Found = Mapping[str, Mapping[int, Sequence[L]]]
"""Row → seed → what was found in each layer."""


def each_network(
    column: ColumnNetworks, analyse: Callable[[TrainedNetwork], Sequence[L]]
) -> dict[str, dict[int, Sequence[L]]]:
    """Analyse every network of a column."""
    return {row: {seed: analyse(network) for seed, network in seeds.items()} for row, seeds in column.rows.items()}


def first_seeds(found: Found[L]) -> dict[str, Sequence[L]]:
    """Pick the layers of each row's first seed."""
    return {row: seeds[min(seeds)] for row, seeds in found.items()}


def records(found: Found[L]) -> tuple[dict[str, Any], ...]:
    """List all numbers of all layers, with row and seed."""
    return tuple(
        {"row": row, "seed": seed, **record}
        for row, seeds in found.items()
        for seed, layers in seeds.items()
        for layer in layers
        for record in layer.records()
    )


def paired_difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> SeedMean:
    """Average the differences between some seeds' numbers and the baseline's of the same seeds.

    Example:
        >>> paired_difference({0: 2.0, 1: 3.0}, {1: 1.0, 2: 5.0})
        SeedMean(n=1, mean=2.0, low=nan, high=nan)
    """
    return SeedMean.of(value - baseline[seed] for seed, value in values.items() if seed in baseline)


def layer_grid(found: Found[L], baseline: str, value: Callable[[L], float], *, what: str = "", digits: int = 3) -> Grid:
    """Average a number over the seeds in every layer, and its differences from the baseline, paired by seed.

    Args:
        found: the layers; rows whose networks have other layers leave entries empty.
        baseline: row that the others are compared with, if it is among them.
        value: gives a layer's number.
        what: names the number in the heads of the columns.
        digits: decimals to show.
    """
    numbers = {
        row: {seed: {layer.layer: value(layer) for layer in layers} for seed, layers in seeds.items()}
        for row, seeds in found.items()
    }
    layers = dict.fromkeys(name for seeds in numbers.values() for values in seeds.values() for name in values)
    others = [row for row in numbers if row != baseline] if baseline in numbers else []
    lines: list[tuple[GridEntry, ...]] = []
    for layer in layers:
        at = {row: {seed: values.get(layer, math.nan) for seed, values in numbers[row].items()} for row in numbers}
        apart = (paired_difference(at[row], at[baseline]) for row in others)
        lines.append((layer, *(SeedMean.of(seeds.values()) for seeds in at.values()), *apart))
    titles = [f"{row}: {what}" if what else row for row in numbers]
    return Grid(("layer", *titles, *(f"{row} − {baseline}" for row in others)), tuple(lines), digits)


def by_layer(found: Found[L], value: Callable[[L], float]) -> dict[str, list[list[float]]]:
    """The numbers of all seeds, layer by layer, for a figure; none where a row's networks lack the layer.

    Args:
        found: the layers.
        value: gives a layer's number.
    """
    names = dict.fromkeys(layer.layer for seeds in found.values() for layers in seeds.values() for layer in layers)
    return {
        row: [[value(layer) for layers in seeds.values() for layer in layers if layer.layer == name] for name in names]
        for row, seeds in found.items()
    }


def count_signs(grid: Grid, titles: Sequence[str] | None = None, *, what: str = "layers", than: int = 0) -> str:
    """Say in how many layers the intervals of a grid's columns lie above a number, and below.

    Args:
        grid: what `layer_grid` made.
        titles: of the columns that count; None for the differences.
        what: plural of what the rows of the grid are.
        than: the number.

    Example:
        >>> line = [("a", SeedMean(3, 0.2, 0.1, 0.3)), ("b", SeedMean(3, 0.1, -0.1, 0.3))]
        >>> count_signs(Grid(("layer", "CReLU − ReLU"), tuple(line)))
        'CReLU − ReLU: above 0 in 1 of 2 layers, below 0 in 0. Each is judged by its own 95 % interval.'
    """
    parts = []
    for index, title in enumerate(grid.head):
        if title in titles if titles is not None else " − " in title:
            entries = [row[index] for row in grid.rows]
            means = [entry for entry in entries if isinstance(entry, SeedMean) and entry.n > 1]
            above = sum(mean.low > than for mean in means)
            below = sum(mean.high < than for mean in means)
            if means:
                parts.append(f"{title}: above {than} in {above} of {len(means)} {what}, below {than} in {below}")
    if not parts:
        return "Too few runs for intervals."
    return f"{'; '.join(parts)}. Each is judged by its own 95 % interval."
