"""Differences from a baseline, seed by seed, with the interval of their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from ...experiments.compare.findings import Findings
from ...experiments.experiment import Cell
from ...experiments.result import Result
from .canvas import drawing_style, panels, saying
from .style import INK, MUTED, RULE, SERIES


def differences_figure(found: Findings, outcomes: Sequence[tuple[Cell, Result]]) -> Figure | None:
    """Draw every row's differences from the baseline.

    Args:
        found: gives the rows, their intervals and the margin.
        outcomes: the runs.

    Returns:
        The figure, or None where nothing can be compared.
    """
    scores: dict[str, dict[int, float]] = {}
    for cell, result in outcomes:
        scores.setdefault(cell.row, {})[cell.trial.seed] = result.value("final_epoch")
    base = scores.get(found.baseline, {})
    rows = [row for row in found.rows if row.comparison is not None and row.comparison.n]
    if not rows:
        return None
    sign = 1 if found.measure.higher_is_better else -1
    with drawing_style():
        figure, (axis,) = panels(1, width=7.4, height=0.32 * len(rows) + 0.9)
        axis.grid(visible=False, axis="y")
        axis.spines["left"].set_visible(False)
        axis.tick_params(axis="y", length=0)
        if found.margin:
            axis.axvspan(-found.margin, found.margin, color=RULE, alpha=0.6, linewidth=0)
        axis.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
        for place, row in enumerate(rows):
            one = row.comparison
            assert one is not None
            away = [
                score - base[seed]
                for seed, score in scores.get(row.label, {}).items()
                if seed in base and math.isfinite(score - base[seed])
            ]
            axis.plot(away, [place] * len(away), "o", color=MUTED, markersize=3, alpha=0.7)
            if math.isfinite(one.low):
                ends = sorted((sign * one.low, sign * one.high))
                axis.plot(ends, [place, place], color=SERIES[0], linewidth=2)
            said = saying(f"{row.label}: {found.words.signed(one.difference)}")
            axis.plot([sign * one.difference], [place], "o", color=SERIES[0], markersize=5.5, gid=said)
        axis.set_yticks(range(len(rows)), [row.label for row in rows])
        axis.set_ylim(len(rows) - 0.5, -0.5)
        unit = found.words.unit.strip()
        figure.supxlabel(f"{found.measure.name} − {found.baseline}{f', {unit}' if unit else ''}", fontsize=9)
    return figure
