"""Table 4: error of All-CNN-B with CReLU and AVR in more and more layers on ImageNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .imagenet import (
    BEHIND,
    COLUMNS,
    PROTOCOL,
    SETTINGS,
    baseline,
    everywhere,
    half_filters,
    in_layers,
    rows,
    table_presets,
)


def models(width: float = 1.0) -> dict[str, dict[str, Any]]:
    """Give the settings of each row.

    Args:
        width: factor of all numbers of filters.
    """
    return {
        "Baseline": baseline(width),
        **{f"AVR ({layers})": in_layers("avr", layers, width) for layers in BEHIND},
        "CReLU (conv1,4,7)": half_filters(width),
        **{f"CReLU ({layers})": in_layers("crelu", layers, width) for layers in BEHIND},
        "CReLU (all)": everywhere(width),
    }


experiment = Experiment(
    name="crelu/table4",
    title="CReLU and AVR in All-CNN-B on ImageNet",
    paper=PAPER,
    settings=SETTINGS,
    rows=rows(*(Arm(label, settings) for label, settings in models().items())),
    columns=COLUMNS,
    presets=table_presets(models(1 / 8), models(1 / 4)),
    baseline="Baseline",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "In our copy of the paper, the rows' labels are separated from their numbers. The order here fits all four "
        "rows that Table 5 repeats, and what the text says about the others.",
    ),
    runs="crelu/all-cnn",
    gpu="9 runs of 90 epochs of 1.3 million images",
)
