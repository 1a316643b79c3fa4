"""ConvReLU against ReLU, and against PReLU's few slopes, in the first block of a small DenseNet, on CIFAR-10."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ...experiments.power import Power
from ..convrelu.images import CONVRELU, EVERYWHERE, FIRST
from ..published import load_published
from . import PAPER
from .small import ASSUMPTIONS, SETTINGS, SMOKE

experiment = Experiment(
    name="decide/convrelu",
    title="ConvReLU in the first block",
    paper=PAPER,
    settings={
        **SETTINGS,
        "network": "densenet-convrelu",
        "network_args": {"blocks": (2, 2, 2, 2), "growth": 8, "stem": 16},
        "activation_weight_decay": 5e-4,
    },
    rows=(
        Arm("ReLU", {"activation": "relu"}),
        Arm("PReLU", {"activation": "prelu", "where": FIRST}),
        Arm("PReLU (A)", {"activation": "prelu", "where": EVERYWHERE}),
        Arm("ConvReLU", {**CONVRELU, "where": FIRST}),
    ),
    columns=(Arm("CIFAR-10", {}),),
    presets={
        "smoke": Preset(
            note="64 digits and a DenseNet of four layers: does it run at all?",
            settings={**SMOKE, "network_args": {"blocks": (1, 1, 1, 1), "growth": 4, "stem": 8}},
            seeds=2,
        ),
        "pocket": Preset(
            note="A DenseNet of four blocks of two layers with growth 8, 12 epochs of all 50,000 images, tested on all "
            "10,000; 37 seeds: a day.",
            seeds=37,
        ),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    power=Power(
        effect=0.43,
        spread=0.45,
        source="assumed, from 10,000 test images at about 78 %; the first seeds will tell",
    ),
    deviations=(
        *ASSUMPTIONS,
        "Weight decay applies to thresholds and slopes, as in our reading of the paper.",
    ),
)
