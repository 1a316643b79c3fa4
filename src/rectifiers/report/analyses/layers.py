"""Numbers layer by layer: one column for each row of the experiment, and how far each lies from the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ...analysis.inside.measured import Record
from .look import Look, Trained
from .section import Cell, Estimate, Grid


class Layer(Protocol):
    """What an analysis found in one layer."""

    @property
    def layer(self) -> str:
        """Its name."""

    def records(self) -> list[Record]:
        """Its numbers."""


L = TypeVar("L", bound=Layer)
Found = Mapping[str, Mapping[int, Sequence[L]]]
"""Row → seed → what was found in each layer."""


def each_network(look: Look, analyse: Callable[[Trained], Sequence[L]]) -> dict[str, dict[int, Sequence[L]]]:
    """An analysis of every network of a column."""
    return {row: {seed: analyse(trained) for seed, trained in seeds.items()} for row, seeds in look.rows.items()}


def firsts(found: Found[L]) -> dict[str, Sequence[L]]:
    """The layers of each row's first seed."""
    return {row: seeds[min(seeds)] for row, seeds in found.items()}


def records(found: Found[L]) -> tuple[dict[str, Any], ...]:
    """All numbers of all layers, with row and seed."""
    return tuple(
        {"row": row, "seed": seed, **record}
        for row, seeds in found.items()
        for seed, layers in seeds.items()
        for layer in layers
        for record in layer.records()
    )


def paired(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate:
    """How far the numbers of some seeds lie from the baseline's of the same seeds.

    Example:
        >>> paired({0: 2.0, 1: 3.0}, {1: 1.0, 2: 5.0})
        Estimate(n=1, mean=2.0, low=nan, high=nan)
    """
    return Estimate.of(value - baseline[seed] for seed, value in values.items() if seed in baseline)


def layer_grid(found: Found[L], baseline: str, value: Callable[[L], float], *, what: str = "", digits: int = 3) -> Grid:
    """The mean of a number over the seeds in every layer, and the differences from the baseline, paired by seed.

    Args:
        found: the layers; rows whose networks have other layers leave cells empty.
        baseline: row that the others are compared with, if it is there.
        value: the number.
        what: it is, for the head of the columns.
        digits: to show.
    """
    numbers = {
        row: {seed: {layer.layer: value(layer) for layer in layers} for seed, layers in seeds.items()}
        for row, seeds in found.items()
    }
    layers = dict.fromkeys(name for seeds in numbers.values() for values in seeds.values() for name in values)
    others = [row for row in numbers if row != baseline] if baseline in numbers else []
    lines: list[tuple[Cell, ...]] = []
    for layer in layers:
        at = {row: {seed: values.get(layer, math.nan) for seed, values in numbers[row].items()} for row in numbers}
        apart = (paired(at[row], at[baseline]) for row in others)
        lines.append((layer, *(Estimate.of(seeds.values()) for seeds in at.values()), *apart))
    titles = [f"{row}: {what}" if what else row for row in numbers]
    return Grid(("layer", *titles, *(f"{row} − {baseline}" for row in others)), tuple(lines), digits)


def signs(grid: Grid, titles: Sequence[str] | None = None, *, what: str = "layers", than: int = 0) -> str:
    """In how many layers the columns of a grid lie above a number and below, by their intervals, in words.

    Args:
        grid: of `layer_grid`.
        titles: of the columns; None: the differences.
        what: the rows of the grid are.
        than: the number.

    Example:
        >>> line = [("a", Estimate(3, 0.2, 0.1, 0.3)), ("b", Estimate(3, 0.1, -0.1, 0.3))]
        >>> signs(Grid(("layer", "CReLU − ReLU"), tuple(line)))
        'CReLU − ReLU: above 0 in 1 of 2 layers, below 0 in 0. Each is judged by its own 95 % interval.'
    """
    parts = []
    for place, title in enumerate(grid.head):
        if title in titles if titles is not None else " − " in title:
            cells = [row[place] for row in grid.rows]
            estimates = [cell for cell in cells if isinstance(cell, Estimate) and cell.n > 1]
            above = sum(estimate.low > than for estimate in estimates)
            below = sum(estimate.high < than for estimate in estimates)
            if estimates:
                parts.append(f"{title}: above {than} in {above} of {len(estimates)} {what}, below {than} in {below}")
    if not parts:
        return "Too few trainings for intervals."
    return f"{'; '.join(parts)}. Each is judged by its own 95 % interval."
