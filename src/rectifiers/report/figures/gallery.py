"""Learned functions side by side, for a README or a talk."""

from __future__ import annotations

from matplotlib.figure import Figure

from ..table import Outcomes, Table, results_by_cell
from .canvas import drawing_style, panels, svg, zero_lines
from .shapes import first_finished
from .style import MUTED, styles


def plot_gallery(table: Table, outcomes: Outcomes, column: str) -> str | None:
    """The gallery as SVG; see `gallery_figure`."""
    figure = gallery_figure(table, outcomes, column)
    return None if figure is None else svg(figure, name="gallery", title="Learned functions, before and after training")


def gallery_figure(table: Table, outcomes: Outcomes, column: str) -> Figure | None:
    """One panel per function that learned: dashed as it started, solid what each layer made of it.

    Args:
        table: gives the order of the rows.
        outcomes: the runs; the first finished training of each row is shown.
        column: label of the column to draw.

    Returns:
        The figure, or None where no function learned.
    """
    chosen = styles(table.experiment, outcomes)
    results = results_by_cell(outcomes)
    learned = {}
    for row in table.rows:
        finished = first_finished(results.get((row, column), []))
        if finished is not None and any(shape.before != shape.after for shape in finished.shapes):
            learned[row] = finished.shapes
    if not learned:
        return None
    with drawing_style():
        figure, axes = panels(len(learned), width=2.1, height=1.9, sharex=True)
        for axis, (row, shapes) in zip(axes, learned.items(), strict=True):
            zero_lines(axis)
            axis.plot(shapes[0].x, shapes[0].before, color=MUTED, linewidth=1.1, linestyle=(0, (4, 2)))
            for depth, shape in enumerate(shapes, 1):
                # Deeper layers are drawn stronger.
                axis.plot(shape.x, shape.after, color=chosen[row].colour, alpha=0.35 + 0.65 * depth / len(shapes))
            axis.set_title(row, color=chosen[row].colour)
    return figure
