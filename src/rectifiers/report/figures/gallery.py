"""Learned functions side by side, for a README or a talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ...experiments.result import Shape
from .canvas import drawing_style, panels, zero_lines
from .style import MUTED


def draw_gallery(learned: Mapping[str, Sequence[Shape]], colours: Mapping[str, str]) -> Figure:
    """Draw a panel per function that learned: dashed as it started, solid what each layer made of it.

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
