"""A function and its derivative."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...activations import registry
from ..sampling import sample
from .canvas import drawing_style, legend, svg, zero_lines
from .style import SERIES, Style


def plot_function(name: str) -> str:
    """Draw a function and its derivative as SVG.

    Args:
        name: registered name of the activation.

    Raises:
        UnknownNameError: with the nearest names.
        UnsupportedError: the activation is not a function of one number.

    Example:
        >>> plot_function("arelu").startswith("<svg")
        True
    """
    title = f"{registry.get(name).spec.title} and its derivative"
    return svg(function_figure(name), name=f"function-{name}", title=title)


def function_figure(name: str) -> Figure:
    """Draw a function and its derivative; see `plot_function`."""
    x, y, slope = sample(name)
    title = registry.get(name).spec.title
    entries = {f"{title}(x)": Style(SERIES[0], width=2), "derivative": Style(SERIES[1], "--", 1.4)}
    with drawing_style():
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axis = figure.subplots()
        zero_lines(axis)
        for output, derivative in zip(y.T, slope.T, strict=True):
            axis.plot(x, derivative, color=SERIES[1], linestyle="--", linewidth=1.4)
            axis.plot(x, output, color=SERIES[0], linewidth=2)
        axis.set_xlabel("x")
        axis.set_xlim(float(x[0]), float(x[-1]))
        legend(figure, entries)
    return figure
