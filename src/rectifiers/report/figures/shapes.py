"""Learned shapes: each layer's function before and after training."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...experiments.result import Shape
from ..table import Outcomes, Table, finished_results, results_by_cell
from .canvas import drawing_style, zero_lines
from .style import MUTED, Style


def shapes_figure(table: Table, outcomes: Outcomes, styles: Mapping[str, Style], column: str) -> Figure | None:
    """Draw a row of panels per function that learned, and a panel per layer, from the first run that finished.

    Dashed: before training. Solid: after it, with the range over the channels as a band.

    Args:
        table: gives the order of the rows.
        outcomes: the runs.
        styles: by row label.
        column: label of the column to draw.

    Returns:
        The figure, or None where no function learned.
    """
    learned = learned_shapes(table, outcomes, column)
    if not learned:
        return None
    layers = max(len(shapes) for shapes in learned.values())
    with drawing_style():
        figure = Figure(figsize=(max(2.2 * layers + 0.8, 4), 1.75 * len(learned)), layout="constrained")
        grid = figure.subplots(len(learned), layers, squeeze=False, sharex=True)
        above: list[str] = []
        for axes, (row, shapes) in zip(grid, learned.items(), strict=True):
            names = [shape.layer for shape in shapes]
            axes[0].set_ylabel(row, color=styles[row].colour, fontweight="bold")
            for axis in axes[len(shapes) :]:
                axis.remove()
            for axis, shape in zip(axes, shapes, strict=False):
                draw_shape(axis, shape, styles[row].colour)
                if names != above:
                    axis.set_title(f"layer {shape.layer}", fontweight="normal", fontsize=8.5)
            above = names
    return figure


def learned_shapes(table: Table, outcomes: Outcomes, column: str) -> dict[str, list[Shape]]:
    """Map each row whose functions learned to their shapes in its first run that did not diverge.

    Args:
        table: gives the order of the rows.
        outcomes: the runs.
        column: label of the column.
    """
    results = results_by_cell(outcomes)
    learned = {}
    for row in table.rows:
        shapes = next((result.shapes for result in finished_results(results.get((row, column), ()))), [])
        if any(shape.before != shape.after for shape in shapes):
            learned[row] = shapes
    return learned


def draw_shape(axis: Axes, shape: Shape, colour: str) -> None:
    """Draw one function: dashed before training, solid after it, its channels' range as a band."""
    zero_lines(axis)
    if shape.after_low != shape.after_high:
        axis.fill_between(shape.x, shape.after_low, shape.after_high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(shape.x, shape.before, color=MUTED, linewidth=1.1, linestyle=(0, (4, 2)))
    axis.plot(shape.x, shape.after, color=colour)
