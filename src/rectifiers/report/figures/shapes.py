"""Learned shapes: each layer's function before and after training."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...experiments.result import Result, Shape
from ..table import Outcomes, Table, results_by_cell
from .canvas import drawing_style, zero_lines
from .style import MUTED, Style


def shapes_figure(table: Table, outcomes: Outcomes, styles: Mapping[str, Style], column: str) -> Figure | None:
    """One row of panels per function that learned, one panel per layer, from the first training that finished.

    Dashed: before training. Solid: after it, with the range over the channels as a band.

    Args:
        table: gives the order of the rows.
        outcomes: the runs.
        styles: by row label.
        column: label of the column to draw.

    Returns:
        The figure, or None where no function learned.
    """
    results = results_by_cell(outcomes)
    learned: dict[str, list[Shape]] = {}
    for row in table.rows:
        finished = first_finished(results.get((row, column), []))
        if finished is not None and any(shape.before != shape.after for shape in finished.shapes):
            learned[row] = finished.shapes
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


def first_finished(results: list[Result | None]) -> Result | None:
    """The first training that did not diverge."""
    return next((result for result in results if result is not None and result.status == "done"), None)


def draw_shape(axis: Axes, shape: Shape, colour: str) -> None:
    """One function: dashed before training, solid after, its channels' range as a band."""
    zero_lines(axis)
    if shape.after_low != shape.after_high:
        axis.fill_between(shape.x, shape.after_low, shape.after_high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(shape.x, shape.before, color=MUTED, linewidth=1.1, linestyle=(0, (4, 2)))
    axis.plot(shape.x, shape.after, color=colour)
