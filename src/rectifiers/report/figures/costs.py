"""What functions cost beside `nn.ReLU`, and the least that any function can cost because of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...core.wording import plural
from .canvas import drawing_style, panels
from .style import INK, MUTED, RULE, SERIES

TITLE = "Time of the functions beside nn.ReLU, and the memory's limit"
PASSES = 2
"""Copies that no function is faster than: each pass reads a tensor and writes a new one, forward and backward."""


def costs_figure(settings: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw time as a ratio to that of `nn.ReLU`, with quartiles, at the largest shape; a panel per setting.

    The shaded part lies below the memory's limit: two copies, timed in the same rounds.

    Args:
        settings: as `rectifiers bench` keeps them: shape, layout, threads, and a row per function.
    """
    largest = max((tuple(setting["shape"]) for setting in settings), key=prod)
    shown = [setting for setting in settings if tuple(setting["shape"]) == largest]
    names = [row["function"] for row in shown[0]["rows"] if row["function"] not in ("nn.ReLU", "copy")]
    with drawing_style():
        figure, axes = panels(len(shown), width=2.6, height=0.19 * len(names) + 1.1, sharex=True, sharey=True)
        for axis, setting in zip(axes, shown, strict=True):
            axis.set_title(f"{setting['layout']}, {plural(setting['threads'], 'thread')}", fontsize=8)
            _draw(axis, names, {row["function"]: row for row in setting["rows"]})
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        size = "×".join(map(str, largest))
        figure.supxlabel(f"time of a call, forward and backward, at {size} ÷ that of nn.ReLU", fontsize=9)
        marks = [
            Line2D([], [], color=SERIES[0], marker="o", markersize=4.5, linewidth=1.4, label="median and quartiles"),
            Line2D([], [], color=INK, marker="|", markersize=8, linewidth=0, label="goal"),
            Line2D([], [], color=RULE, linewidth=6, label="below two copies, the memory's limit"),
        ]
        figure.legend(handles=marks, loc="outside upper left", ncols=3)
    return figure


def _draw(axis: Axes, names: Sequence[str], rows: Mapping[str, Mapping[str, Any]]) -> None:
    axis.set_xscale("log")
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xticks([0.5, 1, 2, 5, 10, 50], ["0.5", "1", "2", "5", "10", "50"])
    axis.minorticks_off()
    axis.axvspan(0.3, PASSES * rows["copy"]["ratio"][1], color=RULE, zorder=0.2)
    axis.axvline(1, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for index, name in enumerate(names):
        row = rows.get(name)
        if row is None:
            continue
        low, middle, high = row["ratio"]
        colour = MUTED if row["goal"] is None else SERIES[0]
        axis.plot([low, high], [index, index], color=colour, linewidth=1.6)
        axis.plot([middle], [index], color=colour, marker="o", markersize=4.5)
        if row["goal"] is not None:
            axis.plot([row["goal"]], [index], color=INK, marker="|", markersize=8)
    axis.set_xlim(left=0.3)
