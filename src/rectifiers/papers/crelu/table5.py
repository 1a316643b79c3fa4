"""Table 5: error and parameters of All-CNN-B with CReLU on ImageNet beside other methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Column, Experiment
from ..count_only import COUNT_ONLY
from ..published import load_published
from . import PAPER
from .imagenet import COLUMNS, PROTOCOL, SETTINGS, baseline, everywhere, half_filters, in_layers, rows, table_presets


def models(width: float = 1.0) -> dict[str, dict[str, Any]]:
    """Give the settings of each row.

    Args:
        width: factor of all numbers of filters.
    """
    return {
        "AllConvB": baseline(width),
        "CReLU (all)": everywhere(width),
        "(conv1,4,7)": half_filters(width),
        "(conv1–4)": in_layers("crelu", "conv1–4", width),
    }


PARAMETERS = Column(
    "params.", {"dataset": "generated:imagenet", "epochs": 0, "start": None, "batch_size": 16}, metric="parameters"
)

experiment = Experiment(
    name="crelu/table5",
    title="All-CNN-B with CReLU beside other methods",
    paper=PAPER,
    settings=SETTINGS,
    rows=rows(*(Arm(label, settings) for label, settings in models().items())),
    columns=(*COLUMNS, PARAMETERS),
    presets={
        **table_presets(models(1 / 8), models(1 / 4)),
        "pocket": replace(COUNT_ONLY, columns=(PARAMETERS.label,)),
    },
    baseline="AllConvB",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "Our own rows are those of Table 4: the baseline and three models with CReLU.",
        "The other methods' numbers are cited, not reproduced.",
        *PROTOCOL,
    ),
    runs="crelu/all-cnn",
    gpu="4 runs of 90 epochs of 1.3 million images, those of Table 4",
)
