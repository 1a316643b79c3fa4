"""Colours and lines: one look for all figures, one colour per row of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...experiments.experiment import Experiment
from ..table import Outcomes

INK = "#1f2328"
MUTED = "#6e7781"
RULE = "#d8dee4"

# Hues of Okabe and Ito (2008), darkened where they are too light for lines on white, and two of Tol's muted scheme;
# all differ in lightness too, for readers who do not tell the hues apart.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#b5559b", "#c98a00", "#3fa3dc", "#882255", "#7f8c1f")

VARIABLES: Mapping[str, str] = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)},
}
"""CSS variables through which a page may recolour a figure, for dark backgrounds."""

_ON_DARK = (
    *("#e6edf3", "#9198a1", "#30363d"),
    *("#58a6ff", "#ff8f4a", "#3ccf9f", "#e08cc8", "#e3b341", "#79d0ff", "#d477a6", "#b8c94a"),
)

DARK: Mapping[str, str] = dict(zip(VARIABLES.values(), _ON_DARK, strict=True))
"""What these variables are on dark backgrounds."""

Dashes = Literal["-", "--"] | tuple[float, tuple[float, ...]]

DASHES: tuple[Dashes, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))

SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    # Where it is by itself, too: nothing is drawn above an axis, which would be looked for at a fifth of the time.
    "axes.titley": 1.0,
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": INK,
    # Labels come from users: a dollar sign in them is a dollar sign.
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Style:
    """The style of one row.

    Args:
        colour: of its lines and marks.
        dashes: pattern of its lines, as matplotlib takes it.
        width: of its lines, in points.
        named: whether a legend lists it; the others are background.
    """

    colour: str
    dashes: Dashes = "-"
    width: float = 1.6
    named: bool = True


def styles(experiment: Experiment, outcomes: Outcomes) -> dict[str, Style]:
    """Choose the style of every row, the same in all figures of an experiment.

    The baseline is drawn in ink. Where there are more rows than colours, those with learnable activations get the
    colours and the others recede into the background.

    Args:
        experiment: gives the rows in their order.
        outcomes: tell which rows learn.
    """
    others = [arm.label for arm in experiment.rows if arm.label != experiment.baseline]
    learning = {cell.row for cell, result in outcomes if result is not None and result.activation_parameters}
    coloured = others if len(others) <= len(SERIES) else [label for label in others if label in learning]
    chosen = {label: Style(MUTED, width=0.7, named=False) for label in others}
    for index, label in enumerate(coloured):
        dashes = DASHES[index // len(SERIES) % len(DASHES)]
        chosen[label] = Style(SERIES[index % len(SERIES)], dashes)
    return {experiment.baseline: Style(INK, width=1.9), **chosen}
