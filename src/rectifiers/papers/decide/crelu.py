"""CReLU against ReLU with as many parameters and as many multiplications, on CIFAR-10."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Experiment, Preset
from ...experiments.power import Power
from ..published import load_published
from . import PAPER
from .small import ASSUMPTIONS, NOTE, SETTINGS, SMOKE, SPREAD, SPREAD_SOURCE, WIDTH


def _row(label: str, activation: str, factor: float) -> Arm:
    arguments: dict[str, Any] = {"width": factor * WIDTH}
    return Arm(label, {"activation": activation, "network_args": arguments})


ROWS = (
    _row("ReLU", "relu", 1),
    _row("ReLU × √2", "relu", math.sqrt(2)),
    _row("CReLU", "crelu", 1),
    _row("ReLU ÷ √2", "relu", 1 / math.sqrt(2)),
    _row("CReLU (half)", "crelu", 1 / 2),
)

experiment = Experiment(
    name="decide/crelu",
    title="CReLU against ReLU of the same size",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=(Arm("CIFAR-10", {}),),
    presets={
        "smoke": Preset(note="64 digits: does it run at all?", settings=SMOKE, seeds=2),
        "pocket": Preset(note=f"{NOTE}; 10 seeds: hours.", seeds=10),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    power=Power(effect=0.74, spread=SPREAD, source=SPREAD_SOURCE),
    deviations=(
        *ASSUMPTIONS,
        "ReLU × √2 has about as many parameters and multiplications as CReLU, and ReLU ÷ √2 as CReLU (half): a "
        "layer's work grows with the square of the number of filters. CReLU (half) has as many channels after each "
        "function as ReLU.",
    ),
)
