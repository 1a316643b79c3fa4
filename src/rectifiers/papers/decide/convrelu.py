"""ConvReLU against ReLU, and against PReLU's few slopes, behind the first two convolutions, on CIFAR-10."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ...experiments.power import Power
from ..convrelu.images import CONVRELU
from ..published import load_published
from . import PAPER
from .small import ASSUMPTIONS, NOTE, SETTINGS, SMOKE, SPREAD, SPREAD_SOURCE

FIRST = {"where": "stage1, stage2", "activation_weight_decay": SETTINGS["weight_decay"]}
"""The first two ReLUs, and the weight decay of what takes their place."""

experiment = Experiment(
    name="decide/convrelu",
    title="ConvReLU behind the first two convolutions",
    paper=PAPER,
    settings=SETTINGS,
    rows=(
        Arm("ReLU", {"activation": "relu"}),
        Arm("PReLU", {"activation": "prelu", **FIRST}),
        Arm("ConvReLU", {**CONVRELU, **FIRST}),
    ),
    columns=(Arm("CIFAR-10", {}),),
    presets={
        "smoke": Preset(note="64 digits: does it run at all?", settings=SMOKE, seeds=2),
        "pocket": Preset(note=f"{NOTE}; 48 seeds: hours.", seeds=48),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    power=Power(effect=0.30, spread=SPREAD, source=SPREAD_SOURCE),
    deviations=(
        *ASSUMPTIONS,
        "The first block of VGG-16, in which the paper replaces ReLU, has two ReLUs, and of its network for texts it "
        "replaces two; VGG-11 has one ReLU in each of its first two stages.",
        "Weight decay applies to thresholds and slopes, as in our reading of the paper.",
    ),
)
