"""Activation parameters over the steps of training, as in Figure 2b of the AReLU paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ... import activations
from ...core.spec import Effect, ParameterSpec
from ...experiments.result import Trajectory
from ..table import Outcomes, Table, finished_results, results_by_cell
from .canvas import drawing_style, legend, plot_mean
from .style import DASHES, INK, SERIES, Dashes, Style

LETTERS = {"alpha": "α", "beta": "β", "theta": "θ"}

Numbers = NDArray[np.float64]


def _sigmoid(values: Numbers) -> Numbers:
    return 0.5 + 0.5 * np.tanh(0.5 * values)


EFFECTS: Mapping[Effect, Callable[[Numbers], Numbers]] = {"σ": _sigmoid, "1 + σ": lambda values: 1 + _sigmoid(values)}


def traces_figure(table: Table, outcomes: Outcomes, styles: Mapping[str, Style], column: str) -> Figure | None:
    """Draw a row of panels per function, a panel per parameter, and a line per layer: the mean over the seeds.

    Many rows of the same parameters, such as starts of one function, are drawn over each other instead, a panel per
    parameter and layer, because panel by panel they could hardly be told apart.

    Where the function's spec says what it makes of a parameter, such as 1 + σ(β), that is drawn, of the layer's mean.
    Bands are 95 % t-intervals over the seeds; diverged runs are left out.

    Args:
        table: gives the order of the rows.
        outcomes: the runs.
        styles: by row label.
        column: label of the column to draw.

    Returns:
        The figure, or None where nothing was traced.
    """
    results = results_by_cell(outcomes)
    traced: dict[str, list[Trajectory]] = {}
    effects: dict[str, Mapping[str, Effect]] = {}
    for row in table.rows:
        done = finished_results(results.get((row, column), ()))
        traces = [result.trace for result in done if result.trace is not None and result.trace.values]
        if traces:
            traced[row], effects[row] = traces, _effects(done[0].trial.activation)
    if not traced:
        return None
    if len(traced) > 4 and len({tuple(traces[0].values) for traces in traced.values()}) == 1:
        return _overlay(traced, effects[next(iter(traced))], styles)
    layers = list(dict.fromkeys(_split(key)[0] for traces in traced.values() for key in traces[0].values))
    dashes = {layer: DASHES[index % len(DASHES)] for index, layer in enumerate(layers)}
    wide = max(len(_parameters(traces[0])) for traces in traced.values())
    with drawing_style():
        figure = Figure(figsize=(max(3.3 * wide + 0.6, 4), 1.7 * len(traced) + 0.5), layout="constrained")
        grid = figure.subplots(len(traced), wide, squeeze=False, sharex=True)
        for axes, (row, traces) in zip(grid, traced.items(), strict=True):
            axes[0].set_ylabel(row, color=styles[row].colour, fontweight="bold")
            parameters = _parameters(traces[0])
            for axis in axes[len(parameters) :]:
                axis.remove()
            for axis, parameter in zip(axes, parameters, strict=False):
                letter, effect = LETTERS.get(parameter, parameter), effects[row].get(parameter)
                axis.set_title(f"{effect}({letter})" if effect else letter)
                axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                for layer in layers:
                    key = f"{layer}.{parameter}"
                    shown = [trace for trace in traces if key in trace.values]
                    _draw(axis, shown, key, EFFECTS[effect] if effect else None, styles[row], dashes[layer])
        figure.supxlabel("training step", fontsize=9)
        handles = [
            Line2D([], [], color=INK, linestyle=dashes[layer], linewidth=1.4, label=f"layer {layer}")
            for layer in layers
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 4), handlelength=3)
    return figure


def _overlay(
    traced: Mapping[str, Sequence[Trajectory]], effects: Mapping[str, Effect], styles: Mapping[str, Style]
) -> Figure:
    """Draw a row of panels per parameter, a panel per layer, and a line per row of the table."""
    first = next(iter(traced.values()))[0]
    parameters = _parameters(first)
    layers = list(dict.fromkeys(_split(key)[0] for key in first.values))
    chosen = {
        row: Style(SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)], 1.4)
        for place, row in enumerate(traced)
    }
    with drawing_style():
        figure = Figure(figsize=(2.6 * len(layers) + 0.6, 2.2 * len(parameters) + 0.8), layout="constrained")
        grid = figure.subplots(len(parameters), len(layers), squeeze=False, sharex=True, sharey="row")
        for axes, parameter in zip(grid, parameters, strict=True):
            letter, effect = LETTERS.get(parameter, parameter), effects.get(parameter)
            axes[0].set_ylabel(f"{effect}({letter})" if effect else letter)
            for axis, layer in zip(axes, layers, strict=True):
                axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
                for row, traces in traced.items():
                    key, style = f"{layer}.{parameter}", chosen[row]
                    _draw(axis, traces, key, EFFECTS[effect] if effect else None, style, style.dashes)
        for axis, layer in zip(grid[0], layers, strict=True):
            axis.set_title(f"layer {layer}")
        figure.supxlabel("training step", fontsize=9)
        legend(figure, chosen)
    return figure


def _effects(name: str) -> dict[str, Effect]:
    """What an activation makes of its parameters, by their names."""
    if name not in activations.registry:  # results may come from where it was registered
        return {}
    # Not from the class, which needs torch.
    facts = activations.registry.facts(name).get("parameters", ())
    parameters = (one if isinstance(one, ParameterSpec) else ParameterSpec(**one) for one in facts)
    return {one.name: one.effect for one in parameters if one.effect}


def _draw(
    axis: Axes,
    traces: Sequence[Trajectory],
    key: str,
    effect: Callable[[Numbers], Numbers] | None,
    style: Style,
    dashes: Dashes,
) -> None:
    length = min((len(trace.values[key]) for trace in traces), default=0)
    if not length:
        return
    values = np.array([trace.values[key][:length] for trace in traces])
    plot_mean(
        axis,
        traces[0].steps[:length],
        (values if effect is None else effect(values)).T,
        band=len(traces) > 1,
        color=style.colour,
        linestyle=dashes,
        linewidth=1.4,
    )


def _split(key: str) -> tuple[str, str]:
    """Split a trace's key, such as "features.2.alpha", into layer and parameter."""
    layer, _, parameter = key.rpartition(".")
    return layer, parameter


def _parameters(trace: Trajectory) -> list[str]:
    return list(dict.fromkeys(_split(key)[1] for key in trace.values))
