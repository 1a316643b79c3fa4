"""The table as a figure: our numbers with intervals, the paper's beside them, one panel per column."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...experiments.result import CHANGES, METRICS, Metric
from ..table import Table
from ..wording import cell_number, our_number
from .canvas import drawing_style, panels, percent_limits, saying
from .style import INK, MUTED, RULE, Style


def accuracy_figure(table: Table, styles: Mapping[str, Style], width: float | None = None) -> Figure | None:
    """Draw every row's mean with its 95 % t-interval, or its best; hollow diamonds are the paper's numbers.

    The paper's numbers are drawn only where the preset makes them comparable.

    Args:
        table: the numbers.
        styles: by row label.
        width: of the whole figure, in inches, with at most two panels side by side; None for that of a page.

    Returns:
        The figure, or None where nothing finished.
    """
    columns = [column for column in table.accuracy_columns if any(cell.summary.n for cell in table.column(column))]
    if not columns:
        return None
    single = len(columns) == 1
    height = 0.19 * len(table.rows) + (1.0 if single else 0.75)
    with drawing_style():
        if width is None:
            figure, axes = panels(len(columns), width=7.4 if single else 2.75, height=height, sharey=True)
        else:
            most = 1 if single else 2
            figure, axes = panels(len(columns), width=width / most, height=height, most=most, sharey=True)
        for axis, column in zip(axes, columns, strict=True):
            axis.set_title("" if single else column)
            _draw(axis, table, column, styles)
            axis.set_xlim(percent_limits(axis.get_xlim(), (cell.value for cell in table.column(column))))
        axes[0].set_yticks(range(len(table.rows)), table.rows)
        axes[0].invert_yaxis()
        figure.supxlabel(_quantity({table.column(column)[0].metric for column in columns}), fontsize=9)
        if table.beside_paper:
            marks = [
                Line2D([], [], color=MUTED, marker="o", markersize=4.5, linewidth=1.4, label="ours"),
                Line2D([], [], color=INK, marker="D", markersize=4.5, mfc="none", linewidth=0, label="paper"),
            ]
            figure.legend(handles=marks, loc="outside upper left", ncols=2)
    return figure


def _quantity(metrics: Set[Metric]) -> str:
    """What the axes show."""
    if all(METRICS[metric].startswith(("test accuracy", "top-5 test accuracy")) for metric in metrics):
        return "test accuracy, %"
    return "accuracy, %; its changes in points" if metrics & CHANGES else "accuracy, %"


def _draw(axis: Axes, table: Table, column: str, styles: Mapping[str, Style]) -> None:
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    baseline = table.cells.get((table.experiment.baseline, column))
    if baseline is not None and baseline.summary.n:
        axis.axvline(baseline.value, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for index, cell in enumerate(table.column(column)):
        # Not `axhline`, which scales the axis by all that was drawn before, at each row anew.
        axis.plot([0, 1], [index, index], transform=axis.get_yaxis_transform(), color=RULE, linewidth=0.5, zorder=0.5)
        colour = styles[cell.row].colour
        if cell.summary.n:
            if cell.aggregate == "mean" and np.isfinite(cell.summary.low):
                axis.plot([cell.summary.low, cell.summary.high], [index, index], color=colour, linewidth=1.6)
            said = saying(f"{cell.row}: {our_number(cell)}")
            axis.plot([cell.value], [index], color=colour, marker="o", markersize=4.5, gid=said)
        if table.beside_paper and cell.published is not None:
            said = saying(f"{cell.row}, the paper's: {cell_number(cell, cell.published)}")
            hollow: dict[str, Any] = {"marker": "D", "markersize": 4.5, "mfc": "none", "mew": 0.8, "alpha": 0.8}
            axis.plot([cell.published], [index], color=INK, gid=said, **hollow)
