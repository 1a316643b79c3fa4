"""Learned functions side by side, for a README or a talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ...experiments.result import Shape
from ..table import Outcomes, Table
from .canvas import drawing_style, panels, svg, zero_lines
from .shapes import learned_shapes
from .style import MUTED, styles


def plot_gallery(table: Table, outcomes: Outcomes, column: str) -> str | None:
    """Draw the gallery as SVG; see `gallery_figure`."""
    figure = gallery_figure(table, outcomes, column)
    return None if figure is None else svg(figure, name="gallery", title="Learned functions, before and after training")


def gallery_figure(table: Table, outcomes: Outcomes, column: str) -> Figure | None:
    """Draw a panel per function that learned: dashed as it started, solid what each layer made of it.

    Args:
        table: gives the order of the rows.
        outcomes: the runs; the first finished run of each row is shown.
        column: label of the column to draw.

    Returns:
        The figure, or None where no function learned.
    """
    chosen = styles(table.experiment, outcomes)
    learned = learned_shapes(table, outcomes, column)
    if not learned:
        return None
    return draw_gallery(learned, {row: chosen[row].colour for row in learned})


def draw_gallery(learned: Mapping[str, Sequence[Shape]], colours: Mapping[str, str]) -> Figure:
    """Draw a panel per function; see `gallery_figure`.

    Args:
        learned: title → what its layers made of the function, in their order.
        colours: by title.
    """
    with drawing_style():
        figure, axes = panels(len(learned), width=2.1, height=1.9, sharex=True)
        for axis, (title, shapes) in zip(axes, learned.items(), strict=True):
            zero_lines(axis)
            axis.plot(shapes[0].x, shapes[0].before, color=MUTED, linewidth=1.1, linestyle=(0, (4, 2)))
            for depth, shape in enumerate(shapes, 1):
                # Deeper layers are drawn stronger.
                axis.plot(shape.x, shape.after, color=colours[title], alpha=0.35 + 0.65 * depth / len(shapes))
            axis.set_title(title, color=colours[title])
            axis.set_xlabel("x")
    return figure
