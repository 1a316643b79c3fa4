"""Test accuracy over the epochs, one panel per column, one line per row with the interval of its mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...experiments.result import Result
from ..table import Outcomes, Table, finished_results, results_by_cell
from .canvas import drawing_style, legend, panels, percent_limits, plot_mean
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
                _draw(axis, finished.get((row, column), []), styles[row])
            axis.set_ylim(percent_limits(axis.get_ylim()))
        drawn = {row for (row, _), results in finished.items() if results}
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel("test accuracy, %", fontsize=9)
        legend(figure, {row: styles[row] for row in table.rows if row in drawn}, "functions without parameters")
    return figure


def _draw(axis: Axes, results: Sequence[Result], style: Style) -> None:
    length = min((len(result.epochs) for result in results), default=0)
    if not length:
        return
    plot_mean(
        axis,
        [epoch.epoch for epoch in results[0].epochs[:length]],
        ([result.epochs[index].test_accuracy for result in results] for index in range(length)),
        band=style.named and len(results) > 1,
        color=style.colour,
        linestyle=style.dashes,
        linewidth=style.width,
        alpha=1 if style.named else 0.6,
    )
