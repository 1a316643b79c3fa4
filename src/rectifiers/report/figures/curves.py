"""Test accuracy, or training loss, over the epochs: one panel per column, one line per row with its mean's interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...experiments.result import Result
from ...experiments.statistics import mean
from ...training.metrics import Epoch
from ..table import Outcomes, Table, finished_results, results_by_cell
from .canvas import drawing_style, legend, panels, percent_limits, plot_mean, saying
from .style import Style


def curves_figure(table: Table, outcomes: Outcomes, styles: Mapping[str, Style]) -> Figure | None:
    """Draw the mean test accuracy of the finished runs after each epoch, with 95 % t-intervals over the seeds.

    Args:
        table: gives the panels and their order.
        outcomes: the runs.
        styles: by row label.

    Returns:
        The figure, or None where no run is longer than one epoch.
    """
    figure = _draw_panels(table, outcomes, styles, "test accuracy, %", lambda epoch: epoch.test_accuracy)
    for axis in figure.axes if figure else ():
        _look_at_the_end(axis)
    return figure


def _look_at_the_end(axis: Axes) -> None:
    """Limit an accuracy axis to the means of the second half, where rows that differ little can be told apart."""
    means = [np.asarray(line.get_ydata(), float) for line in axis.lines]
    values = np.concatenate([[], *(one[len(one) // 2 :] for one in means)])
    if values.size:
        low, high = float(values.min()), float(values.max())
        room = max(0.15 * (high - low), 0.25)
        axis.set_ylim(percent_limits((low - room, high + room), (low, high)))


def losses_figure(table: Table, outcomes: Outcomes, styles: Mapping[str, Style]) -> Figure | None:
    """Draw the mean training loss of the finished runs in each epoch on a logarithmic axis, as `curves_figure` does.

    An epoch's loss is the mean over its steps, each before its update.
    """
    figure = _draw_panels(table, outcomes, styles, "training loss", lambda epoch: epoch.train_loss)
    for axis in figure.axes if figure else ():
        means = np.concatenate([[], *(np.asarray(line.get_ydata(), float) for line in axis.lines)])
        axis.set_yscale("log")
        if (means > 0).any():  # an interval may reach to zero and below, where a logarithm ends
            axis.set_ylim(bottom=means[means > 0].min() / 2)
    return figure


def _draw_panels(
    table: Table,
    outcomes: Outcomes,
    styles: Mapping[str, Style],
    label: str,
    measure: Callable[[Epoch], float],
) -> Figure | None:
    finished = {cell: finished_results(results) for cell, results in results_by_cell(outcomes).items()}
    if not any(len(result.epochs) > 1 for results in finished.values() for result in results):
        return None
    single = len(table.trained_columns) == 1
    with drawing_style():
        figure, axes = panels(
            len(table.trained_columns), width=7.4 if single else 2.9, height=3.9 if single else 2.6, sharex=True
        )
        for axis, column in zip(axes, table.trained_columns, strict=True):
            axis.set_title("" if single else column)
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            # Named rows go last, over the background.
            for row in sorted(table.rows, key=lambda label: styles[label].named):
                _draw(axis, finished.get((row, column), []), row, styles[row], measure)
        drawn = {row for (row, _), results in finished.items() if results}
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel(label, fontsize=9)
        legend(figure, {row: styles[row] for row in table.rows if row in drawn}, "functions without parameters")
    return figure


def _draw(axis: Axes, results: Sequence[Result], row: str, style: Style, measure: Callable[[Epoch], float]) -> None:
    length = min((len(result.epochs) for result in results), default=0)
    if not length:
        return
    # An evaluation without training has no training loss.
    places = [place for place in range(length) if math.isfinite(measure(results[0].epochs[place]))]
    plot_mean(
        axis,
        [results[0].epochs[place].epoch for place in places],
        ([measure(result.epochs[place]) for result in results] for place in places),
        band=style.named and len(results) > 1,
        color=style.colour,
        linestyle=style.dashes,
        linewidth=style.width,
        alpha=1 if style.named else 0.6,
        gid=saying(f"{row}: {mean([measure(result.epochs[length - 1]) for result in results]):.2f} in the end"),
    )
