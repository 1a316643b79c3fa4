"""When units fell silent, and how activation parameters moved, from a watched run."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...analysis.doctor.watch import History
from .canvas import drawing_style, legend, panels
from .style import DASHES, SERIES, Style
from .traces import LETTERS


def history_figure(history: History) -> Figure:
    """Draw silent units over the steps, a line per site; then a panel per learned parameter, a line per layer.

    Args:
        history: of a `Watch` that saw at least one batch.
    """
    names = [site.name for site in history.sites]
    parameters = list(dict.fromkeys(key.rpartition(".")[2] for key in history.parameters))
    layers = [key.rpartition(".")[0] for key in history.parameters]
    styles = {name: _style(index) for index, name in enumerate(dict.fromkeys([*names, *layers]))}
    with drawing_style():
        figure, axes = panels(1 + len(parameters), width=3.4, height=2.6, most=3)
        for site in history.sites:
            _line(axes[0], history.steps, [100 * share for share in site.silent], styles[site.name])
        axes[0].set_title("units silent on the batch, %")
        for axis, parameter in zip(axes[1:], parameters, strict=True):
            axis.set_title(LETTERS.get(parameter, parameter))
            for key, values in history.parameters.items():
                layer, _, name = key.rpartition(".")
                if name == parameter:
                    _line(axis, history.steps, values, styles[layer])
        for axis in axes:
            axis.set_xlabel("training step")
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        legend(figure, {name or "model": style for name, style in styles.items()})
    return figure


def _style(index: int) -> Style:
    return Style(SERIES[index % len(SERIES)], DASHES[index // len(SERIES) % len(DASHES)])


def _line(axis: Axes, steps: tuple[int, ...], values: list[float] | tuple[float, ...], style: Style) -> None:
    axis.plot(steps, values, color=style.colour, linestyle=style.dashes, linewidth=1.3, marker=".", markersize=3)
